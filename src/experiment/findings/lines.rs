//! What was simulated, in one line each: the world, and the rollout with its gates. Parts are
//! separated by ` · `.

use crate::base::Probability;
use crate::experiment::mean_rate;
use crate::experiment::words::{self, exact_share, ladder, plural, spaced};
use crate::model::World;
use crate::model::fault::{Fault, FaultKind, Schedule};
use crate::model::service::{Latency, Service};
use crate::model::split::Split;
use crate::model::traffic::{Arrivals, Profile};
use crate::rollout::flagger::Strategy;
use crate::rollout::{FlaggerPlan, Plan, Rollback, StagedPlan};
use crate::scenario::Scenario;

/// One line about traffic, versions and fault.
pub(in crate::experiment) fn world_line(scenario: &Scenario) -> String {
    let world = &scenario.world;
    let mut parts = vec![
        traffic(scenario),
        format!("stable {}", service(&world.stable)),
    ];
    let mut wrong = Vec::new();
    if world.canary != world.stable {
        wrong.push(difference(world));
    }
    wrong.extend(world.faults.iter().map(fault));
    if wrong.is_empty() {
        parts.push("canary as good as stable".to_owned());
    } else {
        parts.push(format!("canary {}", wrong.join(", ")));
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
    format!("{mean}{shape}{arrivals}{split}")
}

fn service(service: &Service) -> String {
    format!(
        "{}, {} errors",
        latency(&service.latency),
        exact_share(service.errors.get())
    )
}

fn latency(latency: &Latency) -> String {
    let at = |share| {
        let seconds = Probability::new(share).map_or(0.0, |share| latency.quantile(share));
        words::latency(seconds)
    };
    format!("p50 {} p99 {}", at(0.5), at(0.99))
}

fn difference(world: &World) -> String {
    let mut parts = Vec::new();
    if world.canary.latency != world.stable.latency {
        parts.push(latency(&world.canary.latency));
    }
    if world.canary.errors != world.stable.errors {
        parts.push(format!("{} errors", exact_share(world.canary.errors.get())));
    }
    parts.join(", ")
}

fn fault(fault: &Fault) -> String {
    let slower = |add: crate::base::Span| words::latency(add.as_secs_f64());
    let kind = match fault.kind {
        FaultKind::Errors { probability, .. } => {
            format!("{} more errors", exact_share(probability.get()))
        }
        FaultKind::Latency { multiply, add } => match (multiply, add.is_zero()) {
            (1.0, _) => format!("{} slower", slower(add)),
            (_, true) => format!("{multiply} times slower"),
            (_, false) => format!("{multiply} times and {} slower", slower(add)),
        },
        FaultKind::Tail { probability, add } => {
            format!(
                "{} of answers {} slower",
                exact_share(probability.get()),
                slower(add)
            )
        }
        _ => "with a fault".to_owned(),
    };
    let Schedule {
        onset,
        ramp,
        duration,
        ..
    } = fault.schedule;
    let mut text = kind;
    if onset.as_nanos() > 0 {
        text.push_str(&format!(" from {onset}"));
    }
    if !ramp.is_zero() {
        text.push_str(&format!(" growing over {ramp}"));
    }
    if let Some(duration) = duration {
        text.push_str(&format!(" for {duration}"));
    }
    if fault.scope.users < Probability::ONE {
        text.push_str(&format!(
            " for {} of users",
            exact_share(fault.scope.users.get())
        ));
    }
    text
}

/// One line about controller and gates.
pub(in crate::experiment) fn rollout_line(scenario: &Scenario) -> String {
    let period = scenario.rollout.cadence().period;
    let controller = match &scenario.rollout {
        Plan::Flagger(plan) => flagger(scenario, plan),
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

/// The way that traffic takes to the canary: its percentages, or what there is instead of them.
pub(super) fn path(scenario: &Scenario) -> String {
    let strategy = match &scenario.rollout {
        Plan::Flagger(plan) if plan.settings().skip_analysis => {
            return "analysis skipped".to_owned();
        }
        Plan::Flagger(plan) => plan.settings().strategy(),
        Plan::Staged(_) => Strategy::Weighted,
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
