//! `results/` holds what some of the shipped scenarios give today, to the byte. When it does not,
//! `tests/make-results` makes it again.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use coalmine::experiment::{self, Options, store};
use coalmine::{report, scenario};

const COMMAND: &str = "run tests/make-results, and commit what it changes";

fn stored() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results")
}

fn contents(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}; {COMMAND}", folder.display()));
    entries
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, fs::read(entry.path()).unwrap())
        })
        .collect()
}

/// Plays a scenario again and compares every file: rows, summary, figures and page.
fn holds(name: &str) {
    let scenario = scenario::find(name).unwrap().scenario().unwrap();
    let options = Options {
        threads: None,
        keep_trials: false,
        ledger: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    let results = experiment::run(&scenario, &options).unwrap();
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join(name);
    store::write(&results, &folder, &report::render(&results).unwrap()).unwrap();

    let (new, old) = (contents(&folder), contents(&stored().join(name)));
    let changed: Vec<String> = new
        .keys()
        .chain(old.keys().filter(|name| !new.contains_key(*name)))
        .filter(|name| new.get(*name) != old.get(*name))
        .map(|name| {
            format!(
                "results/{}/{name}: {}",
                scenario.name,
                first_change(&old, &new, name)
            )
        })
        .collect();
    assert!(changed.is_empty(), "{COMMAND}:\n{}", changed.join("\n"));
}

/// The first line of a text that is not as it was.
fn first_change(
    old: &BTreeMap<String, Vec<u8>>,
    new: &BTreeMap<String, Vec<u8>>,
    name: &str,
) -> String {
    let text = |files: &BTreeMap<String, Vec<u8>>| {
        let bytes = files.get(name).cloned();
        bytes.map(|bytes| String::from_utf8(bytes).unwrap_or_default())
    };
    let (Some(old), Some(new)) = (text(old), text(new)) else {
        return "there and not there".to_owned();
    };
    let lines = old.lines().zip(new.lines()).enumerate();
    let mut differing = lines.filter(|(_, (old, new))| old != new);
    let short = |line: &str| line.chars().take(120).collect::<String>();
    match differing.next() {
        Some((i, (old, new))) => format!("line {}:\n  - {}\n  + {}", i + 1, short(old), short(new)),
        None => "other bytes".to_owned(),
    }
}

/// One test for each scenario whose results are stored, and [`STORED`], the list of them, which
/// `tests/make-results` reads too.
macro_rules! stored {
    ($($test:ident: $name:literal,)*) => {
        const STORED: &[&str] = &[$($name),*];
        $(
            #[test]
            fn $test() {
                holds($name);
            }
        )*
    };
}

// The first steps, and one of each way in which a scenario is played: with results of all of them
// the repository would be forty times as large as its source.
stored! {
    of_bursts: "bursts",
    of_cold_canary: "cold-canary",
    of_default: "default",
    of_feed_ranking: "feed-ranking",
    of_istio_ramp: "istio-ramp",
    of_low_traffic: "low-traffic",
    of_no_rollback: "no-rollback",
    of_plain_flagger: "plain-flagger",
    of_rollback_harm: "rollback-harm",
    of_sticky_bypass: "sticky-bypass",
}

#[test]
fn these_have_folders_and_they_stay_small() {
    let mut folders: Vec<String> = fs::read_dir(stored())
        .unwrap_or_else(|error| panic!("results: {error}; {COMMAND}"))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    // Made by commands of their own, and held to by tests of their own.
    folders.retain(|name| !["calibration", "league"].contains(&&**name));
    folders.sort();
    assert_eq!(folders, STORED, "{COMMAND}");
    let bytes: usize = STORED
        .iter()
        .flat_map(|name| contents(&stored().join(name)))
        .map(|(_, bytes)| bytes.len())
        .sum();
    assert!(bytes < 8 * 1024 * 1024, "{bytes} bytes");
}
