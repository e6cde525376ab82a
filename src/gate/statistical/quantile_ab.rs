//! The always-valid test of a latency quantile of Howard and Ramdas.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::time_uniform::QuantileTest;

#[doc = include_str!("../manual/quantile-ab.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileAb {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// Which quantile.
    pub quantile: Probability,
    /// Requests of the canary up to the planned end; `None`: as many at each look as in the first
    /// batch.
    pub requests: Option<u64>,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: QuantileAb,
    planned: Planned,
    sums: Histograms,
    /// From the first batch on that has requests of both arms.
    test: Option<QuantileTest>,
}

impl QuantileAb {
    pub(super) const ENTRY: Entry = Entry {
        kind: "quantile-ab",
        title: "quantile A/B",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Latency,
        scale: "e",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            sums: Histograms::default(),
            test: None,
        }
    }
}

impl Running {
    /// The test as the first batch tunes it that has requests of both arms.
    fn tuned(&self, batch: &Batch<'_>) -> Option<QuantileTest> {
        let [other, canary] = [batch.other.requests as f64, batch.canary.requests as f64];
        let QuantileAb {
            alpha,
            quantile,
            requests,
        } = self.method;
        let looks = f64::from(self.planned.looks());
        let planned = requests.map_or(canary * looks, |all| all as f64);
        let (p, alpha) = (quantile.get(), alpha.get());
        QuantileTest::new(p, (planned, planned * other / canary), alpha)
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sums.clear();
        self.test = None;
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.sums.add(batch);
        let limit = -self.method.alpha.get().ln();
        self.test = self.test.or_else(|| self.tuned(batch));
        let Histograms { other, canary } = &self.sums;
        let look = self.test.as_ref().and_then(|test| test.look(canary, other));
        match look {
            None => Look::no_data(Evidence::LogE { log_e: 0.0, limit }),
            Some(look) if look.first_is_larger => Look::at_log_e(look.log_e, limit),
            Some(_) => Look::at_log_e(0.0, limit),
        }
    }
}

impl fmt::Display for QuantileAb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, quantile) = (self.alpha, self.quantile);
        write!(f, "always-valid test of the {quantile} latency at {alpha}")
    }
}
