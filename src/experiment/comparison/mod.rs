//! All gates on one scenario, by the same luck: who catches the bad release, who rolls back the
//! good one, how soon, and who was hurt.
//!
//! The rollout is played once per trial as though nothing stopped it, and every gate looks on: at
//! a given weight what is measured does not depend on who judges it, so each gate reads the same
//! counters at the same checks, and its first rollback ends the rollout for it alone. Controllers
//! with rules of their own (Flagger, Argo Rollouts, Spinnaker with Kayenta, each as it comes) play
//! their own rollouts on the same traffic and users.

mod contender;
mod league;
mod play;

pub use contender::{Contender, Family, LEVELS, contenders};
pub use league::{Lead, League, league};

use serde::{Deserialize, Serialize};

use super::estimate::{share, within};
use super::replicate::{Options, ThreadsError};
use super::summary::{Detection, Estimate, Exposure};
use crate::gate::statistical::Planned;
use crate::scenario::Scenario;
use play::Fate;

/// The version of the stored form.
pub const FORMAT: u32 = 1;

/// A scenario's gates side by side.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Comparison {
    /// The stored form's version.
    pub format: u32,
    /// The scenario's name.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The service, the release and the traffic in one line.
    pub world: String,
    /// The steps that were judged, in one line.
    pub rollout: String,
    /// Whether anything is wrong with the canary.
    pub has_fault: bool,
    /// The root seed.
    pub seed: String,
    /// Trials of each world.
    pub trials: u64,
    /// The longest that the undisturbed rollout takes, in seconds.
    pub seconds: f64,
    /// Whether everything asked for was played.
    pub complete: bool,
    /// One row for each gate and level.
    pub rows: Vec<Row>,
}

/// What one gate at one level came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The gate in one line.
    pub gate: String,
    /// Its kind: equal for the same gate at several levels.
    pub kind: String,
    /// Whose it is.
    pub family: Family,
    /// Its alpha, or how strict its limit is; absent where it has none.
    pub level: Option<f64>,
    /// Whether it promises to keep its level over all looks.
    pub promises: bool,
    /// Share of the good releases that it rolls back.
    pub false_rollback: Estimate,
    /// Share of the bad releases that it rolls back.
    pub power: Estimate,
    /// From fault and canary traffic to the rollback.
    pub detection_seconds: Detection,
    /// Median time to the rollback over all bad releases, in seconds; absent when fewer than half
    /// were caught.
    pub median_seconds: Option<f64>,
    /// Quantiles of the same, from 5 % to 95 % in steps of 5; as long as there are any.
    pub quantiles: Vec<f64>,
    /// What bad releases did to users until then.
    pub exposure: Exposure,
    /// Median time until the gate says that a good release is no worse, over all of them, in
    /// seconds; absent for gates that never say so, and where fewer than half were cleared.
    pub cleared_seconds: Option<f64>,
}

/// Plays a scenario with all contenders looking on.
///
/// # Errors
/// When the asked number of threads cannot be started.
pub fn compare(
    scenario: &Scenario,
    contenders: &[Contender],
    trials: u32,
    options: &Options<'_>,
) -> Result<Comparison, ThreadsError> {
    let plan = play::undisturbed(&scenario.rollout);
    let (fates, complete) = play::play(scenario, &plan, contenders, trials, options)?;
    let rows = contenders.iter().enumerate();
    let rows = rows.map(|(index, contender)| row(contender, fates.iter().map(|fate| &fate[index])));
    Ok(Comparison {
        format: FORMAT,
        scenario: scenario.name.clone(),
        title: scenario.title.clone(),
        world: super::findings::world_line(scenario),
        rollout: play::line(&plan),
        has_fault: scenario.world.has_fault(),
        seed: scenario.experiment.seed.to_string(),
        trials: fates.len() as u64,
        seconds: plan.undisturbed().as_secs_f64(),
        complete,
        rows: rows.collect(),
    })
}

fn row<'f>(contender: &Contender, fates: impl Iterator<Item = &'f [Fate; 2]>) -> Row {
    let (mut faulty, mut healthy) = (Vec::new(), Vec::new());
    for [bad, good] in fates {
        faulty.push(bad);
        healthy.push(good);
    }
    let n = faulty.len();
    let mut times: Vec<f64> = faulty.iter().filter_map(|fate| fate.detection).collect();
    times.sort_by(f64::total_cmp);
    let mut cleared: Vec<f64> = healthy.iter().filter_map(|fate| fate.cleared).collect();
    cleared.sort_by(f64::total_cmp);
    let among = |times: &[f64], share| within(times, share, times.len());
    let of_all = |times: &[f64], share| within(times, share, n);
    let rolled_back = |fates: &[&Fate]| {
        let count = fates.iter().filter(|fate| fate.rolled_back).count();
        share(count as u64, n as u64)
    };
    let each = (1..20).map(|step| of_all(&times, f64::from(step) * 0.05));
    Row {
        gate: contender.name.clone(),
        kind: contender.kind.clone(),
        family: contender.family,
        level: contender.level,
        promises: contender.promises,
        false_rollback: rolled_back(&healthy),
        power: rolled_back(&faulty),
        detection_seconds: Detection {
            p50: among(&times, 0.5),
            p90: among(&times, 0.9),
            never: 1.0 - times.len() as f64 / n.max(1) as f64,
        },
        median_seconds: of_all(&times, 0.5),
        quantiles: each.map_while(|time| time).collect(),
        exposure: Exposure {
            requests: mean(faulty.iter().map(|fate| fate.exposed as f64)),
            users: mean(faulty.iter().map(|fate| fate.users)),
            after: None,
        },
        cleared_seconds: of_all(&cleared, 0.5),
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len().max(1) as f64;
    values.sum::<f64>() / n
}

/// How long and how often a scenario's undisturbed rollout is looked at.
pub fn planned(scenario: &Scenario) -> Planned {
    let plan = play::undisturbed(&scenario.rollout);
    Planned {
        duration: plan.undisturbed(),
        interval: plan.interval,
    }
}
