//! Statistical gates: tests that go from look to look, remember what they have seen, and say with
//! which error they roll back. One file per test; each is documented under the same headings.
//!
//! Their words: a *look* is one evaluation; a *batch* is what was counted between two looks, whole
//! numbers per arm; the *planned* duration is that of the rollout when nothing stops it.

mod batch;
mod beta_binomial;
mod change_evidence;
mod change_spending;
mod classics;
mod clustered_z;
mod combined;
mod cumulative_z;
mod cusum;
mod dkw;
mod events;
mod exact_spending;
mod fisher;
mod group_sequential;
mod joint_spending;
mod ks;
mod latency_evidence;
mod lindon_malek;
mod looks;
mod mann_whitney;
mod memory;
mod msprt;
mod quantile_ab;
mod reading;
mod sample_ratio;
mod shares;
mod shelf;
mod shiryaev_roberts;
mod spending;
mod split_evidence;
mod sprt;
mod sums;
mod thresholds;
mod two_sided_evidence;
mod yeast;

pub use batch::{Arm, Batch};
pub use beta_binomial::BetaBinomial;
pub use change_evidence::{ChangeEvidence, Prior};
pub use change_spending::ChangeSpending;
pub use clustered_z::ClusteredZ;
pub use combined::{Combined, Correction};
pub use cumulative_z::CumulativeZ;
pub use cusum::Cusum;
pub use dkw::Dkw;
pub use events::Events;
pub use exact_spending::{ExactSpending, Exposure};
pub use fisher::Fisher;
pub use group_sequential::GroupSequential;
pub use joint_spending::JointSpending;
pub use ks::Ks;
pub use latency_evidence::LatencyEvidence;
pub use lindon_malek::LindonMalek;
pub use looks::Looks;
pub use mann_whitney::MannWhitney;
pub use memory::Memory;
pub use msprt::Msprt;
pub use quantile_ab::QuantileAb;
pub use sample_ratio::SampleRatio;
pub use shelf::shelf;
pub use shiryaev_roberts::ShiryaevRoberts;
pub use spending::Spending;
pub use split_evidence::SplitEvidence;
pub use sprt::Sprt;
pub use thresholds::Thresholds;
pub use two_sided_evidence::TwoSidedEvidence;
pub use yeast::Yeast;

use std::fmt;

use super::series::{self, Of, RouteSeries};
use crate::base::{Probability, Span};
use crate::telemetry::{Demand, Version};

/// A test, and on which series it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct Statistical {
    /// The test.
    pub method: Method,
    /// The route whose own series are read; `None`: those of the whole version.
    pub route: Option<RouteSeries>,
    /// What the canary is compared with.
    pub against: Version,
    /// How long and how often it is expected to look.
    pub planned: Planned,
}

/// How long and how often a test is expected to look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Planned {
    /// From the canary's first traffic to the planned end.
    pub duration: Span,
    /// Between two looks.
    pub interval: Span,
}

impl Planned {
    /// Looks up to the planned end, at least one.
    pub fn looks(self) -> u32 {
        let looks = self.duration.as_nanos() / self.interval.as_nanos().max(1);
        u32::try_from(looks.max(1)).unwrap_or(u32::MAX)
    }

    /// How much of the plan is over after so long, 0 to 1.
    pub fn share(self, elapsed: Span) -> f64 {
        let planned = self.duration.as_secs_f64();
        if planned > 0.0 {
            (elapsed.as_secs_f64() / planned).min(1.0)
        } else {
            1.0
        }
    }
}

/// Which test, with its parameters.
#[derive(Debug, Clone, PartialEq)]
pub enum Method {
    /// Posterior chance that the canary is worse, on everything since the start.
    BetaBinomial(BetaBinomial),
    /// Two-proportion z with users as the units, on everything since the start.
    ClusteredZ(ClusteredZ),
    /// Several tests together.
    Combined(Combined),
    /// Pooled two-proportion z on everything since the start.
    CumulativeZ(CumulativeZ),
    /// Cumulative sum of which errors are the canary's.
    Cusum(Cusum),
    /// Time-uniform bands around the latency distributions.
    Dkw(Dkw),
    /// Fisher's exact test on everything since the start.
    Fisher(Fisher),
    /// Group sequential test on the stratified z.
    GroupSequential(GroupSequential),
    /// Kolmogorov-Smirnov test of latencies since the start.
    Ks(Ks),
    /// Always-valid multinomial test of which errors are the canary's.
    LindonMalek(LindonMalek),
    /// Mann-Whitney test of latencies since the start.
    MannWhitney(MannWhitney),
    /// Mixture SPRT of the difference of error ratios.
    Msprt(Msprt),
    /// Always-valid test of a latency quantile.
    QuantileAb(QuantileAb),
    /// Do the versions get their shares of the requests?
    SampleRatio(SampleRatio),
    /// Shiryaev-Roberts sum of which errors are the canary's.
    ShiryaevRoberts(ShiryaevRoberts),
    /// SPRT of which errors are the canary's.
    Sprt(Sprt),
    /// Constant boundary on the excess of the canary's errors.
    Yeast(Yeast),
    /// Exact alpha spending on the split of events.
    ExactSpending(ExactSpending),
    /// E-process of the split of events.
    SplitEvidence(SplitEvidence),
    /// Change-point e-process of the split of events.
    ChangeEvidence(ChangeEvidence),
    /// Alpha spending on a change-point statistic.
    ChangeSpending(ChangeSpending),
    /// E-process of latency at several thresholds.
    LatencyEvidence(LatencyEvidence),
    /// Alpha spending on errors and latency together.
    JointSpending(JointSpending),
    /// Evidence for promotion beside evidence for rollback.
    TwoSidedEvidence(TwoSidedEvidence),
}

/// What a test promises about rolling back a good canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// At the one planned look, with probability at most alpha.
    FixedHorizon,
    /// At any of the looks up to the planned end, together at most alpha.
    PlannedHorizon,
    /// Ever, however long it is looked at, at most alpha.
    Anytime,
    /// The mean time between two false alarms is at least so long.
    RunLength,
    /// Nothing.
    None,
}

/// What a test reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Requests and errors.
    Errors,
    /// Latency histograms.
    Latency,
    /// Errors and latency histograms.
    Both,
    /// Requests alone.
    Requests,
    /// Failures by user.
    Users,
}

/// What everybody may know of a test before it is set up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// Its name in scenarios: `kind = "..."`.
    pub kind: &'static str,
    /// What it is called.
    pub title: &'static str,
    /// What it promises.
    pub guarantee: Guarantee,
    /// Whether it keeps its promise at every sample size, and not only in the limit of many.
    pub exact: bool,
    /// What it reads.
    pub reads: Reads,
    /// What its figure is: `p`, `e` or the letter of a statistic.
    pub scale: &'static str,
}

/// A test under way in one rollout.
///
/// To drive it: [`Test::begin`] each rollout, then [`Test::look`] at each batch in order of time.
pub trait Test: fmt::Debug + Send {
    /// Forgets the rollout before; `luck` decides what a test draws that judges by chance of its own.
    fn begin(&mut self, luck: u64);

    /// Takes in what was counted since the look before, and says what it makes of everything.
    fn look(&mut self, batch: &Batch<'_>) -> Look;
}

/// What a test says at a look.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Look {
    /// What it makes of everything so far.
    pub decision: Decision,
    /// On which evidence.
    pub evidence: Evidence,
}

/// What a test makes of what it has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing: the statistic is not defined on so little.
    NoData,
    /// No regression seen.
    Clear,
    /// Evidence is waited for, for the canary or against it.
    Undecided,
    /// The canary is worse.
    Worse,
    /// The canary is no worse than is tolerated.
    NotWorse,
    /// The versions do not get their shares of the requests: nothing else can be trusted.
    ShareMismatch,
}

/// The evidence of a look, and where the test decides.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Evidence {
    /// A p-value, against the canary when at most `level`.
    P {
        /// It.
        p: f64,
        /// The level at this look.
        level: f64,
    },
    /// The logarithm of an e-value, against the canary when at least `limit`.
    LogE {
        /// It.
        log_e: f64,
        /// The logarithm of 1/alpha.
        limit: f64,
    },
    /// Another statistic, against the canary when at least `limit`.
    Statistic {
        /// It.
        value: f64,
        /// Its limit at this look.
        limit: f64,
    },
}

impl Evidence {
    /// The figure and its limit as people read them: p-values, e-values, statistics.
    pub fn figures(self) -> (f64, f64) {
        match self {
            Evidence::P { p, level } => (p, level),
            Evidence::LogE { log_e, limit } => (log_e.exp().min(1e300), limit.exp()),
            Evidence::Statistic { value, limit } => (value, limit),
        }
    }
}

impl Look {
    /// A look at too little.
    pub fn no_data(evidence: Evidence) -> Look {
        Look {
            decision: Decision::NoData,
            evidence,
        }
    }

    /// A look at a p-value: the canary is worse when it is at most `level`.
    pub fn at_p(p: f64, level: f64) -> Look {
        Look {
            decision: match p <= level {
                true => Decision::Worse,
                false => Decision::Clear,
            },
            evidence: Evidence::P { p, level },
        }
    }

    /// A look at an e-value: the canary is worse when its logarithm is at least `limit`.
    pub fn at_log_e(log_e: f64, limit: f64) -> Look {
        Look {
            decision: match log_e >= limit {
                true => Decision::Worse,
                false => Decision::Clear,
            },
            evidence: Evidence::LogE { log_e, limit },
        }
    }

    /// A look at a statistic: the canary is worse when it is at least `limit`.
    pub fn at_statistic(value: f64, limit: f64) -> Look {
        Look {
            decision: match value >= limit {
                true => Decision::Worse,
                false => Decision::Clear,
            },
            evidence: Evidence::Statistic { value, limit },
        }
    }
}

impl Method {
    /// What everybody may know of it.
    pub fn entry(&self) -> Entry {
        // A test for one look promises what the looks at it leave.
        let made = |entry: Entry, looks: Looks| Entry {
            guarantee: looks.guarantee(),
            ..entry
        };
        match self {
            Method::BetaBinomial(method) => made(BetaBinomial::ENTRY, method.looks),
            Method::ClusteredZ(method) => made(ClusteredZ::ENTRY, method.looks),
            Method::Combined(method) => method.entry(),
            Method::CumulativeZ(method) => made(CumulativeZ::ENTRY, method.looks),
            Method::Cusum(_) => Cusum::ENTRY,
            Method::Dkw(_) => Dkw::ENTRY,
            Method::Fisher(method) => made(Fisher::ENTRY, method.looks),
            Method::GroupSequential(_) => GroupSequential::ENTRY,
            Method::Ks(method) => made(Ks::ENTRY, method.looks),
            Method::LindonMalek(_) => LindonMalek::ENTRY,
            Method::MannWhitney(method) => made(MannWhitney::ENTRY, method.looks),
            Method::Msprt(_) => Msprt::ENTRY,
            Method::QuantileAb(_) => QuantileAb::ENTRY,
            Method::SampleRatio(_) => SampleRatio::ENTRY,
            Method::ShiryaevRoberts(_) => ShiryaevRoberts::ENTRY,
            Method::Sprt(method) => method.entry(),
            Method::Yeast(_) => Yeast::ENTRY,
            Method::ExactSpending(method) => method.events.read_by(ExactSpending::ENTRY),
            Method::SplitEvidence(method) => method.events.read_by(SplitEvidence::ENTRY),
            Method::ChangeEvidence(method) => method.events.read_by(ChangeEvidence::ENTRY),
            Method::ChangeSpending(method) => method.events.read_by(ChangeSpending::ENTRY),
            Method::LatencyEvidence(method) => *method.entry(),
            Method::JointSpending(_) => JointSpending::ENTRY,
            Method::TwoSidedEvidence(method) => method.events.read_by(TwoSidedEvidence::ENTRY),
        }
    }

    /// The tests that it is made of: itself, or its parts.
    pub fn parts(&self) -> &[Method] {
        match self {
            Method::Combined(method) => method.parts(),
            _ => std::slice::from_ref(self),
        }
    }

    /// Sets the chance of rolling back a good canary.
    fn set_level(&mut self, level: Probability) {
        match self {
            Method::BetaBinomial(method) => method.alpha = level,
            Method::ClusteredZ(method) => method.alpha = level,
            Method::Combined(method) => method.alpha = level,
            Method::CumulativeZ(method) => method.alpha = level,
            Method::Cusum(method) => method.alpha = level,
            Method::Dkw(method) => method.alpha = level,
            Method::Fisher(method) => method.alpha = level,
            Method::GroupSequential(method) => method.alpha = level,
            Method::Ks(method) => method.alpha = level,
            Method::LindonMalek(method) => method.alpha = level,
            Method::MannWhitney(method) => method.alpha = level,
            Method::Msprt(method) => method.alpha = level,
            Method::QuantileAb(method) => method.alpha = level,
            Method::SampleRatio(method) => method.alpha = level,
            Method::ShiryaevRoberts(method) => method.alpha = level,
            Method::Sprt(method) => method.alpha = level,
            Method::Yeast(method) => method.alpha = level,
            Method::ExactSpending(method) => method.alpha = level,
            Method::SplitEvidence(method) => method.alpha = level,
            Method::ChangeEvidence(method) => method.alpha = level,
            Method::ChangeSpending(method) => method.alpha = level,
            Method::LatencyEvidence(method) => method.alpha = level,
            Method::JointSpending(method) => method.alpha = level,
            Method::TwoSidedEvidence(method) => method.alpha = level,
        }
    }

    /// What it is called in tables, without its level.
    pub fn label(&self) -> String {
        let title = self.entry().title;
        match self {
            Method::BetaBinomial(method) => format!("{title}, {}", method.looks),
            Method::ClusteredZ(method) => format!("{title}, {}", method.looks),
            Method::Combined(method) => method.label(),
            Method::CumulativeZ(method) => format!("{title}, {}", method.looks),
            Method::Fisher(method) => format!("{title}, {}", method.looks),
            Method::GroupSequential(method) => format!("{title}, {}", method.spending),
            Method::Ks(method) => format!("{title}, {}", method.looks),
            Method::MannWhitney(method) => format!("{title}, {}", method.looks),
            Method::QuantileAb(method) => format!("{title}, {}", method.quantile),
            _ => title.to_owned(),
        }
    }

    /// The test before its first rollout.
    pub fn start(&self, planned: Planned) -> Box<dyn Test> {
        match self {
            Method::BetaBinomial(method) => Box::new(method.start(planned)),
            Method::ClusteredZ(method) => Box::new(method.start(planned)),
            Method::Combined(method) => Box::new(method.start(planned)),
            Method::CumulativeZ(method) => Box::new(method.start(planned)),
            Method::Cusum(method) => Box::new(method.start(planned)),
            Method::Dkw(method) => Box::new(method.start()),
            Method::Fisher(method) => Box::new(method.start(planned)),
            Method::GroupSequential(method) => Box::new(method.start(planned)),
            Method::Ks(method) => Box::new(method.start(planned)),
            Method::LindonMalek(method) => Box::new(method.start()),
            Method::MannWhitney(method) => Box::new(method.start(planned)),
            Method::Msprt(method) => Box::new(method.start()),
            Method::QuantileAb(method) => Box::new(method.start(planned)),
            Method::SampleRatio(method) => Box::new(method.start()),
            Method::ShiryaevRoberts(method) => Box::new(method.start(planned)),
            Method::Sprt(method) => Box::new(method.start()),
            Method::Yeast(method) => Box::new(method.start(planned)),
            Method::ExactSpending(method) => Box::new(method.start(planned)),
            Method::SplitEvidence(method) => Box::new(method.start()),
            Method::ChangeEvidence(method) => Box::new(method.start(planned)),
            Method::ChangeSpending(method) => Box::new(method.start(planned)),
            Method::LatencyEvidence(method) => Box::new(method.clone().start()),
            Method::JointSpending(method) => Box::new(method.clone().start(planned)),
            Method::TwoSidedEvidence(method) => Box::new(method.start()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Method::BetaBinomial(method) => method.fmt(f),
            Method::ClusteredZ(method) => method.fmt(f),
            Method::Combined(method) => method.fmt(f),
            Method::CumulativeZ(method) => method.fmt(f),
            Method::Cusum(method) => method.fmt(f),
            Method::Dkw(method) => method.fmt(f),
            Method::Fisher(method) => method.fmt(f),
            Method::GroupSequential(method) => method.fmt(f),
            Method::Ks(method) => method.fmt(f),
            Method::LindonMalek(method) => method.fmt(f),
            Method::MannWhitney(method) => method.fmt(f),
            Method::Msprt(method) => method.fmt(f),
            Method::QuantileAb(method) => method.fmt(f),
            Method::SampleRatio(method) => method.fmt(f),
            Method::ShiryaevRoberts(method) => method.fmt(f),
            Method::Sprt(method) => method.fmt(f),
            Method::Yeast(method) => method.fmt(f),
            Method::ExactSpending(method) => method.fmt(f),
            Method::SplitEvidence(method) => method.fmt(f),
            Method::ChangeEvidence(method) => method.fmt(f),
            Method::ChangeSpending(method) => method.fmt(f),
            Method::LatencyEvidence(method) => method.fmt(f),
            Method::JointSpending(method) => method.fmt(f),
            Method::TwoSidedEvidence(method) => method.fmt(f),
        }
    }
}

impl Statistical {
    /// What it reads.
    pub fn demand(&self) -> Demand {
        let reads = |what: &[Reads]| {
            let parts = self.method.parts().iter();
            parts
                .map(Method::entry)
                .any(|part| what.contains(&part.reads))
        };
        Demand {
            latency: reads(&[Reads::Latency, Reads::Both]),
            users: reads(&[Reads::Users]),
            ..series::demand(&[self.against, Version::Canary], self.route.as_ref())
        }
    }
}

impl fmt::Display for Statistical {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.method, Of(&self.route))?;
        if self.against != Version::Stable {
            write!(f, " against {}", series::name(self.against))?;
        }
        Ok(())
    }
}

/// What is written of a design effect, if it is one.
fn write_design_effect(f: &mut fmt::Formatter<'_>, effect: f64) -> fmt::Result {
    match effect {
        1.0 => Ok(()),
        effect => write!(f, ", design effect {effect}"),
    }
}

#[cfg(test)]
mod tests;
