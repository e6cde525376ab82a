//! Running counters of each version on somebody's clock, and the recording that they become.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use super::{Imported, Stretch};
use crate::base::{Probability, Rate, Span, Time, Weight};
use crate::telemetry::recording::{Recording, Row, Subject};
use crate::telemetry::{Birth, Buckets, Counters, Phase, Plan, Sampling, Version, Weights};

/// Running counters of each version, as they read at instants of somebody's clock in nanoseconds.
#[derive(Debug, Clone)]
pub(super) struct Series {
    pub(super) buckets: Buckets,
    pub(super) versions: [BTreeMap<i128, Counters>; 3],
    /// The canary's weight from each instant on.
    pub(super) weights: BTreeMap<i128, Weight>,
    /// When series begin to exist.
    pub(super) birth: Birth,
    /// Whether the clock counts from 1970.
    pub(super) of_day: bool,
}

impl Series {
    pub(super) fn new(buckets: Buckets, birth: Birth) -> Series {
        Series {
            buckets,
            versions: Default::default(),
            weights: BTreeMap::new(),
            birth,
            of_day: true,
        }
    }

    /// Every instant at which anything was read.
    fn instants(&self) -> Vec<i128> {
        let all: BTreeSet<i128> = self
            .versions
            .iter()
            .flat_map(BTreeMap::keys)
            .copied()
            .collect();
        all.into_iter().collect()
    }

    /// Just before the canary's first request that was counted, or the first instant of all.
    fn beginning(&self, instants: &[i128]) -> Option<i128> {
        let canary = &self.versions[Version::Canary as usize];
        let count = |counters: &Counters| counters.requests.iter().sum::<u64>();
        // What the first sample of all has is older than the figures.
        let older = (canary.first_key_value()).filter(|(at, _)| Some(*at) == instants.first());
        let older = older.map_or(0, |(_, counters)| count(counters));
        let first = canary.iter().find(|(_, counters)| count(counters) > older);
        let index = first.map_or(0, |(at, _)| {
            instants
                .partition_point(|instant| instant < at)
                .saturating_sub(1)
        });
        instants.get(index).copied()
    }

    /// The recording of a rollout that begins where the stretch says, measured as `plan` says but for
    /// what the series decide. `None` when there is nothing in the stretch.
    pub(super) fn into_recording(
        self,
        stretch: Stretch,
        plan: &Plan,
        mut notes: Vec<String>,
    ) -> Option<Imported> {
        let instants = self.instants();
        let begin = match stretch.from {
            Some(from) => from,
            None => self.beginning(&instants)?,
        };
        let end = stretch.to.unwrap_or(i128::MAX);
        let inside: Vec<i128> = (instants.iter().copied())
            .filter(|at| *at >= begin && *at <= end)
            .collect();
        if inside.len() < 2 {
            return None;
        }
        let interval = median_step(&inside)?;
        let on_clock = |at: i128| u64::try_from(at - begin).ok().map(Time::from_nanos);
        let mut rows = Vec::new();
        for version in Version::ALL {
            let all = &self.versions[version as usize];
            // What was counted before stays in the counters; nobody judges it.
            let base = all.range(..=begin).next_back();
            rows.extend(base.map(|(_, counters)| scrape(Time::START, version, counters)));
            let later = all.range((Bound::Excluded(begin), Bound::Included(end)));
            for (at, counters) in later {
                rows.extend(on_clock(*at).map(|at| scrape(at, version, counters)));
            }
        }
        let before = self.weights.range(..=begin).next_back();
        let held = before.map(|(_, weight)| (Time::START, *weight));
        let later = (self.weights).range((Bound::Excluded(begin), Bound::Included(end)));
        let later = later.filter_map(|(at, weight)| on_clock(*at).map(|at| (at, *weight)));
        for (at, canary) in held.into_iter().chain(later) {
            rows.push(Row::Weights {
                at,
                weights: Some(Weights {
                    canary,
                    baseline: Weight::ZERO,
                }),
            });
        }
        rows.sort_by_key(|row| (row.at(), row.is_decision()));
        if stretch.from.is_none() && begin > instants[0] {
            notes.push(format!(
                "the rollout is taken to begin with the canary's first request, {} after the figures do; \
                 --from says otherwise",
                Span::from_nanos(u64::try_from(begin - instants[0]).unwrap_or(u64::MAX))
            ));
        }
        Some(Imported {
            recording: Recording {
                subject: Subject {
                    plan: self.plan(plan, interval),
                    phase: Span::ZERO,
                    routes: Vec::new(),
                    goals: Vec::new(),
                    luck: None,
                },
                rows,
                cut: false,
            },
            begun: self.of_day.then_some(begin),
            notes,
        })
    }

    fn plan(&self, plan: &Plan, interval: Span) -> Plan {
        Plan {
            sampling: match plan.sampling {
                Sampling::Exact => Sampling::Exact,
                Sampling::Scraped { .. } => Sampling::Scraped {
                    interval,
                    phase: Phase::Fixed(Span::ZERO),
                },
            },
            birth: self.birth,
            buckets: self.buckets.clone(),
            missed: Probability::ZERO,
            probes: Rate::ZERO,
            routes: 0,
            goals: 0,
            ..plan.clone()
        }
    }
}

fn scrape(at: Time, version: Version, counters: &Counters) -> Row {
    Row::Scrape {
        at,
        version,
        route: None,
        counters: counters.clone(),
    }
}

/// The usual step between instants that increase.
pub(super) fn median_step(instants: &[i128]) -> Option<Span> {
    let mut steps: Vec<i128> = instants.windows(2).map(|pair| pair[1] - pair[0]).collect();
    steps.sort_unstable();
    let step = *steps.get(steps.len() / 2)?;
    let nanos = u64::try_from(step).ok().filter(|nanos| *nanos > 0)?;
    Some(Span::from_nanos(nanos))
}

/// Bounds so fine that a quantile read from them is within some percent of the one put in: 254 from
/// 0.1 ms to 100 s, each 5.6 % above the one before.
pub(super) fn fine_buckets() -> Buckets {
    let bounds = (0..254).map(|step| 1e-4 * 10_f64.powf(f64::from(step) * 6.0 / 253.0));
    let seconds = crate::telemetry::Unit::Seconds;
    Buckets::new(bounds.collect(), seconds).unwrap_or_else(|_| Buckets::nginx())
}
