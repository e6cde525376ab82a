//! What a gate may see: counters and histograms per version, scraped at intervals, read through
//! windows. The truth behind them stays in `model`.

mod buckets;
mod counters;
pub mod exposition;
mod plan;
pub mod promql;
pub mod recording;
mod store;
mod supplied;

pub use buckets::{Buckets, BucketsError, Finder, Unit};
pub use counters::{Counters, GoalSums, UserFailures, UserSums};
pub use plan::{Birth, Phase, Plan, Reporter, Sampling};
pub use store::{Figures, Telemetry, Totals, Weights, Window};
pub use supplied::Figure;
use supplied::Supplied;

use crate::base::Time;

/// Which deployment a series belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// What serves production today.
    Stable = 0,
    /// The new release.
    Canary = 1,
    /// A fresh instance of stable, as large as the canary.
    Baseline = 2,
}

impl Version {
    /// Both, stable first.
    pub const BOTH: [Version; 2] = [Version::Stable, Version::Canary];
    /// All, in the order of their numbers.
    pub const ALL: [Version; 3] = [Version::Stable, Version::Canary, Version::Baseline];

    /// Its name in labels, headers and files.
    pub fn name(self) -> &'static str {
        match self {
            Version::Stable => "stable",
            Version::Canary => "canary",
            Version::Baseline => "baseline",
        }
    }

    /// The one of that name.
    pub fn named(name: &str) -> Option<Version> {
        (Version::ALL.into_iter()).find(|version| version.name() == name)
    }
}

/// How a request ended, as far as counters tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Any answer but a server error.
    Success = 0,
    /// A server error (5xx).
    Failure = 1,
}

impl Status {
    /// Both, success first.
    pub const BOTH: [Status; 2] = [Status::Success, Status::Failure];
}

/// Which series a gate reads; what nobody reads need not be simulated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Demand {
    /// Stable's counters.
    pub stable: bool,
    /// The canary's counters.
    pub canary: bool,
    /// Latency histograms of the versions read.
    pub latency: bool,
    /// Sums of latencies of the versions read (for means).
    pub sums: bool,
    /// The baseline's counters.
    pub baseline: bool,
    /// Routes whose own series are read, as a set of bits.
    pub routes: u32,
    /// Sums of what the business counts.
    pub goals: bool,
    /// These sums by user, for standard errors that know of users.
    pub by_user: bool,
    /// Failures by user.
    pub users: bool,
    /// Every scrape, and not only those with which windows begin and end.
    pub every_scrape: bool,
}

impl Demand {
    /// Everything that either reads.
    pub fn union(self, other: Demand) -> Demand {
        Demand {
            stable: self.stable || other.stable,
            canary: self.canary || other.canary,
            latency: self.latency || other.latency,
            sums: self.sums || other.sums,
            baseline: self.baseline || other.baseline,
            routes: self.routes | other.routes,
            goals: self.goals || other.goals,
            by_user: self.by_user || other.by_user,
            users: self.users || other.users,
            every_scrape: self.every_scrape || other.every_scrape,
        }
    }

    /// Whether a version's counters are read.
    pub fn reads(self, version: Version) -> bool {
        match version {
            Version::Stable => self.stable,
            Version::Canary => self.canary,
            Version::Baseline => self.baseline,
        }
    }

    /// Scrapes every version that is read.
    pub fn scrape(self, telemetry: &mut Telemetry, now: Time) {
        for version in Version::ALL {
            if self.reads(version) {
                telemetry.scrape(version, now);
            }
        }
    }
}
