//! Argo Rollouts: what a Rollout asks for ([`ArgoPlan`]), the controller of one rollout ([`Argo`]) and
//! its analysis ([`analysis`]).
//!
//! Replayed is the controller of 2026-08-17 (commit `9f8d111d`, after v1.10.0-rc1).

pub mod analysis;
mod controller;
mod experiment;
mod people;
mod plan;
mod pods;
mod replicas;
mod scaling;

#[cfg(test)]
mod tests;

pub use analysis::{AnalysisMetric, AnalysisPhase, AnalysisRun, Effort, RunSpec};
pub use controller::Argo;
pub use plan::{
    ArgoExperiment, ArgoPlan, ArgoSettings, ArgoStep, Background, CanaryScale, Command,
    ExperimentPods, Router, Threshold, Traffic,
};
pub use replicas::{Count, Pair, Room, nearest, towards};
