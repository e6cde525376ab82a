//! Replication: trials in blocks over all cores, until every cell is precise enough. What comes
//! out depends on the seed alone, never on the number of threads.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use crate::base::Seed;
use crate::engine::r#virtual::{Player, Setting};
use crate::engine::{Ending, Trial};
use crate::scenario::Experiment;
use crate::stats;

use super::CONFIDENCE;
use super::ledger::{self, CellId, Ledger, UnitId};

/// How to run.
pub struct Options<'a> {
    /// Threads to use; `None`: one for each core.
    pub threads: Option<usize>,
    /// Whether to keep a row of every trial.
    pub keep_trials: bool,
    /// What is known already, and where to note what is found out.
    pub ledger: Option<&'a Ledger>,
    /// Set from outside, and never unset, to finish with what is there: trials that are under way end
    /// in the middle and do not count.
    pub stop: &'a AtomicBool,
    /// Told how far it is, from any thread.
    pub progress: &'a (dyn Fn(Progress) + Sync),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("threads", &self.threads)
            .field("keep_trials", &self.keep_trials)
            .finish_non_exhaustive()
    }
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// Trials played.
    pub done: u64,
    /// Trials to play, as far as is known now; may grow.
    pub total: u64,
}

/// Threads could not be started.
#[derive(Debug, thiserror::Error)]
#[error("cannot start the threads to run on: {0}")]
pub struct ThreadsError(#[from] rayon::ThreadPoolBuildError);

/// The trials of one cell: with the faulty canary, and with a good one.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    /// Faulty, by replicate.
    pub faulty: Vec<Trial>,
    /// Good, by replicate; equal positions met the same luck.
    pub healthy: Vec<Trial>,
}

/// Settings of one cell: with the faulty canary, and with a good one (or none to play).
pub(super) struct Pair<'a> {
    /// With the faulty canary.
    pub faulty: Setting<'a>,
    /// With a good one.
    pub healthy: Option<Setting<'a>>,
}

impl<'a> Pair<'a> {
    /// The worlds to play: faulty, then good.
    pub(super) fn worlds(&self) -> impl Iterator<Item = &Setting<'a>> {
        std::iter::once(&self.faulty).chain(&self.healthy)
    }

    fn world(&self, faulty: bool) -> &Setting<'a> {
        match (faulty, &self.healthy) {
            (false, Some(healthy)) => healthy,
            _ => &self.faulty,
        }
    }

    /// Names of the cells: good, faulty.
    fn ids(&self, seed: Seed) -> [CellId; 2] {
        [false, true].map(|faulty| CellId::of(self.world(faulty), seed))
    }
}

/// How many trials to play.
#[derive(Debug, Clone, Copy)]
pub(super) enum Until {
    /// So many.
    Count(u32),
    /// Until the interval's half-width is reached, at most so many.
    Precise {
        /// Half-width as a share.
        half_width: f64,
        /// At most.
        most: u32,
    },
}

impl Until {
    /// What an experiment asks for.
    pub(super) fn of(experiment: &Experiment) -> Until {
        match experiment.trials {
            Some(trials) => Until::Count(trials),
            None => Until::Precise {
                half_width: experiment.precision,
                most: experiment.most_trials,
            },
        }
    }

    fn first(self) -> u32 {
        match self {
            Until::Count(trials) => trials,
            Until::Precise { most, .. } => most.min(FIRST),
        }
    }

    /// How many trials a cell needs in all, judged by those it has.
    fn needed(self, sample: &Sample) -> u32 {
        match self {
            Until::Count(trials) => trials,
            Until::Precise { half_width, most } => [&sample.faulty, &sample.healthy]
                .into_iter()
                .map(|trials| needed(trials, half_width))
                .max()
                .unwrap_or(0)
                .min(most),
        }
    }
}

/// Trials of the first round, enough to guess how many are needed.
const FIRST: u32 = 500;
/// Trials that one thread plays at a time.
const BLOCK: u32 = 500;

/// Trials needed for the interval of the share of rollbacks to be so narrow.
fn needed(trials: &[Trial], half_width: f64) -> u32 {
    let n = trials.len() as u64;
    let hits = rollbacks(trials);
    if n == 0 || stats::wilson(hits, n, CONFIDENCE).half_width() <= half_width {
        return n as u32;
    }
    // The share is itself a guess: move it towards a half by its own error before planning.
    let share = (hits as f64 + 2.0) / (n as f64 + 4.0);
    let z = stats::normal_quantile(0.5 + CONFIDENCE / 2.0);
    let planned = (z * z * share * (1.0 - share) / (half_width * half_width)).ceil() as u32;
    planned
        .max(n as u32 + BLOCK / 2)
        .next_multiple_of(BLOCK / 2)
}

/// Trials that ended in rollback.
pub(super) fn rollbacks(trials: &[Trial]) -> u64 {
    trials
        .iter()
        .filter(|trial| trial.ending == Ending::RolledBack)
        .count() as u64
}

/// Replicates of a cell as they are played: first and number of each block.
pub(super) fn ranges(begin: u32, target: u32) -> impl Iterator<Item = (u32, u32)> {
    let from = (begin..target).step_by(BLOCK as usize);
    from.map(move |from| (from, BLOCK.min(target - from)))
}

struct Block {
    cell: usize,
    faulty: bool,
    from: u32,
    count: u32,
}

/// What is left to play of every cell, in the order in which it is started.
fn blocks(pairs: &[Pair<'_>], samples: &[Sample], targets: &[u32]) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (cell, (sample, target)) in samples.iter().zip(targets).enumerate() {
        let begin = sample.faulty.len() as u32;
        for (from, count) in ranges(begin, *target) {
            let worlds = if pairs[cell].healthy.is_some() {
                &[true, false][..]
            } else {
                &[true]
            };
            blocks.extend(worlds.iter().map(|&faulty| Block {
                cell,
                faulty,
                from,
                count,
            }));
        }
    }
    // Every cell's first block before any second: an interruption then leaves all cells something.
    blocks.sort_by_key(|block| block.from - samples[block.cell].faulty.len() as u32);
    blocks
}

/// Plays all pairs. The flag says whether everything asked for was played.
pub(super) fn replicate(
    pairs: &[Pair<'_>],
    until: Until,
    seed: Seed,
    options: &Options<'_>,
) -> Result<(Vec<Sample>, bool), ThreadsError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()?;
    let worlds = |pair: &Pair<'_>| 1 + u64::from(pair.healthy.is_some());
    let mut samples = vec![Sample::default(); pairs.len()];
    let mut targets = vec![until.first(); pairs.len()];
    let ids: Option<Vec<[CellId; 2]>> = (options.ledger.filter(|ledger| !ledger.is_idle()))
        .map(|_| pairs.iter().map(|pair| pair.ids(seed)).collect());
    let done = AtomicU64::new(0);
    loop {
        let blocks = blocks(pairs, &samples, &targets);
        if blocks.is_empty() {
            return Ok((samples, true));
        }
        let total = (pairs.iter().zip(&targets))
            .map(|(pair, target)| worlds(pair) * u64::from(*target))
            .sum();
        let play = |block: &Block| {
            let setting = pairs[block.cell].world(block.faulty);
            let cell = (ids.as_ref()).map(|ids| ids[block.cell][usize::from(block.faulty)]);
            let trials = play_range(setting, cell, (block.from, block.count), seed, options);
            let played = trials.len() as u64;
            let done = done.fetch_add(played, Ordering::Relaxed) + played;
            (options.progress)(Progress { done, total });
            trials
        };
        // A bridge hands blocks out in their order, where a parallel slice begins in many places at
        // once; they come back in the order in which they end.
        let bridge = blocks.iter().enumerate().par_bridge();
        let mut played: Vec<(usize, Vec<Trial>)> =
            pool.install(|| bridge.map(|(at, block)| (at, play(block))).collect());
        played.sort_by_key(|(at, _)| *at);
        for (at, trials) in played {
            let block = &blocks[at];
            let sample = &mut samples[block.cell];
            let kept = if block.faulty {
                &mut sample.faulty
            } else {
                &mut sample.healthy
            };
            // After an interruption a later block may be there without an earlier one.
            if kept.len() == block.from as usize {
                kept.extend(trials);
            }
        }
        if options.stop.load(Ordering::Relaxed) {
            for (sample, pair) in samples.iter_mut().zip(pairs) {
                if pair.healthy.is_some() {
                    let both = sample.faulty.len().min(sample.healthy.len());
                    sample.faulty.truncate(both);
                    sample.healthy.truncate(both);
                }
            }
            return Ok((samples, false));
        }
        for (target, sample) in targets.iter_mut().zip(&samples) {
            *target = until.needed(sample);
        }
    }
}

/// Plays so many trials of a cell from a replicate on, or takes them from the ledger where the cell has
/// a name there; fewer where it was interrupted.
pub(super) fn play_range(
    setting: &Setting<'_>,
    cell: Option<CellId>,
    (from, count): (u32, u32),
    seed: Seed,
    options: &Options<'_>,
) -> Vec<Trial> {
    let unit = cell.map(|cell| UnitId { cell, from, count });
    let noted = options.ledger.zip(unit);
    let known = noted.and_then(|(ledger, unit)| ledger.get(&unit));
    // A record that cannot be read is work to be done again.
    if let Some(Ok(trials)) = known.map(|record| ledger::decode(record, count)) {
        return trials;
    }
    if options.stop.load(Ordering::Relaxed) {
        return Vec::new();
    }
    let mut player = Player::new(setting.clone());
    let mut trials = Vec::with_capacity(count as usize);
    for replicate in from..from + count {
        let Some(trial) = player.play_unless(options.stop, seed, u64::from(replicate)) else {
            return trials;
        };
        trials.push(trial);
    }
    if let Some((ledger, unit)) = noted {
        ledger.put(&unit, &ledger::encode(&trials));
    }
    trials
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;
    use crate::engine::r#virtual::Kind;

    fn trials(hits: usize, n: usize) -> Vec<Trial> {
        (0..n)
            .map(|i| Trial {
                ending: if i < hits {
                    Ending::RolledBack
                } else {
                    Ending::Promoted
                },
                ended: Time::START,
                detection: None,
                canary_requests: 0,
                exposed_requests: 0,
                exposed_users: 0.0,
                exposed_after: 0,
            })
            .collect()
    }

    #[test]
    fn a_certain_share_needs_no_more_trials_and_a_half_needs_all() {
        assert_eq!(needed(&trials(0, 500), 0.01), 500);
        assert_eq!(needed(&trials(500, 500), 0.01), 500);
        let half = needed(&trials(250, 500), 0.01);
        assert!((9_600..=10_000).contains(&half), "{half}");
    }

    #[test]
    fn an_imprecise_cell_always_asks_for_more() {
        for hits in [3, 40, 120, 250, 400] {
            let sample = trials(hits, 500);
            let width = stats::wilson(hits as u64, 500, CONFIDENCE).half_width();
            assert!(width <= 0.01 || needed(&sample, 0.01) > 500);
        }
    }

    /// An interruption ends a rollout at the tick at which it comes, and leaves nothing behind.
    #[test]
    fn a_rollout_ends_where_it_is_interrupted() {
        let scenario = crate::scenario::neutral().unwrap();
        let (world, plan) = (&scenario.world, &scenario.rollout);
        for engine in [Kind::Counts, Kind::Requests, Kind::OneByOne, Kind::Coupled] {
            let setting = crate::experiment::setting(&scenario, world, plan, None, engine);
            let (seed, never) = (Seed::DEFAULT, AtomicBool::new(false));
            let whole = Player::new(setting.clone()).play(seed, 1);
            let mut player = Player::new(setting);
            let (stop, mut ticks) = (AtomicBool::new(false), 0);
            let interrupted = player.watch_unless(&stop, seed, 0, &mut |_| {
                ticks += 1;
                stop.store(true, Ordering::Relaxed);
            });
            assert_eq!((interrupted, ticks), (None, 1), "{engine:?}");
            assert_eq!(player.play_unless(&stop, seed, 1), None, "{engine:?}");
            let after = player.play_unless(&never, seed, 1);
            assert_eq!(after, Some(whole), "{engine:?}");
        }
    }

    #[test]
    fn every_cell_gets_its_first_block_before_any_gets_a_second() {
        let scenario = crate::scenario::neutral().unwrap();
        let setting = crate::experiment::setting(
            &scenario,
            &scenario.world,
            &scenario.rollout,
            None,
            Kind::Counts,
        );
        let pairs = [0, 1, 2].map(|_| Pair {
            faulty: setting.clone(),
            healthy: Some(setting.clone()),
        });
        let mut samples = vec![Sample::default(); 3];
        samples[1].faulty = trials(0, 500);
        samples[1].healthy = trials(0, 500);
        let blocks = blocks(&pairs, &samples, &[700, 1_000, 1_200]);
        let order: Vec<_> = (blocks.iter().filter(|block| block.faulty))
            .map(|block| (block.cell, block.from, block.count))
            .collect();
        let expected = [
            (0, 0, 500),
            (1, 500, 500),
            (2, 0, 500),
            (0, 500, 200),
            (2, 500, 500),
            (2, 1_000, 200),
        ];
        assert_eq!(order, expected);
        assert_eq!(blocks.len(), 2 * expected.len());
    }
}
