//! Waiting for an exact moment. A runtime's own timers tick in whole milliseconds and round up; this
//! one is a timer of the kernel, set to the nanosecond.

use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::future::Future;
use std::io;
use std::num::NonZeroU64;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use super::clock::Moment;

/// Wakes the tasks of one thread at exact moments.
///
/// Made inside the thread's runtime, whose `spawn_local` it uses. Clones share one timer.
#[derive(Debug, Clone)]
pub struct Alarm {
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    timer: AsyncFd<OwnedFd>,
    waiting: RefCell<Waiting>,
}

#[derive(Debug, Default)]
struct Waiting {
    /// By moment, then in the order in which they began to wait.
    sleepers: BinaryHeap<Reverse<(Moment, u64)>>,
    wakers: BTreeMap<u64, Waker>,
    begun: u64,
    /// What the timer is set to.
    set: Option<Moment>,
}

impl Alarm {
    /// An alarm of the present thread.
    ///
    /// # Errors
    /// When the kernel gives no timer.
    pub fn new() -> io::Result<Alarm> {
        // The kernel may be late by as much as this, to wake several at once.
        rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        #[expect(
            deprecated,
            reason = "sound here: an `OwnedFd` is one descriptor until it is dropped"
        )]
        let timer = AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)?;
        let shared = Rc::new(Shared {
            timer,
            waiting: RefCell::default(),
        });
        let ringing = Rc::clone(&shared);
        // Ends with the thread's runtime.
        tokio::task::spawn_local(async move { while ringing.ring().await.is_ok() {} });
        Ok(Alarm { shared })
    }

    /// Waits until `moment`; not at all when it has passed.
    pub fn at(&self, moment: Moment) -> Sleep {
        Sleep {
            shared: Rc::clone(&self.shared),
            moment,
            ticket: None,
        }
    }
}

impl Shared {
    /// Waits for the timer and wakes whose moment has come.
    async fn ring(&self) -> io::Result<()> {
        let mut guard = self.timer.readable().await?;
        let mut expired = [0; 8];
        // What it says is how often it rang, which does not matter.
        let _ = guard.try_io(|timer| Ok(rustix::io::read(timer.get_ref(), &mut expired)?));
        let mut waiting = self.waiting.borrow_mut();
        waiting.set = None;
        let now = Moment::now();
        while let Some(&Reverse((moment, ticket))) = waiting.sleepers.peek() {
            if !waiting.wakers.contains_key(&ticket) {
                waiting.sleepers.pop();
            } else if moment <= now {
                waiting.sleepers.pop();
                if let Some(waker) = waiting.wakers.remove(&ticket) {
                    waker.wake();
                }
            } else {
                break;
            }
        }
        self.set_to_first(&mut waiting)
    }

    fn set_to_first(&self, waiting: &mut Waiting) -> io::Result<()> {
        let Some(&Reverse((moment, _))) = waiting.sleepers.peek() else {
            return Ok(());
        };
        if waiting.set.is_some_and(|set| set <= moment) {
            return Ok(());
        }
        waiting.set = Some(moment);
        let nanos = moment.as_nanos();
        let at = Itimerspec {
            it_interval: Timespec::default(),
            it_value: Timespec {
                tv_sec: (nanos / 1_000_000_000) as i64,
                // A timer set to zero would never ring.
                tv_nsec: (nanos % 1_000_000_000).max(1) as _,
            },
        };
        timerfd_settime(self.timer.get_ref(), TimerfdTimerFlags::ABSTIME, &at)?;
        Ok(())
    }
}

/// See [`Alarm::at`].
#[derive(Debug)]
pub struct Sleep {
    shared: Rc<Shared>,
    moment: Moment,
    ticket: Option<u64>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Moment::now() >= self.moment {
            return Poll::Ready(());
        }
        let shared = Rc::clone(&self.shared);
        let mut waiting = shared.waiting.borrow_mut();
        let ticket = self.ticket.unwrap_or_else(|| {
            waiting.begun += 1;
            let ticket = waiting.begun;
            waiting.sleepers.push(Reverse((self.moment, ticket)));
            ticket
        });
        self.ticket = Some(ticket);
        waiting.wakers.insert(ticket, context.waker().clone());
        // A timer that cannot be set wakes nobody: better to look again at once.
        if shared.set_to_first(&mut waiting).is_err() {
            context.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.shared.waiting.borrow_mut().wakers.remove(&ticket);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::runtime::{Builder, LocalOptions};

    use super::*;
    use crate::base::Span;

    #[test]
    fn sleepers_wake_in_the_order_of_their_moments_and_never_early() {
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build_local(LocalOptions::default())
            .unwrap();
        runtime.block_on(async {
            let alarm = Alarm::new().unwrap();
            let start = Moment::now();
            let woken = Rc::new(RefCell::new(Vec::new()));
            let tasks = [30_u64, 10, 20, 0].map(|millis| {
                let (alarm, woken) = (alarm.clone(), Rc::clone(&woken));
                tokio::task::spawn_local(async move {
                    let moment = start + Span::from_millis(millis);
                    alarm.at(moment).await;
                    assert!(Moment::now() >= moment);
                    woken.borrow_mut().push(millis);
                })
            });
            // One that nobody waits for any more must not keep others from waking.
            drop(alarm.at(start + Span::from_millis(5)));
            for task in tasks {
                task.await.unwrap();
            }
            assert_eq!(*woken.borrow(), [0, 10, 20, 30]);
        });
    }
}
