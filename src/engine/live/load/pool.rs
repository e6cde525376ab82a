//! Which connection carries which request: at most so many connections, and a line of requests that
//! wait for one. Sans-IO: it decides, tasks send.

use std::collections::{BTreeMap, VecDeque};
use std::task::Waker;

use super::schedule::Ask;
use crate::engine::live::clock::Moment;

/// A request whose instant has come.
#[derive(Debug, Clone, Copy)]
pub(super) struct Job {
    pub(super) ask: Ask,
    /// When it should have been sent.
    pub(super) intended: Moment,
    /// When the generator came to it.
    pub(super) fired: Moment,
    /// When it is given up.
    pub(super) deadline: Moment,
    /// Whether it had to wait for a connection.
    pub(super) waited: bool,
    /// Whether it goes over a new connection.
    pub(super) fresh: bool,
}

/// What one task carries on its connection.
#[derive(Debug, Default)]
struct Slot {
    job: Option<Job>,
    waker: Option<Waker>,
    /// Counts jobs, so that a deadline knows its own.
    serial: u64,
    busy: bool,
    /// Whether the job's time is over.
    expired: bool,
    /// Requests of the connection's user that wait for their turn.
    line: VecDeque<Job>,
    user: Option<u32>,
    /// Neighbours among the idle ones.
    before: Option<u32>,
    after: Option<u32>,
}

/// What to do with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its connection's task has been woken.
    Given,
    /// A task must be started for this slot, which has the request already.
    Start(u32),
    /// It waits.
    Waits,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Pool {
    slots: Vec<Slot>,
    limit: usize,
    /// Whether each user has a connection of their own.
    by_user: bool,
    of_users: BTreeMap<u32, u32>,
    first_idle: Option<u32>,
    last_idle: Option<u32>,
    line: VecDeque<Job>,
    waiting: u64,
    /// Jobs by deadline; those that are over are taken out when they come to the front.
    deadlines: VecDeque<(Moment, u32, u64)>,
    /// Connections taken from one user for another.
    pub(super) moved: u64,
    closing: bool,
}

impl Pool {
    pub(super) fn new(limit: usize, by_user: bool) -> Pool {
        Pool {
            slots: Vec::new(),
            limit: limit.max(1),
            by_user,
            of_users: BTreeMap::new(),
            first_idle: None,
            last_idle: None,
            line: VecDeque::new(),
            waiting: 0,
            deadlines: VecDeque::new(),
            moved: 0,
            closing: false,
        }
    }

    /// Finds a connection for a request.
    pub(super) fn place(&mut self, mut job: Job) -> Place {
        let user = job.ask.caller.user;
        if self.by_user
            && let Some(own) = self.of_users.get(&user).copied()
        {
            job.fresh = job.ask.opens;
            if self.slots[own as usize].busy {
                self.slots[own as usize].line.push_back(job);
                self.waiting += 1;
                return Place::Waits;
            }
            self.leave_idle(own);
            self.give(own, job);
            self.wake(own);
            return Place::Given;
        }
        if (self.slots.len() < self.limit) && (self.by_user || self.last_idle.is_none()) {
            let slot = self.slots.len() as u32;
            self.slots.push(Slot::default());
            self.belong(slot, user);
            self.give(slot, job);
            return Place::Start(slot);
        }
        // Of equal ones the warmest; of users' own the one that has been idle longest.
        let idle = if self.by_user {
            self.first_idle
        } else {
            self.last_idle
        };
        if let Some(slot) = idle {
            self.leave_idle(slot);
            job.fresh = self.by_user;
            self.belong(slot, user);
            self.give(slot, job);
            self.wake(slot);
            return Place::Given;
        }
        job.waited = true;
        self.enter(job);
        Place::Waits
    }

    /// Puts a request in line; the next connection that is free takes it.
    pub(super) fn enter(&mut self, job: Job) {
        self.line.push_back(job);
        self.waiting += 1;
    }

    /// The next request for a slot whose last one is over; without one the slot is idle. Requests
    /// whose time is over meanwhile are handed to `give_up`.
    pub(super) fn next(
        &mut self,
        slot: u32,
        now: Moment,
        mut give_up: impl FnMut(Job),
    ) -> Option<Job> {
        self.slots[slot as usize].busy = false;
        self.slots[slot as usize].serial += 1;
        loop {
            let own = self.slots[slot as usize].line.pop_front();
            let Some(mut job) = own.or_else(|| self.line.pop_front()) else {
                break;
            };
            if job.deadline <= now {
                self.waiting -= 1;
                give_up(job);
                continue;
            }
            let user = job.ask.caller.user;
            if self.by_user
                && own.is_none()
                && let Some(other) = self.of_users.get(&user).copied()
                && other != slot
                && self.slots[other as usize].busy
            {
                // Its user has got a connection meanwhile.
                self.slots[other as usize].line.push_back(job);
                continue;
            }
            self.waiting -= 1;
            if self.by_user && own.is_none() {
                job.fresh = true;
                self.belong(slot, user);
            }
            self.give(slot, job);
            return self.slots[slot as usize].job.take();
        }
        self.enter_idle(slot);
        None
    }

    /// The request that a slot was given; remembers whom to wake otherwise. `None` in the second
    /// place when there will be none any more.
    pub(super) fn take(&mut self, slot: u32, waker: &Waker) -> Option<Option<Job>> {
        let entry = &mut self.slots[slot as usize];
        if let Some(job) = entry.job.take() {
            return Some(Some(job));
        }
        entry.keep(waker);
        self.closing.then_some(None)
    }

    /// Whether the time of a slot's request is over; remembers whom to wake then.
    #[inline]
    pub(super) fn is_over(&mut self, slot: u32, waker: &Waker) -> bool {
        let closing = self.closing;
        let entry = &mut self.slots[slot as usize];
        entry.keep(waker);
        entry.expired || closing
    }

    /// Ends the requests whose deadline has come. Returns when to look again: at the next deadline.
    pub(super) fn expire(&mut self, now: Moment) -> Option<Moment> {
        while let Some((deadline, slot, serial)) = self.deadlines.front().copied() {
            let entry = &mut self.slots[slot as usize];
            let is_over = entry.serial != serial || !entry.busy;
            if !is_over && deadline > now {
                return Some(deadline);
            }
            if !is_over {
                entry.expired = true;
                if let Some(waker) = &entry.waker {
                    waker.wake_by_ref();
                }
            }
            self.deadlines.pop_front();
        }
        None
    }

    /// Ends all tasks, whatever they do.
    pub(super) fn close(&mut self) {
        self.closing = true;
        for slot in &self.slots {
            if let Some(waker) = &slot.waker {
                waker.wake_by_ref();
            }
        }
    }

    /// Whether no request is under way or waits.
    pub(super) fn is_quiet(&self) -> bool {
        self.waiting == 0 && self.slots.iter().all(|slot| !slot.busy)
    }

    /// How many requests wait.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting
    }

    fn give(&mut self, slot: u32, job: Job) {
        // What is over leaves the front, so that the line stays as long as what is under way.
        while let Some((_, other, serial)) = self.deadlines.front()
            && self.slots[*other as usize].serial != *serial
        {
            self.deadlines.pop_front();
        }
        let entry = &mut self.slots[slot as usize];
        entry.serial += 1;
        entry.busy = true;
        entry.expired = false;
        entry.job = Some(job);
        self.deadlines.push_back((job.deadline, slot, entry.serial));
    }

    fn wake(&self, slot: u32) {
        if let Some(waker) = &self.slots[slot as usize].waker {
            waker.wake_by_ref();
        }
    }

    fn belong(&mut self, slot: u32, user: u32) {
        if !self.by_user {
            return;
        }
        let before = self.slots[slot as usize].user.replace(user);
        if let Some(before) = before
            && self.of_users.get(&before) == Some(&slot)
        {
            self.of_users.remove(&before);
            self.moved += 1;
        }
        self.of_users.insert(user, slot);
    }

    fn enter_idle(&mut self, slot: u32) {
        let last = self.last_idle.replace(slot);
        match last {
            Some(last) => self.slots[last as usize].after = Some(slot),
            None => self.first_idle = Some(slot),
        }
        let entry = &mut self.slots[slot as usize];
        (entry.before, entry.after) = (last, None);
    }

    fn leave_idle(&mut self, slot: u32) {
        let entry = &mut self.slots[slot as usize];
        let (before, after) = (entry.before.take(), entry.after.take());
        match before {
            Some(before) => self.slots[before as usize].after = after,
            None => self.first_idle = after,
        }
        match after {
            Some(after) => self.slots[after as usize].before = before,
            None => self.last_idle = before,
        }
    }
}

impl Slot {
    #[inline]
    fn keep(&mut self, waker: &Waker) {
        if !self
            .waker
            .as_ref()
            .is_some_and(|kept| kept.will_wake(waker))
        {
            self.waker = Some(waker.clone());
        }
    }
}
