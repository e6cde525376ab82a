//! Verdicts of the gates, from the text tables in `tests/verdicts/`.
//!
//! `gate` names a gate and its parameters, `says` is the line that it must print as, and every
//! further line is one case: what stable and canary answered in the window, and the verdict. An arm
//! reads `98 ok@40ms, 2 failed`, with `;` between its two routes `a` and `b` if it has them, or of a
//! goal `30@40 of 1000`; `-` is no traffic; a value may be `none`.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::str::FromStr;

use coalmine::base::{Probability, Span, Time};
use coalmine::gate::{
    Business, Comparison, ComparisonLimit, Gate, LatencyQuantile, Metric, RouteSeries, SampledBy,
    SuccessRatio, TwoProportionZ,
};
use coalmine::telemetry::{Birth, Buckets, Counters, Plan, Sampling, Status, Telemetry, Version};

#[test]
fn success_ratio() {
    assert_eq!(check_table("success-ratio"), 21);
}

#[test]
fn latency_quantile() {
    assert_eq!(check_table("latency-quantile"), 17);
}

#[test]
fn comparison() {
    assert_eq!(check_table("comparison"), 36);
}

#[test]
fn two_proportion_z() {
    assert_eq!(check_table("two-proportion-z"), 15);
}

#[test]
fn business() {
    assert_eq!(check_table("business"), 13);
}

/// Checks every line of a table and returns how many cases it held.
fn check_table(name: &str) -> usize {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/verdicts/{name}.txt"));
    let text = std::fs::read_to_string(&path).unwrap();
    let mut gate = None;
    let mut cases = 0;
    for (number, line) in text.lines().enumerate() {
        let place = format!("{}:{}", path.display(), number + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(rest) = line.strip_prefix("gate ") {
            gate = Some(read_gate(rest));
            continue;
        }
        let gate = gate.as_ref().expect("a gate comes first");
        if let Some(rest) = line.strip_prefix("says ") {
            assert_eq!(gate.to_string(), rest.trim(), "{place}");
            continue;
        }
        check_case(gate, line, &place);
        cases += 1;
    }
    cases
}

fn check_case(gate: &Gate, line: &str, place: &str) {
    let columns: Vec<&str> = line.split('|').map(str::trim).collect();
    let [stable, canary, outcome, rule, value, threshold, samples] = columns[..] else {
        panic!("{place}: seven columns, not {}", columns.len());
    };
    let plan = Plan {
        routes: 2,
        goals: 1,
        ..Plan::plain(Sampling::Exact, Birth::FirstRequest, Buckets::istio())
    };
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    let now = Time::START + gate.window();
    let other = if gate.demand().baseline {
        Version::Baseline
    } else {
        Version::Stable
    };
    for (version, arm) in [(other, stable), (Version::Canary, canary)] {
        serve(&mut telemetry, version, arm);
        telemetry.scrape(version, now);
    }
    let verdict = gate.judge(now, &telemetry);
    assert_eq!(verdict.outcome.to_string(), outcome, "{place}: {verdict:?}");
    assert_eq!(verdict.rule.to_string(), rule, "{place}: {verdict:?}");
    for (name, got, expected) in [
        ("value", verdict.value, value),
        ("threshold", verdict.threshold, threshold),
        ("samples", verdict.samples, samples),
    ] {
        let same = match expected {
            "none" => got.is_nan(),
            number => {
                let number: f64 = read(number);
                // Rounding of a handful of operations.
                got == number || (got - number).abs() <= 1e-9 * number.abs()
            }
        };
        assert!(same, "{place}: {name} {got}, expected {expected}");
    }
}

/// Adds an arm's requests to the counters of a version and its routes.
fn serve(telemetry: &mut Telemetry, version: Version, arm: &str) {
    let buckets = telemetry.bounds().clone();
    for (route, arm) in arm.split(';').map(str::trim).enumerate() {
        count(telemetry.counters_mut(version), &buckets, arm);
        let counters = telemetry.route_counters_mut(version, route);
        count(counters, &buckets, arm);
    }
}

fn count(counters: &mut Counters, buckets: &Buckets, arm: &str) {
    if let Some((values, opportunities)) = arm.split_once(" of ") {
        let goal = &mut counters.goals[0];
        goal.opportunities += read::<f64>(opportunities);
        for group in values.split(',') {
            let (count, value) = group.trim().split_once('@').expect("`30@40`");
            let (count, value): (f64, f64) = (read(count), read(value));
            goal.sum += count * value;
            goal.squares += count * value * value;
        }
        return;
    }
    for group in arm.split(',').filter(|_| arm != "-") {
        let (count, kind) = group.trim().split_once(' ').expect("`98 ok@40ms`");
        let (status, latency) = match kind.split_once('@') {
            Some((status, latency)) => (status, read::<Span>(latency)),
            None => (kind, Span::ZERO),
        };
        let status = match status {
            "ok" => Status::Success,
            "failed" => Status::Failure,
            other => panic!("status {other}"),
        } as usize;
        let count: u64 = read(count);
        let seconds = latency.as_secs_f64();
        counters.requests[status] += count;
        counters.seconds[status] += count as f64 * seconds;
        counters.buckets[status * buckets.len() + buckets.index(seconds)] += count;
    }
}

fn read_gate(text: &str) -> Gate {
    let mut words = text.split_whitespace();
    let kind = words.next().expect("the name of a gate");
    let mut fields: BTreeMap<&str, &str> = words
        .map(|word| word.split_once('=').expect("key=value"))
        .collect();
    let mut field = |name: &str| fields.remove(name);
    let window: Span = read(field("window").expect("window"));
    let min_requests = field("min_requests").map_or(0, read);
    let route = field("route").map(|index| RouteSeries {
        index: read(index),
        name: ["a", "b"][read::<usize>(index)].to_owned(),
    });
    let against = match field("against") {
        None => Version::Stable,
        Some("baseline") => Version::Baseline,
        Some(other) => panic!("against {other}"),
    };
    let gate = match kind {
        "success-ratio" => Gate::SuccessRatio(SuccessRatio {
            route,
            window,
            min: read(field("min").expect("min")),
            max: field("max").map(read),
            min_requests,
        }),
        "latency-quantile" => Gate::LatencyQuantile(LatencyQuantile {
            route,
            window,
            quantile: read(field("quantile").expect("quantile")),
            max: read(field("max").expect("max")),
            min_requests,
        }),
        "comparison" => Gate::Comparison(Comparison {
            route,
            against,
            strata: field("stratify").map_or(0, |_| 0b11),
            window,
            metric: match field("metric").expect("metric") {
                "errors" => Metric::ErrorRatio,
                "mean" => Metric::LatencyMean,
                quantile => Metric::LatencyQuantile(read::<Probability>(quantile)),
            },
            limit: match field("ratio") {
                Some(ratio) => ComparisonLimit::Ratio(read(ratio)),
                None => ComparisonLimit::Difference(read(field("difference").expect("limit"))),
            },
            min_requests,
        }),
        "two-proportion-z" => Gate::TwoProportionZ(TwoProportionZ {
            route,
            against,
            window,
            alpha: read(field("alpha").expect("alpha")),
            min_requests,
        }),
        "business" => Gate::Business(Business {
            window,
            route,
            against,
            goal: 0,
            name: field("goal").expect("goal").to_owned(),
            min: read(field("min").expect("min")),
            alpha: read(field("alpha").expect("alpha")),
            by: SampledBy::Request,
            design_effect: field("design_effect").map_or(1.0, read),
            min_requests,
        }),
        other => panic!("gate {other}"),
    };
    assert!(fields.is_empty(), "left over: {fields:?}");
    gate
}

fn read<T: FromStr<Err: Debug>>(text: &str) -> T {
    text.parse()
        .unwrap_or_else(|error| panic!("{text}: {error:?}"))
}
