//! Text shown at `/metrics`, to whoever scrapes it.

use std::rc::Rc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use super::http::{Framing, RequestHead, Wire, WireError, space};

/// How long a scraper may take for a request.
const LIMIT: Duration = Duration::from_secs(60);

/// What is shown, or why nothing can be.
pub(super) type Shown = Result<String, String>;

/// Answers scrapes with what `write` writes, inside a thread's local runtime.
pub(super) async fn serve(listener: TcpListener, write: impl Fn() -> Shown + 'static) {
    let exposition: Rc<dyn Fn() -> Shown> = Rc::new(write);
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                let exposition = Rc::clone(&exposition);
                tokio::task::spawn_local(async move {
                    // A scraper that breaks off or is idle for long is let go.
                    let _ = answer_all(stream, &*exposition).await;
                });
            }
            Err(_) => sleep(Duration::from_millis(5)).await,
        }
    }
}

async fn answer_all(stream: TcpStream, exposition: &dyn Fn() -> Shown) -> Result<(), WireError> {
    let mut wire = Wire::new(stream);
    while timeout(LIMIT, answer(&mut wire, exposition))
        .await
        .unwrap_or(Ok(false))?
    {}
    Ok(())
}

/// Answers one request; whether another may follow.
async fn answer(wire: &mut Wire, exposition: &dyn Fn() -> Shown) -> Result<bool, WireError> {
    let (found, to_head, stays) = loop {
        if let Some(head) = read_head(wire)? {
            break head;
        }
        if wire.fill().await? == 0 {
            return Ok(false);
        }
    };
    let (status, body) = if found {
        match exposition() {
            Ok(metrics) => ("200 OK", metrics),
            Err(why) => ("503 Service Unavailable", why),
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Span, Time};
    use crate::engine::live::scrape::{Scraper, Target};
    use crate::telemetry::exposition::{Dialect, Part, Vendor};
    use crate::telemetry::{Birth, Buckets, Plan, Sampling};

    #[test]
    fn what_cannot_be_shown_is_refused_with_its_reason() {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build_local(tokio::runtime::LocalOptions::default());
        runtime.unwrap().block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::task::spawn_local(serve(listener, || Err("it is gone".to_owned())));
            let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
            let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
            let target = Target::new(Part::Splitter, address);
            let mut scraper = Scraper::new(dialect, vec![target], Span::from_secs(20));
            let round = scraper.round(Time::START).await;
            let error = round.results[0].as_ref().unwrap_err().to_string();
            assert_eq!(error, "it answered 503: it is gone");
        });
    }
}
