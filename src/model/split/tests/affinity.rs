//! Cookies: what they outrank, how long they last, and what they do to a weight.

use rand::{RngExt, SeedableRng};

use super::*;
use crate::base::{Span, Stream};

const DAY: f64 = 86_400.0;

fn affinity(precedence: Precedence) -> Affinity {
    Affinity {
        precedence,
        lifetime: Span::from_secs(86_400),
        outlives_rollback: false,
    }
}

fn sticky(split: Split, affinity: Affinity) -> Splitter {
    Splitter::new(split, Rules::default(), Some(affinity), 0)
}

/// Where one request goes at a weight, and the cookie afterwards.
fn once(
    affinity: Affinity,
    cookie: Option<Side>,
    change: impl Fn(&mut Request),
    weights: Weights,
) -> (Side, Option<Side>) {
    let mut memory = Memory::default();
    if let Some(side) = cookie {
        memory.keep(side, DAY);
    }
    // Users in turn: with one request the weight alone decides, at least half is the canary's.
    let mut request = Request {
        place: 0.5,
        ..request_of(1, 0)
    };
    change(&mut request);
    let mut splitter = sticky(Split::UserHash, affinity);
    let mut stream = Stream::seed_from_u64(0);
    let side = splitter.choose(&request, &weights, 0.0, &mut memory, &mut stream);
    (side, memory.cookie(0.0))
}

#[test]
fn cookies_and_rules_take_precedence_as_documented() {
    use Precedence::{AffinityFirst, Both, CanaryOnly};
    use Side::{Canary, Stable};
    // Precedence, cookie, whether a rule matches, weight in percent, then where it goes and the
    // cookie afterwards. The user's own place is in the middle.
    let cases = [
        // Nobody has said anything: the weight decides, and marks whom it may.
        (CanaryOnly, None, false, 40, Stable, None),
        (CanaryOnly, None, false, 60, Canary, Some(Canary)),
        (Both, None, false, 40, Stable, Some(Stable)),
        (Both, None, false, 60, Canary, Some(Canary)),
        (AffinityFirst, None, false, 40, Stable, Some(Stable)),
        (AffinityFirst, None, false, 60, Canary, Some(Canary)),
        // The cookie outranks the weight.
        (CanaryOnly, Some(Canary), false, 40, Canary, Some(Canary)),
        (Both, Some(Canary), false, 40, Canary, Some(Canary)),
        (Both, Some(Stable), false, 60, Stable, Some(Stable)),
        (Both, Some(Stable), false, 99, Stable, Some(Stable)),
        (AffinityFirst, Some(Stable), false, 60, Stable, Some(Stable)),
        (AffinityFirst, Some(Canary), false, 40, Canary, Some(Canary)),
        // A rule outranks the weight, and stable's cookie unless that comes first.
        (CanaryOnly, None, true, 1, Canary, None),
        (Both, None, true, 1, Canary, None),
        (Both, Some(Stable), true, 1, Canary, Some(Stable)),
        (AffinityFirst, None, true, 1, Canary, Some(Canary)),
        (AffinityFirst, Some(Stable), true, 1, Stable, Some(Stable)),
        (AffinityFirst, Some(Stable), true, 99, Stable, Some(Stable)),
        (AffinityFirst, Some(Canary), true, 1, Canary, Some(Canary)),
        // Nothing leads to a canary at weight zero, and its cookies are void.
        (CanaryOnly, Some(Canary), true, 0, Stable, None),
        (Both, Some(Canary), false, 0, Stable, Some(Stable)),
        (AffinityFirst, Some(Canary), true, 0, Stable, Some(Stable)),
        // Stable is gone when the canary has everything.
        (Both, Some(Stable), false, 100, Canary, Some(Canary)),
        (
            AffinityFirst,
            Some(Stable),
            false,
            100,
            Canary,
            Some(Canary),
        ),
    ];
    for (precedence, cookie, matched, percent, side, after) in cases {
        let weights = only_canary(f64::from(percent) / 100.0);
        let found = once(
            affinity(precedence),
            cookie,
            |request| request.matched = matched,
            weights,
        );
        let case = (precedence, cookie, matched, percent);
        assert_eq!(found, (side, after), "{case:?}");
    }
}

#[test]
fn a_rule_without_affinity_leads_to_a_canary_that_has_traffic() {
    let mut splitter = plain(Split::UserHash, 0);
    let mut stream = Stream::seed_from_u64(0);
    for (share, side) in [(0.0, Side::Stable), (0.01, Side::Canary)] {
        let request = Request {
            matched: true,
            place: 0.5,
            ..request_of(1, 0)
        };
        let memory = &mut Memory::default();
        let found = splitter.choose(&request, &only_canary(share), 0.0, memory, &mut stream);
        assert_eq!(found, side);
    }
}

#[test]
fn a_cookie_may_outlive_a_rollback() {
    for precedence in [
        Precedence::CanaryOnly,
        Precedence::Both,
        Precedence::AffinityFirst,
    ] {
        let outliving = Affinity {
            outlives_rollback: true,
            ..affinity(precedence)
        };
        let found = once(outliving, Some(Side::Canary), |_| {}, Weights::default());
        assert_eq!(found, (Side::Canary, Some(Side::Canary)), "{precedence:?}");
    }
}

#[test]
fn who_keeps_no_cookies_never_holds_one() {
    for precedence in [
        Precedence::CanaryOnly,
        Precedence::Both,
        Precedence::AffinityFirst,
    ] {
        let forgetful = |request: &mut Request| request.cookies = false;
        let affinity = affinity(precedence);
        let (side, cookie) = once(affinity, None, forgetful, only_canary(0.6));
        assert_eq!((side, cookie), (Side::Canary, None));
        // Somebody else's cookie in the same memory does not count.
        let (side, _) = once(affinity, Some(Side::Stable), forgetful, only_canary(0.6));
        assert_eq!(side, Side::Canary);
    }
}

#[test]
fn a_cookie_expires_a_lifetime_after_its_first_setting() {
    let mut splitter = sticky(Split::UserHash, affinity(Precedence::Both));
    let mut stream = Stream::seed_from_u64(0);
    let mut memory = Memory::default();
    let request = Request {
        place: 0.5,
        ..request_of(1, 0)
    };
    let mut choose =
        |share, now| splitter.choose(&request, &only_canary(share), now, &mut memory, &mut stream);
    assert_eq!(choose(0.4, 10.0), Side::Stable);
    // Requests in between do not renew it.
    assert_eq!(choose(0.6, 0.9 * DAY), Side::Stable);
    assert_eq!(choose(0.6, DAY + 9.9), Side::Stable);
    assert_eq!(choose(0.6, DAY + 10.1), Side::Canary);
    assert_eq!(choose(0.4, 2.0 * DAY), Side::Canary);
}

#[test]
fn returning_users_bring_the_cookies_that_have_not_expired() {
    let both = affinity(Precedence::Both);
    let memory = Memory::returning(Side::Stable, DAY - 60.0, &both);
    assert_eq!(memory.cookie(59.0), Some(Side::Stable));
    assert_eq!(memory.cookie(61.0), None);
    assert_eq!(
        Memory::returning(Side::Stable, DAY, &both),
        Memory::default()
    );
    let canary_only = affinity(Precedence::CanaryOnly);
    let memory = Memory::returning(Side::Stable, 60.0, &canary_only);
    assert_eq!(memory, Memory::default());
}

#[test]
fn a_users_memory_is_small() {
    assert!(size_of::<Memory>() <= 8);
}

#[test]
fn the_baseline_has_cookies_of_its_own() {
    let rules = Rules {
        baseline: true,
        ..Rules::default()
    };
    let weights = Weights::of(0.3, &rules);
    let late = |request: &mut Request| request.place = 0.8;
    let both = affinity(Precedence::Both);
    assert_eq!(
        once(both, None, late, weights),
        (Side::Baseline, Some(Side::Baseline))
    );
    assert_eq!(
        once(both, Some(Side::Baseline), |_| {}, weights),
        (Side::Baseline, Some(Side::Baseline))
    );
    assert_eq!(
        once(both, Some(Side::Baseline), |_| {}, Weights::default()),
        (Side::Stable, Some(Side::Stable))
    );
    assert_eq!(
        once(affinity(Precedence::CanaryOnly), None, late, weights),
        (Side::Baseline, None)
    );
}

#[test]
fn a_ratchet_only_grows() {
    // 41, 65, 88 and 99.5 % after 5, 10, 20 and 50 requests at 10 %.
    for (requests, percent) in [(5.0, 41.0), (10.0, 65.1), (20.0, 87.8), (50.0, 99.5)] {
        let found: f64 = 100.0 * ratchet(0.1, requests);
        assert!((found - percent).abs() < 0.05, "{requests}: {found}");
    }
    assert_eq!((ratchet(0.0, 9.0), ratchet(1.0, 9.0)), (0.0, 1.0));
    const USERS: u32 = 20_000;
    let mut splitter = sticky(Split::Random, affinity(Precedence::CanaryOnly));
    let mut stream = Stream::seed_from_u64(5);
    let mut memories = vec![Memory::default(); USERS as usize];
    for requests in 1..=20 {
        let mut canary = 0;
        for (user, memory) in (0..USERS).zip(&mut memories) {
            let request = request_of(user, 0);
            let side = splitter.choose(&request, &only_canary(0.1), 0.0, memory, &mut stream);
            canary += u32::from(side == Side::Canary);
        }
        let expected = ratchet(0.1, f64::from(requests));
        let error = (expected * (1.0 - expected) / f64::from(USERS)).sqrt();
        let found = f64::from(canary) / f64::from(USERS);
        // A level of 1e-4 for all twenty together.
        assert!(
            (found - expected).abs() < 4.5 * error,
            "{requests}: {found}"
        );
    }
}

#[test]
fn exponential_sessions_come_to_the_canary_with_their_mean() {
    const SLOTS: usize = 40_000;
    const MEAN: f64 = 600.0;
    const SHARE: f64 = 0.2;
    let mut splitter = sticky(Split::Random, affinity(Precedence::Both));
    let mut stream = Stream::seed_from_u64(6);
    let length = |stream: &mut Stream| -MEAN * (1.0 - stream.random::<f64>()).ln();
    // In each slot one session follows another, sending requests steadily: who is asked at an
    // instant is a request of that instant. At the start all are stable's.
    let mut slots: Vec<(Memory, f64)> = (0..SLOTS)
        .map(|user| {
            let mut memory = Memory::default();
            let request = request_of(user as u32, 0);
            let weights = Weights::default();
            splitter.choose(&request, &weights, 0.0, &mut memory, &mut stream);
            (memory, length(&mut stream))
        })
        .collect();
    for now in [60.0, 150.0, 300.0, 600.0, 1_200.0, 3_000.0] {
        let mut canary = 0.0;
        for (user, (memory, end)) in slots.iter_mut().enumerate() {
            while *end < now {
                *memory = Memory::default();
                *end += length(&mut stream);
            }
            let request = request_of(user as u32, 0);
            let side = splitter.choose(&request, &only_canary(SHARE), now, memory, &mut stream);
            canary += f64::from(u8::from(side == Side::Canary));
        }
        let found = canary / SLOTS as f64;
        let settled = settled(Span::from_secs_f64(now), Span::from_secs_f64(MEAN));
        let expected = SHARE * settled;
        let error = (expected * (1.0 - expected) / SLOTS as f64).sqrt();
        // A level of 1e-4 for all six together.
        assert!(
            (found - expected).abs() < 4.2 * error,
            "{now}: {found} {expected}"
        );
    }
}

#[test]
fn long_cookies_keep_returning_users_from_the_canary() {
    // Cookies of 48 h, of every age alike: in an hour one user in 48 draws again, and a fifth of
    // these meets the canary: 0.4 % of returning users.
    let both = Affinity {
        lifetime: Span::from_secs(48 * 3_600),
        ..affinity(Precedence::Both)
    };
    const USERS: u32 = 48_000;
    let mut splitter = sticky(Split::UserHash, both);
    let mut stream = Stream::seed_from_u64(7);
    let mut canary = 0;
    for user in 0..USERS {
        let age = f64::from(user) * 3.6 + 1.0;
        let mut memory = Memory::returning(Side::Stable, age, &both);
        let request = request_of(user, 3);
        let weights = only_canary(0.2);
        let side = splitter.choose(&request, &weights, 3_600.0, &mut memory, &mut stream);
        canary += u32::from(side == Side::Canary);
    }
    // 1,000 users draw: 200 with a standard deviation of 12.6.
    assert!(canary.abs_diff(200) < 55, "{canary}");
}
