//! Which latencies a test watches.

use std::fmt;

use super::Batch;
use crate::base::Span;

/// Which latencies a test watches: bounds of the histograms, above which requests are counted.
#[derive(Debug, Clone, PartialEq)]
pub enum Thresholds {
    /// The bounds nearest to p50, p75, p90, p95, p99 and p99.9 of both arms together in the first
    /// batch in which both have requests. Taken from both together they say nothing about who is
    /// slower: given the pooled counts, who answered which request is as exchangeable as before.
    Pooled,
    /// The bounds at these latencies, or the next higher ones.
    At(Vec<Span>),
}

/// Shares of requests that should lie above the thresholds.
const ABOVE: [f64; 6] = [0.5, 0.25, 0.1, 0.05, 0.01, 0.001];

impl Thresholds {
    /// The most that one test watches.
    pub const MOST: usize = 16;

    /// The first bucket above each threshold, ascending, no two alike; empty before a batch with
    /// requests of both arms has come.
    pub(super) fn choose(&self, batch: &Batch<'_>) -> Vec<usize> {
        if !batch.compares() {
            return Vec::new();
        }
        let bounds = batch.bounds.len() - 1;
        let mut above: Vec<usize> = match self {
            Thresholds::At(latencies) => (latencies.iter())
                .map(|latency| (batch.bounds.index(latency.as_secs_f64()) + 1).min(bounds))
                .collect(),
            Thresholds::Pooled => {
                let all = batch.requests() as f64;
                // Half a request more keeps bounds in the race above which nothing was seen.
                let distance = |bucket: usize, share: f64| {
                    let slower: u64 = batch.slower(bucket).iter().sum();
                    ((slower as f64 + 0.5) / (all + 1.0) / share).ln().abs()
                };
                let nearest = |share: f64| {
                    let buckets = (1..=bounds).map(|bucket| (bucket, distance(bucket, share)));
                    let best =
                        buckets.reduce(|best, next| if next.1 < best.1 { next } else { best });
                    best.map(|best| best.0)
                };
                ABOVE.into_iter().filter_map(nearest).collect()
            }
        };
        above.sort_unstable();
        above.dedup();
        above
    }
}

impl fmt::Display for Thresholds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Thresholds::At(latencies) = self else {
            return Ok(());
        };
        for (index, latency) in latencies.iter().enumerate() {
            let before = if index == 0 { " above " } else { ", " };
            write!(f, "{before}{latency}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::statistical::Arm;
    use crate::telemetry::{Buckets, Unit, UserFailures};

    fn batch<'a>(bounds: &'a Buckets, other: &'a [u64], canary: &'a [u64]) -> Batch<'a> {
        let arm = |latencies: &'a [u64]| Arm {
            requests: latencies.iter().sum(),
            errors: 0,
            latencies,
            users: UserFailures::default(),
        };
        Batch {
            elapsed: Span::from_secs(60),
            share: None,
            bounds,
            other: arm(other),
            canary: arm(canary),
        }
    }

    #[test]
    fn pooled_thresholds_are_the_bounds_nearest_to_the_quantiles() {
        let bounds = vec![10.0, 20.0, 40.0, 80.0, 160.0, 320.0];
        let bounds = Buckets::new(bounds, Unit::Milliseconds).unwrap();
        // Of 1,000 requests 800, 480, 90, 12, 1 and 0 lie above the bounds: 480 is p50 and nearest to
        // p75, 90 is p90 and nearest to p95, 12 is p99, and 1 p99.9.
        let (other, canary) = ([150, 300, 350, 70, 10, 1, 0], [50, 20, 40, 8, 1, 0, 0]);
        let found = Thresholds::Pooled.choose(&batch(&bounds, &other, &canary));
        assert_eq!(found, [2, 3, 4, 5]);
        // Who answered what does not matter.
        let found = Thresholds::Pooled.choose(&batch(&bounds, &canary, &other));
        assert_eq!(found, [2, 3, 4, 5]);
        // All below the lowest bound: that one is watched.
        let found = Thresholds::Pooled.choose(&batch(&bounds, &[900, 0, 0, 0, 0, 0, 0], &[9]));
        assert_eq!(found, [1]);
        // Nothing to choose by.
        assert!(
            Thresholds::Pooled
                .choose(&batch(&bounds, &other, &[]))
                .is_empty()
        );
    }

    #[test]
    fn given_thresholds_are_the_bounds_at_or_above_them() {
        let bounds = Buckets::new(vec![10.0, 20.0, 40.0], Unit::Milliseconds).unwrap();
        let at = |millis: &[u64]| {
            let given = Thresholds::At(millis.iter().map(|ms| Span::from_millis(*ms)).collect());
            given.choose(&batch(&bounds, &[5, 5, 5, 5], &[1]))
        };
        assert_eq!(at(&[10, 11, 40]), [1, 2, 3]);
        assert_eq!(at(&[41, 15, 20, 5_000]), [2, 3]);
    }
}
