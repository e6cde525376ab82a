//! Conditions answer as Go's do: every row of the reference's table, measured upstream.

use serde_json::json;

use super::*;

/// `true`, `false` or `error`.
fn answer(condition: &str, found: &Found) -> &'static str {
    match Condition::parse(condition).and_then(|condition| condition.holds(found)) {
        Ok(true) => "true",
        Ok(false) => "false",
        Err(_) => "error",
    }
}

fn numbers(values: &[f64]) -> Found {
    Found::Numbers(values.to_vec())
}

#[track_caller]
fn check(found: &Found, rows: &[(&str, &str)]) {
    for (condition, expected) in rows {
        assert_eq!(
            answer(condition, found),
            *expected,
            "{condition} of {found:?}"
        );
        // The short way answers as the interpreter does.
        if let Ok(condition) = Condition::parse(condition) {
            assert_eq!(
                condition.holds(found).ok(),
                condition.interpret(found).ok(),
                "{condition:?} of {found:?}"
            );
        }
    }
}

#[test]
fn lists_of_numbers() {
    check(&numbers(&[0.95]), &[("result[0] >= 0.95", "true")]);
    check(
        &numbers(&[f64::NAN]),
        &[
            ("result[0] >= 0.95", "false"),
            ("result[0] < 0.95", "false"),
            ("result[0] == result[0]", "false"),
            ("result[0] != 0", "true"),
            ("!(result[0] < 0.95)", "true"),
            ("all(result, # < 1)", "false"),
            ("any(result, # >= 1)", "false"),
            ("none(result, # >= 1)", "true"),
            ("isNaN(result)", "error"),
            ("isNaN(result[0])", "true"),
        ],
    );
    check(&numbers(&[1.0, f64::NAN]), &[("max(result) < 2", "true")]);
    check(&numbers(&[f64::NAN, 1.0]), &[("max(result) < 2", "false")]);
    check(
        &numbers(&[f64::INFINITY]),
        &[("result[0] >= 0.95", "true"), ("isInf(result[0])", "true")],
    );
    check(
        &numbers(&[2.0]),
        &[
            ("result >= 0", "error"),
            ("result == 2", "error"),
            ("result[0] == 2", "true"),
            ("result[-1] == 2", "true"),
            ("2 in result", "true"),
            ("3 not in result", "true"),
            ("result && result[0] > 1", "error"),
            ("result[0]", "error"),
            ("results[0] > 1", "error"),
            ("result[0] % 2 == 0", "error"),
            ("1 < result[0] < 3", "true"),
            ("1 < result[0] < 2", "false"),
            ("result[1] > 0", "error"),
            ("result[-2] > 0", "error"),
            ("result[0] / 0 > 1e300", "true"),
            ("0.1 + 0.2 == 0.3", "false"),
        ],
    );
}

#[test]
fn empty_lists() {
    check(
        &numbers(&[]),
        &[
            ("result[0] >= 0.95", "error"),
            ("len(result) == 0 || result[0] >= 0.95", "true"),
            ("len(result) > 0 && result[0] >= 0.95", "false"),
            ("default(result, 0) >= 0.95", "error"),
            ("default(result[0], 0) >= 0.95", "error"),
            ("isNil(result[0])", "error"),
            ("(result[0] ?? 1) >= 0.95", "error"),
            ("isNil(result)", "false"),
            ("result == nil", "false"),
            ("all(result, # < 1000)", "true"),
            ("any(result, # < 1000)", "false"),
            ("none(result, # >= 1000)", "true"),
            ("sum(result) < 1", "true"),
            ("mean(result) < 1", "true"),
            ("max(result) < 1", "error"),
            ("first(result) < 1", "error"),
        ],
    );
}

#[test]
fn numbers_nil_and_json() {
    check(
        &Found::Number(10.0),
        &[
            ("result == 10", "true"),
            ("result[0] == 10", "error"),
            ("isNaN(result)", "false"),
            ("asInt(result) % 2 == 0", "true"),
        ],
    );
    check(
        &Found::Number(f64::NAN),
        &[("isNaN(result)", "true"), ("result < 1", "false")],
    );
    check(
        &Found::Nothing,
        &[
            ("result < 0.05", "error"),
            ("isNil(result) || result < 0.05", "error"),
            ("default(result, 0) < 0.05", "true"),
            ("(result ?? 0) < 0.05", "true"),
            ("result ?? 0 < 0.05", "true"),
            ("result == nil", "true"),
        ],
    );
    check(
        &Found::Json(json!({"n": 5, "list": [1, 2], "deep": {"text": "a"}})),
        &[
            ("result.n == 5", "true"),
            ("result[\"n\"] == 5", "true"),
            ("result.missing > 1", "error"),
            ("result.missing == nil", "true"),
            ("default(result.missing, 3) == 3", "false"),
            ("result?.missing?.more == nil", "true"),
            ("result?.missing.more == nil", "true"),
            ("result.missing.more == nil", "error"),
            ("result.list[1] == 2", "true"),
            ("result.list[2] == 2", "error"),
            (
                "result.deep.text == 'a' and result.deep.text matches '^a$'",
                "true",
            ),
            ("result.deep.text contains \"b\"", "false"),
            ("all(result.list, {# > 0})", "true"),
        ],
    );
    check(
        &Found::Json(json!("1.1")),
        &[
            ("asFloat(result) == 1.1", "true"),
            ("asInt(result) == 1", "error"),
        ],
    );
    check(
        &Found::Json(json!("true")),
        &[("result == 'true'", "true"), ("result == true", "error")],
    );
    check(
        &Found::Json(json!([{"Values": [0.5]}])),
        &[
            ("result[0].Values[0] < 1", "true"),
            ("all(result, .Values[0] < 1)", "true"),
        ],
    );
}

#[test]
fn blanks_alone_are_a_condition_that_does_not_compile() {
    for text in ["", "   "] {
        assert_eq!(answer(text, &Found::Number(1.0)), "error");
    }
}

#[test]
fn operators_bind_as_in_expr() {
    check(
        &Found::Number(3.0),
        &[
            ("-2 ** 2 == -4", "true"),
            ("2 ^ 3 ^ 2 == 512", "true"),
            ("1 - 2 - 3 == -4", "true"),
            ("not (result > 5) and true", "true"),
            ("!(result > 5) && result > 1 || false", "true"),
            ("result > 1 ? result < 5 : false", "true"),
            ("true || result > 1 && false", "true"),
            ("10 / 4 == 2.5", "true"),
            ("let x = result * 2; x == 6", "true"),
            ("sum([1, 2, 3]) == 6 and len([]) == 0", "true"),
            ("count([1, 2, 3], # > 1) == 2", "true"),
            ("sum(map([1, 2], # * 10)) == 30", "true"),
            ("any([[1], [2]], any(#, # > 1))", "true"),
            ("[1, 2, 3][1:] == [2, 3]", "true"),
            ("result == 3 // what else\n", "true"),
            ("\"a\\\"b\" == 'a\"b'", "true"),
            ("result == 0x3", "true"),
        ],
    );
}

#[test]
fn what_cannot_be_read_is_refused_with_its_place() {
    for (text, words, at) in [
        ("results[0] > 1", "`results` is not known", 0),
        ("true || nosuch > 1", "`nosuch` is not known", 8),
        ("result[0] >=", "it ends where a value is wanted", 12),
        ("result[0 >= 1", "it ends where `]` is wanted", 13),
        ("result[0] >= 0.95)", "`)` is not expected here", 17),
        ("result[0] => 1", "`=` is not expected here", 10),
        ("succes(result)", "there is no function `succes`", 0),
        ("now() > 1", "`now()` is not evaluated here", 0),
        ("result > 'a", "no closing quote", 9),
        ("len(result, 1) > 1", "2 arguments", 0),
        ("1 + 1", "neither true nor false", 2),
        (
            "1 && true",
            "a whole number stands where true or false is wanted",
            0,
        ),
        ("all(result)", "wants a closure", 0),
        ("1..3 == result", "ranges", 1),
        ("result.Foo()", "`.Foo()`", 11),
        ("§ > 1", "no meaning", 0),
        ("1 > 1x", "not a number", 4),
    ] {
        let error = Condition::parse(text).unwrap_err();
        assert!(error.message.contains(words), "{text}: {error:?}");
        assert_eq!(error.at, at, "{text}: {error:?}");
    }
}

#[test]
fn no_condition_takes_long_or_overflows() {
    let deep = |open: &str, close: &str| {
        let n = 200_000 / open.len();
        open.repeat(n) + "1" + &close.repeat(n)
    };
    for text in [
        deep("(", ")"),
        deep("[", "]"),
        deep("!", ""),
        deep("a[", "]"),
        "1+".repeat(1_900) + "1 > 0",
        "result".to_owned() + &"[0]".repeat(900) + " > 0",
        "any(result, ".repeat(30) + "# > 1" + &")".repeat(30),
    ] {
        assert!(Condition::parse(&text).is_err(), "{}", &text[..20]);
    }
    // As deep and as long as is read.
    for text in [
        "(".repeat(18) + "result > 1" + &")".repeat(18),
        "0 ".to_owned() + &"+ 1 ".repeat(35) + "> result",
        "result".to_owned() + &".a".repeat(35) + " == nil",
        "!".repeat(18) + "(result > 1)",
    ] {
        let condition = Condition::parse(&text).unwrap();
        let _ = condition.holds(&Found::Number(1.0));
        let _ = condition.holds(&numbers(&[1.0]));
    }
}

#[test]
fn a_condition_tells_what_it_holds_the_result_against() {
    for (text, limit) in [
        ("result[0] >= 0.95", Some(0.95)),
        ("result < -1", Some(-1.0)),
        ("0.5 < result", Some(0.5)),
        ("len(result) > 0 && result[0] >= 0.95", Some(0.95)),
        ("default(result, 0) < 10", Some(10.0)),
        ("all(result, # < 1000)", Some(1000.0)),
        ("result[0] > 1 && result[0] < 3", None),
        ("len(result) > 3", None),
        ("result == 'true'", None),
    ] {
        assert_eq!(Condition::parse(text).unwrap().limit(), limit, "{text}");
    }
}
