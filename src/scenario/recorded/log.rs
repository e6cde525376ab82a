//! Access logs, a line for each request: who answered it, how, and how long that took.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use regex::Regex;

use super::log_format::{Fields, Format, MICROS, MILLIS};
use super::series::Series;
use super::{Imported, Names, Stretch, times};
use crate::base::{Problem, Problems, Span};
use crate::scenario::trace::{MOST_BYTES, MOST_ROWS, unpacked};
use crate::telemetry::{Counters, Plan, Sampling, Status, Version};

/// How to read an access log.
#[derive(Debug, Clone, PartialEq)]
pub struct LogWanted {
    /// `combined`, `json`, or a format as the server's configuration has it; `None`: told by the first
    /// line.
    pub format: Option<String>,
    /// The field by which versions are told apart; `None`: the first of those that usually are.
    pub version: Option<String>,
    /// What is found in that field for each version: regular expressions.
    pub names: Names,
    /// Share of the lines that may be malformed.
    pub malformed: f64,
}

/// Fields that usually tell versions apart.
const VERSION: [&str; 9] = [
    "version",
    "upstream_cluster",
    "proxy_upstream_name",
    "proxy_alternative_upstream_name",
    "upstream_name",
    "upstream_host",
    "upstream_addr",
    "authority",
    "host",
];
/// How many malformed lines are named.
const NAMED: usize = 3;

/// One request.
struct Request {
    /// When its answer was over.
    at: i128,
    version: Option<Version>,
    failed: bool,
    seconds: Option<f64>,
}

/// Who answered.
struct Whose {
    field: Option<String>,
    patterns: Vec<(Version, Regex)>,
}

impl Whose {
    fn of(wanted: &LogWanted) -> Result<Whose, (String, String)> {
        let mut patterns = Vec::new();
        for version in Version::ALL {
            if let Some(text) = &wanted.names[version as usize] {
                let pattern = Regex::new(text).map_err(|error| {
                    let what = error.to_string();
                    let line = what.lines().last().unwrap_or_default().trim().to_owned();
                    let help =
                        format!("{line}; write what is found in the field, like ^10\\.0\\.1\\.");
                    (format!("`{text}` is no regular expression"), help)
                })?;
                patterns.push((version, pattern));
            }
        }
        Ok(Whose {
            field: wanted.version.clone(),
            patterns,
        })
    }

    /// The version that answered; `None` where none of them did. With nothing to go by all of them are
    /// the canary's.
    fn version(&self, fields: &Fields<'_>) -> Option<Version> {
        let value = match &self.field {
            Some(name) => fields.get(name),
            None => VERSION.iter().find_map(|name| fields.get(name)),
        };
        // Of several tries the last one answered.
        let value = value
            .as_deref()
            .map(|text| text.rsplit([',', ' ']).next().unwrap_or(text));
        if !self.patterns.is_empty() {
            let value = value?;
            let found = self
                .patterns
                .iter()
                .find(|(_, pattern)| pattern.is_match(value));
            return found.map(|(version, _)| *version);
        }
        match (value, &self.field) {
            (Some(value), _) if Version::named(value).is_some() => Version::named(value),
            (_, Some(_)) => None,
            (_, None) => Some(Version::Canary),
        }
    }
}

/// What was read so far.
struct Intake<'p> {
    plan: &'p Plan,
    bin: i128,
    bins: BTreeMap<i128, [Option<Counters>; 3]>,
    lines: u64,
    malformed: u64,
    named: Vec<String>,
    of_none: u64,
    timed: u64,
    requests: u64,
}

pub(super) fn read(
    files: &[(&Path, &[u8])],
    wanted: &LogWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    let options = |(what, help): (String, String)| Problems {
        problems: vec![Problem::error(what, None).help(help)],
        ..Problems::about(Path::new("command line"), "")
    };
    let whose = Whose::of(wanted).map_err(options)?;
    let format = wanted.format.as_deref().map(Format::parse).transpose();
    let format = format.map_err(|what| {
        let help = "write it as the server has it: '$remote_addr [$time_local] $status \
                    $request_time $upstream_addr'";
        options((what, help.to_owned()))
    })?;
    let interval = match plan.sampling {
        Sampling::Scraped { interval, .. } => interval,
        Sampling::Exact => Span::from_secs(1),
    };
    let mut intake = Intake {
        plan,
        bin: i128::from(interval.as_nanos()),
        bins: BTreeMap::new(),
        lines: 0,
        malformed: 0,
        named: Vec::new(),
        of_none: 0,
        timed: 0,
        requests: 0,
    };
    for (path, bytes) in files {
        intake.read(path, bytes, format.as_ref(), &whose)?;
    }
    let first = files
        .first()
        .map_or(PathBuf::new(), |(path, _)| path.to_path_buf());
    intake.refuse(&first, wanted)?;
    let notes = intake.notes(wanted, interval);
    let series = intake.into_series();
    series.into_recording(stretch, plan, notes).ok_or_else(|| {
        let message = "has no requests of a version in the stretch of time that is replayed";
        Problems::about(&first, message)
    })
}

impl Intake<'_> {
    fn read(
        &mut self,
        path: &Path,
        bytes: &[u8],
        format: Option<&Format>,
        whose: &Whose,
    ) -> Result<(), Problems> {
        let mut lines = BufReader::new(unpacked(bytes).take(MOST_BYTES));
        let (combined, json) = (Format::combined(), Format::Json);
        let (mut raw, mut number) = (Vec::new(), 0_u64);
        loop {
            raw.clear();
            let read = lines.read_until(b'\n', &mut raw);
            let read =
                read.map_err(|error| Problems::about(path, format!("cannot be read: {error}")))?;
            if read == 0 {
                return Ok(());
            }
            number += 1;
            let line = String::from_utf8_lossy(&raw);
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            self.lines += 1;
            let format = format.unwrap_or(match line.starts_with('{') {
                true => &json,
                false => &combined,
            });
            let fields = Fields::of(format, line);
            match fields.and_then(|fields| request(&fields, whose)) {
                Some(request) => self.count(&request, path)?,
                None => {
                    self.malformed += 1;
                    if self.named.len() < NAMED {
                        let beginning: String = line.chars().take(60).collect();
                        self.named
                            .push(format!("{}:{number}: `{beginning}`", path.display()));
                    }
                }
            }
        }
    }

    fn count(&mut self, request: &Request, path: &Path) -> Result<(), Problems> {
        let Some(version) = request.version else {
            self.of_none += 1;
            return Ok(());
        };
        self.requests += 1;
        let bin = request.at.div_euclid(self.bin);
        let versions = self.bins.entry(bin).or_default();
        let width = self.plan.buckets.len();
        let counters = versions[version as usize].get_or_insert_with(|| Counters::new(width, 0));
        let status = match request.failed {
            true => Status::Failure,
            false => Status::Success,
        };
        counters.requests[status as usize] += 1;
        if let Some(seconds) = request.seconds {
            self.timed += 1;
            counters.seconds[status as usize] += seconds;
            counters.row_mut(status)[self.plan.buckets.index(seconds)] += 1;
        }
        let span = self.bins.last_key_value().zip(self.bins.first_key_value());
        match span {
            Some(((last, _), (first, _))) if last - first > MOST_ROWS as i128 => {
                let message = format!("lasts for more than {MOST_ROWS} scrapes");
                Err(Problems::about(path, message))
            }
            _ => Ok(()),
        }
    }

    fn refuse(&self, path: &Path, wanted: &LogWanted) -> Result<(), Problems> {
        let share = self.malformed as f64 / self.lines.max(1) as f64;
        if share <= wanted.malformed {
            return Ok(());
        }
        let message = format!(
            "{} of {} lines ({:.1} %) are no requests in this format, more than {:.1} %: {}",
            self.malformed,
            self.lines,
            share * 100.0,
            wanted.malformed * 100.0,
            self.named.join("; ")
        );
        let help = "write the format as the server has it (--log-format), or allow more \
                    (--malformed 5%)";
        Err(Problems {
            problems: vec![Problem::error(message, None).help(help)],
            ..Problems::about(path, "")
        })
    }

    fn notes(&self, wanted: &LogWanted, interval: Span) -> Vec<String> {
        let mut notes = vec![format!(
            "requests were counted when their answers were over, in steps of {interval}"
        )];
        if self.malformed > 0 {
            notes.push(format!(
                "{} of {} lines are no requests and were left out: {}",
                self.malformed,
                self.lines,
                self.named.join("; ")
            ));
        }
        if self.of_none > 0 {
            notes.push(format!(
                "{} of {} requests are of no version and were left out",
                self.of_none, self.lines
            ));
        }
        if self.timed < self.requests {
            notes.push(format!(
                "{} of {} requests do not tell how long they took, so latencies are of the others",
                self.requests - self.timed,
                self.requests
            ));
        }
        if wanted.version.is_none() && wanted.names.iter().all(Option::is_none) {
            notes.push(
                "requests of no known version are taken to be the canary's; --version-field and \
                 --canary tell versions apart"
                    .to_owned(),
            );
        }
        notes
    }

    /// Running counters at the end of each bin, also of those in which nobody came.
    fn into_series(self) -> Series {
        let mut series = Series::new(self.plan.buckets.clone(), self.plan.birth);
        let (Some((first, _)), Some((last, _))) =
            (self.bins.first_key_value(), self.bins.last_key_value())
        else {
            return series;
        };
        for version in Version::ALL {
            let has = |versions: &[Option<Counters>; 3]| versions[version as usize].is_some();
            if !self.bins.values().any(has) {
                continue;
            }
            let mut sum = Counters::new(self.plan.buckets.len(), 0);
            let at = &mut series.versions[version as usize];
            at.insert(first * self.bin, sum.clone());
            for bin in *first..=*last {
                let counted = self
                    .bins
                    .get(&bin)
                    .and_then(|all| all[version as usize].as_ref());
                if let Some(counted) = counted {
                    for status in 0..2 {
                        sum.requests[status] += counted.requests[status];
                        sum.seconds[status] += counted.seconds[status];
                    }
                    for (sum, more) in sum.buckets.iter_mut().zip(&counted.buckets) {
                        *sum += more;
                    }
                }
                at.insert((bin + 1) * self.bin, sum.clone());
            }
        }
        series
    }
}

/// The request of a line; `None` when it tells no time or no status.
fn request(fields: &Fields<'_>, whose: &Whose) -> Option<Request> {
    let seconds = took(fields);
    let nanos = |seconds: f64| (seconds * 1e9) as i128;
    // The finest first.
    let own = ["msec", "time_iso8601", "time", "timestamp", "@timestamp"];
    let common = fields
        .get("time_local")
        .and_then(|text| times::common(&text));
    let ended = (own.iter().find_map(|name| fields.get(name)))
        .and_then(|text| times::read(&text))
        .filter(|when| when.of_day)
        .map(|when| when.nanos)
        .or(common);
    let at = match ended {
        Some(ended) => ended,
        None => {
            let text = fields.get("start_time")?;
            let begun = times::read(&text).filter(|when| when.of_day)?.nanos;
            begun + nanos(seconds.unwrap_or(0.0))
        }
    };
    let status = ["status", "response_code"]
        .iter()
        .find_map(|name| fields.get(name))?;
    let status: u16 = status.parse().ok()?;
    // Envoy writes 0 where there was no answer.
    let failed = status == 0 || (500..600).contains(&status);
    Some(Request {
        at,
        version: whose.version(fields),
        failed,
        seconds,
    })
}

/// How long a request took, in seconds.
fn took(fields: &Fields<'_>) -> Option<f64> {
    let scaled = [
        ("request_time", 1.0),
        (MILLIS, 1e-3),
        (MICROS, 1e-6),
        ("duration", 1e-3),
        ("upstream_response_time", 1.0),
    ];
    scaled.into_iter().find_map(|(name, scale)| {
        let text = fields.get(name)?;
        // Of several tries each has its own.
        let tries = text.split([',', ':']).map(str::trim);
        let parsed: Vec<f64> = tries.filter_map(|text| text.parse().ok()).collect();
        let sum: f64 = parsed.iter().sum();
        (!parsed.is_empty() && sum.is_finite() && sum >= 0.0).then_some(sum * scale)
    })
}
