//! Rates, weights and probabilities: numbers that refuse nonsense when they are made.

use std::fmt;
use std::str::FromStr;

use super::Span;

/// Requests per second, finite and not negative. Text form: `20/s`, `1200/m`, `3k/s`, `0.5/s`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Rate(f64);

/// The canary's share of the traffic in percent, 0 to 100. Text form: `5%` or `5`.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Weight(f64);

/// A probability, 0 to 1. Text form: `0.1%` or `0.001`. `1` alone is refused: half of its writers
/// mean 1 %.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Default)]
pub struct Probability(f64);

/// Why a text is not a rate, a weight or a probability.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}: {valid}")]
pub struct ParseUnitError {
    /// The offending text.
    pub text: String,
    /// What was wanted.
    pub what: &'static str,
    /// What would be valid.
    pub valid: &'static str,
}

impl Rate {
    /// No requests at all.
    pub const ZERO: Rate = Rate(0.0);

    /// A rate of `value` requests per second; `None` unless finite and not negative.
    pub fn per_second(value: f64) -> Option<Rate> {
        (value.is_finite() && value >= 0.0).then_some(Rate(value))
    }

    /// Requests per second.
    pub fn get(self) -> f64 {
        self.0
    }

    /// Requests expected in `span`.
    pub fn over(self, span: Span) -> f64 {
        self.0 * span.as_secs_f64()
    }
}

impl Weight {
    /// Everything to stable.
    pub const ZERO: Weight = Weight(0.0);
    /// Everything to the canary.
    pub const FULL: Weight = Weight(100.0);

    /// A weight of `value` percent; `None` outside 0 to 100.
    pub fn percent(value: f64) -> Option<Weight> {
        (0.0..=100.0).contains(&value).then_some(Weight(value))
    }

    /// A weight of `value` percent, clamped into 0 to 100 as meshes do.
    pub fn clamped(value: f64) -> Weight {
        Weight(if value.is_nan() {
            0.0
        } else {
            value.clamp(0.0, 100.0)
        })
    }

    /// Percent, 0 to 100.
    pub fn as_percent(self) -> f64 {
        self.0
    }

    /// As a share of 1.
    pub fn share(self) -> f64 {
        self.0 / 100.0
    }

    /// Whether the canary gets nothing.
    pub fn is_zero(self) -> bool {
        self.0 == 0.0
    }
}

impl Probability {
    /// Never.
    pub const ZERO: Probability = Probability(0.0);
    /// Always.
    pub const ONE: Probability = Probability(1.0);

    /// A probability of `value`; `None` outside 0 to 1.
    pub fn new(value: f64) -> Option<Probability> {
        (0.0..=1.0).contains(&value).then_some(Probability(value))
    }

    /// The number, 0 to 1.
    pub fn get(self) -> f64 {
        self.0
    }

    /// The chance of the opposite.
    pub fn complement(self) -> f64 {
        1.0 - self.0
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/s", self.0)
    }
}

impl fmt::Display for Weight {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Rounded to 12 digits so that 0.001 prints as 0.1% and not as 0.1 plus float dust.
        let percent = (self.0 * 100.0 * 1e12).round() / 1e12;
        write!(f, "{percent}%")
    }
}

impl FromStr for Rate {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Rate, ParseUnitError> {
        let refuse = || ParseUnitError {
            text: text.to_owned(),
            what: "a rate",
            valid: "write requests per second, minute or hour, like 20/s, 3k/s or 1200/m",
        };
        let (number, per) = text.trim().split_once('/').ok_or_else(refuse)?;
        let per = match per.trim() {
            "s" | "sec" | "second" => 1.0,
            "m" | "min" | "minute" => 60.0,
            "h" | "hour" => 3_600.0,
            "d" | "day" => 86_400.0,
            _ => return Err(refuse()),
        };
        let number = number.trim();
        let (number, scale) = match number.strip_suffix(['k', 'K']) {
            Some(rest) => (rest, 1e3),
            None => match number.strip_suffix('M') {
                Some(rest) => (rest, 1e6),
                None => (number, 1.0),
            },
        };
        let value: f64 = number.parse().map_err(|_| refuse())?;
        Rate::per_second(value * scale / per).ok_or_else(refuse)
    }
}

impl FromStr for Weight {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Weight, ParseUnitError> {
        let refuse = || ParseUnitError {
            text: text.to_owned(),
            what: "a weight",
            valid: "write a percentage from 0 to 100, like 5%",
        };
        let number = text.trim().trim_end_matches('%').trim();
        let value: f64 = number.parse().map_err(|_| refuse())?;
        Weight::percent(value).ok_or_else(refuse)
    }
}

impl FromStr for Probability {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Probability, ParseUnitError> {
        let refuse = || ParseUnitError {
            text: text.to_owned(),
            what: "a share",
            valid: "write a percentage from 0% to 100%, like 0.1%, or a number from 0 to 1",
        };
        let trimmed = text.trim();
        if trimmed == "1" {
            return Err(ParseUnitError {
                text: text.to_owned(),
                what: "a clear share, it may mean 1% or everything",
                valid: "write 1% or 100%",
            });
        }
        let value = match trimmed.strip_suffix('%') {
            Some(percent) => percent.trim().parse::<f64>().map_err(|_| refuse())? / 100.0,
            None => trimmed.parse::<f64>().map_err(|_| refuse())?,
        };
        Probability::new(value).ok_or_else(refuse)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_read_what_people_write() {
        assert_eq!("20/s".parse::<Rate>().unwrap().get(), 20.0);
        assert_eq!("1200/m".parse::<Rate>().unwrap().get(), 20.0);
        assert_eq!("3k/s".parse::<Rate>().unwrap().get(), 3_000.0);
        assert_eq!("5%".parse::<Weight>().unwrap().as_percent(), 5.0);
        assert_eq!("0.1%".parse::<Probability>().unwrap().get(), 0.001);
        assert_eq!("0.25".parse::<Probability>().unwrap().get(), 0.25);
        assert_eq!(Probability::new(0.001).unwrap().to_string(), "0.1%");
    }

    #[test]
    fn impossible_values_are_refused_with_what_would_be_valid() {
        for text in ["-3/s", "fast", "20", "inf/s", "NaN/s", "20/fortnight"] {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for text in ["140", "-1%", "NaN", ""] {
            assert!(text.parse::<Weight>().is_err(), "{text}");
        }
        for text in ["101%", "1.5", "-0.1", "NaN"] {
            let error = text.parse::<Probability>().unwrap_err();
            assert!(error.to_string().contains("0.1%"), "{error}");
        }
    }

    #[test]
    fn one_alone_is_no_share_because_it_may_mean_one_percent() {
        let error = "1".parse::<Probability>().unwrap_err().to_string();
        assert!(error.ends_with("write 1% or 100%"), "{error}");
        assert_eq!("1%".parse::<Probability>().unwrap().get(), 0.01);
        for all in ["100%", "1.0"] {
            assert_eq!(all.parse(), Ok(Probability::ONE));
        }
    }
}
