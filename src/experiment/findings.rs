//! What the numbers mean, in sentences.

use crate::base::{Probability, Span, Weight};
use crate::model::World;
use crate::model::fault::{Fault, FaultKind, Schedule};
use crate::model::service::{Latency, Service};
use crate::model::split::Split;
use crate::model::traffic::{Arrivals, Profile};
use crate::rollout::{Plan, Rollback};
use crate::scenario::Scenario;
use crate::stats;
use crate::telemetry::{Birth, Sampling};

use super::mean_rate;
use super::summary::{Cell, Estimate, Mode};

/// Power that people ask of a test.
const GOOD_POWER: f64 = 0.8;

/// The findings, the most important first.
pub(super) fn findings(scenario: &Scenario, cells: &[Cell]) -> Vec<String> {
    if !scenario.world.has_fault() {
        return vec![
            "The canary is as good as stable here, so every rollback is a false one: give it a fault \
             to learn the power."
                .to_owned(),
        ];
    }
    let mut sentences = Vec::new();
    sentences.extend(as_written(cells));
    sentences.extend(smallest(cells));
    sentences.extend(low_traffic(scenario, cells));
    if let Plan::Staged(plan) = &scenario.rollout
        && plan.rollback == Rollback::Never
    {
        sentences.insert(
            0,
            "Nothing here rolls back by itself: whatever the checks say, users keep meeting the fault \
             until somebody acts."
                .to_owned(),
        );
    }
    sentences
}

fn as_written(cells: &[Cell]) -> Option<String> {
    let cell = cells
        .iter()
        .find(|cell| cell.as_written && cell.mode == Mode::Rollout)?;
    let caught = match cell.detection_seconds.p50 {
        Some(p50) => format!(
            "catches {} of the bad releases, after {} in the median",
            percent(cell.power),
            seconds(p50)
        ),
        None => format!("catches none of {} bad releases", cell.trials),
    };
    Some(format!(
        "As written ({}), this gate {caught}, and rolls back {} of the good ones; a bad release \
         reaches {} failed or slowed requests of {} users on average.",
        steps(&cell.steps),
        percent(cell.false_rollback),
        count(cell.exposure.requests),
        count(cell.exposure.users),
    ))
}

fn smallest(cells: &[Cell]) -> Option<String> {
    let held: Vec<&Cell> = cells
        .iter()
        .filter(|cell| cell.mode == Mode::Held)
        .collect();
    let (first, last) = (held.first()?, held.last()?);
    let enough = held.iter().find(|cell| cell.power.estimate >= GOOD_POWER);
    Some(match enough {
        Some(cell) if cell.weight == first.weight => format!(
            "Held at {} % it already catches {} of the bad releases and rolls back {} of the good ones.",
            cell.weight,
            percent(cell.power),
            percent(cell.false_rollback),
        ),
        Some(cell) => format!(
            "Held at {} % it catches {} of the bad releases; it takes {} % of the traffic to catch \
             {} of them ({} of the good ones roll back there).",
            first.weight,
            percent(first.power),
            cell.weight,
            percent(cell.power),
            percent(cell.false_rollback),
        ),
        None => format!(
            "At no percentage up to {} % does holding it there catch four in five of the bad releases: \
             {} at {} %, {} at {} %.",
            last.weight,
            percent(first.power),
            first.weight,
            percent(last.power),
            last.weight,
        ),
    })
}

/// Why a small canary of a success-ratio limit errs.
fn low_traffic(scenario: &Scenario, cells: &[Cell]) -> Option<String> {
    let cell = cells.iter().find(|cell| cell.mode == Mode::Held)?;
    let gate = scenario
        .analysis
        .iter()
        .find(|gate| gate.least_success().is_some())?;
    let min = gate.least_success()?;
    let weight = Weight::percent(cell.weight)?;
    let rate = mean_rate(scenario);
    let requests = rate.over(gate.window()) * weight.share();
    let single = 1.0 / min.complement();
    if requests >= single {
        return None;
    }
    let checks = cells
        .iter()
        .find(|cell| cell.as_written && cell.mode == Mode::Rollout)
        .map_or(0, |cell| cell.steps.len());
    let mut sentence = format!(
        "At {} a {} canary gets {} requests in {}; below {:.0} requests a single failure breaks the {} \
         limit",
        rate_text(rate.get()),
        spaced(&weight.to_string()),
        count(requests),
        gate.window(),
        single,
        spaced(&min.to_string()),
    );
    let measured = cell.false_rollback;
    match perfect(scenario, requests, min, checks) {
        Some(perfect) if perfect > measured.high && perfect >= 2.0 * measured.estimate => {
            let birth = scenario.telemetry.birth == Birth::FirstRequest;
            let why = if birth {
                "but a fresh canary's first failure only creates its counter, which rate() cannot see, so"
            } else {
                "but scrapes show only part of each window, so"
            };
            sentence.push_str(&format!(
                ": counted perfectly, {} of good releases would roll back in {checks} checks, {why} {} do, \
                 and bad releases hide behind the same blindness.",
                share(perfect),
                percent(measured),
            ));
        }
        _ => sentence.push_str(&format!(
            ", so {} of good releases roll back in {checks} {}.",
            percent(measured),
            if checks == 1 { "check" } else { "checks" },
        )),
    }
    Some(sentence)
}

/// Share of good releases that Flagger would roll back if every window were counted to the
/// request: the race of N passes against T failures with the chance of failing a check
/// (documented with Flagger's timing). `None` where the closed form does not hold.
fn perfect(scenario: &Scenario, requests: f64, min: Probability, checks: usize) -> Option<f64> {
    let Plan::Flagger(plan) = &scenario.rollout else {
        return None;
    };
    let simple = scenario.analysis.len() == 1
        && scenario.world.traffic.arrivals == Arrivals::Poisson
        && scenario.world.split == Split::Random
        && matches!(scenario.world.traffic.profile, Profile::Constant(_))
        && scenario.telemetry.sampling != Sampling::Exact
        && scenario
            .analysis
            .iter()
            .all(|gate| gate.window() <= plan.settings().interval);
    if !simple {
        return None;
    }
    let errors = scenario.world.stable.errors.get();
    let fails = failing_window(requests * (1.0 - errors), requests * errors, min);
    let threshold = u32::try_from(plan.settings().threshold.max(1)).ok()?;
    Some(stats::race(fails, u32::try_from(checks).ok()?, threshold))
}

/// Chance that a window with these mean numbers of successes and failures shows a success ratio
/// below `min`, or nothing at all, which Flagger fails too.
fn failing_window(successes: f64, failures: f64, min: Probability) -> f64 {
    let mut total = (-(successes + failures)).exp();
    let mut chance = (-failures).exp();
    for failed in 1..400_u32 {
        chance *= failures / f64::from(failed);
        // Fails when successes / (successes + failed) < min.
        let most = (f64::from(failed) * min.get() / min.complement() - 1e-9).ceil() - 1.0;
        total += chance * poisson_at_most(successes, most);
    }
    total.min(1.0)
}

fn poisson_at_most(mean: f64, most: f64) -> f64 {
    if most < 0.0 {
        return 0.0;
    }
    let mut term = (-mean).exp();
    let mut sum = term;
    let mut count = 0.0;
    while count < most {
        count += 1.0;
        term *= mean / count;
        sum += term;
        if count > mean && term < 1e-18 {
            break;
        }
    }
    sum.min(1.0)
}

/// One line about traffic, versions and fault.
pub(super) fn world_line(scenario: &Scenario) -> String {
    let world = &scenario.world;
    let mut parts = vec![
        traffic(scenario),
        format!("stable {}", service(&world.stable)),
    ];
    if world.canary != world.stable {
        parts.push(format!("canary {}", difference(world)));
    }
    parts.extend(world.faults.iter().map(fault));
    if !world.has_fault() {
        parts.push("canary as good as stable".to_owned());
    }
    parts.join(" · ")
}

fn traffic(scenario: &Scenario) -> String {
    let traffic = &scenario.world.traffic;
    let mean = rate_text(mean_rate(scenario).get());
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
        Profile::Trace(trace) => {
            format!(" on average, a recorded trace in bins of {}", trace.bin())
        }
    };
    let arrivals = match traffic.arrivals {
        Arrivals::Poisson => "",
        Arrivals::Even => ", evenly spaced",
    };
    let split = match scenario.world.split {
        Split::Random => "",
        Split::Even => ", split in turn",
        Split::UserHash => ", split by user",
    };
    format!("{mean}{shape}{arrivals}{split}")
}

fn service(service: &Service) -> String {
    format!("{}, {} errors", latency(&service.latency), service.errors)
}

fn latency(latency: &Latency) -> String {
    let quantile = |share| {
        let seconds = Probability::new(share).map_or(0.0, |share| latency.quantile(share));
        Span::from_millis((seconds * 1_000.0).round() as u64)
    };
    format!("p50 {} p99 {}", quantile(0.5), quantile(0.99))
}

fn difference(world: &World) -> String {
    let mut parts = Vec::new();
    if world.canary.latency != world.stable.latency {
        parts.push(latency(&world.canary.latency));
    }
    if world.canary.errors != world.stable.errors {
        parts.push(format!("{} errors", world.canary.errors));
    }
    parts.join(", ")
}

fn fault(fault: &Fault) -> String {
    let kind = match fault.kind {
        FaultKind::Errors { probability } => format!("{probability} more errors"),
        FaultKind::Latency { multiply, add } => match (multiply, add.is_zero()) {
            (1.0, _) => format!("{add} slower"),
            (_, true) => format!("{multiply} times slower"),
            (_, false) => format!("{multiply} times and {add} slower"),
        },
        FaultKind::Tail { probability, add } => format!("{probability} of answers {add} slower"),
    };
    let Schedule {
        onset,
        ramp,
        duration,
    } = fault.schedule;
    let mut text = format!("canary {kind}");
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
        text.push_str(&format!(" for {} of users", fault.scope.users));
    }
    text
}

/// One line about controller and gates.
pub(super) fn rollout_line(scenario: &Scenario) -> String {
    let percents: Vec<f64> = scenario
        .rollout
        .steps()
        .iter()
        .map(|weight| weight.as_percent())
        .collect();
    let ladder = steps(&percents);
    let period = scenario.rollout.cadence().period;
    let controller = match &scenario.rollout {
        Plan::Flagger(plan) => format!(
            "Flagger {ladder}, a check every {period}, rollback at {}",
            plural(plan.settings().threshold.max(1) as u64, "failed check")
        ),
        Plan::Staged(plan) => format!(
            "staged {ladder}, a check every {period}, {}",
            match plan.rollback {
                Rollback::Never => "never rolled back automatically".to_owned(),
                Rollback::Automatic => {
                    format!(
                        "rollback at {}",
                        plural(u64::from(plan.failures.max(1)), "failed check")
                    )
                }
            }
        ),
    };
    let gates: Vec<String> = scenario.analysis.iter().map(ToString::to_string).collect();
    if gates.is_empty() {
        format!("{controller} · nothing checked")
    } else {
        format!("{controller} · {}", gates.join("; "))
    }
}

/// A ladder of percentages, shortened in the middle.
fn steps(percents: &[f64]) -> String {
    let shown: Vec<String> = match percents {
        [] => return "no weights".to_owned(),
        [first, second, .., last] if percents.len() > 6 => {
            vec![
                first.to_string(),
                second.to_string(),
                "…".to_owned(),
                last.to_string(),
            ]
        }
        all => all.iter().map(ToString::to_string).collect(),
    };
    format!("{} %", shown.join(" → "))
}

fn percent(estimate: Estimate) -> String {
    share(estimate.estimate)
}

/// A share with as many digits as it deserves: `93 %`, `11 %`, `0.6 %`.
fn share(share: f64) -> String {
    let percent = share * 100.0;
    let near_an_end = percent.min(100.0 - percent);
    if near_an_end == 0.0 || near_an_end >= 9.95 {
        format!("{percent:.0} %")
    } else if near_an_end >= 0.095 {
        format!("{percent:.1} %")
    } else {
        format!("{percent:.2} %")
    }
}

fn spaced(percent: &str) -> String {
    percent.replace('%', " %")
}

fn rate_text(rate: f64) -> String {
    if rate >= 10.0 {
        format!("{rate:.0}/s")
    } else {
        format!("{}/s", (rate * 100.0).round() / 100.0)
    }
}

fn count(value: f64) -> String {
    if value >= 9.95 {
        format!("{value:.0}")
    } else {
        format!("{value:.1}")
    }
}

fn plural(count: u64, noun: &str) -> String {
    if count == 1 {
        format!("{count} {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

fn seconds(seconds: f64) -> String {
    Span::from_secs(seconds.round() as u64).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_of_twelve_requests_fails_a_99_percent_limit_when_one_fails() {
        let min = Probability::new(0.99).unwrap();
        let fails = failing_window(12.0 * 0.999, 12.0 * 0.001, min);
        // One or more failures in about twelve requests, or no request at all.
        let expected = 1.0 - (-0.012_f64).exp() + (-12.0_f64).exp();
        assert!((fails - expected).abs() < 1e-5, "{fails} {expected}");
    }

    #[test]
    fn shares_get_the_digits_they_deserve() {
        assert_eq!(share(0.0), "0 %");
        assert_eq!(share(0.114), "11 %");
        assert_eq!(share(0.0061), "0.6 %");
        assert_eq!(share(0.9999), "99.99 %");
        assert_eq!(share(1.0), "100 %");
    }
}
