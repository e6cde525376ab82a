//! Comparing rates of events: Poisson counts in exposures, and counts in strata.

use super::Method;
use super::inputs::Inputs;
use super::intervals::ends;
use super::results::Outcome;
use super::shares::{Alternative, alternative, greater_only, tail};
use crate::stats::{
    Beta, Events, Share, Stratified, ZTest, rate_chance_above, rate_mid_p, rate_p, rate_ratio,
    rate_root, rate_score, rate_two_sided_p, rate_wald,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "poisson_rate_ratio_exact_cond",
        about: "exact test of two rates, given all events",
        source: "Przyborowski and Wilenski 1940",
        evaluate: exact,
    },
    Method {
        name: "poisson_rate_ratio_cond_midp",
        about: "the same with half of the chance of what was seen",
        source: "Lancaster 1961",
        evaluate: mid_p,
    },
    Method {
        name: "poisson_rate_ratio_score",
        about: "z test of two rates, with the errors of equal ones",
        source: "Gu, Ng, Tang and Schucany 2008",
        evaluate: |inputs| z(inputs, rate_score),
    },
    Method {
        name: "poisson_rate_ratio_wald",
        about: "z test of two rates, with the errors as estimated",
        source: "Gu, Ng, Tang and Schucany 2008",
        evaluate: |inputs| z(inputs, rate_wald),
    },
    Method {
        name: "poisson_rate_ratio_sqrt",
        about: "z test of two rates, by square roots",
        source: "Gu, Ng, Tang and Schucany 2008",
        evaluate: |inputs| z(inputs, rate_root),
    },
    Method {
        name: "poisson_rate_ratio_ci",
        about: "exact interval of the ratio of two rates, and exact p-values",
        source: "Przyborowski and Wilenski 1940; Clopper and Pearson 1934",
        evaluate: ratio,
    },
    Method {
        name: "cmh_z",
        about: "z test of two shares within batches, and the odds ratio that they share",
        source: "Cochran 1954; Mantel and Haenszel 1959",
        evaluate: stratified,
    },
];

/// Chances that the canary is worse, given a prior.
pub(super) const CHANCES: &[Method] = &[
    Method {
        name: "beta_prob_worse",
        about: "chance that a share is larger, from Beta priors",
        source: "Altham 1969; Deng, Lu and Chen 2016",
        evaluate: share_worse,
    },
    Method {
        name: "gamma_poisson_prob_worse",
        about: "chance that a rate is larger, from Gamma priors",
        source: "Deng, Lu and Chen 2016",
        evaluate: rate_worse,
    },
];

fn events(inputs: &mut Inputs<'_>, count: &'static str, exposure: &'static str) -> Option<Events> {
    let (count, exposure) = (inputs.count(count), inputs.positive(exposure));
    Some(Events {
        count: count?,
        exposure: exposure?,
    })
}

fn arms(inputs: &mut Inputs<'_>) -> Option<(Events, Events)> {
    let (stable, canary) = (events(inputs, "x_s", "t_s"), events(inputs, "x_c", "t_c"));
    Some((canary?, stable?))
}

fn exact(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let ((first, second), alternative) = (arms?, alternative?);
    let p = match alternative {
        Alternative::Greater => rate_p(first, second),
        Alternative::TwoSided => rate_two_sided_p(first, second),
    };
    Some(Outcome::numbers([("p", p)]))
}

fn mid_p(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, greater) = (arms(inputs), greater_only(inputs));
    let ((first, second), ()) = (arms?, greater?);
    Some(Outcome::numbers([("p", rate_mid_p(first, second))]))
}

fn z(inputs: &mut Inputs<'_>, test: fn(Events, Events) -> Option<ZTest>) -> Option<Outcome> {
    let (arms, alternative) = (arms(inputs), alternative(inputs));
    let ((first, second), alternative) = (arms?, alternative?);
    Some(Outcome::numbers_or(
        test(first, second).map(|test| [("p", tail(test.p, alternative))]),
        "no event in either arm",
    ))
}

fn ratio(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (arms, confidence) = (arms(inputs), inputs.level("conf"));
    let ((first, second), confidence) = (arms?, confidence?);
    let [low, high] = ends(rate_ratio(first, second, confidence));
    Some(Outcome::numbers([
        ("p_greater", rate_p(first, second)),
        ("p_two_sided", rate_two_sided_p(first, second)),
        low,
        high,
    ]))
}

fn stratified(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    const COLUMNS: [&str; 4] = ["e_c", "e_s", "n_c", "n_s"];
    let (columns, batches) = (inputs.columns(&COLUMNS), inputs.rows("batches", COLUMNS));
    let ((), batches) = (columns?, batches?);
    let mut sums = Stratified::default();
    for [canary, stable, canary_trials, stable_trials] in batches {
        if canary > canary_trials || stable > stable_trials {
            let row = format!("[{canary}, {stable}, {canary_trials}, {stable_trials}]");
            let message = format!("has the row {row}, more events than requests");
            inputs.refuse(
                "batches",
                &message,
                "rows with e_c up to n_c, e_s up to n_s",
            );
            return None;
        }
        let share = |hits: u64, trials: u64| Share {
            hits: hits as f64,
            trials: trials as f64,
        };
        sums.add(share(canary, canary_trials), share(stable, stable_trials));
    }
    let results = sums.test().zip(sums.odds_ratio()).map(|(test, ratio)| {
        [
            ("z", test.z),
            ("p_greater", test.p),
            ("mantel_haenszel_odds_ratio", ratio),
        ]
    });
    Some(Outcome::numbers_or(
        results,
        "no batch with both arms in which some requests are events and some are not",
    ))
}

fn share_worse(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let arms = super::shares::arms(inputs);
    let (a, b) = (inputs.positive("prior_a"), inputs.positive("prior_b"));
    let ((canary, stable), a, b) = (arms?, a?, b?);
    let after = |(x, n): (u64, u64)| Beta::after(Beta { a, b }, x, n);
    let chance = after(canary).chance_above(after(stable));
    Some(Outcome::numbers([("prob", chance)]))
}

fn rate_worse(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (stable, canary) = (events(inputs, "x_s", "n_s"), events(inputs, "x_c", "n_c"));
    let shape = inputs.positive("prior_shape");
    let (canary, stable, shape) = (canary?, stable?, shape?);
    let chance = rate_chance_above(canary, stable, shape);
    Some(Outcome::numbers_or(
        chance.map(|chance| [("prob", chance)]),
        "the exposures are too far apart",
    ))
}
