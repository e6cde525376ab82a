//! Several rollouts side by side: the same service and the same fault, each controller as it was
//! written.

use super::replicate::{Options, Sample, ThreadsError, replicate};
use super::summary::{Cell, Mode, Rival};
use super::words::{share, time};
use super::work::Work;
use super::{findings, grid, summarise};
use crate::base::{Seed, Weight};
use crate::model::World;
use crate::scenario::Scenario;

/// The scenario's own rollout and its rivals, each with its good world; none when there are no rivals.
pub(super) fn all(scenario: &Scenario) -> Vec<(Scenario, World)> {
    if scenario.rivals.is_empty() {
        return Vec::new();
    }
    let own = Scenario {
        rivals: Vec::new(),
        ..scenario.clone()
    };
    let others = scenario.rivals.iter().map(|rival| scenario.under(rival));
    std::iter::once(own)
        .chain(others)
        .map(|one| {
            let healthy = one.world.healthy();
            (one, healthy)
        })
        .collect()
}

/// Plays all of them. The flag says whether everything asked for was played.
///
/// Equal seeds give all of them the same traffic and the same users; requests are drawn between the
/// ticks of each controller, so that no more than that is common to them.
pub(super) fn side_by_side(
    work: &Work<'_>,
    seed: Seed,
    options: &Options<'_>,
) -> Result<(Vec<Rival>, bool), ThreadsError> {
    if work.rivals.is_empty() {
        return Ok((Vec::new(), true));
    }
    let (pairs, until) = work.side_by_side();
    let (samples, complete) = replicate(&pairs, until, seed, options)?;
    let rivals = work.rivals.iter().zip(&samples);
    let rivals =
        rivals
            .filter(|(_, sample)| !sample.faulty.is_empty())
            .map(|((one, _), sample)| Rival {
                name: one.rollout_name.clone(),
                rollout: findings::rollout_line(one),
                cell: as_written(one, sample),
            });
    Ok((rivals.collect(), complete))
}

fn as_written(scenario: &Scenario, sample: &Sample) -> Cell {
    let shares = grid::shares(scenario, &scenario.rollout);
    let cell = grid::GridCell {
        weight: shares.first().copied().unwrap_or(Weight::ZERO),
        mode: Mode::Rollout,
        as_written: true,
        plan: scenario.rollout.clone(),
    };
    summarise(scenario, &cell, sample)
}

/// Which of several rollouts does best: the one that catches most among those that roll back few
/// good releases, the faster of two that are equally good.
pub(super) fn sentence(rivals: &[Rival], has_fault: bool) -> Option<String> {
    /// The usual bar of a planned test.
    const FEW: f64 = 0.05;
    if rivals.is_empty() || !has_fault {
        return None;
    }
    let careful = |rival: &&Rival| rival.cell.false_rollback.estimate <= FEW;
    let median = |rival: &Rival| rival.cell.detection_seconds.p50.unwrap_or(f64::INFINITY);
    let best = rivals.iter().filter(careful).max_by(|a, b| {
        // Equal to what the eye reads.
        let (x, y) = (a.cell.power.estimate, b.cell.power.estimate);
        let powers = (x * 1000.0).round().total_cmp(&(y * 1000.0).round());
        powers.then(median(b).total_cmp(&median(a)))
    });
    let count = rivals.len();
    let Some(best) = best else {
        return Some(format!(
            "Side by side, each of the {count} rolls back more than 5 % of the good releases."
        ));
    };
    let mut text = format!(
        "Side by side, {} does best of {count}: it catches {} of the bad releases",
        best.name,
        share(best.cell.power.estimate)
    );
    if let Some(seconds) = best.cell.detection_seconds.p50 {
        text.push_str(&format!(", in {} (median)", time(seconds)));
    }
    text.push_str(&format!(
        ", and rolls back {} of the good ones.",
        share(best.cell.false_rollback.estimate)
    ));
    let worst = rivals.iter().max_by(|a, b| {
        let shares = [a, b].map(|rival| rival.cell.false_rollback.estimate);
        shares[0].total_cmp(&shares[1])
    });
    if let Some(worst) = worst.filter(|worst| !careful(worst)) {
        text.push_str(&format!(
            " {} rolls back {} of the good ones.",
            worst.name,
            share(worst.cell.false_rollback.estimate)
        ));
    }
    Some(text)
}
