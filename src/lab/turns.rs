//! Whose simulation runs when: two at a time, pages in turn, the newest question of a page in place of
//! its older one of the same kind; and each ends when its time is up, which is sooner while others
//! wait, or when nobody waits for it any more.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, oneshot};
use tokio::time::Instant;

use super::refusal::Refusal;

/// Simulations that run at a time.
pub const AT_A_TIME: usize = 2;
/// Requests that may wait.
pub const MOST_WAITING: usize = 64;
/// How long one may run.
pub const TIME: Duration = Duration::from_secs(5);
/// How long one may run while one other waits; the more wait, the shorter, so that the last of ten pages
/// waits about as long as the last of three.
const TURN: Duration = Duration::from_secs(1);
/// How long one may run however many wait.
const SHORTEST_TURN: Duration = Duration::from_millis(200);

/// Which page asks, as it calls itself; those that do not say count as one.
pub type Page = Option<String>;

/// How many simulations there are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tally {
    /// That run now.
    pub running: usize,
    /// That wait for their turn.
    pub waiting: usize,
    /// That were answered, also those that were stopped before they were done.
    pub finished: u64,
    /// That nobody waited for any more, or that lost their place in the queue to a newer one.
    pub cancelled: u64,
    /// That were stopped because their time was up.
    pub out_of_time: u64,
}

/// The turns of a lab.
#[derive(Debug, Default)]
pub struct Turns {
    state: Arc<Mutex<State>>,
    /// Tells those that run that somebody waits.
    crowd: Notify,
}

#[derive(Debug, Default)]
struct State {
    tally: Tally,
    waiting: Vec<Waiting>,
    running: Vec<Running>,
    /// When each page had its last turn, by a count of turns; pages that wait have one.
    last_turn: BTreeMap<Page, u64>,
    turns: u64,
    tickets: u64,
}

#[derive(Debug)]
struct Waiting {
    ticket: u64,
    page: Page,
    kind: &'static str,
    begin: oneshot::Sender<()>,
    stop: Arc<AtomicBool>,
}

#[derive(Debug)]
struct Running {
    ticket: u64,
    page: Page,
    kind: &'static str,
    stop: Arc<AtomicBool>,
}

fn locked(state: &Mutex<State>) -> MutexGuard<'_, State> {
    // Nothing that holds the lock can fail halfway.
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    /// Lets those begin for whom there is room: of those who wait, the page whose last turn is longest
    /// ago, the first of its questions.
    fn advance(&mut self) {
        while self.running.len() < AT_A_TIME {
            let next = (self.waiting.iter().enumerate())
                .min_by_key(|(_, one)| (self.last_turn.get(&one.page), one.ticket))
                .map(|(at, _)| at);
            let Some(next) = next else { break };
            let one = self.waiting.remove(next);
            self.turns += 1;
            self.last_turn.insert(one.page.clone(), self.turns);
            self.running.push(Running {
                ticket: one.ticket,
                page: one.page,
                kind: one.kind,
                stop: one.stop,
            });
            if one.begin.send(()).is_err() {
                // It left at this very moment.
                self.running.pop();
            }
        }
        let (running, waiting) = (&self.running, &self.waiting);
        // What a page had before does not matter once it has been away for some turns.
        let recent = self.turns.saturating_sub(1_000);
        self.last_turn.retain(|page, turn| {
            *turn > recent
                || running.iter().any(|one| one.page == *page)
                || waiting.iter().any(|one| one.page == *page)
        });
    }

    fn leave(&mut self, ticket: u64) {
        self.waiting.retain(|one| one.ticket != ticket);
        self.running.retain(|one| one.ticket != ticket);
        self.advance();
    }
}

/// Stops a simulation that nobody waits for any more, and gives its place to the next.
struct Place {
    state: Arc<Mutex<State>>,
    ticket: u64,
    stop: Arc<AtomicBool>,
    /// Whether it has begun, and gives its place back itself once it has noticed.
    has_begun: bool,
    is_over: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        if !self.is_over {
            self.stop.store(true, Ordering::Relaxed);
            let mut state = locked(&self.state);
            state.tally.cancelled += 1;
            if !self.has_begun {
                state.leave(self.ticket);
            }
        }
    }
}

/// Gives a place back when a simulation ends, however it does.
struct Seat {
    state: Arc<Mutex<State>>,
    ticket: u64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        locked(&self.state).leave(self.ticket);
    }
}

impl Turns {
    /// How many simulations there are.
    pub fn tally(&self) -> Tally {
        let state = locked(&self.state);
        Tally {
            running: state.running.len(),
            waiting: state.waiting.len(),
            ..state.tally
        }
    }

    /// Waits for a turn and plays; what is played must look at the flag and end soon once it is set:
    /// when time is up, when the future is dropped, or when the page asks the same again.
    ///
    /// # Errors
    /// When too many wait already, when a newer question of the page took the place, or when what was
    /// played panicked.
    pub async fn play<T: Send + 'static>(
        &self,
        page: Page,
        kind: &'static str,
        play: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let stop = Arc::new(AtomicBool::new(false));
        let (begin, begun) = oneshot::channel();
        let ticket = self.queue(page, kind, begin, &stop)?;
        let mut place = Place {
            state: Arc::clone(&self.state),
            ticket,
            stop: Arc::clone(&stop),
            has_begun: false,
            is_over: false,
        };
        if begun.await.is_err() {
            place.is_over = true;
            return Err(superseded());
        }
        let seat = Seat {
            state: Arc::clone(&self.state),
            ticket,
        };
        let flag = Arc::clone(&stop);
        let mut task = tokio::task::spawn_blocking(move || {
            let played = play(&flag);
            drop(seat);
            played
        });
        place.has_begun = true;
        let in_time = tokio::select! {
            played = &mut task => Some(played),
            () = tokio::time::sleep(TIME) => None,
            () = self.turn_is_over() => None,
        };
        let played = match in_time {
            Some(played) => played,
            None => {
                locked(&self.state).tally.out_of_time += 1;
                stop.store(true, Ordering::Relaxed);
                task.await
            }
        };
        place.is_over = true;
        locked(&self.state).tally.finished += 1;
        played.map_err(|error| Refusal::Broken(format!("the simulation broke off: {error}")))
    }

    /// Waits until a turn has lasted as long as it may while so many others wait.
    async fn turn_is_over(&self) {
        let begun = Instant::now();
        loop {
            let arrival = self.crowd.notified();
            let waiting = locked(&self.state).waiting.len();
            if waiting == 0 {
                arrival.await;
                continue;
            }
            let turn = turn(waiting);
            if begun.elapsed() >= turn {
                return;
            }
            tokio::select! {
                () = arrival => {}
                () = tokio::time::sleep_until(begun + turn) => {}
            }
        }
    }

    fn queue(
        &self,
        page: Page,
        kind: &'static str,
        begin: oneshot::Sender<()>,
        stop: &Arc<AtomicBool>,
    ) -> Result<u64, Refusal> {
        let mut state = locked(&self.state);
        if page.is_some() {
            // Dropping the sender tells the older one.
            let before = state.waiting.len();
            (state.waiting).retain(|one| one.page != page || one.kind != kind);
            state.tally.cancelled += (before - state.waiting.len()) as u64;
            for one in &state.running {
                if one.page == page && one.kind == kind {
                    one.stop.store(true, Ordering::Relaxed);
                }
            }
        }
        if state.waiting.len() >= MOST_WAITING {
            return Err(Refusal::Busy(state.waiting.len()));
        }
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push(Waiting {
            ticket,
            page,
            kind,
            begin,
            stop: Arc::clone(stop),
        });
        state.advance();
        if !state.waiting.is_empty() {
            self.crowd.notify_waiters();
        }
        Ok(ticket)
    }
}

fn turn(waiting: usize) -> Duration {
    let share = TURN / u32::try_from(waiting.max(1)).unwrap_or(u32::MAX);
    share.max(SHORTEST_TURN)
}

fn superseded() -> Refusal {
    Refusal::Conflict("a newer question of this page took the place of this one".to_owned())
}
