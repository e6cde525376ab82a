//! What the planner says against tables worked out elsewhere, against simulated tests at the planned
//! numbers, and against rollouts played by the engine. Seeds are fixed, so that a bound that holds
//! once holds always.

mod simulated;
mod tables;

use coalmine::base::{Probability, Rate, Span, Weight};
use coalmine::experiment::planner::{self, Change, Plan, Question};

/// The plan for errors with the usual risks.
fn plan(rate: f64, stable: f64, ratio: f64, percent: f64) -> Plan {
    let question = Question {
        weights: vec![Weight::percent(percent).unwrap()],
        errors: Some(Change {
            stable,
            canary: stable * ratio,
        }),
        ..Question::at(Rate::per_second(rate).unwrap())
    };
    planner::plan(&question).unwrap_or_else(|refusals| panic!("{refusals:?}"))
}

#[test]
fn a_question_that_cannot_be_answered_names_everything_that_is_wrong() {
    let question = Question {
        weights: vec![Weight::ZERO, Weight::FULL],
        power: Probability::ONE,
        false_rollback: Probability::ZERO,
        time: Some(Span::ZERO),
        looks: 0,
        errors: Some(Change {
            stable: 0.0,
            canary: 0.1,
        }),
        ..Question::at(Rate::ZERO)
    };
    let refusals = planner::plan(&question).unwrap_err();
    let subjects: Vec<&str> = refusals.iter().map(|refusal| refusal.subject).collect();
    let expected = [
        "rate",
        "weight",
        "weight",
        "power",
        "false-rollback",
        "time",
        "looks",
        "errors",
    ];
    assert_eq!(subjects, expected);
}

#[test]
fn twice_the_traffic_takes_half_the_time_and_hurts_as_many() {
    let (one, two) = (plan(10.0, 0.001, 5.0, 5.0), plan(20.0, 0.001, 5.0, 5.0));
    let (one_row, two_row) = (one.metrics[0].rows[0], two.metrics[0].rows[0]);
    assert!((one_row.seconds / two_row.seconds - 2.0).abs() < 1e-9);
    assert_eq!(one_row.hurt, two_row.hurt);
    for (one, two) in one.metrics[0].gates.iter().zip(&two.metrics[0].gates) {
        assert!((one.mean_seconds / two.mean_seconds - 2.0).abs() < 1e-9);
        assert!((one.good_seconds / two.good_seconds - 2.0).abs() < 1e-9);
        assert_eq!(one.hurt, two.hurt);
    }
}

#[test]
fn users_who_stay_with_a_version_cost_the_design_effect() {
    let alone = plan(20.0, 0.001, 10.0, 5.0).metrics[0].rows[0];
    let question = Question {
        weights: vec![Weight::percent(5.0).unwrap()],
        errors: Some(Change {
            stable: 0.001,
            canary: 0.01,
        }),
        users: Some(planner::Users::PerUser {
            requests: 20.0,
            correlation: 0.05,
        }),
        ..Question::at(Rate::per_second(20.0).unwrap())
    };
    let plan = planner::plan(&question).unwrap();
    let row = plan.metrics[0].rows[0];
    assert!((plan.design_effect - 1.95).abs() < 1e-12);
    assert!((row.requests / alone.requests - 1.95).abs() < 1e-9);
    assert!((row.users.unwrap() - row.requests / 20.0).abs() < 1e-9);
    assert!(row.visible > alone.visible);
}

#[test]
fn what_would_help_helps() {
    // Half an hour at 1/s is far too little to see errors double.
    let question = |rate: f64, percent: f64, time: u64| Question {
        weights: vec![Weight::percent(percent).unwrap()],
        time: Some(Span::from_secs(time)),
        errors: Some(Change {
            stable: 0.001,
            canary: 0.002,
        }),
        ..Question::at(Rate::per_second(rate).unwrap())
    };
    let asked = planner::plan(&question(1.0, 10.0, 1_800)).unwrap();
    let metric = &asked.metrics[0];
    assert!(!metric.supported);
    let advice = metric.advice;
    assert_eq!(advice.smallest_weight, None);
    let supported = |question: Question| planner::plan(&question).unwrap().metrics[0].supported;
    let longer = advice.longer_seconds.ceil() as u64;
    assert!(supported(question(1.0, 10.0, longer)));
    assert!(supported(question(advice.rate * 1.000_001, 10.0, 1_800)));
    assert!(!supported(question(advice.rate * 0.999, 10.0, 1_800)));
    let another = Question {
        errors: Some(Change {
            stable: advice.event_share.unwrap() * 1.000_001,
            canary: advice.event_share.unwrap() * 2.000_002,
        }),
        ..question(1.0, 10.0, 1_800)
    };
    assert!(supported(another));
    let coarser = Question {
        errors: Some(Change {
            stable: 0.001,
            canary: advice.visible.unwrap() * 1.001,
        }),
        ..question(1.0, 10.0, 1_800)
    };
    assert!(supported(coarser));

    // With ten hours there is a width that would do, and none much smaller.
    let tight = planner::plan(&question(1.0, 10.0, 72_000)).unwrap();
    let smallest = tight.metrics[0].advice.smallest_weight.unwrap();
    assert!((10.0..50.0).contains(&smallest), "{smallest}");
    assert!(supported(question(1.0, smallest * 1.000_001, 72_000)));
    assert!(!supported(question(1.0, smallest * 0.98, 72_000)));
}
