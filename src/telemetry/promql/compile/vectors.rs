//! Aggregations and operators between vectors.

use std::collections::BTreeMap;

use promql_parser::parser::token::{
    T_AVG, T_BOTTOMK, T_COUNT, T_GROUP, T_LAND, T_LOR, T_MAX, T_MIN, T_QUANTILE, T_STDDEV,
    T_STDVAR, T_SUM, T_TOPK,
};
use promql_parser::parser::{
    AggregateExpr, BinModifier, BinaryExpr, Expr, LabelModifier, VectorMatchCardinality,
};

use super::super::BindError;
use super::super::labels::Labels;
use super::super::operators::{Operator, SetOperator};
use super::super::plan::{Aggregate, Clash, Match, NO_GROUP, Op, Set};
use super::{Compiler, Keys, Value, clashes, grouped};

impl Compiler<'_> {
    pub(super) fn aggregate(&mut self, aggregate: &AggregateExpr) -> Result<usize, BindError> {
        let number = match &aggregate.param {
            Some(param) => Some(self.scalar(param)?),
            None => None,
        };
        let step = self.vector(&aggregate.expr)?;
        let input = self.operand(step);
        let grouping = aggregate.modifier.as_ref();
        let mut keys = Keys::default();
        let labels = self.labels(step).iter();
        let groups: Vec<u32> = labels.map(|l| keys.number(grouped(l, grouping))).collect();
        let rule = match (aggregate.op.id(), number) {
            (T_SUM, _) => Aggregate::Sum,
            (T_AVG, _) => Aggregate::Avg,
            (T_MIN, _) => Aggregate::Min,
            (T_MAX, _) => Aggregate::Max,
            (T_COUNT, _) => Aggregate::Count,
            (T_GROUP, _) => Aggregate::Group,
            (T_STDDEV, _) => Aggregate::Stddev,
            (T_STDVAR, _) => Aggregate::Stdvar,
            (T_QUANTILE, _) => Aggregate::Quantile,
            (id @ (T_TOPK | T_BOTTOMK), Some(number)) => {
                let labels = self.labels(step).to_vec();
                let op = Op::Rank {
                    smallest: id == T_BOTTOMK,
                    input,
                    groups,
                    number,
                };
                return self.push(op, labels);
            }
            _ => return Err(BindError::unevaluated(&Expr::Aggregate(aggregate.clone()))),
        };
        let op = Op::Aggregate {
            rule,
            input,
            groups,
            number,
        };
        self.push(op, keys.list)
    }

    pub(super) fn binary(&mut self, binary: &BinaryExpr) -> Result<Value, BindError> {
        let left = self.value(&binary.lhs)?;
        let right = self.value(&binary.rhs)?;
        let modifier = binary.modifier.as_ref();
        let as_bool = modifier.is_some_and(|modifier| modifier.return_bool);
        let operator = Operator::of(binary.op.id());
        let refuse = || BindError::unevaluated(&Expr::Binary(binary.clone()));
        match (left, right) {
            (Value::Scalar(left), Value::Scalar(right)) => {
                let op = Op::Numbers {
                    operator: operator.ok_or_else(refuse)?,
                    left,
                    right,
                };
                self.push_scalar(op).map(Value::Scalar)
            }
            (Value::Vector(step), Value::Scalar(number))
            | (Value::Scalar(number), Value::Vector(step)) => {
                let operator = operator.ok_or_else(refuse)?;
                let op = Op::Side {
                    operator,
                    as_bool,
                    vector: self.operand(step),
                    number,
                    number_left: matches!(left, Value::Scalar(_)),
                };
                match self.keeps_name(operator) && !as_bool {
                    true => self.push(op, self.labels(step).to_vec()).map(Value::Vector),
                    false => self.push_nameless(op, step).map(Value::Vector),
                }
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let step = match operator {
                    Some(operator) => self.pairs(operator, modifier, left, right),
                    None => {
                        let operator = match binary.op.id() {
                            T_LAND => SetOperator::And,
                            T_LOR => SetOperator::Or,
                            _ => SetOperator::Unless,
                        };
                        self.sets(operator, modifier, left, right)
                    }
                };
                step.map(Value::Vector)
            }
        }
    }

    /// Whether results keep the metric's name, where nothing else drops it.
    fn keeps_name(&self, operator: Operator) -> bool {
        let odd = operator == Operator::Atan2 && !self.semantics.atan2_drops_name;
        operator.is_comparison() || odd
    }

    fn sets(
        &mut self,
        operator: SetOperator,
        modifier: Option<&BinModifier>,
        left: usize,
        right: usize,
    ) -> Result<usize, BindError> {
        let mut keys = Keys::default();
        let matching = modifier.and_then(|modifier| modifier.matching.as_ref());
        let mut number = |labels: &[Labels]| -> Vec<u32> {
            labels
                .iter()
                .map(|labels| keys.number(key(labels, matching)))
                .collect()
        };
        let left_groups = number(self.labels(left));
        let right_groups = number(self.labels(right));
        let mut labels = self.labels(left).to_vec();
        if operator == SetOperator::Or {
            labels.extend_from_slice(self.labels(right));
        }
        let op = Op::Set(Box::new(Set {
            operator,
            left: self.operand(left),
            right: self.operand(right),
            left_groups,
            right_groups,
            groups: keys.list.len(),
        }));
        self.push(op, labels)
    }

    fn pairs(
        &mut self,
        operator: Operator,
        modifier: Option<&BinModifier>,
        left: usize,
        right: usize,
    ) -> Result<usize, BindError> {
        let default = BinModifier::default();
        let modifier = modifier.unwrap_or(&default);
        let matching = modifier.matching.as_ref();
        let (swapped, many, copied) = match &modifier.card {
            VectorMatchCardinality::ManyToOne(labels) => (false, true, &labels.labels[..]),
            VectorMatchCardinality::OneToMany(labels) => (true, true, &labels.labels[..]),
            _ => (false, false, &[][..]),
        };
        let (left, right) = if swapped {
            (right, left)
        } else {
            (left, right)
        };
        let mut keys = Keys::default();
        let right_labels = self.labels(right).to_vec();
        let right_groups: Vec<u32> = right_labels
            .iter()
            .map(|labels| keys.number(key(labels, matching)))
            .collect();
        let groups = keys.list.len();
        let left_labels = self.labels(left).to_vec();
        let left_groups: Vec<u32> = left_labels
            .iter()
            .map(|labels| Some(keys.number(key(labels, matching))))
            .map(|group| {
                group
                    .filter(|group| (*group as usize) < groups)
                    .unwrap_or(NO_GROUP)
            })
            .collect();
        keys.list.truncate(groups);
        let mut partners: Vec<Vec<usize>> = vec![Vec::new(); groups];
        for (slot, group) in right_groups.iter().enumerate() {
            partners[*group as usize].push(slot);
        }
        let drops_name = !self.keeps_name(operator) || modifier.return_bool;
        let shape = Shape {
            drops_name,
            matching: if many { None } else { Some(matching) },
            copied,
        };
        let layout = match many {
            true => shape.many(&left_labels, &left_groups, &right_labels, &partners)?,
            false => shape.one(&left_labels, &left_groups, &keys.list),
        };
        let mut ranks = vec![0; right_labels.len()];
        if many {
            for partners in &partners {
                for (rank, slot) in partners.iter().enumerate() {
                    ranks[*slot] = rank as u32;
                }
            }
        }
        let op = Op::Match(Box::new(Match {
            operator,
            as_bool: modifier.return_bool,
            swapped,
            many,
            strict: self.semantics.strict_filters,
            left: self.operand(left),
            right: self.operand(right),
            left_groups,
            right_groups,
            groups,
            results: layout.results,
            ranks,
            keys: keys.list,
        }));
        self.push_with(op, layout.labels, layout.clashes)
    }
}

/// The key by which elements are matched.
fn key(labels: &Labels, matching: Option<&LabelModifier>) -> Labels {
    match matching {
        None => labels.nameless(),
        some => grouped(labels, some),
    }
}

/// What results of a match look like.
struct Shape<'m> {
    drops_name: bool,
    /// The matching of one to one, which decides which labels stay.
    matching: Option<Option<&'m LabelModifier>>,
    /// Labels copied from the one side.
    copied: &'m [String],
}

/// The slots of a match.
struct Layout {
    labels: Vec<Labels>,
    /// First slot of each element of the left side.
    results: Vec<u32>,
    clashes: Vec<Clash>,
}

impl Shape<'_> {
    fn named(&self, labels: &Labels) -> Labels {
        match self.drops_name {
            true => labels.nameless(),
            false => labels.clone(),
        }
    }

    /// One to one: a slot for each group with on(), which leaves nothing else of the labels, and
    /// for each element of the left otherwise.
    fn one(&self, left: &[Labels], groups: &[u32], keys: &[Labels]) -> Layout {
        if let Some(Some(LabelModifier::Include(_))) = self.matching {
            let labels: Vec<Labels> = keys.iter().map(|key| self.named(key)).collect();
            let results = groups
                .iter()
                .map(|group| if *group == NO_GROUP { 0 } else { *group });
            return Layout {
                results: results.collect(),
                clashes: clashes(&labels),
                labels,
            };
        }
        let ignored = match self.matching {
            Some(Some(LabelModifier::Exclude(list))) => &list.labels[..],
            _ => &[],
        };
        let strip = |labels: &Labels| {
            let named = self.named(labels);
            ignored
                .iter()
                .fold(named, |labels, name| labels.with(name, ""))
        };
        let labels: Vec<Labels> = left.iter().map(strip).collect();
        Layout {
            results: (0..left.len() as u32).collect(),
            clashes: clashes(&labels),
            labels,
        }
    }

    /// Many to one: a slot for each pair that there can be.
    fn many(
        &self,
        left: &[Labels],
        groups: &[u32],
        right: &[Labels],
        partners: &[Vec<usize>],
    ) -> Result<Layout, BindError> {
        let (mut labels, mut results, mut of_group) = (Vec::new(), Vec::new(), Vec::new());
        for (many, group) in left.iter().zip(groups) {
            results.push(labels.len() as u32);
            if *group == NO_GROUP {
                continue;
            }
            for partner in &partners[*group as usize] {
                let one = &right[*partner];
                let copy = |labels: Labels, name: &String| labels.with(name, one.get(name));
                labels.push(self.copied.iter().fold(self.named(many), copy));
                of_group.push(*group);
                if labels.len() > super::MOST_SLOTS {
                    return Err(BindError::TooLarge {
                        most: super::MOST_SLOTS,
                    });
                }
            }
        }
        let mut all: Vec<Clash> = Vec::new();
        for clash in clashes(&labels) {
            let mut by_group: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
            for slot in &clash.slots {
                let group = of_group[*slot as usize];
                by_group.entry(group).or_default().push(*slot);
            }
            let within = by_group.into_values().filter(|slots| slots.len() > 1);
            all.extend(within.map(|slots| Clash {
                slots,
                within_group: true,
            }));
            all.push(clash);
        }
        Ok(Layout {
            labels,
            results,
            clashes: all,
        })
    }
}
