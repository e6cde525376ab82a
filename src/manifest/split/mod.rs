//! Splits of traffic between two versions, as meshes and ingresses write them down: one description
//! for all of them.
//!
//! Each system's module reads its resources into tables of routes ([`Table`]); `settle` finds the
//! routes that split traffic, says which destination is the canary (`which`), and brings what the
//! resources say about it together ([`Import`]).

mod read;
mod reading;
mod settle;
mod which;

#[cfg(test)]
pub(super) mod tests;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Range;

pub use read::{Outcome, Wishes, read};
pub(super) use reading::{Reading, duration, leaves, percentage, whole_within};
pub use which::Known;

use crate::base::{Probability, Span};

/// Where something stands in the manifests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Which of the manifests, by its number.
    pub file: usize,
    /// Bytes of its text.
    pub span: Range<usize>,
}

/// A value, and where it is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Said<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub place: Place,
}

/// Who splits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum System {
    /// Envoy under Istio.
    Istio,
    /// Any implementation of the Gateway API.
    Gateway,
    /// Linkerd, or another implementation of SMI.
    Smi,
    /// ingress-nginx.
    Nginx,
    /// Traefik.
    Traefik,
}

/// Where requests go: a service, or a part of it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Destination {
    /// The service, as it is written.
    pub host: String,
    /// The part of it, where the system knows such.
    pub subset: Option<String>,
}

impl Destination {
    /// The name that tells versions apart: the subset, or the service's own name.
    pub fn version(&self) -> &str {
        match &self.subset {
            Some(subset) => subset,
            None => self.service(),
        }
    }

    /// The name of the service without its domain.
    pub fn service(&self) -> &str {
        self.host.split('.').next().unwrap_or_default()
    }

    /// The same with the bare name of a service of the cluster: however it is written, it is one.
    pub(super) fn canonical(&self) -> Destination {
        let local = self.host.ends_with(".svc.cluster.local") || self.host.ends_with(".svc");
        Destination {
            host: match local {
                true => self.service().to_owned(),
                false => self.host.clone(),
            },
            subset: self.subset.clone(),
        }
    }

    /// Whether a person who says `name` means this one.
    pub fn is_called(&self, name: &str) -> bool {
        self.subset.as_deref() == Some(name)
            || self.subset.is_none() && (self.host == name || self.service() == name)
            || self.to_string() == name
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.subset {
            Some(subset) => write!(f, "{}/{subset}", self.host),
            None => f.write_str(&self.host),
        }
    }
}

/// A share of requests is copied.
#[derive(Debug, Clone, PartialEq)]
pub struct Mirror {
    /// Who gets the copies.
    pub to: Destination,
    /// Its path in the resource.
    pub path: String,
    /// Of the requests of the route.
    pub share: Said<Probability>,
}

/// Cookies that keep a user with a destination.
#[derive(Debug, Clone, PartialEq)]
pub struct Sticky {
    /// How long from their first setting; `None`: as long as the browser runs.
    pub lifetime: Option<Said<Span>>,
    /// Whether they come before any rule by header or cookie.
    pub first: bool,
    /// Whether they hold when the canary's weight goes back to zero.
    pub outlives_rollback: bool,
    /// Where it is asked for.
    pub place: Place,
}

/// What a proxy does to requests on purpose.
#[derive(Debug, Clone, PartialEq)]
pub struct Injection {
    /// What.
    pub kind: InjectionKind,
    /// To which share of the requests that it may reach.
    pub share: Said<Probability>,
    /// Whom it may reach.
    pub target: Reached,
    /// Which of their requests, where it is not all: the conditions of the route.
    pub only: Option<Said<String>>,
}

/// What a proxy does to requests on purpose.
#[derive(Debug, Clone, PartialEq)]
pub enum InjectionKind {
    /// Answers with this status instead of passing the request on.
    Abort(Said<String>),
    /// Passes the request on this much later.
    Delay(Said<Span>),
}

/// Whom an injected fault reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reached {
    /// Both versions: it happens before the split.
    Everybody,
    /// Requests of the canary only.
    Canary,
    /// Requests of stable only.
    Stable,
}

/// What is tried again.
#[derive(Debug, Clone, PartialEq)]
pub struct Retries {
    /// Attempts after the first.
    pub attempts: u32,
    /// Whether answers with a server error are.
    pub on_errors: bool,
    /// Whether refused and cut connections are.
    pub on_resets: bool,
    /// After this long an attempt has failed.
    pub per_try_timeout: Option<Said<Span>>,
    /// Pause before each.
    pub backoff: Option<Said<Span>>,
    /// Where it is said; `None`: nowhere, it is the system's default.
    pub place: Option<Place>,
}

/// When an instance is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Ejection {
    /// Server errors in a row.
    pub consecutive: Option<Said<u32>>,
    /// How often instances are looked at.
    pub interval: Option<Said<Span>>,
    /// How long the first time.
    pub base: Option<Said<Span>>,
    /// At most so much of the pool.
    pub most: Option<Said<Probability>>,
    /// Where it is asked for.
    pub place: Place,
}

/// A rule of a table: which requests, and where they go.
#[derive(Debug, Clone)]
pub(super) struct Route {
    /// Its path in the resource: `spec.http[0]`.
    pub(super) path: String,
    pub(super) place: Place,
    /// What requests must have, alternatives joined by `or`; `None`: every request of the table.
    pub(super) only: Option<Said<String>>,
    pub(super) to: Vec<Branch>,
    pub(super) mirrors: Vec<Mirror>,
    pub(super) faults: Vec<(InjectionKind, Said<Probability>)>,
    pub(super) retries: Option<Retries>,
    pub(super) timeout: Option<Said<Span>>,
    pub(super) sticky: Option<Sticky>,
}

/// One destination of a rule.
#[derive(Debug, Clone)]
pub(super) struct Branch {
    pub(super) to: Destination,
    /// Which of the readings says so.
    pub(super) reading: usize,
    /// Zero or more.
    pub(super) weight: Said<f64>,
    /// The path of the weight in the resource.
    pub(super) path: String,
}

/// What one resource says about where requests go; rules are tried in order.
#[derive(Debug, Clone)]
pub(super) struct Table {
    pub(super) system: System,
    /// Which of the readings it comes from.
    pub(super) reading: usize,
    /// `VirtualService reviews`.
    pub(super) title: String,
    pub(super) name: String,
    pub(super) place: Place,
    pub(super) routes: Vec<Route>,
    /// The canary, where the system itself knows which it is.
    pub(super) canary: Option<Destination>,
}

/// Facts about destinations that other resources state.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    /// Labels of subsets.
    pub(super) labels: BTreeMap<Destination, BTreeMap<String, String>>,
    /// Outlier detection by service or subset.
    pub(super) ejections: BTreeMap<Destination, Ejection>,
    /// Services whose subsets are all known, with the title of who defines them.
    pub(super) subsets: BTreeMap<String, String>,
}

/// The split that some manifests describe.
#[derive(Debug, Clone, PartialEq)]
pub struct Import {
    /// Who splits.
    pub system: System,
    /// The resource that does: `VirtualService reviews`.
    pub title: String,
    /// Its name.
    pub name: String,
    /// Where it stands.
    pub place: Place,
    /// Who gets the requests that the canary does not.
    pub stable: Option<Destination>,
    /// The canary; `None` when there is one version only.
    pub canary: Option<Destination>,
    /// By which rule it is the canary.
    pub why: String,
    /// The canary's percentage of the requests that are split, 0 to 100; `None` when no weights
    /// decide.
    pub weight: Option<Said<f64>>,
    /// The requests that are split, where it is not all.
    pub only: Option<Said<String>>,
    /// Conditions that send a request to the canary whatever its weight.
    pub matches: Vec<Said<String>>,
    /// Copies to the canary.
    pub mirror: Option<Said<Probability>>,
    /// Cookies.
    pub sticky: Option<Sticky>,
    /// Injected faults, in order.
    pub faults: Vec<Injection>,
    /// What is tried again.
    pub retries: Option<Retries>,
    /// When the caller gives up.
    pub timeout: Option<Said<Span>>,
    /// Outlier detection of the canary's pool, or of stable's.
    pub ejection: Option<Ejection>,
}
