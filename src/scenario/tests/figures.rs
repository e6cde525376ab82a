//! What systems answer that are not simulated.

use super::*;
use crate::model::figures::Answer;

fn answers(values: &str) -> Vec<Answer> {
    let text = format!("{LEAST}[[figures]]\nname = \"a\"\nvalues = {values}\n");
    scenario(&text).figures[0].usual.clone()
}

#[test]
fn an_answer_is_a_number_a_word_or_a_law() {
    assert_eq!(answers("0.99"), [Answer::Number(0.99)]);
    assert_eq!(answers("-3"), [Answer::Number(-3.0)]);
    assert_eq!(
        answers("[1, \"nothing\", \"error\"]"),
        [Answer::Number(1.0), Answer::Nothing, Answer::Error]
    );
    let normal = Answer::Normal {
        mean: 0.99,
        deviation: 0.01,
    };
    assert_eq!(answers("\"normal(0.99, 0.01)\""), [normal]);
    let skewed = Answer::LogNormal {
        median: 2.0,
        sigma: 0.5,
    };
    let even = Answer::Uniform {
        low: -1.0,
        high: 1.0,
    };
    assert_eq!(
        answers("[\"log-normal(2,0.5)\", \"uniform(-1, 1)\", \"exponential(3)\"]"),
        [skewed, even, Answer::Exponential { mean: 3.0 }]
    );
}

#[test]
fn what_is_no_answer_is_refused_with_those_that_are() {
    for (values, message) in [
        ("\"none\"", "`none` is no answer"),
        ("\"normal(1)\"", "`normal(1)` is no answer"),
        ("\"normal(1, -1)\"", "`normal(1, -1)` is no answer"),
        ("\"uniform(2, 1)\"", "`uniform(2, 1)` is no answer"),
        ("\"normal(1, inf)\"", "is no answer"),
        ("[]", "0 answers"),
        ("[1, \"x\"]", "figures[0].values[1]: `x` is no answer"),
        ("true", "write a number"),
    ] {
        let text = format!("{LEAST}[[figures]]\nname = \"a\"\nvalues = {values}\n");
        let said = errors(&text);
        assert!(said.contains(message), "{values}: {said}");
    }
    let said = errors(&format!("{LEAST}[[figures]]\nvalue = 1\n"));
    for message in [
        "`figures[0].name` is missing",
        "`figures[0].values` is missing",
        "did you mean",
    ] {
        assert!(said.contains(message), "{said}");
    }
    let twice = "[[figures]]\nname = \"a\"\nvalues = 1\n".repeat(2);
    let said = errors(&format!("{LEAST}{twice}"));
    assert!(said.contains("`a` has figures already"), "{said}");
}

#[test]
fn figures_for_which_nobody_asks_are_doubtful() {
    let text = format!("{LEAST}[[figures]]\nname = \"a\"\nvalues = 1\nfaulty = 2\n");
    let [warning] = &scenario(&text).warnings[..] else {
        panic!("one warning");
    };
    assert!(warning.contains("no metric asks for `a`"), "{warning}");
    assert!(warning.starts_with("test.toml:11"), "{warning}");
}
