//! The statistical gates that hold their level at any traffic.

use super::gates::{names, read};
use crate::gate::statistical::{
    ChangeSpending, Events, ExactSpending, Exposure, LatencyEvidence, Method, Spending, Thresholds,
    TwoSidedEvidence,
};

use super::*;

fn method(fields: &str) -> Method {
    match read(fields, &names()) {
        Ok(Gate::Statistical(gate)) => gate.method,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn every_parameter_is_read() {
    assert_eq!(
        method(
            "kind = \"exact-spending\", alpha = \"1%\", spending = \"sqrt\", exposure = \
             \"hypergeometric\", slower = \"300ms\""
        ),
        Method::ExactSpending(ExactSpending {
            alpha: share(0.01),
            spending: Spending::Root,
            exposure: Exposure::Hypergeometric,
            events: Events::Slower(Span::from_millis(300)),
        })
    );
    assert_eq!(
        method("kind = \"change-spending\", spending = \"obrien-fleming\", particles = 499"),
        Method::ChangeSpending(ChangeSpending {
            alpha: share(0.05),
            spending: Spending::OBrienFleming,
            particles: 499,
            events: Events::Errors,
        })
    );
    assert_eq!(
        method("kind = \"latency-evidence\", thresholds = [\"100ms\", \"1s\"], errors = true"),
        Method::LatencyEvidence(LatencyEvidence {
            alpha: share(0.05),
            thresholds: Thresholds::At(vec![Span::from_millis(100), Span::from_secs(1)]),
            errors: true,
        })
    );
    // What is said of one error holds for the other, unless that is said apart.
    for (more, promote) in [("", 0.01), (", alpha_promote = \"10%\"", 0.1)] {
        let text = format!("kind = \"two-sided-evidence\", alpha = \"1%\", tolerate = 1.5{more}");
        assert_eq!(
            method(&text),
            Method::TwoSidedEvidence(TwoSidedEvidence {
                alpha: share(0.01),
                alpha_promote: share(promote),
                tolerate: 1.5,
                events: Events::Errors,
            })
        );
    }
}

#[test]
fn gates_say_what_they_do_on_one_line() {
    for (fields, said) in [
        (
            "kind = \"exact-spending\", exposure = \"weight\"",
            "exact split of errors at 5%, spent by Pocock, by weight",
        ),
        (
            "kind = \"split-evidence\", tolerate = 1.5, slower = \"1s\"",
            "split e-process of answers slower than 1s at 5%, 1.5 times as many tolerated",
        ),
        (
            "kind = \"change-evidence\", onset = \"uniform\"",
            "change-point e-process of errors at 5%, at any look alike",
        ),
        (
            "kind = \"latency-evidence\", thresholds = [\"100ms\", \"1s\"], errors = true",
            "latency e-process above 100ms, 1s at 5%, with errors",
        ),
        (
            "kind = \"joint-spending\", alpha = \"1%\"",
            "errors and latency jointly at 1%, spent by Pocock, 999 companions",
        ),
        (
            "kind = \"two-sided-evidence\"",
            "evidence on errors: worse at 5%, below 2 times as many at 5%",
        ),
    ] {
        assert_eq!(read(fields, &names()).unwrap().to_string(), said);
    }
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for (fields, said) in [
        (
            "kind = \"exact-spending\", alpha = \"0%\"",
            "gates[0].alpha: `0%` is no significance level",
        ),
        (
            "kind = \"exact-spending\", spending = \"pokok\"",
            "gates[0].spending: `pokok`",
        ),
        (
            "kind = \"exact-spending\", over = \"0s\"",
            "gates[0].over: ",
        ),
        (
            "kind = \"split-evidence\", tolerate = 0.5",
            "gates[0].tolerate: ",
        ),
        (
            "kind = \"split-evidence\", over = \"1h\"",
            "`gates[0].over` does not belong here: it looks for as long as the rollout lasts",
        ),
        (
            "kind = \"change-spending\", particles = 5",
            "gates[0].particles: ",
        ),
        (
            "kind = \"latency-evidence\", thresholds = []",
            "gates[0].thresholds: 0 thresholds: write 1 to 16",
        ),
        (
            "kind = \"latency-evidence\", thresholds = [\"fast\"]",
            "gates[0].thresholds[0]: ",
        ),
        (
            "kind = \"two-sided-evidence\", tolerate = 1",
            "gates[0].tolerate: `1` promotes only a canary that is better than stable",
        ),
        (
            "kind = \"two-sided-evidence\", alpha_promote = \"60%\"",
            "gates[0].alpha_promote: `60%` is no significance level",
        ),
    ] {
        let problems = read(fields, &names()).unwrap_err();
        assert_eq!(problems.len(), 1, "{fields}: {problems:?}");
        assert!(problems[0].starts_with(said), "{fields}: {problems:?}");
    }
}
