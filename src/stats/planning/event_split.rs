//! Rare events: how many until the arms that they fall in betray a difference.
//!
//! Where nothing differs an event falls in the first arm with the chance that a trial does, whatever
//! the base rate. So the exact test given the number of events needs that number, and the base rate
//! only decides how many trials it takes to see so many.

use statrs::function::gamma::ln_gamma;

use super::super::normal_upper;
use super::rejection_region::RejectionRegion;
use super::{Risks, inside};

/// Two arms of which the first has `share` of the trials and events `ratio` times as often.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EventSplit {
    share: f64,
    ratio: f64,
}

/// Expected events above which the exact sum is left for its normal limit with continuity
/// correction, which is then within three percent of it.
const MOST_SUMMED: f64 = 40_000.0;
/// Step of the search downward, as a factor; the teeth of the saw are many times wider.
const STEP: f64 = 1.005;

impl EventSplit {
    /// `None` unless the share is inside (0, 1) and the ratio above 1.
    pub fn new(share: f64, ratio: f64) -> Option<EventSplit> {
        (inside(share) && ratio > 1.0 && ratio.is_finite()).then_some(EventSplit { share, ratio })
    }

    /// The first arm's share of the events.
    pub fn event_share(self) -> f64 {
        // Not quite all, so that its complement is something.
        (self.share * self.ratio / self.surplus()).min(1.0 - 1e-12)
    }

    /// Events of both arms for each that there would be if nothing differed: 1 + w(r - 1).
    pub fn surplus(self) -> f64 {
        1.0 + self.share * (self.ratio - 1.0)
    }

    /// Chance that the exact conditional test at level `alpha` rejects when the number of events is
    /// Poisson with mean `events`: given k of them, it rejects at the fewest of the first arm whose
    /// tail of Binomial(k, share) is at most `alpha`.
    pub fn power(self, events: f64, alpha: f64) -> f64 {
        if events.is_nan() || events <= 0.0 {
            return 0.0;
        }
        if events > MOST_SUMMED {
            return self.normal_power(events, alpha);
        }
        let reach = 9.0 * events.sqrt() + 20.0;
        let first = (events - reach).max(0.0) as u64;
        let last = (events + reach) as u64;
        let mut region = RejectionRegion::at(first, alpha, self.share, self.event_share());
        let mut powers = Vec::with_capacity((last - first) as usize + 1);
        for _ in first..=last {
            powers.push(region.power());
            region.next();
        }
        poisson_mean(events, first, &powers)
    }

    /// The expected events of both arms from which on the exact conditional test has the power, at
    /// the planned number and at every larger one.
    ///
    /// Power rises in teeth, because the critical count does: the number is the one after the last
    /// tooth that falls below. From 20,000 events on it is that of the normal limit with continuity
    /// correction, within 3 %.
    pub fn events_needed(self, risks: Risks) -> f64 {
        let limit = self.normal_events(risks, 0.5);
        if limit > 0.5 * MOST_SUMMED {
            return limit;
        }
        let mut high = 2.0 * limit + 20.0 / self.event_share();
        let mut region = RejectionRegion::at(0, risks.alpha, self.share, self.event_share());
        let mut powers = Vec::new();
        loop {
            let last = (2.0 * (high + 9.0 * high.sqrt() + 20.0)) as usize;
            while powers.len() < last {
                powers.push(region.power());
                region.next();
            }
            let reached = |events| poisson_mean(events, 0, &powers) >= risks.power;
            if reached(high) {
                return last_below(high, reached);
            }
            // Where the level is so strict that the normal limit says nothing of few events.
            if high > MOST_SUMMED {
                return high;
            }
            high *= 2.0;
        }
    }

    /// The ratio that the exact test sees with the power among so many events as there would be if
    /// nothing differed, 1 + w(r - 1) times as many if something does. `None` where even a ratio of
    /// a million is not seen.
    pub fn detectable(share: f64, base_events: f64, risks: Risks) -> Option<EventSplit> {
        const MOST: f64 = 1e6;
        let seen = |ratio: f64| {
            let split = EventSplit::new(share, ratio)?;
            Some(split.power(base_events * split.surplus(), risks.alpha) >= risks.power)
        };
        if !seen(MOST)? {
            return None;
        }
        // Downward first, so that the teeth of the saw are resolved as in the number of events.
        let mut high = MOST;
        while high - 1.0 > 1e-6 && seen(1.0 + (high - 1.0) / 2.0)? {
            high = 1.0 + (high - 1.0) / 2.0;
        }
        let mut low = 1.0 + (high - 1.0) / 2.0;
        for _ in 0..30 {
            let middle = (low + high) / 2.0;
            if seen(middle)? {
                high = middle;
            } else {
                low = middle;
            }
        }
        EventSplit::new(share, high)
    }

    /// The first arm's share of the trials.
    pub fn share(self) -> f64 {
        self.share
    }

    /// The ratio.
    pub fn ratio(self) -> f64 {
        self.ratio
    }

    /// Growth of the evidence per event, in nats, of the best test: the divergence of the events'
    /// split from that without a difference.
    pub fn information(self) -> f64 {
        let (null, split) = (self.share, self.event_share());
        split * (split / null).ln() + (1.0 - split) * ((1.0 - split) / (1.0 - null)).ln()
    }

    /// The fewest trials that any test at level `alpha` can take on average, when `base_rate` of
    /// the trials are events and the level is small: ln(1/alpha) over the growth per trial.
    pub fn information_bound(self, base_rate: f64, alpha: f64) -> f64 {
        (1.0 / alpha).ln() / (base_rate * self.surplus() * self.information())
    }

    /// Power in the normal limit, with the spread that a random number of events adds.
    fn normal_power(self, events: f64, alpha: f64) -> f64 {
        let (null, split) = (self.share, self.event_share());
        let level = super::super::normal_quantile(1.0 - alpha);
        let threshold = 0.5 + level * (events * null * (1.0 - null)).sqrt();
        let excess = split - null;
        let spread = (events * (split * (1.0 - split) + excess * excess)).sqrt();
        normal_upper((threshold - events * excess) / spread)
    }

    /// Events needed in the normal limit, with the critical count this much further: a half makes up
    /// for counts being whole.
    pub(super) fn normal_events(self, risks: Risks, further: f64) -> f64 {
        let (null, split) = (self.share, self.event_share());
        let (level, power) = risks.quantiles();
        let excess = split - null;
        let spread = (split * (1.0 - split) + excess * excess).sqrt();
        // excess · x² = distance · x + further, of x = sqrt(events).
        let distance = level * (null * (1.0 - null)).sqrt() + power * spread;
        let root = (distance * distance + 4.0 * further * excess).sqrt();
        ((distance + root) / (2.0 * excess)).powi(2)
    }
}

/// The end of the highest stretch of numbers up to `high` that `reached` says no to, searched
/// downward so that no tooth is jumped.
pub(super) fn last_below(mut high: f64, reached: impl Fn(f64) -> bool) -> f64 {
    while high > 1e-6 && reached(high) {
        high /= STEP;
    }
    let (mut below, mut above) = (high, high * STEP);
    for _ in 0..40 {
        let middle = (below + above) / 2.0;
        if reached(middle) {
            above = middle;
        } else {
            below = middle;
        }
    }
    above
}

/// Mean of values at `first`, `first` + 1, … under a Poisson count; the last value stands for all
/// beyond.
pub(super) fn poisson_mean(mean: f64, first: u64, values: &[f64]) -> f64 {
    let Some(last) = values.len().checked_sub(1) else {
        return 0.0;
    };
    let value = |count: u64| {
        count
            .checked_sub(first)
            .map(|at| values[(at as usize).min(last)])
    };
    let mode = mean as u64;
    let peak = (mode as f64 * mean.ln() - mean - ln_gamma(mode as f64 + 1.0)).exp();
    let mut sum = 0.0;
    let (mut count, mut chance) = (mode, peak);
    while chance > 1e-18 {
        sum += chance * value(count).unwrap_or(0.0);
        count += 1;
        chance *= mean / count as f64;
    }
    (count, chance) = (mode, peak);
    while count > first && chance > 1e-18 {
        chance *= count as f64 / mean;
        count -= 1;
        sum += chance * value(count).unwrap_or(0.0);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn risks(alpha: f64, power: f64) -> Risks {
        Risks::new(alpha, power).unwrap()
    }

    #[test]
    fn the_number_of_events_has_the_power_and_keeps_it() {
        for (share, ratio, alpha, power) in [
            (0.05, 2.0, 0.05, 0.8),
            (0.01, 10.0, 0.05, 0.8),
            (0.5, 5.0, 0.01, 0.9),
            (0.1, 1.3, 0.1, 0.95),
        ] {
            let split = EventSplit::new(share, ratio).unwrap();
            let events = split.events_needed(risks(alpha, power));
            let at = |factor: f64| split.power(events * factor, alpha);
            assert!(
                (at(1.0) - power).abs() < 1e-6,
                "{share} {ratio}: {}",
                at(1.0)
            );
            assert!(at(0.999) < power);
            for percent in 1..=100 {
                assert!(at(1.0 + f64::from(percent) / 100.0) >= power, "{percent}");
            }
        }
    }

    #[test]
    fn the_detectable_ratio_inverts_the_number_of_events() {
        for (share, ratio) in [(0.05, 2.0), (0.5, 1.2), (0.01, 5.0)] {
            let split = EventSplit::new(share, ratio).unwrap();
            let base = split.events_needed(risks(0.05, 0.8)) / split.surplus();
            let found = EventSplit::detectable(share, base, risks(0.05, 0.8)).unwrap();
            assert!(
                found.ratio() <= ratio * 1.001,
                "{} for {ratio}",
                found.ratio()
            );
            let power = found.power(base * found.surplus(), 0.05);
            assert!((power - 0.8).abs() < 1e-4, "{power}");
        }
        assert_eq!(EventSplit::detectable(0.01, 1e-9, risks(0.05, 0.8)), None);
    }

    #[test]
    fn the_normal_limit_meets_the_sum_where_it_takes_over() {
        for (share, ratio) in [(0.5, 1.04), (0.05, 1.105), (0.01, 1.23)] {
            let split = EventSplit::new(share, ratio).unwrap();
            let limit = split.normal_events(risks(0.05, 0.8), 0.5);
            assert!((10_000.0..20_000.0).contains(&limit), "{limit}");
            let summed = split.events_needed(risks(0.05, 0.8));
            assert!((limit / summed - 1.0).abs() < 0.03, "{limit} {summed}");
            let (by_sum, by_limit) = (split.power(limit, 0.05), split.normal_power(limit, 0.05));
            assert!((by_sum - by_limit).abs() < 0.01, "{by_sum} {by_limit}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Strict levels, high power, ratios beside 1 and beyond all measure.
        #[test]
        fn any_plan_is_a_number(
            share in 1e-4..0.999_f64,
            excess in -3.0..9.0_f64,
            alpha in -12.0..-0.4_f64,
            beta in -6.0..-0.4_f64,
            looks in 1_u32..60,
        ) {
            let split = EventSplit::new(share, 1.0 + 10_f64.powf(excess)).unwrap();
            let risks = Risks::new(10_f64.powf(alpha), 1.0 - 10_f64.powf(beta)).unwrap();
            let once = split.events_needed(risks);
            prop_assert!(once > 0.0 && once.is_finite(), "{once}");
            prop_assert!(split.power(once * 1.001, risks.alpha) >= risks.power - 0.03);
            let spent = split.spending(looks, risks);
            let most = spent.most.unwrap();
            prop_assert!(0.0 < spent.mean && spent.mean <= most && most.is_finite(), "{spent:?}");
            let evidence = split.evidence(risks);
            prop_assert!(evidence.mean > 0.0 && evidence.mean.is_finite(), "{evidence:?}");
            prop_assert!(evidence.reached.is_finite(), "{evidence:?}");
            let acquitted = split.acquittal(1.0 - risks.power);
            prop_assert!(acquitted > 0.0 && acquitted.is_finite(), "{acquitted}");
        }
    }

    #[test]
    fn there_is_no_split_without_arms_or_difference() {
        for (share, ratio) in [(0.0, 2.0), (1.0, 2.0), (0.5, 1.0), (0.5, f64::NAN)] {
            assert_eq!(EventSplit::new(share, ratio), None);
        }
    }
}
