//! One rollout, tick by tick, as its metrics showed it.

use std::io;
use std::sync::atomic::AtomicBool;

use crate::base::{Probability, Seed, Span, Weight};
use crate::engine::Tick;
use crate::engine::r#virtual::{Kind, Player, Setting};
use crate::engine::{Ending, Trial};
use crate::gate::{self, Explanation, Gate, Outcome, Rule, Verdict};
use crate::model::World;
use crate::rollout::Reach;
use crate::scenario::Scenario;
use crate::telemetry::recording::Recorder;
use crate::telemetry::{Unit, Version};

use super::summary::{LookRow, TimelineRow};

/// One rollout, as its metrics showed it.
#[derive(Debug, Clone)]
pub struct Watched {
    /// Its ticks.
    pub rows: Vec<TimelineRow>,
    /// What each gate said at each of them.
    pub looks: Vec<LookRow>,
    /// What the canary's requests had really met by each of the ticks in `rows`.
    pub met: Vec<Met>,
    /// What it came to.
    pub trial: Trial,
}

/// What the canary's requests had really met by an instant, whatever its metrics showed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Met {
    /// Users' requests that it answered.
    pub canary_requests: u64,
    /// Those that the fault failed or slowed.
    pub exposed_requests: u64,
}

/// Why a rollout was not watched to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unwatched {
    /// Somebody interrupted it.
    #[error("it was interrupted")]
    Interrupted,
    /// More of it is worth showing than was asked for.
    #[error("there is more to show than {0} rows")]
    TooMuch(usize),
}

/// How far a rollout is watched.
#[derive(Debug, Clone, Copy)]
pub struct Patience<'a> {
    /// Set from outside, and never unset, to end it.
    pub stop: &'a AtomicBool,
    /// The most rows and looks together.
    pub most_rows: usize,
}

/// What is seen of a rollout, as it goes on.
#[derive(Debug, Default)]
struct Sight {
    rows: Vec<TimelineRow>,
    looks: Vec<LookRow>,
    met: Vec<Met>,
}

impl Sight {
    fn see(&mut self, scenario: &Scenario, tick: &Tick<'_>) {
        let row = row(scenario, tick);
        if is_worth_showing(scenario, tick, &row, self.rows.last()) {
            self.rows.push(row);
            self.met.push(Met::by(tick));
        }
        self.looks.extend(looks(scenario, tick));
    }

    fn ended(self, trial: Trial) -> Watched {
        Watched {
            rows: self.rows,
            looks: self.looks,
            met: self.met,
            trial,
        }
    }
}

impl Met {
    fn by(tick: &Tick<'_>) -> Met {
        Met {
            canary_requests: tick.canary_requests,
            exposed_requests: tick.exposed_requests,
        }
    }
}

/// Plays one rollout as written; `good` puts a canary as good as stable in place of the faulty one.
pub fn watch(scenario: &Scenario, seed: Seed, replicate: u64, good: bool, engine: Kind) -> Watched {
    let mut watched = up_to_its_end(scenario, seed, replicate, good, engine);
    if !scenario.experiment.aftermath.is_zero() {
        // Nothing is decided any more, so nothing of it is watched.
        let healthy = scenario.world.healthy();
        let setting = Setting {
            aftermath: scenario.experiment.aftermath,
            ..setting(
                scenario,
                if good { &healthy } else { &scenario.world },
                engine,
            )
        };
        watched.trial.exposed_after = Player::new(setting).play(seed, replicate).exposed_after;
    }
    watched
}

/// Plays one rollout up to its end with the canary's share held whenever the controller gives it any;
/// as written where it is not. Its rows show the share that is held.
///
/// # Errors
/// When it was interrupted, or there is more to show than was asked for.
pub fn watch_held(
    scenario: &Scenario,
    held: Option<Weight>,
    (seed, replicate): (Seed, u64),
    good: bool,
    engine: Kind,
    patience: Patience<'_>,
) -> Result<Watched, Unwatched> {
    let healthy = scenario.world.healthy();
    let world = if good { &healthy } else { &scenario.world };
    let setting = Setting {
        held,
        ..observed(scenario, world, engine)
    };
    let Patience { stop, most_rows } = patience;
    let mut sight = Sight::default();
    let is_full = |sight: &Sight| sight.rows.len() + sight.looks.len() > most_rows;
    let trial = Player::new(setting).watch_unless(stop, seed, replicate, &mut |tick| {
        if !is_full(&sight) {
            sight.see(scenario, tick);
        }
    });
    let trial = trial.ok_or(Unwatched::Interrupted)?;
    if is_full(&sight) {
        return Err(Unwatched::TooMuch(most_rows));
    }
    let mut watched = sight.ended(trial);
    if let Some(held) = held {
        let with_traffic = watched.rows.iter_mut().filter(|row| row.weight > 0.0);
        with_traffic.for_each(|row| row.weight = held.as_percent());
    }
    Ok(watched)
}

/// The share of all requests that a promoted release fails or slows, once everybody has it: measured in
/// this rollout for a while after its promotion; 0 where it was not promoted, `None` where `stop` was
/// set before.
pub fn harm_after(
    scenario: &Scenario,
    held: Option<Weight>,
    (seed, replicate): (Seed, u64),
    engine: Kind,
    stop: &AtomicBool,
) -> Option<f64> {
    /// Enough requests to tell one in a hundred from two.
    const REQUESTS: f64 = 2_000.0;
    let rate = scenario
        .world
        .traffic
        .profile
        .mean(scenario.horizon)
        .get()
        .max(1e-3);
    let aftermath = Span::from_secs_f64((REQUESTS / rate).clamp(10.0, 3_600.0));
    let setting = Setting {
        held,
        aftermath,
        ..setting(scenario, &scenario.world, engine)
    };
    let trial = Player::new(setting).play_unless(stop, seed, replicate)?;
    let share = match trial.ending {
        Ending::Promoted => {
            let requests = rate * aftermath.as_secs_f64();
            (trial.exposed_after as f64 / requests).min(1.0)
        }
        Ending::RolledBack | Ending::Horizon => 0.0,
    };
    Some(share)
}

/// Plays one rollout as [`watch`] does, and writes down what its gates saw and said. Every scrape is read,
/// which deals the luck in other portions: the rollout is another one of the same law.
///
/// # Errors
/// When the recording cannot be written.
pub fn watch_recorded(
    scenario: &Scenario,
    seed: Seed,
    replicate: u64,
    good: bool,
    engine: Kind,
    out: impl io::Write,
) -> io::Result<Watched> {
    let healthy = scenario.world.healthy();
    let world = if good { &healthy } else { &scenario.world };
    let mut player = Player::recording(setting(scenario, world, engine));
    let routes = scenario.world.traffic.routes.iter();
    let subject = player.subject(
        seed,
        replicate,
        routes.map(|route| route.name.clone()).collect(),
        (scenario.world.goals.iter())
            .map(|goal| goal.name.clone())
            .collect(),
    );
    let mut recorder = Recorder::new(out, &subject)?;
    let mut sight = Sight::default();
    let mut failed = None;
    let trial = player.watch(seed, replicate, &mut |tick| {
        let written = tick.notes.iter().try_for_each(|row| recorder.row(row));
        failed = failed.take().or(written.err());
        sight.see(scenario, tick);
    });
    if let Some(error) = failed {
        return Err(error);
    }
    recorder.finish()?;
    Ok(sight.ended(trial))
}

/// The same, without what comes after.
pub(super) fn up_to_its_end(
    scenario: &Scenario,
    seed: Seed,
    replicate: u64,
    good: bool,
    engine: Kind,
) -> Watched {
    let healthy = scenario.world.healthy();
    let world = if good { &healthy } else { &scenario.world };
    let setting = observed(scenario, world, engine);
    let mut sight = Sight::default();
    let see = &mut |tick: &Tick<'_>| sight.see(scenario, tick);
    let trial = Player::new(setting).watch(seed, replicate, see);
    sight.ended(trial)
}

/// The same of the bad release; `None` once `stop` is set.
pub(super) fn unless(
    stop: &AtomicBool,
    scenario: &Scenario,
    seed: Seed,
    replicate: u64,
    engine: Kind,
) -> Option<Watched> {
    let setting = observed(scenario, &scenario.world, engine);
    let mut sight = Sight::default();
    let see = &mut |tick: &Tick<'_>| sight.see(scenario, tick);
    let trial = Player::new(setting).watch_unless(stop, seed, replicate, see)?;
    Some(sight.ended(trial))
}

/// The rollout as written, measured for whoever wants to see it.
pub(super) fn observed<'a>(scenario: &'a Scenario, world: &'a World, engine: Kind) -> Setting<'a> {
    Setting {
        observe: true,
        ..setting(scenario, world, engine)
    }
}

/// The rollout as written, measured by its gates only.
fn setting<'a>(scenario: &'a Scenario, world: &'a World, engine: Kind) -> Setting<'a> {
    Setting {
        world,
        telemetry: &scenario.telemetry,
        rollout: &scenario.rollout,
        analysis: &scenario.analysis,
        onlookers: &[],
        horizon: scenario.horizon,
        aftermath: Span::ZERO,
        held: None,
        engine,
        observe: false,
    }
}

/// What became of the checks of a good canary.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Checks {
    /// All of them.
    pub all: u64,
    /// Those that found no data.
    pub empty: u64,
    /// Those that found a figure, and failed for it.
    pub failed: u64,
}

impl Checks {
    /// Share of the checks that found no data.
    pub(super) fn empty_share(self) -> f64 {
        self.empty as f64 / self.all.max(1) as f64
    }
}

/// Plays some rollouts of a good canary held at `weight` and sorts their checks; fewer where it was
/// interrupted.
pub(super) fn checks(scenario: &Scenario, weight: Weight, stop: &AtomicBool) -> Checks {
    /// Enough to tell one check in twenty from one in ten.
    const ROLLOUTS: u64 = 100;
    /// Where every request is followed, what empty checks there are is plain from fewer.
    const COUPLED_ROLLOUTS: u64 = 20;
    // Counts cost the same at any rate.
    let (engine, rollouts) = match super::engine(scenario).0 {
        Kind::Coupled => (Kind::Coupled, COUPLED_ROLLOUTS),
        _ => (Kind::Counts, ROLLOUTS),
    };
    let healthy = scenario.world.healthy();
    let setting = Setting {
        held: Some(weight),
        ..setting(scenario, &healthy, engine)
    };
    let mut player = Player::new(setting);
    let mut checks = Checks::default();
    for replicate in 0..rollouts {
        let mut more = checks;
        let played = player.watch_unless(stop, scenario.experiment.seed, replicate, &mut |tick| {
            let Some(verdict) = tick.verdict else { return };
            more.all += 1;
            match (verdict.rule, verdict.outcome) {
                (Rule::NoData, _) => more.empty += 1,
                (_, Outcome::Fail) => more.failed += 1,
                _ => {}
            }
        });
        if played.is_none() {
            break;
        }
        checks = more;
    }
    checks
}

/// What a reader wants to see of a tick.
pub fn row(scenario: &Scenario, tick: &Tick<'_>) -> TimelineRow {
    let window = shown_window(scenario);
    let percent = |version| {
        let ratio = tick
            .telemetry
            .window(version, tick.now, window)
            .success_ratio()?;
        (ratio.is_finite()).then_some(ratio * 100.0)
    };
    let p99 = |version| {
        let unit = tick.telemetry.bounds().unit();
        let shown = tick
            .telemetry
            .window(version, tick.now, window)
            .latency_quantile(0.99)?;
        let millis = match unit {
            Unit::Seconds => shown * 1_000.0,
            Unit::Milliseconds => shown,
        };
        millis.is_finite().then_some(millis)
    };
    let canary = tick.telemetry.window(Version::Canary, tick.now, window);
    let matched = scenario.world.matched.get();
    let weight = match tick.routing.reach {
        Reach::Everyone => tick.routing.canary.as_percent(),
        Reach::Matched => tick.routing.canary.share() * matched * 100.0,
        Reach::EveryoneAndMatched => {
            (matched + (1.0 - matched) * tick.routing.canary.share()) * 100.0
        }
    };
    TimelineRow {
        seconds: tick.now.as_secs_f64(),
        weight,
        phase: tick.state.phase.to_string(),
        failures: tick.state.failures,
        canary_success: percent(Version::Canary),
        stable_success: percent(Version::Stable),
        canary_p99: p99(Version::Canary),
        stable_p99: p99(Version::Stable),
        success_limit: scenario.analysis.iter().find_map(success_limit),
        p99_limit: scenario.analysis.iter().find_map(p99_limit),
        // An empty sum is -0.
        canary_requests: canary.requests() + 0.0,
        verdict: tick
            .verdict
            .map(|verdict| verdict.outcome.to_string())
            .unwrap_or_default(),
        reason: tick
            .verdict
            .map(|verdict| reason(scenario, &verdict))
            .unwrap_or_default(),
    }
}

/// Whether anything happened at a tick: something was looked at, or it looks different from the
/// row before.
pub(super) fn is_worth_showing(
    scenario: &Scenario,
    tick: &Tick<'_>,
    row: &TimelineRow,
    before: Option<&TimelineRow>,
) -> bool {
    let alike = |before: &TimelineRow| {
        before.weight == row.weight && before.phase == row.phase && before.failures == row.failures
    };
    !scenario.rollout.idles() || !tick.looks.is_empty() || !before.is_some_and(alike)
}

/// What each gate read and said at a tick.
pub fn looks(scenario: &Scenario, tick: &Tick<'_>) -> Vec<LookRow> {
    let explained = tick.looks.iter().filter_map(|look| {
        let gate = scenario.analysis.get(look.gate)?;
        Some((look, gate.explanation(tick.now, tick.telemetry, look)))
    });
    let row = |(look, told): (&Verdict, Explanation)| LookRow {
        seconds: tick.now.as_secs_f64(),
        gate: look.gate + 1,
        name: told.gate,
        reads: told.reads,
        from_seconds: told.from.as_secs_f64(),
        value: told.value.unwrap_or_default(),
        requests: told.samples.is_finite().then_some(told.samples + 0.0),
        verdict: told.outcome.to_string(),
        rule: told.rule,
        change: told.change,
    };
    explained.map(row).collect()
}

/// Why a verdict fell, in words: value, limit and requests. Where there are several gates, the one
/// that decided comes first; a pass was decided by all of them.
pub(super) fn reason(scenario: &Scenario, verdict: &Verdict) -> String {
    let gates = &scenario.analysis;
    let Some(gate) = gates.get(verdict.gate) else {
        return verdict.rule.to_string();
    };
    if matches!(verdict.rule, Rule::NothingChecked | Rule::HookRefused) {
        return verdict.rule.to_string();
    }
    let figures = verdict.explain(gate);
    match (gates.len(), verdict.outcome) {
        (1, _) => figures,
        (all, Outcome::Pass) => format!("all {all} gates"),
        _ if verdict.rule == Rule::NoData => format!("{}: {figures}", name(gate)),
        _ => format!("{} {figures}", name(gate)),
    }
}

/// A gate's name, short enough for every line of a table.
fn name(gate: &Gate) -> String {
    match gate {
        Gate::TwoProportionZ(_) => return "z test p".to_owned(),
        Gate::ArgoMetric(metric) => return metric.name.clone(),
        _ => {}
    }
    let whole = gate.to_string();
    let ends = [" >=", " <=", " from ", " at ", " anything", " over "];
    let end = ends.iter().filter_map(|end| whole.find(end)).min();
    whole[..end.unwrap_or(whole.len())].to_owned()
}

/// The window that a reader wants to see: the first gate's.
pub(super) fn shown_window(scenario: &Scenario) -> Span {
    let first = gate::windows(&scenario.analysis).next();
    first.unwrap_or(scenario.rollout.cadence().period)
}

fn success_limit(gate: &Gate) -> Option<f64> {
    gate.least_success()
        .map(|share| Probability::get(share) * 100.0)
}

fn p99_limit(gate: &Gate) -> Option<f64> {
    gate.longest_p99().map(Span::as_millis_f64)
}
