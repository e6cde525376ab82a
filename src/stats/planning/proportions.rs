//! Two proportions in arms of unequal size.

use super::super::{normal_quantile, normal_upper};
use super::{Risks, inside};

/// Trials of both arms together by three closed forms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ProportionTotals {
    /// For the z test with pooled variance (Fleiss, *Statistical Methods for Rates and
    /// Proportions*, 1981, 3.2).
    pub fleiss: f64,
    /// The same with continuity correction: close to what Fisher's exact test needs.
    pub corrected: f64,
    /// From the difference of arcsines of square roots (Cohen 1988).
    pub arcsine: f64,
}

/// Trials that tell the proportions of a first arm with `share` of the trials and of a second apart.
pub fn proportion_totals(
    first: f64,
    second: f64,
    share: f64,
    risks: Risks,
) -> Option<ProportionTotals> {
    if !(inside(first) && inside(second) && inside(share)) || first == second {
        return None;
    }
    let (level, power) = risks.quantiles();
    let difference = (first - second).abs();
    let (pooled, apart) = spreads(first, second, share);
    let in_first = ((level * pooled + power * apart) / difference).powi(2);
    let others = (1.0 - share) / share;
    let correction = 2.0 * (others + 1.0) / (in_first * others * difference);
    let corrected = in_first / 4.0 * (1.0 + (1.0 + correction).sqrt()).powi(2);
    let arcs = 2.0 * (first.sqrt().asin() - second.sqrt().asin());
    Some(ProportionTotals {
        fleiss: in_first / share,
        corrected: corrected / share,
        arcsine: (risks.distance() / arcs).powi(2) / (share * (1.0 - share)),
    })
}

/// Power of the pooled z test with `total` trials in both arms, by the formula of
/// [`ProportionTotals::fleiss`].
pub fn fleiss_power(first: f64, second: f64, share: f64, total: f64, alpha: f64) -> Option<f64> {
    if !(inside(first) && inside(second) && inside(share) && inside(alpha)) || total.is_nan() {
        return None;
    }
    let (pooled, apart) = spreads(first, second, share);
    let level = normal_quantile(1.0 - alpha);
    let in_first = (total * share).max(0.0).sqrt();
    Some(normal_upper(
        (level * pooled - in_first * (first - second).abs()) / apart,
    ))
}

/// The proportion of the first arm, above `second` or, with `below`, below it, that `total` trials
/// tell from `second`. `None` where none is.
pub fn fleiss_detectable(
    second: f64,
    below: bool,
    share: f64,
    total: f64,
    risks: Risks,
) -> Option<f64> {
    let end = if below { 1e-12 } else { 1.0 - 1e-12 };
    let seen = |first| {
        let power = fleiss_power(first, second, share, total, risks.alpha)?;
        Some(power >= risks.power)
    };
    if !seen(end)? {
        return None;
    }
    let (mut near, mut far) = (second, end);
    for _ in 0..60 {
        let middle = (near + far) / 2.0;
        if seen(middle)? {
            far = middle;
        } else {
            near = middle;
        }
    }
    Some(far)
}

/// Standard deviations of the difference for one trial of the first arm: pooled, and apart.
fn spreads(first: f64, second: f64, share: f64) -> (f64, f64) {
    let others = (1.0 - share) / share;
    let pooled = (first + others * second) / (1.0 + others);
    (
        (pooled * (1.0 - pooled) * (1.0 + 1.0 / others)).sqrt(),
        (first * (1.0 - first) + second * (1.0 - second) / others).sqrt(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risks() -> Risks {
        Risks::new(0.05, 0.8).unwrap()
    }

    #[test]
    fn power_and_detectable_proportion_invert_the_number_of_trials() {
        for (first, second, share) in [(0.002, 0.001, 0.05), (0.027, 0.03, 0.1), (0.6, 0.5, 0.5)] {
            let total = proportion_totals(first, second, share, risks())
                .unwrap()
                .fleiss;
            let power = fleiss_power(first, second, share, total, 0.05).unwrap();
            assert!((power - 0.8).abs() < 1e-9, "{power}");
            let found = fleiss_detectable(second, first < second, share, total, risks()).unwrap();
            assert!((found / first - 1.0).abs() < 1e-6, "{found} for {first}");
        }
    }

    #[test]
    fn nothing_to_plan_is_no_plan() {
        for (first, second, share) in [
            (0.01, 0.01, 0.1),
            (0.0, 0.01, 0.1),
            (0.01, 1.0, 0.1),
            (0.01, 0.02, 0.0),
            (f64::NAN, 0.02, 0.5),
        ] {
            assert_eq!(proportion_totals(first, second, share, risks()), None);
        }
        assert_eq!(fleiss_detectable(0.5, false, 0.5, 1.0, risks()), None);
    }
}
