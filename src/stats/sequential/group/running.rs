//! A group-sequential test as it runs: one side, boundaries by spending.

use super::density::FARTHEST;
use super::score::Score;

/// The state of a one-sided test with alpha spending. Start with [`GroupSequential::default`], give
/// each look to [`GroupSequential::look`], stop at the first that rejects.
///
/// Boundaries are exact to 10⁻⁶. Looks may come at any information;
/// only what decides when they come must not know z.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct GroupSequential {
    score: Score,
    spent: f64,
    rejected: bool,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupLook {
    /// Where z must be to reject at this look: 8 at most, which chance alone passes less than once in
    /// 10¹⁵, whatever may be spent; infinite where none would, because the look brings nothing.
    pub boundary: f64,
    /// Whether this look or one before it rejected.
    pub rejected: bool,
    /// The error probability spent, this look included.
    pub spent: f64,
    /// The smallest target with which this look would have rejected.
    pub alpha_needed: f64,
}

/// Increments smaller than this share of the information say nothing new.
const LEAST_GROWTH: f64 = 1e-7;

impl GroupSequential {
    /// Starts anew and keeps the buffers.
    pub fn reset(&mut self) {
        self.score.reset();
        self.spent = 0.0;
        self.rejected = false;
    }

    /// The error probability spent so far.
    pub fn spent(&self) -> f64 {
        self.spent
    }

    /// A look at `z`, at `information` in any unit (the variance of the score, or its share of the
    /// planned one). `target` is what may have been spent by now, this look included. A look that
    /// brings next to no information rejects nothing and spends nothing. `None` where information
    /// shrinks or something is not a number.
    pub fn look(&mut self, z: f64, information: f64, target: f64) -> Option<GroupLook> {
        let before = self.score.information();
        let sound = information.is_finite() && information >= before;
        if !sound || z.is_nan() || target.is_nan() {
            return None;
        }
        if information - before <= LEAST_GROWTH * information {
            return Some(GroupLook {
                boundary: f64::INFINITY,
                rejected: self.rejected,
                spent: self.spent,
                alpha_needed: 1.0,
            });
        }
        self.score.settle(information);
        let needed = self.spent + self.score.beyond(information, z).above;
        let boundary = (self.score.boundary(information, target - self.spent)).min(FARTHEST);
        self.score.stop(information, boundary);
        if boundary < FARTHEST {
            self.spent = target;
        }
        self.rejected |= z >= boundary;
        Some(GroupLook {
            boundary,
            rejected: self.rejected,
            spent: self.spent,
            alpha_needed: needed.min(1.0),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::density::Density;
    use super::*;
    use crate::stats::sequential::Spending;

    fn by_the_book(information: &[f64], spending: Spending, alpha: f64) -> Vec<f64> {
        let mut density = Density::new(0.0, information);
        let mut spent = 0.0;
        let looks = information.iter();
        looks
            .map(|t| {
                let c = density.boundary(*t, spending.spent(alpha, *t) - spent, false);
                spent += density.above(*t, c);
                density.advance(*t, f64::NEG_INFINITY, c);
                c
            })
            .collect()
    }

    fn run(information: &[f64], spending: Spending, alpha: f64) -> Vec<f64> {
        let mut test = GroupSequential::default();
        let looks = information.iter();
        looks
            .map(|t| {
                let target = spending.spent(alpha, *t);
                let look = test.look(0.0, *t, target).unwrap();
                assert!(look.spent <= target + 1e-9);
                look.boundary
            })
            .collect()
    }

    /// Shares of the information with increments that differ a hundredfold.
    fn uneven() -> Vec<f64> {
        let steps = [3.0, 0.1, 5.0, 10.0, 0.2, 0.2, 1.0, 7.0, 0.5, 4.0, 0.1, 9.0];
        let total: f64 = steps.iter().sum();
        let mut sum = 0.0;
        let sums = steps.iter().map(|step| {
            sum += step;
            sum / total
        });
        sums.collect()
    }

    #[test]
    fn boundaries_are_those_of_the_book() {
        let equal = |looks: u32| (1..=looks).map(move |look| f64::from(look) / f64::from(looks));
        for information in [
            equal(1).collect::<Vec<_>>(),
            equal(3).collect(),
            equal(60).collect(),
            vec![0.1, 0.4, 0.55, 1.0],
            uneven(),
        ] {
            for spending in [
                Spending::Pocock,
                Spending::OBrienFleming,
                Spending::Power(0.5),
            ] {
                for alpha in [0.001, 0.05] {
                    let book = by_the_book(&information, spending, alpha);
                    let running = run(&information, spending, alpha);
                    for (look, (fast, slow)) in running.iter().zip(&book).enumerate() {
                        if *slow > 5.0 {
                            assert!(*fast > 4.99);
                            continue;
                        }
                        // Beyond 3 the book's grid is sparse.
                        let within = if *slow < 3.0 { 1e-6 } else { 1e-4 };
                        assert!(
                            (fast - slow).abs() < within,
                            "{spending:?} {alpha} {} looks, look {look}: {fast} {slow}",
                            information.len()
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn the_alpha_needed_is_where_the_verdict_turns() {
        let mut test = GroupSequential::default();
        test.look(1.0, 0.3, 0.01).unwrap();
        test.look(1.0, 0.5, 0.02).unwrap();
        let look = |z: f64, target: f64| test.clone().look(z, 0.8, target).unwrap();
        let needed = look(2.0, 0.03).alpha_needed;
        assert!(look(2.0, needed + 1e-9).rejected);
        assert!(!look(2.0, needed - 1e-9).rejected);
    }

    #[test]
    fn looks_that_bring_nothing_change_nothing_and_nonsense_is_refused() {
        let mut test = GroupSequential::default();
        assert_eq!(test.look(9.0, 0.0, 0.05).unwrap().boundary, f64::INFINITY);
        test.look(1.0, 0.5, 0.02).unwrap();
        let before = test.clone();
        assert!(!test.look(9.0, 0.5, 0.05).unwrap().rejected);
        assert_eq!(test, before);
        for (z, information, target) in [
            (f64::NAN, 0.6, 0.03),
            (1.0, 0.4, 0.03),
            (1.0, f64::INFINITY, 0.03),
            (1.0, 0.6, f64::NAN),
        ] {
            assert_eq!(test.look(z, information, target), None);
        }
        // Next to nothing may be spent: only what no chance explains is rejected.
        assert!(!test.look(7.9, 0.7, 0.0).unwrap().rejected);
        assert!(test.clone().look(8.1, 0.8, 0.0).unwrap().rejected);
        assert!(test.look(7.0, 0.9, 0.05).unwrap().rejected);
        test.reset();
        assert_eq!(run(&[1.0], Spending::Pocock, 0.05), {
            vec![test.look(0.0, 1.0, 0.05).unwrap().boundary]
        });
    }
}
