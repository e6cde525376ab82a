//! Processors that are really burnt: threads of low priority that are busy for a share of the time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::base::Span;
use crate::engine::live::clock::Moment;

/// Being busy and resting take turns in this time.
const TURN: Span = Span::from_millis(10);
/// The lowest priority there is.
const NICE: i32 = 19;
/// A busy share is told in so many parts.
const PARTS: f64 = 1_000_000.0;

/// Threads that keep processors busy.
#[derive(Debug)]
pub(super) struct Burners {
    /// Processors at most.
    limit: f64,
    cores: f64,
    threads: Vec<Burner>,
}

#[derive(Debug)]
struct Burner {
    /// The share of time that it is busy; it ends at zero.
    busy: Arc<AtomicU32>,
    thread: JoinHandle<()>,
}

impl Burners {
    /// None at first; never more than `limit` processors.
    pub(super) fn new(limit: f64) -> Burners {
        Burners {
            limit,
            cores: 0.0,
            threads: Vec::new(),
        }
    }

    /// Keeps so many processors busy from now on, as far as the limit allows.
    pub(super) fn set(&mut self, cores: f64) {
        let cores = cores.clamp(0.0, self.limit.max(0.0));
        if cores == self.cores {
            return;
        }
        self.cores = cores;
        let count = cores.ceil() as usize;
        for (index, burner) in self.threads.iter().enumerate() {
            burner.burn(cores - index as f64);
        }
        // Those that end do so by themselves, within one turn.
        self.threads.truncate(count);
        while self.threads.len() < count {
            let share = cores - self.threads.len() as f64;
            match Burner::start(share) {
                Some(burner) => self.threads.push(burner),
                // A machine without another thread is busy enough.
                None => return,
            }
        }
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        for burner in self.threads.drain(..) {
            burner.burn(0.0);
            // It cannot panic.
            let _ = burner.thread.join();
        }
    }
}

impl Burner {
    fn start(share: f64) -> Option<Burner> {
        let busy = Arc::new(AtomicU32::new(parts(share)));
        let told = Arc::clone(&busy);
        let thread = std::thread::Builder::new()
            .name("burner".to_owned())
            .spawn(move || burn(&told));
        Some(Burner {
            busy,
            thread: thread.ok()?,
        })
    }

    fn burn(&self, share: f64) {
        self.busy.store(parts(share), Ordering::Relaxed);
        self.thread.thread().unpark();
    }
}

fn parts(share: f64) -> u32 {
    (share.clamp(0.0, 1.0) * PARTS) as u32
}

fn burn(busy: &AtomicU32) {
    // Where priorities cannot be lowered it burns at the usual one.
    let _ = rustix::process::setpriority_process(None, NICE);
    loop {
        let share = f64::from(busy.load(Ordering::Relaxed)) / PARTS;
        if share == 0.0 {
            return;
        }
        let begin = Moment::now();
        let end = begin + Span::from_secs_f64(TURN.as_secs_f64() * share);
        while Moment::now() < end {
            std::hint::spin_loop();
        }
        let rest = TURN
            .as_nanos()
            .saturating_sub(Moment::now().since(begin).as_nanos());
        if rest > 0 {
            std::thread::park_timeout(Duration::from_nanos(rest));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_as_many_threads_as_processors_are_burnt_up_to_the_limit() {
        let mut burners = Burners::new(2.0);
        burners.set(0.5);
        assert_eq!(burners.threads.len(), 1);
        let first = Arc::clone(&burners.threads[0].busy);
        assert_eq!(first.load(Ordering::Relaxed), 500_000);
        burners.set(7.0);
        assert_eq!((burners.threads.len(), burners.cores), (2, 2.0));
        assert_eq!(first.load(Ordering::Relaxed), 1_000_000);
        burners.set(0.0);
        assert!(burners.threads.is_empty());
        assert_eq!(first.load(Ordering::Relaxed), 0, "it ends");
    }
}
