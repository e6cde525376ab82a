//! Asking an HTTP server for something small: a page of metrics, an answer of a Prometheus, a fault.
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
    /// What it bears as `authorization`.
    token: Option<String>,
    wire: Option<Wire>,
}

impl Client {
    /// A client that is not connected yet.
    pub fn new(address: SocketAddr) -> Client {
        Client {
            address,
            token: None,
            wire: None,
        }
    }

    /// The same with a token, which it sends with every request.
    pub fn bearing(self, token: Option<String>) -> Client {
        Client { token, ..self }
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
        self.call("GET", target, None, within, longest).await
    }

    /// Does the same with another method, and may send something as JSON.
    ///
    /// # Errors
    /// As [`Client::get`]. A request on a connection that had been closed is sent again, so that it may
    /// arrive twice.
    pub async fn call(
        &mut self,
        method: &str,
        target: &str,
        json: Option<&str>,
        within: Span,
        longest: usize,
    ) -> Result<Fetched, FetchError> {
        let host = self.address;
        let mut request = format!(
            "{method} {target} HTTP/1.1\r\nhost: {host}\r\nuser-agent: coalmine\r\naccept: */*\r\n"
        );
        if let Some(token) = &self.token {
            request.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        if let Some(json) = json {
            let length = json.len();
            request.push_str(&format!(
                "content-type: application/json\r\ncontent-length: {length}\r\n"
            ));
        }
        request.push_str("\r\n");
        request.push_str(json.unwrap_or_default());
        let asked = self.ask(&request, longest);
        let limit = Duration::from_nanos(within.as_nanos());
        let fetched = tokio::time::timeout(limit, asked).await;
        fetched.unwrap_or(Err(FetchError::Late(within)))
    }

    async fn ask(&mut self, request: &str, longest: usize) -> Result<Fetched, FetchError> {
        if let Some(wire) = self.wire.take() {
            // The server may have closed it since; that says nothing about the server.
            match self.exchange(wire, request, longest).await {
                Err(FetchError::Broken(_)) => {}
                done => return done,
            }
        }
        let wire = Wire::connect(self.address).await;
        let wire = wire.map_err(FetchError::Unreachable)?;
        self.exchange(wire, request, longest).await
    }

    /// One request and its answer; keeps the connection where another may follow.
    async fn exchange(
        &mut self,
        mut wire: Wire,
        request: &str,
        longest: usize,
    ) -> Result<Fetched, FetchError> {
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

#[cfg(test)]
pub(in crate::engine::live) mod stub;
