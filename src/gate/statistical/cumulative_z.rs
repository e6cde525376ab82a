//! The pooled two-proportion z test on everything since the start.

use std::fmt;

use super::sums::Sums;
use super::{Batch, Entry, Evidence, Guarantee, Look, Looks, Planned, Reads, Test};
use crate::base::Probability;
use crate::stats::{normal_upper, two_proportion_z};

#[doc = include_str!("../manual/cumulative-z.md")]
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CumulativeZ {
    /// Chance of rolling back a good canary, at one look.
    pub alpha: Probability,
    /// When it is made.
    pub looks: Looks,
    /// By how much the variance of a difference exceeds that of independent requests, at least 1.
    pub design_effect: f64,
}

/// The test under way.
#[derive(Debug)]
pub(super) struct Running {
    method: CumulativeZ,
    planned: Planned,
    sums: Sums,
}

impl CumulativeZ {
    pub(super) const ENTRY: Entry = Entry {
        kind: "cumulative-z",
        title: "two-proportion z",
        guarantee: Guarantee::FixedHorizon,
        exact: false,
        reads: Reads::Errors,
        scale: "p",
    };

    pub(super) fn start(self, planned: Planned) -> Running {
        Running {
            method: self,
            planned,
            sums: Sums::default(),
        }
    }
}

impl Test for Running {
    fn begin(&mut self, _luck: u64) {
        self.sums = Sums::default();
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        self.sums.add(batch);
        let CumulativeZ {
            alpha,
            looks,
            design_effect,
        } = self.method;
        match two_proportion_z(self.sums.canary.share(), self.sums.other.share()) {
            None => Look::no_data(Evidence::P { p: 1.0, level: 0.0 }),
            Some(test) => {
                let p = normal_upper(test.z / design_effect.sqrt());
                looks.at_p(p, alpha, batch.elapsed, self.planned)
            }
        }
    }
}

impl fmt::Display for CumulativeZ {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "z of all errors at {}, {}", self.alpha, self.looks)?;
        super::write_design_effect(f, self.design_effect)
    }
}
