//! The group sequential test of Lan and DeMets on the stratified z.

use std::fmt;

use super::spending::Spending;
use super::{Batch, Entry, Evidence, Guarantee, Look, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::Stratified;
use crate::stats::sequential::GroupSequential as Boundaries;

#[doc = include_str!("../manual/group-sequential.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupSequential {
    /// Chance of rolling back a good canary at any of the planned looks.
    pub alpha: Probability,
    /// How the level is spread over the planned time.
    pub spending: Spending,
    /// By how much the variance of a difference exceeds that of independent requests, at least 1.
    pub design_effect: f64,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: GroupSequential,
    planned: Planned,
    strata: Stratified,
    boundaries: Boundaries,
}

impl GroupSequential {
    pub(super) const ENTRY: Entry = Entry {
        kind: "group-sequential",
        title: "group sequential z",
        guarantee: Guarantee::PlannedHorizon,
        exact: false,
        reads: Reads::Errors,
        scale: "z",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            strata: Stratified::default(),
            boundaries: Boundaries::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.strata = Stratified::default();
        self.boundaries.reset();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.strata
            .add(batch.canary.error_share(), batch.other.error_share());
        let GroupSequential {
            alpha,
            spending,
            design_effect,
        } = self.method;
        let nothing = Look::no_data(Evidence::Statistic {
            value: 0.0,
            limit: f64::INFINITY,
        });
        let Some(test) = self.strata.test() else {
            return nothing;
        };
        let z = test.z / design_effect.sqrt();
        let target = spending.spent(alpha, self.planned.share(batch.elapsed));
        match self.boundaries.look(z, self.strata.variance, target) {
            None => nothing,
            Some(look) => Look::at_statistic(z, look.boundary),
        }
    }
}

impl fmt::Display for GroupSequential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (alpha, spending) = (self.alpha, self.spending);
        write!(f, "group sequential z of errors at {alpha}, {spending}")?;
        super::write_design_effect(f, self.design_effect)
    }
}
