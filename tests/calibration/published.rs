//! The published tables, cell by cell, and how a calibration is held against them.

use std::collections::BTreeMap;

use coalmine::experiment::calibration::Row;
use serde::Deserialize;

/// A published cell.
#[derive(Debug, Deserialize)]
pub(super) struct Cell {
    setting: String,
    gate: String,
    world: String,
    /// Runs behind it.
    runs: u64,
    /// Share of the runs rolled back, to three decimals.
    share: f64,
    /// Mean minutes, to one decimal; runs without a rollback count as all of them.
    minutes: f64,
}

#[derive(Debug, Deserialize)]
struct Difference {
    setting: String,
    gate: String,
    world: String,
    reason: String,
}

/// What a comparison has found.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// Cells that agree.
    pub same: usize,
    /// Cells that do not, by name, and in words.
    pub different: Vec<(String, String)>,
    /// Published cells without a row.
    pub missing: Vec<String>,
}

pub(super) fn cells() -> Vec<Cell> {
    read(include_str!("published.csv"))
}

/// Reasons, by the names of the cells.
pub(super) fn differences() -> BTreeMap<String, String> {
    let listed: Vec<Difference> = read(include_str!("differences.csv"));
    let named = listed.into_iter().map(|listed| {
        assert!(!listed.reason.is_empty());
        let name = name(&listed.setting, &listed.gate, &listed.world);
        (name, listed.reason)
    });
    named.collect()
}

fn read<T: for<'de> Deserialize<'de>>(text: &str) -> Vec<T> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    reader.deserialize().map(Result::unwrap).collect()
}

fn name(setting: &str, gate: &str, world: &str) -> String {
    format!("{setting} / {gate} / {world}")
}

/// Standard errors that a difference may have. Of the thousand figures that are compared one in
/// fifteen calibrations shows one beyond it by chance.
const ERRORS: f64 = 4.0;

pub(super) fn compare(rows: &[Row], cells: &[Cell]) -> Compared {
    let mut compared = Compared::default();
    for cell in cells {
        let name = name(&cell.setting, &cell.gate, &cell.world);
        let mut rows = rows.iter();
        let row = rows.find(|row| {
            row.setting == cell.setting && row.gate == cell.gate && row.world == cell.world
        });
        match row {
            None => compared.missing.push(name),
            Some(row) if agree(row, cell) => compared.same += 1,
            Some(row) => {
                let what = format!(
                    "{name}: {:.4} / {:.2} in {} trials, published {:.3} / {:.1} in {}",
                    row.share, row.mean_minutes, row.trials, cell.share, cell.minutes, cell.runs
                );
                compared.different.push((name, what));
            }
        }
    }
    compared
}

fn agree(row: &Row, cell: &Cell) -> bool {
    let (ours, theirs) = (row.trials as f64, cell.runs as f64);
    // Agresti and Caffo's one success and one failure more, so that 0 of many has an error too.
    let together = (row.share * ours + cell.share * theirs + 1.0) / (ours + theirs + 2.0);
    let error = (together * (1.0 - together) * (1.0 / ours + 1.0 / theirs)).sqrt();
    let shares = (row.share - cell.share).abs() <= ERRORS * error + 0.0005;
    // One run's deviation is ours, which few rollbacks make too small: at least that of one late
    // rollback in all runs, and that of two points, the hour and the mean time of the rollbacks.
    let late = (60.0 - cell.minutes) / cell.share.max(1.0 / theirs);
    let two_points = (cell.share * (1.0 - cell.share)).sqrt() * late;
    let deviation = (row.minutes_error * ours.sqrt()).max(two_points);
    let deviation = deviation.max(60.0 / theirs.sqrt());
    let error = deviation * (1.0 / ours + 1.0 / theirs).sqrt();
    shares && (row.mean_minutes - cell.minutes).abs() <= ERRORS * error + 0.05
}
