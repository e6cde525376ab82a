//! What a plan comes to: the ordered list of its units, and whoever plays them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::base::{Seed, Weight};
use crate::engine::r#virtual::Setting;
use crate::experiment::calibration::{self, Effort, Gate};
use crate::experiment::ledger::{CellId, UnitId};
use crate::experiment::pair;
use crate::experiment::replicate::{
    Options, Pair, Progress, ThreadsError, Until, play_range, ranges,
};
use crate::experiment::tuning::{Search, Stretch};
use crate::experiment::work::Work;
use crate::model::World;
use crate::scenario::Scenario;

/// What a plan comes to.
#[derive(Debug)]
pub enum Subject {
    /// The experiments of `coalmine power` on these scenarios, each with a fixed number of trials.
    Power(Vec<Scenario>),
    /// The experiment of `coalmine calibrate`.
    Calibrate {
        /// Settings.
        settings: Vec<calibration::Setting>,
        /// Gates.
        gates: Vec<Gate>,
        /// How much to play.
        effort: Effort,
    },
    /// The points of a sweep file.
    Grid(Vec<GridPoint>),
    /// A stretch of the search of `coalmine tune`.
    Tune {
        /// What is looked for.
        search: Box<Search>,
        /// What is played of it.
        stretch: Stretch,
    },
}

/// A scenario at one point of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GridPoint {
    /// The scenario with the point's values.
    pub scenario: Scenario,
    /// The values, in the order of the grid's places.
    pub values: Vec<String>,
    /// Percentages at which the canary is held as well.
    pub held: Vec<Weight>,
    /// The world with a canary as good as stable.
    healthy: World,
}

impl GridPoint {
    /// A scenario as the point of a grid.
    pub fn new(scenario: Scenario, values: Vec<String>, held: Vec<Weight>) -> GridPoint {
        let healthy = scenario.world.healthy();
        GridPoint {
            scenario,
            values,
            held,
            healthy,
        }
    }

    /// The rollout as written, then each percentage held.
    pub(super) fn pairs(&self) -> impl Iterator<Item = Pair<'_>> {
        let scenario = &self.scenario;
        std::iter::once(None)
            .chain(self.held.iter().copied().map(Some))
            .map(|held| pair(scenario, &self.healthy, &scenario.rollout, held))
    }
}

/// Rollouts of one setting: what is played of a cell.
struct Strand<'a> {
    setting: Setting<'a>,
    trials: u32,
    seed: Seed,
}

impl Strand<'_> {
    fn units(&self) -> impl Iterator<Item = UnitId> {
        let cell = CellId::of(&self.setting, self.seed);
        ranges(0, self.trials).map(move |(from, count)| UnitId { cell, from, count })
    }
}

/// Strands of pairs that are played so often. A number that is only found while playing cannot be
/// shared out: there is no such pair in a subject.
fn strands<'a>(
    pairs: impl IntoIterator<Item = Pair<'a>>,
    until: Until,
    seed: Seed,
) -> Vec<Strand<'a>> {
    let Until::Count(trials) = until else {
        return Vec::new();
    };
    let strand = |setting: &Setting<'a>| Strand {
        setting: setting.clone(),
        trials,
        seed,
    };
    let pairs = pairs.into_iter();
    pairs
        .flat_map(|pair| pair.worlds().map(strand).collect::<Vec<Strand<'a>>>())
        .collect()
}

fn of_works<'a>(works: &'a [Work<'_>]) -> Vec<Strand<'a>> {
    let mut all = Vec::new();
    for work in works {
        for (pairs, until) in [work.tables(), work.heat(), work.side_by_side()] {
            all.extend(strands(pairs, until, work.seed()));
        }
    }
    all
}

fn of_points(points: &[GridPoint]) -> Vec<Strand<'_>> {
    let mut all = Vec::new();
    for point in points {
        let experiment = &point.scenario.experiment;
        let until = Until::of(experiment);
        all.extend(strands(point.pairs(), until, experiment.seed));
    }
    all
}

impl Subject {
    /// Every unit once, in an order that only depends on what was asked.
    pub fn units(&self) -> Vec<UnitId> {
        let mut seen = BTreeSet::new();
        // Equal settings are one cell: it is played once.
        let mut once = |units: Vec<UnitId>| -> Vec<UnitId> {
            let new = units.into_iter().filter(|unit| seen.insert(*unit));
            new.collect()
        };
        match self {
            Subject::Power(scenarios) => {
                let works: Vec<Work<'_>> = scenarios.iter().map(Work::of).collect();
                once(of_works(&works).iter().flat_map(Strand::units).collect())
            }
            Subject::Grid(points) => {
                once(of_points(points).iter().flat_map(Strand::units).collect())
            }
            Subject::Calibrate {
                settings,
                gates,
                effort,
            } => once(calibration::units(settings, gates, *effort)),
            Subject::Tune { search, stretch } => once(search.units(stretch)),
        }
    }

    /// Plays these units and notes what comes of them in the ledger of `options`. The flag says
    /// whether all were played.
    ///
    /// # Errors
    /// When the asked number of threads cannot be started.
    pub fn play(
        &self,
        wanted: &BTreeSet<UnitId>,
        options: &Options<'_>,
    ) -> Result<bool, ThreadsError> {
        match self {
            Subject::Power(scenarios) => {
                let works: Vec<Work<'_>> = scenarios.iter().map(Work::of).collect();
                play(&of_works(&works), wanted, options)
            }
            Subject::Grid(points) => play(&of_points(points), wanted, options),
            Subject::Calibrate {
                settings,
                gates,
                effort,
            } => calibration::play_units(settings, gates, *effort, wanted, options),
            Subject::Tune { search, stretch } => search.play_units(stretch, wanted, options),
        }
    }
}

fn play(
    strands: &[Strand<'_>],
    wanted: &BTreeSet<UnitId>,
    options: &Options<'_>,
) -> Result<bool, ThreadsError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()?;
    let mut left = wanted.clone();
    let of_strand = |strand| -> Vec<(&Strand<'_>, UnitId)> {
        let units = Strand::units(strand).filter(|unit| left.remove(unit));
        units.map(|unit| (strand, unit)).collect()
    };
    let units: Vec<(&Strand<'_>, UnitId)> = strands.iter().flat_map(of_strand).collect();
    let total = units.iter().map(|(_, unit)| u64::from(unit.count)).sum();
    let done = AtomicU64::new(0);
    let one = |(strand, unit): &(&Strand<'_>, UnitId)| {
        if options.stop.load(Ordering::Relaxed) {
            return false;
        }
        let range = (unit.from, unit.count);
        let cell = Some(unit.cell);
        let played = play_range(&strand.setting, cell, range, strand.seed, options).len() as u64;
        let done = done.fetch_add(played, Ordering::Relaxed) + played;
        (options.progress)(Progress { done, total });
        played == u64::from(unit.count)
    };
    // Handed out in their order: whoever is interrupted has played the first ones.
    Ok(pool.install(|| {
        units
            .iter()
            .par_bridge()
            .map(one)
            .reduce(|| true, |a, b| a && b)
    }))
}
