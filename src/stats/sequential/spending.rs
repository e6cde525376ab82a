//! How much of an error probability a plan with many looks may have spent by when.

use std::f64::consts::E;

use crate::stats::{normal_quantile, normal_upper};

/// A spending function: from nothing at the start to all of `alpha` at the planned end.
///
/// (Lan and DeMets 1983; Kim and DeMets 1987; Hwang, Shih and DeCani 1990.)
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spending {
    /// α ln(1 + (e − 1) t): nearly evenly, as constant boundaries of Pocock do.
    Pocock,
    /// 2 (1 − Φ(z₁₋α⸝₂ / √t)): hardly anything early, as O'Brien and Fleming do.
    OBrienFleming,
    /// α t^γ (Kim and DeMets). One half spends much early; 1 evenly.
    Power(f64),
    /// α (1 − e^−γt) / (1 − e^−γ); evenly at 0, late below it.
    HwangShihDeCani(f64),
}

impl Spending {
    /// What of `alpha`, the one-sided level of the whole, may have been spent when the share `t`
    /// of the plan has passed. Before the start nothing, after the end all; nothing too where `t`
    /// is not a number.
    pub fn spent(self, alpha: f64, t: f64) -> f64 {
        if t.is_nan() || t <= 0.0 {
            return 0.0;
        }
        if t >= 1.0 {
            return alpha;
        }
        match self {
            Spending::Pocock => alpha * ((E - 1.0) * t).ln_1p(),
            Spending::OBrienFleming => {
                2.0 * normal_upper(normal_quantile(1.0 - alpha / 2.0) / t.sqrt())
            }
            Spending::Power(exponent) => alpha * t.powf(exponent),
            Spending::HwangShihDeCani(0.0) => alpha * t,
            Spending::HwangShihDeCani(gamma) => alpha * (-gamma * t).exp_m1() / (-gamma).exp_m1(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Spending; 6] = [
        Spending::Pocock,
        Spending::OBrienFleming,
        Spending::Power(0.5),
        Spending::Power(2.0),
        Spending::HwangShihDeCani(-4.0),
        Spending::HwangShihDeCani(0.0),
    ];

    #[test]
    fn spending_starts_at_nothing_rises_and_ends_at_all() {
        for spending in ALL {
            for alpha in [1e-4, 0.025, 0.05, 0.5] {
                assert_eq!(spending.spent(alpha, 0.0), 0.0);
                assert_eq!(spending.spent(alpha, -1.0), 0.0);
                assert_eq!(spending.spent(alpha, f64::NAN), 0.0);
                assert_eq!(spending.spent(alpha, 1.0), alpha);
                assert_eq!(spending.spent(alpha, 7.0), alpha);
                let mut before = 0.0;
                for step in 1..=100 {
                    let spent = spending.spent(alpha, f64::from(step) / 100.0);
                    assert!(
                        spent >= before && spent <= alpha,
                        "{spending:?} {alpha} {step}"
                    );
                    before = spent;
                }
                // No jump at the end.
                assert!(spending.spent(alpha, 0.999_999) > 0.999 * alpha);
            }
        }
    }

    #[test]
    fn the_values_are_those_of_rpact() {
        // rpact 3.3.4, getDesignGroupSequential: alphaSpent.
        for (spending, alpha, t, expected) in [
            (Spending::OBrienFleming, 0.05, 0.25, 8.857_543_832_130_33e-5),
            (Spending::OBrienFleming, 0.05, 0.1, 5.720_318_663_193_78e-10),
            (Spending::Pocock, 0.05, 0.1, 0.007_928_253_937_021_51),
            (Spending::Power(2.0), 0.05, 0.25, 0.003_125),
            (
                Spending::HwangShihDeCani(-4.0),
                0.025,
                0.2,
                5.716_339_685_859_5e-4,
            ),
        ] {
            let spent = spending.spent(alpha, t);
            assert!(
                (spent / expected - 1.0).abs() < 1e-7,
                "{spending:?}: {spent}"
            );
        }
    }
}
