//! Time-uniform bands around the distributions of latencies.

use std::fmt;

use super::sums::Histograms;
use super::{Batch, Entry, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::time_uniform::BandTest;

/// Always-valid one-sided comparison of the distributions of the latencies since the start, by
/// bands around both.
///
/// # What it does
///
/// Around the distribution function of each arm lies a band that holds the true one at all
/// latencies and at all looks at once; its radius falls a little slower than the root of the
/// requests. It rolls back when at some bound of the histogram the canary's share of requests
/// within it lies below the other arm's by more than both radii, and reports the level at which
/// they would touch.
///
/// # When it errs
///
/// Ever, at however many looks, with a chance of alpha at most, and in fact hardly ever, if
/// requests are independent. For that it is slow, and blind to tails: 2 % of requests that get
/// slower move the distribution by 2 %, which is less than the radius up to 50,000 requests of the
/// canary.
///
/// # Parameters
///
/// `alpha`.
///
/// # Data it needs
///
/// Latency histograms of both arms.
///
/// # Source
///
/// Lindon, Sanden and Shirikian 2022, "Rapid Regression Detection in Software Deployments through
/// Sequential Testing" (Netflix); the radius: Howard and Ramdas 2022.
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
