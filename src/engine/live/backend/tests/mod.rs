//! Backends over real sockets, seen by a client that looks at every byte.

mod control;
mod faults;
mod instances;
mod messages;
mod timing;

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use super::{BackendOptions, Backends};
use crate::base::{Probability, Rate, Seed, Span};
use crate::engine::live::Setting;
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::live::steering::{Shares, Steering};
use crate::model::World;
use crate::model::fault::{Fault, FaultKind, Schedule, Scope, Target};
use crate::model::service::{Latency, Service};
use crate::model::traffic::{Population, Profile, Route, Traffic};
use crate::telemetry::{Birth, Buckets, Plan, Sampling, Version};

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

/// A world that answers everything at once, and rightly.
fn world() -> World {
    let profile = Profile::Constant(Rate::per_second(100.0).unwrap());
    let traffic = Traffic::plain(profile, Population::zipf(1_000, 0.5));
    let latency = Latency::Fixed(Span::ZERO);
    World::plain(traffic, Service::plain(latency, Probability::ZERO))
}

fn with_routes(mut world: World, names: &[&str]) -> World {
    world.traffic.routes = (names.iter())
        .map(|name| Route {
            name: (*name).to_owned(),
            share: share(1.0 / names.len() as f64),
        })
        .collect();
    world
}

/// A fault of the canary, from the start and for ever.
fn fault(kind: FaultKind) -> Fault {
    Fault {
        kind,
        target: Target::Canary,
        schedule: Schedule::ALWAYS,
        scope: Scope::EVERYONE,
    }
}

fn with(kind: FaultKind) -> World {
    let mut world = world();
    world.faults.push(fault(kind));
    world
}

fn setting(world: World) -> Setting {
    Setting {
        world,
        telemetry: Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        seed: Seed::DEFAULT,
        replicate: 0,
    }
}

/// Backends under test.
struct Bench {
    backends: Backends,
    steering: Arc<Steering>,
    clock: WallClock,
}

impl Bench {
    fn start(world: World) -> Bench {
        Bench::at_speed(world, 1.0, BackendOptions::default())
    }

    fn at_speed(world: World, speed: f64, options: BackendOptions) -> Bench {
        let steering = Arc::new(Steering::default());
        steering.set(Shares {
            canary: 0.5,
            mirror: 0.0,
        });
        let clock = WallClock::new(Moment::now(), speed);
        let setting = setting(world);
        let backends = Backends::start(&setting, clock.clone(), Arc::clone(&steering), options);
        Bench {
            backends: backends.unwrap(),
            steering,
            clock,
        }
    }

    fn address(&self, version: Version) -> SocketAddr {
        self.backends.endpoints().address(version, 0)
    }

    fn canary(&self) -> Client {
        Client::open(self.address(Version::Canary)).unwrap()
    }

    fn stable(&self) -> Client {
        Client::open(self.address(Version::Stable)).unwrap()
    }

    /// Requests that the first canary has counted, by status.
    fn counted(&self, status: u16) -> u64 {
        let tally = &self.backends.tallies(Version::Canary)[0];
        let of_status = tally.read().into_iter();
        of_status
            .filter(|reading| reading.code == status)
            .map(|reading| reading.requests)
            .sum()
    }

    fn counted_in_all(&self) -> u64 {
        self.backends.tallies(Version::Canary)[0].requests(Version::Canary)
    }
}

/// A client that keeps its connection.
struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer as it was read.
#[derive(Debug, Clone)]
struct Seen {
    status: u16,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    /// Whether the body was as long as its head says.
    whole: bool,
}

impl Seen {
    fn header(&self, name: &str) -> Option<&str> {
        let mut found = self.headers.iter().filter(|(other, _)| other == name);
        let value = found.next().map(|(_, value)| value.as_str());
        assert!(found.next().is_none(), "{name} twice");
        value
    }
}

impl Client {
    fn open(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        // A test that waits for ever says nothing.
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        stream.set_nodelay(true)?;
        Ok(Client {
            stream: BufReader::new(stream),
        })
    }

    fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.get_mut().write_all(text.as_bytes())
    }

    fn ask(&mut self, path: &str, headers: &str) -> io::Result<()> {
        self.send(&format!(
            "GET {path} HTTP/1.1\r\nhost: test\r\n{headers}\r\n"
        ))
    }

    fn get(&mut self, path: &str, headers: &str) -> io::Result<Seen> {
        self.ask(path, headers)?;
        self.read(false)
    }

    /// The next answer; an error of kind `UnexpectedEof` when the connection has ended.
    fn read(&mut self, to_head: bool) -> io::Result<Seen> {
        let line = self.line()?;
        let status = line
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok());
        let mut headers = Vec::new();
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(": ") else {
                break;
            };
            headers.push((name.to_owned(), value.to_owned()));
        }
        let mut seen = Seen {
            status: status.unwrap(),
            headers,
            body: Vec::new(),
            whole: true,
        };
        let length: usize = seen.header("content-length").unwrap().parse().unwrap();
        while !to_head && seen.body.len() < length {
            let mut piece = vec![0; length - seen.body.len()];
            match self.stream.read(&mut piece) {
                Ok(0) => {
                    seen.whole = false;
                    break;
                }
                Ok(read) => seen.body.extend_from_slice(&piece[..read]),
                Err(error) => return Err(error),
            }
        }
        Ok(seen)
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }

    /// What comes until the connection ends, and how it ends: `None` when it is closed.
    fn rest(&mut self) -> (Vec<u8>, Option<io::ErrorKind>) {
        let mut rest = Vec::new();
        let ending = self.stream.read_to_end(&mut rest);
        (rest, ending.err().map(|error| error.kind()))
    }
}

/// Waits until something holds, for as long as a busy machine may take.
fn wait_for(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Moment::now();
    while !holds() {
        assert!(Moment::now().since(start) < Span::from_secs(20), "{what}");
        std::thread::park_timeout(Duration::from_millis(2));
    }
}

/// How many of `n` happen with chance `p`: within five standard deviations, which chance leaves once
/// in two million.
fn assert_binomial(what: &str, found: usize, n: usize, p: f64) {
    let mean = n as f64 * p;
    let bound = 5.0 * (mean * (1.0 - p)).sqrt().max(1e-9);
    assert!(
        (found as f64 - mean).abs() <= bound,
        "{what}: {found} of {n}, {mean} expected"
    );
}
