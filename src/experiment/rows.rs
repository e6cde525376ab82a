//! Rows as CSV: one file per kind of row, a header always, numbers that read back exactly.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::summary::{Cell, DetectionRow, HeatRow, LookRow, Mode, Summary, TimelineRow, TrialRow};

/// A kind of row with a file of its own.
pub(super) trait Row: Serialize + DeserializeOwned {
    /// Name of the file.
    const FILE: &'static str;
    /// Names of the columns, in the order of the fields.
    const COLUMNS: &'static [&'static str];
    /// Whether every number is one: neither infinite nor not-a-number.
    fn is_finite(&self) -> bool;
}

impl Row for DetectionRow {
    const FILE: &'static str = "detections.csv";
    const COLUMNS: &'static [&'static str] = &["weight", "mode", "seconds", "trials"];
    fn is_finite(&self) -> bool {
        self.weight.is_finite() && self.seconds.is_finite()
    }
}

impl Row for HeatRow {
    const FILE: &'static str = "heat.csv";
    const COLUMNS: &'static [&'static str] = &["rate", "weight", "power", "trials"];
    fn is_finite(&self) -> bool {
        [self.rate, self.weight, self.power]
            .iter()
            .all(|x| x.is_finite())
    }
}

impl Row for TimelineRow {
    const FILE: &'static str = "timeline.csv";
    const COLUMNS: &'static [&'static str] = &[
        "seconds",
        "weight",
        "phase",
        "failures",
        "canary_success",
        "stable_success",
        "canary_p99",
        "stable_p99",
        "success_limit",
        "p99_limit",
        "canary_requests",
        "verdict",
        "reason",
    ];
    fn is_finite(&self) -> bool {
        let seen = [
            self.canary_success,
            self.stable_success,
            self.canary_p99,
            self.stable_p99,
            self.success_limit,
            self.p99_limit,
        ];
        [self.seconds, self.weight, self.canary_requests]
            .into_iter()
            .chain(seen.into_iter().flatten())
            .all(f64::is_finite)
    }
}

impl Row for LookRow {
    const FILE: &'static str = "looks.csv";
    const COLUMNS: &'static [&'static str] = &[
        "seconds",
        "gate",
        "name",
        "reads",
        "from_seconds",
        "value",
        "requests",
        "verdict",
        "rule",
        "change",
    ];
    fn is_finite(&self) -> bool {
        [self.seconds, self.from_seconds]
            .into_iter()
            .chain(self.requests)
            .all(f64::is_finite)
    }
}

impl Row for TrialRow {
    const FILE: &'static str = "trials.csv";
    const COLUMNS: &'static [&'static str] = &[
        "weight",
        "mode",
        "faulty",
        "replicate",
        "end",
        "end_seconds",
        "detection_seconds",
        "canary_requests",
        "exposed_requests",
        "exposed_users",
    ];
    fn is_finite(&self) -> bool {
        [self.weight, self.end_seconds, self.exposed_users]
            .into_iter()
            .chain(self.detection_seconds)
            .all(f64::is_finite)
    }
}

/// One line of `cells.csv`: a [`Cell`] laid flat. Nothing reads it back; `summary.json` holds the
/// same cells.
#[derive(Serialize)]
struct FlatCell {
    weight: f64,
    mode: Mode,
    as_written: bool,
    steps: String,
    trials: u64,
    power: f64,
    power_low: f64,
    power_high: f64,
    false_rollback: f64,
    false_rollback_low: f64,
    false_rollback_high: f64,
    detection_seconds_p50: Option<f64>,
    detection_seconds_p90: Option<f64>,
    never: f64,
    exposure_requests: f64,
    exposure_users: f64,
    requests_per_window: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    exposure_after: Option<f64>,
}

const FLAT_CELL_COLUMNS: &[&str] = &[
    "weight",
    "mode",
    "as_written",
    "steps",
    "trials",
    "power",
    "power_low",
    "power_high",
    "false_rollback",
    "false_rollback_low",
    "false_rollback_high",
    "detection_seconds_p50",
    "detection_seconds_p90",
    "never",
    "exposure_requests",
    "exposure_users",
    "requests_per_window",
];

impl From<&Cell> for FlatCell {
    fn from(cell: &Cell) -> FlatCell {
        let steps: Vec<String> = cell.steps.iter().map(f64::to_string).collect();
        FlatCell {
            weight: cell.weight,
            mode: cell.mode,
            as_written: cell.as_written,
            steps: steps.join(";"),
            trials: cell.trials,
            power: cell.power.estimate,
            power_low: cell.power.low,
            power_high: cell.power.high,
            false_rollback: cell.false_rollback.estimate,
            false_rollback_low: cell.false_rollback.low,
            false_rollback_high: cell.false_rollback.high,
            detection_seconds_p50: cell.detection_seconds.p50,
            detection_seconds_p90: cell.detection_seconds.p90,
            never: cell.detection_seconds.never,
            exposure_requests: cell.exposure.requests,
            exposure_users: cell.exposure.users,
            requests_per_window: cell.requests_per_window,
            exposure_after: cell.exposure.after,
        }
    }
}

/// The cells as `cells.csv` holds them: shares from 0 to 1, times in seconds, steps joined by `;`.
/// What happened after the end has a column only where somebody asked.
pub(super) fn cells(summary: &Summary) -> Result<Vec<u8>, csv::Error> {
    let mut columns = FLAT_CELL_COLUMNS.to_vec();
    if (summary.cells.iter()).any(|cell| cell.exposure.after.is_some()) {
        columns.push("exposure_after");
    }
    write(&columns, summary.cells.iter().map(FlatCell::from))
}

/// Rows as the text of their file.
pub(super) fn encode<R: Row>(rows: &[R]) -> Result<Vec<u8>, csv::Error> {
    write(R::COLUMNS, rows.iter())
}

fn write<R: Serialize>(
    columns: &[&str],
    rows: impl Iterator<Item = R>,
) -> Result<Vec<u8>, csv::Error> {
    // The header is written by hand because the writer's own appears only with the first row.
    let mut writer = csv::WriterBuilder::new()
        .has_headers(false)
        .from_writer(Vec::new());
    writer.write_record(columns)?;
    for row in rows {
        writer.serialize(row)?;
    }
    writer
        .into_inner()
        .map_err(|stopped| csv::Error::from(stopped.into_error()))
}

/// What is wrong with a file of rows, and on which line.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Damage {
    /// Line of the file, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub what: String,
}

/// The rows in the text of their file.
pub(super) fn decode<R: Row>(text: &[u8]) -> Result<Vec<R>, Damage> {
    let mut reader = csv::Reader::from_reader(text);
    let missing: Vec<&str> = match reader.headers() {
        Ok(header) => R::COLUMNS
            .iter()
            .filter(|column| !header.iter().any(|name| name == **column))
            .copied()
            .collect(),
        Err(error) => return Err(damage(&error, 1)),
    };
    if !missing.is_empty() {
        return Err(Damage {
            line: 1,
            what: format!("the header lacks {}", missing.join(", ")),
        });
    }
    let mut rows = Vec::new();
    let mut records = reader.deserialize();
    loop {
        let line = records.reader().position().line();
        match records.next() {
            None => return Ok(rows),
            Some(Err(error)) => return Err(damage(&error, line)),
            Some(Ok(row)) => {
                let row: R = row;
                if !row.is_finite() {
                    return Err(Damage {
                        line,
                        what: "a number is infinite or not a number".to_owned(),
                    });
                }
                rows.push(row);
            }
        }
    }
}

fn damage(error: &csv::Error, line: u64) -> Damage {
    let (line, what) = match error.kind() {
        csv::ErrorKind::Deserialize { pos, err } => {
            let column = err
                .field()
                .map(|field| format!(" in column {}", field + 1))
                .unwrap_or_default();
            (
                pos.as_ref().map_or(line, csv::Position::line),
                format!("{}{column}", err.kind()),
            )
        }
        csv::ErrorKind::UnequalLengths {
            pos,
            expected_len,
            len,
        } => (
            pos.as_ref().map_or(line, csv::Position::line),
            format!("{len} columns where the header has {expected_len}"),
        ),
        csv::ErrorKind::Utf8 { pos, .. } => (
            pos.as_ref().map_or(line, csv::Position::line),
            "not UTF-8 text".to_owned(),
        ),
        _ => (line, error.to_string()),
    };
    Damage { line, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detection(seconds: f64) -> DetectionRow {
        DetectionRow {
            weight: 5.0,
            mode: Mode::Held,
            seconds,
            trials: 3,
        }
    }

    #[test]
    fn numbers_read_back_exactly() {
        let rows = [detection(0.1 + 0.2), detection(1e-300), detection(1e22)];
        let text = encode(&rows).unwrap();
        assert_eq!(decode::<DetectionRow>(&text).unwrap(), rows);
    }

    #[test]
    fn no_rows_still_leave_a_header() {
        let text = encode::<HeatRow>(&[]).unwrap();
        assert_eq!(text, b"rate,weight,power,trials\n");
        assert!(decode::<HeatRow>(&text).unwrap().is_empty());
    }

    #[test]
    fn a_damaged_row_is_named_by_its_line() {
        for (text, line) in [
            ("", 1),
            ("weight,mode,seconds\n5,held,60\n", 1),
            ("weight,mode,seconds,trials\n5,held,60,3\n5,held\n", 3),
            ("weight,mode,seconds,trials\n5,held,sixty,3\n", 2),
            ("weight,mode,seconds,trials\n5,held,60,3\n5,kept,60,3\n", 3),
            ("weight,mode,seconds,trials\n5,held,NaN,3\n", 2),
        ] {
            let damage = decode::<DetectionRow>(text.as_bytes()).unwrap_err();
            assert_eq!(damage.line, line, "{text:?}: {}", damage.what);
        }
    }

    #[test]
    fn what_is_seen_of_every_shipped_scenario_can_be_stored() {
        use crate::base::Seed;
        use crate::experiment::{engine, watch};
        for builtin in crate::scenario::builtin() {
            let scenario = builtin.scenario().unwrap();
            let (engine, _) = engine(&scenario);
            let watched = watch::up_to_its_end(&scenario, Seed::DEFAULT, 0, false, engine);
            let name = builtin.name;
            assert!(watched.rows.iter().all(Row::is_finite), "{name}");
            assert!(watched.looks.iter().all(Row::is_finite), "{name}");
            let text = encode(&watched.looks).unwrap();
            assert_eq!(decode::<LookRow>(&text).unwrap(), watched.looks, "{name}");
        }
    }

    #[test]
    fn the_columns_named_are_the_fields_written() {
        // A column that drifts from its field would make every stored file unreadable.
        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .serialize(TimelineRow {
                seconds: 0.0,
                weight: 0.0,
                phase: String::new(),
                failures: 0,
                canary_success: None,
                stable_success: None,
                canary_p99: None,
                stable_p99: None,
                success_limit: None,
                p99_limit: None,
                canary_requests: 0.0,
                verdict: String::new(),
                reason: String::new(),
            })
            .unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().next().unwrap(), TimelineRow::COLUMNS.join(","));

        let mut writer = csv::Writer::from_writer(Vec::new());
        writer
            .serialize(LookRow {
                seconds: 0.0,
                gate: 1,
                name: String::new(),
                reads: String::new(),
                from_seconds: 0.0,
                value: String::new(),
                requests: None,
                verdict: String::new(),
                rule: String::new(),
                change: String::new(),
            })
            .unwrap();
        let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
        assert_eq!(text.lines().next().unwrap(), LookRow::COLUMNS.join(","));
    }
}
