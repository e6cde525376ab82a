//! Faults of every kind, and goals, as they are read.

use super::*;
use crate::base::Span;
use crate::model::fault::{Corruption, Fault, ResetPhase, Scope, Target};
use crate::model::service::{Goal, GoalValue};

/// A scenario with two routes, a group, a goal, and these lines before its other sections.
fn with_names(sections: &str) -> Scenario {
    let routes = "[[traffic.routes]]\nname = \"browse\"\nshare = \"70%\"\n\
                  [[traffic.routes]]\nname = \"checkout\"\nshare = \"30%\"\n\
                  [[traffic.groups]]\nname = \"people\"\nshare = \"80%\"\n\
                  [[traffic.groups]]\nname = \"bots\"\nshare = \"20%\"\n";
    let goal = "[[goals]]\nname = \"click\"\nprobability = \"10%\"\n\
                [[goals]]\nname = \"conversion\"\nprobability = \"3%\"\nroutes = [\"checkout\"]\n\
                value = { mean = 40, cv = 1.2 }\nspread = 0.8\n";
    scenario(&format!("{LEAST}{routes}{goal}{sections}"))
}

fn kind(text: &str) -> FaultKind {
    let faults = with_names(&format!("[[canary.faults]]\n{text}\n"))
        .world
        .faults;
    assert_eq!(faults.len(), 1);
    assert_eq!(faults[0].target, Target::Canary);
    faults[0].kind.clone()
}

#[test]
fn every_kind_of_fault_is_read() {
    let probability = share(0.05);
    let (minute, mib) = (Span::from_secs(60), 1_048_576.0);
    let read = [
        (
            "kind = \"errors\"\nprobability = \"5%\"\nlatency = \"2ms\"",
            FaultKind::Errors {
                probability,
                latency: Some(Span::from_millis(2)),
            },
        ),
        (
            "kind = \"memory-leak\"",
            FaultKind::MemoryLeak {
                per_request: 2048.0,
                heap: 512.0 * mib,
                live: 180.0 * mib,
                restart: Span::from_secs(30),
            },
        ),
        (
            "kind = \"memory-leak\"\nper_request = \"1KiB\"\nheap = \"2MiB\"\nlive = \"1MiB\"\n\
             restart = \"1m\"",
            FaultKind::MemoryLeak {
                per_request: 1024.0,
                heap: 2.0 * mib,
                live: mib,
                restart: minute,
            },
        ),
        (
            "kind = \"failed-start\"\nprobability = \"5%\"\ndelay = \"1m\"",
            FaultKind::FailedStart {
                probability,
                delay: Some(minute),
            },
        ),
        (
            "kind = \"reset\"\nprobability = \"5%\"",
            FaultKind::Reset {
                probability,
                phase: ResetPhase::Head,
            },
        ),
        (
            "kind = \"corrupt\"\nprobability = \"5%\"",
            FaultKind::Corrupt {
                probability,
                how: Corruption::Flipped,
            },
        ),
        (
            "kind = \"drip\"\nprobability = \"5%\"\nover = \"1m\"",
            FaultKind::Drip {
                probability,
                over: minute,
            },
        ),
        (
            "kind = \"bandwidth\"\nlimit = \"2MiB/s\"",
            FaultKind::Bandwidth { limit: 2.0 * mib },
        ),
        ("kind = \"cpu\"\ncores = 0.5", FaultKind::Cpu { cores: 0.5 }),
        (
            "kind = \"hang\"\nprobability = \"5%\"",
            FaultKind::Hang {
                probability,
                timeout: Span::from_secs(10),
            },
        ),
        (
            "kind = \"capacity\"\nwork = 1.5\nworkers = 0.5",
            FaultKind::Capacity {
                work: 1.5,
                workers: 0.5,
            },
        ),
        (
            "kind = \"bursts\"\nprobability = \"5%\"",
            FaultKind::Bursts {
                probability,
                good: Span::from_secs(500),
                bad: Span::from_secs(10),
            },
        ),
        (
            "kind = \"business\"\ngoal = \"conversion\"\nmultiply = 0.97",
            FaultKind::Business {
                goal: Some(1),
                multiply: 0.97,
            },
        ),
        (
            "kind = \"metrics\"\nhidden = \"5%\"\ncount = 2\nunit = 1000",
            FaultKind::Metrics {
                hidden: probability,
                count: 2,
                unit: 1000.0,
            },
        ),
        (
            "kind = \"bounce\"\nprobability = \"5%\"",
            FaultKind::Bounce { probability },
        ),
        (
            "kind = \"poison\"\nprobability = \"5%\"",
            FaultKind::Poison { probability },
        ),
    ];
    let crashes = FaultKind::CrashLoop { mean_time: minute };
    assert_eq!(kind("kind = \"crash-loop\""), crashes);
    let burden = FaultKind::SharedLoad { factor: 2.0 };
    assert_eq!(kind("kind = \"shared-load\"\nfactor = 2"), burden);
    for (text, wanted) in read {
        assert_eq!(kind(text), wanted, "{text}");
    }
}

#[test]
fn a_reset_says_how_far_it_comes_and_a_corruption_what_is_wrong() {
    let probability = share(0.05);
    for (name, phase) in [
        ("connect", ResetPhase::Connect),
        ("head", ResetPhase::Head),
        ("body", ResetPhase::Body),
    ] {
        let text = format!("kind = \"reset\"\nprobability = \"5%\"\nphase = \"{name}\"");
        assert_eq!(kind(&text), FaultKind::Reset { probability, phase });
    }
    for (name, how) in [
        ("truncated", Corruption::Truncated),
        ("flipped", Corruption::Flipped),
        ("empty", Corruption::Empty),
    ] {
        let text = format!("kind = \"corrupt\"\nprobability = \"5%\"\nhow = \"{name}\"");
        assert_eq!(kind(&text), FaultKind::Corrupt { probability, how });
    }
}

#[test]
fn burning_processors_do_nothing_in_virtual_time_and_say_so() {
    let scenario = with_names("[[canary.faults]]\nkind = \"cpu\"\ncores = 2\n");
    assert_eq!(scenario.warnings.len(), 1, "{:?}", scenario.warnings);
    assert!(scenario.warnings[0].contains("no processors"));
}

#[test]
fn faults_say_whose_they_are_whom_they_reach_and_when() {
    let of = |list: &str, more: &str| {
        let text = format!("[[{list}]]\nkind = \"reset\"\nprobability = \"5%\"\n{more}\n");
        with_names(&text).world.faults
    };
    for (list, target) in [
        ("canary.faults", Target::Canary),
        ("stable.faults", Target::Stable),
        ("faults", Target::Both),
    ] {
        let plain = Fault {
            kind: FaultKind::Reset {
                probability: share(0.05),
                phase: ResetPhase::Head,
            },
            target,
            schedule: Schedule::ALWAYS,
            scope: Scope::EVERYONE,
        };
        assert_eq!(of(list, ""), std::slice::from_ref(&plain));
        let more = "onset = \"5m\"\nramp = \"10s\"\nduration = \"2m\"\nevery = \"1h\"\n\
                    users = \"10%\"\nroutes = [\"checkout\"]\ngroups = [\"bots\", \"people\"]\n\
                    instances = \"25%\"\nrequests = \"5%\"";
        let scoped = Fault {
            schedule: Schedule {
                onset: Time::from_secs(300),
                ramp: Span::from_secs(10),
                duration: Some(Span::from_secs(120)),
                every: Some(Span::from_secs(3600)),
            },
            scope: Scope {
                users: share(0.1),
                routes: 0b10,
                groups: 0b11,
                instances: share(0.25),
                requests: share(0.05),
            },
            ..plain
        };
        assert_eq!(of(list, more), [scoped]);
    }
}

#[test]
fn goals_are_read() {
    let click = Goal {
        name: "click".to_owned(),
        probability: share(0.1),
        value: GoalValue::One,
        routes: u32::MAX,
        spread: 0.0,
    };
    let conversion = Goal {
        name: "conversion".to_owned(),
        probability: share(0.03),
        value: GoalValue::Spread {
            mean: 40.0,
            cv: 1.2,
        },
        routes: 0b10,
        spread: 0.8,
    };
    let scenario = with_names("");
    assert_eq!(scenario.world.goals, [click, conversion]);
    assert_eq!(scenario.telemetry.goals, 2);
}

#[test]
fn a_fault_of_both_versions_leaves_the_canary_good() {
    let text = LEAST.replace("errors = \"1%\"", "");
    let shared = "[[faults]]\nkind = \"errors\"\nprobability = \"5%\"\n";
    let scenario = scenario(&format!("{text}{shared}"));
    assert!(!scenario.world.has_fault());
    assert_eq!(scenario.world.first_fault(), None);
    assert_eq!(scenario.world.healthy().faults.len(), 1);
}
