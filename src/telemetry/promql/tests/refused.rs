//! Texts that are no queries: refused with a place, and never a panic, whatever is written.

use proptest::prelude::*;

use super::super::{Catalogue, Labels, Query, Samples, Semantics};

/// What is said of a text: what stands at the place, and the message.
fn refusal(text: &str, semantics: Semantics) -> (String, String) {
    let error = Query::parse(text, semantics).expect_err(text);
    let at = error.span.clone().map_or("", |span| &text[span]);
    (at.to_owned(), error.message)
}

/// Texts, what stands at the place that is named, and the message; empty where all is well, or where
/// the place does not matter.
const TEXTS: &[(&str, &str, &str)] = &[
    ("", "", "there is no query"),
    ("# only a comment", "", "there is no query"),
    (
        r#"x{code~"5.*"}"#,
        "~",
        "unexpected character inside braces: '~'",
    ),
    (r#"x{a="x" b="y"}"#, "b", "`b` does not belong here"),
    (
        "rate(x[5m[])",
        "[",
        "unexpected left brace '[' inside brackets",
    ),
    (
        r#"x{pod-hash="x"}"#,
        "-",
        "unexpected character inside braces: '-'",
    ),
    ("sum(x", "", "unclosed left parenthesis"),
    ("RATE(x[1m])", "RATE", "there is no function `RATE`"),
    (
        "rate(x)",
        "rate",
        "expected type matrix in call to function 'rate', got vector",
    ),
    (
        "sum(x[1m])",
        "sum",
        "expected type vector in aggregation expression, got matrix",
    ),
    (
        "1 > 2",
        "",
        "comparisons between scalars must use BOOL modifier",
    ),
    (
        "x and 1",
        "",
        "set operator 'and' not allowed in binary scalar expression",
    ),
    (
        "x + bool y",
        "",
        "bool modifier can only be used on comparison operators",
    ),
    (
        r#"{a=~".*"}"#,
        "",
        "vector selector must contain at least one non-empty matcher",
    ),
    (
        "rate(x[$__interval])",
        "$",
        "unexpected character inside brackets: '$'",
    ),
    ("x{{ y }}", "{", "unexpected left brace '{' inside braces"),
    ("x[0s]", "", "duration must be greater than 0"),
    ("x[10y:1ms]", ":", "a subquery of 315360000000 steps"),
    ("x[1h:1s][1h:1s]", "", ""),
    ("x offset NaN", "NaN", "`NaN` is not a length of time"),
    ("x[1e300]", "1e300", "`1e300` is not a length of time"),
    ("x[300y]", "300y", "`300y` is too long a time"),
    (
        "x offset 99999999999w",
        "99999999999w",
        "`99999999999w` is too long a time",
    ),
    (
        r#"count_values("v", x)"#,
        "count_values",
        "`count_values` is not evaluated: it makes labels of values",
    ),
    (
        "limitk(1, x)",
        "limitk",
        "`limitk` is experimental: a server refuses it by default",
    ),
    (
        "histogram_avg(x)",
        "histogram_avg",
        "`histogram_avg` is not evaluated",
    ),
    (r#"label_replace(x, "a b", "$1", "c", "(.*)")"#, "", ""),
    (
        r#"label_replace(x, "a", "$1", "c", "(.*")"#,
        "label_replace",
        "a pattern that does not read in label_replace",
    ),
    (r#"x{a="b" or c="d"}"#, "or", "`or` between matchers"),
    (
        "a + on(p) group_left(p) b",
        "",
        "label 'p' must not occur in ON and GROUP clause at once",
    ),
];

#[test]
fn what_a_server_refuses_is_refused_at_its_place() {
    for (text, at, message) in TEXTS {
        let Err(error) = Query::parse(text, Semantics::V3) else {
            // Names may hold anything in Prometheus 3; subqueries may nest as far as steps allow.
            assert!(message.is_empty(), "{text} is read");
            continue;
        };
        if message.is_empty() {
            continue;
        }
        assert_eq!(error.message, *message, "{text}");
        if !at.is_empty() {
            let found = error.span.clone().map_or("", |span| &text[span]);
            assert_eq!(found, *at, "{text}: {error:?}");
        }
    }
}

#[test]
fn what_only_prometheus_3_knows_is_refused_for_2() {
    for (text, at) in [
        ("x[300]", "300"),
        ("x offset 100", "100"),
        ("x > 5m", "5m"),
        ("1_000", "1_000"),
        (r#"{"a.b"}"#, r#""a.b""#),
        (r#"x{"a"="b"}"#, r#""a""#),
    ] {
        assert!(Query::parse(text, Semantics::V3).is_ok(), "{text}");
        assert_eq!(refusal(text, Semantics::V2).0, at, "{text}");
    }
}

#[test]
fn brackets_and_operators_without_end_are_refused_at_once() {
    for piece in [
        "(",
        "-",
        "x[1m:1s] + ",
        "sum(",
        "1^",
        "{",
        "[",
        "{a=\"b\"} or ",
    ] {
        let text = piece.repeat(200_000 / piece.len());
        assert!(Query::parse(&text, Semantics::V3).is_err(), "{piece}");
        let shorter = piece.repeat(2_000 / piece.len());
        assert!(Query::parse(&shorter, Semantics::V3).is_err(), "{piece}");
    }
    let deep = format!("{}x{}", "(".repeat(399), ")".repeat(399));
    assert!(Query::parse(&deep, Semantics::V3).is_ok());
    let samples = Samples::new([(Labels::new([("__name__", "x")]), vec![(0, 1.0)])]);
    let chain = format!("x{}", " + x".repeat(400));
    let bound = Query::parse(&chain, Semantics::V3)
        .unwrap()
        .bind(&Catalogue::of(&samples));
    let answer = bound.unwrap().ask_samples(0, &samples).unwrap();
    assert_eq!(answer.values(), [401.0]);
}

/// Pieces of queries, some of them no pieces of any.
const PIECES: [&str; 72] = [
    "x",
    "a:b",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    "1m",
    "5",
    "1e9",
    "0x1F",
    "NaN",
    "Inf",
    "1_0",
    "1.5.2",
    "[1m]",
    "[1m:10s]",
    "[5m:]",
    "[0]",
    "[1e30]",
    "offset",
    "offset -5m",
    "offset inf",
    "@",
    "@ 60",
    "@ end()",
    "@ start()",
    "@ -1e308",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "==",
    "!=",
    ">",
    "< bool",
    ">=",
    "and",
    "or",
    "unless",
    "on(p)",
    "ignoring()",
    "group_left(a)",
    "group_right",
    "by (le)",
    "without ()",
    "sum",
    "topk(1,x)",
    "quantile",
    "rate(x[1m])",
    "histogram_quantile(0.9,",
    "label_replace(x,\"a\",\"$1\",\"b\",\"(.*)\")",
    "vector(1)",
    "time()",
    "absent(",
    "x{a=~\"b|c\"}",
    "{a!=\"\"}",
    "=\"b\"",
    "=~\"(\"",
    "\"text\"",
    "'te\\xt",
    "`raw`",
    "#",
    "\n",
    "é",
    "\u{0}",
    "fill(1)",
    "smoothed",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 3_000, ..ProptestConfig::default() })]

    #[test]
    fn no_text_makes_anything_panic(
        pieces in prop::collection::vec(prop::sample::select(PIECES.to_vec()), 0..12),
        glue in prop::sample::select(vec!["", " "]),
        old in any::<bool>(),
    ) {
        let text = pieces.join(glue);
        let semantics = if old { Semantics::V2_42 } else { Semantics::V3 };
        match Query::parse(&text, semantics) {
            Ok(query) => {
                let labels = Labels::new([("__name__", "x"), ("le", "1")]);
                let samples = Samples::new([(labels, vec![(0, 1.0), (15_000, 2.0)])]);
                if let Ok(bound) = query.bind(&Catalogue::of(&samples)) {
                    let _ = bound.ask_samples(30_000, &samples);
                }
            }
            Err(error) => {
                if let Some(span) = error.span {
                    prop_assert!(text.get(span.clone()).is_some(), "{text}: {span:?}");
                }
            }
        }
    }

    #[test]
    fn no_letters_make_anything_panic(text in "\\PC{0,40}") {
        let _ = Query::parse(&text, Semantics::V3);
    }
}
