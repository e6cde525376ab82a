//! What gates that look early take, beside one look at the end.

use serde::Serialize;

use crate::base::Weight;
use crate::stats::planning::EventSplit;

use super::question::{Change, Setting};

/// A way to judge the errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GateKind {
    /// The exact test, once, at the end.
    OneLook,
    /// Exact conditional alpha spending, at equal distances up to the end.
    Spending,
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
    change: Change,
    weights: &[Weight],
    looks: u32,
) -> Vec<GateRow> {
    let ratio = change.canary / change.stable;
    let splits = (weights.iter())
        .filter_map(|weight| Some((weight, EventSplit::new(weight.share(), ratio)?)));
    splits
        .flat_map(|(weight, split)| {
            // Errors of both versions a second when the canary is bad.
            let base = setting.rate * change.stable / setting.design_effect;
            let errors = base * split.surplus();
            let row =
                |gate, mean: f64, caught: f64, latest: Option<f64>, good_seconds: f64| GateRow {
                    weight: weight.as_percent(),
                    gate,
                    mean_seconds: mean / errors,
                    caught_seconds: caught / errors,
                    latest_seconds: latest.map(|latest| latest / errors),
                    hurt: mean * split.event_share() * setting.design_effect,
                    good_seconds,
                    releases_a_day: DAY / good_seconds,
                };
            let single = split.events_needed(setting.risks);
            let spending = split.spending(looks, setting.risks);
            let evidence = split.evidence(setting.risks);
            let end = spending.most.unwrap_or(spending.reached);
            let acquitted = split.acquittal(1.0 - setting.risks.power) / base;
            [
                row(
                    GateKind::OneLook,
                    single,
                    single,
                    Some(single),
                    single / errors,
                ),
                row(
                    GateKind::Spending,
                    spending.mean,
                    spending.reached,
                    spending.most,
                    end / errors,
                ),
                row(
                    GateKind::Evidence,
                    evidence.mean,
                    evidence.reached,
                    evidence.most,
                    acquitted,
                ),
            ]
        })
        .collect()
}
