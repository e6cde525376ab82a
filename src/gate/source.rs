//! Where a controller's own metric gets its figures from.

use std::sync::Arc;

use crate::base::Span;
use crate::telemetry::Demand;
use crate::telemetry::promql::{BindError, Bound, Catalogue, Query};

/// Where the figures of a metric come from that is not builtin.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// Another system, which the engine asks: the number of the question, counted over all metrics
    /// of the manifests in the order in which they ask, and its answer in
    /// [`Telemetry::supplied`](crate::telemetry::Telemetry::supplied).
    Supplied(usize),
    /// A query as a manifest has it. It has no answer until [`Source::bind`] has found its series.
    Written(Query),
    /// A query of the simulated metrics, with the series that it found.
    Bound(Query, Arc<Bound>),
}

impl Source {
    /// Finds the series of a query that is also asked for instants up to `back` before the one at
    /// hand, whatever it found before; does nothing to other sources.
    ///
    /// # Errors
    /// The query reads what is not exported, or cannot be evaluated here.
    pub fn bind(&mut self, catalogue: &Catalogue, back: Span) -> Result<(), BindError> {
        let query = match self {
            Source::Written(query) | Source::Bound(query, _) => query.clone(),
            Source::Supplied(_) => return Ok(()),
        };
        let bound = match back {
            Span::ZERO => query.bind(catalogue)?,
            back => query.bind_over(catalogue, back)?,
        };
        *self = Source::Bound(query, Arc::new(bound));
        Ok(())
    }

    /// The text of a query.
    pub fn query(&self) -> Option<&str> {
        self.written().map(Query::text)
    }

    /// The number of the question to another system.
    pub fn question(&self) -> Option<usize> {
        match self {
            Source::Supplied(question) => Some(*question),
            Source::Written(_) | Source::Bound(..) => None,
        }
    }

    /// What a metric of this name reads, in words.
    pub(super) fn reads(&self, metric: &str) -> String {
        match self.query() {
            None => format!("what another system answers to `{metric}`"),
            Some(query) => {
                let words: Vec<&str> = query.split_whitespace().collect();
                format!("`{}`", words.join(" "))
            }
        }
    }

    /// A query, whether it has found its series or not.
    pub fn written(&self) -> Option<&Query> {
        match self {
            Source::Supplied(_) => None,
            Source::Written(query) | Source::Bound(query, _) => Some(query),
        }
    }

    /// The longest window that is looked through; zero where nothing here is.
    pub fn window(&self) -> Span {
        /// What a query without a window says that it has.
        const NONE: Span = Span::from_millis(1);
        let window = self.bound().map_or(Span::ZERO, Bound::window);
        if window <= NONE { Span::ZERO } else { window }
    }

    /// How far back it reads.
    pub fn reach(&self) -> Span {
        self.bound().map_or(Span::ZERO, Bound::reach)
    }

    /// What it reads.
    pub fn demand(&self) -> Demand {
        self.bound().map_or_else(Demand::default, Bound::demand)
    }

    /// Selectors of a query that find no series.
    pub fn unmatched(&self) -> &[String] {
        self.bound().map_or(&[], Bound::unmatched)
    }

    pub(super) fn bound(&self) -> Option<&Bound> {
        match self {
            Source::Bound(_, bound) => Some(bound),
            Source::Supplied(_) | Source::Written(_) => None,
        }
    }
}
