//! What gates that look early take, beside one look at the end.

use serde::Serialize;

use crate::stats::planning::{EventSplit, SequentialEvents, group_sequential};
use crate::stats::sequential::Characteristics;

use super::metric::{Metric, MetricRow};
use super::question::Setting;

/// A way to judge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The exact test, once, at the end.
    OneLook,
    /// Exact conditional alpha spending, at equal distances up to the end.
    Spending,
    /// A normal statistic with alpha spending, at equal distances up to the end.
    GroupSequential,
    /// Evidence after each error: rolls back when there is enough against the canary, promotes when
    /// there is enough for it.
    Evidence,
}

/// What one gate takes at one percentage.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct GateRow {
    /// Canary percentage.
    pub weight: f64,
    /// Which gate.
    pub gate: GateKind,
    /// Mean seconds until a bad canary is rolled back or the canary ends.
    pub mean_seconds: f64,
    /// By when a bad canary is rolled back with the planned power.
    pub caught_seconds: f64,
    /// Where the canary ends at the latest; `None`: never.
    pub latest_seconds: Option<f64>,
    /// Failed requests of a bad canary, on average, until then.
    pub hurt: f64,
    /// Seconds that a good canary takes, for evidence on average.
    pub good_seconds: f64,
    /// How many good canaries, one after another, a day has room for.
    pub releases_a_day: f64,
}

const DAY: f64 = 86_400.0;

/// The gates at each percentage.
pub(super) fn rows(
    setting: &Setting,
    metric: Metric,
    rows: &[MetricRow],
    looks: u32,
) -> Vec<GateRow> {
    let Metric::Errors { stable, canary } = metric else {
        let limit = group_sequential(looks, setting.risks);
        return (rows.iter())
            .flat_map(|row| in_the_limit(row, limit))
            .collect();
    };
    let splits = rows.iter().filter_map(|row| {
        Some((
            row.weight,
            EventSplit::new(row.weight / 100.0, canary / stable)?,
        ))
    });
    splits
        .flat_map(|(weight, split)| on_errors(setting, stable, weight, split, looks))
        .collect()
}

/// One look, and what the normal limit says of many.
fn in_the_limit(row: &MetricRow, limit: Option<Characteristics>) -> Vec<GateRow> {
    let gate = |gate, mean: f64, most: f64| GateRow {
        weight: row.weight,
        gate,
        mean_seconds: row.seconds * mean,
        caught_seconds: row.seconds * most,
        latest_seconds: Some(row.seconds * most),
        hurt: row.hurt * mean,
        good_seconds: row.seconds * most,
        releases_a_day: DAY / (row.seconds * most),
    };
    let many = limit.map(|limit| {
        let (mean, most) = (limit.expected_alternative, limit.inflation);
        gate(GateKind::GroupSequential, mean, most)
    });
    [gate(GateKind::OneLook, 1.0, 1.0)]
        .into_iter()
        .chain(many)
        .collect()
}

fn on_errors(
    setting: &Setting,
    stable: f64,
    weight: f64,
    split: EventSplit,
    looks: u32,
) -> [GateRow; 3] {
    // Errors a second that count, when the canary is good, and when it is bad.
    let good = setting.rate * stable / setting.design_effect;
    let bad = good * split.surplus();
    let row = |gate, of: SequentialEvents, good_seconds: f64| GateRow {
        weight,
        gate,
        mean_seconds: of.mean / bad,
        caught_seconds: of.reached / bad,
        latest_seconds: of.most.map(|most| most / bad),
        hurt: of.mean * split.event_share() * setting.design_effect,
        good_seconds,
        releases_a_day: DAY / good_seconds,
    };
    let single = split.events_needed(setting.risks);
    let once = SequentialEvents {
        mean: single,
        most: Some(single),
        reached: single,
    };
    let spending = split.spending(looks, setting.risks);
    let end = spending.most.unwrap_or(spending.reached);
    let acquitted = split.acquittal(1.0 - setting.risks.power);
    [
        row(GateKind::OneLook, once, single / bad),
        row(GateKind::Spending, spending, end / bad),
        row(
            GateKind::Evidence,
            split.evidence(setting.risks),
            acquitted / good,
        ),
    ]
}
