//! What each proxy has counted of the requests that passed it, as a gate would read it of that proxy
//! in production.
//!
//! | | counts | latencies |
//! |---|---|---|
//! | NGINX | access log: every request, by route and status | `$request_time` of the log |
//! | `HAProxy` | `show stat`: `hrsp_*` of servers by class of status, with `econ` and `eresp` for what it answers itself | none by bucket |
//! | Envoy | `cluster.NAME.upstream_rq_STATUS`: answers to callers; what it tried again is under `retry.` | `upstream_rq_time`, of all statuses together, from the end of the request to the end of the last attempt |
//!
//! Only NGINX's log tells routes apart.

use super::Task;
use crate::base::Span;
use crate::engine::live::options::Proxy;
use crate::engine::live::tally::{CODES, Reading};
use crate::telemetry::Version;

/// What a proxy tells of latencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latencies {
    /// A histogram for each status.
    ByStatus,
    /// One histogram for all statuses of a version; it is with the readings of status 200.
    Together,
    /// No histogram: the buckets of its readings are empty.
    Untold,
}

impl Latencies {
    /// What a kind of proxy tells.
    pub(super) fn of(kind: Proxy) -> Latencies {
        match kind {
            Proxy::Coalmine | Proxy::Nginx => Latencies::ByStatus,
            Proxy::Envoy => Latencies::Together,
            Proxy::Haproxy => Latencies::Untold,
        }
    }
}

/// What a proxy that does not tell routes apart has counted, by version and [`CODES`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Counted {
    pub(super) requests: [[u64; CODES.len()]; 3],
    /// Sum of latencies by version.
    pub(super) took: [Span; 3],
    /// Latencies by version and bucket, not cumulative.
    pub(super) buckets: [Vec<u64>; 3],
}

impl Counted {
    /// Nothing, with the buckets of a task.
    pub(super) fn nothing(task: &Task) -> Counted {
        Counted {
            requests: [[0; CODES.len()]; 3],
            took: [Span::ZERO; 3],
            buckets: [(); 3].map(|()| vec![0; task.buckets.len()]),
        }
    }

    /// The same as readings: those with requests, and all of the versions `from_start`.
    pub(super) fn readings(self, from_start: &[Version]) -> Vec<Reading> {
        let mut readings = Vec::new();
        for version in Version::ALL {
            let place = version as usize;
            for (index, code) in CODES.into_iter().enumerate() {
                let requests = self.requests[place][index];
                // The first status stands for all latencies.
                let first = index == 0;
                let timed = first && self.buckets[place].iter().any(|count| *count > 0);
                if requests == 0 && !timed && !from_start.contains(&version) {
                    continue;
                }
                let all = &self.buckets[place];
                readings.push(Reading {
                    version,
                    route: 0,
                    code,
                    requests,
                    took: if first { self.took[place] } else { Span::ZERO },
                    buckets: if first {
                        all.clone()
                    } else {
                        vec![0; all.len()]
                    },
                });
            }
        }
        readings
    }
}
