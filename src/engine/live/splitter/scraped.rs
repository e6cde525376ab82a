//! Where metrics are asked for: a port of its own, because users may ask for `/metrics` too.

use std::fmt::{self, Write as _};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::engine::live::http::{Framing, RequestHead, Wire, WireError, space};
use crate::engine::live::name_of;
use crate::engine::live::tally::{Tally, merge};

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

/// How long a scraper may take for a request.
const LIMIT: Duration = Duration::from_secs(60);

/// Answers scrapes.
pub(super) async fn serve(listener: TcpListener, exposition: Exposition) {
    let exposition = Rc::new(exposition);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let exposition = Rc::clone(&exposition);
                tokio::task::spawn_local(async move {
                    // A scraper that breaks off or is idle for long is let go.
                    let _ = answer_all(stream, &exposition).await;
                });
            }
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn answer_all(stream: TcpStream, exposition: &Exposition) -> Result<(), WireError> {
    let mut wire = Wire::new(stream);
    while timeout(LIMIT, answer(&mut wire, exposition))
        .await
        .unwrap_or(Ok(false))?
    {}
    Ok(())
}

/// Answers one request; whether another may follow.
async fn answer(wire: &mut Wire, exposition: &Exposition) -> Result<bool, WireError> {
    let (found, to_head, stays) = loop {
        if let Some(head) = read_head(wire)? {
            break head;
        }
        if wire.fill().await? == 0 {
            return Ok(false);
        }
    };
    let (status, body) = if found {
        ("200 OK", (exposition.write)(&exposition.tallies))
    } else {
        ("404 Not Found", String::from("metrics are at /metrics\n"))
    };
    let connection = if stays { "" } else { "connection: close\r\n" };
    let head = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\n{connection}\r\n",
        body.len()
    );
    wire.output.extend_from_slice(head.as_bytes());
    if !to_head {
        wire.output.extend_from_slice(body.as_bytes());
    }
    wire.flush().await?;
    Ok(stays)
}

/// Whether a request asks for metrics, whether for their head only, and whether another may follow.
fn read_head(wire: &mut Wire) -> Result<Option<(bool, bool, bool)>, WireError> {
    let mut space = space();
    let Some(head) = RequestHead::parse(wire.unread(), &mut space)? else {
        return Ok(None);
    };
    let path = head.target.split('?').next();
    let to_head = head.method == "HEAD";
    let found = path == Some("/metrics") && (to_head || head.method == "GET");
    // A body is not read, so nothing can follow it.
    let stays = head.keep_alive && head.minor == 1 && head.framing == Framing::Empty;
    let length = head.length;
    wire.consume(length);
    Ok(Some((found, to_head, stays)))
}
