//! The rollout section: a Flagger Canary, or steps with gates.

use super::Rival;
use super::controllers::{self, Beside, Controller, Imported};
use super::defaults;
use super::files::Files;
use super::gates;
use super::hooks;
use super::kayenta;
use super::latency;
use super::names::Known;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use super::week;
use crate::base::{Probability, Problems, Span, Weight};
use crate::gate::Gate;
use crate::gate::statistical::Planned;
use crate::manifest::Measured;
use crate::manifest::argo::Circumstances;
use crate::model::hooks::Hook;
use crate::model::service::Latency;
use crate::rollout::argo::Command;
use crate::rollout::{
    Counting, Judgement, OfficeHours, Plan, Rollback, StagedPlan, Step, WhenInconclusive,
};
use crate::telemetry::exposition::{Service, Vendor};
use crate::telemetry::{Buckets, Reporter};

/// More checks than this in one rollout are a slip of a unit.
const MOST_CHECKS: u64 = 1_000_000;

/// Controller and analysis.
pub(super) struct Rollout {
    /// What it is called beside others.
    pub(super) name: String,
    pub(super) plan: Plan,
    pub(super) analysis: Vec<Gate>,
    /// Those of the Canary's provider.
    pub(super) buckets: Option<Buckets>,
    /// Whom the manifests' queries ask.
    pub(super) reporter: Option<Reporter>,
    /// Whose metrics the Canary's provider asks for.
    pub(super) vendor: Option<Vendor>,
    /// What the Canary calls the service.
    pub(super) service: Option<Service>,
    /// The names of the metrics that ask systems which are not simulated, in the order of their
    /// questions' numbers.
    pub(super) questions: Vec<String>,
    /// How hooks answer.
    pub(super) hooks: Vec<Hook>,
    /// What the importer of the Canary warned of.
    pub(super) warnings: Vec<String>,
}

impl From<&Rollout> for Rival {
    fn from(rollout: &Rollout) -> Rival {
        Rival {
            name: rollout.name.clone(),
            rollout: rollout.plan.clone(),
            analysis: rollout.analysis.clone(),
            questions: rollout.questions.clone(),
            vendor: rollout.vendor,
            service: rollout.service.clone(),
            hooks: rollout.hooks.clone(),
        }
    }
}

/// The rollouts that the scenario's own is held against, each with its place.
pub(super) fn read_rivals(
    list: &Value<'_>,
    files: Files<'_>,
    foreign: &mut Option<Problems>,
    names: &Known,
    measured: &Measured,
) -> Option<Vec<Rollout>> {
    let items = list.list()?;
    let rivals = items.iter().map(|item| {
        let mut problems = None;
        let rival = read(item.table()?, files, &mut problems, names, measured);
        let all = foreign.take().into_iter().chain(problems).collect();
        *foreign = Problems::gather(all);
        rival
    });
    let rivals: Vec<Option<Rollout>> = rivals.collect();
    rivals.into_iter().collect()
}

/// The controller and its gates; problems inside a manifest go to `foreign`.
pub(super) fn read(
    mut table: Table<'_>,
    files: Files<'_>,
    foreign: &mut Option<Problems>,
    names: &Known,
    measured: &Measured,
) -> Option<Rollout> {
    let name = match table.get("name") {
        None => Some(None),
        Some(value) => value.words().map(Some),
    };
    let rollout = read_unnamed(table, files, foreign, names, measured)?;
    Some(Rollout {
        name: name?.map_or_else(|| rollout.name.clone(), str::to_owned),
        ..rollout
    })
}

fn read_unnamed(
    mut table: Table<'_>,
    files: Files<'_>,
    foreign: &mut Option<Problems>,
    names: &Known,
    measured: &Measured,
) -> Option<Rollout> {
    for controller in Controller::ALL {
        if let Some(value) = table.get(controller.key()) {
            let mut beside = Beside::new(measured.clone());
            match controller {
                Controller::Flagger => {}
                Controller::Argo => beside.argo = read_circumstances(&mut table)?,
                Controller::Kayenta => beside.kayenta = kayenta::settings(&mut table)?,
            }
            return follow(controller, &value, table, files, foreign, &beside);
        }
    }
    if let Some(value) = table.get("controller") {
        let named = Controller::ALL
            .iter()
            .find(|controller| value.text() == Some(controller.key()));
        if let Some(controller) = named {
            let (key, subject) = (controller.key(), controller.subject());
            value.refuse(
                format_args!("which {subject} `{key}` follows is missing"),
                format_args!("write {key} = \"{}.yaml\" instead", subject.to_lowercase()),
            );
            return None;
        }
        value.choice(&[("staged", ())]);
    }
    let steps_value = table.require(
        "steps",
        "write steps = [{ weight = \"5%\", hold = \"5m\" }], flagger = \"canary.yaml\", or argo = \"rollout.yaml\"",
    );
    let interval = match table.get("interval") {
        None => Some(defaults::INTERVAL),
        Some(value) => positive_span(&value),
    };
    let warmup = match table.get("warmup") {
        None => Some(Span::ZERO),
        Some(value) => value.quantity(),
    };
    let steps = steps_value.and_then(|value| read_steps(&value, interval, warmup));
    let failures = match table.get("failures") {
        None => Some(defaults::FAILURES),
        Some(value) => value
            .whole(1..=1000)
            .and_then(|failures| u32::try_from(failures).ok()),
    };
    let (counting, inconclusive, rollback) = read_habits(&mut table);
    let asks =
        rollback == Some(Rollback::Manual) || (steps.iter().flatten()).any(|step| step.pause);
    let judgement = read_judgement(&mut table, asks);
    let min_requests = match table.get("min_requests") {
        None => Some(0),
        Some(value) => value.whole(0..=1_000_000_000_000),
    };
    let office_hours = match table.get("office_hours") {
        None => Some(None),
        Some(value) => value.table().and_then(read_office_hours).map(Some),
    };
    let planned = planned(steps.as_deref(), interval);
    let analysis = match table.get("gates") {
        None => Some(Vec::new()),
        Some(value) => gates::read(&value, names, planned),
    };
    table.hint("hooks", "only a Flagger Canary asks hooks");
    table.finish();
    let plan = StagedPlan {
        steps: steps?.into(),
        interval: interval?,
        warmup: warmup?,
        failures: failures?,
        counting: counting?,
        inconclusive: inconclusive?,
        rollback: rollback?,
        min_requests: min_requests?,
        judgement: judgement?,
        office_hours: office_hours?,
    };
    let plan = Plan::Staged(plan);
    Some(Rollout {
        name: plan.controller().to_owned(),
        plan,
        analysis: analysis?,
        buckets: None,
        reporter: None,
        vendor: None,
        service: None,
        questions: Vec::new(),
        hooks: Vec::new(),
        warnings: Vec::new(),
    })
}

/// How long and how often an undisturbed rollout is looked at.
fn planned(steps: Option<&[Step]>, interval: Option<Span>) -> Option<Planned> {
    let (steps, interval) = (steps?, interval?);
    Some(Planned {
        duration: StagedPlan::new(steps.iter().copied(), interval).undisturbed(),
        interval,
    })
}

fn read_habits(
    table: &mut Table<'_>,
) -> (Option<Counting>, Option<WhenInconclusive>, Option<Rollback>) {
    let counting = match table.get("counting") {
        None => Some(Counting::Consecutive),
        Some(value) => value.choice(&[
            ("consecutive", Counting::Consecutive),
            ("cumulative", Counting::Cumulative),
        ]),
    };
    let inconclusive = match table.get("inconclusive") {
        None => Some(WhenInconclusive::Ignore),
        Some(value) => value.choice(&[
            ("ignore", WhenInconclusive::Ignore),
            ("fail", WhenInconclusive::Fail),
            ("hold", WhenInconclusive::Hold),
        ]),
    };
    let rollback = match table.get("rollback") {
        None => Some(Rollback::Automatic),
        Some(value) => value.choice(&[
            ("automatic", Rollback::Automatic),
            ("manual", Rollback::Manual),
            ("never", Rollback::Never),
        ]),
    };
    (counting, inconclusive, rollback)
}

/// How long people take; `asks` says whether anybody is ever asked.
fn read_judgement(table: &mut Table<'_>, asks: bool) -> Option<Judgement> {
    let Some(value) = table.get("judgement") else {
        return judgement(defaults::JUDGEMENT).ok();
    };
    let text = value.words()?;
    let read = judgement(text)
        .map_err(|why| value.refuse(why, "write the median and one more: \"p50=20m,p90=60m\""));
    if !asks && text != defaults::JUDGEMENT {
        value.doubt(
            "nobody is ever asked: the rollback is not manual and no step pauses",
            "write rollback = \"manual\", or pause = true at a step",
        );
    }
    read.ok()
}

/// Reads `p50=20m,p90=60m`.
fn judgement(text: &str) -> Result<Judgement, String> {
    let delays = latency(text).map_err(|error| {
        let error = error.to_string();
        let what = error.split(": write").next().unwrap_or_default();
        what.to_owned()
    })?;
    let at = |level| Probability::new(level).map(|p| Span::from_secs_f64(delays.quantile(p)));
    matches!(delays, Latency::LogNormal { .. })
        .then(|| Judgement::from_quantiles(at(0.5)?, 0.9, at(0.9)?))
        .flatten()
        .ok_or_else(|| format!("`{text}` gives more than two quantiles"))
}

fn read_office_hours(mut table: Table<'_>) -> Option<OfficeHours> {
    fn read<'r, T>(
        table: &mut Table<'r>,
        key: &'static str,
        default: &str,
        parse: fn(&str) -> Option<T>,
        help: &str,
    ) -> (Option<T>, Option<Value<'r>>) {
        let Some(value) = table.get(key) else {
            return (parse(default), None);
        };
        let read = value.words().and_then(|text| {
            let read = parse(text);
            if read.is_none() {
                value.refuse(format_args!("`{text}` is not understood"), help);
            }
            read
        });
        (read, Some(value))
    }
    let clock = "write a time of day: \"09:00\"";
    let (from, begin) = read(
        &mut table,
        "from",
        defaults::OFFICE_FROM,
        week::clock,
        clock,
    );
    let (to, written) = read(&mut table, "to", defaults::OFFICE_TO, week::clock, clock);
    let (days, _) = read(
        &mut table,
        "days",
        defaults::OFFICE_DAYS,
        week::days,
        "write Mon, Tue, Wed, Thu, Fri, Sat or Sun: \"Mon-Fri\" or \"Sat,Sun\"",
    );
    let (start, _) = read(
        &mut table,
        "start",
        defaults::OFFICE_START,
        week::moment,
        "write a day and a time: \"Fri 16:00\"",
    );
    table.finish();
    let (from, to) = (from?, to?);
    if to <= from {
        if let Some(value) = written.or(begin) {
            value.refuse(
                "the day ends before it begins",
                "office hours lie within one day: write from = \"09:00\", to = \"17:00\"",
            );
        }
        return None;
    }
    Some(OfficeHours {
        from,
        to,
        days: days?,
        start: start?,
    })
}

/// What a Rollout of Argo does not say about its cluster and its people.
fn read_circumstances(table: &mut Table<'_>) -> Option<Circumstances> {
    let judgement = read_judgement(table, true);
    let cluster = match table.get("cluster") {
        None => Some(Circumstances::default()),
        Some(value) => value.table().and_then(read_cluster),
    };
    Some(Circumstances {
        judgement: judgement?,
        ..cluster?
    })
}

fn read_cluster(mut table: Table<'_>) -> Option<Circumstances> {
    let usual = Circumstances::default();
    let span = |value: Option<Value<'_>>, usual| match value {
        None => Some(usual),
        Some(value) => value.quantity::<Span>(),
    };
    let pod_start = span(table.get("pod_start"), usual.pod_start);
    let propagation = span(table.get("propagation"), usual.propagation);
    let inconclusive = match table.get("when_inconclusive") {
        None => Some(usual.inconclusive),
        Some(value) => value.choice(&[
            ("resume", Command::Resume),
            ("promote", Command::Promote),
            ("abort", Command::Abort),
        ]),
    };
    let service = match table.get("service") {
        None => Some(None),
        Some(value) => value.words().map(|name| Some(name.to_owned())),
    };
    table.finish();
    Some(Circumstances {
        pod_start: pod_start?,
        propagation: propagation?,
        inconclusive: inconclusive?,
        service: service?,
        ..usual
    })
}

/// The rollout of a controller's manifests: one file, or several in a list.
fn follow(
    controller: Controller,
    value: &Value<'_>,
    mut table: Table<'_>,
    files: Files<'_>,
    foreign: &mut Option<Problems>,
    beside: &Beside,
) -> Option<Rollout> {
    for key in [
        "controller",
        "steps",
        "interval",
        "warmup",
        "failures",
        "counting",
        "inconclusive",
        "rollback",
        "judgement",
        "min_requests",
        "office_hours",
        "gates",
    ] {
        if controller == Controller::Argo && key == "judgement" {
            continue;
        }
        table.hint(
            key,
            format!(
                "the {} named in `{key}` decides: take this out, or `{key}`",
                controller.subject(),
                key = controller.key()
            ),
        );
    }
    let hooks = match table.get("hooks") {
        None => Some(Vec::new()),
        Some(value) => hooks::read(&value),
    };
    table.finish();
    let names: Vec<Value<'_>> = match value.text() {
        Some(_) => vec![value.clone()],
        None => value.list()?,
    };
    if names.is_empty() {
        value.refuse("names no file", "write the names of manifests");
        return None;
    }
    let names = names.iter().map(|name| name.words().map(str::to_owned));
    let names: Option<Vec<String>> = names.collect();
    match controllers::import(&files, controller, &names?, beside) {
        Ok(Imported {
            plan,
            analysis,
            buckets,
            reporter,
            vendor,
            service,
            questions,
            warnings,
        }) => Some(Rollout {
            hooks: hooks?,
            name: plan.controller().to_owned(),
            plan,
            analysis,
            buckets,
            reporter,
            vendor,
            service,
            questions,
            warnings,
        }),
        Err(problems) => {
            for of in problems.texts() {
                for problem in &of.problems {
                    value.refuse(
                        problem.one_line(&of.file, &of.text),
                        "the file is read as it is: mend it there",
                    );
                }
            }
            *foreign = Some(problems);
            None
        }
    }
}

fn read_steps(list: &Value<'_>, interval: Option<Span>, warmup: Option<Span>) -> Option<Vec<Step>> {
    let items = list.list()?;
    if items.is_empty() {
        list.refuse(
            "is empty: the canary would never get traffic",
            "write steps = [{ weight = \"5%\", hold = \"5m\" }]",
        );
        return None;
    }
    let steps: Vec<Option<Step>> = items
        .iter()
        .map(|value| read_step(value.table()?, interval, warmup))
        .collect();
    let steps: Option<Vec<Step>> = steps.into_iter().collect();
    let (steps, interval) = (steps?, interval?);
    let total = steps.iter().fold(Span::ZERO, |sum, step| sum + step.hold);
    if total / interval > MOST_CHECKS {
        list.refuse(
            format_args!("{total} of steps at an interval of {interval} are too many checks"),
            format_args!("a rollout may have {MOST_CHECKS}"),
        );
        return None;
    }
    Some(steps)
}

fn read_step(mut table: Table<'_>, interval: Option<Span>, warmup: Option<Span>) -> Option<Step> {
    let mirror = match table.get("mirror") {
        None => Some(Weight::ZERO),
        Some(value) => value.quantity(),
    };
    let weight = table
        .require("weight", "write weight = \"5%\"")
        .and_then(|value| {
            let weight: Weight = value.quantity()?;
            if weight.is_zero() && mirror.is_some_and(Weight::is_zero) {
                value.refuse(
                    format_args!("`{}` sends nothing to the canary", value.written()),
                    "write a percentage above 0%",
                );
                return None;
            }
            Some(weight)
        });
    let hold = table
        .require("hold", "write hold = \"5m\"")
        .and_then(|value| {
            let hold = positive_span(&value)?;
            let interval = interval?;
            if hold.as_nanos() % interval.as_nanos() != 0 {
                let below = interval * (hold / interval);
                let above = below + interval;
                let help = match below.is_zero() {
                    true => format!("write {above}"),
                    false => format!("write {below} or {above}"),
                };
                value.refuse(
                    format_args!("{hold} is not a multiple of the interval of {interval}"),
                    help,
                );
                return None;
            }
            if warmup.is_some_and(|warmup| hold < warmup) {
                value.doubt(
                    format_args!("{hold} are over before the warm-up is: nothing is checked"),
                    "hold longer, or shorten the warm-up",
                );
            }
            Some(hold)
        });
    let pause = match table.get("pause") {
        None => Some(false),
        Some(value) => value.boolean(),
    };
    table.finish();
    Some(Step {
        weight: weight?,
        mirror: mirror?,
        hold: hold?,
        pause: pause?,
    })
}
