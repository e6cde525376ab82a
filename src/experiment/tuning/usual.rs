//! What may move where nobody says: what the users of each controller usually set, around the values
//! that are there.

use crate::base::Span;
use crate::manifest::edit::{Leaf, leaves};
use crate::rollout::Plan;
use crate::scenario::{Bundle, Change, Move, Place, Scenario};

/// Something that may move, as the changes that each of its positions makes. Several places may move
/// together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Knob {
    /// What it is called in the report.
    pub(super) name: String,
    /// Its positions, the present one among them; at least one.
    pub(super) options: Vec<Vec<Change>>,
}

impl Knob {
    /// What a user names.
    pub(super) fn of(one: &Move) -> Knob {
        Knob {
            name: one.place.to_string(),
            options: one.changes().map(|change| vec![change]).collect(),
        }
    }

    /// Places that move together, each scaled by the same factors.
    fn scaled(
        name: &str,
        places: &[(Place, toml::Value)],
        factors: &[f64],
        scale: impl Fn(&toml::Value, f64) -> Option<toml::Value>,
    ) -> Option<Knob> {
        let mut options = vec![Vec::new()];
        for factor in factors {
            let changes: Option<Vec<Change>> = (places.iter())
                .map(|(place, value)| {
                    Some(Change {
                        place: place.clone(),
                        value: scale(value, *factor)?,
                    })
                })
                .collect();
            options.extend(changes);
        }
        (!places.is_empty() && options.len() > 1).then(|| Knob {
            name: name.to_owned(),
            options,
        })
    }

    /// Places that move together through the same values.
    fn among(name: &str, places: &[Place], values: &[toml::Value]) -> Option<Knob> {
        let option = |value: &toml::Value| {
            let changes = places.iter().map(|place| Change {
                place: place.clone(),
                value: value.clone(),
            });
            changes.collect()
        };
        let options = std::iter::once(Vec::new()).chain(values.iter().map(option));
        (!places.is_empty()).then(|| Knob {
            name: name.to_owned(),
            options: options.collect(),
        })
    }
}

/// The usual knobs of a scenario's rollout.
pub(super) fn knobs(bundle: &Bundle, start: &Scenario) -> Vec<Knob> {
    let found = match &start.rollout {
        Plan::Flagger(_) => flagger(bundle),
        Plan::Argo(_) => argo(bundle),
        Plan::Staged(_) => staged(bundle, start),
        Plan::Spinnaker(_) => kayenta(bundle),
    };
    found.into_iter().flatten().collect()
}

fn at(bundle: &Bundle, text: &str) -> Option<(Place, toml::Value)> {
    let place: Place = text.parse().ok()?;
    let value = bundle.value_at(&place).ok()??;
    Some((place, value))
}

fn numbers(values: &[i64]) -> Vec<toml::Value> {
    values
        .iter()
        .map(|value| toml::Value::Integer(*value))
        .collect()
}

const HALF_AND_DOUBLE: [f64; 2] = [0.5, 2.0];

/// A length of time, or a whole number, times a factor.
fn times(value: &toml::Value, factor: f64) -> Option<toml::Value> {
    match value {
        toml::Value::String(text) => {
            let span: Span = text.parse().ok()?;
            let seconds = (span.as_secs_f64() * factor).round();
            let span = (seconds >= 1.0).then(|| Span::from_secs_f64(seconds))?;
            Some(toml::Value::String(span.to_string()))
        }
        toml::Value::Integer(number) => {
            let scaled = (*number as f64 * factor).round();
            (scaled >= 1.0).then_some(toml::Value::Integer(scaled as i64))
        }
        _ => None,
    }
}

/// A limit on a share of successes in percent: its distance from all of them times a factor.
fn nearer_to(all: f64, value: &toml::Value, factor: f64) -> Option<toml::Value> {
    let number = number(value)?;
    let moved = all - (all - number) * factor;
    (number < all).then(|| rounded(moved))
}

fn number(value: &toml::Value) -> Option<f64> {
    match value {
        toml::Value::Integer(number) => Some(*number as f64),
        toml::Value::Float(number) => Some(*number),
        _ => None,
    }
}

fn rounded(number: f64) -> toml::Value {
    let number = (number * 1e6).round() / 1e6;
    match number.fract() == 0.0 {
        true => toml::Value::Integer(number as i64),
        false => toml::Value::Float(number),
    }
}

fn flagger(bundle: &Bundle) -> Vec<Option<Knob>> {
    let analysis = |field: &str| at(bundle, &format!("flagger:spec.analysis.{field}"));
    let one = |field: &str, values: &[i64]| {
        let (place, _) = analysis(field)?;
        Knob::among(field, &[place], &numbers(values))
    };
    let mut knobs = vec![
        analysis("interval")
            .and_then(|one| Knob::scaled("interval", &[one], &HALF_AND_DOUBLE, times)),
        one("threshold", &[1, 2, 3, 5]),
        one("stepWeight", &[5, 10, 20]),
        one("maxWeight", &[30, 50]),
        one("iterations", &[5, 10, 20]),
    ];
    for metric in 0..8 {
        let name = analysis(&format!("metrics[{metric}].name"));
        let Some((_, toml::Value::String(name))) = name else {
            continue;
        };
        let limit = |end: &str| analysis(&format!("metrics[{metric}].thresholdRange.{end}"));
        if let Some(least) = limit("min") {
            let percent = |value: &toml::Value, factor| nearer_to(100.0, value, factor);
            knobs.push(Knob::scaled(
                &format!("{name} min"),
                &[least],
                &HALF_AND_DOUBLE,
                percent,
            ));
        }
        if let Some(most) = limit("max") {
            let scaled = |value: &toml::Value, factor| Some(rounded(number(value)? * factor));
            knobs.push(Knob::scaled(
                &format!("{name} max"),
                &[most],
                &HALF_AND_DOUBLE,
                scaled,
            ));
        }
    }
    knobs
}

/// Places of the manifests of Argo whose last step is this field, with their values.
fn argo_places(bundle: &Bundle, is_wanted: impl Fn(&Leaf) -> bool) -> Vec<(Place, toml::Value)> {
    let mut found = Vec::new();
    for text in bundle.texts.values() {
        let Ok(text) = std::str::from_utf8(text) else {
            continue;
        };
        for leaf in leaves(text) {
            let resource = match (leaf.kind.as_deref(), &leaf.name) {
                (Some("Rollout"), _) => String::new(),
                (Some(kind @ ("AnalysisTemplate" | "ClusterAnalysisTemplate")), Some(name)) => {
                    format!("{kind}/{name}:")
                }
                _ => continue,
            };
            if is_wanted(&leaf) {
                found.extend(at(bundle, &format!("argo:{resource}{}", leaf.path)));
            }
        }
    }
    found
}

fn argo(bundle: &Bundle) -> Vec<Option<Knob>> {
    let is_in = |leaf: &Leaf, head: &str, tail: &str| {
        let path = leaf.path.to_string();
        path.starts_with(head) && path.ends_with(tail)
    };
    let steps = "spec.strategy.canary.steps";
    let of = |head: &'static str, tail: &'static str| {
        argo_places(bundle, |leaf| is_in(leaf, head, tail))
    };
    let places = |found: Vec<(Place, toml::Value)>| -> Vec<Place> {
        found.into_iter().map(|(place, _)| place).collect()
    };
    let pauses = of(steps, ".pause.duration");
    let weights = of(steps, ".setWeight");
    let mut knobs = vec![
        Knob::scaled("pauses", &pauses, &[0.4, 2.0], times),
        Knob::scaled("setWeight", &weights, &HALF_AND_DOUBLE, |value, factor| {
            let weight = number(value)? * factor;
            (weight.fract() == 0.0 && weight <= 100.0).then(|| rounded(weight))
        }),
        Knob::scaled(
            "interval",
            &of("spec.metrics", "].interval"),
            &HALF_AND_DOUBLE,
            times,
        ),
        Knob::among(
            "failureLimit",
            &places(of("spec.metrics", "].failureLimit")),
            &numbers(&[0, 1, 3, 5]),
        ),
        Knob::scaled(
            "count",
            &of("spec.metrics", "].count"),
            &HALF_AND_DOUBLE,
            times,
        ),
    ];
    let conditions = of("spec.metrics", "].successCondition");
    for condition in conditions {
        let name = condition.0.to_string();
        let name = name.rsplit(':').next().unwrap_or(&name).to_owned();
        knobs.push(Knob::scaled(
            &name,
            &[condition],
            &HALF_AND_DOUBLE,
            limit_in,
        ));
    }
    knobs
}

/// A condition with the number at its end moved: a share nearer to all or further from it, anything
/// else by the factor.
fn limit_in(value: &toml::Value, factor: f64) -> Option<toml::Value> {
    let text = value.as_str()?.trim_end();
    let start = text.rfind(|c: char| !(c.is_ascii_digit() || c == '.'))? + 1;
    let number: f64 = text[start..].parse().ok()?;
    let moved = match number > 0.5 && number < 1.0 {
        true => 1.0 - (1.0 - number) * factor,
        false => number * factor,
    };
    let moved = (moved * 1e6).round() / 1e6;
    (moved != number).then(|| toml::Value::String(format!("{}{moved}", &text[..start])))
}

fn kayenta(bundle: &Bundle) -> Vec<Option<Knob>> {
    let one = |field: &str, values: &[i64]| {
        let (place, _) = at(bundle, &format!("kayenta:{field}"))?;
        Knob::among(field, &[place], &numbers(values))
    };
    vec![
        one("classifier.scoreThresholds.pass", &[60, 75, 90, 95]),
        one("classifier.scoreThresholds.marginal", &[25, 50]),
    ]
}

/// The tests that may take the place of a staged rollout's gates.
const TESTS: [&str; 3] = ["split-evidence", "exact-spending", "msprt"];

fn staged(bundle: &Bundle, start: &Scenario) -> Vec<Option<Knob>> {
    let mut holds = Vec::new();
    for step in 0..64 {
        holds.extend(at(bundle, &format!("rollout.steps[{step}].hold")));
    }
    let interval = at(bundle, "rollout.interval");
    let failures = "rollout.failures".parse::<Place>().ok();
    vec![
        interval.and_then(|one| Knob::scaled("interval", &[one], &HALF_AND_DOUBLE, times)),
        Knob::scaled("holds", &holds, &HALF_AND_DOUBLE, times),
        failures.and_then(|place| Knob::among("failures", &[place], &numbers(&[1, 2, 3]))),
        gates(bundle, start),
    ]
}

/// The gates as one knob: each limit, level and window moved alone, and statistical tests in place of
/// all of them.
fn gates(bundle: &Bundle, start: &Scenario) -> Option<Knob> {
    let mut options = vec![Vec::new()];
    let scaled_share = |value: &toml::Value, factor: f64| {
        let share: crate::base::Probability = value.as_str()?.parse().ok()?;
        let moved = share.get() * factor;
        (moved < 1.0).then(|| percent(moved))
    };
    let short_of_all = |value: &toml::Value, factor: f64| {
        let share: crate::base::Probability = value.as_str()?.parse().ok()?;
        Some(percent(1.0 - (1.0 - share.get()) * factor))
    };
    let factor_of = |value: &toml::Value, factor: f64| match number(value) {
        Some(number) => Some(rounded(number * factor)),
        None => times(value, factor).or_else(|| scaled_share(value, factor)),
    };
    for gate in 0..start.analysis.len() {
        let place = |field: &str| at(bundle, &format!("rollout.gates[{gate}].{field}"));
        for factor in [0.2, 0.5, 2.0, 5.0] {
            let moved = [
                place("min")
                    .and_then(|(place, value)| Some((place, short_of_all(&value, factor)?))),
                place("max").and_then(|(place, value)| Some((place, factor_of(&value, factor)?))),
                place("alpha")
                    .and_then(|(place, value)| Some((place, scaled_share(&value, factor)?))),
                place("window").and_then(|(place, value)| Some((place, times(&value, factor)?))),
            ];
            let moved = moved.into_iter().flatten();
            options.extend(moved.map(|(place, value)| vec![Change { place, value }]));
        }
    }
    let all: Place = "rollout.gates".parse().ok()?;
    for kind in TESTS {
        for alpha in ["0.5%", "1%"] {
            let gate = toml::Table::from_iter([
                ("kind".to_owned(), toml::Value::from(kind)),
                ("alpha".to_owned(), toml::Value::from(alpha)),
            ]);
            options.push(vec![Change {
                place: all.clone(),
                value: toml::Value::Array(vec![toml::Value::Table(gate)]),
            }]);
        }
    }
    Some(Knob {
        name: "gates".to_owned(),
        options,
    })
}

fn percent(share: f64) -> toml::Value {
    let percent = (share * 1e8).round() / 1e6;
    toml::Value::String(format!("{percent}%"))
}
