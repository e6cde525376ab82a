//! Counts whose chances were computed: drawn by one look-up.

use rand::Rng;

use super::super::sequential::{CountLaw, SplitLaw};

/// How many of a batch's events fall to the first of two arms, drawn again and again from one law.
///
/// By inversion with a guide: 32 uniform bits choose a group, and a step or two inside it the
/// count. Chances below 2⁻³² are not drawn. Filling it anew keeps its memory.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CountTable {
    law: CountLaw,
    /// Where each count's range of draws ends.
    ends: Vec<u32>,
    guide: Vec<u16>,
    shift: u32,
}

impl CountTable {
    /// Prepares for draws from this law. `None` where there is no such law, or its counts spread
    /// over more than 65,535.
    pub fn fill(&mut self, law: SplitLaw, events: u64) -> Option<()> {
        self.law.fill(law, events)?;
        let chances = self.law.chances();
        if chances.len() > usize::from(u16::MAX) {
            return None;
        }
        let scale = 2.0_f64.powi(32);
        self.ends.clear();
        let mut below = 0.0;
        self.ends.extend(chances.iter().map(|chance| {
            below += chance;
            (below * scale).round().min(u32::MAX.into()) as u32
        }));
        if let Some(last) = self.ends.last_mut() {
            *last = u32::MAX;
        }
        let groups = chances.len().next_power_of_two().clamp(2, 1 << 16);
        self.shift = 32 - groups.trailing_zeros();
        self.guide.clear();
        let mut index = 0_usize;
        for group in 0..groups as u32 {
            let start = group << self.shift;
            while index + 1 < self.ends.len() && self.ends[index] <= start {
                index += 1;
            }
            self.guide.push(index as u16);
        }
        Some(())
    }

    /// Draws a count.
    #[inline]
    pub fn count(&self, bits: u32) -> u64 {
        let group = (bits >> self.shift) as usize;
        let mut index = self.guide.get(group).map_or(0, |index| usize::from(*index));
        while index + 1 < self.ends.len() && bits >= self.ends[index] {
            index += 1;
        }
        self.law.lowest() + index as u64
    }
}

/// Which of the trials in the cells of a histogram belong to the first of two arms, when these are
/// drawn without replacement: the multivariate hypergeometric distribution.
///
/// Cells are drawn one after another, from the last, each given what the later ones have taken. The
/// law of a cell depends on that number alone, so its table is made once per number and batch, and
/// serves all draws of the batch.
#[derive(Debug, Clone, Default)]
pub struct CellDraws {
    pooled: Vec<u64>,
    first: u64,
    total: u64,
    /// Per cell the tables by the number of the first arm's trials that are left.
    tables: Vec<Tables>,
    spare: Vec<CountTable>,
}

/// Tables for consecutive numbers.
#[derive(Debug, Clone, Default)]
struct Tables {
    least: u64,
    made: Vec<Option<CountTable>>,
}

impl CellDraws {
    /// Prepares for a batch: the trials of both arms in each cell, and how many the first arm has.
    /// `None` where it has more than there are.
    pub fn fill(&mut self, pooled: &[u64], first: u64) -> Option<()> {
        let total = pooled
            .iter()
            .try_fold(0_u64, |sum, cell| sum.checked_add(*cell))?;
        (first <= total).then_some(())?;
        for tables in &mut self.tables {
            self.spare.extend(tables.made.drain(..).flatten());
        }
        self.pooled.clear();
        self.pooled.extend_from_slice(pooled);
        self.tables.resize_with(pooled.len(), Tables::default);
        (self.first, self.total) = (first, total);
        Some(())
    }

    /// Draws the first arm's trials per cell into `row`, which has as many cells.
    pub fn draw(&mut self, row: &mut [u64], stream: &mut impl Rng) {
        let (mut left, mut total) = (self.first, self.total);
        let cells = self.pooled.iter().zip(&mut self.tables).zip(row).rev();
        for ((pooled, tables), drawn) in cells {
            *drawn = if left == 0 || *pooled == 0 {
                0
            } else if *pooled == total {
                left
            } else {
                let others = total - pooled;
                tables
                    .of(left, || {
                        // Of the trials that are left, as many as the cell has are drawn, and
                        // those of the first arm counted.
                        let mut table = self.spare.pop().unwrap_or_default();
                        let law = SplitLaw::Trials {
                            first: *pooled,
                            second: others,
                        };
                        table.fill(law, left).map(|()| table)
                    })
                    .map_or(0, |table| table.count(stream.next_u32()))
            };
            left -= *drawn;
            total -= pooled;
        }
    }
}

impl Tables {
    /// The table for a number, made when it is first asked for.
    fn of(&mut self, left: u64, make: impl FnOnce() -> Option<CountTable>) -> Option<&CountTable> {
        if self.made.is_empty() {
            self.least = left;
            self.made.push(None);
        }
        if left < self.least {
            let missing = (self.least - left) as usize;
            self.made.splice(0..0, std::iter::repeat_n(None, missing));
            self.least = left;
        }
        let index = (left - self.least) as usize;
        if index >= self.made.len() {
            self.made.resize(index + 1, None);
        }
        let slot = &mut self.made[index];
        if slot.is_none() {
            *slot = make();
        }
        slot.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    /// Chi-square against the exact chances, cells of at least 20 expected; the allowance is the
    /// mean plus five standard deviations.
    fn assert_drawn(law: SplitLaw, events: u64, mut draw: impl FnMut() -> u64) {
        const DRAWS: u32 = 100_000;
        let mut exact = CountLaw::default();
        exact.fill(law, events).unwrap();
        let mut seen = vec![0.0; exact.chances().len()];
        let mut outside = 0;
        for _ in 0..DRAWS {
            match draw().checked_sub(exact.lowest()) {
                Some(index) if (index as usize) < seen.len() => seen[index as usize] += 1.0,
                _ => outside += 1,
            }
        }
        assert_eq!(outside, 0, "{law:?} {events}");
        let (mut chi, mut cells) = (0.0, 0.0);
        for (seen, chance) in seen.iter().zip(exact.chances()) {
            let expected = chance * f64::from(DRAWS);
            if expected >= 20.0 {
                chi += (seen - expected) * (seen - expected) / expected;
                cells += 1.0;
            }
        }
        assert!(
            chi < cells + 5.0 * (2.0_f64 * cells).sqrt() && cells > 0.0,
            "{law:?} {events}: {chi} for {cells}"
        );
    }

    #[test]
    fn counts_follow_their_law() {
        let mut table = CountTable::default();
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(5);
        for (law, events) in [
            (SplitLaw::Share(0.05), 60),
            (SplitLaw::Share(0.0), 60),
            (SplitLaw::Share(0.5), 9_000),
            (
                SplitLaw::Trials {
                    first: 300,
                    second: 5_700,
                },
                3_000,
            ),
            (
                SplitLaw::Trials {
                    first: 3,
                    second: 7,
                },
                4,
            ),
        ] {
            table.fill(law, events).unwrap();
            assert_drawn(law, events, || table.count(stream.next_u32()));
        }
        assert_eq!(table.fill(SplitLaw::Share(2.0), 4), None);
    }

    #[test]
    fn cells_are_hypergeometric_each_and_add_up() {
        let pooled = [900_u64, 0, 500, 80, 15, 5];
        let mut draws = CellDraws::default();
        let mut stream = Xoshiro256PlusPlus::seed_from_u64(6);
        draws.fill(&[4, 4], 3).unwrap();
        draws.draw(&mut [0, 0], &mut stream);
        draws.fill(&pooled, 120).unwrap();
        let mut row = [0; 6];
        for (cell, count) in pooled.into_iter().enumerate() {
            let law = SplitLaw::Trials {
                first: 120,
                second: 1_380,
            };
            assert_drawn(law, count, || {
                draws.draw(&mut row, &mut stream);
                assert_eq!(row.iter().sum::<u64>(), 120);
                row[cell]
            });
        }
        // The sum of two cells is hypergeometric too, so the cells hang together as they should.
        let law = SplitLaw::Trials {
            first: 120,
            second: 1_380,
        };
        assert_drawn(law, 580, || {
            draws.draw(&mut row, &mut stream);
            row[2] + row[3]
        });
        assert_eq!(draws.fill(&pooled, 1_501), None);
    }
}
