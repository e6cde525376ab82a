//! Counters as they run.

use std::ops::Add;

use super::Status;

/// The counters of a version, or of one route of it, at one instant.
///
/// They grow, with one exception. An instance that crashes starts its own counters anew; `rate`
/// mends that, and all that the version's sum loses are the instance's increments since its last
/// successful scrape ([`Telemetry::misses`](super::Telemetry::misses)). Whoever counts takes these
/// off again, and so the counters never read less than at the last scrape.
#[derive(Debug, Clone, PartialEq)]
pub struct Counters {
    /// Requests so far, by [`Status`].
    pub requests: [u64; 2],
    /// Sum of latencies so far in seconds, by [`Status`].
    pub seconds: [f64; 2],
    /// Requests per bucket (each request in one bucket), all of success before all of failure.
    pub buckets: Vec<u64>,
    /// What the business counts, one for each goal of the [`Plan`](super::Plan).
    pub goals: Vec<GoalSums>,
    /// Failures by user, where somebody asks for them ([`Demand::users`](super::Demand::users)).
    pub failures: UserFailures,
}

/// Failures by user so far, each request as its user met it: once, after all retries.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UserFailures {
    /// Requests as opportunities, a failure worth 1, with the sums by user.
    pub sums: GoalSums,
    /// Users with at least one failure.
    pub users: f64,
}

impl UserFailures {
    /// Counts one request of a user, whose own sums since the start are `user`.
    pub fn add_of_user(&mut self, user: &mut UserSums, failed: bool) {
        if failed && user.sum == 0.0 {
            self.users += 1.0;
        }
        self.sums.add_of_user(user, f64::from(u8::from(failed)));
    }
}

/// What the business counted of one goal so far.
///
/// An opportunity is a counted request on one of the goal's routes, however it was answered; its
/// value is 0 when the user did not do it, and nobody does after a wrong answer or none. The last four are kept by user, for standard errors that know that the requests of
/// one user are alike; with `n` opportunities and values `x` in sum of each user since the start
/// they are the sums over users of 1, n, x times n and so on. They stay 0 where nobody asks for
/// them ([`Demand::by_user`](super::Demand::by_user)).
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct GoalSums {
    /// Opportunities.
    pub opportunities: f64,
    /// Sum of values.
    pub sum: f64,
    /// Sum of squared values.
    pub squares: f64,
    /// Sum over users of n · x.
    pub cross: f64,
    /// Sum over users of n².
    pub counts: f64,
    /// Users with at least one opportunity.
    pub users: f64,
    /// Sum over users of x².
    pub values: f64,
}

impl Add for GoalSums {
    type Output = GoalSums;
    /// The sums of both. Those by user are right only when no user is in both.
    fn add(self, other: GoalSums) -> GoalSums {
        GoalSums {
            opportunities: self.opportunities + other.opportunities,
            sum: self.sum + other.sum,
            squares: self.squares + other.squares,
            cross: self.cross + other.cross,
            counts: self.counts + other.counts,
            users: self.users + other.users,
            values: self.values + other.values,
        }
    }
}

/// One user's part in [`GoalSums`].
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct UserSums {
    /// Opportunities.
    pub opportunities: f64,
    /// Sum of values.
    pub sum: f64,
}

impl Counters {
    /// Nothing counted yet, in a histogram of so many buckets (the unbounded one included).
    pub fn new(buckets: usize, goals: usize) -> Counters {
        Counters {
            requests: [0; 2],
            seconds: [0.0; 2],
            buckets: vec![0; 2 * buckets],
            goals: vec![GoalSums::default(); goals],
            failures: UserFailures::default(),
        }
    }

    /// The buckets of one status.
    pub fn row_mut(&mut self, status: Status) -> &mut [u64] {
        let width = self.buckets.len() / 2;
        &mut self.buckets[status as usize * width..][..width]
    }

    /// Starts anew in the same memory.
    pub(super) fn clear(&mut self) {
        self.requests = [0; 2];
        self.seconds = [0.0; 2];
        self.buckets.fill(0);
        self.goals.fill(GoalSums::default());
        self.failures = UserFailures::default();
    }
}

impl GoalSums {
    /// Counts one opportunity with its value, 0 when the user did not do it.
    pub fn add(&mut self, value: f64) {
        self.opportunities += 1.0;
        self.sum += value;
        self.squares += value * value;
    }

    /// Counts one opportunity of a user, whose own sums are `user`: those of this goal in this
    /// version since the start.
    pub fn add_of_user(&mut self, user: &mut UserSums, value: f64) {
        self.add(value);
        let (n, x) = (user.opportunities, user.sum);
        let (more_n, more_x) = (n + 1.0, x + value);
        if n == 0.0 {
            self.users += 1.0;
        }
        self.counts += more_n * more_n - n * n;
        self.cross += more_n * more_x - n * x;
        self.values += more_x * more_x - x * x;
        *user = UserSums {
            opportunities: more_n,
            sum: more_x,
        };
    }

    /// What was counted since `earlier`. The sums by user belong to no window and are left 0.
    pub(super) fn since(self, earlier: GoalSums) -> GoalSums {
        GoalSums {
            opportunities: self.opportunities - earlier.opportunities,
            sum: self.sum - earlier.sum,
            squares: self.squares - earlier.squares,
            ..GoalSums::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_by_user_are_those_of_a_list_of_users() {
        let visits: [(usize, f64); 7] = [
            (0, 0.0),
            (1, 2.5),
            (0, 1.0),
            (2, 0.0),
            (0, 3.0),
            (1, 0.0),
            (0, 0.0),
        ];
        let mut goal = GoalSums::default();
        let mut users = [UserSums::default(); 4];
        for (user, value) in visits {
            goal.add_of_user(&mut users[user], value);
        }
        // n = (4, 2, 1), x = (4, 2.5, 0).
        let expected = GoalSums {
            opportunities: 7.0,
            sum: 6.5,
            squares: 6.25 + 1.0 + 9.0,
            cross: 16.0 + 5.0,
            counts: 16.0 + 4.0 + 1.0,
            users: 3.0,
            values: 16.0 + 6.25,
        };
        assert_eq!(goal, expected);
    }
}
