//! Metrics of Argo Rollouts' analyses: a figure, held against conditions.

mod condition;
mod metric;
mod program;
mod syntax;
mod token;
mod typing;

pub use condition::{Condition, ConditionError, Found};
pub use metric::Conditions;
