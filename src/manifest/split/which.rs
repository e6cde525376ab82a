//! Which of the destinations is the canary.
//!
//! Asked in this order; the first answer counts: what the user says; what a Rollout or a Canary among
//! the files says; a name or a label that says so; names that say of all others that they are stable;
//! the highest version number; the lowest weight.

use std::collections::BTreeSet;

use super::{Destination, Facts};

/// Words that call a version the new one, as a part of its name or the value of a label.
const NEW: [&str; 5] = ["canary", "preview", "candidate", "next", "experiment"];
/// Words that call it the old one.
const OLD: [&str; 8] = [
    "stable",
    "primary",
    "active",
    "production",
    "prod",
    "current",
    "main",
    "baseline",
];

/// Names of versions that a controller's manifest states.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Services and subsets of the canary.
    pub canary: Vec<String>,
    /// Services and subsets of stable.
    pub stable: Vec<String>,
}

/// The canary and why, or why it cannot be told.
pub(super) fn choose(
    candidates: &[(Destination, Option<f64>)],
    wish: Option<&str>,
    known: &Known,
    facts: &Facts,
) -> Result<(Destination, String), String> {
    let all = || {
        let names: Vec<String> = candidates
            .iter()
            .map(|(one, _)| format!("`{one}`"))
            .collect();
        names.join(", ")
    };
    if let Some(wish) = wish {
        let found = only(candidates, |one| one.is_called(wish));
        return match found {
            Some(one) => Ok((one, "--canary says so".to_owned())),
            None => Err(format!(
                "no destination is called `{wish}`: there are {}",
                all()
            )),
        };
    }
    let said = only(candidates, |one| {
        (known.canary.iter()).any(|name| one.is_called(name) || one.service() == name)
    });
    if let Some(one) = said {
        return Ok((one, "the controller's manifest names it".to_owned()));
    }
    if let Some(one) = only(candidates, |one| says(one.version(), &NEW)) {
        return Ok((one, "its name says so".to_owned()));
    }
    if let Some(one) = only(candidates, |one| labelled(one, facts)) {
        return Ok((one, "a label of its subset says so".to_owned()));
    }
    let rest = only(candidates, |one| {
        !says(one.version(), &OLD) && !known_stable(one, known)
    });
    if let Some(one) = rest {
        let why = "the names of all others say that they are stable";
        return Ok((one, why.to_owned()));
    }
    if let Some(one) = newest(candidates) {
        return Ok((one, "its version number is the highest".to_owned()));
    }
    if let Some(one) = lightest(candidates) {
        return Ok((one, "its weight is the lowest".to_owned()));
    }
    Err(format!("nothing tells which of {} is the canary", all()))
}

fn known_stable(one: &Destination, known: &Known) -> bool {
    (known.stable.iter()).any(|name| one.is_called(name) || one.service() == name)
}

/// The one candidate of which something holds, unless it holds of several or of the only one.
fn only(
    candidates: &[(Destination, Option<f64>)],
    holds: impl Fn(&Destination) -> bool,
) -> Option<Destination> {
    let mut found = candidates.iter().filter(|(one, _)| holds(one));
    let (one, _) = found.next()?;
    found.next().is_none().then(|| one.clone())
}

/// Whether one of the words is a part of a name: `reviews-canary`, `canary.shop`.
fn says(name: &str, words: &[&str]) -> bool {
    let mut parts = name.split(|c: char| !c.is_ascii_alphanumeric());
    parts.any(|part| words.iter().any(|word| part.eq_ignore_ascii_case(word)))
}

fn labelled(one: &Destination, facts: &Facts) -> bool {
    let labels = facts.labels.get(&one.canonical()).into_iter().flatten();
    labels.into_iter().any(|(_, value)| says(value, &NEW))
}

/// The one with the highest number where names differ in their last number only: `v1` and `v2`,
/// `books` and `books2`.
fn newest(candidates: &[(Destination, Option<f64>)]) -> Option<Destination> {
    let numbered = candidates
        .iter()
        .map(|(one, _)| (numbered(one.version()), one));
    let numbered: Vec<((&str, u64), &Destination)> = numbered.collect();
    let stems: BTreeSet<&str> = numbered.iter().map(|((stem, _), _)| *stem).collect();
    let highest = numbered.iter().map(|((_, number), _)| *number).max()?;
    let mut found = numbered
        .iter()
        .filter(|((_, number), _)| *number == highest);
    let (_, one) = found.next()?;
    (stems.len() == 1 && found.next().is_none()).then(|| (*one).clone())
}

/// `reviews-v2` as `reviews` and 2; a name without a number is the first of its kind.
fn numbered(name: &str) -> (&str, u64) {
    let stem = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let number = name[stem.len()..].parse().unwrap_or(1);
    let stem = stem.strip_suffix('v').unwrap_or(stem);
    (stem.trim_end_matches(['-', '_', '.']), number)
}

fn lightest(candidates: &[(Destination, Option<f64>)]) -> Option<Destination> {
    let weights: Option<Vec<f64>> = candidates.iter().map(|(_, weight)| *weight).collect();
    let lowest = weights?.into_iter().fold(f64::INFINITY, f64::min);
    let mut found = candidates
        .iter()
        .filter(|(_, weight)| *weight == Some(lowest));
    let (one, _) = found.next()?;
    found.next().is_none().then(|| one.clone())
}
