//! A sweep in the words of an engine that users have already: an Indexed Job for Kubernetes, an array
//! for Slurm, a line for GNU parallel. Each runs `coalmine sweep run` once for every shard.
//!
//! No engine runs a shard exactly once: nodes are lost after the work and before the word of it, and
//! some start a shard again beside one that still runs. So nothing here counts on exit codes, and all
//! of them end with `coalmine sweep merge`, which judges by the results that are there.

mod kubernetes;
mod parallel;
mod shards;
mod slurm;
#[cfg(test)]
mod tests;
mod words;

use std::path::Path;

pub use kubernetes::{Kubernetes, MOST_BYTES};
pub use parallel::{Host, Parallel};
pub use shards::Shards;
pub use slurm::Slurm;

/// What every engine is told.
#[derive(Debug, Clone, Copy)]
pub struct Work<'a> {
    /// The plan's file, as those who submit name it.
    pub plan: &'a Path,
    /// The plan's text.
    pub text: &'a str,
    /// The plan's id: letters and digits.
    pub id: &'a str,
    /// The shards to run.
    pub shards: &'a Shards,
    /// The program, as the machines that work name it.
    pub program: &'a str,
    /// The folder for results.
    pub out: &'a Path,
    /// Threads of one shard, and the cores to ask for.
    pub threads: u16,
}

impl Work<'_> {
    /// Name of the job: short, and another one for what is left of the same plan.
    fn name(&self) -> String {
        let short = self.id.get(..10).unwrap_or(self.id);
        match self.shards.is_all() {
            true => format!("sweep-{short}"),
            false => format!("sweep-{short}-left-{}", self.shards.len()),
        }
    }

    /// What the first lines of everything that is printed say.
    fn heading(&self, engine: &str) -> String {
        // A comment ends with its line, whatever a path holds.
        let plan = self.plan.to_string_lossy().replace(char::is_control, "?");
        let count = self.shards.count();
        let share = match self.shards.is_all() {
            true => format!("All {count} shards"),
            false => format!("{} of {count} shards", self.shards.len()),
        };
        format!(
            "{share} of the sweep in {plan} ({}), for {engine}.",
            self.id
        )
    }
}

/// Why a sweep cannot be put in the words of an engine.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EmitError {
    /// A ConfigMap cannot hold the plan.
    #[error("the plan has {bytes} bytes, and a ConfigMap holds {MOST_BYTES} at most")]
    Large {
        /// The plan and what stands beside it.
        bytes: usize,
    },
    /// Slurm would not take so long an array.
    #[error(
        "{count} shards need the indices 0 to {}, and Slurm's MaxArraySize of {most} ends at {}",
        count - 1,
        most - 1
    )]
    Long {
        /// Shards asked for.
        count: u32,
        /// The site's MaxArraySize.
        most: u32,
    },
    /// Kubernetes would refuse the name.
    #[error("`{0}` cannot be the name of a Job")]
    Name(String),
}

impl EmitError {
    /// What would be valid.
    pub fn help(&self) -> String {
        match self {
            EmitError::Large { .. } => {
                "shorten the traces that the scenario names, whose text the plan \
                 carries, or run it with Slurm or GNU parallel"
                    .to_owned()
            }
            EmitError::Long { most, .. } => format!(
                "--shards up to {most}, or --max-array-size as `scontrol show config` tells it at your site"
            ),
            EmitError::Name(_) => {
                "lower-case letters, digits and `-`, 52 at most, the first a letter".to_owned()
            }
        }
    }
}
