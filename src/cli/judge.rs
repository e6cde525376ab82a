//! `coalmine judge`: one gate on one set of figures, its verdict and its reasons.

use std::io::Read;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, ValueEnum};

use super::{CommandError, output};
use crate::base::Problems;
use crate::gate::Explanation;
use crate::manifest::{Manifest, dataset, kayenta};
use crate::report;

/// Arguments of `coalmine judge`.
#[derive(Debug, Args)]
pub(super) struct JudgeArguments {
    #[command(subcommand)]
    gate: Gate,
}

/// Whose gate judges.
#[derive(Debug, Subcommand)]
enum Gate {
    /// Kayenta: samples of control and experiment, metric by metric
    #[command(after_help = KAYENTA)]
    Kayenta {
        /// Canary config that says how metrics are judged, by their names
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        data: Data,
    },
    /// Argo Rollouts: a success and a failure condition, and what the provider gave
    #[command(after_help = ARGO)]
    Argo {
        #[command(flatten)]
        data: Data,
    },
    /// Flagger: a metric, its limits, and what the query answered
    #[command(after_help = FLAGGER)]
    Flagger {
        #[command(flatten)]
        data: Data,
    },
    /// A plain gate: one figure, or counts of requests of the canary and of stable
    #[command(after_help = THRESHOLD)]
    Threshold {
        #[command(flatten)]
        data: Data,
    },
}

/// The figures, and what to do with the verdict.
#[derive(Debug, Args)]
struct Data {
    /// The figures in JSON [default: standard input]
    #[arg(value_name = "FILE")]
    data: Option<PathBuf>,
    /// Print the verdict and its reasons as JSON
    #[arg(long)]
    json: bool,
    /// End with exit code 1 on this verdict: `fail`, or `inconclusive`, which counts a fail too
    #[arg(long, value_enum, value_name = "VERDICT", hide_possible_values = true)]
    fail_if: Option<FailIf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum FailIf {
    Fail,
    Inconclusive,
}

const KAYENTA: &str = r#"Each metric has a name, control and experiment (null: missing), and may say in config how it is
judged, as analysisConfigurations.canary does:

  { "name": "errors", "config": { "direction": "increase", "critical": true },
    "control": [0.1, 0.2, 0.1], "experiment": [0.4, 0.6, 0.5] }

Several go into { "metrics": [ … ], "groupWeights": { "errors": 60, "latency": 40 },
"thresholds": { "pass": 95, "marginal": 75 } }. The list of pairs that Kayenta keeps is read, too.

Examples:
  coalmine judge kayenta < data.json
  coalmine judge kayenta --config canary-config.json pairs.json --json"#;

const ARGO: &str = r#"Examples:
  echo '{ "successCondition": "result[0] >= 0.95", "result": [0.93] }' | coalmine judge argo
  echo '{ "failureCondition": "result.errors > 3", "result": { "errors": 5 } }' | coalmine judge argo"#;

const FLAGGER: &str = r#"The value is in the unit of the provider's query: percent, milliseconds or seconds. null: no answer.

Examples:
  echo '{ "metric": "request-success-rate", "thresholdRange": { "min": 99 }, "value": 98.7 }' |
    coalmine judge flagger
  echo '{ "metric": "request-duration", "provider": "kubernetes", "threshold": 500, "value": 0.61 }' |
    coalmine judge flagger"#;

const THRESHOLD: &str = r#"Gates: value, success-ratio, latency-quantile, ratio, difference and z-test.

Examples:
  echo '{ "value": 0.97, "min": 0.95 }' | coalmine judge threshold
  echo '{ "gate": "success-ratio", "min": "99%", "requests": 1200, "failures": 15 }' |
    coalmine judge threshold
  echo '{ "gate": "z-test", "alpha": "1%", "canary": { "requests": 600, "failures": 9 },
          "stable": { "requests": 11400, "failures": 60 } }' | coalmine judge threshold
  echo '{ "gate": "latency-quantile", "quantile": "p99", "max": "500ms", "unit": "s",
          "buckets": { "0.1": 700, "0.5": 980, "1": 1000 } }' | coalmine judge threshold"#;

/// What is printed, and the verdict.
struct Said {
    text: String,
    verdict: String,
}

/// Judges one set of figures.
pub(super) fn judge(arguments: &JudgeArguments) -> Result<(), CommandError> {
    let (said, data) = match &arguments.gate {
        Gate::Kayenta { config, data } => (by_kayenta(config.as_deref(), data)?, data),
        Gate::Argo { data } => {
            let case = dataset::argo(&data.read()?)?;
            let (of, verdict) = case.explained();
            (data.say(&of, verdict.value, verdict.threshold)?, data)
        }
        Gate::Flagger { data } => {
            let case = dataset::flagger(&data.read()?)?;
            let (of, verdict) = (case.explained(), case.verdict);
            (data.say(&of, verdict.value, verdict.threshold)?, data)
        }
        Gate::Threshold { data } => {
            let case = dataset::threshold(&data.read()?)?;
            let verdict = case.gate.judge(case.now, &case.telemetry);
            let of = case.gate.explanation(case.now, &case.telemetry, &verdict);
            (data.say(&of, verdict.value, verdict.threshold)?, data)
        }
    };
    output::print(&said.text)?;
    let failed = match data.fail_if {
        None => false,
        Some(FailIf::Fail) => said.verdict == "fail",
        Some(FailIf::Inconclusive) => said.verdict != "pass",
    };
    match failed {
        true => Err(CommandError::Failed(format!(
            "the verdict is {}",
            said.verdict
        ))),
        false => Ok(()),
    }
}

fn by_kayenta(config: Option<&Path>, data: &Data) -> Result<Said, CommandError> {
    let config = match config {
        None => None,
        Some(path) => Some(kayenta::read(&[Manifest::open(path)?])?.config),
    };
    let case = dataset::kayenta(&data.read()?, config.as_ref())?;
    let (judge, pairs) = (&case.judge, case.pairs.as_slice());
    let judgement = judge.judge(pairs);
    Ok(Said {
        verdict: report::judgement::verdict(judge, &judgement).to_owned(),
        text: match data.json {
            true => pretty(&report::judgement::kayenta_json(judge, pairs))?,
            false => report::judgement::kayenta(judge, pairs, output::WIDTH, output::colours()),
        },
    })
}

impl Data {
    /// The figures' text.
    fn read(&self) -> Result<Manifest, CommandError> {
        if let Some(path) = self.data.as_ref().filter(|path| **path != Path::new("-")) {
            return Ok(Manifest::open(path)?);
        }
        const NAME: &str = "standard input";
        /// More than any data set needs.
        const MOST: u64 = 64 << 20;
        let (mut text, stdin) = (String::new(), std::io::stdin());
        let read = stdin.lock().take(MOST).read_to_string(&mut text);
        let refuse = |message: String| Problems::about(Path::new(NAME), message);
        read.map_err(|error| refuse(format!("cannot be read: {error}")))?;
        if text.len() as u64 == MOST {
            return Err(refuse(format!("more than {} MiB", MOST >> 20)).into());
        }
        Ok(Manifest {
            path: PathBuf::from(NAME),
            text,
        })
    }

    fn say(&self, of: &Explanation, value: f64, threshold: f64) -> Result<Said, CommandError> {
        Ok(Said {
            verdict: of.outcome.to_string(),
            text: match self.json {
                true => pretty(&report::judgement::explained_json(of, value, threshold))?,
                false => report::judgement::explained(of, output::WIDTH, output::colours()),
            },
        })
    }
}

fn pretty(value: &serde_json::Value) -> Result<String, CommandError> {
    Ok(serde_json::to_string_pretty(value)? + "\n")
}
