//! What would help a canary that the traffic does not support.

use serde::Serialize;

use super::WIDEST;
use super::metric::{Metric, MetricRow};
use super::question::Setting;

/// What would help, at the percentage that is done soonest.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Advice {
    /// Longer: seconds that it takes.
    pub longer_seconds: f64,
    /// Wider: the smallest percentage, up to 50, that is done within the limit.
    pub smallest_weight: Option<f64>,
    /// More traffic, mirrored or synthetic: requests per second in all that are done within the
    /// limit.
    pub rate: f64,
    /// An equal-size baseline in place of all of stable: seconds that it takes.
    pub baseline_seconds: f64,
    /// Another metric: the share of requests in which its events must occur on stable, so that the
    /// same ratio shows within the limit; `None` for other than errors, and where no share suffices.
    pub event_share: Option<f64>,
    /// What shows within the limit at this percentage: the canary's share, or the factor on the
    /// quantile.
    pub visible: Option<f64>,
    /// The same at 50 %.
    pub visible_at_half: Option<f64>,
}

/// Looks for ways.
pub(super) fn advise(
    setting: &Setting,
    metric: Metric,
    rows: &[MetricRow],
    soonest: usize,
) -> Advice {
    let (weight, seconds) = (rows.get(soonest)).map_or((WIDEST * 100.0, f64::INFINITY), |row| {
        (row.weight, row.seconds)
    });
    let share = weight / 100.0;
    let halves = metric.requests(setting, 0.5) * setting.design_effect;
    let event_share = match metric {
        Metric::Errors { stable, canary } => {
            let needed = stable * seconds / setting.limit;
            (needed * canary / stable < 1.0).then_some(needed)
        }
        _ => None,
    };
    Advice {
        longer_seconds: seconds,
        smallest_weight: smallest(setting, metric, rows).map(|share| share * 100.0),
        rate: setting.rate * seconds / setting.limit,
        // Twice the canary's share is compared, half and half.
        baseline_seconds: halves / (2.0 * share.min(WIDEST) * setting.rate),
        event_share,
        visible: metric.visible(setting, share, setting.limit),
        visible_at_half: metric.visible(setting, WIDEST, setting.limit),
    }
}

/// The smallest share that is done within the limit, to a percent of itself.
fn smallest(setting: &Setting, metric: Metric, rows: &[MetricRow]) -> Option<f64> {
    const SMALLEST: f64 = 1e-4;
    let in_time = |share: f64| metric.seconds(setting, share) <= setting.limit;
    // What the rows know already need not be asked again.
    let known = |fits: bool| {
        (rows.iter().filter(move |row| row.in_time == fits)).map(|row| row.weight / 100.0)
    };
    let mut high = known(true).fold(WIDEST, f64::min);
    if high == WIDEST && !in_time(WIDEST) {
        return None;
    }
    let mut low = (known(false).filter(|share| *share < high)).fold(SMALLEST, f64::max);
    if low == SMALLEST && in_time(SMALLEST) {
        return Some(SMALLEST);
    }
    while high / low > 1.01 {
        let middle = (low * high).sqrt();
        if in_time(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
