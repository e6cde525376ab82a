//! One question to a program's own HTTP interface: is it ready, what has it counted.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use crate::base::Span;
use crate::engine::live::clock::Moment;
use crate::engine::live::http::{Body, ResponseHead, space};

/// How much of an answer is read: a program that says more is not the one that was started.
const LONGEST: usize = 64 * 1024 * 1024;

/// Asks for a path and returns status and body.
///
/// # Errors
/// When there is no whole answer within `limit`.
pub fn get(address: SocketAddr, path: &str, limit: Span) -> io::Result<(u16, String)> {
    ask("GET", address, path, limit)
}

/// Orders what a path stands for, and returns status and body.
///
/// # Errors
/// When there is no whole answer within `limit`.
pub fn post(address: SocketAddr, path: &str, limit: Span) -> io::Result<(u16, String)> {
    ask("POST", address, path, limit)
}

fn ask(method: &str, address: SocketAddr, path: &str, limit: Span) -> io::Result<(u16, String)> {
    let deadline = Moment::now() + limit;
    let mut stream = TcpStream::connect_timeout(&address, left_until(deadline)?)?;
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = Vec::new();
    let mut piece = [0; 16 * 1024];
    loop {
        stream.set_read_timeout(Some(left_until(deadline)?))?;
        let read = stream.read(&mut piece)?;
        answer.extend_from_slice(&piece[..read]);
        if let Some(whole) = whole(&answer, read == 0)? {
            return Ok(whole);
        }
        if read == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if answer.len() > LONGEST {
            return Err(io::Error::other("the answer has no end"));
        }
    }
}

fn left_until(deadline: Moment) -> io::Result<Duration> {
    let left = deadline.since(Moment::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    Ok(Duration::from_nanos(left.as_nanos()))
}

/// Status and body of an answer, when all of it is there.
fn whole(answer: &[u8], ended: bool) -> io::Result<Option<(u16, String)>> {
    let mut space = space();
    let head = ResponseHead::parse(answer, &mut space, false)
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let Some(head) = head else {
        return Ok(None);
    };
    let (mut body, mut text) = (Body::new(head.framing), Vec::new());
    body.read(&answer[head.length..], |content| {
        text.extend_from_slice(content)
    })
    .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let complete = body.is_complete() || (ended && body.ends_with_connection());
    Ok(complete.then(|| (head.status, String::from_utf8_lossy(&text).into_owned())))
}
