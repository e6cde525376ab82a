//! Statistical gates that hold their level at any traffic: exact spending and e-processes.

use super::super::read_alpha;
use crate::base::{Probability, Span};
use crate::gate::statistical::{
    ChangeEvidence, ChangeSpending, Events, ExactSpending, Exposure, JointSpending,
    LatencyEvidence, Method, Prior, Spending, SplitEvidence, Thresholds, TwoSidedEvidence,
};
use crate::scenario::defaults;
use crate::scenario::reader::{Table, Value};
use crate::scenario::traffic::positive_span;

/// Which test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::scenario::gates) enum Kind {
    ExactSpending,
    SplitEvidence,
    ChangeEvidence,
    ChangeSpending,
    LatencyEvidence,
    JointSpending,
    TwoSidedEvidence,
}

/// Their names.
pub(super) const KINDS: [(&str, Kind); 7] = [
    ("exact-spending", Kind::ExactSpending),
    ("split-evidence", Kind::SplitEvidence),
    ("change-evidence", Kind::ChangeEvidence),
    ("change-spending", Kind::ChangeSpending),
    ("latency-evidence", Kind::LatencyEvidence),
    ("joint-spending", Kind::JointSpending),
    ("two-sided-evidence", Kind::TwoSidedEvidence),
];

impl Kind {
    /// Whether it has to know when the rollout is expected to end.
    pub(super) fn is_planned(self) -> bool {
        !matches!(
            self,
            Kind::SplitEvidence | Kind::LatencyEvidence | Kind::TwoSidedEvidence
        )
    }
}

/// Reads the fields of one kind.
pub(super) fn read(table: &mut Table<'_>, kind: Kind) -> Option<Method> {
    let alpha = read_alpha(table);
    match kind {
        Kind::ExactSpending => read_exact_spending(table, alpha),
        Kind::SplitEvidence => read_split_evidence(table, alpha),
        Kind::ChangeEvidence => read_change_evidence(table, alpha),
        Kind::ChangeSpending => read_change_spending(table, alpha),
        Kind::LatencyEvidence => read_latency_evidence(table, alpha),
        Kind::JointSpending => read_joint_spending(table, alpha),
        Kind::TwoSidedEvidence => read_two_sided_evidence(table, alpha),
    }
}

fn read_exact_spending(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let spending = read_spending(table);
    let exposure = match table.get("exposure") {
        None => Some(Exposure::Realised),
        Some(value) => value.choice(&[
            ("realised", Exposure::Realised),
            ("weight", Exposure::Weight),
            ("hypergeometric", Exposure::Hypergeometric),
        ]),
    };
    let events = read_events(table);
    Some(Method::ExactSpending(ExactSpending {
        alpha: alpha?,
        spending: spending?,
        exposure: exposure?,
        events: events?,
    }))
}

fn read_split_evidence(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let tolerate = match table.get("tolerate") {
        None => Some(1.0),
        Some(value) => value.number(1.0..=1e3),
    };
    let events = read_events(table);
    Some(Method::SplitEvidence(SplitEvidence {
        alpha: alpha?,
        tolerate: tolerate?,
        events: events?,
    }))
}

fn read_change_evidence(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let prior = match table.get("onset") {
        None => Some(Prior::HalfAtStart),
        Some(value) => value.choice(&[
            ("uniform", Prior::Uniform),
            ("half-at-start", Prior::HalfAtStart),
        ]),
    };
    let events = read_events(table);
    Some(Method::ChangeEvidence(ChangeEvidence {
        alpha: alpha?,
        prior: prior?,
        events: events?,
    }))
}

fn read_change_spending(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let spending = read_spending(table);
    let particles = read_particles(table, defaults::PARTICLES);
    let events = read_events(table);
    Some(Method::ChangeSpending(ChangeSpending {
        alpha: alpha?,
        spending: spending?,
        particles: particles?,
        events: events?,
    }))
}

fn read_latency_evidence(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let thresholds = read_thresholds(table);
    let errors = match table.get("errors") {
        None => Some(false),
        Some(value) => value.boolean(),
    };
    Some(Method::LatencyEvidence(LatencyEvidence {
        alpha: alpha?,
        thresholds: thresholds?,
        errors: errors?,
    }))
}

fn read_joint_spending(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let spending = read_spending(table);
    let particles = read_particles(table, defaults::JOINT_PARTICLES);
    let thresholds = read_thresholds(table);
    Some(Method::JointSpending(JointSpending {
        alpha: alpha?,
        spending: spending?,
        particles: particles?,
        thresholds: thresholds?,
    }))
}

fn read_two_sided_evidence(table: &mut Table<'_>, alpha: Option<Probability>) -> Option<Method> {
    let alpha_promote = match table.get("alpha_promote") {
        None => alpha,
        Some(value) => super::super::level(&value),
    };
    let tolerate = match table.get("tolerate") {
        None => Some(defaults::TOLERATE),
        Some(value) => value.number(1.0..=1e3).filter(|tolerate| {
            if *tolerate == 1.0 {
                value.refuse(
                    "`1` promotes only a canary that is better than stable",
                    "write how many times as bad as stable it must not be, like 2",
                );
            }
            *tolerate > 1.0
        }),
    };
    let events = read_events(table);
    Some(Method::TwoSidedEvidence(TwoSidedEvidence {
        alpha: alpha?,
        alpha_promote: alpha_promote?,
        tolerate: tolerate?,
        events: events?,
    }))
}

/// How the level is spread over the planned time.
pub(super) fn read_spending(table: &mut Table<'_>) -> Option<Spending> {
    match table.get("spending") {
        None => Some(Spending::Pocock),
        Some(value) => value.choice(&[
            ("pocock", Spending::Pocock),
            ("obrien-fleming", Spending::OBrienFleming),
            ("sqrt", Spending::Root),
        ]),
    }
}

/// Errors, or answers slower than a latency.
fn read_events(table: &mut Table<'_>) -> Option<Events> {
    match table.get("slower") {
        None => Some(Events::Errors),
        Some(value) => positive_span(&value).map(Events::Slower),
    }
}

/// How many companions are drawn: enough for any level, and few enough to wait for.
fn read_particles(table: &mut Table<'_>, usual: u32) -> Option<u32> {
    match table.get("particles") {
        None => Some(usual),
        Some(value) => value
            .whole(19..=100_000)
            .and_then(|particles| u32::try_from(particles).ok()),
    }
}

/// The latencies that are watched.
fn read_thresholds(table: &mut Table<'_>) -> Option<Thresholds> {
    let Some(value) = table.get("thresholds") else {
        return Some(Thresholds::Pooled);
    };
    let list: Vec<Value<'_>> = value.list()?;
    if list.is_empty() || list.len() > Thresholds::MOST {
        value.refuse(
            format_args!("{} thresholds", list.len()),
            format_args!("write 1 to {}, like [\"100ms\", \"1s\"]", Thresholds::MOST),
        );
        return None;
    }
    let latencies: Vec<Option<Span>> = list.iter().map(positive_span).collect();
    let latencies: Option<Vec<Span>> = latencies.into_iter().collect();
    latencies.map(Thresholds::At)
}
