//! wip
#![warn(clippy::expect_used, clippy::unwrap_used)]
pub mod base;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod gate;
pub mod manifest;
pub mod model;
pub mod report;
pub mod rollout;
pub mod scenario;
pub mod stats;
pub mod telemetry;
