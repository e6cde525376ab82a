//! When requests come: a flat rate is Poisson at every scale, a week follows its hours, and neither
//! the weight nor a fault nor a gate changes who comes when.

use coalmine::base::{Span, Time};
use coalmine::telemetry::Version;

use super::{all, assert_near, failures, held, once, watch};

/// Requests of both versions in each interval.
fn per_interval(scenario: &coalmine::scenario::Scenario) -> Vec<f64> {
    let (mut counts, mut before) = (Vec::new(), 0);
    watch(scenario, 0, |tick| {
        let total = all(tick.telemetry.counters(Version::Stable))
            + all(tick.telemetry.counters(Version::Canary));
        counts.push((total - before) as f64);
        before = total;
    });
    counts.remove(0);
    counts
}

/// Variance of the counts over their mean.
fn dispersion(counts: &[f64]) -> f64 {
    let n = counts.len() as f64;
    let mean = counts.iter().sum::<f64>() / n;
    counts.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / mean
}

#[test]
fn a_flat_rate_is_poisson_by_the_second_and_by_the_minute() {
    let world = "[traffic]\npreset = \"flat\"\nrate = \"1/s\"\n[stable]\nlatency = { fixed = \"1us\" }\n\
                 [telemetry]\nscrape = \"exact\"";
    let seconds = per_interval(&held(world, 10.0, 540_000, 1));
    assert_eq!(seconds.len(), 540_000);
    // Standard errors sqrt(2 / n): 0.002 and 0.015.
    assert_near(dispersion(&seconds), 1.0, 0.009);
    let minutes: Vec<f64> = seconds.chunks(60).map(|of| of.iter().sum()).collect();
    assert_near(dispersion(&minutes), 1.0, 0.05);
    // Seconds without a request: e^-1, within 4.4 standard errors.
    let empty = seconds.iter().filter(|count| **count == 0.0).count();
    super::assert_share(empty as u64, 540_000, (-1.0_f64).exp());
}

/// Requests per minute by hour of a weekday, NASA-HTTP July 1995.
const HOURS: [f64; 24] = [
    37.2, 30.7, 27.7, 23.5, 20.3, 20.8, 23.5, 38.9, 61.4, 73.6, 75.7, 82.7, 87.1, 88.4, 89.7, 89.3,
    85.5, 67.5, 53.6, 47.7, 45.0, 45.9, 44.6, 43.8,
];

#[test]
fn a_week_follows_its_hours() {
    for (sessions, dispersion, smear) in [
        ("", 1.0, 0.0),
        // Requests of a session come together: about 30 to a session as a request sees it. Pages
        // that follow come up to half an hour later than the profile of those who begin.
        ("sessions = \"measured\"", 30.0, 0.1),
    ] {
        let world = format!(
            "[traffic]\nrate = {{ week = {{ mean = \"2/s\", start = \"Mon 00:00\" }} }}\n\
             users = 20000\n{sessions}\n[stable]\nlatency = {{ fixed = \"1us\" }}\n\
             [telemetry]\nscrape = \"exact\""
        );
        let scenario = held(&world, 10.0, 7 * 86_400, 3_600);
        let counts = per_interval(&scenario);
        let profile = &scenario.world.traffic.profile;
        let hour = |number: u64| Time::START + Span::from_secs(3_600 * number);
        for number in 0..24 {
            let of_days = || (0..5).map(|day| 24 * day + number);
            let found: f64 = of_days().map(|at| counts[at as usize]).sum();
            let expected: f64 = of_days()
                .map(|at| profile.expected(hour(at), hour(at + 1)))
                .sum();
            let error = (expected * dispersion).sqrt();
            assert_near(found, expected, 4.4 * error + smear * expected);
            // The profile is the table, but for lines between the middles of hours.
            let table = HOURS[number as usize] / (HOURS.iter().sum::<f64>() * 6.2 / 168.0);
            assert_near(expected / (5.0 * 7_200.0), table, 0.04);
        }
        let weekend: f64 = counts[24 * 5..].iter().sum();
        let weekdays: f64 = counts[..24 * 5].iter().sum();
        let ratio = weekend / 2.0 / (weekdays / 5.0);
        // The two midnights between weekdays and weekend are climbed, too: a hundredth.
        assert_near(ratio, 0.6, 4.4 * (dispersion / weekend).sqrt() + 0.01);
    }
}

#[test]
fn the_same_requests_come_whatever_becomes_of_them() {
    let world = |more: &str| {
        format!(
            "[traffic]\nrate = \"20/s\"\nusers = 100\narrivals = {{ gamma = {{ cv = 3 }} }}\n\
             swing = {{ mmpp = {{ ratio = 8, high = \"10%\", burst = \"20s\" }} }}\n\
             [stable]\nlatency = {{ fixed = \"1us\" }}\n[telemetry]\nscrape = \"1s\"\nphase = \"0s\"\n{more}"
        )
    };
    let plain = per_interval(&held(&world(""), 5.0, 1_000, 5));
    assert!(dispersion(&plain) > 3.0, "{}", dispersion(&plain));
    let heavier = per_interval(&held(&world(""), 60.0, 1_000, 5));
    assert_eq!(plain, heavier);
    let fault = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"30%\"\nusers = \"40%\"";
    let faulty = held(&world(fault), 5.0, 1_000, 5);
    assert!(failures(&once(&faulty).canary) > 0);
    assert_eq!(plain, per_interval(&faulty));
    let mut unjudged = held(&world(""), 5.0, 1_000, 5);
    unjudged.analysis.clear();
    assert_eq!(plain, per_interval(&unjudged));
    let hashed = world("[split]\npolicy = \"user-hash\"");
    assert_eq!(plain, per_interval(&held(&hashed, 5.0, 1_000, 5)));
}
