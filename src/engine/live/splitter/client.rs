//! A client's connection: one request after another, until either side has had enough.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::task::yield_now;
use tokio::time::timeout;

use super::forward::{self, Ask};
use super::relay::Upload;
use super::worker::{Seat, Worker};
use crate::base::Span;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{
    Body, Framing, LONGEST_HEAD, Refusal, RequestHead, Wire, WireError, space,
};
use crate::model::split::Memory;

/// A client's connection.
#[derive(Debug)]
pub(super) struct Client {
    pub(super) worker: Rc<Worker>,
    pub(super) wire: Wire,
    seat: Seat,
    /// Its address, as the instances are told.
    peer: Vec<u8>,
    /// The request under way as it is sent to an instance: its head, and a small body.
    pub(super) outgoing: Vec<u8>,
    /// How much of the wire's output has been written.
    pub(super) sent: usize,
    /// What was decided for this connection.
    pub(super) memory: Memory,
    /// Whether no request has come on it yet.
    pub(super) opens: bool,
}

/// What follows a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// The next one.
    Next,
    /// The end.
    Close,
    /// The end, once the client has read the answer; it may still be sending.
    Linger,
}

/// A body up to this size is read before the request is sent on: it can be sent again.
pub(super) const SMALL_BODY: u64 = 64 * 1024;
/// Bytes that are read of a client whose request was not taken, so that it can read why.
const MOST_LINGERING: usize = 4 * 1024 * 1024;
const LONGEST_LINGERING: Duration = Duration::from_secs(2);

impl Client {
    pub(super) fn new(worker: Rc<Worker>, stream: TcpStream, peer: SocketAddr) -> Client {
        Client {
            wire: Wire::new(stream),
            seat: worker.seat(),
            peer: peer.ip().to_canonical().to_string().into_bytes(),
            outgoing: Vec::new(),
            sent: 0,
            memory: Memory::default(),
            opens: true,
            worker,
        }
    }

    /// Answers requests until the connection ends.
    pub(super) async fn serve(mut self) {
        while let Some(arrived) = self.wait().await {
            let after = match self.read_head().await {
                Ok(Some(ask)) => self.exchange(&ask, arrived).await,
                Ok(None) => After::Close,
                Err(refusal) => self.refuse(refusal).await,
            };
            match after {
                After::Next => {}
                After::Close => break,
                After::Linger => {
                    self.linger().await;
                    break;
                }
            }
        }
    }

    /// Waits for the first bytes of a request; returns when they came, or `None` when none come any
    /// more.
    async fn wait(&mut self) -> Option<Moment> {
        if self.outgoing.capacity() > 8 * 1024 {
            self.outgoing = Vec::new();
        }
        self.outgoing.clear();
        if self.wire.unread().is_empty() {
            self.wire.rest();
            let (wire, seat, worker) = (&mut self.wire, &self.seat, &self.worker);
            let read = poll_fn(|context| {
                if worker.draining.get() {
                    return Poll::Ready(None);
                }
                let read = wire.poll_fill(context);
                if read.is_pending() {
                    seat.waits(context.waker());
                }
                read.map(Some)
            });
            let read = match read.await {
                Some(read) => read,
                None => {
                    // What has come is answered, once the runtime has seen it.
                    yield_now().await;
                    self.wire.try_fill()
                }
            };
            if !matches!(read, Ok(read) if read > 0) {
                return None;
            }
        }
        Some(Moment::now())
    }

    /// Reads the rest of a head; `None` when the client leaves before its end.
    async fn read_head(&mut self) -> Result<Option<Ask>, Refusal> {
        if let Some(ask) = self.take_head()? {
            return Ok(Some(ask));
        }
        // Whoever sends a head in pieces gets so much time for all of them.
        let limit = duration(self.worker.options.head_limit);
        timeout(limit, self.read_pieces())
            .await
            .unwrap_or(Err(Refusal {
                status: 408,
                reason: "the head of the request comes too slowly",
            }))
    }

    async fn read_pieces(&mut self) -> Result<Option<Ask>, Refusal> {
        loop {
            let before = self.wire.unread().len();
            if !matches!(self.wire.fill().await, Ok(read) if read > 0) {
                return Ok(None);
            }
            // A head ends with a line: without another one it cannot be complete.
            let unread = self.wire.unread();
            if (unread[before..].contains(&b'\n') || unread.len() >= LONGEST_HEAD)
                && let Some(ask) = self.take_head()?
            {
                return Ok(Some(ask));
            }
        }
    }

    /// Takes a head that is complete, and writes it as an instance gets it.
    fn take_head(&mut self) -> Result<Option<Ask>, Refusal> {
        let mut space = space();
        let Some(head) = RequestHead::parse(self.wire.unread(), &mut space)? else {
            return Ok(None);
        };
        if head.method == "CONNECT" {
            return Err(Refusal {
                status: 501,
                reason: "this is not a forward proxy",
            });
        }
        let ask = forward::request(&head, &self.worker.routes, &self.peer, &mut self.outgoing);
        let length = head.length;
        self.wire.consume(length);
        Ok(Some(ask))
    }

    /// Reads what has come of a body, and all of a small one, into the request as it is sent.
    pub(super) async fn collect(&mut self, ask: &Ask) -> Result<Upload, WireError> {
        let stall = self.worker.options.stall;
        let mut body = Body::new(ask.framing);
        if body.is_complete() {
            return Ok(Upload::new(body, stall));
        }
        self.take_body(&mut body)?;
        if ask.expects_continue && !body.is_complete() {
            self.wire
                .output
                .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.wire.flush().await?;
        }
        if matches!(ask.framing, Framing::Length(length) if length <= SMALL_BODY) {
            while !body.is_complete() {
                let read = timeout(duration(stall), self.wire.fill()).await;
                let read = read.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                match read {
                    Ok(0) => return Err(WireError::Cut),
                    Ok(_) => self.take_body(&mut body)?,
                    Err(error) if error.kind() == io::ErrorKind::TimedOut => {
                        return Err(WireError::Refused(Refusal {
                            status: 408,
                            reason: "the body of the request comes too slowly",
                        }));
                    }
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(Upload::new(body, stall))
    }

    fn take_body(&mut self, body: &mut Body) -> Result<(), WireError> {
        let unread = self.wire.unread();
        let taken = body.take(unread)?;
        self.outgoing.extend_from_slice(&unread[..taken]);
        self.wire.consume(taken);
        Ok(())
    }

    /// Says why a request is not taken.
    pub(super) async fn refuse(&mut self, refusal: Refusal) -> After {
        self.worker.counters.malformed.count();
        forward::own_answer(
            refusal.status,
            refusal.reason,
            false,
            None,
            &mut self.wire.output,
        );
        match self.flush().await {
            Ok(()) => After::Linger,
            Err(_) => After::Close,
        }
    }

    /// Writes the rest of the output, unless the client does not read it.
    pub(super) async fn flush(&mut self) -> io::Result<()> {
        let (wire, sent) = (&mut self.wire, &mut self.sent);
        let written = poll_fn(|context| wire.poll_flush(context, sent));
        timeout(duration(self.worker.options.stall), written)
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
    }

    /// Reads on for a while: a connection that is closed while bytes come in is torn down, and the
    /// answer with it.
    async fn linger(mut self) {
        let reading = async {
            // A client that is gone needs no farewell.
            let mut farewell = self.wire.shut_down().await;
            let mut read = 0;
            while farewell.is_ok() && read < MOST_LINGERING {
                let unread = self.wire.unread().len();
                self.wire.consume(unread);
                match self.wire.fill().await {
                    Ok(more) if more > 0 => read += more,
                    _ => farewell = Err(io::ErrorKind::NotConnected.into()),
                }
            }
        };
        // Whoever sends even longer does not wait for an answer.
        let _ = timeout(LONGEST_LINGERING, reading).await;
    }
}

pub(super) fn duration(span: Span) -> Duration {
    Duration::from_nanos(span.as_nanos())
}
