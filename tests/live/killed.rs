//! Sudden death (SIGKILL) of each part of a run, and of the run itself.

use rustix::process::Signal;

use super::installed;
use super::pause;
use super::place::{Place, SHORT, is_open, send};

const RUN: &str = "run short.toml --speed 20 --good --out out";

#[test]
fn a_killed_splitter_ends_the_run_which_says_so_and_keeps_what_it_has() {
    for (name, process) in [
        ("nginx", "nginx"),
        ("haproxy", "haproxy"),
        ("envoy", "envoy"),
    ] {
        let Some(program) = installed(name) else {
            continue;
        };
        let place = Place::new(&format!(
            "{SHORT}\n[live]\nsplitter = \"{name}\"\nprogram = \"{}\"\n",
            program.display()
        ));
        let mut running = place.start(RUN);
        running.wait_until_ready();
        let addresses = running.addresses();
        pause(700);
        send(place.process(process), Signal::KILL);
        let said = running.end();
        let ended = format!("{name} ended before its time (signal: 9 (SIGKILL))");
        assert_eq!(said.code, Some(1), "{name}: {said:?}");
        assert!(
            said.err.contains(&format!("error: {ended}")),
            "{}",
            said.err
        );
        assert!(!addresses.into_iter().any(is_open), "{name}: {addresses:?}");
        place.expect_nothing_left();
        let summary = place.complete("out");
        assert_eq!(summary["complete"], false, "{name}");
        let live = &summary["live"];
        let doubts = live["doubts"].as_array().unwrap();
        let says = |doubt: &serde_json::Value| doubt.as_str().unwrap().contains(&ended);
        assert!(doubts.iter().any(says), "{live}");
        let stable = live["versions"][0]["requests"].as_u64().unwrap();
        assert!(stable > 100, "{live}");
    }
}

#[test]
fn a_killed_prometheus_leaves_the_gate_without_data() {
    let Some(_) = installed("prometheus") else {
        return;
    };
    let place = Place::new(SHORT);
    let mut running = place.start(&format!("{RUN} --prometheus spawn"));
    running.wait_until_ready();
    pause(300);
    send(place.process("prometheus"), Signal::KILL);
    let said = running.end();
    assert_eq!(said.code, Some(0), "{said:?}");
    assert!(!said.says("pass: "), "{}", said.out);
    place.expect_nothing_left();
    let live = place.complete("out")["live"].clone();
    assert!(live["scrapes"][1].as_u64().unwrap() > 0, "{live}");
    assert!(live["due"].as_u64().unwrap() > 100, "{live}");
}

#[test]
fn a_killed_run_leaves_nothing_and_older_results_as_they_were() {
    let place = Place::new(SHORT);
    place.answered("power short.toml --out out");
    let before = place.summary("out");
    let mut ways = vec![String::new()];
    if installed("nginx").is_some() {
        ways.push(" --splitter nginx".to_owned());
    }
    if installed("haproxy").is_some() {
        ways.push(" --splitter haproxy".to_owned());
    }
    if installed("prometheus").is_some() {
        ways.push(" --prometheus spawn".to_owned());
    }
    for way in ways {
        let mut running = place.start(&format!("{RUN}{way}"));
        running.wait_until_ready();
        let mut addresses = running.addresses().to_vec();
        if way.contains("prometheus") {
            addresses.push(running.address("the gate asks Prometheus at"));
        }
        pause(300);
        running.signal(Signal::KILL);
        let said = running.end();
        assert_eq!(said.code, None, "{way}");
        place.expect_nothing_left();
        assert!(!addresses.iter().copied().any(is_open), "{way}");
        assert_eq!(place.complete("out"), before, "{way}");
    }
}
