//! The rows of a recording: what a gate saw, what it said, and what its controller did.

use crate::base::{Span, Time};
use crate::telemetry::promql::Answer;
use crate::telemetry::{Counters, Figure, Figures, Version, Weights};

/// One thing that the gate saw, or that came of it.
#[derive(Debug, Clone, PartialEq)]
pub enum Row {
    /// A sample.
    Scrape {
        /// When it was taken.
        at: Time,
        /// Of which version.
        version: Version,
        /// Of which route; `None`: of all.
        route: Option<usize>,
        /// What was read.
        counters: Counters,
    },
    /// What a metrics server answered.
    Answer {
        /// When it was asked.
        at: Time,
        /// About which version.
        version: Version,
        /// About which route; `None`: all of them.
        route: Option<usize>,
        /// About a window of which length.
        span: Span,
        /// The answer.
        figures: Figures,
    },
    /// What a metrics server answered to a query.
    Query {
        /// For which instant it was asked.
        at: Time,
        /// The query.
        text: String,
        /// The answer.
        answer: Answer,
    },
    /// What systems that are not simulated would have answered to each question, at one look.
    Supplied {
        /// When.
        at: Time,
        /// By the number of the question.
        figures: Vec<Figure>,
    },
    /// The next answer to a question that is asked once a step.
    Step {
        /// For which instant.
        at: Time,
        /// The number of the question.
        question: usize,
        /// The answer.
        figure: Figure,
    },
    /// From here on the splitter was asked for these weights; `None` where weights do not tell what
    /// a version's counters show.
    Weights {
        /// When.
        at: Time,
        /// The weights.
        weights: Option<Weights>,
    },
    /// What a gate said.
    Look {
        /// When.
        at: Time,
        /// The verdict.
        look: LookNote,
    },
    /// What a controller did at a tick.
    Tick {
        /// When.
        at: Time,
        /// What.
        tick: TickNote,
    },
    /// Why there was nothing.
    Problem {
        /// When.
        at: Time,
        /// In words.
        what: String,
    },
}

/// A gate's verdict, in words and numbers.
#[derive(Debug, Clone)]
pub struct LookNote {
    /// Which gate of the analysis, from 0.
    pub gate: usize,
    /// `pass`, `fail` or `inconclusive`.
    pub outcome: String,
    /// The rule that decided.
    pub rule: String,
    /// The figure judged; not a number where there was none.
    pub value: f64,
    /// Its limit; not a number where there was none.
    pub threshold: f64,
    /// Requests behind the figure; not a number where nobody can tell.
    pub samples: f64,
}

impl PartialEq for LookNote {
    /// Whether both say the same by the same figures; what is not a number equals what is not.
    fn eq(&self, other: &LookNote) -> bool {
        let same = |a: f64, b: f64| a == b || (a.is_nan() && b.is_nan());
        self.gate == other.gate
            && self.outcome == other.outcome
            && self.rule == other.rule
            && same(self.value, other.value)
            && same(self.threshold, other.threshold)
            && same(self.samples, other.samples)
    }
}

/// A controller after a tick.
#[derive(Debug, Clone, PartialEq)]
pub struct TickNote {
    /// The canary's share that it asked for, in percent.
    pub canary: f64,
    /// Share of stable's requests copied to the canary, in percent.
    pub mirror: f64,
    /// Its phase in its own words.
    pub phase: String,
    /// Failed checks that it counted.
    pub failures: u32,
    /// `rolled back` or `promoted`, at the tick at which that happened.
    pub ending: Option<String>,
    /// Requests of users that the canary had answered until then.
    pub canary_requests: u64,
    /// What hooks answered: confirm-rollout, pre-rollout, rollout, confirm-traffic-increase,
    /// confirm-promotion, rollback.
    pub hooks: [bool; 6],
}

impl Row {
    /// When the gate came to see it, or when it was decided.
    pub fn at(&self) -> Time {
        match self {
            Row::Scrape { at, .. }
            | Row::Answer { at, .. }
            | Row::Query { at, .. }
            | Row::Supplied { at, .. }
            | Row::Step { at, .. }
            | Row::Weights { at, .. }
            | Row::Look { at, .. }
            | Row::Tick { at, .. }
            | Row::Problem { at, .. } => *at,
        }
    }

    /// Whether it came of a look, and was not there to be seen at it.
    pub fn is_decision(&self) -> bool {
        matches!(
            self,
            Row::Weights { .. } | Row::Look { .. } | Row::Tick { .. }
        )
    }
}
