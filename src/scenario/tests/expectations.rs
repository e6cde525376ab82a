//! What a rollout is expected to do.

use super::*;

#[test]
fn clauses_stand_in_their_order_with_their_lines() {
    let text = LEAST.to_owned()
        + "[[expect]]\nthat = \"power at 5% >= 90%\"\nwhy = \" we promised it \"\n"
        + "[[expect]]\nthat = \"false_rollback <= 2%\"\n";
    let scenario = scenario(&text);
    let [first, second] = &scenario.expectations[..] else {
        panic!("two clauses");
    };
    assert_eq!(first.that.to_string(), "power at 5% >= 90%");
    assert_eq!(first.why.as_deref(), Some("we promised it"));
    assert_eq!(
        (second.that.metric, &second.why),
        (crate::scenario::Metric::FalseRollback, &None)
    );
    for one in &scenario.expectations {
        let line = text.lines().nth(one.line - 1).unwrap();
        assert!(line.contains(&one.that.text), "{line}");
    }
}

#[test]
fn bad_clauses_are_refused_at_their_place_with_what_would_be_valid() {
    let list = |clauses: &[&str]| {
        let clauses = clauses
            .iter()
            .map(|that| format!("[[expect]]\nthat = \"{that}\"\n"));
        LEAST.to_owned() + &clauses.collect::<String>()
    };
    let said = errors(&list(&[
        "powr >= 90%",
        "power at 140% >= 90%",
        "detection_p90 <= 10",
        "exposure.after <= 5",
        "never <= 5%",
        "never <= 0.05",
    ]));
    for (place, message) in [
        (
            12,
            "expect[0].that: `powr` is no metric (did you mean power?)",
        ),
        (14, "expect[1].that: `140%` is not a weight"),
        (
            16,
            "expect[2].that: `10` is no bound of detection_p90, a time",
        ),
        (
            18,
            "expect[3].that: nobody looks on after the end of a rollout",
        ),
        (22, "expect[5].that: `never <= 5%` is expected already"),
    ] {
        assert!(
            said.contains(&format!("test.toml:{place}:8: {message}")),
            "{message}: {said}"
        );
    }
    assert_eq!(said.lines().count(), 5, "{said}");
    let said = errors(&(LEAST.to_owned() + "[[expect]]\nthta = \"power >= 9%\"\n"));
    assert!(said.contains("`expect[0].that` is missing"), "{said}");
    assert!(said.contains("did you mean `that`?"), "{said}");
    let looked_on = list(&["exposure.after <= 5"]) + "[experiment]\naftermath = \"1h\"\n";
    assert_eq!(scenario(&looked_on).expectations.len(), 1);
}
