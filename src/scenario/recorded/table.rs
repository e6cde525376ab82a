//! Tables: a row for each version and stretch of time, as CSV, plain or gzip.

mod counting;

use std::collections::BTreeMap;
use std::path::Path;

use super::series::{Series, fine_buckets, median_step};
use super::{Imported, Names, Stretch, problems, span_of, text, times};
use crate::base::{Probability, Problem, Problems, Rate, Span, Weight};
use crate::model::service::Latency;
use crate::scenario::trace::MOST_PROBLEMS;
use crate::telemetry::{Birth, Buckets, Counters, Plan, Status, Unit, Version};

/// How to read a table.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct TableWanted {
    /// Columns by what they hold, where their names do not say it: `requests` is in `total`.
    pub columns: Vec<(String, String)>,
    /// What stands in the version column for each version.
    pub names: Names,
    /// Whether figures run on from row to row; `None`: told by whether they ever fall.
    pub counters: Option<bool>,
    /// Unit of latencies that do not name theirs.
    pub unit: Option<Unit>,
    /// Requests that a version without a column of them is taken to have.
    pub rate: Option<Rate>,
}

const TIME: [&str; 7] = ["time", "timestamp", "t", "ts", "t_ms", "t_s", "date"];
const VERSION: [&str; 5] = ["version", "track", "zone", "variant", "release"];
const REQUESTS: [&str; 5] = ["requests", "count", "total", "hits", "n"];
const ERRORS: [&str; 6] = ["errors", "failures", "failed", "5xx", "r5xx", "http_5xx"];
const MEAN: [&str; 2] = ["mean", "average"];
const WEIGHT: [&str; 2] = ["weight", "canary_weight"];

/// Where what stands.
#[derive(Debug, Default)]
struct Columns {
    time: usize,
    version: Option<usize>,
    requests: Option<usize>,
    errors: Option<usize>,
    /// Cumulative buckets with their bounds in `unit`.
    buckets: Vec<(usize, f64)>,
    /// Quantiles, with what one of their units is in seconds.
    quantiles: Vec<(usize, Probability, f64)>,
    mean: Option<(usize, f64)>,
    weight: Option<usize>,
}

/// One row.
#[derive(Debug, Clone)]
struct Line {
    number: usize,
    at: i128,
    requests: f64,
    errors: f64,
    /// Requests within each bound.
    within: Vec<f64>,
    /// Quantiles in seconds.
    quantiles: Vec<(Probability, Span)>,
    mean: Option<f64>,
}

/// What a table holds.
struct Rows {
    /// By what stands in the version column.
    lines: BTreeMap<String, Vec<Line>>,
    /// The canary's weights by their times.
    weights: BTreeMap<i128, Weight>,
    /// Whether all times count from 1970.
    of_day: bool,
}

/// What is wrong with a table, collected.
struct Complaints {
    list: Vec<(usize, String, &'static str)>,
}

impl Complaints {
    fn add(&mut self, line: usize, what: String, help: &'static str) {
        self.list.push((line, what, help));
    }

    fn full(&self) -> bool {
        self.list.len() >= MOST_PROBLEMS
    }
}

pub(super) fn read(
    bytes: &[u8],
    file: &Path,
    wanted: &TableWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    let text = text(bytes, file)?;
    let about = |line: usize, what: String, help: &str| {
        let problem = Problem::error(what, Some(span_of(&text, line))).help(help);
        problems(file, &text, vec![problem])
    };
    let mut rows = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(text.as_bytes());
    let header = rows
        .headers()
        .map_err(|error| about(1, error.to_string(), "give a CSV text"))?;
    let head_line = header
        .position()
        .map_or(1, |position| position.line() as usize);
    let names: Vec<String> = header.iter().map(str::to_owned).collect();
    let columns =
        Columns::find(&names, wanted).map_err(|(what, help)| about(head_line, what, &help))?;
    let mut complaints = Complaints { list: Vec::new() };
    let Rows {
        lines,
        weights,
        of_day,
    } = columns.rows(&mut rows, &mut complaints);
    let mut notes = Vec::new();
    let whose = whose(&lines, wanted).map_err(|(what, help)| about(head_line, what, &help))?;
    let buckets = columns.histogram(plan).map_err(|what| {
        about(
            head_line,
            what,
            "name cumulative buckets by their upper bounds: le_0.1, le_0.5",
        )
    })?;
    let mut series = Series::new(buckets, Birth::Zero);
    (series.of_day, series.weights) = (of_day, weights);
    let running = counting::run_on(&lines, wanted, &mut notes);
    for (name, mut list) in lines {
        let Some(version) = whose.get(&name) else {
            continue;
        };
        list.sort_by_key(|line| line.at);
        if columns.requests.is_none() {
            assume(&mut list, wanted, &mut notes)
                .map_err(|(what, help)| about(head_line, what, help))?;
        }
        let counted = match running {
            true => counting::of_counters(&list, &mut notes),
            false => counting::of_increments(&list, &mut notes),
        };
        let at = &mut series.versions[*version as usize];
        let mut sum = Counters::new(series.buckets.len(), 0);
        for (instant, line) in counted {
            if let Some(line) = line {
                count(&mut sum, &line, &series.buckets, &columns, &mut complaints);
            }
            at.insert(instant, sum.clone());
        }
    }
    if !complaints.list.is_empty() {
        complaints.list.sort_by_key(|(line, ..)| *line);
        let all = complaints
            .list
            .into_iter()
            .map(|(line, what, help)| Problem::error(what, Some(span_of(&text, line))).help(help));
        return Err(problems(file, &text, all.collect()));
    }
    series.into_recording(stretch, plan, notes).ok_or_else(|| {
        Problems::about(
            file,
            "has not two rows in the stretch of time that is replayed",
        )
    })
}

impl Columns {
    fn find(names: &[String], wanted: &TableWanted) -> Result<Columns, (String, String)> {
        let place = |name: &str| {
            names
                .iter()
                .position(|other| other.eq_ignore_ascii_case(name))
        };
        let shown = names.join(", ");
        for (what, column) in &wanted.columns {
            if place(column).is_none() {
                let help = format!("it has {shown}");
                return Err((format!("there is no column `{column}` for {what}"), help));
            }
        }
        let asked = |what: &str| {
            let found = wanted.columns.iter().find(|(of, _)| of == what);
            found.and_then(|(_, column)| place(column))
        };
        let find = |what: &str, usual: &[&str]| {
            asked(what).or_else(|| usual.iter().find_map(|name| place(name)))
        };
        let Some(time) = find("time", &TIME) else {
            let help = format!("say which it is: --columns time=NAME; it has {shown}");
            return Err(("there is no column of times".to_owned(), help));
        };
        let mut columns = Columns {
            time,
            version: find("version", &VERSION),
            requests: find("requests", &REQUESTS),
            errors: find("errors", &ERRORS),
            weight: find("weight", &WEIGHT),
            ..Columns::default()
        };
        let unit_of = |name: &str, otherwise: Option<Unit>| -> Result<f64, (String, String)> {
            let lower = name.to_ascii_lowercase();
            let unit = match () {
                () if lower.ends_with("ms") => Some(Unit::Milliseconds),
                () if lower.ends_with("_s") || lower.ends_with("seconds") => Some(Unit::Seconds),
                () => wanted.unit.or(otherwise),
            };
            let unit = unit.ok_or_else(|| {
                let help = "name the column like p99_ms, or say --unit ms or --unit s";
                (format!("`{name}` does not say its unit"), help.to_owned())
            })?;
            Ok(1.0 / unit.per_second())
        };
        for (index, name) in names.iter().enumerate() {
            let lower = name.to_ascii_lowercase();
            if let Some(bound) = lower.strip_prefix("le_") {
                let number = bound.trim_end_matches("_ms").trim_end_matches("ms");
                let number = number.trim_end_matches("_s").trim_end_matches('s');
                match number.parse::<f64>() {
                    Ok(bound) if bound.is_finite() => {
                        let scale = unit_of(name, Some(Unit::Seconds))?;
                        columns.buckets.push((index, bound * scale));
                    }
                    // The unbounded one holds all requests.
                    Ok(_) => {}
                    Err(_) => {
                        let help = "write le_0.1 for requests that took at most 0.1 s".to_owned();
                        return Err((format!("`{name}` has no bound"), help));
                    }
                }
            }
            let rank = (wanted.columns.iter())
                .find(|(_, column)| column == name)
                .map_or(lower.as_str(), |(what, _)| what.as_str());
            if let Some(share) = quantile_of(rank) {
                columns.quantiles.push((index, share, unit_of(name, None)?));
            }
        }
        columns.buckets.sort_by(|a, b| a.1.total_cmp(&b.1));
        columns
            .quantiles
            .sort_by(|a, b| a.1.get().total_cmp(&b.1.get()));
        let mean = asked("mean").or_else(|| {
            let is_mean = |name: &String| {
                let lower = name.to_ascii_lowercase();
                MEAN.iter().any(|word| lower.starts_with(word))
            };
            names.iter().position(is_mean)
        });
        if let Some(index) = mean {
            columns.mean = Some((index, unit_of(&names[index], None)?));
        }
        Ok(columns)
    }

    /// All rows, as far as nothing much is wrong with them.
    fn rows(&self, rows: &mut csv::Reader<&[u8]>, complaints: &mut Complaints) -> Rows {
        let mut read = Rows {
            lines: BTreeMap::new(),
            weights: BTreeMap::new(),
            of_day: true,
        };
        for record in rows.records() {
            if complaints.full() {
                break;
            }
            let record = match record {
                Ok(record) => record,
                Err(error) => {
                    let line = error.position().map_or(0, |at| at.line() as usize);
                    complaints.add(line, error.to_string(), "give a CSV text");
                    break;
                }
            };
            let number = record.position().map_or(0, |at| at.line() as usize);
            let cell = |column: usize| record.get(column).unwrap_or_default();
            let Some(when) = times::read(cell(self.time)) else {
                complaints.add(
                    number,
                    format!("`{}` is not a time", cell(self.time)),
                    "write RFC 3339, seconds or milliseconds since 1970, or seconds since the first row",
                );
                continue;
            };
            read.of_day &= when.of_day;
            let name = self.version.map_or("", cell).to_owned();
            if let Some(line) = self.line(number, when.nanos, &cell, complaints) {
                read.lines.entry(name).or_default().push(line);
            }
            if let Some(text) = self.weight.map(cell).filter(|text| !text.is_empty()) {
                match text
                    .trim_end_matches('%')
                    .trim()
                    .parse()
                    .ok()
                    .and_then(Weight::percent)
                {
                    Some(weight) => {
                        read.weights.insert(when.nanos, weight);
                    }
                    None => complaints.add(
                        number,
                        format!("`{text}` is not a percentage"),
                        "write 0 to 100",
                    ),
                }
            }
        }
        read
    }

    /// A row; `None` when something is wrong with it.
    fn line<'c>(
        &self,
        number: usize,
        at: i128,
        cell: &dyn Fn(usize) -> &'c str,
        complaints: &mut Complaints,
    ) -> Option<Line> {
        let before = complaints.list.len();
        let mut figure = |column: usize, what: &str| match cell(column).parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => value,
            _ => {
                complaints.add(
                    number,
                    format!("`{}` is not {what}", cell(column)),
                    "write a number that is not negative",
                );
                0.0
            }
        };
        let requests = self
            .requests
            .map_or(0.0, |column| figure(column, "a count"));
        let errors = self.errors.map_or(0.0, |column| figure(column, "a count"));
        let within = (self.buckets.iter()).map(|(column, _)| figure(*column, "a count"));
        let within: Vec<f64> = within.collect();
        let mut quantiles = Vec::new();
        for (column, share, scale) in &self.quantiles {
            // Nobody was served, so there is no quantile.
            if !cell(*column).is_empty() {
                let seconds = figure(*column, "a latency") * scale;
                quantiles.push((*share, Span::from_secs_f64(seconds)));
            }
        }
        let mean = self.mean.filter(|(column, _)| !cell(*column).is_empty());
        let mean = mean.map(|(column, scale)| figure(column, "a latency") * scale);
        if self.requests.is_some() && errors > requests {
            complaints.add(
                number,
                format!("{errors} errors of {requests} requests"),
                "errors are among the requests",
            );
        }
        (complaints.list.len() == before).then_some(Line {
            number,
            at,
            requests,
            errors,
            within,
            quantiles,
            mean,
        })
    }

    /// The histogram that the columns fill.
    fn histogram(&self, plan: &Plan) -> Result<Buckets, String> {
        if self.buckets.is_empty() {
            return Ok(match self.quantiles.is_empty() {
                true => plan.buckets.clone(),
                false => fine_buckets(),
            });
        }
        let unit = plan.buckets.unit();
        let bounds = self
            .buckets
            .iter()
            .map(|(_, seconds)| seconds * unit.per_second());
        Buckets::new(bounds.collect(), unit).map_err(|error| error.to_string())
    }
}

/// `p99`, `p99.9`, `p99_ms`: the share below.
fn quantile_of(name: &str) -> Option<Probability> {
    let rest = name.to_ascii_lowercase();
    let rest = rest.strip_prefix('p')?;
    let number = rest
        .trim_end_matches("seconds")
        .trim_end_matches("ms")
        .trim_end_matches('s');
    let percent: f64 = number.trim_end_matches('_').parse().ok()?;
    (percent > 0.0 && percent < 100.0).then(|| Probability::new(percent / 100.0))?
}

/// Which version each name is.
fn whose(
    lines: &BTreeMap<String, Vec<Line>>,
    wanted: &TableWanted,
) -> Result<BTreeMap<String, Version>, (String, String)> {
    let names: Vec<&str> = lines.keys().map(String::as_str).collect();
    let mut whose = BTreeMap::new();
    let mut asked = false;
    for version in Version::ALL {
        let Some(name) = &wanted.names[version as usize] else {
            continue;
        };
        asked = true;
        if !names.contains(&name.as_str()) {
            let help = format!("there are {}", names.join(", "));
            return Err((format!("no row is of the version `{name}`"), help));
        }
        whose.insert(name.clone(), version);
    }
    if asked {
        return Ok(whose);
    }
    for name in &names {
        if let Some(version) = Version::named(&name.to_ascii_lowercase()) {
            whose.insert((*name).to_owned(), version);
        }
    }
    match names.as_slice() {
        // There is but one: it is the one that is judged.
        [one] if whose.is_empty() => {
            whose.insert((*one).to_owned(), Version::Canary);
        }
        _ if whose.is_empty() => {
            let shown: Vec<&str> = names.iter().take(8).copied().collect();
            let help = format!(
                "say which is whose: --stable and --canary; there are {}",
                shown.join(", ")
            );
            return Err(("no row is of stable or canary".to_owned(), help));
        }
        _ => {}
    }
    Ok(whose)
}

/// Gives rows the requests that their rate makes likely.
fn assume(
    list: &mut [Line],
    wanted: &TableWanted,
    notes: &mut Vec<String>,
) -> Result<(), (String, &'static str)> {
    const HELP: &str = "say which it is: --columns requests=NAME; or how many to assume: \
                        --assume-rate 100/s";
    let rate = wanted
        .rate
        .ok_or(("there is no column of requests".to_owned(), HELP))?;
    let instants: Vec<i128> = list.iter().map(|line| line.at).collect();
    let step = median_step(&instants).ok_or(("there are not two rows".to_owned(), HELP))?;
    let each = rate.over(step).round();
    for line in list {
        line.requests = each;
    }
    let note = format!("each row is taken to be of {each} requests: {rate}, as was asked for");
    if !notes.contains(&note) {
        notes.push(note);
    }
    Ok(())
}

/// Adds a row's requests. Latencies are not told apart by status: all stand with the successes.
fn count(
    sum: &mut Counters,
    line: &Line,
    bounds: &Buckets,
    columns: &Columns,
    complaints: &mut Complaints,
) {
    let (requests, errors) = (line.requests.round() as u64, line.errors.round() as u64);
    let errors = errors.min(requests);
    sum.requests[0] += requests - errors;
    sum.requests[1] += errors;
    let finite = bounds.len() - 1;
    let law = match line.quantiles.as_slice() {
        [] => None,
        [(_, one)] => Latency::fixed(*one).ok(),
        several => Latency::empirical(several.to_vec()).ok().or_else(|| {
            let last = several.last()?;
            Latency::fixed(last.1).ok()
        }),
    };
    let within: Vec<u64> = if !columns.buckets.is_empty() {
        line.within
            .iter()
            .map(|count| count.round() as u64)
            .collect()
    } else if let Some(law) = &law {
        let share = |index: usize| law.cdf(bounds.bound_seconds(index)).clamp(0.0, 1.0);
        (0..finite)
            .map(|index| (requests as f64 * share(index)).round() as u64)
            .collect()
    } else {
        Vec::new()
    };
    let mut before = 0;
    if !within.is_empty() {
        let row = sum.row_mut(Status::Success);
        for (index, count) in within.iter().enumerate() {
            if *count < before || *count > requests {
                complaints.add(
                    line.number,
                    format!("{count} requests are within a bound, of {requests}, where {before} are within the one before"),
                    "buckets are cumulative: each holds the ones below it too",
                );
                return;
            }
            row[index] += count - before;
            before = *count;
        }
        row[finite] += requests - before;
    }
    let mean = line.mean.or_else(|| law.as_ref().map(Latency::mean));
    sum.seconds[0] += mean.unwrap_or(0.0) * requests as f64;
}
