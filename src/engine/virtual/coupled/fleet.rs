//! The instances of a version: what each can take, how it warms up, crashes and comes back.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use crate::base::Stream;
use crate::model::service::{Admission, Discipline, Fleet, Leak, PauseClock, Queue, Sharing};

/// The instances of one version.
#[derive(Debug)]
pub(super) struct Instances {
    fleet: Fleet,
    pub(super) all: Vec<Instance>,
    /// Whose turn it is.
    turn: usize,
}

/// One instance, in one life after another.
#[derive(Debug)]
pub(super) struct Instance {
    pub(super) line: Line,
    /// Requests answered in this life.
    answered: f64,
    /// Factor on its latency that stays.
    placement: f64,
    pauses: Option<PauseClock>,
    /// Whether a fault of some instances has it; one bit for each fault.
    pub(super) faulty: u64,
    /// Nobody is answered before this.
    down_until: f64,
    /// Nobody is sent here before this.
    ready_at: f64,
    /// When it crashes next.
    crash_at: f64,
    restarts: u32,
    /// Bytes lost so far in this life.
    lost: f64,
    /// Requests under way, for a choice of the least busy: when they end.
    ends: Vec<f64>,
}

/// How requests wait for one another.
#[derive(Debug)]
pub(super) enum Line {
    /// Not at all.
    None,
    /// For a worker.
    Queue(Queue),
    /// By sharing the workers.
    Sharing(Sharing),
}

/// What keeps instances from working.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ordeal {
    /// Mean seconds from start to crash.
    pub(super) crash: Option<f64>,
    /// Memory lost, and seconds of a restart.
    pub(super) leak: Option<(Leak, f64)>,
}

/// Seconds of the first, and the longest, pause before a crashed instance starts again.
const BACK_OFF: (f64, f64) = (10.0, 300.0);

impl Instances {
    pub(super) fn new(fleet: &Fleet) -> Instances {
        Instances {
            fleet: fleet.clone(),
            all: Vec::new(),
            turn: 0,
        }
    }

    /// Starts a trial with so many instances, at `now`.
    pub(super) fn reset(&mut self, count: usize, now: f64, stream: &mut Stream) {
        self.all.clear();
        self.turn = 0;
        self.grow(count, now, stream);
    }

    /// Adds instances until there are so many.
    pub(super) fn grow(&mut self, count: usize, now: f64, stream: &mut Stream) {
        while self.all.len() < count {
            let fleet = &self.fleet;
            let line = match fleet.capacity {
                None => Line::None,
                Some(capacity) => match capacity.discipline {
                    Discipline::Fifo => Line::Queue(Queue::new(&capacity, 1.0)),
                    Discipline::Sharing => Line::Sharing(Sharing::new(capacity.workers)),
                },
            };
            self.all.push(Instance {
                line,
                answered: if fleet.warm { f64::INFINITY } else { 0.0 },
                placement: fleet.placement.map_or(1.0, |p| p.draw(stream)),
                pauses: (fleet.pauses.as_ref())
                    .map(|pauses| PauseClock::new(pauses, now, stream)),
                faulty: 0,
                down_until: f64::NEG_INFINITY,
                ready_at: f64::NEG_INFINITY,
                crash_at: f64::INFINITY,
                restarts: 0,
                lost: 0.0,
                ends: Vec::new(),
            });
        }
    }

    /// How instances were ordered.
    pub(super) fn fleet(&self) -> &Fleet {
        &self.fleet
    }

    /// The next instance in turn among the first `count` for which `open` holds.
    #[inline]
    pub(super) fn in_turn(
        &mut self,
        count: usize,
        open: impl Fn(usize, &Instance) -> bool,
    ) -> Option<usize> {
        let count = count.min(self.all.len());
        for _ in 0..count {
            self.turn += 1;
            if self.turn >= count {
                self.turn = 0;
            }
            if open(self.turn, &self.all[self.turn]) {
                return Some(self.turn);
            }
        }
        None
    }
}

impl Instance {
    /// Whether requests are sent here.
    #[inline]
    pub(super) fn is_ready(&self, now: f64) -> bool {
        now >= self.ready_at
    }

    /// Whether it answers.
    #[inline]
    pub(super) fn is_up(&self, now: f64) -> bool {
        now >= self.down_until
    }

    /// It will not be ready before `at`.
    pub(super) fn delay(&mut self, at: f64) {
        self.ready_at = self.ready_at.max(at);
    }

    /// Its first crash, when it has not been set.
    pub(super) fn doom(&mut self, now: f64, mean: f64, stream: &mut Stream) {
        if self.crash_at == f64::INFINITY {
            let life: f64 = Exp1.sample(stream);
            self.crash_at = now + mean * life;
        }
    }

    /// It is well from now on.
    pub(super) fn heal(&mut self) {
        self.crash_at = f64::INFINITY;
    }

    /// Crashes that are due at `now` happen; whether one did.
    #[inline]
    pub(super) fn live(&mut self, now: f64, mean: f64, stream: &mut Stream) -> bool {
        let mut crashed = false;
        while self.crash_at <= now {
            let (first, longest) = BACK_OFF;
            let pause = (first * 2.0_f64.powi(self.restarts.min(16) as i32)).min(longest);
            self.restart(self.crash_at, pause);
            let life: f64 = Exp1.sample(stream);
            self.crash_at = self.down_until + mean * life;
            crashed = true;
        }
        crashed
    }

    fn restart(&mut self, at: f64, pause: f64) {
        self.restarts += 1;
        self.down_until = at + pause;
        self.answered = 0.0;
        self.lost = 0.0;
        self.ends.clear();
        match &mut self.line {
            Line::None => {}
            Line::Queue(queue) => queue.reset(),
            Line::Sharing(sharing) => sharing.reset(),
        }
    }

    /// Loses the memory of one request; whether that was the last there was.
    #[inline]
    pub(super) fn leak(&mut self, leak: &Leak, restart: f64, now: f64) -> bool {
        self.lost += leak.per_request;
        let full = leak.is_full(self.lost);
        if full {
            self.restart(now, restart);
        }
        full
    }

    /// How many times longer work takes with the memory lost so far.
    #[inline]
    pub(super) fn burden(&self, leak: &Leak) -> f64 {
        leak.slowdown(self.lost)
    }

    /// How long one request's `work` takes here and now, before any waiting, in seconds; it counts
    /// as answered.
    #[inline]
    pub(super) fn work(&mut self, fleet: &Fleet, work: f64, stream: &mut Stream) -> f64 {
        let mut work = work * self.placement;
        if self.answered < f64::INFINITY {
            if let Some(warm_up) = &fleet.warm_up {
                work *= warm_up.factor(self.answered);
            }
            self.answered += 1.0;
        }
        if let Some(cache) = &fleet.cache {
            let miss = cache.miss(self.answered);
            if stream.random::<f64>() < miss {
                work += cache.miss.as_secs_f64();
            }
        }
        work
    }

    /// When work that comes at `now` can begin to wait: at once, or after a pause.
    #[inline]
    pub(super) fn release(&mut self, now: f64, stream: &mut Stream) -> f64 {
        match &mut self.pauses {
            None => now,
            Some(pauses) => pauses.release(now, stream),
        }
    }

    /// When work ends that comes at `now`: `None` when it is refused.
    #[inline]
    pub(super) fn serve(&mut self, now: f64, work: f64) -> Option<f64> {
        match &mut self.line {
            Line::Queue(queue) => match queue.arrive(now, work) {
                Admission::Refused => None,
                Admission::Served { end, .. } => Some(end),
            },
            _ => Some(now + work),
        }
    }

    /// Requests under way at `now`.
    pub(super) fn in_flight(&mut self, now: f64) -> usize {
        self.ends.retain(|end| *end > now);
        self.ends.len()
    }

    /// A request is under way here until `end`.
    pub(super) fn occupy(&mut self, end: f64) {
        self.ends.push(end);
    }
}
