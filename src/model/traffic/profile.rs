//! The request rate over time. Every profile knows its integral in closed form, so that the
//! number of requests expected in any interval is exact.

use std::f64::consts::TAU;

use super::{Flash, Trace, Week};
use crate::base::{Rate, Span, Time};

/// The request rate over time; time counts from the start of the rollout.
#[derive(Debug, Clone, PartialEq)]
pub enum Profile {
    /// Always the same.
    Constant(Rate),
    /// One rate from each instant on; the first is [`Time::START`].
    Stepped(Vec<(Time, Rate)>),
    /// Linear from one rate to another, then constant.
    Ramp {
        /// Rate at the start.
        from: Rate,
        /// Rate from the end of the ramp on.
        to: Rate,
        /// How long the climb (or fall) takes.
        over: Span,
    },
    /// A daily cycle: `mean · (1 + a·cos(2π(t − peak)/period))` with `a` from peak over trough.
    Diurnal {
        /// Mean over a period.
        mean: Rate,
        /// Highest rate over lowest, at least 1.
        peak_over_trough: f64,
        /// When the highest rate comes, counted from the start of the rollout.
        peak: Span,
        /// Length of the cycle, usually a day.
        period: Span,
    },
    /// A weekly cycle by the hour.
    Week(Week),
    /// A flash crowd.
    Flash(Flash),
    /// Counts per bin, recorded somewhere; repeats when it ends.
    Trace(Trace),
}

impl Profile {
    /// Requests per second at `now`.
    pub fn rate(&self, now: Time) -> f64 {
        match self {
            Profile::Constant(rate) => rate.get(),
            Profile::Stepped(steps) => {
                let after = steps.partition_point(|(from, _)| *from <= now);
                steps[after.saturating_sub(1)].1.get()
            }
            Profile::Ramp { from, to, over } => {
                let along = (now.as_secs_f64() / over.as_secs_f64()).min(1.0);
                from.get() + along * (to.get() - from.get())
            }
            Profile::Diurnal {
                mean,
                peak_over_trough,
                peak,
                period,
            } => {
                let swing = (peak_over_trough - 1.0) / (peak_over_trough + 1.0);
                let phase = TAU * (now.as_secs_f64() - peak.as_secs_f64()) / period.as_secs_f64();
                mean.get() * (1.0 + swing * phase.cos())
            }
            Profile::Week(week) => week.rate(now.as_secs_f64()),
            Profile::Flash(flash) => flash.rate(now.as_secs_f64()),
            Profile::Trace(trace) => trace.rate(now.as_nanos() / trace.bin().as_nanos()),
        }
    }

    /// Requests expected from `from` to `to`: the integral of the rate.
    pub fn expected(&self, from: Time, to: Time) -> f64 {
        if to <= from {
            return 0.0;
        }
        match self {
            Profile::Constant(rate) => rate.over(to.since(from)),
            Profile::Stepped(steps) => {
                let mut total = 0.0;
                for (i, (start, rate)) in steps.iter().enumerate() {
                    let end = steps.get(i + 1).map_or(Time::NEVER, |(next, _)| *next);
                    total += rate.over(to.min(end).since(from.max(*start)));
                }
                total
            }
            Profile::Ramp { .. }
            | Profile::Diurnal { .. }
            | Profile::Week(_)
            | Profile::Flash(_) => {
                self.cumulative(to.as_secs_f64()) - self.cumulative(from.as_secs_f64())
            }
            Profile::Trace(trace) => trace.expected(from, to),
        }
    }

    /// The highest rate between `from` and `to`, for thinning.
    pub fn bound(&self, from: Time, to: Time) -> f64 {
        match self {
            Profile::Constant(rate) => rate.get(),
            Profile::Stepped(steps) => steps
                .iter()
                .filter(|(start, _)| *start > from && *start < to)
                .map(|(_, rate)| rate.get())
                .fold(self.rate(from), f64::max),
            Profile::Ramp { .. } => self.rate(from).max(self.rate(to)),
            Profile::Diurnal {
                mean,
                peak_over_trough,
                ..
            } => mean.get() * 2.0 * peak_over_trough / (peak_over_trough + 1.0),
            Profile::Week(week) => week.bound(from.as_secs_f64(), to.as_secs_f64()),
            Profile::Flash(flash) => flash.bound(from.as_secs_f64(), to.as_secs_f64()),
            Profile::Trace(trace) => {
                let mut highest = self.rate(from);
                let width = trace.bin().as_nanos();
                let mut now = from;
                while now < to {
                    highest = highest.max(self.rate(now));
                    now = Time::from_nanos((now.as_nanos() / width + 1) * width);
                }
                highest
            }
        }
    }

    /// Whether the rate is the same everywhere between `from` and `to`.
    pub fn is_constant(&self, from: Time, to: Time) -> bool {
        match self {
            Profile::Constant(_) => true,
            Profile::Stepped(steps) => !steps.iter().any(|(at, _)| *at > from && *at < to),
            Profile::Ramp { over, .. } => from >= Time::START + *over,
            Profile::Diurnal {
                peak_over_trough, ..
            } => *peak_over_trough == 1.0,
            Profile::Week(week) => week.is_constant(),
            Profile::Flash(flash) => flash.is_constant(from.as_secs_f64(), to.as_secs_f64()),
            Profile::Trace(trace) => {
                let width = trace.bin().as_nanos();
                to.as_nanos() <= (from.as_nanos() / width + 1) * width
            }
        }
    }

    /// Mean rate over the first `span` of the rollout.
    pub fn mean(&self, span: Span) -> Rate {
        let mean = self.expected(Time::START, Time::START + span) / span.as_secs_f64();
        Rate::per_second(mean).unwrap_or(Rate::ZERO)
    }

    /// The same shape with every rate multiplied.
    pub fn scaled(&self, factor: f64) -> Profile {
        let scale = |rate: &Rate| Rate::per_second(rate.get() * factor).unwrap_or(Rate::ZERO);
        match self {
            Profile::Constant(rate) => Profile::Constant(scale(rate)),
            Profile::Stepped(steps) => {
                Profile::Stepped(steps.iter().map(|(at, rate)| (*at, scale(rate))).collect())
            }
            Profile::Ramp { from, to, over } => Profile::Ramp {
                from: scale(from),
                to: scale(to),
                over: *over,
            },
            Profile::Diurnal {
                mean,
                peak_over_trough,
                peak,
                period,
            } => Profile::Diurnal {
                mean: scale(mean),
                peak_over_trough: *peak_over_trough,
                peak: *peak,
                period: *period,
            },
            Profile::Week(week) => Profile::Week(week.scaled(factor)),
            Profile::Flash(flash) => Profile::Flash(flash.scaled(factor)),
            Profile::Trace(trace) => Profile::Trace(trace.scaled(factor)),
        }
    }

    /// Requests expected from the start of the rollout to `t` seconds after it.
    pub(super) fn cumulative(&self, t: f64) -> f64 {
        match self {
            Profile::Ramp { from, to, over } => {
                let over = over.as_secs_f64();
                let climbing = t.min(over);
                let slope = (to.get() - from.get()) / over;
                from.get() * climbing
                    + slope * climbing * climbing / 2.0
                    + to.get() * (t - climbing)
            }
            Profile::Diurnal {
                mean,
                peak_over_trough,
                peak,
                period,
            } => {
                let swing = (peak_over_trough - 1.0) / (peak_over_trough + 1.0);
                let period = period.as_secs_f64();
                let phase = TAU * (t - peak.as_secs_f64()) / period;
                mean.get() * (t + swing * period / TAU * phase.sin())
            }
            Profile::Week(week) => week.cumulative(t),
            Profile::Flash(flash) => flash.cumulative(t),
            Profile::Constant(_) | Profile::Stepped(_) | Profile::Trace(_) => {
                self.expected(Time::START, Time::START + Span::from_secs_f64(t))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(value: f64) -> Rate {
        Rate::per_second(value).unwrap()
    }

    fn every_profile() -> Vec<Profile> {
        vec![
            Profile::Constant(rate(20.0)),
            Profile::Stepped(vec![
                (Time::START, rate(10.0)),
                (Time::from_secs(333), rate(50.0)),
                (Time::from_secs(1_000), rate(5.0)),
            ]),
            Profile::Ramp {
                from: rate(5.0),
                to: rate(80.0),
                over: Span::from_secs(900),
            },
            Profile::Diurnal {
                mean: rate(20.0),
                peak_over_trough: 4.4,
                peak: Span::from_secs(500),
                period: Span::from_secs(2_000),
            },
            Profile::Week(
                Week::new(rate(20.0), &Week::NASA, 0.6, Span::from_secs(7 * 3_600)).unwrap(),
            ),
            Profile::Flash(Flash {
                base: rate(20.0),
                peak: 10.0,
                at: Span::from_secs(200),
                rise: Span::from_secs(100),
                hold: Span::from_secs(50),
                half_life: Span::from_secs(300),
            }),
            Profile::Trace(Trace::new(Span::from_secs(60), vec![1.0, 9.0, 4.0]).unwrap()),
        ]
    }

    #[test]
    fn the_closed_integral_agrees_with_a_sum_of_slices() {
        for profile in every_profile() {
            let (from, to) = (Time::from_secs(30), Time::from_secs(1_400));
            let slice = Span::from_millis(10);
            let mut sum = 0.0;
            let mut now = from;
            while now < to {
                sum += profile.rate(now + Span::from_millis(5)) * slice.as_secs_f64();
                now += slice;
            }
            let exact = profile.expected(from, to);
            assert!(
                (sum / exact - 1.0).abs() < 1e-4,
                "{profile:?}: {sum} {exact}"
            );
            assert!(profile.bound(from, to) * 1.000_001 >= sum / 1_370.0);
        }
    }

    #[test]
    fn a_trace_sums_its_bins_over_repetitions() {
        let trace = Trace::new(Span::from_secs(60), vec![1.0, 9.0, 4.0]).unwrap();
        assert!((trace.mean() - 14.0 / 3.0).abs() < 1e-12);
        let profile = Profile::Trace(trace);
        for (from, to, expected) in [
            (0, 60, 60.0),
            (0, 180, 840.0),
            (10, 20, 10.0),
            (50, 70, 10.0 + 90.0),
            (170, 200, 40.0 + 20.0),
            (30, 570, 3.0 * 840.0),
        ] {
            let sum = profile.expected(Time::from_secs(from), Time::from_secs(to));
            assert!((sum - expected).abs() < 1e-9, "{from} to {to}: {sum}");
        }
    }

    #[test]
    fn impossible_traces_are_refused() {
        let second = Span::from_secs(1);
        assert_eq!(Trace::new(second, vec![]), None);
        assert_eq!(Trace::new(Span::ZERO, vec![1.0]), None);
        assert_eq!(Trace::new(second, vec![-1.0]), None);
        assert_eq!(Trace::new(second, vec![f64::NAN]), None);
    }

    #[test]
    fn scaling_scales_every_rate_and_keeps_the_shape() {
        for profile in every_profile() {
            let scaled = profile.scaled(3.0);
            for second in [0, 77, 400, 1_333] {
                let now = Time::from_secs(second);
                assert!((scaled.rate(now) - 3.0 * profile.rate(now)).abs() < 1e-9);
            }
        }
    }
}
