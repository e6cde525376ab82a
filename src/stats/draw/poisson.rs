//! Poisson draws: by table where the same mean is drawn again and again, by transformed rejection
//! elsewhere.

use rand::{Rng, RngExt};
use statrs::function::gamma::ln_gamma;

/// A Poisson distribution that is cheap to make and to draw from at any mean.
///
/// Below [`Poisson::INVERTED`] by inversion; above by Hörmann's transformed rejection PTRS (The
/// transformed rejection method for generating Poisson random variables, 1993).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Poisson {
    mean: f64,
    /// exp(−mean) when inverted, ln(mean) otherwise.
    base: f64,
    a: f64,
    b: f64,
    inverse_alpha: f64,
    accept: f64,
}

impl Poisson {
    /// Means up to this are drawn by inversion.
    pub const INVERTED: f64 = 12.0;

    /// The distribution with this mean; negative and not-a-number count as zero.
    pub fn new(mean: f64) -> Poisson {
        let mean = if mean > 0.0 { mean } else { 0.0 };
        if mean <= Poisson::INVERTED {
            return Poisson {
                mean,
                base: (-mean).exp(),
                a: 0.0,
                b: 0.0,
                inverse_alpha: 0.0,
                accept: 0.0,
            };
        }
        let b = 0.931 + 2.53 * mean.sqrt();
        Poisson {
            mean,
            base: mean.ln(),
            a: -0.059 + 0.024_83 * b,
            b,
            inverse_alpha: 1.1239 + 1.1328 / (b - 3.4),
            accept: 0.9277 - 3.6224 / (b - 2.0),
        }
    }

    /// The mean.
    pub fn mean(&self) -> f64 {
        self.mean
    }

    /// Draws one count.
    #[inline]
    pub fn sample(&self, stream: &mut impl Rng) -> u64 {
        if self.mean <= Poisson::INVERTED {
            self.invert(stream.random())
        } else {
            self.reject(stream)
        }
    }

    fn invert(&self, uniform: f64) -> u64 {
        let mut term = self.base;
        let mut below = term;
        let mut count = 0_u64;
        // The bound is far beyond what any 53-bit uniform reaches at these means.
        while uniform >= below && count < 200 {
            count += 1;
            term *= self.mean / count as f64;
            below += term;
        }
        count
    }

    fn reject(&self, stream: &mut impl Rng) -> u64 {
        loop {
            let u = stream.random::<f64>() - 0.5;
            let v = stream.random::<f64>();
            let edge = 0.5 - u.abs();
            let drawn = (2.0 * self.a / edge + self.b) * u + self.mean + 0.43;
            if drawn < 0.0 {
                continue;
            }
            // Far below 2⁶³, and a signed number converts faster.
            let whole = drawn as i64 as u64;
            if edge >= 0.07 && v <= self.accept {
                return whole;
            }
            if edge < 0.013 && v > edge {
                continue;
            }
            let height = v * self.inverse_alpha / (self.a / (edge * edge) + self.b);
            if height.ln() <= self.ln_probability(whole as f64) {
                return whole;
            }
        }
    }

    /// Logarithm of the probability of `count`, when not inverted. Stirling's series, whose error
    /// is below 10⁻¹² from 32 on, needs one logarithm and loses nothing at large means.
    fn ln_probability(&self, count: f64) -> f64 {
        if count < 32.0 {
            return count * self.base - self.mean - ln_gamma(count + 1.0);
        }
        stirling(self.mean, self.base, count)
    }
}

fn stirling(mean: f64, ln_mean: f64, count: f64) -> f64 {
    let excess = count - mean;
    let ratio = (excess / mean).ln_1p();
    let inverse = 1.0 / count;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square / 1_260.0));
    excess - (count + 0.5) * ratio - 0.5 * (ln_mean + std::f64::consts::TAU.ln()) - series
}

/// A Poisson distribution as an inverse table; a draw takes 32 bits and a short scan, and larger
/// bits never give a smaller count. Probabilities are kept to 2⁻³².
#[derive(Debug, Clone, PartialEq)]
pub struct PoissonTable {
    /// The smallest count in the table.
    first: u32,
    shift: u32,
    /// Where to begin the scan for each group of leading bits.
    guide: Vec<u16>,
    /// Upper end of each count's share of the 32-bit range.
    ends: Vec<u32>,
}

impl PoissonTable {
    /// Means above this are too wide for a table that stays in the cache.
    pub const WIDEST: f64 = 40_000.0;

    /// The table for this mean; `None` above [`PoissonTable::WIDEST`].
    pub fn new(mean: f64) -> Option<PoissonTable> {
        if !(0.0..=PoissonTable::WIDEST).contains(&mean) {
            return None;
        }
        let (first, shares) = shares(mean);
        let scale = 2.0_f64.powi(32);
        let mut ends = Vec::with_capacity(shares.len());
        let mut below = 0.0;
        for share in shares {
            below += share;
            let end = (below * scale).round().min(u32::MAX.into()) as u32;
            ends.push(end);
            if end == u32::MAX {
                break;
            }
        }
        if let Some(end) = ends.last_mut() {
            *end = u32::MAX;
        }
        let bits = ((4.0 * mean.sqrt()).max(16.0) as u32)
            .next_power_of_two()
            .trailing_zeros();
        let shift = 32 - bits;
        let guide = (0..1_u32 << bits)
            .map(|group| ends.partition_point(|end| *end <= group << shift) as u16)
            .collect();
        Some(PoissonTable {
            first,
            shift,
            guide,
            ends,
        })
    }

    /// The count that 32 uniform bits choose.
    #[inline]
    pub fn count(&self, bits: u32) -> u32 {
        let mut index = usize::from(self.guide[(bits >> self.shift) as usize]);
        while index + 1 < self.ends.len() && bits >= self.ends[index] {
            index += 1;
        }
        self.first + index as u32
    }
}

/// The smallest count worth listing and the probabilities from it on: all but less than 2⁻³².
fn shares(mean: f64) -> (u32, Vec<f64>) {
    let reach = 7.0 * mean.sqrt() + 14.0;
    let first = (mean - reach).max(0.0).floor();
    let last = (mean + reach).ceil();
    let mut term = if mean == 0.0 {
        1.0
    } else {
        (first * mean.ln() - mean - ln_gamma(first + 1.0)).exp()
    };
    let mut shares = Vec::with_capacity((last - first) as usize + 1);
    let (mut count, mut below) = (first, 0.0);
    // Beyond the mean, stop where what is left could not be drawn.
    while count <= last && (count <= mean || 1.0 - below > 2.0_f64.powi(-34)) {
        shares.push(term);
        below += term;
        count += 1.0;
        term *= mean / count;
    }
    (first as u32, shares)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use statrs::distribution::{Discrete, DiscreteCDF, Poisson as Exact};

    use super::*;

    const DRAWS: u32 = 400_000;

    /// Chi-square of draws against the exact distribution, cells of at least 20 expected; the
    /// allowance is the mean plus five standard deviations (false alarm about 1 in 10⁵).
    fn assert_poisson(mean: f64, mut draw: impl FnMut(&mut Xoshiro256PlusPlus) -> u64) {
        let exact = Exact::new(mean).unwrap();
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(17);
        let mut seen = std::collections::BTreeMap::<u64, f64>::new();
        for _ in 0..DRAWS {
            *seen.entry(draw(&mut stream)).or_default() += 1.0;
        }
        let spread = 6.0 * mean.sqrt() + 12.0;
        let (low, high) = ((mean - spread).max(0.0) as u64, (mean + spread) as u64);
        let width = ((mean.sqrt() / 8.0) as u64).max(1);
        let (mut chi, mut cells) = (0.0, 0.0);
        let (mut expected, mut counted) = (0.0, 0.0);
        for start in (low..=high).step_by(width as usize) {
            for count in start..start + width {
                expected += exact.pmf(count) * f64::from(DRAWS);
                counted += seen.remove(&count).unwrap_or(0.0);
            }
            if expected >= 20.0 {
                chi += (counted - expected) * (counted - expected) / expected;
                cells += 1.0;
                (expected, counted) = (0.0, 0.0);
            }
        }
        assert!(
            chi < cells + 5.0 * (2.0_f64 * cells).sqrt(),
            "mean {mean}: {chi} for {cells} cells"
        );
        assert!(exact.cdf(high) > 0.999_999);
        assert!(
            seen.values().sum::<f64>() <= 2.0,
            "mean {mean}: draws far outside"
        );
    }

    #[test]
    fn any_mean_is_drawn_as_poisson() {
        for mean in [0.0001, 0.3, 2.0, 11.9, 12.1, 30.0, 300.0, 5_000.0, 1e6] {
            let poisson = Poisson::new(mean);
            assert_poisson(mean, |stream| poisson.sample(stream));
        }
    }

    #[test]
    fn the_series_agrees_with_the_gamma_function() {
        for (mean, count) in [
            (40.0, 32.0),
            (40.0, 61.0),
            (900.0, 1_000.0),
            (1e6, 997_000.0),
        ] {
            let poisson = Poisson::new(mean);
            let exact = Exact::new(mean).unwrap().ln_pmf(count as u64);
            let series = poisson.ln_probability(count);
            assert!(
                (series - exact).abs() < 1e-7 * exact.abs().max(1.0),
                "{series} {exact}"
            );
        }
    }

    #[test]
    fn tables_draw_the_same_distribution() {
        for mean in [0.01, 0.7, 5.0, 40.0, 300.0, 6_000.0, 39_000.0] {
            let table = PoissonTable::new(mean).unwrap();
            assert_poisson(mean, |stream| u64::from(table.count(stream.next_u32())));
        }
        assert!(PoissonTable::new(1e6).is_none());
        assert_eq!(PoissonTable::new(0.0).unwrap().count(u32::MAX), 0);
    }
}
