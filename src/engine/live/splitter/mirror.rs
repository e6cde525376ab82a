//! Copies of requests for the canary, whose answers nobody waits for.

use std::rc::Rc;

use tokio::time::timeout;

use super::client::duration;
use super::forward::Ask;
use super::worker::Worker;
use crate::engine::actors::pool::Place;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, Framing, RequestHead, ResponseHead, Wire, WireError, space};
use crate::telemetry::Version;

/// Copies under way at most; further ones are left out, so that a slow canary fills no memory.
const MOST: u32 = 1024;

/// Sends a copy of a request, which must be `whole`, on its way.
pub(super) fn copy(worker: &Rc<Worker>, request: &[u8], ask: &Ask, whole: bool) {
    if !whole || worker.mirrors.get() >= MOST {
        worker.counters.unmirrored.count();
        return;
    }
    let now = worker.seconds(Moment::now());
    let Some(place) = worker.balancer.borrow_mut().choose(Version::Canary, now) else {
        worker.counters.unmirrored.count();
        return;
    };
    worker.counters.mirrored.count();
    worker.mirrors.set(worker.mirrors.get() + 1);
    let (worker, request, to_head) = (Rc::clone(worker), shadow(request), ask.to_head);
    tokio::task::spawn_local(async move {
        let idle = worker.balancer.borrow_mut().begin(place);
        let limit = worker.patience[place.version as usize].unwrap_or(worker.options.stall);
        let asking = send(&worker, place, idle, &request, to_head);
        let failed = match timeout(duration(limit), asking).await {
            Ok(Ok(status)) => status >= 500,
            Ok(Err(_)) | Err(_) => true,
        };
        worker.end(place, Some(failed), Moment::now());
        worker.mirrors.set(worker.mirrors.get() - 1);
    });
}

/// A request marked as a copy, as Envoy marks it: its host ends in `-shadow`.
fn shadow(request: &[u8]) -> Vec<u8> {
    let mut space = space();
    let head = RequestHead::parse(request, &mut space).ok().flatten();
    let host = head.and_then(|head| head.header("host"));
    // The value lies within the request.
    let end = host.map(|host| host.as_ptr() as usize - request.as_ptr() as usize + host.len());
    let (before, after) = request.split_at(end.unwrap_or(0));
    let mark: &[u8] = if before.is_empty() { b"" } else { b"-shadow" };
    [before, mark, after].concat()
}

/// Sends a request and reads all of its answer; returns the status.
async fn send(
    worker: &Worker,
    place: Place,
    idle: Option<Wire>,
    request: &[u8],
    to_head: bool,
) -> Result<u16, WireError> {
    let mut wire = match idle {
        Some(wire) => wire,
        None => {
            worker.counters.connects.count();
            let address = worker.endpoints.address(place.version, place.index.into());
            Wire::connect(address).await?
        }
    };
    wire.output.extend_from_slice(request);
    wire.flush().await?;
    loop {
        if wire.fill().await? == 0 {
            return Err(WireError::Cut);
        }
        while let Some((length, status, framing, keep_alive)) = read_head(&wire, to_head)? {
            wire.consume(length);
            if status < 200 {
                continue;
            }
            wire.read_body(&mut Body::new(framing), |_| {}).await?;
            if keep_alive && wire.unread().is_empty() {
                worker.balancer.borrow_mut().keep(place, wire);
            }
            return Ok(status);
        }
    }
}

type Head = (usize, u16, Framing, bool);

fn read_head(wire: &Wire, to_head: bool) -> Result<Option<Head>, WireError> {
    let mut space = space();
    let head = ResponseHead::parse(wire.unread(), &mut space, to_head)?;
    Ok(head.map(|head| (head.length, head.status, head.framing, head.keep_alive)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_is_marked_in_its_host_alone() {
        let text = "GET /a HTTP/1.1\r\nHost: shop:80\r\nx: y\r\n\r\nbody";
        let marked = "GET /a HTTP/1.1\r\nHost: shop:80-shadow\r\nx: y\r\n\r\nbody";
        assert_eq!(shadow(text.as_bytes()), marked.as_bytes());
        assert_eq!(shadow(b"no request"), b"no request");
    }
}
