//! Requests as bytes, and answers back from bytes.

use std::io::Write;

use super::jar::Jar;
use super::ledger::Answer;
use super::pool::Job;
use super::schedule::Schedule;
use crate::base::Time;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, Refusal, ResponseHead, space};
use crate::engine::live::{header, name_of};
use crate::model::World;
use crate::model::split::Side;
use crate::telemetry::Version;

/// What a load asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asking {
    /// What the world's users ask for: its routes, with the headers of the live engine and each
    /// user's cookies.
    World,
    /// The same every time, whoever asks; cookies are not kept.
    Same(Request),
}

/// One request, as written on a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// `GET`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Names and values, beside `host` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// What it carries.
    pub body: Vec<u8>,
}

/// Writes requests and reads answers, with the users' cookies in between.
#[derive(Debug)]
pub(super) struct Rendering {
    /// Request line and host, by route.
    heads: Vec<Vec<u8>>,
    /// The whole request, when it is the same every time.
    same: bool,
    /// Whether answers have no body.
    to_head: bool,
    groups: bool,
    jar: Jar,
}

impl Rendering {
    pub(super) fn new(asking: &Asking, world: &World, host: &str) -> Rendering {
        let (heads, to_head) = match asking {
            Asking::Same(request) => (vec![whole(request, host)], request.method == "HEAD"),
            Asking::World => {
                let head =
                    |path: &str| format!("GET /{path} HTTP/1.1\r\nhost: {host}\r\n").into_bytes();
                let routes = &world.traffic.routes;
                let heads = if routes.len() > 1 {
                    routes.iter().map(|route| head(&route.name)).collect()
                } else {
                    vec![head("")]
                };
                (heads, false)
            }
        };
        Rendering {
            heads,
            same: matches!(asking, Asking::Same(_)),
            to_head,
            groups: !world.traffic.groups.is_empty(),
            jar: Jar::default(),
        }
    }

    /// Writes a request at `now`, which is `time` in the scenario.
    pub(super) fn write(
        &self,
        job: &Job,
        schedule: &mut Schedule,
        (now, time): (Moment, Time),
        output: &mut Vec<u8>,
    ) {
        let ask = &job.ask;
        let head = &self.heads[usize::from(ask.route).min(self.heads.len() - 1)];
        output.extend_from_slice(head);
        if self.same {
            return;
        }
        // Writing to memory does not fail.
        let _ = write!(output, "{}: {}\r\n", header::USER, ask.caller.user);
        if self.groups {
            let _ = write!(output, "{}: {}\r\n", header::GROUP, ask.caller.group);
        }
        if ask.matched {
            let _ = write!(output, "{}: {}\r\n", header::CANARY, header::ALWAYS);
        }
        if schedule.crowd.keeps_cookies(ask.caller) {
            let earlier = schedule.user(ask.caller).memory.cookie(time.as_secs_f64());
            let earlier = earlier.map(|side| (header::COOKIE.as_bytes(), name_of_side(side)));
            let mut between: &[u8] = b"cookie: ";
            for (name, value) in earlier.into_iter().chain(self.jar.of(ask.caller.user, now)) {
                for part in [between, name, b"=", value] {
                    output.extend_from_slice(part);
                }
                between = b"; ";
            }
            if between == b"; " {
                output.extend_from_slice(b"\r\n");
            }
        }
        output.extend_from_slice(b"\r\n");
    }

    /// Reads an answer's head, if all of it is there: its length, what it says, and how its body
    /// ends. Interim answers (1xx) come as they are; another head follows them.
    pub(super) fn read(
        &mut self,
        bytes: &[u8],
        job: &Job,
        schedule: &mut Schedule,
        goals: &mut Vec<f64>,
    ) -> Result<Option<(usize, Answer, Body)>, Refusal> {
        let mut space = space();
        let Some(head) = ResponseHead::parse(bytes, &mut space, self.to_head)? else {
            return Ok(None);
        };
        let mut answer = Answer {
            status: head.status,
            version: None,
            wrong: false,
            slowed: false,
            keep_alive: head.keep_alive,
        };
        goals.clear();
        for one in head.headers {
            let name = one.name;
            match name.len() {
                6 if name.eq_ignore_ascii_case(header::HURT) => match one.value {
                    b"wrong" => answer.wrong = true,
                    b"slowed" => answer.slowed = true,
                    _ => {}
                },
                7 if name.eq_ignore_ascii_case(header::GOALS) => {
                    let text = std::str::from_utf8(one.value).unwrap_or("");
                    goals.extend(
                        text.split(',')
                            .map(|value| value.trim().parse().unwrap_or(0.0)),
                    );
                }
                9 if name.eq_ignore_ascii_case(header::VERSION) => {
                    answer.version = version_of(one.value);
                }
                10 if !self.same
                    && name.eq_ignore_ascii_case("set-cookie")
                    && schedule.crowd.keeps_cookies(job.ask.caller) =>
                {
                    let caller = job.ask.caller;
                    let name = self.jar.set(caller.user, one.value, Moment::now());
                    if name == Some(header::COOKIE.as_bytes()) {
                        // From now on the jar knows better than what was before the rollout.
                        schedule.user(caller).memory = Default::default();
                    }
                }
                _ => {}
            }
        }
        Ok(Some((head.length, answer, Body::new(head.framing))))
    }
}

fn whole(request: &Request, host: &str) -> Vec<u8> {
    let Request {
        method,
        path,
        headers,
        body,
    } = request;
    let named = |name: &str| {
        headers
            .iter()
            .any(|(other, _)| other.eq_ignore_ascii_case(name))
    };
    let mut text = format!("{method} {path} HTTP/1.1\r\n");
    if !named("host") {
        text.push_str(&format!("host: {host}\r\n"));
    }
    for (name, value) in headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    if !body.is_empty() && !named("content-length") {
        text.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    text.push_str("\r\n");
    let mut bytes = text.into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn version_of(value: &[u8]) -> Option<Version> {
    Version::ALL
        .into_iter()
        .find(|version| name_of(*version).as_bytes() == value)
}

fn name_of_side(side: Side) -> &'static [u8] {
    let version = match side {
        Side::Stable => Version::Stable,
        Side::Canary => Version::Canary,
        Side::Baseline => Version::Baseline,
    };
    name_of(version).as_bytes()
}
