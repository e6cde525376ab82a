//! The points that are tried: the start, and every combination of what may move, or a sample of them.

use std::collections::BTreeSet;

use rand::{Rng, RngExt};

use super::usual::Knob;
use crate::base::{Purpose, Seed};
use crate::experiment::ledger::CellId;
use crate::model::World;
use crate::model::fault::Fault;
use crate::scenario::change::shown;
use crate::scenario::{Bundle, Change, Scenario, Tune};

/// One point: what is changed, and what comes of it.
#[derive(Debug, Clone)]
pub(super) struct Candidate {
    /// What differs from the start; nothing of the start itself.
    pub(super) changes: Vec<Change>,
    /// The scenario with that.
    pub(super) scenario: Scenario,
    /// The worlds it is played in: one for each bad release, then the one with the good release.
    pub(super) worlds: Vec<World>,
}

impl Candidate {
    fn new(changes: Vec<Change>, scenario: Scenario, faults: &[Fault]) -> Candidate {
        let healthy = scenario.world.healthy();
        let mut worlds: Vec<World> = match faults {
            [] => vec![scenario.world.clone()],
            faults => (faults.iter())
                .map(|fault| World {
                    faults: healthy.faults.iter().chain([fault]).cloned().collect(),
                    ..healthy.clone()
                })
                .collect(),
        };
        worlds.push(healthy);
        Candidate {
            changes,
            scenario,
            worlds,
        }
    }

    /// Equal for candidates that play the same.
    fn id(&self) -> CellId {
        let own = &self.scenario;
        let rules = (&own.rollout, &own.analysis, &own.telemetry, own.horizon);
        CellId::of_content(&(rules, &self.worlds))
    }
}

/// All candidates, and how they came about.
#[derive(Debug)]
pub(super) struct Candidates {
    /// The start first.
    pub(super) all: Vec<Candidate>,
    /// Combinations that there are, the start included.
    pub(super) grid: u64,
    /// Combinations that were looked at but make no valid rollout.
    pub(super) refused: u64,
    /// Why the first of them does not.
    pub(super) refusal: Option<String>,
}

/// The start and at most `most` points of the grid: all of them where they are no more, else a
/// sample without replacement.
pub(super) fn candidates(
    bundle: &Bundle,
    start: &Scenario,
    tune: &Tune,
    knobs: &[Knob],
    (most, seed): (u32, Seed),
) -> Candidates {
    let sizes: Vec<u64> = knobs.iter().map(|knob| knob.options.len() as u64).collect();
    let grid = sizes
        .iter()
        .fold(1_u64, |all, size| all.saturating_mul(*size));
    let mut found = Candidates {
        all: vec![Candidate::new(Vec::new(), start.clone(), &tune.faults)],
        grid,
        refused: 0,
        refusal: None,
    };
    let mut seen = BTreeSet::from([String::new()]);
    let mut played = BTreeSet::from([found.all[0].id()]);
    for index in chosen(grid, most, seed) {
        let changes = pick(knobs, index);
        let mut news = Vec::new();
        for change in changes {
            // A value that stands there already changes nothing.
            let is_old = |value: &toml::Value| shown(value) == shown(&change.value);
            let old = bundle.value_at(&change.place).ok().flatten();
            if !old.as_ref().is_some_and(is_old) {
                news.push(change);
            }
        }
        let name: Vec<String> = news.iter().map(Change::to_string).collect();
        if !seen.insert(name.join("; ")) {
            continue;
        }
        let read = (bundle.changed(&news).map_err(|error| error.to_string())).and_then(|changed| {
            let read = changed.scenario();
            read.map_err(|problems| problems.to_string())
        });
        match read {
            Ok(scenario) => {
                let candidate = Candidate::new(news, scenario, &tune.faults);
                // A default written out makes no other rollout.
                if played.insert(candidate.id()) {
                    found.all.push(candidate);
                }
            }
            Err(why) => {
                found.refused += 1;
                found
                    .refusal
                    .get_or_insert(format!("{}: {why}", name.join("; ")));
            }
        }
    }
    found
}

/// Which points of the grid, in order.
fn chosen(grid: u64, most: u32, seed: Seed) -> Vec<u64> {
    let most = u64::from(most);
    if grid <= most {
        return (0..grid).collect();
    }
    let mut stream = seed.stream(0, Purpose::Judgement);
    let mut picked = BTreeSet::new();
    while (picked.len() as u64) < most {
        picked.insert(below(&mut stream, grid));
    }
    picked.into_iter().collect()
}

fn below(stream: &mut impl Rng, end: u64) -> u64 {
    stream.random_range(0..end)
}

/// The changes of one point, its number read as digits of the knobs.
fn pick(knobs: &[Knob], mut index: u64) -> Vec<Change> {
    let mut changes = Vec::new();
    for knob in knobs.iter().rev() {
        let size = knob.options.len() as u64;
        let option = usize::try_from(index % size).unwrap_or_default();
        index /= size;
        let before = std::mem::take(&mut changes);
        changes = knob.options[option].iter().cloned().chain(before).collect();
    }
    changes
}
