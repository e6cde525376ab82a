//! Recorded samples: series with their times and values.

mod reading;

pub use reading::SamplesError;

use super::labels::Labels;

/// Series that somebody recorded, in order of their labels.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Samples {
    series: Vec<Series>,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    labels: Labels,
    /// In nanoseconds, increasing.
    times: Vec<i64>,
    values: Vec<f64>,
}

/// The value that says that a series has ended: one of those that are not numbers.
pub const STALE: u64 = 0x7ff0_0000_0000_0002;

impl Samples {
    /// These series, each sample with its time in milliseconds. Samples are put in order; of several
    /// at one time the last stays, and series with equal labels become one.
    pub fn new(series: impl IntoIterator<Item = (Labels, Vec<(i64, f64)>)>) -> Samples {
        let mut all: Vec<(Labels, Vec<(i64, f64)>)> = series.into_iter().collect();
        all.sort_by(|a, b| a.0.cmp(&b.0));
        let mut series: Vec<(Labels, Vec<(i64, f64)>)> = Vec::new();
        for (labels, samples) in all {
            match series.last_mut() {
                Some((before, list)) if *before == labels => list.extend(samples),
                _ => series.push((labels, samples)),
            }
        }
        let series = series.into_iter().map(|(labels, mut samples)| {
            samples.sort_by_key(|(millis, _)| *millis);
            let (mut times, mut values) = (Vec::new(), Vec::new());
            for (millis, value) in samples {
                let nanos = millis.saturating_mul(1_000_000);
                if times.last() == Some(&nanos) {
                    times.pop();
                    values.pop();
                }
                times.push(nanos);
                values.push(value);
            }
            Series {
                labels,
                times,
                values,
            }
        });
        Samples {
            series: series.collect(),
        }
    }

    /// When the newest sample of all was taken, in milliseconds.
    pub fn newest(&self) -> Option<i64> {
        let last = self.series.iter().filter_map(|series| series.times.last());
        last.max().map(|nanos| nanos.div_euclid(1_000_000))
    }

    /// The series, in order of their labels.
    pub fn series(&self) -> &[Series] {
        &self.series
    }
}

impl Series {
    /// Its labels, the metric's name among them.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Its samples in order of time: milliseconds and values. Markers of its end are values that are not
    /// numbers.
    pub fn points(&self) -> impl Iterator<Item = (i64, f64)> {
        let times = self.times.iter().map(|nanos| nanos.div_euclid(1_000_000));
        times.zip(self.values.iter().copied())
    }

    pub(super) fn times(&self) -> &[i64] {
        &self.times
    }

    pub(super) fn values(&self) -> &[f64] {
        &self.values
    }
}
