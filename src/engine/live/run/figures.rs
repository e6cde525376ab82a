//! What another splitter has counted, shown under `/metrics` as ours shows what it has.
//!
//! The splitter is asked anew for each scrape, on a thread of its own: an answer may take some
//! milliseconds, and the run must not wait for it. When it gives none, the scrape fails.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::oneshot;

use crate::engine::live::exhibit;
use crate::engine::live::load::Seen;
use crate::engine::live::proxies::{ExternalSplitter, Latencies, ProxyError};
use crate::engine::live::tally::Reading;
use crate::telemetry::exposition::{Dialect, Exposed};
use crate::telemetry::{Reporter, Version};

/// Whose figures are shown as the splitter's.
#[derive(Debug, Clone)]
pub(super) struct Figures {
    pub(super) splitter: Arc<ExternalSplitter>,
    /// What users have met, once there are any.
    pub(super) seen: Arc<OnceLock<Arc<Seen>>>,
    /// Versions whose series exist before their first request.
    pub(super) born: &'static [Version],
}

impl Figures {
    fn read(&self) -> Result<Vec<Reading>, ProxyError> {
        let users = |born| {
            let seen = self.seen.get();
            seen.map_or_else(Vec::new, |seen| seen.tally.read_with(born))
        };
        if !self.splitter.tells_routes() {
            return Ok(users(self.born));
        }
        let mut readings = self.splitter.readings(self.born)?;
        if self.splitter.latencies() == Latencies::Untold {
            lend_latencies(&mut readings, &users(&[]));
        }
        Ok(readings)
    }

    /// Whose they are, as a sentence about who judges goes on.
    pub(super) fn source(&self) -> String {
        let name = format!("{} {}", self.splitter.kind(), self.splitter.version());
        if !self.splitter.tells_routes() {
            return format!("which read what users met, as {name} does not tell routes apart");
        }
        match self.splitter.latencies() {
            Latencies::ByStatus => format!("which read the access log of {name}"),
            Latencies::Together => format!(
                "which read the statistics of {name}; its latencies are of all statuses together"
            ),
            Latencies::Untold => format!(
                "which read the statistics of {name}, and latencies as users met them: it keeps no \
                 histogram"
            ),
        }
    }
}

/// Gives readings by class of status the latencies that users met with that class.
fn lend_latencies(readings: &mut [Reading], users: &[Reading]) {
    for reading in readings {
        let same = |user: &&Reading| {
            user.version == reading.version && user.code / 100 == reading.code / 100
        };
        for user in users.iter().filter(same) {
            reading.took = reading.took + user.took;
            for (sum, count) in reading.buckets.iter_mut().zip(&user.buckets) {
                *sum += count;
            }
        }
    }
}

/// Shows figures until it is dropped.
#[derive(Debug)]
pub(super) struct Showing {
    pub(super) address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Showing {
    /// Shows them at `listener`, in these words.
    pub(super) fn start(
        listener: TcpListener,
        dialect: Dialect,
        figures: Figures,
    ) -> io::Result<Showing> {
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = oneshot::channel();
        let name = "coalmine-figures".to_owned();
        let thread = thread::Builder::new().name(name).spawn(move || {
            let runtime = Builder::new_current_thread()
                .enable_all()
                .build_local(LocalOptions::default());
            // Without a runtime nobody answers, and scrapes fail.
            let Ok(runtime) = runtime else { return };
            runtime.block_on(async move {
                let Ok(listener) = tokio::net::TcpListener::from_std(listener) else {
                    return;
                };
                let write = move || write(&dialect, &figures);
                tokio::select! {
                    () = exhibit::serve(listener, write) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Showing {
            address,
            stop: Some(stop),
            thread: Some(thread),
        })
    }
}

impl Drop for Showing {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn write(dialect: &Dialect, figures: &Figures) -> exhibit::Shown {
    let readings = figures.read().map_err(|error| error.to_string())?;
    let exposed = Exposed {
        pod: "splitter",
        readings: &readings,
        ..Exposed::default()
    };
    Ok(dialect.write(&exposed, Reporter::Client))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Span;

    #[test]
    fn latencies_are_lent_to_the_class_of_their_status() {
        let reading = |version, code, requests, buckets: [u64; 2]| Reading {
            version,
            route: 0,
            code,
            requests,
            took: Span::from_millis(buckets.iter().sum()),
            buckets: buckets.to_vec(),
        };
        let (stable, canary) = (Version::Stable, Version::Canary);
        let mut readings = [
            reading(stable, 200, 9, [0, 0]),
            reading(canary, 500, 5, [0, 0]),
        ];
        let users = [
            reading(stable, 200, 8, [7, 1]),
            reading(canary, 200, 1, [1, 0]),
            reading(canary, 502, 2, [1, 1]),
            reading(canary, 504, 3, [0, 3]),
        ];
        lend_latencies(&mut readings, &users);
        assert_eq!(
            (readings[0].requests, &readings[0].buckets[..]),
            (9, &[7, 1][..])
        );
        assert_eq!(
            (readings[1].requests, &readings[1].buckets[..]),
            (5, &[1, 4][..])
        );
        assert_eq!(readings[1].took, Span::from_millis(5));
    }
}
