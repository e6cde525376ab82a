//! What a scenario asks, without simulating it.

use crate::base::{Probability, Weight};
use crate::model::World;
use crate::model::fault::FaultKind;
use crate::model::service::Latency;
use crate::scenario::Scenario;
use crate::stats::normal_quantile;

use super::question::{Change, Question, Slowdown, Users};

/// The quantile that a scenario's slowdown is looked for in.
const QUANTILE: f64 = 0.99;

impl Question {
    /// The scenario's own rate, percentages, users, and whatever its bad canary does worse at its
    /// worst: more errors, a slower 99th percentile, a goal reached less often.
    pub fn of(scenario: &Scenario) -> Question {
        let world = &scenario.world;
        let mut question = Question {
            weights: (scenario.experiment.weights.iter().copied())
                .filter(|weight| *weight < Weight::FULL)
                .collect(),
            users: Some(Users::Population(world.traffic.users.clone())),
            ..Question::at(world.traffic.profile.mean(scenario.horizon))
        };
        let (stable, canary) = (failing(world, false), failing(world, true));
        question.errors = (canary > stable).then_some(Change { stable, canary });
        question.latency = slowdown(world);
        question.goal = lost_goal(world);
        if let Some(why) = world.coupling() {
            question.notes.push(format!(
                "requests depend on one another here ({why}), which closed forms leave out: \
                 `coalmine power` plays it"
            ));
        }
        question
    }
}

/// Share of requests that callers see fail, all faults at their worst.
fn failing(world: &World, canary: bool) -> f64 {
    let severities = vec![1.0; world.faults.len()];
    let mut below = 0.0;
    let mut failing = 0.0;
    for stratum in world.strata() {
        let courses = match canary {
            true => world.canary_courses(stratum, &severities),
            false => world.stable_courses(stratum, &severities),
        };
        let failed = courses.iter().filter(|course| course.outcome.is_failure());
        let share: f64 = failed.map(|course| course.probability).sum();
        failing += share * (stratum - below);
        below = stratum;
    }
    failing
}

/// The factor on the canary's quantile.
fn slowdown(world: &World) -> Option<Slowdown> {
    let p = Probability::new(QUANTILE)?;
    let (stable, canary) = (
        world.stable.latency.quantile(p),
        world.canary.latency.quantile(p),
    );
    let slowed = world
        .faults
        .iter()
        .fold(canary, |seconds, fault| match fault.kind {
            FaultKind::Latency { multiply, add } if fault.target.is_in(true) => {
                seconds * multiply + add.as_secs_f64()
            }
            _ => seconds,
        });
    let factor = slowed / stable;
    (factor > 1.0).then_some(Slowdown {
        quantile: QUANTILE,
        sigma: spread_at(&world.stable.latency, QUANTILE)?,
        factor,
    })
}

/// The standard deviation of the logarithm of a log-normal that is as dense at this quantile.
pub fn spread_at(latency: &Latency, quantile: f64) -> Option<f64> {
    if let Latency::LogNormal { scale, .. } = latency {
        return Some(*scale);
    }
    let step = quantile.min(1.0 - quantile) * 0.1;
    let at = |p: f64| Some(latency.quantile(Probability::new(p)?));
    let (low, middle, high) = (at(quantile - step)?, at(quantile)?, at(quantile + step)?);
    let widths = normal_quantile(quantile + step) - normal_quantile(quantile - step);
    let spread = (high - low) / (middle * widths);
    (spread > 0.0 && spread.is_finite()).then_some(spread)
}

/// The first goal that a fault makes users reach less often.
fn lost_goal(world: &World) -> Option<Change> {
    let lost = world.faults.iter().find_map(|fault| match fault.kind {
        FaultKind::Business { goal, multiply } if multiply < 1.0 => {
            Some((goal.unwrap_or(0), multiply))
        }
        _ => None,
    });
    let (goal, multiply) = lost?;
    let stable = world.goals.get(goal)?.probability.get();
    Some(Change {
        stable,
        canary: stable * multiply,
    })
}
