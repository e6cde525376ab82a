//! One body, two arms: what is expected of a rollout is expected of the one in virtual time and of the
//! one over real sockets.
//!
//! Expectations are closed forms with their standard errors; nothing is as in the other arm because
//! the other arm said so. Beside them, `coalmine conform` compares the two arms with each other, and
//! must find a liar.
//!
//! A machine that is too busy for a live rollout says so in the rollout's doubts; it is then played
//! again, and where that does not help the test goes without, on record. What a busy machine adds to
//! latencies is allowed for: their upper bounds are wide, their lower ones are not.

mod arm;
mod both;
mod program;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;

use std::path::Path;

use coalmine::scenario::{Scenario, parse};

/// Two minutes at 40 requests a second, on a canary whose errors no gate minds. Median and 99th
/// percentile are bounds of the histogram, so that it reads them without a guess.
const PASSED: &str = r#"
title = "Two steps"

[traffic]
rate = "40/s"

[stable]
latency = "p50=25ms,p99=100ms"
errors = "1%"

[canary]
errors = "4%"

[telemetry]
scrape = "5s"
series = "zero"

[rollout]
interval = "1m"
steps = [{ weight = "20%", hold = "1m" }, { weight = "50%", hold = "1m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "80%"
window = "1m"

[live]
speed = 20
"#;

fn scenario(text: &str) -> Scenario {
    parse(text, Path::new("conformance.toml"), None).unwrap()
}

/// `PASSED` with other errors of the canary.
fn with_errors(errors: &str) -> String {
    let text = PASSED.replace("errors = \"4%\"", &format!("errors = \"{errors}\""));
    assert_ne!(text, PASSED);
    text
}
