//! Our own splitter: a reverse proxy that decides request by request which version answers, as the
//! model says, and does for it what a mesh does.
//!
//! Each worker is one thread that shares nothing with the others. A client's connection is one task;
//! it reads a head where it lies, decides, takes a connection to an instance and drives both until
//! the answer has been passed on: four system calls for a small request. Everything that follows
//! from a request (its decision, its attempts, its counters) happens in that task.
//!
//! What differs from the virtual engine lies in the nature of the thing: a client's connection is a
//! TCP connection, whoever uses it, and a cookie lives with the client.

mod balancer;
mod client;
mod counters;
mod decision;
mod exchange;
mod exposition;
mod forward;
mod mirror;
mod relay;
#[cfg(test)]
mod tests;
mod worker;

pub use counters::Counts;
pub use decision::Decided;
pub use exposition::Exposition;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};
use tokio::sync::oneshot;

use super::Setting;
use super::clock::WallClock;
use super::endpoints::Endpoints;
use super::steering::Steering;
use super::tally::{self, Reading, Tally};
use crate::base::Span;
use counters::Counters;
use forward::Routes;
use worker::Start;

/// How a splitter is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitterOptions {
    /// Where it listens.
    pub bind: IpAddr,
    /// The port for traffic; 0: any that is free.
    pub port: u16,
    /// The port for metrics; 0: any that is free.
    pub metrics_port: u16,
    /// Threads, at least one. Several share the traffic by connections.
    pub workers: usize,
    /// Decisions of each worker that are kept, the last ones.
    pub log: usize,
    /// How long the head of a request may take from its first byte to its last.
    pub head_limit: Span,
    /// How long a body may come to a halt, on either side.
    pub stall: Span,
    /// How long requests under way may take when the splitter is stopped.
    pub drain_limit: Span,
}

impl Default for SplitterOptions {
    fn default() -> SplitterOptions {
        SplitterOptions {
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            port: 0,
            metrics_port: 0,
            workers: 1,
            log: 1 << 16,
            head_limit: Span::from_secs(10),
            stall: Span::from_secs(60),
            drain_limit: Span::from_secs(5),
        }
    }
}

/// Why a splitter could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SplitterError {
    /// Nothing can listen there: the port is in use, or the address is none of this machine's.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// No thread, or no timer or event queue for one.
    #[error("cannot start a worker: {0}")]
    Worker(io::Error),
}

/// A splitter that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Splitter {
    address: SocketAddr,
    metrics: SocketAddr,
    tallies: Vec<Arc<Tally>>,
    counters: Vec<Arc<Counters>>,
    workers: Vec<Running>,
}

#[derive(Debug)]
struct Running {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<Vec<Decided>>,
}

/// Connections that may wait to be taken.
const BACKLOG: i32 = 4096;

impl Splitter {
    /// Starts a splitter of a run's traffic among `endpoints`, at the shares that `steering` says,
    /// with the clock of the run.
    ///
    /// # Errors
    /// When a port is not to be had, or a thread.
    pub fn start(
        setting: &Setting,
        clock: &WallClock,
        endpoints: &Arc<Endpoints>,
        steering: &Arc<Steering>,
        options: &SplitterOptions,
        mut exposition: Exposition,
    ) -> Result<Splitter, SplitterError> {
        let shared = options.workers > 1;
        let mut address = SocketAddr::new(options.bind, options.port);
        let mut listeners = Vec::new();
        for _ in 0..options.workers.max(1) {
            let listener = bound(address, shared)?;
            address = local(&listener, address)?;
            listeners.push(listener);
        }
        let asked = SocketAddr::new(options.bind, options.metrics_port);
        let scraped = bound(asked, false)?;
        let metrics = local(&scraped, asked)?;

        let routes = Routes::of(&setting.world).count();
        let tally = || Arc::new(Tally::new(routes, &setting.telemetry.buckets));
        let tallies: Vec<_> = listeners.iter().map(|_| tally()).collect();
        exposition.tallies.clone_from(&tallies);
        let mut exposition = Some((scraped, exposition));
        let mut splitter = Splitter {
            address,
            metrics,
            counters: listeners.iter().map(|_| Arc::default()).collect(),
            workers: Vec::new(),
            tallies,
        };
        let (ready, begun) = mpsc::channel();
        for (number, listener) in listeners.into_iter().enumerate() {
            let (stop, stopped) = oneshot::channel();
            let start = Start {
                number,
                setting: setting.clone(),
                clock: clock.clone(),
                endpoints: Arc::clone(endpoints),
                steering: Arc::clone(steering),
                options: options.clone(),
                tally: Arc::clone(&splitter.tallies[number]),
                counters: Arc::clone(&splitter.counters[number]),
                listener,
                exposition: exposition.take(),
                stop: stopped,
            };
            let ready = ready.clone();
            let thread = thread::Builder::new()
                .name(format!("splitter-{number}"))
                .spawn(move || worker::run(start, ready))
                .map_err(SplitterError::Worker)?;
            splitter.workers.push(Running { stop, thread });
        }
        drop(ready);
        // One answer of each.
        for begun in begun.iter().take(splitter.workers.len()) {
            begun.map_err(SplitterError::Worker)?;
        }
        Ok(splitter)
    }

    /// Where it takes traffic.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it answers `GET /metrics`.
    pub fn metrics(&self) -> SocketAddr {
        self.metrics
    }

    /// Requests as their callers see them, one tally for each worker: a request counts once, after
    /// retries, with the time from the arrival of its head to the last byte of its answer.
    pub fn tallies(&self) -> &[Arc<Tally>] {
        &self.tallies
    }

    /// What all tallies say together.
    pub fn readings(&self) -> Vec<Reading> {
        tally::merge(self.tallies.iter().map(AsRef::as_ref))
    }

    /// What it has counted beside answers.
    pub fn counts(&self) -> Counts {
        self.counters.iter().map(|counters| counters.read()).sum()
    }

    /// Stops it: takes no more connections, answers the requests that have come, closes everything.
    /// Returns the decisions of each worker that were kept, in order.
    pub fn stop(&mut self) -> Vec<Vec<Decided>> {
        let (stops, threads): (Vec<_>, Vec<_>) = (self.workers.drain(..))
            .map(|running| (running.stop, running.thread))
            .unzip();
        for stop in stops {
            // A worker that has ended needs no word.
            let _ = stop.send(());
        }
        // One that has panicked has nothing to say.
        (threads.into_iter())
            .map(|thread| thread.join().unwrap_or_default())
            .collect()
    }
}

impl Drop for Splitter {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A listener; `shared`: beside others at the same address.
fn bound(address: SocketAddr, shared: bool) -> Result<TcpListener, SplitterError> {
    let family = match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    };
    let listener = || -> rustix::io::Result<TcpListener> {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(family, SocketType::STREAM, flags, None)?;
        // Connections that are just closing do not keep the port.
        sockopt::set_socket_reuseaddr(&socket, true)?;
        sockopt::set_socket_reuseport(&socket, shared)?;
        bind(&socket, &address)?;
        listen(&socket, BACKLOG)?;
        Ok(socket.into())
    };
    listener().map_err(|error| SplitterError::Listen {
        address,
        source: error.into(),
    })
}

fn local(listener: &TcpListener, asked: SocketAddr) -> Result<SocketAddr, SplitterError> {
    listener
        .local_addr()
        .map_err(|source| SplitterError::Listen {
            address: asked,
            source,
        })
}
