//! Interval logs of HdrHistogram: one histogram of latencies a second and version, in the format
//! (V2, compressed) that the tools of that project read and plot.

use std::fmt;
use std::io::{self, Write};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use hdrhistogram::CreationError;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::durations::Durations;
use crate::base::Span;
use crate::engine::live::name_of;
use crate::telemetry::Version;

/// Where a log goes.
pub struct IntervalLog {
    /// The file.
    pub writer: Box<dyn Write + Send>,
    /// When the run begins, for the log's `StartTime`.
    pub began: SystemTime,
}

impl fmt::Debug for IntervalLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IntervalLog")
            .field("began", &self.began)
            .finish_non_exhaustive()
    }
}

/// Histograms of one interval: by version, and of answers that named none.
pub(super) type Interval = [Durations; 4];

/// One interval on its way to the log.
#[derive(Debug)]
struct Page {
    interval: Box<Interval>,
    from: Span,
    length: Span,
}

/// Fills intervals; a thread of its own packs and writes them, because that takes milliseconds.
#[derive(Debug)]
pub(super) struct Logger {
    current: Box<Interval>,
    began: Span,
    full: SyncSender<Page>,
    empty: Receiver<Box<Interval>>,
    thread: JoinHandle<io::Result<()>>,
    /// Intervals that the writer was too slow for: they became part of the next one.
    pub(super) delayed: u64,
}

/// Intervals under way at most: filled, waiting, being written.
const BUFFERS: usize = 4;

fn interval() -> Result<Box<Interval>, CreationError> {
    let one = Durations::new;
    Ok(Box::new([one()?, one()?, one()?, one()?]))
}

impl Logger {
    /// Begins a log.
    ///
    /// # Errors
    /// When no thread is to be had.
    pub(super) fn start(log: IntervalLog) -> io::Result<Logger> {
        let made = |made: Result<Box<Interval>, CreationError>| made.map_err(io::Error::other);
        let (full, pages) = sync_channel(BUFFERS);
        let (back, empty) = sync_channel(BUFFERS);
        for _ in 1..BUFFERS {
            // There is room for all of them.
            let _ = back.try_send(made(interval())?);
        }
        let thread = thread::Builder::new()
            .name("coalmine-log".to_owned())
            .spawn(move || write(log, &pages, &back))?;
        Ok(Logger {
            current: made(interval())?,
            began: Span::ZERO,
            full,
            empty,
            thread,
            delayed: 0,
        })
    }

    #[inline]
    pub(super) fn record(&mut self, version: Option<Version>, latency: Span) {
        let place = version.map_or(Version::ALL.len(), |version| version as usize);
        self.current[place].record(latency);
    }

    /// Ends the present interval at `now`, counted from the start of the run.
    pub(super) fn roll(&mut self, now: Span) {
        let Ok(next) = self.empty.try_recv() else {
            self.delayed += 1;
            return;
        };
        let page = Page {
            interval: std::mem::replace(&mut self.current, next),
            from: self.began,
            length: now - self.began,
        };
        self.began = now;
        if let Err(TrySendError::Full(page) | TrySendError::Disconnected(page)) =
            self.full.try_send(page)
        {
            // The writer has failed, which `finish` tells.
            self.current = page.interval;
        }
    }

    /// Writes what is there and ends the log.
    ///
    /// # Errors
    /// When something could not be written.
    pub(super) fn finish(mut self, now: Span) -> io::Result<()> {
        let page = Page {
            interval: self.current,
            from: self.began,
            length: now - self.began,
        };
        self.current = interval().map_err(io::Error::other)?;
        let _ = self.full.send(page);
        drop(self.full);
        match self.thread.join() {
            Ok(written) => written,
            Err(_) => Err(io::Error::other("the log's writer failed")),
        }
    }
}

fn write(
    log: IntervalLog,
    pages: &Receiver<Page>,
    back: &SyncSender<Box<Interval>>,
) -> io::Result<()> {
    let IntervalLog { mut writer, began } = log;
    writeln!(writer, "#[Histogram log format version 1.3]")?;
    let mut serializer = V2DeflateSerializer::new();
    let mut text = Vec::new();
    {
        let mut header = IntervalLogWriterBuilder::new();
        header.with_start_time(began).with_base_time(began);
        header.begin_log_with(&mut text, &mut serializer)?;
    }
    writeln!(
        text,
        "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\""
    )?;
    writer.write_all(&text)?;
    for mut page in pages {
        text.clear();
        for (place, durations) in page.interval.iter().enumerate() {
            if durations.is_empty() {
                continue;
            }
            let version = Version::ALL.get(place);
            let tag = version.and_then(|version| Tag::new(name_of(*version)));
            // Values are nanoseconds, the greatest too.
            let mut lines =
                IntervalLogWriterBuilder::new().begin_log_with(&mut text, &mut serializer)?;
            let span = |span: Span| Duration::from_nanos(span.as_nanos());
            lines
                .write_histogram(
                    durations.histogram(),
                    span(page.from),
                    span(page.length),
                    tag,
                )
                .map_err(|error| io::Error::other(error.to_string()))?;
        }
        writer.write_all(&text)?;
        page.interval.iter_mut().for_each(Durations::clear);
        let _ = back.try_send(page.interval);
    }
    writer.flush()
}
