//! A client that keeps its connection and counts what it loses.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) version: String,
    /// What the answer sets as cookies.
    pub(crate) cookies: Vec<String>,
}

/// A client with one connection at a time.
#[derive(Debug)]
pub(crate) struct Client {
    address: SocketAddr,
    connection: Option<BufReader<TcpStream>>,
    pub(crate) sent: u64,
    pub(crate) answered: u64,
    /// Answers by version and status.
    pub(crate) answers: BTreeMap<(String, u16), u64>,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Client {
        Client {
            address,
            connection: None,
            sent: 0,
            answered: 0,
            answers: BTreeMap::new(),
        }
    }

    /// Sends a request and reads its answer; `None` when it was lost. Headers are whole lines.
    pub(crate) fn ask(&mut self, headers: &str) -> Option<Answer> {
        // A connection that the proxy has closed since the last answer is no loss.
        let mut connection = match self.connection.take().filter(is_open) {
            Some(connection) => connection,
            None => connect(self.address)?,
        };
        self.sent += 1;
        let text = format!("GET / HTTP/1.1\r\nhost: test\r\n{headers}\r\n");
        connection.get_mut().write_all(text.as_bytes()).ok()?;
        let (answer, stays) = read(&mut connection)?;
        if stays {
            self.connection = Some(connection);
        }
        self.answered += 1;
        let kind = (answer.version.clone(), answer.status);
        *self.answers.entry(kind).or_default() += 1;
        Some(answer)
    }

    /// Sends so many requests, none of which may be lost.
    pub(crate) fn ask_often(&mut self, times: u64) {
        for _ in 0..times {
            self.ask("").unwrap();
        }
    }

    /// Answers of a version, with any status.
    pub(crate) fn of(&self, version: &str) -> u64 {
        let of_version = self.answers.iter().filter(|((name, _), _)| name == version);
        of_version.map(|(_, count)| count).sum()
    }

    /// Requests without an answer.
    pub(crate) fn lost(&self) -> u64 {
        self.sent - self.answered
    }
}

fn connect(address: SocketAddr) -> Option<BufReader<TcpStream>> {
    let stream = TcpStream::connect(address).ok()?;
    stream.set_nodelay(true).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    Some(BufReader::new(stream))
}

fn is_open(connection: &BufReader<TcpStream>) -> bool {
    let stream = connection.get_ref();
    stream.set_nonblocking(true).unwrap();
    let peeked = stream.peek(&mut [0]);
    stream.set_nonblocking(false).unwrap();
    peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
}

/// An answer, and whether its connection stays.
fn read(connection: &mut BufReader<TcpStream>) -> Option<(Answer, bool)> {
    let mut line = String::new();
    connection.read_line(&mut line).ok()?;
    let mut answer = Answer {
        status: line.split(' ').nth(1)?.parse().ok()?,
        version: String::new(),
        cookies: Vec::new(),
    };
    let (mut length, mut stays, mut chunked) = (None, true, false);
    loop {
        line.clear();
        connection.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = Some(value.parse().ok()?),
            "connection" => stays = !value.eq_ignore_ascii_case("close"),
            "transfer-encoding" => chunked = true,
            "x-version" => value.clone_into(&mut answer.version),
            "set-cookie" => answer.cookies.push(value.to_owned()),
            _ => {}
        }
    }
    assert!(!chunked, "backends and proxies give lengths here");
    match length {
        Some(length) => connection.read_exact(&mut vec![0; length]).ok()?,
        // Its end is the connection's.
        None => {
            connection.read_to_end(&mut Vec::new()).ok()?;
            stays = false;
        }
    }
    Some((answer, stays))
}

/// Clients side by side, each on its own connection and with a short pause between requests, until
/// `stop` is set.
pub(crate) fn crowd(address: SocketAddr, clients: usize, stop: &AtomicBool) -> Vec<Client> {
    std::thread::scope(|scope| {
        let one = || {
            let mut client = Client::new(address);
            while !stop.load(Ordering::SeqCst) {
                client.ask("");
                std::thread::park_timeout(Duration::from_millis(2));
            }
            client
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}

/// Clients side by side that send `requests` altogether, as fast as they can.
pub(crate) fn crowd_of(address: SocketAddr, clients: u64, requests: u64) -> Vec<Client> {
    std::thread::scope(|scope| {
        let one = || {
            let mut client = Client::new(address);
            client.ask_often(requests / clients);
            client
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    })
}
