//! The statistics against numbers that other programs and 40-digit arithmetic gave.
//!
//! Of the vectors' methods, those that the crate has are checked: `two_prop_z_pooled` (one-sided as
//! it is, two-sided by doubling the smaller tail), `binom_ci_wilson`, `binom_ci_clopper_pearson`,
//! `diff_ci_newcombe_wilson` and `ks_2samp_asymptotic`.

mod shared_folder;

use std::collections::BTreeMap;

use coalmine::stats::{
    Interval, Share, clopper_pearson, ks_two_sample, newcombe, two_proportion_z, wilson,
};
use serde_json::Value;

#[test]
fn every_vector_of_a_method_we_have_is_met() {
    let Some(path) = shared_folder::shared("reference/statistics-vectors.json") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let mut met = BTreeMap::new();
    for vector in file["vectors"].as_array().unwrap() {
        let method = vector["method"].as_str().unwrap();
        let Some(answers) = answers(method, &vector["inputs"]) else {
            continue;
        };
        for (name, got) in answers {
            check(vector, name, got);
        }
        *met.entry(method).or_insert(0) += 1;
    }
    let expected = BTreeMap::from([
        ("binom_ci_clopper_pearson", 3),
        ("binom_ci_wilson", 3),
        ("diff_ci_newcombe_wilson", 2),
        ("ks_2samp_asymptotic", 3),
        ("two_prop_z_pooled", 8),
    ]);
    assert_eq!(met, expected);
}

/// What the crate answers, by the vectors' names; `None` for methods that it does not have.
fn answers(method: &str, inputs: &Value) -> Option<Vec<(&'static str, f64)>> {
    let count = |name: &str| inputs[name].as_u64().unwrap();
    let share = |x: &str, n: &str| Share {
        hits: count(x) as f64,
        trials: count(n) as f64,
    };
    let sample = |name: &str| -> Vec<f64> {
        let values = inputs[name].as_array().unwrap();
        values.iter().map(|value| value.as_f64().unwrap()).collect()
    };
    let ends = |interval: Interval| vec![("lo", interval.low), ("hi", interval.high)];
    let confidence = inputs["conf"].as_f64().unwrap_or(f64::NAN);
    Some(match method {
        "two_prop_z_pooled" => {
            let test = two_proportion_z(share("x_c", "n_c"), share("x_s", "n_s")).unwrap();
            let p = match inputs["alternative"].as_str().unwrap() {
                "canary_greater" => test.p,
                "two_sided" => 2.0 * test.p.min(1.0 - test.p),
                other => panic!("alternative {other}"),
            };
            vec![("z", test.z), ("p", p)]
        }
        "binom_ci_wilson" => ends(wilson(count("x"), count("n"), confidence)),
        "binom_ci_clopper_pearson" => ends(clopper_pearson(count("x"), count("n"), confidence)),
        "diff_ci_newcombe_wilson" => ends(newcombe(
            (count("x_c"), count("n_c")),
            (count("x_s"), count("n_s")),
            confidence,
        )),
        "ks_2samp_asymptotic" => {
            let ks = ks_two_sample(&mut sample("canary"), &mut sample("stable")).unwrap();
            vec![("D", ks.distance), ("p_kolmogorov", ks.p)]
        }
        _ => return None,
    })
}

fn check(vector: &Value, name: &str, got: f64) {
    let expected = vector["expected"][name].as_f64().unwrap();
    let tolerance = |kind: &str| vector["tolerance"][kind].as_f64().unwrap();
    let off = (got - expected).abs();
    assert!(
        off <= tolerance("abs") || off <= tolerance("rel") * expected.abs(),
        "{} {name}: {got}, expected {expected}",
        vector["id"]
    );
}
