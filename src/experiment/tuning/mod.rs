//! The settings of a rollout that keep what is asked of them and cost least.
//!
//! # How it is done
//!
//! 1. **Candidates** are the start and every combination of what may move, or a seeded sample of them.
//!    A combination that makes no valid rollout is counted and left out.
//! 2. **Requirements** are clauses, each for every fault listed; **aims** are means over trials:
//!    exposure over the bad releases of all faults alike, time over the good releases that are not
//!    rolled back (one that reaches the horizon counts as long as that).
//! 3. **Search** by successive halving on common luck (`search`).
//! 4. **Fresh trials.** What is shown, and whether the requirements hold, comes from trials of
//!    another seed: the best of many looks better than it is on the trials that chose it.
//! 5. **Choice.** Of several aims, the front is what no other candidate beats in all of them;
//!    recommended is the point of it where the product of the aims is smallest. `chosen` is the share
//!    of resamples of the fresh trials in which it would be recommended again.

mod advice;
mod candidates;
mod fresh;
mod sample;
mod search;
mod stage;
mod stretch;
mod usual;

#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicU64;

use serde::{Deserialize, Serialize};

pub use advice::{Advice, Replay};
pub use search::{Ended, Round};
pub use stretch::{Price, Stretch};

use crate::base::{Purpose, Seed};
use crate::experiment::replicate::{Options, ThreadsError};
use crate::experiment::summary::Estimate;
use crate::scenario::{
    Aim, Bundle, Change, ChangeError, Expectation, Metric, Relation, Scenario, Tune,
};

use candidates::{Candidate, Candidates};
use sample::Question;
use stage::{Cast, Stage};
use usual::Knob;

/// Version of the stored form of [`Tuning`].
pub const FORMAT: u32 = 1;

/// How much is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// At most so many trials of a candidate in each world while searching.
    pub trials: u32,
    /// At most so many rollouts while searching.
    pub budget: u64,
    /// At most so many points of the grid.
    pub candidates: u32,
    /// Trials of the points that are shown, on fresh seeds.
    pub fresh: u32,
}

impl Default for Extent {
    fn default() -> Extent {
        Extent {
            trials: 3_200,
            budget: 400_000,
            candidates: 200,
            fresh: 4_000,
        }
    }
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// Version of this form.
    pub format: u32,
    /// The program that made it.
    pub program: String,
    /// Name of the scenario.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// Its service, in a line.
    pub world: String,
    /// Its rollout as written, in a line.
    pub rollout: String,
    /// The bad releases, where they are listed; else it is the scenario's own canary.
    pub faults: Vec<String>,
    /// What must hold.
    pub require: Vec<String>,
    /// What is made small.
    pub minimise: Vec<String>,
    /// What may move, and how many positions each has.
    pub moves: Vec<Moved>,
    /// Combinations that there are.
    pub grid: u64,
    /// Combinations that were tried, the start included.
    pub tried: u64,
    /// Combinations that make no valid rollout.
    pub refused: u64,
    /// Why the first of these does not.
    pub refusal: Option<String>,
    /// The rounds of the search.
    pub rounds: Vec<Round>,
    /// Why it ended.
    pub ended: Ended,
    /// Whether everything was played that was asked for.
    pub complete: bool,
    /// Rollouts that were simulated in the search.
    pub simulated: u64,
    /// Rollouts that were judged on a recorded one.
    pub recorded: u64,
    /// Seed of the search.
    pub seed: String,
    /// Seed of the fresh trials.
    pub fresh_seed: String,
    /// Fresh trials of each point in each world.
    pub fresh_trials: u64,
    /// The points that are shown: the front and its closest rivals by what they cost, then the start
    /// unless it is among them.
    pub points: Vec<Point>,
    /// Which of them is recommended; none where nothing meets the requirements.
    pub recommended: Option<usize>,
    /// What stands in the way where nothing does.
    pub advice: Option<Advice>,
    /// The recommended changes as a unified diff; empty where there is none.
    pub patch: String,
}

/// Something that may move.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Moved {
    /// Its place, or what several places that move together are called.
    pub name: String,
    /// Its positions.
    pub positions: u64,
}

/// One point, by its fresh trials.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Point {
    /// What differs from the start, as `place = value`.
    pub changes: Vec<String>,
    /// Whether no other point beats it in all aims.
    pub on_front: bool,
    /// Share of bad releases rolled back; of the fault that is caught least.
    pub power: Estimate,
    /// Share of good releases rolled back.
    pub false_rollback: Estimate,
    /// Failed or slowed requests of users until a bad release ends, on average over the faults.
    pub exposed_requests: Estimate,
    /// Seconds until a good release is promoted, on average; absent where none is.
    pub promotion_seconds: Option<Estimate>,
    /// Each requirement.
    pub clauses: Vec<Clause>,
    /// Share of resamples in which this point would be recommended.
    pub chosen: f64,
}

/// How a requirement stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clause {
    /// The requirement.
    pub clause: String,
    /// The figure, absent where it never came.
    pub estimate: Option<f64>,
    /// Lower end of its 95 % interval.
    pub low: f64,
    /// Upper end, absent where the trials set none.
    pub high: Option<f64>,
    /// Whether it holds, the interval taken into account; absent where the trials do not tell.
    pub holds: Option<bool>,
}

/// Why nothing can be tuned.
#[derive(Debug, thiserror::Error)]
pub enum TuneError {
    /// Threads could not be started.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// A place that cannot be moved.
    #[error(transparent)]
    Change(#[from] ChangeError),
    /// Nothing may move.
    #[error("nothing of this rollout may move")]
    NoMoves,
    /// No value but those of the start makes a rollout.
    #[error("no combination makes a valid rollout: {0}")]
    NothingValid(String),
    /// There is no bad release.
    #[error("there is no bad release to tune against")]
    NoFault,
}

/// The seed of the fresh trials that go with a seed.
fn fresh_seed(seed: Seed) -> Seed {
    Seed(seed.salt(u64::MAX, Purpose::Arrivals))
}

/// The requirements where nobody says.
fn usual_requirements() -> Vec<Expectation> {
    let clause = |metric, relation, bound: f64, text: &str| Expectation {
        metric,
        at: None,
        relation,
        bound,
        text: text.to_owned(),
    };
    vec![
        clause(Metric::Power, Relation::AtLeast, 0.95, "power >= 95%"),
        clause(
            Metric::FalseRollback,
            Relation::AtMost,
            0.01,
            "false_rollback <= 1%",
        ),
    ]
}

/// What is looked for, and where.
#[derive(Debug)]
pub struct Search {
    bundle: Bundle,
    start: Scenario,
    tune: Tune,
    extent: Extent,
    question: Question,
    knobs: Vec<Knob>,
    found: Candidates,
}

impl Search {
    /// What is to be tuned of a scenario's rollout, which is what `bundle` says.
    ///
    /// # Errors
    /// When there is nothing to move or to catch, or a place cannot be changed.
    pub fn new(
        bundle: Bundle,
        start: Scenario,
        tune: Tune,
        extent: Extent,
    ) -> Result<Search, TuneError> {
        if tune.faults.is_empty() && !start.world.has_fault() {
            return Err(TuneError::NoFault);
        }
        let knobs = knobs(&bundle, &start, &tune)?;
        let sample = (extent.candidates, start.experiment.seed);
        let found = candidates::candidates(&bundle, &start, &tune, &knobs, sample);
        if found.all.len() == 1 && found.refused > 0 {
            return Err(TuneError::NothingValid(found.refusal.unwrap_or_default()));
        }
        Ok(Search {
            question: question(&tune),
            bundle,
            start,
            tune,
            extent,
            knobs,
            found,
        })
    }

    /// The scenario that is tuned, as it is written.
    pub fn start(&self) -> &Scenario {
        &self.start
    }

    /// Whether what is changed are files of the user's own, and not of the program's.
    pub fn changes_own_files(&self) -> bool {
        let overrides = &self.bundle.overrides;
        let manifests = [&overrides.flagger, &overrides.argo, &overrides.kayenta];
        !self.bundle.is_builtin || manifests.iter().any(|files| !files.is_empty())
    }

    /// Who is played in the search.
    fn cast(&self) -> Cast<'_> {
        let seed = self.start.experiment.seed;
        Cast::new(&self.question, &self.found.all, seed, true)
    }

    /// Who is played on fresh trials, each alone.
    fn fresh_cast(&self) -> Cast<'_> {
        let seed = fresh_seed(self.start.experiment.seed);
        Cast::new(&self.question, &self.found.all, seed, false)
    }

    /// Searches, and estimates what was found on fresh trials.
    ///
    /// # Errors
    /// When the recommended change cannot be made, or threads cannot be started.
    pub fn tune(&self, options: &Options<'_>) -> Result<Tuning, TuneError> {
        let (question, extent, all) = (&self.question, &self.extent, &self.found.all);
        let cast = self.cast();
        let stage = Stage {
            cast: &cast,
            options,
            pool: &pool(options)?,
            only_known: false,
            done: &AtomicU64::new(0),
            total: &AtomicU64::new(0),
        };
        let searched = search::search(&stage, extent.trials, extent.budget);
        let fresh_cast = self.fresh_cast();
        let fresh_stage = Stage {
            cast: &fresh_cast,
            ..stage
        };
        let shown = fresh::shown(question, &searched);
        let fresh = fresh::estimate(&fresh_stage, &shown, extent.fresh);
        let advice = match fresh.recommended {
            Some(_) => None,
            None => advice::advice(&fresh_stage, &searched, extent.trials.min(800)),
        };
        let complete = !options.stop.load(std::sync::atomic::Ordering::Relaxed);
        let recommended = fresh.recommended;
        let patch = match recommended.map(|at| &all[shown.numbers[at]].changes) {
            Some(changes) => self.bundle.changed(changes)?.patch_since(&self.bundle),
            None => String::new(),
        };
        Ok(Tuning {
            format: FORMAT,
            program: env!("CARGO_PKG_VERSION").to_owned(),
            scenario: self.start.name.clone(),
            title: self.start.title.clone(),
            world: super::findings::world_line(&self.start),
            rollout: super::findings::rollout_line(&self.start),
            faults: faults(&self.tune, &all[0]),
            require: question.require.iter().map(ToString::to_string).collect(),
            minimise: question.minimise.iter().map(ToString::to_string).collect(),
            moves: self.knobs.iter().map(moved).collect(),
            grid: self.found.grid,
            tried: all.len() as u64,
            refused: self.found.refused,
            refusal: self.found.refusal.clone(),
            rounds: searched.rounds,
            ended: if complete {
                searched.ended
            } else {
                Ended::Interrupted
            },
            complete,
            simulated: searched.effort.simulated,
            recorded: searched.effort.recorded,
            seed: cast.seed.to_string(),
            fresh_seed: fresh_cast.seed.to_string(),
            fresh_trials: fresh.trials,
            points: fresh.points,
            recommended,
            advice,
            patch,
        })
    }
}

fn pool(options: &Options<'_>) -> Result<rayon::ThreadPool, ThreadsError> {
    let builder = rayon::ThreadPoolBuilder::new();
    Ok(builder.num_threads(options.threads.unwrap_or(0)).build()?)
}

fn question(tune: &Tune) -> Question {
    let require = match tune.require.as_slice() {
        [] => usual_requirements(),
        named => named.to_vec(),
    };
    let mut minimise = match tune.minimise.as_slice() {
        [] => vec![Aim::Exposure, Aim::Time],
        named => named.to_vec(),
    };
    minimise.sort_unstable();
    minimise.dedup();
    Question::new(require, minimise, tune.faults.len().max(1))
}

/// What may move: what is named, or what usually does. A named place must be one that can be changed.
fn knobs(bundle: &Bundle, start: &Scenario, tune: &Tune) -> Result<Vec<Knob>, TuneError> {
    for one in &tune.moves {
        if let Some(change) = one.changes().next() {
            bundle.changed(&[change])?;
        }
    }
    let knobs = match tune.moves.as_slice() {
        [] => usual::knobs(bundle, start),
        named => named.iter().map(Knob::of).collect(),
    };
    match knobs.is_empty() {
        true => Err(TuneError::NoMoves),
        false => Ok(knobs),
    }
}

fn moved(knob: &Knob) -> Moved {
    Moved {
        name: knob.name.clone(),
        positions: knob.options.len() as u64,
    }
}

/// The bad releases in words, where they are listed.
fn faults(tune: &Tune, start: &Candidate) -> Vec<String> {
    let worlds = start.worlds.iter().take(tune.faults.len());
    worlds.map(super::findings::fault_line).collect()
}

/// What differs from the start, as text.
fn written(candidate: &Candidate) -> Vec<String> {
    candidate.changes.iter().map(Change::to_string).collect()
}
