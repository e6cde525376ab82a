//! Replays: of our own recordings, which give the same verdicts tick for tick, and of what others
//! recorded.

mod live;
mod logs;
mod nginx;
mod prometheus;
mod real_data;
mod recorded;
mod resampled;
#[expect(dead_code, reason = "not all of it is asked here")]
#[path = "../promql_server/server.rs"]
mod server;
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod tables;

use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run the program in.
struct Place {
    folder: TempDir,
}

/// What the program said, and how it ended.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Place {
    fn new() -> Place {
        Place {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes a file here.
    fn put(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).unwrap();
    }

    /// Writes a scenario here as `mine.toml`: this rollout, on a service that nobody reads.
    fn put_rollout(&self, rollout: &str) {
        let service = "[traffic]\nrate = \"20/s\"\n\n[stable]\nlatency = \"p50=40ms,p99=250ms\"\n\
                       errors = \"0.1%\"\n\n[canary]\nerrors = \"1%\"\n";
        self.put("mine.toml", format!("{service}{rollout}"));
    }

    /// Runs the program here.
    fn said(&self, arguments: &[&str]) -> Said {
        let output = Command::new(env!("CARGO_BIN_EXE_coalmine"))
            .args(arguments)
            .current_dir(self.folder.path())
            .env_remove("CLICOLOR_FORCE")
            .env_remove("COLUMNS")
            .output()
            .unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said {
            code: output.status.code(),
            out: text(output.stdout),
            err: text(output.stderr),
        }
    }

    /// Runs it to a good end.
    fn answered(&self, arguments: &[&str]) -> String {
        let said = self.said(arguments);
        assert_eq!(said.code, Some(0), "{arguments:?}: {}", said.err);
        for line in said.out.lines().filter(|_| !arguments.contains(&"--json")) {
            let fits = line.chars().count() <= 100;
            assert!(
                fits || arguments.contains(&"--csv"),
                "{arguments:?}: {line}"
            );
        }
        said.out
    }

    /// What it says in JSON.
    fn json(&self, arguments: &[&str]) -> Value {
        let mut all = arguments.to_vec();
        all.push("--json");
        serde_json::from_str(&self.answered(&all)).unwrap()
    }

    /// Runs it on input that is refused; what it says.
    fn refused(&self, arguments: &[&str]) -> String {
        let said = self.said(arguments);
        assert_eq!(said.code, Some(2), "{arguments:?}: {said:?}");
        assert_eq!(said.out, "");
        said.err
    }
}

/// The verdicts of a replay that is told in JSON, with their times in seconds.
fn verdicts(told: &Value) -> Vec<(f64, String)> {
    let ticks = told["ticks"].as_array().unwrap().iter();
    ticks
        .map(|tick| {
            let verdict = tick["verdict"].as_str().unwrap().to_owned();
            (tick["seconds"].as_f64().unwrap(), verdict)
        })
        .collect()
}
