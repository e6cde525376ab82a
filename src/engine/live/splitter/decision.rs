//! Which version a request goes to: the model's splitter, fed from headers.

use std::sync::Arc;

use rand::RngExt;

use super::SplitterOptions;
use super::forward::Ask;
use crate::base::{Purpose, Stream};
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::live::steering::{Shares, Steering};
use crate::engine::live::{Setting, cookie_age, header, name_of};
use crate::model::split::{self, CookieChange, Memory, Request, Rules, Side, Split, Weights};
use crate::model::traffic::Population;
use crate::telemetry::Version;

/// Decides for one worker.
#[derive(Debug)]
pub(super) struct Decider {
    splitter: split::Splitter,
    stream: Stream,
    split: Split,
    rules: Rules,
    salt: u64,
    clock: WallClock,
    steering: Arc<Steering>,
    /// Whether there is a match rule at all.
    matching: bool,
    /// Which groups keep cookies.
    cookies: Vec<bool>,
    /// The shares as last read.
    shares: Shares,
    weights: Weights,
    mirror: f64,
    /// Whole headers that set each version's cookie, and one that takes it away.
    set: [Vec<u8>; 3],
    forget: Vec<u8>,
}

/// What is decided about a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) version: Version,
    /// Whether the canary gets a copy.
    pub(super) mirror: bool,
    pub(super) cookie: CookieChange,
}

impl Decider {
    /// The decider of worker number `worker`. The first one draws what the virtual engine draws;
    /// each of the others has a stretch of the same stream that no other worker reaches.
    pub(super) fn new(
        setting: &Setting,
        clock: WallClock,
        steering: Arc<Steering>,
        worker: usize,
    ) -> Decider {
        let Setting {
            world,
            seed,
            replicate,
            ..
        } = setting;
        let salt = seed.salt(*replicate, Purpose::Split);
        let mut stream = seed.stream(*replicate, Purpose::Split);
        for _ in 0..worker {
            stream.jump();
        }
        let lasts = (world.affinity).map_or(0, |affinity| cookie_age(&affinity, clock.speed()));
        let cookie = |name: &str, seconds: u64| {
            format!(
                "set-cookie: {}={name}; Max-Age={seconds}; Path=/\r\n",
                header::COOKIE
            )
            .into_bytes()
        };
        Decider {
            splitter: split::Splitter::new(world.split, world.rules, world.affinity, salt),
            stream,
            split: world.split,
            rules: world.rules,
            salt,
            clock,
            steering,
            matching: world.rules.matched.is_some()
                || world.traffic.groups.iter().any(|group| group.matched),
            cookies: (world.traffic.groups.iter())
                .map(|group| group.cookies)
                .collect(),
            shares: Shares::default(),
            weights: Weights::default(),
            mirror: 0.0,
            set: Version::ALL.map(|version| cookie(name_of(version), lasts)),
            forget: cookie("", 0),
        }
    }

    /// Decides about a request that comes now, at `at`. `memory` is that of the client's
    /// connection; `opens` says that the request is the first on it.
    #[inline]
    pub(super) fn decide(
        &mut self,
        ask: &Ask,
        opens: bool,
        memory: &mut Memory,
        at: Moment,
    ) -> Decision {
        let shares = self.steering.shares();
        if shares != self.shares {
            self.obey(shares);
        }
        let group = ask.group.and_then(|group| self.cookies.get(group as usize));
        let user = ask.user.unwrap_or(0);
        let request = Request {
            user,
            place: if self.split == Split::UserHash {
                Population::place(user, self.salt)
            } else {
                0.0
            },
            cookies: ask.cookie.is_some() || (ask.user.is_some() && group.copied().unwrap_or(true)),
            matched: ask.matched && self.matching,
            opens,
        };
        memory.present(ask.cookie);
        let now = self.clock.time_of(at).as_secs_f64();
        let side = (self.splitter).choose(&request, &self.weights, now, memory, &mut self.stream);
        let version = version_of(side);
        Decision {
            version,
            mirror: self.mirror > 0.0
                && version == Version::Stable
                && self.stream.random::<f64>() < self.mirror,
            cookie: memory.told(ask.cookie),
        }
    }

    #[cold]
    fn obey(&mut self, shares: Shares) {
        self.shares = shares;
        self.weights = Weights::of(exactly(shares.canary), &self.rules);
        self.mirror = exactly(shares.mirror);
    }

    /// The header that tells the client about its cookie; nothing where nothing changes.
    #[inline]
    pub(super) fn header(&self, change: CookieChange) -> &[u8] {
        match change {
            CookieChange::Keep => b"",
            CookieChange::Set(side) => &self.set[side as usize],
            CookieChange::Forget => &self.forget,
        }
    }
}

/// A share as it was written before it was stored in four bytes: the dust of the storing, a
/// hundred-millionth, could otherwise add a pod.
fn exactly(share: f32) -> f64 {
    (f64::from(share) * 1e6).round() / 1e6
}

fn version_of(side: Side) -> Version {
    match side {
        Side::Stable => Version::Stable,
        Side::Canary => Version::Canary,
        Side::Baseline => Version::Baseline,
    }
}

/// How the decisions of a worker are kept.
#[derive(Debug)]
pub(super) struct Log {
    ring: Vec<Decided>,
    most: u64,
    next: u64,
}

/// One decision of a splitter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    /// Its number among the decisions of its worker, from 0.
    pub order: u64,
    /// When it was made.
    pub at: Moment,
    /// Who asked; 0 for requests that do not say.
    pub user: u32,
    /// The version that was decided on.
    pub version: Version,
    /// The status that came of it; 0 while it is under way.
    pub status: u16,
}

impl Log {
    pub(super) fn new(options: &SplitterOptions) -> Log {
        Log {
            ring: Vec::new(),
            most: options.log.max(1) as u64,
            next: 0,
        }
    }

    /// Notes a decision and returns its number.
    #[inline]
    pub(super) fn begin(&mut self, user: u32, version: Version, at: Moment) -> u64 {
        let order = self.next;
        self.next += 1;
        let decided = Decided {
            order,
            at,
            user,
            version,
            status: 0,
        };
        match self.ring.get_mut((order % self.most) as usize) {
            Some(place) => *place = decided,
            None => self.ring.push(decided),
        }
        order
    }

    /// Notes what came of a decision, unless that many have been made since that it is forgotten.
    #[inline]
    pub(super) fn end(&mut self, order: u64, status: u16) {
        if let Some(place) = self.ring.get_mut((order % self.most) as usize)
            && place.order == order
        {
            place.status = status;
        }
    }

    /// Takes out the decisions that are not forgotten, in order.
    pub(super) fn take(&mut self) -> Vec<Decided> {
        if self.next > self.most {
            self.ring.rotate_left((self.next % self.most) as usize);
        }
        std::mem::take(&mut self.ring)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_log_keeps_the_last_decisions_in_order() {
        let options = SplitterOptions {
            log: 4,
            ..SplitterOptions::default()
        };
        let mut log = Log::new(&options);
        let at = Moment::now();
        for user in 0..4 {
            assert_eq!(log.begin(user, Version::Stable, at), u64::from(user));
        }
        log.begin(4, Version::Canary, at);
        log.begin(5, Version::Stable, at);
        // The first two are forgotten, and so is what came of them.
        log.end(0, 500);
        log.end(3, 503);
        log.end(5, 200);
        let kept: Vec<_> = (log.take().iter())
            .map(|decided| (decided.order, decided.user, decided.status))
            .collect();
        assert_eq!(kept, [(2, 2, 0), (3, 3, 503), (4, 4, 0), (5, 5, 200)]);
    }

    #[test]
    fn a_share_of_four_bytes_adds_no_pod() {
        let rules = Rules {
            replicas: Some(20),
            ..Rules::default()
        };
        assert_ne!(rules.share(f64::from(0.05_f32)), rules.share(0.05));
        for percent in 0..=100_u8 {
            let share = f64::from(percent) / 100.0;
            assert_eq!(exactly(share as f32), share);
        }
    }
}
