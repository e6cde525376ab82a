//! Plays candidates: each on its own, or many gates on one recorded rollout.
//!
//! Where candidates differ in nothing but their gates, and a failed check ends the rollout at once, the
//! weights are the same until then whatever the gate: so one undisturbed rollout is played and every
//! gate judges what was measured in it.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use super::candidates::Candidate;
use super::sample::{CellKey, Question, Sample};
use crate::base::{Purpose, Seed, Span, Time};
use crate::engine::r#virtual::{Kind, Player, Setting};
use crate::engine::{Ending, Trial};
use crate::experiment::ledger::{self, CellId, UnitId};
use crate::experiment::replicate::{Options, Progress, play_range};
use crate::experiment::{engine, setting};
use crate::gate::{Gate, Jury, Outcome, Verdict, decisive};
use crate::rollout::{Plan, Rollback, StagedPlan, WhenInconclusive};

/// Trials that one thread plays at a time.
const BLOCK: u32 = 100;

/// How many rollouts were played, and how many were judged on recorded ones.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Effort {
    pub(super) simulated: u64,
    pub(super) recorded: u64,
}

/// Where candidates are played.
pub(super) struct Stage<'a> {
    pub(super) question: &'a Question,
    pub(super) candidates: &'a [Candidate],
    pub(super) seed: Seed,
    pub(super) options: &'a Options<'a>,
    pub(super) pool: &'a rayon::ThreadPool,
    /// Whether many gates may judge one recorded rollout.
    pub(super) records: bool,
    /// Told how many rollouts there are so far, of how many.
    pub(super) done: &'a AtomicU64,
    pub(super) total: &'a AtomicU64,
}

/// One candidate alone, or several on one recording.
struct Job<'g> {
    members: &'g [usize],
    cell: usize,
    from: u32,
    count: u32,
}

impl Stage<'_> {
    /// Plays these candidates up to `target` trials of each cell. `samples` are those of all
    /// candidates, by their numbers.
    pub(super) fn play(&self, which: &[usize], target: u32, samples: &mut [Sample]) -> Effort {
        let groups = self.groups(which, samples);
        let mut jobs = Vec::new();
        for group in &groups {
            let begin = group
                .first()
                .map_or(0, |first| samples[*first].len() as u32);
            for from in (begin..target).step_by(BLOCK as usize) {
                let cells = 0..self.question.cells.len();
                jobs.extend(cells.map(|cell| Job {
                    members: group,
                    cell,
                    from,
                    count: BLOCK.min(target - from),
                }));
            }
        }
        let more: u64 = jobs.iter().map(|job| u64::from(job.count)).sum();
        self.total.fetch_add(more, Ordering::Relaxed);
        let bridge = jobs.iter().enumerate().par_bridge();
        let mut played: Vec<(usize, Vec<Vec<Trial>>)> =
            (self.pool).install(|| bridge.map(|(at, job)| (at, self.job(job))).collect());
        played.sort_by_key(|(at, _)| *at);
        let mut effort = Effort::default();
        for (at, all) in played {
            let job = &jobs[at];
            for (member, trials) in job.members.iter().zip(all) {
                match job.members.len() {
                    1 => effort.simulated += trials.len() as u64,
                    _ => effort.recorded += trials.len() as u64,
                }
                let kept = &mut samples[*member].cells[job.cell];
                // After an interruption a later block may be there without an earlier one.
                if kept.len() == job.from as usize {
                    kept.extend(trials);
                }
            }
            if job.members.len() > 1 {
                effort.simulated += u64::from(job.count);
            }
        }
        for one in which {
            samples[*one].level();
        }
        effort
    }

    fn job(&self, job: &Job<'_>) -> Vec<Vec<Trial>> {
        let key = self.question.cells[job.cell];
        let trials = match job.members {
            [one] => vec![self.alone(&self.candidates[*one], key, (job.from, job.count))],
            several => self.together(several, key, (job.from, job.count)),
        };
        let played = self.done.fetch_add(u64::from(job.count), Ordering::Relaxed);
        (self.options.progress)(Progress {
            done: played + u64::from(job.count),
            total: self.total.load(Ordering::Relaxed),
        });
        trials
    }

    fn alone(&self, candidate: &Candidate, key: CellKey, range: (u32, u32)) -> Vec<Trial> {
        let scenario = &candidate.scenario;
        let (kind, _) = engine(scenario);
        let world = &candidate.worlds[key.world];
        let setting = Setting {
            aftermath: Span::ZERO,
            ..setting(scenario, world, &scenario.rollout, key.held, kind)
        };
        let id = self.options.ledger.map(|_| CellId::of(&setting, self.seed));
        play_range(&setting, id, range, self.seed, self.options)
    }

    /// Candidates with as many trials, of which those that differ in their gates only stand together.
    fn groups(&self, which: &[usize], samples: &[Sample]) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = Vec::new();
        for one in which {
            let candidate = &self.candidates[*one];
            let is_like = |group: &&mut Vec<usize>| {
                let first = group[0];
                self.records
                    && samples[first].len() == samples[*one].len()
                    && differ_in_gates_only(&self.candidates[first], candidate)
            };
            match groups.iter_mut().find(is_like) {
                Some(group) => group.push(*one),
                None => groups.push(vec![*one]),
            }
        }
        groups
    }

    /// Plays one undisturbed rollout a replicate and lets the gates of all members judge it.
    fn together(&self, members: &[usize], key: CellKey, range: (u32, u32)) -> Vec<Vec<Trial>> {
        let first = &self.candidates[members[0]];
        let gates: Vec<Gate> = (members.iter())
            .flat_map(|one| self.candidates[*one].scenario.analysis.iter().cloned())
            .collect();
        let all = members.iter().map(|one| &self.candidates[*one]);
        let (mut kind, _) = engine(&first.scenario);
        for other in all.clone() {
            if engine(&other.scenario).0 == Kind::Coupled {
                kind = Kind::Coupled;
            }
        }
        let setting = Setting {
            analysis: &[],
            onlookers: &gates,
            aftermath: Span::ZERO,
            ..setting(
                &first.scenario,
                &first.worlds[key.world],
                &first.scenario.rollout,
                key.held,
                kind,
            )
        };
        let units = self.units(members, &setting, range);
        if let Some(known) = self.known(&units, range.1) {
            return known;
        }
        let mut player = Player::new(setting);
        let mut lookers: Vec<Looker<'_>> = all.map(Looker::new).collect();
        let mut trials = vec![Vec::new(); members.len()];
        for replicate in u64::from(range.0)..u64::from(range.0 + range.1) {
            if self.options.stop.load(Ordering::Relaxed) {
                return trials;
            }
            for looker in &mut lookers {
                looker.begin(self.seed.salt(replicate, Purpose::Gate));
            }
            let world = &first.worlds[key.world];
            let recorded = watch(&mut player, (self.seed, replicate), world, &mut lookers);
            for (kept, looker) in trials.iter_mut().zip(&lookers) {
                kept.push(looker.fate.unwrap_or(recorded));
            }
        }
        if let Some(ledger) = self.options.ledger {
            for (unit, trials) in units.iter().zip(&trials) {
                ledger.put(unit, &ledger::encode(trials));
            }
        }
        trials
    }

    /// What each member's part of a recording is called in the ledger, where there is one.
    fn units(&self, members: &[usize], setting: &Setting<'_>, range: (u32, u32)) -> Vec<UnitId> {
        let named = |place: usize| UnitId {
            cell: CellId::of_content(&("recorded", self.seed, setting, place)),
            from: range.0,
            count: range.1,
        };
        let is_noted = self.options.ledger.is_some();
        (0..members.len()).filter(|_| is_noted).map(named).collect()
    }

    /// The trials of all members, where the ledger has every one of them.
    fn known(&self, units: &[UnitId], count: u32) -> Option<Vec<Vec<Trial>>> {
        let ledger = self.options.ledger?;
        let known = units.iter().map(|unit| {
            let record = ledger.get(unit)?;
            ledger::decode(record, count).ok()
        });
        known.collect()
    }
}

/// Whether one recording serves both: the same steps, the same service, and no check that changes the
/// weight without ending the rollout.
fn differ_in_gates_only(a: &Candidate, b: &Candidate) -> bool {
    let (Plan::Staged(plan), Plan::Staged(other)) = (&a.scenario.rollout, &b.scenario.rollout)
    else {
        return false;
    };
    plan == other
        && ends_at_once(plan)
        && a.worlds == b.worlds
        && a.scenario.telemetry == b.scenario.telemetry
        && a.scenario.horizon == b.scenario.horizon
        && a.scenario.questions.is_empty()
        && b.scenario.questions.is_empty()
}

fn ends_at_once(plan: &StagedPlan) -> bool {
    plan.failures <= 1
        && plan.inconclusive != WhenInconclusive::Hold
        && plan.rollback == Rollback::Automatic
}

/// A candidate whose gates look on.
struct Looker<'a> {
    jury: Jury<'a>,
    inconclusive: WhenInconclusive,
    looks: Vec<Verdict>,
    fate: Option<Trial>,
}

impl<'a> Looker<'a> {
    fn new(candidate: &'a Candidate) -> Looker<'a> {
        let inconclusive = match &candidate.scenario.rollout {
            Plan::Staged(plan) => plan.inconclusive,
            _ => WhenInconclusive::Ignore,
        };
        Looker {
            jury: Jury::new(&candidate.scenario.analysis),
            inconclusive,
            looks: Vec::new(),
            fate: None,
        }
    }

    fn begin(&mut self, luck: u64) {
        self.jury.begin(luck);
        self.fate = None;
    }
}

/// Plays one rollout with everybody looking on; what it came to undisturbed.
fn watch(
    player: &mut Player<'_>,
    (seed, replicate): (Seed, u64),
    world: &crate::model::World,
    lookers: &mut [Looker<'_>],
) -> Trial {
    let fault = world.first_fault();
    let mut first: Option<Time> = None;
    player.watch(seed, replicate, &mut |tick| {
        let begin = fault.zip(first).map(|(fault, first)| fault.max(first));
        if !tick.routing.canary.is_zero() {
            first.get_or_insert(tick.now);
        }
        // Without a check there is nothing to look at.
        if tick.verdict.is_none() {
            return;
        }
        for looker in lookers.iter_mut().filter(|looker| looker.fate.is_none()) {
            looker.looks.clear();
            (looker.jury).judge_in_order(tick.now, tick.telemetry, &mut looker.looks);
            let outcome = decisive(&looker.looks).outcome;
            let fails = match (outcome, looker.inconclusive) {
                (Outcome::Inconclusive, WhenInconclusive::Fail) => true,
                (outcome, _) => outcome == Outcome::Fail,
            };
            if fails {
                let requests = tick.exposed_requests;
                looker.fate = Some(Trial {
                    ending: Ending::RolledBack,
                    ended: tick.now,
                    detection: begin
                        .filter(|begin| *begin <= tick.now)
                        .map(|begin| tick.now.since(begin)),
                    canary_requests: 0,
                    exposed_requests: requests,
                    exposed_users: match tick.exposed_users {
                        Some(users) => users as f64,
                        None => world.traffic.users.expected_distinct(requests as f64),
                    },
                    exposed_after: 0,
                });
            }
        }
    })
}
