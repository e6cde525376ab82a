//! Where a controller's own metric gets its figures from.

use crate::base::Span;
use crate::telemetry::Demand;
use crate::telemetry::promql::Bound;

/// Where the figures of a metric come from that is not builtin.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A Prometheus, by a query that has found its series.
    Query(Box<Bound>),
    /// Another system, which the engine asks: the number of the question, counted over all metrics
    /// of the manifests in the order in which they ask, and its answer in
    /// [`Telemetry::supplied`](crate::telemetry::Telemetry::supplied).
    Supplied(usize),
}

impl Source {
    /// The number of the question to another system.
    pub fn question(&self) -> Option<usize> {
        match self {
            Source::Query(_) => None,
            Source::Supplied(question) => Some(*question),
        }
    }

    /// What a metric of this name reads, in words.
    pub(super) fn reads(&self, metric: &str) -> String {
        match self {
            Source::Query(query) => format!("`{}`", query.text()),
            Source::Supplied(_) => format!("what another system answers to `{metric}`"),
        }
    }

    /// The longest window that is looked through; zero where nothing here is.
    pub fn window(&self) -> Span {
        /// What a query without a window says that it has.
        const NONE: Span = Span::from_millis(1);
        match self {
            Source::Query(query) if query.window() <= NONE => Span::ZERO,
            Source::Query(query) => query.window(),
            Source::Supplied(_) => Span::ZERO,
        }
    }

    /// How far back it reads.
    pub fn reach(&self) -> Span {
        match self {
            Source::Query(query) => query.reach(),
            Source::Supplied(_) => Span::ZERO,
        }
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        match self {
            Source::Query(query) => query.demand(),
            Source::Supplied(_) => Demand::default(),
        }
    }
}
