//! The books of a run: when it ended, what was ordered, and what keeps its figures from being
//! trusted.

use super::Script;
use super::stage::Struck;
use crate::base::{Span, Time};
use crate::engine::live::load::{Counts, Limit, LoadReport, Tolerance};
use crate::engine::{Ending, Trial};
use crate::model::split::{Split, Weights};
use crate::telemetry::Version;

/// What a run came to.
#[derive(Debug)]
pub struct Outcome {
    /// What every engine tells of a rollout.
    pub trial: Trial,
    /// Whether it was ended by hand, or by a part that failed, before its end.
    pub interrupted: bool,
    /// The part that failed and so ended it, if one did.
    pub failure: Option<String>,
    /// What keeps its figures from being trusted, one sentence each; none when they can be.
    pub doubts: Vec<String>,
    /// What a reader should know beside that.
    pub notes: Vec<String>,
    /// What the users met.
    pub load: LoadReport,
    /// Requests and failures by version, as users saw them.
    pub versions: [[u64; 2]; 3],
    /// What was ordered, and what came of it.
    pub shares: Vec<ShareKept>,
    /// Who split the traffic, with its version: `nginx 1.22.1`.
    pub splitter: String,
    /// Whom the gate asked.
    pub source: String,
    /// Scrapes (or queries) made, and those that failed.
    pub scrapes: [u64; 2],
    /// How long it took on the wall.
    pub wall: Span,
}

impl Outcome {
    /// Whether its figures cannot be trusted, and for no other reason than a machine too busy to
    /// let the generator keep its schedule.
    pub fn is_only_late(&self) -> bool {
        let limits = self.load.limits(&Tolerance::default(), 0);
        let late = |limit: &Limit| matches!(limit, Limit::Late { .. } | Limit::Stopped { .. });
        // Who is late sends at once all that it owes, which may take more connections than it has.
        let owed = |limit: &Limit| late(limit) || matches!(limit, Limit::Connections { .. });
        limits.iter().any(late) && limits.iter().all(owed) && limits.len() == self.doubts.len()
    }
}

/// The canary's share between two orders.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ShareKept {
    /// When it was ordered.
    pub from: Time,
    /// Share of requests meant for the canary, 0 to 1, as far as replicas can follow it.
    pub asked: f64,
    /// Requests sent under this order, by version.
    pub requests: [u64; 3],
    /// Whether requests are drawn one by one, so that the binomial law says how far from the
    /// order they may be.
    pub binomial: bool,
}

impl ShareKept {
    /// Standard errors between what was ordered and what was kept; `None` where there is no law for
    /// it, or nothing to compare.
    pub fn z(&self) -> Option<f64> {
        let n = self.requests.iter().sum::<u64>() as f64;
        let error = (self.asked * (1.0 - self.asked) / n).sqrt();
        let kept = self.requests[Version::Canary as usize] as f64 / n;
        (self.binomial && error > 0.0 && error.is_finite()).then(|| (kept - self.asked) / error)
    }
}

/// Keeps the books while a run goes on.
#[derive(Debug)]
pub(super) struct Books {
    horizon: Time,
    aftermath: Span,
    end: Option<End>,
    interrupted: bool,
    failure: Option<String>,
    doubts: Vec<String>,
    notes: Vec<String>,
    orders: Vec<Order>,
}

#[derive(Debug, Clone, Copy)]
struct End {
    ending: Ending,
    at: Time,
    seen: Counts,
}

/// Shares of requests, 0 to 1, and when they were ordered.
#[derive(Debug, Clone, Copy)]
struct Order {
    at: Time,
    weight: f64,
    mirror: f64,
}

impl Books {
    pub(super) fn new(horizon: Span, aftermath: Span) -> Books {
        Books {
            horizon: Time::START + horizon,
            aftermath,
            end: None,
            interrupted: false,
            failure: None,
            doubts: Vec::new(),
            notes: Vec::new(),
            orders: Vec::new(),
        }
    }

    /// When there is nothing more to wait for; `over` says that the controller has finished.
    pub(super) fn closes(&self, over: bool) -> Time {
        match self.end {
            None => self.horizon,
            Some(end) if over => end.at + self.aftermath,
            Some(_) => self.horizon + self.aftermath,
        }
    }

    pub(super) fn has_ended(&self) -> bool {
        self.end.is_some()
    }

    /// The rollout has ended; `seen` is what users have met until then.
    pub(super) fn end(&mut self, ending: Ending, at: Time, seen: Counts) {
        self.end = Some(End { ending, at, seen });
    }

    /// The rollout was still under way at the horizon.
    pub(super) fn cut(&mut self, seen: Counts) {
        self.end(Ending::Horizon, self.horizon, seen);
    }

    /// Somebody ended the run.
    pub(super) fn interrupt(&mut self, at: Time, seen: Counts) {
        self.interrupted = true;
        if self.end.is_none() {
            self.end(Ending::Horizon, at, seen);
        }
    }

    /// A part has failed, and there is nothing to go on with.
    pub(super) fn fail(&mut self, why: String, at: Time, seen: Counts) {
        self.failure = Some(why.clone());
        self.doubt(why);
        self.interrupt(at, seen);
    }

    /// Something keeps the figures from being trusted.
    pub(super) fn doubt(&mut self, why: String) {
        if !self.doubts.contains(&why) {
            self.doubts.push(why);
        }
    }

    /// Something that a reader should know, and that spoils nothing.
    pub(super) fn note(&mut self, what: String) {
        self.notes.push(what);
    }

    /// Notes an order; whether it is a new one.
    pub(super) fn order(&mut self, at: Time, weight: f64, mirror: f64) -> bool {
        let same = |order: &Order| order.weight == weight && order.mirror == mirror;
        let new = match self.orders.last() {
            None => weight > 0.0 || mirror > 0.0,
            Some(last) => !same(last),
        };
        if new {
            self.orders.push(Order { at, weight, mirror });
        }
        new
    }

    /// What the run came to.
    pub(super) fn close(mut self, script: &Script<'_>, struck: Struck) -> Outcome {
        let world = &script.setting.world;
        let final_counts = struck.load.counts;
        let end = self.end.unwrap_or(End {
            ending: Ending::Horizon,
            at: self.horizon,
            seen: final_counts,
        });
        let first_traffic = (self.orders.iter())
            .find(|order| order.weight > 0.0 || order.mirror > 0.0)
            .map(|order| order.at);
        let detection = (end.ending == Ending::RolledBack)
            .then(|| world.first_fault().zip(first_traffic))
            .flatten()
            .map(|(fault, traffic)| fault.max(traffic))
            .filter(|begin| *begin <= end.at)
            .map(|begin| end.at.since(begin));
        for limit in (struck.load).limits(&Tolerance::default(), struck.connections) {
            self.doubt(limit.to_string());
        }
        Outcome {
            trial: Trial {
                ending: end.ending,
                ended: end.at,
                detection,
                canary_requests: end.seen.canary,
                exposed_requests: end.seen.exposed,
                exposed_users: end.seen.exposed_users as f64,
                exposed_after: final_counts.exposed.saturating_sub(end.seen.exposed),
            },
            interrupted: self.interrupted,
            shares: self.shares(script, &struck),
            failure: self.failure,
            doubts: self.doubts,
            notes: self.notes,
            versions: struck.versions,
            load: struck.load,
            splitter: struck.splitter,
            source: struck.source,
            scrapes: struck.scrapes,
            wall: struck.wall,
        }
    }

    fn shares(&self, script: &Script<'_>, struck: &Struck) -> Vec<ShareKept> {
        let world = &script.setting.world;
        // Cookies keep users, rules come first, and hashes and turns have laws of their own.
        let binomial = world.split == Split::Random
            && world.affinity.is_none()
            && world.rules.matched.is_none()
            && !world.rules.least_request;
        // Before the first order all is stable's.
        let orders = self.orders.iter().enumerate().map(|(index, order)| {
            let weights = Weights::of(order.weight, &world.rules);
            ShareKept {
                from: order.at,
                asked: world.rules.share(weights.canary),
                requests: struck.by_order.get(index + 1).copied().unwrap_or_default(),
                binomial,
            }
        });
        orders.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_new_when_it_differs_from_the_last() {
        let mut books = Books::new(Span::from_secs(60), Span::ZERO);
        assert!(
            !books.order(Time::START, 0.0, 0.0),
            "nothing was ordered yet"
        );
        assert!(books.order(Time::START, 0.05, 0.0));
        assert!(!books.order(Time::from_secs(1), 0.05, 0.0));
        assert!(books.order(Time::from_secs(2), 0.0, 0.1));
        assert_eq!(books.orders.len(), 2);
    }

    #[test]
    fn a_run_closes_when_its_controller_has_finished_and_the_aftermath_is_over() {
        let mut books = Books::new(Span::from_secs(60), Span::from_secs(5));
        assert_eq!(books.closes(false), Time::from_secs(60));
        books.end(Ending::RolledBack, Time::from_secs(20), Counts::default());
        assert_eq!(books.closes(true), Time::from_secs(25));
        assert_eq!(books.closes(false), Time::from_secs(65));
    }

    #[test]
    fn a_share_is_held_against_the_binomial_law() {
        let kept = |asked: f64, requests: [u64; 3], binomial: bool| {
            let from = Time::START;
            ShareKept {
                from,
                asked,
                requests,
                binomial,
            }
            .z()
        };
        // 60 of 1,000 at 5 %: one standard error is 6.9.
        let z = kept(0.05, [940, 60, 0], true).unwrap();
        assert!((z - 1.451).abs() < 1e-3, "{z}");
        assert_eq!(kept(0.05, [940, 60, 0], false), None);
        assert_eq!(kept(0.0, [940, 0, 0], true), None);
        assert_eq!(kept(0.05, [0, 0, 0], true), None);
    }
}
