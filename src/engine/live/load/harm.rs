//! Who was hurt, and what the business counted.

use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use super::ledger::Answer;
use super::pool::Job;
use super::schedule::Schedule;
use super::seen::{Seen, add};
use crate::model::World;
use crate::model::fault::FaultKind;
use crate::model::service::Service;
use crate::telemetry::{UserSums, Version};

/// What is needed to say who was hurt.
#[derive(Debug)]
pub(super) struct Harm {
    /// Routes on which the canary is slower by itself, one bit each.
    slower: u32,
    /// Whether users whom the canary has answered are hurt on stable.
    harms_stable: bool,
    /// Routes of each goal, one bit each.
    goals: Vec<u32>,
    users: usize,
    /// By version, goal and user; empty when nobody asks by user.
    sums: Vec<UserSums>,
}

impl Harm {
    pub(super) fn new(world: &World, users: usize, by_user: bool) -> Harm {
        let mean = |service: &Service, route| service.latency_of(route).mean();
        let goals: Vec<u32> = world.goals.iter().map(|goal| goal.routes).collect();
        Harm {
            slower: (0..world.traffic.routes.len().max(1))
                .filter(|route| mean(&world.canary, *route) > mean(&world.stable, *route))
                .fold(0, |bits, route| bits | 1 << route),
            harms_stable: world.faults.iter().any(|fault| {
                matches!(
                    fault.kind,
                    FaultKind::Bounce { .. } | FaultKind::Poison { .. }
                )
            }),
            sums: if by_user {
                vec![UserSums::default(); 3 * goals.len() * users]
            } else {
                Vec::new()
            },
            goals,
            users,
        }
    }

    /// Who was hurt, and what the business counts: as the virtual engine closes a request.
    pub(super) fn judge(
        &mut self,
        seen: &Seen,
        job: &Job,
        answer: &Answer,
        cut: bool,
        goals: &[f64],
        schedule: &mut Schedule,
    ) {
        let Some(version) = answer.version else {
            return;
        };
        let caller = job.ask.caller;
        let on_canary = version == Version::Canary;
        let user = schedule.user(caller);
        let written = user.written;
        user.written |= on_canary;
        user.last = version as u8 + 1;
        let failed = answer.status >= 500;
        let wrong = answer.wrong || cut;
        let slower = on_canary && self.slower & (1 << job.ask.route) != 0;
        let hurt = failed || wrong || answer.slowed || slower;
        if on_canary {
            add(&seen.canary, 1);
        }
        if hurt && (on_canary || (self.harms_stable && written)) {
            add(&seen.exposed, 1);
            schedule.crowd.meet(caller);
            seen.exposed_users
                .store(schedule.crowd.met, Ordering::Release);
        }
        if self.goals.is_empty() {
            return;
        }
        let mut all = seen.goals.lock().unwrap_or_else(PoisonError::into_inner);
        for (index, routes) in self.goals.iter().enumerate() {
            if routes & (1 << job.ask.route) == 0 {
                continue;
            }
            let value = match goals.get(index) {
                Some(value) if !failed && !wrong => *value,
                _ => 0.0,
            };
            let sums = &mut all[version as usize][index];
            let place = (version as usize * self.goals.len() + index) * self.users;
            match self.sums.get_mut(place + caller.user as usize) {
                Some(user) => sums.add_of_user(user, value),
                None => sums.add(value),
            }
        }
    }
}
