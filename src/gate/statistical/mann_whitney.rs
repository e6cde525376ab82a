//! The rank test of latencies on everything since the start.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats;

/// One-sided rank test of Mann and Whitney of the latencies since the start.
///
/// # What it does
///
/// Adds up the latency histograms of both arms, which have the same bounds, and tests whether a
/// request of the canary tends to be slower than one of the other arm; requests in one bucket count
/// as ties. It rolls back when the p-value, with correction for ties and for continuity, is at or
/// below the level of the look.
///
/// # When it errs
///
/// At one look about as often as alpha says, if the requests of both arms are independent and come
/// from one distribution: queues, caches that warm up and users that stay make them alike. Made at
/// every look at its full level some 28 % of good canaries are rolled back over 60 looks. A slow
/// tail moves few ranks: it takes minutes to show. Where the weight moves while latencies move, the
/// sums compare times and not versions.
///
/// # Parameters
///
/// `alpha`, `looks` (at `every` look, once at the `end`, or `shared` among them).
///
/// # Data it needs
///
/// Latency histograms of both arms.
///
/// # Source
///
/// Mann and Whitney 1947.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MannWhitney {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: MannWhitney,
    planned: Planned,
    sums: Histograms,
}

impl MannWhitney {
    pub(super) const ENTRY: Entry = Entry {
        kind: "mann-whitney",
        title: "Mann-Whitney",
        guarantee: Guarantee::FixedHorizon,
        exact: false,
        reads: Reads::Latency,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            sums: Histograms::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sums.clear();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.sums.add(batch);
        let MannWhitney { alpha, looks } = self.method;
        let test = stats::MannWhitney::of_counts(&self.sums.canary, &self.sums.other);
        match test.and_then(|test| test.p(true)) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(p) => looks.at_p(p, alpha, batch.elapsed, self.planned),
        }
    }
}

impl fmt::Display for MannWhitney {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, looks) = (self.alpha, self.looks);
        write!(f, "Mann-Whitney test of all latencies at {alpha}, {looks}")
    }
}
