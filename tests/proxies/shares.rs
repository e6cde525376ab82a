//! Whether the split is what was asked for: counts of real requests against the binomial law.

use coalmine::engine::live::options::Proxy;
use coalmine::model::split::{Split, Weights};
use coalmine::stats::normal_upper;
use coalmine::telemetry::Version;

use super::client::{Client, crowd_of};
use super::installed;
use super::stage::{GRACE, Stage, percent};

const REQUESTS: u64 = 20_000;

/// How many standard errors the canary's count lies off its share; every request is counted at the
/// client and at the backends, which must agree.
fn deviation(
    stage: &Stage,
    proxy: &coalmine::engine::live::proxies::ExternalSplitter,
    canary: f64,
) -> f64 {
    let before = Version::ALL.map(|version| stage.answered(version));
    proxy.set_weights(percent(canary)).unwrap();
    let clients = crowd_of(proxy.address(), 16, REQUESTS);
    let of = |name| clients.iter().map(|client| client.of(name)).sum::<u64>();
    let counts = [of("stable"), of("canary"), of("baseline")];
    let after = Version::ALL.map(|version| stage.answered(version));
    let served: Vec<u64> = after
        .iter()
        .zip(before)
        .map(|(after, before)| after - before)
        .collect();
    assert_eq!(served, counts, "what backends answered is what clients saw");
    let (share, n) = (canary / 100.0, REQUESTS as f64);
    (counts[1] as f64 - n * share) / (n * share * (1.0 - share)).sqrt()
}

/// At three weights the share is within three standard errors. With 10,000 honest splits 81 would
/// fail one of three such tests, so a fourth standard error is granted to one that fails: chance
/// then fails 2 in 10,000.
fn share_is_met(kind: Proxy, split: Split) {
    let Some(program) = installed(kind) else {
        return;
    };
    let stage = Stage::new([3, 2, 0]);
    let proxy = stage.proxy(kind, &program, |world| world.split = split);
    for canary in [1.0, 5.0, 50.0] {
        let z = deviation(&stage, &proxy, canary);
        let again = || deviation(&stage, &proxy, canary);
        assert!(
            z.abs() <= 3.0 || again().abs() <= 3.0,
            "{canary} %: {z} standard errors"
        );
    }
    proxy.stop(GRACE);
}

#[test]
fn nginx_meets_the_share_at_random() {
    share_is_met(Proxy::Nginx, Split::Random);
}

#[test]
fn envoy_meets_the_share_at_random() {
    share_is_met(Proxy::Envoy, Split::Random);
}

#[test]
fn haproxy_at_random_is_biased_and_a_sample_ratio_check_says_so() {
    let Some(program) = installed(Proxy::Haproxy) else {
        return;
    };
    let stage = Stage::new([1, 1, 0]);
    let proxy = stage.proxy(Proxy::Haproxy, &program, |_| {});
    // Known of 2.6 (random(1), one server of each): 10.5 % for 10 %, 27.4 % for 25 %, 52.7 % for 50 %.
    let worst = [10.0, 25.0, 50.0].map(|canary| deviation(&stage, &proxy, canary).abs());
    let worst = worst.into_iter().fold(0.0, f64::max);
    let p = 2.0 * normal_upper(worst);
    // Three looks; a fair split shows as much once in 10,000 runs.
    assert!(p < 1e-4 / 3.0, "no bias: z {worst}, p {p}");
    proxy.stop(GRACE);
}

/// One after another, so that turns can be told: the canary's count is exact.
fn share_is_exact(kind: Proxy, split: Split) {
    let Some(program) = installed(kind) else {
        return;
    };
    let stage = Stage::new([3, 2, 0]);
    let proxy = stage.proxy(kind, &program, |world| world.split = split);
    for (canary, requests, wanted) in [(5.0, 2_000, 100), (2.5, 2_000, 50), (50.0, 1_000, 500)] {
        proxy.set_weights(percent(canary)).unwrap();
        let mut client = Client::new(proxy.address());
        client.ask_often(requests);
        let found = client.of("canary");
        // An order may begin in the middle of a turn; HAProxy's workers take turns of their own.
        assert!(
            found.abs_diff(wanted) <= 4,
            "{canary} %: {found} of {requests}"
        );
    }
    proxy.stop(GRACE);
}

#[test]
fn nginx_takes_turns() {
    share_is_exact(Proxy::Nginx, Split::RoundRobin);
}

#[test]
fn haproxy_takes_turns() {
    share_is_exact(Proxy::Haproxy, Split::Even);
}

/// A baseline gets what it is given, and stable the rest.
fn baseline_has_its_share(kind: Proxy) {
    let Some(program) = installed(kind) else {
        return;
    };
    let stage = Stage::new([2, 1, 1]);
    let proxy = stage.proxy(kind, &program, |world| {
        world.rules.baseline = true;
        // Counts of turns are exact where there are turns.
        if kind == Proxy::Haproxy {
            world.split = Split::Even;
        }
    });
    let applied = proxy.set_weights(Weights {
        canary: 0.2,
        baseline: 0.2,
    });
    let shares = applied.unwrap().shares;
    let near = shares
        .iter()
        .zip([0.6, 0.2, 0.2])
        .all(|(share, wanted)| (share - wanted).abs() < 1e-9);
    assert!(near, "{shares:?}");
    let mut client = Client::new(proxy.address());
    client.ask_often(2_000);
    // Four standard errors of 400 in 2,000 are 72.
    for version in ["canary", "baseline"] {
        assert!(
            client.of(version).abs_diff(400) <= 72,
            "{:?}",
            client.answers
        );
    }
    assert_eq!(stage.answered(Version::Baseline), client.of("baseline"));
    proxy.stop(GRACE);
}

#[test]
fn nginx_gives_the_baseline_its_share() {
    baseline_has_its_share(Proxy::Nginx);
}

#[test]
fn haproxy_gives_the_baseline_its_share() {
    baseline_has_its_share(Proxy::Haproxy);
}

#[test]
fn envoy_gives_the_baseline_its_share() {
    baseline_has_its_share(Proxy::Envoy);
}

/// A user stays where the hash points, and a growing weight only adds users.
fn users_stay(kind: Proxy, split: Split) {
    let Some(program) = installed(kind) else {
        return;
    };
    const USERS: u64 = 400;
    let stage = Stage::new([2, 2, 0]);
    let proxy = stage.proxy(kind, &program, |world| world.split = split);
    let on_canary = |canary: f64| {
        proxy.set_weights(percent(canary)).unwrap();
        let mut client = Client::new(proxy.address());
        let mut users = Vec::new();
        for user in 0..USERS {
            let mut versions = (0..3).map(|_| {
                let answer = client.ask(&format!("x-user: {user}\r\n")).unwrap();
                answer.version
            });
            let first = versions.next().unwrap();
            assert!(
                versions.all(|version| version == first),
                "user {user} moves"
            );
            if first == "canary" {
                users.push(user);
            }
        }
        users
    };
    let (few, many) = (on_canary(10.0), on_canary(40.0));
    // The hashes are fixed, so this is no test of chance: four standard errors are 24 and 39.
    assert!(
        few.len().abs_diff(40) <= 24 && many.len().abs_diff(160) <= 39,
        "{few:?} {many:?}"
    );
    if split != Split::RingHash {
        assert!(
            few.iter().all(|user| many.contains(user)),
            "{few:?} {many:?}"
        );
    }
    proxy.stop(GRACE);
}

#[test]
fn nginx_keeps_users_by_their_hash() {
    users_stay(Proxy::Nginx, Split::UserHash);
    users_stay(Proxy::Nginx, Split::SplitClients);
}

#[test]
fn haproxy_keeps_users_on_its_ring() {
    users_stay(Proxy::Haproxy, Split::RingHash);
}

#[test]
fn envoy_keeps_users_by_their_hash() {
    users_stay(Proxy::Envoy, Split::UserHash);
}
