//! Faults that come and go while a run goes on.

use std::net::SocketAddr;

use super::control::{ask, call};
use super::place::{Place, SHORT};
use super::{pause, until};

/// A world in which nothing fails by itself, for long enough to change something.
fn flawless() -> String {
    (SHORT.replace("errors = \"0.1%\"", "errors = \"0%\""))
        .replace("errors = \"20%\"", "errors = \"0%\"")
        .replace("failures = 1", "failures = 100")
        .replace("hold = \"20s\"", "hold = \"60s\"")
}

/// Asks the splitter as a user does: how many of so many answers are server errors.
fn failures(splitter: SocketAddr, requests: usize) -> usize {
    (0..requests)
        .filter(|_| ask(splitter, "GET", "/", "").0 >= 500)
        .count()
}

#[test]
fn errors_come_with_a_fault_and_go_with_it() {
    let place = Place::new(&flawless());
    let mut running = place.start("run short.toml --speed 20 --no-files");
    running.wait_until_ready();
    let [splitter, control] = running.addresses();
    assert_eq!(failures(splitter, 50), 0);
    // On both versions, so that every answer tells.
    let ids: Vec<String> = ["stable", "canary"]
        .map(|target| {
            let fault = format!(r#"{{"kind":"errors","target":"{target}","probability":1.0}}"#);
            let (status, added) = call(control, "POST", "/faults", &fault);
            assert_eq!(status, 201, "{added}");
            added["id"].to_string()
        })
        .into();
    assert_eq!(failures(splitter, 50), 50);
    let (_, list) = call(control, "GET", "/faults", "");
    assert!(list["faults"].as_array().unwrap().len() >= 2, "{list}");
    for id in &ids {
        assert_eq!(call(control, "DELETE", &format!("/faults/{id}"), "").0, 200);
    }
    assert_eq!(failures(splitter, 50), 0);
    let said = running.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    // What users met is in the run's own account.
    let of_stable = said.out.lines().find(|line| line.starts_with("  stable"));
    assert!(
        !of_stable.unwrap().contains(" 0.00 % failed"),
        "{}",
        said.out
    );
    place.expect_nothing_left();
}

#[test]
fn a_fault_that_makes_no_sense_is_refused_with_those_that_do() {
    let place = Place::new(&flawless());
    let mut running = place.start("run short.toml --speed 20 --no-files");
    running.wait_until_ready();
    let [_, control] = running.addresses();
    for body in [
        "",
        "{",
        "[]",
        r#"{"kind":"gremlins"}"#,
        r#"{"kind":"errors","often":1}"#,
    ] {
        let (status, answer) = call(control, "POST", "/faults", body);
        assert_eq!(status, 400, "{body}: {answer}");
        assert!(answer["error"].is_string(), "{body}: {answer}");
        assert!(
            !answer["valid"].as_array().unwrap().is_empty(),
            "{body}: {answer}"
        );
    }
    let (_, list) = call(control, "GET", "/faults", "");
    assert_eq!(list["faults"].as_array().unwrap().len(), 0, "{list}");
    running.signal(rustix::process::Signal::INT);
    assert_eq!(running.end().code, Some(0));
    place.expect_nothing_left();
}

#[test]
fn a_backend_that_crashes_again_and_again_is_survived() {
    let place = Place::new(&flawless());
    let mut running = place.start("run short.toml --speed 20 --out out");
    running.wait_until_ready();
    let [splitter, control] = running.addresses();
    for target in ["stable", "canary"] {
        let fault = format!(r#"{{"kind":"crash-loop","target":"{target}","mean_time":"5s"}}"#);
        let (status, added) = call(control, "POST", "/faults", &fault);
        assert_eq!(status, 201, "{added}");
    }
    // While an instance is down the splitter says so, and nothing hangs.
    until("errors of a crashed instance", || {
        pause(5);
        ask(splitter, "GET", "/", "").0 >= 500
    });
    let said = running.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    place.expect_nothing_left();
    let live = place.complete("out")["live"].clone();
    let failed: u64 = (live["versions"].as_array().unwrap().iter())
        .map(|version| version["failed"].as_u64().unwrap())
        .sum();
    assert!(failed > 0, "{live}");
}
