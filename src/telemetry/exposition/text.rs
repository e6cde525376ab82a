//! Prometheus' text format, version 0.0.4: written, and read back with the line of every fault.
//!
//! Replayed is what a server does with a scrape (`docs/instrumenting/exposition_formats.md`,
//! `model/textparse/promparse.go`): comments and empty lines are skipped, timestamps are read and
//! not used, an unfinished last line is a line.

use std::borrow::Cow;
use std::fmt::{self, Write};

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only grows.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Buckets, a sum and a count.
    Histogram,
    /// Quantiles, a sum and a count.
    Summary,
    /// Nobody says.
    Untyped,
}

const KINDS: [(&str, Kind); 5] = [
    ("counter", Kind::Counter),
    ("gauge", Kind::Gauge),
    ("histogram", Kind::Histogram),
    ("summary", Kind::Summary),
    ("untyped", Kind::Untyped),
];

/// What one line says.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry<'t> {
    /// What a metric means.
    Help {
        /// The metric.
        name: &'t str,
        /// In words.
        text: Cow<'t, str>,
    },
    /// What a metric is.
    Type {
        /// The metric.
        name: &'t str,
        /// One of the kinds.
        kind: Kind,
    },
    /// A value.
    Sample(Sample<'t>),
}

/// One series' value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample<'t> {
    /// The metric.
    pub name: &'t str,
    /// Labels in the order in which they stand.
    pub labels: Vec<(&'t str, Cow<'t, str>)>,
    /// The value; may be infinite or not a number.
    pub value: f64,
    /// When it was taken, in milliseconds, where the line says so.
    pub time: Option<i64>,
}

impl Sample<'_> {
    /// The value of a label; empty when it has none.
    pub fn label(&self, name: &str) -> &str {
        (self.labels.iter())
            .find(|(label, _)| *label == name)
            .map_or("", |(_, value)| value)
    }
}

/// Why a text is not metrics.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct TextError {
    /// Which line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// Writes metrics. All samples of a metric must follow one another.
#[derive(Debug, Default)]
pub struct Writer {
    text: String,
}

impl Writer {
    /// An empty text.
    pub fn new() -> Writer {
        Writer::default()
    }

    /// Begins a metric: its name, what it is, and what it means.
    pub fn family(&mut self, name: &str, kind: Kind, help: &str) {
        let kind = KINDS.iter().find(|(_, other)| *other == kind);
        let kind = kind.map_or("untyped", |(word, _)| word);
        self.text.push_str("# HELP ");
        self.text.push_str(name);
        self.text.push(' ');
        escape(&mut self.text, help, false);
        self.text.push_str("\n# TYPE ");
        self.text.push_str(name);
        self.text.push(' ');
        self.text.push_str(kind);
        self.text.push('\n');
    }

    /// Writes a sample. `suffix` is added to the metric's name (`_bucket`); `labels` come from
    /// [`labels`]; `more` is one label that the others lack.
    pub fn sample(
        &mut self,
        name: &str,
        suffix: &str,
        labels: &str,
        more: Option<(&str, &str)>,
        value: f64,
    ) {
        let out = &mut self.text;
        out.push_str(name);
        out.push_str(suffix);
        if !labels.is_empty() || more.is_some() {
            out.push('{');
            out.push_str(labels);
            if let Some((name, value)) = more {
                if !labels.is_empty() {
                    out.push(',');
                }
                out.push_str(name);
                out.push_str("=\"");
                escape(out, value, true);
                out.push('"');
            }
            out.push('}');
        }
        out.push(' ');
        // Writing to a text never fails.
        let _ = write!(out, "{}", Number(value));
        out.push('\n');
    }

    /// What was written.
    pub fn finish(self) -> String {
        self.text
    }
}

/// Labels as they stand between the braces. One without a value is left out: that is the same.
pub fn labels<'l>(labels: impl IntoIterator<Item = (&'l str, &'l str)>) -> String {
    let mut out = String::new();
    for (name, value) in labels {
        if value.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(',');
        }
        out.push_str(name);
        out.push_str("=\"");
        escape(&mut out, value, true);
        out.push('"');
    }
    out
}

fn escape(out: &mut String, text: &str, quotes: bool) {
    for letter in text.chars() {
        match letter {
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '"' if quotes => out.push_str("\\\""),
            letter => out.push(letter),
        }
    }
}

/// A number as the format has it: the shortest that reads back the same, `NaN`, `+Inf`, `-Inf`.
#[derive(Debug, Clone, Copy)]
pub struct Number(pub f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            value if value.is_nan() => f.write_str("NaN"),
            f64::INFINITY => f.write_str("+Inf"),
            f64::NEG_INFINITY => f.write_str("-Inf"),
            // Long numbers are shorter with an exponent.
            value if value != 0.0 && !(1e-6..1e16).contains(&value.abs()) => write!(f, "{value:e}"),
            value => write!(f, "{value}"),
        }
    }
}

/// How a text is to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Prometheus' own, timestamps in milliseconds.
    Prometheus,
    /// OpenMetrics: timestamps in seconds, exemplars, comments of more kinds.
    OpenMetrics,
}

/// Reads metrics line by line.
#[derive(Debug, Clone)]
pub struct Reader<'t> {
    lines: std::iter::Enumerate<std::str::Split<'t, char>>,
    format: Format,
}

impl<'t> Reader<'t> {
    /// A reader of this text.
    pub fn new(text: &'t str) -> Reader<'t> {
        Reader {
            lines: text.split('\n').enumerate(),
            format: Format::Prometheus,
        }
    }

    /// A reader of OpenMetrics text; what it says of metrics is passed over.
    pub fn open_metrics(text: &'t str) -> Reader<'t> {
        Reader {
            format: Format::OpenMetrics,
            ..Reader::new(text)
        }
    }
}

impl<'t> Iterator for Reader<'t> {
    type Item = Result<Entry<'t>, TextError>;

    fn next(&mut self) -> Option<Self::Item> {
        for (index, line) in self.lines.by_ref() {
            match entry(line, self.format) {
                Ok(None) => {}
                Ok(Some(entry)) => return Some(Ok(entry)),
                Err(what) => {
                    let line = index + 1;
                    return Some(Err(TextError { line, what }));
                }
            }
        }
        None
    }
}

fn blank(letter: char) -> bool {
    letter == ' ' || letter == '\t'
}

fn entry(line: &str, format: Format) -> Result<Option<Entry<'_>>, String> {
    let line = line.trim_matches(blank);
    let Some(comment) = line.strip_prefix('#') else {
        return match line.is_empty() {
            true => Ok(None),
            false => sample(line, format).map(|sample| Some(Entry::Sample(sample))),
        };
    };
    if format == Format::OpenMetrics {
        return Ok(None);
    }
    let (word, rest) = first_word(comment);
    if word != "HELP" && word != "TYPE" {
        return Ok(None);
    }
    let (name, rest) = first_word(rest);
    if !is_name(name, true) {
        return Err(format!("`{name}` is not the name of a metric"));
    }
    if word == "HELP" {
        let text = unescape(rest, false)?;
        return Ok(Some(Entry::Help { name, text }));
    }
    let found = KINDS.iter().find(|(word, _)| *word == rest);
    let (_, kind) = found.ok_or_else(|| format!("`{rest}` is not a type of metric"))?;
    Ok(Some(Entry::Type { name, kind: *kind }))
}

fn first_word(text: &str) -> (&str, &str) {
    let text = text.trim_start_matches(blank);
    let end = text.find(blank).unwrap_or(text.len());
    (&text[..end], text[end..].trim_start_matches(blank))
}

/// Whether this names a metric, which may have colons, or a label.
fn is_name(text: &str, metric: bool) -> bool {
    let letter = |byte: u8| byte.is_ascii_alphabetic() || byte == b'_' || metric && byte == b':';
    text.bytes().next().is_some_and(letter)
        && text
            .bytes()
            .all(|byte| letter(byte) || byte.is_ascii_digit())
}

fn sample(line: &str, format: Format) -> Result<Sample<'_>, String> {
    let end = line
        .find(|letter| letter == '{' || blank(letter))
        .unwrap_or(line.len());
    let name = &line[..end];
    if !is_name(name, true) {
        return Err(format!("`{}` is not the name of a metric", cut(name)));
    }
    let mut rest = line[end..].trim_start_matches(blank);
    let mut labels = Vec::new();
    if let Some(inside) = rest.strip_prefix('{') {
        rest = read_labels(inside, &mut labels)?;
    }
    let mut words = rest.split(blank).filter(|word| !word.is_empty());
    let value = words.next().ok_or("there is no value")?;
    let value: f64 = (value.parse()).map_err(|_| format!("`{}` is not a number", cut(value)))?;
    let mut word = words.next();
    let mut stamp = None;
    if let Some(time) = word.filter(|word| format == Format::Prometheus || *word != "#") {
        let millis = match format {
            Format::Prometheus => time.parse::<i64>().ok(),
            Format::OpenMetrics => seconds(time),
        };
        stamp = Some(millis.ok_or_else(|| format!("`{}` is not a timestamp", cut(time)))?);
        word = words.next();
    }
    // An exemplar may follow.
    if let Some(word) = word.filter(|word| format == Format::Prometheus || *word != "#") {
        return Err(format!("`{}` follows the timestamp", cut(word)));
    }
    Ok(Sample {
        name,
        labels,
        value,
        time: stamp,
    })
}

/// Seconds as whole milliseconds.
fn seconds(text: &str) -> Option<i64> {
    let millis = (text.parse::<f64>().ok()? * 1_000.0).round();
    (millis.abs() < 9e18).then_some(millis as i64)
}

/// Reads labels up to the closing brace, and gives what follows it.
fn read_labels<'t>(
    mut rest: &'t str,
    labels: &mut Vec<(&'t str, Cow<'t, str>)>,
) -> Result<&'t str, String> {
    loop {
        rest = rest.trim_start_matches(blank);
        if let Some(after) = rest.strip_prefix('}') {
            return Ok(after);
        }
        let (name, after) = rest.split_once('=').ok_or("the labels do not end")?;
        let name = name.trim_end_matches(blank);
        if !is_name(name, false) {
            return Err(format!("`{}` is not the name of a label", cut(name)));
        }
        if labels.iter().any(|(other, _)| *other == name) {
            return Err(format!("the label `{name}` stands twice"));
        }
        let quoted = after.trim_start_matches(blank).strip_prefix('"');
        let quoted = quoted.ok_or_else(|| format!("the value of `{name}` is not quoted"))?;
        let end =
            end_of_quote(quoted).ok_or_else(|| format!("the value of `{name}` does not end"))?;
        labels.push((name, unescape(&quoted[..end], true)?));
        rest = quoted[end + 1..].trim_start_matches(blank);
        if let Some(after) = rest.strip_prefix(',') {
            rest = after;
        } else if !rest.is_empty() && !rest.starts_with('}') {
            return Err(format!("a comma is missing after the label `{name}`"));
        }
    }
}

/// Where the quote ends that begins before this text.
fn end_of_quote(text: &str) -> Option<usize> {
    let mut escaped = false;
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return Some(index),
            _ => {}
        }
    }
    None
}

fn unescape(text: &str, quotes: bool) -> Result<Cow<'_, str>, String> {
    if !text.contains('\\') {
        return Ok(Cow::Borrowed(text));
    }
    let mut out = String::with_capacity(text.len());
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        if letter != '\\' {
            out.push(letter);
            continue;
        }
        match letters.next() {
            Some('\\') => out.push('\\'),
            Some('n') => out.push('\n'),
            Some('"') if quotes => out.push('"'),
            Some(other) => return Err(format!("`\\{other}` is not an escape")),
            None => return Err("a lone `\\` at the end".to_owned()),
        }
    }
    Ok(Cow::Owned(out))
}

/// As much of a text as belongs in a message.
fn cut(text: &str) -> &str {
    text.char_indices()
        .nth(60)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn samples(text: &str) -> Result<Vec<Sample<'_>>, TextError> {
        let mut samples = Vec::new();
        for entry in Reader::new(text) {
            if let Entry::Sample(sample) = entry? {
                samples.push(sample);
            }
        }
        Ok(samples)
    }

    #[test]
    fn what_exporters_write_is_read() {
        let text = "# a comment\n\
            # HELP http_requests_total The \\\\ total\\nof requests.\n\
            # TYPE http_requests_total counter\n\
            http_requests_total{method=\"post\",code=\"200\",} 1027 1395066363000\n\
            \thttp_requests_total {\tmethod = \"a\\\"b\\\\c\\n\" , code=\"400\" }   3 \n\
            \n\
            metric_without_labels 12.47\n\
            odd{problem=\"division by zero\"} +Inf -3982045\n\
            nothing NaN\n\
            negative -1e+06";
        let entries: Vec<_> = Reader::new(text).collect::<Result<_, _>>().unwrap();
        assert_eq!(entries.len(), 8);
        let help = Entry::Help {
            name: "http_requests_total",
            text: "The \\ total\nof requests.".into(),
        };
        assert_eq!(entries[0], help);
        let kind = Kind::Counter;
        assert_eq!(
            entries[1],
            Entry::Type {
                name: "http_requests_total",
                kind
            }
        );
        let samples = samples(text).unwrap();
        assert_eq!(samples[0].label("code"), "200");
        assert_eq!(samples[0].value, 1_027.0);
        assert_eq!(samples[1].label("method"), "a\"b\\c\n");
        assert_eq!(samples[1].label("none"), "");
        assert_eq!(samples[3].value, f64::INFINITY);
        assert!(samples[4].value.is_nan());
        assert_eq!(samples[5].value, -1e6);
    }

    #[test]
    fn a_fault_is_told_with_its_line() {
        for (line, what) in [
            ("9lives 1", "`9lives` is not the name of a metric"),
            ("a-b 1", "`a-b` is not the name of a metric"),
            ("<html>", "`<html>` is not the name of a metric"),
            ("a", "there is no value"),
            ("a one", "`one` is not a number"),
            ("a 1 now", "`now` is not a timestamp"),
            ("a 1 2 3", "`3` follows the timestamp"),
            ("a{b=\"c\"", "the labels do not end"),
            ("a{b=\"c} 1", "the value of `b` does not end"),
            ("a{b=c} 1", "the value of `b` is not quoted"),
            (
                "a{b=\"c\" d=\"e\"} 1",
                "a comma is missing after the label `b`",
            ),
            ("a{b=\"c\",b=\"e\"} 1", "the label `b` stands twice"),
            ("a{b:c=\"d\"} 1", "`b:c` is not the name of a label"),
            ("a{b=\"\\t\"} 1", "`\\t` is not an escape"),
            ("# TYPE a number", "`number` is not a type of metric"),
            ("# HELP 1a what", "`1a` is not the name of a metric"),
        ] {
            let text = format!("fine 1\n{line}\n");
            let error = samples(&text).unwrap_err();
            assert_eq!(error.to_string(), format!("line 2: {what}"));
        }
    }

    fn value() -> impl Strategy<Value = f64> {
        prop_oneof![
            any::<f64>(),
            (0_u64..1 << 53).prop_map(|count| count as f64),
            Just(f64::NAN),
        ]
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            families in prop::collection::vec(
                (
                    "[a-zA-Z_:][a-zA-Z0-9_:]{0,8}",
                    0..KINDS.len(),
                    "\\PC{0,12}|[\\\\\n\"]{1,4}",
                    prop::collection::vec(
                        (
                            prop::collection::btree_map(
                                "[a-z_][a-zA-Z0-9_]{0,8}", "\\PC{1,9}|[\\\\\n\"{},= ]{1,4}", 0..4,
                            ),
                            value(),
                        ),
                        0..4,
                    ),
                ),
                0..4,
            ),
        ) {
            let mut writer = Writer::new();
            for (name, kind, help, samples) in &families {
                writer.family(name, KINDS[*kind].1, help);
                for (pairs, value) in samples {
                    let labels = labels(pairs.iter().map(|(n, v)| (n.as_str(), v.as_str())));
                    writer.sample(name, "_x", &labels, Some(("LE", "+Inf")), *value);
                }
            }
            let text = writer.finish();
            let mut entries = Reader::new(&text);
            for (name, kind, help, samples) in &families {
                // Blanks around a help text are not part of it.
                let text = Cow::from(help.trim_matches(blank));
                prop_assert_eq!(entries.next().unwrap().unwrap(), Entry::Help { name, text });
                let kind = KINDS[*kind].1;
                prop_assert_eq!(entries.next().unwrap().unwrap(), Entry::Type { name, kind });
                for (pairs, value) in samples {
                    let Entry::Sample(sample) = entries.next().unwrap().unwrap() else {
                        panic!("a sample was written");
                    };
                    prop_assert_eq!(sample.name, format!("{name}_x"));
                    let mut written: Vec<(&str, Cow<'_, str>)> =
                        pairs.iter().map(|(n, v)| (n.as_str(), v.into())).collect();
                    written.push(("LE", "+Inf".into()));
                    prop_assert_eq!(&sample.labels, &written);
                    match value.is_nan() {
                        true => prop_assert!(sample.value.is_nan()),
                        false => prop_assert_eq!(sample.value.to_bits(), value.to_bits()),
                    }
                }
            }
            prop_assert!(entries.next().is_none());
        }

        #[test]
        fn no_text_makes_the_reader_panic(
            noise in "[ -~\n\u{e9}]{0,200}",
            cut in 0..90_usize,
            letter in prop::char::any(),
        ) {
            let _ = Reader::new(&noise).count();
            let mut good: Vec<char> =
                "# TYPE a counter\n# HELP a b\\n\na{b=\"c\\\"\",d=\"e\"} 1 2\na_b 0x 1\n".chars().collect();
            let place = cut % good.len();
            good[place] = letter;
            let changed: String = good.iter().collect();
            let _ = Reader::new(&changed).count();
            let halved: String = good[..place].iter().collect();
            let _ = Reader::new(&halved).count();
        }
    }
}
