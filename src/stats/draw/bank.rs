//! Many Poisson distributions, drawn side by side again and again.

use rand::{Rng, RngExt};
use statrs::function::gamma::ln_gamma;

use super::alias::Column;
use super::{Alias, Poisson, PoissonTable};

/// Independent Poisson distributions in one piece of memory, at a cost that hardly depends on
/// their means.
///
/// Small means are drawn together: their sum is one Poisson count, and each unit of it belongs to
/// one of them in proportion to its mean (superposition). Larger ones take 32 bits and one look-up
/// each: an alias table covers the middle of the distribution and one cell more, which stands for
/// everything outside; a draw that lands there (about one in 10⁵) is finished from the tails' exact
/// probabilities. So tables stay small enough for the cache, and no tail is cut. The largest are
/// computed.
#[derive(Debug, Clone, PartialEq)]
pub struct PoissonBank {
    entries: Vec<Entry>,
    columns: Vec<Column>,
    large: Vec<(u32, Poisson)>,
    /// The small ones together: their sum, and to whom a unit of it belongs.
    small: Option<(PoissonTable, Alias)>,
}

/// What every draw by table needs, and no more: all of them share the nearest cache.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Entry {
    mean: f64,
    /// Where its columns begin.
    offset: u32,
    /// Which of the bank's distributions it is.
    index: u16,
    /// The cell that stands for everything outside.
    outside: u16,
    /// The smallest count in the table.
    first: u32,
    /// 32 less the number of bits that choose a column.
    shift: u32,
}

impl PoissonBank {
    /// Means below this are drawn together: placing what few units they have costs less than
    /// looking each of them up.
    const SMALL: f64 = 0.5;
    /// Means above this have tables that crowd the cache.
    const LARGE: f64 = 2_500.0;

    /// Distributions with these means, at most 65,535.
    pub fn new(means: impl IntoIterator<Item = f64>) -> PoissonBank {
        let mut bank = PoissonBank {
            entries: Vec::new(),
            columns: Vec::new(),
            large: Vec::new(),
            small: None,
        };
        let mut small = Vec::new();
        for (index, mean) in means.into_iter().enumerate() {
            let is_small = mean < PoissonBank::SMALL;
            small.push(if is_small { mean.max(0.0) } else { 0.0 });
            if mean > PoissonBank::LARGE {
                bank.large.push((index as u32, Poisson::new(mean)));
            } else if !is_small {
                bank.push(index as u16, mean);
            }
        }
        let together: f64 = small.iter().sum();
        if together > 0.0 {
            bank.small = PoissonTable::new(together).map(|sum| (sum, Alias::new(&small)));
        }
        bank
    }

    fn push(&mut self, index: u16, mean: f64) {
        let (first, mut shares) = middle(mean);
        let outside = shares.len() as u16;
        shares.push((1.0 - shares.iter().sum::<f64>()).max(0.0));
        let alias = Alias::new(&shares);
        self.entries.push(Entry {
            mean,
            offset: self.columns.len() as u32,
            index,
            outside,
            first,
            shift: alias.shift(),
        });
        self.columns.extend_from_slice(alias.columns());
    }

    /// Draws every count, adds them to `row` and returns their sum.
    #[inline]
    pub fn add_to(&self, row: &mut [u64], stream: &mut impl Rng) -> u64 {
        let mut total = 0;
        // One random number serves two look-ups.
        for pair in self.entries.chunks(2) {
            let mut bits = stream.next_u64();
            for entry in pair {
                let count = self.look_up(entry, bits as u32, stream);
                bits >>= 32;
                row[usize::from(entry.index)] += count;
                total += count;
            }
        }
        for (index, law) in &self.large {
            let count = law.sample(stream);
            row[*index as usize] += count;
            total += count;
        }
        if let Some((sum, owner)) = &self.small {
            let count = sum.count(stream.next_u32());
            for _ in 0..count {
                row[owner.cell(stream.next_u32())] += 1;
            }
            total += u64::from(count);
        }
        total
    }

    #[inline]
    fn look_up(&self, entry: &Entry, bits: u32, stream: &mut impl Rng) -> u64 {
        let column = self.columns[(entry.offset + (bits >> entry.shift)) as usize];
        let cell = column.choose(bits & ((1 << entry.shift) - 1));
        if cell == u32::from(entry.outside) {
            return outside(entry, stream.random());
        }
        u64::from(entry.first + cell)
    }
}

/// The counts of the middle, as many as fill a table with one cell to spare, and the first of them:
/// about 4.4 standard deviations on either side, and more where a table has room.
fn middle(mean: f64) -> (u32, Vec<f64>) {
    let reach = 4.4 * mean.sqrt() + 3.0;
    let needed = (2.0 * reach).min(mean + reach) as usize + 2;
    let cells = needed.next_power_of_two() - 1;
    let first = (mean - cells as f64 / 2.0).max(0.0).floor();
    let mut term = probability(mean, first);
    let mut shares = Vec::with_capacity(cells + 1);
    let mut count = first;
    for _ in 0..cells {
        shares.push(term);
        count += 1.0;
        term *= mean / count;
    }
    (first as u32, shares)
}

fn probability(mean: f64, count: f64) -> f64 {
    (count * mean.ln() - mean - ln_gamma(count + 1.0)).exp()
}

/// Counts outside a table and their probabilities, outwards until what is left is less than a
/// float can tell.
fn tails(entry: &Entry) -> Vec<(u64, f64)> {
    let above = u64::from(entry.first) + u64::from(entry.outside);
    let mut cells = Vec::new();
    let mut list = |count: u64| {
        let share = probability(entry.mean, count as f64);
        cells.push((count, share));
        share > 1e-40
    };
    let _ = (0..u64::from(entry.first))
        .rev()
        .take_while(|count| list(*count))
        .count();
    let _ = (above..).take_while(|count| list(*count)).count();
    cells
}

/// Draws a count outside the table by inversion, from the tails alone.
#[cold]
fn outside(entry: &Entry, uniform: f64) -> u64 {
    let tails = tails(entry);
    let total: f64 = tails.iter().map(|(_, share)| share).sum();
    let mut rest = uniform * total;
    for (count, share) in &tails {
        rest -= share;
        if rest < 0.0 {
            return *count;
        }
    }
    u64::from(entry.first) + u64::from(entry.outside)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;
    use statrs::distribution::{DiscreteCDF, Poisson as Exact};

    use super::*;

    #[test]
    fn counts_outside_the_table_follow_the_tails() {
        let entry = PoissonBank::new([4.0]).entries[0];
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(2);
        let draws = 20_000;
        let above = u64::from(entry.outside);
        let drawn: Vec<u64> = (0..draws)
            .map(|_| outside(&entry, stream.random()))
            .collect();
        assert!(drawn.iter().all(|count| *count >= above));
        let hits = drawn.iter().filter(|count| **count == above).count();
        let tail: f64 = (above..above + 100)
            .map(|k| probability(4.0, k as f64))
            .sum();
        let expected = probability(4.0, above as f64) / tail;
        let share = hits as f64 / f64::from(draws);
        // Binomial: standard deviation below 0.0036.
        assert!((share - expected).abs() < 0.018, "{share} {expected}");
    }

    #[test]
    fn a_table_and_its_outside_leave_nothing_out() {
        for mean in [0.5, 3.0, 50.0, 700.0, 2_499.0] {
            let entry = PoissonBank::new([mean]).entries[0];
            let middle: f64 = middle(mean).1.iter().sum();
            let tails: f64 = tails(&entry).iter().map(|(_, share)| share).sum();
            assert!(
                (middle + tails - 1.0).abs() < 1e-8,
                "{mean}: {middle} {tails}"
            );
            assert!(tails < 1e-4, "{mean}: {tails}");
        }
    }

    #[test]
    fn each_count_has_its_own_exact_distribution() {
        // Chi-square against exact probabilities in cells a quarter of a deviation wide; the
        // allowance is the mean plus five standard deviations.
        let means = [0.02, 0.3, 0.49, 1.5, 40.0, 900.0, 15_000.0, 1e7];
        let bank = PoissonBank::new(means);
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(31);
        let draws = 100_000;
        let mut seen = vec![std::collections::BTreeMap::<i64, f64>::new(); means.len()];
        let width = |mean: f64| (mean.sqrt() / 4.0).max(1.0);
        for _ in 0..draws {
            let mut row = [0_u64; 8];
            let total = bank.add_to(&mut row, &mut stream);
            assert_eq!(total, row.iter().sum::<u64>());
            for ((mean, seen), count) in means.iter().zip(&mut seen).zip(row) {
                let cell = ((count as f64 - mean) / width(*mean)).floor() as i64;
                *seen.entry(cell).or_default() += 1.0;
            }
        }
        for (mean, seen) in means.iter().zip(&seen) {
            let law = Exact::new(*mean).unwrap();
            let below = |cell: i64| {
                let edge = (mean + cell as f64 * width(*mean)).ceil() - 1.0;
                if edge < 0.0 {
                    0.0
                } else {
                    law.cdf(edge as u64)
                }
            };
            let (mut chi, mut cells) = (0.0, 0.0);
            for (cell, seen) in seen {
                let expected = (below(cell + 1) - below(*cell)) * f64::from(draws);
                if expected >= 20.0 {
                    chi += (seen - expected) * (seen - expected) / expected;
                    cells += 1.0;
                }
            }
            assert!(
                chi < cells + 5.0 * (2.0_f64 * cells).sqrt(),
                "{mean}: {chi} for {cells}"
            );
            assert!(cells >= 2.0);
        }
    }
}
