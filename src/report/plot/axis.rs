//! Axes: from a quantity to a share of the panel's side, with ticks at values that mean something.

use crate::report::quantity;

/// A mark on an axis.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// The value it is at.
    pub at: f64,
    /// What is written there.
    pub label: String,
}

/// One axis of a panel.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Axis {
    low: f64,
    high: f64,
    log: bool,
    /// From low to high.
    pub ticks: Vec<Tick>,
}

impl Axis {
    /// Where `value` lies: 0 at the low end, 1 at the high end, held to between.
    pub(super) fn place(&self, value: f64) -> f64 {
        let share = if self.log {
            (value.max(f64::MIN_POSITIVE) / self.low).ln() / (self.high / self.low).ln()
        } else {
            (value - self.low) / (self.high - self.low)
        };
        share.clamp(0.0, 1.0)
    }

    /// The value at the high end.
    pub(super) fn high(&self) -> f64 {
        self.high
    }

    /// Whether equal distances are equal ratios.
    pub(super) fn is_log(&self) -> bool {
        self.log
    }

    /// Canary percentages on a logarithmic scale, a tick at each.
    pub(super) fn weights(weights: &[f64]) -> Axis {
        let low = weights.iter().copied().fold(f64::INFINITY, f64::min);
        let high = weights.iter().copied().fold(0.0, f64::max);
        let (low, high) = if low > 0.0 && low.is_finite() {
            (low, high)
        } else {
            (1.0, 100.0)
        };
        // Room beside the outermost points; more when there is but one.
        let room = if high > low { 1.12 } else { 2.0 };
        Axis {
            low: low / room,
            high: high * room,
            log: true,
            ticks: weights
                .iter()
                .map(|weight| Tick {
                    at: *weight,
                    label: quantity::weight(*weight),
                })
                .collect(),
        }
    }

    /// Shares from 0 to 1, a tick at each of `steps` equal steps.
    pub(super) fn shares(steps: u32) -> Axis {
        Axis {
            low: 0.0,
            high: 1.0,
            log: false,
            ticks: (0..=steps)
                .map(|i| {
                    let at = f64::from(i) / f64::from(steps);
                    Tick {
                        at,
                        label: format!("{:.0} %", 100.0 * at),
                    }
                })
                .collect(),
        }
    }

    /// Shares from 0 to 1 where the small ones matter: logarithmic from 0.1 % on, and all below it
    /// at the low end.
    pub(super) fn small_shares() -> Axis {
        let tick = |(at, label): (f64, &str)| Tick {
            at,
            label: label.to_owned(),
        };
        let ticks = [
            (0.001, "≤ 0.1 %"),
            (0.01, "1 %"),
            (0.1, "10 %"),
            (1.0, "100 %"),
        ];
        Axis {
            low: 0.001,
            high: 1.0,
            log: true,
            ticks: ticks.map(tick).to_vec(),
        }
    }

    /// So many rows from the top down, without ticks; row numbers count from 0.
    pub(super) fn rows(count: usize) -> Axis {
        Axis {
            low: count as f64 - 0.5,
            high: -0.5,
            log: false,
            ticks: Vec::new(),
        }
    }

    /// Plain numbers that cover `low` to `high`, about `wanted` ticks; `unit` follows each number.
    pub(super) fn numbers(low: f64, high: f64, wanted: u32, unit: &str) -> Axis {
        let span = if high > low { high - low } else { 1.0 };
        let step = nice_step(span / f64::from(wanted.max(1)));
        let (first, last) = ((low / step + 1e-9).floor(), (high / step - 1e-9).ceil());
        let last = last.max(first + 1.0);
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        Axis {
            low: first * step,
            high: last * step,
            log: false,
            ticks: (0..=(last - first) as u32)
                .map(|i| {
                    let at = (first + f64::from(i)) * step;
                    let label = if at >= 1000.0 {
                        quantity::count(at)
                    } else {
                        format!("{at:.decimals$}")
                    };
                    Tick {
                        at,
                        label: format!("{label}{unit}"),
                    }
                })
                .collect(),
        }
    }

    /// Times from 0 to `high` seconds, about `wanted` ticks.
    pub(super) fn times(high: f64, wanted: u32) -> Axis {
        let high = if high > 0.0 { high } else { 60.0 };
        let step = NICE_TIMES
            .iter()
            .copied()
            .find(|step| high / step <= f64::from(wanted))
            .unwrap_or_else(|| 86_400.0 * nice_step(high / 86_400.0 / f64::from(wanted)));
        Axis {
            low: 0.0,
            high,
            log: false,
            ticks: (0..=(high / step + 1e-9) as u32)
                .map(|i| time_tick(f64::from(i) * step))
                .collect(),
        }
    }

    /// Times that span several orders: logarithmic, ticks at round times.
    pub(super) fn times_log(low: f64, high: f64) -> Axis {
        let low = low.max(0.1);
        let high = high.max(2.0 * low);
        let start = LOG_TIMES
            .iter()
            .copied()
            .rfind(|t| *t <= low)
            .unwrap_or(low);
        let end = LOG_TIMES
            .iter()
            .copied()
            .find(|t| *t >= high)
            .unwrap_or(high);
        let ticks = LOG_TIMES
            .iter()
            .filter(|t| (start..=end).contains(*t))
            .map(|t| time_tick(*t))
            .collect();
        Axis {
            low: start,
            high: end,
            log: true,
            ticks,
        }
    }

    /// Times that cover all of `seconds`: from zero where that shows them, logarithmic where the
    /// longest is many times the shortest. Without any, the axis covers `otherwise`.
    pub(super) fn times_covering(seconds: &[f64], otherwise: f64, wanted: u32) -> Axis {
        let positive = seconds.iter().copied().filter(|t| *t > 0.0);
        let low = positive.clone().fold(f64::INFINITY, f64::min);
        let high = positive.fold(0.0, f64::max);
        if high == 0.0 {
            Axis::times(otherwise, wanted)
        } else if high > 15.0 * low {
            Axis::times_log(low, high)
        } else {
            Axis::times(1.08 * high, wanted)
        }
    }
}

const NICE_TIMES: [f64; 20] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 180.0, 300.0, 600.0, 900.0, 1_800.0, 3_600.0,
    7_200.0, 10_800.0, 21_600.0, 43_200.0, 86_400.0, 172_800.0,
];

const LOG_TIMES: [f64; 17] = [
    0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1_800.0, 3_600.0, 10_800.0,
    43_200.0, 86_400.0, 259_200.0, 864_000.0,
];

fn time_tick(seconds: f64) -> Tick {
    Tick {
        at: seconds,
        label: if seconds == 0.0 {
            "0".to_owned()
        } else {
            quantity::time(seconds)
        },
    }
}

/// The smallest of 1, 2, 5 times a power of ten that is at least `rough`.
fn nice_step(rough: f64) -> f64 {
    let power = 10_f64.powi(rough.log10().floor() as i32);
    [1.0, 2.0, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough * (1.0 - 1e-9))
        .unwrap_or(10.0 * power)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| &*tick.label).collect()
    }

    #[test]
    fn ticks_are_round_and_within_the_axis() {
        assert_eq!(
            labels(&Axis::times(660.0, 6)),
            ["0", "2m", "4m", "6m", "8m", "10m"]
        );
        assert_eq!(
            labels(&Axis::numbers(98.6, 100.0, 4, "")),
            ["98.5", "99.0", "99.5", "100.0"]
        );
        assert_eq!(
            labels(&Axis::times_log(50.0, 4_000.0)),
            ["30s", "1m", "2m", "5m", "15m", "30m", "1h", "3h"]
        );
    }

    #[test]
    fn equal_ratios_are_equal_distances_on_a_log_axis() {
        let axis = Axis::weights(&[1.0, 10.0, 100.0]);
        let places: Vec<f64> = [1.0, 10.0, 100.0].map(|w| axis.place(w)).to_vec();
        assert!((places[1] - places[0] - (places[2] - places[1])).abs() < 1e-12);
    }

    #[test]
    fn axes_of_one_value_or_none_still_have_length() {
        for axis in [
            Axis::weights(&[]),
            Axis::weights(&[5.0]),
            Axis::weights(&[0.0, 5.0]),
            Axis::numbers(3.0, 3.0, 4, ""),
            Axis::times(0.0, 5),
            Axis::times_covering(&[], 0.0, 5),
            Axis::times_covering(&[60.0], 0.0, 5),
            Axis::times(1e9, 5),
        ] {
            let place = axis.place(5.0);
            assert!((0.0..=1.0).contains(&place), "{axis:?}");
            assert!(axis.ticks.len() < 40, "{axis:?}");
        }
    }
}
