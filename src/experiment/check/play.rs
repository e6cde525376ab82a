//! The cells of a check: each is played once, however many clauses and comparisons ask for it.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::base::Weight;
use crate::engine::Trial;
use crate::engine::r#virtual::{Kind, Setting};
use crate::experiment::ledger::CellId;
use crate::experiment::replicate::{Options, Progress, ThreadsError, play_range};
use crate::experiment::setting;
use crate::model::World;
use crate::rollout;
use crate::scenario::Scenario;

/// How the weight moves in a cell.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Way<'a> {
    /// As the rollout is written.
    AsWritten,
    /// Held.
    Held(Weight),
    /// The rollout entered elsewhere.
    Entered(&'a rollout::Plan),
}

/// A cell's place in the deck.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Cell(usize);

struct Played<'a> {
    way: Way<'a>,
    faulty: bool,
    setting: Setting<'a>,
    id: Option<CellId>,
    trials: Vec<Trial>,
}

/// Cells with the trials that were played of them.
pub(super) struct Deck<'a> {
    scenario: &'a Scenario,
    healthy: &'a World,
    kind: Kind,
    options: &'a Options<'a>,
    pool: rayon::ThreadPool,
    cells: Vec<Played<'a>>,
}

/// Trials that one thread plays at a time.
const BLOCK: u32 = 50;

impl<'a> Deck<'a> {
    /// No cells yet.
    pub(super) fn new(
        scenario: &'a Scenario,
        healthy: &'a World,
        kind: Kind,
        options: &'a Options<'a>,
    ) -> Result<Deck<'a>, ThreadsError> {
        let threads = options.threads.unwrap_or(0);
        Ok(Deck {
            scenario,
            healthy,
            kind,
            options,
            pool: rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()?,
            cells: Vec::new(),
        })
    }

    /// The cell of a way in one world.
    pub(super) fn cell(&mut self, way: Way<'a>, faulty: bool) -> Cell {
        let known = |cell: &Played<'_>| cell.way == way && cell.faulty == faulty;
        if let Some(at) = self.cells.iter().position(known) {
            return Cell(at);
        }
        let scenario = self.scenario;
        let world = if faulty {
            &scenario.world
        } else {
            self.healthy
        };
        let (plan, held) = match way {
            Way::AsWritten => (&scenario.rollout, None),
            Way::Held(weight) => (&scenario.rollout, Some(weight)),
            Way::Entered(plan) => (plan, None),
        };
        let setting = setting(scenario, world, plan, held, self.kind);
        let seed = scenario.experiment.seed;
        let id = (self.options.ledger).map(|_| CellId::of(&setting, seed));
        self.cells.push(Played {
            way,
            faulty,
            setting,
            id,
            trials: Vec::new(),
        });
        Cell(self.cells.len() - 1)
    }

    /// Plays until each of these cells has so many trials; false when it was interrupted.
    pub(super) fn play(&mut self, wanted: &[(Cell, u32)]) -> bool {
        let mut blocks = Vec::new();
        for (at, cell) in self.cells.iter().enumerate() {
            let asked = wanted.iter().filter(|(of, _)| of.0 == at);
            let target = asked.map(|(_, trials)| *trials).max().unwrap_or(0);
            let from = cell.trials.len() as u32;
            let starts = (from..target).step_by(BLOCK as usize);
            blocks.extend(starts.map(|from| (at, from, BLOCK.min(target - from))));
        }
        let (seed, options) = (self.scenario.experiment.seed, self.options);
        let before = self.played();
        let total = before + blocks.iter().map(|block| u64::from(block.2)).sum::<u64>();
        let done = AtomicU64::new(before);
        let cells = &self.cells;
        let play = |&(at, from, count): &(usize, u32, u32)| {
            let cell: &Played<'_> = &cells[at];
            let trials = play_range(&cell.setting, cell.id, (from, count), seed, options);
            let played = trials.len() as u64;
            let done = done.fetch_add(played, Ordering::Relaxed) + played;
            (options.progress)(Progress { done, total });
            trials
        };
        let played: Vec<Vec<Trial>> =
            (self.pool).install(|| blocks.par_iter().with_max_len(1).map(play).collect());
        for (&(at, from, _), trials) in blocks.iter().zip(played) {
            let kept = &mut self.cells[at].trials;
            // After an interruption a later block may be there without an earlier one.
            if kept.len() == from as usize {
                kept.extend(trials);
            }
        }
        !self.was_stopped()
    }

    /// A cell's trials so far, by replicate.
    pub(super) fn trials(&self, cell: Cell) -> &[Trial] {
        &self.cells[cell.0].trials
    }

    /// Trials of all cells.
    pub(super) fn played(&self) -> u64 {
        let lengths = self.cells.iter().map(|cell| cell.trials.len() as u64);
        lengths.sum()
    }

    /// Whether somebody asked to stop.
    pub(super) fn was_stopped(&self) -> bool {
        self.options.stop.load(Ordering::Relaxed)
    }
}
