//! What the business counts: clicks, conversions, plays, satisfaction.

use crate::base::Probability;

/// Something that a user may do after a right answer, and that the business counts.
#[derive(Debug, Clone, PartialEq)]
pub struct Goal {
    /// Its name: `conversion`.
    pub name: String,
    /// Chance that a user does it after a right answer.
    pub probability: Probability,
    /// What it is worth when it happens.
    pub value: GoalValue,
    /// The routes after which it may happen, as a set of bits; all bits set: every route.
    pub routes: u32,
    /// How much users differ: standard deviation of the logarithm of a user's own factor on the
    /// probability, whose mean is 1.
    pub spread: f64,
}

/// What a goal is worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum GoalValue {
    /// One, always: what is counted is how often.
    One,
    /// Log-normal with this mean and coefficient of variation: an order's value.
    Spread {
        /// Mean.
        mean: f64,
        /// Standard deviation over mean.
        cv: f64,
    },
}
