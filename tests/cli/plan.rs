//! `coalmine plan`: what it answers, and what it refuses.

use std::path::Path;

use super::{answered, coalmine};

const EXAMPLE: &str = "plan --rate 20/s --errors 0.1% --detect 1% --weight 1,5,10 --power 80% \
                       --false-rollback 5%";

fn told(arguments: &str) -> String {
    let said = answered(Path::new("."), arguments);
    for line in said.out.lines() {
        assert!(line.chars().count() <= 100, "{arguments}: {line}");
    }
    assert_eq!(said.err, "", "{arguments}");
    said.out
}

#[test]
fn a_plan_is_told_in_a_hundred_columns() {
    insta::assert_snapshot!("plan_of_the_readme", told(EXAMPLE));
    insta::assert_snapshot!(
        "plan_that_the_traffic_cannot_support",
        told("plan --rate 1/s --errors 0.1% --detect x2 --time 30m")
    );
    insta::assert_snapshot!(
        "plan_of_latency_and_a_goal",
        told(
            "plan --rate 100/s --latency p50=40ms,p99=250ms --slower 10% --goal 3% --drop 10% \
             --per-user 20 --correlation 0.05"
        )
    );
}

#[test]
fn a_scenario_asks_for_itself_and_options_replace_it() {
    let of = |arguments: &str| -> serde_json::Value {
        serde_json::from_str(&told(&format!("plan {arguments} --json"))).unwrap()
    };
    let own = of("low-traffic");
    let metric = &own["metrics"][0]["metric"];
    assert_eq!(own["rate"], 10.0);
    assert_eq!(metric["kind"], "errors");
    assert_eq!(metric["stable"], 0.001);
    let canary = metric["canary"].as_f64().unwrap();
    assert!((canary - (1.0 - 0.999 * 0.95)).abs() < 1e-12, "{canary}");
    assert!(own["metrics"][0]["rows"][0]["users"].as_f64().unwrap() > 1.0);

    let changed = of("low-traffic --rate 20/s --detect 1% --weight 5");
    assert_eq!(changed["rate"], 20.0);
    assert_eq!(changed["metrics"][0]["metric"]["canary"], 0.01);
    assert_eq!(changed["metrics"][0]["rows"].as_array().unwrap().len(), 1);

    for name in ["slow-codec", "checkout", "retry-masking", "default"] {
        let plan = told(&format!("plan {name}"));
        assert!(plan.contains(" takes "), "{name}: {plan}");
    }
}

#[test]
fn the_same_plan_as_json_has_the_numbers_of_the_table() {
    let json: serde_json::Value =
        serde_json::from_str(&told(&format!("{EXAMPLE} --json"))).unwrap();
    let row = &json["metrics"][0]["rows"][1];
    assert_eq!(row["weight"], 5.0);
    let requests = row["requests"].as_f64().unwrap();
    assert!((requests / 8_192.0 - 1.0).abs() < 0.001, "{requests}");
    let seconds = row["seconds"].as_f64().unwrap();
    assert!((seconds * 20.0 / requests - 1.0).abs() < 1e-12);
    assert_eq!(json["metrics"][0]["gates"].as_array().unwrap().len(), 9);
}

#[test]
fn what_is_impossible_is_named_with_what_would_be_valid_all_at_once() {
    let mut text = String::new();
    for arguments in [
        "plan",
        "plan --rate 0/s --errors 0% --detect 0% --weight 0,100 --power 100% --false-rollback 0% \
         --time 0s --looks 0",
        "plan --rate 20/s --errors 1% --detect 1%",
        "plan --rate 20/s --errors 100% --detect x2",
        "plan --rate 20/s --errors 60% --detect x2",
        "plan --rate 20/s --errors 1% --detect x0.5",
        "plan --rate 20/s --errors 1% --detect xNaN",
        "plan --rate 20/s --errors 1%",
        "plan --rate 20/s --detect 1%",
        "plan --rate 20/s --errors 1% --detect 2% --power 5%",
        "plan --rate 20/s --errors 1% --detect 2% --per-user 0.5 --correlation 2",
        "plan --rate 20/s --errors 1% --detect 2% --per-user NaN",
        "plan --rate 20/s --slower 10%",
        "plan --rate 20/s --latency p50=40ms,p99=250ms --slower -10%",
        "plan --rate 20/s --latency p50=40ms,p99=250ms --slower 10% --quantile p100",
        "plan --rate 20/s --goal 3% --drop 100%",
        "plan --rate 20/s --goal 0% --drop 10%",
        "plan --rate 20/s --drop 10%",
        "plan --rate 20 --errors 1% --detect 2%",
        "plan no-such-scenario",
    ] {
        let said = coalmine(Path::new("."), arguments);
        assert_eq!((said.code, said.out.as_str()), (2, ""), "{arguments}");
        text.push_str(&format!("$ coalmine {arguments}\n{}\n", said.err));
    }
    insta::assert_snapshot!("plans_that_are_refused", text);
}
