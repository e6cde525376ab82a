//! A thread that serves connections, with everything of its own.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::TcpListener as Bound;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::task::Waker;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, oneshot};
use tokio::time::{sleep, timeout};

use super::SplitterOptions;
use super::balancer::Balancer;
use super::client::{Client, duration};
use super::counters::Counters;
use super::decision::{Decided, Decider, Log};
use super::exchange::Recorded;
use super::exposition::{self, Exposition};
use super::forward::Routes;
use super::relay::{Deadline, Upload};
use crate::base::Span;
use crate::engine::actors::pool::Place;
use crate::engine::live::Setting;
use crate::engine::live::alarm::Alarm;
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::live::endpoints::Endpoints;
use crate::engine::live::steering::Steering;
use crate::engine::live::tally::Tally;
use crate::model::World;
use crate::model::split::{Budget, Retries};
use crate::telemetry::Version;

/// How long opening a connection may take. On one machine it takes microseconds; a listener whose
/// queue is full makes it seconds.
pub(super) const CONNECT_LIMIT: Span = Span::from_secs(5);

/// What a worker starts with.
pub(super) struct Start {
    pub(super) number: usize,
    pub(super) setting: Setting,
    pub(super) clock: WallClock,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) steering: Arc<Steering>,
    pub(super) options: SplitterOptions,
    pub(super) tally: Arc<Tally>,
    pub(super) counters: Arc<Counters>,
    pub(super) listener: Bound,
    /// Where metrics are asked for, and what answers; of one worker.
    pub(super) exposition: Option<(Bound, Exposition)>,
    pub(super) stop: oneshot::Receiver<()>,
}

/// What the tasks of a worker share.
#[derive(Debug)]
pub(super) struct Worker {
    pub(super) options: SplitterOptions,
    pub(super) endpoints: Arc<Endpoints>,
    pub(super) routes: Routes,
    pub(super) decider: RefCell<Decider>,
    pub(super) balancer: RefCell<Balancer>,
    pub(super) budget: RefCell<Budget>,
    pub(super) log: RefCell<Log>,
    pub(super) retries: Option<Retries>,
    /// How long an answer is waited for, by version.
    pub(super) patience: [Option<Span>; 3],
    pub(super) counters: Arc<Counters>,
    tally: Arc<Tally>,
    clock: WallClock,
    pub(super) alarm: Alarm,
    /// Copies for the canary that are under way.
    pub(super) mirrors: Cell<u32>,
    /// Whether connections end with the request that is under way.
    pub(super) draining: Cell<bool>,
    seats: RefCell<Seats>,
    empty: Notify,
}

/// All connections of clients, to wake those that wait.
#[derive(Debug, Default)]
struct Seats {
    wakers: Vec<Option<Waker>>,
    free: Vec<usize>,
}

/// A connection's place among all.
#[derive(Debug)]
pub(super) struct Seat {
    worker: Rc<Worker>,
    number: usize,
}

impl Seat {
    /// The connection waits for a request.
    #[inline]
    pub(super) fn waits(&self, waker: &Waker) {
        let mut seats = self.worker.seats.borrow_mut();
        let place = &mut seats.wakers[self.number];
        // A task has the same waker all its life.
        if !place.as_ref().is_some_and(|own| own.will_wake(waker)) {
            *place = Some(waker.clone());
        }
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut seats = self.worker.seats.borrow_mut();
        seats.wakers[self.number] = None;
        seats.free.push(self.number);
        if seats.free.len() == seats.wakers.len() {
            self.worker.empty.notify_one();
        }
    }
}

impl Worker {
    /// A place for a new connection.
    pub(super) fn seat(self: &Rc<Worker>) -> Seat {
        let mut seats = self.seats.borrow_mut();
        let number = seats.free.pop().unwrap_or_else(|| {
            seats.wakers.push(None);
            seats.wakers.len() - 1
        });
        Seat {
            worker: Rc::clone(self),
            number,
        }
    }

    /// The scenario's time at a moment, in seconds.
    #[inline]
    pub(super) fn seconds(&self, at: Moment) -> f64 {
        self.clock.time_of(at).as_secs_f64()
    }

    /// Until when an attempt that began at `begun` is waited for; not before its body is `sent`.
    #[inline]
    pub(super) fn deadline(&self, version: Version, begun: Moment, sent: bool) -> Deadline<'_> {
        let patience = self.patience[version as usize];
        Deadline::new(&self.alarm, patience, sent.then_some(begun))
    }

    /// Whether a request that failed may be tried once more; then it is counted.
    pub(super) fn grants_retry(&self, made: u32, upload: &Upload, reset: bool) -> bool {
        let Some(retries) = self.retries else {
            return false;
        };
        made < retries.attempts
            && upload.is_replayable()
            && (if reset {
                retries.on_resets
            } else {
                retries.on_errors
            })
            && self.budget.borrow_mut().try_retry()
    }

    /// An attempt has ended; `None` when that says nothing about its instance.
    #[inline]
    pub(super) fn end(&self, place: Place, failed: Option<bool>, at: Moment) {
        let mut balancer = self.balancer.borrow_mut();
        if balancer.end(place, failed, self.seconds(at)) {
            self.counters.ejections.count();
        }
    }

    /// Counts a request.
    #[inline]
    pub(super) fn record(&self, request: &Recorded, status: u16, done: Moment) {
        let took = done.since(request.arrived);
        self.tally
            .record(request.version, request.route, status, took);
        self.log.borrow_mut().end(request.order, status);
    }
}

/// How long a caller waits for one attempt at a version.
fn patience(world: &World, version: Version) -> Option<Span> {
    let service = match version {
        Version::Canary => &world.canary,
        Version::Stable | Version::Baseline => &world.stable,
    };
    let whole = service.fleet.capacity.and_then(|capacity| capacity.timeout);
    let each = world.retries.and_then(|retries| retries.per_try_timeout);
    [whole, each].into_iter().flatten().min()
}

/// Serves until told to stop, and returns what was decided. `ready` learns whether it could begin.
pub(super) fn run(start: Start, ready: Sender<io::Result<()>>) -> Vec<Decided> {
    let runtime = Builder::new_current_thread()
        .enable_all()
        .build_local(LocalOptions::default());
    match runtime {
        Ok(runtime) => runtime.block_on(serve(start, ready)),
        Err(error) => {
            // Whoever started this waits for it.
            let _ = ready.send(Err(error));
            Vec::new()
        }
    }
}

async fn serve(start: Start, ready: Sender<io::Result<()>>) -> Vec<Decided> {
    let (listener, exposition) = (start.listener, start.exposition);
    let begun = (|| -> io::Result<_> {
        let exposition = match exposition {
            Some((bound, exposition)) => Some((TcpListener::from_std(bound)?, exposition)),
            None => None,
        };
        Ok((Alarm::new()?, TcpListener::from_std(listener)?, exposition))
    })();
    let (alarm, listener, exposition) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let _ = ready.send(Err(error));
            return Vec::new();
        }
    };
    let Setting { world, .. } = &start.setting;
    let worker = Rc::new(Worker {
        routes: Routes::of(world),
        decider: RefCell::new(Decider::new(
            &start.setting,
            start.clock.clone(),
            start.steering,
            start.number,
        )),
        balancer: RefCell::new(Balancer::new(
            &start.setting,
            Arc::clone(&start.endpoints),
            start.number,
        )),
        endpoints: start.endpoints,
        budget: RefCell::new(Budget::new(
            world.retries.and_then(|retries| retries.budget),
        )),
        log: RefCell::new(Log::new(&start.options)),
        retries: world.retries,
        patience: Version::ALL.map(|version| patience(world, version)),
        options: start.options,
        counters: start.counters,
        tally: start.tally,
        clock: start.clock,
        alarm,
        mirrors: Cell::new(0),
        draining: Cell::new(false),
        seats: RefCell::default(),
        empty: Notify::new(),
    });
    if let Some((listener, exposition)) = exposition {
        tokio::task::spawn_local(exposition::serve(listener, exposition));
    }
    // Who does not wait for this has gone.
    let _ = ready.send(Ok(()));
    drop(ready);
    accept(&worker, &listener, start.stop).await;
    drain(&worker, listener).await;
    worker.log.borrow_mut().take()
}

/// Takes connections until told to stop.
async fn accept(worker: &Rc<Worker>, listener: &TcpListener, mut stop: oneshot::Receiver<()>) {
    loop {
        tokio::select! {
            biased;
            accepted = listener.accept() => match accepted {
                Ok((stream, peer)) => welcome(worker, stream, peer),
                // Too many open files: some will be closed.
                Err(_) => sleep(Duration::from_millis(5)).await,
            },
            _ = &mut stop => return,
        }
    }
}

fn welcome(worker: &Rc<Worker>, stream: TcpStream, peer: std::net::SocketAddr) {
    worker.counters.clients.count();
    tokio::task::spawn_local(Client::new(Rc::clone(worker), stream, peer).serve());
}

/// Answers what is under way or has come, and closes everything.
async fn drain(worker: &Rc<Worker>, listener: TcpListener) {
    worker.draining.set(true);
    // Connections that wait to be taken would be torn down with the listener.
    if let Ok(listener) = listener.into_std() {
        while let Ok((stream, peer)) = listener.accept() {
            if stream.set_nonblocking(true).is_ok()
                && let Ok(stream) = TcpStream::from_std(stream)
            {
                welcome(worker, stream, peer);
            }
        }
    }
    let wakers: Vec<Waker> = (worker.seats.borrow().wakers.iter())
        .flatten()
        .cloned()
        .collect();
    wakers.into_iter().for_each(Waker::wake);
    let all_gone = async {
        loop {
            let gone = {
                let seats = worker.seats.borrow();
                seats.free.len() == seats.wakers.len()
            };
            if gone {
                return;
            }
            worker.empty.notified().await;
        }
    };
    // Whoever takes longer is cut off.
    let _ = timeout(duration(worker.options.drain_limit), all_gone).await;
}
