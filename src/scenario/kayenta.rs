//! A rollout by Spinnaker: a canary config of Kayenta's with the settings of a run.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::controllers::{Controller, Imported, remark_line};
use super::defaults;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Problem, Problems, Span, Weight};
use crate::gate::kayenta::{CanaryAnalysis, Judge, Sources, Thresholds, Window};
use crate::gate::{Gate, GateSet, Source};
use crate::manifest::Manifest;
use crate::manifest::kayenta::{self, Import, Scope, Stage};
use crate::rollout::spinnaker::Request;
use crate::rollout::{Plan, SpinnakerPlan};
use crate::telemetry::Version;
use crate::telemetry::exposition::Service;
use crate::telemetry::promql::{Query, Semantics};

/// The settings of a run as the scenario writes them; `None` leaves them to the files.
#[derive(Debug, Clone, Default)]
pub(super) struct Settings {
    weight: Option<Weight>,
    control: Option<Version>,
    lifetime: Option<Span>,
    interval: Option<Span>,
    delay: Option<Span>,
    lookback: Option<Span>,
    control_offset: Option<Span>,
    step: Option<Span>,
    pass: Option<f64>,
    marginal: Option<f64>,
    retrospective: Option<bool>,
    control_scope: Option<String>,
    experiment_scope: Option<String>,
    location: Option<String>,
    params: BTreeMap<String, String>,
}

/// More judgements than this in one rollout are a slip of a unit.
const MOST_JUDGEMENTS: u64 = 10_000;
/// Fewer points than this are too few to say much: Kayenta warns, too.
const FEW_POINTS: u64 = 50;

/// Reads the fields beside `kayenta`.
pub(super) fn settings(table: &mut Table<'_>) -> Option<Settings> {
    let weight = match table.get("weight") {
        None => Some(None),
        Some(value) => value.quantity::<Weight>().and_then(|weight| {
            if weight.is_zero() {
                let help = "write a percentage above 0%";
                value.refuse(format_args!("{weight} sends nothing to the canary"), help);
                return None;
            }
            Some(Some(weight))
        }),
    };
    let control = match table.get("control") {
        None => Some(None),
        Some(value) => value
            .choice(&[("baseline", Version::Baseline), ("stable", Version::Stable)])
            .map(Some),
    };
    let mut minutes = |key| match table.get(key) {
        None => Some(None),
        Some(value) => whole(&value, Span::from_secs(60), "minutes").map(Some),
    };
    let (lifetime, interval) = (minutes("lifetime"), minutes("interval"));
    let (delay, lookback) = (minutes("delay"), minutes("lookback"));
    let control_offset = minutes("control_offset");
    let step = match table.get("step") {
        None => Some(None),
        Some(value) => whole(&value, Span::from_secs(1), "seconds").map(Some),
    };
    let mut score = |key| match table.get(key) {
        None => Some(None),
        Some(value) => value.number(0.0..=1_000.0).map(Some),
    };
    let (pass, marginal) = (score("pass"), score("marginal"));
    let retrospective = match table.get("analysis") {
        None => Some(None),
        Some(value) => value
            .choice(&[("real-time", false), ("retrospective", true)])
            .map(Some),
    };
    let mut words = |key| match table.get(key) {
        None => Some(None),
        Some(value) => value.words().map(|text| Some(text.to_owned())),
    };
    let control_scope = words("control_scope");
    let experiment_scope = words("experiment_scope");
    let location = words("location");
    let params = match table.get("params") {
        None => Some(BTreeMap::new()),
        Some(value) => value.entries().and_then(|entries| {
            let entries = entries.into_iter();
            entries
                .map(|(name, value)| Some((name.to_owned(), value.words()?.to_owned())))
                .collect()
        }),
    };
    Some(Settings {
        weight: weight?,
        control: control?,
        lifetime: lifetime?,
        interval: interval?,
        delay: delay?,
        lookback: lookback?,
        control_offset: control_offset?,
        step: step?,
        pass: pass?,
        marginal: marginal?,
        retrospective: retrospective?,
        control_scope: control_scope?,
        experiment_scope: experiment_scope?,
        location: location?,
        params: params?,
    })
}

/// A span of whole units.
fn whole(value: &Value<'_>, unit: Span, units: &str) -> Option<Span> {
    let span = positive_span(value)?;
    if span.as_nanos() % unit.as_nanos() != 0 {
        let below = unit * (span / unit);
        let help = match below.is_zero() {
            true => format!("write {unit}"),
            false => format!("write {below} or {}", below + unit),
        };
        value.refuse(format_args!("{span} is not in whole {units}"), help);
        return None;
    }
    Some(span)
}

/// The rollout of these files under these settings.
pub(super) fn follow(manifests: &[Manifest], settings: &Settings) -> Result<Imported, Problems> {
    let import = kayenta::read(manifests)?;
    let request = request(settings, &import.stage);
    let control = settings.control.unwrap_or(Version::Baseline);
    let service = match &import.config.application {
        Some(app) => Service {
            app: app.clone(),
            ..Service::default()
        },
        None => Service::default(),
    };
    let scopes = scopes(settings, &import.stage, &service, control);
    let mut questions = Vec::new();
    let sources = sources(&import, &scopes, &mut questions)
        .map_err(|problems| refuse(manifests, &import, problems))?;
    let thresholds = thresholds(settings, &import);
    let judge = Arc::new(Judge {
        name: import.config.judge,
        metrics: import.config.metrics.clone(),
        groups: import.config.groups.clone(),
        thresholds,
    });
    let step = settings.step.or(import.stage.step);
    let gate = |window| {
        Gate::Kayenta(CanaryAnalysis {
            judge: Arc::clone(&judge),
            sources: sources.clone(),
            control,
            window,
            control_offset: request.control_offset,
            step: step.unwrap_or(defaults::KAYENTA_STEP),
        })
    };
    let judgements: Vec<_> = request.from_start().collect();
    let most = match request.retrospective {
        true => GateSet::MOST as u64,
        false => MOST_JUDGEMENTS,
    };
    if judgements.is_empty() || judgements.len() as u64 > most {
        let message = format!(
            "{} judgements in {} at an interval of {}",
            judgements.len(),
            request.lifetime,
            request.interval()
        );
        let help = format!("a run has 1 to {most}: make the interval longer");
        let problem = Problem::error(message, None).help(help);
        return Err(refuse(manifests, &import, vec![problem]));
    }
    let analysis = match (request.retrospective, request.lookback) {
        (true, _) => (judgements.iter())
            .map(|one| {
                gate(Window::Between {
                    from: one.experiment.0,
                    to: one.experiment.1,
                    at: one.at,
                })
            })
            .collect(),
        (false, Some(lookback)) => vec![gate(Window::Last(lookback))],
        (false, None) => {
            let whole = request.interval() * request.judgements();
            let begin = judgements[0].experiment.0;
            vec![gate(Window::Since(begin, whole))]
        }
    };
    let mut warnings: Vec<String> = (import.warnings.iter())
        .map(|remark| remark_line(Controller::Kayenta, manifests, remark))
        .collect();
    warnings.extend(few_points(&request, step.unwrap_or(defaults::KAYENTA_STEP)));
    Ok(Imported {
        plan: Plan::Spinnaker(SpinnakerPlan {
            weight: settings.weight.unwrap_or_else(defaults::kayenta_weight),
            request,
            thresholds,
        }),
        analysis,
        buckets: None,
        reporter: None,
        vendor: None,
        service: Some(service),
        questions,
        warnings,
    })
}

/// The scenario's settings, then the files', then those that Spinnaker's documentation starts with.
fn request(settings: &Settings, stage: &Stage) -> Request {
    let hourly = Request::hourly();
    let lifetime = settings.lifetime.or(stage.lifetime);
    Request {
        lifetime: lifetime.unwrap_or(hourly.lifetime),
        interval: match (settings.interval.or(stage.interval), lifetime) {
            (Some(interval), _) => interval,
            // A run that says how long and not how often is judged once.
            (None, Some(lifetime)) => lifetime,
            (None, None) => hourly.interval,
        },
        warmup: settings.delay.or(stage.warmup).unwrap_or(Span::ZERO),
        lookback: (settings.lookback.or(stage.lookback)).filter(|lookback| !lookback.is_zero()),
        control_offset: (settings.control_offset)
            .or(stage.control_offset)
            .unwrap_or(Span::ZERO),
        retrospective: settings.retrospective.unwrap_or(stage.retrospective),
    }
}

fn thresholds(settings: &Settings, import: &Import) -> Thresholds {
    let written = import.stage.thresholds.or(import.config.thresholds);
    let written = written.unwrap_or(defaults::KAYENTA_THRESHOLDS);
    Thresholds {
        pass: settings.pass.unwrap_or(written.pass),
        marginal: settings.marginal.unwrap_or(written.marginal),
    }
}

/// What queries about control and experiment fill in: the names of the simulated deployments, unless
/// the scenario has others.
fn scopes(settings: &Settings, stage: &Stage, service: &Service, control: Version) -> [Scope; 2] {
    let mut params = stage.params.clone();
    params.extend(settings.params.clone());
    let location = settings.location.as_ref().unwrap_or(&service.namespace);
    let named = [
        (&settings.control_scope, control),
        (&settings.experiment_scope, Version::Canary),
    ];
    named.map(|(written, version)| Scope {
        scope: written.clone().unwrap_or_else(|| service.workload(version)),
        location: location.clone(),
        params: params.clone(),
    })
}

/// Where each metric's samples come from; adds the questions to systems that are not simulated, two
/// for each metric.
fn sources(
    import: &Import,
    scopes: &[Scope; 2],
    questions: &mut Vec<String>,
) -> Result<Vec<Sources>, Vec<Problem>> {
    let mut problems: Vec<Problem> = Vec::new();
    let mut all = Vec::new();
    for (metric, source) in import.config.metrics.iter().zip(&import.config.sources) {
        let sides = scopes.each_ref().map(|scope| match source {
            kayenta::Source::Elsewhere(_) => {
                questions.push(metric.name.clone());
                Some(Source::Supplied(questions.len() - 1))
            }
            kayenta::Source::Prometheus(query) => {
                let parsed = query.text(scope).and_then(|text| {
                    Query::parse(&text, Semantics::default()).map_err(|error| {
                        let message = format!("`{text}`: {}", error.message);
                        let help = error.help.unwrap_or_else(|| "write PromQL".to_owned());
                        query.refuse(&message, &help)
                    })
                });
                match parsed {
                    Ok(query) => Some(Source::Written(query)),
                    Err(problem) => {
                        if !problems.contains(&problem) {
                            problems.push(problem);
                        }
                        None
                    }
                }
            }
        });
        if let [Some(control), Some(experiment)] = sides {
            all.push(Sources {
                control,
                experiment,
            });
        }
    }
    match problems.is_empty() {
        true => Ok(all),
        false => Err(problems),
    }
}

fn refuse(manifests: &[Manifest], import: &Import, problems: Vec<Problem>) -> Problems {
    let manifest = manifests.get(import.file);
    let (file, text) = manifest.map_or_else(Default::default, |manifest| {
        (manifest.path.clone(), manifest.text.clone())
    });
    Problems {
        file,
        text,
        problems,
        also: Vec::new(),
    }
}

/// A warning when a judgement has few points.
fn few_points(request: &Request, step: Span) -> Option<String> {
    let shortest = request.lookback.unwrap_or(request.interval());
    let points = shortest / step + 1;
    (points < FEW_POINTS).then(|| {
        format!(
            "{}: {points} points in a window of {shortest} at a step of {step}: with fewer than \
             {FEW_POINTS} Kayenta warns, and little is found (lengthen `interval` or `lookback`)",
            Controller::Kayenta.key()
        )
    })
}
