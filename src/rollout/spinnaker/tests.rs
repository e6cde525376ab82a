//! When a run judges, and what ends it.

use super::*;
use crate::gate::Outcome;

const USUAL: Thresholds = Thresholds {
    pass: 95.0,
    marginal: 75.0,
};

fn minutes(count: u64) -> Span {
    Span::from_secs(60 * count)
}

fn plan(request: Request) -> SpinnakerPlan {
    SpinnakerPlan {
        weight: Weight::percent(10.0).unwrap(),
        request,
        thresholds: USUAL,
    }
}

fn scored(score: f64) -> Verdict {
    Verdict {
        outcome: Outcome::Inconclusive,
        gate: 0,
        value: score,
        threshold: 95.0,
        samples: 60.0,
        rule: Rule::WithinLimits,
    }
}

/// Minutes at which judgements are made when they score so, with the gate of each; and the last
/// action.
fn played(plan: &SpinnakerPlan, scores: &[f64]) -> (Vec<(u64, usize)>, Option<Action>) {
    let mut controller = Spinnaker::new(plan);
    let (mut made, mut last) = (Vec::new(), None);
    let mut scores = scores.iter();
    let cadence = plan.cadence();
    let mut now = cadence.first;
    while now <= Time::START + plan.longest() && !controller.is_over() {
        let mut need = controller.handle_tick(now, &Surroundings::default());
        while let Need::Each(gates) = need {
            let gate = gates.iter().next().unwrap();
            made.push((now.since(Time::START) / minutes(1), gate));
            need = controller.handle_verdicts(now, &[scored(*scores.next().unwrap())]);
        }
        last = controller.poll_action().or(last);
        now += cadence.period;
    }
    (made, last)
}

#[test]
fn an_undisturbed_canary_is_judged_at_every_interval_after_the_warm_up() {
    let plan = plan(Request {
        lifetime: minutes(100),
        interval: minutes(40),
        warmup: minutes(10),
        ..Request::hourly()
    });
    assert_eq!(plan.cadence().period, minutes(10));
    assert_eq!(plan.longest(), minutes(90));
    let (made, last) = played(&plan, &[80.0, 100.0]);
    assert_eq!(made, [(50, 0), (90, 0)]);
    assert_eq!(last, Some(Action::Promote));
}

#[test]
fn a_score_at_the_marginal_threshold_ends_the_run_and_a_marginal_one_fails_it_at_the_end() {
    let plan = plan(Request::hourly());
    let (made, last) = played(&plan, &[100.0, 75.0]);
    assert_eq!((made.len(), last), (2, Some(Action::RollBack)));
    let (made, last) = played(&plan, &[100.0, 100.0, 94.99]);
    assert_eq!((made.len(), last), (3, Some(Action::RollBack)));
    let (made, last) = played(&plan, &[75.1, 80.0, 95.0]);
    assert_eq!((made.len(), last), (3, Some(Action::Promote)));
}

#[test]
fn in_retrospect_all_judgements_are_made_at_once_by_gates_of_their_own() {
    let plan = plan(Request {
        warmup: minutes(15),
        retrospective: true,
        ..Request::hourly()
    });
    let (made, last) = played(&plan, &[100.0, 100.0, 100.0]);
    assert_eq!(made, [(195, 0), (195, 1), (195, 2)]);
    assert_eq!(last, Some(Action::Promote));
    assert_eq!(played(&plan, &[10.0]).0, [(195, 0)]);
}

#[test]
fn a_judgement_that_ends_in_an_error_fails_the_canary() {
    let plan = plan(Request::hourly());
    let mut controller = Spinnaker::new(&plan);
    controller.handle_tick(Time::START, &Surroundings::default());
    assert_eq!(controller.state().phase, Phase::IntervalWait);
    controller.poll_action();
    let hour = Time::from_secs(3_600);
    assert_ne!(
        controller.handle_tick(hour, &Surroundings::default()),
        Need::Nothing
    );
    let broken = Verdict {
        rule: Rule::NotEvaluated,
        value: f64::NAN,
        ..scored(0.0)
    };
    assert_eq!(controller.handle_verdicts(hour, &[broken]), Need::Nothing);
    assert_eq!(controller.poll_action(), Some(Action::RollBack));
    assert_eq!(controller.state().phase, Phase::Terminal);
    assert_eq!(controller.conclusion(), None);
}
