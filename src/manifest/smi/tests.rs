//! What is read from TrafficSplits, refused and warned of.

use super::super::split::tests::{assert_one, errors, warnings, who};

const SPLIT: &str = "\
apiVersion: split.smi-spec.io/v1alpha1
kind: TrafficSplit
metadata: {name: books}
spec:
  service: books
  backends:
  - service: books-stable
    weight: 900m
  - service: books-canary
    weight: 100m
";

#[test]
fn weights_are_quantities_first_and_whole_numbers_later() {
    assert_eq!(who(SPLIT), "books-stable books-canary 10");
    for (heavy, light) in [
        ("9", "1"),
        ("\"90\"", "\"10\""),
        ("0.9", "100m"),
        ("9k", "1k"),
    ] {
        let text = SPLIT.replace("900m", heavy).replace("100m", light);
        if heavy.starts_with("0.") {
            // A fraction is no whole number, and without quotes it is no quantity either.
            assert_one(
                &errors(&text),
                "8: spec.backends[0].weight: 0.9 is not",
                "whole number",
            );
        } else {
            assert_eq!(who(&text), "books-stable books-canary 10", "{heavy}");
        }
    }
    for version in ["v1alpha2", "v1alpha3", "v1alpha4"] {
        let text = SPLIT.replace("v1alpha1", version);
        let found = errors(&text);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(
            found[0].starts_with("8: spec.backends[0].weight: `900m` is no weight"),
            "{found:?}"
        );
        let whole = text.replace("900m", "90").replace("100m", "10");
        assert_eq!(who(&whole), "books-stable books-canary 10", "{version}");
    }
}

#[test]
fn what_is_missing_is_named() {
    for (from, to, start) in [
        ("  service: books\n", "", "4: spec.service: is missing"),
        (
            "    weight: 900m\n",
            "",
            "7: spec.backends[0].weight: is missing",
        ),
        (
            "  - service: books-stable\n    weight",
            "  - weight",
            "7: spec.backends[0].service: is missing",
        ),
        (
            "900m",
            "nine",
            "8: spec.backends[0].weight: `nine` is no weight",
        ),
        ("900m", "-1", "8: spec.backends[0].weight: -1 is below zero"),
    ] {
        assert!(SPLIT.contains(from), "{from}");
        assert_one(&errors(&SPLIT.replacen(from, to, 1)), start, "");
    }
}

#[test]
fn a_split_of_some_routes_says_so() {
    let text = SPLIT
        .replace("v1alpha1", "v1alpha4")
        .replace("900m", "90")
        .replace("100m", "10")
        + "  matches: [{kind: HTTPRouteGroup, name: beta-users}]\n";
    assert_one(
        &warnings(&text),
        "11: spec.matches: the split holds for requests of these routes",
        "",
    );
}
