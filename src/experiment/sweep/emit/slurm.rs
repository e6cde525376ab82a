//! An array for Slurm: one script, which `sbatch` takes as it is.
//!
//! Rules from Slurm's `sbatch` page: indices of an array lie below MaxArraySize (1001 where a site
//! does not say otherwise); `--requeue` lets a task run again whose node failed or that was preempted;
//! options end at the first line that is a command.

use std::fmt::Write;

use super::words::shell;
use super::{EmitError, Work};

/// What only Slurm is told.
#[derive(Debug, Clone)]
pub struct Slurm {
    /// Tasks that may run at a time.
    pub at_once: u32,
    /// Memory of one task, in Slurm's words: 512M.
    pub memory: String,
    /// Longest time of one task, in Slurm's words; `None`: the site's.
    pub time: Option<String>,
    /// Where to run; `None`: the site's default.
    pub partition: Option<String>,
    /// The site's MaxArraySize.
    pub max_array_size: u32,
}

/// How often a task that was interrupted asks to run again.
const RESTARTS: u32 = 3;

impl Slurm {
    /// The script.
    ///
    /// # Errors
    /// When the array is too long for the site.
    pub fn script(&self, work: &Work<'_>) -> Result<String, EmitError> {
        let (shards, threads) = (work.shards, work.threads);
        if shards.count() > self.max_array_size {
            return Err(EmitError::Long {
                count: shards.count(),
                most: self.max_array_size,
            });
        }
        let name = work.name();
        let (plan, out) = (path(work.plan), path(work.out));
        let mut head = format!(
            "#!/bin/bash\n#SBATCH --job-name={name}\n#SBATCH --array={}%{}\n#SBATCH --cpus-per-task={threads}\n\
             #SBATCH --mem={}\n#SBATCH --requeue\n#SBATCH --output=/dev/null\n",
            shards.ranges(),
            self.at_once,
            self.memory
        );
        let options = [("time", &self.time), ("partition", &self.partition)];
        for (option, value) in options {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = writeln!(head, "#SBATCH --{option}={value}");
            }
        }
        let program = shell(work.program);
        Ok(format!(
            "{head}\
#
# {heading}
# Submit this file where {plan} is, in a folder that all nodes see:
#
#   job=$(sbatch --parsable THIS-FILE)
#
# Then merge what is there, whatever became of the tasks; it names what is missing:
#
#   sbatch --dependency=afterany:$job --output=merge.txt \\
#     --wrap={merge}
#
# What is missing runs again by `coalmine sweep emit slurm … --missing {out}`.

shard=$SLURM_ARRAY_TASK_ID
mkdir -p {out}/log
exec >>{out}/log/\"$shard\".txt 2>&1

# A bare handler: the shell stays to read the exit code while the program stops in order.
trap : TERM
{program} sweep run {plan} --shard-index \"$shard\" --shard-count {count} \\
  --out {out} --resume {out} --threads {threads}
code=$?

# 75: interrupted, or something that passes. A plan that is refused (64) stays refused.
if [ \"$code\" = 75 ] && [ \"${{SLURM_RESTART_COUNT:-0}}\" -lt {RESTARTS} ]; then
  scontrol requeue \"${{SLURM_ARRAY_JOB_ID}}_$shard\"
fi
exit \"$code\"
",
            heading = work.heading("Slurm"),
            count = shards.count(),
            merge = shell(&format!(
                "{program} sweep merge {out} --plan {plan} --out {out}-merged"
            )),
        ))
    }
}

fn path(path: &std::path::Path) -> String {
    shell(&path.to_string_lossy())
}
