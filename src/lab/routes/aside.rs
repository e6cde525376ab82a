//! What is made beside the simulations: readings of setups, and files.

use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::lab::refusal::Refusal;
use crate::lab::turns::{AT_A_TIME, MOST_WAITING};

/// Makes things on threads of their own, a few at a time, in the order in which they were asked for.
/// Whoever leaves while waiting is not begun with.
#[derive(Debug, Clone)]
pub(in crate::lab) struct Aside {
    seats: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Default for Aside {
    fn default() -> Aside {
        Aside {
            seats: Arc::new(Semaphore::new(AT_A_TIME)),
            room: Arc::new(Semaphore::new(MOST_WAITING)),
        }
    }
}

impl Aside {
    /// Waits for a seat and makes something.
    ///
    /// # Errors
    /// When too many wait already, when what is made is refused, or when making it panicked.
    pub(in crate::lab) async fn make<T: Send + 'static>(
        &self,
        make: impl FnOnce() -> Result<T, Refusal> + Send + 'static,
    ) -> Result<T, Refusal> {
        let waiting = Arc::clone(&self.room).try_acquire_owned();
        let waiting = waiting.map_err(|_| Refusal::Busy(MOST_WAITING))?;
        let broken = |error: &dyn std::fmt::Display| Refusal::Broken(error.to_string());
        let seat = Arc::clone(&self.seats).acquire_owned().await;
        let seat = seat.map_err(|error| broken(&error))?;
        drop(waiting);
        let made = tokio::task::spawn_blocking(move || {
            let made = make();
            drop(seat);
            made
        });
        made.await.map_err(|error| broken(&error))?
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    /// What is begun says so, and lasts until it is told to end.
    fn lasting(
        aside: &Aside,
        begun: &Arc<AtomicUsize>,
    ) -> (
        mpsc::Sender<()>,
        tokio::task::JoinHandle<Result<(), Refusal>>,
    ) {
        let (end, ended) = mpsc::channel();
        let (aside, begun) = (aside.clone(), Arc::clone(begun));
        let task = tokio::spawn(async move {
            let make = move || {
                begun.fetch_add(1, Ordering::Relaxed);
                let _ = ended.recv();
                Ok(())
            };
            aside.make(make).await
        });
        (end, task)
    }

    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn few_at_a_time_and_none_for_whoever_left() {
        let aside = Aside::default();
        let begun = Arc::new(AtomicUsize::new(0));
        let count = || begun.load(Ordering::Relaxed);
        let mut first: Vec<_> = (0..AT_A_TIME).map(|_| lasting(&aside, &begun)).collect();
        until(|| count() == AT_A_TIME).await;
        let others: Vec<_> = (0..MOST_WAITING).map(|_| lasting(&aside, &begun)).collect();
        until(|| aside.room.available_permits() == 0).await;
        let late = aside.make(|| Ok(())).await;
        assert_eq!(late, Err(Refusal::Busy(MOST_WAITING)));
        // All who wait leave, and leave room.
        for (_, task) in &others {
            task.abort();
        }
        until(|| aside.room.available_permits() == MOST_WAITING).await;
        let (end, task) = first.remove(0);
        drop(end);
        assert_eq!(task.await.unwrap(), Ok(()));
        assert_eq!(aside.make(|| Ok(7)).await, Ok(7));
        assert_eq!(count(), AT_A_TIME);
        drop(first);
    }

    #[tokio::test]
    async fn what_breaks_off_gives_its_seat_back() {
        let aside = Aside::default();
        for _ in 0..=AT_A_TIME {
            let broken = aside.make::<()>(|| panic!("it is meant to")).await;
            assert!(matches!(broken, Err(Refusal::Broken(_))), "{broken:?}");
        }
        assert_eq!(aside.make(|| Ok(7)).await, Ok(7));
    }
}
