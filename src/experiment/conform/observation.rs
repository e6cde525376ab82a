//! What one rollout showed, taken down alike whoever played it.

use crate::base::Span;
use crate::engine::{Ending, Tick, Trial};
use crate::gate::Outcome;
use crate::model::World;
use crate::telemetry::promql::histogram_quantile;
use crate::telemetry::{Status, Telemetry, Unit, Version};

/// The quantiles of latency that are compared.
pub const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What one rollout showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// How it ended.
    pub ending: Ending,
    /// When, in seconds.
    pub ended: f64,
    /// From fault and canary traffic both there to the rollback, in seconds; infinite when that
    /// did not come.
    pub detection: f64,
    /// The canary's percentage after each tick, in hundredths of a percent.
    pub weights: Vec<u32>,
    /// The verdict at each tick.
    pub verdicts: Vec<Option<Outcome>>,
    /// Requests that the canary answered over those that its weights asked for; not a number when
    /// they asked for none.
    pub share: f64,
    /// Failed over all requests, by version; not a number without requests.
    pub errors: [f64; 2],
    /// [`QUANTILES`] of latency in milliseconds as the histogram shows them, by version.
    pub latency: [[f64; 3]; 2],
}

/// Takes down one rollout.
///
/// To drive it: call [`Observer::see`] at each tick, in their order, then [`Observer::finish`].
#[derive(Debug)]
pub struct Observer {
    weights: Vec<u32>,
    verdicts: Vec<Option<Outcome>>,
    /// How long after it was asked for an answer of the canary is counted on average, in seconds.
    answer: f64,
    /// When the last tick was, in seconds.
    seen: f64,
    /// The canary's share before the last tick and since, and all requests up to it.
    shares: [f64; 2],
    requests: f64,
    asked: f64,
    figures: Figures,
    over: bool,
}

/// Totals up to a tick.
#[derive(Debug, Clone, Copy)]
struct Figures {
    requests: [f64; 2],
    failed: [f64; 2],
    latency: [[f64; 3]; 2],
}

impl Figures {
    const NONE: Figures = Figures {
        requests: [0.0; 2],
        failed: [0.0; 2],
        latency: [[f64::NAN; 3]; 2],
    };

    fn of(telemetry: &Telemetry) -> Figures {
        let mut figures = Figures::NONE;
        let bounds = telemetry.bounds();
        let unit = match bounds.unit() {
            Unit::Seconds => 1_000.0,
            Unit::Milliseconds => 1.0,
        };
        for version in Version::BOTH {
            let index = version as usize;
            let counters = telemetry.counters(version);
            let [good, bad] = Status::BOTH.map(|status| counters.requests[status as usize]);
            figures.requests[index] = (good + bad) as f64;
            figures.failed[index] = bad as f64;
            let width = bounds.len();
            let mut below = 0;
            let mut cumulative: Vec<f64> = (0..width)
                .map(|bucket| {
                    below += counters.buckets[bucket] + counters.buckets[width + bucket];
                    below as f64
                })
                .collect();
            figures.latency[index] =
                QUANTILES.map(|q| histogram_quantile(q, bounds.bounds(), &mut cumulative) * unit);
        }
        figures
    }
}

impl Observer {
    /// Of a rollout in which an answer of the canary is counted so long after it was asked for, on
    /// average, on the scenario's clock.
    pub fn new(answer: Span) -> Observer {
        Observer {
            answer: answer.as_secs_f64(),
            weights: Vec::new(),
            verdicts: Vec::new(),
            seen: 0.0,
            shares: [0.0; 2],
            requests: 0.0,
            asked: 0.0,
            figures: Figures::NONE,
            over: false,
        }
    }

    /// A tick has passed. What comes after the end is not looked at.
    pub fn see(&mut self, tick: &Tick<'_>, over: bool) {
        if self.over {
            return;
        }
        self.over = over;
        self.figures = Figures::of(tick.telemetry);
        let requests: f64 = self.figures.requests.iter().sum();
        let now = tick.now.as_secs_f64();
        // Answers are counted when they are complete: what was under way at the last tick had been
        // split by the order before. It is next to nothing, but at many times the speed of answers.
        let before = (self.answer / (now - self.seen)).min(1.0);
        let [earlier, later] = self.shares;
        let share = earlier * before + later * (1.0 - before);
        self.asked += (requests - self.requests) * share;
        self.requests = requests;
        self.seen = now;
        self.shares = [later, tick.routing.canary.share()];
        let hundredths = (tick.routing.canary.as_percent() * 100.0).round() as u32;
        self.weights.push(hundredths);
        self.verdicts
            .push(tick.verdict.map(|verdict| verdict.outcome));
    }

    /// What the rollout showed, which came to `trial`.
    pub fn finish(self, trial: &Trial) -> Observation {
        let Figures {
            requests,
            failed,
            latency,
        } = self.figures;
        Observation {
            ending: trial.ending,
            ended: trial.ended.as_secs_f64(),
            detection: trial.detection.map_or(f64::INFINITY, Span::as_secs_f64),
            weights: self.weights,
            verdicts: self.verdicts,
            share: if self.asked > 0.0 {
                requests[1] / self.asked
            } else {
                f64::NAN
            },
            errors: [0, 1].map(|version| failed[version] / requests[version]),
            latency,
        }
    }
}

/// How long an answer of the canary takes on average while it has no fault.
pub fn answer(world: &World) -> Span {
    let canary = &world.canary;
    let mean = match &world.traffic.routes[..] {
        [] => canary.latency.mean(),
        routes => (routes.iter().enumerate())
            .map(|(index, route)| route.share.get() * canary.latency_of(index).mean())
            .sum(),
    };
    Span::from_secs_f64(mean)
}
