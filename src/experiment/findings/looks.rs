//! What is asked of a check: how often it looks, how far back, and at how many requests.

use crate::base::{Rate, Weight};
use crate::experiment::findings::likeness;
use crate::experiment::words::{self, count, exact_share, share};
use crate::gate::{self, Gate, Metric};
use crate::model::fault::Target;
use crate::rollout::{Plan, StagedPlan};
use crate::scenario::Scenario;
use crate::telemetry::{Birth, Sampling};

/// Sentences about the checks of a staged rollout.
pub(super) fn sentences(scenario: &Scenario) -> Vec<String> {
    let Plan::Staged(plan) = &scenario.rollout else {
        return Vec::new();
    };
    let Some(first) = (plan.steps.iter().map(|step| step.weight)).find(|weight| !weight.is_zero())
    else {
        return Vec::new();
    };
    let mut sentences = Vec::new();
    sentences.extend(many_tests(scenario, plan));
    sentences.extend(window_of_steps(scenario, plan));
    sentences.extend(short_of_a_tail(scenario, first));
    sentences.extend(watered_down(scenario, first));
    sentences.extend(between_scrapes(scenario));
    sentences
}

/// The chance of a false alarm that a test allows at each look.
fn level(gate: &Gate) -> Option<f64> {
    match gate {
        Gate::TwoProportionZ(test) => Some(test.alpha.get()),
        // With room below stable a good canary fails less often than the level says.
        Gate::Business(test) if test.min >= 1.0 => Some(test.alpha.get()),
        _ => None,
    }
}

/// Tests made for one look, or one of them made for standing alone.
fn many_tests(scenario: &Scenario, plan: &StagedPlan) -> Option<String> {
    let levels: Vec<f64> = scenario.analysis.iter().filter_map(level).collect();
    let least = levels.iter().copied().reduce(f64::min)?;
    let looks: u64 = (plan.steps.iter())
        .map(|step| {
            step.hold
                .as_nanos()
                .div_ceil(plan.interval.as_nanos().max(1))
                .max(1)
        })
        .sum();
    let tests = levels.len() as u64;
    if plan.failures > 1 || tests * looks < 2 {
        return None;
    }
    let window = gate::windows(&scenario.analysis).max()?;
    let good = (levels.iter()).fold(1.0, |good, level| good * (1.0 - level));
    let what = match (tests, looks) {
        (1, looks) => format!(
            "The test allows {} of false alarms at one look, and it looks {looks} times",
            exact_share(least)
        ),
        (tests, 1) => format!(
            "Each of {tests} tests allows {} of false alarms",
            exact_share(least)
        ),
        (tests, looks) => format!(
            "Each of {tests} tests allows {} of false alarms at one look, and looks {looks} times",
            exact_share(least)
        ),
    };
    let alone = window <= plan.interval;
    Some(if alone {
        let all = 1.0 - good.powf(looks as f64);
        format!(
            "{what}: were they independent, {} of good releases would fail one of them. Divide the \
             level by their number.",
            share(all)
        )
    } else {
        format!(
            "{what} at data that overlap: every look is another chance of a false alarm. Look once, \
             or lower the level."
        )
    })
}

/// Windows that reach back into other percentages.
fn window_of_steps(scenario: &Scenario, plan: &StagedPlan) -> Option<String> {
    let window = gate::windows(&scenario.analysis).max()?;
    let shortest = plan.steps.iter().map(|step| step.hold).min()?;
    (plan.steps.len() > 1 && window > shortest + plan.interval).then(|| {
        format!(
            "The window of {window} is longer than a step of {shortest}: each check judges the \
             percentages before along with its own, and sees what is new late."
        )
    })
}

/// A quantile that hardly any request lies above.
fn short_of_a_tail(scenario: &Scenario, weight: Weight) -> Option<String> {
    let rate = likeness::rate(scenario);
    scenario.analysis.iter().find_map(|gate| {
        let (quantile, least) = match gate {
            Gate::LatencyQuantile(gate) => (gate.quantile, gate.min_requests),
            Gate::Comparison(gate) => match gate.metric {
                Metric::LatencyQuantile(quantile) => (quantile, gate.min_requests),
                _ => return None,
            },
            _ => return None,
        };
        let requests = rate * gate.window().as_secs_f64() * weight.share();
        let above = requests * quantile.complement();
        (above < 1.0 && requests >= f64::from(least)).then(|| {
            format!(
                "At {} the canary gets {} requests in {}, of which {} lie above the {} quantile: what \
                 is measured is about its slowest answer.",
                exact_share(weight.share()),
                count(requests),
                gate.window(),
                count(above),
                exact_share(quantile.get()),
            )
        })
    })
}

/// Probes that succeed among requests that do not.
fn watered_down(scenario: &Scenario, weight: Weight) -> Option<String> {
    let probes = scenario.telemetry.probes;
    let errors = |gate: &Gate| {
        gate.least_success().is_some()
            || matches!(gate, Gate::TwoProportionZ(_))
            || matches!(gate, Gate::Comparison(gate) if gate.metric == Metric::ErrorRatio)
    };
    if probes == Rate::ZERO || !scenario.analysis.iter().any(errors) {
        return None;
    }
    let users = likeness::rate(scenario) * weight.share();
    let times = (users + probes.get()) / users;
    (times > 1.2).then(|| {
        format!(
            "The metrics count {} of probes too, which always succeed: at {} every failure ratio of the \
             canary shows as {} of what it is. Leave probes out of the metric.",
            words::rate(probes.get()),
            exact_share(weight.share()),
            share(1.0 / times),
        )
    })
}

/// A fault that is over before its counter has been read twice.
fn between_scrapes(scenario: &Scenario) -> Option<String> {
    let telemetry = &scenario.telemetry;
    let Sampling::Scraped { interval, .. } = telemetry.sampling else {
        return None;
    };
    let brief = scenario.world.faults.iter().find_map(|fault| {
        let duration = fault.schedule.duration?;
        let once = fault.schedule.every.is_none();
        (fault.target != Target::Both && once && duration < interval).then_some(duration)
    })?;
    (telemetry.birth == Birth::FirstRequest).then(|| {
        format!(
            "The fault lasts {brief} and is over before the next scrape (every {interval}). A counter \
             that begins with the first failure stands still from its first sample on: rate() sees \
             nothing. Let counters begin at zero (series = \"zero\")."
        )
    })
}
