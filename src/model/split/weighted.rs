//! A draw by integer weights.

/// Weighted clusters as in Envoy: a random number modulo the sum of the weights falls into one of
/// the intervals that the weights make in the order of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WeightedClusters<const N: usize> {
    /// Where each interval ends; the last end is the sum.
    ends: [u64; N],
}

impl<const N: usize> WeightedClusters<N> {
    /// Intervals as long as the weights.
    pub fn new(weights: [u32; N]) -> WeightedClusters<N> {
        let mut end = 0;
        let ends = weights.map(|weight| {
            end += u64::from(weight);
            end
        });
        WeightedClusters { ends }
    }

    /// The entry that a random number falls to; `None` where all weights are zero.
    #[inline]
    pub fn choose(&self, random: u64) -> Option<usize> {
        let total = self.ends.last().copied().unwrap_or(0);
        let value = random.checked_rem(total)?;
        self.ends.iter().position(|end| value < *end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_follow_the_order_of_the_list() {
        let clusters = WeightedClusters::new([3, 0, 2]);
        let chosen: Vec<Option<usize>> = (0..7).map(|random| clusters.choose(random)).collect();
        assert_eq!(chosen, [0, 0, 0, 2, 2, 0, 0].map(Some));
        // 2^64 - 1 is a multiple of five.
        assert_eq!(clusters.choose(u64::MAX), Some(0));
        assert_eq!(WeightedClusters::new([0, 0]).choose(9), None);
        assert_eq!(WeightedClusters::new([]).choose(9), None);
    }
}
