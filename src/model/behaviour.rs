//! The ways in which a version's requests end: a service and what is wrong with it at one moment,
//! taken apart into courses that are each simple.

use crate::base::Time;

use super::World;
use super::fault::FaultKind;
use super::service::{Latency, Service};

/// One way in which a request ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Share of the version's requests that take it.
    pub probability: f64,
    /// Whether the answer is a server error.
    pub failed: bool,
    /// Whether the user is worse off than with stable: the request failed or was slowed.
    pub touched: bool,
    /// Latency is the service's own, times this,
    pub multiply: f64,
    /// plus this many seconds.
    pub add: f64,
}

impl Course {
    /// Chance that an answer on this course takes at most `seconds`.
    pub fn cdf(&self, latency: &Latency, seconds: f64) -> f64 {
        latency.cdf((seconds - self.add) / self.multiply)
    }
}

impl World {
    /// Where the faults' scopes divide the users: cumulative shares of users, the last one 1.
    /// A user's place is fixed by one hash, so a wider scope contains a narrower one.
    pub fn strata(&self) -> Vec<f64> {
        let mut cuts: Vec<f64> = self
            .faults
            .iter()
            .map(|fault| fault.scope.users.get())
            .filter(|cut| *cut > 0.0)
            .chain([1.0])
            .collect();
        cuts.sort_by(f64::total_cmp);
        cuts.dedup();
        cuts
    }

    /// How severe each fault is at `now`, 0 to 1.
    pub fn severities(&self, now: Time) -> Vec<f64> {
        self.faults
            .iter()
            .map(|fault| fault.schedule.severity(now))
            .collect()
    }

    /// When a severity may next change.
    pub fn next_change(&self, now: Time) -> Time {
        self.faults
            .iter()
            .map(|fault| fault.schedule.next_change(now))
            .min()
            .unwrap_or(Time::NEVER)
    }

    /// When the canary is first worse than stable: at once when it simply is another service,
    /// otherwise at the first onset; `None` when it is as good.
    pub fn first_fault(&self) -> Option<Time> {
        let (stable, canary) = (&self.stable, &self.canary);
        if (&canary.latency, canary.errors, &canary.routes)
            != (&stable.latency, stable.errors, &stable.routes)
        {
            return Some(Time::START);
        }
        self.faults.iter().map(|fault| fault.schedule.onset).min()
    }

    /// How stable's requests end.
    pub fn stable_courses(&self) -> Vec<Course> {
        courses(&self.stable, false)
    }

    /// How the canary's requests end for users below the cut `stratum` of [`World::strata`], with
    /// the faults this severe.
    pub fn canary_courses(&self, stratum: f64, severities: &[f64]) -> Vec<Course> {
        let slower = self.canary.latency.mean() > self.stable.latency.mean();
        let mut courses = courses(&self.canary, slower);
        for (fault, severity) in self.faults.iter().zip(severities) {
            if *severity == 0.0 || fault.scope.users.get() < stratum {
                continue;
            }
            match fault.kind {
                FaultKind::Errors { probability, .. } => {
                    fork(&mut courses, probability.get() * severity, |course| {
                        course.failed = true;
                        course.touched = true;
                    });
                }
                FaultKind::Latency { multiply, add } => {
                    for course in &mut courses {
                        let factor = 1.0 + (multiply - 1.0) * severity;
                        course.multiply *= factor;
                        course.add = course.add * factor + add.as_secs_f64() * severity;
                        course.touched = true;
                    }
                }
                FaultKind::Tail { probability, add } => {
                    fork(&mut courses, probability.get() * severity, |course| {
                        course.add += add.as_secs_f64();
                        course.touched = true;
                    });
                }
                // These need their own engine.
                _ => {}
            }
        }
        courses.retain(|course| course.probability > 0.0);
        courses
    }
}

fn courses(service: &Service, slower: bool) -> Vec<Course> {
    let course = |failed: bool, probability: f64| Course {
        probability,
        failed,
        touched: failed || slower,
        multiply: 1.0,
        add: 0.0,
    };
    let errors = service.errors.get();
    let mut courses = vec![course(false, 1.0 - errors), course(true, errors)];
    courses.retain(|course| course.probability > 0.0);
    courses
}

/// Sends a share of every course down a changed copy of it; equal courses are joined again.
fn fork(courses: &mut Vec<Course>, share: f64, change: impl Fn(&mut Course)) {
    let mut forked: Vec<Course> = Vec::with_capacity(courses.len() * 2);
    for course in courses.iter() {
        let mut changed = *course;
        change(&mut changed);
        changed.probability *= share;
        let mut kept = *course;
        kept.probability *= 1.0 - share;
        for course in [kept, changed] {
            let same = |other: &&mut Course| {
                Course {
                    probability: 0.0,
                    ..**other
                } == Course {
                    probability: 0.0,
                    ..course
                }
            };
            match forked.iter_mut().find(same) {
                Some(other) => other.probability += course.probability,
                None => forked.push(course),
            }
        }
    }
    *courses = forked;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Rate, Span};
    use crate::model::fault::{Fault, Schedule, Scope, Target};
    use crate::model::traffic::{Population, Profile, Traffic};

    fn world(faults: Vec<Fault>) -> World {
        let share = |p| Probability::new(p).unwrap();
        let latency =
            Latency::log_normal(Span::from_millis(40), share(0.99), Span::from_millis(250));
        let profile = Profile::Constant(Rate::per_second(20.0).unwrap());
        World {
            faults,
            ..World::plain(
                Traffic::plain(profile, Population::zipf(100, 1.0)),
                Service::plain(latency.unwrap(), share(0.001)),
            )
        }
    }

    fn fault(kind: FaultKind, users: f64) -> Fault {
        Fault {
            kind,
            target: Target::Canary,
            schedule: Schedule::ALWAYS,
            scope: Scope {
                users: Probability::new(users).unwrap(),
                ..Scope::EVERYONE
            },
        }
    }

    #[test]
    fn an_error_fault_adds_to_the_errors_that_are_there_anyway() {
        let probability = Probability::new(0.05).unwrap();
        let world = world(vec![fault(
            FaultKind::Errors {
                probability,
                latency: None,
            },
            1.0,
        )]);
        let failed: f64 = world
            .canary_courses(1.0, &[1.0])
            .iter()
            .filter(|course| course.failed)
            .map(|course| course.probability)
            .sum();
        assert!((failed - (0.001 + 0.999 * 0.05)).abs() < 1e-12);
    }

    #[test]
    fn courses_of_every_combination_add_up_to_one() {
        let probability = Probability::new(0.03).unwrap();
        let add = Span::from_millis(700);
        let world = world(vec![
            fault(
                FaultKind::Errors {
                    probability,
                    latency: None,
                },
                0.4,
            ),
            fault(FaultKind::Tail { probability, add }, 1.0),
            fault(FaultKind::Latency { multiply: 1.5, add }, 0.2),
        ]);
        assert_eq!(world.strata(), vec![0.2, 0.4, 1.0]);
        for stratum in world.strata() {
            for severity in [0.0, 0.3, 1.0] {
                let courses = world.canary_courses(stratum, &[severity; 3]);
                let sum: f64 = courses.iter().map(|course| course.probability).sum();
                assert!((sum - 1.0).abs() < 1e-12);
            }
        }
        // The widest stratum is reached by the tail fault alone.
        let spared = world.canary_courses(1.0, &[1.0; 3]);
        assert!(spared.iter().all(|course| course.multiply == 1.0));
    }
}
