//! Everything that reads what people write, over the stored corpus of `fuzz/corpus` and over what
//! becomes of it by tearing and stirring: nothing panics, and nothing takes for ever (the runner ends
//! a test that hangs). The same targets run for longer under `cargo fuzz`: see `fuzz/README.md`.

use std::fs;
use std::path::Path;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

#[path = "../fuzz/targets.rs"]
mod targets;

/// Changed copies of each file of the corpus.
const COPIES: u64 = 200;
/// The most bytes of a changed copy.
const MOST: usize = 64 * 1024;

/// The stored inputs of a target.
fn corpus(target: &str) -> Vec<(String, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("fuzz/corpus")
        .join(target);
    let entries =
        fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files: Vec<(String, Vec<u8>)> = entries
        .map(|entry| {
            let path = entry.expect("a readable folder").path();
            let name = path
                .file_name()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            (name, fs::read(&path).expect("a readable file"))
        })
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", folder.display());
    files
}

/// Pieces that mean something to a reader of YAML, JSON, TOML, PromQL or conditions.
const PIECES: [&str; 24] = [
    "\0",
    "{{",
    "}}",
    "[",
    "{",
    "(",
    "\"",
    "'",
    ": ",
    "- ",
    "\n",
    "&a ",
    "*a",
    "1e309",
    "-1",
    "NaN",
    "null",
    "0",
    "[5m]",
    " or ",
    "999999999999999999999",
    "é",
    "\t",
    "<<: ",
];

/// A copy with some of it gone, doubled, moved or replaced.
fn stirred(data: &[u8], stream: &mut Xoshiro256PlusPlus) -> Vec<u8> {
    let mut copy = data.to_vec();
    for _ in 0..stream.random_range(1..=4) {
        let len = copy.len().max(1);
        let at = stream.random_range(0..len).min(copy.len());
        let end = (at + stream.random_range(0..64)).min(copy.len());
        match stream.random_range(0..6) {
            0 => copy.truncate(at),
            1 => drop(copy.drain(at..end)),
            2 => {
                let piece = copy[at..end].to_vec();
                let to = stream.random_range(0..=copy.len());
                copy.splice(to..to, piece);
            }
            3 => {
                let piece = PIECES[stream.random_range(0..PIECES.len())];
                copy.splice(at..end, piece.bytes());
            }
            4 => {
                let piece = PIECES[stream.random_range(0..PIECES.len())];
                copy.splice(at..at, piece.bytes());
            }
            _ => {
                if let Some(byte) = copy.get_mut(at) {
                    *byte = stream.random();
                }
            }
        }
    }
    copy.truncate(MOST);
    copy
}

fn try_all(name: &str) {
    let target = targets::TARGETS.iter().find(|target| target.name == name);
    let target = target.expect("a target of that name");
    for (number, (file, data)) in corpus(name).into_iter().enumerate() {
        (target.read)(&data);
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(number as u64);
        for copy in 0..COPIES {
            let changed = stirred(&data, &mut stream);
            // What a panic leaves behind: the input that caused it.
            let told = std::panic::catch_unwind(|| (target.read)(&changed));
            assert!(
                told.is_ok(),
                "{name}: copy {copy} of {file}: {:?}",
                String::from_utf8_lossy(&changed)
            );
        }
    }
}

#[test]
fn rollouts_of_argo() {
    try_all("argo");
}

#[test]
fn conditions() {
    try_all("condition");
}

#[test]
fn canaries() {
    try_all("flagger");
}

#[test]
fn figures_to_judge() {
    try_all("judge");
}

#[test]
fn canary_configs() {
    try_all("kayenta");
}

#[test]
fn queries() {
    try_all("promql");
}

#[test]
fn scenarios() {
    try_all("scenario");
}

#[test]
fn splits() {
    try_all("split");
}

#[test]
fn every_target_is_tried_here_and_has_a_program_of_its_own() {
    let this = include_str!("fuzz.rs");
    let manifest = include_str!("../fuzz/Cargo.toml");
    for target in targets::TARGETS {
        assert!(
            this.contains(&format!("try_all(\"{}\")", target.name)),
            "{}",
            target.name
        );
        let path = format!("fuzz_targets/{}.rs", target.name);
        assert!(manifest.contains(&path), "{path}");
    }
}
