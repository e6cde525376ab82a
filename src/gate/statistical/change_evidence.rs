//! The change-point e-process of how events split between the canary and the other arm.

use std::fmt;

use super::{Batch, Entry, Events, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::{Onset, SplitChangePoint};

#[doc = include_str!("../manual/change-evidence.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangeEvidence {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// How the capital is laid on the looks.
    pub prior: Prior,
    /// What is counted.
    pub events: Events,
}

/// How likely a fault is taken to begin when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prior {
    /// Equally at each planned look.
    Uniform,
    /// One half with the canary, the rest equally at each other planned look.
    HalfAtStart,
}

impl Prior {
    /// The parts of so many looks.
    pub(super) fn onset(self, looks: u32) -> Onset {
        match self {
            Prior::Uniform => Onset::Uniform(looks),
            Prior::HalfAtStart => Onset::HalfAtStart(looks),
        }
    }
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Change {
    method: ChangeEvidence,
    /// `None` for bets that are none, which the usual ones are not.
    evidence: Option<SplitChangePoint>,
    /// Whether there was anything to compare yet: looks before it are not of the plan.
    begun: bool,
}

impl ChangeEvidence {
    pub(super) const ENTRY: Entry = Entry {
        kind: "change-evidence",
        title: "change-point e-process",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Errors,
        scale: "e",
    };

    pub(super) fn start(self, planned: Planned) -> Change {
        let onset = self.prior.onset(planned.looks());
        Change {
            evidence: SplitChangePoint::new(&SplitChangePoint::USUAL_RATIOS, 1.0, onset),
            method: self,
            begun: false,
        }
    }
}

impl Test for Change {
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
        match &mut self.evidence {
            Some(evidence) if self.begun => {
                let look = evidence.look(counted.canary, counted.all, batch.realised_share());
                Look::at_log_e(look.unwrap_or(evidence.log_e()), limit)
            }
            _ => Look::no_data(Evidence::LogE { log_e: 0.0, limit }),
        }
    }
}

impl fmt::Display for ChangeEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, alpha) = (self.events, self.alpha);
        write!(f, "change-point e-process of {events} at {alpha}")?;
        f.write_str(match self.prior {
            Prior::HalfAtStart => "",
            Prior::Uniform => ", at any look alike",
        })
    }
}
