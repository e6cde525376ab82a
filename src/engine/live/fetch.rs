//! Asking an HTTP server for something small: a page of metrics, an answer of a Prometheus.
//!
//! The other side is not trusted: an answer has to come in time, to be HTTP and not to be too long.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use super::http::{Body, ResponseHead, Wire, WireError, space};
use crate::base::Span;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// Nobody answers there.
    #[error("no connection: {0}")]
    Unreachable(#[source] io::Error),
    /// The connection ended before the answer did.
    #[error("the connection broke: {0}")]
    Broken(#[source] io::Error),
    /// It did not come in time.
    #[error("no answer within {0}")]
    Late(Span),
    /// It was longer than is read.
    #[error("the answer is longer than {0} bytes")]
    TooLong(usize),
    /// It was not HTTP.
    #[error("the answer is not HTTP: {0}")]
    NotHttp(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// Its status.
    pub status: u16,
    /// Its content.
    pub body: Vec<u8>,
}

/// A server that is asked again and again, over one connection that is kept where it may be.
#[derive(Debug)]
pub struct Client {
    address: SocketAddr,
    wire: Option<Wire>,
}

impl Client {
    /// A client that is not connected yet.
    pub fn new(address: SocketAddr) -> Client {
        Client {
            address,
            wire: None,
        }
    }

    /// Whom it asks.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Asks for a path, with its query, and waits for the whole answer.
    ///
    /// # Errors
    /// When the answer does not come `within` that time, is longer than `longest` bytes, or is not
    /// HTTP.
    pub async fn get(
        &mut self,
        target: &str,
        within: Span,
        longest: usize,
    ) -> Result<Fetched, FetchError> {
        let asked = self.ask(target, longest);
        let limit = Duration::from_nanos(within.as_nanos());
        let fetched = tokio::time::timeout(limit, asked).await;
        fetched.unwrap_or(Err(FetchError::Late(within)))
    }

    async fn ask(&mut self, target: &str, longest: usize) -> Result<Fetched, FetchError> {
        if let Some(wire) = self.wire.take() {
            // The server may have closed it since; that says nothing about the server.
            match self.exchange(wire, target, longest).await {
                Err(FetchError::Broken(_)) => {}
                done => return done,
            }
        }
        let wire = Wire::connect(self.address).await;
        let wire = wire.map_err(FetchError::Unreachable)?;
        self.exchange(wire, target, longest).await
    }

    /// One request and its answer; keeps the connection where another may follow.
    async fn exchange(
        &mut self,
        mut wire: Wire,
        target: &str,
        longest: usize,
    ) -> Result<Fetched, FetchError> {
        let host = self.address;
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: {host}\r\nuser-agent: coalmine\r\naccept: */*\r\n\r\n"
        );
        wire.output.extend_from_slice(request.as_bytes());
        wire.flush().await.map_err(FetchError::Broken)?;
        let (status, mut body, keep_alive) = read_head(&mut wire).await?;
        let mut content = Vec::new();
        while !body.is_complete() {
            if wire.unread().is_empty() && wire.fill().await.map_err(FetchError::Broken)? == 0 {
                if body.ends_with_connection() {
                    break;
                }
                return Err(cut());
            }
            let used = body.read(wire.unread(), |bytes| content.extend_from_slice(bytes));
            let used = used.map_err(|error| FetchError::NotHttp(error.to_string()))?;
            wire.consume(used);
            if content.len() > longest {
                return Err(FetchError::TooLong(longest));
            }
        }
        if keep_alive {
            self.wire = Some(wire);
        }
        Ok(Fetched {
            status,
            body: content,
        })
    }
}

fn cut() -> FetchError {
    FetchError::Broken(io::Error::new(io::ErrorKind::UnexpectedEof, WireError::Cut))
}

/// Reads up to the head of the final answer.
async fn read_head(wire: &mut Wire) -> Result<(u16, Body, bool), FetchError> {
    loop {
        let mut space = space();
        let parsed = ResponseHead::parse(wire.unread(), &mut space, false)
            .map_err(|refusal| FetchError::NotHttp(refusal.to_string()))?;
        let Some(head) = parsed else {
            if wire.fill().await.map_err(FetchError::Broken)? == 0 {
                return Err(cut());
            }
            continue;
        };
        let (status, length) = (head.status, head.length);
        let (body, keep_alive) = (Body::new(head.framing), head.keep_alive);
        wire.consume(length);
        if status >= 200 {
            return Ok((status, body, keep_alive));
        }
    }
}
