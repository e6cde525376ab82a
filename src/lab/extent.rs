//! How much work one rollout is: what is played while somebody waits must end by itself soon, as a
//! simulation is stopped between two rollouts only.

use super::refusal::Refusal;
use crate::engine::r#virtual::Kind;
use crate::experiment;
use crate::scenario::Scenario;
use crate::telemetry::Sampling;

/// The most requests that are followed one by one.
const MOST_REQUESTS: f64 = 5e6;
/// The most instants at which something is counted or decided.
const MOST_INSTANTS: f64 = 1e6;

/// Whether one rollout of a scenario is short enough to be played here.
///
/// # Errors
/// Why it is not.
pub(super) fn check(scenario: &Scenario) -> Result<(), Refusal> {
    let horizon = scenario.horizon.as_secs_f64();
    let (engine, _) = experiment::engine(scenario);
    let requests = experiment::note(scenario).rate * horizon;
    let refuse = |what: String| {
        Err(Refusal::Impossible(format!(
            "one rollout takes too long to play here: {what}; lower the rate or shorten the rollout, \
             or ask `coalmine power`"
        )))
    };
    if engine != Kind::Counts && requests > MOST_REQUESTS {
        return refuse(format!(
            "up to {requests:.0} requests are followed one by one, and {MOST_REQUESTS:.0} is the most"
        ));
    }
    let period = scenario.rollout.cadence().period;
    let between = match scenario.telemetry.sampling {
        Sampling::Scraped { interval, .. } => interval.min(period),
        Sampling::Exact => period,
    };
    let instants = horizon / between.as_secs_f64().max(1e-9);
    if instants > MOST_INSTANTS {
        return refuse(format!(
            "something is counted or decided at up to {instants:.0} instants, and {MOST_INSTANTS:.0} \
             is the most"
        ));
    }
    Ok(())
}
