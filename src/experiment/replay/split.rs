//! One version's series split at random into stable's and a canary's, as if a part of its requests had
//! gone to a canary that is as good.

use rand_distr::{Binomial, Distribution};

use super::Measured;
use super::resample::{add, slots};
use crate::base::{Purpose, Seed, Stream, Weight};
use crate::telemetry::recording::{Recording, Row, Subject};
use crate::telemetry::{Counters, Version, Weights};

/// Why a series cannot be split.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// There are several versions already.
    #[error("it has several versions: only the series of one can be split")]
    Several,
    /// A metrics server was asked, and the answers are what there is.
    #[error("it holds answers of a metrics server, which cannot be taken apart")]
    Answers,
}

/// Gives each request of the one version to a canary with the probability that `weight` is, and to stable
/// otherwise, whatever became of it and of those before it.
///
/// # Errors
/// When there is not one version with samples.
pub fn split(measured: &Measured, weight: Weight, seed: Seed) -> Result<Measured, SplitError> {
    let recording = &measured.recording;
    if measured.holdings().versions.len() != 1 {
        return Err(SplitError::Several);
    }
    if (recording.rows.iter()).any(|row| matches!(row, Row::Answer { .. } | Row::Query { .. })) {
        return Err(SplitError::Answers);
    }
    let mut stream = seed.stream(0, Purpose::Split);
    let width = recording.subject.plan.buckets.len();
    let mut sums = [Version::Stable, Version::Canary].map(|of| (of, Counters::new(width, 0)));
    let mut rows = Vec::new();
    for slot in slots(&recording.rows) {
        for rise in slot.rises.iter().filter(|rise| rise.route.is_none()) {
            let canary = thinned(&rise.counters, weight.share(), &mut stream);
            let stable = rest(&rise.counters, &canary);
            for ((version, sum), part) in sums.iter_mut().zip([&stable, &canary]) {
                add(sum, part);
                rows.push(Row::Scrape {
                    at: slot.at,
                    version: *version,
                    route: None,
                    counters: sum.clone(),
                });
            }
        }
    }
    if let Some(first) = rows.first().map(Row::at) {
        rows.push(Row::Weights {
            at: first,
            weights: Some(Weights {
                canary: weight,
                baseline: Weight::ZERO,
            }),
        });
    }
    rows.sort_by_key(|row| (row.at(), row.is_decision()));
    let plan = crate::telemetry::Plan {
        routes: 0,
        goals: 0,
        ..recording.subject.plan.clone()
    };
    Ok(Measured {
        recording: Recording {
            subject: Subject {
                plan,
                routes: Vec::new(),
                goals: Vec::new(),
                ..recording.subject.clone()
            },
            rows,
            cut: recording.cut,
        },
        begun: measured.begun,
    })
}

/// The canary's part of what was counted.
fn thinned(all: &Counters, share: f64, stream: &mut Stream) -> Counters {
    let mut draw = |count: u64| match Binomial::new(count, share) {
        Ok(law) => law.sample(stream),
        Err(_) => 0,
    };
    let width = all.buckets.len() / 2;
    let mut part = Counters::new(width, 0);
    for (part, count) in part.buckets.iter_mut().zip(&all.buckets) {
        *part = draw(*count);
    }
    for status in 0..2 {
        let row = status * width..(status + 1) * width;
        let timed: u64 = all.buckets[row.clone()].iter().sum();
        // Requests with a latency are drawn with it, the others apart.
        part.requests[status] = match timed == all.requests[status] {
            true => part.buckets[row].iter().sum(),
            false => draw(all.requests[status]),
        };
        let of = part.requests[status] as f64 / all.requests[status].max(1) as f64;
        part.seconds[status] = all.seconds[status] * of;
    }
    part
}

/// What is left of it for stable.
fn rest(all: &Counters, part: &Counters) -> Counters {
    let buckets = all.buckets.iter().zip(&part.buckets);
    Counters {
        requests: [0, 1].map(|status| all.requests[status] - part.requests[status]),
        seconds: [0, 1].map(|status| all.seconds[status] - part.seconds[status]),
        buckets: buckets.map(|(all, part)| all - part).collect(),
        ..Counters::new(all.buckets.len() / 2, 0)
    }
}
