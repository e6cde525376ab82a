//! Comparing two samples of values, and quantiles of one.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use super::shares::{Alternative, alternative, tail};
use crate::stats::{
    MannWhitney, Moments, RankSum, harrell_davis, interpolated_quantile, ks_exact_p, ks_two_sample,
    mann_whitney_exact_p, maritz_jarrett, normal_quantile, quantile_ranks, welch,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "welch_t",
        about: "t test of two means whose samples vary unlike",
        source: "Welch 1947",
        evaluate: welch_t,
    },
    Method {
        name: "mann_whitney_asymptotic",
        about: "rank-sum test, normal approximation corrected for ties",
        source: "Mann and Whitney 1947",
        evaluate: rank_sum,
    },
    Method {
        name: "mann_whitney_exact",
        about: "rank-sum test, exact where no values are the same",
        source: "Mann and Whitney 1947",
        evaluate: rank_sum_exact,
    },
    Method {
        name: "hodges_lehmann_ci",
        about: "shift between two samples and its interval, as R's wilcox.test gives it",
        source: "Hodges and Lehmann 1963",
        evaluate: shift,
    },
    Method {
        name: "ks_2samp_exact",
        about: "largest distance of two distribution functions, exact p-value",
        source: "Hodges 1958",
        evaluate: distance_exact,
    },
    Method {
        name: "ks_2samp_asymptotic",
        about: "largest distance of two distribution functions, in the limit",
        source: "Kolmogorov 1933; Smirnov 1939",
        evaluate: distance,
    },
];

/// Quantiles of one sample.
pub(super) const QUANTILES: &[Method] = &[
    Method {
        name: "quantile_type7",
        about: "quantile, interpolated between neighbours",
        source: "Hyndman and Fan 1996, type 7",
        evaluate: |inputs| quantile(inputs, "q", interpolated_quantile, "an empty sample"),
    },
    Method {
        name: "harrell_davis",
        about: "quantile, weighed from all values",
        source: "Harrell and Davis 1982",
        evaluate: |inputs| quantile(inputs, "q", harrell_davis, "an empty sample"),
    },
    Method {
        name: "maritz_jarrett_se",
        about: "standard error of a quantile",
        source: "Maritz and Jarrett 1978",
        evaluate: |inputs| {
            let why_not = "the quantile is the first or the last value of the sample";
            quantile(inputs, "se", maritz_jarrett, why_not)
        },
    },
    Method {
        name: "quantile_ci_order_stat",
        about: "ranks between which a quantile lies, exact",
        source: "Thompson 1936",
        evaluate: ranks,
    },
];

const ALL_THE_SAME: &str = "all values are the same";

/// The canary's values and stable's: the first sample and the second.
fn arms(inputs: &mut Inputs<'_>) -> Option<(Vec<f64>, Vec<f64>)> {
    let (stable, canary) = (inputs.sample("stable"), inputs.sample("canary"));
    Some((canary?, stable?))
}

fn welch_t(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let ((canary, stable), alternative) = (arms?, alternative?);
    let test = Moments::of(&canary)
        .zip(Moments::of(&stable))
        .and_then(|(canary, stable)| welch(canary, stable));
    Some(Outcome::numbers_or(
        test.map(|test| {
            let p = tail(test.p, alternative);
            [("t", test.t), ("df", test.freedom), ("p", p)]
        }),
        "an arm with fewer than two values, or values that are the same in each arm",
    ))
}

fn rank_sum(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let continuity = inputs.flag("continuity");
    let ((mut canary, mut stable), alternative) = (arms?, alternative?);
    let continuity = continuity?;
    let results = MannWhitney::of_samples(&mut canary, &mut stable).and_then(|test| {
        let p = match alternative {
            Alternative::Greater => test.p(continuity)?,
            Alternative::TwoSided => test.two_sided_p(continuity)?,
        };
        Some([("U_canary", test.above), ("p", p)])
    });
    Some(Outcome::numbers_or(results, ALL_THE_SAME))
}

fn rank_sum_exact(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let ((mut canary, mut stable), alternative) = (arms?, alternative?);
    let results = MannWhitney::of_samples(&mut canary, &mut stable).and_then(|test| {
        let (n, m) = (canary.len(), stable.len());
        // Halves, which only ties make, are rounded so that the chance is too large.
        let p = match alternative {
            Alternative::Greater => mann_whitney_exact_p(n, m, test.above.floor() as u64)?,
            Alternative::TwoSided => {
                let farther = test.above.max(test.pairs - test.above);
                let p = mann_whitney_exact_p(n, m, farther.floor() as u64)?;
                (2.0 * p).min(1.0)
            }
        };
        Some([("U_canary", test.above), ("p", p)])
    });
    Some(Outcome::numbers_or(
        results,
        "the samples are too large for exact chances: mann_whitney_asymptotic is as good for these",
    ))
}

fn shift(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, confidence) = (arms(inputs), inputs.level("conf"));
    let modes = [
        only(inputs, "exact", false),
        only(inputs, "continuity", true),
    ];
    let ((mut canary, mut stable), confidence) = (arms?, confidence?);
    let [Some(()), Some(())] = modes else {
        return None;
    };
    let test = MannWhitney::of_samples(&mut canary, &mut stable);
    let ranks = RankSum::new(&canary, &stable);
    let results = test.zip(ranks).and_then(|(test, ranks)| {
        let shift = ranks.shift(normal_quantile(0.5 + confidence / 2.0))?;
        Some([
            ("W", test.above),
            ("p_two_sided", test.two_sided_p(true)?),
            ("lo", shift.lower),
            ("hi", shift.upper),
            ("estimate", ranks.hodges_lehmann()?),
        ])
    });
    Some(Outcome::numbers_or(
        results,
        "at some shift all values are the same",
    ))
}

/// A flag that may be left out, and has one valid value.
fn only(inputs: &mut Inputs<'_>, name: &'static str, valid: bool) -> Option<()> {
    if inputs.has(name) && inputs.flag(name)? != valid {
        let message = format!("is {}", !valid);
        inputs.refuse(name, &message, &format!("{valid}, or leave it out"));
        return None;
    }
    Some(())
}

fn distance_exact(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (mut canary, mut stable) = arms(inputs)?;
    let results = ks_two_sample(&mut canary, &mut stable).and_then(|ks| {
        let p = ks_exact_p(canary.len(), stable.len(), ks.distance)?;
        Some([("D", ks.distance), ("p", p)])
    });
    Some(Outcome::numbers_or(
        results,
        "the samples are too large for exact chances: ks_2samp_asymptotic is as good for these",
    ))
}

fn distance(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (mut canary, mut stable) = arms(inputs)?;
    let ks = ks_two_sample(&mut canary, &mut stable);
    Some(Outcome::numbers_or(
        ks.map(|ks| [("D", ks.distance), ("p_kolmogorov", ks.p)]),
        "an empty sample",
    ))
}

fn quantile(
    inputs: &mut Inputs<'_>,
    name: &'static str,
    figure: fn(&[f64], f64) -> Option<f64>,
    why_not: &'static str,
) -> Option<Outcome> {
    let (sample, share) = (inputs.sample("x"), inputs.level("p"));
    let (mut sample, share) = (sample?, share?);
    sample.sort_unstable_by(f64::total_cmp);
    let figure = figure(&sample, share);
    Some(Outcome::numbers_or(
        figure.map(|figure| [(name, figure)]),
        why_not,
    ))
}

fn ranks(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (n, share) = (inputs.count_from("n", 1), inputs.level("p"));
    let confidence = inputs.level("conf");
    let ranks = quantile_ranks(n?, share?, confidence?)?;
    Some(Outcome::Results(vec![
        ("lower_rank", Figure::Whole(ranks.lower)),
        ("upper_rank", Figure::Whole(ranks.upper)),
        ("coverage", Figure::Number(ranks.coverage)),
    ]))
}
