//! Round robin by integer weights, as proxies do it.

/// Smooth weighted round robin as in NGINX (`ngx_http_upstream_round_robin.c`): with each pick
/// every entry gains its effective weight, the largest wins (the first of equals) and pays the sum.
/// An entry that fails loses effective weight and wins one back with each pick.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundRobin<const N: usize> {
    weights: [i64; N],
    effective: [i64; N],
    current: [i64; N],
}

impl<const N: usize> RoundRobin<N> {
    /// Nobody has had a turn. Weights below zero count as zero.
    pub fn new(weights: [i64; N]) -> RoundRobin<N> {
        let weights = weights.map(|weight| weight.max(0));
        RoundRobin {
            weights,
            effective: weights,
            current: [0; N],
        }
    }

    /// The next in turn; the first where all weights are zero.
    #[inline]
    pub fn pick(&mut self) -> usize {
        let mut total = 0;
        let mut best = None;
        for index in 0..N {
            if self.weights[index] == 0 {
                continue;
            }
            self.current[index] += self.effective[index];
            total += self.effective[index];
            if self.effective[index] < self.weights[index] {
                self.effective[index] += 1;
            }
            if best.is_none_or(|best: usize| self.current[index] > self.current[best]) {
                best = Some(index);
            }
        }
        let best = best.unwrap_or(0);
        self.current[best] -= total;
        best
    }

    /// Notes that an entry failed, of which `max_fails` in a row take its whole weight.
    pub fn fail(&mut self, index: usize, max_fails: u32) {
        let loss = self.weights[index] / i64::from(max_fails.max(1));
        self.effective[index] = (self.effective[index] - loss).max(0);
    }
}

/// Earliest deadline first, as in Traefik's weighted round robin: the entry with the earliest
/// deadline is next, and its next one is the inverse of its weight later. Of equal deadlines the
/// first entry's counts as earlier.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct EarliestDeadline<const N: usize> {
    weights: [f64; N],
    deadlines: [f64; N],
}

impl<const N: usize> EarliestDeadline<N> {
    /// Nobody has had a turn. Entries without a positive weight never get one.
    pub fn new(weights: [f64; N]) -> EarliestDeadline<N> {
        let deadlines = weights.map(|weight| {
            if weight > 0.0 {
                1.0 / weight
            } else {
                f64::INFINITY
            }
        });
        EarliestDeadline { weights, deadlines }
    }

    /// The next in turn; the first where no weight is positive.
    #[inline]
    pub fn pick(&mut self) -> usize {
        let mut next = 0;
        for index in 1..N {
            if self.deadlines[index] < self.deadlines[next] {
                next = index;
            }
        }
        self.deadlines[next] += 1.0 / self.weights[next];
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_weights_5_1_1_is_the_published_one() {
        let mut turns = RoundRobin::new([5, 1, 1]);
        let picks: Vec<usize> = (0..14).map(|_| turns.pick()).collect();
        assert_eq!(picks, [0, 0, 1, 0, 2, 0, 0, 0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn an_entry_that_failed_comes_back_step_by_step() {
        let mut turns = RoundRobin::new([10, 10]);
        turns.fail(1, 1);
        let picks: Vec<usize> = (0..40).map(|_| turns.pick()).collect();
        let of_ten = |ten: usize| picks[10 * ten..][..10].iter().sum::<usize>();
        // Half of its share while it recovers, which takes ten picks; then the whole.
        assert!(of_ten(0) < 5, "{picks:?}");
        assert_eq!(of_ten(2) + of_ten(3), 10, "{picks:?}");
        let mut unmoved = RoundRobin::new([10, 10]);
        unmoved.fail(1, 10);
        assert_eq!(unmoved.effective, [10, 9]);
    }

    #[test]
    fn nobody_with_a_weight_is_the_first() {
        assert_eq!(RoundRobin::new([0, -3]).pick(), 0);
        assert_eq!(EarliestDeadline::new([0.0, -1.0]).pick(), 0);
        assert_eq!(RoundRobin::new([0, 1]).pick(), 1);
        assert_eq!(EarliestDeadline::new([0.0, 1.0]).pick(), 1);
    }

    #[test]
    fn deadlines_fall_as_inverse_weights() {
        // Deadlines at 1/3, 2/3, 1 ... and at 1, 2 ...; the first of equals is the first entry.
        let mut turns = EarliestDeadline::new([3.0, 1.0]);
        let picks: Vec<usize> = (0..4).map(|_| turns.pick()).collect();
        assert_eq!(picks, [0, 0, 0, 1]);
    }
}
