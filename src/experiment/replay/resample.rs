//! A recording drawn anew from its own blocks: how often, and when, it would have been rolled back.

use rayon::prelude::*;
use serde::Serialize;

use super::{Measured, setting};
use crate::base::{Purpose, Seed, Span, Time};
use crate::engine::Ending;
use crate::engine::recorded;
use crate::experiment::estimate::{share, within};
use crate::experiment::summary::Estimate;
use crate::experiment::words::grouped;
use crate::scenario::Scenario;
use crate::stats::{block_length, stationary_indices};
use crate::telemetry::recording::{Recording, Row, Subject};
use crate::telemetry::{Counters, GoalSums, UserFailures, Version, Weights};

/// Why a recording cannot be drawn anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ResampleError {
    /// A metrics server was asked, and the answers are what there is.
    #[error(
        "it holds answers of a metrics server, which cannot be taken apart and put together anew"
    )]
    Answers,
    /// There are too few samples.
    #[error("it has {0} stretches between samples, and 8 are the least to draw from")]
    TooShort(usize),
    /// Sums by user cannot be put together from parts.
    #[error("it counts failures user by user, and users last longer than a block")]
    ByUser,
}

/// What a recording came to that was drawn anew many times.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Resampled {
    /// How often it was drawn.
    pub trials: u64,
    /// Mean length of a block in seconds.
    pub block_seconds: f64,
    /// Share that ended in a rollback, with its 95 % interval.
    pub rolled_back: Estimate,
    /// Share that ended in a promotion, with its 95 % interval.
    pub promoted: Estimate,
    /// Median of the time of the rollback over those rolled back, in seconds since the start.
    pub rollback_p50_seconds: Option<f64>,
    /// Its 90th percentile.
    pub rollback_p90_seconds: Option<f64>,
}

impl Resampled {
    /// What it means, in sentences.
    pub fn sentences(&self) -> Vec<String> {
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let of = |estimate: &Estimate| {
            let (low, high) = (percent(estimate.low), percent(estimate.high));
            format!("{} ({low} to {high})", percent(estimate.estimate))
        };
        let times = match (self.rollback_p50_seconds, self.rollback_p90_seconds) {
            (Some(half), Some(most)) => format!(
                ", half of these rollbacks within {} and 90 % within {}",
                Span::from_secs_f64(half),
                Span::from_secs_f64(most)
            ),
            _ => String::new(),
        };
        vec![
            format!(
                "Drawn anew {} times, it is rolled back in {}{times}, and promoted in {}.",
                grouped(self.trials),
                of(&self.rolled_back),
                of(&self.promoted)
            ),
            format!(
                "This takes the moments of the recording at one weight as equally likely at any time of \
                 it, and what lies more than a block ({} on average) apart as unrelated; the intervals are \
                 of the {} draws, not of other days.",
                Span::from_secs(self.block_seconds.round().max(1.0) as u64),
                grouped(self.trials)
            ),
        ]
    }
}

/// What was counted of one series between two samples.
#[derive(Debug, Clone)]
pub(super) struct Rise {
    pub(super) version: Version,
    pub(super) route: Option<usize>,
    pub(super) counters: Counters,
}

/// What came between two instants at which samples were taken.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) at: Time,
    pub(super) rises: Vec<Rise>,
}

/// A recording taken apart.
#[derive(Debug)]
pub struct Parts<'a> {
    measured: &'a Measured,
    slots: Vec<Slot>,
    /// Slots of one weight each, by their places.
    segments: Vec<Vec<usize>>,
    /// Rows that stay as they are.
    rest: Vec<Row>,
    /// Mean block length in slots.
    block: f64,
    /// Time between two samples.
    interval: Span,
}

impl<'a> Parts<'a> {
    /// Takes a recording apart; blocks are `block` long on average, or as long as its own series ask
    /// for.
    ///
    /// # Errors
    /// When it cannot be put together anew.
    pub fn of(measured: &'a Measured, block: Option<Span>) -> Result<Parts<'a>, ResampleError> {
        let rows = &measured.recording.rows;
        if (rows.iter()).any(|row| matches!(row, Row::Answer { .. } | Row::Query { .. })) {
            return Err(ResampleError::Answers);
        }
        let by_user = |row: &Row| match row {
            Row::Scrape { counters, .. } => counters.failures != UserFailures::default(),
            _ => false,
        };
        if rows.iter().any(by_user) {
            return Err(ResampleError::ByUser);
        }
        let slots = slots(rows);
        if slots.len() < 8 {
            return Err(ResampleError::TooShort(slots.len()));
        }
        let first = slots[0].at;
        let last = slots[slots.len() - 1].at;
        let interval = Span::from_nanos(last.since(first).as_nanos() / (slots.len() as u64 - 1));
        let segments = segments(rows, &slots);
        let block = match block {
            Some(block) => (block.as_secs_f64() / interval.as_secs_f64().max(1e-9)).max(1.0),
            None => rule(&slots, &segments),
        };
        let stays = |row: &&Row| {
            matches!(
                row,
                Row::Weights { .. } | Row::Supplied { .. } | Row::Step { .. }
            )
        };
        Ok(Parts {
            measured,
            rest: rows.iter().filter(stays).cloned().collect(),
            slots,
            segments,
            block,
            interval,
        })
    }

    /// Mean length of a block.
    pub fn block(&self) -> Span {
        Span::from_secs_f64(self.block * self.interval.as_secs_f64())
    }

    /// The recording of one draw.
    pub fn drawn(&self, seed: Seed, replicate: u64) -> Recording {
        let mut stream = seed.stream(replicate, Purpose::Resampling);
        let mut source: Vec<usize> = (0..self.slots.len()).collect();
        for segment in &self.segments {
            let places = stationary_indices(segment.len(), segment.len(), self.block, &mut stream);
            for (target, place) in segment.iter().zip(places) {
                source[*target] = segment[place];
            }
        }
        let mut sums: Vec<Rise> = Vec::new();
        let mut rows: Vec<Row> = Vec::new();
        for (slot, from) in self.slots.iter().zip(source) {
            for rise in &self.slots[from].rises {
                let known = (sums.iter_mut())
                    .find(|sum| sum.version == rise.version && sum.route == rise.route);
                let sum = match known {
                    Some(sum) => {
                        add(&mut sum.counters, &rise.counters);
                        &*sum
                    }
                    None => {
                        sums.push(rise.clone());
                        rise
                    }
                };
                rows.push(Row::Scrape {
                    at: slot.at,
                    version: sum.version,
                    route: sum.route,
                    counters: sum.counters.clone(),
                });
            }
        }
        rows.extend(self.rest.iter().cloned());
        // Stable: samples before what was decided at the same time.
        rows.sort_by_key(Row::at);
        let recording = &self.measured.recording;
        Recording {
            subject: Subject {
                luck: None,
                ..recording.subject.clone()
            },
            rows,
            cut: recording.cut,
        }
    }

    /// Draws and replays it `trials` times; `done` is told of each one that is over. Equal seeds give
    /// equal results on any number of threads.
    pub fn replayed(
        &self,
        scenario: &Scenario,
        trials: u64,
        seed: Seed,
        done: &(dyn Fn() + Sync),
    ) -> Resampled {
        let ends: Vec<(Ending, Time)> = (0..trials)
            .into_par_iter()
            .map(|replicate| {
                let recording = self.drawn(seed, replicate);
                let setting = setting(scenario, &recording, seed, replicate);
                let outcome = recorded::replay(&setting, &mut |_| {});
                done();
                (outcome.ending, outcome.at)
            })
            .collect();
        let count = |wanted| ends.iter().filter(|(ending, _)| *ending == wanted).count() as u64;
        let mut times: Vec<Time> = (ends.iter())
            .filter(|(ending, _)| *ending == Ending::RolledBack)
            .map(|(_, at)| *at)
            .collect();
        times.sort();
        let quantile = |q| within(&times, q, times.len()).map(Time::as_secs_f64);
        Resampled {
            trials,
            block_seconds: self.block().as_secs_f64(),
            rolled_back: share(count(Ending::RolledBack), trials),
            promoted: share(count(Ending::Promoted), trials),
            rollback_p50_seconds: quantile(0.5),
            rollback_p90_seconds: quantile(0.9),
        }
    }
}

/// What was counted between samples, in order of time.
pub(super) fn slots(rows: &[Row]) -> Vec<Slot> {
    let mut before: Vec<Rise> = Vec::new();
    let mut slots: Vec<Slot> = Vec::new();
    for row in rows {
        let Row::Scrape {
            at,
            version,
            route,
            counters,
        } = row
        else {
            continue;
        };
        if slots.last().is_none_or(|slot| slot.at != *at) {
            slots.push(Slot {
                at: *at,
                rises: Vec::new(),
            });
        }
        let known = (before.iter_mut()).find(|of| of.version == *version && of.route == *route);
        let rise = match known {
            Some(of) => {
                let rise = since(counters, &of.counters);
                of.counters.clone_from(counters);
                rise
            }
            None => {
                before.push(Rise {
                    version: *version,
                    route: *route,
                    counters: counters.clone(),
                });
                counters.clone()
            }
        };
        if let Some(slot) = slots.last_mut() {
            slot.rises.push(Rise {
                version: *version,
                route: *route,
                counters: rise,
            });
        }
    }
    slots
}

/// Slots by the weight in force when they ended; the first sample of all stays what it is.
fn segments(rows: &[Row], slots: &[Slot]) -> Vec<Vec<usize>> {
    let changes: Vec<(Time, Option<Weights>)> = (rows.iter())
        .filter_map(|row| match row {
            Row::Weights { at, weights } => Some((*at, *weights)),
            _ => None,
        })
        .collect();
    let mut groups: Vec<(Option<Option<Weights>>, Vec<usize>)> = Vec::new();
    for (index, slot) in slots.iter().enumerate().skip(1) {
        let count = changes.partition_point(|(at, _)| *at < slot.at);
        let weights = count.checked_sub(1).map(|last| changes[last].1);
        match groups.iter_mut().find(|(of, _)| *of == weights) {
            Some((_, group)) => group.push(index),
            None => groups.push((weights, vec![index])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

/// The longest of the lengths that the canary's requests and failures ask for, at its longest weight.
fn rule(slots: &[Slot], segments: &[Vec<usize>]) -> f64 {
    let Some(longest) = segments.iter().max_by_key(|segment| segment.len()) else {
        return 1.0;
    };
    let series = |figure: &dyn Fn(&Counters) -> f64| -> Vec<f64> {
        let of = |place: &usize| {
            let rises = slots[*place].rises.iter();
            let mut canary =
                rises.filter(|rise| rise.version == Version::Canary && rise.route.is_none());
            canary.next().map_or(0.0, |rise| figure(&rise.counters))
        };
        longest.iter().map(of).collect()
    };
    let requests = series(&|counters| counters.requests.iter().sum::<u64>() as f64);
    let failures = series(&|counters| counters.requests[1] as f64);
    let mean_bucket = series(&|counters| {
        let width = counters.buckets.len() / 2;
        let places = counters.buckets.iter().enumerate();
        let sum: u64 = places
            .map(|(place, count)| (place % width) as u64 * count)
            .sum();
        sum as f64 / counters.buckets.iter().sum::<u64>().max(1) as f64
    });
    [requests, failures, mean_bucket]
        .iter()
        .map(|series| block_length(series))
        .fold(1.0, f64::max)
}

fn since(now: &Counters, before: &Counters) -> Counters {
    let goals = now.goals.iter().zip(&before.goals);
    Counters {
        requests: [0, 1].map(|s| now.requests[s].saturating_sub(before.requests[s])),
        seconds: [0, 1].map(|s| now.seconds[s] - before.seconds[s]),
        buckets: (now.buckets.iter().zip(&before.buckets))
            .map(|(now, before)| now.saturating_sub(*before))
            .collect(),
        goals: goals
            .map(|(now, before)| added(*now, *before, -1.0))
            .collect(),
        failures: UserFailures::default(),
    }
}

pub(super) fn add(sum: &mut Counters, rise: &Counters) {
    for status in 0..2 {
        sum.requests[status] += rise.requests[status];
        sum.seconds[status] += rise.seconds[status];
    }
    for (sum, rise) in sum.buckets.iter_mut().zip(&rise.buckets) {
        *sum += rise;
    }
    for (sum, rise) in sum.goals.iter_mut().zip(&rise.goals) {
        *sum = added(*sum, *rise, 1.0);
    }
}

/// Sums with others added so many times.
fn added(sums: GoalSums, other: GoalSums, times: f64) -> GoalSums {
    GoalSums {
        opportunities: sums.opportunities + times * other.opportunities,
        sum: sums.sum + times * other.sum,
        squares: sums.squares + times * other.squares,
        cross: sums.cross + times * other.cross,
        counts: sums.counts + times * other.counts,
        users: sums.users + times * other.users,
        values: sums.values + times * other.values,
    }
}
