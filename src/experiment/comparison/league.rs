//! Who leads: the soonest among those that rarely roll back a good release.

use super::{Comparison, Family, Row};

/// Who leads a comparison.
#[derive(Debug, Clone, PartialEq)]
pub struct League<'c> {
    /// The share of good releases that may be rolled back.
    pub bar: f64,
    /// The gate with the shortest median among those that keep the bar; `None` where none of them
    /// catches half of the bad releases.
    pub first: Option<&'c Row>,
    /// How it stands to each controller as it comes.
    pub leads: Vec<Lead<'c>>,
}

/// How the leader stands to a controller.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lead<'c> {
    /// The controller.
    pub controller: &'c Row,
    /// Whether the controller keeps the bar.
    pub keeps_bar: bool,
    /// The controller's median over the leader's; `None` where it catches fewer than half.
    pub times_sooner: Option<f64>,
}

/// Whether a row rolls back no more good releases than `bar`, as far as its trials can tell.
pub fn keeps(row: &Row, bar: f64) -> bool {
    row.false_rollback.low <= bar
}

/// Who leads among those that roll back at most `bar` of the good releases.
///
/// A test counts only where it promises a level of at most `bar`: what keeps it by luck, or because it
/// was given more and did not use it, promises nothing.
pub fn league(comparison: &Comparison, bar: f64) -> League<'_> {
    let allowed = |row: &&Row| {
        let promised = match row.family {
            Family::Test => row.promises && row.level.is_some_and(|level| level <= bar),
            Family::Own | Family::Limit | Family::Controller => true,
        };
        promised && keeps(row, bar)
    };
    let median = |row: &Row| row.median_seconds.unwrap_or(f64::INFINITY);
    let first = (comparison.rows.iter())
        .filter(allowed)
        .filter(|row| row.median_seconds.is_some())
        .min_by(|a, b| {
            (median(a).total_cmp(&median(b)))
                .then(a.exposure.requests.total_cmp(&b.exposure.requests))
                .then(
                    a.false_rollback
                        .estimate
                        .total_cmp(&b.false_rollback.estimate),
                )
        });
    let controllers = comparison.rows.iter();
    let controllers = controllers.filter(|row| row.family == Family::Controller);
    let leads = controllers.map(|controller| Lead {
        controller,
        keeps_bar: keeps(controller, bar),
        times_sooner: first
            .and_then(|first| Some(controller.median_seconds? / first.median_seconds?.max(1.0))),
    });
    League {
        bar,
        first,
        leads: leads.collect(),
    }
}
