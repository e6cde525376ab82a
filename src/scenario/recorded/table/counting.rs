//! What the counts of a table's rows are of: of each row alone, or of all up to it.

use std::collections::BTreeMap;

use super::super::series::median_step;
use super::{Line, TableWanted};

/// Whether figures run on from row to row.
pub(super) fn run_on(
    lines: &BTreeMap<String, Vec<Line>>,
    wanted: &TableWanted,
    notes: &mut Vec<String>,
) -> bool {
    if let Some(counters) = wanted.counters {
        return counters;
    }
    /// So many counts in a row do not grow by chance.
    const FEW: usize = 6;
    let grows = |list: &Vec<Line>| {
        let mut list: Vec<(i128, f64)> = list.iter().map(|line| (line.at, line.requests)).collect();
        list.sort_by_key(|(at, _)| *at);
        let never_falls = list.windows(2).all(|pair| pair[0].1 <= pair[1].1);
        let rises = list.windows(2).filter(|pair| pair[0].1 < pair[1].1).count();
        never_falls && rises >= FEW
    };
    let found = !lines.is_empty() && lines.values().all(grows);
    if found {
        notes.push(
            "the counts of requests never fall, so they are read as running counters; \
             --increments says otherwise"
                .to_owned(),
        );
    }
    found
}

/// Rows that count what came from their time to the next row's: at its end each has been counted.
pub(super) fn of_increments(list: &[Line], notes: &mut Vec<String>) -> Vec<(i128, Option<Line>)> {
    let instants: Vec<i128> = list.iter().map(|line| line.at).collect();
    let usual = median_step(&instants).map_or(60_000_000_000, |step| i128::from(step.as_nanos()));
    let doubles = (list.windows(2)).filter(|pair| pair[0].at == pair[1].at);
    if let Some(first) = doubles.clone().next() {
        notes.push(format!(
            "{} rows have the time of the row before them (the first is line {}) and were summed up with \
             it",
            doubles.count(),
            first[1].number
        ));
    }
    let mut counted = Vec::with_capacity(list.len() + 1);
    for (index, line) in list.iter().enumerate() {
        if index == 0 {
            counted.push((line.at, None));
        }
        let next = (list[index..].iter()).find(|next| next.at > line.at);
        let next = next.map(|next| next.at);
        // Before a gap, what a row counts was over when the gap began.
        let end = next.filter(|next| 2 * (next - line.at) <= 3 * usual);
        let end = end.unwrap_or(line.at + usual);
        counted.push((end, Some(line.clone())));
    }
    counted
}

/// Rows of running counters: what each has more than the one before, which is all of it where it has
/// less.
pub(super) fn of_counters(list: &[Line], notes: &mut Vec<String>) -> Vec<(i128, Option<Line>)> {
    let mut counted = Vec::with_capacity(list.len());
    let mut before: Option<&Line> = None;
    for line in list {
        let Some(last) = before.replace(line) else {
            counted.push((line.at, None));
            continue;
        };
        let began_anew = line.requests < last.requests || line.errors < last.errors;
        if began_anew {
            let note =
                "a running counter falls: it began anew there, and nothing before is counted \
                        twice"
                    .to_owned();
            if !notes.contains(&note) {
                notes.push(note);
            }
        }
        let more = |now: f64, then: f64| {
            if began_anew {
                now
            } else {
                (now - then).max(0.0)
            }
        };
        let within = line.within.iter().zip(&last.within);
        counted.push((
            line.at,
            Some(Line {
                requests: more(line.requests, last.requests),
                errors: more(line.errors, last.errors),
                within: within.map(|(now, then)| more(*now, *then)).collect(),
                ..line.clone()
            }),
        ));
    }
    counted
}
