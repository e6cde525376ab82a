//! What a load shows to those who scrape it, on a thread of its own: a scrape delays no request.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use super::seen::Seen;
use crate::engine::live::http::{Framing, RequestHead, Wire, WireError, space};

/// Writes the text of a scrape.
pub type Exposition = Arc<dyn Fn(&Seen) -> String + Send + Sync>;

/// Where a load shows its metrics, and as what.
#[derive(Clone)]
pub struct Exposed {
    /// Where it listens; port 0 for any.
    pub address: SocketAddr,
    /// What `GET /metrics` answers.
    pub page: Exposition,
}

impl fmt::Debug for Exposed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exposed")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// How long a scraper may take for a request.
const LIMIT: Duration = Duration::from_secs(60);

/// A thread that answers scrapes until it is dropped.
#[derive(Debug)]
pub(super) struct Page {
    pub(super) address: SocketAddr,
    stop: Arc<Notify>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Page {
    /// Listens and answers.
    ///
    /// # Errors
    /// When the address is not to be had.
    pub(super) fn start(exposed: &Exposed, seen: Arc<Seen>) -> io::Result<Page> {
        let listener = StdListener::bind(exposed.address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let stop = Arc::new(Notify::new());
        let (page, stopped) = (Arc::clone(&exposed.page), Arc::clone(&stop));
        let thread = thread::Builder::new()
            .name("coalmine-page".to_owned())
            .spawn(move || {
                let runtime = Builder::new_current_thread()
                    .enable_all()
                    .build_local(LocalOptions::default())?;
                runtime.block_on(async {
                    let listener = TcpListener::from_std(listener)?;
                    tokio::select! {
                        () = serve(listener, page, seen) => {}
                        () = stopped.notified() => {}
                    }
                    Ok(())
                })
            })?;
        Ok(Page {
            address,
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        self.stop.notify_one();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(listener: TcpListener, page: Exposition, seen: Arc<Seen>) {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let (page, seen) = (Arc::clone(&page), Arc::clone(&seen));
                tokio::task::spawn_local(async move {
                    let mut wire = Wire::new(stream);
                    // A scraper that breaks off or is idle for long is let go.
                    while let Ok(Ok(true)) = timeout(LIMIT, answer(&mut wire, &page, &seen)).await {
                    }
                });
            }
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    }
}

/// Answers one request; whether another may follow.
async fn answer(wire: &mut Wire, page: &Exposition, seen: &Seen) -> Result<bool, WireError> {
    let (found, stays) = loop {
        if let Some(asked) = asked(wire)? {
            break asked;
        }
        if wire.fill().await? == 0 {
            return Ok(false);
        }
    };
    let (status, body) = if found {
        ("200 OK", page(seen))
    } else {
        ("404 Not Found", String::from("metrics are at /metrics\n"))
    };
    let connection = if stays { "" } else { "connection: close\r\n" };
    let text = format!(
        "HTTP/1.1 {status}\r\ncontent-type: text/plain; version=0.0.4; charset=utf-8\r\n\
         content-length: {}\r\n{connection}\r\n{body}",
        body.len()
    );
    wire.output.extend_from_slice(text.as_bytes());
    wire.flush().await?;
    Ok(stays)
}

/// Whether a request asks for metrics, and whether another may follow.
fn asked(wire: &mut Wire) -> Result<Option<(bool, bool)>, WireError> {
    let mut space = space();
    let Some(head) = RequestHead::parse(wire.unread(), &mut space)? else {
        return Ok(None);
    };
    let found = head.method == "GET" && head.target.split('?').next() == Some("/metrics");
    // A body is not read, so nothing can follow it.
    let stays = head.keep_alive && head.framing == Framing::Empty && head.method != "HEAD";
    let length = head.length;
    wire.consume(length);
    Ok(Some((found, stays)))
}
