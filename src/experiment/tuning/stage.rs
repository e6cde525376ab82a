//! Plays candidates: each on its own, or many gates on one recorded rollout.
//!
//! Where candidates differ in nothing but their gates, and a failed check ends the rollout at once, the
//! weights are the same until then whatever the gate: so one undisturbed rollout is played and every
//! gate judges what was measured in it. Who stands together is settled before anything is played, and
//! what all of them read is measured to the end: a recording is the same whoever was dropped meanwhile.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use super::candidates::Candidate;
use super::sample::{Question, Sample};
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

/// Who is played, in which cells and on which luck.
pub(super) struct Cast<'a> {
    pub(super) question: &'a Question,
    pub(super) candidates: &'a [Candidate],
    pub(super) seed: Seed,
    groups: Vec<Group>,
}

/// One candidate alone, or several on one recording.
struct Group {
    /// By their numbers.
    members: Vec<usize>,
    /// The gates of all members, in their order; none of one alone.
    gates: Vec<Gate>,
    kind: Kind,
}

impl Group {
    fn new(members: Vec<usize>, candidates: &[Candidate]) -> Group {
        let all = || members.iter().map(|one| &candidates[*one].scenario);
        let gates = match members.len() {
            1 => Vec::new(),
            _ => all().flat_map(|one| one.analysis.clone()).collect(),
        };
        // Requests that depend on one another for one depend on one another for all.
        let kinds: Vec<Kind> = all().map(|one| engine(one).0).collect();
        let kind = match kinds.contains(&Kind::Coupled) {
            true => Kind::Coupled,
            false => kinds[0],
        };
        Group {
            members,
            gates,
            kind,
        }
    }

    /// The places of those of its members who are among these.
    fn places(&self, which: &BTreeSet<usize>) -> Vec<usize> {
        let is_among = |place: &usize| which.contains(&self.members[*place]);
        (0..self.members.len()).filter(is_among).collect()
    }

    fn is_recorded(&self) -> bool {
        self.members.len() > 1
    }
}

/// Those of a group who take part.
struct Part<'a> {
    group: &'a Group,
    /// Their places among its members.
    places: Vec<usize>,
    /// What their trials are called in the ledger, cell by cell; none where there is none.
    names: Vec<Names>,
}

/// What trials are called in the ledger.
#[derive(Clone, Copy)]
struct Names {
    /// Those of who takes part.
    own: CellId,
    /// Those of all members, whoever takes part: what was played elsewhere has them all.
    whole: CellId,
}

/// Some trials of a part in one cell.
struct Job<'p> {
    part: &'p Part<'p>,
    cell: usize,
    from: u32,
    count: u32,
}

impl Job<'_> {
    /// What it is called in the ledger, where there is one.
    fn unit(&self, name: impl Fn(&Names) -> CellId) -> Option<UnitId> {
        let names = self.part.names.get(self.cell)?;
        Some(UnitId {
            cell: name(names),
            from: self.from,
            count: self.count,
        })
    }
}

impl<'a> Cast<'a> {
    /// These candidates on the luck of a seed; `records` says whether many gates may judge one recorded
    /// rollout.
    pub(super) fn new(
        question: &'a Question,
        candidates: &'a [Candidate],
        seed: Seed,
        records: bool,
    ) -> Cast<'a> {
        Cast {
            question,
            candidates,
            seed,
            groups: groups(candidates, records),
        }
    }

    /// Rollouts that a trial of these candidates in one cell takes: those that are simulated, and those
    /// that are judged on recorded ones.
    pub(super) fn effort(&self, which: &BTreeSet<usize>) -> Effort {
        let mut effort = Effort::default();
        for group in &self.groups {
            let places = group.places(which).len() as u64;
            effort.simulated += places.min(1);
            if group.is_recorded() {
                effort.recorded += places;
            }
        }
        effort
    }

    /// What decides how the rollouts of a group go in a cell.
    fn setting<'s>(&'s self, group: &'s Group, cell: usize) -> Setting<'s> {
        let key = self.question.cells[cell];
        let first = &self.candidates[group.members[0]];
        let (scenario, world) = (&first.scenario, &first.worlds[key.world]);
        let alone = Setting {
            aftermath: Span::ZERO,
            ..setting(scenario, world, &scenario.rollout, key.held, group.kind)
        };
        match group.is_recorded() {
            false => alone,
            true => Setting {
                analysis: &[],
                onlookers: &group.gates,
                ..alone
            },
        }
    }

    fn part<'s>(&'s self, group: &'s Group, places: Vec<usize>, is_named: bool) -> Part<'s> {
        let cells = (0..self.question.cells.len()).filter(|_| is_named);
        let names = cells.map(|cell| self.names(group, &places, cell));
        Part {
            group,
            names: names.collect(),
            places,
        }
    }

    /// Who of each group is among these.
    fn parts(&self, which: &BTreeSet<usize>, is_named: bool) -> Vec<Part<'_>> {
        let groups = self.groups.iter();
        let parts = groups.map(|group| (group, group.places(which)));
        let parts = parts.filter(|(_, places)| !places.is_empty());
        parts
            .map(|(group, places)| self.part(group, places, is_named))
            .collect()
    }

    fn names(&self, group: &Group, places: &[usize], cell: usize) -> Names {
        let setting = self.setting(group, cell);
        if !group.is_recorded() {
            let own = CellId::of(&setting, self.seed);
            return Names { own, whole: own };
        }
        // By its place, for the setting has everybody's gates.
        let named = |places: &[usize]| {
            let content = ("recorded", self.seed, &setting, places);
            CellId::of_content(&content)
        };
        let own = named(places);
        let whole = match places.len() == group.members.len() {
            true => own,
            false => named(&Vec::from_iter(0..group.members.len())),
        };
        Names { own, whole }
    }

    /// Those groups in whole, with names, of whom any candidate is among these: on a recording nobody
    /// costs much, and who is left later needs no other one.
    fn whole(&self, which: &BTreeSet<usize>) -> Vec<Part<'_>> {
        let groups = self.groups.iter();
        let groups = groups.filter(|group| !group.places(which).is_empty());
        groups
            .map(|group| self.part(group, (0..group.members.len()).collect(), true))
            .collect()
    }

    /// The trials of one round, in the order in which they are played.
    fn jobs<'p>(&self, parts: &'p [Part<'p>], (begin, target): (u32, u32)) -> Vec<Job<'p>> {
        let mut jobs = Vec::new();
        for part in parts {
            for from in (begin..target).step_by(BLOCK as usize) {
                let cells = 0..self.question.cells.len();
                jobs.extend(cells.map(|cell| Job {
                    part,
                    cell,
                    from,
                    count: BLOCK.min(target - from),
                }));
            }
        }
        jobs
    }

    /// The trials of several rounds.
    fn rounds<'p>(&self, parts: &'p [Part<'p>], rounds: &[(u32, u32)]) -> Vec<Job<'p>> {
        let rounds = rounds.iter();
        rounds.flat_map(|round| self.jobs(parts, *round)).collect()
    }

    /// The units of these rounds for these candidates, each once. A round is the trials that a candidate
    /// has before it, and those that it has after.
    pub(super) fn units(&self, which: &BTreeSet<usize>, rounds: &[(u32, u32)]) -> Vec<UnitId> {
        let parts = self.whole(which);
        let jobs = self.rounds(&parts, rounds);
        let mut seen = BTreeSet::new();
        let units = jobs.iter().filter_map(|job| job.unit(|names| names.own));
        units.filter(|unit| seen.insert(*unit)).collect()
    }
}

/// Where candidates are played.
pub(super) struct Stage<'a> {
    pub(super) cast: &'a Cast<'a>,
    pub(super) options: &'a Options<'a>,
    pub(super) pool: &'a rayon::ThreadPool,
    /// Whether a search ends where the ledger does.
    pub(super) only_known: bool,
    /// Told how many rollouts there are so far, of how many.
    pub(super) done: &'a AtomicU64,
    pub(super) total: &'a AtomicU64,
}

impl Stage<'_> {
    /// Plays these candidates up to `target` trials of each cell. `samples` are those of all
    /// candidates, by their numbers; members of a group that are played have as many.
    pub(super) fn play(&self, which: &[usize], target: u32, samples: &mut [Sample]) -> Effort {
        let cast = self.cast;
        let which: BTreeSet<usize> = which.iter().copied().collect();
        let is_named = self.options.ledger.is_some();
        let parts = cast.parts(&which, is_named);
        let begin = which.first().map_or(0, |one| samples[*one].len() as u32);
        let jobs = cast.jobs(&parts, (begin, target));
        let mut effort = Effort::default();
        for (job, all) in jobs.iter().zip(self.all(&jobs)) {
            let group = job.part.group;
            for (place, trials) in job.part.places.iter().zip(all) {
                match group.is_recorded() {
                    false => effort.simulated += trials.len() as u64,
                    true => effort.recorded += trials.len() as u64,
                }
                let kept = &mut samples[group.members[*place]].cells[job.cell];
                // After an interruption a later block may be there without an earlier one.
                if kept.len() == job.from as usize {
                    kept.extend(trials);
                }
            }
            if group.is_recorded() {
                effort.simulated += u64::from(job.count);
            }
        }
        for one in which {
            samples[one].level();
        }
        effort
    }

    /// Whether the ledger has these candidates' trials of a round.
    pub(super) fn knows(&self, which: &[usize], round: (u32, u32)) -> bool {
        let Some(ledger) = self.options.ledger else {
            return false;
        };
        let parts = self.cast.parts(&which.iter().copied().collect(), true);
        let has = |unit: Option<UnitId>| unit.is_some_and(|unit| ledger.get(&unit).is_some());
        self.cast
            .jobs(&parts, round)
            .iter()
            .all(|job| has(job.unit(|names| names.whole)) || has(job.unit(|names| names.own)))
    }

    /// Plays those of the units of these rounds that are wanted. Whether all were.
    pub(super) fn play_units(
        &self,
        which: &BTreeSet<usize>,
        rounds: &[(u32, u32)],
        wanted: &BTreeSet<UnitId>,
    ) -> bool {
        let parts = self.cast.whole(which);
        let mut left = wanted.clone();
        let mut jobs = self.cast.rounds(&parts, rounds);
        jobs.retain(|job| {
            let unit = job.unit(|names| names.own);
            unit.is_some_and(|unit| left.remove(&unit))
        });
        let played = self.all(&jobs);
        let is_whole = |(job, all): (&Job<'_>, &Vec<Vec<Trial>>)| {
            all.iter().all(|trials| trials.len() == job.count as usize)
        };
        jobs.iter().zip(&played).all(is_whole)
    }

    /// The trials of each job.
    fn all(&self, jobs: &[Job<'_>]) -> Vec<Vec<Vec<Trial>>> {
        let more: u64 = jobs.iter().map(|job| u64::from(job.count)).sum();
        self.total.fetch_add(more, Ordering::Relaxed);
        // Handed out in their order: whoever is interrupted has played the first ones.
        let bridge = jobs.iter().enumerate().par_bridge();
        let mut played: Vec<(usize, Vec<Vec<Trial>>)> =
            (self.pool).install(|| bridge.map(|(at, job)| (at, self.job(job))).collect());
        played.sort_by_key(|(at, _)| *at);
        played.into_iter().map(|(_, trials)| trials).collect()
    }

    fn job(&self, job: &Job<'_>) -> Vec<Vec<Trial>> {
        let trials = match job.part.group.is_recorded() {
            false => vec![self.alone(job)],
            true => self.together(job),
        };
        let played = self.done.fetch_add(u64::from(job.count), Ordering::Relaxed);
        (self.options.progress)(Progress {
            done: played + u64::from(job.count),
            total: self.total.load(Ordering::Relaxed),
        });
        trials
    }

    fn alone(&self, job: &Job<'_>) -> Vec<Trial> {
        let setting = self.cast.setting(job.part.group, job.cell);
        let name = job.unit(|names| names.own).map(|unit| unit.cell);
        let range = (job.from, job.count);
        play_range(&setting, name, range, self.cast.seed, self.options)
    }

    /// Plays one undisturbed rollout a replicate and lets the gates of all who take part judge it.
    fn together(&self, job: &Job<'_>) -> Vec<Vec<Trial>> {
        if let Some(known) = self.known(job) {
            return known;
        }
        let (cast, group, places) = (self.cast, job.part.group, &job.part.places);
        let setting = cast.setting(group, job.cell);
        let world = setting.world;
        let mut player = Player::new(setting);
        let all = places
            .iter()
            .map(|place| &cast.candidates[group.members[*place]]);
        let mut lookers: Vec<Looker<'_>> = all.map(Looker::new).collect();
        let mut trials = vec![Vec::new(); places.len()];
        for replicate in u64::from(job.from)..u64::from(job.from + job.count) {
            for looker in &mut lookers {
                looker.begin(cast.seed.salt(replicate, Purpose::Gate));
            }
            let luck = (cast.seed, replicate);
            let stop = self.options.stop;
            let Some(recorded) = watch(&mut player, stop, luck, world, &mut lookers) else {
                return trials;
            };
            for (kept, looker) in trials.iter_mut().zip(&lookers) {
                kept.push(looker.fate.unwrap_or(recorded));
            }
        }
        if let Some((ledger, unit)) = self.options.ledger.zip(job.unit(|names| names.own)) {
            ledger.put(&unit, &ledger::encode_all(&trials));
        }
        trials
    }

    /// The trials of all who take part, where the ledger has them: of everybody, or of just these.
    fn known(&self, job: &Job<'_>) -> Option<Vec<Vec<Trial>>> {
        let ledger = self.options.ledger?;
        let read = |unit: UnitId, of: usize| {
            // A record that cannot be read is work to be done again.
            let all = ledger::decode_all(ledger.get(&unit)?, job.count).ok()?;
            (all.len() == of).then_some(all)
        };
        let members = job.part.group.members.len();
        if let Some(mut all) = read(job.unit(|names| names.whole)?, members) {
            let places = job.part.places.iter();
            return Some(
                places
                    .map(|place| std::mem::take(&mut all[*place]))
                    .collect(),
            );
        }
        read(job.unit(|names| names.own)?, job.part.places.len())
    }
}

/// Candidates by whom they are played with; those that differ in their gates only stand together.
fn groups(candidates: &[Candidate], records: bool) -> Vec<Group> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (number, candidate) in candidates.iter().enumerate() {
        let is_like = |group: &&mut Vec<usize>| {
            records && differ_in_gates_only(&candidates[group[0]], candidate)
        };
        match groups.iter_mut().find(is_like) {
            Some(group) => group.push(number),
            None => groups.push(vec![number]),
        }
    }
    let grouped = groups.into_iter();
    grouped
        .map(|members| Group::new(members, candidates))
        .collect()
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

/// Plays one rollout with everybody looking on; what it came to undisturbed, or `None` where it was
/// interrupted.
fn watch(
    player: &mut Player<'_>,
    stop: &AtomicBool,
    (seed, replicate): (Seed, u64),
    world: &crate::model::World,
    lookers: &mut [Looker<'_>],
) -> Option<Trial> {
    let fault = world.first_fault();
    let mut first: Option<Time> = None;
    player.watch_unless(stop, seed, replicate, &mut |tick| {
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
