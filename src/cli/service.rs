//! Arguments that describe scenario, service and experiment, shared by the commands that simulate.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::CommandError;
use crate::base::{Probability, Rate, Seed, Weight};
use crate::model::service::Latency;
use crate::scenario::{self, EngineChoice, Overrides, Scenario};
use crate::telemetry::{Birth, Sampling};

/// Which scenario to play, and what to change in it.
#[derive(Debug, Args)]
pub(super) struct ServiceArguments {
    /// Scenario file, or the name of a built-in one; without it the built-in `default`
    pub scenario: Option<PathBuf>,
    /// Flagger Canary, unmodified, that takes the place of the scenario's rollout
    #[arg(long, value_name = "FILE")]
    pub flagger: Option<PathBuf>,
    /// Requests per second over both versions, like 20/s, 3k/s or 1200/m
    #[arg(long, allow_hyphen_values = true)]
    pub rate: Option<Rate>,
    /// Share of requests that fail on both versions, like 0.1%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub errors: Option<Probability>,
    /// Latency of both versions, like p50=40ms,p99=250ms
    #[arg(long, value_parser = scenario::latency)]
    pub latency: Option<Latency>,
    /// Share of requests that the bad canary fails, like 1%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true)]
    pub canary_errors: Option<Probability>,
    /// Latency of the bad canary, like p50=60ms,p99=900ms
    #[arg(long, value_name = "LATENCY", value_parser = scenario::latency)]
    pub canary_latency: Option<Latency>,
    /// How metrics are collected: a scrape interval like 15s, or `exact` to count every request
    #[arg(long, value_name = "SCRAPE", value_parser = scenario::sampling)]
    pub scrape: Option<Sampling>,
    /// When counters appear
    #[arg(long, value_enum, value_name = "WHEN")]
    pub series: Option<Series>,
    /// Engine: `auto`, `counts` or `requests`
    #[arg(long)]
    pub engine: Option<EngineChoice>,
    /// Root of all randomness: equal seeds give equal results
    #[arg(long)]
    pub seed: Option<Seed>,
}

/// When counters appear.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Series {
    /// With their first request, as meshes do
    FirstRequest,
    /// At once, with the value zero
    Zero,
}

impl From<Series> for Birth {
    fn from(series: Series) -> Birth {
        match series {
            Series::FirstRequest => Birth::FirstRequest,
            Series::Zero => Birth::Zero,
        }
    }
}

impl ServiceArguments {
    /// The scenario asked for, with its changes.
    pub(super) fn scenario(&self, experiment: Overrides) -> Result<Scenario, CommandError> {
        let base = match &self.scenario {
            Some(path) => read(path)?,
            None if self.flagger.is_some() => scenario::neutral()?,
            None => named("default")?,
        };
        let overrides = Overrides {
            flagger: self.flagger.clone(),
            rate: self.rate,
            errors: self.errors,
            latency: self.latency.clone(),
            canary_errors: self.canary_errors,
            canary_latency: self.canary_latency.clone(),
            sampling: self.scrape,
            birth: self.series.map(Birth::from),
            engine: self.engine,
            seed: self.seed,
            ..experiment
        };
        Ok(base.with(&overrides)?)
    }
}

/// A file, or a built-in scenario by its name.
fn read(path: &Path) -> Result<Scenario, CommandError> {
    let is_name = path.extension().is_none() && path.components().count() == 1 && !path.exists();
    match path.to_str() {
        Some(name) if is_name => named(name),
        _ => Ok(scenario::read(path)?),
    }
}

/// A built-in scenario.
pub(super) fn named(name: &str) -> Result<Scenario, CommandError> {
    Ok(scenario::find(name)?.scenario()?)
}

/// Weights as a list: `1,5,10` or `1%,5%`.
pub(super) fn weight(text: &str) -> Result<Weight, String> {
    let weight: Weight = text
        .parse()
        .map_err(|error: crate::base::ParseUnitError| error.to_string())?;
    if weight.is_zero() {
        return Err(
            "a canary at 0 % gets no requests: write a percentage above 0, like 5%".to_owned(),
        );
    }
    Ok(weight)
}
