//! The ways in which a version's requests end: a service and what is wrong with it at one moment,
//! taken apart into courses that are each simple.

use crate::base::{Span, Time};

use super::World;
use super::fault::{Fault, FaultKind, ResetPhase, Target};
use super::service::{Latency, Service};

/// One way in which a request ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Course {
    /// Share of the version's requests that take it.
    pub probability: f64,
    /// The route that they ask for; 0 where all requests are alike.
    pub route: usize,
    /// How they end.
    pub outcome: Outcome,
    /// Whether the user is worse off than with a good release: the request failed, was slowed,
    /// was answered wrongly, or met a fault that makes users do less.
    pub touched: bool,
    /// Latency is the route's own, times this (zero where it is fixed),
    pub multiply: f64,
    /// plus this many seconds.
    pub add: f64,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// As it should.
    Right,
    /// With a server error.
    Failed,
    /// With status 200 and a wrong body.
    Wrong,
    /// Cut off within the body: the server counts a success, the caller has a failure.
    CutOff,
    /// Refused or cut off at once: the server sees nothing of it.
    Refused,
    /// Never answered, until the caller gives up: the server counts nothing.
    Hung,
}

impl Outcome {
    /// Whether the server answers at all, so that it can count the request.
    pub fn is_answered(self) -> bool {
        !matches!(self, Outcome::Refused | Outcome::Hung)
    }

    /// Whether the caller's side takes it for a failure.
    pub fn is_failure(self) -> bool {
        matches!(self, Outcome::Failed | Outcome::CutOff) || !self.is_answered()
    }

    /// Whether the server counts a failure.
    pub fn is_server_error(self) -> bool {
        matches!(self, Outcome::Failed)
    }
}

/// How long it takes a caller to find that it was refused.
pub const REFUSAL: Span = Span::from_millis(1);

impl Course {
    /// Chance that an answer on this course takes at most `seconds`, where the route's own latency
    /// is `latency`.
    pub fn cdf(&self, latency: &Latency, seconds: f64) -> f64 {
        if self.multiply == 0.0 {
            return f64::from(u8::from(seconds >= self.add));
        }
        latency.cdf((seconds - self.add) / self.multiply)
    }

    fn fix(&mut self, latency: Span) {
        self.multiply = 0.0;
        self.add = latency.as_secs_f64();
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

    /// Whether stable's users have to be told apart: a fault reaches some of them.
    pub fn divides_stable(&self) -> bool {
        self.faults
            .iter()
            .any(|fault| fault.target.is_in(false) && fault.scope.users.get() < 1.0)
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

    /// When the versions first differ: at once when the canary simply is another service, otherwise
    /// at the first onset of a fault that is not in both, or when only systems that are not simulated
    /// know of it; `None` when they never do.
    pub fn first_fault(&self) -> Option<Time> {
        if self.is_another_service() {
            return Some(Time::START);
        }
        let own = (self.faults.iter()).filter(|fault| fault.target != Target::Both);
        let first = own.map(|fault| fault.schedule.onset).min();
        let told = self.figures.iter().any(|figures| figures.faulty.is_some())
            || self.hooks.iter().any(|hook| hook.faulty.is_some());
        first.or(told.then_some(Time::START))
    }

    /// How bad the canary is at `now`, 0 to 1, for systems that are not simulated: wholly when it
    /// simply is another service or nothing else is wrong with it, otherwise as its worst fault.
    pub fn canary_severity(&self, now: Time) -> f64 {
        let own = (self.faults.iter()).filter(|fault| fault.target == Target::Canary);
        let worst = own
            .map(|fault| fault.schedule.severity(now))
            .reduce(f64::max);
        match worst {
            Some(severity) if !self.is_another_service() => severity,
            _ => 1.0,
        }
    }

    /// Whether the canary answers otherwise than stable before any fault.
    fn is_another_service(&self) -> bool {
        let (stable, canary) = (&self.stable, &self.canary);
        (&canary.latency, canary.errors, &canary.routes, canary.body)
            != (&stable.latency, stable.errors, &stable.routes, stable.body)
    }

    /// How stable's requests end for users below the cut `stratum` of [`World::strata`], with the
    /// faults this severe: route after route, each with its share.
    pub fn stable_courses(&self, stratum: f64, severities: &[f64]) -> Vec<Course> {
        self.courses(false, stratum, severities)
    }

    /// The same for the canary's requests.
    pub fn canary_courses(&self, stratum: f64, severities: &[f64]) -> Vec<Course> {
        self.courses(true, stratum, severities)
    }

    fn courses(&self, canary: bool, stratum: f64, severities: &[f64]) -> Vec<Course> {
        let routes = self.traffic.routes.len().max(1);
        let mut all = Vec::new();
        for route in 0..routes {
            let share = (self.traffic.routes.get(route)).map_or(1.0, |route| route.share.get());
            for course in self.courses_of(canary, route, stratum, severities) {
                let probability = course.probability * share;
                if probability > 0.0 {
                    all.push(Course {
                        probability,
                        ..course
                    });
                }
            }
        }
        all
    }

    /// How requests of one route end; the courses' probabilities add up to 1.
    fn courses_of(
        &self,
        canary: bool,
        route: usize,
        stratum: f64,
        severities: &[f64],
    ) -> Vec<Course> {
        let service = if canary { &self.canary } else { &self.stable };
        let mean = |service: &Service| service.latency_of(route).mean();
        let slower = canary && mean(service) > mean(&self.stable);
        let mut courses = without_faults(service, route, slower);
        for (fault, severity) in self.faults.iter().zip(severities) {
            if *severity == 0.0 || !fault.reaches(canary, route, stratum) {
                continue;
            }
            self.apply(fault, *severity, (service, route), &mut courses);
        }
        courses.retain(|course| course.probability > 0.0);
        courses
    }

    fn apply(
        &self,
        fault: &Fault,
        severity: f64,
        (service, route): (&Service, usize),
        courses: &mut Vec<Course>,
    ) {
        let requests = fault.scope.requests.get();
        match fault.kind {
            FaultKind::Errors {
                probability,
                latency,
            } => fork(courses, probability.get() * severity * requests, |course| {
                course.outcome = Outcome::Failed;
                if let Some(latency) = latency {
                    course.fix(latency);
                }
            }),
            FaultKind::Latency { multiply, add } => {
                let factor = 1.0 + (multiply - 1.0) * severity;
                fork(courses, requests, |course| {
                    course.multiply *= factor;
                    course.add = course.add * factor + add.as_secs_f64() * severity;
                });
            }
            FaultKind::Tail { probability, add }
            | FaultKind::Drip {
                probability,
                over: add,
            } => {
                fork(courses, probability.get() * severity * requests, |course| {
                    course.add += add.as_secs_f64();
                });
            }
            FaultKind::Bandwidth { limit } => {
                let add = service.transfer(limit).as_secs_f64() * severity;
                fork(courses, requests, |course| course.add += add);
            }
            FaultKind::Reset {
                probability,
                phase: ResetPhase::Connect | ResetPhase::Head,
            } => fork(courses, probability.get() * severity * requests, |course| {
                course.outcome = Outcome::Refused;
                course.fix(REFUSAL);
            }),
            FaultKind::Reset {
                probability,
                phase: ResetPhase::Body,
            } => fork(courses, probability.get() * severity * requests, |course| {
                if course.outcome != Outcome::Failed {
                    course.outcome = Outcome::CutOff;
                }
            }),
            FaultKind::Hang {
                probability,
                timeout,
            } => fork(courses, probability.get() * severity * requests, |course| {
                course.outcome = Outcome::Hung;
                course.fix(timeout);
            }),
            FaultKind::Corrupt { probability, .. } => {
                fork(courses, probability.get() * severity * requests, |course| {
                    if course.outcome == Outcome::Right {
                        course.outcome = Outcome::Wrong;
                    }
                });
            }
            FaultKind::Business { .. } if reaches_route(self.lessens(&fault.kind), route) => {
                fork(courses, requests, |_| {});
            }
            // These need their own engine, or processors.
            _ => {}
        }
    }

    /// Routes on which a fault makes users do less of what the business counts, as a set of bits.
    pub fn lessens(&self, kind: &FaultKind) -> u32 {
        let FaultKind::Business { goal, multiply } = *kind else {
            return 0;
        };
        if multiply >= 1.0 {
            return 0;
        }
        let lessened = |index: &usize| goal.is_none_or(|goal| goal == *index);
        (0..self.goals.len())
            .filter(lessened)
            .fold(0, |bits, index| bits | self.goals[index].routes)
    }

    /// Chance that the user reaches a goal after a right answer on a route; `None` where the goal
    /// does not belong to the route. Users are those below the cut `stratum`.
    pub fn goal_chance(
        &self,
        goal: usize,
        canary: bool,
        route: usize,
        stratum: f64,
        severities: &[f64],
    ) -> Option<f64> {
        let own = &self.goals[goal];
        if !reaches_route(own.routes, route) {
            return None;
        }
        let mut chance = own.probability.get();
        for (fault, severity) in self.faults.iter().zip(severities) {
            let FaultKind::Business {
                goal: which,
                multiply,
            } = fault.kind
            else {
                continue;
            };
            if which.is_none_or(|which| which == goal) && fault.reaches(canary, route, stratum) {
                // A share of the requests meets it, another one each time.
                chance *= 1.0 + (multiply - 1.0) * severity * fault.scope.requests.get();
            }
        }
        Some(chance.clamp(0.0, 1.0))
    }
}

impl Target {
    /// Whether it is in the canary, or else in stable.
    pub fn is_in(self, canary: bool) -> bool {
        match self {
            Target::Canary => canary,
            Target::Stable => !canary,
            Target::Both => true,
        }
    }
}

impl Fault {
    /// Whether it can reach requests for a route of users below the cut `stratum`.
    fn reaches(&self, canary: bool, route: usize, stratum: f64) -> bool {
        self.target.is_in(canary)
            && reaches_route(self.scope.routes, route)
            && self.scope.users.get() >= stratum
    }
}

/// Whether a set of bits holds a route.
fn reaches_route(routes: u32, route: usize) -> bool {
    routes == u32::MAX || route < 32 && routes >> route & 1 == 1
}

fn without_faults(service: &Service, route: usize, slower: bool) -> Vec<Course> {
    let course = |outcome: Outcome, probability: f64| Course {
        probability,
        route,
        outcome,
        touched: outcome == Outcome::Failed || slower,
        multiply: 1.0,
        add: 0.0,
    };
    let errors = service.errors_of(route).get();
    let mut courses = vec![
        course(Outcome::Right, 1.0 - errors),
        course(Outcome::Failed, errors),
    ];
    courses.retain(|course| course.probability > 0.0);
    courses
}

/// Sends a share of every course that is answered down a changed copy of it, whose users are worse
/// off; equal courses are joined again.
fn fork(courses: &mut Vec<Course>, share: f64, change: impl Fn(&mut Course)) {
    let mut forked: Vec<Course> = Vec::with_capacity(courses.len() * 2);
    for course in courses.iter() {
        let mut changed = *course;
        let mut kept = *course;
        if course.outcome.is_answered() {
            change(&mut changed);
            changed.touched = true;
            changed.probability *= share;
            kept.probability *= 1.0 - share;
        } else {
            changed.probability = 0.0;
        }
        for course in [kept, changed] {
            if course.probability == 0.0 {
                continue;
            }
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
    use crate::model::fault::{Schedule, Scope};
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
            .filter(|course| course.outcome == Outcome::Failed)
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
