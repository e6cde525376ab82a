//! `coalmine stat` against the numbers that other programs and 40-digit arithmetic gave: every
//! vector of a method that the program has, in one run of it.

mod shared_folder;

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Methods of the vectors that the program does not have.
const NOT_SHIPPED: &[&str] = &[
    "anytime_valid_t",
    "asymptotic_cs_radius",
    "barnard_exact",
    "bernoulli_confidence_sequence",
    "beta_binomial_bound",
    "beta_binomial_log",
    "beta_prob_worse",
    "binom_ci_agresti_coull",
    "binom_ci_clopper_pearson",
    "binom_ci_jeffreys",
    "binom_ci_wilson",
    "binomial_maxsprt_critical_value",
    "binomial_maxsprt_llr",
    "boschloo_exact",
    "chi2_yates",
    "cluster_ratio_z",
    "cmh_z",
    "cusum_path",
    "design_effect",
    "diff_ci_agresti_caffo",
    "diff_ci_miettinen_nurminen",
    "diff_ci_newcombe_wilson",
    "dkw_fixed",
    "dkw_time_uniform_closed_form",
    "double_stitching_bound",
    "e_bh",
    "empirical_process_lil_bound",
    "exact_split_alpha_spending",
    "fisher_conditional_odds_ratio",
    "fisher_exact",
    "gamma_exponential_bound",
    "gamma_exponential_log",
    "gamma_poisson_bound",
    "gamma_poisson_log",
    "gamma_poisson_prob_worse",
    "gavi_z_boundary",
    "group_sequential_boundary",
    "group_sequential_characteristics",
    "harrell_davis",
    "hedged_capital",
    "hodges_lehmann_ci",
    "hypergeometric_log_mgf",
    "hypergeometric_split_eprocess",
    "information_bound_total_requests",
    "ks_2samp_asymptotic",
    "ks_2samp_exact",
    "lindon_malek_multinomial",
    "mann_whitney_asymptotic",
    "mann_whitney_exact",
    "maritz_jarrett_se",
    "msprt_normal",
    "n_mann_whitney_noether",
    "n_two_prop",
    "normal_cusum_arl",
    "normal_mixture_bound",
    "normal_mixture_log",
    "p_adjust_benjamini_hochberg",
    "p_adjust_benjamini_yekutieli",
    "p_adjust_bonferroni",
    "p_adjust_hochberg",
    "p_adjust_holm",
    "p_to_e_calibrator",
    "peeking_inflation",
    "poisson_rate_ratio_ci",
    "poisson_rate_ratio_cond_midp",
    "poisson_rate_ratio_exact_cond",
    "poisson_rate_ratio_score",
    "poisson_rate_ratio_sqrt",
    "poisson_rate_ratio_wald",
    "poly_stitching_bound",
    "predmix_eb_bets",
    "predmix_eb_lower_cs",
    "quantile_ab_pvalue",
    "quantile_ci_order_stat",
    "quantile_confidence_sequence_ranks",
    "quantile_standard_error_lognormal",
    "quantile_type7",
    "safe_2x2_block",
    "shiryaev_roberts_path",
    "split_eprocess",
    "split_eprocess_changepoint",
    "split_eprocess_promotion",
    "sprt_bernoulli",
    "sprt_bernoulli_asn",
    "two_prop_z_unpooled",
    "welch_t",
    "yeast_boundary",
];

#[test]
fn every_vector_of_a_shipped_method_is_met() {
    let Some(path) = shared_folder::shared("reference/statistics-vectors.json") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let vectors = file["vectors"].as_array().unwrap();
    let shipped: BTreeSet<String> = stat(&["--list", "--json"], "")
        .iter()
        .map(|line| line["method"].as_str().unwrap().to_owned())
        .collect();
    let (asked, left): (Vec<&Value>, Vec<&Value>) = vectors
        .iter()
        .partition(|vector| shipped.contains(vector["method"].as_str().unwrap()));
    let lines: Vec<String> = asked.iter().map(|vector| vector.to_string()).collect();
    let answers = stat(&["--json"], &lines.join("\n"));
    assert_eq!(answers.len(), asked.len());

    let mut wrong = Vec::new();
    for (vector, answer) in asked.iter().zip(&answers) {
        assert_eq!(answer["id"], vector["id"]);
        assert_eq!(answer["method"], vector["method"]);
        if let Err(why) = meets(vector, &answer["results"]) {
            wrong.push(format!("{}: {why}", vector["id"]));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} wrong:\n{}",
        wrong.len(),
        asked.len(),
        wrong.join("\n")
    );
    let left: BTreeSet<&str> = (left.iter())
        .map(|vector| vector["method"].as_str().unwrap())
        .collect();
    let declared: BTreeSet<&str> = NOT_SHIPPED.iter().copied().collect();
    assert_eq!(left, declared, "methods without a vector's answer");
}

/// Runs the program with text on standard input; the lines that it answers.
fn stat(arguments: &[&str], input: &str) -> Vec<Value> {
    let output = assert_cmd::Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .arg("stat")
        .args(arguments)
        .write_stdin(input)
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let (said, refused) = (text(output.stdout), text(output.stderr));
    assert_eq!((output.status.code(), refused.as_str()), (Some(0), ""));
    let lines = said.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// Whether the results have the expected names, and each the expected value within the tolerance.
fn meets(vector: &Value, results: &Value) -> Result<(), String> {
    let names = |of: &Value| -> BTreeSet<String> {
        let named = of.as_object().into_iter().flatten();
        named.map(|(name, _)| name.clone()).collect()
    };
    let expected = &vector["expected"];
    if names(expected) != names(results) {
        return Err(format!("{results}, expected {expected}"));
    }
    for name in names(expected) {
        let (got, expected) = (&results[&name], &expected[&name]);
        if !close(got, expected, &vector["tolerance"]) {
            return Err(format!("{name}: {got}, expected {expected}"));
        }
    }
    Ok(())
}

/// Numbers to the tolerance; texts, and lists element by element.
fn close(got: &Value, expected: &Value, tolerance: &Value) -> bool {
    if let (Some(got), Some(expected)) = (got.as_array(), expected.as_array()) {
        let whole = expected.iter().all(Value::is_u64);
        let exact = json!({ "abs": 0.0, "rel": 0.0 });
        let tolerance = if whole { &exact } else { tolerance };
        let mut pairs = got.iter().zip(expected);
        return got.len() == expected.len() && pairs.all(|(a, b)| close(a, b, tolerance));
    }
    let (Some(value), Some(wanted)) = (got.as_f64(), expected.as_f64()) else {
        return got == expected;
    };
    let allowed = |kind: &str| tolerance[kind].as_f64().unwrap();
    let off = (value - wanted).abs();
    off <= allowed("abs") || off <= allowed("rel") * wanted.abs()
}

#[test]
fn a_value_beyond_the_tolerance_or_a_missing_name_is_found() {
    let vector = json!({
        "expected": { "p": 0.5, "ranks": [1, 2], "hi": "inf" },
        "tolerance": { "abs": 1e-9, "rel": 1e-3 }
    });
    let check = |results: Value| meets(&vector, &results).is_ok();
    assert!(check(json!({ "p": 0.5004, "ranks": [1, 2], "hi": "inf" })));
    assert!(!check(json!({ "p": 0.5006, "ranks": [1, 2], "hi": "inf" })));
    assert!(!check(json!({ "p": 0.5, "ranks": [1, 3], "hi": "inf" })));
    assert!(!check(json!({ "p": 0.5, "ranks": [1], "hi": "inf" })));
    assert!(!check(json!({ "p": 0.5, "ranks": [1, 2], "hi": 7.0 })));
    assert!(!check(json!({ "p": 0.5, "ranks": [1, 2] })));
    assert!(!check(json!({ "p": null, "ranks": [1, 2], "hi": "inf" })));
}
