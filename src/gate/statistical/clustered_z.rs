//! The z test that knows that the requests of one user are alike.

use std::fmt;

use super::{Arm, Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::{Clusters, Mean, normal_upper};

/// One-sided z test of the error ratios since the start, with users as the units.
///
/// # What it does
///
/// Of every user it takes requests and failures since the start. An arm's error ratio is the sum of
/// these over the sum of those, and its variance comes from how users differ, not from how many
/// requests there are; z is the difference of the two ratios over the root of the sum of their
/// variances. It rolls back when the p-value is at or below the level of the look.
///
/// # When it errs
///
/// At one look about as often as alpha says, also where users stay with a version and fail again
/// and again, once each arm has some dozens of users with failures; with fewer the variance is not
/// yet seen and it is too liberal. Made at every look at its full level it rolls back many good
/// canaries. It does not see that users share an instance.
///
/// # Parameters
///
/// `alpha`, `looks` (at `every` look, once at the `end`, or `shared` among them).
///
/// # Data it needs
///
/// Requests and failures of both arms by user.
///
/// # Source
///
/// Deng, Knoblich and Lu 2018, "Applying the Delta Method in Metric Analytics"; the ratio
/// estimator: Cochran, *Sampling Techniques*.
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
