//! One splitter for all policies: cookies and rules first, then the weight.
//!
//! It is a state machine without a clock and without randomness of its own, so that a simulator
//! and a proxy can run it alike.

use rand::RngExt;

use crate::base::Stream;

use super::hashed::{Ring, split_clients};
use super::round_robin::RoundRobin;
use super::{Affinity, InTurn, Memory, Precedence, Rules, Split};

/// What answers a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Side {
    /// The version in production.
    Stable = 0,
    /// The new version.
    Canary = 1,
    /// A fresh instance of stable beside the canary.
    Baseline = 2,
}

impl Side {
    /// All, in the order of their numbers.
    pub const ALL: [Side; 3] = [Side::Stable, Side::Canary, Side::Baseline];
}

/// What a splitter may look at.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Request {
    /// Who sends it.
    pub user: u32,
    /// The user's place in [0, 1), uniform over users; [`Split::UserHash`] goes by it.
    pub place: f64,
    /// Whether the user's client keeps cookies.
    pub cookies: bool,
    /// Whether it has the header or cookie of a match rule.
    pub matched: bool,
    /// Whether it opens a new connection; [`Split::Connection`] goes by it. A user's first request
    /// opens one in any case.
    pub opens: bool,
}

/// Shares of requests (0 to 1) that are meant for canary and baseline; stable has the rest.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weights {
    /// The canary's.
    pub canary: f64,
    /// The baseline's; at most what the canary leaves.
    pub baseline: f64,
}

impl Weights {
    /// The weights when the canary is given a share (0 to 1): a baseline, where the rules want one,
    /// gets as much, or what is left.
    pub fn of(canary: f64, rules: &Rules) -> Weights {
        let baseline = if rules.baseline {
            canary.min(1.0 - canary)
        } else {
            0.0
        };
        Weights { canary, baseline }
    }

    /// The same as far as replicas can follow: where pods stand in for weights, the canary's share is
    /// that of its pods, and a baseline has as many.
    pub fn rounded(&self, rules: &Rules) -> Weights {
        let canary = rules.share(self.canary);
        let baseline = match rules.replicas {
            Some(_) if self.canary > 0.0 => self.baseline * canary / self.canary,
            _ => self.baseline,
        };
        Weights {
            canary,
            baseline: baseline.min(1.0 - canary),
        }
    }

    /// Stable's share.
    pub fn stable(&self) -> f64 {
        let rest = 1.0 - self.canary - self.baseline;
        // Float dust must not keep stable alive.
        if rest < 1e-9 { 0.0 } else { rest }
    }

    /// Shares by number of the side.
    fn shares(&self) -> [f64; 3] {
        [self.stable(), self.canary, self.baseline]
    }
}

/// Decides request by request which version answers.
#[derive(Debug, Clone)]
pub struct Splitter {
    split: Split,
    rules: Rules,
    affinity: Option<Affinity>,
    salt: u64,
    /// The weights as last given.
    given: Weights,
    /// The same as far as replicas can follow them.
    weights: Weights,
    /// How often the weights have changed: connections from before are gone.
    generation: u16,
    canary: InTurn,
    baseline: InTurn,
    in_turn: RoundRobin<3>,
    ring: Ring,
}

impl Splitter {
    /// A splitter at weight zero; `salt` places users who are hashed here.
    pub fn new(split: Split, rules: Rules, affinity: Option<Affinity>, salt: u64) -> Splitter {
        let mut splitter = Splitter {
            split,
            rules,
            affinity,
            salt,
            given: Weights::default(),
            weights: Weights::default(),
            generation: 0,
            canary: InTurn::default(),
            baseline: InTurn::default(),
            in_turn: RoundRobin::new([100, 0, 0]),
            ring: Ring::default(),
        };
        splitter.reset(salt);
        splitter
    }

    /// Forgets everything, as if newly made with this salt.
    pub fn reset(&mut self, salt: u64) {
        self.salt = salt;
        self.generation = 0;
        self.canary.reset();
        self.baseline.reset();
        self.turn_to(Weights::default());
    }

    /// Chooses the version that answers a request at `now` (seconds). `weights` are those that the
    /// controller has set: replicas round them here. `memory` is the user's, and so kept by the
    /// caller. One number is drawn from `stream` where the split is random, whether or not it
    /// decides, so that the luck of later requests does not depend on cookies.
    #[inline]
    pub fn choose(
        &mut self,
        request: &Request,
        weights: &Weights,
        now: f64,
        memory: &mut Memory,
        stream: &mut Stream,
    ) -> Side {
        if *weights != self.given {
            self.turn_to(*weights);
        }
        let uniform = match self.split {
            Split::Random | Split::Connection => stream.random(),
            Split::UserHash => request.place,
            _ => 0.0,
        };
        match self.affinity {
            Some(affinity) => self.stay(&affinity, request, now, memory, uniform),
            None if request.matched && self.weights.canary > 0.0 => Side::Canary,
            None => self.split(request, memory, uniform),
        }
    }

    /// Cookies and rules, then the split for whom neither decides.
    fn stay(
        &mut self,
        affinity: &Affinity,
        request: &Request,
        now: f64,
        memory: &mut Memory,
        uniform: f64,
    ) -> Side {
        let held = if request.cookies {
            (memory.cookie(now)).filter(|side| self.honours(affinity, *side))
        } else {
            None
        };
        let first = affinity.precedence == Precedence::AffinityFirst;
        if let Some(side) = held
            && first
        {
            return side;
        }
        let by_rule = request.matched && self.weights.canary > 0.0;
        let side = match held {
            // The rule is a route of its own, which sets and reads no cookie.
            _ if by_rule && !first => return Side::Canary,
            _ if by_rule => Side::Canary,
            Some(side) => return side,
            None => self.split(request, memory, uniform),
        };
        if request.cookies {
            let expires = now + affinity.lifetime.as_secs_f64();
            if affinity.precedence.marks(side) {
                memory.keep(side, expires);
            } else {
                memory.forget_cookie();
            }
        }
        side
    }

    /// Whether a cookie that names a version counts. One of a version that is gone does not; one
    /// of a canary at weight zero may.
    fn honours(&self, affinity: &Affinity, side: Side) -> bool {
        let runs = match side {
            Side::Stable => self.weights.stable() > 0.0,
            Side::Canary => self.weights.canary > 0.0 || affinity.outlives_rollback,
            Side::Baseline => self.weights.baseline > 0.0,
        };
        runs && affinity.precedence.marks(side)
    }

    /// The split itself. The canary has the low end and the baseline the high end of what is drawn
    /// or hashed, so that both only grow with their weights.
    fn split(&mut self, request: &Request, memory: &mut Memory, uniform: f64) -> Side {
        let Weights { canary, baseline } = self.weights;
        match self.split {
            Split::Random | Split::UserHash => self.side_of(uniform),
            Split::Connection => match memory.connection(self.generation) {
                Some(side) if !request.opens => side,
                _ => {
                    let side = self.side_of(uniform);
                    memory.connect(side, self.generation);
                    side
                }
            },
            Split::Even => {
                if self.canary.next(canary) {
                    Side::Canary
                } else if baseline > 0.0 && self.baseline.next(baseline / (1.0 - canary)) {
                    Side::Baseline
                } else {
                    Side::Stable
                }
            }
            Split::RoundRobin => Side::ALL[self.in_turn.pick()],
            Split::SplitClients => {
                let user = request.cookies.then_some(request.user);
                split_clients(user, self.salt, canary, baseline)
            }
            Split::RingHash => self.ring.side(request.user, self.salt),
        }
    }

    fn side_of(&self, uniform: f64) -> Side {
        if uniform < self.weights.canary {
            Side::Canary
        } else if uniform >= 1.0 - self.weights.baseline {
            Side::Baseline
        } else {
            Side::Stable
        }
    }

    /// Takes new weights.
    #[cold]
    fn turn_to(&mut self, given: Weights) {
        self.given = given;
        self.weights = given.rounded(&self.rules);
        self.generation = self.generation.wrapping_add(1);
        let shares = self.weights.shares();
        match self.split {
            Split::RoundRobin => {
                let percents = shares.map(|share| (share * 100.0).round() as i64);
                self.in_turn = RoundRobin::new(percents);
            }
            Split::RingHash => self.ring.place_points(shares, self.salt),
            _ => {}
        }
    }
}
