//! The gates against simulated rollouts, and against input that is hardly any.

mod counts;
mod evidence;
mod figures;
mod latencies;

use rand::SeedableRng;
use rand_distr::{Binomial, Distribution};
use rand_xoshiro::Xoshiro256PlusPlus;

use super::*;
use crate::base::Span;
use crate::telemetry::{Buckets, UserFailures};

const MINUTE: Span = Span::from_secs(60);

/// An hour of looks, one a minute.
const HOUR: Planned = Planned {
    duration: Span::from_secs(3_600),
    interval: MINUTE,
};

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn generator(seed: u64) -> Xoshiro256PlusPlus {
    Xoshiro256PlusPlus::seed_from_u64(seed)
}

fn binomial(random: &mut Xoshiro256PlusPlus, trials: u64, chance: f64) -> u64 {
    Binomial::new(trials, chance).unwrap().sample(random)
}

/// An arm of these counts.
fn arm(requests: u64, errors: u64) -> Arm<'static> {
    Arm {
        requests,
        errors,
        latencies: &[],
        users: UserFailures::default(),
    }
}

/// A batch of a minute, the `minute`-th from 1.
fn batch<'a>(
    bounds: &'a Buckets,
    minute: u64,
    weight: f64,
    canary: Arm<'a>,
    other: Arm<'a>,
) -> Batch<'a> {
    Batch {
        elapsed: Span::from_secs(60 * minute),
        share: Some(weight),
        bounds,
        other,
        canary,
    }
}

/// How rollouts ended: rolled back or not, and the minutes until then, the whole plan where not.
#[derive(Debug, Default)]
struct Ends {
    runs: f64,
    rolled_back: f64,
    minutes: f64,
    squares: f64,
}

impl Ends {
    fn add(&mut self, detected: Option<u64>, planned: u64) {
        let minutes = detected.unwrap_or(planned) as f64;
        self.runs += 1.0;
        self.rolled_back += f64::from(u8::from(detected.is_some()));
        self.minutes += minutes;
        self.squares += minutes * minutes;
    }

    fn rate(&self) -> f64 {
        self.rolled_back / self.runs
    }

    fn mean(&self) -> f64 {
        self.minutes / self.runs
    }

    fn deviation(&self) -> f64 {
        (self.squares / self.runs - self.mean() * self.mean())
            .max(0.0)
            .sqrt()
    }
}
