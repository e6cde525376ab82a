//! Several tests taken together.

use std::fmt;

use super::{Batch, Decision, Entry, Evidence, Guarantee, Look, Method, Planned, Reads, Test};
use crate::base::{Probability, split_mix};
use crate::stats::{benjamini_hochberg, e_benjamini_hochberg, holm};

#[doc = include_str!("../manual/combined.md")]
#[derive(Debug, Clone, PartialEq)]
pub struct Combined {
    /// Chance of rolling back a good canary.
    pub alpha: Probability,
    /// The tests, at least one; [`Combined::new`] gives them their levels.
    parts: Vec<Method>,
    /// How many of them must be against the canary, from 1 to all.
    need: usize,
    /// How their levels are corrected.
    correction: Correction,
}

/// How the levels of several tests are corrected for their number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Correction {
    /// Each at its own level.
    None,
    /// Each at its part of the level.
    Bonferroni,
    /// From the smallest p-value up.
    Holm,
    /// From the largest p-value down, for the share of false alarms.
    BenjaminiHochberg,
    /// The same by e-values, under any dependence.
    EBenjaminiHochberg,
}

impl Correction {
    /// Whether a test gives what the correction puts in order.
    ///
    /// # Errors
    /// What would be needed: p-values or e-values that hold whenever they are looked at.
    pub fn suits(self, part: &Entry) -> Result<(), &'static str> {
        let anytime = part.guarantee == Guarantee::Anytime;
        match self {
            Correction::None | Correction::Bonferroni => Ok(()),
            Correction::Holm | Correction::BenjaminiHochberg => {
                let holds = anytime && matches!(part.scale, "p" | "e");
                holds
                    .then_some(())
                    .ok_or("p-values or e-values that hold at any time")
            }
            Correction::EBenjaminiHochberg => {
                let holds = anytime && part.scale == "e";
                holds.then_some(()).ok_or("e-values that hold at any time")
            }
        }
    }
}

impl Combined {
    /// These tests at a common level; without a correction each keeps its own. `None` when there are
    /// no parts, or when none of them or more than all are needed.
    pub fn new(
        mut parts: Vec<Method>,
        need: usize,
        correction: Correction,
        alpha: Probability,
    ) -> Option<Combined> {
        if need == 0 || need > parts.len() {
            return None;
        }
        if correction != Correction::None {
            let each = alpha.get() * need as f64 / parts.len() as f64;
            let each = Probability::new(each).unwrap_or(alpha);
            for part in &mut parts {
                part.set_level(each);
            }
        }
        Some(Combined {
            alpha,
            parts,
            need,
            correction,
        })
    }

    /// Its tests.
    pub fn parts(&self) -> &[Method] {
        &self.parts
    }

    /// What it is called in tables.
    pub(super) fn label(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(Method::label).collect();
        let (need, all) = (self.need, self.parts.len());
        format!("{need} of {all}: {}", parts.join(", "))
    }

    /// What everybody may know of it: of its promises, what the weakest of its parts leaves.
    pub(super) fn entry(&self) -> Entry {
        let parts = || self.parts.iter().map(Method::entry);
        let weakest = parts()
            .map(|part| part.guarantee)
            .max_by_key(|guarantee| match guarantee {
                Guarantee::Anytime => 0,
                Guarantee::PlannedHorizon => 1,
                Guarantee::FixedHorizon => 2,
                Guarantee::RunLength => 3,
                Guarantee::None => 4,
            });
        let uncorrected = self.correction == Correction::None && self.need < self.parts.len();
        let latency = |reads: Reads| matches!(reads, Reads::Latency | Reads::Both);
        let (slow, wrong) = (
            parts().any(|part| latency(part.reads)),
            parts().any(|part| part.reads != Reads::Latency),
        );
        Entry {
            kind: "combined",
            title: "combined tests",
            guarantee: match weakest {
                Some(guarantee) if !uncorrected => guarantee,
                _ => Guarantee::None,
            },
            exact: parts().all(|part| part.exact),
            reads: match (slow, wrong) {
                (true, true) => Reads::Both,
                (true, false) => Reads::Latency,
                _ => Reads::Errors,
            },
            scale: "parts",
        }
    }

    pub(super) fn start(&self, planned: Planned) -> Running {
        let parts = self.parts.iter().map(|part| Part {
            test: part.start(planned),
            decision: Decision::NoData,
            p: 1.0,
            e: 0.0,
        });
        Running {
            parts: parts.collect(),
            need: self.need,
            correction: self.correction,
            alpha: self.alpha.get(),
        }
    }
}

/// The tests under way.
#[derive(Debug)]
pub(super) struct Running {
    parts: Vec<Part>,
    need: usize,
    correction: Correction,
    alpha: f64,
}

/// One test with what it said.
#[derive(Debug)]
struct Part {
    test: Box<dyn Test>,
    /// The last thing it said; what is against the canary stays.
    decision: Decision,
    /// The smallest p-value so far.
    p: f64,
    /// The e-value now.
    e: f64,
}

impl Part {
    fn look(&mut self, batch: &Batch<'_>) {
        let look = self.test.look(batch);
        if self.decision != Decision::Worse {
            self.decision = look.decision;
        }
        match look.evidence {
            Evidence::P { p, .. } => self.p = self.p.min(p),
            Evidence::LogE { log_e, .. } => {
                self.e = log_e.exp();
                self.p = self.p.min((-log_e).exp());
            }
            Evidence::Statistic { .. } => {}
        }
    }
}

impl Running {
    /// How many parts are against the canary.
    fn against(&self) -> usize {
        let ps = || self.parts.iter().map(|part| part.p).collect::<Vec<f64>>();
        let rejected = |adjusted: Vec<f64>| adjusted.iter().filter(|p| **p <= self.alpha).count();
        match self.correction {
            Correction::None | Correction::Bonferroni => {
                let worse = |part: &&Part| part.decision == Decision::Worse;
                self.parts.iter().filter(worse).count()
            }
            Correction::Holm => {
                let mut ps = ps();
                holm(&mut ps);
                rejected(ps)
            }
            Correction::BenjaminiHochberg => {
                let mut ps = ps();
                benjamini_hochberg(&mut ps);
                rejected(ps)
            }
            Correction::EBenjaminiHochberg => {
                let es: Vec<f64> = self.parts.iter().map(|part| part.e).collect();
                e_benjamini_hochberg(&es, self.alpha).len()
            }
        }
    }

    /// What the parts make of it that are not against the canary: first whoever waits, then whoever
    /// has seen nothing.
    fn otherwise(&self) -> Decision {
        let all = |decision| self.parts.iter().all(|part| part.decision == decision);
        let any = |decision| self.parts.iter().any(|part| part.decision == decision);
        if any(Decision::Undecided) {
            Decision::Undecided
        } else if any(Decision::NoData) {
            Decision::NoData
        } else if all(Decision::NotWorse) {
            Decision::NotWorse
        } else {
            Decision::Clear
        }
    }
}

impl Test for Running {
    fn begin(&mut self, luck: u64) {
        for (index, part) in self.parts.iter_mut().enumerate() {
            part.test.begin(split_mix(luck ^ index as u64));
            (part.decision, part.p, part.e) = (Decision::NoData, 1.0, 0.0);
        }
    }

    fn look(&mut self, batch: &Batch<'_>) -> Look {
        for part in &mut self.parts {
            part.look(batch);
        }
        let against = self.against();
        Look {
            decision: match against >= self.need {
                true => Decision::Worse,
                false => self.otherwise(),
            },
            evidence: Evidence::Statistic {
                value: against as f64,
                limit: self.need as f64,
            },
        }
    }
}

impl fmt::Display for Combined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.need, self.parts.len()) {
            (need, all) if need == all => f.write_str("all of")?,
            (1, _) => f.write_str("any of")?,
            (need, _) => write!(f, "{need} of")?,
        }
        for (index, part) in self.parts.iter().enumerate() {
            write!(f, "{} ({part})", if index == 0 { "" } else { "," })?;
        }
        match self.correction {
            Correction::None => f.write_str(", uncorrected"),
            correction => write!(f, ", {correction} at {}", self.alpha),
        }
    }
}

impl fmt::Display for Correction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Correction::None => "none",
            Correction::Bonferroni => "Bonferroni",
            Correction::Holm => "Holm",
            Correction::BenjaminiHochberg => "Benjamini-Hochberg",
            Correction::EBenjaminiHochberg => "e-BH",
        })
    }
}
