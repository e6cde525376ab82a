//! No lesson teaches a wrong number: what its texts rely on is played, and so is the figure that the
//! reader predicts.
//!
//! A clause is decided as `coalmine check` decides it: with the scenarios' seed a clause that is true is
//! called broken for at most one scenario in a thousand. One that stays undecided after the most
//! trials is too near the truth to be relied on, and fails here as well.

use std::sync::atomic::AtomicBool;

use coalmine::experiment::Options;
use coalmine::experiment::check::{self, Clause, Outcome, Plan, Subject};
use coalmine::lab::lessons::{self, Lesson, Prediction};
use coalmine::scenario::{Asked, Change, Expectation, Expected, Relation, Scenario};

const MOST_TRIALS: u32 = 6_400;

/// What came of clauses about a scenario.
fn checked(mut scenario: Scenario, clauses: Vec<Expectation>, most_trials: u32) -> Vec<Clause> {
    scenario.expectations = clauses
        .into_iter()
        .map(|that| Expected {
            that,
            why: None,
            line: 1,
        })
        .collect();
    let subject = Subject {
        scenario: &scenario,
        file: "lesson",
        earlier: None,
    };
    let plan = Plan {
        most_trials,
        tolerance: 0.0,
    };
    let options = Options {
        threads: None,
        keep_trials: false,
        ledger: None,
        stop: &AtomicBool::new(false),
        progress: &|_| {},
    };
    check::check(subject, plan, &options).unwrap().clauses
}

/// What does not hold of a lesson with further changes.
fn complaints(lesson: &Lesson, further: &[Change], clauses: Vec<Expectation>) -> Vec<String> {
    let (_, scenario) = lesson.scenario(further).unwrap();
    let all = checked(scenario, clauses, MOST_TRIALS);
    let failed = all.iter().filter(|clause| clause.outcome != Outcome::Holds);
    let name = &lesson.name;
    let told = failed.map(|clause| {
        let Clause {
            expected,
            outcome,
            measured,
            ..
        } = clause;
        let (that, estimate, low, high) = (
            &expected.that,
            measured.estimate,
            measured.low,
            measured.high,
        );
        format!("{name} {further:?}: {that} is {outcome:?}: {estimate} ({low} to {high})")
    });
    told.collect()
}

#[test]
fn what_the_texts_rely_on_is_so() {
    let mut wrong = Vec::new();
    for lesson in lessons::all().unwrap() {
        wrong.extend(complaints(
            &lesson,
            &[],
            lesson.clauses().cloned().collect(),
        ));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_there_is_to_try_comes_out_as_said() {
    let mut wrong = Vec::new();
    for lesson in lessons::all().unwrap() {
        for further in &lesson.tries {
            wrong.extend(complaints(&lesson, &further.set, further.expect.clone()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A clause that says nothing, to have its figure measured.
fn figure(asked: Asked) -> Expectation {
    Expectation {
        metric: asked.metric,
        at: asked.at,
        relation: Relation::AtLeast,
        bound: 0.0,
        text: asked.to_string(),
    }
}

#[test]
fn the_slider_reaches_the_figure_that_is_asked_for() {
    let mut measured = 0;
    for lesson in lessons::all().unwrap() {
        let (_, scenario) = lesson.scenario(&[]).unwrap();
        let Prediction::Number {
            asks,
            unit,
            min,
            max,
            step,
        } = lesson.prediction
        else {
            continue;
        };
        let clause = &checked(scenario, vec![figure(asks)], 400)[0];
        let value = unit.counted(clause.measured.estimate);
        let name = &lesson.name;
        assert!((min..=max).contains(&value), "{name}: {value}");
        // And at least ten stops lie between the slider's ends.
        assert!((max - min) / step >= 10.0, "{name}");
        // The text names the figure: a clause of its answer holds it from one side at least.
        let held = |clause: &&Expectation| (clause.metric, clause.at) == (asks.metric, asks.at);
        assert!(
            lesson.answer.expect.iter().any(|clause| held(&clause)),
            "{name}"
        );
        measured += 1;
    }
    assert!(measured >= 5);
}

#[test]
fn a_lesson_that_taught_a_wrong_number_would_be_found() {
    let lesson = &lessons::all().unwrap()[0];
    let wrong = "power at 1% >= 60%".parse().unwrap();
    let told = complaints(lesson, &[], vec![wrong]);
    assert!(told.len() == 1 && told[0].contains("Broken"), "{told:?}");
}
