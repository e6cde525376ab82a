//! The z test that knows that the requests of one user are alike.

use std::fmt;

use super::{Arm, Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::{Clusters, Mean, normal_upper};

#[doc = include_str!("../manual/clustered-z.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClusteredZ {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: ClusteredZ,
    planned: Planned,
}

impl ClusteredZ {
    pub(super) const ENTRY: Entry = Entry {
        kind: "clustered-z",
        title: "cluster-robust z",
        guarantee: Guarantee::FixedHorizon,
        exact: false,
        reads: Reads::Users,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {}

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let ClusteredZ { alpha, looks } = self.method;
        match z(&batch.canary, &batch.other) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(z) => looks.at_p(normal_upper(z), alpha, batch.elapsed, self.planned),
        }
    }
}

/// `None` where an arm has fewer than two users, or users do not differ.
fn z(canary: &Arm<'_>, other: &Arm<'_>) -> Option<f64> {
    let (canary, other) = (by_user(canary)?, by_user(other)?);
    let variance = canary.variance + other.variance;
    (variance > 0.0).then(|| (canary.value - other.value) / variance.sqrt())
}

fn by_user(arm: &Arm<'_>) -> Option<Mean> {
    let sums = arm.users.sums;
    Mean::of_clusters(Clusters {
        clusters: sums.users,
        trials: sums.opportunities,
        sum: sums.sum,
        trials_squared: sums.counts,
        cross: sums.cross,
        sum_squared: sums.values,
    })
}

impl fmt::Display for ClusteredZ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "z of all errors by user at {}, {}",
            self.alpha, self.looks
        )
    }
}
