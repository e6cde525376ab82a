//! What comes between counters and gates: scrapes that fail, figures that are late, requests of no
//! user; and the series of routes and goals.

use super::*;
use crate::telemetry::UserSums;

fn share(p: f64) -> Probability {
    Probability::new(p).unwrap()
}

fn per_second(rate: f64) -> Rate {
    Rate::per_second(rate).unwrap()
}

/// Scraped every 15 s from the start on.
fn every_15s(birth: Birth) -> Plan {
    let sampling = Sampling::Scraped {
        interval: secs(15),
        phase: Phase::Fixed(Span::ZERO),
    };
    let buckets = Buckets::new(vec![0.1, 0.5, 2.0], Unit::Seconds).unwrap();
    Plan::plain(sampling, birth, buckets)
}

proptest! {
    #[test]
    fn windows_with_gaps_and_late_figures_are_what_the_slow_reference_says(
        traffic in traffic(),
        interval in 1_000_u64..30_000,
        tenth in 0..10_u64,
        spans in prop::collection::vec(1_000_u64..400_000, 1..4),
        zero in any::<bool>(),
        late in 0.0..1.0_f64,
        missed in 0.0..0.9_f64,
        delay in prop_oneof![Just(0_u64), 0_u64..90_000],
        probes in prop_oneof![Just(0.0), 0.001..2.0_f64],
        salt in any::<u64>(),
    ) {
        let interval = Span::from_millis(interval);
        let phase = Span::from_nanos(interval.as_nanos() / 10 * tenth);
        let plan = Plan {
            sampling: Sampling::Scraped { interval, phase: Phase::Random },
            missed: share(missed),
            delay: Span::from_millis(delay),
            probes: per_second(probes),
            ..every_15s(if zero { Birth::Zero } else { Birth::FirstRequest })
        };
        let mut recorded = Recorded::with(plan, phase);
        recorded.telemetry.begin(phase, salt);
        let mut now = Time::START + phase;
        for (good, bad, seconds) in traffic {
            recorded.serve(Status::Success, good, seconds);
            recorded.serve(Status::Failure, bad, seconds / 2.0);
            recorded.scrape(now);
            let asked = now + Span::from_nanos((interval.as_nanos() as f64 * late) as u64);
            for span in &spans {
                recorded.compare(asked, Span::from_millis(*span));
            }
            now += interval;
        }
    }
}

proptest! {
    #[test]
    fn windows_over_whatever_samples_there_are_are_what_the_slow_reference_says(
        traffic in traffic(),
        gaps in prop::collection::vec(any::<bool>(), 40),
        spans in prop::collection::vec(1_000_u64..400_000, 1..4),
        zero in any::<bool>(),
    ) {
        let interval = secs(15);
        let birth = if zero { Birth::Zero } else { Birth::FirstRequest };
        let mut recorded = Recorded::with(every_15s(birth), Span::ZERO);
        recorded.telemetry.go_by_samples();
        let mut now = Time::START;
        for ((good, bad, seconds), gap) in traffic.into_iter().zip(gaps) {
            recorded.serve(Status::Success, good, seconds);
            recorded.serve(Status::Failure, bad, seconds / 2.0);
            if !gap {
                recorded.scrape(now);
            }
            for span in &spans {
                recorded.compare(now + secs(4), Span::from_millis(*span));
            }
            now += interval;
        }
    }
}

#[test]
fn exact_windows_over_samples_reach_from_one_to_another() {
    let plan = Plan {
        sampling: Sampling::Exact,
        goals: 1,
        ..every_15s(Birth::FirstRequest)
    };
    let mut recorded = Recorded::with(plan, Span::ZERO);
    recorded.telemetry.go_by_samples();
    for minute in 1..=10 {
        recorded.serve(Status::Success, 7, 0.2);
        recorded.telemetry.counters_mut(V).goals[0].add(1.0);
        // One in the middle fails.
        if minute != 8 {
            recorded.scrape(Time::from_secs(60 * minute));
        }
    }
    let window = |now: u64, span: u64| {
        let window = recorded
            .telemetry
            .window(V, Time::from_secs(now), secs(span));
        let goal = window.goal(0).map(|goal| goal.opportunities);
        (window.requests(), goal)
    };
    assert_eq!(window(600, 60), (7.0, Some(1.0)));
    assert_eq!(
        window(600, 120),
        (21.0, Some(3.0)),
        "from the sample before the gap"
    );
    assert_eq!(
        window(480, 60),
        (0.0, Some(0.0)),
        "the newest is as old as the window"
    );
    assert_eq!(
        window(90, 60),
        (7.0, Some(1.0)),
        "nothing was counted at the start"
    );
    assert_eq!(window(59, 60), (0.0, None));
}

#[test]
fn as_many_scrapes_fail_as_the_plan_says_and_others_in_every_trial() {
    let plan = Plan {
        missed: share(0.1),
        ..every_15s(Birth::Zero)
    };
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    let mut patterns: Vec<Vec<bool>> = Vec::new();
    for salt in 0..20 {
        telemetry.begin(Span::ZERO, salt);
        for version in Version::ALL {
            let missed = |scrape: u64| telemetry.misses(version, Time::from_secs(15 * scrape));
            patterns.push((0..1_000_u64).map(missed).collect());
        }
    }
    let all: usize = (patterns.iter())
        .map(|pattern| pattern.iter().filter(|missed| **missed).count())
        .sum();
    // 6000 of 60,000 expected, standard deviation 73: four of them.
    assert!(all.abs_diff(6_000) < 294, "{all}");
    patterns.sort();
    patterns.dedup();
    assert_eq!(patterns.len(), 60, "no two alike");
}

#[test]
fn exact_metrics_are_neither_missed_nor_late() {
    let plan = Plan {
        sampling: Sampling::Exact,
        missed: share(0.9),
        delay: secs(3_600),
        ..every_15s(Birth::Zero)
    };
    let mut recorded = Recorded::with(plan, Span::ZERO);
    for minute in 1..=50 {
        recorded.serve(Status::Success, 7, 0.2);
        recorded.scrape(Time::from_secs(60 * minute));
    }
    let window = recorded
        .telemetry
        .window(V, Time::from_secs(3_000), secs(600));
    assert_eq!(window.requests(), 70.0);
}

#[test]
fn a_late_figure_is_the_one_of_a_while_ago() {
    let plan = Plan {
        delay: secs(30),
        ..every_15s(Birth::Zero)
    };
    let mut recorded = Recorded::with(plan, Span::ZERO);
    // Failures begin at 60 s.
    for scrape in 0..=8 {
        recorded.scrape(Time::from_secs(15 * scrape));
        recorded.serve(Status::Success, 100, 0.2);
        recorded.serve(Status::Failure, if scrape >= 4 { 50 } else { 0 }, 0.2);
    }
    let failures = |now| {
        let window = recorded.telemetry.window(V, Time::from_secs(now), secs(60));
        window.volume(Status::Failure)
    };
    assert_eq!(failures(29), None, "nothing is visible yet");
    assert_eq!(
        failures(104),
        Some(0.0),
        "the scrape at 75 s is not visible yet"
    );
    assert!(failures(105).unwrap() > 0.0);
}

#[test]
fn probes_dilute_a_failing_canary_sixfold() {
    // A canary that gets 0.2 requests a second and fails half of them.
    let errors = |probes: f64| {
        let plan = Plan {
            probes: per_second(probes),
            ..every_15s(Birth::FirstRequest)
        };
        let mut recorded = Recorded::with(plan, Span::ZERO);
        for scrape in 0..=80 {
            recorded.scrape(Time::from_secs(15 * scrape));
            recorded.serve(Status::Failure, 1 + scrape % 2, 0.2);
            recorded.serve(Status::Success, 2 - scrape % 2, 0.2);
        }
        // Forty intervals between samples: as many of one kind as of the other.
        let now = Time::from_secs(15 * 80);
        recorded.compare(now, secs(615));
        1.0 - recorded
            .telemetry
            .window(V, now, secs(615))
            .success_ratio()
            .unwrap()
    };
    assert!((errors(0.0) - 0.5).abs() < 1e-9);
    assert!((errors(1.0) - 0.5 / 6.0).abs() < 1e-9);
}

#[test]
fn probes_are_there_before_the_first_request_and_in_no_route() {
    let plan = Plan {
        probes: per_second(2.0),
        routes: 1,
        ..every_15s(Birth::FirstRequest)
    };
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    for scrape in 0..=4 {
        telemetry.scrape(V, Time::from_secs(15 * scrape));
    }
    let now = Time::from_secs(60);
    let window = telemetry.window(V, now, secs(60));
    assert!((window.requests() - 120.0).abs() < 1e-9);
    assert!(window.latency_quantile(0.99).unwrap() <= 0.1);
    assert_eq!(
        telemetry.route_window(V, 0, now, secs(60)).success_ratio(),
        None
    );
}

#[test]
fn a_routes_series_are_its_own() {
    let plan = Plan {
        routes: 2,
        ..every_15s(Birth::Zero)
    };
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    telemetry.follow(0b10);
    for scrape in 0..=8 {
        for version in Version::ALL {
            telemetry.scrape(version, Time::from_secs(15 * scrape));
            telemetry.counters_mut(version).requests[0] += 100;
        }
        let counters = telemetry.route_counters_mut(Version::Canary, 1);
        counters.requests[0] += 20;
        counters.requests[1] += 5;
        telemetry.route_counters_mut(Version::Stable, 1).requests[0] += 10;
        telemetry.route_counters_mut(Version::Canary, 0).requests[0] += 75;
    }
    let now = Time::from_secs(120);
    let ratio = |version| {
        let window = telemetry.route_window(version, 1, now, secs(60));
        (window.requests(), window.success_ratio())
    };
    assert_eq!(ratio(Version::Canary), (100.0, Some(0.8)));
    assert_eq!(ratio(Version::Stable), (40.0, Some(1.0)));
    assert!(ratio(Version::Baseline).1.is_some_and(f64::is_nan));
    assert!(telemetry.is_route_born(V, 1, Status::Failure));
    assert!(
        !telemetry.is_route_born(V, 0, Status::Success),
        "not followed"
    );
    telemetry.begin(Span::ZERO, 0);
    assert_eq!(telemetry.route_counters(V, 1).requests, [0, 0]);
}

#[test]
fn goals_are_differences_between_scrapes_and_count_from_the_start() {
    for sampling in [Sampling::Exact, every_15s(Birth::Zero).sampling] {
        let plan = Plan {
            sampling,
            goals: 2,
            ..every_15s(Birth::Zero)
        };
        let mut telemetry = Telemetry::new(&plan, Span::ZERO);
        telemetry.remember(secs(60));
        let mut user = UserSums::default();
        for scrape in 1..=40 {
            for _ in 0..scrape {
                telemetry.counters_mut(V).goals[1].add_of_user(&mut user, 2.0);
            }
            telemetry.scrape(V, Time::from_secs(15 * scrape));
        }
        let goal = |now, goal| {
            let window = telemetry.window(V, Time::from_secs(now), secs(60));
            (
                window.goal(goal).unwrap(),
                window.goal_so_far(goal).unwrap(),
            )
        };
        // The window is open on the left: from the scrape at 555 s, or exactly from 540 s.
        let seen = if sampling == Sampling::Exact {
            37.0 + 38.0 + 39.0 + 40.0
        } else {
            38.0 + 39.0 + 40.0
        };
        let (window, so_far) = goal(600, 1);
        assert_eq!(window.opportunities, seen);
        assert_eq!((window.sum, window.squares), (2.0 * seen, 4.0 * seen));
        assert_eq!((window.users, window.cross), (0.0, 0.0));
        let all: f64 = 40.0 * 41.0 / 2.0;
        assert_eq!(so_far.opportunities, all);
        assert_eq!((so_far.users, so_far.counts), (1.0, all * all));
        assert_eq!(
            (so_far.cross, so_far.values),
            (2.0 * all * all, 4.0 * all * all)
        );
        assert_eq!(goal(600, 0).0, GoalSums::default());
    }
}

#[test]
fn a_window_that_reaches_back_to_the_start_counts_the_first_opportunities() {
    let plan = Plan {
        goals: 1,
        ..every_15s(Birth::FirstRequest)
    };
    let mut telemetry = Telemetry::new(&plan, secs(5));
    telemetry.counters_mut(V).goals[0].add(1.0);
    let goal = |telemetry: &Telemetry| {
        let window = telemetry.window(V, Time::from_secs(6), secs(60));
        window.goal(0).map(|goal| goal.opportunities)
    };
    assert_eq!(goal(&telemetry), None);
    telemetry.scrape(V, Time::from_secs(5));
    assert_eq!(goal(&telemetry), Some(1.0));
}
