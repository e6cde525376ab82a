//! The gates of a staged rollout.

mod statistical;

use super::defaults;
use super::latency::quantile;
use super::names::Known;
use super::reader::{Table, Value};
use super::traffic::positive_span;
use crate::base::{Probability, Span};
use crate::gate::statistical::Planned;
use crate::gate::{
    Business, Comparison, ComparisonLimit, Gate, LatencyQuantile, Metric, RouteSeries, SampledBy,
    SuccessRatio, TwoProportionZ,
};
use crate::telemetry::Version;

/// A fraction of a request has no percentile; this many bound any window.
const MOST_REQUESTS: u64 = u32::MAX as u64;

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    SuccessRatio,
    LatencyQuantile,
    Ratio,
    Difference,
    ZTest,
    Business,
    Statistical(statistical::Kind),
}

/// What every kind of gate has.
struct Common {
    window: Span,
    min_requests: u32,
    route: Option<RouteSeries>,
}

/// Those that judge the window of a look.
const WINDOWED: [(&str, Kind); 6] = [
    ("success-ratio", Kind::SuccessRatio),
    ("latency-quantile", Kind::LatencyQuantile),
    ("ratio", Kind::Ratio),
    ("difference", Kind::Difference),
    ("z-test", Kind::ZTest),
    ("business", Kind::Business),
];

/// All kinds, by their names.
fn kinds() -> Vec<(&'static str, Kind)> {
    let statistical = statistical::kinds().into_iter();
    let statistical = statistical.map(|(name, kind)| (name, Kind::Statistical(kind)));
    WINDOWED.into_iter().chain(statistical).collect()
}

/// The names of all kinds.
pub(super) fn names() -> Vec<&'static str> {
    kinds().into_iter().map(|(name, _)| name).collect()
}

/// The gates in the order in which they are evaluated; `names` are those of routes and goals.
///
/// `planned` is how long and how often an undisturbed rollout is looked at, where that is known.
pub(super) fn read(list: &Value<'_>, names: &Known, planned: Option<Planned>) -> Option<Vec<Gate>> {
    let gates: Vec<Option<Gate>> = list
        .list()?
        .iter()
        .map(|value| read_gate(value.table()?, names, planned))
        .collect();
    gates.into_iter().collect()
}

fn read_gate(mut table: Table<'_>, names: &Known, planned: Option<Planned>) -> Option<Gate> {
    let kinds = kinds();
    let quoted = |name| format!("\"{name}\"");
    let written: Vec<String> = self::names().into_iter().map(quoted).collect();
    let help = format!("write kind = {}", written.join(" or "));
    let kind = table.require("kind", &help)?.choice(&kinds)?;
    for (name, other) in kinds {
        if other == kind {
            table.is_of_kind(name);
        }
    }
    if let Kind::Statistical(kind) = kind {
        return statistical::read(table, kind, names, planned);
    }
    let window = match table.get("window") {
        None => Some(defaults::WINDOW),
        Some(value) => positive_span(&value),
    };
    let fewest = match kind {
        Kind::ZTest => defaults::Z_TEST_REQUESTS,
        Kind::Business => defaults::BUSINESS_REQUESTS,
        _ => 0,
    };
    let min_requests = match table.get("min_requests") {
        None => Some(fewest),
        Some(value) => value
            .whole(0..=MOST_REQUESTS)
            .and_then(|n| u32::try_from(n).ok()),
    };
    let route = read_route(&mut table, names);
    let common = window.zip(min_requests).zip(route);
    let common = common.map(|((window, min_requests), route)| Common {
        window,
        min_requests,
        route,
    });
    let gate = match kind {
        Kind::SuccessRatio => read_success_ratio(&mut table, common),
        Kind::LatencyQuantile => read_latency_quantile(&mut table, common),
        Kind::Ratio | Kind::Difference => read_comparison(&mut table, kind, common, names),
        Kind::ZTest => read_z_test(&mut table, common),
        Kind::Business => read_business(&mut table, common, names),
        Kind::Statistical(_) => None,
    };
    for name in ["min_samples", "min_count", "minimum"] {
        table.hint(name, "did you mean `min_requests`?");
    }
    table.finish();
    gate
}

fn read_success_ratio(table: &mut Table<'_>, common: Option<Common>) -> Option<Gate> {
    let min = table
        .require("min", "write min = \"99%\"")
        .and_then(|value| value.share());
    let upper = table.get("max");
    let max = match &upper {
        None => Some(None),
        Some(value) => value.share().map(Some),
    };
    table.hint("errors", "write the share of successes: min = \"99%\"");
    let (common, min, max) = (common?, min?, max?);
    if let (Some(most), Some(value)) = (max, upper)
        && most < min
    {
        value.refuse(
            format_args!("{most} is below min = {min}: nothing passes"),
            "write a maximum above the minimum, or none",
        );
        return None;
    }
    Some(Gate::SuccessRatio(SuccessRatio {
        window: common.window,
        route: common.route,
        min,
        max,
        min_requests: common.min_requests,
    }))
}

fn read_latency_quantile(table: &mut Table<'_>, common: Option<Common>) -> Option<Gate> {
    let quantile = match table.get("quantile") {
        None => Probability::new(0.99),
        Some(value) => read_quantile(&value, "write a quantile such as \"p99\""),
    };
    let max = table
        .require("max", "write max = \"500ms\"")
        .and_then(|value| positive_span(&value));
    let common = common?;
    Some(Gate::LatencyQuantile(LatencyQuantile {
        window: common.window,
        route: common.route,
        quantile: quantile?,
        max: max?,
        min_requests: common.min_requests,
    }))
}

fn read_quantile(value: &Value<'_>, help: &str) -> Option<Probability> {
    let share = value.text().and_then(quantile);
    if share.is_none() {
        value.refuse(
            format_args!("`{}` is not a quantile", value.written()),
            help,
        );
    }
    share
}

fn read_metric(table: &mut Table<'_>) -> Option<Metric> {
    let Some(value) = table.get("metric") else {
        return Some(Metric::ErrorRatio);
    };
    match value.text() {
        Some("errors") => Some(Metric::ErrorRatio),
        Some("mean") => Some(Metric::LatencyMean),
        Some(text) if quantile(text).is_some() => quantile(text).map(Metric::LatencyQuantile),
        _ => {
            value.refuse(
                format_args!("`{}` is not a metric", value.written()),
                "write \"errors\", \"mean\" or a latency quantile such as \"p99\"",
            );
            None
        }
    }
}

fn read_comparison(
    table: &mut Table<'_>,
    kind: Kind,
    common: Option<Common>,
    names: &Known,
) -> Option<Gate> {
    let metric = read_metric(table);
    let against = read_against(table);
    let stratify = table.get("stratify");
    let max = if kind == Kind::Ratio {
        table.require("max", "write max = 2: the canary may be twice as bad")
    } else {
        table.require(
            "max",
            "write max = \"0.5%\" for errors, max = \"50ms\" for latency",
        )
    };
    let (max, metric) = (max?, metric?);
    let limit = match (kind, metric) {
        (Kind::Ratio, _) => max
            .number(0.0..=1e9)
            .filter(|ratio| {
                if *ratio == 0.0 {
                    max.refuse("`0` fails every canary", "write a ratio above 0, like 2");
                }
                *ratio > 0.0
            })
            .map(ComparisonLimit::Ratio),
        (_, Metric::ErrorRatio) => max
            .share()
            .map(|share| ComparisonLimit::Difference(share.get())),
        (_, _) => max
            .quantity::<Span>()
            .map(|span| ComparisonLimit::Difference(span.as_secs_f64())),
    };
    let common = common?;
    let strata = match &stratify {
        None => Some(None),
        Some(value) => read_strata(value, metric, &common, names).map(Some),
    };
    Some(Gate::Comparison(Comparison {
        window: common.window,
        strata: strata?.unwrap_or(0),
        route: common.route,
        against: against?,
        metric,
        limit: limit?,
        min_requests: common.min_requests,
    }))
}

/// The routes to stratify over, as a set of bits.
fn read_strata(value: &Value<'_>, metric: Metric, common: &Common, names: &Known) -> Option<u32> {
    value.choice(&[("route", ())])?;
    let problem = if metric != Metric::ErrorRatio {
        Some(("only error ratios are stratified", "take it out, or metric"))
    } else if common.route.is_some() {
        Some((
            "there is nothing to stratify in one route",
            "take it out, or route",
        ))
    } else if names.routes.are_none() {
        Some((
            "there are no routes",
            "add [[traffic.routes]], or take it out",
        ))
    } else {
        None
    };
    if let Some((message, help)) = problem {
        value.refuse(message, help);
        return None;
    }
    Some((0..names.routes.len()).fold(0, |bits, route| bits | 1 << route))
}

fn read_z_test(table: &mut Table<'_>, common: Option<Common>) -> Option<Gate> {
    let against = read_against(table);
    let alpha = read_alpha(table);
    let common = common?;
    Some(Gate::TwoProportionZ(TwoProportionZ {
        window: common.window,
        route: common.route,
        against: against?,
        alpha: alpha?,
        min_requests: common.min_requests,
    }))
}

fn read_alpha(table: &mut Table<'_>) -> Option<Probability> {
    read_level(table, defaults::alpha())
}

/// A significance level, `otherwise` when none is written.
fn read_level(table: &mut Table<'_>, otherwise: Probability) -> Option<Probability> {
    match table.get("alpha") {
        None => Some(otherwise),
        Some(value) => level(&value),
    }
}

/// The chance of an error that a test may make.
fn level(value: &Value<'_>) -> Option<Probability> {
    value.share().filter(|alpha| {
        let sound = *alpha > Probability::ZERO && alpha.get() <= 0.5;
        if !sound {
            value.refuse(
                format_args!("`{}` is no significance level", value.written()),
                "write a percentage above 0% and at most 50%, like 5%",
            );
        }
        sound
    })
}

fn read_route(table: &mut Table<'_>, names: &Known) -> Option<Option<RouteSeries>> {
    let Some(value) = table.get("route") else {
        return Some(None);
    };
    let (index, name) = names.routes.find_named(&value)?;
    Some(Some(RouteSeries { index, name }))
}

fn read_against(table: &mut Table<'_>) -> Option<Version> {
    match table.get("against") {
        None => Some(Version::Stable),
        Some(value) => {
            value.choice(&[("stable", Version::Stable), ("baseline", Version::Baseline)])
        }
    }
}

fn read_business(table: &mut Table<'_>, common: Option<Common>, names: &Known) -> Option<Gate> {
    let goal = table.require("goal", "write goal = \"conversion\"");
    let goal = goal.and_then(|value| names.goals.find_named(&value));
    let against = read_against(table);
    let min = match table.get("min") {
        None => Some(defaults::BUSINESS_RATIO),
        Some(value) => value.number(0.0..=1e3).filter(|min| {
            if *min == 0.0 {
                value.refuse("`0` passes every canary", "write a ratio like 0.97");
            }
            *min > 0.0
        }),
    };
    let alpha = read_alpha(table);
    let design_effect = match table.get("design_effect") {
        None => Some(1.0),
        Some(value) => value.number(1.0..=1e6),
    };
    let by = match table.get("by") {
        None => Some(SampledBy::Request),
        Some(value) => value.choice(&[("request", SampledBy::Request), ("user", SampledBy::User)]),
    };
    if let (Some(SampledBy::User), Some(value)) = (by, table.get("window")) {
        value.refuse(
            "by user, everything since the start is judged",
            "take it out, or write by = \"request\"",
        );
        return None;
    }
    let (common, (goal, name)) = (common?, goal?);
    Some(Gate::Business(Business {
        window: common.window,
        route: common.route,
        against: against?,
        goal,
        name,
        min: min?,
        alpha: alpha?,
        by: by?,
        design_effect: design_effect?,
        min_requests: common.min_requests,
    }))
}
