//! Statistical gates of a staged rollout.

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
}

/// Their names.
pub(super) const KINDS: &[(&str, Kind)] = &[("cumulative-z", Kind::CumulativeZ)];

/// Reads a gate of this kind.
pub(super) fn read(
    mut table: Table<'_>,
    kind: Kind,
    names: &Known,
    planned: Option<Planned>,
) -> Option<Gate> {
    let against = read_against(&mut table);
    let route = read_route(&mut table, names);
    let duration = match table.get("over") {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    let method = match kind {
        Kind::CumulativeZ => read_cumulative_z(&mut table),
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
