//! From telemetry to batches, and from looks to verdicts: what a test remembers of one rollout.

use super::{Arm, Batch, Decision, Look, Reads, Statistical, Test};
use crate::base::Time;
use crate::gate::{Outcome, Rule, Verdict};
use crate::telemetry::{Telemetry, Totals, Version};

/// What a test remembers of one rollout.
#[derive(Debug)]
pub struct Memory {
    test: Box<dyn Test>,
    /// Whether it reads latencies, and whether those of failures apart.
    latencies: bool,
    apart: bool,
    /// The other arm, then the canary.
    arms: [Counted; 2],
    /// When the look before was.
    before: Time,
    /// The look before the canary's first request.
    begun: Option<Time>,
    /// Rolled back already.
    settled: Option<Verdict>,
}

/// What was counted of an arm.
#[derive(Debug, Default)]
struct Counted {
    /// Requests and errors up to the look before.
    requests: u64,
    errors: u64,
    buckets: Vec<u64>,
    /// When the newest sample of the look before was taken.
    at: Time,
    /// Requests per bucket of the present batch.
    batch: Vec<u64>,
}

impl Counted {
    fn begin(&mut self) {
        (self.requests, self.errors, self.at) = (0, 0, Time::START);
        self.buckets.fill(0);
    }

    /// What was counted since the look before; with `latencies`, by bucket too, and
    /// with `apart` the failed ones by bucket after them.
    fn take(&mut self, totals: &Totals<'_>, latencies: bool, apart: bool) -> Arm<'_> {
        let all: u64 = totals.requests.iter().sum();
        let errors = totals.requests[1];
        let (requests, failed) = (all - self.requests, errors - self.errors);
        (self.requests, self.errors, self.at) = (all, errors, totals.at);
        self.batch.clear();
        if latencies {
            let width = totals.width();
            self.buckets
                .resize(if apart { 2 * width } else { width }, 0);
            for (place, seen) in self.buckets.iter_mut().enumerate() {
                let now = match place.checked_sub(width) {
                    None => totals.in_bucket(place),
                    Some(bucket) => totals.failed_in_bucket(bucket),
                };
                self.batch.push(now - *seen);
                *seen = now;
            }
        }
        Arm {
            requests,
            errors: failed,
            latencies: &self.batch,
            users: totals.failures,
        }
    }
}

impl Memory {
    /// Of nothing yet.
    pub fn new(gate: &Statistical) -> Memory {
        Memory {
            test: gate.method.start(gate.planned),
            latencies: gate.demand().latency,
            apart: gate.method.entry().reads == Reads::Both,
            arms: [Counted::default(), Counted::default()],
            before: Time::START,
            begun: None,
            settled: None,
        }
    }

    /// Forgets the rollout before.
    pub(in crate::gate) fn begin(&mut self, luck: u64) {
        self.test.begin(luck);
        for arm in &mut self.arms {
            arm.begin();
        }
        (self.before, self.begun, self.settled) = (Time::START, None, None);
    }

    /// Passes over what was counted up to `now`: it is older than the rollout.
    pub(in crate::gate) fn pass_over(
        &mut self,
        gate: &Statistical,
        now: Time,
        telemetry: &Telemetry,
    ) {
        let route = gate.route.as_ref().map(|route| route.index);
        let versions = [gate.against, Version::Canary];
        for (arm, version) in self.arms.iter_mut().zip(versions) {
            if let Some(totals) = telemetry.totals(version, route, now) {
                arm.take(&totals, self.latencies, self.apart);
            }
        }
    }

    /// Judges everything up to `now`. Whoever was rolled back once stays so: evidence against the
    /// canary is not forgotten because later batches are kinder.
    pub(in crate::gate) fn judge(
        &mut self,
        gate: &Statistical,
        now: Time,
        telemetry: &Telemetry,
    ) -> Verdict {
        if let Some(verdict) = self.settled {
            return verdict;
        }
        let route = gate.route.as_ref().map(|route| route.index);
        let totals = |version| telemetry.totals(version, route, now);
        let (Some(other), Some(canary)) = (totals(gate.against), totals(Version::Canary)) else {
            return verdict(None, 0.0);
        };
        let since = self.arms[1].at;
        let [first, second] = &mut self.arms;
        let (others, canaries) = (
            first.take(&other, self.latencies, self.apart),
            second.take(&canary, self.latencies, self.apart),
        );
        if canaries.requests > 0 && self.begun.is_none() {
            self.begun = Some(self.before);
        }
        let begun = self.begun.unwrap_or(now);
        let weights = telemetry.weights_between(since, canary.at);
        let batch = Batch {
            elapsed: now.since(begun),
            share: weights.map(|weights| weights.against(gate.against)),
            bounds: telemetry.bounds(),
            other: others,
            canary: canaries,
        };
        let look = self.test.look(&batch);
        self.before = now;
        let fewer = self.arms[0].requests.min(self.arms[1].requests);
        let verdict = verdict(Some(look), fewer as f64);
        if verdict.outcome == Outcome::Fail {
            self.settled = Some(verdict);
        }
        verdict
    }
}

fn verdict(look: Option<Look>, samples: f64) -> Verdict {
    let (outcome, rule) = match look.map(|look| look.decision) {
        None | Some(Decision::NoData) => (Outcome::Inconclusive, Rule::NoData),
        Some(Decision::Clear) => (Outcome::Pass, Rule::WithinLimits),
        Some(Decision::Undecided) => (Outcome::Inconclusive, Rule::Undecided),
        Some(Decision::Worse) => (Outcome::Fail, Rule::Significant),
        Some(Decision::NotWorse) => (Outcome::Pass, Rule::NotWorse),
        Some(Decision::ShareMismatch) => (Outcome::Fail, Rule::ShareMismatch),
    };
    let (value, threshold) = match look {
        None => (f64::NAN, f64::NAN),
        Some(look) => look.evidence.figures(),
    };
    Verdict {
        outcome,
        gate: 0,
        value,
        threshold,
        samples,
        rule,
    }
}
