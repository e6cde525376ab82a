//! What trials say of a clause: the figure with its interval, and where that lies beside the bound.
//!
//! Every interval is two-sided: at confidence `c` the truth lies below it with a chance of at most
//! (1 - c)/2, and above it likewise.
//!
//! | figure | estimate | interval |
//! | --- | --- | --- |
//! | power, false rollback, never | hits over trials | exact for a binomial count (Clopper and Pearson 1934): [`stats::clopper_pearson`] |
//! | quantiles of times | the smallest time that the share of those times stays within | between two order statistics, whose ranks are binomial quantiles, so exact for any distribution, ties included: [`stats::quantile_ranks`] |
//! | exposure | mean over all trials | the normal one after Hall's cubic transformation, which takes the skewness out: [`stats::mean_interval`] |
//!
//! Times are over the trials in which they came. One that never came is not known to be long: but where
//! the exact interval says that it comes in fewer than one rollout in a hundred, it counts as
//! one that does not come, which no bound from above allows.

use crate::base::Span;
use crate::engine::{Ending, Trial};
use crate::scenario::{Expectation, Metric, Relation};
use crate::stats;

use super::estimate::within;
use super::replicate::rollbacks;

/// A figure of many trials with its interval, in the metric's unit: a share, seconds, or a count.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The figure; infinite for a time that never came.
    pub estimate: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end; infinite where the trials set none.
    pub high: f64,
    /// How many trials it is a figure of: of times, those in which they came.
    pub trials: u64,
}

/// Where an interval lies beside a bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// All of it on the side that is expected.
    Holds,
    /// All of it on the other.
    Broken,
    /// On both: more trials may tell.
    Open,
}

/// A time that comes in a smaller share of rollouts does not come.
const HARDLY_EVER: f64 = 0.01;

/// The figure that a metric is, with its interval at a two-sided confidence: from trials with the bad
/// release and with the good one. Only those of its own world are looked at.
pub fn measure(metric: Metric, faulty: &[Trial], healthy: &[Trial], confidence: f64) -> Measured {
    let trials = match metric.is_of_faulty() {
        true => faulty,
        false => healthy,
    };
    let n = trials.len() as u64;
    match metric {
        Metric::Power | Metric::FalseRollback => share(rollbacks(trials), n, confidence),
        Metric::Never => {
            let never = trials.iter().filter(|trial| trial.detection.is_none());
            share(never.count() as u64, n, confidence)
        }
        Metric::Detection(q) => {
            let times = trials.iter().filter_map(|trial| trial.detection);
            quantile(times.collect(), n, q.get(), confidence)
        }
        Metric::Promotion(q) => {
            let promoted = trials.iter().filter(|t| t.ending == Ending::Promoted);
            let times = promoted.map(|trial| trial.ended.since(crate::base::Time::START));
            quantile(times.collect(), n, q.get(), confidence)
        }
        Metric::ExposedRequests => mean(trials, confidence, |trial| trial.exposed_requests as f64),
        Metric::ExposedUsers => mean(trials, confidence, |trial| trial.exposed_users),
        Metric::ExposedAfter => mean(trials, confidence, |trial| trial.exposed_after as f64),
    }
}

/// The same for the metric of a clause.
pub fn measured(
    expectation: &Expectation,
    faulty: &[Trial],
    healthy: &[Trial],
    confidence: f64,
) -> Measured {
    measure(expectation.metric, faulty, healthy, confidence)
}

/// Where what was measured lies beside the clause's bound.
pub fn standing(expectation: &Expectation, measured: &Measured) -> Standing {
    let bound = expectation.bound;
    let (holds, broken) = match expectation.relation {
        Relation::AtLeast => (measured.low >= bound, measured.high < bound),
        Relation::AtMost => (measured.high <= bound, measured.low > bound),
    };
    match (holds, broken) {
        (true, _) => Standing::Holds,
        (_, true) => Standing::Broken,
        _ => Standing::Open,
    }
}

fn share(hits: u64, n: u64, confidence: f64) -> Measured {
    let interval = stats::clopper_pearson(hits, n, confidence);
    Measured {
        estimate: if n == 0 { 0.0 } else { hits as f64 / n as f64 },
        low: interval.low,
        high: interval.high,
        trials: n,
    }
}

fn quantile(mut times: Vec<Span>, trials: u64, q: f64, confidence: f64) -> Measured {
    times.sort_unstable();
    let came = times.len();
    let Some(estimate) = within(&times, q, came) else {
        let hardly = stats::clopper_pearson(0, trials, confidence).high < HARDLY_EVER;
        return Measured {
            estimate: f64::INFINITY,
            low: if hardly { f64::INFINITY } else { 0.0 },
            high: f64::INFINITY,
            trials: 0,
        };
    };
    let at = |rank: u64| times.get(usize::try_from(rank).ok()?.checked_sub(1)?);
    let ranks = stats::quantile_ranks(came as u64, q, confidence);
    let low = ranks.and_then(|ranks| at(ranks.lower));
    let high = ranks.and_then(|ranks| at(ranks.upper));
    Measured {
        estimate: estimate.as_secs_f64(),
        low: low.map_or(0.0, |time| time.as_secs_f64()),
        high: high.map_or(f64::INFINITY, |time| time.as_secs_f64()),
        trials: came as u64,
    }
}

fn mean(trials: &[Trial], confidence: f64, of: impl Fn(&Trial) -> f64) -> Measured {
    let sample: Vec<f64> = trials.iter().map(of).collect();
    let interval = stats::mean_interval(&sample, confidence);
    let interval = interval.unwrap_or(stats::Interval {
        low: 0.0,
        high: f64::INFINITY,
    });
    Measured {
        estimate: if sample.is_empty() {
            0.0
        } else {
            stats::mean(&sample)
        },
        // Nobody's exposure is negative.
        low: interval.low.max(0.0),
        high: interval.high,
        trials: sample.len() as u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Time;

    fn trial(ending: Ending, ended: u64, detection: Option<u64>, users: f64) -> Trial {
        Trial {
            ending,
            ended: Time::from_secs(ended),
            detection: detection.map(Span::from_secs),
            canary_requests: 10,
            exposed_requests: 4,
            exposed_users: users,
            exposed_after: 7,
        }
    }

    fn read(text: &str) -> Expectation {
        text.parse().unwrap()
    }

    fn of(text: &str, faulty: &[Trial], healthy: &[Trial]) -> (Measured, Standing) {
        let clause = read(text);
        let measured = measured(&clause, faulty, healthy, 0.99);
        (measured, standing(&clause, &measured))
    }

    /// `caught` of a thousand bad releases detected after 1 s, 2 s and so on, the rest promoted.
    fn bad(caught: u64) -> Vec<Trial> {
        let detected = (1..=caught).map(|s| trial(Ending::RolledBack, s, Some(s), 2.0));
        let missed = (caught..1_000).map(|_| trial(Ending::Promoted, 900, None, 6.0));
        detected.chain(missed).collect()
    }

    #[test]
    fn shares_are_of_their_own_world_and_stand_on_either_side_or_on_the_bound() {
        let (faulty, good) = (
            bad(900),
            vec![trial(Ending::Promoted, 60, None, 0.0); 1_000],
        );
        for (text, estimate, expected) in [
            ("power >= 80%", 0.9, Standing::Holds),
            ("power >= 90%", 0.9, Standing::Open),
            ("power >= 95%", 0.9, Standing::Broken),
            ("power <= 95%", 0.9, Standing::Holds),
            ("never <= 5%", 0.1, Standing::Broken),
            ("never <= 15%", 0.1, Standing::Holds),
            ("false_rollback <= 1%", 0.0, Standing::Holds),
            ("false_rollback <= 0.1%", 0.0, Standing::Open),
        ] {
            let (measured, standing) = of(text, &faulty, &good);
            assert!((measured.estimate - estimate).abs() < 1e-12, "{text}");
            assert_eq!(standing, expected, "{text} {measured:?}");
            assert_eq!(measured.trials, 1_000);
        }
    }

    #[test]
    fn times_are_over_the_trials_in_which_they_came() {
        let good: Vec<Trial> = (1..=500)
            .map(|s| trial(Ending::Promoted, 600 + s, None, 0.0))
            .chain((0..500).map(|_| trial(Ending::RolledBack, 5, None, 0.0)))
            .collect();
        let (measured, standing) = of("detection_p50 <= 300s", &bad(500), &good);
        assert_eq!((measured.estimate, measured.trials), (250.0, 500));
        assert!(measured.low < 250.0 && measured.low > 215.0, "{measured:?}");
        assert!(
            measured.high > 250.0 && measured.high < 285.0,
            "{measured:?}"
        );
        assert_eq!(standing, Standing::Holds);
        let (measured, standing) = of("promotion_p90 <= 10m", &bad(500), &good);
        assert_eq!((measured.estimate, measured.trials), (1_050.0, 500));
        assert_eq!(standing, Standing::Broken);
    }

    #[test]
    fn a_time_that_never_comes_is_not_short_once_that_is_known() {
        let few = &bad(0)[..100];
        assert_eq!(of("detection_p90 <= 10m", few, &[]).1, Standing::Open);
        let (measured, standing) = of("detection_p90 <= 10m", &bad(0), &[]);
        assert_eq!((measured.estimate, measured.trials), (f64::INFINITY, 0));
        assert_eq!(standing, Standing::Broken);
        assert_eq!(of("detection_p90 >= 10m", &bad(0), &[]).1, Standing::Holds);
        // A few values set no upper end.
        let (measured, _) = of("detection_p99 <= 1h", &bad(50), &[]);
        assert_eq!(measured.high, f64::INFINITY);
    }

    #[test]
    fn exposure_is_the_mean_of_all_trials() {
        let (measured, standing) = of("exposure.users <= 5", &bad(500), &[]);
        assert!((measured.estimate - 4.0).abs() < 1e-12);
        // Half of them 2, half 6: the standard error is 2/√1000.
        assert!(
            (measured.high - 4.0 - 2.576 * 0.0633).abs() < 0.002,
            "{measured:?}"
        );
        assert_eq!(standing, Standing::Holds);
        assert_eq!(
            of("exposure.requests >= 5", &bad(500), &[]).1,
            Standing::Broken
        );
        assert_eq!(of("exposure.after <= 7", &bad(500), &[]).1, Standing::Holds);
    }

    #[test]
    fn without_trials_nothing_is_known() {
        for text in [
            "power >= 1%",
            "detection_p50 <= 1h",
            "promotion_p50 >= 1s",
            "exposure.users <= 1M",
        ] {
            assert_eq!(of(text, &[], &[]).1, Standing::Open, "{text}");
        }
    }
}
