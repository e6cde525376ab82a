//! The most memory that the program takes for each shipped scenario.

use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use super::{program, shared_folder};

const MOST_MIB: u64 = 200;

/// Bytes that a pipe holds on Linux, unless told otherwise.
const PIPE: usize = 65_536;

/// The largest resident set of a run, in MiB.
///
/// A process that has ended no longer tells. This one cannot end: its last words, where the report
/// is, go into a pipe that is full until somebody reads.
fn peak(scenario: &str) -> u64 {
    let place = tempfile::tempdir().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    writer.write_all(&[b' '; PIPE]).unwrap();
    let mut child = program(place.path())
        .args(["power", scenario, "--out", "out"])
        .stdout(Stdio::null())
        .stderr(writer)
        .spawn()
        .unwrap();
    let report = place.path().join("out/report.html");
    while !report.exists() {
        assert_eq!(child.try_wait().unwrap(), None, "{scenario} ended unheard");
        wait();
    }
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let mut words = String::new();
    reader.read_to_string(&mut words).unwrap();
    assert!(child.wait().unwrap().success(), "{}", words.trim_start());
    let peak = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap_or_else(|| panic!("{status}"));
    let kib: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    kib / 1024
}

#[expect(clippy::disallowed_methods, reason = "another process is at work")]
fn wait() {
    std::thread::sleep(Duration::from_millis(20));
}

fn stays_small(scenario: &str) {
    if !Path::new("/proc/self/status").exists() {
        shared_folder::skip("there is no /proc to see how much a run takes");
        return;
    }
    let peak = peak(scenario);
    // A program this small does not exist: the figure would be of something else.
    assert!(peak > 2, "{scenario}: {peak} MiB");
    assert!(peak < MOST_MIB, "{scenario}: {peak} MiB");
}

#[test]
fn of_default() {
    stays_small("default");
}

#[test]
fn of_istio_ramp() {
    stays_small("istio-ramp");
}

#[test]
fn of_low_traffic() {
    stays_small("low-traffic");
}

#[test]
fn of_no_rollback() {
    stays_small("no-rollback");
}

#[test]
fn of_plain_flagger() {
    stays_small("plain-flagger");
}
