//! The classic statistical gates, and several together.

use super::gates::{checkout, names, planned, read};
use super::*;
use crate::gate::Statistical;
use crate::gate::statistical::{
    Combined, Correction, CumulativeZ, Fisher, GroupSequential, Ks, Looks, Method, Msprt,
    QuantileAb, SampleRatio, Spending, Sprt,
};

fn method(fields: &str) -> Method {
    match read(fields, &names()) {
        Ok(Gate::Statistical(gate)) => gate.method,
        other => panic!("{fields}: {other:?}"),
    }
}

#[test]
fn what_is_left_out_is_what_is_usual() {
    let alpha = share(0.05);
    for (kind, expected) in [
        (
            "cumulative-z",
            Method::CumulativeZ(CumulativeZ {
                alpha,
                looks: Looks::Shared,
                design_effect: 1.0,
            }),
        ),
        (
            "group-sequential",
            Method::GroupSequential(GroupSequential {
                alpha,
                spending: Spending::Pocock,
                design_effect: 1.0,
            }),
        ),
        (
            "sprt",
            Method::Sprt(Sprt {
                alpha,
                ratio: 2.0,
                beta: Some(share(0.2)),
            }),
        ),
        ("msprt", Method::Msprt(Msprt { alpha, tau: None })),
        (
            "quantile-ab",
            Method::QuantileAb(QuantileAb {
                alpha,
                quantile: share(0.99),
                requests: None,
            }),
        ),
        (
            "sample-ratio",
            Method::SampleRatio(SampleRatio { alpha: share(1e-4) }),
        ),
    ] {
        assert_eq!(method(&format!("kind = \"{kind}\"")), expected, "{kind}");
    }
}

#[test]
fn what_is_written_is_read() {
    let whole = "kind = \"cumulative-z\", alpha = \"1%\", looks = \"every\", design_effect = 2, \
                 route = \"checkout\", against = \"baseline\", over = \"2h\"";
    assert_eq!(
        read(whole, &names()),
        Ok(Gate::Statistical(Statistical {
            method: Method::CumulativeZ(CumulativeZ {
                alpha: share(0.01),
                looks: Looks::Every,
                design_effect: 2.0,
            }),
            route: checkout(),
            against: Version::Baseline,
            planned: crate::gate::statistical::Planned {
                duration: Span::from_secs(7_200),
                ..planned()
            },
        }))
    );
    assert_eq!(
        method("kind = \"sprt\", power_one = true, ratio = 3"),
        Method::Sprt(Sprt {
            alpha: share(0.05),
            ratio: 3.0,
            beta: None,
        })
    );
    assert_eq!(
        method("kind = \"msprt\", tau = \"0.5%\""),
        Method::Msprt(Msprt {
            alpha: share(0.05),
            tau: Some(share(0.005)),
        })
    );
}

#[test]
fn every_gate_says_in_one_line_what_it_demands() {
    let lines: Vec<String> = [
        "kind = \"beta-binomial\", looks = \"every\"",
        "kind = \"clustered-z\", looks = \"end\"",
        "kind = \"combined\", parts = [{ kind = \"fisher\" }, { kind = \"ks\" }], route = \"checkout\"",
        "kind = \"cumulative-z\", design_effect = 2",
        "kind = \"cusum\"",
        "kind = \"dkw\"",
        "kind = \"fisher\"",
        "kind = \"group-sequential\", design_effect = 1.5",
        "kind = \"ks\"",
        "kind = \"lindon-malek\"",
        "kind = \"mann-whitney\"",
        "kind = \"msprt\", tau = \"1%\"",
        "kind = \"quantile-ab\", quantile = \"p90\"",
        "kind = \"sample-ratio\"",
        "kind = \"shiryaev-roberts\", against = \"baseline\"",
        "kind = \"sprt\"",
        "kind = \"sprt\", power_one = true",
        "kind = \"yeast\"",
    ]
    .iter()
    .map(|fields| read(fields, &names()).map_or_else(|e| panic!("{e:?}"), |gate| gate.to_string()))
    .collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn parts_share_the_level() {
    let two = "{ kind = \"fisher\", looks = \"end\" }, { kind = \"ks\", looks = \"end\" }";
    let parts = |alpha: f64| {
        let (alpha, looks) = (share(alpha), Looks::End);
        vec![
            Method::Fisher(Fisher { alpha, looks }),
            Method::Ks(Ks { alpha, looks }),
        ]
    };
    for (more, need, level) in [
        ("", 1, 0.025),
        (", need = \"any\"", 1, 0.025),
        (", need = \"all\"", 2, 0.05),
        (", need = 2, alpha = \"1%\"", 2, 0.01),
    ] {
        let read = method(&format!("kind = \"combined\", parts = [{two}]{more}"));
        assert_eq!(read.parts(), parts(level), "{more}");
        let Method::Combined(combined) = read else {
            panic!("{read:?}");
        };
        let alpha = combined.alpha;
        let made = Combined::new(parts(0.5), need, Correction::Bonferroni, alpha).unwrap();
        assert_eq!(combined, made, "{more}");
    }
    let own = "{ kind = \"fisher\", looks = \"end\", alpha = \"2%\" }, { kind = \"ks\", looks = \
               \"end\", alpha = \"2%\" }";
    let read = method(&format!(
        "kind = \"combined\", correction = \"none\", parts = [{own}]"
    ));
    assert_eq!(read.parts(), parts(0.02));
}

#[test]
fn stepwise_corrections_take_what_holds_at_any_time() {
    let sound = "{ kind = \"msprt\" }, { kind = \"sprt\", power_one = true }";
    for correction in ["holm", "benjamini-hochberg", "e-bh"] {
        let fields =
            format!("kind = \"combined\", correction = \"{correction}\", parts = [{sound}]");
        assert_eq!(method(&fields).parts().len(), 2, "{correction}");
    }
    // Bands have p-values and no e-values.
    let bands = "parts = [{ kind = \"dkw\" }]";
    method(&format!(
        "kind = \"combined\", correction = \"holm\", {bands}"
    ));
    for fields in [
        "correction = \"e-bh\", parts = [{ kind = \"msprt\" }, { kind = \"dkw\" }]",
        "correction = \"holm\", parts = [{ kind = \"fisher\" }, { kind = \"cusum\" }, { kind = \"sprt\" }]",
    ] {
        let problems = read(&format!("kind = \"combined\", {fields}"), &names()).unwrap_err();
        insta::assert_snapshot!(problems.join("\n"));
    }
}

#[test]
fn what_no_gate_can_use_is_refused() {
    let mut said = Vec::new();
    for fields in [
        "kind = \"fischer\"",
        "kind = \"fisher\", alpha = \"0%\"",
        "kind = \"fisher\", alpha = \"100%\"",
        "kind = \"fisher\", alpha = -0.1",
        "kind = \"fisher\", looks = \"always\"",
        "kind = \"fisher\", window = \"1m\"",
        "kind = \"sprt\", ratio = 1",
        "kind = \"sprt\", ratio = 0.5",
        "kind = \"sprt\", beta = \"50%\"",
        "kind = \"sprt\", beta = \"0%\"",
        "kind = \"sprt\", beta = \"10%\", power_one = true",
        "kind = \"sprt\", over = \"1h\"",
        "kind = \"msprt\", tau = \"0%\"",
        "kind = \"lindon-malek\", concentration = 0",
        "kind = \"group-sequential\", spending = \"late\"",
        "kind = \"group-sequential\", design_effect = 0.5",
        "kind = \"quantile-ab\", quantile = \"p0\"",
        "kind = \"quantile-ab\", requests = 0",
        "kind = \"combined\"",
        "kind = \"combined\", parts = []",
        "kind = \"combined\", parts = [{ }]",
        "kind = \"combined\", parts = [{ kind = \"z-test\" }]",
        "kind = \"combined\", parts = [{ kind = \"combined\" }]",
        "kind = \"combined\", parts = [{ kind = \"fisher\" }], need = 2",
        "kind = \"combined\", parts = [{ kind = \"fisher\" }], need = 0",
        "kind = \"combined\", parts = [{ kind = \"fisher\" }], need = \"some\"",
        "kind = \"combined\", parts = [{ kind = \"fisher\", alpha = \"1%\" }]",
        "kind = \"combined\", parts = [{ kind = \"fisher\", route = \"checkout\" }]",
        "kind = \"combined\", parts = [{ kind = \"fisher\" }], correction = \"none\", alpha = \"1%\"",
        "kind = \"combined\", parts = [{ kind = \"fisher\" }], correction = \"sidak\"",
    ] {
        match read(fields, &names()) {
            Ok(gate) => panic!("{fields}: {gate}"),
            Err(problems) => said.extend(
                problems
                    .iter()
                    .map(|problem| format!("{fields}\n    {problem}")),
            ),
        }
    }
    insta::assert_snapshot!(said.join("\n"));
}
