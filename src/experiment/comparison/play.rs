//! Trials of a comparison.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use rayon::prelude::*;

use super::contender::{Contender, Judge};
use crate::base::{Seed, Span, Time};
use crate::engine::r#virtual::{Kind, Player, Setting};
use crate::engine::{Ending, Tick};
use crate::experiment::replicate::{Options, Progress, ThreadsError};
use crate::experiment::{engine, setting};
use crate::gate::{Gate, Jury, Outcome, Rule, Verdict, decisive};
use crate::model::World;
use crate::rollout::{Plan, StagedPlan, Step};
use crate::scenario::Scenario;

/// What one contender made of one trial.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Fate {
    pub(super) rolled_back: bool,
    /// From fault and canary traffic to the rollback, in seconds.
    pub(super) detection: Option<f64>,
    /// From the canary's first traffic until it was found no worse, in seconds.
    pub(super) cleared: Option<f64>,
    /// Users' requests that met the fault until the rollback.
    pub(super) exposed: u64,
    /// Users behind these.
    pub(super) users: f64,
}

/// The fates of all contenders in one trial: with the faulty canary and with a good one.
pub(super) type Fates = Vec<[Fate; 2]>;

/// The steps that a comparison judges: those of a staged rollout, or the percentages of another
/// controller, each as long as an equal part of what it takes at the longest.
pub(super) fn undisturbed(plan: &Plan) -> StagedPlan {
    if let Plan::Staged(plan) = plan {
        return StagedPlan {
            failures: 1,
            ..plan.clone()
        };
    }
    let minute = Span::from_secs(60);
    let weights = plan.steps();
    let count = weights.len().max(1) as u64;
    let hold = Span::from_nanos(plan.longest().as_nanos() / count).max(minute);
    let steps = weights.into_iter().map(|weight| Step {
        weight,
        mirror: crate::base::Weight::ZERO,
        hold,
        pause: false,
    });
    StagedPlan::new(steps, minute)
}

/// The steps in words.
pub(super) fn line(plan: &StagedPlan) -> String {
    let steps = plan.steps.iter();
    let steps: Vec<String> = steps
        .map(|step| format!("{} for {}", step.weight, step.hold))
        .collect();
    format!("{}, a check every {}", steps.join(", "), plan.interval)
}

/// Plays all trials; the flag says whether everything asked for was played.
pub(super) fn play(
    scenario: &Scenario,
    plan: &StagedPlan,
    contenders: &[Contender],
    trials: u32,
    options: &Options<'_>,
) -> Result<(Vec<Fates>, bool), ThreadsError> {
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.threads.unwrap_or(0))
        .build()?;
    let gate = |contender: &Contender| match &contender.judge {
        Judge::Gate(gate) => Some(Gate::clone(gate)),
        Judge::Rollout(_) => None,
    };
    let healthy = |contender: &Contender| match &contender.judge {
        Judge::Gate(_) => None,
        Judge::Rollout(scenario) => Some(scenario.world.healthy()),
    };
    let stage = Stage {
        scenario,
        plan: Plan::Staged(plan.clone()),
        horizon: plan.longest(),
        healthy: scenario.world.healthy(),
        onlookers: contenders.iter().filter_map(gate).collect(),
        others_healthy: contenders.iter().map(healthy).collect(),
        contenders,
        seed: scenario.experiment.seed,
    };
    let done = AtomicU64::new(0);
    let total = u64::from(trials);
    let played: Vec<Option<Fates>> = pool.install(|| {
        (0..total)
            .into_par_iter()
            .map_init(
                || Cast::new(&stage),
                |cast, replicate| {
                    let fates = cast.trial(replicate, options.stop)?;
                    let done = done.fetch_add(1, Ordering::Relaxed) + 1;
                    (options.progress)(Progress { done, total });
                    Some(fates)
                },
            )
            .collect()
    });
    let complete = played.iter().all(Option::is_some);
    Ok((played.into_iter().flatten().collect(), complete))
}

/// What all threads share.
struct Stage<'a> {
    scenario: &'a Scenario,
    plan: Plan,
    horizon: Span,
    healthy: World,
    onlookers: Vec<Gate>,
    /// The good worlds of those that play rollouts of their own.
    others_healthy: Vec<Option<World>>,
    contenders: &'a [Contender],
    seed: Seed,
}

/// What one thread plays with.
struct Cast<'a> {
    stage: &'a Stage<'a>,
    /// With the faulty canary, and with a good one.
    players: [Player<'a>; 2],
    /// Those that play rollouts of their own.
    alone: Vec<Option<[Player<'a>; 2]>>,
    lookers: Vec<Option<Looker<'a>>>,
}

/// A contender that looks on.
struct Looker<'a> {
    jury: Jury<'a>,
    looks: Vec<Verdict>,
    fate: Option<Fate>,
    cleared: Option<f64>,
}

impl<'a> Cast<'a> {
    fn new(stage: &'a Stage<'a>) -> Cast<'a> {
        // Tests by user ask for an engine that follows users.
        let (kind, _) = engine(stage.scenario);
        let by_user = stage.onlookers.iter().any(|gate| gate.demand().users);
        let kind = if by_user { Kind::Coupled } else { kind };
        let player = |world: &'a World| {
            Player::new(Setting {
                world,
                telemetry: &stage.scenario.telemetry,
                rollout: &stage.plan,
                analysis: &[],
                onlookers: &stage.onlookers,
                horizon: stage.horizon,
                aftermath: Span::ZERO,
                held: None,
                engine: kind,
                observe: false,
            })
        };
        let alone = |contender: &'a Contender, healthy: &'a Option<World>| {
            let (Judge::Rollout(scenario), Some(healthy)) = (&contender.judge, healthy) else {
                return None;
            };
            let (kind, _) = engine(scenario);
            let player = |world| {
                Player::new(Setting {
                    aftermath: Span::ZERO,
                    ..setting(scenario, world, &scenario.rollout, None, kind)
                })
            };
            Some([player(&scenario.world), player(healthy)])
        };
        let looker = |contender: &'a Contender| match &contender.judge {
            Judge::Rollout(_) => None,
            Judge::Gate(gate) => Some(Looker {
                jury: Jury::new(std::slice::from_ref(gate)),
                looks: Vec::new(),
                fate: None,
                cleared: None,
            }),
        };
        let others = stage.contenders.iter().zip(&stage.others_healthy);
        Cast {
            stage,
            players: [player(&stage.scenario.world), player(&stage.healthy)],
            alone: others
                .map(|(contender, healthy)| alone(contender, healthy))
                .collect(),
            lookers: stage.contenders.iter().map(looker).collect(),
        }
    }

    /// One trial; `None` where it was interrupted.
    fn trial(&mut self, replicate: u64, stop: &AtomicBool) -> Option<Fates> {
        let mut fates = vec![[Fate::default(); 2]; self.stage.contenders.len()];
        for world in [0, 1] {
            self.look_on(replicate, world, stop)?;
            for ((fate, looker), players) in
                (fates.iter_mut()).zip(&self.lookers).zip(&mut self.alone)
            {
                fate[world] = match (looker, players) {
                    (Some(looker), _) => Fate {
                        cleared: looker.cleared,
                        ..looker.fate.unwrap_or_default()
                    },
                    (None, Some(players)) => {
                        alone(&mut players[world], stop, self.stage.seed, replicate)?
                    }
                    (None, None) => Fate::default(),
                };
            }
        }
        Some(fates)
    }

    /// Plays the undisturbed rollout with everybody looking on.
    fn look_on(&mut self, replicate: u64, world: usize, stop: &AtomicBool) -> Option<()> {
        let stage = self.stage;
        for looker in self.lookers.iter_mut().flatten() {
            looker.begin(stage.seed.salt(replicate, crate::base::Purpose::Gate));
        }
        let lookers = &mut self.lookers;
        let population = &stage.scenario.world.traffic.users;
        let fault = stage.scenario.world.first_fault();
        let mut first = None;
        let mut last = Fate::default();
        self.players[world].watch_unless(stop, stage.seed, replicate, &mut |tick| {
            let begin: Option<Time> = fault
                .zip(first)
                .map(|(fault, first): (Time, Time)| fault.max(first));
            if !tick.routing.canary.is_zero() {
                first.get_or_insert(tick.now);
            }
            last = Fate {
                rolled_back: false,
                detection: None,
                cleared: None,
                exposed: tick.exposed_requests,
                users: match tick.exposed_users {
                    Some(users) => users as f64,
                    None => population.expected_distinct(tick.exposed_requests as f64),
                },
            };
            // Without a check there is nothing to look at.
            if tick.verdict.is_none() {
                return;
            }
            for looker in lookers.iter_mut().flatten() {
                looker.look(tick, begin, first.unwrap_or_default(), last);
            }
        })?;
        for looker in self.lookers.iter_mut().flatten() {
            looker.fate.get_or_insert(last);
        }
        Some(())
    }
}

impl Looker<'_> {
    fn begin(&mut self, luck: u64) {
        self.jury.begin(luck);
        (self.fate, self.cleared) = (None, None);
    }

    fn look(&mut self, tick: &Tick<'_>, begin: Option<Time>, first: Time, so_far: Fate) {
        if self.fate.is_some() {
            return;
        }
        self.looks.clear();
        (self.jury).judge_in_order(tick.now, tick.telemetry, &mut self.looks);
        let verdict = decisive(&self.looks);
        if verdict.rule == Rule::NotWorse {
            let since = tick.now.since(first).as_secs_f64();
            self.cleared.get_or_insert(since);
        }
        if verdict.outcome == Outcome::Fail {
            self.fate = Some(Fate {
                rolled_back: true,
                detection: begin
                    .filter(|begin| *begin <= tick.now)
                    .map(|begin| tick.now.since(begin).as_secs_f64()),
                ..so_far
            });
        }
    }
}

/// A controller plays its own rollout.
fn alone(player: &mut Player<'_>, stop: &AtomicBool, seed: Seed, replicate: u64) -> Option<Fate> {
    let trial = player.play_unless(stop, seed, replicate)?;
    Some(Fate {
        rolled_back: trial.ending == Ending::RolledBack,
        detection: trial.detection.map(Span::as_secs_f64),
        cleared: None,
        exposed: trial.exposed_requests,
        users: trial.exposed_users,
    })
}
