//! The mixture sequential probability ratio test of the difference of error ratios.

use std::fmt;

use super::sums::Sums;
use super::{Batch, Entry, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::mixture_sprt_log;

#[doc = include_str!("../manual/msprt.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Msprt {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// The standard deviation of the effects that are expected, in shares of requests; `None`: the
    /// first error ratio of both arms together that is above zero.
    pub tau: Option<Probability>,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: Msprt,
    sums: Sums,
    tau: Option<f64>,
}

impl Msprt {
    pub(super) const ENTRY: Entry = Entry {
        kind: "msprt",
        title: "mSPRT",
        guarantee: Guarantee::Anytime,
        exact: false,
        reads: Reads::Errors,
        scale: "e",
    };

    pub(super) fn start(self) -> Running {
        Running {
            method: self,
            sums: Sums::default(),
            tau: None,
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        (self.sums, self.tau) = (Sums::default(), None);
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.sums.add(batch);
        let limit = -self.method.alpha.get().ln();
        if !self.sums.are_telling() {
            return Look::no_data(Evidence::LogE { log_e: 0.0, limit });
        }
        let Sums { other, canary } = self.sums;
        let both = self.sums.both().ratio();
        let set = self.method.tau.map(Probability::get);
        let tau = *self.tau.get_or_insert(set.unwrap_or(both));
        let (n, m) = (canary.requests as f64, other.requests as f64);
        let variance = both * (1.0 - both) * (1.0 / n + 1.0 / m);
        let log_e = mixture_sprt_log(canary.ratio() - other.ratio(), variance, tau * tau);
        match log_e {
            None => Look::no_data(Evidence::LogE { log_e: 0.0, limit }),
            Some(log_e) if canary.ratio() <= other.ratio() => Look::at_log_e(log_e.min(0.0), limit),
            Some(log_e) => Look::at_log_e(log_e, limit),
        }
    }
}

impl fmt::Display for Msprt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mSPRT of all errors at {}", self.alpha)?;
        match self.tau {
            None => Ok(()),
            Some(tau) => write!(f, ", tau {tau}"),
        }
    }
}
