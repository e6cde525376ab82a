//! The split section as it is read, and what it refuses.

use super::{scenario, with};
use crate::base::{Probability, Span};
use crate::model::split::{Affinity, Ejection, Precedence, Retries, Rules, Split};
use crate::scenario::parse;

fn share(value: f64) -> Option<Probability> {
    Probability::new(value)
}

#[test]
fn every_policy_is_read() {
    for (policy, split) in [
        ("random", Split::Random),
        ("even", Split::Even),
        ("user-hash", Split::UserHash),
        ("split-clients", Split::SplitClients),
        ("connection", Split::Connection),
        ("ring-hash", Split::RingHash),
        ("round-robin", Split::RoundRobin),
    ] {
        let text = with("split", &format!("policy = \"{policy}\""));
        assert_eq!(scenario(&text).world.split, split);
    }
}

#[test]
fn the_whole_section_is_read() {
    let world = scenario(&with(
        "split",
        r#"
        policy = "even"
        match = "5%"
        baseline = true
        affinity = { policy = "first", lifetime = "48h", outlives_rollback = true }
        retries = { attempts = 3, on = ["errors"], per_try_timeout = "1s", backoff = "0s", budget = "20%" }
        ejection = { consecutive = 7, base = "1m", interval = "5s", most = "50%" }
        "#,
    ))
    .world;
    assert_eq!(
        world.rules,
        Rules {
            matched: share(0.05),
            replicas: None,
            least_request: false,
            baseline: true,
        }
    );
    assert_eq!(
        world.affinity,
        Some(Affinity {
            precedence: Precedence::AffinityFirst,
            lifetime: Span::from_secs(48 * 3_600),
            outlives_rollback: true,
        })
    );
    assert_eq!(
        world.retries,
        Some(Retries {
            attempts: 3,
            on_errors: true,
            on_resets: false,
            per_try_timeout: Some(Span::from_secs(1)),
            backoff: Span::ZERO,
            budget: share(0.2),
        })
    );
    assert_eq!(
        world.ejection,
        Some(Ejection {
            consecutive: 7,
            base: Span::from_secs(60),
            interval: Span::from_secs(5),
            most: Probability::new(0.5).unwrap(),
        })
    );
    let pods = scenario(&with("split", "replicas = 6\nleast_request = true")).world;
    assert_eq!(pods.rules.replicas, Some(6));
    assert!(pods.rules.least_request);
}

/// What is said about a split section, a line each.
fn refused(lines: &str) -> String {
    match parse(
        &with("split", lines),
        std::path::Path::new("bad.toml"),
        None,
    ) {
        Ok(_) => panic!("nothing is wrong with {lines}"),
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn values_that_mean_nothing_are_refused() {
    insta::assert_snapshot!(refused(
        r#"policy = "user-hsh"
match = 5
replicas = 0
least_request = "yes"
baseline = 1
affinity = { policy = "sticky", lifetime = "0s", outlives_rollback = "no", cookie = "a" }
retries = { attempts = 0, on = ["errors", "timeouts"], per_try_timeout = "0s", backoff = 25, budget = "0%" }
ejection = { consecutive = 0, base = "0s", interval = "0s", most = "110%" }"#
    ));
    insta::assert_snapshot!("nothing_is_tried_again", refused("retries = { on = [] }"));
}

#[test]
fn fields_that_contradict_one_another_are_refused() {
    let all: Vec<String> = [
        "policy = \"user-hash\"\nreplicas = 6",
        "policy = \"split-clients\"\nreplicas = 6",
        "policy = \"ring-hash\"\nreplicas = 6",
        "match = \"5%\"\nreplicas = 6\naffinity = {}",
        "policy = \"connection\"\nmatch = \"5%\"\naffinity = {}",
        "policy = \"even\"\nleast_request = true",
        "least_request = true\nmatch = \"5%\"\naffinity = {}\nbaseline = true",
    ]
    .into_iter()
    .map(refused)
    .collect();
    insta::assert_snapshot!(all.join("\n\n"));
}

#[test]
fn fields_that_go_together_are_not_refused() {
    for lines in [
        "policy = \"connection\"\nreplicas = 6\nretries = {}\nejection = {}",
        "policy = \"even\"\nreplicas = 6\nbaseline = true",
        "policy = \"user-hash\"\nmatch = \"5%\"\naffinity = {}\nbaseline = true",
        "least_request = true\nreplicas = 6\nejection = {}",
        "least_request = true\nbaseline = false",
    ] {
        assert!(
            scenario(&with("split", lines)).warnings.is_empty(),
            "{lines}"
        );
    }
}
