//! What the mesh does with failures: it tries again, and leaves instances out.

use coalmine::telemetry::Version;

use super::{all, assert_near, assert_share, failures, held, mean_latency, once, successes, watch};

fn world(canary: &str, split: &str, telemetry: &str) -> String {
    format!(
        "[traffic]\nrate = \"100/s\"\nusers = 300\nzipf = 0\n\
         [stable]\nlatency = {{ fixed = \"20ms\" }}\nerrors = \"0%\"\ninstances = 9\n[canary]\ninstances = 1\n\
         {canary}\n[split]\n{split}\n[telemetry]\nscrape = \"exact\"\n{telemetry}"
    )
}

const CLIENT: &str = "reporter = \"client\"";

fn seen(canary: &str, split: &str, telemetry: &str) -> super::Seen {
    once(&held(&world(canary, split, telemetry), 50.0, 1_000, 1_000))
}

#[test]
fn retries_hide_failures_from_callers_and_add_load() {
    for (p, attempts) in [(0.2_f64, 2), (0.3, 2), (0.5, 1), (0.3, 4)] {
        let canary = format!("errors = \"{}%\"", p * 100.0);
        let split =
            format!("retries = {{ attempts = {attempts}, on = [\"errors\"], backoff = \"25ms\" }}");
        let client = seen(&canary, &split, CLIENT);
        let visible = p.powi(attempts + 1);
        assert_share(failures(&client.canary), all(&client.canary), visible);
        assert_eq!(failures(&client.stable), 0);
        assert_eq!(seen(&canary, &split, "").trial, client.trial);
        // The server sees every attempt, and its share of failures.
        let server = seen(&canary, &split, "");
        assert_share(failures(&server.canary), all(&server.canary), p);
        let mean = (1.0 - visible) / (1.0 - p);
        // The number of attempts is at most a geometric one: variance p / (1 - p)².
        let n = client.trial.canary_requests as f64;
        let error = (p / (1.0 - p).powi(2) / n).sqrt();
        assert_near(all(&server.canary) as f64 / n, mean, 4.4 * error);
        // Every attempt takes 20 ms, every one but the first 25 ms more.
        assert_near(
            mean_latency(&client.canary),
            0.02 * mean + 0.025 * (mean - 1.0),
            4.4 * 0.045 * error,
        );
        assert_near(mean_latency(&server.canary), 0.02, 1e-9);
    }
}

#[test]
fn what_is_not_retried_is_seen() {
    let faults = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"20%\"\n\
                  [[canary.faults]]\nkind = \"reset\"\nprobability = \"10%\"";
    let share = |on: &str| {
        let split = format!("retries = {{ attempts = 1, on = [{on}] }}");
        let seen = seen(faults, &split, CLIENT);
        (failures(&seen.canary), all(&seen.canary))
    };
    let (reset, error) = (0.1, 0.9 * 0.2);
    let once = reset + error;
    for (on, expected) in [
        ("\"errors\", \"resets\"", once * once),
        ("\"errors\"", reset + error * once),
        ("\"resets\"", error + reset * once),
    ] {
        let (hits, trials) = share(on);
        assert_share(hits, trials, expected);
    }
}

#[test]
fn a_budget_bounds_retries() {
    let split = "retries = { attempts = 3, on = [\"errors\"], budget = \"20%\" }";
    let server = seen("errors = \"100%\"", split, "");
    // Each request of either version allows for a fifth of a retry; the canary's all want three.
    let asked = server.trial.canary_requests + all(&server.stable);
    let retries = all(&server.canary) - server.trial.canary_requests;
    let share = retries as f64 / asked as f64;
    assert!((0.17..=0.2 + 1e-3).contains(&share), "{share}");
}

#[test]
fn an_attempt_that_takes_too_long_is_tried_again() {
    // One in ten hangs for 10 s, and is given up after 100 ms: 1 % fail, after 225 ms.
    let fault = "[[canary.faults]]\nkind = \"hang\"\nprobability = \"10%\"";
    let split = "retries = { attempts = 1, on = [\"resets\"], per_try_timeout = \"100ms\", backoff = \"25ms\" }";
    let telemetry = "reporter = \"client\"\nbuckets = { ms = [19, 21, 144, 146, 224, 226] }";
    let seen = seen(fault, split, telemetry);
    let requests = all(&seen.canary);
    assert_share(failures(&seen.canary), requests, 0.01);
    let rows: Vec<u64> = (0..7)
        .map(|k| seen.canary.buckets[k] + seen.canary.buckets[7 + k])
        .collect();
    assert_eq!(rows[1] + rows[3], successes(&seen.canary));
    assert_eq!(rows[5], failures(&seen.canary));
    assert_share(rows[3], requests, 0.09);
}

#[test]
fn an_instance_of_a_shared_pool_is_left_out_and_the_ratio_heals() {
    let split = "replicas = 9\nejection = { consecutive = 5, base = \"30s\", interval = \"10s\", most = \"10%\" }";
    let canary = "[[canary.faults]]\nkind = \"errors\"\nprobability = \"80%\"";
    let scenario = held(&world(canary, split, ""), 10.0, 1_000, 10);
    let (mut before, mut counts) = (0, Vec::new());
    watch(&scenario, 0, |tick| {
        let now = all(tick.telemetry.counters(Version::Canary));
        counts.push(now - before);
        before = now;
    });
    // 100 requests in 10 s at first, but eight of ten fail: (1 - p⁵) / (p⁵ (1 - p)) = 10 requests or
    // a second until it is out, for 30 s, 60 s, 90 s and so on.
    let out = counts.iter().skip(1).filter(|count| **count == 0).count();
    assert!(out >= 80, "{counts:?}");
    assert!(before >= 35, "{before}");
    // Without it the share stays what the pods say.
    let scenario = held(&world(canary, "replicas = 9", ""), 10.0, 1_000, 1_000);
    let seen = once(&scenario);
    assert_share(
        all(&seen.canary),
        all(&seen.canary) + all(&seen.stable),
        0.1,
    );
}

#[test]
fn the_only_instance_of_a_canary_left_out_is_loud() {
    let split = "ejection = { consecutive = 5, base = \"10h\" }";
    let seen = seen("errors = \"100%\"", split, CLIENT);
    assert_eq!(successes(&seen.canary), 0);
    // Nobody else answers for it: its share is refused, not moved.
    assert_share(
        all(&seen.canary),
        all(&seen.canary) + all(&seen.stable),
        0.5,
    );
    let server = once(&held(
        &world("errors = \"100%\"", split, ""),
        50.0,
        1_000,
        1_000,
    ));
    assert_eq!(all(&server.canary), 5);
}
