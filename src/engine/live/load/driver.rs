//! The thread of a load: one timer fires what is due, tasks carry it.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;
use tokio::task::spawn_local;

use super::ledger::{Answer, Ledger, Outcome};
use super::pool::{Job, Place, Pool, Turn};
use super::rendering::Rendering;
use super::report::LoadReport;
use super::schedule::{Ask, Schedule};
use super::seen::Failure;
use super::{Mode, Pace, connection};
use crate::base::{Span, Time};
use crate::engine::actors::crowd::Caller;
use crate::engine::live::alarm::Alarm;
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::live::http::{Body, Refusal};

/// What the tasks of a load share.
#[derive(Debug)]
pub(super) struct Driver {
    pub(super) address: SocketAddr,
    pub(super) pool: RefCell<Pool>,
    pub(super) ledger: RefCell<Ledger>,
    schedule: RefCell<Schedule>,
    rendering: RefCell<Rendering>,
    clock: WallClock,
    pace: Pace,
    mode: Mode,
    timeout: Span,
    /// When the next request is due, as far as is known.
    next: Cell<Moment>,
    /// Whether nothing is started any more.
    ended: Cell<bool>,
    closing: Cell<bool>,
    /// Something is due before what the pacer waits for.
    sooner: Notify,
    /// A request has ended, and nothing is started any more.
    quiet: Notify,
    /// Until when nobody looks for deadlines, and what ends that.
    unwatched: Cell<Moment>,
    hurry: Notify,
}

/// What others want of a load.
#[derive(Debug, Default)]
pub(super) struct Orders {
    pub(super) stop: AtomicBool,
    pub(super) changed: Notify,
}

/// How long before a request the spinning begins.
const SPIN: Span = Span::from_nanos(60_000);
/// When the economical wake.
const GRID: u64 = 500_000;
/// The heart beats so often.
const BEAT: Span = Span::from_millis(100);
/// A heart that stands still for longer was held up by the operating system.
pub(super) const STALL: Span = Span::from_millis(100);
/// Beats between two publications of quantiles, and between two intervals of the log.
const PUBLISHED: u64 = 5;
const LOGGED: u64 = 10;

impl Driver {
    #[expect(
        clippy::too_many_arguments,
        reason = "called once; each is a part of the driver"
    )]
    pub(super) fn new(
        address: SocketAddr,
        pool: Pool,
        ledger: Ledger,
        schedule: Schedule,
        rendering: Rendering,
        clock: WallClock,
        (pace, mode): (Pace, Mode),
        timeout: Span,
    ) -> Driver {
        Driver {
            address,
            pool: RefCell::new(pool),
            ledger: RefCell::new(ledger),
            schedule: RefCell::new(schedule),
            rendering: RefCell::new(rendering),
            clock,
            pace,
            mode,
            timeout,
            next: Cell::new(Moment::NEVER),
            ended: Cell::new(false),
            closing: Cell::new(false),
            sooner: Notify::new(),
            quiet: Notify::new(),
            unwatched: Cell::new(Moment::NEVER),
            hurry: Notify::new(),
        }
    }

    /// Runs the load to its end, or until it is stopped.
    pub(super) async fn run(self: Rc<Driver>, orders: Arc<Orders>) -> io::Result<LoadReport> {
        let alarm = Alarm::new()?;
        let helpers = [
            spawn_local(Rc::clone(&self).watch(alarm.clone())),
            spawn_local(Rc::clone(&self).beat(alarm.clone())),
        ];
        let stopped = async {
            while !orders.stop.load(Ordering::Acquire) {
                orders.changed.notified().await;
            }
        };
        let work = async {
            match self.pace {
                Pace::Schedule => self.pace(&alarm).await,
                Pace::Closed(connections) => self.keep_busy(connections, &alarm).await,
            }
            self.ended.set(true);
            while !self.pool.borrow().is_quiet() {
                self.quiet.notified().await;
            }
        };
        let interrupted = tokio::select! {
            () = work => false,
            () = stopped => true,
        };
        self.ended.set(true);
        self.closing.set(true);
        self.pool.borrow_mut().close();
        for helper in helpers {
            helper.abort();
        }
        let now = Moment::now();
        let ran = now.since(self.clock.start());
        let mut ledger = self.ledger.borrow_mut();
        ledger.publish();
        ledger.moved(self.pool.borrow().moved);
        let logged = match ledger.logger.take() {
            Some(logger) => logger.finish(ran).err(),
            None => None,
        };
        Ok(LoadReport::of(
            &ledger,
            ledger.counts(),
            ran,
            interrupted,
            logged,
        ))
    }

    /// Sends everything when it is due, until the schedule's end.
    async fn pace(self: &Rc<Driver>, alarm: &Alarm) {
        loop {
            let now = Moment::now();
            self.fire(now);
            let (next, end) = {
                let schedule = &self.schedule.borrow();
                (self.next.get(), self.clock.moment_of(schedule.end()))
            };
            if next == Moment::NEVER && now >= end {
                return;
            }
            // Until the end answers may bring further pages.
            let next = next.min(end);
            match self.mode {
                Mode::Exact => self.sleep(alarm, next).await,
                Mode::Economy => {
                    let since = next.since(self.clock.start()).as_nanos();
                    let grid = Span::from_nanos(since.div_ceil(GRID) * GRID);
                    self.sleep(alarm, self.clock.start() + grid).await;
                }
                Mode::Spin => {
                    self.sleep(alarm, next - SPIN).await;
                    while Moment::now() < next.min(self.next.get()) {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    async fn sleep(&self, alarm: &Alarm, until: Moment) {
        tokio::select! {
            biased;
            () = alarm.at(until) => {}
            () = self.sooner.notified() => {}
        }
    }

    /// Starts every request that is due.
    fn fire(self: &Rc<Driver>, now: Moment) {
        let time = self.clock.time_of(now);
        let mut fired = 0;
        loop {
            let ask = self.schedule.borrow_mut().pop(time);
            let Some(ask) = ask else {
                break;
            };
            let intended = self.clock.moment_of(ask.at);
            self.start(Job {
                ask,
                intended,
                fired: now,
                deadline: intended + self.timeout,
                waited: false,
                queued: false,
                fresh: false,
            });
            fired += 1;
        }
        self.set_next();
        let waiting = self.pool.borrow().waiting();
        self.ledger.borrow().due(fired, waiting);
    }

    fn set_next(&self) {
        let next = self.schedule.borrow_mut().next();
        self.next
            .set(next.map_or(Moment::NEVER, |time| self.clock.moment_of(time)));
    }

    fn start(self: &Rc<Driver>, job: Job) {
        self.watch_for(&job);
        let place = self.pool.borrow_mut().place(job);
        if let Place::Start(slot) = place {
            spawn_local(connection::serve(Rc::clone(self), slot));
        }
    }

    /// A closed loop: so many connections, each of which asks again when it has its answer.
    async fn keep_busy(self: &Rc<Driver>, connections: u32, alarm: &Alarm) {
        for _ in 0..connections {
            self.start(self.again(Moment::now()));
            self.ledger.borrow().due(1, 0);
        }
        let end = self.clock.moment_of(self.schedule.borrow().end());
        alarm.at(end).await;
    }

    fn again(&self, now: Moment) -> Job {
        Job {
            ask: Ask {
                at: Time::START,
                caller: Caller { user: 0, group: 0 },
                route: 0,
                matched: false,
                opens: false,
                session: None,
            },
            intended: now,
            fired: now,
            deadline: now + self.timeout,
            waited: false,
            queued: false,
            fresh: false,
        }
    }

    /// A request has ended. Returns what its slot does next; `connected` says whether its connection
    /// can carry another.
    pub(super) fn ended(
        self: &Rc<Driver>,
        slot: u32,
        job: &Job,
        outcome: &Outcome,
        goals: &[f64],
        connected: bool,
    ) -> Turn {
        let now = Moment::now();
        self.record(job, outcome, goals, now);
        self.ask_again(now);
        self.proceed(slot, now, connected)
    }

    /// A connection is open, or not to be had, or has taken too long. Returns what its slot does
    /// next.
    pub(super) fn opened(
        self: &Rc<Driver>,
        slot: u32,
        failure: Option<Failure>,
        connected: bool,
    ) -> Turn {
        let now = Moment::now();
        let failed = failure.and_then(|failure| {
            let job = self.pool.borrow_mut().fail_first()?;
            Some((job, failure))
        });
        if let Some((job, failure)) = failed {
            self.record(&job, &unsent(failure), &[], now);
            self.ask_again(now);
        }
        self.proceed(slot, now, connected)
    }

    /// A slot's request is over, so in a closed loop there is another; in an open one whoever is
    /// awake fires what is due.
    fn ask_again(self: &Rc<Driver>, now: Moment) {
        if self.ended.get() {
            return;
        }
        if let Pace::Closed(_) = self.pace {
            // In line, as the slot that asks for its next turn takes it out at once.
            self.ledger.borrow().due(1, 0);
            self.pool.borrow_mut().enter(self.again(now));
        } else if now >= self.next.get() && self.mode != Mode::Economy {
            self.fire(now);
        }
    }

    fn proceed(self: &Rc<Driver>, slot: u32, now: Moment, connected: bool) -> Turn {
        let mut over = Vec::new();
        let turn = {
            let mut pool = self.pool.borrow_mut();
            pool.next(slot, now, connected, |job| over.push(job))
        };
        self.give_up(&over, now);
        self.ledger.borrow().waiting(self.pool.borrow().waiting());
        if let Turn::Carry(job) = &turn {
            self.watch_for(job);
        } else if self.ended.get() {
            self.quiet.notify_one();
        }
        turn
    }

    /// The time of these is over, and they were never sent.
    fn give_up(self: &Rc<Driver>, over: &[Job], now: Moment) {
        for job in over {
            self.record(job, &unsent(Failure::Timeout), &[], now);
            if let Pace::Closed(_) = self.pace
                && !self.ended.get()
            {
                self.ledger.borrow().due(1, 0);
                self.start(self.again(now));
            }
        }
    }

    /// Looks for deadlines earlier than was meant, when one comes earlier.
    fn watch_for(&self, job: &Job) {
        if job.deadline < self.unwatched.get() {
            self.hurry.notify_one();
        }
    }

    fn record(&self, job: &Job, outcome: &Outcome, goals: &[f64], now: Moment) {
        let mut schedule = self.schedule.borrow_mut();
        self.ledger
            .borrow_mut()
            .record(job, outcome, goals, now, &mut schedule);
        if let Some(session) = job.ask.session
            && schedule.answered(session, self.clock.time_of(now))
        {
            drop(schedule);
            self.set_next();
            self.sooner.notify_one();
        }
    }

    /// Gives up requests whose time is over.
    async fn watch(self: Rc<Driver>, alarm: Alarm) {
        loop {
            let now = Moment::now();
            let mut over = Vec::new();
            let next = self.pool.borrow_mut().expire(now, |job| over.push(job));
            self.give_up(&over, now);
            if !over.is_empty() {
                self.ledger.borrow().waiting(self.pool.borrow().waiting());
                self.quiet.notify_one();
            }
            let until = next.unwrap_or(now + self.timeout);
            self.unwatched.set(until);
            tokio::select! {
                () = alarm.at(until) => {}
                () = self.hurry.notified() => {}
            }
        }
    }

    /// Notices when the process does not run, publishes quantiles and ends the log's intervals.
    async fn beat(self: Rc<Driver>, alarm: Alarm) {
        let mut due = self.clock.start();
        for beat in 1.. {
            due = due + BEAT;
            alarm.at(due).await;
            let now = Moment::now();
            let mut ledger = self.ledger.borrow_mut();
            let late = now.since(due);
            if late > STALL {
                ledger.stalled(late);
                due = now;
            }
            if beat % PUBLISHED == 0 {
                ledger.publish();
                ledger.moved(self.pool.borrow().moved);
            }
            if beat % LOGGED == 0 {
                ledger.roll(Time::START + now.since(self.clock.start()));
            }
        }
    }

    pub(super) fn is_closing(&self) -> bool {
        self.closing.get()
    }

    /// Writes a request.
    pub(super) fn write(&self, job: &Job, output: &mut Vec<u8>) {
        if let Some(same) = self.rendering.borrow().same() {
            output.extend_from_slice(same);
            return;
        }
        let now = Moment::now();
        let times = (now, self.clock.time_of(now));
        let mut schedule = self.schedule.borrow_mut();
        self.rendering
            .borrow()
            .write(job, &mut schedule, times, output);
    }

    /// Reads an answer's head.
    pub(super) fn read(
        &self,
        bytes: &[u8],
        job: &Job,
        goals: &mut Vec<f64>,
    ) -> Result<Option<(usize, Answer, Body)>, Refusal> {
        let mut schedule = self.schedule.borrow_mut();
        self.rendering
            .borrow_mut()
            .read(bytes, job, &mut schedule, goals)
    }
}

/// What became of a request that was never sent.
fn unsent(failure: Failure) -> Outcome {
    Outcome {
        sent: None,
        opened: false,
        result: Err((failure, None)),
    }
}
