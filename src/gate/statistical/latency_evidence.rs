//! The multi-threshold e-process of latency.

use std::fmt;

use super::{Batch, Entry, Evidence, Guarantee, Look, Reads, Test, Thresholds};
use crate::base::Probability;
use crate::stats::sequential::{OddsE, SplitE, ThresholdE};

#[doc = include_str!("../manual/latency-evidence.md")]
#[derive(Debug, Clone, PartialEq)]
pub struct LatencyEvidence {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// Where requests are counted.
    pub thresholds: Thresholds,
    /// Whether errors count too, as much as all thresholds together.
    pub errors: bool,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Bets {
    method: LatencyEvidence,
    /// The first bucket above each threshold, once they are chosen.
    above: Vec<usize>,
    /// `None` before.
    latency: Option<ThresholdE>,
    /// `None` where errors do not count.
    errors: Option<SplitE>,
    /// Of one batch, by threshold: requests of the canary and of the other arm above it.
    hits: Vec<(u64, u64)>,
}

impl LatencyEvidence {
    pub(super) const ENTRY: Entry = Entry {
        kind: "latency-evidence",
        title: "multi-threshold latency e-process",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Latency,
        scale: "e",
    };

    const BOTH: Entry = Entry {
        reads: Reads::Both,
        ..LatencyEvidence::ENTRY
    };

    pub(super) fn entry(&self) -> &'static Entry {
        match self.errors {
            false => &LatencyEvidence::ENTRY,
            true => &LatencyEvidence::BOTH,
        }
    }

    pub(super) fn start(self) -> Bets {
        let errors = self.errors.then(SplitE::usual_ratios);
        Bets {
            errors: errors.and_then(|ratios| SplitE::new(&ratios, 1.0)),
            method: self,
            above: Vec::new(),
            latency: None,
            hits: Vec::new(),
        }
    }
}

impl Bets {
    /// Takes in a batch that compares both arms; answers ln E.
    fn bet(&mut self, batch: &Batch<'_>) -> f64 {
        let trials = (batch.canary.requests, batch.other.requests);
        self.hits.clear();
        self.hits.extend(self.above.iter().map(|bucket| {
            let [other, canary] = batch.slower(*bucket);
            (canary, other)
        }));
        let latency = self.latency.as_mut().map_or(0.0, |latency| {
            let look = latency.look(&self.hits, trials);
            look.unwrap_or(latency.log_e())
        });
        let Some(errors) = &mut self.errors else {
            return latency;
        };
        let look = errors.look(batch.canary.errors, batch.errors(), batch.realised_share());
        mean(latency, look.unwrap_or(errors.log_e()))
    }
}

/// ln of the mean of two numbers, of their logarithms.
fn mean(a: f64, b: f64) -> f64 {
    let (low, high) = if a < b { (a, b) } else { (b, a) };
    high + ((low - high).exp().ln_1p() - std::f64::consts::LN_2)
}

impl Test for Bets {
    fn begin(&mut self, _luck: u64) {
        self.above.clear();
        self.latency = None;
        if let Some(errors) = &mut self.errors {
            errors.reset();
        }
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let limit = -self.method.alpha.get().ln();
        if self.latency.is_none() {
            self.above = self.method.thresholds.choose(batch);
            self.latency = ThresholdE::new(self.above.len(), &OddsE::USUAL_ODDS);
        }
        match self.latency.is_some() {
            true => Look::at_log_e(self.bet(batch), limit),
            false => Look::no_data(Evidence::LogE { log_e: 0.0, limit }),
        }
    }
}

impl fmt::Display for LatencyEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "latency e-process{} at {}", self.thresholds, self.alpha)?;
        f.write_str(if self.errors { ", with errors" } else { "" })
    }
}
