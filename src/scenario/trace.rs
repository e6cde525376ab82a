//! Recorded request counts: a CSV text, plain or gzip, to a traffic trace.

use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::base::Span;
use crate::model::traffic::Trace;

/// The most rows that a trace may have.
pub const MOST_ROWS: usize = 1_000_000;
/// The most bytes that a trace may unpack to.
pub(super) const MOST_BYTES: u64 = 256 * 1024 * 1024;
/// After so many bad rows reading stops: the reader has seen the pattern.
pub(super) const MOST_PROBLEMS: usize = 5;
/// Rows that come this much early or late are on time (decimal seconds are rounded).
const TOLERANCE_NANOS: i128 = 1_000;

/// What is wrong with a trace. Lines count from 1, the header included.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TraceError {
    /// Zero bytes or bytes that are not UTF-8.
    #[error("is not a CSV text")]
    Binary,
    /// Damaged gzip or CSV.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// The first line holds figures, or nothing.
    #[error("line 1: `{0}` is not a header")]
    NoHeader(String),
    /// A column asked for is not in the header.
    #[error("has no column `{name}`, only {columns}")]
    NoColumn {
        /// The column.
        name: String,
        /// Those it has.
        columns: String,
    },
    /// A row without the columns wanted.
    #[error("line {0}: a time and a count are wanted, and there are fewer cells")]
    TooFewCells(u64),
    /// The time column.
    #[error("line {line}: `{text}` is not a time like those before it")]
    NotATime {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
    },
    /// The count column.
    #[error("line {line}: `{text}` is not a count")]
    NotACount {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
    },
    /// A count below zero.
    #[error("line {line}: `{text}` is a negative count")]
    Negative {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
    },
    /// A time that is not after the one before.
    #[error("line {line}: `{text}` is not after the row before it")]
    Disorder {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
    },
    /// Rows that are not equally spaced.
    #[error(
        "line {line}: `{text}` comes {after} after the row before it, where rows are {bin} apart"
    )]
    Gap {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
        /// Time since the row before.
        after: Span,
        /// Time between the first two rows.
        bin: Span,
    },
    /// Fewer than two rows: there is no telling how long one lasts.
    #[error("has {0} rows of data")]
    TooShort(usize),
    /// More rows than [`MOST_ROWS`].
    #[error("has more than {MOST_ROWS} rows")]
    TooLong,
    /// A line of an access log without the time of a request.
    #[error("line {line}: `{text}` has no time of a request")]
    NotARequest {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
    },
    /// A line of an HdrHistogram log that is not an interval.
    #[error("line {line}: `{text}` is not an interval of an HdrHistogram log")]
    NotAnInterval {
        /// Its line.
        line: u64,
        /// The offending text.
        text: String,
    },
    /// All counts are zero.
    #[error("has no requests at all")]
    NoRequests,
}

impl TraceError {
    /// What to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            TraceError::Binary | TraceError::Unreadable(_) => {
                "give a CSV text, plain or gzip, with a header"
            }
            TraceError::NoHeader(_) => "begin with a line such as `time,requests`",
            TraceError::NoColumn { .. } => "name columns as its first line does",
            TraceError::TooFewCells(_) => "write one time and one count in each line",
            TraceError::NotATime { .. } => {
                "write seconds, 14:05:00, 2015-02-26 21:42:53 or RFC 3339, the same in all rows"
            }
            TraceError::NotACount { .. } => "write a number",
            TraceError::Negative { .. } => "counts are zero or more",
            TraceError::Disorder { .. } => "sort the rows by time and take out doubles",
            TraceError::Gap { .. } => "fill the gap with rows, or use the part before or after it",
            TraceError::TooShort(_) => "give two rows or more",
            TraceError::TooLong => "use a part of it, or sum rows up",
            TraceError::NotARequest { .. } => {
                "give a log in the common or combined format of NGINX or Apache, or JSON lines \
                 with a start_time (columns = { time = \"…\" } names another field)"
            }
            TraceError::NotAnInterval { .. } => {
                "give an interval log of HdrHistogram with histograms of version 1 or 2"
            }
            TraceError::NoRequests => "give a trace with traffic",
        }
    }
}

/// Names of the columns to read; `None` for the first and the second.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Columns {
    /// Column of the times.
    pub time: Option<String>,
    /// Column of the counts.
    pub count: Option<String>,
}

/// Reads a trace from the bytes of a CSV text with a header, plain or gzip (told by content). A row
/// counts the requests from its time to the next row's; rows are equally spaced.
///
/// # Errors
/// Everything that is wrong with it, up to five bad rows.
pub fn read(bytes: &[u8], columns: &Columns) -> Result<Trace, Vec<TraceError>> {
    let mut rows = csv::ReaderBuilder::new()
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(unpacked(bytes).take(MOST_BYTES));
    let (time, count) = find_columns(&mut rows, columns).map_err(|error| vec![error])?;
    let mut bins = Bins::default();
    let mut problems = Vec::new();
    let mut record = csv::StringRecord::new();
    while problems.len() < MOST_PROBLEMS {
        match rows.read_record(&mut record) {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                problems.push(unreadable(&error));
                break;
            }
        }
        let line = record.position().map_or(0, csv::Position::line);
        let (Some(time), Some(count)) = (record.get(time), record.get(count)) else {
            problems.push(TraceError::TooFewCells(line));
            continue;
        };
        bins.add(line, time, count, &mut problems);
        if bins.counts.len() > MOST_ROWS {
            problems.push(TraceError::TooLong);
            break;
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    bins.into_trace().map_err(|error| vec![error])
}

/// The text of a file, plain or gzip.
pub(super) fn unpacked(bytes: &[u8]) -> Box<dyn Read + '_> {
    if bytes.starts_with(&[0x1f, 0x8b]) {
        Box::new(MultiGzDecoder::new(bytes))
    } else {
        Box::new(bytes)
    }
}

/// What a recorded file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// Counts in rows.
    Csv,
    /// A line for each request.
    AccessLog,
    /// Intervals of HdrHistogram.
    Hdr,
}

impl Format {
    /// Told by the first line that is not a comment.
    pub(super) fn of(bytes: &[u8]) -> Format {
        let mut start = Vec::new();
        // What cannot be unpacked is reported by whoever reads it.
        let _ = unpacked(bytes).take(16 * 1024).read_to_end(&mut start);
        let start = String::from_utf8_lossy(&start);
        let is_hdr = |line: &str| line.starts_with("\"StartTimestamp\"") || line.contains(",HIST");
        let is_access =
            |line: &str| line.starts_with('{') || (line.contains(" [") && line.contains("] \""));
        let mut lines = start.lines().map(str::trim);
        match lines.find(|line| !line.is_empty() && !line.starts_with('#')) {
            Some(line) if is_hdr(line) => Format::Hdr,
            Some(line) if is_access(line) => Format::AccessLog,
            _ => Format::Csv,
        }
    }
}

fn unreadable(error: &csv::Error) -> TraceError {
    match error.kind() {
        csv::ErrorKind::Utf8 { .. } => TraceError::Binary,
        csv::ErrorKind::Io(error) => TraceError::Unreadable(error.to_string()),
        _ => TraceError::Unreadable(error.to_string()),
    }
}

/// Positions of the time and the count in a row.
fn find_columns(
    rows: &mut csv::Reader<impl Read>,
    columns: &Columns,
) -> Result<(usize, usize), TraceError> {
    let header = rows.headers().map_err(|error| unreadable(&error))?;
    let names: Vec<&str> = header.iter().collect();
    let shown = names.join(",");
    if shown.contains('\0') {
        return Err(TraceError::Binary);
    }
    let holds_figures = names.iter().any(|name| name.parse::<f64>().is_ok());
    if holds_figures || names.len() < 2 {
        let short = shown.chars().take(60).collect();
        return Err(TraceError::NoHeader(short));
    }
    let position = |wanted: &Option<String>, otherwise: usize| match wanted {
        None => Ok(otherwise),
        Some(name) => names
            .iter()
            .position(|column| column == name)
            .ok_or_else(|| TraceError::NoColumn {
                name: name.clone(),
                columns: shown.clone(),
            }),
    };
    Ok((position(&columns.time, 0)?, position(&columns.count, 1)?))
}

/// Rows read so far.
#[derive(Default)]
struct Bins {
    clock: Option<Clock>,
    before: Option<i128>,
    width: Option<i128>,
    counts: Vec<f64>,
}

impl Bins {
    fn add(&mut self, line: u64, time: &str, count: &str, problems: &mut Vec<TraceError>) {
        let text = time.to_owned();
        if self.clock.is_none() {
            self.clock = Clock::of(time);
        }
        match self.clock.and_then(|clock| clock.nanos(time)) {
            None => {
                problems.push(TraceError::NotATime { line, text });
                self.before = None;
            }
            Some(now) => {
                problems.extend(self.place(line, text, now));
                self.before = Some(now);
            }
        }
        let text = count.to_owned();
        match count.parse::<f64>() {
            Ok(count) if count.is_finite() && count >= 0.0 => self.counts.push(count),
            Ok(count) if count < 0.0 => problems.push(TraceError::Negative { line, text }),
            _ => problems.push(TraceError::NotACount { line, text }),
        }
    }

    /// What is wrong with a row's time, given the rows before it.
    fn place(&mut self, line: u64, text: String, now: i128) -> Option<TraceError> {
        let after = now - self.before?;
        if after <= 0 {
            return Some(TraceError::Disorder { line, text });
        }
        let width = *self.width.get_or_insert(after);
        let span = |nanos: i128| Span::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX));
        ((after - width).abs() > TOLERANCE_NANOS).then(|| TraceError::Gap {
            line,
            text,
            after: span(after),
            bin: span(width),
        })
    }

    fn into_trace(self) -> Result<Trace, TraceError> {
        let rows = self.counts.len();
        let width = self.width.and_then(|width| u64::try_from(width).ok());
        let (Some(width), 2..) = (width, rows) else {
            return Err(TraceError::TooShort(rows));
        };
        if self.counts.iter().sum::<f64>() == 0.0 {
            return Err(TraceError::NoRequests);
        }
        let bin = Span::from_nanos(width);
        let seconds = bin.as_secs_f64();
        let rates = self.counts.into_iter().map(|count| count / seconds);
        Trace::new(bin, rates.collect()).ok_or(TraceError::NoRequests)
    }
}

/// How a trace writes its times; the first row tells.
#[derive(Clone, Copy)]
enum Clock {
    /// Seconds since some moment.
    Seconds,
    /// RFC 3339, with an offset.
    Instant,
    /// A date, mostly with a time, without an offset.
    Calendar,
    /// A time of day.
    Day,
}

impl Clock {
    fn of(text: &str) -> Option<Clock> {
        [Clock::Seconds, Clock::Instant, Clock::Calendar, Clock::Day]
            .into_iter()
            .find(|clock| clock.nanos(text).is_some())
    }

    fn nanos(self, text: &str) -> Option<i128> {
        match self {
            Clock::Seconds => {
                let seconds: f64 = text.parse().ok()?;
                // Nanoseconds of larger numbers are not exact; no clock counts that far.
                (seconds.abs() < 1e12).then(|| (seconds * 1e9).round() as i128)
            }
            Clock::Instant => text
                .parse::<jiff::Timestamp>()
                .ok()
                .map(jiff::Timestamp::as_nanosecond),
            Clock::Calendar => {
                let date = text.parse::<jiff::civil::DateTime>().ok()?;
                let instant = jiff::tz::Offset::UTC.to_timestamp(date).ok()?;
                Some(instant.as_nanosecond())
            }
            Clock::Day => {
                let time = text.parse::<jiff::civil::Time>().ok()?;
                let midnight = jiff::civil::Time::midnight();
                Some(time.duration_since(midnight).as_nanos())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::base::Time;
    use crate::model::traffic::Profile;

    fn plain(text: &str) -> Result<Trace, Vec<TraceError>> {
        read(text.as_bytes(), &Columns::default())
    }

    fn complaints(text: &str) -> Vec<String> {
        let problems = plain(text).unwrap_err();
        problems.iter().map(TraceError::to_string).collect()
    }

    #[test]
    fn counts_become_rates_whatever_the_clock() {
        for text in [
            "t,n\n0,120\n60,60\n120,0\n",
            "t,n\n0.0,120\n60.0,60\n120.0,0\n",
            "t,n,more\n2015-02-26 21:42:53,120,x\n2015-02-26 21:43:53,60,x\n2015-02-26 21:44:53,0,x\n",
            "t,n\n2015-02-26T23:59:00Z,120\n2015-02-27T00:00:00Z,60\n2015-02-27T02:01:00+02:00,0\n",
            "t,n\n10:00:00,120\n10:01:00,60\n10:02:00,0\n",
            "t,n\n1995-07-01T00:00,120\n1995-07-01T00:01,60\n1995-07-01T00:02,0\n",
        ] {
            let trace = plain(text).unwrap();
            assert_eq!(trace.bin(), Span::from_secs(60), "{text}");
            assert_eq!(trace.rates(), [2.0, 1.0, 0.0], "{text}");
        }
    }

    #[test]
    fn gzip_is_told_by_content_and_columns_by_name() {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(b"zone,requests,t\na,30,0\na,60,30\n")
            .unwrap();
        let columns = Columns {
            time: Some("t".to_owned()),
            count: Some("requests".to_owned()),
        };
        let trace = read(&gzip.finish().unwrap(), &columns).unwrap();
        assert_eq!(trace.rates(), [1.0, 2.0]);
        let columns = Columns {
            time: Some("when".to_owned()),
            count: None,
        };
        let errors = read(b"t,n\n0,1\n", &columns).unwrap_err();
        assert_eq!(errors[0].to_string(), "has no column `when`, only t,n");
    }

    #[test]
    fn a_trace_repeats_from_its_first_row() {
        let profile = Profile::Trace(plain("t,n\n0,120\n60,60\n").unwrap());
        assert_eq!(profile.rate(Time::from_secs(130)), 2.0);
    }

    #[test]
    fn bad_rows_are_named_by_line() {
        assert_eq!(
            complaints("t,n\n0,1\n60,1\n180,1\n240,1\n240,1\n"),
            [
                "line 4: `180` comes 2m after the row before it, where rows are 1m apart",
                "line 6: `240` is not after the row before it",
            ]
        );
        assert_eq!(
            complaints("t,n\n0,1\n60,-3\n120,many\nnoon,4\n240\n"),
            [
                "line 3: `-3` is a negative count",
                "line 4: `many` is not a count",
                "line 5: `noon` is not a time like those before it",
                "line 6: a time and a count are wanted, and there are fewer cells",
            ]
        );
    }

    #[test]
    fn texts_that_are_no_trace_are_refused() {
        for (text, why) in [
            ("", "line 1: `` is not a header"),
            ("t,n\n", "has 0 rows of data"),
            ("t,n\n0,1\n", "has 1 rows of data"),
            ("0,1\n60,2\n", "line 1: `0,1` is not a header"),
            ("t,n\n0,0\n60,0\n", "has no requests at all"),
            ("t,n\n0,NaN\n60,inf\n", "line 2: `NaN` is not a count"),
            ("\0\0\0,\0\n1,2\n", "is not a CSV text"),
        ] {
            assert_eq!(complaints(text)[0], why, "{text:?}");
        }
        assert_eq!(
            read(b"t,n\n\xff\xfe,3\n", &Columns::default()),
            Err(vec![TraceError::Binary])
        );
        let cut = &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1][..];
        let errors = read(cut, &Columns::default()).unwrap_err();
        assert!(
            matches!(errors[..], [TraceError::Unreadable(_)]),
            "{errors:?}"
        );
    }

    #[test]
    fn the_kind_of_a_file_is_told_by_its_content() {
        for (text, format) in [
            ("time,requests\n0,1\n", Format::Csv),
            ("# a remark\ntime,requests\n", Format::Csv),
            (
                "192.0.2.1 - - [10/Oct/2024:13:55:36 -0700] \"GET / HTTP/1.1\" 200 1\n",
                Format::AccessLog,
            ),
            (
                "\n{\"start_time\": \"2024-10-10T13:55:36Z\"}\n",
                Format::AccessLog,
            ),
            (
                "#[Logged with x]\n\"StartTimestamp\",\"Interval_Length\"\n",
                Format::Hdr,
            ),
            ("Tag=A,0.127,1.007,2.769,HISTFAAAAEV4\n", Format::Hdr),
        ] {
            assert_eq!(Format::of(text.as_bytes()), format, "{text}");
        }
    }

    #[test]
    fn a_trace_without_end_is_cut_short() {
        let mut text = String::from("t,n\n");
        for second in 0..=MOST_ROWS {
            text.push_str(&format!("{second},1\n"));
        }
        assert_eq!(plain(&text), Err(vec![TraceError::TooLong]));
    }
}
