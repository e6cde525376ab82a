//! Splitters of the field in the place of ours: NGINX, `HAProxy` and Envoy, configured and steered as
//! they are in production.
//!
//! | | who chooses the version | how a weight changes | what it counts by version |
//! |---|---|---|---|
//! | NGINX | `split_clients`, or weights in an upstream | new file, SIGHUP | its access log |
//! | `HAProxy` | server weights | runtime socket | `show stat`, its exporter |
//! | Envoy | `weighted_clusters` | route file moved into place | `/stats`, its exporter |
//!
//! What the model asks for and a proxy does not have is refused before it starts ([`fitness`]), never
//! left out in silence.

mod access_log;
pub mod ask;
mod envoy;
mod errors;
mod figures;
pub mod fitness;
mod haproxy;
mod nginx;
pub mod program;
mod release;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Arc, Mutex, PoisonError};

use crate::base::{Purpose, Span};
use crate::model::split::{Affinity, Ejection, Retries, Rules, Side, Split, Weights};
use crate::telemetry::{Buckets, Version};

use super::Setting;
use super::clock::{Moment, WallClock};
use super::endpoints::Endpoints;
use super::options::Proxy;
use super::tally::Reading;
use envoy::Envoy;
pub use errors::ProxyError;
pub use figures::Latencies;
use haproxy::Haproxy;
use nginx::Nginx;
use program::Program;
use release::Installed;

/// How long a proxy may take until it answers. Envoy on a busy machine takes seconds.
const START: Span = Span::from_secs(30);
/// How long a proxy may take to accept an order.
const ACCEPTANCE: Span = Span::from_secs(15);
/// How long a question to a proxy's own interface may take.
const ANSWER: Span = Span::from_secs(5);
/// How often one looks whether a proxy has done what it was told.
const LOOK: Span = Span::from_millis(2);
/// How often a start is tried when another program took a port in the meantime.
const TRIES: u32 = 3;

/// A proxy that runs as the splitter of a run. Dropped, it is ended.
#[derive(Debug)]
pub struct ExternalSplitter {
    kind: Proxy,
    installed: Installed,
    task: Task,
    endpoints: Arc<Endpoints>,
    running: Running,
    /// The last order, and how it was weighted. Held while an order is carried out.
    order: Mutex<(Weights, Order)>,
}

/// The proxy itself, with what is needed to steer it.
#[derive(Debug)]
enum Running {
    Nginx(Nginx),
    Haproxy(Haproxy),
    Envoy(Envoy),
}

/// What a proxy is for, as long as it runs.
#[derive(Debug, Clone)]
struct Task {
    split: Split,
    rules: Rules,
    affinity: Option<Affinity>,
    retries: Option<Retries>,
    ejection: Option<Ejection>,
    /// How long an attempt may take.
    timeout: Option<Span>,
    /// What places users who are hashed.
    salt: u64,
    /// How many times faster than the clock on the wall the scenario goes.
    speed: f64,
    /// Where to listen; port 0: anywhere.
    at: SocketAddr,
    /// All instances, by version.
    instances: [Vec<SocketAddr>; 3],
    /// Names of the routes.
    routes: Vec<String>,
    /// Bounds of latency histograms.
    buckets: Buckets,
}

/// What a proxy is told, again and again.
#[derive(Debug, Clone, PartialEq)]
struct Order {
    /// Shares of requests by version, which add up to 1.
    shares: [f64; 3],
    /// Instances that take requests, by version.
    ready: [Vec<SocketAddr>; 3],
}

/// An order that a proxy has carried out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Applied {
    /// How long it took from the order until the proxy acknowledged it.
    pub took: Span,
    /// Shares of requests by version that the proxy really aims at: its weights are whole numbers.
    pub shares: [f64; 3],
}

impl ExternalSplitter {
    /// Starts a proxy at weight zero. `program` is its file, otherwise it is looked for on the path;
    /// `at` is where it takes traffic, on any free port where the port is 0.
    ///
    /// # Errors
    /// When the program is missing or too old, cannot do what the world asks for, refuses its
    /// configuration, finds its port taken, or does not answer in time.
    pub fn start(
        kind: Proxy,
        program: Option<&Path>,
        setting: &Setting,
        clock: &WallClock,
        endpoints: Arc<Endpoints>,
        at: SocketAddr,
    ) -> Result<ExternalSplitter, ProxyError> {
        fitness::check(kind, setting, &endpoints)?;
        let installed = Installed::look(kind, program)?;
        let task = Task::new(setting, clock, &endpoints, at);
        let order = task.order(Weights::default(), &endpoints);
        let mut tries = 1;
        let running = loop {
            if at.port() != 0 && TcpListener::bind(at).is_err() {
                return Err(ProxyError::PortTaken { kind, address: at });
            }
            match Running::start(kind, &installed, &task, &order) {
                Err(ProxyError::PortTaken { .. }) if at.port() == 0 && tries < TRIES => tries += 1,
                running => break running?,
            }
        };
        Ok(ExternalSplitter {
            kind,
            installed,
            task,
            endpoints,
            running,
            order: Mutex::new((Weights::default(), order)),
        })
    }

    /// Which proxy this is.
    pub fn kind(&self) -> Proxy {
        self.kind
    }

    /// The proxy's own version, like `1.22.1`.
    pub fn version(&self) -> String {
        self.installed.version.to_string()
    }

    /// Where it takes traffic.
    pub fn address(&self) -> SocketAddr {
        match &self.running {
            Running::Nginx(nginx) => nginx.address,
            Running::Haproxy(haproxy) => haproxy.address,
            Running::Envoy(envoy) => envoy.address,
        }
    }

    /// Its process id, which is that of its process group too.
    pub fn pid(&self) -> u32 {
        self.program().pid()
    }

    /// Orders new weights, tells which instances are ready, and waits until the proxy has
    /// acknowledged that: it blocks, for NGINX some tenths of a second.
    ///
    /// # Errors
    /// When the proxy has ended, refuses, or does not acknowledge in time.
    pub fn set_weights(&self, weights: Weights) -> Result<Applied, ProxyError> {
        let mut last = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let order = self.task.order(weights, &self.endpoints);
        let applied = self.carry_out(&order)?;
        *last = (weights, order);
        Ok(applied)
    }

    /// Tells the proxy which instances are ready at the weights as last ordered, when that has
    /// changed. It blocks as [`ExternalSplitter::set_weights`] does.
    ///
    /// # Errors
    /// As there.
    pub fn refresh(&self) -> Result<Option<Applied>, ProxyError> {
        let mut last = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let order = self.task.order(last.0, &self.endpoints);
        if order == last.1 {
            return Ok(None);
        }
        let applied = self.carry_out(&order)?;
        last.1 = order;
        Ok(Some(applied))
    }

    fn carry_out(&self, order: &Order) -> Result<Applied, ProxyError> {
        let begun = Moment::now();
        if !self.is_running() {
            return Err(errors::gone(self.kind, self.program()));
        }
        let shares = match &self.running {
            Running::Nginx(nginx) => nginx.apply(&self.task, order)?,
            Running::Haproxy(haproxy) => haproxy.apply(&self.task, order)?,
            Running::Envoy(envoy) => envoy.apply(&self.task, order)?,
        };
        Ok(Applied {
            took: Moment::now().since(begun),
            shares,
        })
    }

    /// Requests by version (stable, canary, baseline), as the proxy itself has counted them: NGINX
    /// and `HAProxy` by their answers, `HAProxy` without those that it made itself, Envoy by those of
    /// its clusters. The last ones are missing for some tenths of a second.
    ///
    /// # Errors
    /// When the proxy does not say.
    pub fn counts(&self) -> Result<[u64; 3], ProxyError> {
        match &self.running {
            Running::Nginx(nginx) => Ok(nginx.counts()),
            Running::Haproxy(haproxy) => haproxy.counts(),
            Running::Envoy(envoy) => envoy.counts(),
        }
    }

    /// Requests by version, route and status, as the proxy itself has counted them for its callers,
    /// after retries: see [`Latencies`] for what they tell of latencies. They never shrink, and are
    /// behind by what is not logged yet, a hundredth of a second. It may take some milliseconds; `from_start`
    /// are versions of which everything is told, though nothing was counted.
    ///
    /// # Errors
    /// When the proxy does not say.
    pub fn readings(&self, from_start: &[Version]) -> Result<Vec<Reading>, ProxyError> {
        match &self.running {
            Running::Nginx(nginx) => Ok(nginx.readings(from_start)),
            Running::Haproxy(haproxy) => Ok(haproxy.counted(&self.task)?.readings(from_start)),
            Running::Envoy(envoy) => Ok(envoy.counted(&self.task)?.readings(from_start)),
        }
    }

    /// What [`ExternalSplitter::readings`] tell of latencies.
    pub fn latencies(&self) -> Latencies {
        Latencies::of(self.kind)
    }

    /// Whether [`ExternalSplitter::readings`] are of the right routes: where there are several, only
    /// NGINX tells them apart.
    pub fn tells_routes(&self) -> bool {
        self.kind == Proxy::Nginx || self.task.routes.len() < 2
    }

    /// Where its own Prometheus metrics are. NGINX has none that tell versions apart, and `HAProxy`
    /// has them only when it was built with its exporter.
    pub fn metrics(&self) -> Option<(SocketAddr, &'static str)> {
        match &self.running {
            Running::Nginx(_) => None,
            Running::Haproxy(haproxy) => haproxy.metrics(),
            Running::Envoy(envoy) => Some(envoy.metrics()),
        }
    }

    /// Whether it runs, and under guard.
    pub fn is_running(&self) -> bool {
        self.program().is_running()
    }

    /// How it ended; `None` while it runs.
    pub fn ending(&self) -> Option<ExitStatus> {
        self.program().ending()
    }

    /// The program.
    pub fn program(&self) -> &Program {
        match &self.running {
            Running::Nginx(nginx) => &nginx.program,
            Running::Haproxy(haproxy) => &haproxy.program,
            Running::Envoy(envoy) => &envoy.program,
        }
    }

    /// Ends it: it may finish what it has begun, for `grace` at most. Says how it ended; a second
    /// call says the same.
    pub fn stop(&self, grace: Span) -> Option<ExitStatus> {
        if self.is_running() && !grace.is_zero() {
            match &self.running {
                Running::Nginx(nginx) => nginx.leave(),
                Running::Haproxy(haproxy) => haproxy.leave(),
                Running::Envoy(envoy) => envoy.leave(grace),
            }
            self.program().wait(grace);
        }
        self.program().stop(Span::ZERO)
    }
}

impl Running {
    fn start(
        kind: Proxy,
        installed: &Installed,
        task: &Task,
        order: &Order,
    ) -> Result<Running, ProxyError> {
        match kind {
            Proxy::Nginx => Nginx::start(installed, task, order).map(Running::Nginx),
            Proxy::Haproxy => Haproxy::start(installed, task, order).map(Running::Haproxy),
            Proxy::Envoy => Envoy::start(installed, task, order).map(Running::Envoy),
            Proxy::Coalmine => Err(ProxyError::NotExternal),
        }
    }
}

impl Task {
    fn new(setting: &Setting, clock: &WallClock, endpoints: &Endpoints, at: SocketAddr) -> Task {
        let world = &setting.world;
        let whole = (world.stable.fleet.capacity).and_then(|capacity| capacity.timeout);
        let each = (world.retries).and_then(|retries| retries.per_try_timeout);
        Task {
            split: world.split,
            rules: world.rules,
            affinity: world.affinity,
            retries: world.retries,
            ejection: world.ejection,
            timeout: whole.into_iter().chain(each).min(),
            salt: setting.seed.salt(setting.replicate, Purpose::Split),
            speed: clock.speed(),
            at,
            instances: Version::ALL.map(|version| endpoints.all(version)),
            routes: (world.traffic.routes.iter().map(|route| route.name.clone())).collect(),
            buckets: setting.telemetry.buckets.clone(),
        }
    }

    fn order(&self, weights: Weights, endpoints: &Endpoints) -> Order {
        let weights = weights.rounded(&self.rules);
        let ready = Version::ALL.map(|version| {
            let used = endpoints.addresses(version);
            let of_used = used.iter().enumerate();
            let ready: Vec<SocketAddr> = of_used
                .filter(|(index, _)| endpoints.is_ready(version, *index))
                .map(|(_, address)| *address)
                .collect();
            // Where nobody is ready, callers are to find that out.
            if ready.is_empty() { used } else { ready }
        });
        Order {
            shares: [weights.stable(), weights.canary, weights.baseline],
            ready,
        }
    }

    /// A length of the scenario's time as it is on the wall.
    fn on_the_wall(&self, span: Span) -> Span {
        Span::from_secs_f64(span.as_secs_f64() / self.speed)
    }
}

impl Order {
    /// Whether requests that match a rule go to the canary.
    fn obeys_rules(&self) -> bool {
        self.shares[Version::Canary as usize] > 0.0
    }

    /// Whether a cookie that names a version counts.
    fn honours(&self, affinity: &Affinity, version: Version) -> bool {
        let side = Side::ALL[version as usize];
        let runs = self.shares[version as usize] > 0.0
            || (version == Version::Canary && affinity.outlives_rollback);
        runs && affinity.precedence.marks(side)
    }
}

/// A port on the loopback interface that nobody uses now. Somebody else may take it before the
/// proxy does, which [`ExternalSplitter::start`] meets by trying anew.
fn free_port(address: IpAddr) -> std::io::Result<SocketAddr> {
    TcpListener::bind((address, 0))?.local_addr()
}

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Whole weights that add up to `total` and come nearest to shares that add up to 1.
fn whole_weights(shares: [f64; 3], total: u64) -> [u64; 3] {
    let nearest = |share: f64| (share * total as f64).round() as u64;
    let canary = nearest(shares[1]).min(total);
    let baseline = nearest(shares[2]).min(total - canary);
    [total - canary - baseline, canary, baseline]
}

/// Shares of whole weights.
fn shares_of(weights: [u64; 3]) -> [f64; 3] {
    let total = weights.iter().sum::<u64>().max(1);
    weights.map(|weight| weight as f64 / total as f64)
}
