//! Aggregations, ranks and quantiles of histograms.

use super::super::Semantics;
use super::super::over_time;
use super::super::plan::{Aggregate, Histogram, Operand};
use super::super::quantile::quantile_of_buckets;
use super::super::sums::Sum;
use super::{Before, Own, Work};

/// What is aggregated: slots with the group of each.
#[derive(Debug, Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) slots: Operand,
    pub(super) groups: &'a [u32],
}

impl<'a> Input<'a> {
    /// Groups and values of what there is.
    fn iter(self, before: Before<'a>) -> impl Iterator<Item = (usize, f64)> + 'a {
        let groups = self.groups;
        (before.iter(self.slots)).map(move |(slot, value)| (groups[slot] as usize, value))
    }
}

/// One value of each group that has any.
pub(super) fn aggregate(
    rule: Aggregate,
    input: Input<'_>,
    number: f64,
    semantics: Semantics,
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
) {
    match rule {
        Aggregate::Sum | Aggregate::Avg => {
            sum(rule == Aggregate::Avg, input, semantics, before, own, work);
        }
        Aggregate::Min | Aggregate::Max => {
            let sign = if rule == Aggregate::Max { 1.0 } else { -1.0 };
            own.clear();
            for (group, value) in input.iter(before) {
                let best = own.values[group];
                let better = value * sign > best * sign || best.is_nan();
                if !own.present[group] || better {
                    own.set(group, Some(value));
                }
            }
        }
        Aggregate::Count | Aggregate::Group => {
            own.values.fill(0.0);
            own.clear();
            for (group, _) in input.iter(before) {
                own.present[group] = true;
                own.values[group] = match rule {
                    Aggregate::Count => own.values[group] + 1.0,
                    _ => 1.0,
                };
            }
        }
        Aggregate::Stddev | Aggregate::Stdvar | Aggregate::Quantile => {
            own.clear();
            for group in 0..own.values.len() {
                work.floats.clear();
                let of_group = input.iter(before).filter(|(other, _)| *other == group);
                work.floats.extend(of_group.map(|(_, value)| value));
                if work.floats.is_empty() {
                    continue;
                }
                let value = match rule {
                    Aggregate::Quantile => over_time::quantile(number, &mut work.floats),
                    Aggregate::Stddev => over_time::variance(&work.floats).sqrt(),
                    _ => over_time::variance(&work.floats),
                };
                own.set(group, Some(value));
            }
        }
    }
}

fn sum(
    mean: bool,
    input: Input<'_>,
    semantics: Semantics,
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
) {
    let count = own.values.len();
    own.clear();
    own.values.fill(0.0);
    let (sums, counts) = (&mut work.sums, &mut work.counts);
    sums.clear();
    sums.resize(count, Sum::default());
    counts.clear();
    counts.resize(count, 0);
    for (group, value) in input.iter(before) {
        own.present[group] = true;
        counts[group] += 1;
        match (semantics.compensated_sums, mean) {
            (true, _) => sums[group].add(value),
            (false, false) => own.values[group] += value,
            (false, true) => {
                let (n, so_far) = (f64::from(counts[group]), own.values[group]);
                own.values[group] = next_mean(so_far, value, n);
            }
        }
    }
    if !semantics.compensated_sums {
        return;
    }
    for group in 0..count {
        let total = sums[group].total();
        own.values[group] = match mean {
            false => total,
            true if total.is_finite() => total / f64::from(counts[group]),
            // The sum may have overflowed where the mean does not.
            true => {
                let (mut n, mut so_far) = (0.0, 0.0);
                for (_, value) in input.iter(before).filter(|(other, _)| *other == group) {
                    n += 1.0;
                    so_far = next_mean(so_far, value, n);
                }
                so_far
            }
        };
    }
}

/// The mean of one value more. Infinite ones stay what they are.
fn next_mean(mean: f64, value: f64, count: f64) -> f64 {
    if mean.is_infinite() {
        if value.is_infinite() && (mean > 0.0) == (value > 0.0) {
            return mean;
        }
        if value.is_finite() {
            return mean;
        }
    }
    mean + (value / count - mean / count)
}

/// The `count` greatest or smallest values of each group, what is no number last.
pub(super) fn rank(
    smallest: bool,
    input: Input<'_>,
    count: f64,
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
) {
    own.clear();
    // Not a number and less than one are none.
    if count.is_nan() || count < 1.0 {
        return;
    }
    let wanted = count.min(f64::from(u32::MAX)) as usize;
    let values = before.values(input.slots);
    let order = &mut work.order;
    order.clear();
    order.extend(before.iter(input.slots).map(|(slot, _)| slot as u32));
    let rank = |slot: u32| {
        let value = values[slot as usize];
        (value.is_nan(), if smallest { value } else { -value })
    };
    order.sort_by(|a, b| {
        let (a_group, b_group) = (input.groups[*a as usize], input.groups[*b as usize]);
        let ((a_nan, a), (b_nan, b)) = (rank(*a), rank(*b));
        let values = || a.partial_cmp(&b).unwrap_or(std::cmp::Ordering::Equal);
        (a_group.cmp(&b_group))
            .then(a_nan.cmp(&b_nan))
            .then_with(values)
    });
    let (mut group, mut taken) = (u32::MAX, 0);
    for slot in order.iter().map(|slot| *slot as usize) {
        if input.groups[slot] != group {
            (group, taken) = (input.groups[slot], 0);
        }
        if taken < wanted {
            taken += 1;
            own.set(slot, Some(values[slot]));
        }
    }
}

/// A quantile of each histogram that has any bucket.
pub(super) fn quantiles(
    q: f64,
    input: Operand,
    histograms: &[Histogram],
    semantics: Semantics,
    before: Before<'_>,
    own: &mut Own<'_>,
    work: &mut Work,
) {
    let (values, present) = (before.values(input), before.present(input));
    let tolerant = semantics.tolerant_buckets;
    for (slot, histogram) in histograms.iter().enumerate() {
        let buckets = histogram.buckets.iter();
        let counts = &mut work.floats;
        counts.clear();
        counts.extend(buckets.map(|(_, slot)| values[*slot as usize]));
        let whole = histogram
            .buckets
            .iter()
            .all(|(_, slot)| present[*slot as usize]);
        let value = match &histogram.bounds {
            Some(bounds) if whole => Some(quantile_of_buckets(q, bounds, counts, tolerant)),
            _ => partial(q, histogram, values, present, tolerant),
        };
        own.set(slot, value);
    }
}

/// The same where buckets are missing or share a bound.
fn partial(
    q: f64,
    histogram: &Histogram,
    values: &[f64],
    present: &[bool],
    tolerant: bool,
) -> Option<f64> {
    let (mut bounds, mut counts): (Vec<f64>, Vec<f64>) = (Vec::new(), Vec::new());
    let buckets = histogram.buckets.iter();
    for (bound, slot) in buckets.filter(|(_, slot)| present[*slot as usize]) {
        match counts.last_mut() {
            Some(count) if bounds.last() == Some(bound) => *count += values[*slot as usize],
            _ => {
                bounds.push(*bound);
                counts.push(values[*slot as usize]);
            }
        }
    }
    let top = bounds.pop()?;
    // Extremes are answered before anybody looks at buckets.
    Some(match q {
        _ if top == f64::INFINITY => quantile_of_buckets(q, &bounds, &mut counts, tolerant),
        _ if q.is_nan() => f64::NAN,
        _ if q < 0.0 => f64::NEG_INFINITY,
        _ if q > 1.0 => f64::INFINITY,
        _ => f64::NAN,
    })
}
