//! The users behind the requests: how many, and how unequal.

use std::sync::Arc;

use rand::{Rng, RngExt};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::base::Probability;
use crate::base::split_mix;

/// How unequal users are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Activity {
    /// By Zipf's law: the k-th most active user sends requests in proportion to `k^-exponent`. An
    /// exponent of zero makes all users equal.
    Zipf(f64),
    /// Log-normal with this standard deviation of the logarithm, `sigma`: the squared coefficient
    /// of variation is `exp(sigma²) - 1`. Users stand at its quantiles, so nothing is drawn.
    LogNormal(f64),
}

/// Users, the most active first, and what each of them sends. Copies share the tables, which are large.
#[derive(Debug, Clone, PartialEq)]
pub struct Population {
    users: u32,
    activity: Activity,
    /// Share of all requests that users 0..=k send together.
    cumulative: Arc<[f64]>,
    /// Where to begin the search in `cumulative` for each equal slice of [0, 1).
    guide: Arc<[u32]>,
    /// Users of nearly equal activity, for expectations: (how many, share of each).
    classes: Vec<(f64, f64)>,
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
            classes.push(class(&cumulative, first, last));
            first = last;
        }
        Population::of(Activity::Zipf(exponent), cumulative, classes)
    }

    /// A population of `users` (at least one) whose activity is log-normal; `sigma`, the standard
    /// deviation of its logarithm, is not negative.
    pub fn log_normal(users: u32, sigma: f64) -> Population {
        let users = users.max(1);
        let sigma = sigma.max(0.0);
        let normal = Normal::standard();
        // The busiest share p of users send Φ(σ + Φ⁻¹(p)) of the requests: the Lorenz curve.
        let cumulative: Vec<f64> = (1..=users)
            .map(|rank| match rank == users || sigma == 0.0 {
                true => f64::from(rank) / f64::from(users),
                false => {
                    let busiest = f64::from(rank) / f64::from(users);
                    normal.cdf(sigma + normal.inverse_cdf(busiest))
                }
            })
            .collect();
        // Within a group activity differs by at most an eighth.
        let mut classes = Vec::new();
        let mut first = 0_usize;
        while first < cumulative.len() {
            let least = class(&cumulative, first, first + 1).1 * 0.88;
            let mut last = first + 1;
            while last < cumulative.len() && cumulative[last] - cumulative[last - 1] >= least {
                last += 1;
            }
            classes.push(class(&cumulative, first, last));
            first = last;
        }
        Population::of(Activity::LogNormal(sigma), cumulative, classes)
    }

    fn of(activity: Activity, cumulative: Vec<f64>, classes: Vec<(f64, f64)>) -> Population {
        let users = cumulative.len() as u32;
        let slices = users.next_power_of_two();
        let mut start = 0;
        let guide = (0..slices)
            .map(|slice| {
                let edge = f64::from(slice) / f64::from(slices);
                while cumulative[start] <= edge {
                    start += 1;
                }
                start as u32
            })
            .collect();
        Population {
            users,
            activity,
            cumulative: cumulative.into(),
            guide,
            classes,
        }
    }

    /// Number of users.
    pub fn users(&self) -> u32 {
        self.users
    }

    /// How unequal they are.
    pub fn law(&self) -> Activity {
        self.activity
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
        let uniform: f64 = stream.random();
        let slice = (uniform * self.guide.len() as f64) as usize;
        let mut user = self.guide[slice] as usize;
        // The last cumulative share is 1 but for float dust; the last user takes the rest.
        while user + 1 < self.cumulative.len() && self.cumulative[user] <= uniform {
            user += 1;
        }
        user as u32
    }

    /// Expected number of distinct users behind `requests` requests.
    pub fn expected_distinct(&self, requests: f64) -> f64 {
        if requests <= 0.0 {
            return 0.0;
        }
        let distinct: f64 = self
            .classes
            .iter()
            .map(|(count, share)| count * -(requests * (-share).ln_1p()).exp_m1())
            .sum();
        distinct.min(requests)
    }

    /// How many requests of the same user a request finds itself among, on average, when there are
    /// `requests` of them: the expectation of `Σ n_u²` over that of `Σ n_u`, where `n_u` is the
    /// number that user u sends. It grows with the number of requests and with inequality.
    pub fn effective(&self, requests: f64) -> f64 {
        1.0 + (requests - 1.0).max(0.0) * self.concentration()
    }

    /// Chance that two requests come from the same user: the sum of squared activities.
    pub fn concentration(&self) -> f64 {
        (0..self.users)
            .map(|user| self.activity(user).powi(2))
            .sum()
    }

    /// By how much the variance of a mean over `requests` requests grows when users, not requests,
    /// are assigned to versions or fail: `1 + (m - 1) · rho` with [`Population::effective`] for m
    /// (Kish's design effect). `rho` is the intra-class correlation of a user's requests, 0 to 1.
    pub fn design_effect(&self, rho: f64, requests: f64) -> f64 {
        1.0 + (self.effective(requests) - 1.0) * rho
    }

    /// A user's place in [0, 1) under a salt, uniform over users. Who lies below a share belongs
    /// to it, so a wider share contains a narrower one.
    #[inline]
    pub fn place(user: u32, salt: u64) -> f64 {
        let hash = split_mix(salt ^ u64::from(user).wrapping_mul(0x9e37_79b9_7f4a_7c15));
        (hash >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
    }

    /// Share of all requests that come from users whose place under `scope_salt` lies between each
    /// two neighbouring `cuts` (increasing, the last one 1), for all users and, with
    /// `version_salt`, for those whose place under it lies below `canary`.
    pub fn divide(
        &self,
        scope_salt: u64,
        cuts: &[f64],
        version: Option<(u64, Probability)>,
        shares: &mut Vec<f64>,
    ) {
        shares.clear();
        shares.resize(cuts.len(), 0.0);
        let mut before = 0.0;
        for (user, cumulative) in self.cumulative.iter().enumerate() {
            let activity = cumulative - before;
            before = *cumulative;
            let user = user as u32;
            if let Some((salt, canary)) = version
                && Population::place(user, salt) >= canary.get()
            {
                continue;
            }
            let stratum = if cuts.len() == 1 {
                0
            } else {
                let place = Population::place(user, scope_salt);
                cuts[..cuts.len() - 1].partition_point(|cut| *cut <= place)
            };
            shares[stratum] += activity;
        }
    }
}

/// Users `first..last`: how many, and the mean share of each.
fn class(cumulative: &[f64], first: usize, last: usize) -> (f64, f64) {
    let before = if first == 0 {
        0.0
    } else {
        cumulative[first - 1]
    };
    let members = (last - first) as f64;
    (members, (cumulative[last - 1] - before) / members)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;
    use crate::base::Stream;

    #[test]
    fn the_expected_number_of_distinct_users_is_what_sampling_finds() {
        for population in [
            Population::zipf(2_000, 0.0),
            Population::zipf(2_000, 0.8),
            Population::zipf(2_000, 1.2),
            Population::log_normal(2_000, 1.1),
            Population::log_normal(2_000, 2.0),
        ] {
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
                let expected = population.expected_distinct(f64::from(requests));
                assert!(
                    (mean / expected - 1.0).abs() < 0.02,
                    "{:?} {requests}: {mean} {expected}",
                    population.law()
                );
            }
        }
    }

    #[test]
    fn log_normal_users_are_as_unequal_as_measured() {
        // Squared coefficient of variation 2.2 with a sigma of 1.08 and 12 with 1.6; of a
        // log-normal the busiest share p sends Φ(σ - Φ⁻¹(1 - p)).
        for (sigma, squared, busiest) in [(1.08, 2.22, 0.106), (1.6, 12.0, 0.234)] {
            let population = Population::log_normal(20_000, sigma);
            let mean = 1.0 / 20_000.0;
            let variance: f64 = (0..20_000)
                .map(|user| (population.activity(user) / mean - 1.0).powi(2))
                .sum::<f64>()
                / 20_000.0;
            assert!(
                (variance / squared - 1.0).abs() < 0.15,
                "{sigma}: {variance}"
            );
            let top: f64 = (0..200).map(|user| population.activity(user)).sum();
            // 10.8 % measured at the first, 25 % at the second.
            assert!((top / busiest - 1.0).abs() < 0.15, "{sigma}: {top}");
            let all: f64 = (0..20_000).map(|user| population.activity(user)).sum();
            assert!((all - 1.0).abs() < 1e-9);
            assert!(
                (1..20_000).all(|k| population.activity(k) <= population.activity(k - 1) + 1e-15)
            );
        }
        assert_eq!(
            Population::log_normal(10, 0.0).activity(3),
            Population::zipf(10, 0.0).activity(3)
        );
    }

    #[test]
    fn a_request_is_among_as_many_of_its_user_as_counted() {
        for population in [
            Population::zipf(500, 1.0),
            Population::log_normal(2_365, 1.08),
        ] {
            let mut stream = Stream::seed_from_u64(12);
            let (requests, rounds) = (30_969_u32, 20);
            let mut sum = 0.0;
            for _ in 0..rounds {
                let mut counts = vec![0.0_f64; population.users() as usize];
                for _ in 0..requests {
                    counts[population.sample(&mut stream) as usize] += 1.0;
                }
                sum += counts.iter().map(|count| count * count).sum::<f64>() / f64::from(requests);
            }
            let mean = sum / f64::from(rounds);
            let expected = population.effective(f64::from(requests));
            assert!((mean / expected - 1.0).abs() < 0.02, "{mean} {expected}");
        }
        // A day at the Kennedy Space Center: 42 measured, so that with a correlation of 0.05 the
        // variance trebles.
        let day = Population::log_normal(2_365, 1.08);
        assert!((day.effective(30_969.0) / 42.0 - 1.0).abs() < 0.15);
        assert!((day.design_effect(0.05, 30_969.0) / 3.1 - 1.0).abs() < 0.15);
        assert_eq!(day.design_effect(0.3, 1.0), 1.0);
    }

    #[test]
    fn users_are_drawn_by_their_activity() {
        for population in [Population::zipf(300, 1.0), Population::log_normal(300, 1.1)] {
            let mut stream = Stream::seed_from_u64(17);
            let draws = 200_000;
            let mut seen = vec![0.0; 300];
            for _ in 0..draws {
                seen[population.sample(&mut stream) as usize] += 1.0;
            }
            let (mut chi, mut cells) = (0.0, 0.0);
            for (user, seen) in seen.iter().enumerate() {
                let expected = population.activity(user as u32) * f64::from(draws);
                if expected >= 20.0 {
                    chi += (seen - expected) * (seen - expected) / expected;
                    cells += 1.0;
                }
            }
            // Mean plus five standard deviations: far below a chance of 0.001.
            let most = cells + 5.0 * f64::sqrt(2.0 * cells);
            assert!(
                cells > 200.0 && chi < most,
                "{:?}: {chi} {cells}",
                population.law()
            );
        }
    }

    #[test]
    fn a_users_place_is_uniform() {
        let users = 50_000;
        let picked = (0..users)
            .filter(|user| Population::place(*user, 99) < 0.05)
            .count();
        // Binomial(50,000, 0.05): standard deviation 49.
        assert!(picked.abs_diff(2_500) < 200, "{picked}");
    }

    #[test]
    fn strata_and_versions_divide_all_requests() {
        let population = Population::zipf(5_000, 1.1);
        let (mut all, mut canary) = (Vec::new(), Vec::new());
        let cuts = [0.3, 0.6, 1.0];
        population.divide(6, &cuts, None, &mut all);
        assert!((all.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let tenth = Probability::new(0.1).unwrap();
        population.divide(6, &cuts, Some((7, tenth)), &mut canary);
        assert!(canary.iter().zip(&all).all(|(part, whole)| part < whole));
        let activity: f64 = (0..5_000)
            .filter(|user| Population::place(*user, 7) < 0.1)
            .map(|user| population.activity(user))
            .sum();
        assert!((canary.iter().sum::<f64>() - activity).abs() < 1e-9);
    }
}
