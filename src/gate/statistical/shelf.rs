//! The tests that are compared with one another, with the parameters that are usual.

use super::{
    ChangeEvidence, ChangeSpending, Events, ExactSpending, Exposure, JointSpending,
    LatencyEvidence, Method, Prior, Spending, SplitEvidence, Thresholds, TwoSidedEvidence,
    classics,
};
use crate::base::Probability;

/// Particles of a test that deals them.
const PARTICLES: u32 = 999;
/// How much worse a canary may be that is promoted by evidence.
const TOLERATED: f64 = 2.0;

/// Every test at level `alpha` with its usual parameters, by its name in tables; those that we
/// recommend first.
pub fn shelf(alpha: Probability) -> Vec<(String, Method)> {
    let recommended = recommended(alpha).into_iter();
    let classics = classics::shelf(alpha).into_iter();
    (recommended.map(|(name, method)| (name.to_owned(), method)))
        .chain(classics.map(|method| (method.label(), method)))
        .collect()
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
                prior: Prior::HalfAtStart,
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
