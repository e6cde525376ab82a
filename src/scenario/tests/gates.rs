//! Gates that refer to routes and goals by name.

use crate::gate::statistical::Planned;
use crate::gate::{Business, RouteSeries, SampledBy, SuccessRatio};
use crate::scenario::names::Known;
use crate::scenario::reader::Table;
use crate::scenario::report::Report;
use crate::scenario::{gates, schema};

use super::*;

pub(super) fn planned() -> Planned {
    Planned {
        duration: Span::from_secs(3600),
        interval: Span::from_secs(60),
    }
}

pub(super) fn names() -> Known {
    Known::named(&["browse", "checkout"], &["click", "conversion"])
}

/// One gate with these fields, or what is wrong with it.
pub(super) fn read(fields: &str, names: &Known) -> Result<Gate, Vec<String>> {
    let text = format!("gates = [{{ {fields} }}]");
    let (report, root) = Report::parse(&text);
    let mut table = Table::root(&report, &root);
    let analysis = gates::read(&table.get("gates").unwrap(), names, Some(planned()));
    match analysis {
        Some(mut analysis) if !report.has_errors() => Ok(analysis.remove(0)),
        _ => {
            let problems = report.into_problems().into_iter();
            Err(problems
                .map(|problem| format!("{}: {}", problem.message, problem.help.unwrap_or_default()))
                .collect())
        }
    }
}

fn business() -> Business {
    Business {
        window: Span::from_secs(60),
        route: None,
        against: Version::Stable,
        goal: 1,
        name: "conversion".to_owned(),
        min: 0.97,
        alpha: share(0.05),
        by: SampledBy::Request,
        design_effect: 1.0,
        min_requests: 1_000,
    }
}

pub(super) fn checkout() -> Option<RouteSeries> {
    Some(RouteSeries {
        index: 1,
        name: "checkout".to_owned(),
    })
}

#[test]
fn a_business_gate_is_read() {
    let least = "kind = \"business\", goal = \"conversion\"";
    assert_eq!(read(least, &names()), Ok(Gate::Business(business())));
    let whole = format!(
        "{least}, min = 1, alpha = \"1%\", by = \"request\", design_effect = 1.4, route = \
         \"checkout\", against = \"baseline\", window = \"10m\", min_requests = 50"
    );
    assert_eq!(
        read(&whole, &names()),
        Ok(Gate::Business(Business {
            window: Span::from_secs(600),
            route: checkout(),
            against: Version::Baseline,
            min: 1.0,
            alpha: share(0.01),
            design_effect: 1.4,
            min_requests: 50,
            ..business()
        }))
    );
    let by_user = format!("{least}, by = \"user\"");
    assert_eq!(
        read(&by_user, &names()),
        Ok(Gate::Business(Business {
            by: SampledBy::User,
            ..business()
        }))
    );
}

#[test]
fn writing_a_default_of_the_business_gate_out_changes_nothing() {
    let schema = schema();
    let variants = schema["$defs"]["Gate"]["oneOf"].as_array().unwrap();
    let variant = (variants.iter())
        .find(|variant| variant["properties"]["kind"]["const"] == "business")
        .unwrap();
    let mut tried = 0;
    for (name, property) in variant["properties"].as_object().unwrap() {
        if !property["default"].is_null() {
            let default = &property["default"];
            let text = format!("kind = \"business\", goal = \"conversion\", {name} = {default}");
            assert_eq!(
                read(&text, &names()),
                Ok(Gate::Business(business())),
                "{name}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 7);
}

#[test]
fn every_gate_may_read_one_route() {
    for (kind, line) in [
        (
            "success-ratio\", min = \"99%\"",
            "success ratio of checkout >= 99%",
        ),
        (
            "latency-quantile\", max = \"1s\"",
            "p99 latency of checkout <= 1s",
        ),
        (
            "ratio\", max = 2",
            "canary/stable error ratio of checkout <= 2",
        ),
        (
            "difference\", max = \"1%\", against = \"baseline\"",
            "canary - baseline error ratio of checkout <= 1 points",
        ),
        (
            "z-test\", against = \"baseline\"",
            "z test of checkout against baseline at 5%",
        ),
        (
            "business\", goal = \"click\", by = \"user\"",
            "canary/stable click of checkout by user >= 0.97 at 5% since the start",
        ),
    ] {
        let text = format!("kind = \"{kind}, route = \"checkout\"");
        let gate = read(&text, &names()).unwrap_or_else(|problems| panic!("{problems:?}"));
        assert!(gate.to_string().starts_with(line), "{gate}");
        assert_eq!(gate.demand().routes, 0b10, "{gate}");
    }
    let gate = read(
        "kind = \"success-ratio\", min = \"99%\", route = \"checkout\"",
        &names(),
    );
    assert_eq!(
        gate,
        Ok(Gate::SuccessRatio(SuccessRatio {
            window: Span::from_secs(60),
            route: checkout(),
            min: share(0.99),
            max: None,
            min_requests: 0,
        }))
    );
}

#[test]
fn a_comparison_may_be_stratified() {
    let gate = read("kind = \"ratio\", max = 2, stratify = \"route\"", &names()).unwrap();
    assert_eq!(
        gate.to_string(),
        "canary/stable error ratio by route <= 2 over 1m"
    );
    assert_eq!(gate.demand().routes, 0b11);
}

#[test]
fn names_and_combinations_that_do_not_fit_are_refused() {
    let nameless = Known::named(&[], &[]);
    for (names, fields, said) in [
        (
            &names(),
            "kind = \"z-test\", route = \"chekout\"",
            "gates[0].route: `chekout` is no route: did you mean `checkout`?",
        ),
        (
            &names(),
            "kind = \"z-test\", route = \"x\"",
            "gates[0].route: `x` is no route: there are browse, checkout",
        ),
        (
            &nameless,
            "kind = \"z-test\", route = \"x\"",
            "gates[0].route: `x` is no route: add [[traffic.routes]] with name = \"x\"",
        ),
        (
            &nameless,
            "kind = \"business\", goal = \"click\"",
            "gates[0].goal: `click` is no goal: add [[goals]] with name = \"click\"",
        ),
        (
            &names(),
            "kind = \"business\", goal = \"click\", by = \"user\", window = \"1m\"",
            "gates[0].window: by user, everything since the start is judged: take it out, or write \
             by = \"request\"",
        ),
        (
            &names(),
            "kind = \"business\", goal = \"click\", min = 0",
            "gates[0].min: `0` passes every canary: write a ratio like 0.97",
        ),
        (
            &names(),
            "kind = \"ratio\", max = 2, metric = \"p99\", stratify = \"route\"",
            "gates[0].stratify: only error ratios are stratified: take it out, or metric",
        ),
        (
            &names(),
            "kind = \"ratio\", max = 2, route = \"browse\", stratify = \"route\"",
            "gates[0].stratify: there is nothing to stratify in one route: take it out, or route",
        ),
        (
            &nameless,
            "kind = \"ratio\", max = 2, stratify = \"route\"",
            "gates[0].stratify: there are no routes: add [[traffic.routes]], or take it out",
        ),
    ] {
        assert_eq!(read(fields, names), Err(vec![said.to_owned()]), "{fields}");
    }
}

#[test]
fn a_gate_against_a_baseline_needs_one() {
    let text = LEAST.replace(
        "kind = \"success-ratio\"\nmin = \"99%\"",
        "kind = \"z-test\"\nagainst = \"baseline\"",
    );
    let problems = parse(&text, Path::new("test.toml"), None).unwrap_err();
    let said = problems.to_string();
    assert!(
        said.contains("there is no baseline to compare with"),
        "{said}"
    );
}

#[test]
fn the_metric_pipeline_is_read() {
    let lines = "reporter = \"client\"\nmissed = \"2%\"\ndelay = \"15s\"\nprobes = \"1/s\"";
    let plan = scenario(&with("telemetry", lines)).telemetry;
    assert_eq!(plan.reporter, Reporter::Client);
    assert_eq!(plan.missed, share(0.02));
    assert_eq!(plan.delay, Span::from_secs(15));
    assert_eq!(plan.probes, Rate::per_second(1.0).unwrap());
    for (lines, said) in [
        ("missed = \"100%\"", "`100%` leaves no figures at all"),
        (
            "scrape = \"exact\"\nmissed = \"2%\"",
            "`2%` is not possible: exact metrics are not scraped",
        ),
        (
            "scrape = \"exact\"\ndelay = \"15s\"",
            "exact metrics are never late",
        ),
        ("reporter = \"servr\"", "did you mean `server`?"),
    ] {
        let problems = parse(&with("telemetry", lines), Path::new("test.toml"), None);
        let text = problems.unwrap_err().to_string();
        assert!(text.contains(said), "{text}");
    }
}

#[test]
fn a_window_no_longer_than_the_delay_is_doubted() {
    let warnings = scenario(&with("telemetry", "delay = \"1m\"")).warnings;
    let shown = "a window of 1m shows nothing: figures are 1m late";
    assert!(
        warnings.iter().any(|warning| warning.contains(shown)),
        "{warnings:?}"
    );
}
