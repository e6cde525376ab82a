//! Tests with a planned end: group-sequential ones, and what looking without a plan costs.

use super::Method;
use super::inputs::Inputs;
use super::results::{Figure, Outcome};
use crate::stats::sequential::{
    Boundaries, Plan, Sides, Spending, peeking_inflation, yeast_boundary,
};

pub(super) const METHODS: &[Method] = &[
    Method {
        name: "peeking_inflation",
        about: "level of a fixed test at 5 %, say, that is looked at several times",
        source: "Armitage, McPherson and Rowe 1969",
        evaluate: peeking,
    },
    Method {
        name: "group_sequential_boundary",
        about: "critical values of z look by look, by shape or spending function",
        source: "Jennison and Turnbull 2000; Lan and DeMets 1983",
        evaluate: boundary,
    },
    Method {
        name: "group_sequential_characteristics",
        about: "what a group-sequential test costs, beside one look at the end",
        source: "Jennison and Turnbull 2000",
        evaluate: characteristics,
    },
    Method {
        name: "yeast_boundary",
        about: "constant boundary on a sum for any number of looks up to a planned end",
        source: "Kurennoy, Dodin, Gurbanov and Peleteiro Ramallo 2025",
        evaluate: yeast,
    },
];

/// More looks than anybody plans.
const MOST_LOOKS: u64 = 1_000;

fn sides(inputs: &mut Inputs<'_>) -> Option<Sides> {
    let sided = inputs.number_where("sided", "1 or 2", |sided| sided == 1.0 || sided == 2.0)?;
    Some(if sided == 1.0 { Sides::One } else { Sides::Two })
}

fn looks(inputs: &mut Inputs<'_>, name: &'static str) -> Option<u32> {
    let looks = inputs.count_from(name, 1)?;
    if looks > MOST_LOOKS {
        let valid = format!("a whole number from 1 to {MOST_LOOKS}");
        inputs.refuse(name, &format!("is {looks}"), &valid);
        return None;
    }
    u32::try_from(looks).ok()
}

fn peeking(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let (looks, alpha, sides) = (looks(inputs, "looks"), inputs.level("alpha"), sides(inputs));
    let overall = peeking_inflation(looks?, alpha?, sides?);
    let results = overall.map(|overall| [("overall", overall)]);
    Some(Outcome::numbers_or(results, "no such test"))
}

#[derive(Clone, Copy)]
enum Kind {
    Fixed(Boundaries),
    WangTsiatis,
    Power,
    HwangShihDeCani,
}

/// How the boundaries come about.
fn rule(inputs: &mut Inputs<'_>) -> Option<Boundaries> {
    let kind = inputs.choice(
        "type",
        &[
            ("P", Kind::Fixed(Boundaries::Pocock)),
            ("OF", Kind::Fixed(Boundaries::OBrienFleming)),
            ("WT", Kind::WangTsiatis),
            ("asP", Kind::Fixed(Boundaries::Spending(Spending::Pocock))),
            (
                "asOF",
                Kind::Fixed(Boundaries::Spending(Spending::OBrienFleming)),
            ),
            ("asKD", Kind::Power),
            ("asHSD", Kind::HwangShihDeCani),
        ],
    )?;
    Some(match kind {
        Kind::Fixed(rule) => rule,
        Kind::WangTsiatis => Boundaries::WangTsiatis(inputs.number("deltaWT")?),
        Kind::Power => Boundaries::Spending(Spending::Power(inputs.positive("gammaA")?)),
        Kind::HwangShihDeCani => {
            let valid = "a number from -100 to 100";
            let within = |gamma: f64| gamma.abs() <= 100.0;
            let gamma = inputs.number_where("gammaA", valid, within)?;
            Boundaries::Spending(Spending::HwangShihDeCani(gamma))
        }
    })
}

/// The test that the inputs describe.
fn plan(inputs: &mut Inputs<'_>) -> Option<Option<Plan>> {
    let information = if inputs.has("info") {
        fractions(inputs)
    } else {
        looks(inputs, "K").map(|looks| {
            let all = f64::from(looks);
            (1..=looks).map(|look| f64::from(look) / all).collect()
        })
    };
    let (alpha, sides, rule) = (inputs.level("alpha"), sides(inputs), rule(inputs));
    Some(Plan::new(&information?, alpha?, sides?, rule?))
}

fn fractions(inputs: &mut Inputs<'_>) -> Option<Vec<f64>> {
    let valid = "shares of the planned information, ascending from above 0 to 1";
    let inside = |share: f64| share > 0.0 && share <= 1.0;
    let information = inputs.sample_where("info", valid, inside)?;
    if information.windows(2).any(|pair| pair[1] <= pair[0]) {
        inputs.refuse("info", "does not ascend", valid);
        return None;
    }
    if information.len() as u64 > MOST_LOOKS {
        inputs.refuse("info", "has more looks than are planned", "1,000 at most");
        return None;
    }
    Some(information)
}

fn boundary(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let Some(plan) = plan(inputs)? else {
        return Some(Outcome::Undefined("no such plan"));
    };
    Some(Outcome::Results(vec![
        ("critical_values", Figure::Numbers(plan.critical().to_vec())),
        ("alpha_spent", Figure::Numbers(plan.spent().to_vec())),
    ]))
}

fn characteristics(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let beta = inputs.level("beta");
    let plan = plan(inputs);
    let (plan, beta) = (plan?, beta?);
    let results = plan
        .and_then(|plan| plan.characteristics(beta))
        .map(|cost| {
            [
                ("inflation_factor", cost.inflation),
                ("asn_h0", cost.expected_null),
                ("asn_h1", cost.expected_alternative),
                ("shift", cost.shift),
            ]
        });
    Some(Outcome::numbers_or(
        results,
        "a power that is not above the level",
    ))
}

fn yeast(inputs: &mut Inputs<'_>) -> Option<Outcome> {
    let increments = inputs.count_from("planned_increments", 1);
    let (deviation, alpha) = (inputs.positive("increment_sd"), inputs.level("alpha"));
    let (increments, deviation) = (increments? as f64, deviation?);
    let bound = yeast_boundary(increments * deviation * deviation, alpha?);
    let results = bound.map(|bound| [("sum_boundary", bound)]);
    Some(Outcome::numbers_or(
        results,
        "a sum without a finite variance",
    ))
}
