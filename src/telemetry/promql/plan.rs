//! A query as a list of steps: what is left of it once the series are known.
//!
//! Every vector has a fixed list of slots, one for each label set that it can ever hold; which of
//! them hold a value is found out each time. Label sets, groups and partners are all settled when
//! the plan is made, so that an evaluation touches nothing but numbers.

use super::catalogue::Quantity;
use super::elements::{DatePart, Element};
use super::labels::Labels;
use super::operators::{Operator, SetOperator};
use super::over_time::OverTime;
use crate::telemetry::{Status, Version};

/// Steps in the order in which they are evaluated; the last one's value is the answer's.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct Plan {
    pub(super) steps: Vec<Step>,
    /// How many slots all steps have.
    pub(super) slots: usize,
}

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Step {
    pub(super) op: Op,
    /// Its first slot.
    pub(super) at: usize,
    /// Label sets of its slots.
    pub(super) labels: Vec<Labels>,
    /// Slots with equal labels, of which only one may hold a value.
    pub(super) clashes: Vec<Clash>,
    /// Slots in order of their labels.
    pub(super) in_order: Vec<u32>,
}

/// Slots whose labels are equal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Clash {
    pub(super) slots: Vec<u32>,
    /// Whether they come from one group of a match.
    pub(super) within_group: bool,
}

/// The slots of an earlier step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Operand {
    pub(super) at: usize,
    pub(super) count: usize,
}

/// Where a selector looks, seen from the instant evaluated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Shift {
    /// How far back, in nanoseconds.
    pub(super) offset: i64,
    pub(super) at: Option<At>,
}

/// The instant of an `@`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum At {
    Start,
    End,
    Nanos(i64),
}

/// Where the samples of a selector's slots are.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Columns {
    /// Numbers of recorded series, slot by slot.
    Recorded(Vec<usize>),
    /// Counters of a simulated service.
    Counters(Vec<Run>),
}

/// Counters that are scraped together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) version: Version,
    pub(super) route: Option<usize>,
    pub(super) status: Status,
    /// Which counter goes to which slot; buckets in order.
    pub(super) reads: Vec<(Quantity, u32)>,
}

/// A rule of aggregation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Aggregate {
    Sum,
    Avg,
    Min,
    Max,
    Count,
    Group,
    Stddev,
    Stdvar,
    Quantile,
}

/// Two vectors, matched.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Match {
    pub(super) operator: Operator,
    pub(super) as_bool: bool,
    /// Whether the sides were swapped so that the many stand on the left.
    pub(super) swapped: bool,
    /// Whether several on the left may have one partner.
    pub(super) many: bool,
    /// Whether pairs that a filter drops count as met.
    pub(super) strict: bool,
    pub(super) left: Operand,
    pub(super) right: Operand,
    /// Group of each slot; [`NO_GROUP`] for those that can have no partner.
    pub(super) left_groups: Vec<u32>,
    pub(super) right_groups: Vec<u32>,
    pub(super) groups: usize,
    /// First slot of the result of each slot on the left.
    pub(super) results: Vec<u32>,
    /// What a partner adds to that.
    pub(super) ranks: Vec<u32>,
    /// Labels of the groups, for errors.
    pub(super) keys: Vec<Labels>,
}

/// Two vectors as sets.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Set {
    pub(super) operator: SetOperator,
    pub(super) left: Operand,
    pub(super) right: Operand,
    pub(super) left_groups: Vec<u32>,
    pub(super) right_groups: Vec<u32>,
    pub(super) groups: usize,
}

/// The buckets of one histogram: bounds in order, with their slots.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Histogram {
    pub(super) buckets: Vec<(f64, u32)>,
    /// The finite bounds, where no two buckets have one bound and the last has none.
    pub(super) bounds: Option<Vec<f64>>,
}

/// Samples of a window and what is made of them.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Window {
    pub(super) function: OverTime,
    pub(super) shift: Shift,
    /// In nanoseconds.
    pub(super) range: i64,
    pub(super) number: Option<Operand>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Op {
    /// The bits of a number, so that NaN equals itself.
    Number(u64),
    Time,
    /// The only value of a vector.
    ScalarOf(Operand),
    Numbers {
        operator: Operator,
        left: Operand,
        right: Operand,
    },
    /// The newest sample, or when it was taken.
    Instant {
        columns: Columns,
        shift: Shift,
        times: bool,
    },
    /// `rate` or `increase` of counters that are scraped at a window's edges.
    Rise {
        runs: Vec<Run>,
        per_second: bool,
        range: i64,
    },
    Window {
        columns: Columns,
        window: Window,
    },
    Subquery {
        plan: Box<Plan>,
        step: i64,
        window: Window,
    },
    Element {
        element: Element,
        input: Operand,
        numbers: [Option<Operand>; 2],
    },
    Date {
        part: DatePart,
        input: Operand,
    },
    /// The instant evaluated, for every value.
    Now(Operand),
    /// A vector and a number.
    Side {
        operator: Operator,
        as_bool: bool,
        vector: Operand,
        number: Operand,
        number_left: bool,
    },
    Match(Box<Match>),
    Set(Box<Set>),
    Aggregate {
        rule: Aggregate,
        input: Operand,
        groups: Vec<u32>,
        number: Option<Operand>,
    },
    /// `topk` and `bottomk`.
    Rank {
        smallest: bool,
        input: Operand,
        groups: Vec<u32>,
        number: Operand,
    },
    Quantile {
        input: Operand,
        q: Operand,
        histograms: Vec<Histogram>,
    },
    /// The same values under other labels.
    Copy(Operand),
    Absent(Operand),
}

/// The group of a slot that has no partner.
pub(super) const NO_GROUP: u32 = u32::MAX;

impl Plan {
    /// Where the answer is.
    pub(super) fn root(&self) -> Operand {
        self.steps
            .last()
            .map_or(Operand { at: 0, count: 0 }, Step::operand)
    }
}

impl Step {
    pub(super) fn operand(&self) -> Operand {
        Operand {
            at: self.at,
            count: self.labels.len(),
        }
    }
}
