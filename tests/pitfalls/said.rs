//! What the report itself says of each pitfall, so that nobody needs the story to see it.

use super::{played, shipped};

/// The findings of a scenario at some percentages, in one text.
fn findings(name: &str, weights: &[f64]) -> String {
    played(shipped(name), weights, 20)
        .summary
        .findings
        .join("\n")
}

#[test]
fn pitfalls_are_named_in_the_report() {
    for (name, weight, said) in [
        ("affinity-ratchet", 10.0, "who meets it once stays with it"),
        (
            "autoscaler",
            75.0,
            "would have to do 111 % of what they can",
        ),
        ("bots", 5.0, "all fall into the canary's bucket"),
        ("bots", 5.0, "stratify = \"route\""),
        ("bursts", 10.0, "Failures come in bursts"),
        (
            "bursts",
            10.0,
            "it looks 2 times: were they independent, 10 %",
        ),
        (
            "clickbait",
            2.0,
            "lowers completed (times 0.95), which is not",
        ),
        (
            "cold-canary",
            5.0,
            "the 2,000 requests that warm it up in 33m20s",
        ),
        (
            "ejection",
            10.0,
            "outlier detection takes its instances out",
        ),
        ("fast-failures", 5.0, "nothing here looks at failures"),
        ("health-checks", 1.0, "shows as 17 % of what it is"),
        ("hidden-outage", 50.0, "nothing here has a fixed limit"),
        (
            "istio-crash",
            5.0,
            "Servers cannot count what they do not answer",
        ),
        (
            "late-counter",
            10.0,
            "over before the next scrape (every 30s)",
        ),
        ("long-window", 10.0, "is longer than a step of 1m"),
        ("many-metrics", 50.0, "64 % of good releases"),
        (
            "mix-shift",
            50.0,
            "cookies keep those on stable who were there before",
        ),
        (
            "night-canary",
            25.0,
            "in the busiest hour of the week 25 % would be 11",
        ),
        (
            "no-data",
            1.0,
            "a bad canary answers none of the requests, not 1 %",
        ),
        ("one-pod", 10.0, "Only more instances help"),
        ("peeking", 50.0, "it looks 100 times at data that overlap"),
        (
            "replica-rounding",
            10.0,
            "answers 14 % of the requests, not 10 %",
        ),
        (
            "retry-masking",
            10.0,
            "20 % of the canary's attempts fail, and 0.8 %",
        ),
        ("rollback-harm", 10.0, "Most of the harm comes later"),
        ("short-bake", 10.0, "fills an instance's memory in 1h10m50s"),
        ("small-p99", 1.0, "of which 0.3 lie above the 99 % quantile"),
        (
            "sticky-bypass",
            20.0,
            "the canary answers 4 % of the requests, not 20 %",
        ),
        ("tenant-bug", 5.0, "has that user in 5 % of the rollouts"),
        ("time-bomb", 5.0, "Only a longer bake would be"),
        (
            "wrong-metrics",
            5.0,
            "nothing here looks at what users do next",
        ),
    ] {
        let text = findings(name, &[weight]);
        assert!(text.contains(said), "{name}: `{said}` is not in:\n{text}");
    }
}

#[test]
fn what_is_as_it_should_be_is_not_talked_about() {
    for name in ["default", "low-traffic", "plain-flagger", "no-rollback"] {
        let text = findings(name, &[5.0]);
        for about in [
            "answers",
            "look",
            "overlap",
            "longer than a step",
            "stratify",
            "new beside",
        ] {
            assert!(!text.contains(about), "{name}: `{about}` is in:\n{text}");
        }
    }
}
