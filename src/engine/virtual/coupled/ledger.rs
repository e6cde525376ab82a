//! From answers to counters: each is counted when it is complete, not when it was asked for, and
//! what nobody scraped before a crash is lost.

use std::sync::Arc;

use crate::base::Time;
use crate::model::fault::FaultKind;
use crate::telemetry::{Demand, Finder, Plan, Reporter, Sampling, Status, Telemetry, Version};

/// One answer, as a counter sees it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) version: Version,
    pub(super) route: u8,
    /// Which instance gave it, of those of its version.
    pub(super) instance: u16,
    pub(super) status: Status,
    /// Latency in seconds.
    pub(super) seconds: f64,
}

/// Answers on their way into counters.
#[derive(Debug)]
pub(super) struct Ledger {
    demand: Demand,
    finder: Arc<Finder>,
    /// Answers that are complete after the end of the present piece, with their time.
    late: Vec<(f64, Answer)>,
    /// Whether instances that restart keep the counters, so that what was not scraped may be lost.
    /// The caller's proxy does not restart, and perfect metrics lose nothing.
    restarts: bool,
    /// What was counted since the last scrape, when instances restart.
    unscraped: Vec<Answer>,
    /// End of the present piece.
    until: f64,
}

impl Ledger {
    pub(super) fn new(demand: Demand, plan: &Plan, faults: &[FaultKind]) -> Ledger {
        let kept = plan.reporter == Reporter::Server && plan.sampling != Sampling::Exact;
        Ledger {
            demand,
            finder: Arc::new(Finder::new(&plan.buckets)),
            late: Vec::new(),
            restarts: kept
                && faults.iter().any(|kind| {
                    matches!(
                        kind,
                        FaultKind::CrashLoop { .. } | FaultKind::MemoryLeak { .. }
                    )
                }),
            unscraped: Vec::new(),
            until: 0.0,
        }
    }

    /// Forgets the trial before.
    pub(super) fn reset(&mut self) {
        self.late.clear();
        self.unscraped.clear();
        self.until = 0.0;
    }

    /// A piece that ends at `until` begins: what was still on its way and is complete by then is
    /// counted.
    pub(super) fn enter(&mut self, until: f64, telemetry: &mut Telemetry) {
        self.until = until;
        let mut index = 0;
        while index < self.late.len() {
            if self.late[index].0 <= until {
                let (_, answer) = self.late.swap_remove(index);
                self.count(answer, telemetry);
            } else {
                index += 1;
            }
        }
    }

    /// What finds buckets.
    pub(super) fn finder(&self) -> Arc<Finder> {
        Arc::clone(&self.finder)
    }

    /// Keeps an answer that is complete at `at`, after the end of the present piece.
    pub(super) fn put_off(&mut self, at: f64, answer: Answer) {
        self.late.push((at, answer));
    }

    /// Takes an answer that is complete at `at`.
    #[inline]
    pub(super) fn take(&mut self, at: f64, answer: Answer, telemetry: &mut Telemetry) {
        if !self.demand.reads(answer.version) {
            return;
        }
        if at <= self.until {
            self.count(answer, telemetry);
        } else {
            self.late.push((at, answer));
        }
    }

    #[inline]
    fn count(&mut self, answer: Answer, telemetry: &mut Telemetry) {
        self.add(answer, 1, telemetry);
        if self.restarts {
            self.unscraped.push(answer);
        }
    }

    #[inline]
    fn add(&self, answer: Answer, by: i64, telemetry: &mut Telemetry) {
        let bucket = if self.demand.latency || self.demand.sums {
            self.finder.index(answer.seconds)
        } else {
            0
        };
        let by_route = self.demand.routes & (1 << answer.route) != 0;
        let mut counters = telemetry.counters_mut(answer.version);
        let mut again = by_route;
        loop {
            let requests = &mut counters.requests[answer.status as usize];
            *requests = requests.wrapping_add_signed(by);
            if self.demand.latency || self.demand.sums {
                let cell = &mut counters.row_mut(answer.status)[bucket];
                *cell = cell.wrapping_add_signed(by);
            }
            if self.demand.sums {
                counters.seconds[answer.status as usize] += answer.seconds * by as f64;
            }
            if !again {
                break;
            }
            again = false;
            counters = telemetry.route_counters_mut(answer.version, usize::from(answer.route));
        }
    }

    /// An instance's counters are gone: what it counted since the last scrape was never seen.
    pub(super) fn lose(&mut self, version: Version, instance: u16, telemetry: &mut Telemetry) {
        let mut index = 0;
        while index < self.unscraped.len() {
            let answer = self.unscraped[index];
            if answer.version == version && answer.instance == instance {
                self.unscraped.swap_remove(index);
                self.add(answer, -1, telemetry);
            } else {
                index += 1;
            }
        }
    }

    /// What was counted so far is safe, but for versions whose scrape failed.
    pub(super) fn scraped(&mut self, now: Time, telemetry: &Telemetry) {
        (self.unscraped).retain(|answer| telemetry.misses(answer.version, now));
    }
}
