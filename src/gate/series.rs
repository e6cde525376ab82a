//! Which series a gate reads: a version's, or those of one of its routes.

use std::fmt;

use crate::base::{Span, Time};
use crate::telemetry::{Demand, Telemetry, Version, Window};

/// A route whose own series a gate reads.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteSeries {
    /// Its place among the routes of the telemetry.
    pub index: usize,
    /// Its name, for people.
    pub name: String,
}

/// The window of length `span` that ends at `now`, onto a version or one of its routes.
pub(super) fn window<'t>(
    telemetry: &'t Telemetry,
    version: Version,
    route: Option<&RouteSeries>,
    now: Time,
    span: Span,
) -> Window<'t> {
    match route {
        None => telemetry.window(version, now, span),
        Some(route) => telemetry.route_window(version, route.index, now, span),
    }
}

/// The counters of these versions and of a route, if there is one.
pub(super) fn demand(versions: &[Version], route: Option<&RouteSeries>) -> Demand {
    let reads = |version| versions.contains(&version);
    Demand {
        stable: reads(Version::Stable),
        canary: reads(Version::Canary),
        baseline: reads(Version::Baseline),
        routes: route.map_or(0, |route| 1 << route.index),
        ..Demand::default()
    }
}

/// The end of a metric's name: ` of checkout`, or nothing.
pub(super) struct Of<'r>(pub(super) &'r Option<RouteSeries>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            None => Ok(()),
            Some(route) => write!(f, " of {}", route.name),
        }
    }
}

/// What a gate calls the version that it compares the canary with.
pub(super) fn name(version: Version) -> &'static str {
    match version {
        Version::Stable => "stable",
        Version::Canary => "canary",
        Version::Baseline => "baseline",
    }
}
