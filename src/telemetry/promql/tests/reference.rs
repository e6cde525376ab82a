//! A slow evaluator that walks the tree at every instant, with label sets in hand and nothing
//! prepared: what plans must agree with. Semantics are those of Prometheus 3.

use std::collections::BTreeMap;

use promql_parser::label::MatchOp;
use promql_parser::parser::token::{T_LAND, T_LOR};
use promql_parser::parser::{
    AggregateExpr, BinaryExpr, Call, Expr, LabelModifier, Offset, VectorMatchCardinality,
    VectorSelector,
};

use super::super::labels::{Labels, NAME};
use super::super::samples::{STALE, Samples};
use super::super::sums::Sum;

pub(super) type Vector = Vec<(Labels, f64)>;

/// What an expression is worth at an instant.
#[derive(Debug, Clone)]
pub(super) enum Value {
    Scalar(f64),
    Vector(Vector),
}

const MINUTE: i64 = 60_000;

/// What a function makes of the samples in a window, given its end and its length.
type OfWindow<'f> = dyn Fn(&[(i64, f64)], i64, i64) -> Option<f64> + 'f;

/// Evaluates at `now`, in milliseconds.
pub(super) fn evaluate(expr: &Expr, now: i64, samples: &Samples) -> Result<Value, String> {
    Walk { samples }.value(expr, now)
}

struct Walk<'s> {
    samples: &'s Samples,
}

fn duplicates(vector: &Vector) -> Result<(), String> {
    for (place, (labels, _)) in vector.iter().enumerate() {
        if vector[..place].iter().any(|(other, _)| other == labels) {
            return Err("vector cannot contain metrics with the same labelset".to_owned());
        }
    }
    Ok(())
}

fn offset(selector: &VectorSelector) -> i64 {
    match &selector.offset {
        None => 0,
        Some(Offset::Pos(duration)) => duration.as_millis() as i64,
        Some(Offset::Neg(duration)) => -(duration.as_millis() as i64),
    }
}

impl Walk<'_> {
    fn value(&self, expr: &Expr, now: i64) -> Result<Value, String> {
        Ok(match expr {
            Expr::NumberLiteral(number) => Value::Scalar(number.val),
            Expr::Paren(paren) => self.value(&paren.expr, now)?,
            Expr::Unary(unary) => match self.value(&unary.expr, now)? {
                Value::Scalar(value) => Value::Scalar(-value),
                Value::Vector(vector) => Value::Vector(map(vector, |value| Some(-value))?),
            },
            Expr::VectorSelector(selector) => {
                let end = now - offset(selector);
                let mut found = Vec::new();
                for (labels, samples) in self.window(selector, end, 5 * MINUTE, true) {
                    if let Some((_, value)) = samples.last().filter(|s| s.1.to_bits() != STALE) {
                        found.push((labels, *value));
                    }
                }
                Value::Vector(found)
            }
            Expr::Aggregate(aggregate) => Value::Vector(self.aggregate(aggregate, now)?),
            Expr::Binary(binary) => self.binary(binary, now)?,
            Expr::Call(call) => self.call(call, now)?,
            other => return Err(format!("{other} is not walked")),
        })
    }

    fn vector(&self, expr: &Expr, now: i64) -> Result<Vector, String> {
        match self.value(expr, now)? {
            Value::Vector(vector) => Ok(vector),
            Value::Scalar(_) => Err("a scalar".to_owned()),
        }
    }

    fn scalar(&self, expr: &Expr, now: i64) -> Result<f64, String> {
        match self.value(expr, now)? {
            Value::Scalar(value) => Ok(value),
            Value::Vector(_) => Err("a vector".to_owned()),
        }
    }

    /// Samples with `end - length < time <= end`.
    fn window(
        &self,
        selector: &VectorSelector,
        end: i64,
        length: i64,
        stale: bool,
    ) -> Vec<(Labels, Vec<(i64, f64)>)> {
        let mut found = Vec::new();
        for series in self.samples.series() {
            let labels = series.labels();
            let named = selector
                .name
                .as_ref()
                .is_none_or(|name| labels.get(NAME) == name);
            let matchers = &selector.matchers.matchers;
            if !named || !matchers.iter().all(|m| m.is_match(labels.get(&m.name))) {
                continue;
            }
            let samples = series.times().iter().map(|time| time / 1_000_000);
            let samples = samples.zip(series.values().iter().copied());
            let samples = samples.filter(|(time, value)| {
                *time > end - length && *time <= end && (stale || value.to_bits() != STALE)
            });
            found.push((labels.clone(), samples.collect()));
        }
        found
    }

    /// A function of windows: of a selector or a subquery.
    fn over(
        &self,
        expr: &Expr,
        now: i64,
        keeps_name: bool,
        of: &OfWindow<'_>,
    ) -> Result<Vector, String> {
        let (series, end, length) = match expr {
            Expr::Paren(paren) => return self.over(&paren.expr, now, keeps_name, of),
            Expr::MatrixSelector(selector) => {
                let (end, length) = (
                    now - offset(&selector.vs),
                    selector.range.as_millis() as i64,
                );
                (self.window(&selector.vs, end, length, false), end, length)
            }
            Expr::Subquery(subquery) => {
                let length = subquery.range.as_millis() as i64;
                let step = subquery.step.map_or(MINUTE, |step| step.as_millis() as i64);
                let mut series: BTreeMap<Labels, Vec<(i64, f64)>> = BTreeMap::new();
                for at in (now - length + 1..=now).filter(|at| at % step == 0) {
                    for (labels, value) in self.vector(&subquery.expr, at)? {
                        series.entry(labels).or_default().push((at, value));
                    }
                }
                (series.into_iter().collect(), now, length)
            }
            other => return Err(format!("{other} is no window")),
        };
        let mut found = Vec::new();
        for (labels, samples) in series {
            if let Some(value) = of(&samples, end, length) {
                let labels = if keeps_name {
                    labels
                } else {
                    labels.nameless()
                };
                found.push((labels, value));
            }
        }
        duplicates(&found)?;
        Ok(found)
    }

    fn aggregate(&self, aggregate: &AggregateExpr, now: i64) -> Result<Vector, String> {
        let vector = self.vector(&aggregate.expr, now)?;
        let mut groups: Vec<(Labels, Vector)> = Vec::new();
        for (labels, value) in vector {
            let key = match &aggregate.modifier {
                None => Labels::none(),
                Some(LabelModifier::Include(list)) => labels.only(&list.labels),
                Some(LabelModifier::Exclude(list)) => labels.without(&list.labels),
            };
            match groups.iter_mut().find(|(other, _)| *other == key) {
                Some((_, group)) => group.push((labels, value)),
                None => groups.push((key, vec![(labels, value)])),
            }
        }
        let mut found = Vec::new();
        for (key, mut group) in groups {
            let values: Vec<f64> = group.iter().map(|(_, value)| *value).collect();
            let n = values.len() as f64;
            let real = || values.iter().copied().filter(|value| !value.is_nan());
            let value = match aggregate.op.to_string().as_str() {
                "sum" => Sum::over(&values).total(),
                "avg" => Sum::over(&values).total() / n,
                "count" => n,
                "group" => 1.0,
                "min" => real().reduce(f64::min).unwrap_or(f64::NAN),
                "max" => real().reduce(f64::max).unwrap_or(f64::NAN),
                "topk" => {
                    let k = match &aggregate.param {
                        Some(param) => self.scalar(param, now)?,
                        None => 0.0,
                    };
                    let below = |a: f64, b: f64| b > a || (a.is_nan() && !b.is_nan());
                    let mut taken: Vector = Vec::new();
                    for element in group.drain(..) {
                        // Each goes before the first that is below it.
                        let place = taken.iter().position(|other| below(other.1, element.1));
                        taken.insert(place.unwrap_or(taken.len()), element);
                    }
                    found.extend(taken.into_iter().take(k.max(0.0) as usize));
                    continue;
                }
                other => return Err(format!("{other} is not walked")),
            };
            found.push((key, value));
        }
        Ok(found)
    }

    fn binary(&self, binary: &BinaryExpr, now: i64) -> Result<Value, String> {
        let op = binary.op.to_string();
        let as_bool = binary.modifier.as_ref().is_some_and(|m| m.return_bool);
        let comparison = binary.op.is_comparison_operator();
        let drops = !comparison || as_bool;
        match (self.value(&binary.lhs, now)?, self.value(&binary.rhs, now)?) {
            (Value::Scalar(a), Value::Scalar(b)) => Ok(Value::Scalar(apply(&op, a, b))),
            (Value::Vector(vector), Value::Scalar(number)) => {
                side(vector, drops, |v| keep(&op, v, number, v, as_bool)).map(Value::Vector)
            }
            (Value::Scalar(number), Value::Vector(vector)) => {
                side(vector, drops, |v| keep(&op, number, v, v, as_bool)).map(Value::Vector)
            }
            (Value::Vector(left), Value::Vector(right)) => {
                let found = match binary.op.is_set_operator() {
                    true => set(binary, left, &right),
                    false => pairs(binary, &op, as_bool, drops, left, right)?,
                };
                duplicates(&found)?;
                Ok(Value::Vector(found))
            }
        }
    }

    fn call(&self, call: &Call, now: i64) -> Result<Value, String> {
        let args = &call.args.args;
        let name = call.func.name;
        let number = |place: usize| self.scalar(&args[place], now);
        let over =
            |keeps, of: &OfWindow<'_>| self.over(&args[0], now, keeps, of).map(Value::Vector);
        let values = |s: &[(i64, f64)]| -> Vec<f64> { s.iter().map(|(_, value)| *value).collect() };
        let some = |value: f64, s: &[(i64, f64)]| (!s.is_empty()).then_some(value);
        match name {
            "time" => Ok(Value::Scalar(now as f64 / 1_000.0)),
            "vector" => Ok(Value::Vector(vec![(Labels::none(), number(0)?)])),
            "scalar" => Ok(Value::Scalar(match &self.vector(&args[0], now)?[..] {
                [(_, value)] => *value,
                _ => f64::NAN,
            })),
            "abs" => map(self.vector(&args[0], now)?, |v| Some(v.abs())).map(Value::Vector),
            "clamp_min" => {
                let least = number(1)?;
                let clamp = |v: f64| Some(if v < least { least } else { v });
                map(self.vector(&args[0], now)?, clamp).map(Value::Vector)
            }
            "absent" => {
                let none = self.vector(&args[0], now)?.is_empty();
                let labels = match &*args[0] {
                    Expr::VectorSelector(selector) => {
                        let matchers = selector.matchers.matchers.iter();
                        let equal = matchers.filter(|m| matches!(m.op, MatchOp::Equal));
                        Labels::new(equal.map(|m| (&m.name, &m.value)))
                    }
                    _ => Labels::none(),
                };
                Ok(Value::Vector(
                    none.then_some((labels, 1.0)).into_iter().collect(),
                ))
            }
            "histogram_quantile" => {
                let q = number(0)?;
                quantiles(q, self.vector(&args[1], now)?).map(Value::Vector)
            }
            "rate" => over(false, &|s, end, length| {
                rise(s, end, length).map(|rise| rise / (length as f64 / 1_000.0))
            }),
            "increase" => over(false, &rise),
            "irate" => over(false, &|s, _, _| {
                let [.., (t0, v0), (t1, v1)] = s else {
                    return None;
                };
                let rise = if v1 < v0 { *v1 } else { v1 - v0 };
                Some(rise / ((t1 - t0) as f64 / 1_000.0))
            }),
            "count_over_time" => over(false, &|s, _, _| some(s.len() as f64, s)),
            "sum_over_time" => over(false, &|s, _, _| some(Sum::over(&values(s)).total(), s)),
            "avg_over_time" => over(false, &|s, _, _| {
                some(Sum::over(&values(s)).total() / s.len() as f64, s)
            }),
            "max_over_time" => over(false, &|s, _, _| values(s).into_iter().reduce(f64::max)),
            "min_over_time" => over(false, &|s, _, _| values(s).into_iter().reduce(f64::min)),
            "last_over_time" => over(true, &|s, _, _| s.last().map(|(_, value)| *value)),
            "changes" => over(false, &|s, _, _| {
                let changed = s
                    .windows(2)
                    .filter(|p| p[0].1.to_bits() != p[1].1.to_bits());
                some(changed.count() as f64, s)
            }),
            other => Err(format!("{other} is not walked")),
        }
    }
}

/// A function of every value.
fn map(vector: Vector, of: impl Fn(f64) -> Option<f64>) -> Result<Vector, String> {
    side(vector, true, of)
}

fn side(vector: Vector, drops: bool, of: impl Fn(f64) -> Option<f64>) -> Result<Vector, String> {
    let mut found = Vec::new();
    for (labels, value) in vector {
        if let Some(value) = of(value) {
            found.push((if drops { labels.nameless() } else { labels }, value));
        }
    }
    duplicates(&found)?;
    Ok(found)
}

fn apply(op: &str, a: f64, b: f64) -> f64 {
    let truth = |truth: bool| if truth { 1.0 } else { 0.0 };
    match op {
        "+" => a + b,
        "-" => a - b,
        "*" => a * b,
        "/" => a / b,
        "%" => a % b,
        "^" => a.powf(b),
        "==" => truth(a == b),
        "!=" => truth(a != b),
        ">" => truth(a > b),
        "<" => truth(a < b),
        ">=" => truth(a >= b),
        "<=" => truth(a <= b),
        other => panic!("{other} is not walked"),
    }
}

fn keep(op: &str, a: f64, b: f64, kept: f64, as_bool: bool) -> Option<f64> {
    let value = apply(op, a, b);
    let comparison = ["==", "!=", ">", "<", ">=", "<="].contains(&op);
    match comparison && !as_bool {
        true => (value == 1.0).then_some(kept),
        false => Some(value),
    }
}

fn key(labels: &Labels, binary: &BinaryExpr) -> Labels {
    match binary.modifier.as_ref().and_then(|m| m.matching.as_ref()) {
        None => labels.nameless(),
        Some(LabelModifier::Include(list)) => labels.only(&list.labels),
        Some(LabelModifier::Exclude(list)) => labels.without(&list.labels),
    }
}

fn set(binary: &BinaryExpr, left: Vector, right: &Vector) -> Vector {
    let keys = |vector: &Vector| -> Vec<Labels> {
        vector
            .iter()
            .map(|(labels, _)| key(labels, binary))
            .collect()
    };
    let (left_keys, right_keys) = (keys(&left), keys(right));
    match binary.op.id() {
        T_LOR => {
            let more = right
                .iter()
                .filter(|(l, _)| !left_keys.contains(&key(l, binary)));
            left.into_iter().chain(more.cloned()).collect()
        }
        op => {
            let held = |labels: &Labels| right_keys.contains(&key(labels, binary));
            let stays = |labels: &Labels| held(labels) == (op == T_LAND);
            left.into_iter()
                .filter(|(labels, _)| stays(labels))
                .collect()
        }
    }
}

fn pairs(
    binary: &BinaryExpr,
    op: &str,
    as_bool: bool,
    drops: bool,
    left: Vector,
    right: Vector,
) -> Result<Vector, String> {
    if left.is_empty() || right.is_empty() {
        return Ok(Vec::new());
    }
    let modifier = binary.modifier.as_ref();
    let (many, one, copied, swapped) = match modifier.map(|m| &m.card) {
        Some(VectorMatchCardinality::ManyToOne(list)) => (left, right, Some(list), false),
        Some(VectorMatchCardinality::OneToMany(list)) => (right, left, Some(list), true),
        _ => (left, right, None, false),
    };
    let mut partners: BTreeMap<Labels, (Labels, f64)> = BTreeMap::new();
    for (labels, value) in one {
        if partners
            .insert(key(&labels, binary), (labels, value))
            .is_some()
        {
            return Err("found duplicate series for the match group".to_owned());
        }
    }
    let mut met: Vec<(Labels, Labels)> = Vec::new();
    let mut found = Vec::new();
    for (labels, value) in many {
        let key = key(&labels, binary);
        let Some((other, partner)) = partners.get(&key) else {
            continue;
        };
        let (a, b) = if swapped {
            (*partner, value)
        } else {
            (value, *partner)
        };
        let mut result = if drops {
            labels.nameless()
        } else {
            labels.clone()
        };
        match copied {
            None => match modifier.and_then(|m| m.matching.as_ref()) {
                Some(LabelModifier::Include(list)) => result = result.only(&list.labels),
                Some(LabelModifier::Exclude(list)) => {
                    for name in &list.labels {
                        result = result.with(name, "");
                    }
                }
                None => {}
            },
            Some(list) => {
                for name in &list.labels {
                    result = result.with(name, other.get(name));
                }
            }
        }
        let kept = keep(op, a, b, a, as_bool);
        if copied.is_none() && met.iter().any(|(other, _)| *other == key) {
            return Err("multiple matches for labels: many-to-one".to_owned());
        }
        if copied.is_some() && kept.is_some() && met.contains(&(key.clone(), result.clone())) {
            return Err("multiple matches for labels: grouping".to_owned());
        }
        if copied.is_none() || kept.is_some() {
            met.push((key, result.clone()));
        }
        if let Some(value) = kept {
            found.push((result, value));
        }
    }
    Ok(found)
}

/// `increase`, as the reference writes it down.
fn rise(samples: &[(i64, f64)], end: i64, length: i64) -> Option<f64> {
    let ([(t0, v0), .., (t1, v1)], n) = (samples, samples.len() as f64) else {
        return None;
    };
    let mut inc = v1 - v0;
    for pair in samples.windows(2) {
        if pair[1].1 < pair[0].1 {
            inc += pair[0].1;
        }
    }
    let mut ds = (t0 - (end - length)) as f64 / 1_000.0;
    let mut de = (end - t1) as f64 / 1_000.0;
    let smp = (t1 - t0) as f64 / 1_000.0;
    let avg = smp / (n - 1.0);
    if ds >= avg * 1.1 {
        ds = avg / 2.0;
    }
    if inc > 0.0 && *v0 >= 0.0 {
        let z = smp * (v0 / inc);
        if z < ds {
            ds = z;
        }
    }
    if de >= avg * 1.1 {
        de = avg / 2.0;
    }
    Some(inc * ((smp + ds + de) / smp))
}

fn quantiles(q: f64, vector: Vector) -> Result<Vector, String> {
    let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (labels, value) in vector {
        if let Ok(bound) = labels.get("le").parse::<f64>() {
            let group = labels.nameless().with("le", "");
            groups.entry(group).or_default().push((bound, value));
        }
    }
    let mut found = Vec::new();
    for (labels, mut buckets) in groups {
        buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
        found.push((labels, quantile(q, buckets)));
    }
    Ok(found)
}

fn quantile(q: f64, buckets: Vec<(f64, f64)>) -> f64 {
    if q.is_nan() || !(0.0..=1.0).contains(&q) {
        return if q < 0.0 {
            f64::NEG_INFINITY
        } else if q > 1.0 {
            f64::INFINITY
        } else {
            f64::NAN
        };
    }
    let mut merged: Vec<(f64, f64)> = Vec::new();
    for (bound, count) in buckets {
        match merged.last_mut() {
            Some(last) if last.0 == bound => last.1 += count,
            _ => merged.push((bound, count)),
        }
    }
    if merged.len() < 2 || merged[merged.len() - 1].0 != f64::INFINITY {
        return f64::NAN;
    }
    let mut prev = merged[0].1;
    for bucket in &mut merged[1..] {
        let close = (bucket.1 - prev).abs() / (bucket.1.abs() + prev.abs()) < 1e-12;
        if bucket.1 < prev || close {
            bucket.1 = prev;
        } else {
            prev = bucket.1;
        }
    }
    let last = merged.len() - 1;
    let total = merged[last].1;
    if total == 0.0 || total.is_nan() {
        return f64::NAN;
    }
    let rank = q * total;
    let b = (0..last).find(|b| merged[*b].1 >= rank).unwrap_or(last);
    if b == last {
        return merged[last - 1].0;
    }
    if b == 0 && merged[0].0 <= 0.0 {
        return merged[0].0;
    }
    let (start, below) = if b == 0 { (0.0, 0.0) } else { merged[b - 1] };
    start + (merged[b].0 - start) * ((rank - below) / (merged[b].1 - below))
}
