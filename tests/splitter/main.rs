//! The splitter between real sockets: tiny servers that do as they are told on one side, clients that
//! write what they like on the other. Bounds of statistical tests are stated with them; seeds are
//! fixed.

mod affinity;
mod bodies;
mod connections;
mod heads;
mod malformed;
mod mesh;
mod metrics;
mod server;
mod splits;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use coalmine::base::{Probability, Rate, Seed, Span};
use coalmine::engine::live::Setting;
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::splitter::{Counts, Exposition, Splitter, SplitterOptions};
use coalmine::engine::live::steering::{Shares, Steering};
use coalmine::model::World;
use coalmine::model::service::{Latency, Service};
use coalmine::model::traffic::{Population, Profile, Traffic};
use coalmine::telemetry::{Birth, Buckets, Plan, Sampling, Version};
use server::Server;

/// A plain world: one route, nothing wrong, a random split.
fn setting() -> Setting {
    let traffic = Traffic::plain(
        Profile::Constant(Rate::per_second(1.0).unwrap()),
        Population::zipf(10, 0.0),
    );
    let service = Service::plain(
        Latency::fixed(Span::from_millis(1)).unwrap(),
        Probability::ZERO,
    );
    Setting {
        world: World::plain(traffic, service),
        telemetry: Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        seed: Seed(20_260_101),
        replicate: 3,
    }
}

/// A splitter under test and what steers it.
struct Site {
    splitter: Splitter,
    steering: Arc<Steering>,
    endpoints: Arc<Endpoints>,
}

impl Site {
    fn start(setting: &Setting, servers: [&[&Server]; 3]) -> Site {
        Site::start_with(setting, servers, &SplitterOptions::default(), 1.0)
    }

    fn start_with(
        setting: &Setting,
        servers: [&[&Server]; 3],
        options: &SplitterOptions,
        speed: f64,
    ) -> Site {
        let addresses = |servers: &[&Server]| servers.iter().map(|server| server.address).collect();
        Site::among(setting, servers.map(addresses), options, speed)
    }

    fn among(
        setting: &Setting,
        addresses: [Vec<SocketAddr>; 3],
        options: &SplitterOptions,
        speed: f64,
    ) -> Site {
        let endpoints = Arc::new(Endpoints::new(addresses));
        let steering = Arc::new(Steering::default());
        let splitter = Splitter::start(
            setting,
            &WallClock::new(Moment::now(), speed),
            &endpoints,
            &steering,
            options,
            Exposition::default(),
        )
        .unwrap();
        Site {
            splitter,
            steering,
            endpoints,
        }
    }

    /// Orders a share for the canary.
    fn canary(&self, share: f32) {
        self.steering.set(Shares {
            canary: share,
            mirror: 0.0,
        });
    }

    fn client(&self) -> Client {
        Client::connect(self.splitter.address())
    }

    /// Waits until what has been answered has been counted. Its client may read an answer before the
    /// worker goes on to count it; a scrape comes after that, because the same thread answers it.
    fn settle(&self) {
        if let Ok(stream) = TcpStream::connect(self.splitter.metrics()) {
            let mut scraper = Client::over(stream);
            scraper.send("GET /metrics HTTP/1.1\r\nhost: test\r\n\r\n");
            assert_eq!(scraper.answer().status, 200);
        }
    }

    fn counts(&self) -> Counts {
        self.settle();
        self.splitter.counts()
    }

    /// Requests counted so far of a version and with a status, of all versions or statuses where
    /// none is given.
    fn counted(&self, version: Option<Version>, code: Option<u16>) -> u64 {
        self.settle();
        (self.splitter.readings().iter())
            .filter(|reading| version.is_none_or(|version| version == reading.version))
            .filter(|reading| code.is_none_or(|code| code == reading.code))
            .map(|reading| reading.requests)
            .sum()
    }

    /// Waits until something that follows from what was done has come about.
    fn until(&self, what: &str, holds: impl Fn(&Site) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            pause(5);
        }
        panic!("{what} has not come about: {:?}", self.splitter.counts());
    }
}

/// Gives other threads time.
fn pause(millis: u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "servers and clients of these tests are slow on purpose"
    )]
    std::thread::sleep(Duration::from_millis(millis));
}

/// A client that writes what it is told.
struct Client {
    stream: BufReader<TcpStream>,
}

/// An answer as a client gets it.
#[derive(Debug, Clone)]
struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        Client::over(TcpStream::connect(address).unwrap())
    }

    fn over(stream: TcpStream) -> Client {
        stream.set_nodelay(true).unwrap();
        // A test that waits for ever says nothing.
        stream
            .set_read_timeout(Some(Duration::from_secs(30)))
            .unwrap();
        Client {
            stream: BufReader::new(stream),
        }
    }

    fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(bytes.as_ref()).unwrap();
    }

    fn get(&mut self, headers: &str) -> Answer {
        self.send(format!("GET / HTTP/1.1\r\nhost: test\r\n{headers}\r\n"));
        self.answer()
    }

    /// A request of a user, on whatever version.
    fn ask(&mut self, user: u32) -> Answer {
        self.get(&format!("x-user: {user}\r\n"))
    }

    fn answer(&mut self) -> Answer {
        self.answer_to(false)
    }

    fn answer_to(&mut self, to_head: bool) -> Answer {
        let head = self.head().expect("an answer");
        let status = head[9..12].parse().unwrap();
        let body = if to_head || status < 200 || status == 204 || status == 304 {
            Vec::new()
        } else {
            server::read_body(&head, &mut self.stream, true).expect("a whole body")
        };
        Answer { status, head, body }
    }

    /// The head of an answer, `None` where the connection has ended.
    fn head(&mut self) -> Option<String> {
        server::read_head(&mut self.stream)
    }

    /// Whether the other side has closed the connection and sent nothing before.
    fn is_closed(&mut self) -> bool {
        matches!(self.stream.fill_buf(), Ok([]) | Err(_))
    }

    /// All that still comes.
    fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        // A connection that is torn down ends too.
        let _ = self.stream.read_to_end(&mut rest);
        rest
    }

    fn say_no_more(&mut self) {
        self.stream.get_ref().shutdown(Shutdown::Write).unwrap();
    }
}

impl Answer {
    fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }

    fn version(&self) -> &str {
        self.header("x-version").unwrap_or("none")
    }
}

/// The value of a header in a head.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    head.lines().find_map(|line| {
        let (found, value) = line.split_once(':')?;
        found.eq_ignore_ascii_case(name).then_some(value.trim())
    })
}
