//! Time-uniform bands around the distributions of latencies.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::time_uniform::BandTest;

#[doc = include_str!("../manual/dkw.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Dkw {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    alpha: f64,
    /// `None` for a level that is none.
    bands: Option<BandTest>,
    sums: Histograms,
}

impl Dkw {
    pub(super) const ENTRY: Entry = Entry {
        kind: "dkw",
        title: "DKW bands",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Latency,
        scale: "p",
    };

    pub(super) fn start(self) -> Running {
        Running {
            alpha: self.alpha.get(),
            bands: BandTest::new(self.alpha.get(), BandTest::USUAL_WIDTH, 1.0),
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
        let Histograms { other, canary } = &self.sums;
        let look = self
            .bands
            .as_ref()
            .and_then(|bands| bands.look(canary, other));
        let level = self.alpha;
        match look.filter(|_| self.sums.have_both()) {
            None => Look::no_data(Evidence::P { p: 1.0, level }),
            Some(look) => Look::at_p(look.p_above, level),
        }
    }
}

impl fmt::Display for Dkw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "bands around all latencies at {}", self.alpha)
    }
}
