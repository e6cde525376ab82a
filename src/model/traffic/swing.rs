//! Random swings of the rate around its profile.

use rand::{Rng, RngExt, SeedableRng};
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::Path;
use crate::base::{Probability, Span, Stream, Time};

/// How the rate swings at random. Every swing has mean 1 and is stationary.
#[derive(Debug, Clone, PartialEq)]
pub enum Swing {
    /// The exponential of a sum of independent first-order autoregressions on a grid of a minute
    /// (a Cox process): a single term has short memory, several with long time constants have long
    /// memory.
    LogNormal {
        /// Standard deviation of each term of the logarithm, and the time after which its
        /// autocorrelation has fallen to 1/e.
        terms: Vec<(f64, Span)>,
    },
    /// A Markov-modulated Poisson process of two states.
    Mmpp {
        /// Rate of the high state over rate of the low one, above 1.
        ratio: f64,
        /// Share of time in the high state.
        high: Probability,
        /// Mean length of a burst.
        burst: Span,
    },
    /// Sources that are on and off for times from a Pareto distribution of this shape, between 1
    /// and 2: self-similar, with Hurst exponent `(3 - shape) / 2`.
    OnOff {
        /// Number of sources, all alike.
        sources: u32,
        /// Shape of the Pareto distribution.
        shape: f64,
        /// Shortest time on and off.
        shortest: Span,
    },
}

const MINUTE: Span = Span::from_secs(60);
/// The most steps of the grid that ON/OFF sources are counted on.
const MOST_CELLS: u64 = 4_000_000;

impl Swing {
    /// The log-normal swing with this coefficient of variation and long memory: a fit to the
    /// requests per minute of July 1995 at the web server of the Kennedy Space Center, after taking
    /// out hours and weekends (45 %, 23 % and 32 % of the variance with time constants of 1 minute,
    /// 1 hour and 72 hours; its coefficient of variation is 0.44).
    pub fn long_memory(cv: f64) -> Swing {
        Swing::log_normal(
            cv,
            &[(0.45, 60), (0.23, 3_600), (0.32, 72 * 3_600)]
                .map(|(share, seconds)| (share, Span::from_secs(seconds))),
        )
    }

    /// The log-normal swing with this coefficient of variation; `memory` divides the variance of
    /// its logarithm among terms with these time constants, in shares of 1.
    pub fn log_normal(cv: f64, memory: &[(f64, Span)]) -> Swing {
        let variance = (cv * cv).ln_1p();
        Swing::LogNormal {
            terms: (memory.iter())
                .map(|(share, time)| ((share * variance).sqrt(), *time))
                .collect(),
        }
    }

    /// The factor from the start to `horizon`.
    pub(super) fn draw(&self, horizon: Span, stream: &mut Stream) -> Path {
        match self {
            Swing::LogNormal { terms } => log_normal(terms, horizon, stream),
            Swing::Mmpp { ratio, high, burst } => {
                mmpp(*ratio, high.get(), burst.as_secs_f64(), horizon, stream)
            }
            Swing::OnOff {
                sources,
                shape,
                shortest,
            } => on_off(*sources, *shape, *shortest, horizon, stream),
        }
    }
}

fn log_normal(terms: &[(f64, Span)], horizon: Span, stream: &mut Stream) -> Path {
    let mut normal = || -> f64 { StandardNormal.sample(stream) };
    // E exp(x) = exp(variance / 2).
    let correction = terms
        .iter()
        .map(|(deviation, _)| deviation * deviation)
        .sum::<f64>()
        / 2.0;
    let steps: Vec<(f64, f64)> = (terms.iter())
        .map(|(deviation, time)| {
            let stay = (-MINUTE.as_secs_f64() / time.as_secs_f64()).exp();
            (stay, deviation * (1.0 - stay * stay).sqrt())
        })
        .collect();
    let mut values: Vec<f64> = terms
        .iter()
        .map(|(deviation, _)| deviation * normal())
        .collect();
    let mut path = Path::default();
    let mut now = Time::START;
    loop {
        path.push(now, (values.iter().sum::<f64>() - correction).exp());
        now += MINUTE;
        if now >= Time::START + horizon {
            return path;
        }
        for (value, (stay, move_by)) in values.iter_mut().zip(&steps) {
            *value = stay * *value + move_by * normal();
        }
    }
}

fn mmpp(ratio: f64, high: f64, burst: f64, horizon: Span, stream: &mut Stream) -> Path {
    // Mean 1: high · r1 + (1 - high) · r2 with r1 = ratio · r2.
    let low_rate = 1.0 / (high * ratio + 1.0 - high);
    let lull = burst * (1.0 - high) / high;
    let mut is_high = stream.random::<f64>() < high;
    let mut path = Path::default();
    let mut now = Time::START;
    while now < Time::START + horizon {
        let (rate, mean) = match is_high {
            true => (ratio * low_rate, burst),
            false => (low_rate, lull),
        };
        path.push(now, rate);
        let stay: f64 = Exp1.sample(stream);
        now += Span::from_secs_f64(stay * mean).max(Span::from_nanos(1));
        is_high = !is_high;
    }
    path
}

/// Counts the sources that are on, on a grid of half the shortest time: within a step the mean.
fn on_off(sources: u32, shape: f64, shortest: Span, horizon: Span, stream: &mut Stream) -> Path {
    let least = horizon.as_nanos() / MOST_CELLS + 1;
    let cell = Span::from_nanos((shortest.as_nanos() / 2).max(least));
    let cells = (horizon.as_nanos().div_ceil(cell.as_nanos())).max(1) as usize;
    let width = cell.as_secs_f64();
    // Sources on at the start of a cell, as changes from cell to cell, and parts of cells.
    let (mut whole, mut part) = (vec![0.0; cells + 2], vec![0.0; cells + 1]);
    let mut since = |at: f64, sign: f64| {
        let place = (at / width).min(cells as f64);
        let index = place as usize;
        part[index] += sign * (index as f64 + 1.0 - place);
        whole[index + 1] += sign;
    };
    let end = cells as f64 * width;
    for _ in 0..sources {
        // A stream of its own, so that a longer horizon does not change what happens before.
        let mut own = Stream::seed_from_u64(stream.next_u64());
        let mut is_on = own.random::<bool>();
        if is_on {
            since(0.0, 1.0);
        }
        let mut now = residual(shape, shortest.as_secs_f64(), &mut own);
        while now < end {
            since(now, if is_on { -1.0 } else { 1.0 });
            is_on = !is_on;
            let uniform = 1.0 - own.random::<f64>();
            now += shortest.as_secs_f64() * uniform.powf(-1.0 / shape);
        }
    }
    let expected = f64::from(sources) / 2.0;
    let mut path = Path::default();
    let mut on = 0.0;
    for index in 0..cells {
        on += whole[index];
        // Parts of cells leave float dust.
        let mean = ((on + part[index]) / expected).max(0.0);
        path.push(Time::START + cell * index as u64, mean);
    }
    path
}

/// The rest of a Pareto time (from 1 to infinity in units of `shortest`) at a moment picked at
/// random: its density is the survival function over the mean, `shape / (shape - 1)`.
fn residual(shape: f64, shortest: f64, stream: &mut Stream) -> f64 {
    let survival = 1.0 - stream.random::<f64>();
    // Flat up to the shortest time, with 1 / shape beyond it.
    let rest = if survival > 1.0 / shape {
        (1.0 - survival) * shape / (shape - 1.0)
    } else {
        (shape * survival).powf(-1.0 / (shape - 1.0))
    };
    shortest * rest
}

#[cfg(test)]
mod tests;
