//! From trials to estimates with their uncertainty, and to stored rows.

use std::collections::BTreeMap;

use crate::base::Span;
use crate::engine::{Ending, Trial};
use crate::stats;

use super::CONFIDENCE;
use super::grid::GridCell;
use super::replicate::{Sample, rollbacks};
use super::summary::{Detection, DetectionRow, End, Estimate, Exposure, TrialRow};

/// Share of trials that ended in rollback, with its interval.
pub(super) fn rollback_share(trials: &[Trial]) -> Estimate {
    share(rollbacks(trials), trials.len() as u64)
}

/// So many out of `n`, with the interval.
pub(super) fn share(hits: u64, n: u64) -> Estimate {
    let interval = stats::wilson(hits, n, CONFIDENCE);
    Estimate {
        estimate: if n == 0 { 0.0 } else { hits as f64 / n as f64 },
        low: interval.low,
        high: interval.high,
    }
}

/// Quantiles of the detection time over the trials that were detected, and the share that was not.
pub(super) fn detection(trials: &[Trial]) -> Detection {
    let mut times: Vec<Span> = trials.iter().filter_map(|trial| trial.detection).collect();
    times.sort();
    let quantile = |share| within(&times, share, times.len()).map(Span::as_secs_f64);
    Detection {
        p50: quantile(0.5),
        p90: quantile(0.9),
        never: 1.0 - times.len() as f64 / trials.len().max(1) as f64,
    }
}

/// The smallest of these ascending times that at least this share of `n` trials stays within; `None`
/// where fewer came at all.
pub(super) fn within<T: Copy>(times: &[T], share: f64, n: usize) -> Option<T> {
    let rank = (n as f64 * share).ceil() as usize;
    times.get(rank.max(1) - 1).copied()
}

/// Mean exposure.
pub(super) fn exposure(trials: &[Trial]) -> Exposure {
    let n = trials.len().max(1) as f64;
    let requests: u64 = trials.iter().map(|trial| trial.exposed_requests).sum();
    let users: f64 = trials.iter().map(|trial| trial.exposed_users).sum();
    Exposure {
        requests: requests as f64 / n,
        users: users / n,
        after: None,
    }
}

/// Failed or slowed requests after the end, on average.
pub(super) fn exposed_after(trials: &[Trial]) -> f64 {
    let sum: u64 = trials.iter().map(|trial| trial.exposed_after).sum();
    sum as f64 / trials.len().max(1) as f64
}

/// How many faulty trials were detected after each time.
pub(super) fn detection_rows(cell: &GridCell, sample: &Sample) -> Vec<DetectionRow> {
    let mut times = BTreeMap::<Span, u64>::new();
    for trial in &sample.faulty {
        if let Some(time) = trial.detection {
            *times.entry(time).or_default() += 1;
        }
    }
    let row = |(time, trials): (Span, u64)| DetectionRow {
        weight: cell.weight.as_percent(),
        mode: cell.mode,
        seconds: time.as_secs_f64(),
        trials,
    };
    times.into_iter().map(row).collect()
}

/// One row for each trial.
pub(super) fn trial_rows(cell: &GridCell, sample: &Sample) -> Vec<TrialRow> {
    let mut rows = Vec::with_capacity(sample.faulty.len() + sample.healthy.len());
    for (faulty, trials) in [(true, &sample.faulty), (false, &sample.healthy)] {
        for (replicate, trial) in trials.iter().enumerate() {
            rows.push(TrialRow {
                weight: cell.weight.as_percent(),
                mode: cell.mode,
                faulty,
                replicate: replicate as u64,
                end: match trial.ending {
                    Ending::RolledBack => End::RolledBack,
                    Ending::Promoted => End::Promoted,
                    Ending::Horizon => End::Horizon,
                },
                end_seconds: trial.ended.as_secs_f64(),
                detection_seconds: trial.detection.map(Span::as_secs_f64),
                canary_requests: trial.canary_requests,
                exposed_requests: trial.exposed_requests,
                exposed_users: trial.exposed_users,
            });
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    fn detected(seconds: Option<u64>) -> Trial {
        Trial {
            ending: if seconds.is_some() {
                Ending::RolledBack
            } else {
                Ending::Promoted
            },
            ended: Time::from_secs(900),
            detection: seconds.map(Span::from_secs),
            canary_requests: 10,
            exposed_requests: 4,
            exposed_users: 2.5,
            exposed_after: 0,
        }
    }

    #[test]
    fn quantiles_are_of_the_detected_and_the_rest_is_never() {
        let trials: Vec<Trial> = [60, 60, 120, 180, 600]
            .map(|s| detected(Some(s)))
            .into_iter()
            .chain([detected(None)])
            .collect();
        let detection = detection(&trials);
        assert_eq!(detection.p50, Some(120.0));
        assert_eq!(detection.p90, Some(600.0));
        assert!((detection.never - 1.0 / 6.0).abs() < 1e-12);
        assert_eq!(super::detection(&[detected(None)]).p50, None);
    }

    #[test]
    fn exposure_is_the_mean_of_all_trials() {
        let exposure = exposure(&[detected(None), detected(Some(60))]);
        assert_eq!((exposure.requests, exposure.users), (4.0, 2.5));
    }
}
