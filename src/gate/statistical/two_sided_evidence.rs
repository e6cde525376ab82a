//! Rollback and promotion by evidence, without a bake time.

use std::fmt;

use super::split_evidence::against;
use super::{Batch, Decision, Entry, Events, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::SplitE;

#[doc = include_str!("../manual/two-sided-evidence.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TwoSidedEvidence {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// Chance of ever passing one that is just not tolerated.
    pub alpha_promote: Probability,
    /// A canary with this many times the events of the other arm must not pass; above 1.
    pub tolerate: f64,
    /// What is counted.
    pub events: Events,
}

/// Ratios to bet on against the one that is not tolerated, where they are below it.
const GOOD: [f64; 3] = [0.5, 0.75, 1.0];

/// The test under way.
#[derive(Debug)]
pub(super) struct Scales {
    method: TwoSidedEvidence,
    /// That the canary is worse; `None` for bets that are none, which the usual ones are not.
    worse: Option<SplitE>,
    /// That it is better than what is not tolerated; `None` where that is nothing to bet against.
    fine: Option<SplitE>,
    /// Whether there was anything to compare yet.
    begun: bool,
    passed: bool,
}

impl TwoSidedEvidence {
    pub(super) const ENTRY: Entry = Entry {
        kind: "two-sided-evidence",
        title: "rollback and promotion e-processes",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Errors,
        scale: "e",
    };

    pub(super) fn start(self) -> Scales {
        let sound = self.tolerate > 1.0;
        Scales {
            worse: against(1.0),
            fine: sound.then(|| SplitE::new(&GOOD, self.tolerate)).flatten(),
            method: self,
            begun: false,
            passed: false,
        }
    }
}

impl Test for Scales {
    fn begin(&mut self, _luck: u64) {
        for evidence in [&mut self.worse, &mut self.fine].into_iter().flatten() {
            evidence.reset();
        }
        (self.begun, self.passed) = (false, false);
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.begun |= batch.compares();
        let counted = self.method.events.count(batch);
        let share = batch.realised_share();
        let [worse, fine] = [&mut self.worse, &mut self.fine].map(|evidence| {
            evidence.as_mut().map_or(0.0, |evidence| {
                let look = evidence.look(counted.canary, counted.all, share);
                look.unwrap_or(evidence.log_e())
            })
        });
        let [limit, enough] =
            [self.method.alpha, self.method.alpha_promote].map(|alpha| -alpha.get().ln());
        self.passed |= fine >= enough;
        let decision = match self.begun {
            false => Decision::NoData,
            _ if worse >= limit => Decision::Worse,
            _ if self.passed => Decision::NotWorse,
            _ => Decision::Undecided,
        };
        // Shown is what decided, or what is nearer to deciding.
        let against = worse / limit >= fine / enough;
        let evidence = match decision {
            Decision::NotWorse => Evidence::LogE {
                log_e: fine,
                limit: enough,
            },
            Decision::Undecided if !against => Evidence::LogE {
                log_e: fine,
                limit: enough,
            },
            _ => Evidence::LogE {
                log_e: worse,
                limit,
            },
        };
        Look { decision, evidence }
    }
}

impl fmt::Display for TwoSidedEvidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (events, alpha) = (self.events, self.alpha);
        write!(f, "evidence on {events}: worse at {alpha}, ")?;
        let (tolerate, promote) = (self.tolerate, self.alpha_promote);
        write!(f, "below {tolerate} times as many at {promote}")
    }
}
