//! The users behind the requests: how many, and how unequal.

use rand::{Rng, RngExt};

use crate::base::split_mix;
use crate::base::{Probability, Weight};

/// Users whose activity follows Zipf's law: the k-th most active user sends requests in proportion
/// to `k^-exponent`. An exponent of zero makes all users equal.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    users: u32,
    exponent: f64,
    /// Share of all requests that users 0..=k send together.
    cumulative: Vec<f64>,
    /// Users of nearly equal activity, for expectations: (how many, share of each).
    classes: Vec<(f64, f64)>,
}

/// How the requests of a population divide between versions and a fault's scope.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Shares {
    /// Share of all requests that come from canary users whom the fault reaches.
    pub canary_reached: f64,
    /// Share of all requests that come from canary users whom the fault does not reach.
    pub canary_spared: f64,
    /// Share of all requests that come from stable users.
    pub stable: f64,
}

impl Population {
    /// A population of `users` (at least one) with the given Zipf exponent (not negative).
    pub fn zipf(users: u32, exponent: f64) -> Population {
        let users = users.max(1);
        let exponent = exponent.max(0.0);
        let mut cumulative: Vec<f64> = Vec::with_capacity(users as usize);
        let mut total = 0.0;
        for rank in 1..=users {
            total += f64::from(rank).powf(-exponent);
            cumulative.push(total);
        }
        for share in &mut cumulative {
            *share /= total;
        }
        // The busiest 64 users one by one, the rest in groups an eighth wide: within a group
        // activity differs by at most exponent · 1/8, which moves an expectation by far less.
        let mut classes = Vec::new();
        let mut first = 0_usize;
        while first < cumulative.len() {
            let width = if first < 64 { 1 } else { first / 8 };
            let last = (first + width).min(cumulative.len());
            let before = if first == 0 {
                0.0
            } else {
                cumulative[first - 1]
            };
            let members = (last - first) as f64;
            classes.push((members, (cumulative[last - 1] - before) / members));
            first = last;
        }
        Population {
            users,
            exponent,
            cumulative,
            classes,
        }
    }

    /// Number of users.
    pub fn users(&self) -> u32 {
        self.users
    }

    /// Zipf exponent.
    pub fn exponent(&self) -> f64 {
        self.exponent
    }

    /// Share of all requests that user `user` sends.
    pub fn activity(&self, user: u32) -> f64 {
        let user = user as usize;
        let before = if user == 0 {
            0.0
        } else {
            self.cumulative[user - 1]
        };
        self.cumulative[user] - before
    }

    /// The user behind one request.
    pub fn sample(&self, stream: &mut impl Rng) -> u32 {
        let u: f64 = stream.random();
        self.cumulative.partition_point(|share| *share <= u) as u32
    }

    /// Expected number of distinct users behind `requests` requests, when a share `members` of
    /// the users (taken at random) is responsible for all of them.
    pub fn expected_distinct(&self, requests: f64, members: Probability) -> f64 {
        if requests <= 0.0 || members.get() <= 0.0 {
            return 0.0;
        }
        let per_member = requests / members.get();
        let distinct: f64 = self
            .classes
            .iter()
            .map(|(count, share)| count * -(per_member * (-share).ln_1p()).exp_m1())
            .sum();
        (distinct * members.get()).min(requests)
    }

    /// Whether a user belongs to the share of users that `salt` and `share` pick.
    pub fn is_picked(user: u32, salt: u64, share: Probability) -> bool {
        let hash = split_mix(salt ^ u64::from(user).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        ((hash >> 11) as f64) * (1.0 / (1_u64 << 53) as f64) < share.get()
    }

    /// How requests divide when versions are chosen by a hash of the user (`version_salt`) and a
    /// fault reaches the users picked by `scope_salt`. `version_salt` of `None`: every user's
    /// requests divide by the weight.
    pub fn shares(
        &self,
        version_salt: Option<u64>,
        weight: Weight,
        scope_salt: u64,
        scope: Probability,
    ) -> Shares {
        let mut shares = Shares::default();
        let canary = Probability::new(weight.share()).unwrap_or(Probability::ZERO);
        let mut before = 0.0;
        for (user, cumulative) in self.cumulative.iter().enumerate() {
            let activity = cumulative - before;
            before = *cumulative;
            let user = user as u32;
            let on_canary = match version_salt {
                Some(salt) => f64::from(u8::from(Population::is_picked(user, salt, canary))),
                None => canary.get(),
            };
            let reached =
                scope == Probability::ONE || Population::is_picked(user, scope_salt, scope);
            if reached {
                shares.canary_reached += activity * on_canary;
            } else {
                shares.canary_spared += activity * on_canary;
            }
            shares.stable += activity * (1.0 - on_canary);
        }
        shares
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::Stream;

    #[test]
    fn the_expected_number_of_distinct_users_is_what_sampling_finds() {
        for exponent in [0.0, 0.8, 1.2] {
            let population = Population::zipf(2_000, exponent);
            let mut stream = Stream::seed_from_u64(3);
            for requests in [10_u32, 300, 5_000] {
                let mut sum = 0.0;
                let rounds = 200;
                for _ in 0..rounds {
                    let seen: std::collections::BTreeSet<u32> = (0..requests)
                        .map(|_| population.sample(&mut stream))
                        .collect();
                    sum += seen.len() as f64;
                }
                let mean = sum / f64::from(rounds);
                let expected = population.expected_distinct(f64::from(requests), Probability::ONE);
                assert!(
                    (mean / expected - 1.0).abs() < 0.02,
                    "{exponent} {requests}: {mean} {expected}"
                );
            }
        }
    }

    #[test]
    fn a_user_hash_puts_its_share_of_users_on_the_canary_and_nests() {
        let population = Population::zipf(50_000, 0.0);
        let narrow = Probability::new(0.05).unwrap();
        let wide = Probability::new(0.25).unwrap();
        let mut picked = 0;
        for user in 0..population.users() {
            if Population::is_picked(user, 99, narrow) {
                picked += 1;
                assert!(Population::is_picked(user, 99, wide));
            }
        }
        // Binomial(50,000, 0.05): standard deviation 49.
        assert!((picked - 2_500_i32).abs() < 200, "{picked}");
    }

    #[test]
    fn shares_add_up_to_all_requests() {
        let population = Population::zipf(5_000, 1.1);
        let weight = Weight::percent(10.0).unwrap();
        let scope = Probability::new(0.3).unwrap();
        for version_salt in [None, Some(5)] {
            let shares = population.shares(version_salt, weight, 6, scope);
            let sum = shares.canary_reached + shares.canary_spared + shares.stable;
            assert!((sum - 1.0).abs() < 1e-9);
        }
    }
}
