//! The clock against the integral that it inverts, and the requests that it makes.

use rand::SeedableRng;

use super::*;
use crate::base::{Probability, Rate, Stream};
use crate::model::traffic::{Arrivals, Flash, Population, Swing, Trace, Traffic, Week};

fn rate(value: f64) -> Rate {
    Rate::per_second(value).unwrap()
}

fn profiles() -> Vec<Profile> {
    vec![
        Profile::Constant(rate(20.0)),
        Profile::Stepped(vec![
            (Time::START, rate(10.0)),
            (Time::from_secs(333), rate(0.0)),
            (Time::from_secs(1_000), rate(5.0)),
        ]),
        Profile::Ramp {
            from: rate(30.0),
            to: rate(0.5),
            over: Span::from_secs(900),
        },
        Profile::Diurnal {
            mean: rate(20.0),
            peak_over_trough: 50.0,
            peak: Span::from_secs(500),
            period: Span::from_secs(2_000),
        },
        Profile::Week(Week::new(rate(3.0), &Week::NASA, 0.6, Span::from_secs(3_000)).unwrap()),
        Profile::Flash(Flash {
            base: rate(2.0),
            peak: 10.0,
            at: Span::from_secs(200),
            rise: Span::from_secs(100),
            hold: Span::from_secs(50),
            half_life: Span::from_secs(300),
        }),
        Profile::Trace(Trace::new(Span::from_secs(60), vec![1.0, 0.0, 4.0]).unwrap()),
    ]
}

fn swinging(profile: &Profile) -> Path {
    let traffic = Traffic {
        swing: Some(Swing::Mmpp {
            ratio: 8.0,
            high: Probability::new(0.2).unwrap(),
            burst: Span::from_secs(30),
        }),
        cron: Probability::new(0.02).unwrap(),
        ..Traffic::plain(profile.clone(), Population::zipf(10, 0.0))
    };
    Path::draw(
        &traffic,
        Span::from_secs(4_000),
        &mut Stream::seed_from_u64(6),
    )
    .unwrap()
}

#[test]
fn instants_are_those_at_which_so_many_are_expected() {
    for profile in profiles() {
        for path in [None, Some(swinging(&profile))] {
            let mut clock = Clock::new(&profile, path.as_ref());
            let mut stream = Stream::seed_from_u64(9);
            let gaps = Arrivals::Poisson.gaps();
            let integral = |from: f64, to: f64| {
                let time = |t: f64| Time::START + Span::from_secs_f64(t);
                match &path {
                    None => profile.expected(time(from), time(to)),
                    Some(path) => path.expected(&profile, time(from), time(to)),
                }
            };
            let (mut now, mut total, mut count) = (0.0, 0.0, 0);
            let end = 4_000.0;
            loop {
                // Now and then a long stride.
                let gap = gaps.draw(&mut stream) * if count % 50 == 0 { 40.0 } else { 1.0 };
                let Some(at) = clock.advance(now, gap, end) else {
                    assert!(integral(now, end) <= gap + 1e-6, "{profile:?}");
                    break;
                };
                assert!(at >= now && at < end);
                let expected = integral(now, at);
                // Instants are rounded to nanoseconds for the integral.
                assert!(
                    (expected - gap).abs() < 1e-6,
                    "{profile:?} at {now}: {expected} {gap}"
                );
                total += gap;
                now = at;
                count += 1;
            }
            assert!(count > 1_000, "{profile:?}: {count}");
            let whole = integral(0.0, now);
            assert!((whole / total - 1.0).abs() < 1e-6, "{profile:?}");
            let sum = Clock::new(&profile, path.as_ref()).expected(0.0, now);
            assert!((sum / total - 1.0).abs() < 1e-6, "{profile:?}");
        }
    }
}

#[test]
fn before_the_rollout_the_rate_is_that_of_the_start() {
    let profile = &profiles()[2];
    let path = swinging(profile);
    let mut clock = Clock::new(profile, Some(&path));
    assert_eq!(clock.advance(-100.0, 30.0, 0.0), Some(-99.0));
    assert_eq!(clock.rate(-50.0), 30.0);
    // Across the start.
    let at = clock.advance(-1.0, 60.0, 1e9).unwrap();
    let expected = path.expected(profile, Time::START, Time::START + Span::from_secs_f64(at));
    assert!((expected - 30.0).abs() < 1e-6, "{at}: {expected}");
    // And back again.
    assert_eq!(clock.advance(-100.0, 30.0, 0.0), Some(-99.0));
    assert_eq!(clock.advance(-100.0, 3_000.0, 0.0), None);
}

#[test]
fn rates_are_those_of_profile_and_path() {
    for profile in profiles() {
        let path = swinging(&profile);
        let mut clock = Clock::new(&profile, Some(&path));
        for second in [5, 3_999, 10, 500, 501, 2_345] {
            let now = Time::from_secs(second);
            let exact = profile.rate(now) * path.factor(now);
            let rate = clock.rate(now.as_secs_f64());
            assert!(
                (rate - exact).abs() < 1e-6 * (1.0 + exact),
                "{profile:?} {second}"
            );
        }
    }
}

#[test]
fn no_traffic_never_comes() {
    for profile in [
        Profile::Constant(Rate::ZERO),
        Profile::Diurnal {
            mean: Rate::ZERO,
            peak_over_trough: 2.0,
            peak: Span::ZERO,
            period: Span::from_secs(60),
        },
    ] {
        assert_eq!(Clock::new(&profile, None).advance(0.0, 1.0, 1e6), None);
    }
}

#[test]
fn flat_traffic_is_a_poisson_process() {
    // Index of dispersion 1 at 1 s and at 60 s; its standard error is sqrt(2 / bins): 0.004 and
    // 0.035 with 200,000 s. Gaps follow the exponential: Kolmogorov-Smirnov at level 0.001.
    let profile = Profile::Constant(rate(100.0));
    let mut clock = Clock::new(&profile, None);
    let mut stream = Stream::seed_from_u64(21);
    let gaps = Arrivals::Poisson.gaps();
    let end = 200_000.0;
    let mut counts = vec![0.0_f64; 200_000];
    let mut between = Vec::new();
    let mut now = 0.0;
    while let Some(at) = clock.advance(now, gaps.draw(&mut stream), end) {
        if between.len() < 50_000 {
            between.push((at - now) * 100.0);
        }
        counts[at as usize] += 1.0;
        now = at;
    }
    let idc = |counts: &[f64]| {
        let n = counts.len() as f64;
        let mean = counts.iter().sum::<f64>() / n;
        counts
            .iter()
            .map(|count| (count - mean).powi(2))
            .sum::<f64>()
            / (n - 1.0)
            / mean
    };
    assert!((idc(&counts) - 1.0).abs() < 0.02, "{}", idc(&counts));
    let minutes: Vec<f64> = counts
        .chunks_exact(60)
        .map(|chunk| chunk.iter().sum())
        .collect();
    assert!((idc(&minutes) - 1.0).abs() < 0.15, "{}", idc(&minutes));
    between.sort_by(f64::total_cmp);
    let n = between.len() as f64;
    let worst = (between.iter().enumerate())
        .map(|(i, x)| (-(-x).exp_m1() - (i as f64 + 0.5) / n).abs())
        .fold(0.0, f64::max);
    assert!(worst < 1.949 / n.sqrt(), "{worst}");
}
