//! Where metrics are asked for: a port of its own, because users may ask for `/metrics` too.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use tokio::net::TcpListener;

use crate::engine::live::tally::{Tally, merge};
use crate::engine::live::{exhibit, name_of};

/// Writes what has been counted as text.
type Write = dyn Fn(&[Arc<Tally>]) -> String + Send;

/// Writes what a splitter has counted in the text format of Prometheus.
pub struct Exposition {
    write: Box<Write>,
    pub(super) tallies: Vec<Arc<Tally>>,
}

impl Exposition {
    /// An exposition by a function of its own.
    pub fn new(write: impl Fn(&[Arc<Tally>]) -> String + Send + 'static) -> Exposition {
        Exposition {
            write: Box::new(write),
            tallies: Vec::new(),
        }
    }
}

impl Default for Exposition {
    fn default() -> Exposition {
        Exposition::new(plain)
    }
}

impl fmt::Debug for Exposition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposition").finish_non_exhaustive()
    }
}

/// Requests by version, route and status, under no vendor's names.
fn plain(tallies: &[Arc<Tally>]) -> String {
    let mut text = String::from("# TYPE coalmine_requests_total counter\n");
    for reading in merge(tallies.iter().map(AsRef::as_ref)) {
        // Writing to a string does not fail.
        let _ = writeln!(
            text,
            "coalmine_requests_total{{version=\"{}\",route=\"{}\",code=\"{}\"}} {}",
            name_of(reading.version),
            reading.route,
            reading.code,
            reading.requests
        );
    }
    text
}

/// Answers scrapes.
pub(super) async fn serve(listener: TcpListener, exposition: Exposition) {
    exhibit::serve(listener, move || {
        Ok((exposition.write)(&exposition.tallies))
    })
    .await;
}
