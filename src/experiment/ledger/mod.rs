//! Units of work and what came of them: by this a run survives being killed, and is shared out over
//! machines.
//!
//! A unit is a range of one cell's trials. What comes of it depends on nothing but the content of the
//! cell, the seed and the range, so a record that is there need not be made again, whoever made it and
//! wherever: records of many runs are put together by a union.
//!
//! An *attempt* is a file of such records, one line each; a *journal* is an attempt while it grows. How
//! both look is told in [`Attempt`].

mod attempt;
mod journal;
mod trials;
mod union;

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::hash::Hasher;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::atomic::{AtomicU64, Ordering};

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::base::Seed;
use crate::engine::r#virtual::Setting;

pub use attempt::{Attempt, FORMAT, Header};
pub use journal::{Journal, write};
pub use trials::{decode, decode_all, encode, encode_all};
pub use union::{Gathered, Union, files, gather};

/// Name of a cell, made of its content: equal content has the same name wherever it stands in a grid.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CellId(u128);

impl CellId {
    /// The cell whose trials are rollouts of one setting under one root seed.
    pub fn of(setting: &Setting<'_>, seed: Seed) -> CellId {
        CellId::of_content(&("trials", seed, setting))
    }

    /// The cell of any content. What is hashed is its `Debug` text, which the compiler derives: no
    /// field that decides can be forgotten, and equal quantities are equal however they were written.
    pub fn of_content(content: &impl fmt::Debug) -> CellId {
        CellId(hash_of(content))
    }
}

/// Name of what a run was asked for, made of its content: records of different plans are not mixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct PlanId(u128);

impl PlanId {
    /// The plan of any content, by its `Debug` text.
    pub fn of_content(content: &impl fmt::Debug) -> PlanId {
        PlanId(hash_of(content))
    }
}

fn hash_of(content: &impl fmt::Debug) -> u128 {
    let mut hash = Hash {
        hash: SipHasher24::new(),
        waiting: Vec::with_capacity(AT_ONCE),
    };
    // Hashing does not fail, and no derived `Debug` does.
    let _ = write!(hash, "{content:?}");
    hash.hash.write(&hash.waiting);
    hash.hash.finish128().as_u128()
}

/// `Debug` writes few bytes at a time, which would cost more than the hashing.
struct Hash {
    hash: SipHasher24,
    waiting: Vec<u8>,
}

const AT_ONCE: usize = 4096;

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.waiting.extend_from_slice(text.as_bytes());
        if self.waiting.len() >= AT_ONCE {
            self.hash.write(&self.waiting);
            self.waiting.clear();
        }
        Ok(())
    }
}

impl fmt::Display for CellId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for CellId {
    type Err = String;

    fn from_str(text: &str) -> Result<CellId, String> {
        let number = digits(text).map(CellId);
        number.ok_or_else(|| format!("`{text}` names no cell: 32 hexadecimal digits do"))
    }
}

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl FromStr for PlanId {
    type Err = String;

    fn from_str(text: &str) -> Result<PlanId, String> {
        let number = digits(text).map(PlanId);
        number.ok_or_else(|| format!("`{text}` names no plan: 32 hexadecimal digits do"))
    }
}

fn digits(text: &str) -> Option<u128> {
    let are_digits = text.len() == 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    are_digits.then(|| u128::from_str_radix(text, 16).ok())?
}

/// A range of one cell's trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnitId {
    /// The cell.
    pub cell: CellId,
    /// The first replicate.
    pub from: u32,
    /// How many.
    pub count: u32,
}

/// What came of units: one line of text each, in the words of whoever asked for the unit.
pub type Records = BTreeMap<UnitId, Box<str>>;

/// What is known already, and where to note what is found out.
#[derive(Debug, Default)]
pub struct Ledger {
    taken: Records,
    journal: Option<Journal>,
    found: AtomicU64,
}

impl Ledger {
    /// Knows these records and notes nothing.
    pub fn with(taken: Records) -> Ledger {
        Ledger {
            taken,
            ..Ledger::default()
        }
    }

    /// Knows these records, and notes in a journal what is found out.
    pub fn noting(taken: Records, journal: Journal) -> Ledger {
        Ledger {
            journal: Some(journal),
            ..Ledger::with(taken)
        }
    }

    /// Whether it neither knows nor notes anything: then no cell needs a name.
    pub fn is_idle(&self) -> bool {
        self.taken.is_empty() && self.journal.is_none()
    }

    /// What came of a unit, where it is known.
    pub fn get(&self, unit: &UnitId) -> Option<&str> {
        let record = self.taken.get(unit)?;
        self.found.fetch_add(1, Ordering::Relaxed);
        Some(record)
    }

    /// Notes what came of a unit. What goes wrong with that is told by [`Ledger::close`]: the work
    /// goes on without being noted.
    pub fn put(&self, unit: &UnitId, record: &str) {
        if let Some(journal) = &self.journal {
            journal.put(unit, record);
        }
    }

    /// Whether something has gone wrong with noting; [`Ledger::close`] tells what.
    pub fn has_failed(&self) -> bool {
        self.journal.as_ref().is_some_and(Journal::has_failed)
    }

    /// How many units were asked for that were known.
    pub fn found(&self) -> u64 {
        self.found.load(Ordering::Relaxed)
    }

    /// Takes the journal away: what it holds has been put to use.
    pub fn discard(self) {
        if let Some(journal) = self.journal {
            journal.discard();
        }
    }

    /// Ends the journal; where it is, if anything was noted.
    ///
    /// # Errors
    /// What went wrong first while it was written.
    pub fn close(self) -> Result<Option<PathBuf>, LedgerError> {
        match self.journal {
            Some(journal) => journal.close(),
            None => Ok(None),
        }
    }
}

/// Why records cannot be had, put together or kept.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// The operating system refused.
    #[error("cannot {doing} {}: {cause}", path.display())]
    Io {
        /// What was being done: `read`, `write`.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        #[source]
        cause: io::Error,
    },
    /// It is another file.
    #[error("{} is no file of units: {what}", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What its first line is instead.
        what: String,
    },
    /// Another version of the program wrote it.
    #[error(
        "{} was written by coalmine {program} (format {format}), this is {} (format {FORMAT}): \
         units of different versions are not mixed",
        path.display(),
        env!("CARGO_PKG_VERSION")
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that wrote it.
        program: String,
        /// Its format.
        format: u32,
    },
    /// It belongs to something else that was asked for.
    #[error("{} is of plan {found}, not of plan {expected}", path.display())]
    Plan {
        /// The file.
        path: PathBuf,
        /// Its plan.
        found: PlanId,
        /// The plan wanted.
        expected: PlanId,
    },
    /// A unit came out in two ways.
    #[error(
        "replicates {} to {} of cell {} came out in two ways:\n  {}: {}\n  {}: {}\n\
         the same unit always has the same record: one of these was made by another build, or damaged",
        unit.from,
        u64::from(unit.from) + u64::from(unit.count) - 1,
        unit.cell,
        paths[0].display(),
        records[0],
        paths[1].display(),
        records[1]
    )]
    Conflict {
        /// The unit.
        unit: UnitId,
        /// The files.
        paths: Box<[PathBuf; 2]>,
        /// What each says, cut around where they part.
        records: Box<[String; 2]>,
    },
}

impl LedgerError {
    fn io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
        let path = path.to_owned();
        move |cause| LedgerError::Io { doing, path, cause }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::r#virtual::Kind;
    use crate::experiment::setting;
    use crate::scenario;

    #[test]
    fn a_cell_is_named_by_what_decides_and_by_nothing_else() {
        let one = scenario::find("plain-flagger").unwrap().scenario().unwrap();
        let id = |scenario: &scenario::Scenario, seed| {
            let (world, plan) = (&scenario.world, &scenario.rollout);
            CellId::of(&setting(scenario, world, plan, None, Kind::Counts), seed)
        };
        let mut same = one.clone();
        same.title = "Another title".to_owned();
        assert_eq!(id(&one, Seed::DEFAULT), id(&same, Seed::DEFAULT));
        assert_ne!(id(&one, Seed::DEFAULT), id(&one, Seed(7)));
        let mut other = one.clone();
        other.analysis.pop();
        assert_ne!(id(&one, Seed::DEFAULT), id(&other, Seed::DEFAULT));
        let text = id(&one, Seed::DEFAULT).to_string();
        assert_eq!(text.parse(), Ok(id(&one, Seed::DEFAULT)));
    }
}
