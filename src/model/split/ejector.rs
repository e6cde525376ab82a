//! Outlier detection at work: who is left out, and until when.

use super::Ejection;

/// Leaves out instances of one pool that fail several times in a row (Envoy's outlier detection by
/// consecutive server errors). Times are in seconds.
#[derive(Debug, Clone)]
pub struct Ejector {
    ejection: Ejection,
    instances: Vec<Instance>,
}

#[derive(Debug, Clone, Copy)]
struct Instance {
    /// Failures since the last success.
    failures: u32,
    /// How often it has been left out.
    times: u32,
    /// It is left out before this.
    until: f64,
}

impl Instance {
    const NEW: Instance = Instance {
        failures: 0,
        times: 0,
        until: f64::NEG_INFINITY,
    };
}

impl Ejector {
    /// Nobody is left out of a pool of `instances`.
    pub fn new(ejection: Ejection, instances: usize) -> Ejector {
        Ejector {
            ejection,
            instances: vec![Instance::NEW; instances],
        }
    }

    /// Forgets everything; the pool has `instances` now.
    pub fn reset(&mut self, instances: usize) {
        self.instances.clear();
        self.instances.resize(instances, Instance::NEW);
    }

    /// Forgets one instance: another runs in its place.
    pub fn replace(&mut self, instance: usize) {
        self.instances[instance] = Instance::NEW;
    }

    /// Notes how an instance answered; returns whether it is left out from now on. A failure too
    /// many changes nothing while as many are left out as may be; the next one tries again.
    #[inline]
    pub fn record(&mut self, instance: usize, failed: bool, now: f64) -> bool {
        let state = &mut self.instances[instance];
        if !failed {
            state.failures = 0;
            return false;
        }
        state.failures += 1;
        state.failures >= self.ejection.consecutive && self.eject(instance, now)
    }

    fn eject(&mut self, instance: usize, now: f64) -> bool {
        // Answers may still come from one that is out already.
        if self.is_out(instance, now) || self.left_out(now) >= self.most() {
            return false;
        }
        let state = &mut self.instances[instance];
        state.failures = 0;
        state.times += 1;
        let served = now + self.ejection.base.as_secs_f64() * f64::from(state.times);
        // Who has served the time is let in when instances are looked at the next time.
        let interval = self.ejection.interval.as_secs_f64();
        state.until = if interval > 0.0 {
            (served / interval).ceil() * interval
        } else {
            served
        };
        true
    }

    /// Whether an instance is left out at `now`.
    #[inline]
    pub fn is_out(&self, instance: usize, now: f64) -> bool {
        now < self.instances[instance].until
    }

    /// How many instances are left out at `now`.
    pub fn left_out(&self, now: f64) -> usize {
        (self.instances.iter())
            .filter(|instance| now < instance.until)
            .count()
    }

    /// At most so many are left out at a time.
    pub fn most(&self) -> usize {
        let share = self.ejection.most.get() * self.instances.len() as f64;
        // A share written in percent must not lose an instance to float dust.
        ((share + 1e-9) as usize).max(1)
    }
}

#[cfg(test)]
mod tests {
    use rand::{RngExt, SeedableRng};

    use super::super::expected_requests_to_eject;
    use super::*;
    use crate::base::{Probability, Span, Stream};

    fn ejection(most: f64) -> Ejection {
        Ejection {
            consecutive: 5,
            base: Span::from_secs(30),
            interval: Span::from_secs(10),
            most: Probability::new(most).unwrap(),
        }
    }

    fn fail(ejector: &mut Ejector, instance: usize, times: u32, now: f64) -> bool {
        (0..times).fold(false, |_, _| ejector.record(instance, true, now))
    }

    #[test]
    fn five_failures_in_a_row_leave_an_instance_out() {
        let mut ejector = Ejector::new(ejection(0.1), 3);
        assert!(!fail(&mut ejector, 1, 4, 1.0));
        assert!(!ejector.record(1, false, 1.0), "a success starts anew");
        assert!(!fail(&mut ejector, 1, 4, 1.0));
        assert!(fail(&mut ejector, 1, 1, 1.0));
        assert!(ejector.is_out(1, 1.0) && !ejector.is_out(0, 1.0));
    }

    #[test]
    fn it_lasts_longer_each_time_and_ends_when_instances_are_looked_at() {
        let mut ejector = Ejector::new(ejection(0.1), 1);
        // 30 s and then 60 s, up to the next full ten seconds.
        assert!(fail(&mut ejector, 0, 5, 4.0));
        assert!(ejector.is_out(0, 39.9) && !ejector.is_out(0, 40.0));
        assert!(fail(&mut ejector, 0, 5, 40.0));
        assert!(ejector.is_out(0, 99.9) && !ejector.is_out(0, 100.0));
        ejector.replace(0);
        assert!(fail(&mut ejector, 0, 5, 100.0));
        assert!(
            !ejector.is_out(0, 130.0),
            "another process starts with the base"
        );
        ejector.reset(2);
        assert!(!ejector.is_out(0, 100.0) && !ejector.is_out(1, 100.0));
    }

    #[test]
    fn only_a_share_is_left_out_but_always_one() {
        for (instances, most, left_out) in [(1, 0.0, 1), (10, 0.1, 1), (20, 0.1, 2), (10, 0.3, 3)] {
            let mut ejector = Ejector::new(ejection(most), instances);
            for instance in 0..instances {
                fail(&mut ejector, instance, 5, 0.0);
            }
            assert_eq!(ejector.left_out(0.0), left_out, "{instances} {most}");
            assert_eq!(ejector.most(), left_out);
        }
        // The next failure tries again when there is room.
        let mut ejector = Ejector::new(ejection(0.1), 2);
        assert!(fail(&mut ejector, 0, 5, 0.0));
        assert!(!fail(&mut ejector, 1, 5, 0.0));
        assert!(fail(&mut ejector, 1, 1, 30.0));
    }

    #[test]
    fn low_error_rates_hardly_ever_lead_to_it() {
        for (p, expected) in [(0.5, 62.0), (0.3, 587.0), (0.1, 111_110.0)] {
            let p = Probability::new(p).unwrap();
            let found = expected_requests_to_eject(p, 5);
            assert!((found - expected).abs() < 0.6, "{p}: {found}");
        }
        assert_eq!(expected_requests_to_eject(Probability::ONE, 5), 5.0);
        assert_eq!(
            expected_requests_to_eject(Probability::ZERO, 5),
            f64::INFINITY
        );
        let mut stream = Stream::seed_from_u64(8);
        const ROUNDS: u32 = 2_000;
        let mut ejector = Ejector::new(ejection(1.0), 1);
        let mut requests = 0;
        for _ in 0..ROUNDS {
            ejector.reset(1);
            while !ejector.is_out(0, 0.0) {
                requests += 1;
                ejector.record(0, stream.random::<f64>() < 0.5, 0.0);
            }
        }
        // Standard deviation of one round about 58: of the mean 1.3.
        let mean = f64::from(requests) / f64::from(ROUNDS);
        assert!((mean - 62.0).abs() < 5.2, "{mean}");
    }
}
