//! Exact alpha spending on how events split between the canary and the other arm.

use std::fmt;

use super::Test;
use super::{Batch, Decision, Entry, Events, Evidence, Guarantee, Look, Planned, Reads, Spending};
use crate::base::Probability;
use crate::stats::sequential::{ExactSplit, SplitLaw};

#[doc = include_str!("../manual/exact-spending.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ExactSpending {
    /// Chance of ever rolling back a good canary up to the planned end.
    pub alpha: Probability,
    /// How it is spread over the planned time.
    pub spending: Spending,
    /// From what the canary's share is known.
    pub exposure: Exposure,
    /// What is counted.
    pub events: Events,
}

/// From what the canary's share of a batch is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exposure {
    /// From the requests of the batch: each event is the canary's with this chance.
    Realised,
    /// From the weight that the splitter was asked for, where there was one; else from the requests.
    Weight,
    /// From the requests of the batch, of which the events are drawn without replacement.
    Hypergeometric,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Split {
    method: ExactSpending,
    planned: Planned,
    split: ExactSplit,
    /// Whether there was anything to compare yet.
    begun: bool,
}

impl ExactSpending {
    pub(super) const ENTRY: Entry = Entry {
        kind: "exact-spending",
        title: "exact split, alpha spending",
        guarantee: Guarantee::PlannedHorizon,
        exact: true,
        reads: Reads::Errors,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Split {
        Split {
            method: self,
            planned,
            split: ExactSplit::default(),
            begun: false,
        }
    }
}

impl Exposure {
    /// The law by which events fall to the canary.
    fn law(self, batch: &Batch<'_>) -> SplitLaw {
        let known = batch.share.filter(|share| *share > 0.0 && *share < 1.0);
        match (self, known) {
            (Exposure::Hypergeometric, _) => SplitLaw::Trials {
                first: batch.canary.requests,
                second: batch.other.requests,
            },
            (Exposure::Weight, Some(share)) => SplitLaw::Share(share),
            _ => SplitLaw::Share(batch.realised_share()),
        }
    }
}

impl Test for Split {
    fn begin(&mut self, _luck: u64) {
        self.split.reset();
        self.begun = false;
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.begun |= batch.compares();
        let counted = self.method.events.count(batch);
        let law = self.method.exposure.law(batch);
        let level =
            (self.method.spending).spent(self.method.alpha, self.planned.share(batch.elapsed));
        let look = self.split.look(counted.canary, counted.all, law, level);
        let evidence = Evidence::P {
            p: look.map_or(1.0, |look| look.alpha_needed),
            level,
        };
        Look {
            decision: match look {
                Some(look) if look.rejected => Decision::Worse,
                _ if self.begun => Decision::Clear,
                _ => Decision::NoData,
            },
            evidence,
        }
    }
}

impl fmt::Display for ExactSpending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, events) = (self.alpha, self.events);
        write!(f, "exact split of {events} at {alpha}, {}", self.spending)?;
        f.write_str(match self.exposure {
            Exposure::Realised => "",
            Exposure::Weight => ", by weight",
            Exposure::Hypergeometric => ", hypergeometric",
        })
    }
}
