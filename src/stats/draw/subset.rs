//! Draws without replacement, counted by category.

use rand::{Rng, RngExt};

use super::Alias;
use crate::stats::sequential::{CountLaw, SplitLaw};

/// Draws counts of one law: a table made once, one look-up a draw. Chances are kept to 2⁻³².
#[derive(Debug, Clone)]
pub struct CountTable {
    lowest: u64,
    counts: Alias,
}

impl CountTable {
    /// The most counts that a table tells apart; of a law with more, those at the upper end are
    /// left out, which chance reaches less often than once in 10¹⁸ draws.
    const MOST: usize = 65_535;

    /// The table of a law.
    pub fn new(law: &CountLaw) -> CountTable {
        let chances = law.chances();
        CountTable {
            lowest: law.lowest(),
            counts: Alias::new(&chances[..chances.len().min(CountTable::MOST)]),
        }
    }

    /// The count that 32 uniform bits choose.
    #[inline]
    pub fn count(&self, bits: u32) -> u64 {
        self.lowest + self.counts.cell(bits) as u64
    }
}

/// Draws a fixed number out of things of several categories, none twice, and counts them by category
/// (the multivariate hypergeometric law).
///
/// Each category's count is drawn as though every thing were taken for itself with one chance, which
/// takes a look-up; then as many as are missing are added, or as many as are too many removed, each
/// chosen evenly among those not taken or taken. Every subset of the size is as likely as any other,
/// and the cost goes with the root of the number drawn.
#[derive(Debug, Clone)]
pub struct Subset {
    /// Sizes, the largest first, so that most searches end at once.
    sizes: Vec<u64>,
    tables: Vec<CountTable>,
    /// Which category each of these is.
    order: Vec<usize>,
    all: u64,
    drawn: u64,
    counts: Vec<u64>,
}

impl Subset {
    /// `drawn` of things of which there are `sizes` by category; `None` when there are fewer.
    pub fn new(sizes: &[u64], drawn: u64) -> Option<Subset> {
        let all: u64 = sizes.iter().sum();
        if drawn > all {
            return None;
        }
        let mut order: Vec<usize> = (0..sizes.len()).collect();
        order.sort_by_key(|category| std::cmp::Reverse(sizes[*category]));
        let sizes: Vec<u64> = order.iter().map(|category| sizes[*category]).collect();
        let chance = drawn as f64 / all.max(1) as f64;
        let mut law = CountLaw::default();
        let tables: Option<Vec<CountTable>> = sizes
            .iter()
            .map(|size| {
                law.fill(SplitLaw::Share(chance), *size)?;
                Some(CountTable::new(&law))
            })
            .collect();
        Some(Subset {
            tables: tables?,
            counts: vec![0; sizes.len()],
            sizes,
            order,
            all,
            drawn,
        })
    }

    /// Draws once, into `counts` by category.
    pub fn draw(&mut self, stream: &mut impl Rng, counts: &mut [u64]) {
        let mut taken = 0;
        for pair in self.counts.chunks_mut(2).zip(self.tables.chunks(2)) {
            // Two draws of 32 bits from each number.
            let mut bits = stream.next_u64();
            for (count, table) in pair.0.iter_mut().zip(pair.1) {
                *count = table.count(bits as u32);
                taken += *count;
                bits >>= 32;
            }
        }
        while taken > self.drawn {
            let mut which = stream.random_range(0..taken);
            for count in &mut self.counts {
                if which < *count {
                    *count -= 1;
                    break;
                }
                which -= *count;
            }
            taken -= 1;
        }
        while taken < self.drawn {
            let mut which = stream.random_range(0..self.all - taken);
            for (count, size) in self.counts.iter_mut().zip(&self.sizes) {
                let left = size - *count;
                if which < left {
                    *count += 1;
                    break;
                }
                which -= left;
            }
            taken += 1;
        }
        for (category, count) in self.order.iter().zip(&self.counts) {
            counts[*category] = *count;
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::Stream;

    #[test]
    fn every_subset_of_the_size_is_as_likely_as_any_other() {
        // Four of 3 + 0 + 5 + 2 things: the chance of (a, 0, b, c) is a product of choices over
        // C(10, 4) = 210.
        let sizes = [3, 0, 5, 2];
        let choose = |n: u64, k: u64| (0..k).fold(1, |sum, i| sum * (n - i) / (i + 1));
        let mut subset = Subset::new(&sizes, 4).unwrap();
        let mut stream = Stream::seed_from_u64(5);
        let mut seen = std::collections::BTreeMap::new();
        const DRAWS: u32 = 40_000;
        let mut counts = [0; 4];
        for _ in 0..DRAWS {
            subset.draw(&mut stream, &mut counts);
            assert_eq!(counts.iter().sum::<u64>(), 4);
            *seen.entry(counts).or_insert(0_u32) += 1;
        }
        let mut cells = 0;
        for a in 0..=3 {
            for c in 0..=2 {
                let Some(b) = 4_u64.checked_sub(a + c) else {
                    continue;
                };
                let chance = (choose(3, a) * choose(5, b) * choose(2, c)) as f64 / 210.0;
                let found = f64::from(seen.remove(&[a, 0, b, c]).unwrap_or(0)) / f64::from(DRAWS);
                let error = (chance * (1.0 - chance) / f64::from(DRAWS)).sqrt();
                // Eleven cells at 4.5 standard errors: one failure in 10,000 seeds.
                assert!(
                    (found - chance).abs() < 4.5 * error,
                    "{a} {b} {c}: {found} {chance}"
                );
                cells += 1;
            }
        }
        assert_eq!((cells, seen.len()), (11, 0));
    }

    #[test]
    fn all_or_none_may_be_drawn_and_no_more() {
        let mut stream = Stream::seed_from_u64(6);
        let mut counts = [9; 2];
        Subset::new(&[4, 7], 0)
            .unwrap()
            .draw(&mut stream, &mut counts);
        assert_eq!(counts, [0, 0]);
        Subset::new(&[4, 7], 11)
            .unwrap()
            .draw(&mut stream, &mut counts);
        assert_eq!(counts, [4, 7]);
        assert!(Subset::new(&[4, 7], 12).is_none());
        Subset::new(&[], 0).unwrap().draw(&mut stream, &mut []);
    }

    #[test]
    fn the_mean_of_a_large_draw_is_its_share() {
        let sizes = [3_000, 1_500, 900, 300, 240, 60];
        let mut subset = Subset::new(&sizes, 300).unwrap();
        let mut stream = Stream::seed_from_u64(7);
        let mut sums = [0_u64; 6];
        let mut counts = [0; 6];
        for _ in 0..2_000 {
            subset.draw(&mut stream, &mut counts);
            sums.iter_mut()
                .zip(counts)
                .for_each(|(sum, count)| *sum += count);
        }
        for (sum, size) in sums.into_iter().zip(sizes) {
            let (mean, expected) = (sum as f64 / 2_000.0, size as f64 / 20.0);
            // Five standard errors, of a variance that the binomial one bounds.
            assert!(
                (mean - expected).abs() < 5.0 * (expected / 2_000.0).sqrt(),
                "{mean}"
            );
        }
    }
}
