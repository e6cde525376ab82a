//! What a load came to, and whether it may be believed.

use std::fmt;
use std::io;

use super::driver::STALL;
use super::durations::Durations;
use super::ledger::Ledger;
use super::seen::{Counts, Failure};
use crate::base::Span;

/// What a load came to.
#[derive(Debug)]
pub struct LoadReport {
    /// How long it ran, with the time until the last answers came.
    pub ran: Span,
    /// Whether it was stopped before its end; what was under way then is not counted.
    pub interrupted: bool,
    /// How many of what.
    pub counts: Counts,
    /// Answers by status, in order, of which there were any.
    pub statuses: Vec<(u16, u64)>,
    /// From the scheduled instant to the end, of requests that were answered or given up.
    pub latency: Durations,
    /// The same of answers by version, in the order of [`Version::ALL`].
    ///
    /// [`Version::ALL`]: crate::telemetry::Version::ALL
    pub by_version: [Durations; 3],
    /// From the send to the end.
    pub service: Durations,
    /// From the scheduled instant to the send.
    pub lateness: Durations,
    /// The generator's own part of that, without what requests waited for connections.
    pub pacing: Durations,
    /// How often the process stood still, and how long at most.
    pub stalls: (u64, Span),
    /// Why the log of intervals is not complete.
    pub log_error: Option<io::Error>,
}

/// How much a load may miss its schedule by and still be valid.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    /// The 99th percentile of the generator's own lateness. The default, 10 ms, is ten times what a
    /// generator on a timer of whole milliseconds misses, and little beside what services take.
    pub late: Span,
    /// Share of the requests that may have waited for a connection. The default is 0.1 %: as many
    /// cannot move a 99th percentile by much.
    pub waited: f64,
}

impl Default for Tolerance {
    fn default() -> Tolerance {
        Tolerance {
            late: Span::from_millis(10),
            waited: 0.001,
        }
    }
}

/// Why a load is not valid: the limit that was hit.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// The generator did not keep its schedule.
    Late {
        /// 99th percentile of its own lateness.
        p99: Span,
        /// What is tolerated.
        tolerated: Span,
    },
    /// The operating system did not let it run.
    Stopped {
        /// How often.
        times: u64,
        /// For how long at most.
        longest: Span,
    },
    /// All connections were in use, and requests waited.
    Connections {
        /// As many as were allowed.
        allowed: usize,
        /// Requests that waited.
        waited: u64,
        /// How many at once, at most.
        most: u64,
    },
    /// There were no more descriptors or ports.
    Exhausted {
        /// Requests that were not sent for that.
        requests: u64,
    },
    /// Nothing was answered, so there is nothing to believe.
    NoAnswer,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Limit::Late { p99, tolerated } => write!(
                f,
                "generator late: one send in a hundred was {} or more behind its schedule, and {} \
                 are tolerated",
                short(*p99),
                short(*tolerated)
            ),
            Limit::Stopped { times: 1, longest } => write!(
                f,
                "generator late: it stood still for {}, stopped or starved by the operating system",
                short(*longest)
            ),
            Limit::Stopped { times, longest } => write!(
                f,
                "generator late: it stood still {times} times, {} at most, stopped or starved by \
                 the operating system",
                short(*longest)
            ),
            Limit::Connections {
                allowed,
                waited,
                most,
            } => write!(
                f,
                "connection limit: all {allowed} connections were in use and {waited} requests \
                 waited for one, {most} at once"
            ),
            Limit::Exhausted { requests } => write!(
                f,
                "descriptors or ports exhausted: {requests} requests were not sent"
            ),
            Limit::NoAnswer => f.write_str("no request was answered"),
        }
    }
}

/// A length of time in three digits and one unit.
pub fn short(span: Span) -> String {
    let nanos = span.as_nanos() as f64;
    let (value, unit) = match nanos {
        ..1e3 => (nanos, "ns"),
        ..1e6 => (nanos / 1e3, "us"),
        ..1e9 => (nanos / 1e6, "ms"),
        _ => (nanos / 1e9, "s"),
    };
    let digits = match value {
        ..9.995 => 2,
        ..99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let text = match text.split_once('.') {
        Some(_) => text.trim_end_matches('0').trim_end_matches('.'),
        None => &text,
    };
    format!("{text} {unit}")
}

impl LoadReport {
    pub(super) fn of(
        ledger: &Ledger,
        counts: Counts,
        ran: Span,
        interrupted: bool,
        log_error: Option<io::Error>,
    ) -> LoadReport {
        let statuses = (0..).zip(ledger.statuses.iter().copied());
        LoadReport {
            ran,
            interrupted,
            counts,
            statuses: statuses.filter(|(_, count)| *count > 0).collect(),
            latency: ledger.latency.clone(),
            by_version: ledger.by_version.clone(),
            service: ledger.service.clone(),
            lateness: ledger.lateness.clone(),
            pacing: ledger.pacing.clone(),
            stalls: (ledger.stalls, ledger.longest_stall),
            log_error,
        }
    }

    /// Which limits were hit; none when the run is valid. `connections` is how many were allowed.
    pub fn limits(&self, tolerance: &Tolerance, connections: usize) -> Vec<Limit> {
        let mut limits = Vec::new();
        let counts = &self.counts;
        if let Some(p99) = self.pacing.quantile(0.99)
            && p99 > tolerance.late
        {
            limits.push(Limit::Late {
                p99,
                tolerated: tolerance.late,
            });
        }
        let (times, longest) = self.stalls;
        // Where a whole run is tolerated to be later than that, a single stall is too.
        if times > 0 && longest > STALL.max(tolerance.late) {
            limits.push(Limit::Stopped { times, longest });
        }
        if counts.waited as f64 > tolerance.waited * counts.ended() as f64 {
            limits.push(Limit::Connections {
                allowed: connections,
                waited: counts.waited,
                most: counts.most_waiting,
            });
        }
        let requests = counts.failures[Failure::Exhausted as usize];
        if requests > 0 {
            limits.push(Limit::Exhausted { requests });
        }
        if counts.answered == 0 {
            limits.push(Limit::NoAnswer);
        }
        limits
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_three_digits_and_a_unit() {
        for (nanos, text) in [
            (950, "950 ns"),
            (1_500, "1.5 us"),
            (12_340_000, "12.3 ms"),
            (99_970_000, "100 ms"),
            (502_000_000, "502 ms"),
            (1_000_000_000, "1 s"),
            (61_250_000_000, "61.2 s"),
        ] {
            assert_eq!(short(Span::from_nanos(nanos)), text);
        }
    }
}
