//! Several tests together: their fields.

use super::super::super::reader::{Table, Value};
use super::super::read_alpha;
use super::{Kind, kinds, read_method};
use crate::gate::statistical::{Combined, Correction, Method};

/// Reads the tests and what is made of them.
pub(super) fn read(table: &mut Table<'_>) -> Option<Method> {
    let correction = match table.get("correction") {
        None => Some(Correction::Bonferroni),
        Some(value) => value.choice(&[
            ("bonferroni", Correction::Bonferroni),
            ("holm", Correction::Holm),
            ("benjamini-hochberg", Correction::BenjaminiHochberg),
            ("e-bh", Correction::EBenjaminiHochberg),
            ("none", Correction::None),
        ]),
    };
    let level = table.get("alpha");
    let alpha = read_alpha(table);
    if let (Some(Correction::None), Some(level)) = (correction, level) {
        level.refuse(
            "without a correction every part has its own level",
            "write alpha in the parts, or another correction",
        );
    }
    let list = table.require(
        "parts",
        "write parts = [{ kind = \"fisher\" }, { kind = \"ks\" }]",
    );
    let parts = list.and_then(|list| read_parts(&list, correction));
    let need = table.get("need");
    let need = read_need(need.as_ref(), parts.as_ref().map(Vec::len));
    let combined = Combined::new(parts?, need?, correction?, alpha?);
    combined.map(Method::Combined)
}

fn read_parts(list: &Value<'_>, correction: Option<Correction>) -> Option<Vec<Method>> {
    let values = list.list()?;
    if values.is_empty() {
        list.refuse(
            "there are no parts",
            "write at least one, like { kind = \"fisher\" }",
        );
    }
    let parts: Vec<Option<Method>> = values
        .iter()
        .map(|value| read_part(value, correction))
        .collect();
    let parts: Option<Vec<Method>> = parts.into_iter().collect();
    parts.filter(|parts| !parts.is_empty())
}

fn read_part(value: &Value<'_>, correction: Option<Correction>) -> Option<Method> {
    let mut table = value.table()?;
    let is_part = |kind: &Kind| !matches!(kind, Kind::Combined | Kind::SampleRatio);
    let mut kinds = kinds();
    kinds.retain(|(_, kind)| is_part(kind));
    let written = table.require("kind", "write kind = \"fisher\", or another test")?;
    let kind = written.choice(&kinds)?;
    table.is_of_kind(written.text().unwrap_or_default());
    let level = table.get("alpha");
    let method = read_method(&mut table, kind);
    for field in ["over", "route", "against"] {
        table.hint(field, "it is the same for all parts: write it beside them");
    }
    table.finish();
    let correction = correction?;
    if let (Some(level), true) = (level, correction != Correction::None) {
        level.refuse(
            "with a correction the level is that of the whole",
            "write it beside the parts, or correction = \"none\"",
        );
        return None;
    }
    let method = method?;
    let entry = method.entry();
    if let Err(wanted) = correction.suits(&entry) {
        let kinds = match correction {
            Correction::EBenjaminiHochberg => E_VALUES,
            _ => P_VALUES,
        };
        value.refuse(
            format_args!(
                "`{}` has no {wanted}, which {correction} puts in order",
                entry.kind
            ),
            format_args!("{kinds}, or write correction = \"bonferroni\", which suits every test"),
        );
        return None;
    }
    Some(method)
}

/// What the stepwise corrections take.
const E_VALUES: &str = "take split-evidence, change-evidence, latency-evidence, msprt, \
                        lindon-malek, quantile-ab or sprt with power_one = true";
const P_VALUES: &str = "take split-evidence, change-evidence, latency-evidence, dkw, msprt, \
                        lindon-malek, quantile-ab or sprt with power_one = true";

/// How many parts must be against the canary; 1 where nothing is said.
fn read_need(value: Option<&Value<'_>>, parts: Option<usize>) -> Option<usize> {
    let Some(value) = value else {
        return Some(1);
    };
    match value.text() {
        Some(_) => value.choice(&[("any", Some(1)), ("all", parts)])?,
        None => {
            let most = parts.map_or(u64::MAX, |parts| parts as u64);
            usize::try_from(value.whole(1..=most)?).ok()
        }
    }
}
