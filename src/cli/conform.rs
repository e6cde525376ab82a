//! `coalmine conform`: does the simulator tell the truth about a scenario?

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

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
        value_parser = clap::value_parser!(u32).range(i64::from(conform::LEAST)..=1_000),
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

Exit codes: 0 the two agree, 1 they do not or a live rollout was not valid, 2 the input was refused.
A first Ctrl-C compares the live rollouts that are complete; docs/conformance.md tells how.";

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Answer<'a> {
    /// Name of the scenario.
    scenario: &'a str,
    /// Root of all randomness.
    seed: String,
    /// How many times faster than the clock on the wall.
    speed: f64,
    /// Whether all live rollouts that were asked for were played.
    complete: bool,
    /// What keeps live rollouts from being trusted.
    doubts: &'a [String],
    /// Why live rollouts were not counted and others played in their place.
    played_again: &'a [String],
    /// Whether all measures agree.
    agrees: bool,
    /// The p-value below which one measure differs.
    level: f64,
    #[serde(flatten)]
    conformity: &'a Conformity,
}

/// Plays the scenario for real and in virtual time, and compares.
pub(super) fn conform(arguments: &ConformArguments) -> Result<(), CommandError> {
    let scenario = arguments.live.scenario(&arguments.service)?;
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar(arguments.rollouts);
    power::on_interruption(Arc::clone(&stop), bar.clone());
    let Live {
        seen: live,
        doubts,
        again,
    } = live(&scenario, arguments, &stop, bar.as_ref())?;
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let complete = live.len() == arguments.rollouts as usize;
    if live.len() < conform::LEAST as usize {
        let message = format!(
            "interrupted after {} live rollouts, and fewer than {} tell nothing",
            live.len(),
            conform::LEAST
        );
        return Err(CommandError::Failed(message));
    }
    let seed = scenario.experiment.seed;
    // Other luck than the live rollouts had: the laws are compared, not the draws.
    let first = 2 * u64::from(arguments.rollouts);
    let rollouts = u64::from(arguments.simulated);
    let simulated = conform::simulate(&scenario, seed, first, rollouts);
    let conformity = conform::compare(&live, &simulated, seed);
    if arguments.json {
        let answer = Answer {
            scenario: &scenario.name,
            seed: seed.to_string(),
            speed: scenario.live_speed(),
            complete,
            doubts: &doubts,
            played_again: &again,
            agrees: conformity.agrees(),
            level: conformity.level(),
            conformity: &conformity,
        };
        output::print(&format!("{}\n", serde_json::to_string_pretty(&answer)?))?;
    } else {
        let note = experiment::note(&scenario);
        let text = report::conformity(&note, &conformity, output::WIDTH, output::colours());
        output::print(&text)?;
        if !again.is_empty() {
            output::print(&format!(
                "! Live rollouts played again because the generator was late: {}.\n",
                again.len()
            ))?;
        }
        if !complete {
            let asked = arguments.rollouts;
            output::print(&format!(
                "! Interrupted: {asked} live rollouts were asked for.\n"
            ))?;
        }
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

/// The live arm.
#[derive(Debug, Default)]
struct Live {
    seen: Vec<Observation>,
    /// What keeps them from being trusted.
    doubts: Vec<String>,
    /// Why others were played again in their place.
    again: Vec<String>,
}

/// Plays the live arm. Rollouts that a busy machine spoiled are played again with other luck, at most
/// as many as were asked for: what spoiled them has nothing to do with what they showed.
fn live(
    scenario: &Scenario,
    arguments: &ConformArguments,
    stop: &AtomicBool,
    bar: Option<&ProgressBar>,
) -> Result<Live, CommandError> {
    let speed = scenario.live_speed();
    let rollouts = arguments.rollouts as usize;
    let mut live = Live::default();
    for replicate in 0.. {
        if live.seen.len() == rollouts {
            break;
        }
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
        let again = rollout.outcome.is_only_late() && live.again.len() < rollouts;
        let doubts = rollout.outcome.doubts.into_iter();
        let doubts = doubts.map(|doubt| format!("rollout {replicate}: {doubt}"));
        if again {
            live.again.push(doubts.collect::<Vec<_>>().join("; "));
            continue;
        }
        live.doubts.extend(doubts);
        live.seen.push(rollout.observation);
        if let Some(bar) = bar {
            bar.inc(1);
        }
    }
    Ok(live)
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
