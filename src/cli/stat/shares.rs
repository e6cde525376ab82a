//! Tests of two shares: hits of trials in each of two arms.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use crate::stats::{
    self, MOST_TRIALS, R_TOLERANCE, Share, Unconditional, ZTest, chi_square_yates,
    conditional_odds_ratio, fisher_mid_p, fisher_p, fisher_two_sided_p, odds_ratio,
    two_proportion_z, two_proportion_z_unpooled,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "two_prop_z_pooled",
        about: "z test of two shares, pooled variance",
        source: "Pearson 1900",
        evaluate: |inputs| z(inputs, two_proportion_z),
    },
    Method {
        name: "two_prop_z_unpooled",
        about: "z test of two shares, each with its own variance",
        source: "Wald",
        evaluate: |inputs| z(inputs, two_proportion_z_unpooled),
    },
    Method {
        name: "chi2_yates",
        about: "chi-square test of two shares, corrected for continuity",
        source: "Yates 1934",
        evaluate: yates,
    },
    Method {
        name: "fisher_exact",
        about: "exact test of two shares, given all hits; `mid_p` for half of the last step",
        source: "Fisher 1935; Lancaster 1961",
        evaluate: fisher,
    },
    Method {
        name: "fisher_conditional_odds_ratio",
        about: "odds ratio, given all hits, and its exact interval, searched as far as R does; \
                `tolerance` 0 for all digits",
        source: "Fisher 1935; Cornfield 1956",
        evaluate: fisher_odds_ratio,
    },
    Method {
        name: "barnard_exact",
        about: "exact test of two shares over every common chance, by the pooled z",
        source: "Barnard 1945; Suissa and Shuster 1985",
        evaluate: |inputs| {
            let wald = [("wald_pooled", ())];
            let statistic = match inputs.has("statistic") {
                true => inputs.choice("statistic", &wald),
                false => Some(()),
            };
            let outcome = unconditional(inputs, stats::barnard);
            statistic.and(outcome)
        },
    },
    Method {
        name: "boschloo_exact",
        about: "exact test of two shares over every common chance, by Fisher's p-value",
        source: "Boschloo 1970",
        evaluate: |inputs| unconditional(inputs, stats::boschloo),
    },
];

const NO_EVENT: &str = "no event in either arm, or nothing but events";

/// Which departure from equality counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Alternative {
    Greater,
    TwoSided,
}

/// The input of that name.
pub(super) fn alternative(inputs: &mut Inputs<'_>) -> Option<Alternative> {
    let choices = [
        ("canary_greater", Alternative::Greater),
        ("two_sided", Alternative::TwoSided),
    ];
    inputs.choice("alternative", &choices)
}

/// The same where only one is known.
pub(super) fn greater_only(inputs: &mut Inputs<'_>) -> Option<()> {
    inputs.choice("alternative", &[("canary_greater", ())])
}

/// The p-value of a statistic whose distribution is symmetric, from its upper tail.
pub(super) fn tail(upper: f64, alternative: Alternative) -> f64 {
    match alternative {
        Alternative::Greater => upper,
        Alternative::TwoSided => 2.0 * upper.min(1.0 - upper),
    }
}

/// Hits and trials of the canary and of stable: the first arm and the second.
pub(super) fn arms(inputs: &mut Inputs<'_>) -> Option<((u64, u64), (u64, u64))> {
    let (stable, canary) = (inputs.hits("x_s", "n_s"), inputs.hits("x_c", "n_c"));
    Some((canary?, stable?))
}

fn share((x, n): (u64, u64)) -> Share {
    Share {
        hits: x as f64,
        trials: n as f64,
    }
}

fn z(inputs: &mut Inputs<'_>, test: fn(Share, Share) -> Option<ZTest>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let ((first, second), alternative) = (arms?, alternative?);
    let test = test(share(first), share(second));
    Some(Outcome::numbers_or(
        test.map(|test| [("z", test.z), ("p", tail(test.p, alternative))]),
        NO_EVENT,
    ))
}

fn yates(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (first, second) = arms(inputs)?;
    let test = chi_square_yates(share(first), share(second));
    Some(Outcome::numbers_or(
        test.map(|test| [("chi2", test.statistic), ("p", test.p)]),
        NO_EVENT,
    ))
}

fn fisher(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let mid = match inputs.has("mid_p") {
        true => inputs.flag("mid_p"),
        false => Some(false),
    };
    let ((first, second), alternative, mid) = (arms?, alternative?, mid?);
    let p = match (alternative, mid) {
        (Alternative::Greater, false) => fisher_p(first, second),
        (Alternative::Greater, true) => fisher_mid_p(first, second),
        (Alternative::TwoSided, false) => fisher_two_sided_p(first, second),
        (Alternative::TwoSided, true) => {
            let valid = "false where the alternative is two-sided";
            inputs.refuse("mid_p", "is true", valid);
            return None;
        }
    };
    let ratio = odds_ratio(first, second);
    Some(match ratio {
        Some(ratio) => Outcome::numbers([("odds_ratio_sample", ratio), ("p", p)]),
        // The p-value is 1 all the same.
        None => Outcome::Results(vec![
            ("odds_ratio_sample", Figure::Word("none")),
            ("p", Figure::Number(p)),
        ]),
    })
}

fn fisher_odds_ratio(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, confidence) = (arms(inputs), inputs.level("conf"));
    let tolerance = match inputs.has("tolerance") {
        true => inputs.number_where("tolerance", "a number from 0", |number| number >= 0.0),
        false => Some(R_TOLERANCE),
    };
    let ((first, second), confidence) = (arms?, confidence?);
    let ratio = conditional_odds_ratio(first, second, confidence, tolerance?);
    Some(Outcome::numbers_or(
        ratio.map(|ratio| {
            let interval = ratio.interval;
            [
                ("or_cmle", ratio.estimate),
                ("lo", interval.low),
                ("hi", interval.high),
            ]
        }),
        NO_EVENT,
    ))
}

type Arm = (u64, u64);

fn unconditional(
    inputs: &mut Inputs<'_>,
    test: fn(Arm, Arm) -> Option<Unconditional>,
) -> Option<Outcome> {
    let (arms, greater) = (arms(inputs), greater_only(inputs));
    let ((first, second), ()) = (arms?, greater?);
    if first.1 + second.1 > MOST_TRIALS {
        let valid = format!("no more than {MOST_TRIALS} trials of both arms together");
        inputs.refuse("n_s", &format!("is {}, too many", second.1), &valid);
        return None;
    }
    let test = test(first, second);
    Some(Outcome::numbers_or(
        test.map(|test| [("statistic", test.statistic), ("p", test.p)]),
        NO_EVENT,
    ))
}
