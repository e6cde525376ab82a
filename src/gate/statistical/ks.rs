//! The test of Kolmogorov and Smirnov of latencies on everything since the start.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::ks_counts_above;

/// One-sided two-sample test of Kolmogorov and Smirnov of the latencies since the start.
///
/// # What it does
///
/// Adds up the latency histograms of both arms, which have the same bounds, and takes the largest
/// amount by which the canary's share of requests within a bound lies below the other arm's. It
/// rolls back when the p-value of that, exp(-2 n m/(n + m) D²), is at or below the level of the
/// look.
///
/// # When it errs
///
/// At one look not more often than alpha says, if the requests of both arms are independent and
/// come from one distribution, and less often the coarser the histogram. Made at every look at its
/// full level some 29 % of good canaries are rolled back over 60 looks. It hardly sees tails: 2 %
/// of requests that get slower move the shares by 2 %. Where the weight moves while latencies move,
/// the sums compare times and not versions.
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
/// Kolmogorov 1933; Smirnov 1939.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ks {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: Ks,
    planned: Planned,
    sums: Histograms,
}

impl Ks {
    pub(super) const ENTRY: Entry = Entry {
        kind: "ks",
        title: "Kolmogorov-Smirnov",
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
        let Ks { alpha, looks } = self.method;
        match ks_counts_above(&self.sums.canary, &self.sums.other) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(test) => looks.at_p(test.p, alpha, batch.elapsed, self.planned),
        }
    }
}

impl fmt::Display for Ks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, looks) = (self.alpha, self.looks);
        write!(
            f,
            "Kolmogorov-Smirnov test of all latencies at {alpha}, {looks}"
        )
    }
}
