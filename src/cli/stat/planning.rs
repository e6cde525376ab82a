//! How much data a test needs before it is made.

use super::Method;
use super::inputs::Inputs;
use super::results::Outcome;
use crate::stats::planning::{EventSplit, Risks, log_normal_quantile, proportion_totals, rank_sum};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "n_two_prop",
        about: "trials that tell two shares apart, for arms of unequal size",
        source: "Fleiss 1981, Cohen 1988",
        evaluate: two_proportions,
    },
    Method {
        name: "information_bound_total_requests",
        about: "the fewest requests that any test can take on average to see a rate ratio",
        source: "Wald 1947",
        evaluate: information_bound,
    },
    Method {
        name: "n_mann_whitney_noether",
        about: "values that the rank-sum test needs",
        source: "Noether 1987",
        evaluate: noether,
    },
    Method {
        name: "quantile_standard_error_lognormal",
        about: "how well a quantile of log-normal values is known from so many of them",
        source: "asymptotic normality of order statistics",
        evaluate: quantile_error,
    },
];

const RISKS: &str = "above `alpha_one_sided`: a test that rejects less often when there is something \
                     to see is none";

fn risks(inputs: &mut Inputs<'_>) -> Option<Risks> {
    let (alpha, power) = (inputs.level("alpha_one_sided"), inputs.level("power"));
    let (alpha, power) = (alpha?, power?);
    let risks = Risks::new(alpha, power);
    if risks.is_none() {
        inputs.refuse("power", &format!("is {power}"), RISKS);
    }
    risks
}

fn two_proportions(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (stable, canary) = (inputs.level("p_s"), inputs.level("p_c"));
    let (share, risks) = (inputs.level("weight"), risks(inputs));
    let totals = proportion_totals(canary?, stable?, share?, risks?);
    Some(Outcome::numbers_or(
        totals.map(|totals| {
            [
                ("total_fleiss", totals.fleiss),
                ("total_fleiss_cc", totals.corrected),
                ("total_arcsine", totals.arcsine),
            ]
        }),
        "the shares do not differ",
    ))
}

fn information_bound(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (base, share) = (inputs.level("p_s"), inputs.level("weight"));
    let ratio = inputs.number_where("rate_ratio", "a ratio above 1", |ratio| ratio > 1.0);
    let alpha = inputs.level("alpha");
    let (base, alpha) = (base?, alpha?);
    let split = EventSplit::new(share?, ratio?);
    Some(Outcome::numbers_or(
        split.map(|split| [("total", split.information_bound(base, alpha))]),
        "there is no such split",
    ))
}

fn noether(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (exceeds, share) = (
        inputs.level("prob_canary_gt_stable"),
        inputs.level("weight"),
    );
    let risks = risks(inputs);
    Some(Outcome::numbers_or(
        rank_sum(exceeds?, share?, risks?).map(|total| [("total", total)]),
        "the arms do not differ",
    ))
}

fn quantile_error(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (p, mu) = (inputs.level("p"), inputs.number("mu"));
    let (sigma, n) = (inputs.positive("sigma"), inputs.count_from("n", 1));
    let quantile = log_normal_quantile(p?, mu?, sigma?, n? as f64);
    Some(Outcome::numbers_or(
        quantile.map(|quantile| {
            [
                ("quantile", quantile.value),
                ("density", quantile.density),
                ("se", quantile.standard_error),
            ]
        }),
        "there is no such distribution",
    ))
}
