//! Tests of two shares: hits of trials in each of two arms.

use super::Method;
use super::inputs::Inputs;
use super::results::Outcome;
use crate::stats::{Share, two_proportion_z};

pub(super) const METHODS: &[Method] = &[Method {
    name: "two_prop_z_pooled",
    about: "z test of two shares, pooled variance",
    source: "Pearson 1900",
    evaluate: z_pooled,
}];

/// Which departure from equality counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alternative {
    Greater,
    TwoSided,
}

pub(super) fn alternative(inputs: &mut Inputs<'_>) -> Option<Alternative> {
    let choices = [
        ("canary_greater", Alternative::Greater),
        ("two_sided", Alternative::TwoSided),
    ];
    inputs.choice("alternative", &choices)
}

/// The p-value of a statistic whose distribution is symmetric, from its upper tail.
pub(super) fn tail(upper: f64, lower: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::Greater => upper,
        Alternative::TwoSided => (2.0 * upper.min(lower)).min(1.0),
    }
}

fn z_pooled(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (stable, canary) = (inputs.hits("x_s", "n_s"), inputs.hits("x_c", "n_c"));
    let alternative = alternative(inputs);
    let (stable, canary, alternative) = (stable?, canary?, alternative?);
    let share = |(x, n): (u64, u64)| Share {
        hits: x as f64,
        trials: n as f64,
    };
    let test = two_proportion_z(share(canary), share(stable));
    Some(Outcome::numbers_or(
        test.map(|test| {
            [
                ("z", test.z),
                ("p", tail(test.p, 1.0 - test.p, alternative)),
            ]
        }),
        "no event in either arm, or nothing but events",
    ))
}
