//! Designing a group-sequential test: its boundaries, its power and its expected length.

use super::density::{Density, FARTHEST};
use super::running::GroupSequential;
use super::score::Score;
use crate::stats::normal_quantile;
use crate::stats::sequential::Spending;
use crate::stats::zeroin::zeroin;

/// Whether a test rejects on one side or, symmetrically, on both.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sides {
    /// Large values only.
    One,
    /// Both, `alpha` being the sum.
    Two,
}

impl Sides {
    fn both(self) -> bool {
        self == Sides::Two
    }

    /// The level of one side.
    fn each(self, alpha: f64) -> f64 {
        if self.both() { alpha / 2.0 } else { alpha }
    }
}

/// What decides where the boundaries lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Boundaries {
    /// C at every look.
    Pocock,
    /// C / √t.
    OBrienFleming,
    /// C t^(Δ − 1/2): Pocock's at Δ = 1/2, O'Brien and Fleming's at 0.
    WangTsiatis(f64),
    /// As a spending function allows, on each side.
    Spending(Spending),
}

/// A group-sequential test: at which shares of the planned information it looks, and where z must
/// then lie to reject.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    information: Vec<f64>,
    critical: Vec<f64>,
    spent: Vec<f64>,
    alpha: f64,
    sides: Sides,
}

/// What a plan costs and buys, relative to the one look of a test of fixed size.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Characteristics {
    /// The square of the mean of z at the planned end with which the power is as asked.
    pub shift: f64,
    /// The largest sample, as a multiple of the fixed one.
    pub inflation: f64,
    /// The expected sample where there is no effect.
    pub expected_null: f64,
    /// The expected sample under the effect that the plan has its power for.
    pub expected_alternative: f64,
}

impl Plan {
    /// A test with looks at these shares of the planned information, ascending, the last being the
    /// planned end. `None` where they do not ascend from above 0 or `alpha` is not between 0 and 1.
    pub fn new(information: &[f64], alpha: f64, sides: Sides, rule: Boundaries) -> Option<Plan> {
        let ascends = information.windows(2).all(|pair| pair[1] > pair[0]);
        let first = information.first()?;
        let last = information.last()?;
        let sound = ascends && *first > 0.0 && last.is_finite();
        if !(sound && alpha > 0.0 && alpha < 1.0) {
            return None;
        }
        let mut plan = Plan {
            information: information.to_vec(),
            critical: Vec::new(),
            spent: Vec::new(),
            alpha,
            sides,
        };
        match rule {
            Boundaries::Spending(spending) => plan.spend(spending),
            Boundaries::Pocock => plan.shape(0.5),
            Boundaries::OBrienFleming => plan.shape(0.0),
            Boundaries::WangTsiatis(delta) if delta.is_finite() => plan.shape(delta),
            Boundaries::WangTsiatis(_) => return None,
        }
        Some(plan)
    }

    /// A test with `looks` equally spaced looks.
    pub fn equal(looks: u32, alpha: f64, sides: Sides, rule: Boundaries) -> Option<Plan> {
        let information: Vec<f64> = (1..=looks)
            .map(|look| f64::from(look) / f64::from(looks))
            .collect();
        Plan::new(&information, alpha, sides, rule)
    }

    /// The critical values, look by look.
    pub fn critical(&self) -> &[f64] {
        &self.critical
    }

    /// The error probability spent up to each look.
    pub fn spent(&self) -> &[f64] {
        &self.spent
    }

    fn spend(&mut self, spending: Spending) {
        if self.sides == Sides::One {
            let mut running = GroupSequential::default();
            for t in &self.information {
                let target = spending.spent(self.alpha, *t);
                if let Some(look) = running.look(0.0, *t, target) {
                    self.critical.push(look.boundary.min(FARTHEST));
                    self.spent.push(look.spent);
                }
            }
            return;
        }
        let mut density = Density::new(0.0, &self.information);
        let (mut spent, sides) = (0.0, f64::from(1 + u8::from(self.sides.both())));
        for information in &self.information {
            let target = sides * spending.spent(self.sides.each(self.alpha), *information);
            let c = density.boundary(*information, target - spent, self.sides.both());
            spent += beyond(&density, *information, c, self.sides);
            density.advance(*information, self.lower(c), c);
            self.critical.push(c);
            self.spent.push(spent);
        }
    }

    fn shape(&mut self, delta: f64) {
        let end = self.information.last().copied().unwrap_or(1.0);
        let at = |constant: f64| -> Vec<f64> {
            let shares = self.information.iter().map(|information| information / end);
            shares
                .map(|t| (constant * t.powf(delta - 0.5)).min(FARTHEST))
                .collect()
        };
        let level = |constant: f64| {
            let stopped = stops(&self.information, &at(constant), self.sides, 0.0);
            Some(stopped.iter().sum::<f64>() - self.alpha)
        };
        let least = normal_quantile(1.0 - self.sides.each(self.alpha)).min(0.0);
        let constant = zeroin(least, FARTHEST, 1e-9, level).unwrap_or(FARTHEST);
        self.critical = at(constant);
        let mut spent = 0.0;
        for stopped in stops(&self.information, &self.critical, self.sides, 0.0) {
            spent += stopped;
            self.spent.push(spent);
        }
    }

    fn lower(&self, critical: f64) -> f64 {
        if self.sides.both() {
            -critical
        } else {
            f64::NEG_INFINITY
        }
    }

    /// The chance to reject by the planned end, when z has the mean `drift` there.
    pub fn power(&self, drift: f64) -> f64 {
        self.stops(drift).iter().sum()
    }

    /// The chance to stop at each look, when z has the mean `drift` at the planned end.
    pub fn stops(&self, drift: f64) -> Vec<f64> {
        let end = self.information.last().copied().unwrap_or(1.0);
        stops(
            &self.information,
            &self.critical,
            self.sides,
            drift / end.sqrt(),
        )
    }

    /// The share of the planned information that is used up on average.
    pub fn expected_information(&self, drift: f64) -> f64 {
        let end = self.information.last().copied().unwrap_or(1.0);
        let stops = self.stops(drift);
        let stopped: f64 = stops.iter().sum();
        let early: f64 = stops
            .iter()
            .zip(&self.information)
            .map(|(stop, at)| stop * at)
            .sum();
        (early / end) + (1.0 - stopped)
    }

    /// What the plan costs at power 1 − `beta`. `None` unless `beta` is above 0 and the power above
    /// the level.
    pub fn characteristics(&self, beta: f64) -> Option<Characteristics> {
        if !(beta > 0.0 && beta < 1.0 - self.alpha) {
            return None;
        }
        let fixed =
            normal_quantile(1.0 - self.sides.each(self.alpha)) + normal_quantile(1.0 - beta);
        let lacking = |drift: f64| Some(self.power(drift) - (1.0 - beta));
        let drift = zeroin(0.0, 3.0 * fixed + 5.0, 1e-9, lacking)?;
        let inflation = (drift / fixed).powi(2);
        Some(Characteristics {
            shift: drift * drift,
            inflation,
            expected_null: inflation * self.expected_information(0.0),
            expected_alternative: inflation * self.expected_information(drift),
        })
    }
}

/// The chance to lie beyond `critical`, on the sides that count.
fn beyond(density: &Density, information: f64, critical: f64, sides: Sides) -> f64 {
    let lower = if sides.both() {
        density.below(information, -critical)
    } else {
        0.0
    };
    density.above(information, critical) + lower
}

/// The chance to stop at each look; z has the mean `drift` √I at information I.
fn stops(information: &[f64], critical: &[f64], sides: Sides, drift: f64) -> Vec<f64> {
    let looks = information.iter().zip(critical);
    if sides == Sides::One {
        let mut score = Score::new(drift);
        return looks
            .map(|(information, critical)| {
                score.settle(*information);
                let stopped = score.beyond(*information, *critical).above;
                score.stop(*information, *critical);
                stopped
            })
            .collect();
    }
    stops_by_the_book(information, critical, sides, drift)
}

/// The same on the grid of the books.
fn stops_by_the_book(information: &[f64], critical: &[f64], sides: Sides, drift: f64) -> Vec<f64> {
    let mut density = Density::new(drift, information);
    let looks = information.iter().zip(critical);
    looks
        .map(|(information, critical)| {
            let stopped = beyond(&density, *information, *critical, sides);
            let lower = if sides.both() {
                -critical
            } else {
                f64::NEG_INFINITY
            };
            density.advance(*information, lower, *critical);
            stopped
        })
        .collect()
}

/// The chance that at least one of `looks` equally spaced looks rejects, where each uses the
/// critical value of a single look at level `alpha` and there is no effect. `None` where `alpha` is
/// not between 0 and 1 or there is no look.
///
/// (Armitage, McPherson and Rowe 1969.)
pub fn peeking_inflation(looks: u32, alpha: f64, sides: Sides) -> Option<f64> {
    if looks == 0 || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let critical = vec![normal_quantile(1.0 - sides.each(alpha)); looks as usize];
    let information: Vec<f64> = (1..=looks).map(f64::from).collect();
    Some(stops(&information, &critical, sides, 0.0).iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stats::normal_upper;

    fn assert_close(got: &[f64], expected: &[f64], within: f64) {
        assert_eq!(got.len(), expected.len());
        for (got, expected) in got.iter().zip(expected) {
            assert!((got - expected).abs() < within, "{got} {expected}");
        }
    }

    #[test]
    fn boundaries_inflation_and_length_are_those_of_rpact() {
        // rpact 3.3.4, getDesignGroupSequential and getDesignCharacteristics at 80 % power.
        let spending = |spending| Boundaries::Spending(spending);
        for (looks, alpha, rule, critical, inflation, expected) in [
            (
                2,
                0.025,
                Boundaries::Pocock,
                &[2.178, 2.178][..],
                1.110,
                0.853,
            ),
            (
                2,
                0.05,
                Boundaries::OBrienFleming,
                &[2.373, 1.678],
                1.016,
                0.877,
            ),
            (
                3,
                0.05,
                spending(Spending::Pocock),
                &[2.002, 1.994, 1.980],
                1.177,
                0.806,
            ),
            (
                3,
                0.025,
                spending(Spending::OBrienFleming),
                &[3.710, 2.511, 1.993],
                1.013,
                0.866,
            ),
            (5, 0.05, Boundaries::Pocock, &[2.122; 5], 1.254, 0.787),
            (
                5,
                0.025,
                spending(Spending::OBrienFleming),
                &[4.877, 3.357, 2.680, 2.290, 2.031],
                1.025,
                0.824,
            ),
            (
                10,
                0.05,
                Boundaries::OBrienFleming,
                &[
                    5.696, 4.028, 3.289, 2.848, 2.547, 2.325, 2.153, 2.014, 1.899, 1.801,
                ],
                1.053,
                0.775,
            ),
        ] {
            let plan = Plan::equal(looks, alpha, Sides::One, rule).unwrap();
            assert_close(plan.critical(), critical, 6e-4);
            let cost = plan.characteristics(0.2).unwrap();
            assert_close(
                &[cost.inflation, cost.expected_alternative],
                &[inflation, expected],
                6e-4,
            );
            assert!((plan.spent().last().unwrap() - alpha).abs() < 1e-7);
        }
    }

    #[test]
    fn the_fast_recursion_stops_where_the_books_does() {
        let information = [0.05, 0.1, 0.4, 0.45, 0.46, 0.9, 1.0];
        let critical = [3.0, 2.5, 2.2, 2.1, 1.9, 8.0, 1.7];
        for drift in [-1.0, 0.0, 2.5, 6.0] {
            let fast = stops(&information, &critical, Sides::One, drift);
            let slow = stops_by_the_book(&information, &critical, Sides::One, drift);
            assert_close(&fast, &slow, 1e-6);
        }
    }

    #[test]
    fn peeking_inflates_as_the_table_says() {
        let table: [(u32, [f64; 4]); 6] = [
            (1, [0.050, 0.050, 0.020, 0.010]),
            (2, [0.083, 0.080, 0.035, 0.018]),
            (5, [0.142, 0.130, 0.062, 0.033]),
            (10, [0.193, 0.172, 0.088, 0.047]),
            (20, [0.248, 0.214, 0.116, 0.064]),
            (60, [0.335, 0.281, 0.164, 0.093]),
        ];
        for (looks, expected) in table {
            let levels = [
                (0.05, Sides::Two),
                (0.05, Sides::One),
                (0.02, Sides::Two),
                (0.01, Sides::Two),
            ];
            let got = levels.map(|(alpha, sides)| peeking_inflation(looks, alpha, sides).unwrap());
            assert_close(&got, &expected, 6e-4);
        }
        assert_eq!(peeking_inflation(0, 0.05, Sides::One), None);
        assert_eq!(peeking_inflation(3, 1.0, Sides::One), None);
    }

    #[test]
    fn one_look_is_the_fixed_test() {
        let plan = Plan::equal(1, 0.05, Sides::Two, Boundaries::Pocock).unwrap();
        assert_close(plan.critical(), &[1.959_964], 1e-6);
        let cost = plan.characteristics(0.1).unwrap();
        assert_close(&[cost.inflation, cost.expected_null], &[1.0, 1.0], 1e-4);
        let one = Plan::equal(1, 0.05, Sides::One, Boundaries::Pocock).unwrap();
        assert!((one.power(2.0) - normal_upper(1.644_853_627 - 2.0)).abs() < 1e-8);
    }

    #[test]
    fn plans_that_are_none_are_refused() {
        let pocock = Boundaries::Pocock;
        for information in [&[][..], &[0.0, 1.0], &[0.5, 0.5], &[0.5, f64::NAN], &[-1.0]] {
            assert_eq!(Plan::new(information, 0.05, Sides::One, pocock), None);
        }
        assert_eq!(Plan::equal(3, 0.0, Sides::One, pocock), None);
        assert_eq!(
            Plan::equal(3, 0.05, Sides::One, Boundaries::WangTsiatis(f64::NAN)),
            None
        );
        let plan = Plan::equal(3, 0.05, Sides::One, pocock).unwrap();
        assert_eq!(plan.characteristics(0.96), None);
    }
}
