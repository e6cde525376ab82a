//! The control API: which faults there are, and how to add and take out some while everything runs.
//!
//! `GET /faults` lists them, `POST /faults` adds one, `DELETE /faults/N` takes one out, `GET
//! /healthz` says that somebody listens. Bodies are JSON. Elsewhere than on loopback, and where it was
//! asked for, each request must carry a token. Pages in a browser are refused.

mod described;
mod fields;

use std::cell::RefCell;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedSender;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::host::{ControlWork, Host};
use super::{BackendError, Command, MOST_FAULTS};
use crate::base::Span;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, Framing, Refusal, RequestHead, Wire, WireError, space};
use crate::engine::live::token::Token;
use crate::model::World;
use crate::model::fault::Fault;
use described::Names;

/// Bytes of a body at most.
const LONGEST_BODY: usize = 64 * 1024;
/// How long a request may take to come.
const PATIENCE: Duration = Duration::from_secs(10);
/// Connections at the same time; more are closed at once.
const MOST_CONNECTIONS: usize = 64;
/// How long nothing is accepted when there are no descriptors.
const BREATHER: Span = Span::from_millis(10);

/// The control API before it serves.
#[derive(Debug)]
pub(super) struct Control {
    listener: TcpListener,
    desk: Desk,
}

/// What its connections share.
#[derive(Debug)]
struct Desk {
    token: Option<Token>,
    names: Names,
    /// The faults that there are, by number.
    faults: RefCell<Vec<Option<Fault>>>,
    /// The other threads.
    others: Vec<UnboundedSender<Command>>,
}

/// A request to the API.
#[derive(Debug)]
struct Call {
    method: String,
    target: String,
    authorization: Option<Vec<u8>>,
    /// Whom it was sent to.
    host: Option<Vec<u8>>,
    /// Whether a page in a browser sent it: such requests say where they come from.
    is_of_page: bool,
    framing: Framing,
    expects_continue: bool,
    keep_alive: bool,
    length: usize,
}

/// An answer of the API.
#[derive(Debug)]
struct Answer {
    status: &'static str,
    body: Value,
}

impl Control {
    pub(super) fn new(work: ControlWork, world: &World) -> io::Result<Control> {
        let ControlWork {
            port,
            token,
            threads,
        } = work;
        Ok(Control {
            listener: port.listen()?,
            desk: Desk {
                token,
                names: Names::of(world),
                faults: RefCell::new(world.faults.iter().cloned().map(Some).collect()),
                others: threads.into_iter().skip(1).collect(),
            },
        })
    }

    /// Serves the API on the first thread until that ends.
    pub(super) async fn serve(self, host: Rc<Host>) {
        let Control { listener, desk } = self;
        let desk = Rc::new(desk);
        loop {
            match listener.accept().await {
                // This clone and those of the connections.
                Ok(_) if Rc::strong_count(&desk) > MOST_CONNECTIONS => {}
                Ok((stream, _)) => {
                    let (desk, host) = (Rc::clone(&desk), Rc::clone(&host));
                    spawn_local(async move {
                        // A connection that fails has nobody to tell.
                        let _ = desk.serve(stream, &host).await;
                    });
                }
                Err(_) => host.alarm.at(Moment::now() + BREATHER).await,
            }
        }
    }
}

impl Call {
    /// Whether it was sent to an address or to `localhost`, and not to a name that somebody owns.
    fn is_for_loopback(&self) -> bool {
        let Some(host) = self.host.as_deref() else {
            return true;
        };
        let host = String::from_utf8_lossy(host).to_ascii_lowercase();
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => &host,
        };
        let bare = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || bare.parse::<IpAddr>().is_ok()
    }
}

impl Desk {
    async fn serve(&self, stream: TcpStream, host: &Host) -> Result<(), WireError> {
        let mut wire = Wire::new(stream);
        loop {
            let Ok(read) = timeout(PATIENCE, read_call(&mut wire)).await else {
                return Ok(());
            };
            let call = match read {
                Ok(Some(call)) => call,
                Ok(None) => return Ok(()),
                Err(WireError::Refused(refusal)) => {
                    write(&mut wire, &refused(refusal), false);
                    return Ok(wire.flush().await?);
                }
                Err(error) => return Err(error),
            };
            wire.consume(call.length);
            let mut stays = call.keep_alive;
            let answer = match timeout(PATIENCE, read_body(&mut wire, &call)).await {
                Err(_) => return Ok(()),
                Ok(Err(error)) => return Err(error),
                Ok(Ok(None)) => {
                    stays = false;
                    Answer::error("413 Content Too Large", "the body is too large")
                }
                Ok(Ok(Some(body))) => self.answer(&call, &body, host),
            };
            write(&mut wire, &answer, stays);
            wire.flush().await?;
            if !stays {
                return Ok(());
            }
        }
    }

    fn answer(&self, call: &Call, body: &[u8], host: &Host) -> Answer {
        let path = call.target.split('?').next().unwrap_or_default();
        let allowed = (self.token.as_ref()).is_none_or(|token| {
            call.authorization
                .as_deref()
                .is_some_and(|given| token.is_borne(given))
        });
        match (call.method.as_str(), path) {
            // It tells nothing that the open port does not.
            ("GET", "/healthz") => Answer::ok(json!({ "status": "ok" })),
            _ if call.is_of_page => Answer::error(
                "403 Forbidden",
                "pages in a browser change nothing here; ask with another program",
            ),
            // A name can be pointed here by its owner, whose page then looks like one of ours; with the
            // token that does not help it.
            _ if self.token.is_none() && !call.is_for_loopback() => Answer::error(
                "403 Forbidden",
                "ask for 127.0.0.1 or localhost, not for another name",
            ),
            _ if !allowed => Answer::error(
                "401 Unauthorized",
                "send the token that was shown at the start: authorization: Bearer TOKEN",
            ),
            ("GET", "/faults") => self.list(host),
            ("POST", "/faults") => self.add(body, host),
            ("DELETE", path) if path.starts_with("/faults/") => {
                self.remove(&path["/faults/".len()..], host)
            }
            (_, "/faults" | "/healthz") => Answer::error(
                "405 Method Not Allowed",
                "there is GET /faults, POST /faults, DELETE /faults/N and GET /healthz",
            ),
            _ => Answer::error(
                "404 Not Found",
                "there is GET /faults, POST /faults, DELETE /faults/N and GET /healthz",
            ),
        }
    }

    fn list(&self, host: &Host) -> Answer {
        let mut responder = host.responder.borrow_mut();
        responder.look(Moment::now());
        let faults = self.faults.borrow();
        let list: Vec<Value> = (responder.severities())
            .filter_map(|(id, severity)| {
                let fault = faults.get(id)?.as_ref()?;
                Some(self.names.describe(id, fault, severity))
            })
            .collect();
        let now = host.now().as_secs_f64();
        Answer::ok(json!({ "now": now, "faults": list }))
    }

    fn add(&self, body: &[u8], host: &Host) -> Answer {
        let fault = match self.names.read(body, host.now()) {
            Ok(fault) => fault,
            Err(error) => {
                return Answer {
                    status: "400 Bad Request",
                    body: json!({ "error": error.to_string(), "valid": error.valid() }),
                };
            }
        };
        let mut faults = self.faults.borrow_mut();
        let free = faults.iter().position(Option::is_none);
        let id = free.unwrap_or(faults.len());
        if id >= MOST_FAULTS {
            return Answer::error("409 Conflict", &BackendError::TooManyFaults.to_string());
        }
        match faults.get_mut(id) {
            Some(place) => *place = Some(fault.clone()),
            None => faults.push(Some(fault.clone())),
        }
        drop(faults);
        self.tell(&Command::Set(id, Box::new(fault.clone())), host);
        let severity = severity(id, host);
        Answer {
            status: "201 Created",
            body: self.names.describe(id, &fault, severity),
        }
    }

    fn remove(&self, id: &str, host: &Host) -> Answer {
        let id = id.parse::<usize>().ok();
        let taken = id.and_then(|id| self.faults.borrow_mut().get_mut(id)?.take());
        let (Some(id), Some(fault)) = (id, taken) else {
            return Answer::error("404 Not Found", "there is no fault of that number");
        };
        self.tell(&Command::Remove(id), host);
        Answer::ok(self.names.describe(id, &fault, 0.0))
    }

    /// This thread does it before the answer, the others as soon as they hear.
    fn tell(&self, command: &Command, host: &Host) {
        for thread in &self.others {
            // A thread that has ended has no faults.
            let _ = thread.send(command.clone());
        }
        host.apply(command.clone());
    }
}

fn severity(id: usize, host: &Host) -> f64 {
    let responder = host.responder.borrow();
    (responder.severities())
        .find(|(index, _)| *index == id)
        .map_or(0.0, |(_, severity)| severity)
}

/// Reads the head of a request; `None` when no more come.
async fn read_call(wire: &mut Wire) -> Result<Option<Call>, WireError> {
    loop {
        if let Some(call) = parse(wire.unread())? {
            return Ok(Some(call));
        }
        if wire.fill().await? == 0 {
            return Ok(None);
        }
    }
}

fn parse(bytes: &[u8]) -> Result<Option<Call>, Refusal> {
    let mut space = space();
    let head = RequestHead::parse(bytes, &mut space)?;
    Ok(head.map(|head| Call {
        method: head.method.to_owned(),
        target: head.target.to_owned(),
        authorization: head.header("authorization").map(<[u8]>::to_vec),
        host: head.header("host").map(<[u8]>::to_vec),
        is_of_page: head.header("origin").is_some()
            || (head.header("sec-fetch-site")).is_some_and(|site| site != b"none"),
        framing: head.framing,
        expects_continue: head.expects_continue,
        keep_alive: head.keep_alive,
        length: head.length,
    }))
}

/// Reads a body; `None` when it is too large.
async fn read_body(wire: &mut Wire, call: &Call) -> Result<Option<Vec<u8>>, WireError> {
    if let Framing::Length(length) = call.framing
        && length > LONGEST_BODY as u64
    {
        return Ok(None);
    }
    if call.expects_continue && wire.unread().is_empty() {
        wire.output
            .extend_from_slice(b"HTTP/1.1 100 Continue\r\n\r\n");
        wire.flush().await?;
    }
    let mut body = Body::new(call.framing);
    let mut content = Vec::new();
    while !body.is_complete() {
        if wire.unread().is_empty() && wire.fill().await? == 0 {
            return Err(WireError::Cut);
        }
        let used = body.read(wire.unread(), |part| content.extend_from_slice(part))?;
        wire.consume(used);
        if content.len() > LONGEST_BODY {
            return Ok(None);
        }
    }
    Ok(Some(content))
}

fn refused(refusal: Refusal) -> Answer {
    let status = match refusal.status {
        431 => "431 Request Header Fields Too Large",
        501 => "501 Not Implemented",
        505 => "505 HTTP Version Not Supported",
        _ => "400 Bad Request",
    };
    Answer::error(status, refusal.reason)
}

fn write(wire: &mut Wire, answer: &Answer, stays: bool) {
    let body = format!("{}\n", answer.body);
    let connection = if stays { "" } else { "connection: close\r\n" };
    let head = format!(
        "HTTP/1.1 {}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{connection}\r\n",
        answer.status,
        body.len()
    );
    wire.output.extend_from_slice(head.as_bytes());
    wire.output.extend_from_slice(body.as_bytes());
}

impl Answer {
    fn ok(body: Value) -> Answer {
        Answer {
            status: "200 OK",
            body,
        }
    }

    fn error(status: &'static str, reason: &str) -> Answer {
        Answer {
            status,
            body: json!({ "error": reason }),
        }
    }
}
