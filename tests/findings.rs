//! The sentences of a report follow from its scenario and its numbers.

use std::fs;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use coalmine::experiment::{self, Options, summary::Summary};
use coalmine::scenario::{self, Overrides, Scenario};
use coalmine::telemetry::Birth;

/// A service at 50 requests a second whose gate wants 99 % of success over a minute.
const SERVICE: &str = r#"
[traffic]
rate = "50/s"
[stable]
latency = "p50=40ms,p99=250ms"
errors = "0.1%"
[canary]
errors = "5%"
[rollout]
interval = "1m"
failures = 1
steps = [{ weight = "5%", hold = "5m" }, { weight = "20%", hold = "5m" }]
[[rollout.gates]]
kind = "success-ratio"
min = "99%"
window = "1m"
"#;

fn parsed(text: &str) -> Scenario {
    scenario::parse(text, Path::new("service.toml"), None)
        .unwrap_or_else(|problems| panic!("{problems}"))
}

fn played(scenario: Scenario) -> Summary {
    let scenario = scenario
        .with(&Overrides {
            trials: Some(400),
            ..Overrides::default()
        })
        .unwrap_or_else(|problems| panic!("{problems}"));
    let options = Options {
        threads: None,
        keep_trials: false,
        ledger: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    experiment::run(&scenario, &options).unwrap().summary
}

fn findings(text: &str) -> String {
    played(parsed(text)).findings.join("\n")
}

/// The service with a piece of its text replaced.
fn with(from: &str, to: &str) -> String {
    let text = SERVICE.replace(from, to);
    assert_ne!(text, SERVICE, "{from}");
    text
}

/// The plain Canary with a piece replaced, at a request rate and 5 % failures.
fn canary(from: &str, to: &str, rate: &str) -> Summary {
    let text = fs::read_to_string("scenarios/plain-flagger.yaml").unwrap();
    assert!(text.contains(from), "{from}");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("canary.yaml");
    fs::write(&file, text.replace(from, to)).unwrap();
    let scenario = scenario::neutral().unwrap().with(&Overrides {
        flagger: vec![file],
        rate: rate.parse().ok(),
        canary_errors: "5%".parse().ok(),
        ..Overrides::default()
    });
    played(scenario.unwrap_or_else(|problems| panic!("{problems}")))
}

#[track_caller]
fn assert_says(text: &str, said: &str) {
    assert!(text.contains(said), "`{said}` is not in:\n{text}");
}

#[track_caller]
fn assert_silent(text: &str, about: &str) {
    assert!(!text.contains(about), "`{about}` is in:\n{text}");
}

#[test]
fn counters_that_hide_the_first_failure_are_held_against_perfect_counting() {
    let default = scenario::find("default").unwrap().scenario().unwrap();
    let hiding = default.with(&Overrides {
        birth: Some(Birth::FirstRequest),
        ..Overrides::default()
    });
    let text = played(hiding.unwrap()).findings.join("\n");
    // Ten windows of 12 requests: 1 - e^-0.12 and 1 - e^-1.2.
    assert_says(&text, "11 % of good releases and 70 % of bad ones");
    assert_says(&text, "in 10 checks");
    assert_says(&text, "rate() cannot see");
}

#[test]
fn failures_in_plain_sight_lead_to_no_excuses() {
    let exact = with("[rollout]", "[telemetry]\nscrape = \"exact\"\n[rollout]");
    let text = findings(&exact);
    assert_says(&text, "a single failure breaks the 99 % limit, so");
    assert_silent(&text, "rate()");
}

#[test]
fn a_harm_that_nothing_looks_at_is_named() {
    let slow = with(
        "[canary]\nerrors = \"5%\"",
        "[[canary.faults]]\nkind = \"latency\"\nadd = \"300ms\"",
    );
    let text = findings(&slow);
    assert_says(&text, "nothing here looks at latency");
    assert_says(&text, "a bad release slows");

    let both = slow.replace(
        "[[canary.faults]]",
        "[[canary.faults]]\nkind = \"errors\"\nprobability = \"5%\"\n[[canary.faults]]",
    );
    let text = findings(&both);
    assert_says(&text, "only the failures can give it away");
    assert_silent(&findings(SERVICE), "nothing here looks at");
}

#[test]
fn answers_that_break_off_are_looked_for_at_the_caller() {
    let fault = "[[canary.faults]]\nkind = \"reset\"\nprobability = \"5%\"\nphase = \"body\"\n";
    let text = with("[canary]\nerrors = \"5%\"\n", fault);
    let said = findings(&text);
    assert_says(&said, "breaks answers off, and nothing here looks at");
    assert_says(&said, "Servers count an answer by its status");
    let client = findings(&format!("{text}[telemetry]\nreporter = \"client\"\n"));
    assert_silent(&client, "breaks answers off");
}

#[test]
fn a_fault_within_the_limit_is_caught_by_luck() {
    let text = findings(&with("errors = \"5%\"", "errors = \"0.5%\""));
    assert_says(
        &text,
        "fails 0.5 % of its requests, where the limit allows 1 %: it is caught by luck only",
    );
    let text = findings(&with("errors = \"5%\"", "errors = \"1%\""));
    assert_says(&text, "close to a coin toss");
    assert_silent(&findings(SERVICE), "where the limit allows");
}

#[test]
fn a_limit_that_stable_breaks_is_named_and_the_gate_tells_nothing_apart() {
    let text = findings(&with("errors = \"0.1%\"", "errors = \"4%\""));
    assert_says(
        &text,
        "Stable itself fails 4 % of its requests, and the limit allows 1 %",
    );
    assert_says(&text, "does not tell bad releases from good ones");
}

#[test]
fn a_good_canary_has_no_power_to_speak_of() {
    let text = findings(&with("errors = \"5%\"", "errors = \"0.1%\""));
    assert_says(&text, "every rollback is a false one");
    assert_silent(&text, "bad release ");
}

#[test]
fn an_alarm_that_nobody_hears_is_no_gate() {
    let text = findings(&with("failures = 1", "failures = 1\nrollback = \"never\""));
    assert!(
        text.starts_with("Nothing here rolls back by itself"),
        "{text}"
    );
    assert_silent(&text, "catches");
}

#[test]
fn silence_is_a_failed_check_to_flagger_and_none_to_others() {
    let text = canary("threshold: 5", "threshold: 5", "0.1/s")
        .findings
        .join("\n");
    assert_says(&text, "does not tell bad releases from good ones");
    assert_says(
        &text,
        "checks find no data. Flagger counts a check without data as failed",
    );
    assert_silent(&text, "a single failure");

    let text = findings(&with("50/s", "1/m"));
    assert_says(
        &text,
        "The rollout goes on as though these had not been made",
    );
    let held = with("50/s", "1/m").replace("failures = 1", "inconclusive = \"hold\"");
    assert_says(&findings(&held), "The rollout waits there");
}

#[test]
fn checks_before_any_traffic_are_not_called_detections() {
    let summary = canary("stepWeight: 10\n    maxWeight: 50", "iterations: 5", "50/s");
    let text = summary.findings.join("\n");
    assert_says(&text, "checks come before any traffic");
    assert_says(&summary.scenario.rollout, "Blue/Green");
    let written = summary.cells.iter().find(|cell| cell.as_written).unwrap();
    assert_eq!(written.detection_seconds.never, 1.0);
    assert_silent(&text, "0 checks");
    // No request reaches the canary that a percentage could be held for.
    assert_says(&text, "percentages make no difference");
    assert_silent(&text, "eld at ");
    assert_silent(&text, "canary gets");
    assert_silent(&text, "catches");
}

#[test]
fn copies_of_requests_come_at_no_percentage() {
    let mirrored = "iterations: 5\n    mirror: true";
    let summary = canary("stepWeight: 10\n    maxWeight: 50", mirrored, "50/s");
    let text = summary.findings.join("\n");
    assert_says(&text, "catches all of the bad releases");
    assert_says(&text, "percentages make no difference");
    assert_silent(&text, "eld at ");
    assert_silent(&text, "canary gets");
}

#[test]
fn one_percentage_is_compared_with_no_other() {
    let held_at = |weight: &str| {
        let scenario = parsed(SERVICE).with(&Overrides {
            weights: Some(vec![weight.parse().unwrap()]),
            ..Overrides::default()
        });
        let summary = played(scenario.unwrap_or_else(|problems| panic!("{problems}")));
        summary.findings.join("\n")
    };
    for weight in ["1%", "50%"] {
        let text = held_at(weight);
        assert_says(&text, "Held at ");
        assert_silent(&text, "already");
        assert_silent(&text, "percentage");
        assert_silent(&text, "is the most");
    }
}

#[test]
fn an_a_b_test_is_counted_by_the_share_that_matches() {
    let summary = canary(
        "stepWeight: 10\n    maxWeight: 50",
        "iterations: 5\n    match:\n      - headers:\n          x-canary:\n            exact: \"yes\"",
        "50/s",
    );
    assert_says(
        &summary.findings[0],
        "A/B test on the 10 % of requests that match",
    );
    let written = summary
        .cells
        .iter()
        .find(|cell| cell.as_written && cell.mode == experiment::summary::Mode::Rollout)
        .unwrap();
    assert_eq!((written.weight, &written.steps[..]), (10.0, &[10.0][..]));
    // 50 a second for a minute, of which a tenth match.
    assert!((written.requests_per_window - 300.0).abs() < 1e-9);
}

#[test]
fn lines_use_one_style_of_units() {
    for builtin in scenario::builtin() {
        let note = experiment::note(&builtin.scenario().unwrap());
        for line in [note.world, note.rollout] {
            for wrong in ["0%", "1%", "5%", "9%", "0ms", ">=", "<="] {
                assert!(!line.contains(wrong), "{line}");
            }
        }
    }
}

#[test]
fn users_who_stay_together_make_the_canarys_share_stray() {
    let text = findings(&with(
        "[rollout]",
        "[split]\npolicy = \"user-hash\"\n[rollout]",
    ));
    // 3,000 requests a minute from 10,000 users of Zipf's law, whose squared shares add up to
    // 0.01717: design effect 1 + 2999 * 0.01717 = 52.5, and sqrt(0.05 * 0.95 * 0.01749) is 2.9 %.
    assert_says(&text, "Requests of one user stay with one version: over 1m");
    assert_says(
        &text,
        "strays from 5 % by 2.9 points (standard deviation), 7.2 times as far as with independent \
         requests (design effect 52)",
    );
    assert_silent(&findings(SERVICE), "Requests of one user");
}

#[test]
fn users_that_a_fault_reaches_are_unequal() {
    let fault = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"50%\"\nusers = \"5%\"";
    let text = findings(&with("[canary]\nerrors = \"5%\"", fault));
    // sqrt(0.05 * 0.95 * 0.01717) is 2.9 %.
    assert_says(&text, "send 5 % of the requests give or take 2.9 points");
    assert_silent(&findings(SERVICE), "users are unequal");
}

#[test]
fn a_fault_after_the_rollout_is_seen_by_nobody() {
    let fault = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"5%\"\nonset = \"12m\"";
    let late = with("[canary]\nerrors = \"5%\"", fault);
    let text = findings(&format!("horizon = \"1h\"\n{late}"));
    assert_says(
        &text,
        "begins at 12m, and a rollout that nothing disturbs is over at 10m",
    );
    let early = late.replace("12m", "9m");
    assert_silent(&findings(&early), "nothing disturbs");
}

#[test]
fn a_person_who_rolls_back_is_part_of_the_rollout() {
    let manual = with(
        "failures = 1",
        "failures = 1\nrollback = \"manual\"\njudgement = \"p50=30m,p90=1h\"",
    );
    let by_hand = played(parsed(&manual));
    let at_once = played(parsed(SERVICE));
    assert_says(
        &by_hand.scenario.rollout,
        "a person alerted at 1 failed check, who takes 30m (median)",
    );
    let written = |summary: &Summary| {
        let cells = summary.cells.iter();
        let mut cells = cells.filter(|cell| cell.as_written).cloned();
        cells.next().unwrap()
    };
    let (slow, fast) = (written(&by_hand), written(&at_once));
    assert!(slow.power.estimate > 0.99, "{:?}", slow.power);
    // The alert comes within a minute or two; the median of 400 delays has a standard error of
    // 30 min * 1.2533 * 0.54 / 20, about a minute: four of them either way, and the tick.
    let median = slow.detection_seconds.p50.unwrap() - fast.detection_seconds.p50.unwrap();
    assert!(
        (1_800.0 - 240.0..=1_800.0 + 300.0).contains(&median),
        "{median}"
    );
    assert!(slow.exposure.requests > 8.0 * fast.exposure.requests);
}
