//! The change-point e-process of how events split between the canary and the other arm.

use std::fmt;

use super::{Batch, Entry, Events, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::{Onset, SplitChangePoint};

/// Anytime-valid test of the split of errors, or of slow answers, for faults that come late.
///
/// # What it does
///
/// Like `split-evidence` it bets on the ratio of the error rates, on 1.5, 2, 3 and 5, but it does not
/// lay everything at the start: a part of the capital waits for each of the planned looks, and
/// enters then, without the losses of the time before. It rolls back when what is at play and what
/// waits together reach 1/alpha.
///
/// # When it errs
///
/// It rolls back a good canary with probability alpha at most, ever, at any number of looks; measured
/// 1.3 % at 5 % in one hour. With half of the capital at the start twice the errors of 1 % take it
/// 5.1 minutes at 300 requests of the canary a minute, and 7.0 where they begin in the middle of the
/// hour; `split-evidence` takes 5.7 and 15. Laid uniformly it takes 7.5 and 6.5. After the planned
/// looks no new capital enters. Ratios below 1.2 lie below its bets and are never found. Sticky users,
/// bursts and a canary with another mix of requests break it.
///
/// # Parameters
///
/// `alpha`; `onset`: `half-at-start` lays one half on the first look and the rest on the others,
/// `uniform` equal parts on each; `over`, the planned time, whose looks share the capital; `slower`,
/// to count slow answers instead of errors.
///
/// # Data it needs
///
/// Requests and errors of both arms, or their latency histograms.
///
/// # Source
///
/// Shiryaev 1963; Roberts 1966; as e-detectors: Shin, Ramdas and Rinaldo 2024.
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

    const SLOW: Entry = Entry {
        reads: Reads::Latency,
        ..ChangeEvidence::ENTRY
    };

    pub(super) fn entry(&self) -> &'static Entry {
        match self.events {
            Events::Errors => &ChangeEvidence::ENTRY,
            Events::Slower(_) => &ChangeEvidence::SLOW,
        }
    }

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
