//! `coalmine conform`: does the simulator tell the truth about a scenario?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};

use super::run::LiveArguments;
use super::service::{EXPERIMENT, OUTPUT, ServiceArguments};
use super::{CommandError, output, power};
use crate::experiment::conform::{self, Conformity, Observation};
use crate::experiment::{self, Scene, Staging};
use crate::report;
use crate::scenario::Scenario;

/// Arguments of `coalmine conform`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ConformArguments {
    #[command(flatten)]
    service: ServiceArguments,
    #[command(flatten)]
    live: LiveArguments,
    /// Rollouts to play for real
    #[arg(
        long,
        default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(3..=1_000),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    rollouts: u32,
    /// Rollouts to simulate
    #[arg(
        long,
        default_value_t = 1_000,
        value_parser = clap::value_parser!(u32).range(100..=100_000),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    simulated: u32,
    /// Print the comparison as JSON
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const EXAMPLES: &str = "\
Examples:
  coalmine conform                     the built-in scenario
  coalmine conform retry-masking --rollouts 20 --speed 30

Exit codes: 0 the two agree, 1 they do not or a live rollout was not valid, 2 the input was refused.";

/// Plays the scenario for real and in virtual time, and compares.
pub(super) fn conform(arguments: &ConformArguments) -> Result<(), CommandError> {
    let scenario = (arguments.service).scenario(arguments.live.overrides())?;
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar(arguments.rollouts);
    power::on_interruption(Arc::clone(&stop), bar.clone());
    let (live, doubts) = live(&scenario, arguments, &stop, bar.as_ref())?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let seed = scenario.experiment.seed;
    // Other luck than the live rollouts had: the laws are compared, not the draws.
    let first = u64::from(arguments.rollouts);
    let rollouts = u64::from(arguments.simulated);
    let simulated = conform::simulate(&scenario, seed, first, rollouts);
    let conformity = conform::compare(&live, &simulated, seed);
    if arguments.json {
        output::print(&format!("{}\n", serde_json::to_string(&conformity)?))?;
    } else {
        let note = experiment::note(&scenario);
        let text = report::conformity(&note, &conformity, output::WIDTH, output::colours());
        output::print(&text)?;
    }
    verdict(&conformity, &doubts)
}

/// What the exit code says.
fn verdict(conformity: &Conformity, doubts: &[String]) -> Result<(), CommandError> {
    if !doubts.is_empty() {
        let message = format!("a live rollout was not valid: {}", doubts.join("; "));
        return Err(CommandError::Failed(message));
    }
    if !conformity.agrees() {
        let message = "the simulator and the live rollouts do not agree".to_owned();
        return Err(CommandError::Failed(message));
    }
    Ok(())
}

fn live(
    scenario: &Scenario,
    arguments: &ConformArguments,
    stop: &AtomicBool,
    bar: Option<&ProgressBar>,
) -> Result<(Vec<Observation>, Vec<String>), CommandError> {
    let speed = scenario.live_speed();
    let (mut seen, mut doubts) = (Vec::new(), Vec::new());
    for replicate in 0..u64::from(arguments.rollouts) {
        let staging = Staging {
            seed: scenario.experiment.seed,
            replicate,
            good: false,
            speed,
            stop,
            log: None,
            record: None,
        };
        let rollout = experiment::live(scenario, staging, &mut |scene| {
            if let (Scene::Pulse(pulse), Some(bar)) = (&scene, bar) {
                let at = crate::base::Span::from_secs(pulse.now.as_secs_f64() as u64);
                bar.set_message(format!("at {at}"));
            }
        })?;
        if stop.load(Ordering::Relaxed) {
            break;
        }
        for doubt in rollout.outcome.doubts {
            doubts.push(format!("rollout {replicate}: {doubt}"));
        }
        seen.push(rollout.observation);
        if let Some(bar) = bar {
            bar.inc(1);
        }
    }
    Ok((seen, doubts))
}

fn bar(rollouts: u32) -> Option<ProgressBar> {
    if !output::is_watched() {
        return None;
    }
    let bar = ProgressBar::new(rollouts.into());
    let template = "{bar:40} {pos}/{len} live rollouts, {msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    Some(bar)
}
