//! A rollout for real, started from the page: one at a time, with its events for whoever watches and
//! faults that come and go by hand.
//!
//! How to drive it: [`Live::start`] begins a run, [`Live::events`] hands out what has happened since a
//! number, [`Live::news`] wakes up when there is more, [`Live::add_fault`], [`Live::remove_fault`] and
//! [`Live::stop`] reach into it.

mod events;
mod routes;

pub use events::{Ended, Event, FaultSet, Happening, Pulsed, Ready, Ticked};
pub(super) use routes::routes;
pub use routes::{Added, Start};

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use tokio::sync::watch;

use crate::base::{Span, Time};
use crate::engine::Ending;
use crate::engine::live::fetch::{Client, FetchError};
use crate::engine::live::options::{Options, Proxy, Source};
use crate::engine::live::run::Places;
use crate::experiment::{self, LiveRollout, Scene, Staging};
use crate::scenario::Scenario;
use events::Log;

/// The longest run on the clock of the wall.
pub const LONGEST: Span = Span::from_secs(15 * 60);
/// The highest rate at which requests are really sent, per second.
pub const HIGHEST_RATE: f64 = 5_000.0;
/// How long the control API may take to answer.
const PATIENCE: Span = Span::from_secs(5);
/// Bytes of its answer that are read.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Why something cannot be done about a live run.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// Another run has not ended.
    #[error("a live run is under way; stop it first")]
    Busy,
    /// No run is under way.
    #[error("no live run is under way; start one first")]
    Idle,
    /// It would take longer than a page may ask for.
    #[error(
        "at this speed the rollout can take {0} on the clock of the wall, and {LONGEST} is the limit \
         here; ask for a higher speed"
    )]
    TooLong(Span),
    /// It would send more than a page may ask for.
    #[error(
        "at this speed {0:.0} requests a second would be sent, and {HIGHEST_RATE} is the limit here; \
         ask for a lower speed or a lower rate"
    )]
    TooFast(f64),
    /// The speed is no number of times.
    #[error("`{0}` is no speed: write a number from 0.1 to 1000, like 30")]
    Speed(f64),
    /// The run's control API does not answer.
    #[error("the backends do not answer: {0}")]
    Unreachable(#[from] FetchError),
    /// The run's control API refuses.
    #[error("{why}")]
    Refused {
        /// With which status.
        status: u16,
        /// And why, with what would be taken.
        why: String,
    },
    /// No thread could be started for it.
    #[error("cannot start a thread: {0}")]
    Thread(#[from] std::io::Error),
}

/// Where a live run stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// None has been started yet.
    Idle,
    /// Its parts are being started.
    Starting,
    /// Requests flow.
    Running,
    /// It is over.
    Ended,
}

/// A live run as a whole.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Status {
    /// Where it stands.
    pub state: Phase,
    /// Its number, from 1; 0 before the first.
    pub id: u64,
    /// One line about traffic, versions and fault; empty before the first.
    pub world: String,
    /// One line about controller and gates; empty before the first.
    pub rollout: String,
    /// How many times faster than the clock on the wall.
    pub speed: f64,
    /// Where the rollout is cut off, in seconds of the scenario.
    pub horizon_seconds: f64,
}

/// The live run of a lab, if any.
#[derive(Debug)]
pub struct Live {
    stage: Mutex<Stage>,
    news: watch::Sender<u64>,
}

#[derive(Debug)]
struct Stage {
    status: Status,
    log: Log,
    stop: Arc<AtomicBool>,
    control: Option<(SocketAddr, Option<String>)>,
    /// Whether something is wrong with the canary: from the start, or by hand.
    is_bad: bool,
}

impl Default for Live {
    fn default() -> Live {
        Live {
            stage: Mutex::new(Stage {
                status: Status {
                    state: Phase::Idle,
                    id: 0,
                    world: String::new(),
                    rollout: String::new(),
                    speed: 1.0,
                    horizon_seconds: 0.0,
                },
                log: Log::default(),
                stop: Arc::default(),
                control: None,
                is_bad: false,
            }),
            news: watch::Sender::new(0),
        }
    }
}

impl Live {
    fn stage(&self) -> MutexGuard<'_, Stage> {
        // Whoever panicked with it in hand left it whole: every change is one assignment.
        self.stage.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a run of a scenario on loopback, by our own splitter and scraper whatever its `[live]`
    /// says: what a page sends must not start programs or listen for others.
    ///
    /// # Errors
    /// When one is under way, or this one would take too long or send too much.
    pub fn start(
        self: &Arc<Live>,
        mut scenario: Scenario,
        good: bool,
        speed: Option<f64>,
    ) -> Result<Status, LiveError> {
        scenario.live = Options {
            splitter: Proxy::Coalmine,
            source: Source::Scraper,
            speed: speed.or(scenario.live.speed),
            vendor: scenario.live.vendor,
            service: scenario.live.service,
            // Whoever may not come in at the door must not find another.
            wants_token: true,
            ..Options::default()
        };
        let speed = bounded(&scenario)?;
        let note = experiment::note(&scenario);
        let stop = Arc::new(AtomicBool::new(false));
        let status = {
            let mut stage = self.stage();
            if matches!(stage.status.state, Phase::Starting | Phase::Running) {
                return Err(LiveError::Busy);
            }
            stage.status = Status {
                state: Phase::Starting,
                id: stage.status.id + 1,
                world: note.world,
                rollout: note.rollout,
                speed,
                horizon_seconds: scenario.horizon.as_secs_f64(),
            };
            stage.log.clear();
            stage.stop = Arc::clone(&stop);
            stage.control = None;
            stage.is_bad = !good;
            stage.status.clone()
        };
        let live = Arc::clone(self);
        let thread = thread::Builder::new().name("live run".to_owned());
        let started = thread.spawn(move || live.play(&scenario, good, speed, &stop));
        if let Err(error) = started {
            self.stage().status.state = Phase::Ended;
            return Err(error.into());
        }
        Ok(status)
    }

    /// How it stands.
    pub fn status(&self) -> Status {
        self.stage().status.clone()
    }

    /// What has happened after the event of this number, oldest first.
    pub fn events(&self, after: u64) -> Vec<Event> {
        self.stage().log.after(after)
    }

    /// Tells when there is more: holds the number of the newest event.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.subscribe()
    }

    /// Ends the run with what is there; nothing happens when none is under way.
    pub fn stop(&self) {
        self.stage().stop.store(true, Ordering::Relaxed);
    }

    /// Adds a fault, described as the control API of a live run takes it; returns its number.
    ///
    /// # Errors
    /// When no run is under way, or it refuses the fault.
    pub async fn add_fault(&self, fault: &Value) -> Result<u64, LiveError> {
        let told = self.control("POST", "/faults", Some(fault)).await?;
        let id = told.get("id").and_then(Value::as_u64).unwrap_or(0);
        if told.get("target").and_then(Value::as_str) != Some("stable") {
            self.stage().is_bad = true;
        }
        self.tell(Happening::Fault(FaultSet {
            id,
            fault: Some(told),
        }));
        Ok(id)
    }

    /// Takes a fault out: one that was added, or one of the scenario's own.
    ///
    /// # Errors
    /// When no run is under way, or it has no such fault.
    pub async fn remove_fault(&self, id: u64) -> Result<(), LiveError> {
        self.control("DELETE", &format!("/faults/{id}"), None)
            .await?;
        self.tell(Happening::Fault(FaultSet { id, fault: None }));
        Ok(())
    }

    /// The faults that there are, as the control API tells of them.
    ///
    /// # Errors
    /// When no run is under way.
    pub async fn faults(&self) -> Result<Value, LiveError> {
        self.control("GET", "/faults", None).await
    }

    async fn control(
        &self,
        method: &str,
        target: &str,
        body: Option<&Value>,
    ) -> Result<Value, LiveError> {
        let (address, token) = {
            let stage = self.stage();
            let control = stage.control.clone();
            let runs = stage.status.state == Phase::Running;
            control.filter(|_| runs).ok_or(LiveError::Idle)?
        };
        let body = body.map(Value::to_string);
        let mut client = Client::new(address).bearing(token);
        let asked = client.call(method, target, body.as_deref(), PATIENCE, LONGEST_ANSWER);
        let fetched = asked.await?;
        let told: Value = serde_json::from_slice(&fetched.body).unwrap_or_default();
        match fetched.status {
            200..300 => Ok(told),
            status => {
                let why = told.get("error").and_then(Value::as_str);
                let mut why =
                    why.map_or_else(|| format!("refused with status {status}"), str::to_owned);
                if let Some(example) = told.get("valid").and_then(|valid| valid.get(0)) {
                    why.push_str(&format!("; valid is, for example, {example}"));
                }
                Err(LiveError::Refused { status, why })
            }
        }
    }

    fn play(&self, scenario: &Scenario, good: bool, speed: f64, stop: &AtomicBool) {
        let mut curtain = Curtain {
            live: self,
            end: Ended::failed("the run broke off".to_owned()),
        };
        let staging = Staging {
            seed: scenario.experiment.seed,
            replicate: 0,
            good,
            speed,
            stop,
            log: None,
            record: None,
        };
        let played = experiment::live(scenario, staging, &mut |scene| match scene {
            Scene::Ready(places) => self.begin(places),
            Scene::Tick(row, looks) => self.tell(Happening::Tick(Ticked {
                row: row.clone(),
                looks: looks.to_vec(),
            })),
            Scene::Pulse(pulse) => self.tell(Happening::Pulse(Pulsed::of(pulse))),
        });
        curtain.end = match played {
            Ok(rollout) => told(scenario, &rollout, !self.stage().is_bad, speed),
            Err(error) => Ended::failed(error.to_string()),
        };
    }

    fn begin(&self, places: &Places) {
        let mut stage = self.stage();
        stage.status.state = Phase::Running;
        stage.control = Some((places.control, places.token.clone()));
        let status = stage.status.clone();
        drop(stage);
        self.tell(Happening::Ready(Ready {
            status,
            splitter: format!("http://{}", places.splitter),
        }));
    }

    fn tell(&self, happening: Happening) {
        let newest = self.stage().log.put(happening);
        self.news.send_replace(newest);
    }
}

/// Ends a run however it ends, a panic included: after one that never ended no other could start.
struct Curtain<'l> {
    live: &'l Live,
    end: Ended,
}

impl Drop for Curtain<'_> {
    fn drop(&mut self) {
        // At one blow: a run that starts after this one must not hear of its end.
        let mut stage = self.live.stage();
        stage.status.state = Phase::Ended;
        stage.control = None;
        let newest = stage.log.put(Happening::End(Box::new(self.end.clone())));
        drop(stage);
        self.live.news.send_replace(newest);
    }
}

/// The speed at which a page may have a scenario played.
fn bounded(scenario: &Scenario) -> Result<f64, LiveError> {
    let speed = scenario.live_speed();
    if !(0.1..=1_000.0).contains(&speed) {
        return Err(LiveError::Speed(speed));
    }
    let longest = scenario.rollout.longest().min(scenario.horizon);
    let wall = Span::from_secs_f64(longest.as_secs_f64() / speed);
    if wall > LONGEST {
        return Err(LiveError::TooLong(wall));
    }
    let end = Time::START + longest;
    let peak = (scenario.world.traffic.profile).bound(Time::START, end) * speed;
    if peak > HIGHEST_RATE {
        return Err(LiveError::TooFast(peak));
    }
    Ok(speed)
}

fn told(scenario: &Scenario, rollout: &LiveRollout, good: bool, speed: f64) -> Ended {
    let ending = match rollout.trial.ending {
        Ending::RolledBack => "rolled back",
        Ending::Promoted => "promoted",
        Ending::Horizon => "unfinished",
    };
    let sentence = experiment::ending(scenario, &rollout.trial, &rollout.rows, good, false);
    let note = experiment::live_note(&rollout.outcome, sentence.clone(), speed);
    Ended {
        ending: ending.to_owned(),
        sentence,
        note: Some(note),
    }
}
