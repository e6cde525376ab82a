//! Who may come in, and what a browser may do with what it gets.
//!
//! A page on another site can make a browser ask a server on loopback, and a name that its owner
//! points to 127.0.0.1 makes that page look like one of ours. So the `Host` of every request must be
//! one under which the lab is known, an `Origin` must be the same, and nothing under `/api` is
//! answered to another site. What starts load, and everything where the lab is open to other
//! machines, wants a token that only the address printed at the start holds.

use std::io;
use std::net::{Ipv6Addr, SocketAddr};
use std::str::FromStr;
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::refusal::Refusal;
use crate::engine::live::token::Token;

/// The header that carries the token.
pub const TOKEN: &str = "x-coalmine-token";

/// What the lab is known as, and what it asks of who comes.
#[derive(Debug)]
pub struct Door {
    hosts: Vec<String>,
    token: Token,
    /// Whether everything under `/api` wants the token.
    is_open: bool,
}

/// A name under which browsers may ask for the lab: `lab.example.org`, `192.0.2.1:8080`, `[fe80::1]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// In lower case; an IPv6 address in brackets.
    host: String,
    /// The port that browsers see, where that is not the one on which the lab listens.
    port: Option<u16>,
}

/// A text that is no name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no name of a host: write one like lab.example.org, 192.0.2.1:8080 or [fe80::1], with a \
     port where browsers ask for another than the lab's"
)]
pub struct NameError(String);

impl FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Name, NameError> {
        let refuse = || NameError(text.to_owned());
        let lower = text.to_ascii_lowercase();
        // A bracket ends a host that has colons of its own.
        let (host, port) = match lower.rsplit_once(':') {
            Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
            _ => (lower.as_str(), None),
        };
        let port = match port {
            Some(port) => {
                let number = port.parse::<u16>().ok().filter(|number| *number > 0);
                Some(number.ok_or_else(refuse)?)
            }
            None => None,
        };
        let is_name = |host: &str| {
            let is_part = |c: char| c.is_ascii_alphanumeric() || "-._".contains(c);
            !host.is_empty()
                && host.len() <= 255
                && !host.starts_with('.')
                && host.chars().all(is_part)
        };
        let bracketed = host
            .strip_prefix('[')
            .and_then(|host| host.strip_suffix(']'));
        let is_sound = match bracketed {
            Some(address) => address.parse::<Ipv6Addr>().is_ok(),
            None => is_name(host),
        };
        match is_sound {
            true => Ok(Name {
                host: host.to_owned(),
                port,
            }),
            false => Err(refuse()),
        }
    }
}

impl Name {
    /// What a browser sends for a lab that listens on this port.
    pub fn with_port(&self, own: u16) -> String {
        format!("{}:{}", self.host, self.port.unwrap_or(own))
    }
}

impl Door {
    /// The door of a lab that listens at `address` and is known under further names.
    ///
    /// # Errors
    /// When the system has no randomness for a token.
    pub fn new(address: SocketAddr, names: &[Name]) -> io::Result<Door> {
        let port = address.port();
        let mut hosts: Vec<String> = ["127.0.0.1", "localhost", "[::1]"]
            .iter()
            .map(|name| format!("{name}:{port}"))
            .collect();
        if address.ip().is_loopback() {
            // Loopback has more addresses than one.
            hosts.push(address.to_string());
        }
        if port == 80 {
            hosts.extend(["127.0.0.1", "localhost", "[::1]"].map(str::to_owned));
        }
        for name in names {
            // Browsers leave out the port of the scheme, and a proxy may stand before the lab.
            hosts.extend([
                name.host.clone(),
                name.with_port(port),
                format!("{}:{port}", name.host),
            ]);
        }
        Ok(Door {
            hosts,
            token: Token::draw()?,
            // Who gives it a name of its own has others come by it, through a proxy perhaps.
            is_open: !address.ip().is_loopback() || !names.is_empty(),
        })
    }

    /// The word that opens everything.
    pub fn token(&self) -> &Token {
        &self.token
    }

    /// Whether somebody may come in with this request.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, request: &Request) -> Result<(), Refusal> {
        let (path, headers) = (request.uri().path(), request.headers());
        let host = self.host(request)?;
        let is_api = is_api(path);
        if let Some(origin) = one(headers, &header::ORIGIN)? {
            let same = ["http://", "https://"]
                .iter()
                .any(|scheme| origin.strip_prefix(scheme) == Some(host.as_str()));
            if !same {
                return Err(Refusal::Forbidden(format!(
                    "a page of another site asks: `{origin}` is not `{host}`"
                )));
            }
        }
        if is_api && let Some(site) = one(headers, &FETCH_SITE)? {
            // Another port of this machine is the same site.
            if !["same-origin", "none"].contains(&site.as_str()) {
                return Err(Refusal::Forbidden(format!(
                    "a page of another site asks (`{site}`)"
                )));
            }
        }
        let starts_load = path == "/api/live" || path.starts_with("/api/live/");
        if starts_load || (is_api && self.is_open) {
            let given = one(headers, &HeaderName::from_static(TOKEN))?;
            if !given.is_some_and(|given| self.token.is(given.as_bytes())) {
                return Err(Refusal::Forbidden(
                    "this needs the token: open the address that `coalmine lab` has printed"
                        .to_owned(),
                ));
            }
        }
        Ok(())
    }

    /// The name under which the lab was asked.
    fn host(&self, request: &Request) -> Result<String, Refusal> {
        let refuse = |host: &str| {
            Refusal::Forbidden(format!(
                "the lab is not known as `{host}`: open {}",
                self.hosts
                    .first()
                    .map_or_else(String::new, |own| format!("http://{own}/"))
            ))
        };
        let host = one(request.headers(), &header::HOST)?.ok_or_else(|| refuse(""))?;
        let host = host.to_ascii_lowercase();
        // A target in full names its host, too.
        let target = request.uri().authority().map(ToString::to_string);
        let target = target.map(|target| target.to_ascii_lowercase());
        for asked in std::iter::once(&host).chain(&target) {
            if *asked != host || !self.hosts.contains(asked) {
                return Err(refuse(asked));
            }
        }
        Ok(host)
    }
}

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// The only value of a header; it may be absent, but not there twice.
fn one(headers: &HeaderMap, name: &HeaderName) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(Refusal::Forbidden(format!(
            "the header {name} is there twice"
        )));
    }
    first
        .map(|value| {
            let text = value.to_str().map(str::to_owned);
            text.map_err(|_| Refusal::Forbidden(format!("the header {name} is not text")))
        })
        .transpose()
}

/// What a browser may do on the lab's pages: run and load what is the lab's own, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; form-action 'none'; \
                      frame-ancestors 'none'";

/// Stops who may not come in, and writes the rules of the house on every answer.
pub(super) async fn guard(State(door): State<Arc<Door>>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let mut response = match door.admit(&request) {
        Ok(()) => told(&path, next.run(request).await),
        Err(refusal) => refusal.into_response(),
    };
    let headers = response.headers_mut();
    for (name, value) in [
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ),
        (
            HeaderName::from_static("cross-origin-resource-policy"),
            "same-origin",
        ),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_api(&path) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    response
}

fn is_api(path: &str) -> bool {
    path == "/api" || path.starts_with("/api/")
}

/// A refusal of the router's own, in the form of all others.
fn told(path: &str, response: Response) -> Response {
    let status = response.status();
    let has_type = response.headers().contains_key(header::CONTENT_TYPE);
    let is_plain = response
        .headers()
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/plain"));
    if !status.is_client_error() || (has_type && !is_plain) {
        return response;
    }
    let allowed = response.headers().get(header::ALLOW).cloned();
    let methods = allowed.as_ref().and_then(|methods| methods.to_str().ok());
    let why = match methods {
        Some(methods) => format!("`{path}` takes {methods}"),
        None if status == StatusCode::NOT_FOUND => format!("there is nothing at `{path}`"),
        None => format!("`{path}` is not understood"),
    };
    let why = format!("{why}; /api/openapi.json says what there is");
    let mut told = Refusal::Malformed(why).into_response();
    *told.status_mut() = status;
    if let Some(allowed) = allowed {
        told.headers_mut().insert(header::ALLOW, allowed);
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::body::Body;

    fn door(address: &str, names: &[&str]) -> Door {
        let names: Vec<Name> = names.iter().map(|name| name.parse().unwrap()).collect();
        Door::new(address.parse().unwrap(), &names).unwrap()
    }

    fn asked(path: &str, headers: &[(&str, &str)]) -> Request {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn only_the_names_of_the_lab_are_answered() {
        let door = door("127.0.0.1:4711", &["Lab.example.org"]);
        for (host, is_known) in [
            ("127.0.0.1:4711", true),
            ("localhost:4711", true),
            ("LOCALHOST:4711", true),
            ("[::1]:4711", true),
            ("lab.example.org", true),
            ("lab.example.org:4711", true),
            ("127.0.0.1", false),
            ("127.0.0.1:80", false),
            ("evil.example", false),
            ("evil.example:4711", false),
            ("127.0.0.1:4711.evil.example", false),
            ("lab.example.org.evil.example", false),
        ] {
            let admitted = door.admit(&asked("/", &[("host", host)]));
            assert_eq!(admitted.is_ok(), is_known, "{host}");
        }
        assert!(door.admit(&asked("/", &[])).is_err());
        let twice = [("host", "127.0.0.1:4711"), ("host", "127.0.0.1:4711")];
        assert!(door.admit(&asked("/", &twice)).is_err());
        let other = asked("http://evil.example/", &[("host", "127.0.0.1:4711")]);
        assert!(door.admit(&other).is_err());
    }

    #[test]
    fn every_address_of_loopback_answers_by_its_own_name() {
        let door = door("127.0.0.2:4711", &[]);
        for host in ["127.0.0.2:4711", "localhost:4711"] {
            assert!(door.admit(&asked("/", &[("host", host)])).is_ok(), "{host}");
        }
    }

    #[test]
    fn a_name_is_a_host_with_or_without_a_port() {
        for (text, with_port) in [
            ("Lab.example.org", "lab.example.org:80"),
            ("lab:8080", "lab:8080"),
            ("192.0.2.1", "192.0.2.1:80"),
            ("[FE80::1]", "[fe80::1]:80"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            let name: Name = text.parse().unwrap();
            assert_eq!(name.with_port(80), with_port, "{text}");
        }
        for text in [
            "", ":", "[", "]", "[]", "a:", "a:0", "x:99999", "a:b", "fe80::1", "[fe80::1", "a/b",
            "a b", "a@b", ".", "[lab]",
        ] {
            assert!(text.parse::<Name>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn other_sites_are_turned_away() {
        let door = door("127.0.0.1:4711", &[]);
        let host = ("host", "127.0.0.1:4711");
        for (name, value, page, api) in [
            ("origin", "http://127.0.0.1:4711", true, true),
            ("origin", "http://localhost:4711", false, false),
            ("origin", "http://127.0.0.1:4712", false, false),
            ("origin", "https://evil.example", false, false),
            ("origin", "null", false, false),
            ("sec-fetch-site", "same-origin", true, true),
            ("sec-fetch-site", "none", true, true),
            // A link from elsewhere may open the page.
            ("sec-fetch-site", "cross-site", true, false),
            ("sec-fetch-site", "same-site", true, false),
        ] {
            let at = |path| door.admit(&asked(path, &[host, (name, value)])).is_ok();
            assert_eq!(
                (at("/"), at("/api/catalog")),
                (page, api),
                "{name}: {value}"
            );
        }
    }

    #[test]
    fn load_wants_the_token_and_an_open_door_wants_it_for_everything() {
        let (own, open) = (door("127.0.0.1:1", &[]), door("192.0.2.1:1", &["lab"]));
        // Behind a proxy on the same machine it is open as well.
        let behind = door("127.0.0.1:1", &["lab.example.org"]);
        for (door, host, path, is_free) in [
            (&own, "127.0.0.1:1", "/api/catalog", true),
            (&own, "127.0.0.1:1", "/api/live", false),
            (&own, "127.0.0.1:1", "/api/live/events", false),
            (&open, "lab", "/", true),
            (&open, "lab", "/api/catalog", false),
            (&open, "lab:1", "/api/curve", false),
            (&behind, "lab.example.org", "/api/catalog", false),
            (&behind, "127.0.0.1:1", "/api/catalog", false),
        ] {
            let host = ("host", host);
            let with = |token: &str| {
                let headers = [host, (TOKEN, token)];
                door.admit(&asked(path, &headers)).is_ok()
            };
            assert_eq!(door.admit(&asked(path, &[host])).is_ok(), is_free, "{path}");
            assert!(with(door.token().text()), "{path}");
            assert_eq!(with(&"0".repeat(32)), is_free, "{path}");
            assert_eq!(with(&door.token().text()[..31]), is_free, "{path}");
            assert_eq!(with(""), is_free, "{path}");
        }
    }

    #[test]
    fn tokens_are_long_and_never_the_same() {
        let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
        assert_eq!(one.text().len(), 32);
        assert_ne!(one, other);
        assert!(!format!("{one:?}").contains(one.text()));
    }
}
