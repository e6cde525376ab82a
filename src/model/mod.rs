//! The pretend world: who sends requests, how each version answers them, what is wrong with the
//! canary, and which version a request goes to. It knows the truth; gates never see it.

mod behaviour;
pub mod fault;
pub mod service;
pub mod split;
pub mod traffic;

pub use behaviour::Course;

use crate::base::Probability;
use fault::Fault;
use service::Service;
use split::Split;
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
    /// What is wrong with the canary, in the order in which it applies.
    pub faults: Vec<Fault>,
    /// Which version a request goes to.
    pub split: Split,
    /// Share of requests that an A/B match condition selects.
    pub matched: Probability,
}

impl World {
    /// The same world with a canary as good as stable.
    pub fn healthy(&self) -> World {
        World {
            canary: self.stable.clone(),
            faults: Vec::new(),
            ..self.clone()
        }
    }

    /// Whether the canary differs from stable at all.
    pub fn has_fault(&self) -> bool {
        self.canary != self.stable || !self.faults.is_empty()
    }
}
