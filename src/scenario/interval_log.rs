//! Interval logs of HdrHistogram: how many requests there were in each interval, and how long they
//! took.
//!
//! Formats as in HdrHistogram's Java sources (`HistogramLogReader`, `AbstractHistogram`; public
//! domain): log versions 1.x with histograms encoded by V1 (fixed words) and V2 (ZigZag LEB128).

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use flate2::read::ZlibDecoder;

use super::trace::{MOST_BYTES, MOST_PROBLEMS, MOST_ROWS, TraceError, unpacked};
use crate::base::{Probability, Span};
use crate::model::service::Latency;
use crate::model::traffic::Trace;

/// The most bytes that a histogram may unpack to: of four digits it is a tenth of that.
const MOST_HISTOGRAM_BYTES: u64 = 64 * 1024 * 1024;

/// One interval of a log.
struct Interval {
    /// Seconds since some moment.
    start: f64,
    /// Seconds.
    length: f64,
    histogram: Histogram,
}

/// Lowest and highest value of each bucket that is not empty, in order, and its count.
struct Histogram(Vec<(f64, f64, f64)>);

/// The requests of a log in bins of `bin`; without one, in bins as long as its intervals mostly
/// are, to the second. An interval that lies in two bins is divided by time.
pub(super) fn trace(bytes: &[u8], bin: Option<Span>) -> Result<Trace, Vec<TraceError>> {
    let intervals = intervals(bytes)?;
    let one = |error| Err(vec![error]);
    let mut lengths: Vec<f64> = intervals.iter().map(|interval| interval.length).collect();
    lengths.sort_by(f64::total_cmp);
    let Some(usual) = lengths.get(lengths.len() / 2) else {
        return one(TraceError::NoRequests);
    };
    let bin = bin.unwrap_or_else(|| Span::from_secs_f64(usual.round().max(1.0)));
    let width = bin.as_secs_f64();
    let earliest = |a: f64, b: &Interval| a.min(b.start);
    let latest = |a: f64, b: &Interval| a.max(b.start + b.length);
    let begin = intervals.iter().fold(f64::INFINITY, earliest);
    let end = intervals.iter().fold(f64::NEG_INFINITY, latest);
    // Intervals are a little longer or shorter than they should be: what remains beyond the last
    // whole bin belongs to it.
    let bins = ((end - begin) / width).round().max(1.0);
    if bins > MOST_ROWS as f64 {
        return one(TraceError::TooLong);
    }
    let bins = bins as usize;
    let mut rates = vec![0.0; bins];
    for interval in &intervals {
        let (from, to) = (
            interval.start - begin,
            interval.start - begin + interval.length,
        );
        let rate = interval.histogram.count() / interval.length / width;
        let (first, last) = ((from / width) as usize, (to / width) as usize);
        for index in first..=last {
            let edge = index as f64 * width;
            let overlap = to.min(edge + width) - from.max(edge);
            rates[index.min(bins - 1)] += rate * overlap.max(0.0);
        }
    }
    if rates.iter().sum::<f64>() == 0.0 {
        return one(TraceError::NoRequests);
    }
    Trace::new(bin, rates).map_or_else(|| one(TraceError::NoRequests), Ok)
}

/// How long the requests of a log took, all intervals together. `unit` is the length of time that
/// a recorded 1 stands for, in seconds.
pub(super) fn latency(bytes: &[u8], unit: f64) -> Result<Latency, Vec<TraceError>> {
    let mut buckets: BTreeMap<u64, (f64, f64)> = BTreeMap::new();
    for interval in intervals(bytes)? {
        for (low, high, count) in interval.histogram.0 {
            // Positive floats are in the order of their bits.
            buckets.entry(high.to_bits()).or_insert((low, 0.0)).1 += count;
        }
    }
    let total: f64 = buckets.values().map(|(_, count)| count).sum();
    let span = |value: f64| Span::from_secs_f64(value * unit);
    let mut points: Vec<(Probability, Span)> = Vec::new();
    let mut sum = 0.0;
    let last = buckets.len().saturating_sub(1);
    for (index, (high, (low, count))) in buckets.iter().enumerate() {
        if index == 0 {
            points.push((Probability::ZERO, span(*low)));
        }
        sum += count;
        let share = sum / total;
        let before = points[points.len() - 1];
        // Points as dense in the tail as in the body, and no more than anyone can see.
        let step = share - before.0.get();
        let value = span(f64::from_bits(*high));
        if index == last {
            points.push((Probability::ONE, value.max(before.1 + Span::from_nanos(1))));
        } else if step >= 0.01 * before.0.complement()
            && value > before.1
            && let Some(share) = Probability::new(share)
        {
            points.push((share, value));
        }
    }
    Latency::empirical(points).map_err(|_| vec![TraceError::NoRequests])
}

/// Everything between the lines that begin with `#` and the heading.
fn intervals(bytes: &[u8]) -> Result<Vec<Interval>, Vec<TraceError>> {
    let mut intervals = Vec::new();
    let mut problems = Vec::new();
    let lines = BufReader::new(unpacked(bytes).take(MOST_BYTES)).lines();
    for (index, line) in lines.enumerate() {
        let line = line.map_err(|error| vec![TraceError::Unreadable(error.to_string())])?;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') || line.starts_with('"') {
            continue;
        }
        match interval(line) {
            Some(interval) => intervals.push(interval),
            None => problems.push(TraceError::NotAnInterval {
                line: index as u64 + 1,
                text: line.chars().take(60).collect(),
            }),
        }
        if problems.len() >= MOST_PROBLEMS {
            break;
        }
    }
    match problems.is_empty() {
        true => Ok(intervals),
        false => Err(problems),
    }
}

/// Start, length, maximum and histogram, with a tag before them or without.
fn interval(line: &str) -> Option<Interval> {
    let mut cells: Vec<&str> = line.split(',').map(str::trim).collect();
    if cells.first()?.starts_with("Tag=") {
        cells.remove(0);
    }
    let [start, length, _, histogram] = cells[..] else {
        return None;
    };
    let start: f64 = start.parse().ok()?;
    let length: f64 = length.parse().ok()?;
    let possible = start.is_finite() && length.is_finite() && length > 0.0;
    let histogram = Histogram::decode(histogram)?;
    possible.then_some(Interval {
        start,
        length,
        histogram,
    })
}

const V1: u32 = 0x1c84_9301;
const V1_COMPRESSED: u32 = 0x1c84_9302;
const V2: u32 = 0x1c84_9303;
const V2_COMPRESSED: u32 = 0x1c84_9304;
/// The bits of a cookie that tell the size of a word.
const WORD: u32 = 0xf0;

impl Histogram {
    fn count(&self) -> f64 {
        self.0.iter().map(|(.., count)| count).sum()
    }

    fn decode(text: &str) -> Option<Histogram> {
        let packed = BASE64_STANDARD.decode(text).ok()?;
        let cookie = be_u32(&packed, 0)? & !WORD;
        let packed = packed.get(8..)?;
        if cookie != V1_COMPRESSED && cookie != V2_COMPRESSED {
            return None;
        }
        let mut raw = Vec::new();
        let plain = ZlibDecoder::new(packed)
            .take(MOST_HISTOGRAM_BYTES)
            .read_to_end(&mut raw);
        plain.ok()?;
        let cookie = be_u32(&raw, 0)?;
        let length = be_u32(&raw, 4)? as usize;
        let shifted = be_u32(&raw, 8)?;
        let digits = be_u32(&raw, 12)?;
        let lowest = be_u64(&raw, 16)?;
        if shifted != 0 || digits > 5 || lowest == 0 {
            return None;
        }
        let payload = raw.get(40..40_usize.checked_add(length)?)?;
        let counts = match cookie & !WORD {
            V1 => words(payload, (cookie & WORD) >> 4)?,
            V2 => zig_zag(payload)?,
            _ => return None,
        };
        let scale = Scale::new(lowest, digits);
        let bucket = |(index, count): (u64, i64)| {
            let (low, high) = scale.bounds(index)?;
            Some((low, high, count as f64))
        };
        counts
            .into_iter()
            .map(bucket)
            .collect::<Option<Vec<_>>>()
            .map(Histogram)
    }
}

/// Which values a bucket holds.
struct Scale {
    unit: u32,
    /// The upper half of each range of buckets has 2 to this power of them.
    half: u32,
}

impl Scale {
    fn new(lowest: u64, digits: u32) -> Scale {
        let resolution = 2 * 10_u64.pow(digits);
        Scale {
            unit: lowest.ilog2(),
            half: resolution.next_power_of_two().ilog2().max(1) - 1,
        }
    }

    /// The first bucket counts from 0 in steps of the unit; from twice `2^half` on each further
    /// `2^half` buckets are twice as wide as those before.
    fn bounds(&self, index: u64) -> Option<(f64, f64)> {
        let half = 1_u64 << self.half;
        let (doubled, sub) = match index >> self.half {
            0 => (0, index),
            range => (range - 1, (index & (half - 1)) + half),
        };
        let shift = u32::try_from(doubled).ok()?.checked_add(self.unit)?;
        (shift < 63).then_some(())?;
        let width = (1_u64 << shift) as f64;
        let low = sub as f64 * width;
        Some((low, low + width))
    }
}

/// Counts above zero, in words of 2, 4 or 8 bytes, with their indices.
fn words(payload: &[u8], size: u32) -> Option<Vec<(u64, i64)>> {
    let size = (size & 0xe) as usize;
    if ![2, 4, 8].contains(&size) {
        return None;
    }
    let count = |word: &[u8]| {
        word.iter()
            .fold(0_i64, |sum, byte| (sum << 8) | i64::from(*byte))
    };
    let counts = payload.chunks_exact(size).map(count).enumerate();
    let full = counts.filter(|(_, count)| *count > 0);
    Some(full.map(|(index, count)| (index as u64, count)).collect())
}

/// Counts above zero as ZigZag LEB128 of up to nine bytes, the ninth whole; a negative one is so
/// many zeros.
fn zig_zag(payload: &[u8]) -> Option<Vec<(u64, i64)>> {
    let mut counts = Vec::new();
    let mut bytes = payload.iter();
    let mut index = 0_u64;
    while let Some(first) = bytes.next() {
        let mut value = u64::from(first & 0x7f);
        let mut more = first & 0x80 != 0;
        let mut shift = 7;
        while more {
            let byte = *bytes.next()?;
            let is_ninth = shift == 56;
            let bits = if is_ninth { byte } else { byte & 0x7f };
            value |= u64::from(bits) << shift;
            more = !is_ninth && byte & 0x80 != 0;
            shift += 7;
        }
        let count = (value >> 1) as i64 ^ -((value & 1) as i64);
        if count < 0 {
            // Many empty ones in a row.
            index = index.checked_add(count.unsigned_abs())?;
        } else {
            if count > 0 {
                counts.push((index, count));
            }
            index += 1;
        }
    }
    Some(counts)
}

fn be_u32(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(word.try_into().ok()?))
}

fn be_u64(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..at + 8)?;
    Some(u64::from_be_bytes(word.try_into().ok()?))
}

#[cfg(test)]
mod tests;
