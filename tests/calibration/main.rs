//! Calibration against what is known: the published tables of operating characteristics, the exact
//! table of what peeking does to a level, and the promises of the gates themselves.
//!
//! `published.csv` holds the figures of the reference with the number of runs behind each;
//! `differences.csv` lists the cells of `results/calibration` that are not what was published, with the
//! reason of each. A cell that differs without being listed fails, and so does a listed one that
//! does not differ.

mod published;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use coalmine::base::Seed;
use coalmine::experiment::Options;
use coalmine::experiment::calibration::{
    self, Calibration, Effort, Gate, Group, Row, Setting, Verdict, settings, shelf, tolerated,
};

fn stored() -> Calibration {
    let folder: PathBuf = Path::new(env!("CARGO_MANIFEST_DIR")).join("results/calibration");
    calibration::read(&folder)
        .unwrap_or_else(|error| panic!("{error}; run `coalmine calibrate` and commit it"))
}

fn play(settings: &[Setting], gates: &[Gate], trials: u32, threads: usize) -> Calibration {
    let effort = Effort {
        trials,
        fault_trials: trials / 4,
        seed: Seed::DEFAULT,
    };
    let options = Options {
        threads: Some(threads),
        keep_trials: false,
        ledger: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    calibration::run(settings, gates, effort, &options).unwrap()
}

fn of_group(group: Group) -> Vec<Setting> {
    let mut settings = settings();
    settings.retain(|setting| setting.group == group);
    settings
}

/// Gates whose looks are cheap without optimisation too.
fn cheap() -> Vec<Gate> {
    let mut gates = shelf();
    gates.retain(|gate| !gate.reads_latencies() && gate.kind != "change-spending");
    gates
}

/// Whatever differs is listed with its reason.
fn assert_no_unlisted(compared: &published::Compared) {
    let listed = published::differences();
    let unlisted: Vec<&String> = (compared.different.iter())
        .filter(|(cell, _)| !listed.contains_key(cell))
        .map(|(_, what)| what)
        .collect();
    assert!(unlisted.is_empty(), "{unlisted:#?}");
}

#[test]
fn stored_rows_are_those_published_but_for_what_is_listed() {
    let stored = stored();
    assert!(stored.note.complete && stored.note.trials >= 20_000);
    let cells = published::cells();
    let compared = published::compare(&stored.rows, &cells);
    assert_eq!(
        compared.missing,
        Vec::<String>::new(),
        "published, and not calibrated"
    );
    let listed = published::differences();
    assert_no_unlisted(&compared);
    let gone: Vec<&String> = (listed.keys())
        .filter(|cell| !compared.different.iter().any(|(other, _)| other == *cell))
        .collect();
    assert!(gone.is_empty(), "listed, and not different: {gone:?}");
}

#[test]
fn a_short_calibration_is_as_published_too() {
    let found = play(&of_group(Group::Errors), &cheap(), 400, 2);
    let cells = published::cells();
    let compared = published::compare(&found.rows, &cells);
    assert_no_unlisted(&compared);
    assert!(compared.same > 200, "{}", compared.same);
}

#[test]
fn every_promised_level_is_kept_where_its_assumptions_hold() {
    let stored = stored();
    let broken: Vec<&Row> = (stored.rows.iter())
        .filter(|row| row.verdict == Some(Verdict::Broken))
        .collect();
    assert!(broken.is_empty(), "{broken:#?}");
    // And the table has something to say: levels are broken where assumptions are.
    let excused = |setting: &str| {
        let mut rows = stored.rows.iter().filter(|row| row.setting == setting);
        rows.any(|row| row.verdict == Some(Verdict::Excused))
    };
    assert!(excused("sticky-5") && excused("bursts") && excused("ramp"));
    // At a thousand looks only what trusts the normal law needs an excuse: the mean of its e-value.
    let long = (stored.rows.iter()).filter(|row| row.setting == "long");
    let mut needy = long.filter(|row| row.verdict == Some(Verdict::Excused));
    assert!(needy.all(|row| !row.exact), "an exact gate is excused");
}

#[test]
fn a_level_for_ever_is_kept_at_any_number_of_looks() {
    let stored = stored();
    let mut looks: Vec<u32> = Vec::new();
    for row in stored.rows.iter().filter(|row| row.setting == "long") {
        if row.verdict == Some(Verdict::NoLevel) {
            continue;
        }
        assert!(
            row.share <= tolerated(calibration::ALPHA, row.trials),
            "{row:#?}"
        );
        looks.push(row.looks);
    }
    looks.sort_unstable();
    looks.dedup();
    assert_eq!(looks, [1, 10, 100, 1_000]);
}

/// Looks, and the exact share of rejections with the critical value of one look: two-sided and
/// one-sided at 5 % (Armitage, McPherson and Rowe 1969).
const PEEKING: [(u32, f64, f64); 7] = [
    (1, 0.050, 0.050),
    (2, 0.083, 0.080),
    (5, 0.142, 0.130),
    (10, 0.193, 0.172),
    (20, 0.248, 0.214),
    (50, 0.320, 0.270),
    (100, 0.374, 0.311),
];

fn assert_peeking(calibration: &Calibration) {
    for (looks, two_sided, one_sided) in PEEKING {
        for (gate, exact) in [
            ("pooled z, two-sided, peeked", two_sided),
            ("pooled z, peeked", one_sided),
        ] {
            let mut rows = calibration.rows.iter();
            let row = rows
                .find(|row| row.setting == "peeking" && row.gate == gate && row.looks == looks)
                .unwrap();
            let error = (exact * (1.0 - exact) / row.trials as f64).sqrt();
            // The table has three decimals.
            let room = 4.0 * error + 0.0005;
            assert!(
                (row.share - exact).abs() <= room,
                "{gate} at {looks}: {}",
                row.share
            );
        }
    }
}

#[test]
fn peeking_inflates_the_level_as_the_textbooks_say() {
    assert_peeking(&stored());
    let mut gates = shelf();
    gates.retain(|gate| gate.label.starts_with("pooled z"));
    assert_peeking(&play(&of_group(Group::Peeking), &gates, 2_000, 2));
}

#[test]
fn neither_threads_nor_other_gates_change_what_a_gate_does() {
    let mut settings = settings();
    settings
        .retain(|setting| ["tiny", "latency", "sticky-2", "incident"].contains(&&*setting.name));
    for setting in &mut settings {
        setting.worlds.truncate(2);
    }
    let mut gates = shelf();
    gates.retain(|gate| gate.kind != "joint-spending");
    let all = play(&settings, &gates, 220, 4);
    assert_eq!(all, play(&settings, &gates, 220, 1));
    gates.retain(|gate| {
        let label = gate.label;
        label.starts_with("split e-process") || label.starts_with("slow requests")
    });
    let few = play(&settings, &gates, 220, 2);
    assert!(!few.rows.is_empty());
    for row in &few.rows {
        assert!(all.rows.contains(row), "{row:#?}");
    }
}

#[test]
fn an_interrupted_calibration_says_so_and_has_whole_settings_only() {
    let stop = AtomicBool::new(false);
    let options = Options {
        threads: Some(2),
        keep_trials: false,
        ledger: None,
        stop: &stop,
        progress: &|progress| {
            // Amid the second setting.
            if progress.done > 450 {
                stop.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        },
    };
    let effort = Effort {
        trials: 200,
        fault_trials: 40,
        seed: Seed(7),
    };
    let found = calibration::run(&of_group(Group::Errors), &cheap(), effort, &options).unwrap();
    assert!(!found.note.complete);
    let names: Vec<&str> = (found.note.settings.iter())
        .map(|setting| &*setting.name)
        .collect();
    assert_eq!(names, ["busy"]);
    assert!(found.rows.iter().all(|row| row.setting == "busy"));
}
