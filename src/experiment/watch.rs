//! One rollout, tick by tick, as its metrics showed it.

use crate::base::{Probability, Seed, Span};
use crate::engine::Trial;
use crate::engine::r#virtual::{Kind, Player, Setting, Tick};
use crate::gate::{Gate, Rule, Verdict};
use crate::rollout::Reach;
use crate::scenario::Scenario;
use crate::telemetry::{Unit, Version};

use super::summary::TimelineRow;

/// Plays one rollout as written; `good` puts a canary as good as stable in place of the faulty one.
pub fn watch(
    scenario: &Scenario,
    seed: Seed,
    replicate: u64,
    good: bool,
    engine: Kind,
) -> (Vec<TimelineRow>, Trial) {
    let healthy = scenario.world.healthy();
    let setting = Setting {
        world: if good { &healthy } else { &scenario.world },
        telemetry: &scenario.telemetry,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        horizon: scenario.horizon,
        held: None,
        engine,
        observe: true,
    };
    let mut rows = Vec::new();
    let trial =
        Player::new(setting).watch(seed, replicate, &mut |tick| rows.push(row(scenario, tick)));
    (rows, trial)
}

fn row(scenario: &Scenario, tick: &Tick<'_>) -> TimelineRow {
    let window = shown_window(scenario);
    let percent = |version| {
        let ratio = tick
            .telemetry
            .window(version, tick.now, window)
            .success_ratio()?;
        (ratio.is_finite()).then_some(ratio * 100.0)
    };
    let p99 = |version| {
        let unit = tick.telemetry.bounds().unit();
        let shown = tick
            .telemetry
            .window(version, tick.now, window)
            .latency_quantile(0.99)?;
        let millis = match unit {
            Unit::Seconds => shown * 1_000.0,
            Unit::Milliseconds => shown,
        };
        millis.is_finite().then_some(millis)
    };
    let canary = tick.telemetry.window(Version::Canary, tick.now, window);
    let weight = match tick.routing.reach {
        Reach::Everyone => tick.routing.canary.as_percent(),
        Reach::Matched => tick.routing.canary.share() * scenario.world.matched.get() * 100.0,
    };
    TimelineRow {
        seconds: tick.now.as_secs_f64(),
        weight,
        phase: tick.state.phase.to_string(),
        failures: tick.state.failures,
        canary_success: percent(Version::Canary),
        stable_success: percent(Version::Stable),
        canary_p99: p99(Version::Canary),
        stable_p99: p99(Version::Stable),
        success_limit: scenario.analysis.iter().find_map(success_limit),
        p99_limit: scenario.analysis.iter().find_map(p99_limit),
        canary_requests: canary.requests(),
        verdict: tick
            .verdict
            .map(|verdict| verdict.outcome.to_string())
            .unwrap_or_default(),
        reason: tick
            .verdict
            .map(|verdict| reason(scenario, &verdict))
            .unwrap_or_default(),
    }
}

/// Why a verdict fell, in words: value, limit, requests and gate.
pub(super) fn reason(scenario: &Scenario, verdict: &Verdict) -> String {
    let Some(gate) = scenario.analysis.get(verdict.gate) else {
        return verdict.rule.to_string();
    };
    match verdict.rule {
        Rule::NoData => format!("{gate}: no data"),
        Rule::NothingChecked | Rule::HookRefused => verdict.rule.to_string(),
        _ => format!("{gate}: {}", verdict.explain(gate)),
    }
}

/// The window that a reader wants to see: the first gate's.
pub(super) fn shown_window(scenario: &Scenario) -> Span {
    let first = scenario.analysis.first().map(Gate::window);
    first.unwrap_or(scenario.rollout.cadence().period)
}

fn success_limit(gate: &Gate) -> Option<f64> {
    gate.least_success()
        .map(|share| Probability::get(share) * 100.0)
}

fn p99_limit(gate: &Gate) -> Option<f64> {
    gate.longest_p99().map(Span::as_millis_f64)
}
