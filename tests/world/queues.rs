//! Instances that make requests wait: textbook queues, measured through the counters.

use coalmine::telemetry::{Counters, Version};

use super::{all, assert_near, failures, held, mean_latency, once, watch};

/// Mean service time in seconds.
const SERVICE: f64 = 0.1;

/// All traffic on one instance of the canary, with so many workers, used to a share `load`.
fn one_instance(latency: &str, load: f64, workers: u32, more: &str, requests: f64) -> Counters {
    let rate = load * f64::from(workers) / SERVICE;
    // From a hundredth of the service time to a hundred times, 3.7 % from one bound to the next.
    let bounds: Vec<String> = (0..=250)
        .map(|k| format!("{:.6}", SERVICE * 10.0 * 10_f64.powf(f64::from(k) / 62.5)))
        .collect();
    let world = format!(
        "[traffic]\nrate = \"{rate}/s\"\n[stable]\nlatency = {latency}\nerrors = \"0%\"\nworkers = {workers}\n{more}\n\
         [telemetry]\nscrape = \"exact\"\nbuckets = {{ ms = [{}] }}",
        bounds.join(", ")
    );
    let seconds = (requests / rate) as u64;
    once(&held(&world, 100.0, seconds, seconds)).canary
}

/// The chance to wait in M/M/c (Erlang C).
fn erlang_c(workers: u32, load: f64) -> f64 {
    let offered = load * f64::from(workers);
    let mut blocked = 1.0;
    for k in 1..=workers {
        blocked = offered * blocked / (f64::from(k) + offered * blocked);
    }
    blocked / (1.0 - load + load * blocked)
}

/// The quantile in seconds, between the bounds of its bucket.
fn quantile(counters: &Counters, q: f64) -> f64 {
    let bound = |k: usize| SERVICE * 0.01 * 10_f64.powf(k as f64 / 62.5);
    let width = counters.buckets.len() / 2;
    let mut left = q * all(counters) as f64;
    for bucket in 0..width {
        let here = (counters.buckets[bucket] + counters.buckets[width + bucket]) as f64;
        if left <= here && bucket > 0 {
            return bound(bucket - 1) + (bound(bucket) - bound(bucket - 1)) * left / here;
        }
        left -= here;
    }
    panic!("no quantile");
}

#[test]
fn many_workers_of_one_queue_take_as_long_as_erlang_says() {
    // Workers, load, and mean and p99 in service times as the table of the literature has them.
    for (workers, load, mean, p99, requests) in [
        (1, 0.5, 2.0, 9.2, 4e5),
        (1, 0.7, 3.33, 15.35, 1.2e6),
        (4, 0.5, 1.09, 4.8, 3e5),
        (4, 0.7, 1.36, 5.5, 3e5),
        (4, 0.8, 1.75, 6.9, 6e5),
        (16, 0.8, 1.10, 4.7, 3e5),
        (64, 0.9, 1.05, 4.7, 3e5),
    ] {
        let counters = one_instance("{ exponential = \"100ms\" }", load, workers, "", requests);
        let found = mean_latency(&counters) / SERVICE;
        let wait = erlang_c(workers, load) / (f64::from(workers) * (1.0 - load));
        assert_near(1.0 + wait, mean, 0.006);
        // Asymptotic standard errors are at most 0.6 %.
        assert_near(found / (1.0 + wait), 1.0, 0.02);
        let found = quantile(&counters, 0.99) / SERVICE;
        assert_near(found / p99, 1.0, 0.035);
    }
}

#[test]
fn one_worker_makes_longer_work_wait_longer() {
    // Pollaczek and Khinchine: load (1 + CV²) / (2 (1 - load)) service times of waiting.
    for (latency, cv2) in [
        ("{ fixed = \"100ms\" }", 0.0),
        ("{ gamma = { mean = \"100ms\", shape = 2 } }", 0.5),
        ("{ exponential = \"100ms\" }", 1.0),
        ("{ gamma = { mean = \"100ms\", shape = 0.5 } }", 2.0),
    ] {
        let load = 0.5;
        let counters = one_instance(latency, load, 1, "", 1e6);
        let expected = 1.0 + load * (1.0 + cv2) / (2.0 * (1.0 - load));
        assert_near(mean_latency(&counters) / SERVICE / expected, 1.0, 0.02);
    }
}

#[test]
fn shared_workers_do_not_care_for_the_shape_of_work() {
    for latency in [
        "{ fixed = \"100ms\" }",
        "{ exponential = \"100ms\" }",
        "{ gamma = { mean = \"100ms\", shape = 0.33333333 } }",
    ] {
        let counters = one_instance(latency, 0.6, 1, "discipline = \"sharing\"", 6e5);
        assert_near(mean_latency(&counters) / SERVICE * (1.0 - 0.6), 1.0, 0.02);
    }
}

#[test]
fn full_queues_turn_requests_away() {
    // Nobody may wait: Erlang B for 4 workers at a load of 0.8.
    let mut blocked = 1.0;
    for k in 1..=4 {
        blocked = 3.2 * blocked / (f64::from(k) + 3.2 * blocked);
    }
    let counters = one_instance("{ exponential = \"100ms\" }", 0.8, 4, "queue = 0", 3e5);
    // Refusals come together: three times the binomial error at most.
    let found = failures(&counters) as f64 / all(&counters) as f64;
    assert_near(
        found,
        blocked,
        4.4 * 3.0 * (blocked * (1.0 - blocked) / 3e5).sqrt(),
    );
    // One worker and three places: r^4 (1 - r) / (1 - r^5).
    let counters = one_instance("{ exponential = \"100ms\" }", 0.8, 1, "queue = 3", 3e5);
    let expected = 0.8_f64.powi(4) * 0.2 / (1.0 - 0.8_f64.powi(5));
    let found = failures(&counters) as f64 / all(&counters) as f64;
    assert_near(found, expected, 4.4 * 3.0 * (expected / 3e5).sqrt());
}

#[test]
fn who_waits_too_long_gets_a_failure() {
    // M/M/1 at 0.5: the time in the system is exponential with mean 0.2 s.
    let more = "timeout = \"400ms\"";
    let counters = one_instance("{ exponential = \"100ms\" }", 0.5, 1, more, 5e5);
    let found = failures(&counters) as f64 / all(&counters) as f64;
    assert_near(found, (-2.0_f64).exp(), 0.006);
    // Answers that are given up lie at the timeout.
    let width = counters.buckets.len() / 2;
    let late: u64 = counters.buckets[width..].iter().sum();
    let most = counters.buckets[width..].iter().max().copied();
    assert_eq!(Some(late), most);
}

#[test]
fn more_work_and_fewer_workers_bend_the_curve() {
    let with = |fault: &str| {
        let world = format!(
            "[traffic]\nrate = \"16/s\"\n[stable]\nlatency = {{ exponential = \"100ms\" }}\nerrors = \"0%\"\n\
             workers = 4\n[[canary.faults]]\nkind = \"capacity\"\n{fault}\n[telemetry]\nscrape = \"exact\""
        );
        mean_latency(&once(&held(&world, 100.0, 40_000, 40_000)).canary) / SERVICE
    };
    let erlang = |workers: u32, load: f64| {
        1.0 + erlang_c(workers, load) / (f64::from(workers) * (1.0 - load))
    };
    // 640,000 requests: standard errors of at most 1 %.
    assert_near(with("work = 1.5") / (1.5 * erlang(4, 0.6)), 1.0, 0.02);
    assert_near(with("workers = 0.5") / erlang(2, 0.8), 1.0, 0.04);
    assert_near(
        with("work = 2\nonset = \"40000s\"") / erlang(4, 0.4),
        1.0,
        0.02,
    );
}

#[test]
fn shared_workers_answer_when_they_are_done() {
    // One session at a time on an idle instance, scraped once a minute: a second of thinking follows
    // each answer, so a session of 20 pages lasts 28.5 s, and in exp(-0.001 * 88.5) of all minutes
    // there is none. With one page a scrape it would last 20 minutes.
    let world = "[traffic]\nrate = \"0.02/s\"\nusers = 1000\n\
                 sessions = { single = \"0%\", pages = 20, embedded = 0, think = { fixed = \"1s\" } }\n\
                 [stable]\nlatency = { fixed = \"500ms\" }\nworkers = 4\nerrors = \"0%\"\ndiscipline = \"sharing\"\n\
                 [canary]\ninstances = 1\n[telemetry]\nscrape = \"60s\"";
    let (mut before, mut empty, mut minutes) = (0, 0, 0);
    watch(&held(world, 100.0, 180_000, 60), 0, |tick| {
        let now = all(tick.telemetry.counters(Version::Canary));
        minutes += 1;
        empty += u64::from(now == before);
        before = now;
    });
    assert!(before > 2_000);
    // A session empties two minutes at most, so minutes are not quite independent.
    assert_near(empty as f64 / f64::from(minutes), (-0.0885_f64).exp(), 0.04);
}
