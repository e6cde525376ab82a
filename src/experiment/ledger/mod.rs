//! Units of work and what came of them: by this a run survives being killed, and is shared out over
//! machines.
//!
//! A unit is a range of one cell's trials. What comes of it depends on nothing but the content of the
//! cell, the seed and the range, so a record that is there need not be made again, whoever made it and
//! wherever: records of many runs are put together by a union.

mod trials;

use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::hash::Hasher;
use std::str::FromStr;

use siphasher::sip128::{Hasher128, SipHasher24};

use crate::base::Seed;
use crate::engine::r#virtual::Setting;

pub use trials::{decode, encode};

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
        let mut hash = Hash(SipHasher24::new());
        // Hashing does not fail, and no derived `Debug` does.
        let _ = write!(hash, "{content:?}");
        CellId(hash.0.finish128().as_u128())
    }
}

struct Hash(SipHasher24);

impl Write for Hash {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
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
        let number = u128::from_str_radix(text, 16).ok();
        number
            .filter(|_| text.len() == 32)
            .map(CellId)
            .ok_or_else(|| format!("`{text}` names no cell: 32 hexadecimal digits do"))
    }
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
}

impl Ledger {
    /// Knows these records.
    pub fn with(taken: Records) -> Ledger {
        Ledger { taken }
    }

    /// What came of a unit, where it is known.
    pub fn get(&self, unit: &UnitId) -> Option<&str> {
        self.taken.get(unit).map(|record| &**record)
    }

    /// Notes what came of a unit.
    pub fn put(&self, _unit: &UnitId, _record: &str) {}
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
