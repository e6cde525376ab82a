//! `coalmine replay`: gates and controllers on recorded data, tick by tick.

mod prometheus;
mod sources;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use serde::Serialize;

use super::service::{EXPERIMENT, OUTPUT, ServiceArguments};
use super::{CommandError, output, power};
use crate::base::{Problems, Span};
use crate::experiment;
use crate::experiment::replay::{self, Measured, Parts, Replay, ReplayRow, Resampled};
use crate::experiment::summary::LookRow;
use crate::report;
use crate::scenario::{Bundle, Change, Overrides, Scenario};
use sources::{Source, SourceArguments};

/// Arguments of `coalmine replay`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReplayArguments {
    /// What was recorded: recordings of `run --record`, CSV, access logs, JSON of Prometheus' API
    #[arg(value_name = "FILE", required_unless_present = "prometheus")]
    files: Vec<PathBuf>,
    #[command(flatten)]
    source: SourceArguments,
    #[command(flatten)]
    service: Rollout,
    /// Replay with this changed too, and show both: flagger:spec.analysis.threshold=3
    #[arg(long, value_name = "PLACE=VALUE", help_heading = EXPERIMENT)]
    set: Vec<Change>,
    /// Draw the recording anew so many times from its blocks: how often would it be rolled back?
    #[arg(long, value_name = "TRIALS", value_parser = clap::value_parser!(u64).range(1..=1_000_000), help_heading = EXPERIMENT)]
    resample: Option<u64>,
    /// Mean length of a block [default: as long as the recording's own series ask for]
    #[arg(long, value_name = "TIME", requires = "resample", help_heading = EXPERIMENT)]
    block: Option<Span>,
    /// Explain every check: what was read, by which rule, and what would have changed it
    #[arg(long, conflicts_with_all = ["json", "csv"], help_heading = OUTPUT)]
    explain: bool,
    /// Print everything as one JSON object
    #[arg(long, conflicts_with = "csv", help_heading = OUTPUT)]
    json: bool,
    /// Print the ticks as CSV
    #[arg(long, help_heading = OUTPUT)]
    csv: bool,
}

/// Who decides.
#[derive(Debug, Args)]
struct Rollout {
    /// Scenario file, or the name of a built-in one, whose rollout decides [default: `default`]
    #[arg(long = "scenario", value_name = "SCENARIO", help_heading = ROLLOUT)]
    scenario: Option<PathBuf>,
    /// Flagger Canary, unmodified, that decides; again for its templates
    #[arg(long, value_name = "FILE", help_heading = ROLLOUT)]
    flagger: Vec<PathBuf>,
    /// Argo Rollout, unmodified, that decides; again for its templates
    #[arg(long, value_name = "FILE", conflicts_with = "flagger", help_heading = ROLLOUT)]
    argo: Vec<PathBuf>,
    /// Kayenta canary config, unmodified, that decides; again for its pipeline
    #[arg(long, value_name = "FILE", conflicts_with_all = ["flagger", "argo"], help_heading = ROLLOUT)]
    kayenta: Vec<PathBuf>,
    /// Time between samples of a log; or `exact`, windows counted between rows without `rate`
    #[arg(long, value_name = "TIME", value_parser = crate::scenario::sampling, help_heading = ROLLOUT)]
    scrape: Option<crate::telemetry::Sampling>,
    /// Root of all randomness: equal seeds give equal results
    #[arg(long, help_heading = EXPERIMENT)]
    seed: Option<crate::base::Seed>,
}

/// The heading of options about who decides.
const ROLLOUT: &str = "Who decides";

impl Rollout {
    fn arguments(&self) -> ServiceArguments {
        ServiceArguments {
            scenario: self.scenario.clone(),
            flagger: self.flagger.clone(),
            argo: self.argo.clone(),
            kayenta: self.kayenta.clone(),
            scrape: self.scrape,
            seed: self.seed,
            ..ServiceArguments::default()
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  coalmine run --virtual --record shop.jsonl && coalmine replay shop.jsonl
  coalmine replay shop.jsonl --set 'rollout.failures=2'
  coalmine replay tuesday.csv --flagger canary.yaml --stable v41 --canary v42
  coalmine replay access.log.gz --argo rollout.yaml --version-field upstream_addr
      --stable '^10\\.0\\.1\\.' --canary '^10\\.0\\.2\\.'
  coalmine replay --prometheus http://127.0.0.1:9090 --from 2026-03-03T14:00:00Z --to
      2026-03-03T15:00:00Z --flagger canary.yaml --stable '{version=\"v1\"}' --canary
      '{version=\"v2\"}'
  coalmine replay tuesday.csv --scenario shop.toml --resample 1000

docs/replay.md tells what each source holds, and what a replay cannot tell.";

/// Replays and tells what would have been.
pub(super) fn replay(arguments: &ReplayArguments) -> Result<(), CommandError> {
    let service = arguments.service.arguments();
    let (bundle, scenario) = service.bundle(Overrides::default())?;
    let changed = changed(arguments, &bundle)?;
    let scenarios: Vec<&Scenario> = std::iter::once(&scenario).chain(&changed).collect();
    let seed = scenario.experiment.seed;
    let source = sources::read(&arguments.files, &arguments.source, &scenarios, seed)?;
    let leave_out = arguments.source.leave_out;
    let first = Decided::of(scenario, &source, leave_out)?;
    let changed = match changed {
        None => None,
        Some(scenario) => Some(Decided::of(scenario, &source, leave_out)?),
    };
    let resampled = match arguments.resample {
        None => None,
        Some(trials) => Some(resample(
            arguments,
            &first,
            changed.as_ref(),
            &source,
            trials,
        )?),
    };
    for warning in &first.scenario.warnings {
        let text = format!("warning: {warning}");
        output::note(&output::narrow(&text, output::WIDTH, "  "));
    }
    let told = Answer::new(&source, &first, changed.as_ref(), resampled);
    if arguments.json {
        return output::print(&format!("{}\n", serde_json::to_string_pretty(&told)?));
    }
    if arguments.csv {
        let rows = &changed.as_ref().unwrap_or(&first).replay.rows;
        return output::print(&report::replay_csv(rows));
    }
    let (width, colours) = (output::WIDTH, output::colours());
    let note = experiment::note(&first.scenario);
    let changes = arguments.set.iter().map(ToString::to_string);
    let changes = changes.collect::<Vec<String>>().join(", ");
    let shown = report::ReplayTold {
        scenario: &note,
        source: &source.line,
        rows: &first.replay.rows,
        changed: (changed.as_ref()).map(|changed| (&*changes, &*changed.replay.rows)),
        endings: &told.endings,
        cautions: &told.notes,
        resampled: told.resampled.as_ref(),
    };
    let mut text = report::replay(&shown, width, colours);
    if arguments.explain {
        let shown = changed.as_ref().unwrap_or(&first);
        let rows: Vec<_> = shown
            .replay
            .rows
            .iter()
            .map(|row| row.row.clone())
            .collect();
        text.push('\n');
        text.push_str(&report::looks(&rows, &shown.replay.looks, width, colours));
    }
    output::print(&text)
}

/// A rollout and what it would have decided.
struct Decided {
    scenario: Scenario,
    replay: Replay,
}

impl Decided {
    fn of(scenario: Scenario, source: &Source, leave_out: bool) -> Result<Decided, CommandError> {
        let seed = scenario.experiment.seed;
        let scenario = source
            .measured
            .scenario(scenario, leave_out, &source.name)?;
        let replay = replay::replay(&scenario, &source.measured, seed);
        Ok(Decided { scenario, replay })
    }
}

fn changed(arguments: &ReplayArguments, bundle: &Bundle) -> Result<Option<Scenario>, CommandError> {
    if arguments.set.is_empty() {
        return Ok(None);
    }
    let changed = (bundle.changed(&arguments.set)).map_err(|error| CommandError::Argument {
        message: format!("--set: {error}"),
        help: "name a value that stands in the rollout, like rollout.interval=30s or \
               flagger:spec.analysis.threshold=3"
            .to_owned(),
    })?;
    Ok(Some(changed.scenario()?))
}

fn resample(
    arguments: &ReplayArguments,
    first: &Decided,
    changed: Option<&Decided>,
    source: &Source,
    trials: u64,
) -> Result<Resampled, CommandError> {
    let parts = Parts::of(&source.measured, arguments.block).map_err(|error| {
        let message = format!("{} cannot be drawn anew: {error}", source.name.display());
        CommandError::Input(Problems::about(Path::new("--resample"), message))
    })?;
    let bar = power::bar();
    if let Some(bar) = &bar {
        bar.set_length(trials);
    }
    let over = AtomicU64::new(0);
    let done = || {
        let count = over.fetch_add(1, Ordering::Relaxed) + 1;
        if let Some(bar) = &bar {
            bar.set_position(count);
        }
    };
    let decided = changed.unwrap_or(first);
    let seed = decided.scenario.experiment.seed;
    let resampled = parts.replayed(&decided.scenario, trials, seed, &done);
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    Ok(resampled)
}

/// Everything that a replay came to.
#[derive(Serialize)]
struct Answer<'a> {
    source: &'a str,
    /// The time of day at second 0, in RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    begun: Option<String>,
    #[serde(flatten)]
    decided: Part<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<Part<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    resampled: Option<Resampled>,
    /// One sentence for each rollout.
    endings: Vec<String>,
    notes: Vec<String>,
}

/// What one rollout came to.
#[derive(Serialize)]
struct Part<'a> {
    /// `rolled_back`, `promoted` or `horizon`.
    end: &'static str,
    end_seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    agreement: Option<replay::Agreement>,
    ticks: &'a [ReplayRow],
    looks: &'a [LookRow],
}

impl<'a> Answer<'a> {
    fn new(
        source: &'a Source,
        first: &'a Decided,
        changed: Option<&'a Decided>,
        resampled: Option<Resampled>,
    ) -> Answer<'a> {
        let measured: &Measured = &source.measured;
        let part = |decided: &'a Decided| Part {
            end: replay::ending_name(decided.replay.outcome.ending),
            end_seconds: decided.replay.outcome.at.as_secs_f64(),
            agreement: decided.replay.agreement,
            ticks: &decided.replay.rows,
            looks: &decided.replay.looks,
        };
        let sentence =
            |decided: &Decided| replay::sentence(&decided.scenario, measured, &decided.replay);
        let mut endings = vec![sentence(first)];
        endings.extend(changed.map(|decided| format!("With the change: {}", sentence(decided))));
        let mut notes = source.notes.clone();
        for decided in std::iter::once(first).chain(changed) {
            for caution in replay::cautions(&decided.scenario, measured, &decided.replay) {
                if !notes.contains(&caution) {
                    notes.push(caution);
                }
            }
        }
        Answer {
            source: &source.line,
            begun: measured.time_of_day(crate::base::Time::START),
            decided: part(first),
            changed: changed.map(part),
            resampled,
            endings,
            notes,
        }
    }
}
