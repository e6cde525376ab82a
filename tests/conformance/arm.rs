//! Who plays: virtual time, or real sockets.

use std::sync::atomic::AtomicBool;

use coalmine::experiment::conform::{self, Observation};
use coalmine::experiment::{self, Staging};
use coalmine::scenario::Scenario;

use super::shared_folder;

/// Who plays.
#[derive(Debug, Clone, Copy)]
pub(super) enum Arm {
    Virtual,
    Live,
}

impl Arm {
    /// What so many rollouts show; `None`, on record, where the machine is too busy for live ones.
    pub(super) fn play(self, scenario: &Scenario, rollouts: u64) -> Option<Vec<Observation>> {
        match self {
            Arm::Virtual => {
                let seed = scenario.experiment.seed;
                Some(conform::simulate(scenario, seed, 0, rollouts))
            }
            Arm::Live => live(scenario, rollouts),
        }
    }
}

/// Of three times as many rollouts those that are valid, until there are enough.
fn live(scenario: &Scenario, rollouts: u64) -> Option<Vec<Observation>> {
    let mut seen = Vec::new();
    for replicate in 0..3 * rollouts {
        let staging = Staging {
            seed: scenario.experiment.seed,
            replicate,
            good: false,
            speed: scenario.live_speed(),
            stop: &AtomicBool::new(false),
            log: None,
            record: None,
        };
        let rollout = experiment::live(scenario, staging, &mut |_| {}).unwrap();
        let outcome = rollout.outcome;
        if outcome.doubts.is_empty() {
            seen.push(rollout.observation);
        } else {
            assert!(outcome.is_only_late(), "{:?}", outcome.doubts);
        }
        if seen.len() as u64 == rollouts {
            return Some(seen);
        }
    }
    shared_folder::skip("the machine is too busy for live rollouts");
    None
}
