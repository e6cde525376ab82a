//! The tests that are compared with one another, with the parameters that are usual.

use super::{
    ChangeEvidence, ChangeSpending, CumulativeZ, Events, ExactSpending, Exposure, JointSpending,
    LatencyEvidence, Looks, Method, Prior, Spending, SplitEvidence, Thresholds, TwoSidedEvidence,
};
use crate::base::Probability;

/// Particles of a test that deals them.
const PARTICLES: u32 = 999;
/// How much worse a canary may be that is promoted by evidence.
const TOLERATED: f64 = 2.0;

/// Every test at level `alpha` with its usual parameters, by its name in tables; those that we
/// recommend first.
pub fn shelf(alpha: Probability) -> Vec<(&'static str, Method)> {
    let mut shelf = recommended(alpha);
    shelf.extend(classics(alpha));
    shelf
}

fn recommended(alpha: Probability) -> Vec<(&'static str, Method)> {
    let events = Events::Errors;
    let exact = |spending| {
        Method::ExactSpending(ExactSpending {
            alpha,
            spending,
            exposure: Exposure::Realised,
            events,
        })
    };
    vec![
        (
            "errors and latency, Monte Carlo spending",
            Method::JointSpending(JointSpending {
                alpha,
                spending: Spending::Pocock,
                particles: PARTICLES,
                thresholds: Thresholds::Pooled,
            }),
        ),
        (
            "two-sided evidence",
            Method::TwoSidedEvidence(TwoSidedEvidence {
                alpha,
                alpha_promote: alpha,
                tolerate: TOLERATED,
                events,
            }),
        ),
        ("exact spending, Pocock", exact(Spending::Pocock)),
        (
            "exact spending, O'Brien-Fleming",
            exact(Spending::OBrienFleming),
        ),
        ("exact spending, root", exact(Spending::Root)),
        (
            "split e-process",
            Method::SplitEvidence(SplitEvidence {
                alpha,
                tolerate: 1.0,
                events,
            }),
        ),
        (
            "change-point e-process",
            Method::ChangeEvidence(ChangeEvidence {
                alpha,
                prior: Prior::Uniform,
                events,
            }),
        ),
        (
            "change-point Monte Carlo spending",
            Method::ChangeSpending(ChangeSpending {
                alpha,
                spending: Spending::Pocock,
                particles: PARTICLES,
                events,
            }),
        ),
        (
            "latency e-process",
            Method::LatencyEvidence(LatencyEvidence {
                alpha,
                thresholds: Thresholds::Pooled,
                errors: false,
            }),
        ),
        (
            "errors and latency e-process",
            Method::LatencyEvidence(LatencyEvidence {
                alpha,
                thresholds: Thresholds::Pooled,
                errors: true,
            }),
        ),
    ]
}

fn classics(alpha: Probability) -> Vec<(&'static str, Method)> {
    let z = |looks| Method::CumulativeZ(CumulativeZ { alpha, looks });
    vec![
        ("two-proportion z, shared", z(Looks::Shared)),
        ("two-proportion z, at the end", z(Looks::End)),
        ("two-proportion z, peeked", z(Looks::Every)),
    ]
}
