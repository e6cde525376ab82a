//! A rollout's controller and gates on what was measured elsewhere: a live run, a run in virtual time, or
//! somebody's production.
//!
//! The controller ticks as it does in every engine, and its gates see what there was to see at each
//! tick. What it decides changes nothing: requests went where they went, and the metrics stay those of
//! the weights that were in force when they were measured. [`Tick`] has both, what the controller
//! wants and what was.

mod notes;

pub use notes::look_note;
pub(in crate::engine) use notes::{Noted, Over};

use std::collections::VecDeque;

use super::actors::systems::{Others, Systems};
use super::{Ending, act, decide, deciding};
use crate::base::{Purpose, Seed, Span, Time};
use crate::gate::{Gate, Jury, Verdict};
use crate::model::World;
use crate::rollout::{self, Routing, Surroundings};
use crate::telemetry::recording::{LookNote, Luck, Recording, Row, TickNote, feed};
use crate::telemetry::{Figure, Sampling, Telemetry, Version, Weights};
use notes::{ending_word, hooks_of};

/// What is replayed, and to whom.
#[derive(Debug, Clone, Copy)]
pub struct Setting<'a> {
    /// What was measured.
    pub recording: &'a Recording,
    /// Whose systems answer what the recording holds no answers to.
    pub world: &'a World,
    /// Who decides.
    pub rollout: &'a rollout::Plan,
    /// What decides.
    pub analysis: &'a [Gate],
    /// Where the rollout is cut off, however long the recording is.
    pub horizon: Span,
    /// Decides what is drawn, where the recording does not say what was.
    pub seed: Seed,
    /// Whose luck that is.
    pub replicate: u64,
}

/// One tick of the replay beside what the recording has of the same instant.
#[derive(Debug)]
pub struct Tick<'a> {
    /// The tick, with what the controller wants.
    pub tick: super::Tick<'a>,
    /// How the rollout would have ended, if it would have ended now.
    pub ending: Option<Ending>,
    /// Which weights the splitter was asked for until now; `None` where nobody says.
    pub held: Option<Weights>,
    /// What gates said then.
    pub looks: &'a [LookNote],
    /// What the controller did then; `None` where there was none.
    pub then: Option<&'a TickNote>,
}

impl Tick<'_> {
    /// Whether gates and controller say what they said then; `None` where nobody says what that was.
    pub fn agrees(&self) -> Option<bool> {
        let then = self.then?;
        let now: Vec<LookNote> = self.tick.looks.iter().map(look_note).collect();
        let same = now == self.looks
            && then.phase == self.tick.state.phase.to_string()
            && then.failures == self.tick.state.failures
            && then.canary == self.tick.routing.canary.as_percent()
            && then.mirror == self.tick.routing.mirror.as_percent()
            && then.ending.as_deref() == self.ending.and_then(ending_word);
        Some(same)
    }
}

/// How a replay ended.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Outcome {
    /// How.
    pub ending: Ending,
    /// When.
    pub at: Time,
    /// Whether the recording ended before the rollout.
    pub ran_out: bool,
}

/// The end of a recording: the time of its last row.
pub fn end(recording: &Recording) -> Time {
    let times = recording.rows.iter().map(Row::at);
    times.max().unwrap_or(Time::START)
}

/// When a controller ticks last: as long as no further sample would have come, where the recording does not
/// have the ticks themselves.
pub fn last_tick(recording: &Recording) -> Time {
    let last = end(recording);
    let ticks = |row: &Row| matches!(row, Row::Tick { .. });
    match recording.subject.plan.sampling {
        Sampling::Scraped { interval, .. } if !recording.rows.iter().any(ticks) => {
            last + (interval - Span::from_nanos(1))
        }
        _ => last,
    }
}

/// Replays a recording up to its end or the rollout's, whichever comes first.
pub fn replay(setting: &Setting<'_>, watch: &mut dyn FnMut(&Tick<'_>)) -> Outcome {
    let luck = setting.recording.subject.luck.unwrap_or(Luck {
        gate: setting.seed.salt(setting.replicate, Purpose::Gate),
        patience: setting.seed.salt(setting.replicate, Purpose::Judgement),
    });
    let mut jury = Jury::new(setting.analysis);
    jury.begin(luck.gate);
    let mut controller = setting.rollout.start();
    let mut telemetry = setting.recording.telemetry();
    let mut reader = Reader::new(setting.recording);
    let mut others = Replayed {
        systems: Systems::new(setting.world, setting.seed, setting.replicate),
        recorded: (setting.recording.rows.iter())
            .any(|row| matches!(row, Row::Supplied { .. } | Row::Step { .. })),
        figures: VecDeque::new(),
    };
    reader.begin(&mut telemetry);
    jury.pass_over(Time::START, &telemetry);
    let older = answered(&telemetry);
    let cadence = setting.rollout.cadence();
    let (last, cut) = (last_tick(setting.recording), Time::START + setting.horizon);
    let (mut routing, mut looks) = (Routing::STABLE, Vec::<Verdict>::new());
    let mut outcome: Option<Outcome> = None;
    let mut now = cadence.first;
    while now <= last {
        if outcome.is_none() && now > cut {
            outcome = Some(stopped(Ending::Horizon, cut));
        }
        reader.read(now, &mut telemetry, &mut others.figures);
        let then = reader.then(now);
        let surroundings = Surroundings {
            new_revision: now == cadence.first,
            canary_requests: match then.tick {
                Some(tick) => tick.canary_requests,
                None => answered(&telemetry).saturating_sub(older),
            },
            patience: luck.patience,
            hooks: reader.hooks.map(hooks_of).unwrap_or_default(),
            ..Surroundings::default()
        };
        decide(
            &mut controller,
            &mut jury,
            now,
            &surroundings,
            &mut telemetry,
            &mut others,
            &mut looks,
        );
        let ending = act(&mut controller, &mut routing);
        let shown = outcome.is_none().then_some(ending).flatten();
        watch(&Tick {
            tick: super::Tick {
                now,
                routing,
                state: controller.state(),
                verdict: deciding(&looks),
                looks: &looks,
                canary_requests: 0,
                exposed_requests: 0,
                exposed_users: None,
                telemetry: &telemetry,
                notes: &[],
            },
            ending: shown,
            held: reader.held,
            looks: &then.looks,
            then: then.tick,
        });
        if let Some(ending) = shown {
            outcome = Some(stopped(ending, now));
        }
        if controller.is_over() || cadence.period.is_zero() {
            break;
        }
        now += cadence.period;
    }
    outcome.unwrap_or(Outcome {
        ending: Ending::Horizon,
        at: end(setting.recording).min(cut),
        ran_out: last < cut,
    })
}

fn stopped(ending: Ending, at: Time) -> Outcome {
    Outcome {
        ending,
        at,
        ran_out: false,
    }
}

/// Requests that the canary has answered.
fn answered(telemetry: &Telemetry) -> u64 {
    telemetry.counters(Version::Canary).requests.iter().sum()
}

/// Hands rows over as time goes on.
struct Reader<'a> {
    rows: &'a [Row],
    next: usize,
    /// The weights in force.
    held: Option<Weights>,
    /// What hooks answered last.
    hooks: Option<[bool; 6]>,
}

/// What was decided at an instant.
struct Then<'a> {
    looks: Vec<LookNote>,
    tick: Option<&'a TickNote>,
}

impl<'a> Reader<'a> {
    fn new(recording: &'a Recording) -> Reader<'a> {
        Reader {
            rows: &recording.rows,
            next: 0,
            // A rollout of ours begins with nothing on the canary.
            held: recording.subject.luck.map(|_| Weights::default()),
            hooks: None,
        }
    }

    /// Hands over the samples at the start, where nothing of the rollout has been counted.
    fn begin(&mut self, telemetry: &mut Telemetry) {
        let rows = self.rows.iter();
        let at_start = |row: &&Row| {
            matches!(
                row,
                Row::Scrape {
                    at: Time::START,
                    ..
                }
            )
        };
        self.next = rows.take_while(at_start).count();
        feed(&self.rows[..self.next], telemetry);
    }

    /// Hands over what there was to see at `now`. What was decided at that very instant came after it.
    fn read(&mut self, now: Time, telemetry: &mut Telemetry, figures: &mut VecDeque<Vec<Figure>>) {
        let from = self.next;
        figures.clear();
        while let Some(row) = self.rows.get(self.next) {
            let at = row.at();
            if at > now || (at == now && row.is_decision()) {
                break;
            }
            match row {
                Row::Weights { weights, .. } => self.held = *weights,
                Row::Tick { tick, .. } => self.hooks = Some(tick.hooks),
                Row::Supplied { figures: all, .. } if at == now => figures.push_back(all.clone()),
                _ => {}
            }
            self.next += 1;
        }
        feed(&self.rows[from..self.next], telemetry);
        if let Some(tick) = self.then(now).tick {
            self.hooks = Some(tick.hooks);
        }
    }

    /// What was decided at `now`.
    fn then(&self, now: Time) -> Then<'a> {
        let rows = self.rows[self.next..].iter();
        let mut then = Then {
            looks: Vec::new(),
            tick: None,
        };
        for row in rows.take_while(|row| row.at() == now) {
            match row {
                Row::Look { look, .. } => then.looks.push(look.clone()),
                Row::Tick { tick, .. } => then.tick = Some(tick),
                _ => {}
            }
        }
        then
    }
}

/// Other systems, which answer what they answered then.
struct Replayed<'a> {
    systems: Systems<'a>,
    /// Whether their answers have been recorded.
    recorded: bool,
    /// Those of the present instant, one list for each look.
    figures: VecDeque<Vec<Figure>>,
}

impl Others for Replayed<'_> {
    fn supply(&mut self, now: Time, telemetry: &mut Telemetry) {
        if !self.recorded {
            self.systems.supply(now, telemetry);
        } else if let Some(figures) = self.figures.pop_front() {
            for (question, figure) in figures.into_iter().enumerate() {
                telemetry.supply(question, figure);
            }
        }
    }

    fn record(&mut self, now: Time, analysis: &[Gate], telemetry: &mut Telemetry) {
        if !self.recorded {
            self.systems.record(now, analysis, telemetry);
        }
    }

    fn count(&mut self, now: Time, analysis: &[Gate], looks: &[Verdict]) {
        if !self.recorded {
            self.systems.count(now, analysis, looks);
        }
    }
}
