//! Calibration: how often each statistical gate rolls back a canary that is as good as stable, and
//! how soon it finds standard faults, measured on simulated counts.
//!
//! [`settings()`] are the traffic, [`shelf()`] the gates; [`run`] plays every gate past the same
//! luck, and [`Row`] is what is told of one gate, one setting and one canary. The reference rules and
//! the settings in which assumptions break are there to show what a level is worth.

mod league;
mod play;
mod record;
mod rows;
mod rules;
mod settings;
mod shelf;
mod sticky;
mod store;
mod traffic;

pub use league::{League, Line, leagues};
pub use rows::{Calibration, MANY, Note, Promise, Row, SettingNote, Verdict, tolerated};
pub use settings::{Correlation, Fault, Group, Setting, Stage, World, settings};
pub use shelf::{ALPHA, Gate, shelf};
pub use store::{check_replaceable, csv, is_one, json, read, write};

use std::collections::BTreeSet;
use std::sync::atomic::AtomicU64;

use play::Scene;

use super::ledger::UnitId;
use super::{Options, ThreadsError};
use crate::base::Seed;

/// Version of the stored format; raised when a reader of an older one would misread.
pub const FORMAT: u32 = 1;

/// How much to play.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effort {
    /// Trials with a canary as good as stable.
    pub trials: u32,
    /// Trials of each fault.
    pub fault_trials: u32,
    /// Root of all randomness.
    pub seed: Seed,
}

impl Effort {
    fn trials_of(self, world: &World) -> u32 {
        match world.is_good() {
            true => self.trials,
            false => self.fault_trials,
        }
    }
}

/// The settings in which some gate has something to tell, each with these gates.
fn fitting<'a>(settings: &'a [Setting], gates: &'a [Gate]) -> Vec<(&'a Setting, Vec<&'a Gate>)> {
    let fitting = |setting: &Setting| -> Vec<&Gate> {
        let fits = |gate: &&Gate| gate.fits(setting);
        gates.iter().filter(fits).collect()
    };
    (settings.iter())
        .map(|setting| (setting, fitting(setting)))
        .filter(|(_, gates)| !gates.is_empty())
        .collect()
}

/// Plays every gate in every setting that has something to tell about it. When it is interrupted,
/// the settings that were played to their end are there.
///
/// # Errors
/// When the asked number of threads cannot be started.
pub fn run(
    settings: &[Setting],
    gates: &[Gate],
    effort: Effort,
    options: &Options<'_>,
) -> Result<Calibration, ThreadsError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()?;
    let played = fitting(settings, gates);
    let worlds = played.iter().flat_map(|(setting, _)| &setting.worlds);
    let total = worlds.map(|world| u64::from(effort.trials_of(world))).sum();
    let done = AtomicU64::new(0);
    let mut calibration = Calibration::new(effort);
    for (setting, gates) in played {
        let luck = (effort.seed, options);
        let tallies: Option<Vec<_>> = scenes(setting, &gates, effort)
            .map(|scene| pool.install(|| play::play(&scene, luck, (&done, total))))
            .collect();
        match tallies {
            Some(tallies) => calibration.push(setting, &gates, &tallies),
            None => {
                calibration.note.complete = false;
                break;
            }
        }
    }
    Ok(calibration)
}

/// What a calibration plays at a time: a block of trials of one canary in one setting, past all gates.
pub fn units(settings: &[Setting], gates: &[Gate], effort: Effort) -> Vec<UnitId> {
    let mut units = Vec::new();
    for (setting, gates) in fitting(settings, gates) {
        for scene in scenes(setting, &gates, effort) {
            units.extend(scene.units(effort.seed));
        }
    }
    units
}

/// Plays these units of it and notes what comes of them in the ledger of `options`. The flag says
/// whether all were played.
///
/// # Errors
/// When the asked number of threads cannot be started.
pub fn play_units(
    settings: &[Setting],
    gates: &[Gate],
    effort: Effort,
    wanted: &BTreeSet<UnitId>,
    options: &Options<'_>,
) -> Result<bool, ThreadsError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()?;
    let total = wanted.iter().map(|unit| u64::from(unit.count)).sum();
    let done = AtomicU64::new(0);
    let luck = (effort.seed, options);
    for (setting, gates) in fitting(settings, gates) {
        for scene in scenes(setting, &gates, effort) {
            let mut units = scene.units(effort.seed);
            units.retain(|unit| wanted.contains(unit));
            let played = pool.install(|| play::play_units(&scene, &units, luck, (&done, total)));
            if played.iter().any(Option::is_none) {
                return Ok(false);
            }
        }
    }
    Ok(true)
}

/// Every canary of a setting.
fn scenes<'a>(
    setting: &'a Setting,
    gates: &'a [&'a Gate],
    effort: Effort,
) -> impl Iterator<Item = Scene<'a>> {
    setting.worlds.iter().map(move |world| Scene {
        setting,
        world,
        gates,
        trials: effort.trials_of(world),
    })
}
