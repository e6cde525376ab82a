//! What a proxy stands between: backends that answer at once and count, and a world to split.

use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use coalmine::base::{Probability, Rate, Seed, Span};
use coalmine::engine::live::Setting;
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::options::Proxy;
use coalmine::engine::live::proxies::{ExternalSplitter, ProxyError};
use coalmine::model::World;
use coalmine::model::service::{Latency, Service};
use coalmine::model::split::Weights;
use coalmine::model::traffic::{Population, Profile, Traffic};
use coalmine::telemetry::{Birth, Buckets, Phase, Plan, Sampling, Version};

/// How long a proxy has to leave.
pub(crate) const GRACE: Span = Span::from_secs(20);

/// An instance: answers every request with one status, on a thread for each connection.
#[derive(Debug)]
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    status: AtomicU16,
    answered: AtomicU64,
}

impl Backend {
    fn start() -> Backend {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let state = Arc::new(State {
            status: AtomicU16::new(200),
            answered: AtomicU64::new(0),
        });
        let address = listener.local_addr().unwrap();
        let shared = Arc::clone(&state);
        // Threads end with the test's process, which is each test's own.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let state = Arc::clone(&shared);
                std::thread::spawn(move || answer(stream, &state));
            }
        });
        Backend { address, state }
    }

    /// Requests answered.
    pub(crate) fn answered(&self) -> u64 {
        self.state.answered.load(Ordering::SeqCst)
    }

    /// Answers with another status from now on; with 0 it takes requests and answers none.
    pub(crate) fn fail_with(&self, status: u16) {
        self.state.status.store(status, Ordering::SeqCst);
    }
}

fn answer(stream: TcpStream, state: &State) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut output) = stream.try_clone() else {
        return;
    };
    let mut input = BufReader::new(stream);
    let mut line = String::new();
    while matches!(input.read_line(&mut line), Ok(1..)) {
        // Requests have no bodies here: a head ends with an empty line.
        if line == "\r\n" {
            state.answered.fetch_add(1, Ordering::SeqCst);
            let status = state.status.load(Ordering::SeqCst);
            if status == 0 {
                line.clear();
                continue;
            }
            let text = format!("HTTP/1.1 {status} Said\r\ncontent-length: 2\r\n\r\nok");
            if output.write_all(text.as_bytes()).is_err() {
                return;
            }
        }
        line.clear();
    }
}

/// Backends of all versions.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) backends: [Vec<Backend>; 3],
    pub(crate) endpoints: Arc<Endpoints>,
    /// How fast the clock of its proxies goes.
    pub(crate) speed: f64,
}

impl Stage {
    /// So many instances of stable, canary and baseline.
    pub(crate) fn new(counts: [usize; 3]) -> Stage {
        let backends = counts.map(|count| (0..count).map(|_| Backend::start()).collect());
        let addresses = |all: &Vec<Backend>| all.iter().map(|one| one.address).collect();
        let endpoints = Arc::new(Endpoints::new(backends.each_ref().map(addresses)));
        Stage {
            backends,
            endpoints,
            speed: 1.0,
        }
    }

    /// Requests that a version's instances have answered.
    pub(crate) fn answered(&self, version: Version) -> u64 {
        self.backends[version as usize]
            .iter()
            .map(Backend::answered)
            .sum()
    }

    /// Requests that all instances have answered.
    pub(crate) fn answered_by_all(&self) -> u64 {
        self.backends.iter().flatten().map(Backend::answered).sum()
    }

    /// A proxy before these backends, in a world with changes.
    pub(crate) fn proxy(
        &self,
        kind: Proxy,
        program: &Path,
        change: impl FnOnce(&mut World),
    ) -> ExternalSplitter {
        self.try_proxy(kind, Some(program), change, 0)
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn try_proxy(
        &self,
        kind: Proxy,
        program: Option<&Path>,
        change: impl FnOnce(&mut World),
        port: u16,
    ) -> Result<ExternalSplitter, ProxyError> {
        let setting = setting(change);
        let clock = WallClock::new(Moment::now(), self.speed);
        let at = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port);
        let endpoints = Arc::clone(&self.endpoints);
        ExternalSplitter::start(kind, program, &setting, &clock, endpoints, at)
    }
}

/// A world of plain requests with changes.
pub(crate) fn setting(change: impl FnOnce(&mut World)) -> Setting {
    let profile = Profile::Constant(Rate::per_second(100.0).unwrap());
    let latency = Latency::fixed(Span::from_millis(1)).unwrap();
    let mut world = World::plain(
        Traffic::plain(profile, Population::zipf(1_000, 1.0)),
        Service::plain(latency, Probability::ZERO),
    );
    change(&mut world);
    Setting {
        world,
        telemetry: Plan::plain(
            Sampling::Scraped {
                interval: Span::from_secs(5),
                phase: Phase::Fixed(Span::from_secs(2)),
            },
            Birth::FirstRequest,
            Buckets::istio(),
        ),
        seed: Seed::DEFAULT,
        replicate: 0,
    }
}

/// The canary's weight in percent.
pub(crate) fn percent(canary: f64) -> Weights {
    Weights {
        canary: canary / 100.0,
        baseline: 0.0,
    }
}
