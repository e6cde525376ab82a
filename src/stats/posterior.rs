//! How likely one rate is above another, given what was seen and a prior.
//!
//! Under flat priors these are near one minus the one-sided p-value of a test, and looking at them
//! again and again errs as often as looking at p-values does.

use statrs::function::gamma::ln_gamma;

use super::Events;
use super::beta::beta_regularised;
use super::hypergeometric::Hypergeometric;

/// What is known of a share: Beta(a, b).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Beta {
    /// Hits, and those that the prior is worth; above zero.
    pub a: f64,
    /// Misses, and those that the prior is worth; above zero.
    pub b: f64,
}

impl Beta {
    /// After so many hits of so many trials, from a prior; 1 and 1 are the flat one.
    pub fn after(prior: Beta, hits: u64, trials: u64) -> Beta {
        debug_assert!(hits <= trials);
        Beta {
            a: prior.a + hits as f64,
            b: prior.b + (trials - hits) as f64,
        }
    }

    /// The chance that this share is above another, independent one.
    ///
    /// Where all parameters are whole numbers this is a tail of Fisher's test on nearly the same table,
    /// and costs as much; otherwise an integral, a thousand times as slow. (Altham 1969; Deng, Lu and
    /// Chen 2016 on what it is worth.)
    pub fn chance_above(self, other: Beta) -> f64 {
        let parameters = [self.a, self.b, other.a, other.b];
        if parameters.iter().all(|parameter| parameter.fract() == 0.0) {
            return counted(self, other);
        }
        integrated(self, other).clamp(0.0, 1.0)
    }
}

/// The chance that the rate of one Poisson process is above that of another, after so many events in so
/// much exposure of each, from Gamma priors of this shape whose scale is vague. `None` where an
/// exposure or the shape is not above zero.
///
/// Given both, the sum of the events falls to the first arm with chance w = its share of the exposure:
/// 1 - I_w(x + shape, y + shape).
pub fn rate_chance_above(first: Events, second: Events, shape: f64) -> Option<f64> {
    let all = first.exposure + second.exposure;
    let share = first.exposure / all;
    let defined = shape > 0.0 && share > 0.0 && share < 1.0 && shape.is_finite();
    // The complement from the other side, which keeps its digits where it is small.
    defined.then(|| {
        beta_regularised(
            second.count as f64 + shape,
            first.count as f64 + shape,
            second.exposure / all,
        )
    })
}

/// Beta(a, b) is the a-th smallest of a + b - 1 uniform draws. Of the draws of both, the other's a-th
/// comes before this one's exactly when it is among the smallest a₁ + a₂ - 1 of all.
fn counted(this: Beta, other: Beta) -> f64 {
    let draws = |of: Beta| (of.a + of.b - 1.0) as u64;
    let smallest = (this.a + other.a - 1.0) as u64;
    let of = Hypergeometric::new(draws(other), draws(this), smallest);
    of.upper(other.a).from
}

/// The integral of the first's density times the second's distribution function, by the rule of
/// Takahasi and Mori, which forgives densities that are infinite at an end.
fn integrated(first: Beta, second: Beta) -> f64 {
    use std::f64::consts::FRAC_PI_2;
    const STEPS: i32 = 1_200;
    const REACH: f64 = 4.0;
    let all = first.a + first.b;
    let mean = first.a / all;
    let deviation = (mean * (1.0 - mean) / (all + 1.0)).sqrt();
    let (low, high) = (
        (mean - 40.0 * deviation).max(0.0),
        (mean + 40.0 * deviation).min(1.0),
    );
    let scale = ln_gamma(all) - ln_gamma(first.a) - ln_gamma(first.b);
    let (mut total, mut weighed) = (0.0, 0.0);
    for step in -STEPS..=STEPS {
        let t = REACH * f64::from(step) / f64::from(STEPS);
        let inner = FRAC_PI_2 * t.sinh();
        // Shares of the range below and above the point, each exact near its end.
        let (below, above) = (
            1.0 / (1.0 + (-2.0 * inner).exp()),
            1.0 / (1.0 + (2.0 * inner).exp()),
        );
        let x = if low > 0.0 {
            low + (high - low) * below
        } else {
            high * below
        };
        let rest = if high < 1.0 {
            1.0 - x
        } else {
            (1.0 - low) * above
        };
        let slope = FRAC_PI_2 * t.cosh() * 2.0 * below * above;
        let density = (scale + (first.a - 1.0) * x.ln() + (first.b - 1.0) * rest.ln()).exp();
        let weight = density * slope;
        if weight.is_finite() && weight > 0.0 {
            total += weight;
            weighed += weight * beta_regularised(second.a, second.b, x);
        }
    }
    weighed / total
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(count: u64, exposure: f64) -> Events {
        Events { count, exposure }
    }

    const FLAT: Beta = Beta { a: 1.0, b: 1.0 };

    #[test]
    fn nothing_seen_is_even_and_simple_cases_are_simple() {
        assert!((FLAT.chance_above(FLAT) - 0.5).abs() < 1e-12);
        // A hit of one trial: density 2x, so P = 2/3.
        let one = Beta::after(FLAT, 1, 1);
        assert!((one.chance_above(FLAT) - 2.0 / 3.0).abs() < 1e-12);
        let jeffreys = Beta { a: 0.5, b: 0.5 };
        assert!((jeffreys.chance_above(jeffreys) - 0.5).abs() < 1e-9);
        assert!((integrated(one, FLAT) - 2.0 / 3.0).abs() < 1e-9);
    }

    #[test]
    fn millions_of_trials_do_not_overflow() {
        let of = |hits| Beta::after(FLAT, hits, 2_000_000);
        assert!((of(1_000_000).chance_above(of(1_000_000)) - 0.5).abs() < 1e-9);
        assert!(of(1_010_000).chance_above(of(1_000_000)) > 1.0 - 1e-9);
        assert!(of(1_000_000).chance_above(of(1_010_000)) < 1e-9);
        assert!(of(0).chance_above(of(2_000_000)) < 1e-9);
    }

    #[test]
    fn rates_are_compared_by_the_share_of_the_exposure() {
        let even = rate_chance_above(events(0, 1.0), events(0, 1.0), 1.0).unwrap();
        assert!((even - 0.5).abs() < 1e-12);
        // No event in either: as likely above as the other has more of the exposure.
        let chance = rate_chance_above(events(0, 1.0), events(0, 9.0), 1.0).unwrap();
        assert!((chance - 0.9).abs() < 1e-12);
        assert_eq!(rate_chance_above(events(1, 0.0), events(0, 9.0), 1.0), None);
        assert_eq!(rate_chance_above(events(1, 1.0), events(0, 9.0), 0.0), None);
        assert_eq!(
            rate_chance_above(events(1, f64::NAN), events(0, 9.0), 1.0),
            None
        );
    }

    proptest! {
        #[test]
        fn the_tail_is_the_integral_and_arms_are_complements(
            n in 1_u64..3_000, m in 1_u64..3_000, x in 0.0..=1.0_f64, y in 0.0..=1.0_f64,
        ) {
            let one = Beta::after(FLAT, (x * n as f64) as u64, n);
            let other = Beta::after(FLAT, (y * x * m as f64) as u64, m);
            let chance = one.chance_above(other);
            prop_assert!((chance - integrated(one, other)).abs() < 1e-8, "{chance}");
            prop_assert!((chance + other.chance_above(one) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn one_hit_more_makes_it_likelier(n in 2_u64..3_000, m in 1_u64..3_000, x in 0.0..0.9_f64) {
            let hits = (x * n as f64) as u64;
            let other = Beta::after(FLAT, (x * m as f64) as u64, m);
            let (fewer, more) = (Beta::after(FLAT, hits, n), Beta::after(FLAT, hits + 1, n));
            prop_assert!(fewer.chance_above(other) <= more.chance_above(other) + 1e-12);
        }
    }
}
