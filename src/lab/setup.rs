//! What a page asks for, as the scenario that it is. Every text is what the command line takes, so that
//! a link, a scenario file and the page say the same.
//!
//! Nothing here reads or writes a file: a scenario is made of the texts that came with the request, or
//! of those that the program carries.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::choices;
use super::extent;
use super::refusal::Refusal;
use crate::base::{Problem, Problems, Seed, Weight};
use crate::manifest::split::Wishes;
use crate::manifest::{Account, Manifest};
use crate::model::fault::Target;
use crate::scenario::draft::{self, Source};
use crate::scenario::{self, Bundle, Change, Overrides, Scenario, Texts};

/// The most files of a setup.
pub const MOST_FILES: usize = 20;
/// The most changes of a setup.
const MOST_CHANGES: usize = 200;
/// The most canary percentages of a setup.
pub const MOST_PERCENTAGES: usize = 40;
/// The most bytes that are read for changes: each reads the texts anew.
const MOST_REREAD: usize = 16 * 1024 * 1024;
/// The most bytes of a file's name.
const LONGEST_NAME: usize = 200;

/// What a page asks for.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Setup {
    /// A scenario that the program carries. Left out: one of `files`.
    #[schemars(extend("examples" = ["low-traffic"]))]
    pub scenario: Option<String>,
    /// Own texts: a scenario with the files that it names, or manifests alone.
    #[schemars(length(max = MOST_FILES))]
    pub files: Vec<OwnFile>,
    /// Requests over both versions, as `--rate` takes them.
    #[schemars(extend("examples" = ["20/s"]))]
    pub rate: Option<String>,
    /// Share of requests that fail on stable, as `--errors` takes it.
    #[schemars(extend("examples" = ["0.1%"]))]
    pub errors: Option<String>,
    /// Latency of stable, as `--latency` takes it.
    #[schemars(extend("examples" = ["p50=40ms,p99=250ms"]))]
    pub latency: Option<String>,
    /// Share of requests that fail on the bad canary, which this describes anew.
    #[schemars(extend("examples" = ["5%"]))]
    pub canary_errors: Option<String>,
    /// Latency of the bad canary, which this describes anew.
    #[schemars(extend("examples" = ["p50=60ms,p99=900ms"]))]
    pub canary_latency: Option<String>,
    /// When the canary's faults begin, counted from the start of the rollout.
    #[schemars(extend("examples" = ["2m"]))]
    pub onset: Option<String>,
    /// Root of all randomness.
    #[schemars(extend("examples" = ["1"]))]
    pub seed: Option<String>,
    /// Canary percentages to try, in place of the scenario's.
    #[schemars(length(max = MOST_PERCENTAGES), extend("examples" = [[1.0, 5.0, 25.0]]))]
    pub percentages: Option<Vec<f64>>,
    /// A gate of the catalog, in place of the scenario's rollout; `as-written` is the scenario's own.
    #[schemars(extend("examples" = ["evidence"]))]
    pub gate: Option<String>,
    /// Changes by place, in order.
    #[schemars(length(max = MOST_CHANGES), extend("examples" = [["rollout.interval=30s"]]))]
    pub set: Vec<String>,
}

/// A text that came with a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OwnFile {
    /// Its name: what the scenario calls it, never a place on a disk.
    pub name: String,
    /// What it holds.
    pub text: String,
    /// What it held before somebody edited it: a patch begins there. Left out where nobody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub original: Option<String>,
}

/// A setup that was understood.
#[derive(Debug, Clone)]
pub struct Stage {
    /// What was asked for.
    pub asked: Setup,
    /// The texts as they were before anybody changed them, on the page or by a setup.
    pub before: Bundle,
    /// The texts that make the scenario.
    pub bundle: Bundle,
    /// The scenario.
    pub scenario: Scenario,
    /// The gate that was chosen.
    pub gate: String,
    /// Names of the texts that are the asker's own.
    pub own: BTreeSet<PathBuf>,
    /// What became of every field of the manifests, each account with its file.
    pub accounts: Vec<(PathBuf, Account)>,
    /// What was understood differently from what may be meant.
    pub warnings: Vec<String>,
}

/// Where problems stand that no text has.
const ASKED: &str = "request";

impl Setup {
    /// The scenario that is asked for.
    ///
    /// # Errors
    /// Everything that is wrong with it, all at once where that can be told.
    pub fn stage(&self) -> Result<Stage, Refusal> {
        let overrides = self.overrides()?;
        let changes = self.changes()?;
        let mut origin = self.origin()?;
        let mut before = origin.bundle.clone();
        for file in &self.files {
            if let Some(original) = &file.original {
                let path = PathBuf::from(&file.name);
                before.texts.insert(path, original.clone().into_bytes());
            }
        }
        let gate = self.gate.as_deref().unwrap_or(choices::AS_WRITTEN);
        if gate != choices::AS_WRITTEN {
            let choice = choices::find(gate).ok_or_else(|| unknown_gate(gate))?;
            let scenario = origin.bundle.scenario()?;
            origin.bundle = choice.put_into(&origin.bundle, &scenario)?;
        }
        origin.bundle.overrides = overrides;
        let mut all = self.onsets(&origin.bundle)?;
        all.extend(changes);
        check_rereading(&origin.bundle, all.len())?;
        let bundle = origin.bundle.changed(&all).map_err(|error| {
            one(
                error.to_string(),
                "change another place, or to another value",
            )
        })?;
        let scenario = bundle.scenario()?;
        extent::check(&scenario)?;
        let accounts = match origin.accounts {
            Some(accounts) => accounts,
            None => bundle.accounts(),
        };
        let mut warnings = origin.warnings;
        warnings.extend(scenario.warnings.iter().cloned());
        // What was remarked on a file when the scenario was drafted is remarked again when it is read.
        let bare = |warning: &str| {
            let of = ["flagger: ", "argo: ", "kayenta: "];
            let bare = of.iter().find_map(|of| warning.strip_prefix(of));
            bare.unwrap_or(warning).to_owned()
        };
        let mut told = BTreeSet::new();
        warnings.retain(|warning| told.insert(bare(warning)));
        Ok(Stage {
            asked: self.clone(),
            before,
            bundle,
            scenario,
            gate: gate.to_owned(),
            own: origin.own,
            accounts,
            warnings,
        })
    }

    /// The scenario alone.
    ///
    /// # Errors
    /// As [`Setup::stage`].
    pub fn scenario(&self) -> Result<Scenario, Refusal> {
        Ok(self.stage()?.scenario)
    }

    /// What it changes in a scenario as a command line would.
    fn overrides(&self) -> Result<Overrides, Refusal> {
        let mut wrong = Vec::new();
        let latency = scenario::latency;
        let overrides = Overrides {
            rate: read("rate", &self.rate, str::parse, &mut wrong),
            errors: read("errors", &self.errors, str::parse, &mut wrong),
            canary_errors: read("canary_errors", &self.canary_errors, str::parse, &mut wrong),
            latency: read("latency", &self.latency, latency, &mut wrong),
            canary_latency: read("canary_latency", &self.canary_latency, latency, &mut wrong),
            seed: self.root(&mut wrong),
            weights: self.weights(&mut wrong),
            ..Overrides::default()
        };
        match wrong.is_empty() {
            true => Ok(overrides),
            false => Err(all(wrong)),
        }
    }

    fn root(&self, wrong: &mut Vec<Problem>) -> Option<Seed> {
        let text = self.seed.as_deref()?;
        let seed = text.trim().parse().ok();
        if seed.is_none() {
            let problem = Problem::error(format!("seed: `{text}` is no whole number"), None);
            wrong.push(problem.help("write a number from 0 to 18446744073709551615"));
        }
        seed
    }

    fn weights(&self, wrong: &mut Vec<Problem>) -> Option<Vec<Weight>> {
        let percentages = self.percentages.as_ref()?;
        if percentages.len() > MOST_PERCENTAGES {
            let message = format!("percentages: {} are too many", percentages.len());
            let help = format!("give {MOST_PERCENTAGES} at most");
            wrong.push(Problem::error(message, None).help(help));
            return None;
        }
        let weight = |percent: &f64| match Weight::percent(*percent) {
            Some(weight) => Some(weight),
            None => {
                let message = format!("percentages: {percent} is no percentage");
                wrong.push(Problem::error(message, None).help("give numbers above 0, up to 100"));
                None
            }
        };
        let weights: Vec<Option<Weight>> = percentages.iter().map(weight).collect();
        weights.into_iter().collect()
    }

    fn changes(&self) -> Result<Vec<Change>, Refusal> {
        if self.set.len() > MOST_CHANGES {
            let message = format!("{} changes are too many", self.set.len());
            return Err(one(message, &format!("give {MOST_CHANGES} at most")));
        }
        let (mut changes, mut wrong) = (Vec::new(), Vec::new());
        for text in &self.set {
            match text.parse::<Change>() {
                Ok(change) => changes.push(change),
                Err(error) => wrong.push(Problem::error(format!("set: {error}"), None)),
            }
        }
        match wrong.is_empty() {
            true => Ok(changes),
            false => Err(all(wrong)),
        }
    }

    /// The changes that put the onset of the canary's faults where it is asked for.
    fn onsets(&self, bundle: &Bundle) -> Result<Vec<Change>, Refusal> {
        let Some(onset) = &self.onset else {
            return Ok(Vec::new());
        };
        if let Err(error) = onset.parse::<crate::base::Span>() {
            return Err(one(format!("onset: {error}"), "write a time, like 2m"));
        }
        let scenario = bundle.scenario()?;
        let of_canary = |fault: &&crate::model::fault::Fault| fault.target == Target::Canary;
        let faults = scenario.world.faults.iter().filter(of_canary).count();
        if faults == 0 {
            return Err(one(
                "onset: nothing begins here, the canary is different from the start".to_owned(),
                "leave `onset` out, or give the canary a fault: [[canary.faults]]",
            ));
        }
        let change = |fault: usize| {
            let text = format!("canary.faults[{fault}].onset={onset}");
            text.parse::<Change>()
                .map_err(|error| one(format!("onset: {error}"), "write a time, like 2m"))
        };
        (0..faults).map(change).collect()
    }

    /// The texts that are asked for.
    fn origin(&self) -> Result<Texted, Refusal> {
        match (&self.scenario, self.files.as_slice()) {
            (Some(name), []) => {
                let builtin = scenario::find(name)
                    .map_err(|unknown| Refusal::Impossible(unknown.to_string()))?;
                Ok(Texted {
                    bundle: Bundle::carried(builtin),
                    own: BTreeSet::new(),
                    accounts: Some(Vec::new()),
                    warnings: Vec::new(),
                })
            }
            (None, []) => Err(one(
                "neither a scenario nor files are given".to_owned(),
                "name a scenario of the catalog, or send files",
            )),
            (Some(_), _) => Err(one(
                "both a scenario and files are given".to_owned(),
                "leave one of them out",
            )),
            (None, files) => own(files),
        }
    }
}

/// Whether so many changes of these texts are made while somebody waits.
fn check_rereading(bundle: &Bundle, changes: usize) -> Result<(), Refusal> {
    let bytes: usize = bundle.texts.values().map(Vec::len).sum();
    if changes * bytes <= MOST_REREAD {
        return Ok(());
    }
    let most = MOST_REREAD / bytes;
    Err(one(
        format!("{changes} changes of texts of {bytes} bytes take too long"),
        &format!("give {most} changes at most, or write them into the texts"),
    ))
}

/// Texts and what was read of them.
struct Texted {
    bundle: Bundle,
    own: BTreeSet<PathBuf>,
    /// `None`: those of the bundle in the end.
    accounts: Option<Vec<(PathBuf, Account)>>,
    warnings: Vec<String>,
}

/// The scenario among own files, or one that is drafted from them.
fn own(files: &[OwnFile]) -> Result<Texted, Refusal> {
    let mut texts = Texts::new();
    if files.len() > MOST_FILES {
        let message = format!("{} files are too many", files.len());
        return Err(one(message, &format!("send {MOST_FILES} at most")));
    }
    for file in files {
        let path = named(&file.name)?;
        let text = file.text.clone().into_bytes();
        if texts.insert(path, text).is_some() {
            let message = format!("two files are called `{}`", file.name);
            return Err(one(message, "give each file its own name"));
        }
    }
    let own: BTreeSet<PathBuf> = texts.keys().cloned().collect();
    let is_scenario = |path: &&PathBuf| {
        let end = path.extension();
        end.is_some_and(|end| end.eq_ignore_ascii_case("toml"))
    };
    let scenarios: Vec<PathBuf> = texts.keys().filter(is_scenario).cloned().collect();
    match scenarios.as_slice() {
        [path] => Ok(Texted {
            bundle: Bundle {
                path: path.clone(),
                is_builtin: false,
                texts,
                overrides: Overrides::default(),
            },
            own,
            accounts: None,
            warnings: Vec::new(),
        }),
        [] => drafted(files, texts, own),
        [first, second, ..] => Err(one(
            format!(
                "`{}` and `{}` are both scenarios",
                first.display(),
                second.display()
            ),
            "send one scenario (.toml) with the files that it names",
        )),
    }
}

fn drafted(files: &[OwnFile], mut texts: Texts, own: BTreeSet<PathBuf>) -> Result<Texted, Refusal> {
    let sources: Vec<Source> = (files.iter())
        .map(|file| Source {
            name: file.name.clone(),
            manifest: Manifest {
                path: PathBuf::from(&file.name),
                text: file.text.clone(),
            },
        })
        .collect();
    let drafted = draft::draft_carried(&sources, &Wishes::default())?;
    let path = PathBuf::from("scenario.toml");
    texts.insert(path.clone(), drafted.text.into_bytes());
    let file = |number: usize| sources.get(number).map(|one| &one.manifest);
    let accounts = drafted.accounts.into_iter().filter_map(|account| {
        let path = file(account.file)?.path.clone();
        Some((path, account))
    });
    let warnings = drafted.warnings.iter().map(|remark| {
        let nowhere = (Path::new(""), "");
        let of = file(remark.file).map(|of| (of.path.as_path(), of.text.as_str()));
        let (path, text) = of.unwrap_or(nowhere);
        remark.problem.one_line(path, text)
    });
    Ok(Texted {
        accounts: Some(accounts.collect()),
        warnings: warnings.collect(),
        bundle: Bundle {
            path,
            is_builtin: false,
            texts,
            overrides: Overrides::default(),
        },
        own,
    })
}

/// The path that stands for a file: a name, perhaps in a folder, and never a way out of it.
fn named(name: &str) -> Result<PathBuf, Refusal> {
    let path = PathBuf::from(name);
    let is_plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let is_sound = !name.is_empty()
        && name.len() <= LONGEST_NAME
        && !name.chars().any(|c| c.is_control() || c == '\\')
        && path.components().all(is_plain);
    match is_sound {
        true => Ok(path),
        false => Err(one(
            format!("`{}` is no name of a file", name.escape_debug()),
            "send a name like canary.yaml",
        )),
    }
}

fn read<T, E: std::fmt::Display>(
    field: &str,
    text: &Option<String>,
    parse: fn(&str) -> Result<T, E>,
    wrong: &mut Vec<Problem>,
) -> Option<T> {
    match parse(text.as_deref()?) {
        Ok(value) => Some(value),
        Err(error) => {
            wrong.push(Problem::error(format!("{field}: {error}"), None));
            None
        }
    }
}

fn unknown_gate(gate: &str) -> Refusal {
    let names: Vec<&str> = (choices::all().iter())
        .map(|choice| choice.id.as_str())
        .collect();
    one(
        format!("gate: `{gate}` is none of the catalog's"),
        &format!("write {} or {}", choices::AS_WRITTEN, names.join(", ")),
    )
}

/// One problem that is about no text.
fn one(message: String, help: &str) -> Refusal {
    all(vec![Problem::error(message, None).help(help)])
}

fn all(problems: Vec<Problem>) -> Refusal {
    Refusal::from(Problems {
        file: PathBuf::from(ASKED),
        text: String::new(),
        problems,
        also: Vec::new(),
    })
}
