//! Plans agree with the slow evaluator on generated queries and samples.

use proptest::prelude::*;

use super::super::labels::NAME;
use super::super::{Answer, AskError, Catalogue, Labels, Query, STALE, Samples, Semantics};
use super::reference::{self, Value};

/// A series' samples: gaps between scrapes in seconds, what is added, and what happens besides.
fn samples() -> impl Strategy<Value = Vec<(i64, f64)>> {
    let step = (1_i64..40, 0_u8..20, 0_u8..60);
    prop::collection::vec(step, 0..30).prop_map(|steps| {
        let (mut time, mut value, mut samples) = (0, 0.0, Vec::new());
        for (gap, rise, luck) in steps {
            time += gap * 500;
            value = match luck {
                0 => 0.0,
                _ => value + f64::from(rise),
            };
            let shown = match luck {
                1 => f64::NAN,
                2 => f64::from_bits(STALE),
                3 => f64::INFINITY,
                _ => value,
            };
            samples.push((time, shown));
        }
        samples
    })
}

/// Two metrics with two labels each, another that tells of pods, and a histogram.
fn world() -> impl Strategy<Value = Samples> {
    let labels: Vec<Labels> = [
        [(NAME, "a"), ("p", "x"), ("c", "1")],
        [(NAME, "a"), ("p", "x"), ("c", "2")],
        [(NAME, "a"), ("p", "y"), ("c", "1")],
        [(NAME, "a"), ("p", "y"), ("c", "2")],
        [(NAME, "b"), ("p", "x"), ("c", "1")],
        [(NAME, "b"), ("p", "y"), ("c", "1")],
        [(NAME, "b"), ("p", "z"), ("c", "2")],
        [(NAME, "i"), ("p", "x"), ("v", "1")],
        [(NAME, "i"), ("p", "y"), ("v", "2")],
        [(NAME, "h_bucket"), ("p", "x"), ("le", "0.5")],
        [(NAME, "h_bucket"), ("p", "x"), ("le", "1")],
        [(NAME, "h_bucket"), ("p", "x"), ("le", "1.0")],
        [(NAME, "h_bucket"), ("p", "x"), ("le", "+Inf")],
        [(NAME, "h_bucket"), ("p", "y"), ("le", "-1")],
        [(NAME, "h_bucket"), ("p", "y"), ("le", "2")],
        [(NAME, "h_bucket"), ("p", "y"), ("le", "+Inf")],
    ]
    .into_iter()
    .map(Labels::new)
    .collect();
    prop::collection::vec(samples(), labels.len())
        .prop_map(move |series| Samples::new(labels.iter().cloned().zip(series)))
}

fn selector() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "a",
        "b",
        "i",
        "h_bucket",
        "nothing",
        r#"a{p="x"}"#,
        r#"a{c!="1"}"#,
        r#"{__name__=~"a|b"}"#,
        r#"{__name__=~"a|b",c="1"}"#,
        r#"a{p=~"x|z",c=""}"#,
        r#"b{p!~"x"}"#,
    ])
    .prop_map(str::to_owned)
}

fn offset() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["", "", "", " offset 30s", " offset -10s"])
}

fn window() -> impl Strategy<Value = String> {
    let functions = vec![
        "rate",
        "increase",
        "irate",
        "count_over_time",
        "sum_over_time",
        "avg_over_time",
        "max_over_time",
        "min_over_time",
        "last_over_time",
        "changes",
    ];
    let lengths = prop::sample::select(vec!["15s", "40s", "1m", "3m"]);
    (
        prop::sample::select(functions),
        selector(),
        lengths,
        offset(),
    )
        .prop_map(|(function, of, length, offset)| format!("{function}({of}[{length}]{offset})"))
}

fn grouping() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "by (p)",
        "by (le)",
        "without (c)",
        "by (p, c)",
        "without ()",
    ])
}

fn matching() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "",
        "",
        "on()",
        "on(p)",
        "ignoring(c)",
        "on(p, c)",
        "ignoring(v)",
        "on(p) group_left()",
        "on(p) group_left(v)",
        "on(p) group_right(c)",
        "ignoring(c) group_left(v)",
    ])
}

/// An expression that is an instant vector.
fn vector() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        3 => (selector(), offset()).prop_map(|(of, offset)| format!("{of}{offset}")),
        5 => window(),
        1 => Just("vector(0)".to_owned()),
    ];
    leaf.prop_recursive(4, 24, 2, |inner| {
        let aggregations = vec!["sum", "avg", "count", "min", "max", "group", "topk"];
        let arithmetic = vec!["+", "-", "*", "/", "%"];
        let comparisons = vec!["==", "!=", ">", "<", ">=", "<=", "> bool", "== bool"];
        let operators: Vec<&str> = arithmetic.into_iter().chain(comparisons).collect();
        let operator = prop::sample::select(operators);
        let numbers = prop::sample::select(vec!["0", "1", "-2.5", "20", "NaN", "scalar(b)", "time()"]);
        let sets = prop::sample::select(vec!["and", "or", "unless"]);
        let set_matching = prop::sample::select(vec!["", "on()", "on(p)", "ignoring(c)"]);
        let of_window = prop::sample::select(vec!["max_over_time", "sum_over_time", "rate"]);
        prop_oneof![
            4 => (prop::sample::select(aggregations), inner.clone(), grouping()).prop_map(
                |(rule, of, by)| match rule {
                    "topk" => format!("topk {by} (2, {of})"),
                    _ => format!("{rule} {by} ({of})"),
                }
            ),
            2 => (inner.clone(), operator.clone(), numbers.clone())
                .prop_map(|(of, op, number)| format!("(({of}) {op} {number})")),
            1 => (inner.clone(), operator.clone(), numbers)
                .prop_map(|(of, op, number)| format!("({number} {op} ({of}))")),
            3 => (inner.clone(), operator, matching(), inner.clone())
                .prop_map(|(a, op, on, b)| format!("(({a}) {op} {on} ({b}))")),
            2 => (inner.clone(), sets, set_matching, inner.clone())
                .prop_map(|(a, op, on, b)| format!("(({a}) {op} {on} ({b}))")),
            1 => inner.clone().prop_map(|of| format!("histogram_quantile(0.9, {of})")),
            1 => inner.clone().prop_map(|of| format!("-({of})")),
            1 => inner.clone().prop_map(|of| format!("clamp_min({of}, 1)")),
            1 => selector().prop_map(|of| format!("absent({of})")),
            1 => (of_window, inner).prop_map(|(function, of)| format!("{function}(({of})[1m:20s])")),
        ]
    })
}

fn same(a: f64, b: f64) -> bool {
    a == b || (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

/// Fails where the plan and the slow evaluator differ; says what they answered.
fn compare(text: &str, samples: &Samples, now: i64) -> Result<(), TestCaseError> {
    let query = Query::parse(text, Semantics::V3);
    let query = query.map_err(|error| TestCaseError::fail(format!("{text}: {error}")))?;
    let bound = query.bind(&Catalogue::of(samples)).unwrap();
    let got = bound.ask_samples(now, samples);
    let expected = reference::evaluate(&query.expr, now, samples);
    let context = || format!("{text}\ngot {got:?}\nexpected {expected:?}");
    match (&got, &expected) {
        (Ok(Answer::Scalar(a)), Ok(Value::Scalar(b))) => {
            prop_assert!(same(*a, *b), "{}", context());
        }
        (Ok(Answer::Vector(a)), Ok(Value::Vector(b))) => {
            let mut b = b.clone();
            b.sort_by(|a, b| a.0.cmp(&b.0));
            prop_assert!(a.len() == b.len(), "{}", context());
            for ((a, x), (b, y)) in a.iter().zip(&b) {
                prop_assert!(a == b && same(*x, *y), "{}", context());
            }
        }
        // A range of a subquery ends at its first error; which one that is, is all the same.
        (Err(AskError::Execution(_)), Err(_)) => {}
        _ => prop_assert!(false, "{}", context()),
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn plans_give_what_the_tree_gives(
        text in vector(),
        samples in world(),
        now in 0_i64..500,
    ) {
        compare(&text, &samples, now * 500)?;
    }
}
