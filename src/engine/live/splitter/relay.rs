//! Bytes between a client and an instance, in both directions at once.
//!
//! Each part is a state machine that a request's task polls. A side is read only when what was read
//! before has been written to the other side, so a slow reader slows its sender down and no buffer
//! grows.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use crate::base::Span;
use crate::engine::live::alarm::{self, Alarm};
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, LONGEST_HEAD, Wire};

/// Notices that nothing has moved for too long. It costs nothing while things move.
#[derive(Debug)]
pub(super) struct Stall {
    limit: Span,
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub(super) fn new(limit: Span) -> Stall {
        Stall { limit, sleep: None }
    }

    /// Something has moved.
    #[inline]
    fn reset(&mut self) {
        self.sleep = None;
    }

    /// Whether nothing has moved for too long.
    fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let limit = Duration::from_nanos(self.limit.as_nanos());
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(sleep(limit)));
        sleep.as_mut().poll(context).is_ready()
    }
}

/// Until when an answer must have come.
#[derive(Debug)]
pub(super) struct Deadline<'a> {
    alarm: &'a Alarm,
    patience: Option<Span>,
    /// Not known before the request has been sent.
    at: Option<Moment>,
    sleep: Option<alarm::Sleep>,
}

impl<'a> Deadline<'a> {
    /// `patience` after `begun`; `None`: never.
    pub(super) fn new(
        alarm: &'a Alarm,
        patience: Option<Span>,
        begun: Option<Moment>,
    ) -> Deadline<'a> {
        Deadline {
            alarm,
            patience,
            at: patience
                .zip(begun)
                .map(|(patience, begun)| begun + patience),
            sleep: None,
        }
    }

    /// Time runs from now on, unless it runs already.
    fn start(&mut self) {
        if self.at.is_none()
            && let Some(patience) = self.patience
        {
            self.at = Some(Moment::now() + patience);
        }
    }

    #[inline]
    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> bool {
        let Some(at) = self.at else {
            return false;
        };
        let sleep = self.sleep.get_or_insert_with(|| self.alarm.at(at));
        Pin::new(sleep).poll(context).is_ready()
    }
}

/// Notices that a client has closed its connection while it should wait.
#[derive(Debug)]
pub(super) struct Watch {
    on: bool,
    /// Whether its last word may be the end of its requests, not of its interest.
    may_end: bool,
}

impl Watch {
    pub(super) fn new(may_end: bool) -> Watch {
        Watch { on: true, may_end }
    }

    /// Whether the client is gone. Requests that it sends ahead are read, up to a limit.
    #[inline]
    fn poll(&mut self, context: &mut Context<'_>, client: &mut Wire) -> bool {
        while self.on {
            if client.stream().poll_read_ready(context).is_pending() {
                return false;
            }
            if client.unread().len() >= LONGEST_HEAD {
                self.on = false;
                return false;
            }
            match client.try_fill() {
                Ok(0) => {
                    self.on = false;
                    return !self.may_end && client.unread().is_empty();
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return true,
            }
        }
        false
    }
}

/// The part of a request's body that is passed on as it comes.
#[derive(Debug)]
pub(super) struct Upload {
    body: Body,
    /// Bytes that have been read and belong to the body.
    pending: usize,
    state: Uploading,
    stall: Stall,
    /// Whether any of it has been passed on in this way.
    begun: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Uploading {
    Going,
    Done,
    /// The instance takes no more.
    Unwanted,
    /// The client went away.
    Gone,
    /// The client sends too slowly.
    Stalled,
    /// What came is no body.
    Malformed,
}

impl Upload {
    /// What is left of a body.
    pub(super) fn new(body: Body, limit: Span) -> Upload {
        let state = if body.is_complete() {
            Uploading::Done
        } else {
            Uploading::Going
        };
        Upload {
            body,
            pending: 0,
            state,
            stall: Stall::new(limit),
            begun: false,
        }
    }

    /// Whether nothing is left.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.state == Uploading::Done
    }

    /// Whether the request as it was read before can be sent once more.
    #[inline]
    pub(super) fn is_replayable(&self) -> bool {
        !self.begun
    }

    fn poll(&mut self, context: &mut Context<'_>, client: &mut Wire, upstream: &mut Wire) {
        self.begun = true;
        while self.state == Uploading::Going {
            let moved = if self.pending > 0 {
                let bytes = &client.unread()[..self.pending];
                upstream
                    .poll_write(context, bytes)
                    .map(|written| match written {
                        Ok(written) => {
                            client.consume(written);
                            self.pending -= written;
                            Uploading::Going
                        }
                        Err(_) => Uploading::Unwanted,
                    })
            } else if self.body.is_complete() {
                Poll::Ready(Uploading::Done)
            } else if client.unread().is_empty() {
                client.widen();
                client.poll_fill(context).map(|read| match read {
                    Ok(0) | Err(_) => Uploading::Gone,
                    Ok(_) => Uploading::Going,
                })
            } else {
                Poll::Ready(match self.body.take(client.unread()) {
                    Ok(taken) => {
                        self.pending = taken;
                        Uploading::Going
                    }
                    Err(_) => Uploading::Malformed,
                })
            };
            match moved {
                Poll::Ready(state) => {
                    self.state = state;
                    self.stall.reset();
                }
                Poll::Pending => {
                    if self.stall.poll(context) {
                        self.state = Uploading::Stalled;
                    }
                    return;
                }
            }
        }
    }
}

/// The way of a request to an instance, until something comes back.
#[derive(Debug)]
pub(super) struct Asking {
    written: usize,
    /// Whether writing failed: what comes back now is all that ever comes.
    failed: bool,
}

/// What came of asking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Heard {
    /// Bytes of an answer.
    Bytes,
    /// The connection was cut.
    Cut,
    /// It had been closed before the request reached it.
    Stale,
    /// Nothing, for too long.
    Late,
    /// The client went away.
    Gone,
    /// The client sends its body too slowly.
    Stalled,
    /// What the client sends is no body.
    Malformed,
}

/// Both connections of a request, and what concerns both.
#[derive(Debug)]
pub(super) struct Ends<'a, 'd> {
    pub(super) client: &'a mut Wire,
    pub(super) upstream: &'a mut Wire,
    pub(super) upload: &'a mut Upload,
    pub(super) watch: &'a mut Watch,
    pub(super) deadline: &'a mut Deadline<'d>,
    /// How much of the client's output has been written.
    pub(super) sent: &'a mut usize,
}

impl Asking {
    pub(super) fn new() -> Asking {
        Asking {
            written: 0,
            failed: false,
        }
    }

    /// Sends `request` and what is left of the body, until bytes of an answer come.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        request: &[u8],
        ends: &mut Ends<'_, '_>,
    ) -> Poll<Heard> {
        while self.written < request.len() && !self.failed {
            let rest = &request[self.written..];
            match ends.upstream.poll_write(context, rest) {
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(_)) => self.failed = true,
                Poll::Pending => break,
            }
        }
        if self.written == request.len() {
            if ends.upload.state == Uploading::Going {
                ends.upload.poll(context, ends.client, ends.upstream);
            }
            match ends.upload.state {
                Uploading::Done => ends.deadline.start(),
                Uploading::Going => {}
                Uploading::Unwanted => self.failed = true,
                Uploading::Gone => return Poll::Ready(Heard::Gone),
                Uploading::Stalled => return Poll::Ready(Heard::Stalled),
                Uploading::Malformed => return Poll::Ready(Heard::Malformed),
            }
        }
        match ends.upstream.poll_fill(context) {
            Poll::Ready(Ok(read)) if read > 0 => return Poll::Ready(Heard::Bytes),
            Poll::Ready(end) => return Poll::Ready(self.end(end.is_ok(), ends)),
            Poll::Pending if self.failed => return Poll::Ready(self.end(false, ends)),
            Poll::Pending => {}
        }
        // Words that come before the answer.
        if !ends.client.output.is_empty()
            && let Poll::Ready(Err(_)) = ends.client.poll_flush(context, ends.sent)
        {
            return Poll::Ready(Heard::Gone);
        }
        if ends.upload.state == Uploading::Done && ends.watch.poll(context, ends.client) {
            return Poll::Ready(Heard::Gone);
        }
        if ends.deadline.poll(context) {
            return Poll::Ready(Heard::Late);
        }
        Poll::Pending
    }

    /// The connection has ended without an answer. When the instance had closed it before the
    /// request came, writing failed at once, or the kernel has noted that what was written met a
    /// closed connection: then nobody has read the request. An end that answers a request is not
    /// that.
    fn end(&self, orderly: bool, ends: &Ends<'_, '_>) -> Heard {
        let nothing = ends.upstream.unread().is_empty() && ends.upload.is_replayable();
        let unread = (self.failed && self.written == 0)
            || (orderly && matches!(ends.upstream.stream().take_error(), Ok(Some(_))));
        if nothing && unread {
            Heard::Stale
        } else {
            Heard::Cut
        }
    }
}

/// The way of an answer to the client, once its head and what came with it lie in the client's
/// output.
#[derive(Debug)]
pub(super) struct Delivery {
    pub(super) body: Body,
    /// Whether the body is passed on without its chunks.
    dechunk: bool,
    /// Bytes that have been read and belong to the body.
    pending: usize,
    stall: Stall,
}

/// What came of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Delivered {
    /// All of it has been written.
    Whole,
    /// The instance cut it off.
    Cut,
    /// It took too long.
    Late,
    /// The client went away.
    Gone,
}

impl Delivery {
    pub(super) fn new(body: Body, dechunk: bool, limit: Span) -> Delivery {
        Delivery {
            body,
            dechunk,
            pending: 0,
            stall: Stall::new(limit),
        }
    }

    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        ends: &mut Ends<'_, '_>,
    ) -> Poll<Delivered> {
        if ends.upload.state == Uploading::Going {
            ends.upload.poll(context, ends.client, ends.upstream);
        }
        loop {
            let moved = if !ends.client.output.is_empty() {
                (ends.client.poll_flush(context, ends.sent)).map_err(|_| Delivered::Gone)
            } else if self.pending > 0 {
                let bytes = &ends.upstream.unread()[..self.pending];
                (ends.client.poll_write(context, bytes)).map(|written| {
                    let written = written.map_err(|_| Delivered::Gone)?;
                    ends.upstream.consume(written);
                    self.pending -= written;
                    Ok(())
                })
            } else if self.body.is_complete() {
                return Poll::Ready(Delivered::Whole);
            } else if ends.upstream.unread().is_empty() {
                ends.upstream.widen();
                (ends.upstream.poll_fill(context)).map(|read| match read {
                    Ok(0) if self.body.ends_with_connection() => Err(Delivered::Whole),
                    Ok(0) | Err(_) => Err(Delivered::Cut),
                    Ok(_) => Ok(()),
                })
            } else {
                Poll::Ready(self.take(ends.client, ends.upstream))
            };
            match moved {
                Poll::Ready(Ok(())) => self.stall.reset(),
                Poll::Ready(Err(end)) => return Poll::Ready(end),
                Poll::Pending => break,
            }
        }
        if ends.upload.state != Uploading::Going && ends.watch.poll(context, ends.client) {
            return Poll::Ready(Delivered::Gone);
        }
        if ends.deadline.poll(context) {
            return Poll::Ready(Delivered::Late);
        }
        if self.stall.poll(context) {
            let waits_for_client = self.pending > 0 || !ends.client.output.is_empty();
            return Poll::Ready(if waits_for_client {
                Delivered::Gone
            } else {
                Delivered::Cut
            });
        }
        Poll::Pending
    }

    /// Finds out how much of what was read is the body's.
    fn take(&mut self, client: &mut Wire, upstream: &mut Wire) -> Result<(), Delivered> {
        if self.dechunk {
            take_content(&mut self.body, client, upstream)
        } else {
            let taken = self.body.take(upstream.unread());
            self.pending = taken.map_err(|_| Delivered::Cut)?;
            Ok(())
        }
    }

    /// Puts what was read of the body after its head, so that one call writes both.
    pub(super) fn begin(
        &mut self,
        client: &mut Wire,
        upstream: &mut Wire,
    ) -> Result<(), Delivered> {
        if self.dechunk {
            return take_content(&mut self.body, client, upstream);
        }
        let taken = (self.body.take(upstream.unread())).map_err(|_| Delivered::Cut)?;
        client.output.extend_from_slice(&upstream.unread()[..taken]);
        upstream.consume(taken);
        Ok(())
    }
}

fn take_content(body: &mut Body, client: &mut Wire, upstream: &mut Wire) -> Result<(), Delivered> {
    let output = &mut client.output;
    let taken = body.read(upstream.unread(), |part| output.extend_from_slice(part));
    upstream.consume(taken.map_err(|_| Delivered::Cut)?);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};

    use tokio::runtime::{Builder, LocalOptions};

    use super::*;
    use crate::engine::live::http::Framing;

    const REQUEST: &[u8] = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n";

    /// Sends a request to an instance that does something before it comes and after.
    fn heard(before: impl FnOnce(&mut TcpStream) -> bool, after: impl FnOnce(TcpStream)) -> Heard {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        runtime.block_on(async {
            let mut client = Wire::connect(address).await.unwrap();
            let _client = listener.accept().unwrap();
            let mut upstream = Wire::connect(address).await.unwrap();
            let (mut server, _) = listener.accept().unwrap();
            let alarm = Alarm::new().unwrap();
            let mut upload = Upload::new(Body::new(Framing::Empty), Span::from_secs(1));
            let (mut watch, mut sent) = (Watch::new(false), 0);
            let mut deadline = Deadline::new(&alarm, None, None);
            let mut asking = Asking::new();
            let mut ends = Ends {
                client: &mut client,
                upstream: &mut upstream,
                upload: &mut upload,
                watch: &mut watch,
                deadline: &mut deadline,
                sent: &mut sent,
            };
            // The runtime does not learn of this before the request is on its way.
            let mut server = before(&mut server).then_some(server);
            let mut after = Some(after);
            poll_fn(|context| {
                let polled = asking.poll(context, REQUEST, &mut ends);
                if let (Some(server), Some(after)) = (server.take(), after.take()) {
                    after(server);
                    context.waker().wake_by_ref();
                }
                polled
            })
            .await
        })
    }

    fn tear_down(stream: &TcpStream) {
        let at_once = Some(Duration::ZERO);
        rustix::net::sockopt::set_socket_linger(stream, at_once).unwrap();
    }

    #[test]
    fn a_request_that_met_a_closed_connection_is_told_from_one_that_was_cut_off() {
        let nothing = |_| {};
        let read = |mut server: TcpStream| {
            let mut request = vec![0; REQUEST.len()];
            server.read_exact(&mut request).unwrap();
            server
        };
        // Closed before, in an orderly way and not.
        assert_eq!(heard(|_| false, nothing), Heard::Stale);
        let torn = |server: &mut TcpStream| {
            tear_down(server);
            false
        };
        assert_eq!(heard(torn, nothing), Heard::Stale);
        // Closed after it was read.
        let stays = |_: &mut TcpStream| true;
        assert_eq!(heard(stays, |server| drop(read(server))), Heard::Cut);
        let torn = |server| tear_down(&read(server));
        assert_eq!(heard(stays, torn), Heard::Cut);
        // Closed after it came, whoever did or did not read it.
        assert_eq!(heard(stays, drop), Heard::Cut);
        let answers = |server| {
            read(server).write_all(b"HTTP").unwrap();
        };
        assert_eq!(heard(stays, answers), Heard::Bytes);
    }
}
