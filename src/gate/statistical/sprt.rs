//! Wald's sequential probability ratio test on which errors are the canary's.

use std::fmt;

use super::{Batch, Decision, Entry, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::{self, Sprt as Wald};

#[doc = include_str!("../manual/sprt.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sprt {
    /// Chance of ever rolling back a good canary.
    pub alpha: Probability,
    /// How many times as often a bad canary fails, above 1.
    pub ratio: f64,
    /// Chance of accepting a canary that fails so often; `None`: it accepts none (power one).
    pub beta: Option<Probability>,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    ratio: f64,
    /// `None` where alpha and beta leave no room between the bounds.
    test: Option<Wald>,
    accepts: bool,
}

impl Sprt {
    const ENTRY: Entry = Entry {
        kind: "sprt",
        title: "Wald SPRT",
        guarantee: Guarantee::Anytime,
        exact: true,
        reads: Reads::Errors,
        scale: "e",
    };

    pub(super) fn entry(self) -> Entry {
        match self.beta {
            // Wald's upper bound promises about alpha; its 1/A is a little more.
            Some(_) => Entry {
                exact: false,
                scale: "likelihood ratio",
                ..Sprt::ENTRY
            },
            None => Entry {
                title: "power-one SPRT",
                ..Sprt::ENTRY
            },
        }
    }

    pub(super) fn start(self) -> Running {
        let alpha = self.alpha.get();
        Running {
            ratio: self.ratio,
            test: match self.beta {
                Some(beta) => Wald::new(alpha, beta.get()),
                None => Wald::power_one(alpha),
            },
            accepts: self.beta.is_some(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        if let Some(test) = &mut self.test {
            test.reset();
        }
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let Some(test) = &mut self.test else {
            return Look::no_data(Evidence::LogE {
                log_e: 0.0,
                limit: f64::INFINITY,
            });
        };
        let decision = match test.step(batch.error_llr(self.ratio)) {
            sequential::Decision::Reject => Decision::Worse,
            sequential::Decision::Accept => Decision::NotWorse,
            sequential::Decision::Continue if self.accepts => Decision::Undecided,
            sequential::Decision::Continue => Decision::Clear,
        };
        let evidence = Evidence::LogE {
            log_e: test.llr(),
            limit: test.bounds().1,
        };
        Look { decision, evidence }
    }
}

impl fmt::Display for Sprt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (ratio, alpha) = (self.ratio, self.alpha);
        match self.beta {
            None => write!(f, "power-one SPRT of errors, ratio {ratio} at {alpha}"),
            Some(beta) => {
                write!(
                    f,
                    "SPRT of errors, ratio {ratio} at {alpha}, accepting at {beta}"
                )
            }
        }
    }
}
