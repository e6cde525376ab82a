//! The e-process of how events split between the canary and the other arm.

use std::fmt;

use super::{Batch, Decision, Entry, Events, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::SplitE;

#[doc = include_str!("../manual/split-evidence.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SplitEvidence {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// A canary with this many times the events of the other arm is still good; at least 1.
    pub tolerate: f64,
    /// What is counted.
    pub events: Events,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Bets {
    method: SplitEvidence,
    /// `None` where the tolerated ratio is none: nothing is ever said then.
    evidence: Option<SplitE>,
    /// Whether there was anything to compare yet.
    begun: bool,
}

impl SplitEvidence {
    pub(super) const ENTRY: Entry = Entry {
        kind: "split-evidence",
        title: "split e-process",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Errors,
        scale: "e",
    };

    pub(super) fn start(self) -> Bets {
        Bets {
            evidence: against(self.tolerate),
            method: self,
            begun: false,
        }
    }
}

/// The usual bets, on multiples of the ratio that is tolerated.
pub(super) fn against(tolerate: f64) -> Option<SplitE> {
    let ratios: Vec<f64> = (SplitE::usual_ratios().iter())
        .map(|ratio| ratio * tolerate)
        .collect();
    SplitE::new(&ratios, tolerate)
}

impl Test for Bets {
    fn begin(&mut self, _luck: u64) {
        if let Some(evidence) = &mut self.evidence {
            evidence.reset();
        }
        self.begun = false;
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.begun |= batch.compares();
        let limit = -self.method.alpha.get().ln();
        let counted = self.method.events.count(batch);
        let log_e = self.evidence.as_mut().and_then(|evidence| {
            let look = evidence.look(counted.canary, counted.all, batch.realised_share());
            look.or(Some(evidence.log_e()))
        });
        let evidence = Evidence::LogE {
            log_e: log_e.unwrap_or(0.0),
            limit,
        };
        match log_e {
            Some(log_e) if self.begun => Look::at_log_e(log_e, limit),
            _ => Look {
                decision: Decision::NoData,
                evidence,
            },
        }
    }
}

impl fmt::Display for SplitEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "split e-process of {} at {}", self.events, self.alpha)?;
        if self.tolerate != 1.0 {
            write!(f, ", {} times as many tolerated", self.tolerate)?;
        }
        Ok(())
    }
}
