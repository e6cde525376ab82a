//! NGINX's access log, read as it is written: what NGINX says of each request.

use std::io::Read;
use std::process::ChildStdout;
use std::str;

use crate::base::Span;
use crate::engine::live::tally::Tally;
use crate::telemetry::Version;

/// The format of a line: version, status, seconds from the first byte of the request to the last of
/// the answer in whole milliseconds, and what was asked for.
pub(super) const FORMAT: &str = "$version $status $request_time $request_uri";

/// Counts the log's requests until its end. The pipe is read as fast as it fills: a worker that
/// cannot write its log would wait. `routes` are their names.
pub(super) fn count(mut log: ChildStdout, routes: &[String], tally: &Tally) {
    let (mut bytes, mut filled) = (vec![0; 64 * 1024], 0);
    while let Ok(read @ 1..) = log.read(&mut bytes[filled..]) {
        let end = filled + read;
        let mut begin = 0;
        while let Some(length) = bytes[begin..end].iter().position(|byte| *byte == b'\n') {
            if let Some(line) = Line::read(&bytes[begin..begin + length], routes) {
                tally.record(line.version, line.route, line.status, line.took);
            }
            begin += length + 1;
        }
        bytes.copy_within(begin..end, 0);
        filled = end - begin;
        if filled == bytes.len() {
            // No line of ours is so long.
            filled = 0;
        }
    }
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
struct Line {
    version: Version,
    route: usize,
    status: u16,
    took: Span,
}

impl Line {
    /// `None` for what is no request of a version.
    fn read(line: &[u8], routes: &[String]) -> Option<Line> {
        let mut words = str::from_utf8(line).ok()?.split(' ');
        let version = Version::named(words.next()?)?;
        let status = words.next()?.parse().ok()?;
        let (seconds, millis) = words.next()?.split_once('.')?;
        let took = seconds.parse::<u64>().ok()? * 1_000 + millis.parse::<u64>().ok()?;
        let path = words.next()?.split('?').next()?.strip_prefix('/')?;
        Some(Line {
            version,
            route: (routes.iter().position(|route| route == path)).unwrap_or(0),
            status,
            took: Span::from_millis(took),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Command, Stdio};

    use super::*;
    use crate::telemetry::Buckets;

    #[test]
    fn lines_of_the_log_are_counted_however_they_are_cut() {
        let mut cat = Command::new("cat")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = cat.stdin.take().unwrap();
        for piece in [
            "sta",
            "ble 200 0.012 /a\ncanary 503 1.2",
            "00 /b?c=1\nbas",
            "eline 200 0.000 /\n- 400 0.000 -\ncanary 200 0.007 /a\ncanary 2",
        ] {
            input.write_all(piece.as_bytes()).unwrap();
        }
        drop(input);
        let tally = Tally::new(2, &Buckets::istio());
        let routes = ["a", "b"].map(str::to_owned);
        count(cat.stdout.take().unwrap(), &routes, &tally);
        cat.wait().unwrap();
        let found: Vec<_> = (tally.read().into_iter())
            .map(|reading| {
                let place = (reading.version, reading.route, reading.code);
                (place, reading.requests, reading.took)
            })
            .collect();
        assert_eq!(
            found,
            [
                ((Version::Stable, 0, 200), 1, Span::from_millis(12)),
                ((Version::Canary, 0, 200), 1, Span::from_millis(7)),
                ((Version::Canary, 1, 503), 1, Span::from_millis(1_200)),
                ((Version::Baseline, 0, 200), 1, Span::ZERO),
            ]
        );
    }
}
