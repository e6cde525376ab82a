//! How many pods each version is to have, and how the numbers move there.
//!
//! Argo Rollouts at `9f8d111d` (after v1.10.0-rc1), `utils/replicaset/canary.go`.

/// Pods wanted of each version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// The canary's.
    pub canary: u32,
    /// Stable's.
    pub stable: u32,
}

/// The pods of one version, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// Asked for.
    pub wanted: u32,
    /// Available.
    pub available: u32,
}

/// `ceil(count * weight / most)`.
pub fn share_up(count: u32, weight: u32, most: u32) -> u32 {
    let most = u64::from(most.max(1));
    small((u64::from(count) * u64::from(weight)).div_ceil(most))
}

/// `floor(count * weight / most)`.
pub fn share_down(count: u32, weight: u32, most: u32) -> u32 {
    small(u64::from(count) * u64::from(weight) / u64::from(most.max(1)))
}

fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The numbers whose ratio comes nearest to `weight` of `most`, of `replicas` pods and of one more
/// where `surge` allows it. With no surge there are weights for which no candidate is left, and the
/// canary gets no pod.
///
/// `approximateWeightedCanaryStableReplicaCounts`.
pub fn nearest(replicas: u32, weight: u32, most: u32, surge: u32) -> Pair {
    if replicas == 0 {
        return Pair {
            canary: 0,
            stable: 0,
        };
    }
    let high = share_up(replicas, weight, most);
    let low = share_down(replicas, weight, most);
    let none_will_do = weight == 0 || weight == most || (replicas == 1 && surge == 0);
    let tie = |total: u32| {
        let exact = f64::from(total) * (f64::from(weight) / f64::from(most));
        exact.fract() == 0.5
    };
    let low_will_do = |total| !tie(total) && (low != 0 || none_will_do);
    let more = replicas.saturating_add(1);
    let candidates = [
        (high < replicas || none_will_do, high, replicas),
        (low_will_do(replicas), low, replicas),
        (surge > 0, high, more),
        (surge > 0 && low_will_do(more), low, more),
    ];
    let mut best = (f64::INFINITY, 0, replicas);
    for (allowed, canary, total) in candidates {
        let share = f64::from(canary) * f64::from(most) / f64::from(total);
        let miss = (share - f64::from(weight)).abs();
        if allowed && miss < best.0 {
            best = (miss, canary, total);
        }
    }
    Pair {
        canary: best.1,
        stable: best.2 - best.1,
    }
}

/// Bounds of a rolling update, resolved to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// `maxSurge`: pods above the desired number.
    pub surge: u32,
    /// `maxUnavailable`: pods below it.
    pub unavailable: u32,
}

/// The next numbers on the way to `target` without a router, as far as surge and availability
/// allow at once.
///
/// `CalculateReplicaCountsForBasicCanary`.
pub fn towards(target: Pair, replicas: u32, room: Room, canary: Count, stable: Count) -> Pair {
    let most = replicas.saturating_add(room.surge);
    let mut left = most.saturating_sub(canary.wanted.saturating_add(stable.wanted));
    let mut next = Pair {
        canary: canary.wanted,
        stable: stable.wanted,
    };
    let grown = target.stable.saturating_sub(next.stable).min(left);
    next.stable += grown;
    left -= grown;
    next.canary += target.canary.saturating_sub(next.canary).min(left);

    let growing = target.canary >= canary.wanted;
    let canary_up = canary.available.min(canary.wanted);
    let stable_up = stable.available.min(stable.wanted);
    let have = if growing {
        canary_up.saturating_add(stable.wanted)
    } else {
        canary.wanted.saturating_add(stable_up)
    };
    let slack = have.saturating_sub(replicas.saturating_sub(room.unavailable));
    if growing {
        let surplus = next.stable.saturating_sub(target.stable);
        next.stable -= surplus.min(slack);
    } else {
        let surplus = next.canary.saturating_sub(target.canary);
        next.canary -= surplus.min(slack);
    }
    next
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use proptest::test_runner::RngSeed;

    use super::*;

    #[test]
    fn weights_become_the_pods_of_the_published_table() {
        // replicas, weight, surge, canary, stable
        for (replicas, weight, surge, canary, stable) in [
            (1, 1, 0, 0, 1),
            (1, 49, 0, 0, 1),
            (1, 50, 0, 1, 0),
            (1, 99, 0, 1, 0),
            (1, 1, 1, 1, 1),
            (1, 99, 1, 1, 1),
            (2, 1, 0, 1, 1),
            (2, 20, 0, 1, 1),
            (2, 50, 0, 1, 1),
            (2, 1, 1, 1, 2),
            (2, 20, 1, 1, 2),
            (2, 50, 1, 1, 1),
            (2, 75, 0, 0, 2),
            (2, 75, 1, 2, 1),
            (3, 50, 0, 2, 1),
            (3, 50, 1, 2, 2),
            (4, 10, 0, 1, 3),
            (4, 10, 1, 1, 4),
            (4, 33, 0, 1, 3),
            (4, 33, 1, 2, 3),
            (5, 10, 0, 1, 4),
            (5, 10, 1, 1, 5),
            (5, 90, 0, 0, 5),
            (5, 90, 1, 5, 1),
            (7, 20, 0, 1, 6),
            (7, 20, 1, 2, 6),
            (10, 1, 0, 1, 9),
            (10, 5, 0, 1, 9),
            (10, 1, 1, 1, 10),
            (10, 5, 1, 1, 10),
            (10, 25, 0, 3, 7),
            (10, 25, 1, 3, 8),
            (10, 41, 0, 4, 6),
            (10, 41, 1, 4, 6),
            (10, 95, 0, 0, 10),
            (10, 95, 1, 10, 1),
            (10, 99, 0, 9, 1),
            (10, 99, 1, 10, 1),
            (20, 99, 0, 19, 1),
            (20, 99, 1, 20, 1),
            (0, 50, 1, 0, 0),
            (10, 0, 3, 0, 10),
            (10, 100, 3, 10, 0),
        ] {
            let found = nearest(replicas, weight, 100, surge);
            assert_eq!(
                found,
                Pair { canary, stable },
                "{weight} % of {replicas}, surge {surge}"
            );
        }
    }

    #[test]
    fn stable_is_cut_before_the_first_canary_is_ready() {
        let room = Room {
            surge: 3,
            unavailable: 2,
        };
        let target = nearest(10, 20, 100, 3);
        let canary = Count {
            wanted: 0,
            available: 0,
        };
        let stable = Count {
            wanted: 10,
            available: 10,
        };
        let next = towards(target, 10, room, canary, stable);
        assert_eq!(
            next,
            Pair {
                canary: 2,
                stable: 8
            }
        );
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 2_000,
            rng_seed: RngSeed::Fixed(20_260_817),
            failure_persistence: None,
            ..ProptestConfig::default()
        })]

        #[test]
        fn no_walk_leaves_the_bounds_of_a_rolling_update(
            replicas in 1_u32..60,
            weight in 0_u32..=100,
            before in 0_u32..=100,
            surge in 0_u32..20,
            unavailable in 0_u32..20,
        ) {
            let unavailable = if surge == 0 { unavailable.max(1) } else { unavailable };
            let unavailable = unavailable.min(replicas);
            let room = Room { surge, unavailable };
            let start = nearest(replicas, before, 100, surge);
            let target = nearest(replicas, weight, 100, surge);
            let (mut canary, mut stable) = (start.canary, start.stable);
            let up = |wanted| Count { wanted, available: wanted };
            let mut rounds = 0;
            while (Pair { canary, stable }) != target {
                let was = Pair { canary, stable };
                let next = towards(target, replicas, room, up(canary), up(stable));
                prop_assert!(next.canary + next.stable <= replicas + surge);
                // New pods are not available at first, so only those that stay count.
                let staying = next.canary.min(canary) + next.stable.min(stable);
                prop_assert!(staying >= (replicas - unavailable).min(canary + stable));
                (canary, stable) = (next.canary, next.stable);
                prop_assert!(next != was, "stuck at {:?} on the way to {:?}", was, target);
                rounds += 1;
                prop_assert!(rounds < 500);
            }
        }
    }
}
