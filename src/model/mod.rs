//! The pretend world: who sends requests, how each version answers them, what is wrong with the
//! canary, and which version a request goes to. It knows the truth; gates never see it.

mod behaviour;
mod coupling;
pub mod fault;
pub mod figures;
pub mod hooks;
pub mod service;
pub mod split;
pub mod traffic;

pub use behaviour::{Course, Outcome, REFUSAL};

use crate::base::Probability;
use fault::{Fault, Target};
use figures::Figures;
use hooks::Hook;
use service::{Goal, Service};
use split::{Affinity, Ejection, Retries, Rules, Split};
use traffic::Traffic;

/// Everything that happens whether or not somebody watches.
///
/// The same world plays twice: with its faulty canary, and with a canary as good as stable.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// The requests and the users behind them.
    pub traffic: Traffic,
    /// How stable answers.
    pub stable: Service,
    /// How the canary answers before any fault is added; equal to `stable` in the healthy world.
    pub canary: Service,
    /// What is wrong, in the order in which it applies.
    pub faults: Vec<Fault>,
    /// What the business counts.
    pub goals: Vec<Goal>,
    /// Which version a request goes to.
    pub split: Split,
    /// Who else has a say in that.
    pub rules: Rules,
    /// Sessions that stay with a version.
    pub affinity: Option<Affinity>,
    /// Retries by the caller's proxy.
    pub retries: Option<Retries>,
    /// Outlier detection.
    pub ejection: Option<Ejection>,
    /// Share of requests that an A/B match condition selects.
    pub matched: Probability,
    /// What systems answer that are not simulated, by the number of the question.
    pub figures: Vec<Figures>,
    /// How hooks answer; a kind that is not among them agrees.
    pub hooks: Vec<Hook>,
}

impl World {
    /// A world in which every request stands alone and the canary is as good as stable; change its
    /// fields for anything else.
    pub fn plain(traffic: Traffic, service: Service) -> World {
        World {
            traffic,
            canary: service.clone(),
            stable: service,
            faults: Vec::new(),
            goals: Vec::new(),
            split: Split::Random,
            rules: Rules::default(),
            affinity: None,
            retries: None,
            ejection: None,
            matched: Probability::ZERO,
            figures: Vec::new(),
            hooks: Vec::new(),
        }
    }

    /// The same world with a canary as good as stable.
    pub fn healthy(&self) -> World {
        World {
            canary: Service {
                fleet: self.canary.fleet.clone(),
                ..self.stable.clone()
            },
            faults: (self.faults.iter())
                .filter(|fault| fault.target == Target::Both)
                .cloned()
                .collect(),
            figures: (self.figures.iter().cloned())
                .map(|figures| Figures {
                    faulty: None,
                    ..figures
                })
                .collect(),
            hooks: (self.hooks.iter().cloned())
                .map(|hook| Hook {
                    faulty: None,
                    ..hook
                })
                .collect(),
            ..self.clone()
        }
    }

    /// Whether the canary differs from stable at all.
    pub fn has_fault(&self) -> bool {
        *self != self.healthy()
    }
}
