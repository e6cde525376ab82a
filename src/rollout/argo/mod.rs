//! Argo Rollouts: its analysis ([`analysis`]).
//!
//! Replayed is the controller of 2026-08-17 (commit `9f8d111d`, after v1.10.0-rc1).

pub mod analysis;

pub use analysis::{AnalysisMetric, AnalysisPhase, AnalysisRun, Effort, RunSpec};
