//! Ctrl-C and SIGTERM at any time: what is there is told and stored, or nothing is; nobody stays.

use rustix::process::Signal;

use super::place::{Place, Running, SHORT, is_open, names};
use super::{pause, until};

const RUN: &str = "run short.toml --speed 20 --good --out out";

/// What is stored is whole, whether or not the run was.
fn check_stored(place: &Place, complete: Option<bool>) {
    place.expect_nothing_left();
    if !place.path("out").exists() {
        assert!(complete.is_none(), "nothing was stored");
        return;
    }
    let summary = place.complete("out");
    if let Some(complete) = complete {
        assert_eq!(summary["complete"], complete);
    }
    if summary["complete"] == false {
        let page = std::fs::read_to_string(place.path("out/report.html")).unwrap();
        assert!(page.contains("Incomplete."));
    }
}

fn interrupted_midway(signal: Signal) {
    let place = Place::new(SHORT);
    let mut running = place.start(RUN);
    running.wait_until_ready();
    let addresses = running.addresses();
    pause(500);
    running.signal(signal);
    let said = running.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.starts_with("Interrupted: "), "{}", said.err);
    assert!(said.says("Still under way"), "{}", said.out);
    assert!(!addresses.into_iter().any(is_open), "{addresses:?}");
    check_stored(&place, Some(false));
    let live = place.summary("out")["live"].clone();
    assert!(live["due"].as_u64().unwrap() > 0, "{live}");
    assert_eq!(live["lost"], 0, "{live}");
}

#[test]
fn ctrl_c_ends_a_run_with_what_is_there() {
    interrupted_midway(Signal::INT);
}

#[test]
fn an_orderly_request_to_end_does_the_same() {
    interrupted_midway(Signal::TERM);
}

/// Whether the process hears this signal by now.
fn hears(place: &Place, signal: Signal) -> bool {
    let Some(pid) = place.find("coalmine") else {
        return false;
    };
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    mask & (1 << (signal.as_raw() - 1)) != 0
}

#[test]
fn ctrl_c_while_parts_start_leaves_nothing() {
    for splitter in ["coalmine", "nginx"] {
        if splitter != "coalmine" && super::installed(splitter).is_none() {
            continue;
        }
        for delay in [0, 30, 100] {
            let place = Place::new(SHORT);
            let running = place.start(&format!("{RUN} --splitter {splitter}"));
            until("signals are heard", || hears(&place, Signal::INT));
            pause(delay);
            running.signal(Signal::INT);
            let said = running.end();
            assert_eq!(said.code, Some(0), "{}", said.err);
            check_stored(&place, None);
        }
    }
}

#[test]
fn the_second_one_ends_at_once_and_leaves_nothing() {
    let Some(_) = super::installed("nginx") else {
        return;
    };
    let place = Place::new(SHORT);
    let mut running = place.start(&format!("{RUN} --splitter nginx"));
    running.wait_until_ready();
    running.signal(Signal::INT);
    // Between the two it may have ended by itself: a run that has little to store does.
    running.signal(Signal::TERM);
    let said = running.end();
    assert!(matches!(said.code, Some(0 | 130)), "{said:?}");
    check_stored(&place, None);
}

#[test]
fn ctrl_c_while_results_are_stored_leaves_them_whole() {
    // Enough trials that storing takes a while: they are cut short, which the summary says.
    let place = Place::new(&SHORT.replace("trials = 20", "trials = 100000"));
    let mut running: Running = place.start(RUN);
    running.wait_for("Split by coalmine");
    pause(100);
    running.signal(Signal::INT);
    let said = running.end();
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.says("was promoted at 1m"), "{}", said.out);
    check_stored(&place, Some(false));
    assert_eq!(names(&place.path("tmp")), [""; 0]);
}
