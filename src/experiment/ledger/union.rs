//! Records of many attempts put together: in any order, twice, or partly, with the same result.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::journal::{GROWING, WHOLE};
use super::{Attempt, LedgerError, PlanId, Records, UnitId};

/// The union of records. A unit that comes again must come out the same: it is never the last one that
/// wins.
#[derive(Debug, Default)]
pub struct Union {
    files: Vec<PathBuf>,
    records: BTreeMap<UnitId, (usize, Box<str>)>,
}

impl Union {
    /// Adds what an attempt found.
    ///
    /// # Errors
    /// When another version wrote it, or one of its units came out in another way before.
    pub fn add(&mut self, attempt: Attempt) -> Result<(), LedgerError> {
        attempt.header.check_version(&attempt.path)?;
        let file = self.files.len();
        self.files.push(attempt.path);
        for (unit, record) in attempt.records {
            match self.records.entry(unit) {
                Entry::Vacant(place) => {
                    place.insert((file, record));
                }
                Entry::Occupied(there) if there.get().1 == record => {}
                Entry::Occupied(there) => {
                    let (before, other) = there.get();
                    return Err(LedgerError::Conflict {
                        unit,
                        paths: Box::new([*before, file].map(|at| self.files[at].clone())),
                        records: Box::new(parting(other, &record)),
                    });
                }
            }
        }
        Ok(())
    }

    /// Units known.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Whether it is known what came of a unit.
    pub fn has(&self, unit: &UnitId) -> bool {
        self.records.contains_key(unit)
    }

    /// The records alone, in the order of their units.
    pub fn into_records(self) -> Records {
        let alone = |(unit, (_, record))| (unit, record);
        self.records.into_iter().map(alone).collect()
    }
}

/// What the files at some places hold of a plan.
#[derive(Debug, Default)]
pub struct Gathered {
    /// All records.
    pub union: Union,
    /// Files that were read.
    pub files: usize,
    /// Those that were ended from outside, or still grow.
    pub torn: Vec<PathBuf>,
    /// Shares that the files say they are, as `3/64`.
    pub shards: BTreeSet<String>,
}

/// Puts together all files of units at these places.
///
/// # Errors
/// When one cannot be read, is of another plan or version, or says otherwise than another.
pub fn gather(places: &[PathBuf], plan: PlanId) -> Result<Gathered, LedgerError> {
    let mut gathered = Gathered::default();
    for place in places {
        // A folder that nothing was written to is a share that never ran; a typing error is not.
        if !place.exists() {
            let cause = io::Error::from(io::ErrorKind::NotFound);
            return Err(LedgerError::io("read", place)(cause));
        }
        for file in files(place)? {
            gathered.files += 1;
            let Some(attempt) = Attempt::read(&file)? else {
                gathered.torn.push(file);
                continue;
            };
            attempt.header.check_version(&file)?;
            if attempt.header.plan != plan {
                return Err(LedgerError::Plan {
                    path: file,
                    found: attempt.header.plan,
                    expected: plan,
                });
            }
            if !attempt.is_whole {
                gathered.torn.push(file);
            }
            gathered.shards.insert(attempt.header.shard.clone());
            gathered.union.add(attempt)?;
        }
    }
    Ok(gathered)
}

/// Two records around the place where they part, short enough to be read.
fn parting(one: &str, other: &str) -> [String; 2] {
    const BEFORE: usize = 30;
    const SHOWN: usize = 70;
    let same = one.bytes().zip(other.bytes()).take_while(|(a, b)| a == b);
    let same = same.count();
    [one, other].map(|text| {
        let from = text.floor_char_boundary(same.saturating_sub(BEFORE));
        let until = text.ceil_char_boundary((from + SHOWN).min(text.len()));
        let (before, after) = (
            if from > 0 { "…" } else { "" },
            if until < text.len() { "…" } else { "" },
        );
        format!("{before}{}{after}", &text[from..until])
    })
}

/// The files of units at a place, by name: the place itself if it is a file; none where there is
/// nothing.
///
/// # Errors
/// When the place cannot be looked at.
pub fn files(place: &Path) -> Result<Vec<PathBuf>, LedgerError> {
    if place.is_file() {
        return Ok(vec![place.to_owned()]);
    }
    let entries = match fs::read_dir(place) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(LedgerError::io("read", place)(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let name = entry.map_err(LedgerError::io("read", place))?.file_name();
        let shown = name.to_string_lossy();
        if shown.ends_with(WHOLE) || shown.ends_with(GROWING) {
            files.push(place.join(&name));
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::super::{CellId, Header, Journal, Ledger};
    use super::*;

    fn unit(cell: u8, from: u32) -> UnitId {
        UnitId {
            cell: CellId::of_content(&cell),
            from,
            count: 10,
        }
    }

    fn plan() -> PlanId {
        PlanId::of_content(&"a plan")
    }

    fn written(folder: &Path, records: &[(UnitId, &str)]) -> PathBuf {
        let journal = Journal::new(folder, "attempt", Header::new(plan(), "1/1"));
        let ledger = Ledger::noting(Records::new(), journal);
        for (unit, record) in records {
            ledger.put(unit, record);
        }
        ledger.close().unwrap().unwrap()
    }

    fn read(path: &Path) -> Attempt {
        Attempt::read(path).unwrap().unwrap()
    }

    #[test]
    fn an_attempt_is_read_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let records = [
            (unit(1, 0), r#"{"check":"x","record":[1]}"#),
            (unit(1, 10), "[]"),
        ];
        let path = written(folder.path(), &records);
        assert_eq!(files(folder.path()).unwrap(), std::slice::from_ref(&path));
        let attempt = read(&path);
        assert!(attempt.is_whole);
        assert_eq!(attempt.header, Header::new(plan(), "1/1"));
        let there: Vec<(UnitId, &str)> = (attempt.records.iter())
            .map(|(unit, record)| (*unit, &**record))
            .collect();
        assert_eq!(there, records);
    }

    #[test]
    fn a_torn_file_is_read_up_to_its_last_whole_record() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<(UnitId, &str)> = (0..5).map(|at| (unit(1, at * 10), "[1,2]")).collect();
        let path = written(folder.path(), &records);
        let bytes = fs::read(&path).unwrap();
        let ends: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] == b'\n').collect();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            let lines = ends.iter().filter(|end| **end < length).count();
            let attempt = Attempt::read(&path).unwrap();
            let found = attempt.as_ref().map(|attempt| attempt.records.len());
            assert_eq!(found, lines.checked_sub(1), "{length} bytes");
            assert!(!attempt.is_some_and(|attempt| attempt.is_whole));
        }
    }

    #[test]
    fn a_flipped_bit_costs_its_line_and_those_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let records: Vec<(UnitId, &str)> = (0..3).map(|at| (unit(1, at * 10), "[12]")).collect();
        let path = written(folder.path(), &records);
        let text = fs::read_to_string(&path).unwrap();
        let damaged = text.replacen(
            r#""from":10,"count":10,"record":[12]"#,
            r#""from":10,"count":10,"record":[13]"#,
            1,
        );
        assert_ne!(text, damaged);
        fs::write(&path, damaged).unwrap();
        let attempt = read(&path);
        assert_eq!(attempt.records.len(), 1);
        assert!(!attempt.is_whole);
    }

    #[test]
    fn a_unit_that_came_out_in_two_ways_stops_the_union() {
        let folder = tempfile::tempdir().unwrap();
        let one = written(folder.path(), &[(unit(1, 0), "[1]"), (unit(2, 0), "[2]")]);
        let same = written(folder.path(), &[(unit(2, 0), "[2]"), (unit(3, 0), "[3]")]);
        let other = written(folder.path(), &[(unit(2, 0), "[4]")]);
        let mut union = Union::default();
        union.add(read(&one)).unwrap();
        union.add(read(&same)).unwrap();
        assert_eq!(union.len(), 3);
        let said = union.add(read(&other)).unwrap_err().to_string();
        for part in ["replicates 0 to 9", "[2]", "[4]"] {
            assert!(said.contains(part), "{said}");
        }
        for path in [one, other] {
            assert!(said.contains(&path.display().to_string()), "{said}");
        }
    }

    #[test]
    fn another_version_is_refused_by_name_and_another_file_by_its_first_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = written(folder.path(), &[(unit(1, 0), "[1]")]);
        let text = fs::read_to_string(&path).unwrap();
        let ours = format!("\"program\":\"{}\"", env!("CARGO_PKG_VERSION"));
        fs::write(&path, text.replace(&ours, "\"program\":\"9.9.9\"")).unwrap();
        let said = Union::default().add(read(&path)).unwrap_err().to_string();
        assert!(
            said.contains("9.9.9") && said.contains("not mixed"),
            "{said}"
        );
        fs::write(&path, "time,value\n1,2\n").unwrap();
        let said = Attempt::read(&path).unwrap_err().to_string();
        assert!(said.contains("begins with `time,value`"), "{said}");
    }
}
