//! A flash crowd.

use crate::base::{Rate, Span};

/// A flash crowd: the rate rises linearly from `base` to `peak` times as much, holds, and falls
/// back: `t` after the hold the excess over the base is `1 / (1 + t / half_life)` of the highest.
/// That is the slow decay of crowds, not an exponential one: a tenth is left after nine half-lives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Flash {
    /// Rate before, and long after.
    pub base: Rate,
    /// Highest rate over the base.
    pub peak: f64,
    /// When the rise begins, counted from the start of the rollout.
    pub at: Span,
    /// How long it takes.
    pub rise: Span,
    /// How long the highest rate lasts.
    pub hold: Span,
    /// When half of the excess is gone, counted from the end of the hold. Above zero.
    pub half_life: Span,
}

/// The part of a crowd's course that an instant lies in, and when it ends.
pub(super) enum Part {
    /// Rate and slope.
    Line(f64, f64, f64),
    /// The decay, which never ends.
    Decay,
}

impl Flash {
    /// Begin and end of the rise, and end of the hold, in seconds.
    fn edges(&self) -> [f64; 3] {
        let at = self.at.as_secs_f64();
        let top = at + self.rise.as_secs_f64();
        [at, top, top + self.hold.as_secs_f64()]
    }

    /// Highest rate less the base.
    fn excess(&self) -> f64 {
        self.base.get() * (self.peak - 1.0)
    }

    pub(super) fn part(&self, t: f64) -> Part {
        let [at, top, fall] = self.edges();
        let base = self.base.get();
        if t < at {
            Part::Line(base, 0.0, at)
        } else if t < top {
            let slope = self.excess() / (top - at);
            Part::Line(base + slope * (t - at), slope, top)
        } else if t < fall {
            Part::Line(base + self.excess(), 0.0, fall)
        } else {
            Part::Decay
        }
    }

    /// Requests per second.
    pub(super) fn rate(&self, t: f64) -> f64 {
        match self.part(t) {
            Part::Line(rate, ..) => rate,
            Part::Decay => {
                let lives = (t - self.edges()[2]) / self.half_life.as_secs_f64();
                self.base.get() + self.excess() / (1.0 + lives)
            }
        }
    }

    /// Requests expected from the start of the rollout to `t` seconds after it.
    pub(super) fn cumulative(&self, t: f64) -> f64 {
        let [at, top, fall] = self.edges();
        let half_life = self.half_life.as_secs_f64();
        let mut crowd = 0.0;
        if t > at && top > at {
            let risen = t.min(top) - at;
            crowd += risen * risen / (top - at) / 2.0;
        }
        crowd += (t.min(fall) - top).max(0.0);
        crowd += half_life * ((t - fall).max(0.0) / half_life).ln_1p();
        self.base.get() * t + self.excess() * crowd
    }

    /// The highest rate between two instants.
    pub(super) fn bound(&self, from: f64, to: f64) -> f64 {
        let [_, top, fall] = self.edges();
        if from <= fall && to >= top {
            return self.base.get() + self.excess().max(0.0);
        }
        self.rate(from).max(self.rate(to))
    }

    pub(super) fn is_constant(&self, from: f64, to: f64) -> bool {
        let [at, top, fall] = self.edges();
        self.peak == 1.0 || to <= at || (from >= top && to <= fall)
    }

    pub(super) fn scaled(&self, factor: f64) -> Flash {
        Flash {
            base: Rate::per_second(self.base.get() * factor).unwrap_or(Rate::ZERO),
            ..*self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn crowd() -> Flash {
        Flash {
            base: Rate::per_second(50.0).unwrap(),
            peak: 10.0,
            at: Span::from_secs(1_200),
            rise: Span::from_secs(300),
            hold: Span::from_secs(60),
            half_life: Span::from_secs(1_800),
        }
    }

    #[test]
    fn a_crowd_comes_stays_and_goes() {
        let crowd = crowd();
        for (t, rate) in [
            (0.0, 50.0),
            (1_200.0, 50.0),
            (1_350.0, 275.0),
            (1_500.0, 500.0),
            (1_560.0, 500.0),
            (1_560.0 + 1_800.0, 275.0),
            (1_560.0 + 9.0 * 1_800.0, 95.0),
        ] {
            assert!(
                (crowd.rate(t) - rate).abs() < 1e-9,
                "{t}: {}",
                crowd.rate(t)
            );
        }
        assert_eq!(crowd.bound(0.0, 1_000.0), 50.0);
        assert_eq!(crowd.bound(0.0, 1e5), 500.0);
        assert!(crowd.is_constant(0.0, 1_200.0) && crowd.is_constant(1_500.0, 1_560.0));
        assert!(!crowd.is_constant(0.0, 1_201.0) && !crowd.is_constant(1_560.0, 1_561.0));
    }

    #[test]
    fn a_crowd_may_come_at_once() {
        let sudden = Flash {
            rise: Span::ZERO,
            hold: Span::ZERO,
            ..crowd()
        };
        assert_eq!(sudden.rate(1_199.9), 50.0);
        assert_eq!(sudden.rate(1_200.0), 500.0);
        let sum = sudden.cumulative(3_000.0);
        let crowd = 450.0 * 1_800.0 * 2.0_f64.ln();
        assert!((sum - (150_000.0 + crowd)).abs() < 1e-6, "{sum}");
    }
}
