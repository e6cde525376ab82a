//! Fake backends: the instances of all versions, each a port of its own, answering as the world's
//! service model says, with the world's faults and those that are added while they run.
//!
//! What becomes of a request is decided by the state machines of the virtual engine, in its order;
//! what is done about it is done to a socket: waiting, answering, dripping, resetting. Schedules of
//! faults, crashes, late starts and pauses keep the scenario's time. What an answer takes and how
//! requests wait for one another keep the clock on the wall: in a run that goes faster than its
//! scenario, rates are so many times as high, so capacities are too.

mod ballast;
mod burner;
mod connection;
mod control;
mod host;
mod instance;

mod reply;
mod request;
mod responder;
mod template;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64};
use std::thread::JoinHandle;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Setting;
use super::clock::WallClock;
use super::endpoints::Endpoints;
use super::steering::Steering;
use super::tally::Tally;
use super::token::Token;
use crate::base::Span;
use crate::engine::actors::pool::{Place, Pool};
use crate::model::fault::Fault;
use crate::telemetry::Version;
use instance::Port;

/// Writes an instance's metrics: which version, which of its instances, and what it has counted.
pub type Exposition = Arc<dyn Fn(Version, usize, &Tally) -> String + Send + Sync>;

/// What can be chosen about backends.
#[derive(Clone)]
pub struct BackendOptions {
    /// Where the instances listen.
    pub bind: IpAddr,
    /// Ports of the instances: stable's first, then the canary's, then the baseline's. Those that
    /// are not given, or 0, are free ones.
    pub ports: Vec<u16>,
    /// Threads, at least one; each serves some of the instances, and draws spells of bursts of its
    /// own.
    pub threads: usize,
    /// Bytes of the body of a right answer; `None`: as many as the world's services say.
    pub body: Option<usize>,
    /// Connections at the same time, of each thread; more are closed at once.
    pub connections: usize,
    /// How long a request's head, and then its body, may take to come.
    pub patience: Span,
    /// Bytes that leaking faults really take, all together.
    pub memory: u64,
    /// Processors that burning faults really take, all together.
    pub processors: f64,
    /// How long requests under way may take when everything stops.
    pub drain: Span,
    /// Where faults are changed.
    pub control: ControlOptions,
    /// What `/metrics` answers.
    pub metrics: Exposition,
}

/// What can be chosen about the port at which faults are changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlOptions {
    /// Where it listens; port 0: a free one. Elsewhere than on loopback it wants a token.
    pub bind: SocketAddr,
    /// Whether it wants one on loopback, too.
    pub wants_token: bool,
}

impl Default for ControlOptions {
    fn default() -> ControlOptions {
        ControlOptions {
            bind: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            wants_token: false,
        }
    }
}

impl Default for BackendOptions {
    fn default() -> BackendOptions {
        BackendOptions {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: Vec::new(),
            threads: 1,
            body: None,
            connections: 20_000,
            patience: Span::from_secs(10),
            memory: 1 << 30,
            processors: 1.0,
            drain: Span::from_secs(2),
            control: ControlOptions::default(),
            metrics: Arc::new(|_, _, _| String::new()),
        }
    }
}

impl fmt::Debug for BackendOptions {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let BackendOptions {
            bind,
            ports,
            threads,
            body,
            connections,
            patience,
            memory,
            processors,
            drain,
            control,
            metrics: _,
        } = self;
        (formatter.debug_struct("BackendOptions"))
            .field("bind", bind)
            .field("ports", ports)
            .field("threads", threads)
            .field("body", body)
            .field("connections", connections)
            .field("patience", patience)
            .field("memory", memory)
            .field("processors", processors)
            .field("drain", drain)
            .field("control", control)
            .finish_non_exhaustive()
    }
}

/// Why backends cannot start, or not do what they are asked.
#[derive(Debug, thiserror::Error)]
pub enum BackendError {
    /// No port for an instance.
    #[error("no port for {version} instance {index} on {address}: {source}")]
    Listen {
        /// The instance's version.
        version: &'static str,
        /// Its number.
        index: usize,
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No port for the control API.
    #[error("no port for the control API on {address}: {source}")]
    Control {
        /// What was asked for.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No randomness for the token of the control API.
    #[error("no random token for the control API: {0}")]
    Token(io::Error),
    /// No thread, runtime or timer.
    #[error("backends cannot run: {0}")]
    Runtime(io::Error),
    /// As many faults as there may be.
    #[error("there are {most} faults already: take one out first", most = MOST_FAULTS)]
    TooManyFaults,
}

/// Faults at a time, at most.
pub const MOST_FAULTS: usize = 64;

/// What a thread is told.
#[derive(Debug, Clone)]
enum Command {
    /// Put a fault in a place of the list.
    Set(usize, Box<Fault>),
    /// Take the fault in a place out.
    Remove(usize),
    /// The canary has replaced stable.
    Promote,
    /// Finish what is under way.
    Stop,
}

/// What all threads share.
#[derive(Debug)]
struct Shared {
    clock: WallClock,
    endpoints: Arc<Endpoints>,
    steering: Arc<Steering>,
    /// What this process remembers of each user; see [`responder::Ask`].
    users: Vec<AtomicU8>,
    /// Bytes that leaks have taken.
    leaked: AtomicU64,
}

/// Backends under way. They stop when this is dropped.
#[derive(Debug)]
pub struct Backends {
    endpoints: Arc<Endpoints>,
    tallies: [Vec<Arc<Tally>>; 3],
    control: SocketAddr,
    token: Option<String>,
    commands: Vec<UnboundedSender<Command>>,
    threads: Vec<JoinHandle<()>>,
}

impl Backends {
    /// Starts one listener for each instance that the world may come to have, and the control API.
    ///
    /// # Errors
    /// When a port is in use or the system gives no socket, thread or timer.
    pub fn start(
        setting: &Setting,
        clock: WallClock,
        steering: Arc<Steering>,
        options: BackendOptions,
    ) -> Result<Backends, BackendError> {
        let most = Pool::new(&setting.world).most();
        let options = Arc::new(options);
        let ports = ports(most, &options)?;
        let control = Port::bind(options.control.bind).map_err(|source| BackendError::Control {
            address: options.control.bind,
            source,
        })?;
        let control_address = control.address();
        let wants_token = options.control.wants_token || !control_address.ip().is_loopback();
        let token = match wants_token {
            true => Some(Token::draw().map_err(BackendError::Token)?),
            false => None,
        };
        let mut ports = ports.into_iter();
        let by_version = most.map(|count| ports.by_ref().take(count).collect::<Vec<Port>>());
        let addresses = [0, 1, 2].map(|version: usize| {
            let all = by_version[version].iter();
            all.map(Port::address).collect::<Vec<SocketAddr>>()
        });
        let routes = setting.world.traffic.routes.len();
        let tallies = most.map(|count| {
            let tally = || Arc::new(Tally::new(routes, &setting.telemetry.buckets));
            (0..count).map(|_| tally()).collect::<Vec<_>>()
        });
        let shared = Arc::new(Shared {
            endpoints: Arc::new(Endpoints::new(addresses)),
            steering,
            users: responder::remembered(setting),
            leaked: AtomicU64::new(0),
            clock,
        });
        let mut backends = Backends {
            endpoints: Arc::clone(&shared.endpoints),
            tallies,
            control: control_address,
            token: token.as_ref().map(|token| token.text().to_owned()),
            commands: Vec::new(),
            threads: Vec::new(),
        };
        let deals = backends.deal(by_version, &options);
        let channels: Vec<(UnboundedSender<Command>, UnboundedReceiver<Command>)> =
            deals.iter().map(|_| unbounded_channel()).collect();
        let (commands, receivers): (Vec<_>, Vec<_>) = channels.into_iter().unzip();
        backends.commands = commands;
        let mut control = Some((control, token));
        for (number, (deal, commands)) in deals.into_iter().zip(receivers).enumerate() {
            let work = host::Work {
                number,
                setting: setting.clone(),
                shared: Arc::clone(&shared),
                options: Arc::clone(&options),
                instances: deal,
                control: (control.take()).map(|(port, token)| host::ControlWork {
                    port,
                    token,
                    threads: backends.commands.clone(),
                }),
                commands,
            };
            let thread = host::start(work).map_err(BackendError::Runtime)?;
            backends.threads.push(thread);
        }
        Ok(backends)
    }

    /// Shares the instances out among the threads.
    fn deal(
        &self,
        ports: [Vec<Port>; 3],
        options: &BackendOptions,
    ) -> Vec<Vec<(Place, Port, Arc<Tally>)>> {
        let all: usize = ports.iter().map(Vec::len).sum();
        let threads = options.threads.clamp(1, all.max(1));
        let mut deals: Vec<Vec<(Place, Port, Arc<Tally>)>> =
            (0..threads).map(|_| Vec::new()).collect();
        let instances = Version::ALL
            .into_iter()
            .zip(ports)
            .flat_map(|(version, ports)| {
                (ports.into_iter().enumerate()).map(move |(index, port)| (version, index, port))
            });
        for (number, (version, index, port)) in instances.enumerate() {
            let tally = Arc::clone(&self.tallies[version as usize][index]);
            deals[number % threads].push((Place::new(version, index), port, tally));
        }
        deals
    }

    /// Where the instances listen and which are ready.
    pub fn endpoints(&self) -> &Arc<Endpoints> {
        &self.endpoints
    }

    /// What each instance of a version has counted in its present life.
    pub fn tallies(&self, version: Version) -> &[Arc<Tally>] {
        &self.tallies[version as usize]
    }

    /// Where faults are changed: `GET /faults`, `POST /faults`, `DELETE /faults/N`, `GET /healthz`.
    pub fn control(&self) -> SocketAddr {
        self.control
    }

    /// What requests to the control API must carry as `authorization: Bearer TOKEN`, when it
    /// listens elsewhere than on loopback.
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// The canary is everywhere now: it gets as many instances as stable has.
    pub fn promote(&self) {
        self.tell(&Command::Promote);
    }

    fn tell(&self, command: &Command) {
        for thread in &self.commands {
            // A thread that has ended hears nothing, and need not.
            let _ = thread.send(command.clone());
        }
    }

    /// Stops: no more connections, what is under way is answered, no port stays open.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.tell(&Command::Stop);
        for thread in self.threads.drain(..) {
            // A thread that has panicked has nothing left to stop.
            let _ = thread.join();
        }
    }
}

impl Drop for Backends {
    fn drop(&mut self) {
        self.end();
    }
}

/// One port for each instance.
fn ports(most: [usize; 3], options: &BackendOptions) -> Result<Vec<Port>, BackendError> {
    let places = Version::ALL
        .into_iter()
        .flat_map(|version| (0..most[version as usize]).map(move |index| (version, index)));
    let mut wanted = options.ports.iter().copied();
    places
        .map(|(version, index)| {
            let address = SocketAddr::new(options.bind, wanted.next().unwrap_or(0));
            Port::bind(address).map_err(|source| BackendError::Listen {
                version: super::name_of(version),
                index,
                address,
                source,
            })
        })
        .collect()
}
