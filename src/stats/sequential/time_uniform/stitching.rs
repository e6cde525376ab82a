//! Stitched boundaries: in closed form, of the order of the law of the iterated logarithm.

use super::{level, positive};

/// A boundary for any sum whose variance is V and whose increments have a scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PolynomialStitching {
    /// The scale of the increments' tails; 0 for sub-Gaussian ones.
    pub scale: f64,
    /// The V from which on the boundary holds; before it is that of this V.
    pub least: f64,
    /// The exponent of the polynomial, above 1.
    pub s: f64,
    /// The ratio of successive epochs, above 1.
    pub eta: f64,
}

impl PolynomialStitching {
    /// The usual exponent and ratio: 1.4 and 2.
    pub fn usual(scale: f64, least: f64) -> PolynomialStitching {
        PolynomialStitching {
            scale,
            least,
            s: 1.4,
            eta: 2.0,
        }
    }

    /// The boundary at V, or `None` where a parameter is outside its range.
    pub fn bound(&self, v: f64, alpha: f64) -> Option<f64> {
        let sound = self.scale >= 0.0 && self.scale.is_finite() && positive(self.least);
        if !sound || !shape(self.s, self.eta) || !v.is_finite() || !level(alpha) {
            return None;
        }
        let v = v.max(self.least);
        let log = self.s * (self.eta * v / self.least).ln().ln() + zeta(self.s).ln()
            - alpha.ln()
            - self.s * self.eta.ln().ln();
        let (k1, k2) = constants(self.eta);
        let linear = k2 * self.scale * log;
        Some((k1 * k1 * v * log + linear * linear).sqrt() + linear)
    }
}

/// A boundary on all quantiles together that is tighter in the tails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DoubleStitching {
    /// The number of observations from which on the boundary is tight.
    pub tuned: f64,
    /// The distance of neighbouring quantiles, in logits.
    pub delta: f64,
    /// The exponent of the polynomial, above 1.
    pub s: f64,
    /// The ratio of successive epochs, above 1.
    pub eta: f64,
}

impl DoubleStitching {
    /// The usual parameters: 0.5, 1.4 and 2.
    pub fn usual(tuned: f64) -> DoubleStitching {
        DoubleStitching {
            tuned,
            delta: 0.5,
            s: 1.4,
            eta: 2.0,
        }
    }

    /// By how much the number of observations below the `p`-quantile may miss `p` times `count`,
    /// upwards; downwards it is the boundary at 1 − `p`. `None` where a parameter is outside its
    /// range.
    pub fn bound(&self, p: f64, count: f64, alpha: f64) -> Option<f64> {
        let sound = positive(self.tuned) && positive(self.delta) && shape(self.s, self.eta);
        if !sound || !positive(count) || !level(p) || !level(alpha) {
            return None;
        }
        let t = count.max(self.tuned);
        let logit = (p / (1.0 - p)).ln();
        let epoch = t / self.tuned;
        let q = if p >= 0.5 {
            p
        } else {
            let shifted = logit + 2.0 * self.delta * (self.eta / epoch).sqrt();
            (1.0 / (1.0 + (-shifted).exp())).min(0.5)
        };
        let variance = q * (1.0 - q);
        let j = epoch.sqrt() * logit.abs() / (2.0 * self.delta) + 1.0;
        let zeta = zeta(self.s);
        let log = self.s * (self.eta * epoch).ln().ln()
            + self.s * j.ln()
            + (2.0 * zeta * (2.0 * zeta + 1.0)).ln()
            - alpha.ln()
            - self.s * self.eta.ln().ln();
        let (k1, k2) = constants(self.eta);
        let linear = k2 * (1.0 - 2.0 * p) / 3.0 * log;
        Some(
            self.delta * (self.eta * t * variance / self.tuned).sqrt()
                + (k1 * k1 * variance * t * log + linear * linear).sqrt()
                + linear,
        )
    }
}

fn shape(s: f64, eta: f64) -> bool {
    s > 1.0 && s.is_finite() && eta > 1.0 && eta.is_finite()
}

fn constants(eta: f64) -> (f64, f64) {
    let quarter = eta.powf(0.25);
    (
        (quarter + 1.0 / quarter) / 2.0_f64.sqrt(),
        (eta.sqrt() + 1.0) / 2.0,
    )
}

/// Riemann's zeta function above 1, by Euler and Maclaurin.
fn zeta(s: f64) -> f64 {
    const TERMS: i32 = 60;
    let n = f64::from(TERMS);
    let sum: f64 = (1..TERMS).map(|k| f64::from(k).powf(-s)).sum();
    let tail = n.powf(1.0 - s) / (s - 1.0) + 0.5 * n.powf(-s);
    let first = s / 12.0 * n.powf(-s - 1.0);
    let second = s * (s + 1.0) * (s + 2.0) / 720.0 * n.powf(-s - 3.0);
    sum + tail + first - second
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeta_has_its_known_values() {
        let pi = std::f64::consts::PI;
        assert!((zeta(2.0) - pi * pi / 6.0).abs() < 1e-12);
        assert!((zeta(4.0) - pi.powi(4) / 90.0).abs() < 1e-12);
        assert!((zeta(1.4) - 3.105_547_277_977_4).abs() < 1e-9);
    }

    #[test]
    fn parameters_outside_their_range_are_refused() {
        let usual = PolynomialStitching::usual(1.0, 10.0);
        assert!(usual.bound(100.0, 0.05).is_some());
        assert_eq!(usual.bound(f64::NAN, 0.05), None);
        assert_eq!(usual.bound(100.0, 0.0), None);
        assert_eq!(
            PolynomialStitching { s: 1.0, ..usual }.bound(100.0, 0.05),
            None
        );
        let usual = DoubleStitching::usual(100.0);
        assert!(usual.bound(0.01, 10.0, 0.05).is_some());
        assert_eq!(usual.bound(1.0, 10.0, 0.05), None);
        assert_eq!(
            DoubleStitching { eta: 1.0, ..usual }.bound(0.5, 10.0, 0.05),
            None
        );
    }
}
