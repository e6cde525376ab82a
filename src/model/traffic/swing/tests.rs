//! The statistics of every swing against their formulas.

use super::*;

const HOUR: Span = Span::from_secs(3_600);

/// Means of the factor over bins of `width` seconds.
fn means(path: &Path, width: u64, bins: u64) -> Vec<f64> {
    let unit =
        crate::model::traffic::Profile::Constant(crate::base::Rate::per_second(1.0).unwrap());
    (0..bins)
        .map(|bin| {
            let (from, to) = (
                Time::from_secs(bin * width),
                Time::from_secs((bin + 1) * width),
            );
            path.expected(&unit, from, to) / width as f64
        })
        .collect()
}

fn mean_and_variance(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values
        .iter()
        .map(|value| (value - mean).powi(2))
        .sum::<f64>()
        / (n - 1.0);
    (mean, variance)
}

#[test]
fn a_log_normal_swing_has_the_law_it_was_asked_for() {
    // The first minute of independent trials: exactly log-normal. Kolmogorov-Smirnov at level
    // 0.001 for 5,000 draws: 1.949 / sqrt(n).
    let swing = Swing::long_memory(0.44);
    let scale = 0.44_f64.powi(2).ln_1p().sqrt();
    for minute in [0, 30] {
        let mut logs: Vec<f64> = (0..5_000)
            .map(|trial| {
                let path = swing.draw(HOUR, &mut Stream::seed_from_u64(trial));
                (path.factor(Time::from_secs(minute * 60)).ln() + scale * scale / 2.0) / scale
            })
            .collect();
        logs.sort_by(f64::total_cmp);
        let n = logs.len() as f64;
        let worst = (logs.iter().enumerate())
            .map(|(i, z)| {
                let cdf = 0.5 * statrs::function::erf::erfc(-z / std::f64::consts::SQRT_2);
                (cdf - (i as f64 + 0.5) / n).abs()
            })
            .fold(0.0, f64::max);
        assert!(worst < 1.949 / n.sqrt(), "{minute}: {worst}");
    }
}

#[test]
fn the_memory_of_a_long_swing_is_the_one_measured() {
    // Autocorrelation of the residual rate without Poisson noise, measured at 1, 5, 15, 60 and
    // 240 minutes; 0.63 at one minute becomes 0.72 when the noise (12 %) is taken out.
    let Swing::LogNormal { terms } = Swing::long_memory(0.44) else {
        unreachable!();
    };
    let variance: f64 = terms
        .iter()
        .map(|(deviation, _)| deviation * deviation)
        .sum();
    for (minutes, measured) in [
        (1.0, 0.63),
        (5.0, 0.48),
        (15.0, 0.41),
        (60.0, 0.38),
        (240.0, 0.29),
    ] {
        let memory: f64 = (terms.iter())
            .map(|(deviation, time)| {
                deviation * deviation * (-minutes * 60.0 / time.as_secs_f64()).exp() / variance
            })
            .sum();
        assert!(
            (memory - measured / 0.88).abs() < 0.07,
            "{minutes}: {memory}"
        );
    }
    // And the paths have it: the logarithm's correlation over 20,000 independent trials. Standard
    // error below 0.007.
    let swing = Swing::log_normal(0.44, &[(0.45, Span::from_secs(60)), (0.55, HOUR)]);
    let (mut product, mut square) = (0.0, 0.0);
    let scale = 0.44_f64.powi(2).ln_1p();
    for trial in 0..20_000 {
        let path = swing.draw(Span::from_secs(360), &mut Stream::seed_from_u64(trial));
        let log = |minute: u64| path.factor(Time::from_secs(minute * 60)).ln() + scale / 2.0;
        product += log(0) * log(5);
        square += log(5) * log(5);
    }
    let expected = 0.45 * (-5.0_f64).exp() + 0.55 * (-5.0_f64 / 60.0).exp();
    assert!(
        (product / square - expected).abs() < 0.035,
        "{}",
        product / square
    );
}

/// The swing of the preset for bursty callers.
fn bursts() -> Swing {
    Swing::Mmpp {
        ratio: 8.0,
        high: Probability::new(0.1).unwrap(),
        burst: Span::from_secs(20),
    }
}

#[test]
fn bursts_are_as_many_and_as_long_as_asked_for() {
    let path = bursts().draw(HOUR * 200, &mut Stream::seed_from_u64(7));
    let low = 1.0 / 1.7;
    let end = Time::START + HOUR * 200;
    let (mut now, mut lengths, mut high) = (Time::START, Vec::new(), 0.0);
    while now < end {
        let next = path.next_change(now).min(end);
        let length = next.since(now).as_secs_f64();
        let factor = path.factor(now);
        assert!((factor - low).abs() < 1e-12 || (factor - 8.0 * low).abs() < 1e-12);
        if factor > 1.0 {
            lengths.push(length / 20.0);
            high += length;
        }
        now = next;
    }
    // About 3,600 bursts: Kolmogorov-Smirnov against the exponential at level 0.001.
    lengths.sort_by(f64::total_cmp);
    let n = lengths.len() as f64;
    assert!(n > 3_000.0);
    let worst = (lengths.iter().enumerate())
        .map(|(i, x)| (-(-x).exp_m1() - (i as f64 + 0.5) / n).abs())
        .fold(0.0, f64::max);
    assert!(worst < 1.949 / n.sqrt(), "{worst}");
    // Standard error of the share: 0.1 · sqrt(2 / 3,600) = 0.0024.
    assert!(
        (high / end.as_secs_f64() - 0.1).abs() < 0.012,
        "{}",
        high / end.as_secs_f64()
    );
}

#[test]
fn bursts_disperse_counts_as_the_formula_says() {
    // IDC(t) = 1 + (IDC(∞) - 1) (1 - (1 - exp(-st)) / (st)), IDC(∞) = 1 + 2 s12 s21 (r1 - r2)² /
    // (s² (s21 r1 + s12 r2)), s = s12 + s21. Beyond the 1 of Poisson noise it is the variance of
    // the integrated rate over its mean: that is what a path gives without further noise.
    let (s12, s21) = (1.0 / 20.0, 0.1 / (20.0 * 0.9));
    let (r1, r2) = (20.0 * 8.0 / 1.7, 20.0 / 1.7);
    let s: f64 = s12 + s21;
    let beyond = 2.0 * s12 * s21 * (r1 - r2) * (r1 - r2) / (s * s * (s21 * r1 + s12 * r2));
    let path = bursts().draw(HOUR * 500, &mut Stream::seed_from_u64(8));
    for width in [1_u64, 10, 60, 300] {
        let bins = 500 * 3_600 / width;
        let (mean, variance) = mean_and_variance(&means(&path, width, bins));
        let t = s * width as f64;
        let expected = beyond * (1.0 - (1.0 - (-t).exp()) / t);
        let idc = variance * 20.0 * width as f64 / mean;
        // 9,000 bursts; the spread over seeds is below 3 % of it.
        assert!(
            (idc / expected - 1.0).abs() < 0.12,
            "{width}: {idc} {expected}"
        );
        assert!((mean - 1.0).abs() < 0.05, "{mean}");
    }
}

#[test]
fn sources_going_on_and_off_are_stationary_and_self_similar() {
    let swing = Swing::OnOff {
        sources: 50,
        shape: 1.2,
        shortest: Span::from_secs(1),
    };
    // Mean 1 at the start, and later: independent trials, standard error 0.14 / sqrt(2,000).
    let (mut early, mut late) = (Vec::new(), Vec::new());
    for trial in 0..2_000 {
        let path = swing.draw(Span::from_secs(301), &mut Stream::seed_from_u64(trial));
        early.push(path.factor(Time::START));
        late.push(path.factor(Time::from_secs(300)));
    }
    for values in [&early, &late] {
        let (mean, variance) = mean_and_variance(values);
        assert!((mean - 1.0).abs() < 0.016, "{mean}");
        // Half of 50 are on: variance 1 / 50, a little less for the mean over a step.
        assert!((variance * 50.0 - 0.97).abs() < 0.15, "{variance}");
    }
    // Variance of means over bins of w falls as w^(2H - 2), H = (3 - 1.2) / 2 = 0.9. Averaged over
    // trials around the true mean of 1: means over a trial hide its slow part.
    let widths = [4_u64, 16, 64, 256, 1_024];
    let mut variances = [0.0; 5];
    for trial in 0..40 {
        let path = swing.draw(
            Span::from_secs(8_192),
            &mut Stream::seed_from_u64(1_000 + trial),
        );
        for (width, variance) in widths.iter().zip(&mut variances) {
            let means = means(&path, *width, 8_192 / width);
            let squares = means.iter().map(|mean| (mean - 1.0).powi(2)).sum::<f64>();
            *variance += squares / means.len() as f64 / 40.0;
        }
    }
    let slope = (variances[4] / variances[1]).ln() / (1_024.0_f64 / 16.0).ln();
    let hurst = 1.0 + slope / 2.0;
    assert!((hurst - 0.9).abs() < 0.05, "{hurst} {variances:?}");
}

#[test]
fn the_rest_of_a_time_follows_the_equilibrium_law() {
    let mut stream = Stream::seed_from_u64(2);
    let mut draws: Vec<f64> = (0..20_000)
        .map(|_| residual(1.5, 2.0, &mut stream))
        .collect();
    draws.sort_by(f64::total_cmp);
    let n = draws.len() as f64;
    // Mean time 6: distribution function x / 6 up to 2, then 1 - (2 / x)^0.5 / 1.5.
    let cdf = |x: f64| match x < 2.0 {
        true => x / 6.0,
        false => 1.0 - (2.0 / x).sqrt() / 1.5,
    };
    let worst = (draws.iter().enumerate())
        .map(|(i, x)| (cdf(*x) - (i as f64 + 0.5) / n).abs())
        .fold(0.0, f64::max);
    // Kolmogorov-Smirnov at level 0.001.
    assert!(worst < 1.949 / n.sqrt(), "{worst}");
}
