//! `coalmine stat` against the numbers that other programs and 40-digit arithmetic gave: every
//! vector of a method that the program has, in one run of it.

mod shared_folder;

use std::collections::BTreeSet;

use serde_json::{Value, json};

/// Methods of the vectors that the program does not have.
const NOT_SHIPPED: &[&str] = &[];

/// Vectors whose numbers are not those of the method that they are about, and why.
const WRONG: &[(&str, &str)] = &[(
    "diff_ci_miettinen_nurminen-1",
    "statsmodels' cubic for the restricted shares has the hits of the second arm where its trials \
     belong; without hits in that arm, as in the other vector, this makes no difference",
)];

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
    let lines: Vec<String> = asked.iter().map(ToString::to_string).collect();
    let answers = stat(&["--json"], &lines.join("\n"));
    assert_eq!(answers.len(), asked.len());

    let mut wrong = Vec::new();
    for (vector, answer) in asked.iter().zip(&answers) {
        assert_eq!(answer["id"], vector["id"]);
        assert_eq!(answer["method"], vector["method"]);
        let met = meets(vector, &answer["results"]);
        if WRONG.iter().any(|(id, _)| vector["id"] == *id) {
            assert!(
                met.is_err(),
                "{} is met: it can be taken off the list",
                vector["id"]
            );
        } else if let Err(why) = met {
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
