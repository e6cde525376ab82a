//! One connection of an instance: requests are read, met with their fate, and answered.

use std::future::pending;
use std::io;
use std::rc::Rc;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;
use rustix::net::{Shutdown, shutdown};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::host::Host;
use super::instance::Instance;
use super::reply::{delivery, write_head, write_piece};
use super::request::{Request, Target};
use super::responder::{Answer, Due, Fate, Status};
use crate::base::Span;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, Framing, Refusal, Wire};
use crate::model::fault::ResetPhase;

/// Bytes of answers that are collected before they are written.
const FULL: usize = 64 * 1024;
/// Bytes of a refused request that are read so that its sender can read why.
const MERCY: usize = 1024 * 1024;

/// A connection, which ends as its instance does.
#[derive(Debug)]
struct Connection {
    wire: Wire,
    host: Rc<Host>,
    instance: Rc<Instance>,
    life: u64,
    /// Whether a request is under way.
    busy: bool,
}

/// Whether another request may follow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Request,
    End,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.set_busy(false);
        self.host.close();
        if !self.instance.is_alive(self.life) {
            self.linger_not();
        }
    }
}

/// Serves requests until the connection ends.
pub(super) async fn serve(host: Rc<Host>, instance: Rc<Instance>, stream: TcpStream) {
    host.open();
    let mut connection = Connection {
        wire: Wire::new(stream),
        life: instance.life(),
        host,
        instance,
        busy: false,
    };
    // A connection that fails has nobody to tell.
    let _ = connection.serve().await;
}

impl Connection {
    async fn serve(&mut self) -> io::Result<()> {
        loop {
            match Request::parse(self.wire.unread(), &self.host.routes) {
                Ok(Some(request)) => {
                    self.wire.consume(request.length);
                    self.set_busy(true);
                    if self.meet(&request).await? == Next::End {
                        return self.wire.flush().await;
                    }
                    if self.wire.output.len() >= FULL {
                        self.wire.flush().await?;
                    }
                }
                Ok(None) => {
                    // Answers to requests that came together go out together.
                    if !self.wire.output.is_empty() {
                        self.wire.flush().await?;
                    }
                    self.set_busy(false);
                    if self.wire.unread().is_empty() {
                        if self.wire.fill().await? == 0 {
                            return Ok(());
                        }
                    } else if !self.complete_head().await? {
                        return Ok(());
                    }
                }
                Err(refusal) => return self.refuse(refusal).await,
            }
        }
    }

    fn set_busy(&mut self, busy: bool) {
        if self.busy != busy {
            self.busy = busy;
            self.host.note_busy(busy);
        }
    }

    /// Reads on until a head is complete or too large; whether that happened in time.
    async fn complete_head(&mut self) -> io::Result<bool> {
        let patience = self.patience();
        let complete = async {
            loop {
                if self.wire.fill().await? == 0 {
                    return Ok(false);
                }
                match Request::parse(self.wire.unread(), &self.host.routes) {
                    Ok(None) => {}
                    _ => return Ok(true),
                }
            }
        };
        match timeout(patience, complete).await {
            Ok(done) => done,
            Err(_) => {
                let slow = Refusal {
                    status: 408,
                    reason: "the head takes too long",
                };
                self.refuse(slow).await?;
                Ok(false)
            }
        }
    }

    fn patience(&self) -> Duration {
        Duration::from_nanos(self.host.options.patience.as_nanos())
    }

    /// One request, from its head to its answer.
    async fn meet(&mut self, request: &Request) -> io::Result<Next> {
        if request.target != Target::Route {
            if !self.take_body(request).await? {
                return Ok(Next::End);
            }
            return Ok(self.answer_other(request));
        }
        let begun = Moment::now();
        let fate = self.host.meet(&self.instance, &request.ask, begun);
        if let Fate::Reset(ResetPhase::Connect) = fate {
            return Ok(self.reset());
        }
        if request.framing != Framing::Empty && !self.take_body(request).await? {
            return Ok(Next::End);
        }
        match fate {
            Fate::Answer(answer) => self.answer(request, answer, begun).await,
            Fate::Reset(_) => {
                // Answers before this one have been given.
                self.wire.flush().await?;
                Ok(self.reset())
            }
            Fate::Hang(until) => {
                self.wire.flush().await?;
                self.hang(until).await?;
                Ok(Next::End)
            }
            Fate::Down => self.end_with_instance().await,
        }
    }

    /// Reads a request's body and drops it; whether it came whole and in time.
    async fn take_body(&mut self, request: &Request) -> io::Result<bool> {
        if request.framing == Framing::Empty {
            return Ok(true);
        }
        if request.expects_continue && self.wire.unread().is_empty() {
            (self.wire.output).extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.wire.flush().await?;
        }
        let mut body = Body::new(request.framing);
        let read = self.wire.read_body(&mut body, |_| {});
        let patience = Duration::from_nanos(self.host.options.patience.as_nanos());
        Ok(matches!(timeout(patience, read).await, Ok(Ok(()))))
    }

    /// Waits for the moment of an answer, and gives it.
    async fn answer(
        &mut self,
        request: &Request,
        mut answer: Answer,
        begun: Moment,
    ) -> io::Result<Next> {
        match std::mem::replace(&mut answer.due, Due::Now) {
            Due::Now => {}
            Due::At(moment) => {
                self.flush_early().await?;
                self.host.alarm.at(moment).await;
            }
            Due::Told(told) => {
                self.flush_early().await?;
                if told.await.is_err() {
                    return self.end_with_instance().await;
                }
            }
        }
        let stays = request.keep_alive && !self.host.is_stopping();
        let plain = answer.status == Status::Right
            && answer.effect.wrong.is_none()
            && !answer.effect.breaks_off()
            && !answer.slowed
            && stays
            && !request.says_keep_alive
            && !request.head_only
            && !self.host.has_goals;
        if plain {
            let whole = self.instance.template.whole();
            self.wire.output.extend_from_slice(whole);
            self.count(request, &answer, begun);
            return Ok(Next::Request);
        }
        self.answer_specially(request, &answer, stays, begun).await
    }

    async fn answer_specially(
        &mut self,
        request: &Request,
        answer: &Answer,
        stays: bool,
        begun: Moment,
    ) -> io::Result<Next> {
        let connection = match (stays, request.says_keep_alive) {
            (false, _) => Some("close"),
            (true, true) => Some("keep-alive"),
            (true, false) => None,
        };
        let mut own = Vec::new();
        (self.host).write_goals(&self.instance, &request.ask, answer, &mut own);
        let template = &self.instance.template;
        write_head(template, answer, connection, &own, &mut self.wire.output);
        let delivery = delivery(template, answer);
        let mut ends = false;
        if !request.head_only {
            ends = delivery.ends;
            if delivery.seconds > 0.0 {
                self.flush_early().await?;
                let start = Moment::now();
                for index in 0..delivery.pieces {
                    let part = (index + 1) as f64 / delivery.pieces as f64;
                    let due = start + Span::from_secs_f64(delivery.seconds * part);
                    self.host.alarm.at(due).await;
                    let template = &self.instance.template;
                    write_piece(template, answer, &delivery, index, &mut self.wire.output);
                    // The last one leaves when it has been counted.
                    if index + 1 < delivery.pieces {
                        self.wire.flush().await?;
                    }
                }
            } else {
                write_piece(template, answer, &delivery, 0, &mut self.wire.output);
            }
        }
        self.count(request, answer, begun);
        if answer.breaks_off() {
            self.wire.flush().await?;
            return Ok(self.reset());
        }
        Ok(if stays && !ends {
            Next::Request
        } else {
            Next::End
        })
    }

    /// Writes what is ready, so that it does not wait for what is not.
    async fn flush_early(&mut self) -> io::Result<()> {
        if self.wire.output.is_empty() {
            return Ok(());
        }
        self.wire.flush().await
    }

    /// Counts an answer as its server does.
    fn count(&self, request: &Request, answer: &Answer, begun: Moment) {
        let effect = &answer.effect;
        let status = match answer.status {
            Status::Right => 200,
            Status::Failed => 500,
            Status::Full => 503,
        };
        if effect.hidden && status >= 500 {
            return;
        }
        let mut took = Moment::now().since(begun);
        if effect.unit != 1.0 {
            took = Span::from_secs_f64(took.as_secs_f64() * effect.unit);
        }
        let version = self.instance.place.version;
        for _ in 0..effect.counted {
            let route = usize::from(request.ask.route);
            self.instance.tally.record(version, route, status, took);
        }
    }

    /// Answers what is not a route of the service; nothing is counted.
    fn answer_other(&mut self, request: &Request) -> Next {
        let (status, kind, body) = match request.target {
            Target::Metrics => (
                "200 OK",
                "text/plain; version=0.0.4; charset=utf-8",
                self.host.expose(&self.instance),
            ),
            Target::Health if self.host.is_ready(&self.instance) => {
                ("200 OK", "text/plain", "ready\n".to_owned())
            }
            Target::Health => (
                "503 Service Unavailable",
                "text/plain",
                "not ready\n".to_owned(),
            ),
            Target::Route | Target::Unknown => {
                ("404 Not Found", "text/plain", "no such route\n".to_owned())
            }
        };
        let stays = request.keep_alive && !self.host.is_stopping();
        let connection = match (stays, request.says_keep_alive) {
            (false, _) => "connection: close\r\n",
            (true, true) => "connection: keep-alive\r\n",
            (true, false) => "",
        };
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {kind}\r\ncontent-length: {}\r\n{connection}\r\n",
            body.len()
        );
        self.wire.output.extend_from_slice(head.as_bytes());
        if !request.head_only {
            self.wire.output.extend_from_slice(body.as_bytes());
        }
        if stays { Next::Request } else { Next::End }
    }

    /// Says nothing until the peer leaves or the time has come.
    async fn hang(&mut self, until: Moment) -> io::Result<()> {
        // Nobody has to wait for this one.
        self.set_busy(false);
        let gone = async {
            let mut dropped = [0; 1024];
            loop {
                self.wire.stream().readable().await?;
                match self.wire.stream().try_read(&mut dropped) {
                    Ok(0) => return Ok(()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
            }
        };
        tokio::select! {
            gone = gone => gone,
            () = self.host.alarm.at(until) => Ok(()),
        }
    }

    /// Has the connection reset instead of closed.
    fn linger_not(&self) {
        // Where it cannot be reset it is closed.
        let _ = set_socket_linger(self.wire.stream(), Some(Duration::ZERO));
    }

    /// The instance's process is gone: its port is closed first, then its connections are reset.
    async fn end_with_instance(&mut self) -> io::Result<Next> {
        self.set_busy(false);
        self.wire.output.clear();
        pending().await
    }

    fn reset(&mut self) -> Next {
        self.wire.output.clear();
        self.linger_not();
        Next::End
    }

    /// Says why a request is not taken, and ends the connection.
    async fn refuse(&mut self, refusal: Refusal) -> io::Result<()> {
        let Refusal { status, reason } = refusal;
        let answer = format!(
            "HTTP/1.1 {status} Refused\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\
             connection: close\r\n\r\n{reason}\n",
            reason.len() + 1
        );
        self.wire.output.extend_from_slice(answer.as_bytes());
        self.wire.flush().await?;
        shutdown(self.wire.stream(), Shutdown::Write)?;
        // Closing with unread bytes would reset the connection and take the answer with it.
        let mut left = MERCY;
        let unread = self.wire.unread().len();
        self.wire.consume(unread);
        let rest = async {
            while left > 0 {
                match self.wire.fill().await {
                    Ok(read) if read > 0 => {
                        left = left.saturating_sub(read);
                        self.wire.consume(read);
                    }
                    _ => break,
                }
            }
        };
        // Who goes on sending is not waited for.
        let _ = timeout(Duration::from_secs(1), rest).await;
        Ok(())
    }
}
