//! Labels at the edges: no samples, constants, infinities, outliers.

use super::*;
use crate::gate::kayenta::Effect;

fn either() -> Analysis {
    Analysis::default()
}

fn label(analysis: &Analysis, control: &[f64], experiment: &[f64]) -> (Label, bool) {
    let found = classify(analysis, control, experiment);
    (found.label, found.critical)
}

#[test]
fn no_samples_are_labelled_by_three_settings() {
    let of = |missing, must_have_data, critical| Analysis {
        missing,
        must_have_data,
        critical,
        ..either()
    };
    for (analysis, expected) in [
        (of(Missing::Replace, true, true), (Label::Pass, false)),
        (
            of(Missing::Remove, true, false),
            (Label::NodataFailMetric, false),
        ),
        (of(Missing::Remove, true, true), (Label::Nodata, true)),
        (of(Missing::Remove, false, false), (Label::Nodata, false)),
    ] {
        assert_eq!(label(&analysis, &[], &[1.0]), expected, "{analysis:?}");
        assert_eq!(label(&analysis, &[1.0], &[]), expected, "{analysis:?}");
    }
    // Missing points are points by then.
    let replaced = of(Missing::Replace, true, true);
    let missing = [f64::NAN; 4];
    assert_eq!(
        classify(&replaced, &missing, &missing).reason,
        Some(Reason::Identical)
    );
}

#[test]
fn one_value_on_both_sides_passes_and_two_values_are_always_significant() {
    let constant = classify(&either(), &[5.0; 4], &[5.0; 7]);
    assert_eq!((constant.label, constant.reason), (Label::Pass, None));
    assert_eq!(
        label(&either(), &[100.0; 60], &[100.1; 60]),
        (Label::High, false)
    );
    assert_eq!(
        label(&either(), &[100.0; 60], &[99.9; 60]),
        (Label::Low, false)
    );
    // A side of zeros stays zero, and has no ratio.
    let critical = Analysis {
        critical: true,
        effect: Effect {
            critical_increase: 9.0,
            ..Effect::any(Measure::MeanRatio)
        },
        ..either()
    };
    let trickle = classify(&critical, &[0.0; 20], &[0.01; 20]);
    assert_eq!((trickle.label, trickle.critical), (Label::High, true));
    assert!(trickle.ratio.is_some_and(f64::is_nan));
}

#[test]
fn one_against_one_is_an_error_that_is_never_critical() {
    let critical = Analysis {
        critical: true,
        ..either()
    };
    let found = classify(&critical, &[1.0, f64::NAN], &[f64::NAN, -0.0]);
    assert_eq!(found.label, Label::Error);
    assert_eq!((found.critical, found.ratio), (false, None));
}

#[test]
fn an_infinite_sample_turns_any_comparison_into_a_pass() {
    let control: Vec<f64> = (0..60).map(|k| 100.0 + f64::from(k % 7)).collect();
    let mut experiment: Vec<f64> = control.iter().map(|value| value * 2.0 + 0.5).collect();
    let careful = Analysis {
        outliers: Some(3.0),
        ..either()
    };
    assert_eq!(label(&careful, &control, &experiment), (Label::High, false));
    for infinite in [f64::INFINITY, f64::NEG_INFINITY] {
        experiment[3] = infinite;
        assert_eq!(
            label(&either(), &control, &experiment),
            (Label::Pass, false)
        );
        assert_eq!(label(&careful, &control, &experiment), (Label::Pass, false));
    }
}

#[test]
fn metrics_below_zero_are_labelled_only_by_pairs() {
    let control: Vec<f64> = (0..60).map(|k| -5.0 + f64::from(k % 5) / 100.0).collect();
    let lower: Vec<f64> = control.iter().map(|value| value - 1.0).collect();
    assert_eq!(label(&either(), &control, &lower), (Label::Pass, false));
    assert_eq!(label(&either(), &lower, &control), (Label::Pass, false));
    let pairs = Analysis {
        effect: Effect::any(Measure::Cles),
        ..either()
    };
    assert_eq!(label(&pairs, &control, &lower), (Label::Low, false));
    assert_eq!(label(&pairs, &lower, &control), (Label::High, false));
}

#[test]
fn at_most_one_value_per_end_is_an_outlier_of_a_hundred() {
    let mut samples: Vec<f64> = (0..95).map(|k| 10.0 + f64::from(k % 10) / 10.0).collect();
    samples.extend([500.0, 600.0, 700.0, 800.0, 900.0]);
    let careful = Analysis {
        outliers: Some(3.0),
        ..either()
    };
    let kept = clean(&careful, &samples);
    assert_eq!(kept.len(), 99);
    assert!(!kept.contains(&900.0) && kept.contains(&800.0));
}

#[test]
fn reasons_are_worded_as_the_judge_words_them() {
    let high = Classification {
        label: Label::High,
        critical: true,
        reason: Some(Reason::Critical),
        ..classify(&either(), &[1.0], &[1.0])
    };
    assert_eq!(
        high.reason_text("errors").as_deref(),
        Some("The metric errors was classified as High (Critical)")
    );
    let ordinary = Classification {
        reason: Some(Reason::Classified),
        ..high
    };
    assert_eq!(
        ordinary.reason_text("errors").as_deref(),
        Some("errors was classified as High")
    );
    let missing = classify(&either(), &[], &[1.0]);
    assert_eq!(
        missing.reason_text("x").as_deref(),
        Some("Missing data for x")
    );
}
