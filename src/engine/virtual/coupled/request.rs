//! Requests on their way: as their user sends them, as the split leaves them, as an instance works on
//! them; and the randomness of all that.

use crate::base::{Purpose, Seed, Stream};
use crate::telemetry::Version;

use crate::engine::actors::ailments::Effect;
use crate::engine::actors::crowd::Caller;
use crate::engine::actors::pool::Place;

/// Where a trial's randomness comes from, beside the streams of its luck.
#[derive(Debug)]
pub(super) struct Streams {
    pub(super) sessions: Stream,
    pub(super) fleet: Stream,
    pub(super) goals: Stream,
    pub(super) faults: Stream,
    pub(super) swing: Stream,
    pub(super) baseline: Stream,
}

#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Salts {
    pub(super) scope: u64,
    pub(super) version: u64,
    pub(super) returning: u64,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Event {
    /// The next page of a session.
    Page(u32),
    /// A further request of a page.
    Extra(Caller),
    /// Another attempt.
    Retry(u32),
    /// Work that shares an instance's workers may be complete.
    Done(Place),
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Session {
    pub(super) caller: Caller,
    /// Pages still to come.
    pub(super) pages: u32,
}

/// A request as its user sends it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visit {
    pub(super) caller: Caller,
    /// The session whose next page follows.
    pub(super) session: Option<u32>,
    /// Whether it opens a connection: the first request of a session does.
    pub(super) opens: bool,
}

impl Visit {
    /// On a connection that is open.
    pub(super) fn again(caller: Caller, session: Option<u32>) -> Visit {
        Visit {
            caller,
            session,
            opens: false,
        }
    }
}

/// A request under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask {
    pub(super) caller: Caller,
    pub(super) route: u8,
    pub(super) version: Version,
    /// Attempts so far.
    pub(super) attempts: u8,
    /// Whether a fault slowed it.
    pub(super) slowed: bool,
    pub(super) moved: bool,
    pub(super) written: bool,
    /// Whether it is a copy whose answer nobody waits for.
    pub(super) shadow: bool,
    /// Its session, whose next page follows the answer.
    pub(super) session: Option<u32>,
    /// When its user asked.
    pub(super) asked: f64,
    /// The user's place among those whom faults reach.
    pub(super) place: f64,
}

/// An attempt that an instance works on.
#[derive(Debug, Clone, Copy)]
pub(super) struct UnderWay {
    pub(super) ask: Ask,
    pub(super) place: Place,
    pub(super) effect: Effect,
    pub(super) failed: bool,
    pub(super) begun: f64,
}

impl Streams {
    pub(super) fn new(seed: Seed, replicate: u64) -> Streams {
        let stream = |purpose| seed.stream(replicate, purpose);
        Streams {
            sessions: stream(Purpose::Sessions),
            fleet: stream(Purpose::Fleet),
            goals: stream(Purpose::Goals),
            faults: stream(Purpose::Faults),
            swing: stream(Purpose::Swing),
            baseline: stream(Purpose::Baseline),
        }
    }
}
