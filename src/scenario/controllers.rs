//! Where scenarios meet the manifests of controllers.

use std::path::Path;

use super::files::{self, FileError, Files};
use super::kayenta;
use crate::base::Problems;
use crate::gate::Gate;
use crate::manifest::argo::{self, Circumstances};
use crate::manifest::{self, Account, Found, Manifest, Measured, Reader, Remark, flagger};
use crate::rollout::Plan;
use crate::telemetry::exposition::{Service, Vendor};
use crate::telemetry::{Buckets, Reporter};

/// The most MiB of a manifest that are read.
const MOST_MIB: u64 = 8;

/// Whose manifests decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Controller {
    /// A Canary of Flagger, with the MetricTemplates that it names.
    Flagger,
    /// A Rollout of Argo, with the AnalysisTemplates that it names.
    Argo,
    /// A canary config of Kayenta's, with the pipeline that runs it.
    Kayenta,
}

impl Controller {
    /// All of them.
    pub(super) const ALL: [Controller; 3] =
        [Controller::Flagger, Controller::Argo, Controller::Kayenta];

    /// The field of a scenario's rollout that names its manifests, and the option's name.
    pub(super) fn key(self) -> &'static str {
        match self {
            Controller::Flagger => "flagger",
            Controller::Argo => "argo",
            Controller::Kayenta => "kayenta",
        }
    }

    /// What of its manifests decides.
    pub(super) fn subject(self) -> &'static str {
        match self {
            Controller::Flagger => "Canary",
            Controller::Argo => "Rollout",
            Controller::Kayenta => "canary config",
        }
    }
}

/// Where a controller's resources are among some manifests, for a scenario that is drafted.
impl Controller {
    /// Whether this resource is the one that the rollout follows.
    pub(super) fn decides(self, found: &Found) -> bool {
        match self {
            Controller::Flagger | Controller::Argo => found.kind == self.subject(),
            Controller::Kayenta => self.reads(found),
        }
    }

    /// Whether the controller reads this resource.
    pub(super) fn reads(self, found: &Found) -> bool {
        match self {
            Controller::Flagger => found.reader == Reader::Flagger,
            Controller::Argo => found.reader == Reader::Argo,
            Controller::Kayenta => found.reader == Reader::Kayenta,
        }
    }
}

/// The controller whose manifests are among these.
///
/// # Errors
/// When there are manifests of two.
pub(super) fn among(
    manifests: &[Manifest],
    found: &[Found],
) -> Result<Option<Controller>, Problems> {
    let deciding = |controller: &Controller| found.iter().find(|one| controller.decides(one));
    let mut there = Controller::ALL
        .into_iter()
        .filter_map(|one| Some((one, deciding(&one)?)));
    let (Some((first, one)), second) = (there.next(), there.next()) else {
        return Ok(None);
    };
    let Some((_, other)) = second else {
        return Ok(Some(first));
    };
    let message = format!(
        "{} beside {}: one controller decides at a time",
        other.title, one.title
    );
    let path = manifests
        .get(other.file)
        .map_or(Path::new(""), |manifest| manifest.path.as_path());
    Err(Problems::about(path, message))
}

/// What became of every field of a controller's resources, and what is to be said about them.
///
/// # Errors
/// What the importer refuses.
pub(super) fn account(
    controller: Controller,
    manifests: &[Manifest],
    found: &[Found],
) -> Result<(Vec<Account>, Vec<Remark>), Problems> {
    let read = found.iter().filter(|one| controller.reads(one));
    Ok(match controller {
        Controller::Flagger => {
            let import = flagger::read(manifests, &Measured::plain())?;
            let account = |one: &Found| {
                let own =
                    (import.account.iter()).find(|of| of.file == one.file && of.title == one.title);
                let fields = own.map(|own| own.fields.clone()).unwrap_or_default();
                Account::located(manifests, one, fields)
            };
            (read.map(account).collect(), import.warnings)
        }
        Controller::Argo => {
            let import = argo::read(manifests, &Circumstances::default(), &Measured::plain())?;
            let account = |one: &Found| {
                let template = (import.templates.iter())
                    .find(|of| of.file == one.file && of.title == one.title);
                match (controller.decides(one), template) {
                    (true, _) => Account::located(manifests, one, import.account.clone()),
                    (false, Some(template)) => template.clone(),
                    (false, None) => Account::located(manifests, one, Vec::new()),
                }
            };
            (read.map(account).collect(), import.warnings)
        }
        Controller::Kayenta => {
            let import = manifest::kayenta::read(manifests)?;
            let account = |one: &Found| {
                let own = import.account.iter().find(|(file, _)| *file == one.file);
                let fields = own.map(|(_, fields)| fields.clone()).unwrap_or_default();
                Account::located(manifests, one, fields)
            };
            (read.map(account).collect(), import.warnings)
        }
    })
}

/// What a scenario says beside the manifests of a controller.
pub(super) struct Beside {
    /// What it says of the metrics that queries can ask for.
    pub(super) measured: Measured,
    /// What no Rollout of Argo says.
    pub(super) argo: Circumstances,
    /// The settings of a run by Spinnaker.
    pub(super) kayenta: kayenta::Settings,
}

impl Beside {
    /// A scenario that says only how its metrics are collected.
    pub(super) fn new(measured: Measured) -> Beside {
        Beside {
            measured,
            argo: Circumstances::default(),
            kayenta: kayenta::Settings::default(),
        }
    }
}

/// What a rollout takes from manifests.
pub(super) struct Imported {
    pub(super) plan: Plan,
    pub(super) analysis: Vec<Gate>,
    /// The default histogram of what the manifests' queries read.
    pub(super) buckets: Option<Buckets>,
    /// Whom the queries ask.
    pub(super) reporter: Option<Reporter>,
    /// Whose metrics the queries read.
    pub(super) vendor: Option<Vendor>,
    /// What the queries call the service.
    pub(super) service: Option<Service>,
    /// The names of the metrics that ask systems which are not simulated, in the order of their
    /// questions' numbers.
    pub(super) questions: Vec<String>,
    /// One line each: the controller's key, then the place in its file.
    pub(super) warnings: Vec<String>,
}

/// Reads the manifests of these names, with what they do not say themselves.
pub(super) fn import(
    files: &Files<'_>,
    controller: Controller,
    names: &[String],
    beside: &Beside,
) -> Result<Imported, Problems> {
    let (mut manifests, mut refused) = (Vec::new(), Vec::new());
    for name in names {
        let path = files.path(name);
        let text = files.bytes(name, MOST_MIB).and_then(files::as_text);
        match text {
            Ok(text) => manifests.push(Manifest { path, text }),
            Err(error) => refused.push(about(&path, &error)),
        }
    }
    if let Some(problems) = Problems::gather(refused) {
        return Err(problems);
    }
    match controller {
        Controller::Flagger => follow_canary(&manifests, &beside.measured),
        Controller::Argo => follow_rollout(&manifests, beside),
        Controller::Kayenta => kayenta::follow(&manifests, &beside.kayenta),
    }
}

fn about(path: &Path, error: &FileError) -> Problems {
    Problems::about(path, error.to_string())
}

fn follow_canary(manifests: &[Manifest], measured: &Measured) -> Result<Imported, Problems> {
    let import = flagger::read(manifests, measured)?;
    let warnings = import.warnings.iter();
    Ok(Imported {
        warnings: warnings
            .map(|remark| remark_line(Controller::Flagger, manifests, remark))
            .collect(),
        plan: Plan::Flagger(import.plan),
        analysis: import.analysis,
        buckets: Some(import.buckets),
        reporter: Some(import.reporter),
        vendor: Some(import.vendor),
        service: Some(import.service),
        questions: import.questions,
    })
}

fn follow_rollout(manifests: &[Manifest], beside: &Beside) -> Result<Imported, Problems> {
    let import = argo::read(manifests, &beside.argo, &beside.measured)?;
    let warnings = import.warnings.iter();
    Ok(Imported {
        warnings: warnings
            .map(|remark| remark_line(Controller::Argo, manifests, remark))
            .collect(),
        plan: Plan::Argo(import.plan),
        analysis: import.analysis,
        buckets: Some(import.buckets),
        reporter: Some(import.reporter),
        vendor: Some(import.vendor),
        service: Some(import.service),
        questions: import.questions,
    })
}

/// A warning about a manifest on one line.
pub(super) fn remark_line(
    controller: Controller,
    manifests: &[Manifest],
    remark: &Remark,
) -> String {
    let (path, text) = match manifests.get(remark.file) {
        Some(manifest) => (manifest.path.as_path(), manifest.text.as_str()),
        None => (Path::new(""), ""),
    };
    // Folders would fill the line, and the reader knows which file it was.
    let file = Path::new(path.file_name().unwrap_or(path.as_os_str()));
    let key = controller.key();
    format!("{key}: {}", remark.problem.one_line(file, text))
}

/// Whether a warning is about a manifest of a controller.
pub(super) fn is_about_manifest(warning: &str) -> bool {
    Controller::ALL.iter().any(|controller| {
        let rest = warning.strip_prefix(controller.key());
        rest.is_some_and(|rest| rest.starts_with(": "))
    })
}
