//! A constant boundary on the score of the errors, by Lévy's inequality.

use std::fmt;

use super::{Batch, Entry, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::Stratified;
use crate::stats::sequential::yeast_boundary;

/// A constant boundary on the excess of the canary's errors since the start ("YEAST").
///
/// # What it does
///
/// Adds up, batch by batch, the canary's errors minus its share of both arms' errors, and rolls
/// back when the sum reaches z times the root of the variance that the sum will have at the planned
/// end, with z the 1 - alpha/2 quantile: a sum of symmetric steps is twice as likely as its last
/// value, at most, ever to have been so high.
///
/// # When it errs
///
/// Over the planned looks with a chance of about alpha, however many they are. As slow with big
/// faults as with small ones: early on it asks for as much as at the end. Longer than planned it is
/// no longer worth its level. Where users stay with a version, their errors are one error each.
///
/// The planned variance is that of the counts so far, carried on to the planned end by the time
/// that has passed. It depends on how many errors there are in all and on how the requests are
/// split, not on whose the errors are, so the level is kept where the traffic is even; a canary
/// that fails more often adds errors, and with a high weight the boundary rises with them. Where
/// `errors` says the error ratio to plan with, its variance is taken instead and only the requests
/// are carried on.
///
/// # Parameters
///
/// `alpha`.
///
/// # Data it needs
///
/// Requests and errors of both arms.
///
/// # Source
///
/// Kurennoy, Dodin, Gurbanov and Peleteiro Ramallo 2025, "YEAST".
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Yeast {
    /// Chance of rolling back a good canary at any of the planned looks.
    pub alpha: Probability,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: Yeast,
    planned: Planned,
    /// The canary's errors above its share, and their variance.
    strata: Stratified,
}

impl Yeast {
    pub(super) const ENTRY: Entry = Entry {
        kind: "yeast",
        title: "YEAST",
        guarantee: Guarantee::PlannedHorizon,
        exact: false,
        reads: Reads::Errors,
        scale: "excess errors",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            strata: Stratified::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.strata = Stratified::default();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.strata
            .add(batch.canary.error_share(), batch.other.error_share());
        let Stratified {
            excess, variance, ..
        } = self.strata;
        let passed = self.planned.share(batch.elapsed);
        match yeast_boundary(variance / passed, self.method.alpha.get()) {
            None => Look::no_data(Evidence::Statistic {
                value: excess,
                limit: f64::INFINITY,
            }),
            Some(limit) => Look::at_statistic(excess, limit),
        }
    }
}

impl fmt::Display for Yeast {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "YEAST of all errors at {}", self.alpha)
    }
}
