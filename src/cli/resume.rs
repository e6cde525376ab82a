//! Going on where an earlier run was ended, and taking rows that were played elsewhere: shared by the
//! commands that keep a journal.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Args;

use super::service::EXPERIMENT;
use super::{CommandError, output};
use crate::experiment::ledger::{self, Attempt, Header, Journal, Ledger, PlanId, Union, UnitId};

/// What to take up.
#[derive(Debug, Args)]
pub(super) struct ResumeArguments {
    /// Go on where the same command was interrupted or killed; the result is the same
    #[arg(long, conflicts_with = "no_files", help_heading = EXPERIMENT)]
    resume: bool,
    /// Merged rows of a sweep, a file or a folder: only what they lack is played
    #[arg(long, value_name = "PLACE", help_heading = EXPERIMENT)]
    rows: Option<PathBuf>,
}

/// A run with its journal.
#[derive(Debug, Default)]
pub(super) struct Session {
    ledger: Ledger,
    /// The folder of the journal.
    units: Option<PathBuf>,
    /// Older attempts that were taken up.
    taken: Vec<PathBuf>,
}

impl ResumeArguments {
    /// Opens a session of a run that is named by `plan` and whose results go to `folder`. The journal
    /// is in a folder beside it: `results/NAME.units` for `results/NAME`. There is none without a
    /// folder.
    pub(super) fn begin(
        &self,
        folder: Option<&Path>,
        plan: PlanId,
    ) -> Result<Session, CommandError> {
        let mut union = Union::default();
        if let Some(place) = &self.rows {
            take_rows(place, &mut union)?;
        }
        let Some(units) = folder.and_then(beside) else {
            return Ok(Session {
                ledger: Ledger::with(union.into_records()),
                ..Session::default()
            });
        };
        let older = older(&units, plan, |_| true)?;
        let mut taken = Vec::new();
        if self.resume {
            taken = take_up(older, &units, &mut union)?;
        } else if older.iter().any(|attempt| !attempt.records.is_empty()) {
            output::note(&format!(
                "An earlier run of this was not finished: --resume would go on from {}.",
                units.display()
            ));
        }
        let journal = Journal::new(&units, "attempt", Header::new(plan, "1/1"));
        Ok(Session {
            ledger: Ledger::noting(union.into_records(), journal),
            units: Some(units),
            taken,
        })
    }

    /// Whether rows are taken from somewhere.
    fn takes_rows(&self) -> bool {
        self.rows.is_some()
    }
}

impl Session {
    /// What is known, and where to note more.
    pub(super) fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Ends the session after its results were stored. A journal of complete results has done its
    /// work; one of incomplete results stays.
    pub(super) fn end(self, complete: bool, asked: &ResumeArguments) {
        if asked.takes_rows() {
            let found = self.ledger.found();
            output::note(&format!("Units that were not played again: {found}."));
        }
        let Some(units) = &self.units else {
            return;
        };
        if complete {
            self.ledger.discard();
            for path in &self.taken {
                // What cannot be removed is found, and found complete, by the next --resume.
                let _ = fs::remove_file(path);
            }
            // Only where nothing of another run is in it.
            let _ = fs::remove_dir(units);
            return;
        }
        match self.ledger.close() {
            Ok(Some(_)) => output::note(&format!(
                "What was played is kept in {}: the same command with --resume goes on from there.",
                units.display()
            )),
            Ok(None) => {}
            Err(error) => output::note(&format!(
                "warning: {error}; what was played cannot be taken up in full by --resume"
            )),
        }
    }
}

/// The folder of the journal of results in `folder`.
fn beside(folder: &Path) -> Option<PathBuf> {
    let mut name = folder.file_name()?.to_owned();
    name.push(".units");
    Some(folder.with_file_name(name))
}

/// Adds the rows of a sweep, whatever plans they are of.
pub(super) fn take_rows(place: &Path, union: &mut Union) -> Result<(), CommandError> {
    let files = ledger::files(place)?;
    if files.is_empty() {
        return Err(CommandError::Argument {
            message: format!("there are no rows in {}", place.display()),
            help: "`coalmine sweep merge` writes them: name its --out, or the folder of \
                   `coalmine sweep run`"
                .to_owned(),
        });
    }
    for file in files {
        if let Some(attempt) = Attempt::read(&file)? {
            union.add(attempt)?;
        }
    }
    Ok(())
}

/// What earlier runs of the same left at a place, of the units that are wanted; whatever else is there
/// is named and left alone.
pub(super) fn older(
    units: &Path,
    plan: PlanId,
    is_wanted: impl Fn(&UnitId) -> bool,
) -> Result<Vec<Attempt>, CommandError> {
    let mut attempts = Vec::new();
    for file in ledger::files(units)? {
        let attempt = match Attempt::read(&file) {
            Ok(Some(mut attempt)) => {
                // What others play would only take room, in every share that goes on.
                attempt.records.retain(|(unit, _)| is_wanted(unit));
                attempt
            }
            Ok(None) => continue,
            Err(error) => {
                output::note(&format!("Ignored: {error}"));
                continue;
            }
        };
        if let Err(error) = attempt.header.check_version(&file) {
            output::note(&format!("Ignored: {error}"));
        } else if attempt.header.plan == plan {
            attempts.push(attempt);
        } else {
            output::note(&format!(
                "Ignored: {} is of another experiment (other settings, options or seed)",
                file.display()
            ));
        }
    }
    Ok(attempts)
}

fn take_up(
    older: Vec<Attempt>,
    units: &Path,
    union: &mut Union,
) -> Result<Vec<PathBuf>, CommandError> {
    let before = union.len();
    let mut taken = Vec::new();
    for attempt in older {
        taken.push(attempt.path.clone());
        union.add(attempt)?;
    }
    let found = union.len() - before;
    output::note(&match found {
        0 => format!("There is nothing to go on from in {}.", units.display()),
        1 => "Going on from 1 unit that was played before.".to_owned(),
        found => format!("Going on from {found} units that were played before."),
    });
    Ok(taken)
}
