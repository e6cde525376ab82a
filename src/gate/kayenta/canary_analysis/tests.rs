//! Series of both sides: which points are read, how they are paired, and what a score means.

use super::*;
use crate::gate::kayenta::{
    Analysis, Direction, Group, JudgeName, Label, Metric, Missing, Thresholds,
};
use crate::telemetry::exposition::{Dialect, Vendor};
use crate::telemetry::promql::{Query, Semantics};
use crate::telemetry::{Birth, Buckets, Phase, Plan, Sampling, Status};

const MINUTE: Span = Span::from_secs(60);

fn minute(count: u64) -> Time {
    Time::START + MINUTE * count
}

fn judge(missing: Missing) -> Arc<Judge> {
    Arc::new(Judge {
        name: JudgeName::Netflix,
        metrics: vec![Metric {
            name: "errors".to_owned(),
            analysis: Analysis {
                direction: Direction::Increase,
                missing,
                ..Analysis::default()
            },
            groups: vec![0],
        }],
        groups: vec![Group {
            name: "all".to_owned(),
            weight: None,
        }],
        thresholds: Thresholds {
            pass: 95.0,
            marginal: 75.0,
        },
    })
}

fn plan() -> Plan {
    let sampling = Sampling::Scraped {
        interval: Span::from_secs(15),
        phase: Phase::Fixed(Span::ZERO),
    };
    Plan::plain(sampling, Birth::Zero, Buckets::istio())
}

/// An analysis of a supplied series: question 0 about stable, question 1 about the canary.
fn supplied(window: Window) -> CanaryAnalysis {
    CanaryAnalysis {
        judge: judge(Missing::Remove),
        sources: vec![Sources {
            control: Source::Supplied(0),
            experiment: Source::Supplied(1),
        }],
        control: Version::Stable,
        window,
        control_offset: Span::ZERO,
        step: MINUTE,
    }
}

/// Telemetry in which both questions were answered for so many minutes: stable by the minute, the
/// canary by 100 more from a minute on.
fn answered(minutes: u64, worse_from: u64) -> Telemetry {
    let mut telemetry = Telemetry::new(&plan(), Span::ZERO);
    for index in 0..=minutes {
        let number = index as f64;
        let more = if index >= worse_from { 100.0 } else { 0.0 };
        telemetry.supply_next(0, Figure::Number(number));
        telemetry.supply_next(1, Figure::Number(number + more));
    }
    telemetry
}

fn only(analysis: &CanaryAnalysis, now: Time, telemetry: &Telemetry) -> (Label, usize, usize) {
    let judgement = analysis.judgement(now, telemetry).unwrap();
    let of = &judgement.results[0].classification;
    (of.label, of.control.count, of.experiment.count)
}

#[test]
fn windows_grow_slide_or_stand_and_include_both_ends() {
    let telemetry = answered(120, 61);
    let growing = supplied(Window::Since(minute(10), MINUTE * 110));
    assert_eq!(
        only(&growing, minute(60), &telemetry),
        (Label::Pass, 51, 51)
    );
    assert_eq!(only(&growing, minute(120), &telemetry).1, 111);
    let sliding = supplied(Window::Last(MINUTE * 30));
    assert_eq!(
        only(&sliding, minute(60), &telemetry),
        (Label::Pass, 31, 31)
    );
    assert_eq!(
        only(&sliding, minute(120), &telemetry),
        (Label::High, 31, 31)
    );
    let standing = supplied(Window::Between {
        from: minute(0),
        to: minute(50),
        at: minute(120),
    });
    assert_eq!(
        only(&standing, minute(120), &telemetry),
        (Label::Pass, 51, 51)
    );
}

#[test]
fn the_control_may_be_looked_at_earlier_and_what_came_before_the_start_is_missing() {
    let telemetry = answered(120, 0);
    let earlier = CanaryAnalysis {
        control_offset: MINUTE * 40,
        ..supplied(Window::Last(MINUTE * 60))
    };
    let judgement = earlier.judgement(minute(80), &telemetry).unwrap();
    let of = &judgement.results[0].classification;
    // Minutes -20 to 40, of which those from 0 on were measured.
    assert_eq!((of.control.count, of.control.max), (41, 40.0));
    assert_eq!(of.experiment.count, 61);
    let long_before = CanaryAnalysis {
        control_offset: MINUTE * 500,
        ..earlier
    };
    assert_eq!(
        only(&long_before, minute(80), &telemetry),
        (Label::Nodata, 0, 61)
    );
}

#[test]
fn gaps_are_missing_points_and_a_system_that_does_not_answer_ends_the_judgement() {
    let mut telemetry = answered(9, 0);
    for question in [0, 1] {
        telemetry.supply_next(question, Figure::Nothing);
        telemetry.supply_next(question, Figure::Error);
    }
    let sliding = supplied(Window::Last(MINUTE * 10));
    assert_eq!(only(&sliding, minute(10), &telemetry).1, 10);
    assert_eq!(
        sliding.judgement(minute(11), &telemetry),
        Err(AnalysisError::Silent("errors".to_owned()))
    );
    let verdict = sliding.judge(minute(11), &telemetry);
    assert_eq!(
        (verdict.outcome, verdict.rule),
        (Outcome::Inconclusive, Rule::NotEvaluated)
    );
}

#[test]
fn scores_become_verdicts_by_both_thresholds() {
    let telemetry = answered(60, 0);
    let sliding = supplied(Window::Last(MINUTE * 30));
    let failed = sliding.judge(minute(60), &telemetry);
    assert_eq!((failed.value, failed.threshold), (0.0, 75.0));
    assert_eq!(
        (failed.outcome, failed.rule),
        (Outcome::Fail, Rule::NotAboveMinimum)
    );
    let passed = sliding.judge(minute(60), &answered(60, 61));
    assert_eq!((passed.value, passed.threshold), (100.0, 95.0));
    assert_eq!(
        (passed.outcome, passed.rule),
        (Outcome::Pass, Rule::WithinLimits)
    );
}

#[test]
fn a_query_is_asked_at_every_point_of_both_sides() {
    let plan = plan();
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let query = |version: Version| {
        let workload = dialect.service.workload(version);
        let of = |codes: &str| {
            format!(
                "sum(rate(istio_requests_total{{destination_workload=\"{workload}\"{codes}}}[1m]))"
            )
        };
        let text = format!("{} / {}", of(",response_code=~\"5..\""), of(""));
        Source::Written(Query::parse(&text, Semantics::default()).unwrap())
    };
    let mut analysis = CanaryAnalysis {
        judge: judge(Missing::Replace),
        sources: vec![Sources {
            control: query(Version::Stable),
            experiment: query(Version::Canary),
        }],
        ..supplied(Window::Since(minute(1), MINUTE * 20))
    };
    assert_eq!(
        analysis
            .judge(minute(21), &Telemetry::new(&plan, Span::ZERO))
            .rule,
        Rule::NotEvaluated
    );
    analysis.bind(&Catalogue::new(&dialect, &plan)).unwrap();
    let demand = analysis.demand();
    assert!(demand.stable && demand.canary && demand.every_scrape && !demand.latency);
    // Twenty minutes of points, and what the query looks back from the first of them.
    assert!(analysis.reach() >= MINUTE * 21);
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    let mut now = Time::START;
    for scrape in 0..=84_u64 {
        for (version, failures) in [(Version::Stable, 1), (Version::Canary, 5)] {
            let counters = telemetry.counters_mut(version);
            counters.requests[Status::Success as usize] += 90 + scrape % 7;
            counters.requests[Status::Failure as usize] += failures + scrape % 3;
            telemetry.scrape(version, now);
        }
        now += Span::from_secs(15);
    }
    assert_eq!(
        only(&analysis, minute(21), &telemetry),
        (Label::High, 21, 21)
    );
    let verdict = analysis.judge(minute(21), &telemetry);
    assert_eq!((verdict.outcome, verdict.value), (Outcome::Fail, 0.0));
}

#[test]
fn what_it_asks_other_systems_is_recorded_by_side() {
    let recorded: Vec<Recorded> = supplied(Window::Last(MINUTE)).recorded().collect();
    let of = |question, version| Recorded {
        question,
        version,
        step: MINUTE,
    };
    assert_eq!(recorded, [of(0, Version::Stable), of(1, Version::Canary)]);
}
