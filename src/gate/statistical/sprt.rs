//! Wald's sequential probability ratio test on which errors are the canary's.

use std::fmt;

use super::{Batch, Decision, Entry, Evidence, Guarantee, Look, Reads, Test};
use crate::base::Probability;
use crate::stats::sequential::{self, Sprt as Wald};

/// Wald's sequential probability ratio test of the labels of errors: does the canary fail as often
/// as the other arm, or `ratio` times as often?
///
/// # What it does
///
/// Adds up, batch by batch, the log-likelihood ratio of which of the errors are the canary's, given
/// its share of the batch's requests: per error of the canary the logarithm of `ratio`, minus ln(w
/// ratio + 1 - w) per error of either. It rolls back when the sum reaches ln((1 - beta)/alpha), and
/// accepts the canary, for ever, when it falls to ln(beta/(1 - alpha)). The variant of power one
/// never accepts and rolls back at ln(1/alpha).
///
/// # When it errs
///
/// It rolls back a canary that fails as often or less with a chance of about alpha at most, however
/// long it is looked at and whatever errors do in common; it accepts one that fails `ratio` times
/// as often with a chance of about beta. What it accepted it does not look at again: a fault that
/// starts half-way is found in 1 to 14 % of rollouts. Faults between 1 and `ratio` take long. Where
/// users stay with a version, their errors are one error each.
///
/// # Parameters
///
/// `ratio` (what is tested against, above 1), `alpha`, `beta` (chance of accepting a canary that is
/// that bad), `power_one`.
///
/// # Data it needs
///
/// Requests and errors of both arms.
///
/// # Source
///
/// Wald 1945, 1947; power one: Robbins 1970; on labels: Lindon and Malek 2022.
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
