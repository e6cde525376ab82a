//! Alpha spending for any statistic, by simulated companions.
//!
//! Beside the path that was observed run M paths drawn from the null law of each batch, all M + 1
//! exchangeable. At each look the paths with the largest statistics are killed, as many as the
//! spending function has allowed by then; the test rejects when the observed path is among them.
//! Its level is at most `alpha` for every M and any statistic. The drawing is the caller's.
//!
//! (Besag and Clifford 1991, made sequential by alpha spending.)

/// Which paths are alive. Start with [`ParticleSpending::new`], draw a batch for the paths that
/// are still alive, give their statistics to [`ParticleSpending::look`].
#[derive(Debug, Clone, PartialEq)]
pub struct ParticleSpending {
    alive: Vec<bool>,
    killed: usize,
    rejected: bool,
    ranked: Vec<f64>,
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ParticleLook {
    /// A statistic above this is rejected at this look; infinite where none is.
    pub boundary: f64,
    /// Whether this look or one before it rejected.
    pub rejected: bool,
    /// The share of all paths that has been killed, this look included.
    pub spent: f64,
    /// The smallest target with which this look would have rejected.
    pub alpha_needed: f64,
}

impl ParticleSpending {
    /// So many companions.
    pub fn new(particles: usize) -> ParticleSpending {
        ParticleSpending {
            alive: vec![true; particles],
            killed: 0,
            rejected: false,
            ranked: Vec::with_capacity(particles + 1),
        }
    }

    /// Starts anew.
    pub fn reset(&mut self) {
        self.alive.fill(true);
        self.killed = 0;
        self.rejected = false;
    }

    /// Which companions are alive: only these need to be drawn and reckoned.
    pub fn alive(&self) -> &[bool] {
        &self.alive
    }

    /// A look: the companions' statistics (whatever stands for a dead one is not read), the
    /// observed path's, and what may have been spent by now. A statistic that is not a number
    /// counts as the smallest. `None` where the companions are not as many as planned or the
    /// target is no number.
    pub fn look(&mut self, statistics: &[f64], observed: f64, target: f64) -> Option<ParticleLook> {
        if statistics.len() != self.alive.len() || target.is_nan() {
            return None;
        }
        let paths = (self.alive.len() + 1) as f64;
        let observed = number(observed);
        let allowed =
            ((target.clamp(0.0, 1.0) * paths).floor() as usize).saturating_sub(self.killed);
        self.ranked.clear();
        if !self.rejected {
            self.ranked.push(observed);
        }
        let pairs = statistics.iter().zip(&self.alive);
        let living = pairs.filter(|(_, alive)| **alive);
        self.ranked.extend(living.map(|(value, _)| number(*value)));

        let as_large = self
            .ranked
            .iter()
            .filter(|value| **value >= observed)
            .count();
        let alpha_needed = (self.killed + as_large) as f64 / paths;
        let boundary = if allowed == 0 {
            f64::INFINITY
        } else if allowed >= self.ranked.len() {
            f64::NEG_INFINITY
        } else {
            let (_, next, _) = self
                .ranked
                .select_nth_unstable_by(allowed, |a, b| b.total_cmp(a));
            *next
        };
        // Ties are never split: who equals the first that may not be killed lives on.
        let all = allowed >= self.ranked.len() && allowed > 0;
        let dies = |value: f64| all || value > boundary;
        if allowed > 0 {
            for (alive, value) in self.alive.iter_mut().zip(statistics) {
                if *alive && dies(number(*value)) {
                    *alive = false;
                    self.killed += 1;
                }
            }
            if !self.rejected && dies(observed) {
                self.rejected = true;
                self.killed += 1;
            }
        }
        Some(ParticleLook {
            boundary,
            rejected: self.rejected,
            spent: self.killed as f64 / paths,
            alpha_needed,
        })
    }
}

fn number(value: f64) -> f64 {
    if value.is_nan() {
        f64::NEG_INFINITY
    } else {
        value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_are_killed_as_many_as_the_plan_allows() {
        let mut paths = ParticleSpending::new(9);
        let first = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0];
        let look = paths.look(&first, 4.5, 0.25).unwrap();
        assert_eq!(
            (look.boundary, look.rejected, look.spent),
            (7.0, false, 0.2)
        );
        assert_eq!(look.alpha_needed, 0.6);
        assert_eq!(paths.alive()[7..], [false, false]);
        // The dead are not read.
        let second = [1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0, f64::NAN, 99.0];
        let look = paths.look(&second, 7.5, 0.3).unwrap();
        assert!(look.rejected);
        assert_eq!((look.spent, look.alpha_needed), (0.3, 0.3));
    }

    #[test]
    fn ties_are_never_split() {
        let mut paths = ParticleSpending::new(4);
        let look = paths.look(&[1.0, 3.0, 3.0, 3.0], 3.0, 0.4).unwrap();
        assert_eq!((look.rejected, look.spent), (false, 0.0));
        assert_eq!(look.alpha_needed, 0.8);
        // Without data all are equal, and nobody dies however much may be spent.
        assert_eq!(paths.look(&[0.0; 4], 0.0, 0.9).unwrap().spent, 0.0);
        assert!(paths.look(&[0.0; 4], 0.0, 1.0).unwrap().rejected);
    }

    /// Three paths of two fair coins each, in all 64 ways: the share of ways in which the observed
    /// path dies is the level, and no more than the plan.
    #[test]
    fn the_level_is_kept_by_enumeration() {
        for (early, late) in [(0.0, 0.34), (0.34, 0.34), (0.34, 0.67), (0.67, 0.67)] {
            let mut rejected = 0;
            for flips in 0..64_u32 {
                let coin = |path: u32, look: u32| f64::from(flips >> (2 * path + look) & 1);
                let mut paths = ParticleSpending::new(2);
                for (look, target) in [(0, early), (1, late)] {
                    let sum = |path| (0..=look).map(|at| coin(path, at)).sum::<f64>();
                    paths.look(&[sum(1), sum(2)], sum(0), target).unwrap();
                }
                rejected += u32::from(paths.rejected);
            }
            let level = f64::from(rejected) / 64.0;
            assert!(level <= late, "{level} {late}");
            assert!(late == 0.0 || level > 0.0);
        }
    }

    #[test]
    fn contradictions_are_refused() {
        let mut paths = ParticleSpending::new(2);
        assert_eq!(paths.look(&[1.0], 1.0, 0.5), None);
        assert_eq!(paths.look(&[1.0, 2.0], 1.0, f64::NAN), None);
        let look = paths.look(&[f64::NAN, 2.0], f64::NAN, 0.34).unwrap();
        assert!(!look.rejected);
    }
}
