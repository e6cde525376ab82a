//! Who gets which connection, without any.

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
    let second = next(&mut pool, 0).unwrap();
    assert_eq!(
        (second.ask.caller.user, second.fresh, second.waited),
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
