//! The load: requests of the world's users, sent when they are due.
//!
//! It is an open loop. The schedule is made ahead of time and no answer delays it; every request is
//! timed from the instant at which it was due, so a stall of the server or of the generator itself
//! is found in the latencies, in full (Tene, "How NOT to measure latency"; the correction of
//! `wrk2`). One timer of the kernel fires everything that is due, and whoever is awake fires too.
//! Connections are bounded: who finds none free waits, and the wait counts. The generator says
//! itself whether it kept its schedule, and which limit it hit when it did not.
//!
//! `schedule` decides what is due, `pool` which connection carries it, `connection` carries it,
//! `ledger` counts; `driver` is the thread that runs them. Users sit in `actors::crowd`, with their
//! cookies in `jar`.

mod connection;
mod descriptors;
mod driver;
mod durations;
mod harm;
mod interval_log;
mod jar;
mod ledger;
mod pool;
mod rendering;
mod report;
mod schedule;
mod seen;
mod steady;
mod stretches;
#[cfg(test)]
mod tests;

pub use descriptors::{TooFewDescriptors, reserve};
pub use durations::Durations;
pub use interval_log::IntervalLog;
pub use rendering::{Asking, Request};
pub use report::{Limit, LoadReport, Tolerance, short};
pub use seen::{Counts, Failure, Published, Seen};
pub use steady::steady;
pub use stretches::Stretches;

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use tokio::runtime::{Builder, LocalOptions};

use super::Setting;
use super::clock::WallClock;
use crate::base::Span;
use crate::model::split::Split;
use driver::{Driver, Orders};
use ledger::Ledger;
use pool::Pool;
use rendering::Rendering;
use schedule::Schedule;

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The address.
    pub address: SocketAddr,
    /// What the `Host` header says.
    pub host: String,
}

/// When requests are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// When the world's schedule says so: an open loop.
    Schedule,
    /// Each of so many connections sends the next request when it has its answer: a closed loop, to
    /// measure capacity. The world's arrivals do not matter, and there is one user, who asks for the
    /// first route.
    Closed(u32),
}

/// How punctual the schedule is kept, and at which price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// One timer, set to each instant.
    #[default]
    Exact,
    /// The timer rings on a grid of 500 µs, and everything due until then is sent: a third of the
    /// wakes at 10,000 requests a second, for a quarter of a millisecond in the mean.
    Economy,
    /// The timer rings 60 µs early and the rest is spent spinning.
    Spin,
}

/// What can be chosen about a load.
#[derive(Debug)]
pub struct LoadOptions {
    /// What is asked for.
    pub asking: Asking,
    /// When.
    pub pace: Pace,
    /// How punctual.
    pub mode: Mode,
    /// How long, in the scenario's time.
    pub horizon: Span,
    /// Connections at most.
    pub connections: usize,
    /// How long after its scheduled instant a request is given up.
    pub timeout: Span,
    /// Whether goals are summed by user too.
    pub goals_by_user: bool,
    /// Where latencies are logged, second by second.
    pub log: Option<IntervalLog>,
}

impl LoadOptions {
    /// Connections unless told otherwise: fewer than the 128 that a listener queues by default, so
    /// that a stalled server does not turn them away.
    pub const CONNECTIONS: usize = 100;

    /// The world's users until `horizon`, exactly on schedule, over [`LoadOptions::CONNECTIONS`]
    /// connections and with a patience of 10 s.
    pub fn until(horizon: Span) -> LoadOptions {
        LoadOptions {
            asking: Asking::World,
            pace: Pace::Schedule,
            mode: Mode::Exact,
            horizon,
            connections: LoadOptions::CONNECTIONS,
            timeout: Span::from_secs(10),
            goals_by_user: false,
            log: None,
        }
    }
}

/// Why a load could not start, or did not end well.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// There are too few descriptors.
    #[error(transparent)]
    Descriptors(#[from] TooFewDescriptors),
    /// The operating system refused a thread or a timer.
    #[error("cannot start the load: {0}")]
    Io(#[from] io::Error),
    /// The load's thread is gone.
    #[error("the load's thread ended before its time")]
    Lost,
}

/// A load that runs. Dropping it stops it.
#[derive(Debug)]
pub struct Load {
    seen: Arc<Seen>,
    orders: Arc<Orders>,
    over: Receiver<()>,
    thread: Option<JoinHandle<io::Result<LoadReport>>>,
}

impl Load {
    /// Starts a load: the first requests go out when `clock` says that the scenario begins.
    ///
    /// # Errors
    /// When the connections do not fit the limit of open files, or no thread is to be had.
    pub fn start(
        setting: &Setting,
        clock: WallClock,
        target: Target,
        options: LoadOptions,
    ) -> Result<Load, LoadError> {
        let connections = match options.pace {
            Pace::Schedule => options.connections,
            Pace::Closed(connections) => connections as usize,
        };
        reserve(connections as u64)?;
        let world = &setting.world;
        let seen = Arc::new(Seen::new(
            world.traffic.routes.len(),
            world.goals.len(),
            &setting.telemetry.buckets,
        ));
        let orders = Arc::new(Orders::default());
        let (tell, over) = channel::<()>();
        let thread = {
            let (setting, seen, orders) = (setting.clone(), Arc::clone(&seen), Arc::clone(&orders));
            thread::Builder::new()
                .name("coalmine-load".to_owned())
                .spawn(move || {
                    // Dropped with the thread's end, which tells that it has come.
                    let _tell = tell;
                    run(&setting, clock, &target, options, seen, orders)
                })?
        };
        Ok(Load {
            seen,
            orders,
            over,
            thread: Some(thread),
        })
    }

    /// What it has seen so far.
    pub fn seen(&self) -> &Arc<Seen> {
        &self.seen
    }

    /// Waits so long for its end; whether it has come.
    pub fn wait(&self, at_most: Duration) -> bool {
        self.over.recv_timeout(at_most) != Err(RecvTimeoutError::Timeout)
    }

    /// Sends nothing more, drops what is under way, and reports.
    ///
    /// # Errors
    /// When the load could not go on by itself.
    pub fn stop(mut self) -> Result<LoadReport, LoadError> {
        self.order_stop();
        self.join()
    }

    /// Waits until the schedule's end and for the last answers, and reports.
    ///
    /// # Errors
    /// When the load could not go on by itself.
    pub fn finish(mut self) -> Result<LoadReport, LoadError> {
        self.join()
    }

    fn order_stop(&self) {
        self.orders.stop.store(true, Ordering::Release);
        self.orders.changed.notify_one();
    }

    fn join(&mut self) -> Result<LoadReport, LoadError> {
        let thread = self.thread.take().ok_or(LoadError::Lost)?;
        let report = thread.join().map_err(|_| LoadError::Lost)?;
        Ok(report?)
    }
}

impl Drop for Load {
    fn drop(&mut self) {
        self.order_stop();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// What the load's thread does.
fn run(
    setting: &Setting,
    clock: WallClock,
    target: &Target,
    options: LoadOptions,
    seen: Arc<Seen>,
    orders: Arc<Orders>,
) -> io::Result<LoadReport> {
    let mut runtime = Builder::new_current_thread();
    runtime.enable_all();
    if options.pace == Pace::Schedule {
        // The timer must not wait until many answers have been read.
        runtime.event_interval(8);
    }
    let runtime = runtime.build_local(LocalOptions::default())?;
    let world = &setting.world;
    runtime.block_on(async {
        let schedule = Schedule::new(setting, options.horizon);
        let ledger = Ledger::new(
            world,
            schedule.crowd.users(),
            options.goals_by_user,
            seen,
            options.log,
        )?;
        let connections = match options.pace {
            Pace::Schedule => options.connections,
            Pace::Closed(connections) => connections as usize,
        };
        let by_user = world.split == Split::Connection && options.asking == Asking::World;
        let driver = Driver::new(
            target.address,
            Pool::new(connections, by_user),
            ledger,
            schedule,
            Rendering::new(&options.asking, world, &target.host),
            clock,
            (options.pace, options.mode),
            options.timeout,
        );
        Rc::new(driver).run(orders).await
    })
}
