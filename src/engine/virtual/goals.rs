//! What users do after their answers, for many requests of a group at once.

use rand_distr::{Distribution, LogNormal, StandardNormal};

use crate::base::Stream;
use crate::model::World;
use crate::model::service::GoalValue;
use crate::telemetry::{Counters, Demand, GoalSums};

use super::conditions::Group;
use super::fill::binomial;

/// Draws how often the users of a group reach the goals, and what that is worth.
///
/// Every counted request for a goal's routes is an opportunity, whatever its answer, so that
/// failures and wrong answers lower what the business sees; only after a right one can the goal be
/// reached. The requests of a group are alike and independent, so that a binomial count is exact.
#[derive(Debug)]
pub struct Goals {
    values: Vec<Value>,
    drawn: Vec<GoalSums>,
}

/// What it is worth to reach a goal.
#[derive(Debug)]
pub enum Value {
    /// The same, always.
    Fixed(f64),
    /// Log-normal.
    Spread(Spread),
}

/// A log-normal value.
#[derive(Debug)]
pub struct Spread {
    single: LogNormal<f64>,
    /// Mean of the value and of its square.
    means: [f64; 2],
    /// Lower triangle of the root of their covariance.
    root: [f64; 3],
}

/// Up to so many values are drawn one by one. Above, their sum and the sum of their squares come
/// from the normal distribution with the exact means and covariance.
const SUMMED: u64 = 256;

impl Goals {
    /// For the goals of `world`, where `demand` reads them.
    pub fn new(world: &World, demand: Demand) -> Goals {
        let goals = if demand.goals { &world.goals[..] } else { &[] };
        Goals {
            values: goals.iter().map(|goal| Value::new(goal.value)).collect(),
            drawn: vec![GoalSums::default(); goals.len()],
        }
    }

    /// Whether there is anything to draw.
    pub fn are_read(&self) -> bool {
        !self.values.is_empty()
    }

    /// Draws what `count` requests of a group lead to; [`Goals::add_to`] then counts it.
    pub fn draw(&mut self, group: &Group, count: u64, stream: &mut Stream) {
        self.drawn.fill(GoalSums::default());
        if !group.counted || count == 0 {
            return;
        }
        for ((sums, chance), value) in self.drawn.iter_mut().zip(&group.goals).zip(&self.values) {
            let Some(chance) = chance else { continue };
            sums.opportunities = count as f64;
            let reached = binomial(count, *chance, stream);
            (sums.sum, sums.squares) = value.sums(reached, stream);
        }
    }

    /// Adds what was drawn last.
    pub fn add_to(&self, counters: &mut Counters) {
        for (sums, drawn) in counters.goals.iter_mut().zip(&self.drawn) {
            sums.opportunities += drawn.opportunities;
            sums.sum += drawn.sum;
            sums.squares += drawn.squares;
        }
    }
}

impl Value {
    /// The value of a goal.
    pub fn new(value: GoalValue) -> Value {
        match value {
            GoalValue::One => Value::Fixed(1.0),
            GoalValue::Spread { mean, cv } => {
                Spread::new(mean, cv).map_or(Value::Fixed(mean), Value::Spread)
            }
        }
    }

    /// Sum and sum of squares of so many values.
    pub fn sums(&self, count: u64, stream: &mut Stream) -> (f64, f64) {
        let n = count as f64;
        match self {
            Value::Fixed(value) => (n * value, n * value * value),
            Value::Spread(spread) if count <= SUMMED => {
                (0..count).fold((0.0, 0.0), |(sum, squares), _| {
                    let value = spread.single.sample(stream);
                    (sum + value, squares + value * value)
                })
            }
            Value::Spread(spread) => spread.sums_normally(n, stream),
        }
    }
}

impl Spread {
    /// `None` where the value does not vary.
    fn new(mean: f64, cv: f64) -> Option<Spread> {
        let variance = (cv * cv).ln_1p();
        if variance <= 0.0 {
            return None;
        }
        let location = mean.ln() - variance / 2.0;
        let single = LogNormal::new(location, variance.sqrt()).ok()?;
        // E X^k of a log-normal.
        let moment = |k: f64| (k * location + k * k * variance / 2.0).exp();
        let (first, second) = (moment(1.0), moment(2.0));
        let of_sum = (second - first * first).sqrt();
        let shared = (moment(3.0) - first * second) / of_sum;
        let own = (moment(4.0) - second * second - shared * shared).max(0.0);
        Some(Spread {
            single,
            means: [first, second],
            root: [of_sum, shared, own.sqrt()],
        })
    }

    fn sums_normally(&self, n: f64, stream: &mut Stream) -> (f64, f64) {
        let (z, y): (f64, f64) = (StandardNormal.sample(stream), StandardNormal.sample(stream));
        let [of_sum, shared, own] = self.root;
        let sum = (n * self.means[0] + n.sqrt() * of_sum * z).max(0.0);
        let squares = n * self.means[1] + n.sqrt() * (shared * z + own * y);
        // No n numbers with this sum have smaller squares.
        (sum, squares.max(sum * sum / n))
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    /// Means of sums and squares of `count` values over 4,000 draws, and their standard errors by
    /// theory; both must lie within four of them (a chance of 1 in 4,000 that one does not).
    #[test]
    fn sums_have_the_means_of_the_log_normal_whichever_way_they_are_drawn() {
        let (mean, cv) = (40.0, 0.8);
        let value = Value::new(GoalValue::Spread { mean, cv });
        let mut stream = Stream::seed_from_u64(11);
        let rounds = 4_000;
        for count in [3, SUMMED, SUMMED + 1, 100_000] {
            let (mut sum, mut squares) = (0.0, 0.0);
            for _ in 0..rounds {
                let drawn = value.sums(count, &mut stream);
                sum += drawn.0;
                squares += drawn.1;
            }
            let n = count as f64 * f64::from(rounds);
            let sd = cv * mean;
            assert!((sum / n - mean).abs() < 4.0 * sd / n.sqrt(), "{count}");
            // Var X² = E X⁴ - (E X²)², with E X² = m²(1+cv²) and E X⁴ = m⁴(1+cv²)⁶.
            let spread = 1.0 + cv * cv;
            let second = mean * mean * spread;
            let of_square = mean.powi(4) * spread.powi(6) - second * second;
            let error = 4.0 * (of_square / n).sqrt();
            assert!((squares / n - second).abs() < error, "{count}");
        }
    }

    #[test]
    fn goals_worth_the_same_always_are_counted() {
        let mut stream = Stream::seed_from_u64(1);
        let one = Value::new(GoalValue::One);
        assert_eq!(one.sums(7, &mut stream), (7.0, 7.0));
        let fixed = Value::new(GoalValue::Spread { mean: 3.0, cv: 0.0 });
        assert_eq!(fixed.sums(2, &mut stream), (6.0, 18.0));
    }
}
