//! How much work a scenario is: what is played while somebody waits must end by itself soon and fit into
//! memory, whoever wrote it.

use super::refusal::Refusal;
use super::setup::MOST_PERCENTAGES;
use crate::base::Time;
use crate::engine::r#virtual::Kind;
use crate::experiment;
use crate::gate::Gate;
use crate::model::traffic::Sessions;
use crate::scenario::Scenario;
use crate::telemetry::Sampling;

/// The most requests that are followed one by one.
const MOST_REQUESTS: f64 = 5e6;
/// The most requests that are counted: two hundred times as many, as heat maps have them, can still be
/// added up.
const MOST_COUNTED: f64 = 1e15;
/// The most instants at which something is counted, or a gate or query is looked at.
const MOST_INSTANTS: f64 = 1e6;
/// The most cells: canary percentages of all rollouts side by side.
const MOST_CELLS: usize = 400;

/// Whether a scenario is small enough to be played here.
///
/// # Errors
/// Why it is not.
pub(super) fn check(scenario: &Scenario) -> Result<(), Refusal> {
    check_cells(scenario)?;
    check_requests(scenario)?;
    check_instants(scenario)
}

fn check_cells(scenario: &Scenario) -> Result<(), Refusal> {
    let weights = scenario.experiment.weights.len();
    if weights > MOST_PERCENTAGES {
        return Err(Refusal::Impossible(format!(
            "experiment.weights: {weights} canary percentages are too many to play here: give \
             {MOST_PERCENTAGES} at most, or ask `coalmine power`"
        )));
    }
    let rollouts = 1 + scenario.rivals.len();
    if weights * rollouts > MOST_CELLS {
        return Err(Refusal::Impossible(format!(
            "experiment.weights: {weights} canary percentages of {rollouts} rollouts (`rollout` and \
             `rivals`) are too many to play here: {MOST_CELLS} in all is the most; or ask \
             `coalmine power`"
        )));
    }
    Ok(())
}

fn check_requests(scenario: &Scenario) -> Result<(), Refusal> {
    let traffic = &scenario.world.traffic;
    let whole = scenario.horizon + scenario.experiment.aftermath;
    let counted = traffic.profile.bound(Time::START, Time::START + whole) * whole.as_secs_f64();
    if counted.is_nan() || counted > MOST_COUNTED {
        return Err(Refusal::Impossible(format!(
            "traffic.rate: one rollout has up to {counted:.1e} requests, and {MOST_COUNTED:.0e} is the \
             most that is counted; lower the rate or shorten the rollout"
        )));
    }
    let (engine, _) = experiment::engine(scenario);
    let rate = traffic.profile.mean(scenario.horizon).get();
    // Sessions that are under way at the start have begun before.
    let run_up = (traffic.sessions.as_ref()).map_or(0.0, Sessions::run_up);
    let followed = rate * (whole.as_secs_f64() + run_up);
    if engine != Kind::Counts && followed > MOST_REQUESTS {
        return Err(too_long(&format!(
            "up to {followed:.0} requests are followed one by one, and {MOST_REQUESTS:.0} is the most"
        )));
    }
    Ok(())
}

fn check_instants(scenario: &Scenario) -> Result<(), Refusal> {
    let horizon = (scenario.horizon + scenario.experiment.aftermath).as_secs_f64();
    let times = |period: f64| horizon / period.max(1e-9);
    let ticks = times(scenario.rollout.cadence().period.as_secs_f64());
    let scrapes = match scenario.telemetry.sampling {
        Sampling::Scraped { interval, .. } => times(interval.as_secs_f64()),
        Sampling::Exact => 0.0,
    };
    let queries = |gate: &Gate| match gate {
        Gate::Kayenta(analysis) => analysis.sources.len().max(1),
        _ => 1,
    };
    let looked_at: usize = scenario.analysis.iter().map(queries).sum();
    let instants = scrapes + ticks * (1 + looked_at) as f64;
    if instants > MOST_INSTANTS {
        return Err(too_long(&format!(
            "its metrics are scraped {scrapes:.0} times, and its {} looked at {ticks:.0} times: \
             {instants:.0} instants, and {MOST_INSTANTS:.0} is the most",
            match looked_at {
                0 => "controller is".to_owned(),
                1 => "one gate or query is".to_owned(),
                more => format!("{more} gates and queries are"),
            }
        )));
    }
    Ok(())
}

fn too_long(what: &str) -> Refusal {
    Refusal::Impossible(format!(
        "one rollout takes too long to play here: {what}; lower the rate, look less often or shorten the \
         rollout, or ask `coalmine power`"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::choices;
    use crate::lab::setup::Setup;

    #[test]
    fn every_shipped_scenario_is_small_enough_with_every_gate() {
        for builtin in crate::scenario::builtin() {
            for choice in choices::listed() {
                let setup = Setup {
                    scenario: Some(builtin.name.to_owned()),
                    gate: Some(choice.id.clone()),
                    ..Setup::default()
                };
                if let Err(refusal) = setup.stage() {
                    // Some gates cannot be had somewhere.
                    let is_extent = matches!(refusal, Refusal::Impossible(_));
                    assert!(!is_extent, "{} {}: {refusal}", builtin.name, choice.id);
                }
            }
        }
    }
}
