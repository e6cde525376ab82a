//! Intervals of one share and of the difference of two.

use super::Method;
use super::inputs::Inputs;
use super::results::Outcome;
use super::shares::arms;
use crate::stats::{self, Interval};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "binom_ci_wilson",
        about: "interval of a share, by its score",
        source: "Wilson 1927",
        evaluate: |inputs| of_share(inputs, stats::wilson),
    },
    Method {
        name: "binom_ci_clopper_pearson",
        about: "interval of a share, exact",
        source: "Clopper and Pearson 1934",
        evaluate: |inputs| of_share(inputs, stats::clopper_pearson),
    },
    Method {
        name: "binom_ci_agresti_coull",
        about: "interval of a share, moved towards a half",
        source: "Agresti and Coull 1998",
        evaluate: |inputs| of_share(inputs, stats::agresti_coull),
    },
    Method {
        name: "binom_ci_jeffreys",
        about: "interval of a share, from Jeffreys' prior",
        source: "Jeffreys; Brown, Cai and DasGupta 2001",
        evaluate: |inputs| of_share(inputs, stats::jeffreys),
    },
    Method {
        name: "diff_ci_newcombe_wilson",
        about: "interval of the difference of two shares, from Wilson's of each",
        source: "Newcombe 1998, method 10",
        evaluate: |inputs| {
            of_difference(inputs, |first, second, confidence| {
                Some(stats::newcombe(first, second, confidence))
            })
        },
    },
    Method {
        name: "diff_ci_agresti_caffo",
        about: "interval of the difference of two shares, a hit and a miss added to each",
        source: "Agresti and Caffo 2000",
        evaluate: |inputs| {
            of_difference(inputs, |first, second, confidence| {
                Some(stats::agresti_caffo(first, second, confidence))
            })
        },
    },
    Method {
        name: "diff_ci_miettinen_nurminen",
        about: "interval of the difference of two shares, by its score",
        source: "Miettinen and Nurminen 1985",
        evaluate: |inputs| of_difference(inputs, stats::miettinen_nurminen),
    },
];

/// The ends of an interval by the names of all methods.
pub(super) fn ends(interval: Interval) -> [(&'static str, f64); 2] {
    [("lo", interval.low), ("hi", interval.high)]
}

fn of_share(inputs: &mut Inputs<'_>, interval: fn(u64, u64, f64) -> Interval) -> Option<Outcome> {
    let (arm, confidence) = (inputs.hits("x", "n"), inputs.level("conf"));
    let ((x, n), confidence) = (arm?, confidence?);
    Some(Outcome::numbers(ends(interval(x, n, confidence))))
}

type Arm = (u64, u64);

fn of_difference(
    inputs: &mut Inputs<'_>,
    interval: fn(Arm, Arm, f64) -> Option<Interval>,
) -> Option<Outcome> {
    let (arms, confidence) = (arms(inputs), inputs.level("conf"));
    let ((first, second), confidence) = (arms?, confidence?);
    let interval = interval(first, second, confidence);
    Some(Outcome::numbers_or(
        interval.map(ends),
        "an arm without trials",
    ))
}
