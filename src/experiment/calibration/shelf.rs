//! The gates that are calibrated, by the names of the tables.

use super::rules::Rule;
use super::settings::{Correlation, Group, LATENCY, Setting};
use crate::base::{Probability, Span};
use crate::gate::statistical::{
    BetaBinomial, ChangeEvidence, ChangeSpending, ClusteredZ, CumulativeZ, Cusum, Dkw, Events,
    ExactSpending, Exposure, Fisher, GroupSequential, Guarantee, JointSpending, Ks,
    LatencyEvidence, LindonMalek, Looks, MannWhitney, Method, Msprt, Planned, Prior, QuantileAb,
    Reads, SampleRatio, ShiryaevRoberts, Spending, SplitEvidence, Sprt, Test, Thresholds,
    TwoSidedEvidence, Yeast,
};

/// The level of every test on the shelf.
pub const ALPHA: f64 = 0.05;
/// Companions of a test that deals them.
const PARTICLES: u32 = 1_999;
/// The same where errors and latencies are dealt together.
const JOINT_PARTICLES: u32 = 999;
/// Canary requests that tests of a quantile are tuned to: ten minutes of the latency setting.
const TUNED_TO: u64 = 3_000;

/// A gate on the shelf.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    /// Its name in tables.
    pub label: &'static str,
    /// Its kind, as scenarios call it; `rule` for what is there to compare with.
    pub kind: &'static str,
    /// What it promises as it is used here, which is nothing when it is misused.
    pub promise: Guarantee,
    /// Whether it keeps its promise at any sample size.
    pub exact: bool,
    /// Whether it takes all requests since the start together, whatever the weight was.
    pub pooled: bool,
    /// What it reads.
    pub reads: Reads,
    /// Trials at most with a good and with a faulty canary, where it takes long.
    most: Option<[u32; 2]>,
    subject: Subject,
}

#[derive(Debug, Clone, PartialEq)]
enum Subject {
    Method(Method),
    Rule(Rule),
}

impl Gate {
    fn method(label: &'static str, method: Method) -> Gate {
        let entry = method.entry();
        Gate {
            label,
            kind: entry.kind,
            promise: entry.guarantee,
            exact: entry.exact,
            pooled: false,
            reads: entry.reads,
            most: None,
            subject: Subject::Method(method),
        }
    }

    fn rule(label: &'static str, rule: Rule) -> Gate {
        Gate {
            label,
            kind: "rule",
            promise: Guarantee::None,
            exact: false,
            pooled: true,
            reads: Reads::Errors,
            most: None,
            subject: Subject::Rule(rule),
        }
    }

    /// Playing no more trials than these with a good and with a faulty canary.
    fn at_most(self, good: u32, faulty: u32) -> Gate {
        Gate {
            most: Some([good, faulty]),
            ..self
        }
    }

    /// Trials that it plays at most.
    pub(super) fn most(&self, good: bool) -> u32 {
        self.most.map_or(u32::MAX, |most| most[usize::from(!good)])
    }

    fn reading(self, reads: Reads) -> Gate {
        Gate { reads, ..self }
    }

    fn pooling(self) -> Gate {
        Gate {
            pooled: true,
            ..self
        }
    }

    /// The gate before its first trial in a setting.
    pub(super) fn start(&self, setting: &Setting) -> Box<dyn Test> {
        let planned = Planned {
            duration: setting.duration(),
            interval: setting.interval,
        };
        match &self.subject {
            // Tuned to the error ratio, which whoever tunes it knows.
            Subject::Method(Method::Msprt(method)) => {
                let tau = Probability::new(setting.stages[0].errors);
                Method::Msprt(Msprt { tau, ..*method }).start(planned)
            }
            Subject::Method(method) => method.start(planned),
            Subject::Rule(rule) => Box::new(rule.start(planned)),
        }
    }

    /// Whether it says with which probability it rolls back a good canary at most.
    pub fn has_level(&self) -> bool {
        matches!(
            self.promise,
            Guarantee::FixedHorizon | Guarantee::PlannedHorizon | Guarantee::Anytime
        )
    }

    /// Whether users, and not requests, are its units.
    pub(super) fn is_of_users(&self) -> bool {
        self.reads == Reads::Users
    }

    /// Whether it reads latency histograms.
    pub fn reads_latencies(&self) -> bool {
        matches!(self.reads, Reads::Latency | Reads::Both)
    }

    /// Whether a setting has something to tell about it.
    pub fn fits(&self, setting: &Setting) -> bool {
        let sticky = matches!(setting.correlation, Correlation::Sticky { .. });
        let errors = match self.reads {
            Reads::Errors | Reads::Both | Reads::Requests => true,
            Reads::Latency => false,
            Reads::Users => sticky,
        };
        let misused = self.promise == Guarantee::None;
        match setting.group {
            Group::Errors | Group::Broken => errors,
            Group::Latency => self.reads_latencies(),
            Group::Peeking => misused && self.reads == Reads::Errors && self.is_test(),
            Group::Anytime => {
                let unending = matches!(self.promise, Guarantee::Anytime | Guarantee::RunLength);
                unending && errors
            }
            Group::Sweep => self.has_level() && errors,
        }
    }

    fn is_test(&self) -> bool {
        match self.subject {
            Subject::Method(_) => true,
            Subject::Rule(rule) => matches!(rule, Rule::TwoSidedZ { .. }),
        }
    }

    /// Its name in one word, for the command line.
    pub fn word(&self) -> String {
        let mut word = String::new();
        for letter in self.label.chars() {
            match letter {
                letter if letter.is_alphanumeric() || letter == '.' => {
                    word.extend(letter.to_lowercase());
                }
                _ if word.ends_with('-') || word.is_empty() => {}
                _ => word.push('-'),
            }
        }
        word.trim_end_matches('-').to_owned()
    }
}

/// Every gate, in the order of the tables.
pub fn shelf() -> Vec<Gate> {
    let mut shelf = split();
    shelf.extend(latency());
    shelf.extend(latency_classics());
    shelf.extend(classics());
    shelf.extend(rules());
    shelf
}

/// Tests on which of the errors are the canary's.
fn split() -> Vec<Gate> {
    let (alpha, events) = (level(), Events::Errors);
    let spending = |label, spending| {
        let method = ExactSpending {
            alpha,
            spending,
            exposure: Exposure::Realised,
            events,
        };
        Gate::method(label, Method::ExactSpending(method))
    };
    let change = |label, prior| {
        let method = ChangeEvidence {
            alpha,
            prior,
            events,
        };
        Gate::method(label, Method::ChangeEvidence(method))
    };
    vec![
        spending("exact split spending, Pocock-type", Spending::Pocock),
        spending("exact split spending, OBF-type", Spending::OBrienFleming),
        spending("exact split spending, alpha sqrt(t)", Spending::Root),
        Gate::method(
            "conditional Monte Carlo, change-point",
            Method::ChangeSpending(ChangeSpending {
                alpha,
                spending: Spending::Pocock,
                particles: PARTICLES,
                events,
            }),
        ),
        Gate::method(
            "split e-process, anytime",
            Method::SplitEvidence(SplitEvidence {
                alpha,
                tolerate: 1.0,
                events,
            }),
        ),
        change("change-point e-process, anytime", Prior::Uniform),
        change("change-point e-process, half at start", Prior::HalfAtStart),
        Gate::method(
            "two-sided evidence",
            Method::TwoSidedEvidence(TwoSidedEvidence {
                alpha,
                alpha_promote: alpha,
                tolerate: 2.0,
                events,
            }),
        ),
    ]
}

/// Tests that read latencies.
fn latency() -> Vec<Gate> {
    let alpha = level();
    let evidence = |label, errors| {
        let method = LatencyEvidence {
            alpha,
            thresholds: Thresholds::Pooled,
            errors,
        };
        Gate::method(label, Method::LatencyEvidence(method))
    };
    // Stable's quantiles, as they are known before the canary comes.
    let slower = |quantile| Events::Slower(Span::from_secs_f64(LATENCY.quantile(quantile)));
    let spending = |label, quantile| {
        let method = ExactSpending {
            alpha,
            spending: Spending::Pocock,
            exposure: Exposure::Realised,
            events: slower(quantile),
        };
        let gate = Gate::method(label, Method::ExactSpending(method));
        gate.reading(Reads::Latency)
    };
    vec![
        Gate::method(
            "errors and latency jointly, Monte Carlo",
            Method::JointSpending(JointSpending {
                alpha,
                spending: Spending::Pocock,
                particles: JOINT_PARTICLES,
                thresholds: Thresholds::Pooled,
            }),
        )
        .at_most(4_000, 1_000),
        evidence("multi-threshold latency e-process", false),
        evidence("errors and latency e-process", true),
        Gate::method(
            "slow requests (> p99), split e-process",
            Method::SplitEvidence(SplitEvidence {
                alpha,
                tolerate: 1.0,
                events: slower(0.99),
            }),
        )
        .reading(Reads::Latency),
        spending("slow requests (> p99), exact split spending", 0.99),
        spending("slow requests (> p95), exact split spending", 0.95),
    ]
}

fn level() -> Probability {
    chance(ALPHA)
}

fn chance(value: f64) -> Probability {
    Probability::new(value).unwrap_or(Probability::ZERO)
}

/// Tests of the difference of two shares, and of how errors come.
fn classics() -> Vec<Gate> {
    let alpha = level();
    let z = |label, looks| {
        let method = Method::CumulativeZ(CumulativeZ {
            alpha,
            looks,
            design_effect: 1.0,
        });
        Gate::method(label, method).pooling()
    };
    let fisher = |label, looks| {
        let method = Method::Fisher(Fisher { alpha, looks });
        Gate::method(label, method).pooling()
    };
    let clustered = |label, looks| {
        let method = Method::ClusteredZ(ClusteredZ { alpha, looks });
        Gate::method(label, method).pooling()
    };
    let spending = |label, spending| {
        let method = GroupSequential {
            alpha,
            spending,
            design_effect: 1.0,
        };
        Gate::method(label, Method::GroupSequential(method))
    };
    let sprt = |label, beta| {
        let ratio = 2.0;
        Gate::method(label, Method::Sprt(Sprt { alpha, ratio, beta }))
    };
    let worse = |label, alpha| {
        let looks = Looks::Every;
        let alpha = chance(alpha);
        let method = Method::BetaBinomial(BetaBinomial { alpha, looks });
        Gate::method(label, method).pooling()
    };
    let ratio = 2.0;
    let lindon_malek = LindonMalek {
        alpha,
        concentration: 100.0,
    };
    vec![
        z("pooled z, once at the end", Looks::End),
        z("pooled z, peeked", Looks::Every),
        z("pooled z, Bonferroni over the looks", Looks::Shared),
        fisher("Fisher, once at the end", Looks::End),
        fisher("Fisher, peeked", Looks::Every),
        clustered("cluster-robust z, once at the end", Looks::End),
        clustered("cluster-robust z, peeked", Looks::Every),
        spending("z + OBF-type spending", Spending::OBrienFleming),
        spending("z + Pocock-type spending", Spending::Pocock),
        Gate::method("YEAST", Method::Yeast(Yeast { alpha })),
        sprt("power-one SPRT on labels, r = 2", None),
        sprt("Wald SPRT on labels, r = 2, beta 0.2", Some(chance(0.2))),
        Gate::method(
            "CUSUM r = 2, h = ln(60/0.05)",
            Method::Cusum(Cusum { alpha, ratio }),
        ),
        Gate::method(
            "Shiryaev-Roberts r = 2, A = 60/0.05",
            Method::ShiryaevRoberts(ShiryaevRoberts { alpha, ratio }),
        ),
        Gate::method("Lindon-Malek, K = 100", Method::LindonMalek(lindon_malek)),
        Gate::method(
            "mSPRT normal, tau = p",
            Method::Msprt(Msprt { alpha, tau: None }),
        )
        .pooling(),
        worse("P(worse) > 0.95, peeked", 0.05),
        worse("P(worse) > 0.99, peeked", 0.01),
        worse("P(worse) > 0.999, peeked", 0.001),
        Gate::method("sample ratio", Method::SampleRatio(SampleRatio { alpha })),
    ]
}

/// The published tests of latency.
fn latency_classics() -> Vec<Gate> {
    let alpha = level();
    let rank = |label, looks| {
        let method = Method::MannWhitney(MannWhitney { alpha, looks });
        Gate::method(label, method).pooling()
    };
    let quantile = |label, quantile| {
        let method = QuantileAb {
            alpha,
            quantile: chance(quantile),
            requests: Some(TUNED_TO),
        };
        Gate::method(label, Method::QuantileAb(method)).pooling()
    };
    let looks = Looks::Every;
    vec![
        rank("Mann-Whitney, once at the end", Looks::End),
        rank("Mann-Whitney, peeked", Looks::Every),
        Gate::method(
            "Kolmogorov-Smirnov, peeked",
            Method::Ks(Ks { alpha, looks }),
        )
        .pooling(),
        Gate::method("time-uniform DKW bands", Method::Dkw(Dkw { alpha })).pooling(),
        quantile("quantile A/B p50", 0.5),
        quantile("quantile A/B p90", 0.9),
        quantile("quantile A/B p99", 0.99),
        Gate::rule(
            "Mann-Whitney on per-minute p99, 98 % at the end",
            Rule::RanksOfQuantile {
                quantile: 0.99,
                alpha: 0.02,
            },
        )
        .reading(Reads::Latency),
    ]
}

fn rules() -> Vec<Gate> {
    let success = |least, batches| Rule::Success { least, batches };
    vec![
        Gate::rule(
            "pooled z, two-sided, peeked",
            Rule::TwoSidedZ { alpha: ALPHA },
        ),
        Gate::rule("z on each minute alone", Rule::BatchZ { alpha: ALPHA }),
        Gate::rule("success < 99 % in a minute", success(0.99, 1)),
        Gate::rule("success < 99 %, 5th failed minute", success(0.99, 5)),
        Gate::rule("success < 95 %, 5th failed minute", success(0.95, 5)),
        Gate::rule(
            "canary rate > 1.5 x stable, cumulative",
            Rule::Ratio { most: 1.5 },
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_gate_has_a_name_of_its_own() {
        let shelf = shelf();
        let words: BTreeSet<String> = shelf.iter().map(Gate::word).collect();
        assert_eq!(words.len(), shelf.len());
        assert!(words.contains("success-95-5th-failed-minute"), "{words:?}");
    }

    #[test]
    fn what_is_misused_promises_nothing() {
        let peeked = |gate: &&Gate| gate.label.contains("peeked");
        let shelf = shelf();
        assert!(shelf.iter().filter(peeked).count() >= 2);
        assert!(!shelf.iter().filter(peeked).any(Gate::has_level));
    }
}
