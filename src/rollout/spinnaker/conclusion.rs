//! What the score of a judgement means for the run.
//!
//! Replayed are `MonitorCanaryTask` and `GenerateCanaryAnalysisResultTask` of Kayenta at revision
//! a69573be.

use crate::gate::kayenta::Thresholds;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conclusion {
    /// The score was not above the marginal threshold: that ends the run after any judgement.
    NotAboveMarginal,
    /// The last score was below the pass threshold.
    BelowPass,
    /// The last score passed.
    Passed,
}

impl Conclusion {
    /// What follows from a judgement's score, which may be the last one; `None`: the run goes on.
    pub fn of(score: f64, last: bool, thresholds: Thresholds) -> Option<Conclusion> {
        if score <= thresholds.marginal {
            return Some(Conclusion::NotAboveMarginal);
        }
        last.then_some(match score < thresholds.pass {
            true => Conclusion::BelowPass,
            false => Conclusion::Passed,
        })
    }

    /// The message of the result.
    pub fn text(self, score: f64) -> String {
        // As Java writes numbers: 100.0.
        match self {
            Conclusion::NotAboveMarginal => {
                format!("Final canary score {score:?} is not above the marginal score threshold.")
            }
            Conclusion::BelowPass => {
                format!("Final canary score {score:?} is below the pass score threshold.")
            }
            Conclusion::Passed => {
                format!("Final canary score {score:?} met or exceeded the pass score threshold.")
            }
        }
    }
}
