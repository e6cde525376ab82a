//! What single kinds of fault show to servers, callers and the business.

use coalmine::engine::r#virtual::Kind;
use coalmine::telemetry::{Counters, Version};

use super::{
    all, assert_mean, assert_near, assert_share, failures, held, mean_latency, once, played,
    successes, watch,
};

/// A canary at 50 % of 100 requests a second of 300 users, with this fault.
fn world(fault: &str, telemetry: &str) -> String {
    format!(
        "[traffic]\nrate = \"100/s\"\nusers = 300\nzipf = 0\n\
         [stable]\nlatency = {{ fixed = \"20ms\" }}\nerrors = \"0%\"\n\
         {fault}\n[telemetry]\nscrape = \"exact\"\n{telemetry}"
    )
}

const CLIENT: &str = "reporter = \"client\"";

fn canary(kind: &str) -> String {
    format!("[[canary.faults]]\nkind = {kind}")
}

fn seen(fault: &str, telemetry: &str) -> super::Seen {
    once(&held(&world(fault, telemetry), 50.0, 1_000, 1_000))
}

/// Answers by bucket, whatever their status.
fn by_bucket(counters: &Counters) -> Vec<u64> {
    let width = counters.buckets.len() / 2;
    (0..width)
        .map(|k| counters.buckets[k] + counters.buckets[width + k])
        .collect()
}

#[test]
fn failures_take_their_own_time() {
    let fault = canary("\"errors\"\nprobability = \"10%\"\nlatency = \"2ms\"");
    let seen = seen(&fault, "buckets = { ms = [1, 3, 19, 21] }");
    assert_share(failures(&seen.canary), all(&seen.canary), 0.1);
    let rows = by_bucket(&seen.canary);
    assert_eq!(rows[1], failures(&seen.canary));
    assert_eq!(rows[3], successes(&seen.canary));
    assert_eq!(seen.trial.exposed_requests, failures(&seen.canary));
    assert_eq!(by_bucket(&seen.stable)[3], all(&seen.stable));
}

#[test]
fn only_callers_see_resets() {
    let fault = canary("\"reset\"\nprobability = \"10%\"");
    let server = seen(&fault, "");
    assert_eq!(failures(&server.canary), 0);
    assert_share(all(&server.canary), server.trial.canary_requests, 0.9);
    let client = seen(&fault, CLIENT);
    assert_share(failures(&client.canary), all(&client.canary), 0.1);
    // Some are under way at the end.
    assert!(all(&client.canary).abs_diff(client.trial.canary_requests) < 10);
    assert_eq!(failures(&client.stable), 0);
}

#[test]
fn answers_that_break_off_are_successes_to_servers_and_failures_to_callers() {
    let fault = canary("\"reset\"\nprobability = \"10%\"\nphase = \"body\"");
    let server = seen(&fault, "");
    assert_eq!(failures(&server.canary), 0);
    assert!(all(&server.canary).abs_diff(server.trial.canary_requests) < 10);
    // The work is done all the same.
    assert_near(mean_latency(&server.canary), 0.02, 1e-9);
    let client = seen(&fault, CLIENT);
    assert_share(failures(&client.canary), all(&client.canary), 0.1);
    assert_near(mean_latency(&client.canary), 0.02, 1e-9);
    assert_eq!(client.trial, server.trial);
    assert_eq!(client.trial.exposed_requests, failures(&client.canary));
}

#[test]
fn nobody_tries_again_what_has_begun_nor_leaves_its_instance_out() {
    let share = |phase: &str, split: &str| {
        let fault = canary(&format!(
            "\"reset\"\nprobability = \"60%\"\nphase = \"{phase}\""
        ));
        let seen = seen(&format!("{fault}\n[split]\n{split}"), CLIENT);
        (failures(&seen.canary), all(&seen.canary))
    };
    let assert = |(hits, trials), expected| assert_share(hits, trials, expected);
    let retries = "retries = { attempts = 2, on = [\"errors\", \"resets\"] }";
    assert(share("body", retries), 0.6);
    assert(share("connect", retries), 0.6_f64.powi(3));
    // Once the only instance is out, everybody is refused.
    let ejection = "ejection = { consecutive = 5, most = \"100%\" }";
    assert(share("body", ejection), 0.6);
    let (refused, all) = share("connect", ejection);
    assert!(refused > all * 8 / 10, "{refused} of {all}");
}

#[test]
fn bodies_that_drip_or_go_out_over_a_narrow_line_take_their_time() {
    let drip = canary("\"drip\"\nprobability = \"10%\"\nover = \"2s\"");
    let seen_drip = seen(&drip, "buckets = { ms = [19, 21, 2019, 2021] }");
    let rows = by_bucket(&seen_drip.canary);
    assert_share(rows[3], all(&seen_drip.canary), 0.1);
    assert_eq!(rows[1] + rows[3], all(&seen_drip.canary));
    assert_eq!(failures(&seen_drip.canary), 0);
    // 2 KiB at 16 KiB a second: an eighth of a second, for the canary's whole size alone.
    let narrow =
        "[canary]\nbody = \"2KiB\"\n".to_owned() + &canary("\"bandwidth\"\nlimit = \"16KiB/s\"");
    let narrow = seen(&narrow, "");
    assert_near(mean_latency(&narrow.canary), 0.02 + 0.125, 1e-9);
    assert_near(mean_latency(&narrow.stable), 0.02, 1e-9);
    assert_eq!(narrow.trial.exposed_requests, narrow.trial.canary_requests);
    // Virtual time has no processors.
    let burnt = seen(&canary("\"cpu\"\ncores = 8"), "");
    assert_near(mean_latency(&burnt.canary), 0.02, 1e-9);
    assert_eq!(burnt.trial.exposed_requests, 0);
}

#[test]
fn hangs_are_nowhere_at_the_server_and_late_failures_at_the_caller() {
    let fault = canary("\"hang\"\nprobability = \"10%\"\ntimeout = \"5s\"");
    let server = seen(&fault, "");
    assert_eq!(failures(&server.canary), 0);
    assert_share(all(&server.canary), server.trial.canary_requests, 0.9);
    let client = seen(
        &fault,
        "reporter = \"client\"\nbuckets = { ms = [19, 21, 4999, 5001] }",
    );
    let rows = by_bucket(&client.canary);
    assert_eq!(
        [rows[1], rows[3]],
        [successes(&client.canary), failures(&client.canary)]
    );
    assert_share(failures(&client.canary), all(&client.canary), 0.1);
    // A hung request keeps one of 30 workers for 5 s: 25 of them are kept, and some requests wait.
    let busy = world(&fault, "").replace(
        "errors = \"0%\"",
        "errors = \"0%\"\nworkers = 30\nqueue = 0",
    );
    let busy = once(&held(&busy, 50.0, 1_000, 1_000));
    // Erlang B for an offered load of 45 * 0.02 + 5 * 5 = 25.9 on 30 workers.
    let mut blocked = 1.0;
    for k in 1..=30 {
        blocked = 25.9 * blocked / (f64::from(k) + 25.9 * blocked);
    }
    let found = failures(&busy.canary) as f64 / busy.trial.canary_requests as f64;
    // Times of 5 s in 1,000 s: refusals come together.
    assert_near(found, blocked, 0.4 * blocked);
    assert_eq!(failures(&busy.stable), 0);
}

#[test]
fn bursts_fail_as_often_as_spells_say_and_together() {
    let fault = "\"bursts\"\nprobability = \"50%\"\ngood = \"30s\"\nbad = \"10s\"";
    let scenario = held(
        &world(&format!("[[faults]]\nkind = {fault}"), ""),
        50.0,
        40_000,
        10,
    );
    let (mut before, mut series) = ([(0, 0); 2], [Vec::new(), Vec::new()]);
    watch(&scenario, 0, |tick| {
        for version in Version::BOTH {
            let counters = tick.telemetry.counters(version);
            let now = (failures(counters), all(counters));
            let then = &mut before[version as usize];
            if now.1 > then.1 {
                let share = (now.0 - then.0) as f64 / (now.1 - then.1) as f64;
                series[version as usize].push(share);
            }
            *then = now;
        }
    });
    let n = series[0].len() as f64;
    let means = [0, 1].map(|v: usize| series[v].iter().sum::<f64>() / n);
    let product = |a: usize, b: usize, lag: usize| {
        let pairs = series[a].iter().zip(&series[b][lag..]);
        pairs
            .map(|(x, y)| (x - means[a]) * (y - means[b]))
            .sum::<f64>()
            / n
    };
    for v in [0, 1] {
        // A spell's state is remembered for 1 / (1/30 + 1/10) = 7.5 s: 40,000 s are 2,667 looks.
        assert_near(
            means[v],
            0.5 * 0.25,
            4.4 * 0.5 * (0.25 * 0.75 / 2_667.0_f64).sqrt(),
        );
        // A mean over 10 s keeps 2 τ/T (1 - τ/T (1 - e^(-T/τ))) of the variance of spells.
        let (tau, window) = (7.5, 10.0);
        let kept = 2.0 * tau / window * (1.0 - tau / window * (1.0 - f64::exp(-window / tau)));
        let spells = 0.25 * 0.25 * 0.75 * kept;
        let binomial = 0.125 * 0.5 / 500.0;
        assert_near(product(v, v, 0) / (spells + binomial), 1.0, 0.12);
    }
    // Each version has its own spells.
    let correlation = product(0, 1, 0) / (product(0, 0, 0) * product(1, 1, 0)).sqrt();
    assert_near(correlation, 0.0, 4.4 / 2_667.0_f64.sqrt());
}

#[test]
fn wrong_metrics_leave_users_alone() {
    let fault = canary("\"metrics\"\nhidden = \"30%\"\ncount = 2\nunit = 1000")
        + "\n"
        + &canary("\"errors\"\nprobability = \"20%\"");
    let seen = seen(&fault, "buckets = { ms = [19, 21, 19000, 21000] }");
    let asked = seen.trial.canary_requests;
    assert_share(seen.trial.exposed_requests, asked, 0.2);
    // Counted twice each, three failures in ten not at all.
    let fine = asked - seen.trial.exposed_requests;
    assert!(successes(&seen.canary).abs_diff(2 * fine) < 20);
    assert_share(failures(&seen.canary) / 2, seen.trial.exposed_requests, 0.7);
    assert_eq!(by_bucket(&seen.canary)[3], all(&seen.canary));
    assert_near(mean_latency(&seen.canary), 20.0, 1e-6);
    assert_near(mean_latency(&seen.stable), 0.02, 1e-9);
    assert_near(all(&seen.stable) as f64 / 50_000.0, 1.0, 0.03);
}

#[test]
fn users_who_bounce_between_versions_meet_errors() {
    for percent in [10.0, 50.0] {
        let fault = canary("\"bounce\"\nprobability = \"60%\"");
        let world = world(&fault, "").replace("100/s", "200/s");
        let seen = once(&held(&world, percent, 2_000, 2_000));
        let w = percent / 100.0;
        // The request before went to the other version with the chance of that version; the first
        // request of each of 300 users has none before it.
        let canary = all(&seen.canary);
        assert_near(
            failures(&seen.canary) as f64,
            0.6 * (1.0 - w) * canary as f64,
            4.4 * (canary as f64 / 4.0).sqrt() + 0.6 * 300.0,
        );
        let stable = all(&seen.stable);
        assert_near(
            failures(&seen.stable) as f64,
            0.6 * w * stable as f64,
            4.4 * (stable as f64 / 4.0).sqrt() + 0.6 * 300.0,
        );
    }
    // Nobody bounces where users stay.
    let stay = world(&canary("\"bounce\"\nprobability = \"60%\""), "")
        + "\n[split]\npolicy = \"user-hash\"";
    let seen = once(&held(&stay, 50.0, 1_000, 1_000));
    assert_eq!(failures(&seen.canary) + failures(&seen.stable), 0);
}

/// A rollout that is checked every 100 s for 200 s, and looked at for a while after its end.
fn looked_at(fault: &str, split: &str, min: &str, aftermath: u64) -> coalmine::scenario::Scenario {
    super::parsed(&format!(
        "{}\n[split]\n{split}\n[rollout]\ninterval = \"100s\"\n\
         steps = [{{ weight = \"50%\", hold = \"200s\" }}]\n\
         [[rollout.gates]]\nkind = \"success-ratio\"\nmin = \"{min}\"\nwindow = \"100s\"\n\
         [experiment]\naftermath = \"{aftermath}s\"",
        world(fault, "")
    ))
}

/// A rollout that is rolled back at 100 s, looked at for another 300 s.
fn rolled_back(fault: &str, split: &str) -> Vec<coalmine::engine::Trial> {
    let scenario = looked_at(fault, split, "100%", 300);
    let mut setting = super::setting(&scenario);
    setting.observe = false;
    let mut player = coalmine::engine::r#virtual::Player::new(setting);
    (0..20)
        .map(|replicate| player.play(super::SEED, replicate))
        .collect()
}

#[test]
fn some_faults_outlast_the_rollback() {
    let after = |fault: &str, split: &str| {
        let trials = rolled_back(fault, split);
        for trial in &trials {
            assert_eq!(trial.ending, coalmine::engine::Ending::RolledBack);
            assert_near(trial.ended.as_secs_f64(), 100.0, 1e-6);
        }
        let after = trials.iter().map(|trial| trial.exposed_after as f64);
        after.collect::<Vec<_>>()
    };
    let errors = canary("\"errors\"\nprobability = \"30%\"");
    assert!(after(&errors, "").iter().all(|after| *after == 0.0));
    // Of 33 requests each in 100 s half went to the canary: everybody's data is spoiled, and 10 % of
    // 30,000 requests afterwards fail.
    let poison = canary("\"poison\"\nprobability = \"10%\"")
        + "\n"
        + &canary("\"errors\"\nprobability = \"5%\"");
    assert_mean(&after(&poison, ""), 3_000.0, 0.0);
    // By user half of all are, for a number of users with a binomial spread.
    assert_mean(&after(&poison, "policy = \"user-hash\""), 1_500.0, 0.0);
    // Half of the users were last on the canary, and bounce once; a user has 100 requests after.
    let bounce = canary("\"bounce\"\nprobability = \"60%\"");
    assert_mean(&after(&bounce, ""), 300.0 * 0.5 * 0.6, 0.0);
    // Sessions that a rollback does not move stay with the fault.
    let outlives = "affinity = { policy = \"both\", outlives_rollback = true }";
    assert_mean(&after(&errors, outlives), 30_000.0 * 0.5 * 0.3, 0.0);
    let ends = "affinity = { policy = \"both\" }";
    assert!(after(&errors, ends).iter().all(|after| *after == 0.0));
}

/// However long one looks on: also for less than the time between checks, and for no multiple of it.
#[test]
fn what_follows_is_counted_for_as_long_as_was_asked() {
    let errors = canary("\"errors\"\nprobability = \"30%\"");
    for engine in [Kind::Counts, Kind::Requests, Kind::Coupled] {
        for seconds in [1, 30, 100, 250, 1_000] {
            let scenario = looked_at(&errors, "", "0%", seconds);
            let mut setting = super::setting(&scenario);
            setting.observe = false;
            setting.engine = engine;
            let mut player = coalmine::engine::r#virtual::Player::new(setting);
            let after = (0..20).map(|replicate| {
                let trial = player.play(super::SEED, replicate);
                assert_eq!(trial.ending, coalmine::engine::Ending::Promoted);
                trial.exposed_after as f64
            });
            let after: Vec<f64> = after.collect();
            assert_mean(&after, 0.3 * 100.0 * seconds as f64, 0.0);
        }
    }
}

#[test]
fn the_canary_slows_what_both_share() {
    for percent in [10.0, 50.0] {
        let fault = canary("\"shared-load\"\nfactor = 2");
        let seen = once(&held(&world(&fault, ""), percent, 1_000, 1_000));
        let expected = 0.02 * (1.0 + 2.0 * percent / 100.0);
        assert_near(mean_latency(&seen.canary), expected, 1e-6);
        assert_near(mean_latency(&seen.stable), expected, 1e-6);
    }
}

#[test]
fn fast_failures_attract_requests_to_the_least_busy_instance() {
    // Nine instances take 50 ms and one fails in 1 ms, all of them with 50 requests at a time: fewer,
    // and the slower ones fill while the fast one is empty.
    let world = |split: &str| {
        format!(
            "[traffic]\nrate = \"60000/s\"\n[stable]\nlatency = {{ exponential = \"50ms\" }}\nerrors = \"0%\"\ninstances = 9\n\
             [canary]\ninstances = 1\n[[canary.faults]]\nkind = \"errors\"\nprobability = \"100%\"\nlatency = \"1ms\"\n\
             [split]\n{split}\n[telemetry]\nscrape = \"exact\""
        )
    };
    let share = |split: &str| {
        let seen = once(&held(&world(split), 10.0, 3, 3));
        let canary = all(&seen.canary) as f64;
        canary / (canary + all(&seen.stable) as f64)
    };
    // 50 / (50 + 10 - 1) in the limit.
    assert_near(share("least_request = true"), 50.0 / 59.0, 0.03);
    assert_near(share(""), 0.1, 0.005);
}

#[test]
fn wrong_answers_and_worse_products_show_in_the_business_alone() {
    let goal = "[[goals]]\nname = \"orders\"\nprobability = \"30%\"\n";
    let with = |fault: &str| seen(&format!("{goal}{fault}"), "");
    let taken = |counters: &Counters| {
        (
            counters.goals[0].sum as u64,
            counters.goals[0].opportunities as u64,
        )
    };
    let plain = with("");
    let (hits, chances) = taken(&plain.canary);
    assert_share(hits, chances, 0.3);
    assert!(chances.abs_diff(all(&plain.canary)) < 10);
    for (fault, share) in [
        ("\"corrupt\"\nprobability = \"20%\"", 0.3 * 0.8),
        ("\"business\"\nmultiply = 0.7", 0.3 * 0.7),
        (
            "\"business\"\nmultiply = 0.7\nrequests = \"25%\"",
            0.3 * (1.0 - 0.25 * 0.3),
        ),
        (
            "\"business\"\nmultiply = 0.7\nusers = \"40%\"",
            0.3 * (1.0 - 0.4 * 0.3),
        ),
    ] {
        let seen = with(&canary(fault));
        let (hits, chances) = taken(&seen.canary);
        if fault.contains("users") {
            // 300 users, two fifths of them within 2.8 points: 0.003 of the share.
            assert_near(hits as f64 / chances as f64, share, 4.4 * 0.0033);
        } else {
            assert_share(hits, chances, share);
        }
        let (hits, chances) = taken(&seen.stable);
        assert_share(hits, chances, 0.3);
        assert_eq!(failures(&seen.canary), 0);
        assert_near(mean_latency(&seen.canary), 0.02, 1e-9);
    }
}

#[test]
fn a_fault_at_the_start_of_every_life_is_seen_by_whoever_counts() {
    // The server's and the caller's counts differ by what no server answered, and by nothing else.
    let fault = canary("\"errors\"\nprobability = \"10%\"")
        + "\n"
        + &canary("\"reset\"\nprobability = \"5%\"");
    let pairs: Vec<(f64, f64)> = ["", CLIENT]
        .map(|telemetry| played(&held(&world(&fault, telemetry), 50.0, 100, 100), 20))
        .into_iter()
        .map(|seen| {
            let failed: u64 = seen.iter().map(|seen| failures(&seen.canary)).sum();
            let fine: u64 = seen.iter().map(|seen| successes(&seen.canary)).sum();
            (failed as f64, fine as f64)
        })
        .collect();
    assert_eq!(pairs[0].1, pairs[1].1);
    // 5 % of 100,000 are refused before they can fail.
    assert_near(pairs[1].0 - pairs[0].0, 5_000.0, 4.4 * (5_000.0_f64).sqrt());
}
