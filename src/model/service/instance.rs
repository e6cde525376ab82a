//! What one instance's life does to its latency: where it was placed, how warm it is, when it
//! pauses, and how a leak of memory wears it down.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, Exp1, StandardNormal};

use super::{CacheWarmUp, Pauses, Placement, WarmUp};
use crate::base::{Rate, Span};
use crate::model::fault::FaultKind;

impl WarmUp {
    /// Factor on the latency of an instance that has answered so many requests: `factor` for the
    /// first, falling to 1.
    pub fn factor(&self, answered: f64) -> f64 {
        1.0 + (self.factor - 1.0) * (-answered / self.requests).exp()
    }
}

impl CacheWarmUp {
    /// Share of misses after so many requests: `cold` at first, falling to `warm`.
    pub fn miss(&self, answered: f64) -> f64 {
        let (cold, warm) = (self.cold.get(), self.warm.get());
        warm + (cold - warm) * (1.0 + answered / self.requests).powf(-self.decay)
    }
}

impl Placement {
    /// Draws the factor on the latency of one instance, which it keeps for life.
    pub fn draw(&self, stream: &mut impl Rng) -> f64 {
        let z: f64 = StandardNormal.sample(stream);
        let unlucky = stream.random::<f64>() < self.unlucky.get();
        (self.spread * z).exp() * if unlucky { self.second_mode } else { 1.0 }
    }
}

/// The pauses of one instance, drawn as time goes on.
///
/// To drive it: call [`PauseClock::release`] in order of time.
#[derive(Debug, Clone)]
pub struct PauseClock {
    pauses: Pauses,
    begin: f64,
    end: f64,
}

impl PauseClock {
    /// The clock of an instance that is not in a pause at `from`, in seconds.
    pub fn new(pauses: &Pauses, from: f64, stream: &mut impl Rng) -> PauseClock {
        let mut clock = PauseClock {
            pauses: pauses.clone(),
            begin: from,
            end: from,
        };
        clock.draw_next(stream);
        clock
    }

    /// When work that comes at `at` can begin, in seconds: then, or at the end of the pause that
    /// `at` falls into.
    #[inline]
    pub fn release(&mut self, at: f64, stream: &mut impl Rng) -> f64 {
        while at >= self.end {
            self.draw_next(stream);
        }
        if at < self.begin { at } else { self.end }
    }

    fn draw_next(&mut self, stream: &mut impl Rng) {
        let gap: f64 = Exp1.sample(stream);
        self.begin = self.end + gap * self.pauses.every.as_secs_f64();
        self.end = self.begin + self.pauses.length.sample(stream);
    }
}

/// How an instance that loses memory slows down. Sizes are bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Leak {
    /// Lost with each request.
    pub per_request: f64,
    /// The heap.
    pub heap: f64,
    /// In use from the start.
    pub live: f64,
}

impl Leak {
    /// The collector's share of the processor when as much is in use as is free; between 0.05 and
    /// 0.2 for collectors whose work grows with what is in use.
    pub const COLLECTOR: f64 = 0.1;

    /// The collector never takes more than this: an instance gets twenty times slower and no
    /// worse, until the heap is full.
    pub const MOST: f64 = 0.95;

    /// The leak that a fault describes, if it describes one.
    pub fn of(kind: &FaultKind) -> Option<Leak> {
        match *kind {
            FaultKind::MemoryLeak {
                per_request,
                heap,
                live,
                ..
            } => Some(Leak {
                per_request,
                heap,
                live,
            }),
            _ => None,
        }
    }

    /// The collector's share of the processor, 0 to [`Leak::MOST`], with `used` bytes in use: what
    /// it must visit grows with what is in use, and how often grows with what is no longer free.
    pub fn collector(&self, used: f64) -> f64 {
        let free = self.heap - used;
        if free <= 0.0 {
            return Leak::MOST;
        }
        (Leak::COLLECTOR * used / free).clamp(0.0, Leak::MOST)
    }

    /// How many times slower than with no collector at all, with `used` bytes in use.
    pub fn slowdown(&self, used: f64) -> f64 {
        1.0 / (1.0 - self.collector(used))
    }

    /// How many times slower than a fresh instance, with `used` bytes in use: the factor on a
    /// latency that was measured while nothing had leaked.
    pub fn wear(&self, used: f64) -> f64 {
        (self.slowdown(used) / self.slowdown(self.live)).max(1.0)
    }

    /// Bytes in use after so many requests.
    pub fn used(&self, requests: f64) -> f64 {
        self.live + requests * self.per_request
    }

    /// Requests after which the heap is full.
    pub fn requests_to_full(&self) -> f64 {
        (self.heap - self.live) / self.per_request
    }

    /// How long an instance lasts that gets so many requests; the longest span there is when it
    /// gets none.
    pub fn time_to_full(&self, per_instance: Rate) -> Span {
        Span::from_secs_f64(self.requests_to_full() / per_instance.get())
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::{Probability, Stream};
    use crate::model::fault::Corruption;
    use crate::model::service::Latency;

    const MIB: f64 = 1024.0 * 1024.0;

    fn share(value: f64) -> Probability {
        Probability::new(value).unwrap()
    }

    #[test]
    fn warming_up_is_counted_in_requests() {
        let warm_up = WarmUp {
            factor: 5.0,
            requests: 2000.0,
        };
        assert_eq!(warm_up.factor(0.0), 5.0);
        let e = std::f64::consts::E;
        assert!((warm_up.factor(2000.0) - (1.0 + 4.0 / e)).abs() < 1e-12);
        assert!((warm_up.factor(20_000.0) - 1.0).abs() < 2e-4);
    }

    #[test]
    fn a_cache_fills_from_cold_to_warm() {
        let cache = CacheWarmUp {
            cold: Probability::ONE,
            warm: share(0.05),
            requests: 2000.0,
            decay: 0.5,
            miss: Span::from_millis(56),
        };
        assert_eq!(cache.miss(0.0), 1.0);
        // After three times the scale the excess has halved: (1 + 3)^-0.5.
        assert!((cache.miss(6000.0) - (0.05 + 0.95 / 2.0)).abs() < 1e-12);
        assert!((cache.miss(1e12) - 0.05).abs() < 1e-4);
        let shares: Vec<f64> = (0..100).map(|n| cache.miss(f64::from(n) * 500.0)).collect();
        assert!(shares.is_sorted_by(|a, b| a > b));
    }

    #[test]
    fn placements_are_log_normal_with_some_in_a_second_mode() {
        let mut stream = Stream::seed_from_u64(3);
        let placement = Placement {
            spread: 0.07,
            second_mode: 1.4,
            unlucky: share(0.1),
        };
        let n = 20_000;
        let logs: Vec<f64> = (0..n).map(|_| placement.draw(&mut stream).ln()).collect();
        let mean = logs.iter().sum::<f64>() / f64::from(n);
        let variance = logs.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / f64::from(n);
        // The mixture's own moments; five standard errors of each.
        let shift = 1.4_f64.ln();
        let expected = 0.07_f64.powi(2) + 0.1 * 0.9 * shift * shift;
        assert!((mean - 0.1 * shift).abs() < 5.0 * (expected / f64::from(n)).sqrt());
        assert!((variance / expected - 1.0).abs() < 0.06, "{variance}");
        let same = Placement {
            spread: 0.0,
            unlucky: Probability::ZERO,
            ..placement
        };
        assert_eq!(same.draw(&mut stream), 1.0);
    }

    #[test]
    fn pauses_take_their_share_of_time_and_release_everybody_at_once() {
        let mut stream = Stream::seed_from_u64(4);
        let length = Latency::log_normal(Span::from_millis(10), share(0.99), Span::from_millis(65));
        let pauses = Pauses {
            every: Span::from_secs(1),
            length: length.unwrap(),
        };
        let mut clock = PauseClock::new(&pauses, -100.0, &mut stream);
        assert_eq!(clock.release(-100.0, &mut stream), -100.0);
        let (mut held, mut waited, mut last) = (0_u32, 0.0, f64::NEG_INFINITY);
        let steps = 20_000_000;
        for step in 0..steps {
            let at = f64::from(step) * 1e-3;
            let release = clock.release(at, &mut stream);
            assert!(release >= at && release >= last);
            held += u32::from(release > at);
            waited += release - at;
            last = release;
        }
        // Renewal theory: a pause of mean m and second moment s after a gap of mean 1 holds up
        // m / (1 + m) of all instants, for s / (2 (1 + m)) on average. With twenty thousand
        // log-normal pauses (σ 0.8) one standard error is 1 % of the first, and 2.6 % of the second.
        // The bounds are four and five of them.
        let mean = pauses.length.mean();
        let expected = mean / (1.0 + mean);
        let found = f64::from(held) / f64::from(steps);
        assert!((found / expected - 1.0).abs() < 0.04, "{found} {expected}");
        let expected = pauses.length.second_moment() / (2.0 * (1.0 + mean));
        let found = waited / f64::from(steps);
        assert!((found / expected - 1.0).abs() < 0.13, "{found} {expected}");
    }

    #[test]
    fn a_leak_fills_the_heap_in_the_time_that_arithmetic_says() {
        let kind = FaultKind::MemoryLeak {
            per_request: 2048.0,
            heap: 512.0 * MIB,
            live: 180.0 * MIB,
            restart: Span::from_secs(30),
        };
        let leak = Leak::of(&kind).unwrap();
        assert_eq!(leak.requests_to_full(), 169_984.0);
        let minutes = |rate: f64| {
            let rate = Rate::per_second(rate).unwrap();
            leak.time_to_full(rate).as_secs_f64() / 60.0
        };
        assert_eq!(minutes(40.0).round(), 71.0);
        assert_eq!((minutes(5.0) / 6.0).round() / 10.0, 9.4);
        assert!(minutes(0.0) > 1e6);
        let other = FaultKind::Corrupt {
            probability: Probability::ONE,
            how: Corruption::default(),
        };
        assert_eq!(Leak::of(&other), None);
    }

    #[test]
    fn a_leak_is_smooth_for_hours_and_then_a_cliff() {
        let leak = Leak {
            per_request: 2048.0,
            heap: 512.0 * MIB,
            live: 180.0 * MIB,
        };
        assert!((leak.collector(256.0 * MIB) - 0.1).abs() < 1e-12);
        assert!((leak.slowdown(256.0 * MIB) - 1.0 / 0.9).abs() < 1e-12);
        assert_eq!(leak.wear(leak.used(0.0)), 1.0);
        let at = |part: f64| leak.wear(leak.used(part * leak.requests_to_full()));
        assert!(at(0.5) < 1.25, "{}", at(0.5));
        assert!(at(0.75) < 2.0, "{}", at(0.75));
        assert!(at(0.85) > 10.0, "{}", at(0.85));
        assert!((leak.slowdown(2.0 * leak.heap) - 20.0).abs() < 1e-9);
        assert_eq!(leak.slowdown(leak.heap), leak.slowdown(0.95 * leak.heap));
    }
}
