//! Before anything is simulated: how long a canary has to run, from closed forms and exact sums.
//!
//! [`plan`] answers a [`Question`] with a [`Plan`] in milliseconds. What it knows of the service is
//! a rate, shares and the spread of latencies: it plans for requests that stand alone, at a constant
//! rate and a constant percentage, judged by a test that keeps its level. Queues, retries, ramps and
//! a controller's own rules are for the simulation.
//!
//! # Where each number comes from
//!
//! 1. **Requests**, for errors: the smallest number from which on the exact conditional binomial
//!    test (of so many errors, how many are the canary's?) has the power, errors being Poisson. Beside
//!    it Fleiss's closed form for the pooled z test, which is short where errors are few. For a
//!    quantile of latency: its asymptotic variance on the logarithmic scale. For a goal: Fleiss.
//! 2. **Users who stay with a version** make requests that depend on one another: all numbers of
//!    requests are multiplied by the design effect 1 + (m - 1)·rho, m requests a user of intra-class
//!    correlation rho.
//! 3. **Time** is requests over the rate.
//! 4. **Hurt** are the requests that fail (are slowed, do not reach the goal) on the canary until
//!    then: r·p·w·N for errors at r times the share p.
//! 5. **Visible** is the smallest change that the time given, or an hour, shows with the power.
//! 6. **Gates that look early**, on errors: exact sums over the paths of the error counts.
//! 7. **A good canary** is done when its test is: at the end of one look or of the spending plan, or,
//!    by evidence, when that suffices to say that it is *not* as bad as feared.

mod advice;
mod gates;
mod metric;
mod question;
mod scenario;

pub use advice::Advice;
pub use gates::{GateKind, GateRow};
pub use metric::{Metric, MetricRow};
pub use question::{Change, Question, Refusal, Slowdown, Users};
pub use scenario::spread_at;

use serde::Serialize;

use crate::base::Span;

/// The time that counts as too long where none is given: a working day.
pub const WORKING_DAY: Span = Span::from_secs(8 * 3_600);
/// The time in which the smallest visible change is told where none is given.
pub const AN_HOUR: Span = Span::from_secs(3_600);
/// The widest canary that is thought of: beyond half it is stable that is the sample.
const WIDEST: f64 = 0.5;

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Version of this format.
    pub format: u32,
    /// Requests per second over both versions.
    pub rate: f64,
    /// Chance to see the change that is asked about.
    pub power: f64,
    /// Chance to roll back where there is none.
    pub false_rollback: f64,
    /// Seconds that the canary may take.
    pub limit_seconds: f64,
    /// Whether the limit was given; otherwise it is a working day.
    pub limit_given: bool,
    /// Seconds in which the smallest visible changes are visible.
    pub visible_seconds: f64,
    /// Factor on all requests for users who stay with a version.
    pub design_effect: f64,
    /// For each thing that is watched.
    pub metrics: Vec<MetricPlan>,
    /// How often gates that look early look.
    pub looks: u32,
    /// What the closed forms leave out of the scenario that was asked about.
    pub notes: Vec<String>,
}

/// The answer for one thing that is watched.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MetricPlan {
    /// What is watched, and the change to see in it.
    pub metric: Metric,
    /// For each percentage asked about, in the order asked.
    pub rows: Vec<MetricRow>,
    /// Of the rows, the one that takes the least time.
    pub soonest: usize,
    /// Of the rows, the one that hurts the fewest.
    pub fewest_hurt: usize,
    /// Whether any of them is done within the limit.
    pub supported: bool,
    /// Gates, at each percentage.
    pub gates: Vec<GateRow>,
    /// What would help, for the soonest row.
    pub advice: Advice,
}

/// Format of [`Plan`].
const FORMAT: u32 = 1;

/// Answers a question; every refusal at once where it is impossible.
///
/// # Errors
/// Everything that is wrong with the question.
pub fn plan(question: &Question) -> Result<Plan, Vec<Refusal>> {
    let setting = question.check()?;
    let metrics = (question.metrics().into_iter())
        .map(|metric| metric_plan(question, &setting, metric))
        .collect();
    Ok(Plan {
        format: FORMAT,
        rate: setting.rate,
        power: setting.risks.power,
        false_rollback: setting.risks.alpha,
        limit_seconds: setting.limit,
        limit_given: question.time.is_some(),
        visible_seconds: setting.visible,
        design_effect: setting.design_effect,
        metrics,
        looks: question.looks,
        notes: question.notes.clone(),
    })
}

fn metric_plan(question: &Question, setting: &question::Setting, metric: Metric) -> MetricPlan {
    let rows: Vec<MetricRow> = (question.weights.iter())
        .map(|weight| metric.row(setting, question.users.as_ref(), weight.share()))
        .collect();
    let least = |of: fn(&MetricRow) -> f64| {
        let smallest = (rows.iter().enumerate()).min_by(|a, b| of(a.1).total_cmp(&of(b.1)));
        smallest.map_or(0, |(index, _)| index)
    };
    let soonest = least(|row| row.seconds);
    MetricPlan {
        metric,
        soonest,
        fewest_hurt: least(|row| row.hurt),
        supported: rows.iter().any(|row| row.in_time),
        gates: gates::rows(setting, metric, &rows, question.looks),
        advice: advice::advise(setting, metric, &rows, soonest),
        rows,
    }
}
