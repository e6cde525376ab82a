//! Sends each request to one of two servers by lot, and the answer back: the least that a splitter
//! can do.

use std::io::{self, Read};
use std::net::TcpListener;

use rand::{RngExt, SeedableRng};
use rand_xoshiro::Xoshiro256PlusPlus;

use crate::sockets::{Connection, Poller, Slab, answer, listener, request_end};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen, on loopback.
    #[arg(long)]
    port: u16,
    /// The port of the stable server, on loopback.
    #[arg(long)]
    stable: u16,
    /// The port of the canary, on loopback.
    #[arg(long)]
    canary: u16,
    /// Percent of requests that the canary gets.
    #[arg(long, default_value_t = 5.0)]
    weight: f64,
}

const LISTENER: usize = 0;
const INPUT: usize = 1;
const FIRST: usize = 2;

struct Client {
    connection: Connection,
    /// The upstream that works for it.
    upstream: Option<usize>,
}

struct Upstream {
    connection: Connection,
    version: usize,
    client: Option<usize>,
}

struct Proxy {
    poller: Poller,
    listener: TcpListener,
    ports: [u16; 2],
    share: f64,
    random: Xoshiro256PlusPlus,
    clients: Slab<Client>,
    upstreams: Slab<Upstream>,
    /// Upstreams that wait for work, by version.
    idle: [Vec<usize>; 2],
    requests: u64,
}

/// Serves until standard input ends.
pub fn serve(arguments: &Arguments) -> io::Result<String> {
    let poller = Poller::new()?;
    let listener = listener(arguments.port, 4096)?;
    poller.add(&listener, LISTENER)?;
    poller.add(io::stdin(), INPUT)?;
    let mut proxy = Proxy {
        poller,
        listener,
        ports: [arguments.stable, arguments.canary],
        share: arguments.weight / 100.0,
        random: Xoshiro256PlusPlus::seed_from_u64(1),
        clients: Slab::new(),
        upstreams: Slab::new(),
        idle: [Vec::new(), Vec::new()],
        requests: 0,
    };
    while proxy.turn()? {}
    Ok(format!("{{\"requests\":{}}}", proxy.requests))
}

impl Proxy {
    /// Does what is to be done now; false at the end.
    fn turn(&mut self) -> io::Result<bool> {
        for index in 0..self.poller.wait(None)? {
            match self.poller.token(index) {
                LISTENER => self.accept()?,
                INPUT => {
                    if io::stdin().read(&mut [0; 64])? == 0 {
                        return Ok(false);
                    }
                }
                // Even: a client; odd: an upstream.
                token if token % 2 == 0 => self.read_client((token - FIRST) / 2)?,
                token => self.read_upstream((token - FIRST) / 2),
            }
        }
        Ok(true)
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            let place = self.clients.insert(Client {
                connection: Connection::new(stream)?,
                upstream: None,
            });
            if let Some(client) = self.clients.get(place) {
                let stream = &client.connection.stream;
                self.poller.add(stream, FIRST + 2 * place)?;
            }
        }
        Ok(())
    }

    fn read_client(&mut self, place: usize) -> io::Result<()> {
        let Some(client) = self.clients.get(place) else {
            return Ok(());
        };
        if !client.connection.fill() {
            self.close(place);
            return Ok(());
        }
        let Some(end) = request_end(client.connection.unread()) else {
            return Ok(());
        };
        let version = usize::from(self.random.random::<f64>() < self.share);
        let work = match self.idle[version].pop() {
            Some(upstream) => upstream,
            None => self.open(version)?,
        };
        let (Some(client), Some(upstream)) = (self.clients.get(place), self.upstreams.get(work))
        else {
            return Ok(());
        };
        self.requests += 1;
        client.upstream = Some(work);
        upstream.client = Some(place);
        let written = upstream
            .connection
            .write(&client.connection.unread()[..end]);
        client.connection.consume(end);
        if !written {
            self.close(place);
        }
        Ok(())
    }

    fn open(&mut self, version: usize) -> io::Result<usize> {
        let place = self.upstreams.insert(Upstream {
            connection: Connection::open(self.ports[version])?,
            version,
            client: None,
        });
        if let Some(upstream) = self.upstreams.get(place) {
            let stream = &upstream.connection.stream;
            self.poller.add(stream, FIRST + 2 * place + 1)?;
        }
        Ok(place)
    }

    fn read_upstream(&mut self, place: usize) {
        let Some(upstream) = self.upstreams.get(place) else {
            return;
        };
        if !upstream.connection.fill() {
            let (version, client) = (upstream.version, upstream.client);
            self.idle[version].retain(|idle| *idle != place);
            self.upstreams.remove(place);
            if let Some(client) = client {
                self.clients.remove(client);
            }
            return;
        }
        let Some(answer) = answer(upstream.connection.unread()) else {
            return;
        };
        let client = upstream.client.take();
        if let Some(client) = client.and_then(|client| self.clients.get(client)) {
            client.upstream = None;
            let bytes = &upstream.connection.unread()[..answer.length];
            client.connection.write(bytes);
        }
        upstream.connection.consume(answer.length);
        self.idle[upstream.version].push(place);
    }

    /// Lets a client go, and the upstream with it that still works for it.
    fn close(&mut self, place: usize) {
        let client = self.clients.remove(place);
        if let Some(upstream) = client.and_then(|client| client.upstream) {
            self.upstreams.remove(upstream);
        }
    }
}
