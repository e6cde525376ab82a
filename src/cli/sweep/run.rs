//! `coalmine sweep run`: one share of a plan.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Args;

use super::{plan, subject};
use crate::cli::service::{EXPERIMENT, OUTPUT};
use crate::cli::{CommandError, output, power, resume};
use crate::experiment::ledger::{Header, Journal, Ledger, PlanId, Records, Union, UnitId};
use crate::experiment::sweep::{Plan, Shard};
use crate::experiment::{Options, Progress};
use crate::report;

/// Arguments of `coalmine sweep run`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct RunArguments {
    /// The plan
    plan: PathBuf,
    /// Which share of how many, from 1: 3/64
    #[arg(
        long,
        value_name = "K/N",
        conflicts_with_all = ["shard_index", "shard_count"],
        required_unless_present = "shard_index"
    )]
    shard: Option<Shard>,
    /// Which share, from 0, as machines count
    #[arg(long, value_name = "NUMBER", requires = "shard_count")]
    shard_index: Option<u32>,
    /// Of how many
    #[arg(long, value_name = "NUMBER", requires = "shard_index")]
    shard_count: Option<u32>,
    /// Play nothing that is already in this folder (or file) of units
    #[arg(long, value_name = "FOLDER")]
    resume: Vec<PathBuf>,
    /// Threads to use; they do not change the results
    #[arg(
        long,
        value_parser = clap::value_parser!(u16).range(1..),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    threads: Option<u16>,
    /// Folder for the units; many shards may share it
    #[arg(long, value_name = "FOLDER", help_heading = OUTPUT)]
    out: PathBuf,
}

const EXAMPLES: &str = "\
Examples:
  coalmine sweep run plan.json --shard 3/64 --out rows
  coalmine sweep run plan.json --shard-index 2 --shard-count 64 --out rows     the same
  coalmine sweep run plan.json --shard 3/64 --out rows --resume rows           what is missing of it

Exit codes: 0 played to its end; 64 a wrong plan or option: never retry; 75 interrupted, or a disk
that failed: retry; anything else is an error in coalmine.";

/// Plays a share and notes every unit as it ends.
pub(super) fn run(arguments: &RunArguments) -> Result<(), CommandError> {
    let shard = shard(arguments)?;
    let (plan, subject) = subject::read(&arguments.plan)?;
    leave_plan(&plan, &arguments.out)?;
    let units = subject.units();
    let all = units.len();
    let of_shard: BTreeSet<UnitId> = (units.into_iter().enumerate())
        .filter(|(position, _)| shard.takes(*position))
        .map(|(_, unit)| unit)
        .collect();
    let known = known(&arguments.resume, plan.id, &of_shard)?;
    let wanted: BTreeSet<UnitId> = (of_shard.iter())
        .filter(|unit| !known.has(unit))
        .copied()
        .collect();
    let journal = Journal::new(
        &arguments.out,
        &format!("shard-{}-of-{}", shard.index + 1, shard.count),
        Header::new(plan.id, shard.to_string()),
    );
    // A share without units is done, and says so.
    journal.begin()?;
    let ledger = Ledger::noting(Records::new(), journal);
    let stop = Arc::new(AtomicBool::new(false));
    let bar = power::bar();
    power::on_interruption(Arc::clone(&stop), bar.clone());
    let progress = |progress: Progress| {
        if ledger.has_failed() {
            stop.store(true, Ordering::Relaxed);
        }
        if let Some(bar) = &bar {
            bar.set_length(progress.total);
            bar.set_position(progress.done);
        }
    };
    let options = Options {
        threads: arguments.threads.map(usize::from),
        keep_trials: false,
        ledger: Some(&ledger),
        stop: &stop,
        progress: &progress,
    };
    let complete = subject.play(&wanted, &options)?;
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let written = ledger.close()?.unwrap_or_default();
    if !complete {
        return Err(CommandError::Incomplete(format!(
            "interrupted: the units that were played are in {}; run it again with --resume {} to go on",
            written.display(),
            arguments.out.display()
        )));
    }
    let taken = of_shard.len() - wanted.len();
    let taken = match taken {
        0 => String::new(),
        taken => format!(", {} taken up", report::grouped(taken as u64)),
    };
    output::note(&output::narrow(
        &format!(
            "Shard {shard} of plan {}: {} of {} played{taken}, in {}",
            plan.id,
            report::grouped(wanted.len() as u64),
            report::plural(all as u64, "unit"),
            written.display()
        ),
        output::WIDTH,
        "  ",
    ));
    Ok(())
}

fn shard(arguments: &RunArguments) -> Result<Shard, CommandError> {
    let by_index = arguments.shard_index.zip(arguments.shard_count);
    let shard = match (arguments.shard, by_index) {
        (Some(shard), _) => Ok(shard),
        (None, Some((index, count))) => Shard::new(index, count),
        (None, None) => Err("there is no shard".to_owned()),
    };
    shard.map_err(|message| CommandError::Argument {
        message,
        help: "the third of 64 is --shard 3/64, or --shard-index 2 --shard-count 64".to_owned(),
    })
}

/// Puts the plan beside its units, so that whoever merges them has it.
fn leave_plan(wanted: &Plan, folder: &Path) -> Result<(), CommandError> {
    let path = folder.join("plan.json");
    if !path.exists() {
        return plan::write(wanted, &path);
    }
    let there = Plan::read(&path)?;
    if there.id == wanted.id {
        return Ok(());
    }
    Err(CommandError::Argument {
        message: format!(
            "{} belongs to plan {}, not to plan {}",
            folder.display(),
            there.id,
            wanted.id
        ),
        help: "give every plan a folder of its own".to_owned(),
    })
}

/// What was played before of these units.
fn known(
    places: &[PathBuf],
    plan: PlanId,
    units: &BTreeSet<UnitId>,
) -> Result<Union, CommandError> {
    let mut union = Union::default();
    for place in places {
        for attempt in resume::older(place, plan, |unit| units.contains(unit))? {
            union.add(attempt)?;
        }
    }
    Ok(union)
}
