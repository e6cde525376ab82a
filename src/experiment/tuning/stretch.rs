//! A search shared out in stretches: some rounds, then those that the points that are left need, then
//! fresh trials.
//!
//! No share knows what the others found, so within a stretch nobody is dropped. Between two stretches the
//! search is gone through again on what is known, and drops whom one process drops.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64};

use serde::{Deserialize, Serialize};

use super::stage::{Cast, Stage};
use super::{Search, fresh, pool, search};
use crate::experiment::ledger::{Ledger, UnitId};
use crate::experiment::replicate::{Options, ThreadsError};

/// What is shared out at a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Stretch {
    /// Rounds of the search.
    Rounds {
        /// How many came before.
        after: usize,
        /// How many.
        count: usize,
        /// Whose, by their numbers; absent for everybody.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        candidates: Option<Vec<usize>>,
    },
    /// The trials that did not choose them, of those that are shown.
    Fresh {
        /// Whose, by their numbers.
        candidates: Vec<usize>,
    },
}

impl Stretch {
    /// Whether others came before it.
    pub fn goes_on(&self) -> bool {
        !matches!(self, Stretch::Rounds { after: 0, .. })
    }
}

/// What a stretch costs, and what comes after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Price {
    /// Points that it plays.
    pub points: u64,
    /// Points that there are, the start included.
    pub of: u64,
    /// Rollouts that are simulated in it.
    pub simulated: u64,
    /// Those of its first round: one process drops after it what is surely no good.
    pub first: u64,
    /// Rounds of the search that come after it.
    pub later: u64,
    /// Fresh rollouts that come after the search, at most.
    pub fresh: u64,
}

impl Search {
    /// Rounds of the search, if it takes all; 4 at most.
    pub fn rounds(&self) -> usize {
        search::rungs(self.extent.trials).len()
    }

    /// What is to be played next by what is known, in so many rounds, or in as many as the budget pays
    /// where nobody is dropped. `None` where all is known that can be shared out.
    ///
    /// # Errors
    /// When threads cannot be started.
    pub fn next(
        &self,
        known: &Ledger,
        rounds: Option<usize>,
    ) -> Result<Option<Stretch>, ThreadsError> {
        let options = Options {
            threads: None,
            keep_trials: false,
            ledger: Some(known),
            stop: &AtomicBool::new(false),
            progress: &|_| {},
        };
        let cast = self.cast();
        let stage = Stage {
            cast: &cast,
            options: &options,
            pool: &pool(&options)?,
            only_known: true,
            done: &AtomicU64::new(0),
            total: &AtomicU64::new(0),
        };
        let found = search::search(&stage, self.extent.trials, self.extent.budget);
        if found.ended == search::Ended::Interrupted {
            let after = found.rounds.len();
            let spent = found.effort.simulated + found.effort.recorded;
            let left = BTreeSet::from_iter(found.alive.iter().copied());
            let is_everybody = left.len() == self.found.all.len();
            return Ok(Some(Stretch::Rounds {
                after,
                count: match rounds {
                    Some(rounds) => rounds.clamp(1, self.rounds() - after),
                    None => self.affordable(&left, after, spent),
                },
                candidates: (!is_everybody).then_some(found.alive),
            }));
        }
        let cast = self.fresh_cast();
        let stage = Stage {
            cast: &cast,
            ..stage
        };
        let candidates = fresh::shown(&self.question, &found).numbers;
        let is_known = stage.knows(&candidates, (0, self.extent.fresh));
        Ok((!is_known).then_some(Stretch::Fresh { candidates }))
    }

    /// How many more rounds the rest of the budget pays where nobody is dropped; one at least.
    fn affordable(&self, left: &BTreeSet<usize>, after: usize, mut spent: u64) -> usize {
        let each = self.cast().effort(left);
        let cells = self.question.cells.len() as u64;
        let rounds = self.spans(after, usize::MAX).into_iter();
        let is_paid = |(had, rung): &(u32, u32)| {
            let trials = u64::from(rung - had) * cells;
            let is_paid = left.len() as u64 * trials <= self.extent.budget.saturating_sub(spent);
            spent += (each.simulated + each.recorded) * trials;
            is_paid
        };
        rounds.take_while(is_paid).count().max(1)
    }

    /// The trials before and after each of these rounds.
    fn spans(&self, after: usize, count: usize) -> Vec<(u32, u32)> {
        let rungs = search::rungs(self.extent.trials);
        let begins = std::iter::once(0).chain(rungs.iter().copied());
        let rounds = begins.zip(rungs.iter().copied());
        rounds.skip(after).take(count).collect()
    }

    /// Who is played in a stretch, of all candidates, and how often.
    fn played(&self, stretch: &Stretch) -> (Cast<'_>, BTreeSet<usize>, Vec<(u32, u32)>) {
        match stretch {
            Stretch::Rounds {
                after,
                count,
                candidates,
            } => {
                let which = match candidates {
                    None => (0..self.found.all.len()).collect(),
                    Some(left) => left.iter().copied().collect(),
                };
                (self.cast(), which, self.spans(*after, *count))
            }
            Stretch::Fresh { candidates } => {
                let which = candidates.iter().copied().collect();
                (self.fresh_cast(), which, vec![(0, self.extent.fresh)])
            }
        }
    }

    /// What a stretch costs, and what comes after it.
    pub fn price(&self, stretch: &Stretch) -> Price {
        let (cast, which, spans) = self.played(stretch);
        let cells = self.question.cells.len() as u64;
        let each = cast.effort(&which).simulated * cells;
        let trials = |(had, rung): &(u32, u32)| u64::from(rung - had);
        let (later, shown) = match stretch {
            Stretch::Rounds { after, count, .. } => (
                self.rounds().saturating_sub(after + count),
                fresh::SHOWN
                    .min(which.len().max(2))
                    .min(self.found.all.len()),
            ),
            Stretch::Fresh { .. } => (0, 0),
        };
        Price {
            points: which.len() as u64,
            of: self.found.all.len() as u64,
            simulated: each * spans.iter().map(trials).sum::<u64>(),
            first: each * spans.first().map_or(0, trials),
            later: later as u64,
            fresh: shown as u64 * cells * u64::from(self.extent.fresh),
        }
    }

    /// The units of a stretch.
    pub fn units(&self, stretch: &Stretch) -> Vec<UnitId> {
        let (cast, which, spans) = self.played(stretch);
        cast.units(&which, &spans)
    }

    /// Plays these units of a stretch and notes what comes of them in the ledger of `options`. The flag
    /// says whether all were played.
    ///
    /// # Errors
    /// When the asked number of threads cannot be started.
    pub fn play_units(
        &self,
        stretch: &Stretch,
        wanted: &BTreeSet<UnitId>,
        options: &Options<'_>,
    ) -> Result<bool, ThreadsError> {
        let (cast, which, spans) = self.played(stretch);
        let stage = Stage {
            cast: &cast,
            options,
            pool: &pool(options)?,
            only_known: false,
            done: &AtomicU64::new(0),
            total: &AtomicU64::new(0),
        };
        Ok(stage.play_units(&which, &spans, wanted))
    }
}
