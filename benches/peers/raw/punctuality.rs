//! How well arrivals keep to a wanted rate.

use std::io;

use serde_json::json;

#[derive(Debug, clap::Args)]
pub struct Wanted {
    /// How many arrivals a second were wanted.
    #[arg(long)]
    rate: f64,
    /// How much of the beginning to leave out, while connections open.
    #[arg(long, default_value_t = 250)]
    skip_ms: u64,
}

const STRETCH: f64 = 0.25;

impl Wanted {
    /// Lateness, and the index of dispersion of the counts in each millisecond: 0 is a perfect
    /// clock, 1 is Poisson.
    ///
    /// An arrival is late by how far it is behind the straight line of the wanted rate. The line's
    /// zero is the best hundredth in each quarter of a second, so that a constant delay costs
    /// nothing; `behind_us` has one zero for all, so that a stall shows in full.
    pub fn tell(&self, arrivals: &[u64]) -> io::Result<String> {
        let first = arrivals.first().copied().unwrap_or(0);
        let kept: Vec<u64> = arrivals
            .iter()
            .copied()
            .filter(|nanos| nanos - first >= self.skip_ms * 1_000_000)
            .collect();
        let stretch = ((self.rate * STRETCH) as usize).max(100);
        let mut late: Vec<f64> = kept
            .chunks(stretch)
            .flat_map(|chunk| self.behind(chunk))
            .collect();
        let mut behind = self.behind(arrivals);
        Ok(json!({
            "requests": arrivals.len(),
            "lateness_us": quantiles(&mut late),
            "behind_us": quantiles(&mut behind),
            "dispersion_per_ms": dispersion(&kept),
        })
        .to_string())
    }

    /// Microseconds by which each of these is behind the line whose zero is the best hundredth.
    fn behind(&self, arrivals: &[u64]) -> Vec<f64> {
        let Some(first) = arrivals.first() else {
            return Vec::new();
        };
        let mut behind: Vec<f64> = arrivals
            .iter()
            .enumerate()
            .map(|(index, nanos)| (nanos - first) as f64 / 1e3 - index as f64 / self.rate * 1e6)
            .collect();
        let mut sorted = behind.clone();
        sorted.sort_by(f64::total_cmp);
        let zero = sorted[sorted.len() / 100];
        for late in &mut behind {
            *late = (*late - zero).max(0.0);
        }
        behind
    }
}

/// Variance over mean of the arrivals in each whole millisecond.
fn dispersion(arrivals: &[u64]) -> Option<f64> {
    let (first, last) = (arrivals.first()?, arrivals.last()?);
    let mut counts = vec![0_u32; ((last - first) / 1_000_000) as usize];
    for nanos in arrivals {
        if let Some(count) = counts.get_mut(((nanos - first) / 1_000_000) as usize) {
            *count += 1;
        }
    }
    let number = counts.len() as f64;
    let mean = counts.iter().map(|count| f64::from(*count)).sum::<f64>() / number;
    let squares = counts
        .iter()
        .map(|count| (f64::from(*count) - mean).powi(2));
    (mean > 0.0).then(|| squares.sum::<f64>() / number / mean)
}

/// Mean and quantiles as the summaries here name them.
pub fn quantiles(values: &mut [f64]) -> serde_json::Value {
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let rank = (values.len() as f64 * share).ceil() as usize;
        values.get(rank.saturating_sub(1)).copied()
    };
    let mean = values.iter().sum::<f64>() / values.len().max(1) as f64;
    json!({
        "mean": mean,
        "p50": at(0.5),
        "p90": at(0.9),
        "p99": at(0.99),
        "p99.9": at(0.999),
        "max": at(1.0),
    })
}
