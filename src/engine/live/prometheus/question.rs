//! What a Prometheus is asked: the figures of one window in one query.

use crate::base::Span;
use crate::gate::Gate;
use crate::telemetry::exposition::text::labels;
use crate::telemetry::exposition::{Dialect, Part};
use crate::telemetry::{Demand, Version};

/// A window that somebody wants to look through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wanted {
    /// Onto which version.
    pub version: Version,
    /// Onto one of its routes; `None`: onto all of it.
    pub route: Option<usize>,
    /// How long.
    pub span: Span,
}

/// The windows that the gates of an analysis read, and those of length `shown` onto both versions
/// for whoever watches.
pub fn wanted(analysis: &[Gate], shown: Span) -> Vec<Wanted> {
    let mut all: Vec<Wanted> = (Version::BOTH.into_iter())
        .map(|version| Wanted {
            version,
            route: None,
            span: shown,
        })
        .collect();
    for gate in analysis {
        let (demand, span) = (gate.demand(), gate.window());
        for version in Version::ALL {
            if demand.reads(version) {
                let route = |route| Wanted {
                    version,
                    route,
                    span,
                };
                all.push(route(None));
                all.extend(routes(demand).map(|index| route(Some(index))));
            }
        }
    }
    all.sort_unstable();
    all.dedup();
    all
}

fn routes(demand: Demand) -> impl Iterator<Item = usize> {
    (0..32).filter(move |route| demand.routes >> route & 1 == 1)
}

/// The label by which the parts of an answer are told apart.
pub(super) const FIGURE: &str = "figure";
pub(super) const GOOD: &str = "good";
pub(super) const BAD: &str = "bad";
pub(super) const BUCKET: &str = "bucket";
pub(super) const SECONDS: &str = "sum";
pub(super) const COUNT: &str = "count";
/// Before the name of a goal's sum: in the window, and from the start on.
pub(super) const WITHIN: &str = "within:";
pub(super) const SO_FAR: &str = "so far:";

/// The sums of a goal of which windows know: opportunities, values, squared values.
pub(super) const WITHIN_SUMS: usize = 3;

/// A query for everything that a window shows. Time on the wall passes `speed` times as slowly as
/// in the scenario. Goals are shown by the parts of the name `goals_of`.
///
/// Requests are told apart by what gates call a failure, a status of 500 to 599. Goals are read
/// without extrapolation, as windows read them: what they rose by between first and last sample.
pub(super) fn query(dialect: &Dialect, wanted: Wanted, speed: f64, goals_of: &str) -> String {
    let millis = (wanted.span.as_millis_f64() / speed).round().max(1.0);
    let range = format!("[{millis}ms]");
    let vendor = dialect.vendor;
    let version = super::super::name_of(wanted.version);
    let route = wanted.route.and_then(|route| dialect.routes.get(route));
    let route = route.map_or("", String::as_str);
    let selected = labels([
        ("part", Part::of(dialect.reporter)),
        (vendor.version_label(), version),
        ("route", route),
    ]);
    let mut parts = Vec::new();
    let mut add = |figure: &str, vector: String| {
        parts.push(format!(
            "label_replace({vector}, \"{FIGURE}\", \"{figure}\", \"\", \"\")"
        ));
    };
    let (requests, code) = (vendor.requests(), vendor.code_label());
    for (figure, matcher) in [(GOOD, "!~"), (BAD, "=~")] {
        add(
            figure,
            format!("sum(increase({requests}{{{selected},{code}{matcher}\"5..\"}}{range}))"),
        );
    }
    let histogram = vendor.histograms()[0];
    add(
        BUCKET,
        format!("sum by (le) (increase({histogram}_bucket{{{selected}}}{range}))"),
    );
    for (figure, suffix) in [(SECONDS, "_sum"), (COUNT, "_count")] {
        add(
            figure,
            format!("sum(increase({histogram}{suffix}{{{selected}}}{range}))"),
        );
    }
    if !dialect.goals.is_empty() {
        let mut selected = labels([("part", goals_of), ("version", version)]);
        // One without a route counts all of them.
        selected.push_str(&format!(",route=\"{}\"", escaped(route)));
        for (index, name) in Dialect::goal_names().into_iter().enumerate() {
            let series = format!("{name}{{{selected}}}{range}");
            if index < WITHIN_SUMS {
                let rise = format!("max_over_time({series}) - min_over_time({series})");
                add(
                    &format!("{WITHIN}{name}"),
                    format!("sum by (goal) ({rise})"),
                );
            }
            add(
                &format!("{SO_FAR}{name}"),
                format!("sum by (goal) (last_over_time({series}))"),
            );
        }
    }
    parts.join(" or ")
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

/// A text as part of an address.
pub(super) fn percent_encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        match byte {
            b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' | b'-' | b'.' | b'_' | b'~' => {
                out.push(byte as char);
            }
            _ => out.push_str(&format!("%{byte:02X}")),
        }
    }
    out
}
