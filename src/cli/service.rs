//! Arguments that describe scenario, service and experiment, shared by the commands that simulate.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::CommandError;
use crate::base::{Probability, Rate, Seed, Weight};
use crate::model::service::Latency;
use crate::scenario::{self, Bundle, EngineChoice, Origin, Overrides, Scenario};
use crate::telemetry::{Birth, Sampling};

/// Which scenario to play, and what to change in it.
#[derive(Debug, Default, Args)]
pub(super) struct ServiceArguments {
    /// Scenario file, or the name of a built-in one [default: `default`]
    pub scenario: Option<PathBuf>,
    /// Flagger Canary, unmodified, in place of the scenario's rollout; again for its templates
    #[arg(long, value_name = "FILE", help_heading = SERVICE)]
    pub flagger: Vec<PathBuf>,
    /// Argo Rollout, unmodified, in place of the scenario's rollout; again for its templates
    #[arg(long, value_name = "FILE", conflicts_with = "flagger", help_heading = SERVICE)]
    pub argo: Vec<PathBuf>,
    /// Kayenta canary config, unmodified, in place of the rollout; again for its pipeline
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all = ["flagger", "argo"],
        help_heading = SERVICE
    )]
    pub kayenta: Vec<PathBuf>,
    /// Requests over both versions: 20/s, 3k/s, 1200/m
    #[arg(long, allow_hyphen_values = true, help_heading = SERVICE)]
    pub rate: Option<Rate>,
    /// Share of requests that fail on both versions: 0.1%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = SERVICE)]
    pub errors: Option<Probability>,
    /// Latency of both versions: p50=40ms,p99=250ms
    #[arg(long, value_parser = scenario::latency, help_heading = SERVICE)]
    pub latency: Option<Latency>,
    /// Share of requests that fail on the bad canary: 1%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = SERVICE)]
    pub canary_errors: Option<Probability>,
    /// Latency of the bad canary: p50=60ms,p99=900ms
    #[arg(long, value_name = "LATENCY", value_parser = scenario::latency, help_heading = SERVICE)]
    pub canary_latency: Option<Latency>,
    /// Time between scrapes: 15s; or `exact`, every window counted to the request
    #[arg(long, value_name = "TIME", value_parser = scenario::sampling, help_heading = METRICS)]
    pub scrape: Option<Sampling>,
    /// When counters begin: with the `first-request`, as in meshes, or at `zero`
    #[arg(
        long,
        value_enum,
        value_name = "WHEN",
        hide_possible_values = true,
        help_heading = METRICS
    )]
    pub series: Option<Series>,
    /// Engine: `auto`, `counts` or `requests`
    #[arg(long, help_heading = EXPERIMENT)]
    pub engine: Option<EngineChoice>,
    /// Root of all randomness: equal seeds give equal results
    #[arg(long, help_heading = EXPERIMENT)]
    pub seed: Option<Seed>,
}

/// Headings of the help.
const SERVICE: &str = "Service and rollout, in place of the scenario's";
const METRICS: &str = "Metrics";
/// The heading of options about how to simulate.
pub(super) const EXPERIMENT: &str = "Experiment";
/// The heading of options about what comes out.
pub(super) const OUTPUT: &str = "Output";

/// When counters begin.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(super) enum Series {
    /// With their first request, as in meshes.
    FirstRequest,
    /// At zero, from the start.
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
    /// Whether a controller's own manifests are named.
    pub(super) fn follows_manifests(&self) -> bool {
        [&self.flagger, &self.argo, &self.kayenta]
            .iter()
            .any(|files| !files.is_empty())
    }

    /// The scenario asked for, with its changes.
    pub(super) fn scenario(&self, experiment: Overrides) -> Result<Scenario, CommandError> {
        Ok(self.bundle(experiment)?.1)
    }

    /// The same with every text that it was made of.
    pub(super) fn bundle(&self, experiment: Overrides) -> Result<(Bundle, Scenario), CommandError> {
        let origin = match &self.scenario {
            Some(path) => origin(path)?,
            None if self.follows_manifests() => Origin::Neutral,
            None => Origin::Builtin(scenario::find("default")?),
        };
        Ok(Bundle::gather(origin, &self.overrides(experiment))?)
    }

    /// What the arguments change in a scenario.
    pub(super) fn overrides(&self, experiment: Overrides) -> Overrides {
        Overrides {
            flagger: self.flagger.clone(),
            argo: self.argo.clone(),
            kayenta: self.kayenta.clone(),
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
        }
    }
}

/// A file, or a built-in scenario by its name.
pub(super) fn read(path: &Path) -> Result<Scenario, CommandError> {
    match origin(path)? {
        Origin::Builtin(builtin) => Ok(builtin.scenario()?),
        _ => Ok(scenario::read(path)?),
    }
}

/// Where a scenario of this name comes from.
pub(super) fn origin(path: &Path) -> Result<Origin<'_>, CommandError> {
    // A results folder of the same name beside it is not meant.
    let is_name = path.extension().is_none() && path.components().count() == 1 && !path.is_file();
    match path.to_str().map(scenario::find) {
        Some(Ok(builtin)) if is_name => Ok(Origin::Builtin(builtin)),
        Some(Err(unknown)) if is_name && !path.exists() => Err(unknown.into()),
        _ => Ok(Origin::File(path)),
    }
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
