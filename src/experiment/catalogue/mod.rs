//! The catalogue of faults: what each does, where it shows, and, measured, which of the classic
//! gates sees it.
//!
//! # How it is measured
//!
//! Each fault stands in the same small service: 100 requests a second, 0.1 % errors, a canary held at
//! 5 % for half an hour, looked at every minute from the sixth on over windows of five minutes; two
//! failed checks in a row roll back. All gates judge the same rollouts: at a fixed weight what is
//! measured does not depend on who judges it.

mod table;

use std::path::Path;

use rayon::prelude::*;

use super::engine;
use super::estimate::share;
use super::summary::Estimate;
use crate::base::{Problems, Seed};
use crate::engine::r#virtual::{Player, Setting};
use crate::gate::{self, Gate, Outcome};
use crate::model::World;
use crate::scenario::{self, Scenario};

/// One fault of the catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// `F1` to `F28`.
    pub id: &'static str,
    /// What it is called.
    pub name: &'static str,
    /// What it does, in the size given by `toml`.
    pub does: &'static str,
    /// Where it shows.
    pub shows_in: &'static str,
    /// For what it is hard.
    pub hard_for: &'static str,
    /// What a scenario says to have it.
    pub toml: &'static str,
}

/// A gate that the faults are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClassicGate {
    /// What it is called.
    pub name: &'static str,
    /// What a scenario says to have it.
    pub toml: &'static str,
}

/// What one gate makes of one fault.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Seen {
    /// Share of the bad releases rolled back.
    pub power: Estimate,
    /// Share of the good releases rolled back.
    pub false_rollback: Estimate,
}

/// The service that every fault stands in.
pub const SERVICE: &str = r#"horizon = "30m"

[traffic]
rate = "100/s"
"#;

/// The rollout that every fault stands in, to be followed by its gates.
pub const ROLLOUT: &str = r#"[rollout]
steps = [{ weight = "5%", hold = "30m" }]
interval = "1m"
warmup = "6m"
rollback = "never"
"#;

/// Failed checks in a row that count as a rollback.
const FAILURES: u32 = 2;

/// The gates, in the order of the columns.
pub const GATES: [ClassicGate; 6] = [
    ClassicGate {
        name: "success ratio",
        toml: "[[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"99%\"\nwindow = \"5m\"\n",
    },
    ClassicGate {
        name: "p99 latency",
        toml: "[[rollout.gates]]\nkind = \"latency-quantile\"\nquantile = \"p99\"\nmax = \"400ms\"\n\
               window = \"5m\"\n",
    },
    ClassicGate {
        name: "mean latency ratio",
        toml: "[[rollout.gates]]\nkind = \"ratio\"\nmetric = \"mean\"\nmax = 1.2\nwindow = \"5m\"\n",
    },
    ClassicGate {
        name: "error ratio",
        toml: "[[rollout.gates]]\nkind = \"ratio\"\nmetric = \"errors\"\nmax = 4\nwindow = \"5m\"\n",
    },
    ClassicGate {
        name: "z test",
        toml: "[[rollout.gates]]\nkind = \"z-test\"\nalpha = \"1%\"\nwindow = \"5m\"\n",
    },
    ClassicGate {
        name: "business",
        toml: "[[rollout.gates]]\nkind = \"business\"\ngoal = \"conversion\"\nmin = 1\n\
               alpha = \"1%\"\nwindow = \"5m\"\n\n[[goals]]\nname = \"conversion\"\n\
               probability = \"3%\"\n",
    },
];

/// Every fault, by number.
pub fn catalogue() -> &'static [Entry] {
    &table::TABLE
}

impl Entry {
    /// The kind of fault as a scenario names it; empty where it is no fault of the release.
    pub fn kind(&self) -> &'static str {
        let after = self.toml.split("kind = \"").nth(1);
        after.and_then(|rest| rest.split('"').next()).unwrap_or("")
    }

    /// The scenario in which some gates are held against it.
    ///
    /// # Errors
    /// None, unless the embedded text is broken; a test reads it.
    pub fn scenario(&self, gates: &[ClassicGate]) -> Result<Scenario, Problems> {
        let mut text = format!("{SERVICE}\n{}\n{ROLLOUT}", self.toml);
        for gate in gates {
            text.push('\n');
            text.push_str(gate.toml);
        }
        let file = format!("{}.toml", self.id);
        scenario::parse(&text, Path::new(&file), None)
    }

    /// How often each of some gates rolls back bad and good releases, in so many rollouts of each.
    ///
    /// # Errors
    /// As [`Entry::scenario`].
    pub fn measure(&self, gates: &[ClassicGate], trials: u32) -> Result<Vec<Seen>, Problems> {
        let scenario = self.scenario(gates)?;
        let bad = rollbacks(&scenario, &scenario.world, trials);
        let good = rollbacks(&scenario, &scenario.world.healthy(), trials);
        let seen = bad.into_iter().zip(good).map(|(bad, good)| Seen {
            power: share(bad, u64::from(trials)),
            false_rollback: share(good, u64::from(trials)),
        });
        Ok(seen.collect())
    }
}

/// In how many rollouts each gate of the analysis would have rolled back.
fn rollbacks(scenario: &Scenario, world: &World, trials: u32) -> Vec<u64> {
    let (engine, _) = engine(scenario);
    let setting = Setting {
        world,
        telemetry: &scenario.telemetry,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        onlookers: &[],
        horizon: scenario.horizon,
        aftermath: crate::base::Span::ZERO,
        held: None,
        engine,
        observe: false,
    };
    let none = || vec![0; scenario.analysis.len()];
    (0..u64::from(trials))
        .into_par_iter()
        .map_init(
            || Player::new(setting.clone()),
            |player, replicate| {
                judged(
                    player,
                    &scenario.analysis,
                    scenario.experiment.seed,
                    replicate,
                )
            },
        )
        .map(|rolled| rolled.into_iter().map(u64::from).collect())
        .reduce(none, |sum: Vec<u64>, more: Vec<u64>| {
            sum.iter().zip(more).map(|(a, b)| a + b).collect()
        })
}

/// Whether each gate alone would have rolled back one rollout.
fn judged(player: &mut Player<'_>, gates: &[Gate], seed: Seed, replicate: u64) -> Vec<bool> {
    let mut failures = vec![0; gates.len()];
    let mut rolled = vec![false; gates.len()];
    player.watch(seed, replicate, &mut |tick| {
        if tick.verdict.is_none() {
            return;
        }
        for (index, gate) in gates.iter().enumerate() {
            let verdict = gate::judge(std::slice::from_ref(gate), tick.now, tick.telemetry);
            match verdict.outcome {
                Outcome::Fail => failures[index] += 1,
                Outcome::Pass => failures[index] = 0,
                Outcome::Inconclusive => {}
            }
            rolled[index] |= failures[index] >= FAILURES;
        }
    });
    rolled
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Ending;
    use crate::experiment::setting;
    use crate::rollout::{Plan, Rollback, StagedPlan};

    #[test]
    fn faults_are_numbered_and_told_in_sentences() {
        for (index, entry) in catalogue().iter().enumerate() {
            assert_eq!(entry.id, format!("F{}", index + 1));
            assert!(entry.does.ends_with('.'), "{}", entry.id);
            assert!(!entry.shows_in.ends_with('.'), "{}", entry.id);
            assert!(!entry.hard_for.ends_with('.'), "{}", entry.id);
            assert!(
                toml::from_str::<toml::Table>(entry.toml).is_ok(),
                "{}",
                entry.id
            );
        }
    }

    #[test]
    fn what_is_measured_is_what_a_controller_would_do() {
        let slow = &catalogue()[2];
        for gate in &GATES[..5] {
            let gate = std::slice::from_ref(gate);
            let measured = slow.measure(gate, 40).unwrap();
            let mut scenario = slow.scenario(gate).unwrap();
            let Plan::Staged(plan) = &scenario.rollout else {
                panic!("a staged rollout");
            };
            scenario.rollout = Plan::Staged(StagedPlan {
                rollback: Rollback::Automatic,
                failures: FAILURES,
                ..plan.clone()
            });
            let healthy = scenario.world.healthy();
            let share = |world| {
                let (engine, _) = engine(&scenario);
                let mut player =
                    Player::new(setting(&scenario, world, &scenario.rollout, None, engine));
                let rolled = (0..40).filter(|replicate| {
                    let trial = player.play(scenario.experiment.seed, *replicate);
                    trial.ending == Ending::RolledBack
                });
                rolled.count() as f64 / 40.0
            };
            let played = (share(&scenario.world), share(&healthy));
            let seen = (
                measured[0].power.estimate,
                measured[0].false_rollback.estimate,
            );
            assert_eq!(seen, played, "{}", gate[0].name);
        }
    }

    #[test]
    fn a_mean_sees_a_shift_that_errors_do_not_show() {
        let seen = catalogue()[2].measure(&GATES[..3], 40).unwrap();
        let (ratio, mean) = (seen[0], seen[2]);
        // Means of 1,500 latencies whose coefficient of variation is 0.93 are right to within 2.4 %
        // (standard deviation): 1.3 is four of them above 1.2, and 1 is eight below.
        assert_eq!(
            (mean.power.estimate, mean.false_rollback.estimate),
            (1.0, 0.0)
        );
        assert_eq!(
            (ratio.power.estimate, ratio.false_rollback.estimate),
            (0.0, 0.0)
        );
    }
}
