//! Statistical gates of a staged rollout.

mod classic;
mod combined;
mod evidence;

use super::super::names::Known;
use super::super::reader::Table;
use super::super::traffic::positive_span;
use super::{read_against, read_route};
use crate::gate::statistical::{Method, Planned};
use crate::gate::{Gate, Statistical};

/// Which test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Kind {
    BetaBinomial,
    ClusteredZ,
    Combined,
    CumulativeZ,
    Cusum,
    Dkw,
    Fisher,
    GroupSequential,
    Ks,
    LindonMalek,
    MannWhitney,
    Msprt,
    QuantileAb,
    SampleRatio,
    ShiryaevRoberts,
    Sprt,
    Yeast,
    Evidence(evidence::Kind),
}

impl Kind {
    /// Whether it has to know when the rollout is expected to end.
    fn is_planned(self) -> bool {
        match self {
            Kind::Evidence(kind) => kind.is_planned(),
            Kind::Dkw | Kind::LindonMalek | Kind::Msprt | Kind::SampleRatio | Kind::Sprt => false,
            _ => true,
        }
    }
}

/// The names of the classics.
const CLASSICS: &[(&str, Kind)] = &[
    ("beta-binomial", Kind::BetaBinomial),
    ("clustered-z", Kind::ClusteredZ),
    ("combined", Kind::Combined),
    ("cumulative-z", Kind::CumulativeZ),
    ("cusum", Kind::Cusum),
    ("dkw", Kind::Dkw),
    ("fisher", Kind::Fisher),
    ("group-sequential", Kind::GroupSequential),
    ("ks", Kind::Ks),
    ("lindon-malek", Kind::LindonMalek),
    ("mann-whitney", Kind::MannWhitney),
    ("msprt", Kind::Msprt),
    ("quantile-ab", Kind::QuantileAb),
    ("sample-ratio", Kind::SampleRatio),
    ("shiryaev-roberts", Kind::ShiryaevRoberts),
    ("sprt", Kind::Sprt),
    ("yeast", Kind::Yeast),
];

/// Their names.
pub(super) fn kinds() -> Vec<(&'static str, Kind)> {
    let evidence = evidence::KINDS.map(|(name, kind)| (name, Kind::Evidence(kind)));
    CLASSICS.iter().copied().chain(evidence).collect()
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
    let endless = !kind.is_planned();
    if endless {
        table.hint("over", "it looks for as long as the rollout lasts");
    }
    let over = if endless { None } else { table.get("over") };
    let duration = match over {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    let method = read_method(&mut table, kind);
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

/// Reads the test of a gate, or of a part of one.
fn read_method(table: &mut Table<'_>, kind: Kind) -> Option<Method> {
    match kind {
        Kind::BetaBinomial => classic::read_beta_binomial(table),
        Kind::ClusteredZ => classic::read_clustered_z(table),
        Kind::Combined => combined::read(table),
        Kind::CumulativeZ => classic::read_cumulative_z(table),
        Kind::Cusum => classic::read_cusum(table),
        Kind::Dkw => classic::read_dkw(table),
        Kind::Fisher => classic::read_fisher(table),
        Kind::GroupSequential => classic::read_group_sequential(table),
        Kind::Ks => classic::read_ks(table),
        Kind::LindonMalek => classic::read_lindon_malek(table),
        Kind::MannWhitney => classic::read_mann_whitney(table),
        Kind::Msprt => classic::read_msprt(table),
        Kind::QuantileAb => classic::read_quantile_ab(table),
        Kind::SampleRatio => classic::read_sample_ratio(table),
        Kind::ShiryaevRoberts => classic::read_shiryaev_roberts(table),
        Kind::Sprt => classic::read_sprt(table),
        Kind::Yeast => classic::read_yeast(table),
        Kind::Evidence(kind) => evidence::read(table, kind),
    }
}
