//! Laws of latencies against draws, and against one another.

use proptest::prelude::*;
use rand::SeedableRng;

use super::*;
use crate::base::Stream;

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn api() -> Latency {
    Latency::log_normal(Span::from_millis(40), share(0.99), Span::from_millis(250)).unwrap()
}

fn hit() -> Latency {
    Latency::log_normal(Span::from_millis(4), share(0.99), Span::from_millis(10)).unwrap()
}

fn table() -> Latency {
    Latency::empirical(vec![
        (share(0.5), Span::from_millis(20)),
        (share(0.9), Span::from_millis(80)),
        (share(0.99), Span::from_millis(400)),
    ])
    .unwrap()
}

/// One of each shape whose distribution function has no step.
fn continuous() -> Vec<(&'static str, Latency)> {
    let mean = Span::from_millis(50);
    let mixture = vec![(share(0.95), hit()), (share(0.05), api())];
    let mixture = Latency::mixture(mixture).unwrap();
    vec![
        ("log-normal", api()),
        ("table", table()),
        ("exponential", Latency::exponential(mean).unwrap()),
        ("gamma, wide", Latency::gamma(mean, 0.5).unwrap()),
        ("gamma, narrow", Latency::gamma(mean, 8.0).unwrap()),
        ("Weibull, wide", Latency::weibull(mean, 0.7).unwrap()),
        ("Weibull, narrow", Latency::weibull(mean, 3.0).unwrap()),
        (
            "Pareto tail",
            Latency::tailed(api(), share(0.01), 3.5).unwrap(),
        ),
        (
            "Pareto tail of half a table",
            Latency::tailed(table(), share(0.5), 3.2).unwrap(),
        ),
        (
            "Pareto tail of a mixture",
            Latency::tailed(mixture.clone(), share(0.2), 4.0).unwrap(),
        ),
        ("mixture", mixture),
    ]
}

#[test]
fn a_log_normal_keeps_the_quantiles_it_was_given() {
    assert!((api().cdf(0.040) - 0.5).abs() < 1e-12);
    assert!((api().cdf(0.250) - 0.99).abs() < 1e-10);
    assert!((api().quantile(share(0.99)) - 0.25).abs() < 1e-9);
}

#[test]
fn samples_follow_the_distribution_function() {
    // Kolmogorov-Smirnov at level 0.001 for 20,000 draws: 1.949 / sqrt(n).
    for (name, latency) in continuous() {
        let mut stream = Stream::seed_from_u64(11);
        let mut draws: Vec<f64> = (0..20_000).map(|_| latency.sample(&mut stream)).collect();
        draws.sort_by(f64::total_cmp);
        let n = draws.len() as f64;
        let worst = draws
            .iter()
            .enumerate()
            .map(|(i, x)| (latency.cdf(*x) - (i as f64 + 0.5) / n).abs())
            .fold(0.0, f64::max);
        assert!(worst < 1.949 / n.sqrt(), "{name}: {worst}");
        // Four standard errors, at most.
        let mean = draws.iter().sum::<f64>() / n;
        let error = (latency.squared_cv() / n).sqrt();
        let off = mean / latency.mean() - 1.0;
        assert!(off.abs() < 4.0 * error, "{name}: {off} {error}");
    }
}

proptest! {
    #[test]
    fn quantiles_invert_the_distribution_function(p in 0.0005_f64..0.9995) {
        for (name, latency) in continuous() {
            let x = latency.quantile(share(p));
            prop_assert!((latency.cdf(x) - p).abs() < 1e-9, "{name}");
            let back = latency.quantile(share(latency.cdf(x)));
            prop_assert!((back / x - 1.0).abs() < 1e-7, "{name}: {x} {back}");
        }
    }
}

#[test]
fn moments_are_those_of_the_quantiles() {
    // The integral of the quantile function by the midpoint rule, finer and finer towards 1.
    for (name, latency) in continuous() {
        let (mut mean, mut square, mut below) = (0.0, 0.0, 0.0);
        for _ in 0..40 {
            let width = (1.0 - below) / 2.0 / 100.0;
            for step in 0..100 {
                let x = latency.quantile(share(below + (f64::from(step) + 0.5) * width));
                mean += x * width;
                square += x * x * width;
            }
            below += width * 100.0;
        }
        let off = [mean / latency.mean(), square / latency.second_moment()];
        assert!((off[0] - 1.0).abs() < 1e-3, "{name}: {off:?}");
        assert!((off[1] - 1.0).abs() < 1e-2, "{name}: {off:?}");
    }
}

#[test]
fn shapes_have_the_spread_of_their_families() {
    let mean = Span::from_millis(50);
    let ratio = |latency: &Latency| latency.quantile(share(0.99)) / latency.quantile(share(0.5));
    for (shape, expected) in [(1.0, 6.6), (2.0, 4.0), (4.0, 2.7), (8.0, 2.1)] {
        let gamma = Latency::gamma(mean, shape).unwrap();
        assert!((ratio(&gamma) - expected).abs() < 0.06, "{shape}");
        assert!((gamma.squared_cv() - 1.0 / shape).abs() < 1e-12);
        assert!((gamma.mean() - 0.05).abs() < 1e-12);
    }
    let one = Latency::weibull(mean, 1.0).unwrap();
    let exponential = Latency::exponential(mean).unwrap();
    for x in [0.0, 0.001, 0.05, 0.4] {
        assert!((one.cdf(x) - exponential.cdf(x)).abs() < 1e-12);
    }
}

#[test]
fn a_tail_begins_where_the_body_is_cut() {
    let tailed = Latency::tailed(api(), share(0.01), 1.5).unwrap();
    let joint = api().quantile(share(0.99));
    assert!((tailed.cdf(joint) - 0.99).abs() < 1e-12);
    assert!((tailed.cdf(joint * (1.0 - 1e-9)) - 0.99).abs() < 1e-9);
    assert!((tailed.cdf(0.04) - 0.5).abs() < 1e-9);
    // A thousandth is a tenth of the tail: 10^(1 / 1.5) times the joint.
    let far = tailed.quantile(share(0.999)) / joint;
    assert!((far / 10_f64.powf(1.0 / 1.5) - 1.0).abs() < 1e-9, "{far}");
    assert!(tailed.mean().is_finite());
    assert_eq!(tailed.second_moment(), f64::INFINITY);
}

#[test]
fn a_fixed_latency_is_always_the_same_and_may_have_a_tail() {
    let fixed = Latency::fixed(Span::from_millis(50)).unwrap();
    let mut stream = Stream::seed_from_u64(12);
    assert_eq!(fixed.sample(&mut stream), 0.05);
    assert_eq!((fixed.cdf(0.0499), fixed.cdf(0.05)), (0.0, 1.0));
    assert_eq!((fixed.mean(), fixed.squared_cv()), (0.05, 0.0));
    let tailed = Latency::tailed(fixed.clone(), share(0.1), 3.0).unwrap();
    assert_eq!((tailed.cdf(0.0499), tailed.cdf(0.05)), (0.0, 0.9));
    assert_eq!(tailed.quantile(share(0.5)), 0.05);
    assert!((tailed.mean() - (0.9 * 0.05 + 0.1 * 0.05 * 1.5)).abs() < 1e-12);
    let longer = (0..10_000).filter(|_| tailed.sample(&mut stream) > 0.05);
    // 1,000 expected, standard deviation 30.
    assert!((880..1120).contains(&longer.count()));
    let two = vec![(share(0.25), fixed), (share(0.75), api())];
    let two = Latency::mixture(two).unwrap();
    assert!((two.cdf(0.05) - two.cdf(0.049_999_999) - 0.25).abs() < 1e-6);
    let at = 0.75 * api().cdf(0.05);
    assert_eq!(two.quantile(share(at + 0.1)), 0.05);
}

#[test]
fn what_makes_no_distribution_is_refused() {
    let point = |p, ms| (share(p), Span::from_millis(ms));
    assert!(Latency::empirical(vec![point(0.5, 20)]).is_err());
    assert!(Latency::empirical(vec![point(0.9, 20), point(0.5, 30)]).is_err());
    assert!(Latency::empirical(vec![point(0.5, 30), point(0.9, 30)]).is_err());
    let mean = Span::from_millis(50);
    assert!(Latency::fixed(Span::ZERO).is_err());
    for shape in [0.0, -1.0, f64::NAN, f64::INFINITY] {
        assert_eq!(Latency::gamma(mean, shape), Err(LatencyError::NotPositive));
        assert_eq!(
            Latency::weibull(mean, shape),
            Err(LatencyError::NotPositive)
        );
    }
    assert!(Latency::exponential(Span::ZERO).is_err());
    for alpha in [1.0, 0.5, f64::NAN] {
        let tailed = Latency::tailed(api(), share(0.01), alpha);
        assert!(matches!(tailed, Err(LatencyError::NoMean(_))));
    }
    for part in [0.0, 0.51, 1.0] {
        let tailed = Latency::tailed(api(), share(part), 2.0);
        assert_eq!(tailed, Err(LatencyError::TailShare), "{part}");
    }
    let short = Latency::mixture(vec![(share(0.5), api()), (share(0.4), hit())]);
    assert_eq!(
        short.unwrap_err().to_string(),
        "the shares of a mixture add up to 100%, not to 90%"
    );
    assert!(Latency::mixture(Vec::new()).is_err());
}
