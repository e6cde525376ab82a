//! A sweep file: scenarios, places in them and the values to try there. Every combination is a cell.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::subject::GridPoint;
use crate::base::{Problem, Problems, Seed, Weight};
use crate::experiment::replicate::{Options, Pair, ThreadsError, Until, replicate};
use crate::experiment::store::StoreError;
use crate::experiment::summary::{Cell, Mode};
use crate::experiment::{grid, summarise};
use crate::scenario::change::{Change, Place, shown};
use crate::scenario::{Bundle, Overrides, Scenario};

/// So many cells are made of a grid at most.
const MOST_CELLS: usize = 100_000;
/// So many trials are played of a cell at most.
const MOST_TRIALS: u32 = 1_000_000;

/// What a sweep file says, its places in the order in which they are written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SweepFile {
    /// Files or names of scenarios.
    pub scenarios: Vec<String>,
    /// Trials of each cell: so many with the faulty canary and as many with a good one.
    pub trials: u32,
    /// Root of all randomness, in place of the scenarios' own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
    /// Percentages at which the canary is held as well, besides the rollout as written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub held: Vec<f64>,
    /// Places with the values to try, as TOML has them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grid: Vec<(String, Vec<toml::Value>)>,
}

/// The same as it is read.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    scenarios: Spanned<Vec<String>>,
    trials: Spanned<u32>,
    seed: Option<u64>,
    #[serde(default)]
    held: Vec<Spanned<toml::Value>>,
    #[serde(default)]
    grid: BTreeMap<String, Spanned<Vec<toml::Value>>>,
}

impl SweepFile {
    /// Reads a sweep file.
    ///
    /// # Errors
    /// What is wrong with it, by its place.
    pub fn read(text: &str, path: &Path) -> Result<SweepFile, Problems> {
        let refuse = |problems| Problems {
            file: path.to_owned(),
            text: text.to_owned(),
            problems,
            also: Vec::new(),
        };
        let written: Written = toml::from_str(text).map_err(|error| {
            let help = "a sweep file has scenarios = [\"a.toml\"], trials = 2000, and a table [grid] \
                        of places to lists of values: \"traffic.rate\" = [\"1/s\", \"10/s\"]";
            let problem = Problem::error(error.message(), error.span());
            refuse(vec![problem.help(help)])
        })?;
        let mut problems = Vec::new();
        let mut found = |message: String, span, help: &str| {
            problems.push(Problem::error(message, Some(span)).help(help));
        };
        if written.scenarios.get_ref().is_empty() {
            let help = "name files or built-in scenarios: [\"low-traffic\"]";
            found(
                "there is no scenario".to_owned(),
                written.scenarios.span(),
                help,
            );
        }
        let trials = *written.trials.get_ref();
        if !(1..=MOST_TRIALS).contains(&trials) {
            let message = format!("`{trials}` trials of a cell cannot be played");
            found(message, written.trials.span(), "1 to 1000000 can");
        }
        let mut held = Vec::new();
        for value in &written.held {
            match weight(value.get_ref()) {
                Some(weight) => held.push(weight.as_percent()),
                None => {
                    let message = format!("a canary cannot be held at `{}`", value.get_ref());
                    found(
                        message,
                        value.span(),
                        "write percentages above 0: [\"5%\", 10]",
                    );
                }
            }
        }
        let mut axes: Vec<_> = written.grid.into_iter().collect();
        axes.sort_by_key(|(_, values)| values.span().start);
        for (place, values) in &axes {
            if let Err(error) = Place::from_str(place) {
                found(error.to_string(), values.span(), "like \"traffic.rate\"");
            }
            if values.get_ref().is_empty() {
                let message = format!("`{place}` has no values to try");
                found(
                    message,
                    values.span(),
                    "write them as a list: [\"1/s\", \"10/s\"]",
                );
            }
        }
        if !problems.is_empty() {
            return Err(refuse(problems));
        }
        let file = SweepFile {
            scenarios: written.scenarios.into_inner(),
            trials,
            seed: written.seed,
            held,
            grid: (axes.into_iter())
                .map(|(place, values)| (place, values.into_inner()))
                .collect(),
        };
        let cells = file.cells();
        if cells.is_none_or(|cells| cells > MOST_CELLS) {
            let cells = cells.map_or("far too many".to_owned(), |cells| cells.to_string());
            let message = format!("the grid has {cells} cells");
            let help = format!("at most {MOST_CELLS} can be swept: try fewer values of a place");
            return Err(refuse(vec![Problem::error(message, None).help(help)]));
        }
        Ok(file)
    }

    /// Cells of the grid over all scenarios and percentages; `None` where nobody can count them.
    fn cells(&self) -> Option<usize> {
        let lengths = self.grid.iter().map(|(_, values)| values.len());
        let mut counts = lengths.chain([self.scenarios.len(), 1 + self.held.len()]);
        counts.try_fold(1, usize::checked_mul)
    }

    /// What it changes in every scenario besides the places of the grid.
    pub fn overrides(&self) -> Overrides {
        Overrides {
            trials: Some(self.trials),
            seed: self.seed.map(Seed),
            ..Overrides::default()
        }
    }

    /// Every point of the grid: scenario by scenario, the values of the last place in turn first.
    ///
    /// # Errors
    /// What is wrong with the first point that cannot be played, and which it is.
    pub fn points(&self, bundles: &[Bundle]) -> Result<Vec<GridPoint>, Problems> {
        let held: Vec<Weight> = (self.held.iter())
            .map(|percent| Weight::clamped(*percent))
            .collect();
        let mut points = Vec::new();
        for bundle in bundles {
            let mut at = vec![0; self.grid.len()];
            loop {
                let (scenario, values) = self.point(bundle, &at)?;
                points.push(GridPoint::new(scenario, values, held.clone()));
                let lengths = self.grid.iter().map(|(_, values)| values.len());
                if !step(&mut at, &lengths.collect::<Vec<usize>>()) {
                    break;
                }
            }
        }
        Ok(points)
    }

    fn point(&self, bundle: &Bundle, at: &[usize]) -> Result<(Scenario, Vec<String>), Problems> {
        let mut changes = Vec::with_capacity(at.len());
        let mut values = Vec::with_capacity(at.len());
        for ((place, all), at) in self.grid.iter().zip(at) {
            let value = &all[*at];
            values.push(shown(value));
            let place = (place.parse())
                .map_err(|error| Problems::about(&bundle.path, format!("{error}")))?;
            changes.push(Change {
                place,
                value: value.clone(),
            });
        }
        let named = || {
            let words: Vec<String> = changes.iter().map(Change::to_string).collect();
            PathBuf::from(format!(
                "{} with {}",
                bundle.path.display(),
                words.join(", ")
            ))
        };
        let changed = bundle
            .changed(&changes)
            .map_err(|error| Problems::about(&bundle.path, error.to_string()))?;
        let scenario = changed.scenario().map_err(|problems| Problems {
            file: match changes.is_empty() {
                true => problems.file,
                false => named(),
            },
            ..problems
        })?;
        Ok((scenario, values))
    }
}

/// The next point: the last place moves first. Whether there is one.
fn step(at: &mut [usize], lengths: &[usize]) -> bool {
    for (at, length) in at.iter_mut().zip(lengths).rev() {
        *at += 1;
        if *at < *length {
            return true;
        }
        *at = 0;
    }
    false
}

fn weight(value: &toml::Value) -> Option<Weight> {
    let weight: Weight = shown(value).parse().ok()?;
    (!weight.is_zero()).then_some(weight)
}

/// What a sweep of a grid found.
#[derive(Debug, Clone, PartialEq)]
pub struct GridResults {
    /// The places, in order.
    pub places: Vec<String>,
    /// One for each cell, in the order of the grid.
    pub rows: Vec<GridRow>,
    /// Root of all randomness, in words.
    pub seed: String,
}

/// One cell of a grid.
#[derive(Debug, Clone, PartialEq)]
pub struct GridRow {
    /// The scenario's name.
    pub scenario: String,
    /// The values, in the order of the places.
    pub values: Vec<String>,
    /// What came of it.
    pub cell: Cell,
}

impl GridResults {
    /// Plays the points, or takes them from the ledger of `options`; `None` when it was interrupted.
    ///
    /// # Errors
    /// When the asked number of threads cannot be started.
    pub fn of(
        places: Vec<String>,
        seed: String,
        points: &[GridPoint],
        options: &Options<'_>,
    ) -> Result<Option<GridResults>, ThreadsError> {
        let mut rows = Vec::new();
        for point in points {
            let scenario = &point.scenario;
            let pairs: Vec<Pair<'_>> = point.pairs().collect();
            let experiment = &scenario.experiment;
            let until = Until::of(experiment);
            let (samples, complete) = replicate(&pairs, until, experiment.seed, options)?;
            if !complete {
                return Ok(None);
            }
            for (cell, sample) in cells(point).iter().zip(&samples) {
                rows.push(GridRow {
                    scenario: scenario.name.clone(),
                    values: point.values.clone(),
                    cell: summarise(scenario, cell, sample),
                });
            }
        }
        Ok(Some(GridResults { places, rows, seed }))
    }
}

/// The cells of a point, in the order of its pairs.
fn cells(point: &GridPoint) -> Vec<grid::GridCell> {
    let plan = &point.scenario.rollout;
    let first = grid::shares(&point.scenario, plan).first().copied();
    let written = grid::GridCell {
        weight: first.unwrap_or(Weight::ZERO),
        mode: Mode::Rollout,
        as_written: true,
        plan: plan.clone(),
    };
    let held = point.held.iter().map(|weight| grid::GridCell {
        weight: *weight,
        mode: Mode::Held,
        as_written: false,
        plan: plan.clone(),
    });
    std::iter::once(written).chain(held).collect()
}

/// The cells as CSV, one line each: the places of the grid are columns; shares are from 0 to 1, times
/// in seconds.
///
/// # Errors
///
/// None that such results should bring about.
pub fn csv(results: &GridResults) -> Result<Vec<u8>, StoreError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let unwritable = |cause: String| StoreError::Unwritable {
        file: "cells.csv",
        cause,
    };
    let mut head = vec!["scenario"];
    head.extend(results.places.iter().map(String::as_str));
    head.extend([
        "mode",
        "weight",
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
    ]);
    (writer.write_record(&head)).map_err(|error| unwritable(error.to_string()))?;
    for row in &results.rows {
        let line = line(row);
        (writer.write_record(&line)).map_err(|error| unwritable(error.to_string()))?;
    }
    writer
        .into_inner()
        .map_err(|error| unwritable(error.to_string()))
}

fn line(row: &GridRow) -> Vec<String> {
    let cell = &row.cell;
    let mode = match cell.mode {
        Mode::Held => "held",
        Mode::Rollout => "rollout",
    };
    let maybe = |number: Option<f64>| number.map_or(String::new(), |number| number.to_string());
    let mut line = vec![row.scenario.clone()];
    line.extend(row.values.iter().cloned());
    line.extend([
        mode.to_owned(),
        cell.weight.to_string(),
        cell.trials.to_string(),
        cell.power.estimate.to_string(),
        cell.power.low.to_string(),
        cell.power.high.to_string(),
        cell.false_rollback.estimate.to_string(),
        cell.false_rollback.low.to_string(),
        cell.false_rollback.high.to_string(),
        maybe(cell.detection_seconds.p50),
        maybe(cell.detection_seconds.p90),
        cell.detection_seconds.never.to_string(),
        cell.exposure.requests.to_string(),
        cell.exposure.users.to_string(),
        cell.requests_per_window.to_string(),
    ]);
    line
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::{Origin, find};

    const SWEEP: &str = r#"
scenarios = ["plain-flagger"]
trials = 20
held = ["5%", 10]
[grid]
"traffic.rate" = ["1/s", "10/s"]
"canary.errors" = ["2%", "3%", "4%"]
"#;

    #[test]
    fn every_combination_is_a_point_and_the_last_place_moves_first() {
        let file = SweepFile::read(SWEEP, Path::new("sweep.toml")).unwrap();
        assert_eq!(file.held, [5.0, 10.0]);
        let origin = Origin::Builtin(find("plain-flagger").unwrap());
        let (bundle, _) = Bundle::gather(origin, &file.overrides()).unwrap();
        let points = file.points(&[bundle]).unwrap();
        let values: Vec<String> = points.iter().map(|point| point.values.join(" ")).collect();
        let expected = [
            "1/s 2%", "1/s 3%", "1/s 4%", "10/s 2%", "10/s 3%", "10/s 4%",
        ];
        assert_eq!(values, expected);
        assert_eq!(points[0].scenario.experiment.trials, Some(20));
        assert_ne!(points[0].scenario.world, points[1].scenario.world);
    }

    #[test]
    fn a_place_that_is_wrong_is_named_with_its_value() {
        let text = SWEEP.replace("\"3%\"", "\"300%\"");
        let file = SweepFile::read(&text, Path::new("sweep.toml")).unwrap();
        let origin = Origin::Builtin(find("plain-flagger").unwrap());
        let (bundle, _) = Bundle::gather(origin, &file.overrides()).unwrap();
        let said = file.points(&[bundle]).unwrap_err().to_string();
        assert!(said.contains("canary.errors = 300%"), "{said}");
    }

    #[test]
    fn what_is_wrong_with_a_sweep_file_is_told_by_its_line() {
        for (from, to, said) in [
            ("[\"plain-flagger\"]", "[]", "no scenario"),
            ("trials = 20", "trials = 0", "`0` trials"),
            ("trials = 20", "", "missing field `trials`"),
            ("held = [\"5%\", 10]", "held = [0]", "held at `0`"),
            ("[\"1/s\", \"10/s\"]", "[]", "no values"),
            ("[\"1/s\", \"10/s\"]", "\"1/s\"", "sequence"),
            ("[grid]", "[net]", "unknown field `net`"),
        ] {
            let text = SWEEP.replacen(from, to, 1);
            assert_ne!(text, SWEEP, "{from}");
            let problems = SweepFile::read(&text, Path::new("sweep.toml")).unwrap_err();
            let told = problems.to_string();
            assert!(told.contains(said) && told.contains("sweep.toml"), "{told}");
        }
    }
}
