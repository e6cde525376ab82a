//! The users of a world, followed one by one: who they are and what befell them in this trial.

use rand::{Rng, RngExt};

use crate::base::{Stream, split_mix};
use crate::model::World;
use crate::model::fault::{FaultKind, Scope};
use crate::model::split::{Memory, Split};
use crate::model::traffic::{Population, UserGroup};
use crate::stats::draw::Alias;
use crate::stats::normal_quantile;

/// All users: those of the groups one after another, or of the only population.
#[derive(Debug)]
pub(in crate::engine) struct Crowd {
    groups: Vec<Group>,
    /// Which group a request comes from; `None` when there is one.
    choice: Option<Alias>,
    users: Vec<User>,
    /// The trial under way; users of another one are new.
    epoch: u32,
    /// Users' own factors on each goal's probability, user by user.
    factors: Vec<f32>,
    goals: usize,
    /// Distinct users who met a fault.
    pub(in crate::engine) met: u64,
    /// Whether it matters who sends a request.
    pub(in crate::engine) followed: bool,
}

/// Whether it matters who sends a request: groups and sessions, cookies and hashes, faults of some
/// users and goals that users reach differently.
fn follows(world: &World, by_user: bool) -> bool {
    let by_fault = world.faults.iter().any(|fault| {
        fault.scope.users != Scope::EVERYONE.users
            || matches!(
                fault.kind,
                FaultKind::Bounce { .. } | FaultKind::Poison { .. }
            )
    });
    let by_split = !matches!(world.split, Split::Random | Split::Even | Split::RoundRobin);
    by_user
        || by_fault
        || by_split
        || world.affinity.is_some()
        || world.traffic.sessions.is_some()
        || !world.traffic.groups.is_empty()
        || world.goals.iter().any(|goal| goal.spread > 0.0)
}

#[derive(Debug)]
struct Group {
    /// Number of its first user.
    first: u32,
    population: Population,
    cookies: bool,
    returning: f64,
    matched: Option<bool>,
    /// Which route; `None` when there is one.
    mix: Option<Alias>,
}

/// What befell a user in this trial.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::engine) struct User {
    epoch: u32,
    /// What the cookie says.
    pub(in crate::engine) memory: Memory,
    /// Who answered last: 0 nobody, otherwise the version's number and 1.
    pub(in crate::engine) last: u8,
    /// Whether the canary ever answered.
    pub(in crate::engine) written: bool,
    met: bool,
}

/// Who sends a request, and what it asks for.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) struct Caller {
    pub(in crate::engine) user: u32,
    pub(in crate::engine) group: u8,
}

impl Crowd {
    pub(in crate::engine) fn new(world: &World, by_user: bool) -> Crowd {
        let traffic = &world.traffic;
        let routes = |mix: &[f64]| (mix.len() > 1).then(|| Alias::new(mix));
        let shares: Vec<f64> = (traffic.routes.iter())
            .map(|route| route.share.get())
            .collect();
        let mut first = 0;
        let mut add = |population: &Population, group: Option<&UserGroup>| {
            let mix = group.map_or(&[][..], |group| &group.mix);
            let made = Group {
                first,
                population: population.clone(),
                cookies: group.is_none_or(|group| group.cookies),
                returning: group
                    .map_or(traffic.returning, |group| group.returning)
                    .get(),
                matched: group.map(|group| group.matched),
                mix: routes(if mix.is_empty() { &shares } else { mix }),
            };
            first += population.users();
            made
        };
        let groups: Vec<Group> = if traffic.groups.is_empty() {
            vec![add(&traffic.users, None)]
        } else {
            (traffic.groups.iter())
                .map(|group| add(&group.users, Some(group)))
                .collect()
        };
        let shares: Vec<f64> = (traffic.groups.iter())
            .map(|group| group.share.get())
            .collect();
        let spreads: Vec<f64> = world.goals.iter().map(|goal| goal.spread).collect();
        let different = spreads.iter().any(|spread| *spread > 0.0);
        let factor = |user: u32, goal: usize| {
            let uniform = Population::place(user, split_mix(goal as u64 ^ 0x6f0a_15e5));
            let z = normal_quantile(uniform.clamp(1e-12, 1.0 - 1e-12));
            (spreads[goal] * (z - spreads[goal] / 2.0)).exp() as f32
        };
        let factors = if different {
            (0..first)
                .flat_map(|user| (0..spreads.len()).map(move |goal| (user, goal)))
                .map(|(user, goal)| factor(user, goal))
                .collect()
        } else {
            Vec::new()
        };
        Crowd {
            choice: (groups.len() > 1).then(|| Alias::new(&shares)),
            users: vec![User::default(); first as usize],
            groups,
            epoch: 0,
            factors,
            goals: spreads.len(),
            met: 0,
            followed: follows(world, by_user),
        }
    }

    /// Forgets the trial before.
    pub(in crate::engine) fn reset(&mut self) {
        self.epoch += 1;
        self.met = 0;
    }

    /// Who sends the next request, or begins the next session.
    #[inline]
    pub(in crate::engine) fn caller(&self, stream: &mut Stream) -> Caller {
        if !self.followed {
            return Caller { user: 0, group: 0 };
        }
        let group = match &self.choice {
            None => 0,
            Some(choice) => choice.cell(stream.next_u32()),
        };
        let group_of = &self.groups[group];
        Caller {
            user: group_of.first + group_of.population.sample(stream),
            group: group as u8,
        }
    }

    /// What a request of `caller` asks for.
    #[inline]
    pub(in crate::engine) fn route(&self, caller: Caller, stream: &mut Stream) -> u8 {
        match &self.groups[usize::from(caller.group)].mix {
            None => 0,
            Some(mix) => mix.cell(stream.next_u32()) as u8,
        }
    }

    /// Whether the caller keeps cookies.
    #[inline]
    pub(in crate::engine) fn keeps_cookies(&self, caller: Caller) -> bool {
        self.groups[usize::from(caller.group)].cookies
    }

    /// Whether the caller's requests match the split's rule; `None`: as often as the rule says.
    #[inline]
    pub(in crate::engine) fn matches(&self, caller: Caller) -> Option<bool> {
        self.groups[usize::from(caller.group)].matched
    }

    /// What befell the caller so far. On a first visit `earlier` says what a user who was here
    /// before the rollout remembers, given a number between 0 and 1.
    #[inline]
    pub(in crate::engine) fn user(
        &mut self,
        caller: Caller,
        salt: u64,
        earlier: impl Fn(f64) -> Memory,
    ) -> &mut User {
        let returning = self.groups[usize::from(caller.group)].returning;
        let user = &mut self.users[caller.user as usize];
        if user.epoch != self.epoch {
            *user = User {
                epoch: self.epoch,
                ..User::default()
            };
            if returning > 0.0 {
                let place = Population::place(caller.user, salt);
                if place < returning {
                    user.memory = earlier(place / returning);
                    user.last = 1;
                }
            }
        }
        user
    }

    /// A user met a fault.
    #[inline]
    pub(in crate::engine) fn meet(&mut self, caller: Caller) {
        let user = &mut self.users[caller.user as usize];
        if !user.met {
            user.met = true;
            self.met += 1;
        }
    }

    /// A user's own factor on the probability of a goal.
    #[inline]
    pub(in crate::engine) fn factor(&self, user: u32, goal: usize) -> f64 {
        match self.factors.get(user as usize * self.goals + goal) {
            None => 1.0,
            Some(factor) => f64::from(*factor),
        }
    }

    /// How many users there are.
    pub(in crate::engine) fn users(&self) -> usize {
        self.users.len()
    }
}

/// Draws when, within the second after its page, a further request comes.
#[inline]
pub(in crate::engine) fn soon(stream: &mut Stream) -> f64 {
    stream.random::<f64>()
}
