//! The sweep that all engines run, and what must come out of it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use super::both;

/// What is swept: some seconds of work in all, in units of some hundredths of a second.
const POWER: [&str; 6] = [
    "power",
    "low-traffic",
    "--engine",
    "requests",
    "--trials",
    "4000",
];
/// Into how many shards it is cut.
pub(crate) const SHARDS: u32 = 8;

/// A folder with a plan.
pub(crate) struct Sweep {
    folder: tempfile::TempDir,
}

impl Sweep {
    pub(crate) fn new() -> Sweep {
        let folder = tempfile::tempdir().unwrap();
        let sweep = Sweep { folder };
        let words = [&["sweep", "plan"], &POWER[..], &["--out", "plan.json"]];
        sweep.answered(&words.concat());
        sweep
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Where the engine leaves what came of the shards.
    pub(crate) fn out(&self) -> PathBuf {
        self.folder().join("rows")
    }

    /// The program, in the sweep's folder.
    fn program(&self) -> Command {
        let mut command = Command::new(program());
        command.current_dir(self.folder());
        command
    }

    fn answered(&self, words: &[&str]) -> Output {
        let output = self.program().args(words).output().unwrap();
        assert!(output.status.success(), "{words:?}: {}", both(&output));
        output
    }

    /// What `sweep emit` prints for an engine: for all shards, or for those that are missing.
    pub(crate) fn emit(&self, engine: &str, missing: bool, options: &[&str]) -> String {
        let shards = SHARDS.to_string();
        let mut words = vec!["sweep", "emit", engine, "plan.json", "--shards", &shards];
        words.extend(["--program", program()]);
        words.extend(if missing {
            &["--missing", "rows"][..]
        } else {
            &[]
        });
        if engine != "kubernetes" {
            words.extend(["--out", "rows"]);
        }
        words.extend(options);
        String::from_utf8(self.answered(&words).stdout).unwrap()
    }

    /// The shards that `sweep missing` names.
    pub(crate) fn missing(&self) -> String {
        let shards = SHARDS.to_string();
        let words = ["sweep", "missing", "rows", "--plan", "plan.json"];
        let output = self.answered(&[&words[..], &["--shard-count", &shards]].concat());
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// The same, one by one.
    pub(crate) fn missing_shards(&self) -> Vec<u32> {
        let text = self.missing();
        let ranges = text.split(',').filter(|range| !range.is_empty());
        let shards = ranges.flat_map(|range| {
            let (from, to) = range.split_once('-').unwrap_or((range, range));
            from.parse().unwrap()..=to.parse::<u32>().unwrap()
        });
        shards.collect()
    }

    /// How a merge of what is there ends, and what it says.
    pub(crate) fn merge(&self) -> (i32, String) {
        let words = [
            "sweep",
            "merge",
            "rows",
            "--plan",
            "plan.json",
            "--out",
            "merged",
        ];
        let output = self.program().args(words).output().unwrap();
        (output.status.code().unwrap(), both(&output))
    }

    /// Asserts that everything is there, and that it comes to what one process computes.
    pub(crate) fn assert_whole(&self) {
        let (code, said) = self.merge();
        assert_eq!(code, 0, "{said}");
        let kept = ["--keep-trials", "--out"];
        self.answered(&[&POWER[..], &kept, &["one"]].concat());
        self.answered(&[&POWER[..], &kept, &["many", "--rows", "merged"]].concat());
        let (one, many) = (self.files("one"), self.files("many"));
        assert!(one.contains_key("trials.csv"), "{:?}", one.keys());
        assert!(one.keys().eq(many.keys()), "{:?}", many.keys());
        for (name, bytes) in &one {
            assert!(*bytes == many[name], "{name} differs");
        }
    }

    /// All files of a folder.
    fn files(&self, folder: &str) -> BTreeMap<String, Vec<u8>> {
        let entries = fs::read_dir(self.folder().join(folder)).unwrap();
        let entries = entries.map(|entry| entry.unwrap());
        let files = entries.filter(|entry| entry.path().is_file());
        let name = |entry: &fs::DirEntry| entry.file_name().into_string().unwrap();
        files
            .map(|entry| (name(&entry), fs::read(entry.path()).unwrap()))
            .collect()
    }
}

/// The program under test.
pub(crate) fn program() -> &'static str {
    env!("CARGO_BIN_EXE_coalmine")
}

/// The shard that a command line of `sweep run` is about.
pub(crate) fn shard_of(line: &str) -> Option<u32> {
    let mut words = line.split_whitespace();
    words.find(|word| *word == "--shard-index")?;
    words.next()?.parse().ok()
}
