//! Betting on the mean of values between 0 and 1, about whose distribution nothing else is known.
//!
//! (Waudby-Smith and Ramdas 2024.)

/// The bets of the predictable plug-in: as large as the variance so far lets an interval be
/// narrow. Start with [`PredictableBets::new`]; each value is given after its bet was made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PredictableBets {
    /// 2 ln(1 / α).
    needed: f64,
    count: f64,
    sum: f64,
    squares: f64,
    variance: f64,
}

impl PredictableBets {
    /// Bets for the level `alpha`. `None` unless that is between 0 and 1.
    pub fn new(alpha: f64) -> Option<PredictableBets> {
        (alpha > 0.0 && alpha < 1.0).then(|| PredictableBets {
            needed: -2.0 * alpha.ln(),
            count: 0.0,
            sum: 0.0,
            squares: 0.0,
            variance: 0.25,
        })
    }

    /// The bet on the next value: √(2 ln(1/α) / (v i ln(1 + i))).
    pub fn bet(&self) -> f64 {
        let next = self.count + 1.0;
        (self.needed / (self.variance * next * next.ln_1p())).sqrt()
    }

    /// Takes in a value.
    pub fn add(&mut self, value: f64) {
        self.count += 1.0;
        self.sum += value;
        let mean = (0.5 + self.sum) / (self.count + 1.0);
        self.squares += (value - mean) * (value - mean);
        self.variance = (0.25 + self.squares) / (self.count + 1.0);
    }
}

/// The capital of two bettors against one mean: one bets that the values lie above it, one below.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct HedgedCapital {
    mean: f64,
    theta: f64,
    truncation: f64,
    above: PredictableBets,
    below: PredictableBets,
    log_above: f64,
    log_below: f64,
}

impl HedgedCapital {
    /// Against `mean`, between 0 and 1; `theta` is the part of the capital that bets on values above
    /// it, and no bet may lose more than the share `truncation` of it. `None` where one of the four
    /// is not between 0 and 1.
    pub fn new(mean: f64, alpha: f64, theta: f64, truncation: f64) -> Option<HedgedCapital> {
        let inside = |value: f64| value > 0.0 && value < 1.0;
        if ![mean, alpha, theta, truncation].into_iter().all(inside) {
            return None;
        }
        Some(HedgedCapital {
            mean,
            theta,
            truncation,
            above: PredictableBets::new(alpha * theta)?,
            below: PredictableBets::new(alpha * (1.0 - theta))?,
            log_above: 0.0,
            log_below: 0.0,
        })
    }

    /// Takes in a value; answers ln of the larger bettor's part. `None` where it is not from 0 to 1.
    pub fn look(&mut self, value: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&value) {
            return None;
        }
        let gain = value - self.mean;
        let up = self.above.bet().min(self.truncation / self.mean);
        let down = self.below.bet().min(self.truncation / (1.0 - self.mean));
        self.log_above += (up * gain).ln_1p();
        self.log_below += (-down * gain).ln_1p();
        self.above.add(value);
        self.below.add(value);
        Some(self.log_capital())
    }

    /// ln of the larger bettor's part of the capital, which began as 1 in all.
    pub fn log_capital(&self) -> f64 {
        let above = self.theta.ln() + self.log_above;
        let below = (1.0 - self.theta).ln() + self.log_below;
        above.max(below)
    }
}

/// The lower ends of the empirical-Bernstein confidence sequence of a mean, one after each value;
/// no bet is larger than `truncation`. `None` where a value is not from 0 to 1, or `alpha` or
/// `truncation` not between 0 and 1.
pub fn bernstein_lower(values: &[f64], alpha: f64, truncation: f64) -> Option<Vec<f64>> {
    let mut bets = PredictableBets::new(alpha)?;
    let sound = truncation > 0.0 && truncation < 1.0;
    if !sound || !values.iter().all(|value| (0.0..=1.0).contains(value)) {
        return None;
    }
    let (mut weighted, mut weights, mut margin) = (0.0, 0.0, -alpha.ln());
    let (mut sum, mut count) = (0.0, 0.0);
    let ends = values.iter().map(|value| {
        let bet = bets.bet().min(truncation);
        let before = if count > 0.0 { sum / count } else { 0.0 };
        weighted += bet * value;
        weights += bet;
        margin += (value - before) * (value - before) * (-(-bet).ln_1p() - bet);
        sum += value;
        count += 1.0;
        bets.add(*value);
        ((weighted - margin) / weights).max(0.0)
    });
    Some(ends.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hedged_capital_is_at_most_one_on_average() {
        // Values 0 and 1 with a mean of 0.3, all sequences of ten. The sum of the two parts is fair.
        let (mut mean, mut fair) = (0.0, 0.0);
        for sequence in 0..1_u32 << 10 {
            let mut capital = HedgedCapital::new(0.3, 0.05, 0.5, 0.5).unwrap();
            for at in 0..10 {
                capital.look(f64::from(sequence >> at & 1)).unwrap();
            }
            let ones = sequence.count_ones() as i32;
            let chance = 0.3_f64.powi(ones) * 0.7_f64.powi(10 - ones);
            mean += chance * capital.log_capital().exp();
            fair += chance * 0.5 * (capital.log_above.exp() + capital.log_below.exp());
        }
        assert!(mean <= 1.0, "{mean}");
        assert!((fair - 1.0).abs() < 1e-12, "{fair}");
    }

    #[test]
    fn the_lower_end_comes_up_to_the_mean_from_below() {
        let values: Vec<f64> = (0..4_000).map(|at| f64::from(at % 5) / 5.0).collect();
        let ends = bernstein_lower(&values, 0.05, 0.5).unwrap();
        assert_eq!(ends[0], 0.0);
        assert!(ends[3_999] > 0.37 && ends[3_999] < 0.4, "{}", ends[3_999]);
        assert_eq!(bernstein_lower(&[1.1], 0.05, 0.5), None);
        assert_eq!(bernstein_lower(&[f64::NAN], 0.05, 0.5), None);
        assert_eq!(HedgedCapital::new(1.0, 0.05, 0.5, 0.5), None);
    }
}
