//! Walker's alias method: one 32-bit number chooses among any number of cells.

/// A discrete distribution; each draw costs one look-up. Cells' probabilities are kept to 2⁻³².
#[derive(Debug, Clone, PartialEq)]
pub struct Alias {
    shift: u32,
    mask: u32,
    columns: Vec<Column>,
}

/// A part of the range of draws, shared by two cells.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Column {
    /// Draws below this stay in the column's own cell.
    limit: u32,
    own: u16,
    other: u16,
}

impl Alias {
    /// The distribution with these weights (at least one positive, at most 65,535 cells).
    ///
    /// Vose's construction (1991); the number of columns is a power of two so that the draw's
    /// upper bits choose the column and its lower bits the cell.
    pub fn new(weights: &[f64]) -> Alias {
        let size = weights.len().next_power_of_two().max(2);
        let bits = size.trailing_zeros();
        let total: f64 = weights.iter().sum();
        let scale = if total > 0.0 {
            size as f64 / total
        } else {
            0.0
        };
        let mut shares: Vec<f64> = weights.iter().map(|weight| weight * scale).collect();
        shares.resize(size, 0.0);
        let mut small: Vec<usize> = Vec::new();
        let mut large: Vec<usize> = Vec::new();
        for (cell, share) in shares.iter().enumerate() {
            if *share < 1.0 {
                small.push(cell);
            } else {
                large.push(cell);
            }
        }
        let height = (1_u64 << (32 - bits)) as f64;
        let mut columns = vec![Column::default(); size];
        while let (Some(&low), Some(&high)) = (small.last(), large.last()) {
            small.pop();
            columns[low] = Column {
                limit: (shares[low] * height).round() as u32,
                own: low as u16,
                other: high as u16,
            };
            shares[high] -= 1.0 - shares[low];
            if shares[high] < 1.0 {
                large.pop();
                small.push(high);
            }
        }
        // Rounding can leave some of either: their shares are 1 but for float dust, or 0.
        let heaviest = (0..weights.len()).fold(0, |best, cell| {
            if weights[cell] > weights[best] {
                cell
            } else {
                best
            }
        });
        for column in large.into_iter().chain(small) {
            let cell = if shares[column] < 0.5 {
                heaviest
            } else {
                column
            };
            columns[column] = Column {
                limit: u32::MAX >> bits,
                own: cell as u16,
                other: cell as u16,
            };
        }
        Alias {
            shift: 32 - bits,
            mask: u32::MAX >> bits,
            columns,
        }
    }

    /// The cell that 32 uniform bits choose.
    #[inline]
    pub fn cell(&self, bits: u32) -> usize {
        self.columns[(bits >> self.shift) as usize].choose(bits & self.mask) as usize
    }

    /// How far a draw is shifted to choose a column.
    pub(super) fn shift(&self) -> u32 {
        self.shift
    }

    /// All columns.
    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }
}

impl Column {
    /// The cell that the lower bits of a draw choose.
    #[inline]
    pub(super) fn choose(self, bits: u32) -> u32 {
        u32::from(if bits < self.limit {
            self.own
        } else {
            self.other
        })
    }
}

#[cfg(test)]
mod tests {
    use rand::{Rng, SeedableRng};
    use rand_xoshiro::Xoshiro256PlusPlus;

    use super::*;

    #[test]
    fn cells_come_as_often_as_their_weights_say() {
        for weights in [
            vec![1.0],
            vec![0.2, 0.0, 0.5, 0.3],
            (0..300).map(f64::from).collect(),
        ] {
            let alias = Alias::new(&weights);
            let total: f64 = weights.iter().sum();
            let draws = 1_000_000;
            let mut seen = vec![0.0; weights.len()];
            let mut stream = Xoshiro256PlusPlus::seed_from_u64(5);
            for _ in 0..draws {
                seen[alias.cell(stream.next_u32())] += 1.0;
            }
            let (mut chi, mut cells) = (0.0, 0.0);
            for (seen, weight) in seen.iter().zip(&weights) {
                let expected = f64::from(draws) * weight / total;
                if expected == 0.0 {
                    assert_eq!(*seen, 0.0);
                } else {
                    chi += (seen - expected) * (seen - expected) / expected;
                    cells += 1.0;
                }
            }
            // Mean plus five standard deviations of chi-square: false alarm about 1 in 10⁵.
            assert!(
                chi < cells + 5.0 * (2.0_f64 * cells).sqrt(),
                "{chi} for {cells} cells"
            );
        }
    }
}
