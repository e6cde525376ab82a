//! Rules to compare tests with: those that teams write by hand, and the two-sided z of textbooks.

use crate::gate::statistical::{Batch, Decision, Evidence, Look, Test};
use crate::stats::{Share, normal_quantile, two_proportion_z};

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
}

const NOTHING: Share = Share {
    hits: 0.0,
    trials: 0.0,
};

impl Rule {
    pub(super) fn start(self) -> Applied {
        Applied {
            rule: self,
            arms: [NOTHING; 2],
            failed: 0,
        }
    }
}

impl Test for Applied {
    fn begin(&mut self, _luck: u64) {
        self.arms = [NOTHING; 2];
        self.failed = 0;
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
            Rule::Ratio { most } => {
                let worse = canary.hits * other.trials > most * other.hits * canary.trials;
                let value = f64::from(u8::from(worse));
                Look::at_statistic(value, 1.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;
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
        let mut rule = rule.start();
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
        let batches = [[100, 0, 10, 0], [100, 2, 90, 3], [0, 0, 0, 1]];
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
