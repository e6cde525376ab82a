//! The always-valid test of a latency quantile of Howard and Ramdas.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::time_uniform::QuantileTest;

/// Always-valid test of whether a latency quantile of the canary is higher than the other arm's.
///
/// # What it does
///
/// For every latency that the quantile of both arms might be it weighs, by a beta mixture of each
/// arm's counts, how strongly the requests since the start speak against it; the least of the sums
/// over both arms is the logarithm of an e-value, and 1 over that the p-value. It rolls back when
/// the e-value is at least 1/alpha and the canary's quantile is the higher one. Of a bucket it
/// assumes what speaks least against the canary.
///
/// # When it errs
///
/// Ever, at however many looks, with a chance of alpha at most, and in fact hardly ever, if
/// requests are independent. Sees nothing within a bucket. High quantiles rest on few requests: a
/// p99 that is a quarter higher takes half an hour with 300 requests of the canary a minute.
///
/// # Parameters
///
/// `alpha`, `quantile`, `requests` (of the canary up to the planned end, for which it is tuned; the
/// other arm's in proportion to the first batch). Left out, the first batch of both is carried on
/// to the planned end. Tuning looks at no latency and costs no validity, however wrong it is.
///
/// # Data it needs
///
/// Latency histograms of both arms.
///
/// # Source
///
/// Howard and Ramdas 2022, "Sequential estimation of quantiles with applications to A/B testing and
/// best-arm identification".
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
