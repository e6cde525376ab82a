//! What was simulated, in one line each: the world, and the rollout with its gates. Parts are
//! separated by ` · `.

use super::faults;
use crate::base::{Probability, Span};
use crate::experiment::mean_rate;
use crate::experiment::words::{self, exact_share, ladder, plural, spaced};
use crate::model::World;
use crate::model::fault::Target;
use crate::model::service::{Fleet, Latency, Service};
use crate::model::split::{Precedence, Split};
use crate::model::traffic::{Arrivals, Profile, Swing, Traffic};
use crate::rollout::argo::{ArgoStep, Traffic as Way};
use crate::rollout::flagger::Strategy;
use crate::rollout::{ArgoPlan, FlaggerPlan, Plan, Rollback, SpinnakerPlan, StagedPlan};
use crate::scenario::Scenario;

/// One line about traffic, versions and fault.
pub(in crate::experiment) fn world_line(scenario: &Scenario) -> String {
    let world = &scenario.world;
    let mut stable = vec![service(&world.stable)];
    stable.extend(faults::of(world, Target::Stable));
    let mut parts = vec![traffic(scenario), format!("stable {}", stable.join(", "))];
    let mut wrong = difference(world);
    wrong.extend(faults::of(world, Target::Canary));
    if !wrong.is_empty() {
        parts.push(format!("canary {}", wrong.join(", ")));
    } else if stable.len() == 1 {
        parts.push("canary as good as stable".to_owned());
    }
    let both = faults::of(world, Target::Both);
    if !both.is_empty() {
        parts.push(format!("both {}", both.join(", ")));
    }
    if !world.goals.is_empty() {
        let goals = (world.goals.iter())
            .map(|goal| format!("{} {}", goal.name, exact_share(goal.probability.get())));
        parts.push(goals.collect::<Vec<_>>().join(", "));
    }
    parts.join(" · ")
}

fn traffic(scenario: &Scenario) -> String {
    let traffic = &scenario.world.traffic;
    let mean = words::rate(mean_rate(scenario).get());
    let shape = match &traffic.profile {
        Profile::Constant(_) => String::new(),
        Profile::Stepped(steps) => format!(" on average, in {} steps", steps.len()),
        Profile::Ramp { from, to, over } => {
            format!(" on average, ramping {from} to {to} in {over}")
        }
        Profile::Diurnal {
            peak_over_trough, ..
        } => {
            format!(" on average, daily cycle {peak_over_trough}:1")
        }
        Profile::Week(week) => {
            let ratio = week.peak_over_trough();
            format!(" on average, weekly cycle {ratio:.1}:1")
        }
        Profile::Flash(flash) => {
            format!(
                " on average, a flash crowd of {} times the rate at {}",
                flash.peak, flash.at
            )
        }
        Profile::Trace(trace) => {
            format!(" on average, a recorded trace in bins of {}", trace.bin())
        }
    };
    let arrivals = match traffic.arrivals {
        Arrivals::Poisson => "",
        Arrivals::Even => ", evenly spaced",
        Arrivals::Gamma { .. } | Arrivals::Weibull { .. } => ", bursty",
    };
    let split = match scenario.world.split {
        Split::Random => "",
        Split::Even => ", split in turn",
        Split::UserHash | Split::SplitClients | Split::RingHash => ", split by user",
        Split::Connection => ", split by connection",
        Split::RoundRobin => ", split in turn by whole percents",
    };
    let mut line = format!("{mean}{shape}{arrivals}{split}");
    for more in [swing(traffic), users(traffic), mesh(&scenario.world)] {
        for part in more {
            line.push_str(", ");
            line.push_str(&part);
        }
    }
    line
}

fn swing(traffic: &Traffic) -> Vec<String> {
    let mut parts = Vec::new();
    match &traffic.swing {
        None => {}
        Some(Swing::LogNormal { .. }) => parts.push("swinging at random".to_owned()),
        Some(Swing::Mmpp { ratio, .. }) => parts.push(format!("in bursts {ratio} times as high")),
        Some(Swing::OnOff { sources, .. }) => {
            parts.push(format!("from {sources} sources that come and go"));
        }
    }
    if traffic.cron > Probability::ZERO {
        parts.push(format!("{} from clocks", exact_share(traffic.cron.get())));
    }
    parts
}

fn users(traffic: &Traffic) -> Vec<String> {
    let mut parts = Vec::new();
    if traffic.sessions.is_some() {
        parts.push("in sessions".to_owned());
    }
    if !traffic.routes.is_empty() {
        parts.push(plural(traffic.routes.len() as u64, "route"));
    }
    if !traffic.groups.is_empty() {
        parts.push(format!(
            "{} of users",
            plural(traffic.groups.len() as u64, "group")
        ));
    }
    parts
}

/// Who else has a say in where a request goes.
fn mesh(world: &World) -> Vec<String> {
    let mut parts = Vec::new();
    let rules = &world.rules;
    if let Some(matched) = rules.matched {
        parts.push(format!(
            "{} matched to the canary",
            exact_share(matched.get())
        ));
    }
    if let Some(replicas) = rules.replicas {
        parts.push(format!(
            "shared among {}",
            plural(u64::from(replicas), "replica")
        ));
    }
    if rules.least_request {
        parts.push("to the least busy instance".to_owned());
    }
    if rules.baseline {
        parts.push("beside a baseline".to_owned());
    }
    if let Some(affinity) = &world.affinity {
        parts.push(
            match affinity.precedence {
                Precedence::CanaryOnly => "canary users stay",
                Precedence::Both | Precedence::AffinityFirst => "users stay",
            }
            .to_owned(),
        );
    }
    if let Some(retries) = &world.retries {
        let most = match retries.attempts {
            1 => "one retry".to_owned(),
            attempts => format!("{attempts} retries"),
        };
        parts.push(format!("at most {most}"));
    }
    if world.ejection.is_some() {
        parts.push("outliers ejected".to_owned());
    }
    parts
}

fn service(service: &Service) -> String {
    let mut line = format!(
        "{}, {} errors",
        latency(&service.latency),
        exact_share(service.errors.get())
    );
    for part in fleet(&service.fleet) {
        line.push_str(", ");
        line.push_str(&part);
    }
    line
}

/// What is not plain about the processes that answer.
fn fleet(fleet: &Fleet) -> Vec<String> {
    let mut parts = Vec::new();
    let instances = plural(u64::from(fleet.instances), "instance");
    match &fleet.capacity {
        Some(capacity) => {
            let workers = plural(u64::from(capacity.workers), "worker");
            parts.push(format!("{instances} of {workers}"));
        }
        None if fleet.instances > 1 => parts.push(instances),
        None => {}
    }
    if fleet.pauses.is_some() {
        parts.push("with pauses".to_owned());
    }
    if !fleet.warm && fleet.warm_up.is_some() {
        parts.push("cold at first".to_owned());
    }
    if !fleet.warm && fleet.cache.is_some() {
        parts.push("cache empty at first".to_owned());
    }
    if fleet.placement.is_some() {
        parts.push("placed by luck".to_owned());
    }
    parts
}

fn latency(latency: &Latency) -> String {
    let at = |share| {
        let seconds = Probability::new(share).map_or(0.0, |share| latency.quantile(share));
        words::latency(seconds)
    };
    format!("p50 {} p99 {}", at(0.5), at(0.99))
}

/// How the canary's service differs from stable's.
fn difference(world: &World) -> Vec<String> {
    let mut parts = Vec::new();
    if world.canary.latency != world.stable.latency {
        parts.push(latency(&world.canary.latency));
    }
    if world.canary.errors != world.stable.errors {
        parts.push(format!("{} errors", exact_share(world.canary.errors.get())));
    }
    if world.canary.routes != world.stable.routes {
        parts.push("other routes".to_owned());
    }
    let (own, stables) = (fleet(&world.canary.fleet), fleet(&world.stable.fleet));
    parts.extend(own.into_iter().filter(|part| !stables.contains(part)));
    parts
}

/// One line about controller and gates.
pub(in crate::experiment) fn rollout_line(scenario: &Scenario) -> String {
    let period = scenario.rollout.cadence().period;
    let controller = match &scenario.rollout {
        Plan::Flagger(plan) => flagger(scenario, plan),
        Plan::Argo(plan) => argo(scenario, plan),
        Plan::Spinnaker(plan) => spinnaker(scenario, plan),
        Plan::Staged(plan) => {
            let end = match plan.rollback {
                Rollback::Never => "never rolled back automatically".to_owned(),
                Rollback::Automatic => {
                    let failures = u64::from(plan.failures.max(1));
                    format!("rollback at {}", plural(failures, "failed check"))
                }
                Rollback::Manual => {
                    let failures = u64::from(plan.failures.max(1));
                    format!(
                        "a person alerted at {}, who takes {} (median)",
                        plural(failures, "failed check"),
                        words::time(plan.judgement.quantile(0.5).as_secs_f64())
                    )
                }
            };
            let steps = path(scenario);
            format!(
                "staged {steps}, a check every {period}, {end}{}",
                conditions(plan)
            )
        }
    };
    let gates: Vec<String> = scenario.analysis.iter().map(ToString::to_string).collect();
    if gates.is_empty() {
        format!("{controller} · nothing checked")
    } else {
        spaced(&format!("{controller} · {}", gates.join("; ")))
    }
}

/// What else a step waits for.
fn conditions(plan: &StagedPlan) -> String {
    let mut text = String::new();
    let pauses = plan.steps.iter().filter(|step| step.pause).count() as u64;
    if pauses > 0 {
        text.push_str(&format!(", {}", plural(pauses, "pause")));
    }
    if plan.min_requests > 0 {
        let requests = plural(plan.min_requests, "canary request");
        text.push_str(&format!(", at least {requests} a step"));
    }
    if plan.office_hours.is_some() {
        text.push_str(", in office hours");
    }
    text
}

fn spinnaker(scenario: &Scenario, plan: &SpinnakerPlan) -> String {
    let (request, thresholds) = (&plan.request, plan.thresholds);
    let when = match request.retrospective {
        true => "looked at afterwards".to_owned(),
        false if request.warmup.is_zero() => "in real time".to_owned(),
        false => format!("in real time after {}", request.warmup),
    };
    format!(
        "Spinnaker {}, {} over {}, {when}, rollback at a score of {} or less and at the end below {}",
        path(scenario),
        plural(request.judgements(), "judgement"),
        request.interval() * request.judgements(),
        thresholds.marginal,
        thresholds.pass,
    )
}

fn flagger(scenario: &Scenario, plan: &FlaggerPlan) -> String {
    let settings = plan.settings();
    if settings.skip_analysis {
        return "Flagger, analysis skipped".to_owned();
    }
    let failures = u64::try_from(settings.threshold()).unwrap_or(1);
    let checks = u64::try_from(settings.iterations()).unwrap_or(0);
    let way = match settings.strategy() {
        Strategy::Weighted => path(scenario),
        Strategy::AbTest | Strategy::BlueGreen => {
            format!("{}, {}", path(scenario), plural(checks, "check"))
        }
    };
    format!(
        "Flagger {way}, a check every {}, rollback at {}",
        settings.interval,
        plural(failures, "failed check")
    )
}

fn argo(scenario: &Scenario, plan: &ArgoPlan) -> String {
    let settings = plan.settings();
    let mut text = format!("Argo Rollouts {}", path(scenario));
    if let Way::Pods(_) = settings.traffic {
        text.push_str(&format!(
            " of {} without a router",
            plural(u64::from(settings.replicas), "pod")
        ));
    }
    let holds = settings.steps.iter().filter_map(|step| match step {
        ArgoStep::Pause(Some(duration)) => Some(*duration),
        _ => None,
    });
    let held = holds.fold(Span::ZERO, |sum, hold| sum + hold);
    if !held.is_zero() {
        text.push_str(&format!(", pauses of {held}"));
    }
    let waits = |step: &&ArgoStep| matches!(step, ArgoStep::Pause(None));
    let waits = settings.steps.iter().filter(waits).count() as u64;
    if waits > 0 {
        text.push_str(&format!(", {} for people", plural(waits, "pause")));
    }
    let inline = |step: &&ArgoStep| matches!(step, ArgoStep::Analysis(_) | ArgoStep::Experiment(_));
    let inline = settings.steps.iter().filter(inline).count() as u64;
    match (settings.background.is_some(), inline) {
        (true, 0) => text.push_str(", an analysis beside them"),
        (true, more) => text.push_str(&format!(
            ", an analysis beside them and {} between them",
            words::count(more as f64)
        )),
        (false, 0) => {}
        (false, some) => text.push_str(&format!(
            ", {} between them",
            if some == 1 {
                "an analysis".to_owned()
            } else {
                format!("{some} analyses")
            }
        )),
    }
    text
}

/// The way that traffic takes to the canary: its percentages, or what there is instead of them.
pub(super) fn path(scenario: &Scenario) -> String {
    let strategy = match &scenario.rollout {
        Plan::Flagger(plan) if plan.settings().skip_analysis => {
            return "analysis skipped".to_owned();
        }
        Plan::Flagger(plan) => plan.settings().strategy(),
        Plan::Staged(_) | Plan::Argo(_) | Plan::Spinnaker(_) => Strategy::Weighted,
    };
    let percents: Vec<f64> = scenario
        .rollout
        .steps()
        .iter()
        .map(|weight| weight.as_percent())
        .collect();
    match strategy {
        Strategy::AbTest => format!(
            "A/B test on the {} of requests that match",
            exact_share(scenario.world.matched.get())
        ),
        Strategy::BlueGreen if percents.is_empty() => {
            "Blue/Green without users before promotion".to_owned()
        }
        Strategy::BlueGreen => "Blue/Green, then everybody".to_owned(),
        Strategy::Weighted if percents.is_empty() => "without users before promotion".to_owned(),
        Strategy::Weighted => ladder(&percents),
    }
}
