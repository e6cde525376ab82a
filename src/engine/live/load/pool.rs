//! Which connection carries which request: at most so many connections, and a line of requests that
//! wait for one. Sans-IO: it decides, tasks send.
//!
//! A request is tied to no connection before that is open. Connections are opened for those in line,
//! one for each as long as the limit allows; whichever is free first carries who came first. So a
//! connection that takes a second to open (a server whose queue is full drops its first packet)
//! holds nobody up when another becomes free. Only where users have connections of their own do
//! their requests wait for just those.

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
    /// Whether it had to wait because as many connections as allowed were in use.
    pub(super) waited: bool,
    /// Whether it found no open connection free, and waited for whichever came first.
    pub(super) queued: bool,
    /// Whether it goes over a new connection.
    pub(super) fresh: bool,
}

/// What one task carries on its connection.
#[derive(Debug, Default)]
struct Slot {
    turn: Option<Turn>,
    waker: Option<Waker>,
    /// Counts jobs, so that a deadline knows its own.
    serial: u64,
    busy: bool,
    opening: bool,
    /// Whether the time of what it does is over.
    expired: bool,
    /// Requests of the connection's user that wait for their turn.
    line: VecDeque<Job>,
    user: Option<u32>,
    /// Neighbours among the idle ones.
    before: Option<u32>,
    after: Option<u32>,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// Its connection's task has been woken.
    Given,
    /// A task must be started for this slot, which knows what to do.
    Start(u32),
    /// It waits.
    Waits,
}

/// What a slot's task does next.
#[derive(Debug, Clone, Copy)]
pub(super) enum Turn {
    /// Carries a request.
    Carry(Job),
    /// Opens a connection, for whoever is first in line then.
    Open,
    /// Waits to be woken.
    Rest,
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
    /// Slots that have no connection and open none; where users have their own there are none.
    vacant: Vec<u32>,
    /// How many slots open a connection.
    opening: usize,
    line: VecDeque<Job>,
    waiting: u64,
    /// What slots do, by deadline; what is over is taken out when it comes to the front.
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
            vacant: Vec::new(),
            opening: 0,
            line: VecDeque::new(),
            waiting: 0,
            deadlines: VecDeque::new(),
            moved: 0,
            closing: false,
        }
    }

    /// Finds a connection for a request.
    pub(super) fn place(&mut self, mut job: Job) -> Place {
        if !self.by_user {
            return self.place_anywhere(job);
        }
        let user = job.ask.caller.user;
        if let Some(own) = self.of_users.get(&user).copied() {
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
        if let Some(slot) = self.another() {
            self.belong(slot, user);
            self.give(slot, job);
            return Place::Start(slot);
        }
        if let Some(slot) = self.first_idle {
            self.leave_idle(slot);
            job.fresh = true;
            self.belong(slot, user);
            self.give(slot, job);
            self.wake(slot);
            return Place::Given;
        }
        job.waited = true;
        self.enter(job);
        Place::Waits
    }

    fn place_anywhere(&mut self, mut job: Job) -> Place {
        // Of equal ones the warmest.
        if let Some(slot) = self.last_idle {
            self.leave_idle(slot);
            self.give(slot, job);
            self.wake(slot);
            return Place::Given;
        }
        job.queued = true;
        // One that opens for somebody who has been served meanwhile is as good as a new one.
        if self.line.len() < self.opening {
            self.enter(job);
            return Place::Waits;
        }
        if let Some(slot) = self.vacant.pop() {
            self.open(slot, job.deadline);
            self.slots[slot as usize].turn = Some(Turn::Open);
            self.wake(slot);
            self.enter(job);
            return Place::Waits;
        }
        if let Some(slot) = self.another() {
            self.open(slot, job.deadline);
            self.slots[slot as usize].turn = Some(Turn::Open);
            self.enter(job);
            return Place::Start(slot);
        }
        job.waited = true;
        self.enter(job);
        Place::Waits
    }

    /// One slot more, if there may be.
    fn another(&mut self) -> Option<u32> {
        let slot = self.slots.len();
        (slot < self.limit).then(|| {
            self.slots.push(Slot::default());
            slot as u32
        })
    }

    /// Puts a request in line; the next connection that is free takes it.
    pub(super) fn enter(&mut self, job: Job) {
        self.line.push_back(job);
        self.waiting += 1;
    }

    /// The first in line, when it is given up by `now`.
    fn pop_expired(&mut self, now: Moment) -> Option<Job> {
        let expired = self.line.front().is_some_and(|job| job.deadline <= now);
        expired.then(|| self.line.pop_front()).flatten()
    }

    /// What a slot does next that has carried its request or opened its connection; `connected` says
    /// whether it has one. Requests whose time is over meanwhile are handed to `give_up`.
    pub(super) fn next(
        &mut self,
        slot: u32,
        now: Moment,
        connected: bool,
        mut give_up: impl FnMut(Job),
    ) -> Turn {
        let has_opened = self.close_turn(slot);
        if !connected && !self.by_user {
            while let Some(job) = self.pop_expired(now) {
                self.waiting -= 1;
                give_up(job);
            }
            if self.line.len() > self.opening {
                let deadline = self.line[self.opening].deadline;
                self.open(slot, deadline);
                return Turn::Open;
            }
            self.vacant.push(slot);
            return Turn::Rest;
        }
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
            job.queued |= has_opened;
            self.give(slot, job);
            self.slots[slot as usize].turn = None;
            return Turn::Carry(job);
        }
        self.enter_idle(slot);
        Turn::Rest
    }

    /// The first in line, who fails because the connection of this slot could not be opened; nobody
    /// when all have been served meanwhile.
    pub(super) fn fail_first(&mut self) -> Option<Job> {
        let job = self.line.pop_front()?;
        self.waiting -= 1;
        Some(job)
    }

    /// The connection of an idle slot has ended.
    pub(super) fn lose(&mut self, slot: u32) {
        if !self.by_user {
            self.leave_idle(slot);
            self.vacant.push(slot);
        }
    }

    /// What a slot was told to do; remembers whom to wake otherwise. `None` in the second place when
    /// there will be nothing any more.
    pub(super) fn take(&mut self, slot: u32, waker: &Waker) -> Option<Option<Turn>> {
        let entry = &mut self.slots[slot as usize];
        if let Some(turn) = entry.turn.take() {
            return Some(Some(turn));
        }
        entry.keep(waker);
        self.closing.then_some(None)
    }

    /// Whether the time of what a slot does is over; remembers whom to wake then.
    #[inline]
    pub(super) fn is_over(&mut self, slot: u32, waker: &Waker) -> bool {
        let closing = self.closing;
        let entry = &mut self.slots[slot as usize];
        entry.keep(waker);
        entry.expired || closing
    }

    /// Ends the requests whose deadline has come; those in line are handed to `give_up`. Returns when
    /// to look again: at the next deadline.
    pub(super) fn expire(&mut self, now: Moment, mut give_up: impl FnMut(Job)) -> Option<Moment> {
        while let Some(job) = self.pop_expired(now) {
            self.waiting -= 1;
            give_up(job);
        }
        let in_line = self.line.front().map(|job| job.deadline);
        while let Some((deadline, slot, serial)) = self.deadlines.front().copied() {
            let entry = &mut self.slots[slot as usize];
            let is_over = entry.serial != serial || !(entry.busy || entry.opening);
            if !is_over && deadline > now {
                return Some(in_line.map_or(deadline, |first| first.min(deadline)));
            }
            if !is_over {
                entry.expired = true;
                if let Some(waker) = &entry.waker {
                    waker.wake_by_ref();
                }
            }
            self.deadlines.pop_front();
        }
        in_line
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

    /// How many requests wait for others to end; not those for whom a connection is being opened.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting - self.line.len().min(self.opening) as u64
    }

    fn give(&mut self, slot: u32, job: Job) {
        // What is over leaves the front, so that the line stays as long as what is under way.
        while let Some((_, other, serial)) = self.deadlines.front()
            && self.slots[*other as usize].serial != *serial
        {
            self.deadlines.pop_front();
        }
        self.slots[slot as usize].busy = true;
        self.slots[slot as usize].turn = Some(Turn::Carry(job));
        self.limit_by(slot, job.deadline);
    }

    fn open(&mut self, slot: u32, deadline: Moment) {
        self.slots[slot as usize].opening = true;
        self.opening += 1;
        self.limit_by(slot, deadline);
    }

    /// What a slot does now is over at its deadline.
    fn limit_by(&mut self, slot: u32, deadline: Moment) {
        let entry = &mut self.slots[slot as usize];
        entry.serial += 1;
        entry.expired = false;
        // Mostly the last one.
        let mut place = self.deadlines.len();
        while place > 0 && self.deadlines[place - 1].0 > deadline {
            place -= 1;
        }
        self.deadlines.insert(place, (deadline, slot, entry.serial));
    }

    /// A slot has done what it did; whether that was opening a connection.
    fn close_turn(&mut self, slot: u32) -> bool {
        let entry = &mut self.slots[slot as usize];
        entry.serial += 1;
        entry.busy = false;
        let has_opened = std::mem::take(&mut entry.opening);
        self.opening -= usize::from(has_opened);
        has_opened
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

#[cfg(test)]
mod tests;
