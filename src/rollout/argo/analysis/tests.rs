//! What the tables of `tests/argo` do not reach: several at once, ends from outside, Jobs.

use super::*;

fn verdict(gate: usize, outcome: Outcome) -> Verdict {
    Verdict {
        outcome,
        gate,
        value: f64::NAN,
        threshold: f64::NAN,
        samples: 0.0,
        rule: Rule::WithinLimits,
    }
}

use crate::gate::{Outcome, Rule};

fn run(metrics: Vec<AnalysisMetric>) -> AnalysisRun {
    AnalysisRun::new(&Arc::new(RunSpec::new(metrics)))
}

/// Drives a run until `until`, with one outcome for every measurement; when each was asked.
fn drive(run: &mut AnalysisRun, until: Time, outcome: Outcome) -> Vec<f64> {
    let mut asked = Vec::new();
    let mut now = Time::START;
    while now <= until {
        let mut gates = run.due(now);
        while !gates.is_empty() {
            let verdicts: Vec<Verdict> = gates.iter().map(|gate| verdict(gate, outcome)).collect();
            asked.extend(verdicts.iter().map(|_| now.as_secs_f64()));
            gates = run.take(now, &verdicts);
        }
        match run.next() {
            Some(next) => now = next,
            None => break,
        }
    }
    asked
}

#[test]
fn a_job_is_noticed_at_the_first_look_after_its_end() {
    let job = |seconds| AnalysisMetric {
        effort: Effort::Job(Span::from_secs(seconds)),
        ..AnalysisMetric::new("job", 0)
    };
    let mut short = run(vec![job(0)]);
    assert_eq!(drive(&mut short, Time::from_secs(10), Outcome::Pass), [0.0]);
    assert_eq!(short.phase(), AnalysisPhase::Successful);

    let mut long = run(vec![job(200)]);
    let asked = drive(&mut long, Time::from_secs(1_000), Outcome::Fail);
    assert!((200.0..=220.0).contains(&asked[0]), "{asked:?}");
    assert_eq!(long.phase(), AnalysisPhase::Failed);
}

#[test]
fn the_end_of_a_run_makes_a_job_inconclusive_and_forgets_a_judgement() {
    for (effort, phase) in [
        (
            Effort::Job(Span::from_secs(60)),
            AnalysisPhase::Inconclusive,
        ),
        (
            Effort::Judgement(Span::from_secs(60)),
            AnalysisPhase::Successful,
        ),
    ] {
        let mut run = run(vec![AnalysisMetric {
            effort,
            ..AnalysisMetric::new("slow", 0)
        }]);
        assert!(run.due(Time::START).is_empty());
        assert_eq!(run.phase(), AnalysisPhase::Running);
        run.terminate(Time::from_secs(20));
        assert_eq!(run.phase(), phase, "{effort:?}");
    }
}

#[test]
fn a_delay_counts_from_the_end_of_the_first_look() {
    let slow = AnalysisMetric {
        effort: Effort::Query(Span::from_secs(8)),
        ..AnalysisMetric::new("slow", 0)
    };
    let late = AnalysisMetric {
        initial_delay: Some(Span::from_secs(60)),
        ..AnalysisMetric::new("late", 1)
    };
    let mut run = run(vec![slow, late]);
    assert_eq!(
        drive(&mut run, Time::from_secs(100), Outcome::Pass),
        [0.0, 68.0]
    );
}

#[test]
fn metrics_with_a_delay_of_nothing_follow_at_the_same_instant() {
    let undelayed = AnalysisMetric::new("now", 0);
    let delayed = AnalysisMetric {
        initial_delay: Some(Span::ZERO),
        ..AnalysisMetric::new("then", 1)
    };
    let mut run = run(vec![undelayed, delayed]);
    assert_eq!(
        drive(&mut run, Time::from_secs(100), Outcome::Pass),
        [0.0, 0.0]
    );
    assert_eq!(run.phase(), AnalysisPhase::Successful);
}
