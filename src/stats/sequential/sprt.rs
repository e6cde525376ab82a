//! Wald's sequential probability ratio test, and the test of power one that never accepts.
//!
//! (Wald 1945, 1947; Robbins 1970 for power one.)

/// What a test of two hypotheses has come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Neither bound is reached.
    Continue,
    /// The alternative: the upper bound is reached.
    Reject,
    /// The null hypothesis: the lower bound is reached.
    Accept,
}

/// The sum of log-likelihood ratios between two bounds. A decision stands.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sprt {
    log_reject: f64,
    log_accept: f64,
    llr: f64,
    decision: Decision,
}

impl Sprt {
    /// Wald's bounds (1 − β) / α and β / (1 − α). `None` unless both are between 0 and 1 and
    /// together below 1.
    pub fn new(alpha: f64, beta: f64) -> Option<Sprt> {
        let sound = alpha > 0.0 && beta > 0.0 && alpha + beta < 1.0;
        sound.then(|| Sprt {
            log_reject: ((1.0 - beta) / alpha).ln(),
            log_accept: (beta / (1.0 - alpha)).ln(),
            llr: 0.0,
            decision: Decision::Continue,
        })
    }

    /// Never accepts; rejects at 1 / α. `None` unless `alpha` is between 0 and 1.
    pub fn power_one(alpha: f64) -> Option<Sprt> {
        (alpha > 0.0 && alpha < 1.0).then(|| Sprt {
            log_reject: -alpha.ln(),
            log_accept: f64::NEG_INFINITY,
            llr: 0.0,
            decision: Decision::Continue,
        })
    }

    /// Takes in what a batch says: the logarithm of its likelihood ratio.
    pub fn step(&mut self, increment: f64) -> Decision {
        if self.decision == Decision::Continue {
            self.llr += increment;
            if self.llr >= self.log_reject {
                self.decision = Decision::Reject;
            } else if self.llr <= self.log_accept {
                self.decision = Decision::Accept;
            }
        }
        self.decision
    }

    /// The log-likelihood ratio so far, or where it was decided.
    pub fn llr(&self) -> f64 {
        self.llr
    }

    /// The bounds: where it accepts, minus infinity for never, and where it rejects.
    pub fn bounds(&self) -> (f64, f64) {
        (self.log_accept, self.log_reject)
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.llr = 0.0;
        self.decision = Decision::Continue;
    }

    /// The chance to accept the null hypothesis, and the expected number of trials, when each hits
    /// with chance `p` and the hypotheses are `p0` and `p1`: Wald's approximations, which neglect
    /// by how much the bounds are overshot. `None` where a chance is not between 0 and 1, the two
    /// hypotheses are one, or the test never accepts.
    pub fn characteristics(&self, p: f64, p0: f64, p1: f64) -> Option<(f64, f64)> {
        let inside = |p: f64| p > 0.0 && p < 1.0;
        if ![p, p0, p1].into_iter().all(inside) || p0 == p1 || self.log_accept.is_infinite() {
            return None;
        }
        let (hit, miss) = ((p1 / p0).ln(), (-p1).ln_1p() - (-p0).ln_1p());
        let drift = p * hit + (1.0 - p) * miss;
        let (a, b) = (self.log_reject, self.log_accept);
        let h = exponent(p, hit, miss);
        if (h * a).abs() < 1e-7 {
            let square = p * hit * hit + (1.0 - p) * miss * miss;
            return Some((a / (a - b), -a * b / square));
        }
        let accept = (h * a).exp_m1() / ((h * a).exp() - (h * b).exp());
        Some((accept, (accept * b + (1.0 - accept) * a) / drift))
    }
}

/// The h other than 0 with p e^(h·hit) + (1 − p) e^(h·miss) = 1; 0 where there is none, at zero
/// drift. The left side is convex in h and 1 at 0, so the root lies beyond its minimum.
fn exponent(p: f64, hit: f64, miss: f64) -> f64 {
    let excess = |h: f64| p * (h * hit).exp_m1() + (1.0 - p) * (h * miss).exp_m1();
    // The slope vanishes where p·hit·e^(h·hit) = −(1 − p)·miss·e^(h·miss).
    let lowest = (-(1.0 - p) * miss / (p * hit)).ln() / (hit - miss);
    if lowest.abs() < 1e-9 {
        return 0.0;
    }
    let (mut near, mut far) = (lowest, 2.0 * lowest);
    while excess(far) < 0.0 && far.abs() < 1e9 {
        far *= 2.0;
    }
    for _ in 0..200 {
        let middle = (near + far) / 2.0;
        if excess(middle) < 0.0 {
            near = middle;
        } else {
            far = middle;
        }
    }
    (near + far) / 2.0
}

/// The log-likelihood ratio of `hits` in `trials` for a chance of `p1` against `p0`. `None` where
/// the chances are not between 0 and 1 or there are more hits than trials.
pub fn bernoulli_llr(hits: u64, trials: u64, p0: f64, p1: f64) -> Option<f64> {
    let inside = |p: f64| p > 0.0 && p < 1.0;
    (inside(p0) && inside(p1) && hits <= trials).then(|| {
        let misses = (trials - hits) as f64;
        hits as f64 * (p1 / p0).ln() + misses * ((-p1).ln_1p() - (-p0).ln_1p())
    })
}

/// The log-likelihood ratio of which arm the `events` of a batch belong to: for a ratio `ratio` of
/// their rates against equal ones, when the first arm with the share `share` of the trials had
/// `first` of them. `None` where these contradict each other.
pub fn label_llr(first: u64, events: u64, share: f64, ratio: f64) -> Option<f64> {
    let certain = (share == 0.0 && first > 0) || (share == 1.0 && first < events);
    let sound = (0.0..=1.0).contains(&share) && first <= events && !certain;
    (sound && ratio > 0.0 && ratio.is_finite())
        .then(|| first as f64 * ratio.ln() - events as f64 * (share * (ratio - 1.0)).ln_1p())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decision_stands() {
        let mut sprt = Sprt::new(0.05, 0.2).unwrap();
        assert_eq!(sprt.step(1.0), Decision::Continue);
        assert_eq!(sprt.step(2.0), Decision::Reject);
        assert_eq!(sprt.step(-9.0), Decision::Reject);
        assert_eq!(sprt.llr(), 3.0);
        sprt.reset();
        assert_eq!(sprt.step(-2.0), Decision::Accept);
        let mut forever = Sprt::power_one(0.05).unwrap();
        assert_eq!(forever.step(-1e6), Decision::Continue);
        assert_eq!(forever.step(1e6 + 3.0), Decision::Reject);
    }

    #[test]
    fn the_design_points_have_their_errors_and_zero_drift_lies_between() {
        let sprt = Sprt::new(0.05, 0.2).unwrap();
        let (accept, trials) = sprt.characteristics(0.01, 0.01, 0.02).unwrap();
        assert!((accept - 0.95).abs() < 1e-9 && trials > 0.0);
        let (accept, _) = sprt.characteristics(0.02, 0.01, 0.02).unwrap();
        assert!((accept - 0.2).abs() < 1e-9);
        // Continuous through the drift that vanishes.
        let (hit, miss) = (2.0_f64.ln(), (0.98_f64 / 0.99).ln());
        let still = -miss / (hit - miss);
        let at = sprt.characteristics(still, 0.01, 0.02).unwrap();
        let beside = sprt.characteristics(still * 1.0001, 0.01, 0.02).unwrap();
        assert!((at.0 - beside.0).abs() < 1e-3 && (at.1 / beside.1 - 1.0).abs() < 1e-3);
    }

    #[test]
    fn levels_outside_their_range_are_refused() {
        for (alpha, beta) in [(0.0, 0.2), (0.05, 0.0), (0.6, 0.4), (f64::NAN, 0.2)] {
            assert_eq!(Sprt::new(alpha, beta), None);
        }
        assert_eq!(Sprt::power_one(1.0), None);
        assert_eq!(bernoulli_llr(3, 2, 0.1, 0.2), None);
        assert_eq!(bernoulli_llr(1, 2, 0.0, 0.2), None);
        assert_eq!(label_llr(1, 2, 0.0, 2.0), None);
        assert_eq!(label_llr(1, 2, 0.5, f64::INFINITY), None);
    }

    #[test]
    fn a_label_has_mean_one_under_the_null() {
        let mean: f64 = (0..=9_u64)
            .map(|first| {
                let chance = crate::stats::binomial(9, first, 0.2);
                chance * label_llr(first, 9, 0.2, 3.0).unwrap().exp()
            })
            .sum();
        assert!((mean - 1.0).abs() < 1e-12);
    }
}
