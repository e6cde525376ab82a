//! The points that are shown, estimated again on trials that did not choose them.

use rand::RngExt;

use super::sample::{Question, Sample};
use super::search::{self, Found};
use super::stage::Stage;
use super::{Clause, Point, written};
use crate::base::Purpose;
use crate::experiment::CONFIDENCE;
use crate::experiment::estimate;
use crate::experiment::expectation::{Measured, Standing};
use crate::experiment::summary::Estimate;
use crate::scenario::{Aim, Metric};

/// The most points that are shown.
pub(super) const SHOWN: usize = 12;
/// Resamples by which it is told how often a point would be chosen.
const RESAMPLES: u64 = 200;

/// The points that are shown, by number.
pub(super) struct Shown {
    pub(super) numbers: Vec<usize>,
}

/// The points to show: the front of the search and its closest rivals, by what they cost; then the
/// start. Where nothing is left, the candidates that come closest to the requirements.
pub(super) fn shown(question: &Question, found: &Found) -> Shown {
    let has_trials = |one: &usize| found.samples[*one].len() > 0;
    let alive: Vec<usize> = found.alive.iter().copied().filter(has_trials).collect();
    let samples: Vec<&Sample> = alive.iter().map(|one| &found.samples[*one]).collect();
    let mut numbers: Vec<usize> = match search::choose(question, &samples) {
        Some((front, recommended)) => {
            let mut numbers = vec![alive[recommended]];
            let front = front.iter().map(|at| alive[*at]);
            numbers.extend(spread(question, found, front.collect(), SHOWN));
            numbers.extend(nearest(question, found, &alive));
            numbers
        }
        None => {
            let all: Vec<usize> = (0..found.samples.len()).filter(has_trials).collect();
            nearest(question, found, &all)
        }
    };
    let mut seen = std::collections::BTreeSet::new();
    numbers.retain(|one| seen.insert(*one));
    numbers.truncate(SHOWN);
    if !numbers.contains(&0) {
        numbers.truncate(SHOWN - 1);
        numbers.push(0);
    }
    Shown { numbers }
}

/// At most so many points of a front, evenly along its first aim.
fn spread(question: &Question, found: &Found, mut front: Vec<usize>, most: usize) -> Vec<usize> {
    let Some(aim) = question.minimise.first() else {
        return front;
    };
    let cost = |one: &usize| {
        question
            .aim(*aim, &found.samples[*one], CONFIDENCE)
            .estimate
    };
    front.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    if front.len() <= most {
        return front;
    }
    let last = front.len() - 1;
    let at = |place: usize| front[place * last / (most - 1)];
    (0..most).map(at).collect()
}

/// By how far they miss the requirements, then by what they cost.
fn nearest(question: &Question, found: &Found, which: &[usize]) -> Vec<usize> {
    let merit = |one: usize| {
        let sample = &found.samples[one];
        (question.shortfall(sample), search::merit(question, sample))
    };
    let mut all: Vec<(usize, (f64, f64))> = which.iter().map(|one| (*one, merit(*one))).collect();
    all.sort_by(|(_, a), (_, b)| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    all.into_iter().map(|(one, _)| one).collect()
}

/// The points with their fresh figures.
pub(super) struct Fresh {
    pub(super) points: Vec<Point>,
    pub(super) recommended: Option<usize>,
    pub(super) trials: u64,
}

/// Plays the points that are shown on the stage's seed; puts `shown` into the order of the points.
pub(super) fn estimate(stage: &Stage<'_>, shown: &Shown, trials: u32) -> Fresh {
    let question = stage.cast.question;
    let mut samples = vec![Sample::new(question); stage.cast.candidates.len()];
    stage.play(&shown.numbers, trials, &mut samples);
    let samples: Vec<&Sample> = shown.numbers.iter().map(|one| &samples[*one]).collect();
    let played = samples.iter().map(|sample| sample.len()).min().unwrap_or(0);
    let choice = search::choose(question, &samples).filter(|_| played > 0);
    let chosen = chosen(stage, &samples, played);
    let points = shown.numbers.iter().zip(&samples).enumerate();
    let points = points.map(|(at, (one, sample))| {
        let front = choice.as_ref().map(|(front, _)| front);
        Point {
            changes: written(&stage.cast.candidates[*one]),
            on_front: front.is_some_and(|front| front.contains(&at)),
            chosen: chosen[at],
            ..point(question, sample)
        }
    });
    Fresh {
        points: points.collect(),
        recommended: choice.map(|(_, recommended)| recommended),
        trials: played as u64,
    }
}

/// How often each point is recommended when the trials are drawn again from those that there are.
fn chosen(stage: &Stage<'_>, samples: &[&Sample], trials: usize) -> Vec<f64> {
    let mut counts = vec![0_u64; samples.len()];
    if trials == 0 {
        return vec![0.0; samples.len()];
    }
    for resample in 0..RESAMPLES {
        let mut stream = stage.cast.seed.stream(resample, Purpose::Judgement);
        let draw: Vec<usize> = (0..trials)
            .map(|_| stream.random_range(0..trials))
            .collect();
        let drawn: Vec<Sample> = samples.iter().map(|sample| sample.at(&draw)).collect();
        let drawn: Vec<&Sample> = drawn.iter().collect();
        if let Some((_, recommended)) = search::choose(stage.cast.question, &drawn) {
            counts[recommended] += 1;
        }
    }
    let share = |count: u64| count as f64 / RESAMPLES as f64;
    counts.into_iter().map(share).collect()
}

fn point(question: &Question, sample: &Sample) -> Point {
    let good = question.faults;
    let caught = |world: usize| estimate::rollback_share(&sample.cells[world]);
    let least = (0..question.faults)
        .map(caught)
        .min_by(|a, b| a.estimate.total_cmp(&b.estimate));
    let aim = |aim| question.aim(aim, sample, CONFIDENCE);
    let time = aim(Aim::Time);
    Point {
        changes: Vec::new(),
        on_front: false,
        power: least.unwrap_or_else(|| estimate::share(0, 0)),
        false_rollback: estimate::rollback_share(&sample.cells[good]),
        exposed_requests: stored(&aim(Aim::Exposure)),
        promotion_seconds: (time.trials > 1).then(|| stored(&time)),
        clauses: clauses(question, sample),
        chosen: 0.0,
    }
}

fn stored(measured: &Measured) -> Estimate {
    let finite = |value: f64| {
        if value.is_finite() {
            value
        } else {
            measured.estimate
        }
    };
    Estimate {
        estimate: finite(measured.estimate),
        low: measured.low,
        high: finite(measured.high),
    }
}

/// How each requirement stands.
pub(super) fn clauses(question: &Question, sample: &Sample) -> Vec<Clause> {
    let of = |clause: &crate::scenario::Expectation| {
        let (measured, standing) = question.clause(clause, sample, CONFIDENCE);
        let finite = |value: f64| value.is_finite().then_some(value);
        Clause {
            clause: clause.to_string(),
            estimate: finite(measured.estimate),
            low: if measured.low.is_finite() {
                measured.low
            } else {
                0.0
            },
            high: finite(measured.high),
            holds: match standing {
                Standing::Holds => Some(true),
                Standing::Broken => Some(false),
                Standing::Open => None,
            },
        }
    };
    question.require.iter().map(of).collect()
}

/// Whether a clause is about how often bad releases are caught.
pub(super) fn is_about_catching(metric: Metric) -> bool {
    matches!(metric, Metric::Power | Metric::Never)
}
