//! What a comparison says of a gate is what a rollout with that gate comes to, at any number of
//! threads.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::comparison::{Comparison, Family, compare, contenders, league, planned};
use coalmine::experiment::{Options, run};
use coalmine::scenario::{self, Scenario};

const TRIALS: u32 = 60;

fn scenario(gate: &str, failures: u32) -> Scenario {
    let text = format!(
        "[traffic]\nrate = \"40/s\"\n[stable]\nlatency = \"p50=40ms,p99=250ms\"\nerrors = \"0.5%\"\n\
         [[canary.faults]]\nkind = \"errors\"\nprobability = \"1.5%\"\n\
         [rollout]\ninterval = \"1m\"\nfailures = {failures}\n\
         steps = [{{ weight = \"5%\", hold = \"5m\" }}, {{ weight = \"20%\", hold = \"5m\" }}]\n\
         [[rollout.gates]]\n{gate}\n\
         [experiment]\nweights = [\"5%\"]\ntrials = {TRIALS}\n"
    );
    scenario::parse(&text, Path::new("compared.toml"), None).unwrap()
}

fn options<'a>(threads: usize, stop: &'a AtomicBool) -> Options<'a> {
    Options {
        threads: Some(threads),
        keep_trials: false,
        stop,
        progress: &|_| {},
    }
}

fn compared(scenario: &Scenario, threads: usize) -> Comparison {
    let stop = AtomicBool::new(false);
    let mut all = contenders(scenario, planned(scenario));
    // The scenario's own, one test at each level and a limit are enough here.
    all.retain(|contender| match contender.family {
        Family::Test => {
            contender.kind.starts_with("two-proportion z, shared")
                || contender.kind.starts_with("exact spending, Pocock")
        }
        Family::Controller => false,
        Family::Own | Family::Limit => true,
    });
    compare(scenario, &all, TRIALS, &options(threads, &stop)).unwrap()
}

#[test]
fn an_onlooker_decides_as_it_would_alone() {
    let gates = [
        ("kind = \"z-test\"\nalpha = \"5%\"\nwindow = \"3m\"", 1),
        ("kind = \"success-ratio\"\nmin = \"98%\"", 2),
        ("kind = \"cumulative-z\"\nlooks = \"every\"", 1),
    ];
    for (gate, failures) in gates {
        let scenario = scenario(gate, failures);
        let own = compared(&scenario, 2);
        let own = own
            .rows
            .iter()
            .find(|row| row.family == Family::Own)
            .unwrap();
        let stop = AtomicBool::new(false);
        let alone = run(&scenario, &options(2, &stop)).unwrap();
        let alone = alone
            .summary
            .cells
            .iter()
            .find(|cell| cell.as_written && cell.steps.len() == 2);
        let alone = alone.unwrap();
        assert_eq!(own.power, alone.power, "{gate}");
        assert_eq!(own.false_rollback, alone.false_rollback, "{gate}");
        assert_eq!(
            own.detection_seconds.p50, alone.detection_seconds.p50,
            "{gate}"
        );
        assert!(
            (own.exposure.requests - alone.exposure.requests).abs() < 1e-9,
            "{gate}"
        );
    }
}

#[test]
fn threads_do_not_change_what_is_compared() {
    let scenario = scenario("kind = \"z-test\"", 1);
    assert_eq!(compared(&scenario, 1), compared(&scenario, 2));
}

#[test]
fn the_leader_keeps_the_bar_and_promises_it() {
    let scenario = scenario("kind = \"success-ratio\"\nmin = \"99.5%\"", 1);
    let comparison = compared(&scenario, 2);
    let league = league(&comparison, 0.01);
    let first = league.first.unwrap();
    assert!(first.false_rollback.low <= 0.01);
    assert!(
        first
            .level
            .is_none_or(|level| level <= 0.01 || first.family == Family::Limit)
    );
    // The scenario's own limit is sooner, and rolls back most good releases.
    let own = comparison
        .rows
        .iter()
        .find(|row| row.family == Family::Own)
        .unwrap();
    assert!(own.median_seconds < first.median_seconds && own.false_rollback.low > 0.01);
}
