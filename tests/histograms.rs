//! What histograms and small samples make of a true 99th percentile.

use coalmine::base::{Probability, Purpose, Seed, Span};
use coalmine::model::service::Latency;
use coalmine::stats::normal_quantile;
use coalmine::telemetry::Buckets;
use coalmine::telemetry::promql::histogram_quantile;

/// The log-normal latency with this median in seconds and spread of its logarithm.
fn log_normal(median: f64, sigma: f64) -> Latency {
    let p99 = median * (sigma * normal_quantile(0.99)).exp();
    Latency::log_normal(
        Span::from_secs_f64(median),
        Probability::new(0.99).unwrap(),
        Span::from_secs_f64(p99),
    )
    .unwrap()
}

/// The p99 in milliseconds that a histogram shows of endlessly many requests.
fn shown(buckets: &Buckets, latency: &Latency, factor: f64) -> f64 {
    let below = |bucket| latency.cdf(buckets.bound_seconds(bucket) / factor);
    let finite = buckets.bounds().len();
    let mut cumulative: Vec<f64> = (0..finite).map(below).chain([1.0]).collect();
    let quantile = histogram_quantile(0.99, buckets.bounds(), &mut cumulative);
    quantile / buckets.unit().per_second() * 1_000.0
}

#[test]
fn the_same_rise_is_reported_differently_by_every_mesh() {
    // True p99 and what Istio's, ingress-nginx', Linkerd's and Traefik's default buckets make of
    // it, in ms; two services, each as it is and slower by 10, 20 and 50 %.
    let api = log_normal(0.040, 0.7);
    let slow_api = log_normal(0.080, 0.8);
    for (latency, factor, truth, [istio, nginx, linkerd, traefik]) in [
        (&api, 1.0, 204.0, [241.0, 241.0, 209.0, 283.0]),
        (&api, 1.1, 224.0, [245.0, 245.0, 243.0, 288.0]),
        (&api, 1.2, 245.0, [249.0, 249.0, 266.0, 292.0]),
        (&api, 1.5, 306.0, [388.0, 388.0, 310.0, 362.0]),
        (&slow_api, 1.0, 515.0, [549.0, 549.0, 549.0, 1_023.0]),
        (&slow_api, 1.1, 566.0, [680.0, 680.0, 680.0, 1_063.0]),
        (&slow_api, 1.2, 617.0, [768.0, 768.0, 768.0, 1_092.0]),
        (&slow_api, 1.5, 772.0, [910.0, 910.0, 910.0, 1_142.0]),
    ] {
        let true_p99 = latency.quantile(Probability::new(0.99).unwrap()) * factor * 1_000.0;
        // The table is rounded to milliseconds, and so are its true values.
        assert!((true_p99 - truth).abs() < 1.0, "{true_p99} {truth}");
        for (buckets, expected) in [
            (Buckets::istio(), istio),
            (Buckets::nginx(), nginx),
            (Buckets::linkerd(), linkerd),
            (Buckets::traefik(), traefik),
        ] {
            let got = shown(&buckets, latency, factor);
            assert!(
                (got - expected).abs() < 1.0,
                "{truth}: {got}, not {expected}"
            );
        }
    }
}

#[test]
fn the_p99_of_few_requests_is_too_low_and_spreads_widely() {
    // Sample p99 over true p99 of a log-normal with sigma 0.8: its 5 %, 50 % and 95 % quantiles.
    let latency = log_normal(0.080, 0.8);
    let truth = latency.quantile(Probability::new(0.99).unwrap());
    let mut stream = Seed(1).stream(0, Purpose::Canary);
    for (requests, trials, expected) in [
        (30, 20_000, [0.42, 0.71, 1.38]),
        (100, 10_000, [0.60, 0.85, 1.34]),
        (300, 5_000, [0.75, 0.94, 1.25]),
        (1_000, 3_000, [0.86, 0.98, 1.15]),
        (5_000, 1_000, [0.93, 1.00, 1.07]),
    ] {
        let mut ratios: Vec<f64> = (0..trials)
            .map(|_| {
                let mut sample: Vec<f64> =
                    (0..requests).map(|_| latency.sample(&mut stream)).collect();
                sample_p99(&mut sample) / truth
            })
            .collect();
        ratios.sort_by(f64::total_cmp);
        for (q, expected) in [0.05, 0.5, 0.95].into_iter().zip(expected) {
            let got = ratios[(q * trials as f64) as usize];
            // Rounding of the table, and about four standard errors of a quantile of the trials.
            assert!(
                (got - expected).abs() < 0.025,
                "{requests} requests, {q}: {got}"
            );
        }
    }
}

/// The usual sample quantile, interpolated between the two nearest in order.
fn sample_p99(sample: &mut [f64]) -> f64 {
    sample.sort_by(f64::total_cmp);
    let place = 0.99 * (sample.len() - 1) as f64;
    let below = place.floor();
    let (low, high) = (sample[below as usize], sample[place.ceil() as usize]);
    low + (high - low) * (place - below)
}

#[test]
fn few_requests_seldom_hold_one_beyond_the_true_p99() {
    let any_beyond = |requests: i32| 1.0 - 0.99_f64.powi(requests);
    assert!((any_beyond(30) - 0.26).abs() < 0.005);
    assert!(any_beyond(298) < 0.95 && any_beyond(299) >= 0.95);
    let latency = log_normal(0.080, 0.8);
    let truth = latency.quantile(Probability::new(0.99).unwrap());
    let mut stream = Seed(2).stream(0, Purpose::Canary);
    let trials = 20_000;
    let beyond = (0..trials)
        .filter(|_| (0..30).any(|_| latency.sample(&mut stream) > truth))
        .count();
    // Four standard errors of a share of 26 %.
    let share = beyond as f64 / f64::from(trials);
    assert!((share - any_beyond(30)).abs() < 0.0125, "{share}");
}
