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
            while let Some(job) = self.line.pop_front_if(|job| job.deadline <= now) {
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
        while let Some(job) = self.line.pop_front_if(|job| job.deadline <= now) {
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
mod tests {
    use super::*;
    use crate::base::{Span, Time};
    use crate::engine::actors::crowd::Caller;

    fn job(user: u32, opens: bool) -> Job {
        let now = Moment::now();
        Job {
            ask: Ask {
                at: Time::START,
                caller: Caller { user, group: 0 },
                route: 0,
                matched: false,
                opens,
                session: None,
            },
            intended: now,
            fired: now,
            deadline: now + Span::from_secs(60),
            waited: false,
            queued: false,
            fresh: false,
        }
    }

    /// Takes the job that a slot has been given.
    fn taken(pool: &mut Pool, slot: u32) -> Job {
        carried(pool.take(slot, Waker::noop()).unwrap().unwrap()).unwrap()
    }

    fn carried(turn: Turn) -> Option<Job> {
        match turn {
            Turn::Carry(job) => Some(job),
            Turn::Open => panic!("opens"),
            Turn::Rest => None,
        }
    }

    fn next(pool: &mut Pool, slot: u32) -> Option<Job> {
        carried(pool.next(slot, Moment::now(), true, nobody))
    }

    /// Whether a slot has been told to open a connection.
    fn opens(pool: &mut Pool, slot: u32) -> bool {
        matches!(pool.take(slot, Waker::noop()), Some(Some(Turn::Open)))
    }

    fn nobody(job: Job) {
        panic!("given up: {job:?}");
    }

    #[test]
    fn connections_are_used_again_and_no_more_than_allowed() {
        let mut pool = Pool::new(2, false);
        assert_eq!(pool.place(job(1, false)), Place::Start(0));
        assert_eq!(pool.place(job(2, false)), Place::Start(1));
        assert_eq!(pool.place(job(3, false)), Place::Waits);
        assert_eq!(pool.place(job(4, false)), Place::Waits);
        // Two of the four wait for connections that are being opened, not for others to end.
        assert_eq!(pool.waiting(), 2);
        assert!(opens(&mut pool, 0) && opens(&mut pool, 1));
        for (slot, user) in [(1, 1), (0, 2)] {
            let first = next(&mut pool, slot).unwrap();
            let told = (first.ask.caller.user, first.waited, first.queued);
            assert_eq!(told, (user, false, true));
        }
        assert_eq!(pool.waiting(), 2);
        let third = next(&mut pool, 1).unwrap();
        assert_eq!((third.ask.caller.user, third.waited), (3, true));
        let fourth = next(&mut pool, 0).unwrap();
        assert_eq!((fourth.ask.caller.user, fourth.fresh), (4, false));
        assert!(next(&mut pool, 0).is_none());
        assert!(!pool.is_quiet());
        assert!(next(&mut pool, 1).is_none());
        assert!(pool.is_quiet());
        // The one that was used last is used first.
        assert_eq!(pool.place(job(5, false)), Place::Given);
        assert_eq!(taken(&mut pool, 1).ask.caller.user, 5);
        assert_eq!(pool.place(job(6, false)), Place::Given);
        let sixth = taken(&mut pool, 0);
        assert_eq!((sixth.ask.caller.user, sixth.queued), (6, false));
        assert_eq!(pool.place(job(7, false)), Place::Waits);
    }

    #[test]
    fn who_waits_for_a_connection_to_open_takes_another_that_is_free_before() {
        let mut pool = Pool::new(9, false);
        assert_eq!(pool.place(job(1, false)), Place::Start(0));
        assert!(opens(&mut pool, 0));
        assert_eq!(next(&mut pool, 0).unwrap().ask.caller.user, 1);
        assert_eq!(pool.place(job(2, false)), Place::Start(1));
        assert_eq!(pool.place(job(3, false)), Place::Start(2));
        assert!(opens(&mut pool, 1) && opens(&mut pool, 2));
        for user in [2, 3] {
            let job = next(&mut pool, 0).unwrap();
            assert_eq!((job.ask.caller.user, job.waited), (user, false));
        }
        // Two connections are being opened, and nobody waits for them any more: the next do.
        assert_eq!(pool.place(job(4, false)), Place::Waits);
        assert_eq!(pool.place(job(5, false)), Place::Waits);
        assert_eq!(pool.place(job(6, false)), Place::Start(3));
        assert_eq!((pool.waiting(), pool.is_quiet()), (0, false));
        // One cannot be opened: that is the failure of who came first.
        assert_eq!(pool.fail_first().unwrap().ask.caller.user, 4);
        let turn = pool.next(1, Moment::now(), false, nobody);
        assert!(matches!(turn, Turn::Rest), "two open for the two in line");
        assert_eq!(next(&mut pool, 2).unwrap().ask.caller.user, 5);
        assert_eq!(next(&mut pool, 3).unwrap().ask.caller.user, 6);
        assert!(next(&mut pool, 2).is_none());
        // An idle connection that ends, and one that ends with its answer, are opened when needed.
        pool.lose(2);
        assert_eq!(pool.place(job(7, false)), Place::Waits);
        assert!(opens(&mut pool, 2));
        assert_eq!(next(&mut pool, 2).unwrap().ask.caller.user, 7);
        assert_eq!(pool.place(job(8, false)), Place::Waits);
        assert!(opens(&mut pool, 1), "what is vacant before what is new");
        pool.place(job(9, false));
        assert_eq!(pool.fail_first().unwrap().ask.caller.user, 8);
        let turn = pool.next(1, Moment::now(), false, nobody);
        assert!(matches!(turn, Turn::Rest));
        assert_eq!(next(&mut pool, 2).unwrap().ask.caller.user, 9);
    }

    #[test]
    fn a_connection_that_takes_too_long_to_open_is_opened_anew_for_who_still_waits() {
        let (mut pool, now) = (Pool::new(1, false), Moment::now());
        let early = Job {
            deadline: now + Span::from_secs(5),
            ..job(1, false)
        };
        assert_eq!(pool.place(early), Place::Start(0));
        assert!(opens(&mut pool, 0));
        assert_eq!(pool.place(job(2, false)), Place::Waits);
        let mut over = Vec::new();
        let later = now + Span::from_secs(6);
        let again = pool.expire(later, |job| over.push(job.ask.caller.user));
        assert!(again.is_some_and(|again| again > later));
        assert_eq!(over, [1]);
        assert!(pool.is_over(0, Waker::noop()));
        let turn = pool.next(0, later, false, nobody);
        assert!(matches!(turn, Turn::Open));
        assert!(!pool.is_over(0, Waker::noop()));
        assert_eq!(next(&mut pool, 0).unwrap().ask.caller.user, 2);
    }

    #[test]
    fn whose_time_is_over_is_given_up_and_not_sent() {
        let (mut pool, now) = (Pool::new(1, false), Moment::now());
        assert_eq!(pool.place(job(1, false)), Place::Start(0));
        assert_eq!(next(&mut pool, 0).unwrap().ask.caller.user, 1);
        for user in [2, 3] {
            let late = Job {
                deadline: now,
                ..job(user, false)
            };
            assert_eq!(pool.place(late), Place::Waits);
        }
        assert_eq!(pool.place(job(4, false)), Place::Waits);
        assert!(!pool.is_over(0, Waker::noop()));
        let mut over = Vec::new();
        let next = pool.next(0, now, true, |job| over.push(job.ask.caller.user));
        assert_eq!(carried(next).unwrap().ask.caller.user, 4);
        assert_eq!((over, pool.waiting()), (vec![2, 3], 0));
        // A deadline is its own job's: the first one's says nothing about the fourth's.
        let later = now + Span::from_secs(59);
        let again = pool.expire(later, nobody);
        assert!(again.is_some_and(|again| again > later));
        assert!(!pool.is_over(0, Waker::noop()));
        assert_eq!(pool.expire(now + Span::from_secs(61), nobody), None);
        assert!(pool.is_over(0, Waker::noop()));
    }

    #[test]
    fn where_users_have_their_own_connections_they_keep_them() {
        let mut pool = Pool::new(2, true);
        assert_eq!(pool.place(job(1, true)), Place::Start(0));
        taken(&mut pool, 0);
        // Their requests wait for one another.
        assert_eq!(pool.place(job(1, false)), Place::Waits);
        assert_eq!(pool.place(job(2, true)), Place::Start(1));
        taken(&mut pool, 1);
        let job = next(&mut pool, 0).unwrap();
        assert_eq!(
            (job.ask.caller.user, job.fresh, job.waited),
            (1, false, false)
        );
        assert!(next(&mut pool, 0).is_none());
        assert!(next(&mut pool, 1).is_none());
        // A new session opens a new connection in place of its user's old one.
        assert_eq!(pool.place(job(2, true)), Place::Given);
        let second = taken(&mut pool, 1);
        assert!(second.fresh);
        // A third user gets the connection that has been idle longest, and it is a new one.
        assert_eq!(pool.place(job(3, false)), Place::Given);
        let third = taken(&mut pool, 0);
        assert!(third.fresh);
        assert_eq!(pool.moved, 1);
        // The first one, who comes back, waits, and takes the next that is free.
        assert_eq!(pool.place(job(1, false)), Place::Waits);
        assert_eq!(pool.place(job(1, false)), Place::Waits);
        let first = next(&mut pool, 1).unwrap();
        assert_eq!(
            (first.ask.caller.user, first.fresh, first.waited),
            (1, true, true)
        );
        // The other request of the same user goes over the same connection.
        assert!(next(&mut pool, 0).is_none());
        let again = next(&mut pool, 1).unwrap();
        assert_eq!((again.ask.caller.user, again.fresh), (1, false));
        assert!(next(&mut pool, 1).is_none());
        assert!(pool.is_quiet());
    }
}
