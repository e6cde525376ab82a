//! How a user's requests follow one another.

use rand::{Rng, RngExt};

use crate::base::Probability;
use crate::model::service::Latency;

/// Visits of a user: pages with thinking in between, and further requests with each page.
///
/// A session has one page with probability `single`, otherwise two or more (geometric), `pages` on
/// average over all sessions. The next page is asked for when the answer to the page before it and
/// the thinking time are over (half-open).
#[derive(Debug, Clone, PartialEq)]
pub struct Sessions {
    /// Share of sessions of a single page.
    pub single: Probability,
    /// Mean number of pages; at least that of sessions of two pages where not of one.
    pub pages: f64,
    /// Mean number of further requests within a second of each page (geometric, from 0).
    pub embedded: f64,
    /// Thinking time between pages.
    pub think: Latency,
}

impl Sessions {
    /// Sessions as on the web server of the Kennedy Space Center on 1 August 1995 (Internet Traffic
    /// Archive, NASA-HTTP; sessions end after 30 minutes of silence): 51 % of a single page, 3.3
    /// pages on average, 2.2 further requests with each, and log-normal thinking with a median of
    /// 42 s and 143 s on average.
    pub fn measured() -> Sessions {
        Sessions {
            // 0.51 is a probability.
            single: Probability::new(0.51).unwrap_or(Probability::ZERO),
            pages: 3.3,
            embedded: 2.2,
            think: Latency::LogNormal {
                location: 3.74,
                scale: 1.57,
            },
        }
    }

    /// Draws the number of pages of a session, at least 1.
    pub fn pages(&self, stream: &mut impl Rng) -> u32 {
        if stream.random::<f64>() < self.single.get() {
            return 1;
        }
        let several = self.single.complement();
        let beyond_two = (self.pages - self.single.get()) / several - 2.0;
        Geometric::of_mean(beyond_two)
            .draw(stream)
            .saturating_add(2)
    }

    /// The number of further requests of a page.
    pub fn further(&self) -> Geometric {
        Geometric::of_mean(self.embedded)
    }

    /// Draws the number of further requests of a page.
    pub fn embedded(&self, stream: &mut impl Rng) -> u32 {
        self.further().draw(stream)
    }

    /// Draws a thinking time in seconds.
    pub fn think(&self, stream: &mut impl Rng) -> f64 {
        self.think.sample(stream)
    }

    /// How long before the rollout sessions begin, so that those under way at its start are as many
    /// and as old as they would be: eight mean lengths, in seconds.
    pub fn run_up(&self) -> f64 {
        8.0 * (self.pages - 1.0).max(0.0) * self.think.mean()
    }

    /// Mean number of requests of a session.
    pub fn mean_requests(&self) -> f64 {
        self.pages * (1.0 + self.embedded)
    }
}

/// The geometric distribution on 0, 1, 2, …, drawn by inversion.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Geometric {
    /// Logarithm of the chance of one more; `None` where there is never any.
    ln_more: Option<f64>,
}

impl Geometric {
    /// The distribution with this mean; nothing but 0 when it is not above 0.
    pub fn of_mean(mean: f64) -> Geometric {
        // The chance of one more is mean / (1 + mean); its logarithm, without cancellation:
        Geometric {
            ln_more: (mean > 0.0).then(|| -(1.0 / mean).ln_1p()),
        }
    }

    /// Draws a number.
    #[inline]
    pub fn draw(self, stream: &mut impl Rng) -> u32 {
        let Some(ln_more) = self.ln_more else {
            return 0;
        };
        let uniform = 1.0 - stream.random::<f64>();
        (uniform.ln() / ln_more) as u32
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::Stream;

    /// Chi-square of counts against probabilities, and its degrees of freedom.
    fn chi_square(seen: &[f64], probability: impl Fn(usize) -> f64) -> (f64, f64) {
        let n: f64 = seen.iter().sum();
        let (mut chi, mut cells) = (0.0, 0.0);
        for (value, seen) in seen.iter().enumerate() {
            let expected = n * probability(value);
            if expected >= 20.0 {
                chi += (seen - expected).powi(2) / expected;
                cells += 1.0;
            }
        }
        (chi, cells)
    }

    #[test]
    fn pages_and_embedded_requests_follow_their_laws() {
        let sessions = Sessions::measured();
        let mut stream = Stream::seed_from_u64(8);
        let n = 100_000;
        let (mut pages, mut embedded) = (vec![0.0; 500], vec![0.0; 500]);
        let mut requests = 0.0;
        for _ in 0..n {
            let drawn = sessions.pages(&mut stream);
            pages[drawn as usize] += 1.0;
            for _ in 0..drawn {
                let more = sessions.embedded(&mut stream);
                embedded[more as usize] += 1.0;
                requests += 1.0 + f64::from(more);
            }
        }
        let stop: f64 = 1.0 / ((3.3 - 0.51) / 0.49 - 1.0);
        let page_law = |value: usize| match value {
            0 => 0.0,
            1 => 0.51,
            _ => 0.49 * stop * (1.0 - stop).powi(value as i32 - 2),
        };
        let embedded_law = |value: usize| (2.2_f64 / 3.2).powi(value as i32) / 3.2;
        for (seen, (chi, cells)) in [
            ("pages", chi_square(&pages, page_law)),
            ("embedded", chi_square(&embedded, embedded_law)),
        ] {
            // Mean plus five standard deviations: far below a chance of 0.001.
            assert!(
                cells > 15.0 && chi < cells + 5.0 * (2.0 * cells).sqrt(),
                "{seen}: {chi} {cells}"
            );
        }
        // The measured mean is 10.4. Standard error of ours: about 0.05.
        let mean = requests / f64::from(n);
        assert!((mean - sessions.mean_requests()).abs() < 0.25, "{mean}");
        assert!((sessions.mean_requests() - 10.4).abs() < 0.3);
    }

    #[test]
    fn thinking_takes_as_long_as_measured() {
        let sessions = Sessions::measured();
        let mut stream = Stream::seed_from_u64(9);
        let mut times: Vec<f64> = (0..20_000).map(|_| sessions.think(&mut stream)).collect();
        times.sort_by(f64::total_cmp);
        // Median 42 s by the fit (38 s measured); p90 314 s. Standard errors below 2 %.
        assert!(
            (times[10_000] / 42.1 - 1.0).abs() < 0.08,
            "{}",
            times[10_000]
        );
        assert!(
            (times[18_000] / 314.8 - 1.0).abs() < 0.10,
            "{}",
            times[18_000]
        );
        assert!((sessions.think.mean() - 143.0).abs() < 5.0);
    }

    #[test]
    fn sessions_of_a_single_page_have_one() {
        let sessions = Sessions {
            single: Probability::ONE,
            pages: 1.0,
            embedded: 0.0,
            ..Sessions::measured()
        };
        let mut stream = Stream::seed_from_u64(1);
        assert!((0..100).all(|_| sessions.pages(&mut stream) == 1));
        assert!((0..100).all(|_| sessions.embedded(&mut stream) == 0));
        assert_eq!(sessions.mean_requests(), 1.0);
    }
}
