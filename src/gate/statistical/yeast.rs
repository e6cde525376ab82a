//! A constant boundary on the score of the errors, by Lévy's inequality.

use std::fmt;

use super::{Batch, Entry, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::Stratified;
use crate::stats::sequential::yeast_boundary;

#[doc = include_str!("../manual/yeast.md")]
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
