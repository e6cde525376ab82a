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
