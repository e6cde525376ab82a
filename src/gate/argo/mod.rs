//! Metrics of Argo Rollouts' analyses: a figure, held against conditions.

mod condition;
mod metric;
mod program;
mod shape;
mod syntax;
mod token;
mod typing;

pub use condition::{Condition, ConditionError, Found};
pub use metric::{ArgoMetric, Assessment, Conditions, Empty, RangeQuery};
pub use program::matches;
pub use shape::{Json, Shape};
