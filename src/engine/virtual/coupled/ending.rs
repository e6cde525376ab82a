//! How an attempt ends, and what follows: counters, another attempt, the next page, what the business
//! counts.

use rand::RngExt;

use crate::telemetry::{Reporter, Status, Version};

use super::ledger::Answer;
use super::{Ask, Coupled, Event, Play, UnderWay};
use crate::engine::actors::ailments::Attempt;
use crate::engine::actors::pool::Place;

/// How an attempt ended, from the caller's side.
#[derive(Debug, Clone, Copy)]
struct Outcome {
    at: f64,
    failed: bool,
    /// Status 200 and a wrong body.
    wrong: bool,
    /// Whether no answer came: refused, cut off, or too late.
    reset: bool,
    /// Whether the answer broke off after a head that said that all is well: who streams has passed
    /// it on, and can try nothing again.
    broke_off: bool,
}

/// Seconds that a refusal takes.
pub(super) const REFUSAL: f64 = crate::model::REFUSAL.as_secs_f64();

impl Coupled {
    /// Keeps an attempt whose instance shares its workers among all.
    pub(super) fn park(&mut self, at: f64, work: f64, under_way: UnderWay, play: &mut Play) {
        let place = under_way.place;
        let ticket = match self.free_parked.pop() {
            Some(ticket) => {
                self.parked[ticket as usize] = under_way;
                ticket
            }
            None => {
                self.parked.push(under_way);
                (self.parked.len() - 1) as u32
            }
        };
        self.finish_at(place, at, play);
        self.pool.join(place, at, work, ticket.into());
        self.look_again(place);
    }

    /// Takes out what is complete at a place, so that what follows an answer follows it at once.
    pub(super) fn look(&mut self, at: f64, place: Place, play: &mut Play) {
        let instance = self.pool.instance(place);
        if at >= instance.look_at {
            instance.look_at = f64::INFINITY;
        }
        self.finish_at(place, at, play);
        self.look_again(place);
    }

    /// Looks at a place when the next work there is complete, unless somebody does before.
    fn look_again(&mut self, place: Place) {
        let Some(end) = self.pool.next_end(place) else {
            return;
        };
        let instance = self.pool.instance(place);
        if end < instance.look_at {
            instance.look_at = end;
            self.agenda.push(end, Event::Done(place));
        }
    }

    fn finish_at(&mut self, place: Place, until: f64, play: &mut Play) {
        while let Some((end, ticket)) = self.pool.leave(place, until) {
            let under_way = self.parked[ticket as usize];
            self.free_parked.push(ticket as u32);
            self.answered(end, &under_way, play);
        }
    }

    /// Crashes that nobody's request has met.
    pub(super) fn live(&mut self, now: f64, play: &mut Play) {
        if !self.pool.is_mortal() {
            return;
        }
        for place in self.pool.places() {
            if self.pool.live(place, now, &mut self.streams.fleet) {
                self.fall(now, place, play);
            }
        }
    }

    /// An instance has restarted: what it counted is lost, and who shared its workers is cut off.
    pub(super) fn fall(&mut self, now: f64, place: Place, play: &mut Play) {
        (self.ledger).lose(place.version, place.index, &mut play.telemetry);
        if !self.pool.shares(place.version) {
            return;
        }
        for ticket in 0..self.parked.len() as u32 {
            let under_way = self.parked[ticket as usize];
            if under_way.place == place && !self.free_parked.contains(&ticket) {
                self.free_parked.push(ticket);
                self.refused(now, under_way.ask, Some(place), play);
            }
        }
    }

    /// An instance has done its work at `end`, whoever still waits for it.
    pub(super) fn answered(&mut self, end: f64, under_way: &UnderWay, play: &mut Play) {
        let UnderWay {
            ask,
            place,
            ref effect,
            failed,
            begun,
        } = *under_way;
        let patience = self.patience[place.version as usize];
        let late = end - begun > patience;
        let at = if late { begun + patience } else { end };
        // The server's side of a request that hangs or that nobody waits for any more: a hang is
        // never answered, a late answer is the proxy's own failure.
        if effect.hang.is_none() {
            let status = status_of(failed || late);
            self.count_server(under_way, at, status, at - begun, play);
        }
        let unanswered = late || effect.hang.is_some();
        let broke_off = effect.breaks_off() && !failed && !unanswered;
        let outcome = Outcome {
            at,
            failed: failed || unanswered || broke_off,
            wrong: effect.wrong.is_some(),
            reset: unanswered,
            broke_off,
        };
        // Outlier detection goes by the status, which has come.
        self.pool.record(place, failed || unanswered, at);
        self.end(ask, Some(place), outcome, play);
    }

    /// A full queue: the instance says so at once.
    pub(super) fn turned_away(&mut self, at: f64, under_way: &UnderWay, play: &mut Play) {
        let at = at + REFUSAL;
        self.count_server(under_way, at, Status::Failure, REFUSAL, play);
        self.pool.record(under_way.place, true, at);
        let outcome = Outcome {
            at,
            failed: true,
            wrong: false,
            reset: false,
            broke_off: false,
        };
        self.end(under_way.ask, Some(under_way.place), outcome, play);
    }

    /// Nobody is there, or the connection is cut: no server knows of it.
    pub(super) fn refused(&mut self, at: f64, ask: Ask, place: Option<Place>, play: &mut Play) {
        let at = at + REFUSAL;
        if let Some(place) = place {
            self.pool.record(place, true, at);
        }
        let outcome = Outcome {
            at,
            failed: true,
            wrong: false,
            reset: true,
            broke_off: false,
        };
        self.end(ask, place, outcome, play);
    }

    /// The counters of the server's side.
    fn count_server(
        &mut self,
        under_way: &UnderWay,
        at: f64,
        status: Status,
        seconds: f64,
        play: &mut Play,
    ) {
        let effect = &under_way.effect;
        if self.reporter != Reporter::Server || (effect.hidden && status == Status::Failure) {
            return;
        }
        let answer = Answer {
            version: under_way.place.version,
            route: under_way.ask.route,
            instance: under_way.place.index,
            status,
            seconds: seconds * effect.unit,
        };
        for _ in 0..effect.counted {
            self.ledger.take(at, answer, &mut play.telemetry);
        }
    }

    /// An attempt has ended: the mesh tries again, or it was the last.
    fn end(&mut self, mut ask: Ask, place: Option<Place>, outcome: Outcome, play: &mut Play) {
        if ask.shadow {
            return;
        }
        if let Some(retries) = self.world.retries
            && outcome.failed
            && !outcome.broke_off
            && u32::from(ask.attempts) < retries.attempts
            && (if outcome.reset {
                retries.on_resets
            } else {
                retries.on_errors
            })
            && self.budget.try_retry()
        {
            ask.attempts += 1;
            // The user's data moved with the first attempt.
            ask.moved = false;
            let again = match self.free_asks.pop() {
                Some(index) => {
                    self.asks[index as usize] = ask;
                    index
                }
                None => {
                    self.asks.push(ask);
                    (self.asks.len() - 1) as u32
                }
            };
            let at = outcome.at + retries.backoff.as_secs_f64();
            self.agenda.push(at, Event::Retry(again));
            return;
        }
        self.close(ask, place, outcome, play);
    }

    /// The last attempt has ended: what the user got.
    fn close(&mut self, ask: Ask, place: Option<Place>, outcome: Outcome, play: &mut Play) {
        let version = ask.version;
        if self.reporter == Reporter::Client {
            let answer = Answer {
                version,
                route: ask.route,
                instance: place.map_or(0, |place| place.index),
                status: status_of(outcome.failed),
                seconds: outcome.at - ask.asked,
            };
            self.ledger.take(outcome.at, answer, &mut play.telemetry);
        }
        let slowed =
            ask.slowed || (version == Version::Canary && self.slower & (1 << ask.route) != 0);
        let hurt = outcome.failed || outcome.wrong || slowed;
        // What the canary did to users strikes them on stable too.
        let by_canary = version == Version::Canary || (self.harms_stable && ask.written);
        if version == Version::Canary {
            play.tally.canary += 1;
        }
        if hurt && by_canary {
            play.tally.expose(0, 1);
            if self.crowd.followed {
                self.crowd.meet(ask.caller);
            }
        }
        if self.demand.users && self.demand.reads(version) {
            let place = version as usize * self.crowd.users() + ask.caller.user as usize;
            let failures = &mut play.telemetry.counters_mut(version).failures;
            failures.add_of_user(&mut self.user_failures[place], outcome.failed);
        }
        if self.demand.goals && self.demand.reads(version) {
            self.count_goals(ask, outcome, play);
        }
        if let Some(session) = ask.session
            && let Some(sessions) = &self.world.traffic.sessions
        {
            let think = sessions.think(&mut self.streams.sessions);
            self.agenda.push(outcome.at + think, Event::Page(session));
        }
    }

    /// What the business counts: every request on a goal's routes is an opportunity, taken only
    /// after a right answer.
    fn count_goals(&mut self, ask: Ask, outcome: Outcome, play: &mut Play) {
        let right = !outcome.failed && !outcome.wrong;
        let goals = self.world.goals.len();
        for (index, goal) in self.world.goals.iter().enumerate() {
            if goal.routes & (1 << ask.route) == 0 {
                continue;
            }
            let attempt = Attempt {
                version: ask.version,
                route: ask.route,
                group: ask.caller.group,
                place: ask.place,
                faulty: 0,
                moved: false,
                written: false,
                share: 0.0,
                at: outcome.at,
            };
            let user = ask.caller.user;
            let uniform: f64 = self.streams.goals.random();
            let chance = goal.probability.get()
                * self.crowd.factor(user, index)
                * self.ailments.goal_factor(&attempt, index);
            let value = if right && uniform < chance {
                self.values[index].sums(1, &mut self.streams.goals).0
            } else {
                0.0
            };
            let sums = &mut play.telemetry.counters_mut(ask.version).goals[index];
            if self.demand.by_user {
                let place = (ask.version as usize * goals + index) * self.crowd.users();
                sums.add_of_user(&mut self.user_sums[place + user as usize], value);
            } else {
                sums.add(value);
            }
        }
    }
}

fn status_of(failed: bool) -> Status {
    if failed {
        Status::Failure
    } else {
        Status::Success
    }
}
