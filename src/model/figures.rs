//! What systems answer that are not simulated: Datadog, a job, somebody's web service.

use crate::base::Probability;
use crate::stats::normal_quantile;

/// What the system answers that one metric asks.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// The metric's name.
    pub name: String,
    /// The answers in the order of being asked; the last one is repeated. None: an error, always.
    pub usual: Vec<Answer>,
    /// The same while the canary's fault is there, counted from its onset; `None`: the usual ones.
    pub faulty: Option<Vec<Answer>>,
    /// Chance that a question gets an error instead.
    pub failing: Probability,
}

/// One answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Answer {
    /// This number.
    Number(f64),
    /// The system has no data.
    Nothing,
    /// The system cannot be asked.
    Error,
    /// Drawn from a normal distribution.
    Normal {
        /// Mean.
        mean: f64,
        /// Standard deviation, 0 or more.
        deviation: f64,
    },
    /// Drawn from a log-normal distribution.
    LogNormal {
        /// Median, above 0.
        median: f64,
        /// Standard deviation of the logarithm, 0 or more.
        sigma: f64,
    },
    /// Drawn evenly.
    Uniform {
        /// Lowest.
        low: f64,
        /// Highest.
        high: f64,
    },
    /// Drawn from an exponential distribution.
    Exponential {
        /// Mean, above 0.
        mean: f64,
    },
}

impl Answer {
    /// The number at `place` of its distribution, strictly between 0 and 1; `None` where the answer
    /// is no number.
    fn number(self, place: f64) -> Option<f64> {
        Some(match self {
            Answer::Nothing | Answer::Error => return None,
            Answer::Number(number) => number,
            Answer::Normal { mean, deviation } => mean + deviation * normal_quantile(place),
            Answer::LogNormal { median, sigma } => median * (sigma * normal_quantile(place)).exp(),
            Answer::Uniform { low, high } => low + (high - low) * place,
            Answer::Exponential { mean } => -mean * (-place).ln_1p(),
        })
    }

    /// The number, nothing or error that it comes to at `place`.
    fn settled(self, place: f64) -> Answer {
        self.number(place).map_or(self, Answer::Number)
    }
}

impl Figures {
    /// A system that cannot be asked.
    pub fn silent(name: &str) -> Figures {
        Figures {
            name: name.to_owned(),
            usual: Vec::new(),
            faulty: None,
            failing: Probability::ZERO,
        }
    }

    /// The answer after `asked` others, of which `since` came while the fault was there, with the
    /// fault this severe (0 to 1): a number, nothing or an error.
    ///
    /// While a fault grows, numbers go evenly from the usual to the faulty one at the same `place`
    /// (strictly between 0 and 1) of their distributions; what is no number is there at once.
    pub fn answer(&self, asked: usize, since: usize, severity: f64, place: f64) -> Answer {
        let usual = nth(&self.usual, asked);
        let Some(faulty) = self.faulty.as_ref().filter(|_| severity > 0.0) else {
            return usual.settled(place);
        };
        let faulty = nth(faulty, since);
        match (usual.number(place), faulty.number(place)) {
            (Some(usual), Some(faulty)) if severity < 1.0 => {
                Answer::Number(usual + severity * (faulty - usual))
            }
            _ => faulty.settled(place),
        }
    }
}

/// One of some answers, or the last.
fn nth(answers: &[Answer], index: usize) -> Answer {
    let found = answers.get(index).or(answers.last());
    found.copied().unwrap_or(Answer::Error)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(usual: &[Answer], faulty: Option<&[Answer]>) -> Figures {
        Figures {
            usual: usual.to_vec(),
            faulty: faulty.map(<[Answer]>::to_vec),
            ..Figures::silent("error-rate")
        }
    }

    #[test]
    fn answers_come_in_order_and_the_last_one_is_repeated() {
        let listed = [Answer::Number(0.9), Answer::Nothing, Answer::Number(0.8)];
        let system = figures(&listed, None);
        let answers: Vec<Answer> = (0..4)
            .map(|asked| system.answer(asked, 0, 1.0, 0.5))
            .collect();
        assert_eq!(answers, [&listed[..], &[Answer::Number(0.8)]].concat());
        let silent = Figures::silent("x");
        assert_eq!(silent.answer(0, 0, 0.0, 0.5), Answer::Error);
    }

    #[test]
    fn a_faulty_answer_counts_from_the_onset_and_grows_with_the_fault() {
        let system = figures(
            &[Answer::Number(1.0)],
            Some(&[Answer::Number(3.0), Answer::Error]),
        );
        let answer = |since, severity| system.answer(7, since, severity, 0.5);
        assert_eq!(answer(0, 0.0), Answer::Number(1.0));
        assert_eq!(answer(0, 0.25), Answer::Number(1.5));
        assert_eq!(answer(0, 1.0), Answer::Number(3.0));
        assert_eq!(answer(1, 0.25), Answer::Error);
    }

    #[test]
    fn distributions_have_their_quantiles() {
        let at = |answer: Answer, place| answer.number(place).unwrap();
        let normal = Answer::Normal {
            mean: 5.0,
            deviation: 2.0,
        };
        assert!((at(normal, 0.975) - 8.919_927_969).abs() < 1e-6);
        let skewed = Answer::LogNormal {
            median: 2.0,
            sigma: 0.5,
        };
        assert!((at(skewed, 0.5) - 2.0).abs() < 1e-12);
        let even = Answer::Uniform {
            low: -1.0,
            high: 3.0,
        };
        assert_eq!(at(even, 0.25), 0.0);
        let exponential = Answer::Exponential { mean: 4.0 };
        let median = at(exponential, 0.5);
        assert!((median - 4.0 * 2.0_f64.ln()).abs() < 1e-12);
    }
}
