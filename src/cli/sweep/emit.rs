//! `coalmine sweep emit`: a plan in the words of an engine that is there already.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{missing, subject};
use crate::cli::service::OUTPUT;
use crate::cli::{CommandError, output};
use crate::experiment::ledger;
use crate::experiment::sweep;
use crate::experiment::sweep::emit::{EmitError, Host, Kubernetes, Parallel, Shards, Slurm, Work};

/// Arguments of `coalmine sweep emit`.
#[derive(Debug, Args)]
pub(super) struct EmitArguments {
    #[command(subcommand)]
    engine: Engine,
}

#[derive(Debug, Subcommand)]
enum Engine {
    /// A manifest: ConfigMap with the plan, Indexed Job, and a Job that merges
    Kubernetes(KubernetesArguments),
    /// An array script for sbatch
    Slurm(SlurmArguments),
    /// A script around GNU parallel, for this machine or for several over ssh
    Parallel(ParallelArguments),
}

/// What every engine is asked.
#[derive(Debug, Args)]
struct WorkArguments {
    /// The plan, as `coalmine sweep plan` wrote it
    plan: PathBuf,
    /// Shards to cut it into [default: four for each that runs at a time]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), value_name = "NUMBER", help_heading = SHARDS)]
    shards: Option<u32>,
    /// Only the shards whose results are not all in this folder
    #[arg(long, value_name = "FOLDER", help_heading = SHARDS)]
    missing: Option<PathBuf>,
    /// Threads of a shard, and the cores that are asked for
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..=512), default_value_t = 1, value_name = "NUMBER", help_heading = SHARDS)]
    threads: u16,
    /// The program, as the machines that work find it
    #[arg(long, value_parser = one_line, default_value = "coalmine", value_name = "PROGRAM", help_heading = OUTPUT)]
    program: String,
}

/// Arguments of `coalmine sweep emit kubernetes`.
#[derive(Debug, Args)]
#[command(after_help = KUBERNETES)]
struct KubernetesArguments {
    #[command(flatten)]
    work: WorkArguments,
    /// Image that holds the program
    #[arg(long, value_parser = word)]
    image: String,
    /// PersistentVolumeClaim for the results, which all pods can write to (ReadWriteMany)
    #[arg(long, value_parser = word)]
    claim: String,
    /// Namespace [default: where kubectl stands]
    #[arg(long, value_parser = word)]
    namespace: Option<String>,
    /// Name of the Job [default: made of the plan's id]
    #[arg(long)]
    name: Option<String>,
    /// Pods that may run at a time
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), default_value_t = 16, value_name = "NUMBER", help_heading = SHARDS)]
    at_once: u32,
    /// Memory of a pod
    #[arg(long, value_parser = word, default_value = "512Mi", help_heading = SHARDS)]
    memory: String,
}

/// Arguments of `coalmine sweep emit slurm`.
#[derive(Debug, Args)]
#[command(after_help = SLURM)]
struct SlurmArguments {
    #[command(flatten)]
    work: WorkArguments,
    /// Folder for the results, which all nodes see
    #[arg(long, default_value = "rows", value_name = "FOLDER", help_heading = OUTPUT)]
    out: PathBuf,
    /// Tasks that may run at a time
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000), default_value_t = 16, value_name = "NUMBER", help_heading = SHARDS)]
    at_once: u32,
    /// Memory of a task
    #[arg(long, value_parser = word, default_value = "512M", help_heading = SHARDS)]
    memory: String,
    /// Longest time of a task: 30, 2:00:00 [default: the site's]
    #[arg(long, value_parser = word, help_heading = SHARDS)]
    time: Option<String>,
    /// Partition [default: the site's]
    #[arg(long, value_parser = word)]
    partition: Option<String>,
    /// MaxArraySize of the site: `scontrol show config` tells it
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=4_000_001), default_value_t = 1001, value_name = "NUMBER")]
    max_array_size: u32,
}

/// Arguments of `coalmine sweep emit parallel`.
#[derive(Debug, Args)]
#[command(after_help = PARALLEL)]
struct ParallelArguments {
    #[command(flatten)]
    work: WorkArguments,
    /// Folder for the results
    #[arg(long, default_value = "rows", value_name = "FOLDER", help_heading = OUTPUT)]
    out: PathBuf,
    /// Machine to work on, over ssh: HOST, or 4/HOST for four at a time; again for more [default: this
    /// one]
    #[arg(long)]
    host: Vec<Host>,
    /// How to call ssh
    #[arg(long, value_parser = one_line, default_value = "ssh", value_name = "COMMAND")]
    ssh: String,
    /// Shards that may run at a time, on each machine [default: its cores; over ssh, 2]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=10_000), value_name = "NUMBER", help_heading = SHARDS)]
    at_once: Option<u32>,
}

/// The heading of options about the shards.
const SHARDS: &str = "Shards";

const KUBERNETES: &str = "\
Examples:
  coalmine sweep emit kubernetes plan.json --image registry/coalmine:1 --claim sweeps |
      kubectl create -f -
  coalmine sweep emit kubernetes plan.json --image registry/coalmine:1 --claim sweeps \\
      --shards 200 --at-once 50 --threads 2
  coalmine sweep emit kubernetes plan.json --image registry/coalmine:1 --claim sweeps \\
      --missing copy-of-the-claim";

const SLURM: &str = "\
Examples:
  coalmine sweep emit slurm plan.json --out rows > sweep.sbatch
  sbatch sweep.sbatch
  coalmine sweep emit slurm plan.json --out rows --missing rows | sbatch";

const PARALLEL: &str = "\
Examples:
  coalmine sweep emit parallel plan.json | sh
  coalmine sweep emit parallel plan.json --host 8/ada --host 4/bob --program bin/coalmine | sh
  coalmine sweep emit parallel plan.json --missing rows | sh";

/// Prints what the engine takes.
pub(super) fn emit(arguments: &EmitArguments) -> Result<(), CommandError> {
    match &arguments.engine {
        Engine::Kubernetes(arguments) => kubernetes(arguments),
        Engine::Slurm(arguments) => slurm(arguments),
        Engine::Parallel(arguments) => parallel(arguments),
    }
}

fn kubernetes(arguments: &KubernetesArguments) -> Result<(), CommandError> {
    let engine = Kubernetes {
        image: arguments.image.clone(),
        claim: arguments.claim.clone(),
        namespace: arguments.namespace.clone(),
        name: arguments.name.clone(),
        at_once: arguments.at_once,
        memory: arguments.memory.clone(),
    };
    let out = PathBuf::from("/out");
    print(&arguments.work, &out, arguments.at_once, |work| {
        engine.manifest(work)
    })
}

fn slurm(arguments: &SlurmArguments) -> Result<(), CommandError> {
    let engine = Slurm {
        at_once: arguments.at_once,
        memory: arguments.memory.clone(),
        time: arguments.time.clone(),
        partition: arguments.partition.clone(),
        max_array_size: arguments.max_array_size,
    };
    // A sweep of many units on many slots still makes one array.
    let at_once = arguments.at_once.min(arguments.max_array_size / 4).max(1);
    print(&arguments.work, &arguments.out, at_once, |work| {
        engine.script(work)
    })
}

fn parallel(arguments: &ParallelArguments) -> Result<(), CommandError> {
    let threads = usize::from(arguments.work.threads);
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    let at_once = match arguments.at_once {
        Some(number) => number,
        None if arguments.host.is_empty() => (cores() / threads).max(1) as u32,
        None => 2,
    };
    let engine = Parallel {
        hosts: arguments.host.clone(),
        at_once,
        ssh: arguments.ssh.clone(),
    };
    print(&arguments.work, &arguments.out, engine.slots(), |work| {
        Ok(engine.script(work))
    })
}

/// Prints what an engine's words make of the work, where so many shards run at a time.
fn print(
    arguments: &WorkArguments,
    out: &Path,
    at_once: u32,
    words: impl FnOnce(&Work<'_>) -> Result<String, EmitError>,
) -> Result<(), CommandError> {
    let (plan, subject) = subject::read(&arguments.plan)?;
    let units = subject.units();
    let count = (arguments.shards).unwrap_or_else(|| Shards::sensible(units.len() as u64, at_once));
    let shards = match &arguments.missing {
        None => Shards::all(count),
        Some(folder) => {
            let gathered = ledger::gather(std::slice::from_ref(folder), plan.id)?;
            let missing = sweep::missing(&units, &gathered.union);
            let shards = missing::shards(&missing, count).into_iter();
            Shards::some(count, shards.map(|shard| shard as u32))
        }
    };
    if shards.is_empty() {
        output::note("Nothing is missing: `coalmine sweep merge` has all that it needs");
        return Ok(());
    }
    let work = Work {
        plan: &arguments.plan,
        text: &plan.text(),
        id: &plan.id.to_string(),
        shards: &shards,
        program: &arguments.program,
        out,
        threads: arguments.threads,
    };
    let printed = words(&work).map_err(|error| CommandError::Argument {
        message: error.to_string(),
        help: error.help(),
    })?;
    output::print(&printed)
}

/// A word that stands bare in a script or a manifest.
fn word(text: &str) -> Result<String, String> {
    let plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
    match !text.is_empty() && text.chars().all(plain) {
        true => Ok(text.to_owned()),
        false => Err("one word, without blanks".to_owned()),
    }
}

/// Words of a command that stand in one line of a script.
fn one_line(text: &str) -> Result<String, String> {
    match !text.is_empty() && !text.contains(char::is_control) {
        true => Ok(text.to_owned()),
        false => Err("one line, not empty".to_owned()),
    }
}
