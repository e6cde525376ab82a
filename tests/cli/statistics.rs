//! `coalmine stat`: one statistic by its name, and what is refused.

use std::path::Path;

use serde_json::{Value, json};

use super::{Said, program};

/// Runs `coalmine stat` with text on standard input.
fn stat(arguments: &str, input: &str) -> Said {
    let mut command = program(Path::new("."));
    command.arg("stat").args(arguments.split_whitespace());
    let output = assert_cmd::Command::from_std(command)
        .write_stdin(input)
        .timeout(std::time::Duration::from_secs(120))
        .output()
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    let said = Said {
        code: output.status.code().unwrap_or(-1),
        out: text(output.stdout),
        err: text(output.stderr),
    };
    assert!(
        !said.err.contains("panicked"),
        "{arguments} {input}: {}",
        said.err
    );
    said
}

/// The one answer to a record.
fn answer(method: &str, inputs: &Value) -> Value {
    let record = json!({ "method": method, "inputs": inputs });
    let said = stat("--json", &record.to_string());
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{record}");
    serde_json::from_str(&said.out).unwrap()
}

/// What is wrong with a record, where something has to be.
fn refused(method: &str, inputs: &str) -> String {
    let said = stat(
        "",
        &format!("{{\"method\": \"{method}\", \"inputs\": {inputs}}}"),
    );
    assert_eq!(
        (said.code, said.out.as_str()),
        (2, ""),
        "{method} {inputs}: {}",
        said.err
    );
    said.err
}

#[test]
fn one_method_prints_names_and_values() {
    let inputs = r#"{ "x_s": 1, "n_s": 4, "x_c": 3, "n_c": 4, "alternative": "canary_greater" }"#;
    let said = stat("fisher_exact", inputs);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let lines: Vec<&str> = said.out.lines().collect();
    assert_eq!(lines[0], "odds_ratio_sample  9");
    assert!(
        lines[1].starts_with("p                  0.242857142857"),
        "{}",
        said.out
    );
    let json = stat("fisher_exact --json", inputs);
    let line: Value = serde_json::from_str(&json.out).unwrap();
    assert_eq!(line["results"]["odds_ratio_sample"], 9.0);
}

#[test]
fn records_are_answered_in_their_order_with_their_ids() {
    let lines = r#"{"id": "first", "method": "binom_ci_wilson", "inputs": {"x": 0, "n": 200, "conf": 0.95}, "note": 1}

{"method": "cmh_z", "inputs": {"batches": [[0, 0, 10, 90]]}}
"#;
    let said = stat("--json", lines);
    assert_eq!((said.code, said.err.as_str()), (0, ""));
    let answers: Vec<Value> = (said.out.lines())
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(answers[0]["id"], "first");
    assert_eq!(answers[0]["results"]["lo"], 0.0);
    assert_eq!(answers[1].get("id"), None);
    assert!(
        answers[1]["undefined"]
            .as_str()
            .unwrap()
            .contains("no batch")
    );
    let text = stat("-", lines);
    assert!(
        text.out
            .starts_with("binom_ci_wilson first\n  lo  0\n  hi  0.018"),
        "{}",
        text.out
    );
    assert!(
        text.out.contains("cmh_z\n  not defined: no batch"),
        "{}",
        text.out
    );
}

#[test]
fn everything_wrong_is_told_at_once_with_its_place() {
    let lines = r#"{"method": "fisher_exakt", "inputs": {}}
{"method": "fisher_exact", "inputs": {"x_s": -3, "n_s": 5.5, "x_c": NaN, "n_c": 4, "alternative": "less", "foo": 1}}
{"method": "binom_ci_wilson", "inputs": {"x": 1, "n": 9, "conf": 95}
[1, 2]
{"id": 7, "inputs": {"x": 1}}
{"method": "binom_ci_wilson", "inputs": {"x": 10, "n": 9, "conf": 1, "conf": 0.5}}
{"method": "binom_ci_wilson", "inputs": {"x": 1, "n": 9, "conf": 0.95}}
"#;
    let said = stat("--json", lines);
    assert_eq!((said.code, said.out.as_str()), (2, ""));
    insta::assert_snapshot!(
        "what_cannot_be_computed_is_refused_with_its_place",
        said.err
    );
}

#[test]
fn a_text_that_is_no_record_is_refused() {
    for (arguments, input, expected) in [
        ("", "", "nothing to compute"),
        ("fisher_exact", "", "no inputs"),
        ("fisher_exact", "[]", "no object"),
        ("fisher_exact", "{} {}", "not valid JSON"),
        ("fisher_exact", "{", "ends too early"),
        ("", "\u{feff}{}", "not valid JSON"),
        (
            "",
            "{\"method\": 3, \"inputs\": []}",
            "there is no method `3`",
        ),
        (
            "",
            "{\"method\": \"fisher_exact\", \"inputs\": []}",
            "no object",
        ),
        ("nonsense", "{}", "there is no method `nonsense`"),
        ("fisher", "{}", "did you mean `fisher_exact`"),
        ("- /nowhere/at/all", "", "no such file"),
        ("--list fisher_exact", "", "cannot be used with"),
    ] {
        let said = stat(arguments, input);
        assert_eq!(
            (said.code, said.out.as_str()),
            (2, ""),
            "{arguments} {input}"
        );
        assert!(
            said.err.contains(expected),
            "{arguments} {input}: {}",
            said.err
        );
    }
}

/// Method, inputs, and what is said of them.
const IMPOSSIBLE: &[(&str, &str, &str)] = &[
    (
        "binom_ci_wilson",
        r#"{"x": 1, "n": 0, "conf": 0.9}"#,
        "`n` is 0, too few",
    ),
    (
        "binom_ci_wilson",
        r#"{"x": 1, "n": 1e300, "conf": 0.9}"#,
        "`n` is 1e300, more than can be",
    ),
    (
        "binom_ci_wilson",
        r#"{"x": 1, "n": 9, "conf": 0}"#,
        "`conf` is 0",
    ),
    (
        "binom_ci_wilson",
        r#"{"x": 1, "n": 9, "conf": 1}"#,
        "`conf` is 1",
    ),
    (
        "binom_ci_wilson",
        r#"{"x": "1", "n": 9, "conf": 0.9}"#,
        "`x` is \"1\"",
    ),
    (
        "binom_ci_wilson",
        r#"{"x": null, "n": 9, "conf": 0.9}"#,
        "`x` is null",
    ),
    ("quantile_type7", r#"{"x": [], "p": 0.5}"#, "`x` is empty"),
    (
        "quantile_type7",
        r#"{"x": [1, NaN], "p": 0.5}"#,
        "`x` is NaN",
    ),
    (
        "quantile_type7",
        r#"{"x": [1, Infinity], "p": 0.5}"#,
        "`x` is Infinity",
    ),
    (
        "quantile_type7",
        r#"{"x": [1, "inf"], "p": 0.5}"#,
        "`x` is \"inf\"",
    ),
    ("quantile_type7", r#"{"x": 3, "p": 0.5}"#, "`x` is 3"),
    (
        "p_adjust_holm",
        r#"{"p": [0.5, 1.5]}"#,
        "`p` has the value 1.5",
    ),
    (
        "e_bh",
        r#"{"e": [-1], "alpha": 0.05}"#,
        "`e` has the value -1",
    ),
    (
        "cmh_z",
        r#"{"batches": [[1, 2, 3]]}"#,
        "`batches` has the row [1, 2, 3]",
    ),
    (
        "cmh_z",
        r#"{"batches": [[5, 2, 3, 4]]}"#,
        "more events than requests",
    ),
    (
        "cmh_z",
        r#"{"batches": [[1, 1, 3, 4]], "columns": ["n_c"]}"#,
        "`columns` is",
    ),
    (
        "poisson_rate_ratio_score",
        r#"{"x_s": 1, "t_s": 0, "x_c": 1, "t_c": 1, "alternative": "two_sided"}"#,
        "`t_s` is 0",
    ),
    (
        "poisson_rate_ratio_cond_midp",
        r#"{"x_s": 1, "t_s": 1, "x_c": 1, "t_c": 1, "alternative": "two_sided"}"#,
        "`alternative` is",
    ),
    (
        "boschloo_exact",
        r#"{"x_s": 1, "n_s": 1000000, "x_c": 1, "n_c": 10, "alternative": "canary_greater"}"#,
        "too many",
    ),
    (
        "design_effect",
        r#"{"cluster_size": 0.5, "icc": 2}"#,
        "`icc` is 2",
    ),
    (
        "hodges_lehmann_ci",
        r#"{"stable": [1], "canary": [2], "conf": 0.9, "exact": true}"#,
        "`exact` is true",
    ),
];

#[test]
fn values_outside_of_what_is_possible_are_refused_by_name() {
    for (method, inputs, expected) in IMPOSSIBLE {
        let said = refused(method, inputs);
        assert!(said.contains(expected), "{method} {inputs}: {said}");
        assert!(
            said.contains("standard input:1:") && said.contains("help: write"),
            "{said}"
        );
    }
}

#[test]
fn degenerate_data_have_a_result_or_a_reason() {
    let both = |stable: &[f64], canary: &[f64]| json!({ "stable": stable, "canary": canary, "alternative": "two_sided", "continuity": true });
    let same = answer("mann_whitney_asymptotic", &both(&[1.0; 5], &[1.0; 4]));
    assert_eq!(same["undefined"], "all values are the same");
    let single = answer("mann_whitney_asymptotic", &both(&[1.0], &[2.0]));
    assert_eq!(single["results"], json!({ "U_canary": 1.0, "p": 1.0 }));
    let none = json!({ "x_s": 0, "n_s": 9, "x_c": 0, "n_c": 3, "alternative": "two_sided" });
    assert!(answer("two_prop_z_pooled", &none)["undefined"].is_string());
    assert_eq!(
        answer("fisher_exact", &none)["results"],
        json!({ "odds_ratio_sample": "none", "p": 1.0 })
    );
    let all = json!({ "x_s": 0, "n_s": 9, "x_c": 3, "n_c": 3, "conf": 0.9 });
    assert_eq!(
        answer("fisher_conditional_odds_ratio", &all)["results"]["hi"],
        "inf"
    );
    let one = json!({ "stable": [1.0], "canary": [2.0], "alternative": "two_sided" });
    assert!(answer("welch_t", &one)["undefined"].is_string());
    assert_eq!(
        answer("p_to_e_calibrator", &json!({ "p": 0, "kappa": 0.5 }))["results"]["e"],
        "inf"
    );
}

#[test]
fn a_million_values_and_a_billion_requests_are_no_more_than_large() {
    let million: Vec<u32> = (0..1_000_000).map(|k| (k * 7) % 999_983).collect();
    let samples = json!({
        "stable": million, "canary": [499_991.5], "alternative": "canary_greater", "continuity": false
    });
    let p = answer("mann_whitney_asymptotic", &samples)["results"]["p"]
        .as_f64()
        .unwrap();
    assert!((p - 0.5).abs() < 1e-4, "{p}");
    let counts = json!({
        "x_s": 900_000_000, "n_s": 1_000_000_000, "x_c": 9_000_000, "n_c": 10_000_000,
        "alternative": "two_sided"
    });
    let p = answer("fisher_exact", &counts)["results"]["p"]
        .as_f64()
        .unwrap();
    assert!(p > 0.99 && p <= 1.0, "{p}");
    let many: Vec<u32> = (0..30_000).collect();
    let exact = answer("ks_2samp_exact", &json!({ "stable": many, "canary": many }));
    assert!(exact["undefined"].is_string());
    let interval = json!({ "x": 500_000_000, "n": 1_000_000_000, "conf": 0.95 });
    let low = answer("binom_ci_clopper_pearson", &interval)["results"]["lo"]
        .as_f64()
        .unwrap();
    assert!((low - 0.499_969).abs() < 1e-6, "{low}");
}

#[test]
fn looks_whose_figures_contradict_each_other_are_refused() {
    for (method, inputs, said) in [
        (
            "exact_split_alpha_spending",
            r#"{ "errors_per_look": [3, 4], "canary_share_per_look": [0.1],
                 "cumulative_alpha": [0.01, 1.5] }"#,
            "has the value 1.5",
        ),
        (
            "exact_split_alpha_spending",
            r#"{ "errors_per_look": [3, 4], "canary_share_per_look": [0.1],
                 "cumulative_alpha": [0.01, 0.02] }"#,
            "as many as `errors_per_look`: 2",
        ),
        (
            "split_eprocess",
            r#"{ "batches": [[5, 0, 4, 90]], "rate_ratio_grid": [2] }"#,
            "more events than requests",
        ),
        (
            "split_eprocess_promotion",
            r#"{ "batches": [[1, 0, 4, 90]], "rate_ratio_grid": [1], "tolerated_ratio": 2,
                 "null": "rate ratio <= 1" }"#,
            "rate ratio >= 2",
        ),
        (
            "sprt_bernoulli",
            r#"{ "errors": 1, "n": 9, "p0": 0.1, "p1": 0.2, "alpha": 0.6, "beta": 0.4 }"#,
            "less than 1 with `alpha`",
        ),
        (
            "quantile_ab_pvalue",
            r#"{ "p": 0.5, "arm1": "integers 9..1", "arm2": [1], "t_opt": 9, "alpha_opt": 0.05 }"#,
            "integers 9..1",
        ),
        (
            "group_sequential_boundary",
            r#"{ "info": [0.5, 0.4], "alpha": 0.05, "sided": 1, "type": "asKD" }"#,
            "`gammaA` is missing",
        ),
        (
            "group_sequential_boundary",
            r#"{ "info": [0.5, 0.4], "alpha": 0.05, "sided": 3, "type": "P" }"#,
            "does not ascend",
        ),
    ] {
        let refusal = refused(method, inputs);
        assert!(refusal.contains(said), "{method}: {refusal}");
    }
}

#[test]
fn a_boundary_that_does_not_exist_is_an_answer() {
    let inputs = json!({ "alpha": 0.05, "max_events": 1, "canary_share": 0.5, "min_events": 1 });
    let answer = answer("binomial_maxsprt_critical_value", &inputs);
    assert!(answer["undefined"].is_string() && answer["results"].is_null());
}
