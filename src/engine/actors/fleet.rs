//! The instances of a version: what each can take, how it warms up, crashes and comes back.

use rand::RngExt;
use rand_distr::{Distribution, Exp1};

use crate::base::Stream;
use crate::model::service::{
    Admission, Capacity, Discipline, Fleet, Leak, PauseClock, Queue, Sharing, workers_left,
};

/// The instances of one version.
#[derive(Debug)]
pub(in crate::engine) struct Instances {
    fleet: Fleet,
    pub(in crate::engine) all: Vec<Instance>,
    /// Whose turn it is.
    turn: usize,
}

/// One instance, in one life after another.
#[derive(Debug)]
pub(in crate::engine) struct Instance {
    pub(in crate::engine) line: Line,
    /// When somebody looks whether shared work is complete.
    pub(in crate::engine) look_at: f64,
    capacity: Option<Capacity>,
    /// Factor on the number of workers.
    workers: f64,
    /// Requests answered in this life.
    answered: f64,
    /// Factor on its latency that stays.
    placement: f64,
    pauses: Option<PauseClock>,
    /// Whether a fault of some instances has it; one bit for each fault.
    pub(in crate::engine) faulty: u64,
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
pub(in crate::engine) enum Line {
    /// Not at all.
    None,
    /// For a worker.
    Queue(Queue),
    /// By sharing the workers.
    Sharing(Sharing),
}

impl Line {
    fn new(capacity: Option<Capacity>, workers: f64) -> Line {
        match capacity {
            None => Line::None,
            Some(capacity) => match capacity.discipline {
                Discipline::Fifo => Line::Queue(Queue::new(&capacity, workers)),
                Discipline::Sharing => {
                    Line::Sharing(Sharing::new(workers_left(&capacity, workers)))
                }
            },
        }
    }
}

/// What befalls the instances of a version at present.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::engine) struct Ordeal {
    /// Mean seconds from start to crash, and the number of the fault.
    pub(in crate::engine) crash: Option<(f64, usize)>,
    /// Chance not to be ready at the start, for how many seconds, and the number of the fault.
    pub(in crate::engine) late: Option<(f64, f64, usize)>,
    /// Memory lost, seconds of a restart, and the number of the fault.
    pub(in crate::engine) leak: Option<(Leak, f64, usize)>,
    /// Factor on the number of workers, and the number of the fault.
    pub(in crate::engine) workers: Option<(f64, usize)>,
    /// Faults that only a share of instances has.
    pub(in crate::engine) some: Vec<(usize, f64)>,
}

impl Ordeal {
    pub(in crate::engine) const NONE: Ordeal = Ordeal {
        crash: None,
        late: None,
        leak: None,
        workers: None,
        some: Vec::new(),
    };

    /// Whether a fault is one of some instances only.
    pub(in crate::engine) fn is_of_some(&self, fault: usize) -> bool {
        self.some.iter().any(|(index, _)| *index == fault)
    }

    /// What it does to an instance when it, or the instance, begins; `starts` says whether the
    /// instance may fail to come up now.
    pub(in crate::engine) fn begin(
        &self,
        instance: &mut Instance,
        starts: bool,
        now: f64,
        stream: &mut Stream,
    ) {
        let has = |fault: usize, bits: u64| !self.is_of_some(fault) || bits & (1 << fault) != 0;
        match self.crash {
            Some((mean, fault)) if has(fault, instance.faulty) => instance.doom(now, mean, stream),
            _ => instance.crash_at = f64::INFINITY,
        }
        if let Some((probability, delay, fault)) = self.late
            && starts
            && has(fault, instance.faulty)
            && stream.random::<f64>() < probability
        {
            instance.ready_at = now + delay;
        }
        let workers = match self.workers {
            Some((workers, fault)) if has(fault, instance.faulty) => workers,
            _ => 1.0,
        };
        if instance.workers != workers {
            instance.workers = workers;
            instance.line = Line::new(instance.capacity, workers);
        }
    }
}

/// Seconds of the first, and the longest, pause before a crashed instance starts again.
const BACK_OFF: (f64, f64) = (10.0, 300.0);

impl Instances {
    pub(in crate::engine) fn new(fleet: &Fleet) -> Instances {
        Instances {
            fleet: fleet.clone(),
            all: Vec::new(),
            turn: 0,
        }
    }

    /// Starts a trial with so many instances, at `now`.
    pub(in crate::engine) fn reset(&mut self, count: usize, now: f64, stream: &mut Stream) {
        self.all.clear();
        self.turn = 0;
        self.grow(count, now, stream);
    }

    /// Adds instances until there are so many.
    pub(in crate::engine) fn grow(&mut self, count: usize, now: f64, stream: &mut Stream) {
        while self.all.len() < count {
            let fleet = &self.fleet;
            self.all.push(Instance {
                line: Line::new(fleet.capacity, 1.0),
                look_at: f64::INFINITY,
                capacity: fleet.capacity,
                workers: 1.0,
                answered: if fleet.warm { f64::INFINITY } else { 0.0 },
                placement: fleet.placement.map_or(1.0, |p| p.draw(stream)),
                pauses: (fleet.pauses.as_ref()).map(|pauses| PauseClock::new(pauses, now, stream)),
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

    /// Whether requests share the workers of an instance.
    #[inline]
    pub(in crate::engine) fn is_sharing(&self) -> bool {
        (self.fleet.capacity).is_some_and(|capacity| capacity.discipline == Discipline::Sharing)
    }

    /// How long one request's `work` takes at an instance, before any waiting, in seconds; it counts
    /// as answered.
    #[inline]
    pub(in crate::engine) fn work(&mut self, index: usize, work: f64, stream: &mut Stream) -> f64 {
        self.all[index].work(&self.fleet, work, stream)
    }

    /// The next instance in turn among the first `count` for which `open` holds.
    #[inline]
    pub(in crate::engine) fn in_turn(
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
    pub(in crate::engine) fn is_ready(&self, now: f64) -> bool {
        now >= self.ready_at
    }

    /// Whether it answers.
    #[inline]
    pub(in crate::engine) fn is_up(&self, now: f64) -> bool {
        now >= self.down_until
    }

    /// When, after `now`, it next crashes, is up again or is ready.
    pub(in crate::engine) fn next_turn(&self, now: f64) -> f64 {
        [self.crash_at, self.down_until, self.ready_at]
            .into_iter()
            .filter(|at| *at > now)
            .fold(f64::INFINITY, f64::min)
    }

    /// Bytes lost so far in this life.
    pub(in crate::engine) fn lost(&self) -> f64 {
        self.lost
    }

    /// Its first crash, when it has not been set.
    fn doom(&mut self, now: f64, mean: f64, stream: &mut Stream) {
        if self.crash_at == f64::INFINITY {
            let life: f64 = Exp1.sample(stream);
            self.crash_at = now + mean * life;
        }
    }

    /// Crashes that are due at `now` happen; whether one did.
    #[inline]
    pub(in crate::engine) fn live(&mut self, now: f64, mean: f64, stream: &mut Stream) -> bool {
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
    pub(in crate::engine) fn leak(&mut self, leak: &Leak, restart: f64, now: f64) -> bool {
        self.lost += leak.per_request;
        let full = leak.live + self.lost >= leak.heap;
        if full {
            self.restart(now, restart);
        }
        full
    }

    /// How many times longer work takes with the memory lost so far.
    #[inline]
    pub(in crate::engine) fn burden(&self, leak: &Leak) -> f64 {
        leak.wear(leak.live + self.lost)
    }

    #[inline]
    fn work(&mut self, fleet: &Fleet, work: f64, stream: &mut Stream) -> f64 {
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
    pub(in crate::engine) fn release(&mut self, now: f64, stream: &mut Stream) -> f64 {
        match &mut self.pauses {
            None => now,
            Some(pauses) => pauses.release(now, stream),
        }
    }

    /// When work ends that comes at `now`: `None` when it is refused.
    #[inline]
    pub(in crate::engine) fn serve(&mut self, now: f64, work: f64) -> Option<f64> {
        match &mut self.line {
            Line::Queue(queue) => match queue.arrive(now, work) {
                Admission::Refused => None,
                Admission::Served { end, .. } => Some(end),
            },
            _ => Some(now + work),
        }
    }

    /// Requests under way at `now`.
    pub(in crate::engine) fn in_flight(&mut self, now: f64) -> usize {
        self.ends.retain(|end| *end > now);
        self.ends.len()
    }

    /// A request is under way here until `end`.
    pub(in crate::engine) fn occupy(&mut self, end: f64) {
        self.ends.push(end);
    }
}
