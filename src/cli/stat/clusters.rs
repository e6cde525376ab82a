//! Requests that come in clusters, such as those of one user.

use super::Method;
use super::inputs::Inputs;
use super::results::Outcome;
use crate::stats::{
    Clusters, Mean, design_effect, mean_difference_z, normal_quantile, normal_upper,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "design_effect",
        about: "by how much clusters inflate a variance, and a test at 5 % its level",
        source: "Kish 1965",
        evaluate: inflation,
    },
    Method {
        name: "cluster_ratio_z",
        about: "z test of two shares of requests with users as the units",
        source: "Deng, Knoblich and Lu 2018",
        evaluate: users,
    },
];

fn inflation(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let size = inputs.number_where("cluster_size", "a number from 1", |size| size >= 1.0);
    let correlation = inputs.share("icc");
    let effect = design_effect(size?, correlation?);
    let level = normal_upper(normal_quantile(0.95) / effect.sqrt());
    Some(Outcome::numbers([
        ("deff", effect),
        ("alpha_actual_for_nominal_05_one_sided", level),
    ]))
}

fn users(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    const COLUMNS: [&str; 2] = ["requests", "errors"];
    let columns = inputs.columns(&COLUMNS);
    let stable = inputs.rows("stable_users", COLUMNS);
    let canary = inputs.rows("canary_users", COLUMNS);
    let ((), stable, canary) = (columns?, stable?, canary?);
    for (name, users) in [("stable_users", &stable), ("canary_users", &canary)] {
        let bad = users.iter().find(|[requests, errors]| errors > requests);
        if let Some([requests, errors]) = bad {
            let message = format!("has the row [{requests}, {errors}], more errors than requests");
            inputs.refuse(name, &message, "rows with errors up to requests");
            return None;
        }
    }
    let results = mean(&stable)
        .zip(mean(&canary))
        .and_then(|(stable, canary)| {
            let test = mean_difference_z(canary, stable)?;
            Some([
                ("rate_s", stable.value),
                ("rate_c", canary.value),
                ("var_s", stable.variance),
                ("var_c", canary.variance),
                ("z", test.z),
            ])
        });
    Some(Outcome::numbers_or(
        results,
        "an arm with fewer than two users or without requests, or users that are all alike",
    ))
}

fn mean(users: &[[u64; 2]]) -> Option<Mean> {
    let sum = |of: fn(f64, f64) -> f64| -> f64 {
        let each = users.iter().map(|[n, x]| of(*n as f64, *x as f64));
        each.sum()
    };
    Mean::of_clusters(Clusters {
        clusters: users.len() as f64,
        trials: sum(|n, _| n),
        sum: sum(|_, x| x),
        trials_squared: sum(|n, _| n * n),
        cross: sum(|n, x| n * x),
        sum_squared: sum(|_, x| x * x),
    })
}
