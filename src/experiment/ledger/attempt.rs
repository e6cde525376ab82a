//! The file of an attempt: a line that says of what it is, a line for each unit, a line that ends it.

use std::fs;
use std::hash::Hasher;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use siphasher::sip::SipHasher24 as LineHasher;
use siphasher::sip128::{Hasher128, SipHasher24};

use super::{LedgerError, PlanId, UnitId};

/// Version of the format; raised when a reader of another one would misread.
pub const FORMAT: u32 = 1;
/// What the first line names the file.
const KIND: &str = "units";

/// The first line of an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Version of the program.
    pub program: String,
    /// Version of the format.
    pub format: u32,
    /// What was asked for.
    pub plan: PlanId,
    /// Which share of it this was: `3/64`; `1/1` where it was not shared out.
    pub shard: String,
}

impl Header {
    /// That of an attempt of this program.
    pub fn new(plan: PlanId, shard: impl Into<String>) -> Header {
        Header {
            program: env!("CARGO_PKG_VERSION").to_owned(),
            format: FORMAT,
            plan,
            shard: shard.into(),
        }
    }

    /// Refuses what another version wrote: it could be read, but need not be what this one would find.
    ///
    /// # Errors
    /// [`LedgerError::Version`].
    pub fn check_version(&self, path: &Path) -> Result<(), LedgerError> {
        if self.format == FORMAT && self.program == env!("CARGO_PKG_VERSION") {
            return Ok(());
        }
        Err(LedgerError::Version {
            path: path.to_owned(),
            program: self.program.clone(),
            format: self.format,
        })
    }
}

#[derive(Serialize, Deserialize)]
struct FirstLine {
    coalmine: String,
    format: u32,
    program: String,
    plan: String,
    shard: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LastLine {
    records: u64,
    digest: String,
}

/// What a file of units holds. Its lines are JSON: the first names format, version, plan and share;
/// each other one a unit, its record and a check of the line; the last one the number of records and a
/// digest of all lines. Where that is missing, the attempt was ended from outside: the file holds as
/// many whole records as had been written.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempt {
    /// Where it was read.
    pub path: PathBuf,
    /// What it says of itself.
    pub header: Header,
    /// Its units, in the order in which they ended.
    pub records: Vec<(UnitId, Box<str>)>,
    /// Whether it was written to its end.
    pub is_whole: bool,
}

impl Attempt {
    /// Reads a file; `None` where not even its first line had been written.
    ///
    /// # Errors
    /// When it cannot be read or is another kind of file.
    pub fn read(path: &Path) -> Result<Option<Attempt>, LedgerError> {
        let bytes = fs::read(path).map_err(LedgerError::io("read", path))?;
        let mut lines = bytes.split_inclusive(|byte| *byte == b'\n');
        let whole = |line: &&[u8]| line.ends_with(b"\n");
        let Some(first) = lines.next().filter(whole) else {
            return match bytes.is_empty() || bytes[0] == b'{' {
                true => Ok(None),
                false => Err(foreign(path, &bytes)),
            };
        };
        let header = header(first).ok_or_else(|| foreign(path, first))?;
        let mut digest = Digest::default();
        digest.line(first);
        let (mut records, mut is_whole) = (Vec::new(), false);
        for line in lines.take_while(whole) {
            let Some(record) = record(line) else {
                is_whole = digest.is_last(line);
                break;
            };
            digest.line(line);
            records.push(record);
        }
        Ok(Some(Attempt {
            path: path.to_owned(),
            header,
            records,
            is_whole,
        }))
    }
}

fn foreign(path: &Path, line: &[u8]) -> LedgerError {
    let shown: String = String::from_utf8_lossy(line)
        .trim_end()
        .chars()
        .take(40)
        .collect();
    LedgerError::Foreign {
        path: path.to_owned(),
        what: format!("it begins with `{shown}`"),
    }
}

fn header(line: &[u8]) -> Option<Header> {
    let line: FirstLine = serde_json::from_slice(line).ok()?;
    (line.coalmine == KIND).then_some(())?;
    Some(Header {
        program: line.program,
        format: line.format,
        plan: line.plan.parse().ok()?,
        shard: line.shard,
    })
}

/// The first line of a file.
pub(super) fn first_line(header: &Header) -> String {
    line_of(&FirstLine {
        coalmine: KIND.to_owned(),
        format: header.format,
        program: header.program.clone(),
        plan: header.plan.to_string(),
        shard: header.shard.clone(),
    })
}

/// The line of a unit. A record is JSON on one line.
pub(super) fn unit_line(unit: &UnitId, record: &str) -> String {
    let UnitId { cell, from, count } = unit;
    let checked = format!(r#"{{"cell":"{cell}","from":{from},"count":{count},"record":{record}"#);
    let check = check(&checked);
    format!("{checked}{CHECK}{check:016x}\"}}\n")
}

const CHECK: &str = r#","check":""#;

/// What a line of a unit says; `None` where it is another one or damaged.
fn record(line: &[u8]) -> Option<(UnitId, Box<str>)> {
    let line = str::from_utf8(line).ok()?.strip_suffix("\"}\n")?;
    let (checked, noted) = line.rsplit_once(CHECK)?;
    (noted.len() == 16 && u64::from_str_radix(noted, 16).ok()? == check(checked)).then_some(())?;
    let rest = checked.strip_prefix(r#"{"cell":""#)?;
    let (cell, rest) = rest.split_once(r#"","from":"#)?;
    let (from, rest) = rest.split_once(r#","count":"#)?;
    let (count, record) = rest.split_once(r#","record":"#)?;
    let unit = UnitId {
        cell: cell.parse().ok()?,
        from: from.parse().ok()?,
        count: count.parse().ok()?,
    };
    Some((unit, record.into()))
}

fn check(text: &str) -> u64 {
    let mut hash = LineHasher::new();
    hash.write(text.as_bytes());
    hash.finish()
}

/// Of all lines of a file but its last.
#[derive(Debug, Default)]
pub(super) struct Digest {
    hash: SipHasher24,
    lines: u64,
}

impl Digest {
    pub(super) fn line(&mut self, line: &[u8]) {
        self.hash.write(line);
        self.lines += 1;
    }

    /// The line that ends the file.
    pub(super) fn last_line(&self) -> String {
        line_of(&LastLine {
            records: self.lines.saturating_sub(1),
            digest: format!("{:032x}", self.hash.finish128().as_u128()),
        })
    }

    fn is_last(&self, line: &[u8]) -> bool {
        self.last_line().as_bytes() == line
    }
}

fn line_of(value: &impl Serialize) -> String {
    // Texts and numbers have nothing that JSON cannot hold.
    serde_json::to_string(value).unwrap_or_default() + "\n"
}
