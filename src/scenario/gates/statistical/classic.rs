//! The classic tests: their fields.

use super::super::super::defaults;
use super::super::super::reader::{Table, Value};
use super::super::{read_alpha, read_level, read_quantile};
use super::evidence::read_spending;
use crate::base::Probability;
use crate::gate::statistical::{
    BetaBinomial, ClusteredZ, CumulativeZ, Cusum, Dkw, Fisher, GroupSequential, Ks, LindonMalek,
    Looks, MannWhitney, Method, Msprt, QuantileAb, SampleRatio, ShiryaevRoberts, Sprt, Yeast,
};

/// Level and looks of a test that is made for one look.
fn read_one_look(table: &mut Table<'_>) -> Option<(Probability, Looks)> {
    let (alpha, looks) = (read_alpha(table), read_looks(table));
    alpha.zip(looks)
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

pub(super) fn read_beta_binomial(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, looks) = read_one_look(table)?;
    Some(Method::BetaBinomial(BetaBinomial { alpha, looks }))
}

pub(super) fn read_clustered_z(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, looks) = read_one_look(table)?;
    Some(Method::ClusteredZ(ClusteredZ { alpha, looks }))
}

pub(super) fn read_cumulative_z(table: &mut Table<'_>) -> Option<Method> {
    let (one, design_effect) = (read_one_look(table), read_design_effect(table));
    let (alpha, looks) = one?;
    Some(Method::CumulativeZ(CumulativeZ {
        alpha,
        looks,
        design_effect: design_effect?,
    }))
}

pub(super) fn read_fisher(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, looks) = read_one_look(table)?;
    Some(Method::Fisher(Fisher { alpha, looks }))
}

pub(super) fn read_ks(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, looks) = read_one_look(table)?;
    Some(Method::Ks(Ks { alpha, looks }))
}

pub(super) fn read_mann_whitney(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, looks) = read_one_look(table)?;
    Some(Method::MannWhitney(MannWhitney { alpha, looks }))
}

pub(super) fn read_cusum(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, ratio) = (read_alpha(table), read_ratio(table));
    Some(Method::Cusum(Cusum {
        alpha: alpha?,
        ratio: ratio?,
    }))
}

pub(super) fn read_shiryaev_roberts(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, ratio) = (read_alpha(table), read_ratio(table));
    Some(Method::ShiryaevRoberts(ShiryaevRoberts {
        alpha: alpha?,
        ratio: ratio?,
    }))
}

pub(super) fn read_dkw(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table)?;
    Some(Method::Dkw(Dkw { alpha }))
}

pub(super) fn read_group_sequential(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table);
    let spending = read_spending(table);
    let design_effect = read_design_effect(table);
    Some(Method::GroupSequential(GroupSequential {
        alpha: alpha?,
        spending: spending?,
        design_effect: design_effect?,
    }))
}

pub(super) fn read_lindon_malek(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table);
    let concentration = match table.get("concentration") {
        None => Some(defaults::CONCENTRATION),
        Some(value) => value.number(0.01..=1e9),
    };
    Some(Method::LindonMalek(LindonMalek {
        alpha: alpha?,
        concentration: concentration?,
    }))
}

pub(super) fn read_msprt(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table);
    let tau = match table.get("tau") {
        None => Some(None),
        Some(value) => read_share(&value, "difference", 1.0).map(Some),
    };
    Some(Method::Msprt(Msprt {
        alpha: alpha?,
        tau: tau?,
    }))
}

pub(super) fn read_quantile_ab(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table);
    let quantile = match table.get("quantile") {
        None => Probability::new(0.99),
        Some(value) => read_quantile(&value, "write a quantile such as \"p99\""),
    };
    let requests = match table.get("requests") {
        None => Some(None),
        Some(value) => value.whole(1..=1_000_000_000_000).map(Some),
    };
    Some(Method::QuantileAb(QuantileAb {
        alpha: alpha?,
        quantile: quantile?,
        requests: requests?,
    }))
}

pub(super) fn read_sample_ratio(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_level(table, defaults::mismatch())?;
    Some(Method::SampleRatio(SampleRatio { alpha }))
}

pub(super) fn read_sprt(table: &mut Table<'_>) -> Option<Method> {
    let (alpha, ratio) = (read_alpha(table), read_ratio(table));
    let power_one = match table.get("power_one") {
        None => Some(false),
        Some(value) => value.boolean(),
    };
    let given = table.get("beta");
    let beta = match &given {
        None => Some(defaults::beta()),
        Some(value) => read_share(value, "chance of accepting a bad canary", 0.499),
    };
    if let (Some(true), Some(value)) = (power_one, given) {
        value.refuse(
            "with power_one = true nothing is ever accepted",
            "take it out, or power_one",
        );
        return None;
    }
    Some(Method::Sprt(Sprt {
        alpha: alpha?,
        ratio: ratio?,
        beta: match power_one? {
            true => None,
            false => Some(beta?),
        },
    }))
}

pub(super) fn read_yeast(table: &mut Table<'_>) -> Option<Method> {
    let alpha = read_alpha(table)?;
    Some(Method::Yeast(Yeast { alpha }))
}

/// How many times as often a bad canary fails.
fn read_ratio(table: &mut Table<'_>) -> Option<f64> {
    let Some(value) = table.get("ratio") else {
        return Some(defaults::ERROR_RATIO);
    };
    value.number(1.0..=1e6).filter(|ratio| {
        if *ratio == 1.0 {
            value.refuse(
                "a canary that fails `1` times as often is as good as stable",
                "write a ratio above 1, like 2",
            );
        }
        *ratio > 1.0
    })
}

fn read_design_effect(table: &mut Table<'_>) -> Option<f64> {
    match table.get("design_effect") {
        None => Some(1.0),
        Some(value) => value.number(1.0..=1e6),
    }
}

/// A share above zero, up to `most`.
fn read_share(value: &Value<'_>, what: &str, most: f64) -> Option<Probability> {
    value.share().filter(|share| {
        let sound = *share > Probability::ZERO && share.get() <= most;
        if !sound {
            value.refuse(
                format_args!("`{}` is no {what}", value.written()),
                format_args!("write a percentage above 0% and at most {}%", 100.0 * most),
            );
        }
        sound
    })
}
