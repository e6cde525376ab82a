//! `coalmine run`: one rollout, tick by tick, for real or in virtual time.

mod screen;

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use clap::Args;

use super::load::interval_log;
use super::power::How;
use super::service::{EXPERIMENT, OUTPUT, ServiceArguments};
use super::{CommandError, output, power};
use crate::engine::live::load::IntervalLog;
use crate::engine::live::options::{Proxy, Source, Speed};
use crate::engine::live::run::Places;
use crate::experiment::{self, LiveRollout, Scene, Staging, store};
use crate::report;
use crate::scenario::{Overrides, Scenario};
use crate::telemetry::exposition::Vendor;
use screen::Screen;

/// Arguments of `coalmine run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArguments {
    #[command(flatten)]
    service: ServiceArguments,
    /// In virtual time, as fast as it goes, instead of for real
    #[arg(long = "virtual", conflicts_with_all = ["splitter", "prometheus", "targets", "metrics", "speed", "out", "no_files", "hdr"])]
    in_virtual_time: bool,
    /// Play a canary as good as stable in place of the faulty one
    #[arg(long)]
    good: bool,
    #[command(flatten)]
    live: LiveArguments,
    /// Whose luck to play: that of this trial of `coalmine power`
    #[arg(long, default_value_t = 0, value_name = "NUMBER", help_heading = EXPERIMENT)]
    replicate: u64,
    /// Folder for rows, figures and report of a live rollout [default: results/NAME-live]
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: Option<PathBuf>,
    /// Write no files
    #[arg(long, conflicts_with = "out", help_heading = OUTPUT)]
    no_files: bool,
    /// Log latencies second by second to this file (HdrHistogram, V2)
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    hdr: Option<PathBuf>,
    /// Record what the gate saw and said in this file, for `coalmine replay`
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    record: Option<PathBuf>,
    /// Explain every check: what was read, by which rule, and what would have changed it
    #[arg(long, conflicts_with = "json", help_heading = OUTPUT)]
    explain: bool,
    /// Print the ticks as JSON, one a line
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

/// How to play for real, in place of what the scenario says.
#[derive(Debug, Args)]
pub(super) struct LiveArguments {
    /// Who splits the traffic: coalmine, nginx, haproxy or envoy
    #[arg(long, value_name = "PROGRAM", help_heading = LIVE)]
    pub splitter: Option<Proxy>,
    /// Whom the gate asks: `spawn` a Prometheus, or http://127.0.0.1:9090
    #[arg(long, value_name = "URL", help_heading = LIVE)]
    pub prometheus: Option<Source>,
    /// Tell a Prometheus that runs already whom to scrape: a file of its `file_sd_configs`
    #[arg(long, value_name = "FILE", help_heading = LIVE)]
    pub targets: Option<PathBuf>,
    /// Whose names metrics have: istio, linkerd, nginx or traefik
    #[arg(long, value_name = "VENDOR", help_heading = LIVE)]
    pub metrics: Option<Vendor>,
    /// How many times faster than real: 60, real, or auto for less than a minute
    #[arg(long, value_name = "TIMES", help_heading = LIVE)]
    pub speed: Option<Speed>,
}

/// The heading of options about playing for real.
const LIVE: &str = "Live";

impl LiveArguments {
    /// A scenario with these changes.
    pub(super) fn scenario(&self, service: &ServiceArguments) -> Result<Scenario, CommandError> {
        let mut scenario = service.scenario(self.overrides())?;
        scenario.live.targets.clone_from(&self.targets);
        Ok(scenario)
    }

    fn overrides(&self) -> Overrides {
        Overrides {
            splitter: self.splitter,
            prometheus: self.prometheus.clone(),
            metrics: self.metrics,
            speed: self.speed,
            ..Overrides::default()
        }
    }
}

const EXAMPLES: &str = "\
Examples:
  coalmine run                                   the built-in scenario over real sockets
  coalmine run my-service.toml --splitter nginx --prometheus spawn
  coalmine run low-traffic --virtual
  coalmine run --virtual --flagger canary.yaml --rate 20/s --canary-errors 1% --replicate 7
  coalmine run default --virtual --good --scrape exact";

/// Plays one rollout and prints its ticks.
pub(super) fn run(arguments: &RunArguments) -> Result<(), CommandError> {
    let scenario = arguments.live.scenario(&arguments.service)?;
    if arguments.in_virtual_time {
        return run_virtual(&scenario, arguments);
    }
    run_live(&scenario, arguments)
}

fn run_virtual(scenario: &Scenario, arguments: &RunArguments) -> Result<(), CommandError> {
    let (engine, _) = experiment::engine(scenario);
    let seed = scenario.experiment.seed;
    let (replicate, good) = (arguments.replicate, arguments.good);
    let watched = match &arguments.record {
        None => experiment::watch(scenario, seed, replicate, good, engine),
        Some(path) => {
            let refuse = |error| CommandError::Log {
                path: path.clone(),
                error,
            };
            let out = BufWriter::new(File::create(path).map_err(refuse)?);
            experiment::watch_recorded(scenario, seed, replicate, good, engine, out)
                .map_err(refuse)?
        }
    };
    if arguments.json {
        let mut text = String::new();
        for row in &watched.rows {
            text.push_str(&serde_json::to_string(row)?);
            text.push('\n');
        }
        return output::print(&text);
    }
    warn(scenario);
    let (width, colours) = (output::WIDTH, output::colours());
    let mut text = report::ticks(
        &experiment::note(scenario),
        &watched.rows,
        &experiment::ending(scenario, &watched.trial, &watched.rows, good, true),
        width,
        colours,
    );
    if arguments.explain {
        text.push('\n');
        text.push_str(&report::looks(
            &watched.rows,
            &watched.looks,
            width,
            colours,
        ));
    }
    output::print(&text)
}

fn warn(scenario: &Scenario) {
    for warning in &scenario.warnings {
        let text = format!("warning: {warning}");
        output::note(&output::narrow(&text, output::WIDTH, "  "));
    }
}

fn run_live(scenario: &Scenario, arguments: &RunArguments) -> Result<(), CommandError> {
    let folder = match &arguments.out {
        _ if arguments.no_files => None,
        Some(folder) => Some(folder.clone()),
        None => Some(Path::new("results").join(format!("{}-live", scenario.name))),
    };
    if let Some(folder) = &folder {
        // A folder that cannot be replaced is met before the work, not after it.
        store::check_replaceable(folder).map_err(CommandError::Results)?;
    }
    let log = arguments.hdr.as_deref().map(interval_log).transpose()?;
    let record = (arguments.record.as_deref())
        .map(|path| {
            File::create(path).map_err(|error| CommandError::Log {
                path: path.to_owned(),
                error,
            })
        })
        .transpose()?;
    warn(scenario);
    let stop = Arc::new(AtomicBool::new(false));
    let screen = Screen::new(scenario.rollout.longest().min(scenario.horizon));
    power::on_interruption(Arc::clone(&stop), screen.bar());
    let rollout = play(scenario, arguments, &stop, log, record, screen)?;
    let failure = rollout.outcome.failure.clone();
    let speed = scenario.live_speed();
    let told = experiment::ending(
        scenario,
        &rollout.trial,
        &rollout.rows,
        arguments.good,
        false,
    );
    let note = experiment::live_note(&rollout.outcome, told, speed);
    let printed = if arguments.json {
        output::print(&format!("{}\n", serde_json::to_string(&note)?))
    } else {
        let text = report::live_outcome(&note, output::WIDTH, output::colours());
        output::print(&format!("\n{text}"))
    };
    for note in &rollout.outcome.notes {
        let text = format!("note: {note}");
        output::note(&output::narrow(&text, output::WIDTH, "  "));
    }
    if let Some(folder) = folder {
        let mut results = power::simulate(scenario, &How::default(), &stop, power::bar())?;
        results.timeline = rollout.rows;
        results.looks = rollout.looks;
        results.summary.warnings.extend(rollout.outcome.notes);
        results.summary.complete &= !rollout.outcome.interrupted;
        results.summary.findings.insert(0, note.ending.clone());
        results.summary.live = Some(note);
        power::keep(&results, &folder)?;
        let report = folder.join("report.html");
        output::note(&format!("Report, figures and rows: {}", report.display()));
    }
    printed?;
    match failure {
        Some(failure) => Err(CommandError::Cut(failure)),
        None => Ok(()),
    }
}

/// Plays it and shows it.
fn play(
    scenario: &Scenario,
    arguments: &RunArguments,
    stop: &AtomicBool,
    log: Option<IntervalLog>,
    record: Option<File>,
    mut screen: Screen,
) -> Result<LiveRollout, CommandError> {
    let speed = scenario.live_speed();
    let (width, colours) = (output::WIDTH, output::colours());
    let (json, explain) = (arguments.json, arguments.explain);
    let mut failed = None;
    let rollout = experiment::live(
        scenario,
        Staging {
            seed: scenario.experiment.seed,
            replicate: arguments.replicate,
            good: arguments.good,
            speed,
            stop,
            log,
            record,
        },
        &mut |scene| match scene {
            Scene::Ready(places) if !json => {
                let note = experiment::note(scenario);
                let how = how(scenario, speed, places);
                let head = report::live_head(&note, &how, width, colours);
                screen.print(head.trim_end());
            }
            Scene::Ready(_) => {}
            Scene::Tick(row, _) if json => match serde_json::to_string(row) {
                Ok(line) => screen.print(&line),
                Err(error) => failed = Some(error),
            },
            Scene::Tick(row, looks) => {
                screen.print(&report::live_tick(row, width, colours));
                for look in looks.iter().filter(|_| explain) {
                    screen.print(report::look(look, width, colours).trim_end());
                }
            }
            Scene::Pulse(pulse) => screen.show(pulse),
        },
    );
    screen.clear();
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(rollout?),
    }
}

/// One line about the stage: who splits, who measures, how fast.
fn how(scenario: &Scenario, speed: f64, places: &Places) -> String {
    let pace = if speed == 1.0 {
        "in real time".to_owned()
    } else {
        format!("{speed} times faster than real")
    };
    let gate = match (&scenario.live.source, places.prometheus) {
        (_, Some(address)) => format!("the gate asks Prometheus at http://{address}"),
        _ => "the gate reads scraped metrics".to_owned(),
    };
    let token = places.token.as_ref().map_or_else(String::new, |token| {
        format!(" with `authorization: Bearer {token}`")
    });
    format!(
        "live, {pace}; {} splits at http://{}, {gate}; faults can be changed at http://{}/faults{token}",
        scenario.live.splitter, places.splitter, places.control
    )
}
