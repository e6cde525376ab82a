//! What share each policy gives the canary, how it varies, and who moves when it changes.

use rand::{RngExt, SeedableRng};

use super::*;
use crate::base::{Stream, split_mix};

/// How many requests each of the users of a run sends: few of them many.
fn activity() -> Vec<u32> {
    (1..=400_u32).map(|user| 1 + 600 / (user + 9)).collect()
}

/// The canary's share of the requests of a run at weight `share`.
fn share_in(split: Split, share: f64, run: u64) -> f64 {
    let salt = split_mix(run);
    let mut splitter = plain(split, salt);
    let mut stream = Stream::seed_from_u64(run);
    let (mut canary, mut requests) = (0, 0);
    for (user, count) in activity().into_iter().enumerate() {
        let mut memory = Memory::default();
        for _ in 0..count {
            let request = request_of(user as u32, salt);
            let weights = only_canary(share);
            let side = splitter.choose(&request, &weights, 0.0, &mut memory, &mut stream);
            canary += u32::from(side == Side::Canary);
            requests += 1;
        }
    }
    f64::from(canary) / f64::from(requests)
}

#[test]
fn shares_vary_as_their_formulas_say() {
    const RUNS: u32 = 1_000;
    let counts = activity();
    let requests: f64 = counts.iter().map(|count| f64::from(*count)).sum();
    let squares: f64 = counts.iter().map(|count| f64::from(*count).powi(2)).sum();
    let users = squares / requests.powi(2);
    for share in [0.05, 0.25] {
        let independent = share * (1.0 - share);
        // The canary's arcs of a ring with N points add up to a beta variable.
        let points = (f64::from(Ring::LEAST) * share).ceil() / share;
        let ring = independent / (points + 1.0);
        for (split, variance) in [
            (Split::Random, independent / requests),
            (Split::UserHash, independent * users),
            (Split::SplitClients, independent * users),
            (Split::Connection, independent * users),
            (Split::RingHash, ring + (independent - ring) * users),
        ] {
            let (mut sum, mut chi_square) = (0.0, 0.0);
            for run in 0..RUNS {
                let found = share_in(split, share, u64::from(run)) - share;
                sum += found;
                chi_square += found.powi(2) / variance;
            }
            // Both at a level of 1e-4: 3.9 standard deviations of the mean, and of chi-square with
            // 1,000 degrees of freedom (44.7), whose right tail is a little longer.
            let error = (variance / f64::from(RUNS)).sqrt();
            let mean = sum / f64::from(RUNS);
            assert!(
                mean.abs() < 3.9 * error,
                "{split:?} {share}: {mean} {error}"
            );
            assert!(
                (830.0..1_190.0).contains(&chi_square),
                "{split:?} {share}: {chi_square}"
            );
        }
    }
}

#[test]
fn round_robin_is_never_off_by_a_request() {
    for split in [Split::Even, Split::RoundRobin] {
        for percent in [0, 1, 5, 25, 33, 50, 99, 100] {
            let share = f64::from(percent) / 100.0;
            let mut splitter = plain(split, 0);
            let mut stream = Stream::seed_from_u64(0);
            let mut canary = 0;
            for number in 1..=1_000_u32 {
                let side = splitter.choose(
                    &request_of(number, 0),
                    &only_canary(share),
                    0.0,
                    &mut Memory::default(),
                    &mut stream,
                );
                canary += u32::from(side == Side::Canary);
                let off = f64::from(canary) - f64::from(number) * share;
                assert!(off.abs() < 1.0, "{split:?} {percent} % {number}: {off}");
            }
        }
    }
}

#[test]
fn earliest_deadlines_are_never_off_by_a_request() {
    for percent in [0, 1, 5, 25, 33, 50, 99, 100] {
        let share = f64::from(percent);
        let mut deadlines = EarliestDeadline::new([100.0 - share, share]);
        let mut canary = 0;
        for number in 1..=1_000_u32 {
            canary += deadlines.pick();
            let off = canary as f64 - f64::from(number) * share / 100.0;
            assert!(off.abs() < 1.0 + 1e-9, "{percent} % {number}: {off}");
        }
    }
}

/// Where users are at a weight.
fn sides(splitter: &mut Splitter, users: u32, weights: Weights) -> Vec<Side> {
    let mut stream = Stream::seed_from_u64(0);
    (0..users)
        .map(|user| {
            let request = request_of(user, 99);
            splitter.choose(&request, &weights, 0.0, &mut Memory::default(), &mut stream)
        })
        .collect()
}

#[test]
fn a_growing_weight_only_adds_users() {
    let rules = Rules {
        baseline: true,
        ..Rules::default()
    };
    for split in [Split::UserHash, Split::SplitClients] {
        let mut splitter = Splitter::new(split, rules, None, 5);
        let mut before = sides(&mut splitter, 10_000, Weights::default());
        for percent in [1, 5, 10, 25, 40, 50] {
            let weights = Weights::of(f64::from(percent) / 100.0, &rules);
            let now = sides(&mut splitter, 10_000, weights);
            for (before, now) in before.iter().zip(&now) {
                assert!(before == now || *before == Side::Stable, "{split:?}");
            }
            assert_ne!(before, now);
            before = now;
        }
        // Without a baseline the canary goes on to have everybody.
        let full = sides(&mut splitter, 10_000, only_canary(1.0));
        assert!(full.iter().all(|side| *side == Side::Canary));
    }
}

#[test]
fn a_ramp_with_new_salts_shows_the_canary_to_more_users() {
    const USERS: u32 = 20_000;
    for (salted_anew, exposed) in [(false, 75.0), (true, 91.1)] {
        let mut met = vec![false; USERS as usize];
        let mut splitter = plain(Split::SplitClients, 0);
        for (step, percent) in [5.0, 25.0, 50.0, 75.0].into_iter().enumerate() {
            if salted_anew {
                splitter.reset(step as u64);
            }
            let sides = sides(&mut splitter, USERS, only_canary(percent / 100.0));
            for (met, side) in met.iter_mut().zip(sides) {
                *met |= side == Side::Canary;
            }
        }
        // The widest step, or 1 - 0.95 * 0.75 * 0.5 * 0.25; a standard deviation of 0.3 points at
        // most, and a level of 1e-4.
        let found = met.iter().filter(|met| **met).count() as f64 * 100.0 / f64::from(USERS);
        assert!((found - exposed).abs() < 1.25, "{found} {exposed}");
    }
}

#[test]
fn a_ring_moves_few_users_and_some_of_them_back() {
    const USERS: u32 = 20_000;
    let mut back = 0;
    for salt in 0..20 {
        let mut splitter = plain(Split::RingHash, salt);
        let narrow = sides(&mut splitter, USERS, only_canary(0.04));
        let wide = sides(&mut splitter, USERS, only_canary(0.05));
        let moved = narrow.iter().zip(&wide).filter(|(a, b)| a != b).count();
        // Of 1,040 points 11 are new for the canary, and 4 for stable: 1.4 % of all users, with a
        // standard deviation of 0.4 %.
        assert!((1..=USERS as usize * 3 / 100).contains(&moved), "{moved}");
        back += (narrow.iter().zip(&wide))
            .filter(|(a, b)| **a == Side::Canary && **b == Side::Stable)
            .count();
    }
    // 4 % of what the new points of stable take was the canary's: 0.015 % of all users.
    assert!((1..USERS as usize * 20 / 1_000).contains(&back), "{back}");
}

#[test]
fn a_connection_keeps_its_version_until_the_weight_changes_or_it_is_opened_anew() {
    let mut splitter = plain(Split::Connection, 0);
    let mut stream = Stream::seed_from_u64(1);
    let (mut redrawn, mut reopened) = (0, 0);
    for user in 0..200 {
        let mut memory = Memory::default();
        let mut choose = |share: f64, opens: bool| {
            let request = Request {
                opens,
                ..request_of(user, 0)
            };
            splitter.choose(&request, &only_canary(share), 0.0, &mut memory, &mut stream)
        };
        let first = choose(0.5, false);
        for _ in 0..10 {
            assert_eq!(choose(0.5, false), first);
        }
        reopened += u32::from(choose(0.5, true) != first);
        assert_eq!(choose(0.0, false), Side::Stable);
        redrawn += u32::from(choose(0.5, false) != first);
    }
    // Binomial(200, 1/2): 100 with a standard deviation of 7.
    assert!(redrawn.abs_diff(100) < 35 && reopened.abs_diff(100) < 35);
}

#[test]
fn alternating_clients_are_confounded_with_the_version_in_turn() {
    for (split, confounded) in [
        (Split::RoundRobin, true),
        (Split::Even, true),
        (Split::Random, false),
    ] {
        for period in [2, 4] {
            let mut splitter = plain(split, 0);
            let mut stream = Stream::seed_from_u64(2);
            let share = 1.0 / f64::from(period);
            // Requests of each kind that the canary got.
            let mut canary = vec![0; period as usize];
            for number in 0..4_000_u32 {
                let request = request_of(number % period, 0);
                let weights = only_canary(share);
                let memory = &mut Memory::default();
                let side = splitter.choose(&request, &weights, 0.0, memory, &mut stream);
                canary[(number % period) as usize] += u32::from(side == Side::Canary);
            }
            let each = 4_000 / period;
            let kinds = canary.iter().filter(|count| **count > 0).count();
            let all = canary.contains(&each);
            assert_eq!((kinds == 1, all), (confounded, confounded), "{canary:?}");
        }
    }
}

#[test]
fn a_baseline_gets_as_much_as_the_canary() {
    let rules = Rules {
        baseline: true,
        ..Rules::default()
    };
    for split in [
        Split::Random,
        Split::Even,
        Split::UserHash,
        Split::SplitClients,
        Split::Connection,
        Split::RingHash,
        Split::RoundRobin,
    ] {
        let mut splitter = Splitter::new(split, rules, None, 11);
        let mut stream = Stream::seed_from_u64(3);
        let mut counts = [0; 3];
        let weights = Weights::of(0.1, &rules);
        for user in 0..20_000 {
            let memory = &mut Memory::default();
            let side = splitter.choose(&request_of(user, 7), &weights, 0.0, memory, &mut stream);
            counts[side as usize] += 1;
        }
        // Standard deviation 42; of the ring's arcs 0.94 points, or 187.
        let bound = if split == Split::RingHash { 800 } else { 180 };
        for side in [Side::Canary, Side::Baseline] {
            let count: u64 = counts[side as usize];
            assert!(count.abs_diff(2_000) < bound, "{split:?}: {counts:?}");
        }
    }
    let weights = Weights::of(0.7, &rules);
    assert!((weights.baseline - 0.3).abs() < 1e-12 && weights.stable() == 0.0);
}

#[test]
fn pods_round_weights_up() {
    let share = |pods, canary| {
        let rules = Rules {
            replicas: Some(pods),
            ..Rules::default()
        };
        let once = rules.share(canary);
        assert_eq!(rules.share(once), once, "rounding again changes nothing");
        once
    };
    for (pods, canary, found) in [
        (6, 0.1, 1.0 / 7.0),
        (1, 0.1, 0.5),
        (10, 0.1, 0.1),
        (10, 0.3, 0.3),
        (4, 0.01, 0.2),
        (6, 0.0, 0.0),
        (6, 1.0, 1.0),
    ] {
        assert_eq!(share(pods, canary), found, "{pods} {canary}");
    }
    for pods in 1..50 {
        for percent in 0..=100 {
            share(pods, f64::from(percent) / 100.0);
        }
    }
    assert_eq!(Rules::default().share(0.123), 0.123);
    let rules = Rules {
        replicas: Some(6),
        baseline: true,
        ..Rules::default()
    };
    let mut splitter = Splitter::new(Split::Even, rules, None, 0);
    let mut stream = Stream::seed_from_u64(0);
    let mut counts = [0; 3];
    for user in 0..7_000 {
        let memory = &mut Memory::default();
        let weights = Weights::of(0.1, &rules);
        let side = splitter.choose(&request_of(user, 0), &weights, 0.0, memory, &mut stream);
        counts[side as usize] += 1;
    }
    assert_eq!(counts, [5_000, 1_000, 1_000]);
}

#[test]
fn the_luck_of_a_request_does_not_depend_on_what_was_decided_before_it() {
    let affinity = Affinity {
        precedence: Precedence::Both,
        lifetime: crate::base::Span::from_secs(60),
        outlives_rollback: false,
    };
    for affinity in [None, Some(affinity)] {
        let mut splitter = Splitter::new(Split::Random, Rules::default(), affinity, 0);
        let mut stream = Stream::seed_from_u64(4);
        let mut bare = stream.clone();
        let mut memory = Memory::default();
        for number in 0..100 {
            let request = Request {
                matched: number % 3 == 0,
                ..request_of(number % 2, 0)
            };
            splitter.choose(&request, &only_canary(0.3), 0.0, &mut memory, &mut stream);
            let _: f64 = bare.random();
            assert_eq!(stream, bare);
        }
    }
}
