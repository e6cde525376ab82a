//! Answers every request with the same 64 bytes, at once or after a while.

use std::collections::VecDeque;
use std::fs;
use std::io::{self, Read};
use std::net::TcpListener;
use std::path::PathBuf;

use coalmine::base::Span;
use coalmine::engine::live::clock::Moment;

use crate::sockets::{Connection, Poller, Slab, listener, request_end};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to listen, on loopback.
    #[arg(long)]
    port: u16,
    /// How many connections may wait to be accepted.
    #[arg(long, default_value_t = 4096)]
    backlog: i32,
    /// What the body begins with.
    #[arg(long, default_value = "stable")]
    name: String,
    /// How long an answer takes.
    #[arg(long, default_value_t = 0)]
    delay_ms: u64,
    /// Where to write all arrivals at the end: nanoseconds on the monotonic clock, 64 bits each,
    /// the lowest byte first.
    #[arg(long)]
    log: Option<PathBuf>,
}

/// What a server has seen.
pub struct Served {
    pub requests: u64,
    pub arrivals: Vec<u64>,
}

const LISTENER: usize = 0;
const INPUT: usize = 1;
const FIRST: usize = 2;

struct Client {
    connection: Connection,
    /// Tells it from others in the same place before and after.
    serial: u64,
}

struct Server {
    poller: Poller,
    listener: TcpListener,
    clients: Slab<Client>,
    opened: u64,
    answer: Vec<u8>,
    delay: Span,
    /// Answers that are due later: when, and whose.
    waiting: VecDeque<(Moment, usize, u64)>,
    stamps: bool,
    served: Served,
}

/// Serves until standard input ends.
pub fn serve(arguments: &Arguments, stamps: bool) -> io::Result<Served> {
    let mut body = format!("{:<63}", arguments.name);
    body.truncate(63);
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: 64\r\n\r\n{body}\n");
    let poller = Poller::new()?;
    let listener = listener(arguments.port, arguments.backlog)?;
    poller.add(&listener, LISTENER)?;
    poller.add(io::stdin(), INPUT)?;
    let mut server = Server {
        poller,
        listener,
        clients: Slab::new(),
        opened: 0,
        answer: answer.into_bytes(),
        delay: Span::from_millis(arguments.delay_ms),
        waiting: VecDeque::new(),
        stamps,
        served: Served {
            requests: 0,
            arrivals: Vec::new(),
        },
    };
    while server.turn()? {}
    if let Some(path) = &arguments.log {
        let arrivals = server.served.arrivals.iter();
        let bytes: Vec<u8> = arrivals.flat_map(|nanos| nanos.to_le_bytes()).collect();
        fs::write(path, bytes)?;
    }
    Ok(server.served)
}

impl Server {
    /// Does what is to be done now; false at the end.
    fn turn(&mut self) -> io::Result<bool> {
        let due = self.waiting.front().map(|(due, _, _)| *due);
        let wait = due.map(|due| due.since(Moment::now()).as_nanos());
        for index in 0..self.poller.wait(wait)? {
            match self.poller.token(index) {
                LISTENER => self.accept()?,
                INPUT => {
                    if io::stdin().read(&mut [0; 64])? == 0 {
                        return Ok(false);
                    }
                }
                token => {
                    if !self.read(token - FIRST) {
                        self.clients.remove(token - FIRST);
                    }
                }
            }
        }
        self.answer_waiting();
        Ok(true)
    }

    fn accept(&mut self) -> io::Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            self.opened += 1;
            let client = Client {
                connection: Connection::new(stream)?,
                serial: self.opened,
            };
            let place = self.clients.insert(client);
            if let Some(client) = self.clients.get(place) {
                self.poller.add(&client.connection.stream, FIRST + place)?;
            }
        }
        Ok(())
    }

    /// Reads and answers; false when the connection is over.
    fn read(&mut self, place: usize) -> bool {
        let Some(Client { connection, serial }) = self.clients.get(place) else {
            return true;
        };
        if !connection.fill() {
            return false;
        }
        while let Some(end) = request_end(connection.unread()) {
            connection.consume(end);
            self.served.requests += 1;
            if self.stamps {
                self.served.arrivals.push(Moment::now().as_nanos());
            }
            if self.delay > Span::ZERO {
                let due = Moment::now() + self.delay;
                self.waiting.push_back((due, place, *serial));
            } else if !connection.write(&self.answer) {
                return false;
            }
        }
        true
    }

    fn answer_waiting(&mut self) {
        while let Some((due, place, serial)) = self.waiting.front().copied() {
            if due > Moment::now() {
                return;
            }
            self.waiting.pop_front();
            let client = self.clients.get(place);
            if let Some(client) = client.filter(|client| client.serial == serial) {
                client.connection.write(&self.answer);
            }
        }
    }
}
