//! Rules to compare tests with: those that teams write by hand, and the two-sided z of textbooks.

use crate::base::Span;
use crate::gate::statistical::{Batch, Decision, Evidence, Look, Planned, Test};
use crate::stats::{RankSum, Share, normal_quantile, normal_upper, two_proportion_z};

/// A rule without a level, or with one that it does not keep.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Rule {
    /// Pooled z of everything since the start, either way, at its full level at every look.
    TwoSidedZ {
        /// Level of one look.
        alpha: f64,
    },
    /// Pooled z of each batch alone.
    BatchZ {
        /// Level of one look.
        alpha: f64,
    },
    /// The share of the canary's requests that succeeded in a batch, at least this; rolls back at
    /// so many batches below it.
    Success {
        /// Least share.
        least: f64,
        /// So many.
        batches: u32,
    },
    /// Mann-Whitney, either way, of a latency quantile batch by batch, as read from histograms; once, at
    /// the planned end.
    RanksOfQuantile {
        /// Which quantile.
        quantile: f64,
        /// Level.
        alpha: f64,
    },
    /// The canary's error ratio since the start, at most so many times stable's.
    Ratio {
        /// So many times.
        most: f64,
    },
}

/// A rule under way.
#[derive(Debug)]
pub(super) struct Applied {
    rule: Rule,
    /// The other arm and the canary since the start.
    arms: [Share; 2],
    failed: u32,
    /// A quantile of each batch, of the other arm and of the canary.
    points: [Vec<f64>; 2],
    end: Span,
}

const NOTHING: Share = Share {
    hits: 0.0,
    trials: 0.0,
};

impl Rule {
    pub(super) fn start(self, planned: Planned) -> Applied {
        Applied {
            rule: self,
            arms: [NOTHING; 2],
            failed: 0,
            points: [Vec::new(), Vec::new()],
            end: planned.duration,
        }
    }
}

impl Test for Applied {
    fn begin(&mut self, _luck: u64) {
        self.arms = [NOTHING; 2];
        self.failed = 0;
        self.points.iter_mut().for_each(Vec::clear);
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        let now = [batch.other, batch.canary].map(|arm| Share {
            hits: arm.errors as f64,
            trials: arm.requests as f64,
        });
        for (sum, arm) in self.arms.iter_mut().zip(now) {
            sum.hits += arm.hits;
            sum.trials += arm.trials;
        }
        let [other, canary] = self.arms;
        match self.rule {
            Rule::TwoSidedZ { alpha } => {
                let limit = normal_quantile(1.0 - alpha / 2.0);
                match two_proportion_z(canary, other) {
                    Some(test) => Look::at_statistic(test.z.abs(), limit),
                    None => Look::no_data(Evidence::Statistic { value: 0.0, limit }),
                }
            }
            Rule::BatchZ { alpha } => match two_proportion_z(now[1], now[0]) {
                Some(test) => Look::at_p(test.p, alpha),
                None => Look::no_data(Evidence::P {
                    p: 1.0,
                    level: alpha,
                }),
            },
            Rule::Success { least, batches } => {
                let [_, canary] = now;
                let low = canary.trials > 0.0 && 1.0 - canary.hits / canary.trials < least;
                self.failed += u32::from(low);
                let limit = f64::from(batches);
                let look = Look::at_statistic(f64::from(self.failed), limit);
                match canary.trials > 0.0 || look.decision == Decision::Worse {
                    true => look,
                    false => Look::no_data(look.evidence),
                }
            }
            Rule::RanksOfQuantile { quantile, alpha } => {
                for (points, arm) in self.points.iter_mut().zip([batch.other, batch.canary]) {
                    points.extend(bucket_of(quantile, arm.latencies));
                }
                let due = batch.elapsed >= self.end;
                let [other, canary] = &self.points;
                let ranks = due.then(|| RankSum::new(canary, other)).flatten();
                match ranks.and_then(|ranks| ranks.z(0.0)) {
                    Some(z) => Look::at_p(2.0 * normal_upper(z.abs()), alpha),
                    None => Look::no_data(Evidence::P {
                        p: 1.0,
                        level: alpha,
                    }),
                }
            }
            Rule::Ratio { most } => {
                let worse = canary.hits * other.trials > most * other.hits * canary.trials;
                let value = f64::from(u8::from(worse));
                Look::at_statistic(value, 1.0)
            }
        }
    }
}

/// The bucket that holds a quantile, counted from the fastest; nothing of nothing.
fn bucket_of(quantile: f64, buckets: &[u64]) -> Option<f64> {
    let all: u64 = buckets.iter().sum();
    let rank = quantile * all as f64;
    let mut below = 0;
    let found = buckets.iter().position(|count| {
        below += count;
        below as f64 >= rank
    });
    found.filter(|_| all > 0).map(|bucket| bucket as f64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::statistical::Arm;
    use crate::telemetry::{Buckets, UserFailures};

    fn looks(rule: Rule, batches: &[[u64; 4]]) -> Vec<Decision> {
        let bounds = Buckets::nginx();
        let arm = |requests, errors| Arm {
            requests,
            errors,
            latencies: &[],
            users: UserFailures::default(),
        };
        let mut rule = rule.start(Planned {
            duration: Span::from_secs(3_600),
            interval: Span::from_secs(60),
        });
        rule.begin(0);
        let look = |[n, x, m, y]: &[u64; 4]| {
            let batch = Batch {
                elapsed: Span::from_secs(60),
                share: Some(0.5),
                bounds: &bounds,
                other: arm(*n, *x),
                canary: arm(*m, *y),
            };
            rule.look(&batch).decision
        };
        batches.iter().map(look).collect()
    }

    #[test]
    fn failed_batches_are_counted_and_not_those_in_a_row() {
        let rule = Rule::Success {
            least: 0.99,
            batches: 2,
        };
        let batches = [[100, 0, 100, 2], [100, 0, 100, 1], [100, 0, 50, 1]];
        let expected = [Decision::Clear, Decision::Clear, Decision::Worse];
        assert_eq!(looks(rule, &batches), expected);
        assert_eq!(looks(rule, &[[10, 0, 0, 0]]), [Decision::NoData]);
    }

    #[test]
    fn a_ratio_of_nothing_to_nothing_is_no_more_than_any() {
        let rule = Rule::Ratio { most: 1.5 };
        let batches = [[100, 0, 10, 0], [100, 4, 90, 3], [0, 0, 1, 1]];
        let expected = [Decision::Clear, Decision::Clear, Decision::Worse];
        assert_eq!(looks(rule, &batches), expected);
    }

    #[test]
    fn the_two_sided_z_also_falls_for_a_better_canary() {
        let batch = [[1_000, 100, 1_000, 60]];
        let two = Rule::TwoSidedZ { alpha: 0.05 };
        assert_eq!(looks(two, &batch), [Decision::Worse]);
        let one = Rule::BatchZ { alpha: 0.05 };
        assert_eq!(looks(one, &batch), [Decision::Clear]);
    }
}
