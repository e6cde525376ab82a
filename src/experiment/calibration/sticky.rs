//! Users who stay with one version: who decides an arm's ratio is then a matter of who is in it.

use rand::{Rng, RngExt};
use rand_distr::{Beta, Distribution};

use super::settings::Setting;
use crate::stats::draw::{Alias, Poisson};
use crate::telemetry::{UserFailures, UserSums};

/// Users of the service.
const USERS: u32 = 2_000;
/// Tail index of how many requests a user makes (Pareto): a few make thousands.
const TAIL: f64 = 1.5;

/// All users, each in one arm for good, each with a failure ratio of their own.
#[derive(Debug)]
pub(super) struct Crowd {
    /// Who makes the next request.
    next: Alias,
    /// Correlation of two requests of one user.
    correlation: f64,
    users: Vec<User>,
    /// Failures by user since the start, of the other arm and of the canary.
    pub failures: [UserFailures; 2],
}

#[derive(Debug, Clone, Copy, Default)]
struct User {
    canary: bool,
    failing: f64,
    sums: UserSums,
}

impl Crowd {
    /// Users so alike in themselves that the design effect over all looks is `deff`:
    /// 1 + (m − 1) rho, m being Kish's mean of requests by user.
    pub(super) fn new(setting: &Setting, deff: f64) -> Crowd {
        let weights: Vec<f64> = (0..USERS)
            .map(|user| ((f64::from(user) + 0.5) / f64::from(USERS)).powf(-1.0 / TAIL))
            .collect();
        let sum: f64 = weights.iter().sum();
        let squares: f64 = weights.iter().map(|weight| weight * weight).sum();
        let seconds = setting.interval.as_secs_f64() * f64::from(setting.looks);
        // Counts are Poisson, whose own variance is the 1 that Kish's mean has more than this.
        let heavy = setting.rate * seconds * squares / (sum * sum);
        Crowd {
            next: Alias::new(&weights),
            correlation: ((deff - 1.0) / heavy).clamp(0.0, 0.99),
            users: vec![User::default(); USERS as usize],
            failures: [UserFailures::default(); 2],
        }
    }

    /// Users of a new trial: each in the canary with its share, failing on average as said.
    pub(super) fn begin(&mut self, share: f64, errors: f64, stream: &mut impl Rng) {
        let alike = 1.0 / self.correlation.max(1e-9) - 1.0;
        let law = Beta::new(errors * alike, (1.0 - errors) * alike).ok();
        for user in &mut self.users {
            *user = User {
                canary: stream.random::<f64>() < share,
                failing: law.as_ref().map_or(errors, |law| law.sample(stream)),
                sums: UserSums::default(),
            };
        }
        self.failures = [UserFailures::default(); 2];
    }

    /// Good and failed requests of the other arm, then of the canary, whose users fail `ratio` times
    /// as often.
    pub(super) fn batch(&mut self, requests: f64, ratio: f64, stream: &mut impl Rng) -> [u64; 4] {
        let mut counts = [0; 4];
        for _ in 0..Poisson::new(requests).sample(stream) {
            let user = &mut self.users[self.next.cell(stream.next_u32())];
            let failing = match user.canary {
                true => user.failing * ratio,
                false => user.failing,
            };
            let failed = stream.random::<f64>() < failing;
            let arm = usize::from(user.canary);
            counts[2 * arm + usize::from(failed)] += 1;
            self.failures[arm].add_of_user(&mut user.sums, failed);
        }
        counts
    }
}
