//! Reading scenarios: every field, every default, every warning.

mod classics;
mod evidence;
mod expectations;
mod faults;
mod figures;
mod gates;
mod hooks;
mod kayenta;
mod live;
mod people;
mod schema;
mod service;
mod split;
mod traffic;

use super::*;
use crate::base::{Probability, Rate, Time};
use crate::gate::{Comparison, ComparisonLimit, Gate, LatencyQuantile, Metric, TwoProportionZ};
use crate::model::fault::{FaultKind, Schedule};
use crate::model::split::Split;
use crate::model::traffic::{Activity, Arrivals, Profile};
use crate::rollout::{Counting, Plan, Rollback, StagedPlan, WhenInconclusive};
use crate::telemetry::{Birth, Buckets, Phase, Reporter, Sampling, Unit, Version};

/// The least that makes a scenario, with something to find.
const LEAST: &str = r#"
[traffic]
rate = "20/s"
[canary]
errors = "1%"
[rollout]
steps = [{ weight = "5%", hold = "5m" }]
[[rollout.gates]]
kind = "success-ratio"
min = "99%"
"#;

fn scenario(text: &str) -> Scenario {
    match parse(text, Path::new("test.toml"), None) {
        Ok(scenario) => scenario,
        Err(problems) => panic!("{problems}"),
    }
}

fn errors(text: &str) -> String {
    match parse(text, Path::new("test.toml"), None) {
        Ok(_) => panic!("nothing is wrong with {text}"),
        Err(problems) => problems.to_string(),
    }
}

fn staged(scenario: &Scenario) -> &StagedPlan {
    match &scenario.rollout {
        Plan::Staged(plan) => plan,
        Plan::Flagger(_) | Plan::Argo(_) | Plan::Spinnaker(_) => panic!("not staged"),
    }
}

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

/// `LEAST` with more lines in one of its sections, or with another section.
fn with(heading: &str, lines: &str) -> String {
    let heading = format!("[{heading}]\n");
    if LEAST.contains(&heading) {
        LEAST.replacen(&heading, &format!("{heading}{lines}\n"), 1)
    } else {
        format!("{LEAST}{heading}{lines}\n")
    }
}

#[test]
fn what_is_left_out_is_as_documented() {
    let least = scenario(LEAST);
    assert_eq!(least.name, "test");
    assert_eq!(least.title, "test");
    assert_eq!(least.warnings, Vec::<String>::new());
    assert_eq!(least.horizon, least.rollout.longest());
    assert_eq!(least.world.traffic.users.users(), 10_000);
    assert_eq!(least.world.traffic.users.law(), Activity::Zipf(1.0));
    assert_eq!(least.world.traffic.arrivals, Arrivals::Poisson);
    assert_eq!(least.world.matched, share(0.1));
    assert_eq!(least.world.stable.errors, share(0.001));
    assert_eq!(least.world.canary.latency, least.world.stable.latency);
    assert_eq!(least.world.split, Split::Random);
    assert_eq!(
        least.telemetry.sampling,
        Sampling::Scraped {
            interval: Span::from_secs(5),
            phase: Phase::Fixed(Span::from_millis(2_500)),
        }
    );
    assert_eq!(least.telemetry.birth, Birth::FirstRequest);
    assert_eq!(least.telemetry.buckets, Buckets::istio());
    let plan = staged(&least);
    assert_eq!(plan.interval, Span::from_secs(60));
    assert_eq!(plan.warmup, Span::ZERO);
    assert_eq!(plan.failures, 1);
    assert_eq!(plan.counting, Counting::Consecutive);
    assert_eq!(plan.inconclusive, WhenInconclusive::Ignore);
    assert_eq!(plan.rollback, Rollback::Automatic);
    assert_eq!(least.experiment.precision, 0.01);
    assert_eq!(least.experiment.most_trials, 10_000);
    assert_eq!(least.experiment.trials, None);
    assert_eq!(least.experiment.seed, Seed::DEFAULT);
    assert_eq!(least.experiment.weights.len(), 6);
}

#[test]
fn every_shape_of_traffic_is_read() {
    let profile = |rate: &str| {
        let text = LEAST.replacen("\"20/s\"", rate, 1);
        scenario(&text).world.traffic.profile
    };
    let per_second = |value| Rate::per_second(value).unwrap();
    assert_eq!(profile(r#""1200/m""#), Profile::Constant(per_second(20.0)));
    assert_eq!(
        profile(r#"{ steps = [["0s", "10/s"], ["10m", "50/s"]] }"#),
        Profile::Stepped(vec![
            (Time::START, per_second(10.0)),
            (Time::from_secs(600), per_second(50.0)),
        ])
    );
    assert_eq!(
        profile(r#"{ ramp = { from = "1/s", to = "2/s", over = "1h" } }"#),
        Profile::Ramp {
            from: per_second(1.0),
            to: per_second(2.0),
            over: Span::from_secs(3_600),
        }
    );
    assert_eq!(
        profile(r#"{ diurnal = { mean = "9/s", peak_over_trough = 4.4, peak_at = "3h" } }"#),
        Profile::Diurnal {
            mean: per_second(9.0),
            peak_over_trough: 4.4,
            peak: Span::from_secs(10_800),
            period: Span::from_secs(86_400),
        }
    );
}

#[test]
fn every_fault_is_read() {
    let faults = scenario(&format!(
        r#"{LEAST}
        [[canary.faults]]
        kind = "errors"
        probability = "2%"
        onset = "1m"
        ramp = "2m"
        duration = "3m"
        users = "10%"
        [[canary.faults]]
        kind = "latency"
        multiply = 1.3
        [[canary.faults]]
        kind = "tail"
        probability = "1%"
        add = "2s"
        [[canary.faults]]
        kind = "leak"
        add = "300ms"
        ramp = "4m"
        "#
    ))
    .world
    .faults;
    assert_eq!(
        faults[0].kind,
        FaultKind::Errors {
            probability: share(0.02),
            latency: None,
        }
    );
    assert_eq!(
        faults[0].schedule,
        Schedule {
            onset: Time::from_secs(60),
            ramp: Span::from_secs(120),
            duration: Some(Span::from_secs(180)),
            every: None,
        }
    );
    assert_eq!(faults[0].scope.users, share(0.1));
    assert_eq!(
        faults[1].kind,
        FaultKind::Latency {
            multiply: 1.3,
            add: Span::ZERO
        }
    );
    assert_eq!(faults[1].schedule, Schedule::ALWAYS);
    assert_eq!(
        faults[2].kind,
        FaultKind::Tail {
            probability: share(0.01),
            add: Span::from_secs(2)
        }
    );
    assert_eq!(
        faults[3].kind,
        FaultKind::Latency {
            multiply: 1.0,
            add: Span::from_millis(300)
        }
    );
    assert_eq!(faults[3].schedule.ramp, Span::from_secs(240));
}

#[test]
fn every_gate_is_read() {
    let analysis = scenario(&format!(
        r#"{LEAST}
        [[rollout.gates]]
        kind = "latency-quantile"
        quantile = "p95"
        max = "500ms"
        window = "2m"
        min_requests = 7
        [[rollout.gates]]
        kind = "ratio"
        max = 2
        [[rollout.gates]]
        kind = "difference"
        metric = "errors"
        max = "0.5%"
        [[rollout.gates]]
        kind = "difference"
        metric = "p99"
        max = "50ms"
        [[rollout.gates]]
        kind = "difference"
        metric = "mean"
        max = "5ms"
        [[rollout.gates]]
        kind = "z-test"
        "#
    ))
    .analysis;
    let window = Span::from_secs(60);
    let comparison = |metric, limit| {
        Gate::Comparison(Comparison {
            route: None,
            against: Version::Stable,
            strata: 0,
            window,
            metric,
            limit,
            min_requests: 0,
        })
    };
    assert_eq!(
        analysis[1..],
        [
            Gate::LatencyQuantile(LatencyQuantile {
                route: None,
                window: Span::from_secs(120),
                quantile: share(0.95),
                max: Span::from_millis(500),
                min_requests: 7,
            }),
            comparison(Metric::ErrorRatio, ComparisonLimit::Ratio(2.0)),
            comparison(Metric::ErrorRatio, ComparisonLimit::Difference(0.005)),
            comparison(
                Metric::LatencyQuantile(share(0.99)),
                ComparisonLimit::Difference(0.05)
            ),
            comparison(Metric::LatencyMean, ComparisonLimit::Difference(0.005)),
            Gate::TwoProportionZ(TwoProportionZ {
                route: None,
                against: Version::Stable,
                window,
                alpha: share(0.05),
                min_requests: 100,
            }),
        ]
    );
}

#[test]
fn telemetry_is_read() {
    let telemetry = |lines| scenario(&with("telemetry", lines)).telemetry;
    assert_eq!(telemetry("scrape = \"exact\"").sampling, Sampling::Exact);
    assert_eq!(
        telemetry("scrape = \"15s\"\nphase = \"random\"").sampling,
        Sampling::Scraped {
            interval: Span::from_secs(15),
            phase: Phase::Random
        }
    );
    assert_eq!(
        telemetry("phase = \"1s\"").sampling,
        Sampling::Scraped {
            interval: Span::from_secs(5),
            phase: Phase::Fixed(Span::from_secs(1))
        }
    );
    assert_eq!(telemetry("series = \"zero\"").birth, Birth::Zero);
    assert_eq!(
        telemetry("buckets = \"linkerd\"").buckets,
        Buckets::linkerd()
    );
    assert_eq!(
        telemetry("buckets = { ms = [5, 10.5] }").buckets,
        Buckets::new(vec![5.0, 10.5], Unit::Milliseconds).unwrap()
    );
}

#[test]
fn weights_are_sorted_and_numbers_are_percent() {
    let experiment = scenario(&with(
        "experiment",
        "weights = [\"50%\", 2.5, 5]\nseed = 0xFF\ntrials = 2_000\nengine = \"counts\"",
    ))
    .experiment;
    let percent: Vec<f64> = experiment.weights.iter().map(|w| w.as_percent()).collect();
    assert_eq!(percent, [2.5, 5.0, 50.0]);
    assert_eq!(experiment.seed, Seed(255));
    assert_eq!(experiment.trials, Some(2_000));
    assert_eq!(experiment.engine, EngineChoice::Counts);
}

#[test]
fn odd_but_possible_scenarios_are_warned_of() {
    for (text, warning) in [
        (LEAST.replace("errors = \"1%\"", ""), "nothing to detect"),
        (
            LEAST.replace("min = \"99%\"", "min = \"99%\"\nwindow = \"5s\""),
            "test.toml:8:1: a window of 5s never holds the two scrapes",
        ),
        (
            LEAST.replace("min = \"99%\"", "min = \"99%\"\nwindow = \"8s\""),
            "a window of 8s not always holds",
        ),
        (with("rollout", "warmup = \"6m\""), "nothing is checked"),
        (
            LEAST.replace("\"5m\" }", "\"5m\" }, { weight = \"2%\", hold = \"1m\" }"),
            "a step of 2% comes after one of 5%",
        ),
        (
            format!("horizon = \"2m\"\n{LEAST}"),
            "test.toml:1:11: the horizon of 2m cuts rollouts off: their steps take 5m",
        ),
        (
            with(
                "canary",
                "faults = [{ kind = \"errors\", probability = \"1%\", onset = \"9h\" }]",
            ),
            "a fault that begins at 9h comes after",
        ),
        (
            LEAST.split("[[").next().unwrap().to_owned(),
            "every canary is promoted",
        ),
        (
            LEAST
                .replace("min = \"99%\"", "max = \"7s\"")
                .replace("success-ratio", "latency-quantile")
                + "[telemetry]\nbuckets = \"traefik\"\n",
            "a limit of 7s can never be broken: the histogram ends at 5s",
        ),
    ] {
        let warnings = scenario(&text).warnings.join("\n");
        assert!(warnings.contains(warning), "{text}\n{warnings}");
    }
}

#[test]
fn a_syntax_error_does_not_hide_the_problems_of_other_lines() {
    let text = LEAST
        .replace("\"20/s\"", "20/s")
        .replace("weight = \"5%\"", "weight = \"140%\"");
    let errors = errors(&text);
    assert!(errors.contains("test.toml:3:"), "{errors}");
    assert!(errors.contains("rate = \"20/s\""), "{errors}");
    assert!(errors.contains("`140%` is not a weight"), "{errors}");
    assert_eq!(errors.lines().count(), 2, "{errors}");
}

#[test]
fn every_shipped_scenario_reads_without_a_warning_and_explains_itself() {
    for builtin in builtin() {
        let scenario = match builtin.scenario() {
            Ok(scenario) => scenario,
            Err(problems) if problems.to_string().contains("cannot be read yet") => continue,
            Err(problems) => panic!("{problems}"),
        };
        assert_eq!(scenario.name, builtin.name);
        assert_eq!(scenario.warnings, Vec::<String>::new(), "{}", builtin.name);
        assert!(scenario.title.len() > 10, "{}", builtin.name);
        for part in ["What happens", "What to watch", "What to do in production"] {
            assert!(scenario.story.contains(part), "{}: {part}", builtin.name);
        }
    }
    assert_eq!(neutral().unwrap().warnings, Vec::<String>::new());
}

#[test]
fn an_unknown_built_in_scenario_is_met_with_the_nearest_name() {
    assert_eq!(find("istio-ramp").unwrap().name, "istio-ramp");
    let error = find("lowtraffic").unwrap_err().to_string();
    assert!(error.contains("did you mean `low-traffic`?"), "{error}");
    let error = find("zebra").unwrap_err().to_string();
    assert!(error.contains("`coalmine scenarios` lists them"), "{error}");
}
