//! Whom a load may be sent to, and what the URL asks for.

use std::net::{SocketAddr, ToSocketAddrs};

use crate::cli::CommandError;
use crate::engine::live::load::Target;

/// A URL of which everything is known that a request needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Url {
    host: String,
    port: u16,
    /// Path and query.
    pub(super) path: String,
}

const EXAMPLE: &str = "write one like http://127.0.0.1:8080/path";

fn refuse(message: String, help: &str) -> CommandError {
    CommandError::Argument {
        message,
        help: help.to_owned(),
    }
}

impl Url {
    /// Reads a URL.
    pub(super) fn parse(text: &str) -> Result<Url, CommandError> {
        let Some(rest) = text.strip_prefix("http://") else {
            let message = format!("`{text}` is not a URL that can be loaded");
            let help = if text.starts_with("https://") {
                "TLS is not spoken here: load the port behind it, over http://"
            } else {
                EXAMPLE
            };
            return Err(refuse(message, help));
        };
        let wrong = |what: &str| refuse(format!("`{text}` is not a URL: {what}"), EXAMPLE);
        let rest = rest.split('#').next().unwrap_or("");
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        if let Some(odd) = path.chars().find(|c| !c.is_ascii_graphic()) {
            return Err(wrong(&format!("the path holds {odd:?}, write it as %XX")));
        }
        if authority.contains('@') {
            return Err(wrong("it names a user; write a header for that"));
        }
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => {
                let (host, port) = rest
                    .split_once(']')
                    .ok_or_else(|| wrong("a ] is missing"))?;
                (
                    host,
                    port.strip_prefix(':').or((port.is_empty()).then_some("80")),
                )
            }
            None => match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, Some("80")),
            },
        };
        let is_name = |c: char| c.is_ascii_alphanumeric() || "-._:%".contains(c);
        if host.is_empty() || !host.chars().all(is_name) {
            return Err(wrong("it names no host"));
        }
        let port = port
            .and_then(|port| port.parse().ok())
            .filter(|port| *port > 0);
        Ok(Url {
            host: host.to_owned(),
            port: port.ok_or_else(|| wrong("the port is not a number from 1 to 65535"))?,
            path: match path.strip_prefix('/') {
                Some(_) => path.to_owned(),
                None => format!("/{path}"),
            },
        })
    }

    /// Where it leads; hosts beyond loopback only when `allowed` names them.
    pub(super) fn target(&self, allowed: Option<&str>) -> Result<Target, CommandError> {
        let found: Vec<SocketAddr> = match (self.host.as_str(), self.port).to_socket_addrs() {
            Ok(found) => found.collect(),
            Err(error) => {
                let message = format!("cannot find the host `{}`: {error}", self.host);
                return Err(refuse(
                    message,
                    "name one that this machine knows, or an address",
                ));
            }
        };
        let is_allowed = allowed.is_some_and(|allowed| allowed.eq_ignore_ascii_case(&self.host));
        let loopback = found.iter().find(|address| address.ip().is_loopback());
        let address = loopback.or(found.first().filter(|_| is_allowed));
        let Some(address) = address else {
            let message = format!("`{}` is not this machine, and load may hurt it", self.host);
            let help = format!("if it is yours to load, say --allow-target {}", self.host);
            return Err(refuse(message, &help));
        };
        Ok(Target {
            address: *address,
            host: self.authority(),
        })
    }

    /// Host and port as the `Host` header has them.
    fn authority(&self) -> String {
        let host = if self.host.contains(':') {
            format!("[{}]", self.host)
        } else {
            self.host.clone()
        };
        match self.port {
            80 => host,
            port => format!("{host}:{port}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn refusal(outcome: Result<impl std::fmt::Debug, CommandError>) -> (String, String) {
        match outcome.unwrap_err() {
            CommandError::Argument { message, help } => (message, help),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_url_is_a_host_a_port_and_a_path() {
        for (text, host, port, path) in [
            ("http://localhost", "localhost", 80, "/"),
            (
                "http://127.0.0.1:8080/a/b?c=d#e",
                "127.0.0.1",
                8080,
                "/a/b?c=d",
            ),
            ("http://[::1]:81?q", "::1", 81, "/?q"),
            ("http://[::1]/", "::1", 80, "/"),
        ] {
            let url = url(text);
            assert_eq!(
                (url.host.as_str(), url.port, url.path.as_str()),
                (host, port, path)
            );
        }
        assert_eq!(url("http://[::1]:81/").authority(), "[::1]:81");
        assert_eq!(url("http://localhost/").authority(), "localhost");
    }

    #[test]
    fn what_is_no_url_is_refused_with_an_example() {
        for text in [
            "127.0.0.1:80",
            "http://",
            "http://:80/",
            "http://a:0/",
            "http://a:b/",
            "http://[::1/",
            "http://[::1]x/",
            "http://a/b c",
            "http://u@a/",
            "ftp://a/",
        ] {
            let (message, help) = refusal(Url::parse(text));
            assert!(
                message.contains(text) && help == EXAMPLE,
                "{text}: {message} {help}"
            );
        }
        assert!(refusal(Url::parse("https://a/")).1.contains("TLS"));
    }

    #[test]
    fn other_machines_are_loaded_only_when_named() {
        let other = url("http://192.0.2.1:81/");
        let (message, help) = refusal(other.target(None));
        assert!(message.contains("192.0.2.1"), "{message}");
        assert!(help.contains("--allow-target 192.0.2.1"), "{help}");
        assert!(other.target(Some("192.0.2.2")).is_err());
        let target = other.target(Some("192.0.2.1")).unwrap();
        assert_eq!(target.address, "192.0.2.1:81".parse().unwrap());
        assert_eq!(target.host, "192.0.2.1:81");
        // The whole of 127.0.0.0/8 is this machine; the address that means all of them is not.
        assert!(url("http://127.9.9.9/").target(None).is_ok());
        assert!(url("http://[::1]/").target(None).is_ok());
        assert!(url("http://0.0.0.0/").target(None).is_err());
    }
}
