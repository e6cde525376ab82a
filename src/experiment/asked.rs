//! Single figures of a scenario, each with its interval: as the clauses of a scenario name them.

use super::expectation::{Measured, measure};
use super::replicate::{Options, Pair, ThreadsError, Until, replicate};
use super::{CONFIDENCE, pair};
use crate::base::Weight;
use crate::scenario::{Asked, Scenario};

/// Plays so many trials for each of these figures; answers come in their order, none for a figure of
/// which no trial was played in time. The flag says whether all were played.
///
/// # Errors
/// When the threads cannot be started.
pub fn measured(
    scenario: &Scenario,
    asked: &[Asked],
    trials: u32,
    options: &Options<'_>,
) -> Result<(Vec<Option<Measured>>, bool), ThreadsError> {
    let mut ways: Vec<Option<Weight>> = Vec::new();
    for one in asked {
        if !ways.contains(&one.at) {
            ways.push(one.at);
        }
    }
    let healthy = scenario.world.healthy();
    let pairs: Vec<Pair<'_>> = (ways.iter())
        .map(|held| pair(scenario, &healthy, &scenario.rollout, *held))
        .collect();
    let seed = scenario.experiment.seed;
    let (samples, complete) = replicate(&pairs, Until::Count(trials), seed, options)?;
    let answer = |one: &Asked| {
        let way = ways.iter().position(|way| *way == one.at)?;
        let sample = samples.get(way)?;
        let (faulty, healthy) = (&sample.faulty, &sample.healthy);
        (!faulty.is_empty()).then(|| measure(one.metric, faulty, healthy, CONFIDENCE))
    };
    Ok((asked.iter().map(answer).collect(), complete))
}
