//! Statistical gates of a staged rollout.

mod evidence;

use super::super::names::Known;
use super::super::reader::Table;
use super::super::traffic::positive_span;
use super::{read_against, read_alpha, read_route};
use crate::gate::statistical::{CumulativeZ, Looks, Method, Planned};
use crate::gate::{Gate, Statistical};

/// Which test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    CumulativeZ,
    Evidence(evidence::Kind),
}

/// Their names.
pub(super) fn kinds() -> Vec<(&'static str, Kind)> {
    let evidence = evidence::KINDS.map(|(name, kind)| (name, Kind::Evidence(kind)));
    [("cumulative-z", Kind::CumulativeZ)]
        .into_iter()
        .chain(evidence)
        .collect()
}

/// Reads a gate of this kind.
pub(super) fn read(
    mut table: Table<'_>,
    kind: Kind,
    names: &Known,
    planned: Option<Planned>,
) -> Option<Gate> {
    let against = read_against(&mut table);
    let route = read_route(&mut table, names);
    let endless = matches!(kind, Kind::Evidence(kind) if !kind.is_planned());
    if endless {
        table.hint("over", "it looks for as long as the rollout lasts");
    }
    let over = if endless { None } else { table.get("over") };
    let duration = match over {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    let method = match kind {
        Kind::CumulativeZ => read_cumulative_z(&mut table),
        Kind::Evidence(kind) => evidence::read(&mut table, kind),
    };
    table.finish();
    // Without steps to plan by there is a problem already.
    let planned = planned?;
    Some(Gate::Statistical(Statistical {
        method: method?,
        route: route?,
        against: against?,
        planned: Planned {
            duration: duration?.unwrap_or(planned.duration),
            ..planned
        },
    }))
}

fn read_cumulative_z(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table);
    let looks = read_looks(table);
    Some(Method::CumulativeZ(CumulativeZ {
        alpha: alpha?,
        looks: looks?,
    }))
}

/// When a test that is made for one look is made.
fn read_looks(table: &mut Table<'_>) -> Option<Looks> {
    match table.get("looks") {
        None => Some(Looks::Shared),
        Some(value) => value.choice(&[
            ("every", Looks::Every),
            ("end", Looks::End),
            ("shared", Looks::Shared),
        ]),
    }
}
