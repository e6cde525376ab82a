//! `coalmine conform` as a user meets it.

use std::fs;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use serde_json::Value;

use super::{PASSED, shared_folder, with_errors};

fn conform(scenario: &str, arguments: &str) -> (tempfile::TempDir, Command) {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("one.toml"), scenario).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_coalmine"));
    command
        .current_dir(place.path())
        .args(["conform", "one.toml"])
        .args(arguments.split_whitespace())
        .env_remove("CLICOLOR_FORCE")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    (place, command)
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Whether it is about a machine that did not let the generator run in time.
fn is_late(why: &Value) -> bool {
    why.as_str().unwrap().contains("generator late")
}

/// The measures of an answer that differ, but for latencies to which a busy machine may have added.
fn different(answer: &Value) -> Vec<String> {
    let millis =
        |value: &Value| -> Option<f64> { value.as_str()?.strip_suffix(" ms")?.parse().ok() };
    let measures = answer["measures"].as_array().unwrap();
    assert!(measures.len() >= 13, "{answer:#}");
    (measures.iter())
        .filter(|measure| measure["agrees"] == false)
        .filter(|measure| {
            let pair = millis(&measure["live"]).zip(millis(&measure["simulated"]));
            pair.is_none_or(|(live, simulated)| live < simulated)
        })
        .map(|measure| measure["name"].as_str().unwrap().to_owned())
        .collect()
}

/// An honest simulator differs in one comparison of a hundred, so a second one with other luck is
/// allowed: both differ once in ten thousand.
#[test]
fn the_program_finds_that_both_arms_agree() {
    let mut valid = 0;
    for seed in ["", "--seed 7", "--seed 8"] {
        let arguments = format!("--rollouts 3 --simulated 300 --json {seed}");
        let (_place, mut command) = conform(PASSED, &arguments);
        let output = command.output().unwrap();
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        let answer: Value = serde_json::from_str(out).unwrap_or_else(|_| panic!("{out}{err}"));
        assert_eq!(answer["complete"], true);
        assert_eq!(
            (&answer["live"], &answer["simulated"]),
            (&3.into(), &300.into())
        );
        assert_eq!(answer["speed"], 20.0);
        let doubts = answer["doubts"].as_array().unwrap();
        let agrees = answer["agrees"] == true && doubts.is_empty();
        assert_eq!(output.status.code(), Some(i32::from(!agrees)), "{err}");
        if !doubts.is_empty() {
            assert!(doubts.iter().any(is_late), "{doubts:?}");
            continue;
        }
        let different = different(&answer);
        if different.is_empty() {
            return;
        }
        valid += 1;
        assert!(valid < 2, "{different:?}\n{answer:#}");
    }
    shared_folder::skip("the machine is too busy for live rollouts");
}

#[expect(
    clippy::disallowed_methods,
    reason = "signals come while another process works"
)]
fn wait(time: Duration) {
    std::thread::sleep(time);
}

fn signal(child: &Child, name: &str) {
    let status = Command::new("sh")
        .args(["-c", &format!("kill -{name} {}", child.id())])
        .status()
        .unwrap();
    assert!(status.success());
}

/// Stopped as a busy machine would stop it, three times in six seconds: a rollout takes three, so
/// that no three moments can all miss one.
#[test]
fn a_rollout_that_the_machine_spoiled_is_played_again() {
    let scenario = with_errors("60%").replace("40/s", "8/s");
    let (_place, mut command) = conform(&scenario, "--rollouts 3 --simulated 100 --json");
    let child = command.spawn().unwrap();
    for _ in 0..3 {
        wait(Duration::from_millis(1_700));
        signal(&child, "STOP");
        wait(Duration::from_millis(300));
        signal(&child, "CONT");
    }
    let output = child.wait_with_output().unwrap();
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    let answer: Value = serde_json::from_str(out).unwrap_or_else(|_| panic!("{out}{err}"));
    let again = answer["played_again"].as_array().unwrap();
    assert!((1..=3).contains(&again.len()), "{again:?}");
    assert!(again.iter().all(is_late), "{again:?}");
    assert_eq!(
        (&answer["live"], &answer["complete"]),
        (&3.into(), &true.into())
    );
}

fn interrupted_after(scenario: &str, arguments: &str, time: Duration) -> Output {
    let (_place, mut command) = conform(scenario, arguments);
    let child = command.spawn().unwrap();
    wait(time);
    signal(&child, "INT");
    child.wait_with_output().unwrap()
}

/// What is compared is what is complete; where that is too little, nothing is.
#[test]
fn an_interruption_compares_what_is_there() {
    // A second each: after seven there are three, unless the machine is very busy.
    let scenario = with_errors("30%")
        .replace("40/s", "8/s")
        .replace("speed = 20", "speed = 60");
    let arguments = "--rollouts 500 --simulated 100";
    for seconds in [1, 7] {
        let time = Duration::from_secs(seconds);
        let output = interrupted_after(&scenario, arguments, time);
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert!(
            err.starts_with("Interrupted: finishing with what is there"),
            "{err}"
        );
        if out.is_empty() {
            assert!(err.contains("error: interrupted after "), "{err}");
            assert!(err.contains("fewer than 3 tell nothing"), "{err}");
            assert_eq!(output.status.code(), Some(1), "{err}");
        } else {
            assert!(seconds > 1, "{out}");
            let last = out.lines().last();
            assert_eq!(
                last,
                Some("! Interrupted: 500 live rollouts were asked for.")
            );
            let told =
                out.contains("The simulator tells the truth here") && !err.contains("error:");
            assert_eq!(output.status.code(), Some(i32::from(!told)), "{err}");
        }
    }
}
