//! Plays trials: every gate reads the same batches, on any number of threads with the same result.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::record;
use super::settings::{Setting, World};
use super::shelf::Gate;
use super::traffic::{Flow, Traffic};
use crate::base::{Purpose, Seed};
use crate::experiment::ledger::{CellId, UnitId};
use crate::experiment::{Options, Progress};
use crate::gate::statistical::{Arm, Batch, Decision, Evidence, Reads, Test};

/// Trials that one thread plays at a time.
const BLOCK: u32 = 100;

/// What became of the trials of one gate.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tally {
    /// Trials.
    pub trials: u64,
    /// Rollbacks at each look.
    pub worse: Vec<u64>,
    /// Promotions on evidence at each look.
    pub not_worse: Vec<u64>,
    /// Looks, and those at too little.
    pub looks: u64,
    pub no_data: u64,
    /// Errors of the canary until the gate had decided or the end came.
    pub exposed: u64,
    /// Sum and sum of squares of the e-values at that moment, where the evidence is one.
    pub e: Option<[f64; 2]>,
    /// Whether the evidence may at any look be for the canary as well.
    pub both_ways: bool,
}

impl Tally {
    pub(super) fn new(looks: u32) -> Tally {
        Tally {
            trials: 0,
            worse: vec![0; looks as usize],
            not_worse: vec![0; looks as usize],
            looks: 0,
            no_data: 0,
            exposed: 0,
            e: None,
            both_ways: false,
        }
    }

    fn add(&mut self, other: &Tally) {
        let sum = |into: &mut [u64], from: &[u64]| {
            for (into, from) in into.iter_mut().zip(from) {
                *into += from;
            }
        };
        self.trials += other.trials;
        sum(&mut self.worse, &other.worse);
        sum(&mut self.not_worse, &other.not_worse);
        self.looks += other.looks;
        self.no_data += other.no_data;
        self.exposed += other.exposed;
        self.both_ways |= other.both_ways;
        self.e = match (self.e, other.e) {
            (Some([sum, squares]), Some([more, more_squares])) => {
                Some([sum + more, squares + more_squares])
            }
            (here, there) => here.or(there),
        };
    }

    fn end(&mut self, e: Option<f64>) {
        self.trials += 1;
        if let Some(log) = e {
            let e = log.exp();
            let [sum, squares] = self.e.unwrap_or_default();
            self.e = Some([sum + e, squares + e * e]);
        }
    }
}

/// A gate in a trial.
struct Player {
    test: Box<dyn Test>,
    reads: Reads,
    /// Trials that it plays at most.
    most: u64,
    tally: Tally,
    /// Still looking in this trial.
    on: bool,
    log_e: Option<f64>,
}

/// A canary in a setting before every gate that has something to tell there.
#[derive(Debug)]
pub(super) struct Scene<'a> {
    pub setting: &'a Setting,
    pub world: &'a World,
    pub gates: &'a [&'a Gate],
    /// Trials to play.
    pub trials: u32,
}

impl Scene<'_> {
    /// The name of its trials under a root seed.
    fn cell(&self, seed: Seed) -> CellId {
        CellId::of_content(&("calibration", seed, self.setting, self.world, self.gates))
    }

    /// What is played at a time.
    pub(super) fn units(&self, seed: Seed) -> Vec<UnitId> {
        let cell = self.cell(seed);
        let unit = |from: u32| UnitId {
            cell,
            from,
            count: BLOCK.min(self.trials - from),
        };
        let blocks = (0..self.trials).step_by(BLOCK as usize);
        blocks.map(unit).collect()
    }

    /// Whoever plays a part of it on a thread.
    fn cast<'t>(&self, traffic: &'t Traffic) -> (Vec<Player>, Flow<'t>) {
        let player = |gate: &&Gate| Player {
            test: gate.start(self.setting),
            reads: gate.reads,
            most: gate.most(self.world.is_good()).into(),
            tally: Tally::new(self.setting.looks),
            on: true,
            log_e: None,
        };
        (self.gates.iter().map(player).collect(), Flow::new(traffic))
    }
}

/// Plays the trials of a canary in a setting past every gate; `None` when it was interrupted.
pub(super) fn play(
    scene: &Scene<'_>,
    (seed, options): (Seed, &Options<'_>),
    (done, total): (&AtomicU64, u64),
) -> Option<Vec<Tally>> {
    let units = scene.units(seed);
    let played = play_units(scene, &units, (seed, options), (done, total));
    let looks = scene.setting.looks;
    let mut sums = vec![Tally::new(looks); scene.gates.len()];
    for tallies in played {
        for (sum, tally) in sums.iter_mut().zip(tallies?) {
            sum.add(&tally);
        }
    }
    Some(sums)
}

/// Plays these units of it, or takes them from the ledger; `None` for each that was interrupted.
pub(super) fn play_units(
    scene: &Scene<'_>,
    units: &[UnitId],
    (seed, options): (Seed, &Options<'_>),
    (done, total): (&AtomicU64, u64),
) -> Vec<Option<Vec<Tally>>> {
    let traffic = Traffic::new(scene.setting, scene.world.fault);
    let luck = Seed(name_of(&scene.setting.name) ^ seed.0);
    let looks = scene.setting.looks;
    let block = |(players, flow): &mut (Vec<Player>, Flow<'_>), unit: &UnitId| {
        let told = || {
            let more = u64::from(unit.count);
            let done = done.fetch_add(more, Ordering::Relaxed) + more;
            (options.progress)(Progress { done, total });
        };
        let known = options.ledger.and_then(|ledger| ledger.get(unit));
        // A record that cannot be read is work to be done again.
        let known = known.and_then(|known| record::decode(known, players.len(), looks));
        if known.is_some() {
            told();
            return known;
        }
        for replicate in unit.from..unit.from + unit.count {
            if options.stop.load(Ordering::Relaxed) {
                return None;
            }
            trial(players, flow, looks, luck, replicate.into());
        }
        let take = |player: &mut Player| std::mem::replace(&mut player.tally, Tally::new(looks));
        let tallies: Vec<Tally> = players.iter_mut().map(take).collect();
        if let Some(ledger) = options.ledger {
            ledger.put(unit, &record::encode(&tallies));
        }
        told();
        Some(tallies)
    };
    let cast = || scene.cast(&traffic);
    units.par_iter().map_init(cast, block).collect()
}

fn trial(players: &mut [Player], flow: &mut Flow<'_>, looks: u32, seed: Seed, replicate: u64) {
    flow.begin(seed, replicate);
    let luck = seed.salt(replicate, Purpose::Gate);
    for player in players.iter_mut() {
        player.test.begin(luck);
        (player.on, player.log_e) = (replicate < player.most, None);
    }
    for look in 0..looks {
        let mut reads = players.iter().filter(|player| player.on).peekable();
        if reads.peek().is_none() {
            break;
        }
        let latencies = reads.any(|player| matches!(player.reads, Reads::Latency | Reads::Both));
        let batch = flow.batch(look, latencies);
        // Failures have buckets of their own for those alone who read both.
        let plain = Batch {
            other: without_failures(batch.other),
            canary: without_failures(batch.canary),
            ..batch
        };
        for player in players.iter_mut().filter(|player| player.on) {
            let said = player.test.look(match player.reads {
                Reads::Both => &batch,
                _ => &plain,
            });
            let tally = &mut player.tally;
            tally.looks += 1;
            tally.exposed += batch.canary.errors;
            if let Evidence::LogE { log_e, .. } = said.evidence {
                player.log_e = Some(log_e);
            }
            match said.decision {
                Decision::Worse | Decision::ShareMismatch => {
                    tally.worse[look as usize] += 1;
                    player.on = false;
                }
                Decision::NotWorse => {
                    tally.not_worse[look as usize] += 1;
                    tally.both_ways = true;
                    player.on = false;
                }
                Decision::NoData => tally.no_data += 1,
                Decision::Undecided => tally.both_ways = true,
                Decision::Clear => {}
            }
        }
    }
    for player in players.iter_mut().filter(|player| replicate < player.most) {
        player.tally.end(player.log_e);
    }
}

fn without_failures(arm: Arm<'_>) -> Arm<'_> {
    Arm {
        latencies: &arm.latencies[..arm.latencies.len() / 2],
        ..arm
    }
}

/// A number for a name (FNV-1a), so that settings have luck of their own whatever stands before them.
fn name_of(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
