//! The load generator over real sockets, against servers that know what they did: counts agree on both
//! sides, latencies are those of the scheduled instants, and a run that could not keep its schedule
//! says so.
//!
//! Bounds on latencies are lower bounds wherever a busy machine could only make them longer.

mod errors;
mod honesty;
mod refusals;
mod server;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod users;

use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// `coalmine load` with arguments that are parted by blanks.
fn command(arguments: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_coalmine"));
    command
        .arg("load")
        .args(arguments.split_whitespace())
        .env_remove("CLICOLOR_FORCE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

/// What the program said, and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl From<Output> for Said {
    fn from(output: Output) -> Said {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let said = Said {
            code: output.status.code().unwrap_or(-1),
            out: text(output.stdout),
            err: text(output.stderr),
        };
        assert!(!said.err.contains("panicked"), "{}", said.err);
        for line in said.out.lines().chain(said.err.lines()) {
            let json = line.trim_start().starts_with('"');
            assert!(json || line.chars().count() <= 100, "{line}");
        }
        said
    }
}

impl Said {
    fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.err))
    }
}

fn load(arguments: &str) -> Said {
    command(arguments).output().unwrap().into()
}

fn begin(arguments: &str) -> Child {
    command(arguments).spawn().unwrap()
}

fn end(child: Child) -> Said {
    child.wait_with_output().unwrap().into()
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", child.id())])
        .status()
        .unwrap();
    assert!(status.success());
}

fn number(value: &Value) -> f64 {
    value
        .as_f64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}
