//! Asks one request after another, and notes which version answered.

use std::io;

use crate::sockets::{Connection, Poller, answer};

#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Where to ask, on loopback.
    #[arg(long)]
    port: u16,
    /// How many requests.
    #[arg(long, default_value_t = 10_000)]
    requests: usize,
}

/// One letter for each request: the first of the answer's body, or `!` where there was no answer of
/// status 200.
pub fn ask(arguments: &Arguments) -> io::Result<String> {
    let request = b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut told = String::with_capacity(arguments.requests);
    let mut connection = None;
    while told.len() < arguments.requests {
        let mut open = match connection.take() {
            Some(open) => open,
            None => Open::new(arguments.port)?,
        };
        let answered = open.ask(request);
        told.push(match answered {
            Some((200, version, _)) => char::from(version),
            _ => '!',
        });
        if matches!(answered, Some((_, _, false))) {
            connection = Some(open);
        }
    }
    Ok(told)
}

struct Open {
    connection: Connection,
    poller: Poller,
}

impl Open {
    fn new(port: u16) -> io::Result<Open> {
        let connection = Connection::open(port)?;
        let poller = Poller::new()?;
        poller.add(&connection.stream, 0)?;
        Ok(Open { connection, poller })
    }

    /// Status, version and whether the server closes; nothing when it hung up or took five seconds.
    fn ask(&mut self, request: &[u8]) -> Option<(u16, u8, bool)> {
        if !self.connection.write(request) {
            return None;
        }
        loop {
            if self.poller.wait(Some(5_000_000_000)).ok()? == 0 || !self.connection.fill() {
                return None;
            }
            if let Some(answer) = answer(self.connection.unread()) {
                self.connection.consume(answer.length);
                return Some((answer.status, answer.version, answer.closes));
            }
        }
    }
}
