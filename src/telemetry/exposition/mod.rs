//! Metrics as text: what a version's counters look like to whoever scrapes them.

mod dialect;
pub mod text;
mod vendor;

pub use dialect::{Dialect, Exposed, Scraped, same_bound};
pub use vendor::{Part, Vendor};

use super::{GoalSums, Version};
use crate::base::Span;

/// What the service is called whose requests are counted, so that queries written for it find them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Service {
    /// Its namespace.
    pub namespace: String,
    /// Name of the service and of the canary's deployment.
    pub app: String,
    /// Name of the ingress in front of it, where there is one.
    pub ingress: String,
    /// What its versions are called.
    pub naming: Naming,
}

/// What the versions of a service are called.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Naming {
    /// As Flagger does: the canary's deployment keeps the name of the service, and each version has
    /// a service of its own, `app-primary` and `app-canary`.
    #[default]
    Flagger,
    /// As under Argo Rollouts: one workload whose pods are told apart by a hash, behind services that
    /// the Rollout names. Both may be the same one.
    Argo {
        /// The service in front of stable.
        stable: String,
        /// The service in front of the canary.
        canary: String,
    },
}

impl Service {
    /// The workload of a version.
    pub fn workload(&self, version: Version) -> String {
        let app = &self.app;
        match (&self.naming, version) {
            (Naming::Flagger, Version::Stable) => format!("{app}-primary"),
            (Naming::Flagger, Version::Baseline) => format!("{app}-baseline"),
            (Naming::Flagger, Version::Canary) | (Naming::Argo { .. }, _) => app.clone(),
        }
    }

    /// The service in front of a version.
    pub fn front(&self, version: Version) -> String {
        let app = &self.app;
        match (&self.naming, version) {
            (Naming::Flagger, Version::Stable) => format!("{app}-primary"),
            (Naming::Flagger, Version::Canary) => format!("{app}-canary"),
            (Naming::Flagger, Version::Baseline) => format!("{app}-baseline"),
            (Naming::Argo { canary, .. }, Version::Canary) => canary.clone(),
            (Naming::Argo { stable, .. }, Version::Stable | Version::Baseline) => stable.clone(),
        }
    }

    /// The service that requests are sent to: under Flagger the one in front of all versions, under
    /// Argo Rollouts that of the version, since routers name the versions' own.
    pub fn host(&self, version: Version) -> String {
        match self.naming {
            Naming::Flagger => self.app.clone(),
            Naming::Argo { .. } => self.front(version),
        }
    }

    /// The label of pods that tells versions apart, where there is one.
    pub fn pod_hash(&self, version: Version) -> Option<&'static str> {
        match self.naming {
            Naming::Flagger => None,
            Naming::Argo { .. } => Some(pod_hash(version)),
        }
    }
}

/// The hash that a version's pods have under Argo Rollouts: made up, and the same in every run.
pub fn pod_hash(version: Version) -> &'static str {
    match version {
        Version::Stable => "6d4cf56db6",
        Version::Canary => "77c8f5b9d4",
        Version::Baseline => "5b9f7c6dd8",
    }
}

impl Default for Service {
    fn default() -> Service {
        Service {
            namespace: "default".to_owned(),
            app: "app".to_owned(),
            ingress: "app".to_owned(),
            naming: Naming::Flagger,
        }
    }
}

/// One version's, route's and status' requests as a counter had them when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Which version.
    pub version: Version,
    /// Which route, by its number.
    pub route: usize,
    /// Which HTTP status.
    pub code: u16,
    /// How many.
    pub requests: u64,
    /// What they took together.
    pub took: Span,
    /// How many in each bucket, the unbounded one last; not cumulative.
    pub buckets: Vec<u64>,
}

/// What the business counted of a goal when it was read.
#[derive(Debug, Clone, PartialEq)]
pub struct GoalReading {
    /// Which version.
    pub version: Version,
    /// On one route; `None`: on all of them. Sums by user cannot be added up from routes.
    pub route: Option<usize>,
    /// Which goal, by its number.
    pub goal: usize,
    /// The sums.
    pub sums: GoalSums,
}
