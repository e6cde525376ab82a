//! Bands around empirical distributions that hold at all quantiles and all times together, and the
//! test of two of them.
//!
//! (Howard and Ramdas 2022, theorem 2; Lindon, Sanden and Shirikian 2022 for the test.)

use super::{level, positive};
use crate::stats::zeroin::zeroin;

/// The radius of the band of Dvoretzky, Kiefer and Wolfowitz after `count` observations, looked at
/// once (Massart 1990).
pub fn dkw_radius(count: f64, alpha: f64) -> Option<f64> {
    (positive(count) && level(alpha)).then(|| ((2.0 / alpha).ln() / (2.0 * count)).sqrt())
}

/// The radius of a band for all times, in closed form.
pub fn dkw_radius_at_all_times(count: f64, alpha: f64) -> Option<f64> {
    (count >= 1.0 && count.is_finite() && level(alpha)).then(|| {
        let log = (1.0 + count.ln()).ln() + 0.8 * (1_612.0 / alpha).ln();
        0.85 * (log / count).sqrt()
    })
}

/// The test of two distributions by bands that separate: level `alpha`, anytime, exact, very
/// conservative.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BandTest {
    width: f64,
    least: f64,
    constant: f64,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Separation {
    /// The largest excess of the second distribution over the first: how far the first lies to the
    /// right.
    pub above: f64,
    /// The largest excess of the first distribution over the second.
    pub below: f64,
    /// The excess from which on the bands are apart.
    pub radius: f64,
    /// The smallest level at which the first is found to lie to the right; 1 where none.
    pub p_above: f64,
}

impl BandTest {
    /// The width with the smallest closed-form constants.
    pub const USUAL_WIDTH: f64 = 0.85;

    /// Each distribution gets a band at level `alpha / 2`, from `least` observations on. `width` is
    /// the constant A, above 1/√2. `None` where one of these is outside its range.
    pub fn new(alpha: f64, width: f64, least: f64) -> Option<BandTest> {
        let sound = level(alpha) && least >= 1.0 && least.is_finite();
        sound.then_some(())?;
        Some(BandTest {
            width,
            least,
            constant: constant(alpha / 2.0, width)?,
        })
    }

    /// The radius of one band after `count` observations; infinite before there are enough.
    pub fn radius(&self, count: f64) -> f64 {
        if count < self.least || count.is_nan() {
            return f64::INFINITY;
        }
        let log = (1.0 + (count / self.least).ln()).ln();
        self.width * ((log + self.constant) / count).sqrt()
    }

    /// A look at both arms' counts, so far, in the cells of one histogram.
    pub fn look(&self, first: &[u64], second: &[u64]) -> Option<Separation> {
        if first.len() != second.len() {
            return None;
        }
        let (n, m): (u64, u64) = (first.iter().sum(), second.iter().sum());
        let (n, m) = (n as f64, m as f64);
        let (mut a, mut b) = (0_u64, 0_u64);
        let (mut above, mut below) = (0.0_f64, 0.0_f64);
        if n > 0.0 && m > 0.0 {
            for (one, other) in first.iter().zip(second) {
                a += one;
                b += other;
                let gap = b as f64 / m - a as f64 / n;
                above = above.max(gap);
                below = below.max(-gap);
            }
        }
        Some(Separation {
            above,
            below,
            radius: self.radius(n) + self.radius(m),
            p_above: self.p_value(above, n, m),
        })
    }

    /// The level at which bands around `n` and `m` observations are just `gap` apart.
    fn p_value(&self, gap: f64, n: f64, m: f64) -> f64 {
        if n < self.least || m < self.least || gap <= 0.0 {
            return 1.0;
        }
        let at = |constant: f64| BandTest { constant, ..*self };
        let apart = |constant: f64| {
            let test = at(constant);
            Some(test.radius(n) + test.radius(m) - gap)
        };
        if apart(0.0).is_some_and(|excess| excess >= 0.0) {
            return 1.0;
        }
        let most = gap * gap * n.min(m) / (self.width * self.width);
        let Some(constant) = zeroin(0.0, most, 1e-12, apart) else {
            return 1.0;
        };
        (2.0 * log_level(constant, self.width).exp()).min(1.0)
    }
}

/// The radius of one band of level `alpha` after `count` observations, from `least` on: that of the
/// empirical process, of the order of the law of the iterated logarithm.
pub fn band_radius(count: f64, alpha: f64, least: f64, width: f64) -> Option<f64> {
    let sound = level(alpha) && least >= 1.0 && count >= least && count.is_finite();
    let constant = sound.then(|| constant(alpha, width)).flatten()?;
    let test = BandTest {
        width,
        least,
        constant,
    };
    Some(test.radius(count))
}

/// The constant C at which the band has level `alpha`.
fn constant(alpha: f64, width: f64) -> Option<f64> {
    if !(width > 0.5_f64.sqrt() && width.is_finite()) {
        return None;
    }
    let needed = alpha.ln();
    let (mut low, mut high) = (0.0, 1.0);
    while log_level(high, width) > needed {
        low = high;
        high *= 2.0;
        if high > 1e12 {
            return None;
        }
    }
    for _ in 0..50 {
        let middle = (low + high) / 2.0;
        if log_level(middle, width) > needed {
            low = middle;
        } else {
            high = middle;
        }
    }
    Some(high)
}

/// ln of the smallest over η > 1 of 4 e^(−γC) (1 + 1 / ((γ − 1) ln η)), with γ = (2 / η) (A −
/// √(2 (η − 1) / C))², where γ > 1. Infinite where no η has that.
fn log_level(constant: f64, width: f64) -> f64 {
    let level = |log_eta: f64| {
        let eta = log_eta.exp();
        let root = width - (2.0 * log_eta.exp_m1() / constant).sqrt();
        let gamma = 2.0 / eta * root * root;
        if root <= 0.0 || gamma <= 1.0 {
            return f64::INFINITY;
        }
        4.0_f64.ln() - gamma * constant + (1.0 / ((gamma - 1.0) * log_eta)).ln_1p()
    };
    // Infinite at 0 and from some η on, with one valley between; η is at most 2 A².
    let mut best = (f64::INFINITY, 0.0);
    let end = (2.0 * width * width).ln();
    const STEPS: u32 = 100;
    for step in 1..STEPS {
        // Denser towards 0.
        let at = end * (f64::from(step) / f64::from(STEPS)).powi(3);
        let value = level(at);
        if value < best.0 {
            best = (value, at);
        }
    }
    if !best.0.is_finite() {
        return f64::INFINITY;
    }
    let cube = |at: f64| (at / end).cbrt();
    let around = |shift: f64| end * (cube(best.1) + shift / f64::from(STEPS)).max(1e-9).powi(3);
    let (mut low, mut high) = (around(-1.0), around(1.0));
    let golden = 0.618_033_988_749_894_8;
    for _ in 0..45 {
        let (a, b) = (high - golden * (high - low), low + golden * (high - low));
        if level(a) < level(b) {
            high = b;
        } else {
            low = a;
        }
    }
    level((low + high) / 2.0).min(best.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_found_is_the_one_at_which_the_bands_are_just_apart() {
        let test = BandTest::new(0.05, BandTest::USUAL_WIDTH, 1.0).unwrap();
        let first = [10_u64, 100, 400, 490];
        for moved in [0_u64, 120, 180, 300] {
            let second = [10 + moved, 100, 400, 490 - moved];
            let found = test.look(&first, &second).unwrap();
            assert!((found.above - moved as f64 / 1_000.0).abs() < 1e-12);
            assert_eq!(found.below, 0.0);
            if moved == 0 {
                assert_eq!(found.p_above, 1.0);
                continue;
            }
            // A test at that level is on the edge.
            if found.p_above < 1.0 {
                let edge = BandTest::new(found.p_above, BandTest::USUAL_WIDTH, 1.0).unwrap();
                let radius = edge.look(&first, &second).unwrap().radius;
                assert!(
                    (radius - found.above).abs() < 1e-6,
                    "{radius} {}",
                    found.above
                );
            }
            assert_eq!(found.above > found.radius, found.p_above < 0.05);
        }
    }

    #[test]
    fn without_data_nothing_is_apart() {
        let test = BandTest::new(0.05, BandTest::USUAL_WIDTH, 100.0).unwrap();
        let found = test.look(&[0, 0], &[5, 5]).unwrap();
        assert_eq!(
            (found.above, found.radius, found.p_above),
            (0.0, f64::INFINITY, 1.0)
        );
        assert_eq!(test.look(&[1], &[1, 2]), None);
        assert_eq!(BandTest::new(0.05, 0.7, 1.0), None);
        assert_eq!(BandTest::new(1.0, 0.85, 1.0), None);
        assert_eq!(band_radius(10.0, 0.05, 100.0, 0.85), None);
        assert_eq!(dkw_radius(0.0, 0.05), None);
        assert_eq!(dkw_radius_at_all_times(f64::NAN, 0.05), None);
    }
}
