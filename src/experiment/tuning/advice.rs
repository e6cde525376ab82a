//! Where nothing meets the requirements: which one binds, and what would help, by trying it.

use serde::{Deserialize, Serialize};

use super::candidates::Candidate;
use super::fresh::{clauses, is_about_catching};
use super::sample::{Sample, short_of};
use super::search::{self, Found};
use super::stage::{Cast, Stage};
use super::{Clause, written};
use crate::experiment::CONFIDENCE;
use crate::experiment::expectation::Standing;
use crate::experiment::findings::fault_line;

/// How many times the traffic is tried.
const TRAFFIC: [f64; 3] = [2.0, 5.0, 10.0];

/// What stands in the way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Advice {
    /// What comes closest, as `place = value`.
    pub closest: Vec<String>,
    /// The requirement that it misses by most.
    pub binding: String,
    /// The bad release that it misses it for, where several are listed.
    pub fault: Option<String>,
    /// How its requirements stand.
    pub clauses: Vec<Clause>,
    /// Requirements that surely no candidate meets, even alone.
    pub out_of_reach: Vec<String>,
    /// The closest at more traffic.
    pub replays: Vec<Replay>,
    /// Whether the binding requirement is about catching bad releases.
    pub is_about_catching: bool,
}

/// The closest at some multiple of the traffic.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replay {
    /// Times the traffic.
    pub times: f64,
    /// How the requirements stand there.
    pub clauses: Vec<Clause>,
    /// Whether all are met, by their estimates.
    pub meets: bool,
}

/// Advice from what was searched; `None` where nothing was played or the requirements are met after
/// all.
pub(super) fn advice(stage: &Stage<'_>, found: &Found, trials: u32) -> Option<Advice> {
    let question = stage.cast.question;
    let order = |one: &usize| {
        let sample = &found.samples[*one];
        (question.shortfall(sample), search::merit(question, sample))
    };
    let played: Vec<usize> = (0..found.samples.len())
        .filter(|one| found.samples[*one].len() > 0)
        .collect();
    let closest = played.iter().copied().min_by(|a, b| {
        let (a, b) = (order(a), order(b));
        a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1))
    })?;
    // Some were dropped after few trials: fresh ones say more.
    let mut samples = vec![Sample::new(question); stage.cast.candidates.len()];
    stage.play(&[closest], trials, &mut samples);
    let sample = &samples[closest];
    let missing = |clause: &&crate::scenario::Expectation| {
        short_of(clause, &question.clause(clause, sample, CONFIDENCE).0)
    };
    let binding = (question.require.iter()).max_by(|a, b| missing(a).total_cmp(&missing(b)))?;
    let fault = (question.faults > 1 && binding.metric.is_of_faulty()).then(|| {
        let world = question.worst_fault(binding, sample);
        fault_line(&stage.cast.candidates[closest].worlds[world])
    });
    let out_of_reach = question.require.iter().filter(|clause| {
        played.iter().all(|one| {
            let (_, standing) = question.clause(clause, &found.samples[*one], search::SURE);
            standing == Standing::Broken
        })
    });
    Some(Advice {
        closest: written(&stage.cast.candidates[closest]),
        binding: binding.to_string(),
        fault,
        clauses: clauses(question, sample),
        out_of_reach: out_of_reach.map(ToString::to_string).collect(),
        replays: replays(stage, &stage.cast.candidates[closest], trials),
        is_about_catching: is_about_catching(binding.metric),
    })
}

fn replays(stage: &Stage<'_>, closest: &Candidate, trials: u32) -> Vec<Replay> {
    let scaled: Vec<Candidate> = (TRAFFIC.iter())
        .map(|times| {
            let mut candidate = closest.clone();
            for world in &mut candidate.worlds {
                world.traffic.profile = world.traffic.profile.scaled(*times);
            }
            candidate
        })
        .collect();
    let cast = Cast::new(stage.cast.question, &scaled, stage.cast.seed, false);
    let stage = Stage {
        cast: &cast,
        ..*stage
    };
    let mut samples = vec![Sample::new(stage.cast.question); scaled.len()];
    stage.play(&[0, 1, 2], trials, &mut samples);
    let replays = TRAFFIC.iter().zip(&samples);
    let replays = replays.filter(|(_, sample)| sample.len() > 0);
    replays
        .map(|(times, sample)| Replay {
            times: *times,
            clauses: clauses(stage.cast.question, sample),
            meets: stage.cast.question.shortfall(sample) <= 0.0,
        })
        .collect()
}
