//! Binary operators.

use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_DIV, T_EQLC, T_GTE, T_GTR, T_LSS, T_LTE, T_MOD, T_MUL, T_NEQ, T_POW, T_SUB,
    TokenId,
};

/// An operator on two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
    Atan2,
    Equal,
    NotEqual,
    Greater,
    Less,
    AtLeast,
    AtMost,
}

/// What an operator makes of two values.
#[derive(Debug, Clone, Copy)]
pub(super) enum Outcome {
    /// This.
    Value(f64),
    /// A comparison that is true or not.
    Truth(bool),
}

impl Operator {
    pub(super) fn of(token: TokenId) -> Option<Operator> {
        Some(match token {
            T_ADD => Operator::Add,
            T_SUB => Operator::Subtract,
            T_MUL => Operator::Multiply,
            T_DIV => Operator::Divide,
            T_MOD => Operator::Remainder,
            T_POW => Operator::Power,
            T_ATAN2 => Operator::Atan2,
            T_EQLC => Operator::Equal,
            T_NEQ => Operator::NotEqual,
            T_GTR => Operator::Greater,
            T_LSS => Operator::Less,
            T_GTE => Operator::AtLeast,
            T_LTE => Operator::AtMost,
            _ => return None,
        })
    }

    pub(super) fn is_comparison(self) -> bool {
        matches!(self.apply(0.0, 0.0), Outcome::Truth(_))
    }

    #[inline]
    pub(super) fn apply(self, a: f64, b: f64) -> Outcome {
        Outcome::Value(match self {
            Operator::Add => a + b,
            Operator::Subtract => a - b,
            Operator::Multiply => a * b,
            Operator::Divide => a / b,
            Operator::Remainder => a % b,
            Operator::Power => power(a, b),
            Operator::Atan2 => a.atan2(b),
            Operator::Equal => return Outcome::Truth(a == b),
            Operator::NotEqual => return Outcome::Truth(a != b),
            Operator::Greater => return Outcome::Truth(a > b),
            Operator::Less => return Outcome::Truth(a < b),
            Operator::AtLeast => return Outcome::Truth(a >= b),
            Operator::AtMost => return Outcome::Truth(a <= b),
        })
    }

    /// The same as one number, with 1 for true and 0 for false.
    pub(super) fn number(self, a: f64, b: f64) -> f64 {
        match self.apply(a, b) {
            Outcome::Value(value) => value,
            Outcome::Truth(truth) => f64::from(u8::from(truth)),
        }
    }

    /// What becomes of a pair: `kept` is the value of a filter that lets it through.
    #[inline]
    pub(super) fn combine(self, a: f64, b: f64, kept: f64, as_bool: bool) -> Option<f64> {
        match self.apply(a, b) {
            Outcome::Value(value) => Some(value),
            Outcome::Truth(truth) if as_bool => Some(f64::from(u8::from(truth))),
            Outcome::Truth(truth) => truth.then_some(kept),
        }
    }
}

/// Go's `math.Pow`, which agrees with C's in all special cases.
fn power(a: f64, b: f64) -> f64 {
    a.powf(b)
}

/// An operator on sets of series.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SetOperator {
    And,
    Or,
    Unless,
}
