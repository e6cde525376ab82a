//! Faults of instances: they crash, restart, do not come up, warm up and are placed badly.

use coalmine::telemetry::Version;

use super::{
    all, assert_distribution, assert_mean, assert_near, assert_share, failures, held,
    mean_and_error, mean_latency, once, played, successes, watch,
};

/// A canary with one instance that gets all of 50 requests a second.
fn canary(latency: &str, more: &str, fault: &str, telemetry: &str) -> String {
    format!(
        "[traffic]\nrate = \"50/s\"\n[stable]\nlatency = {{ fixed = \"{latency}\" }}\nerrors = \"0%\"\n\
         [canary]\ninstances = 1\n{more}\n[[canary.faults]]\n{fault}\n[telemetry]\n{telemetry}"
    )
}

/// Seconds in which the caller saw nothing but failures, one run of them after another, and when each
/// began.
fn outages(scenario: &coalmine::scenario::Scenario, replicate: u64) -> Vec<(f64, f64)> {
    let mut runs: Vec<(f64, f64)> = Vec::new();
    let (mut before, mut down) = ((0, 0), false);
    watch(scenario, replicate, |tick| {
        let counters = tick.telemetry.counters(Version::Canary);
        let now = (successes(counters), failures(counters));
        let (good, bad) = (now.0 - before.0, now.1 - before.1);
        before = now;
        let share = bad as f64 / (good + bad).max(1) as f64;
        let at = tick.now.as_secs_f64();
        if bad > 0 && !down {
            runs.push((at - share, 0.0));
        }
        down = bad > 0;
        if let Some(last) = runs.last_mut() {
            last.1 += share;
        }
    });
    runs
}

const CRASH: &str = "kind = \"crash-loop\"\nmean_time = \"60s\"";
const CLIENT: &str = "scrape = \"exact\"\nreporter = \"client\"";

#[test]
fn crashes_come_exponentially_and_last_longer_each_time() {
    let world = canary("1us", "", CRASH, CLIENT);
    let scenario = held(&world, 100.0, 900, 1);
    let mut first = Vec::new();
    let mut second = Vec::new();
    for replicate in 0..120 {
        let runs = outages(&scenario, replicate);
        let Some(&(begin, length)) = runs.first() else {
            panic!("nobody lives 900 s: once in 3,000,000");
        };
        first.push(begin);
        // Of a second with the end of one outage and the beginning of the next we learn too little.
        if length < 11.5 {
            assert_near(length, 10.0, 0.6);
            if let Some(&(again, length)) = runs.get(1) {
                second.push(again - begin - 10.0);
                if length < 25.0 && again < 850.0 {
                    assert_near(length, 20.0, 0.6);
                }
            }
        }
    }
    assert_distribution(&mut first, |q| -60.0 * (1.0 - q).ln());
    assert!(second.len() > 100);
    assert_mean(&second, 60.0, 1.0);
}

#[test]
fn a_crash_takes_what_was_not_scraped_with_it() {
    // Scraped every 30 s: of a life cut at a random instant, half an interval is lost.
    let fault = "kind = \"crash-loop\"\nmean_time = \"3000s\"";
    let server = "scrape = \"30s\"\nphase = \"0s\"";
    let client = format!("{server}\nreporter = \"client\"");
    let seen = |telemetry: &str| {
        let world = canary("1us", "", fault, telemetry);
        // A day, about 27 crashes each.
        played(
            &held(&world.replace("50/s", "2/s"), 100.0, 90_000, 30_000),
            12,
        )
    };
    let (server, client) = (seen(server), seen(&client));
    let mut lost = Vec::new();
    let mut crashes = 0;
    for (server, client) in server.iter().zip(&client) {
        // Same seed, same answers: who counts changes nothing.
        assert_eq!(server.trial.canary_requests, client.trial.canary_requests);
        assert_eq!(all(&client.canary), client.trial.canary_requests);
        assert_eq!(failures(&server.canary), 0);
        lost.push((successes(&client.canary) - successes(&server.canary)) as f64);
        // Outages of 10, 20, 40 s and so on tell how many crashes there were.
        let mut down = failures(&client.canary) as f64 / 2.0;
        let mut pause = 10.0_f64;
        while down > pause / 2.0 {
            crashes += 1;
            down -= pause;
            pause = (2.0 * pause).min(300.0);
        }
    }
    assert!((220..=430).contains(&crashes), "{crashes}");
    // Uniform from 0 to 60 requests for each crash: 30 with a standard deviation of 18.
    let all_lost: f64 = lost.iter().sum();
    let error = 18.0 / f64::from(crashes).sqrt();
    assert_near(all_lost / f64::from(crashes), 30.0, 4.4 * error);
}

#[test]
fn only_some_instances_crash() {
    // Half of four: at most half of the requests are ever refused, and soon about half are.
    let fault = format!("{CRASH}\ninstances = \"50%\"");
    let world = canary("1us", "", &fault, CLIENT).replace("instances = 1", "instances = 4");
    let seen = once(&held(&world, 100.0, 20_000, 20_000));
    let share = failures(&seen.canary) as f64 / all(&seen.canary) as f64;
    // 300 s down for 60 s up, once the pauses are long.
    assert_near(share, 0.5 * 300.0 / 360.0, 0.06);
}

#[test]
fn an_instance_that_loses_memory_restarts_when_the_heap_is_full() {
    // 332 MiB at 256 KiB each are 1,328 requests, 26.6 s; then 30 s without answers.
    let fault = "kind = \"memory-leak\"\nper_request = \"256KiB\"";
    let world = canary("1us", "", fault, CLIENT);
    let scenario = held(&world, 100.0, 400, 1);
    let mut alive = Vec::new();
    let (mut before, mut last) = ((0, 0), 0);
    watch(&scenario, 0, |tick| {
        let counters = tick.telemetry.counters(Version::Canary);
        let now = (successes(counters), failures(counters));
        if now.1 > before.1 && now.0 != last {
            alive.push(now.0 - last);
            last = now.0;
        }
        before = now;
    });
    // The first second of an outage may begin with answers, and its last end with some.
    assert!(alive.len() >= 6, "{alive:?}");
    let whole: u64 = alive.iter().sum();
    let cycles = whole as f64 / 1_328.0;
    assert_near(cycles, cycles.round(), 0.05);
    let runs = outages(&scenario, 0);
    for (_, length) in &runs[..runs.len() - 1] {
        assert_near(*length, 30.0, 0.6);
    }
    // The server does not count the refused ones.
    let server = once(&held(
        &canary("1us", "", fault, "scrape = \"exact\""),
        100.0,
        400,
        400,
    ));
    assert_eq!(failures(&server.canary), 0);
}

#[test]
fn a_fuller_heap_is_slower() {
    let fault = "kind = \"memory-leak\"\nper_request = \"2KiB\"";
    let world = canary("100ms", "", fault, "scrape = \"exact\"");
    let scenario = held(&world, 100.0, 3_000, 300);
    let mut means = Vec::new();
    let mut before = (0.0, 0);
    watch(&scenario, 0, |tick| {
        let counters = tick.telemetry.counters(Version::Canary);
        let now = (counters.seconds.iter().sum::<f64>(), all(counters));
        if now.1 > before.1 {
            means.push((now.0 - before.0) / (now.1 - before.1) as f64);
        }
        before = now;
    });
    assert!(means.is_sorted() && means.len() == 10, "{means:?}");
    // The collector's share of the time is 0.1 times what is in use over what is free, 0.95 at most:
    // 180 MiB are in use at first, and 2 KiB more with each request.
    let slow = |used: f64| 1.0 / (1.0 - (0.1 * used / (512.0 - used)).min(0.95));
    let expected = |interval: u32| {
        let of: f64 = (0..15_000)
            .map(|k| slow(180.0 + f64::from(15_000 * interval + k) / 512.0))
            .sum();
        of / 15_000.0 / slow(180.0) * 0.1
    };
    for interval in [0, 4, 8, 9] {
        assert_near(means[interval as usize] / expected(interval), 1.0, 0.05);
    }
}

#[test]
fn instances_that_do_not_come_up_get_nothing() {
    let fault = "kind = \"failed-start\"\nprobability = \"100%\"";
    let seen = once(&held(&canary("1us", "", fault, CLIENT), 50.0, 600, 600));
    assert_eq!(all(&seen.canary), 0);
    // Nobody is refused: the balancer sends all to stable.
    assert_eq!(failures(&seen.stable), 0);
    assert_near(all(&seen.stable) as f64 / 30_000.0, 1.0, 0.03);
    // Late, but there.
    let late = format!("{fault}\ndelay = \"200s\"");
    let scenario = held(&canary("1us", "", &late, CLIENT), 50.0, 600, 200);
    let mut counts = Vec::new();
    watch(&scenario, 0, |tick| {
        counts.push(all(tick.telemetry.counters(Version::Canary)));
    });
    assert_eq!(counts[..2], [0, 0]);
    assert_share(counts[3], 20_000, 0.5);
    // Two instances that come up or not: nobody in one rollout out of four.
    let half = fault.replace("100%", "50%");
    let world = canary("1us", "", &half, CLIENT).replace("instances = 1", "instances = 2");
    let none = played(&held(&world, 50.0, 10, 10), 800);
    let none = none.iter().filter(|seen| all(&seen.canary) == 0).count();
    assert_share(none as u64, 800, 0.25);
    // The same two where only one can fail: always somebody is there.
    let some = format!("{fault}\ninstances = \"50%\"");
    let world = canary("1us", "", &some, CLIENT).replace("instances = 1", "instances = 2");
    for seen in played(&held(&world, 50.0, 10, 10), 20) {
        assert!(all(&seen.canary) > 0);
    }
}

#[test]
fn new_instances_warm_up_with_the_requests_they_get() {
    let fault = "kind = \"errors\"\nprobability = \"1%\"";
    let fleet = "warm_up = { factor = 5, requests = 2000 }";
    let world = canary("100ms", fleet, fault, "scrape = \"exact\"");
    for (percent, requests) in [(5.0, 5_000_u64), (50.0, 5_000)] {
        let seconds = (requests as f64 / (50.0 * percent / 100.0)) as u64;
        let seen = once(&held(&world, percent, seconds, seconds));
        let n = all(&seen.canary) as f64;
        // The mean of 1 + 4 exp(-k / 2000) over n requests.
        let expected = 1.0 + 4.0 * 2_000.0 * (1.0 - (-n / 2_000.0).exp()) / n;
        assert_near(mean_latency(&seen.canary) / 0.1 / expected, 1.0, 0.005);
        assert_near(mean_latency(&seen.stable), 0.1, 1e-9);
    }
    let cache = "cache = { cold = \"100%\", warm = \"5%\", requests = 2000, decay = 0.5, miss = \"900ms\" }";
    let world = canary("100ms", cache, fault, "scrape = \"exact\"");
    let seen = once(&held(&world, 50.0, 400, 400));
    let n = all(&seen.canary);
    let misses: f64 = (0..n)
        .map(|k| 0.05 + 0.95 * (1.0 + k as f64 / 2_000.0).powf(-0.5))
        .sum();
    let found = (mean_latency(&seen.canary) - 0.1) / 0.9 * n as f64;
    assert_near(found, misses, 4.4 * (n as f64 / 4.0).sqrt());
}

#[test]
fn an_instance_keeps_the_place_that_it_was_given() {
    let fault = "kind = \"errors\"\nprobability = \"1%\"";
    let fleet = "placement = { spread = \"7%\", second_mode = 1.4, unlucky = \"0%\" }";
    let world = canary("100ms", fleet, fault, "scrape = \"exact\"");
    let seen = played(&held(&world, 50.0, 20, 20), 600);
    let factors: Vec<f64> = seen
        .iter()
        .map(|seen| mean_latency(&seen.canary) / 0.1)
        .collect();
    let logs: Vec<f64> = factors.iter().map(|factor| factor.ln()).collect();
    let (mean, error) = mean_and_error(&logs);
    assert_near(mean, 0.0, 4.4 * error);
    // The standard error of a standard deviation is that over sqrt(2 n).
    let spread = error * 600.0_f64.sqrt();
    assert_near(spread / 0.07, 1.0, 4.4 / 1_200.0_f64.sqrt());
    // One good release in four is more than 5 % slower, however long one looks.
    let slower = factors.iter().filter(|factor| **factor > 1.05).count();
    let expected = coalmine::stats::normal_upper(1.05_f64.ln() / 0.07);
    assert_share(slower as u64, 600, expected);
}
