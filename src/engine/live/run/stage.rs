//! The parts of a run: started together, watched, and taken down together.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};

use super::figures::{Figures, Showing};
use super::{Pulse, Script};
use crate::base::{Span, Time};
use crate::engine::live::backend::{BackendError, BackendOptions, Backends, ControlOptions};
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::live::exhibit;
use crate::engine::live::load::{
    Counts, IntervalLog, Load, LoadError, LoadOptions, LoadReport, Seen, Target as LoadTarget,
    TooFewDescriptors, reserve,
};
use crate::engine::live::options::{Options, Proxy};
use crate::engine::live::proxies::{ExternalSplitter, ProxyError};
use crate::engine::live::scrape::Target;
use crate::engine::live::splitter::{Exposition, Splitter, SplitterError, SplitterOptions};
use crate::engine::live::steering::{Shares, Steering};
use crate::engine::live::tally::merge_with;
use crate::engine::live::{Setting, name_of};
use crate::model::World;
use crate::model::split::{Rules, Weights};
use crate::rollout::Routing;
use crate::telemetry::exposition::{Dialect, Exposed, GoalReading, Part, Reading};
use crate::telemetry::{Birth, Reporter, Version};

/// Why the parts of a run could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// The backends.
    #[error(transparent)]
    Backends(#[from] BackendError),
    /// Our splitter.
    #[error(transparent)]
    Splitter(#[from] SplitterError),
    /// Another one.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// The rollout copies requests, which only our own splitter does.
    #[error(
        "{0} copies no requests here, and this rollout mirrors traffic; use splitter = \"coalmine\""
    )]
    Mirror(Proxy),
    /// The load.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// There are too few descriptors for all connections.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// Nobody can listen for scrapes.
    #[error("cannot listen for scrapes on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
}

/// Where the parts of a run are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// Where traffic goes.
    pub splitter: SocketAddr,
    /// Where faults are changed.
    pub control: SocketAddr,
    /// What requests there must carry, when it wants a token.
    pub token: Option<String>,
    /// Everything that shows metrics.
    pub targets: Vec<Target>,
    /// The Prometheus that is asked, if one is.
    pub prometheus: Option<SocketAddr>,
}

/// The parts of a run.
#[derive(Debug)]
pub(super) struct Stage {
    places: Places,
    backends: Backends,
    splitting: Splitting,
    steering: Arc<Steering>,
    rules: Rules,
    load: Option<Load>,
    /// What the load has seen, once there is one.
    seen: Arc<OnceLock<Arc<Seen>>>,
    connections: usize,
    begun: Moment,
    /// What another splitter has counted, where it is shown.
    figures: Option<(Figures, Showing)>,
    /// From whose side the gate's requests are counted.
    reporter: Reporter,
}

#[derive(Debug)]
enum Splitting {
    Ours(Box<Splitter>),
    External(Arc<ExternalSplitter>),
}

/// What is left when a run has been taken down.
#[derive(Debug)]
pub(super) struct Struck {
    pub(super) load: LoadReport,
    /// Requests and failures by version.
    pub(super) versions: [[u64; 2]; 3],
    /// Requests by version under each order, the first those before any.
    pub(super) by_order: Vec<[u64; 3]>,
    pub(super) splitter: String,
    pub(super) connections: usize,
    pub(super) wall: Span,
    pub(super) source: String,
    pub(super) scrapes: [u64; 2],
}

/// How long the parts may take to end.
const GRACE: Span = Span::from_secs(3);
/// How long users wait for an answer.
const PATIENCE: Span = Span::from_secs(30);
/// Connections of the load at least, and at most.
const CONNECTIONS: (f64, f64) = (200.0, 4_000.0);
/// Descriptors of one request under way: of the load, of the splitter on both sides, of a backend.
const DESCRIPTORS: u64 = 4;

/// The words in which a run's metrics are shown.
pub(super) fn dialect(setting: &Setting, options: &Options) -> Dialect {
    let world = &setting.world;
    let routes = (world.traffic.routes.iter()).map(|route| route.name.clone());
    let goals = world.goals.iter().map(|goal| goal.name.clone());
    Dialect {
        service: options.service.clone(),
        ..Dialect::new(
            options.vendor,
            &setting.telemetry,
            routes.collect(),
            goals.collect(),
        )
    }
}

impl Stage {
    /// Starts backends and splitter, and whatever shows the metrics of others; the load comes later.
    pub(super) fn set(script: &Script<'_>, clock: &WallClock) -> Result<Stage, StageError> {
        let (setting, options) = (script.setting, script.options);
        if options.splitter != Proxy::Coalmine && script.rollout.mirrors() {
            return Err(StageError::Mirror(options.splitter));
        }
        let connections = connections(&setting.world, script);
        reserve(connections as u64 * DESCRIPTORS)?;
        let dialect = dialect(setting, options);
        let steering = Arc::new(Steering::default());
        let words = dialect.clone();
        let born = from_start(setting);
        let backends = Backends::start(
            setting,
            clock.clone(),
            Arc::clone(&steering),
            BackendOptions {
                bind: options.bind,
                control: ControlOptions {
                    bind: SocketAddr::new(options.bind, 0),
                    wants_token: options.wants_token,
                },
                metrics: Arc::new(move |version, index, tally| {
                    let exposed = Exposed {
                        pod: &pod(version, index),
                        readings: &tally.read_with(if born.is_empty() {
                            &[]
                        } else {
                            std::slice::from_ref(&version)
                        }),
                        ..Exposed::default()
                    };
                    words.write(&exposed, Reporter::Server)
                }),
                ..BackendOptions::default()
            },
        )?;
        let seen: Arc<OnceLock<Arc<Seen>>> = Arc::default();
        let mut targets = instances(&backends);
        let splitting = match options.splitter {
            Proxy::Coalmine => {
                let words = dialect.clone();
                let steered = Arc::clone(&steering);
                let exposition = Exposition::new(move |tallies| {
                    let exposed = Exposed {
                        pod: "splitter",
                        readings: &merge_with(tallies.iter().map(AsRef::as_ref), born),
                        weight: Some(f64::from(steered.shares().canary)),
                        ..Exposed::default()
                    };
                    words.write(&exposed, Reporter::Client)
                });
                let splitter = Splitter::start(
                    setting,
                    clock,
                    backends.endpoints(),
                    &steering,
                    &SplitterOptions {
                        bind: options.bind,
                        ..SplitterOptions::default()
                    },
                    exposition,
                )?;
                targets.push(Target::new(Part::Splitter, splitter.metrics()));
                Splitting::Ours(Box::new(splitter))
            }
            kind => Splitting::External(Arc::new(ExternalSplitter::start(
                kind,
                options.program.as_deref(),
                setting,
                clock,
                Arc::clone(backends.endpoints()),
                SocketAddr::new(options.bind, 0),
            )?)),
        };
        let places = Places {
            splitter: splitting.address(),
            control: backends.control(),
            token: backends.token().map(str::to_owned),
            targets,
            prometheus: None,
        };
        Ok(Stage {
            places,
            backends,
            splitting,
            steering,
            rules: setting.world.rules,
            load: None,
            seen,
            connections,
            begun: Moment::now(),
            figures: None,
            reporter: setting.telemetry.reporter,
        })
    }

    /// Shows what only users know, inside the runtime of the run: what the business counts; and what
    /// another program that splits has counted.
    pub(super) fn show(&mut self, setting: &Setting, options: &Options) -> Result<(), StageError> {
        let dialect = dialect(setting, options);
        if !setting.world.goals.is_empty() {
            let (words, seen) = (dialect.clone(), Arc::clone(&self.seen));
            self.show_part(options, Part::Load, move || {
                let goals = seen.get().map_or_else(Vec::new, |seen| goals_of(seen));
                let exposed = Exposed {
                    pod: "load",
                    goals: &goals,
                    ..Exposed::default()
                };
                Ok(words.write(&exposed, Reporter::Client))
            })?;
        }
        if let Splitting::External(splitter) = &self.splitting {
            let figures = Figures {
                splitter: Arc::clone(splitter),
                seen: Arc::clone(&self.seen),
                born: from_start(setting),
            };
            let address = SocketAddr::new(options.bind, 0);
            let showing = TcpListener::bind(address)
                .and_then(|listener| Showing::start(listener, dialect, figures.clone()))
                .map_err(|source| StageError::Listen { address, source })?;
            (self.places.targets).push(Target::new(Part::Splitter, showing.address));
            self.figures = Some((figures, showing));
        }
        Ok(())
    }

    fn show_part(
        &mut self,
        options: &Options,
        part: Part,
        write: impl Fn() -> Result<String, String> + 'static,
    ) -> Result<(), StageError> {
        let address = SocketAddr::new(options.bind, 0);
        let refuse = |source| StageError::Listen { address, source };
        let listener = TcpListener::bind(address).map_err(refuse)?;
        listener.set_nonblocking(true).map_err(refuse)?;
        let bound = listener.local_addr().map_err(refuse)?;
        let listener = tokio::net::TcpListener::from_std(listener).map_err(refuse)?;
        tokio::task::spawn_local(exhibit::serve(listener, write));
        self.places.targets.push(Target::new(part, bound));
        Ok(())
    }

    /// Starts the load: the scenario has begun.
    pub(super) fn begin(
        &mut self,
        script: &Script<'_>,
        clock: &WallClock,
        log: Option<IntervalLog>,
        by_user: bool,
    ) -> Result<(), StageError> {
        let target = LoadTarget {
            address: self.places.splitter,
            host: self.places.splitter.to_string(),
        };
        let load = Load::start(
            script.setting,
            clock.clone(),
            target,
            LoadOptions {
                connections: self.connections,
                timeout: PATIENCE,
                goals_by_user: by_user,
                log,
                ..LoadOptions::until(script.horizon + script.aftermath)
            },
        )?;
        // Nobody else sets it.
        let _ = self.seen.set(Arc::clone(load.seen()));
        self.load = Some(load);
        self.begun = Moment::now();
        Ok(())
    }

    pub(super) fn places(&self) -> &Places {
        &self.places
    }

    pub(super) fn places_mut(&mut self) -> &mut Places {
        &mut self.places
    }

    /// What users have met so far.
    pub(super) fn seen(&self) -> Counts {
        self.seen
            .get()
            .map(|seen| seen.counts())
            .unwrap_or_default()
    }

    /// Sends an order to the splitter.
    pub(super) fn steer(&self, weight: f64, mirror: f64) -> Result<(), ProxyError> {
        // Between the two marks nobody can say which order holds.
        self.mark();
        // Backends that scale with the canary look here too.
        self.steering.set(Shares {
            canary: weight as f32,
            mirror: mirror as f32,
        });
        let applied = match &self.splitting {
            Splitting::Ours(_) => Ok(()),
            Splitting::External(external) => external
                .set_weights(Weights::of(weight, &self.rules))
                .map(drop),
        };
        self.mark();
        applied
    }

    fn mark(&self) {
        if let Some(seen) = self.seen.get() {
            seen.stretches.mark();
        }
    }

    /// The canary is everywhere now.
    pub(super) fn promote(&self) {
        self.backends.promote();
    }

    /// Why the run cannot go on, if it cannot. Where another program splits, it is told of instances
    /// that have come or gone.
    pub(super) fn failure(&self) -> Option<String> {
        let Splitting::External(external) = &self.splitting else {
            return None;
        };
        if !external.is_running() {
            let how = external.ending().map(|status| format!(" ({status})"));
            return Some(format!(
                "{} ended before its time{}",
                external.kind(),
                how.unwrap_or_default()
            ));
        }
        external.refresh().err().map(|error| error.to_string())
    }

    /// How the run stands.
    pub(super) fn pulse(&self, now: Time, next: Time, routing: Routing) -> Pulse {
        let published = self.seen.get().map(|seen| seen.published());
        let published = published.unwrap_or_default();
        Pulse {
            now,
            next,
            weight: routing.canary,
            requests: self.seen.get().map_or([[0; 2]; 3], |seen| totals(seen)),
            latency: [published.p50, published.p99],
            lateness: published.lateness_p99,
        }
    }

    /// Takes everything down and tells what is left.
    pub(super) fn strike(
        mut self,
        mut source: String,
        scrapes: [u64; 2],
    ) -> Result<Struck, LoadError> {
        if let Some((figures, _)) = self.figures.take()
            && self.reporter == Reporter::Client
        {
            source = format!("{source}, {}", figures.source());
        }
        let load = self.load.take().ok_or(LoadError::Lost)?;
        let seen = Arc::clone(load.seen());
        let load = load.stop()?;
        let wall = Moment::now().since(self.begun);
        let splitter = match &mut self.splitting {
            Splitting::Ours(splitter) => {
                splitter.stop();
                "coalmine".to_owned()
            }
            Splitting::External(external) => {
                external.stop(GRACE);
                format!("{} {}", external.kind(), external.version())
            }
        };
        self.backends.stop();
        let versions = totals(&seen);
        // Every second stretch is one in which an order was being carried out.
        let by_order = seen.stretches.read().into_iter().step_by(2).collect();
        Ok(Struck {
            load,
            versions,
            by_order,
            splitter,
            connections: self.connections,
            wall,
            source,
            scrapes,
        })
    }
}

impl Splitting {
    fn address(&self) -> SocketAddr {
        match self {
            Splitting::Ours(splitter) => splitter.address(),
            Splitting::External(external) => external.address(),
        }
    }
}

/// Connections for the load: three times those that the busiest moment needs on average, as
/// latencies and arrivals swing.
fn connections(world: &World, script: &Script<'_>) -> usize {
    let end = Time::START + script.horizon;
    let busiest = world.traffic.profile.bound(Time::START, end) * script.speed;
    let longest = (0..world.traffic.routes.len().max(1))
        .flat_map(|route| [&world.stable, &world.canary].map(|service| service.latency_of(route)))
        .map(crate::model::service::Latency::mean)
        .fold(0.0, f64::max);
    let (least, most) = CONNECTIONS;
    (3.0 * busiest * (longest + 0.02)).clamp(least, most) as usize
}

/// Versions whose series exist before their first request.
fn from_start(setting: &Setting) -> &'static [Version] {
    match setting.telemetry.birth {
        Birth::FirstRequest => &[],
        Birth::Zero => &Version::ALL,
    }
}

fn pod(version: Version, index: usize) -> String {
    format!("app-{}-{index}", name_of(version))
}

fn instances(backends: &Backends) -> Vec<Target> {
    Version::ALL
        .into_iter()
        .flat_map(|version| {
            let all = backends.endpoints().all(version);
            all.into_iter()
                .map(move |address| Target::new(Part::Instance(version), address))
        })
        .collect()
}

/// Requests and failures by version, as users saw them.
fn totals(seen: &Seen) -> [[u64; 2]; 3] {
    let mut totals = [[0; 2]; 3];
    for Reading {
        version,
        code,
        requests,
        ..
    } in seen.tally.read()
    {
        let total = &mut totals[version as usize];
        total[0] += requests;
        if code >= 500 {
            total[1] += requests;
        }
    }
    totals
}

fn goals_of(seen: &Seen) -> Vec<GoalReading> {
    Version::ALL
        .into_iter()
        .flat_map(|version| {
            let all = seen.goals(version).into_iter().enumerate();
            all.map(move |(goal, sums)| GoalReading {
                version,
                route: None,
                goal,
                sums,
            })
        })
        .collect()
}
