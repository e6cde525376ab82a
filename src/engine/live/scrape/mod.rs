//! The built-in scraper: reads the metrics of all parts of a run when the plan says, and hands them
//! to the telemetry that gates read.
//!
//! [`Scraper`] fetches, [`Intake`] adds up. A sample bears the time for which it was scheduled, as
//! with Prometheus. Perfect metrics cannot be had of a run that goes on while it is read: there,
//! counters are read at every instant at which a window begins or ends ([`Instants`]), and what
//! comes while they are read is counted a little early or late.

mod instants;
mod intake;

pub use instants::Instants;
pub use intake::{Intake, Mishaps, Taken};

use std::net::SocketAddr;

use tokio::task::JoinSet;

use super::fetch::{Client, FetchError};
use crate::base::{Span, Time};
use crate::telemetry::exposition::text::TextError;
use crate::telemetry::exposition::{Dialect, Part, Scraped};

/// Bytes of one target's metrics at most: as many as a Prometheus would store without complaint.
const LONGEST: usize = 16 * 1024 * 1024;

/// Something that shows metrics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// What it is.
    pub part: Part,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where the metrics are: `/metrics`.
    pub path: String,
}

impl Target {
    /// A part that shows its metrics where all of ours do.
    pub fn new(part: Part, address: SocketAddr) -> Target {
        Target {
            part,
            address,
            path: "/metrics".to_owned(),
        }
    }
}

/// Why a scrape failed.
#[derive(Debug, thiserror::Error)]
pub enum ScrapeError {
    /// There was no answer.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// The answer was a refusal.
    #[error("it answered {0}: {1}")]
    Status(u16, String),
    /// The answer was not text.
    #[error("the metrics are not UTF-8")]
    NotText,
    /// The text was not metrics.
    #[error("the metrics are malformed: {0}")]
    Malformed(#[from] TextError),
}

impl ScrapeError {
    /// Its kind, by which failures are counted.
    pub fn kind(&self) -> &'static str {
        match self {
            ScrapeError::Fetch(FetchError::Unreachable(_)) => "no connection",
            ScrapeError::Fetch(FetchError::Broken(_)) => "connection broke",
            ScrapeError::Fetch(FetchError::Late(_)) => "too late",
            ScrapeError::Fetch(FetchError::TooLong(_)) => "too long",
            ScrapeError::Fetch(FetchError::NotHttp(_)) => "not HTTP",
            ScrapeError::Status(..) => "refused",
            ScrapeError::NotText | ScrapeError::Malformed(_) => "malformed",
        }
    }
}

/// What one round of scrapes brought: one result for each target, in their order.
#[derive(Debug)]
pub struct Round {
    /// For when it was scheduled.
    pub at: Time,
    /// What each target showed.
    pub results: Vec<Result<Scraped, ScrapeError>>,
}

/// Fetches the metrics of all targets.
#[derive(Debug)]
pub struct Scraper {
    dialect: Dialect,
    targets: Vec<Target>,
    /// `None` while it is in use.
    clients: Vec<Option<Client>>,
    timeout: Span,
}

impl Scraper {
    /// A scraper of these targets; a scrape fails that takes longer than `timeout`, which should be
    /// shorter than the time between two ([`Instants::timeout`]).
    pub fn new(dialect: Dialect, targets: Vec<Target>, timeout: Span) -> Scraper {
        let clients = targets.iter().map(|_| None).collect();
        Scraper {
            dialect,
            targets,
            clients,
            timeout,
        }
    }

    /// Scrapes all targets at once, now, and calls that `at`. Inside a thread's local runtime.
    pub async fn round(&mut self, at: Time) -> Round {
        let mut tasks = JoinSet::new();
        for (index, target) in self.targets.iter().enumerate() {
            let kept = self.clients[index].take();
            let mut client = kept.unwrap_or_else(|| Client::new(target.address));
            let (path, timeout) = (target.path.clone(), self.timeout);
            tasks.spawn_local(async move {
                let fetched = client.get(&path, timeout, LONGEST).await;
                (index, client, fetched)
            });
        }
        let mut results: Vec<_> = (self.targets.iter())
            .map(|_| Err(ScrapeError::Fetch(FetchError::Late(self.timeout))))
            .collect();
        while let Some(done) = tasks.join_next().await {
            // A task that panicked has no answer either.
            let Ok((index, client, fetched)) = done else {
                continue;
            };
            self.clients[index] = Some(client);
            results[index] = fetched.map_err(ScrapeError::from).and_then(|fetched| {
                if fetched.status != 200 {
                    let why = first_line(&fetched.body);
                    return Err(ScrapeError::Status(fetched.status, why));
                }
                let text = std::str::from_utf8(&fetched.body);
                let text = text.map_err(|_| ScrapeError::NotText)?;
                Ok(self.dialect.read(text)?)
            });
        }
        Round { at, results }
    }
}

/// How a refusal begins.
fn first_line(body: &[u8]) -> String {
    const LONGEST: usize = 200;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * LONGEST)]);
    let line = text.lines().next().unwrap_or_default();
    line.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests;
