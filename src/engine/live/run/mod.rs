//! One rollout for real, from the first request to its end.
//!
//! The controller, the gates and the rules by which a rollout ends are those of virtual time (see
//! `engine::virtual::Player`); here ticks and scrapes come when the clock on the wall says so, what
//! a gate reads has been scraped, and an order goes to a splitter that runs.

mod books;
mod figures;
mod sight;
mod stage;

pub use books::{Outcome, ShareKept};
pub use sight::SightError;
pub use stage::{Places, StageError};

use std::fs::File;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{Builder, LocalOptions};

use super::Setting;
use super::alarm::Alarm;
use super::clock::{Moment, WallClock};
use super::load::{IntervalLog, LoadError};
use super::options::Options;
use crate::base::{Purpose, Span, Time, Weight};
use crate::engine::actors::hooks::Callees;
use crate::engine::actors::systems::Systems;
use crate::engine::recorded::{Noted, Over};
use crate::engine::r#virtual::Flow;
use crate::engine::{Ending, Tick, act, decide, deciding};
use crate::gate::{Gate, Jury, Verdict};
use crate::rollout::{self, Controller, Routing, Surroundings};
use crate::telemetry::{Demand, Telemetry};
use books::Books;
use sight::Sight;
use stage::Stage;

/// What is played.
#[derive(Debug)]
pub struct Script<'a> {
    /// The world and how it is measured.
    pub setting: &'a Setting,
    /// Who decides.
    pub rollout: &'a rollout::Plan,
    /// What decides.
    pub analysis: &'a [Gate],
    /// Where the rollout is cut off.
    pub horizon: Span,
    /// How long to go on after its end, to see who is hurt then.
    pub aftermath: Span,
    /// What was chosen about the run.
    pub options: &'a Options,
    /// How many times faster than the clock on the wall.
    pub speed: f64,
    /// Set to end the run with what is there.
    pub stop: &'a AtomicBool,
    /// Where latencies are logged, second by second.
    pub log: Option<IntervalLog>,
    /// Where what the gate saw is written down ([`crate::telemetry::recording`]).
    pub record: Option<File>,
}

/// Why a run could not be played.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// A part could not be started.
    #[error(transparent)]
    Stage(#[from] StageError),
    /// Nobody can be asked for metrics.
    #[error(transparent)]
    Sight(#[from] SightError),
    /// The load could not go on.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The operating system refused a timer or a runtime.
    #[error("cannot keep time: {0}")]
    Time(#[from] io::Error),
}

/// What there is to see of a run while it goes on.
#[derive(Debug)]
pub enum Sign<'a> {
    /// Everything is ready, and the scenario begins.
    Ready(&'a Places),
    /// The controller has ticked.
    Tick(&'a Tick<'a>),
    /// Some time has passed: a few times a second.
    Pulse(&'a Pulse),
}

/// How a run stands between ticks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Pulse {
    /// The scenario's time.
    pub now: Time,
    /// When the controller looks next.
    pub next: Time,
    /// The canary's share as last ordered.
    pub weight: Weight,
    /// Requests that have ended so far, and those of them that failed, by version.
    pub requests: [[u64; 2]; 3],
    /// 50th and 99th percentile of latency so far.
    pub latency: [Span; 2],
    /// 99th percentile of the generator's lateness so far.
    pub lateness: Span,
}

/// Time between two pulses.
const PULSE: Span = Span::from_millis(200);
/// The longest sleep, after which somebody may want the run to end.
const NAP: Span = Span::from_millis(50);
/// From the moment when all is ready to the scenario's beginning.
const BREATH: Span = Span::from_millis(100);

/// Plays a script and shows what happens.
///
/// # Errors
/// When a part cannot be started or the operating system refuses what keeps time. A part that fails
/// later ends the run with what was measured: see [`Outcome::failure`].
pub fn play(mut script: Script<'_>, watch: &mut dyn FnMut(Sign<'_>)) -> Result<Outcome, RunError> {
    let log = script.log.take();
    let script = &script;
    let clock = WallClock::waiting(script.speed);
    let mut stage = Stage::set(script, &clock)?;
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default())?;
    runtime.block_on(async {
        let alarm = Alarm::new()?;
        stage.show(script.setting, script.options)?;
        let sight = Sight::open(script, &mut stage, &clock).await?;
        clock.begin(Moment::now() + BREATH);
        let by_user = demand(script.analysis, script.setting).by_user;
        stage.begin(script, &clock, log, by_user)?;
        watch(Sign::Ready(stage.places()));
        let mut run = Run {
            books: Books::new(script.horizon, script.aftermath),
            controller: script.rollout.start(),
            callees: Callees::new(
                &script.setting.world,
                script.setting.seed,
                script.setting.replicate,
            ),
            systems: Systems::new(
                &script.setting.world,
                script.setting.seed,
                script.setting.replicate,
            ),
            routing: Routing::STABLE,
            jury: Jury::new(script.analysis),
            looks: Vec::new(),
            script,
            clock,
            alarm,
            stage,
            sight,
        };
        run.jury
            .begin((script.setting.seed).salt(script.setting.replicate, Purpose::Gate));
        run.go(watch).await;
        run.finish()
    })
}

/// A rollout under way.
struct Run<'a> {
    script: &'a Script<'a>,
    clock: WallClock,
    alarm: Alarm,
    stage: Stage,
    sight: Sight,
    controller: Controller,
    systems: Systems<'a>,
    callees: Callees<'a>,
    routing: Routing,
    jury: Jury<'a>,
    /// The looks of the present tick.
    looks: Vec<Verdict>,
    books: Books,
}

impl Run<'_> {
    async fn go(&mut self, watch: &mut dyn FnMut(Sign<'_>)) {
        let cadence = self.script.rollout.cadence();
        let mut telemetry = self.sight.telemetry(&self.script.setting.telemetry);
        let (mut tick, mut pulse) = (cadence.first, Moment::now() + PULSE);
        loop {
            let scrape = self.sight.next(self.clock.now());
            let close = self.books.closes(self.controller.is_over());
            let due = self.clock.moment_of(tick.min(scrape).min(close));
            let now = Moment::now();
            if now < due {
                self.alarm.at(due.min(pulse).min(now + NAP)).await;
            }
            let now = self.clock.now();
            if self.script.stop.load(Ordering::Relaxed) {
                self.books.interrupt(now, self.stage.seen());
                return;
            }
            if let Some(failure) = self.stage.failure() {
                self.books.fail(failure, now, self.stage.seen());
                return;
            }
            if let Some(failure) = self.sight.failure() {
                self.books.doubt(failure);
            }
            if Moment::now() >= pulse {
                pulse = Moment::now() + PULSE;
                watch(Sign::Pulse(&self.stage.pulse(now, tick, self.routing)));
            }
            if scrape <= now && scrape <= tick && scrape <= close {
                self.scrape(scrape, &mut telemetry).await;
            } else if tick <= now && tick <= close && !self.controller.is_over() {
                self.tick(tick, tick == cadence.first, &mut telemetry, watch)
                    .await;
                tick += cadence.period;
            } else if close <= now && self.books.has_ended() {
                return;
            } else if close <= now {
                self.books.cut(self.stage.seen());
            }
        }
    }

    async fn scrape(&mut self, at: Time, telemetry: &mut Telemetry) {
        self.sight.scrape(at, telemetry).await;
    }

    async fn tick(
        &mut self,
        now: Time,
        first: bool,
        telemetry: &mut Telemetry,
        watch: &mut dyn FnMut(Sign<'_>),
    ) {
        let seen = self.stage.seen();
        let surroundings = Surroundings {
            new_revision: first,
            canary_requests: seen.canary,
            patience: (self.script.setting.seed)
                .salt(self.script.setting.replicate, Purpose::Judgement),
            hooks: self.callees.answers(now),
            ..Surroundings::default()
        };
        self.sight.look(now, telemetry).await;
        let mut notes = Vec::new();
        decide(
            &mut self.controller,
            &mut self.jury,
            now,
            &surroundings,
            telemetry,
            &mut Noted::new(&mut self.systems, Some(&mut notes)),
            &mut self.looks,
        );
        self.callees.note(now, self.controller.asked());
        let ending = act(&mut self.controller, &mut self.routing);
        self.steer(now);
        let flow = Flow::new(self.routing, &self.script.setting.world, None);
        telemetry.note_weights(now, flow.weights());
        Over {
            now,
            surroundings: &surroundings,
            looks: &self.looks,
            state: self.controller.state(),
            routing: self.routing,
            ending: ending.filter(|_| !self.books.has_ended()),
            weights: flow.weights(),
        }
        .note(&mut notes);
        self.sight.note(&notes);
        watch(Sign::Tick(&Tick {
            now,
            routing: self.routing,
            state: self.controller.state(),
            verdict: deciding(&self.looks),
            looks: &self.looks,
            canary_requests: seen.canary,
            exposed_requests: seen.exposed,
            exposed_users: Some(seen.exposed_users),
            telemetry,
            notes: &notes,
        }));
        if let Some(ending) = ending
            && !self.books.has_ended()
        {
            self.books.end(ending, now, self.stage.seen());
            if ending == Ending::Promoted && !self.script.aftermath.is_zero() {
                // Everybody has the new version now, on as many instances as stable had.
                self.routing = Routing::weighted(Weight::FULL);
                self.stage.promote();
                self.steer(now);
            }
        }
    }

    /// Sends the order on where it is new.
    fn steer(&mut self, now: Time) {
        let flow = Flow::new(self.routing, &self.script.setting.world, None);
        if !self.books.order(now, flow.weight, flow.mirror) {
            return;
        }
        let steered = self.stage.steer(flow.weight, flow.mirror);
        if let Err(error) = steered {
            self.books.doubt(error.to_string());
        }
    }

    fn finish(mut self) -> Result<Outcome, RunError> {
        let glance = self.sight.close();
        if let Some(error) = &glance.spoiled {
            self.books
                .doubt(format!("the recording is not complete: {error}"));
        }
        if let Some(what) = &glance.problem {
            let [asked, failed] = glance.scrapes;
            self.books.note(format!(
                "{failed} of {asked} questions about metrics failed, the last one because {what}"
            ));
        }
        let struck = self.stage.strike(glance.source, glance.scrapes)?;
        Ok(self.books.close(self.script, struck))
    }
}

/// What the gates read, with what a reader wants to see beside it.
pub(super) fn demand(analysis: &[Gate], setting: &Setting) -> Demand {
    let mut demand = (analysis.iter())
        .map(Gate::demand)
        .fold(Demand::default(), Demand::union);
    demand.canary = true;
    demand.stable = true;
    demand.latency = true;
    demand.baseline = setting.world.rules.baseline;
    demand.goals |= !setting.world.goals.is_empty();
    demand
}
