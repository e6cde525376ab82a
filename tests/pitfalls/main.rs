//! Every shipped scenario shows what it says: the figures of its story, from closed forms where
//! there is one, met by the trials within stated bounds.
//!
//! A share of trials is held to its binomial interval at a level of 1 in 10,000 ([`assert_share`]),
//! plus a slack where the expectation is an approximation; the slack stands beside its reason.

mod alike;
mod cases;
mod evidence;
mod later;
mod reading;
mod said;
mod shared;
mod statistics;
mod who;

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use coalmine::base::{Seed, Span, Weight};
use coalmine::engine::Tick;
use coalmine::engine::Trial;
use coalmine::engine::r#virtual::{Player, Setting};
use coalmine::experiment::summary::{Cell, Mode, Results, TrialRow};
use coalmine::experiment::{self, Options};
use coalmine::scenario::{self, Overrides, SUBJECTS, Scenario};
use coalmine::stats::normal_upper;
use coalmine::telemetry::Sampling;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios");

/// A shipped scenario's text.
fn text(name: &str) -> String {
    let path = Path::new(FOLDER).join(format!("{name}.toml"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn parsed(text: &str) -> Scenario {
    let folder = Path::new(FOLDER);
    scenario::parse(text, &folder.join("test.toml"), Some(folder))
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// A shipped scenario with every occurrence of some lines replaced. The story stays as it is.
fn altered(name: &str, changes: &[(&str, &str)]) -> Scenario {
    let text = text(name);
    let story = text.rfind("\"\"\"").map_or(0, |at| at + 3);
    let (story, fields) = text.split_at(story);
    let fields = changes
        .iter()
        .fold(fields.to_owned(), |fields, (from, to)| {
            assert!(fields.contains(from), "`{from}` is not in {name}");
            fields.replace(from, to)
        });
    parsed(&format!("{story}{fields}"))
}

/// A shipped scenario with a section added at its end.
fn extended(name: &str, section: &str) -> Scenario {
    parsed(&format!("{}\n{section}", text(name)))
}

fn shipped(name: &str) -> Scenario {
    parsed(&text(name))
}

/// The same, counted to the request instead of scraped.
fn exactly(scenario: Scenario) -> Scenario {
    changed(
        scenario,
        &Overrides {
            sampling: Some(Sampling::Exact),
            ..Overrides::default()
        },
    )
}

fn changed(scenario: Scenario, overrides: &Overrides) -> Scenario {
    scenario
        .with(overrides)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

/// Plays a scenario's grid at some percentages, with a row of every trial.
fn played(scenario: Scenario, weights: &[f64], trials: u32) -> Results {
    let weights = weights.iter().map(|&percent| Weight::clamped(percent));
    let scenario = changed(
        scenario,
        &Overrides {
            weights: Some(weights.collect()),
            trials: Some(trials),
            ..Overrides::default()
        },
    );
    let options = Options {
        threads: None,
        keep_trials: true,
        ledger: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    experiment::run(&scenario, &options).unwrap()
}

/// The rollout as written.
fn written(results: &Results) -> &Cell {
    let mut cells = results.summary.cells.iter();
    cells
        .find(|cell| cell.as_written && cell.mode == Mode::Rollout)
        .expect("a rollout as written")
}

/// The canary held at a percentage.
fn held(results: &Results, percent: f64) -> &Cell {
    let mut cells = results.summary.cells.iter();
    cells
        .find(|cell| cell.weight == percent && cell.mode == Mode::Held)
        .expect("a percentage that was held")
}

/// The trials of the rollout as written.
fn trials(results: &Results, faulty: bool) -> Vec<&TrialRow> {
    let weight = written(results).weight;
    let wanted =
        |row: &&TrialRow| row.mode == Mode::Rollout && row.weight == weight && row.faulty == faulty;
    results.trials.iter().filter(wanted).collect()
}

/// Requests that the canary answered, as a share of `rate` requests a second until the end.
fn achieved(rows: &[&TrialRow], rate: f64) -> Vec<f64> {
    let share = |row: &&TrialRow| row.canary_requests as f64 / (rate * row.end_seconds);
    rows.iter().map(share).collect()
}

/// Mean requests harmed after the end, where the scenario asks for an aftermath.
fn harmed_after(cell: &Cell) -> f64 {
    cell.exposure.after.expect("an aftermath")
}

/// Shows every tick of some rollouts as written, with the faulty canary or a good one.
fn watched(scenario: &Scenario, faulty: bool, trials: u64, see: &mut impl FnMut(&Tick<'_>)) {
    let healthy = scenario.world.healthy();
    let setting = Setting {
        world: if faulty { &scenario.world } else { &healthy },
        telemetry: &scenario.telemetry,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        onlookers: &[],
        horizon: scenario.horizon,
        aftermath: Span::ZERO,
        held: None,
        engine: experiment::engine(scenario).0,
        observe: true,
    };
    let mut player = Player::new(setting);
    for replicate in 0..trials {
        let _: Trial = player.watch(Seed::DEFAULT, replicate, see);
    }
}

/// That a share of `trials` is what was expected: within the binomial interval at a level of 1 in
/// 10,000, widened by `slack`.
#[track_caller]
fn assert_share(share: f64, trials: u64, expected: f64, slack: f64) {
    /// Normal quantile of 1 - 0.00005.
    const Z: f64 = 3.89;
    let error = Z * (expected * (1.0 - expected) / trials as f64).sqrt();
    // Half a trial for the steps in which a share comes.
    let bound = error + slack + 0.5 / trials as f64;
    assert!(
        (share - expected).abs() <= bound,
        "{share} of {trials} trials, where {expected} ± {bound} was expected"
    );
}

/// That a figure is what was expected, within a part of it.
#[track_caller]
fn assert_near(figure: f64, expected: f64, part: f64) {
    assert!(
        (figure / expected - 1.0).abs() <= part,
        "{figure}, where {expected} ± {} % was expected",
        part * 100.0
    );
}

fn mean(values: &[f64]) -> f64 {
    assert!(!values.is_empty());
    values.iter().sum::<f64>() / values.len() as f64
}

fn median(mut values: Vec<f64>) -> f64 {
    assert!(!values.is_empty());
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Chance that a standard normal is at most `z`.
fn normal(z: f64) -> f64 {
    normal_upper(-z)
}

/// Chance of at least `least` where `mean` are expected, Poisson.
fn poisson_at_least(mean: f64, least: u32) -> f64 {
    let mut term = (-mean).exp();
    let mut below = 0.0;
    for k in 0..least {
        below += term;
        term *= mean / f64::from(k + 1);
    }
    1.0 - below
}

/// `buckets = ...` with bounds two and a half percent apart, from 20 ms to 8 s, so that quantiles
/// are read nearly exactly.
fn fine_buckets() -> String {
    let bound = |k| format!("{:.3}", 20.0 * 1.025_f64.powi(k));
    let bounds: Vec<String> = (0..245).map(bound).collect();
    format!("buckets = {{ ms = [{}] }}", bounds.join(", "))
}

#[test]
fn every_shipped_scenario_is_listed_under_a_subject_and_tells_its_story() {
    let mut names = Vec::new();
    for entry in fs::read_dir(FOLDER).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let scenario = shipped(&name);
        assert!(scenario.title.chars().count() <= 60, "{name}: title");
        let parts = [
            "**What happens.**",
            "**What to watch.**",
            "**What to do in production.**",
        ];
        for part in parts {
            assert!(scenario.story.contains(part), "{name}: no {part}");
        }
        assert_eq!(scenario.warnings, Vec::<String>::new(), "{name}");
        names.push(name);
    }
    names.sort();
    let mut builtin: Vec<&str> = scenario::builtin().iter().map(|one| one.name).collect();
    builtin.sort_unstable();
    assert_eq!(names, builtin);
}

/// The README's table, as it should be.
fn table() -> String {
    let mut text = "| scenario | what goes wrong |\n| --- | --- |\n".to_owned();
    for subject in SUBJECTS {
        let scenarios = scenario::builtin()
            .iter()
            .map(|one| one.scenario().unwrap());
        let mut rows = scenarios
            .filter(|one| one.subject == subject)
            .map(|one| format!("| `{}` | {} |\n", one.name, one.title))
            .peekable();
        if rows.peek().is_some() {
            text.push_str(&format!("| **{subject}** | |\n"));
            text.extend(rows);
        }
    }
    text
}

#[test]
fn the_readme_lists_every_scenario() {
    let readme = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");
    let readme = fs::read_to_string(readme).unwrap();
    let (_, rest) = readme.split_once("<!-- scenarios:begin -->\n").unwrap();
    let (found, _) = rest.split_once("<!-- scenarios:end -->").unwrap();
    let table = table();
    assert!(found == table, "between the marks should stand:\n{table}");
}

#[test]
fn the_harness_notices_what_is_off() {
    assert_share(0.5, 1_000, 0.5, 0.0);
    let off = std::panic::catch_unwind(|| assert_share(0.58, 1_000, 0.5, 0.0));
    assert!(off.is_err());
    assert!((poisson_at_least(1.0, 1) - 0.632_12).abs() < 1e-5);
    assert!((normal(1.96) - 0.975).abs() < 1e-4);
}
