//! What a user's client remembers: a cookie that names a version, and an open connection.

use super::{Affinity, Side};

/// What a user's client remembers; kept by the caller, one per user. The default is a user who has
/// not been here before.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Memory {
    /// When the cookie expires, in seconds.
    expires: f32,
    /// How often the weights had changed when the connection was opened.
    generation: u16,
    cookie: Option<Side>,
    connection: Option<Side>,
}

/// What happens to a client's cookie with an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CookieChange {
    /// Nothing.
    Keep,
    /// It is set, for the whole lifetime.
    Set(Side),
    /// It is taken away.
    Forget,
}

impl Memory {
    /// A user who was here before and got a cookie of `side` when `age` seconds were missing to
    /// time 0; without a cookie when it has expired since or when none was set for that side.
    pub fn returning(side: Side, age: f64, affinity: &Affinity) -> Memory {
        let mut memory = Memory::default();
        let expires = affinity.lifetime.as_secs_f64() - age;
        if expires > 0.0 && affinity.precedence.marks(side) {
            memory.keep(side, expires);
        }
        memory
    }

    /// The version of a cookie that has not expired at `now` (seconds).
    pub fn cookie(&self, now: f64) -> Option<Side> {
        self.cookie.filter(|_| now < f64::from(self.expires))
    }

    /// Takes over what a request says: the version that its cookie names, if it has one. A client
    /// drops an expired cookie by itself, so one that is sent counts; it never expires here.
    pub fn present(&mut self, cookie: Option<Side>) {
        self.cookie = cookie;
        self.expires = f32::INFINITY;
    }

    /// What the client is to be told after a choice, when its cookie was [`Memory::present`]ed
    /// before it.
    pub fn told(&self, presented: Option<Side>) -> CookieChange {
        match self.cookie {
            None if presented.is_some() => CookieChange::Forget,
            Some(side) if self.expires < f32::INFINITY => CookieChange::Set(side),
            _ => CookieChange::Keep,
        }
    }

    /// Sets a cookie that lasts until `expires` (seconds).
    pub(super) fn keep(&mut self, side: Side, expires: f64) {
        self.cookie = Some(side);
        self.expires = expires as f32;
    }

    pub(super) fn forget_cookie(&mut self) {
        self.cookie = None;
    }

    /// Where the open connection leads, if it was opened at the present weights.
    pub(super) fn connection(&self, generation: u16) -> Option<Side> {
        (self.connection).filter(|_| self.generation == generation)
    }

    pub(super) fn connect(&mut self, side: Side, generation: u16) {
        self.connection = Some(side);
        self.generation = generation;
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::super::{Precedence, Request, Rules, Split, Splitter, Weights};
    use super::*;
    use crate::base::{Span, Stream};

    #[test]
    fn a_client_is_told_what_changes_about_its_cookie() {
        let affinity = |precedence| Affinity {
            precedence,
            lifetime: Span::from_secs(60),
            outlives_rollback: false,
        };
        let request = Request {
            user: 1,
            place: 0.0,
            cookies: true,
            matched: false,
            opens: false,
        };
        let (canary, both) = (Precedence::CanaryOnly, Precedence::Both);
        let (on_stable, on_canary) = (Some(Side::Stable), Some(Side::Canary));
        for (precedence, weight, presented, told) in [
            (canary, 1.0, None, CookieChange::Set(Side::Canary)),
            (canary, 1.0, on_canary, CookieChange::Keep),
            (canary, 0.0, None, CookieChange::Keep),
            (canary, 0.0, on_canary, CookieChange::Forget),
            (both, 0.0, on_canary, CookieChange::Set(Side::Stable)),
            (both, 0.0, on_stable, CookieChange::Keep),
            (both, 1.0, on_stable, CookieChange::Set(Side::Canary)),
        ] {
            let affinity = Some(affinity(precedence));
            let mut splitter = Splitter::new(Split::Random, Rules::default(), affinity, 0);
            let weights = Weights {
                canary: weight,
                baseline: 0.0,
            };
            let mut memory = Memory::default();
            memory.present(presented);
            let mut stream = Stream::seed_from_u64(1);
            // However late it is: clients drop expired cookies by themselves.
            splitter.choose(&request, &weights, 1e6, &mut memory, &mut stream);
            assert_eq!(
                memory.told(presented),
                told,
                "{precedence:?} {weight} {presented:?}"
            );
        }
    }
}
