//! What a comparison says of a gate is what a rollout with that gate comes to, at any number of
//! threads.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::comparison::{
    Comparison, Family, Row, compare, contenders, league, planned,
};
use coalmine::experiment::summary::Cell;
use coalmine::experiment::{Options, run};
use coalmine::report;
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
        ledger: None,
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

/// What `coalmine power` says of the rollout as written.
fn alone(scenario: &Scenario) -> Cell {
    let stop = AtomicBool::new(false);
    let alone = run(scenario, &options(2, &stop)).unwrap();
    let cells = alone.summary.cells.into_iter();
    let mut written = cells.filter(|cell| cell.as_written && cell.steps.len() == 2);
    written.next().unwrap()
}

fn assert_same(row: &Row, cell: &Cell, what: &str) {
    assert_eq!(row.power, cell.power, "{what}");
    assert_eq!(row.false_rollback, cell.false_rollback, "{what}");
    assert_eq!(row.detection_seconds, cell.detection_seconds, "{what}");
    let requests = row.exposure.requests - cell.exposure.requests;
    assert!(requests.abs() < 1e-9, "{what}: {requests}");
}

#[test]
fn an_onlooker_decides_as_it_would_alone() {
    let gates = [
        (
            "kind = \"success-ratio\"\nmin = \"98%\"",
            "success ratio",
            0.98,
        ),
        (
            "kind = \"cumulative-z\"\nlooks = \"shared\"\nalpha = \"20%\"",
            "two-proportion z, shared among the looks",
            0.2,
        ),
        (
            "kind = \"exact-spending\"\nalpha = \"5%\"",
            "exact spending, Pocock",
            0.05,
        ),
    ];
    for (gate, kind, level) in gates {
        let scenario = scenario(gate, 1);
        let compared = compared(&scenario, 2);
        let mut rows = compared.rows.iter();
        let row = rows.find(|row| row.kind == kind && row.level == Some(level));
        assert_same(row.unwrap(), &alone(&scenario), gate);
    }
}

#[test]
fn the_rollout_as_written_plays_as_it_is_written() {
    // A failed check that is forgiven holds the step.
    let scenario = scenario("kind = \"success-ratio\"\nmin = \"98%\"", 2);
    let compared = compared(&scenario, 2);
    let own = compared.rows.iter().find(|row| row.family == Family::Own);
    assert_same(own.unwrap(), &alone(&scenario), "as written");
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

#[test]
fn a_controller_that_leads_is_not_held_against_itself() {
    let scenario = scenario::find("low-traffic").unwrap().scenario().unwrap();
    let mut all = contenders(&scenario, planned(&scenario));
    all.retain(|contender| contender.family == Family::Controller);
    let stop = AtomicBool::new(false);
    let comparison = compare(&scenario, &all, TRIALS, &options(2, &stop)).unwrap();
    let league = league(&comparison, 0.01);
    assert!(
        league
            .leads
            .iter()
            .any(|lead| lead.times_sooner == Some(1.0))
    );
    insta::assert_snapshot!(report::comparison(&comparison, &league, 100, false));
}
