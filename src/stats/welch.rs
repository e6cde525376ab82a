//! Comparing two means without supposing that the samples vary alike.

use super::beta::beta_regularised;
use super::{mean, standard_deviation};

/// What the test needs of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moments {
    /// How many values.
    pub count: f64,
    /// Their mean.
    pub mean: f64,
    /// Their variance, with one less than the count as divisor.
    pub variance: f64,
}

impl Moments {
    /// Of a sample; `None` of fewer than two values.
    pub fn of(sample: &[f64]) -> Option<Moments> {
        (sample.len() > 1).then(|| Moments {
            count: sample.len() as f64,
            mean: mean(sample),
            variance: standard_deviation(sample).powi(2),
        })
    }
}

/// What Welch's test says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Welch {
    /// Difference of the means in standard errors, first minus second.
    pub t: f64,
    /// Degrees of freedom, not a whole number.
    pub freedom: f64,
    /// Chance of a `t` at least as large when the means are the same.
    pub p: f64,
}

/// One-sided: is the first mean larger? `None` where neither sample varies, or one has fewer than two
/// values.
///
/// The level holds where means are near normal: with skewed values from hundreds of times their squared
/// skewness on. A change of the tail alone hardly moves a mean. (Welch 1947; Satterthwaite 1946.)
pub fn welch(first: Moments, second: Moments) -> Option<Welch> {
    let [v, w] = [first, second].map(|of| of.variance / of.count);
    let error = v + w;
    let t = (first.mean - second.mean) / error.sqrt();
    let freedom = error * error / (v * v / (first.count - 1.0) + w * w / (second.count - 1.0));
    let defined = t.is_finite() && freedom.is_finite() && freedom > 0.0 && error > 0.0;
    defined.then(|| Welch {
        t,
        freedom,
        p: student_upper(t, freedom),
    })
}

/// The chance that Student's t of so many degrees of freedom exceeds `t`.
fn student_upper(t: f64, freedom: f64) -> f64 {
    let square = t * t;
    // Each from the side that keeps its digits.
    let beyond = if square < freedom {
        1.0 - beta_regularised(0.5, freedom / 2.0, square / (freedom + square))
    } else {
        beta_regularised(freedom / 2.0, 0.5, freedom / (freedom + square))
    };
    match t > 0.0 {
        true => beyond / 2.0,
        false => 1.0 - beyond / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::normal_upper;

    #[test]
    fn tails_of_one_and_two_degrees_of_freedom_have_closed_forms() {
        for t in [-8.0_f64, -1.0, 0.0, 0.3, 2.0, 40.0] {
            let one = 0.5 - t.atan() / std::f64::consts::PI;
            let two = 0.5 - t / (2.0 * (2.0 + t * t).sqrt());
            assert!((student_upper(t, 1.0) - one).abs() < 1e-12, "{t}");
            assert!((student_upper(t, 2.0) - two).abs() < 1e-12, "{t}");
            assert!(
                (student_upper(t, 1e6) - normal_upper(t)).abs() < 1e-6,
                "{t}"
            );
        }
    }

    #[test]
    fn equal_spread_and_size_have_the_freedom_of_both() {
        let (a, b) = (
            Moments::of(&[1.0, 2.0, 3.0]).unwrap(),
            Moments::of(&[2.0, 3.0, 4.0]).unwrap(),
        );
        let test = welch(b, a).unwrap();
        assert!((test.freedom - 4.0).abs() < 1e-12);
        assert!((test.t - 1.5_f64.sqrt()).abs() < 1e-12);
        let swapped = welch(a, b).unwrap();
        assert!((test.p + swapped.p - 1.0).abs() < 1e-12);
    }

    #[test]
    fn samples_that_do_not_vary_have_no_test() {
        assert_eq!(Moments::of(&[1.0]), None);
        let same = Moments::of(&[1.0, 1.0]).unwrap();
        assert_eq!(welch(same, Moments { mean: 2.0, ..same }), None);
        let varying = Moments::of(&[1.0, 3.0]).unwrap();
        assert!(welch(varying, same).is_some());
    }
}
