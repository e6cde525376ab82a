//! What became of every request: counters, lengths of time, who was hurt.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::durations::Durations;
use super::harm::Harm;
use super::interval_log::{IntervalLog, Logger};
use super::pool::Job;
use super::schedule::Schedule;
use super::seen::{Counts, Failure, Seen, add};
use crate::base::{Span, Time};
use crate::engine::live::clock::Moment;
use crate::model::World;
use crate::telemetry::Version;

/// How a request ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outcome {
    /// When its first byte was sent; `None` when it never was.
    pub(super) sent: Option<Moment>,
    /// Whether it went over a connection that was opened for it.
    pub(super) opened: bool,
    /// What came of it.
    pub(super) result: Result<Answer, (Failure, Option<Answer>)>,
}

/// An answer's head, as far as it matters here.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) version: Option<Version>,
    pub(super) wrong: bool,
    pub(super) slowed: bool,
    pub(super) keep_alive: bool,
}

/// All that is known of the requests so far; kept by the load's own thread.
#[derive(Debug)]
pub(super) struct Ledger {
    seen: Arc<Seen>,
    pub(super) latency: Durations,
    pub(super) by_version: [Durations; 3],
    pub(super) service: Durations,
    pub(super) lateness: Durations,
    /// The generator's own part of the lateness: without waiting for connections.
    pub(super) pacing: Durations,
    /// By status, from 0 to 999.
    pub(super) statuses: Box<[u64]>,
    pub(super) stalls: u64,
    pub(super) longest_stall: Span,
    pub(super) logger: Option<Logger>,
    harm: Harm,
}

impl Ledger {
    pub(super) fn new(
        world: &World,
        users: usize,
        by_user: bool,
        seen: Arc<Seen>,
        log: Option<IntervalLog>,
    ) -> io::Result<Ledger> {
        let one = || Durations::new().map_err(io::Error::other);
        Ok(Ledger {
            seen,
            latency: one()?,
            by_version: [one()?, one()?, one()?],
            service: one()?,
            lateness: one()?,
            pacing: one()?,
            statuses: vec![0; 1_000].into(),
            stalls: 0,
            longest_stall: Span::ZERO,
            logger: log.map(Logger::start).transpose()?,
            harm: Harm::new(world, users, by_user),
        })
    }

    /// The counters now.
    pub(super) fn counts(&self) -> Counts {
        self.seen.counts()
    }

    /// Requests have come due, and so many wait for a connection.
    #[inline]
    pub(super) fn due(&self, requests: u64, waiting: u64) {
        add(&self.seen.due, requests);
        self.waiting(waiting);
    }

    #[inline]
    pub(super) fn waiting(&self, waiting: u64) {
        self.seen.waiting.store(waiting, Ordering::Release);
        if waiting > self.seen.most_waiting.load(Ordering::Relaxed) {
            self.seen.most_waiting.store(waiting, Ordering::Release);
        }
    }

    pub(super) fn opened(&self) {
        add(&self.seen.opened, 1);
    }

    /// The process did not run for so long.
    pub(super) fn stalled(&mut self, stall: Span) {
        self.stalls += 1;
        self.longest_stall = self.longest_stall.max(stall);
    }

    /// A request has ended at `now`. `goals` are the values that its answer carries.
    pub(super) fn record(
        &mut self,
        job: &Job,
        outcome: &Outcome,
        goals: &[f64],
        now: Moment,
        schedule: &mut Schedule,
    ) {
        let seen = &self.seen;
        let latency = now.since(job.intended);
        if job.waited {
            add(&seen.waited, 1);
        }
        match outcome.sent {
            Some(sent) => {
                add(&seen.sent, 1);
                let lateness = sent.since(job.intended);
                self.lateness.record(lateness);
                // What the server or the limit on connections holds up is not the generator's.
                let own = if job.waited || job.queued || outcome.opened {
                    job.fired.since(job.intended)
                } else {
                    lateness
                };
                self.pacing.record(own);
            }
            None => self.pacing.record(job.fired.since(job.intended)),
        }
        let (answer, failure) = match outcome.result {
            Ok(answer) => (Some(answer), None),
            Err((failure, answer)) => (answer, Some(failure)),
        };
        let version = answer.and_then(|answer| answer.version);
        match failure {
            None => add(&seen.answered, 1),
            Some(failure) => add(&seen.failures[failure as usize], 1),
        }
        if failure == Some(Failure::Timeout) && outcome.sent.is_none() {
            add(&seen.given_up, 1);
        }
        // Who fails at once was not served fast; who was given up waited at least so long.
        if failure.is_none() || failure == Some(Failure::Timeout) {
            self.latency.record(latency);
            if let Some(sent) = outcome.sent {
                self.service.record(now.since(sent));
            }
            if let Some(logger) = &mut self.logger {
                logger.record(version, latency);
            }
        }
        if let Some(answer) = answer {
            self.statuses[usize::from(answer.status).min(999)] += 1;
            if answer.status >= 500 {
                add(&seen.server_errors, u64::from(failure.is_none()));
            }
            if let Some(version) = version {
                self.by_version[version as usize].record(latency);
                let route = usize::from(job.ask.route);
                seen.tally.record(version, route, answer.status, latency);
                if let Some(sent) = outcome.sent {
                    seen.stretches.count(sent, version);
                }
                (self.harm).judge(seen, job, &answer, failure.is_some(), goals, schedule);
            }
        }
        add(&seen.ended, 1);
    }

    /// Publishes quantiles for those who watch.
    pub(super) fn publish(&self) {
        let store = |cell: &std::sync::atomic::AtomicU64, value: Option<Span>| {
            cell.store(value.map_or(0, Span::as_nanos), Ordering::Relaxed);
        };
        store(&self.seen.p50, self.latency.quantile(0.5));
        store(&self.seen.p99, self.latency.quantile(0.99));
        store(&self.seen.lateness_p99, self.lateness.quantile(0.99));
    }

    /// Notes how often connections changed hands.
    pub(super) fn moved(&self, moved: u64) {
        self.seen.moved.store(moved, Ordering::Release);
    }

    /// Ends the present interval of the log.
    pub(super) fn roll(&mut self, now: Time) {
        if let Some(logger) = &mut self.logger {
            logger.roll(now.since(Time::START));
        }
    }
}
