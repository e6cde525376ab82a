//! Plays trials: every gate reads the same batches, on any number of threads with the same result.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::settings::{Setting, World};
use super::shelf::Gate;
use super::traffic::{Flow, Traffic};
use crate::base::{Purpose, Seed};
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

/// Plays `trials` trials of a canary in a setting past every gate; `None` when it was interrupted.
pub(super) fn play(
    setting: &Setting,
    world: &World,
    gates: &[&Gate],
    trials: u32,
    (seed, options): (Seed, &Options<'_>),
    (done, total): (&AtomicU64, u64),
) -> Option<Vec<Tally>> {
    let traffic = Traffic::new(setting, world.fault);
    let seed = Seed(name_of(&setting.name) ^ seed.0);
    let players = || {
        let player = |gate: &&Gate| Player {
            test: gate.start(setting),
            reads: gate.reads,
            most: gate.most(world.is_good()).into(),
            tally: Tally::new(setting.looks),
            on: true,
            log_e: None,
        };
        let players: Vec<Player> = gates.iter().map(player).collect();
        (players, Flow::new(&traffic))
    };
    let blocks: Vec<u32> = (0..trials).step_by(BLOCK as usize).collect();
    let block = |(players, flow): &mut (Vec<Player>, Flow<'_>), from: &u32| {
        let until = trials.min(from + BLOCK);
        for replicate in *from..until {
            if options.stop.load(Ordering::Relaxed) {
                return None;
            }
            trial(players, flow, setting.looks, seed, replicate.into());
        }
        let more = u64::from(until - from);
        let done = done.fetch_add(more, Ordering::Relaxed) + more;
        (options.progress)(Progress { done, total });
        let fresh = || Tally::new(setting.looks);
        let take = |player: &mut Player| std::mem::replace(&mut player.tally, fresh());
        Some(players.iter_mut().map(take).collect::<Vec<Tally>>())
    };
    let played: Vec<Option<Vec<Tally>>> = blocks.par_iter().map_init(players, block).collect();
    let mut sums = vec![Tally::new(setting.looks); gates.len()];
    for tallies in played {
        for (sum, tally) in sums.iter_mut().zip(tallies?) {
            sum.add(&tally);
        }
    }
    Some(sums)
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
