//! `coalmine plan`: how long a canary has to run, before anything is simulated.

use std::path::PathBuf;
use std::str::FromStr;

use clap::Args;

use super::service::{OUTPUT, read};
use super::{CommandError, output};
use crate::base::{Probability, Rate, Span, Weight};
use crate::experiment::planner::{
    self, Change, Plan, Question, Refusal, Slowdown, Users, spread_at,
};
use crate::model::service::{Latency, Service};
use crate::report;
use crate::scenario;

/// Arguments of `coalmine plan`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct PlanArguments {
    /// Scenario file, or the name of a built-in one, whose service and fault to plan for
    scenario: Option<PathBuf>,
    /// Requests over both versions: 20/s, 3k/s, 1200/m
    #[arg(long, allow_hyphen_values = true, help_heading = SERVICE)]
    rate: Option<Rate>,
    /// Share of requests that fail on stable: 0.1%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = SERVICE)]
    errors: Option<Probability>,
    /// Latency on stable, for its spread: p50=40ms,p99=250ms
    #[arg(long, value_parser = scenario::latency, help_heading = SERVICE)]
    latency: Option<Latency>,
    /// Share of requests (or users, with a rate of users) that reach a goal on stable: 3%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = SERVICE)]
    goal: Option<Probability>,
    /// Requests of one user during the canary, for users who stay with a version
    #[arg(long, value_name = "NUMBER", allow_hyphen_values = true, help_heading = SERVICE)]
    per_user: Option<f64>,
    /// How much the requests of one user resemble one another: intra-class correlation, 0 to 1
    #[arg(
        long,
        value_name = "NUMBER",
        requires = "per_user",
        allow_hyphen_values = true,
        help_heading = SERVICE
    )]
    correlation: Option<f64>,
    /// Errors to see on a bad canary: a share, 1%, or a factor, x10
    #[arg(long, value_name = "ERRORS", allow_hyphen_values = true, help_heading = CHANGE)]
    detect: Option<Detect>,
    /// Slowdown to see: 10%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = CHANGE)]
    slower: Option<Percentage>,
    /// The quantile in which to see it [default: p99]
    #[arg(long, value_parser = quantile, help_heading = CHANGE)]
    quantile: Option<Probability>,
    /// Loss to see, as a share of the goal's own: 10% of 3% are 2.7%
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = CHANGE)]
    drop: Option<Probability>,
    /// Canary percentages [default: 1,5,10]
    #[arg(
        long,
        alias = "weights",
        value_delimiter = ',',
        allow_hyphen_values = true,
        value_name = "PERCENT",
        help_heading = TERMS
    )]
    weight: Option<Vec<Weight>>,
    /// Chance to see the change [default: 80%]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = TERMS)]
    power: Option<Probability>,
    /// Chance to roll back a good release [default: 5%]
    #[arg(long, value_name = "SHARE", allow_hyphen_values = true, help_heading = TERMS)]
    false_rollback: Option<Probability>,
    /// Time that the canary may take [default: a working day of 8h]
    #[arg(long, allow_hyphen_values = true, help_heading = TERMS)]
    time: Option<Span>,
    /// Looks of a gate that looks early
    #[arg(long, value_name = "NUMBER", default_value_t = 10, help_heading = TERMS)]
    looks: u32,
    /// Print the plan as JSON instead of tables
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
}

const SERVICE: &str = "Service, in place of the scenario's";
const CHANGE: &str = "Change to see";
const TERMS: &str = "Terms";

const EXAMPLES: &str = "\
Examples:
  coalmine plan --rate 20/s --errors 0.1% --detect 1% --weight 1,5,10
  coalmine plan --rate 1/s --errors 0.1% --detect x2 --time 30m
  coalmine plan --rate 100/s --latency p50=40ms,p99=250ms --slower 10% --goal 3% --drop 10%
  coalmine plan low-traffic";

/// Plans, and prints the plan.
pub(super) fn plan(arguments: &PlanArguments) -> Result<(), CommandError> {
    let question = question(arguments)?;
    let plan: Plan = planner::plan(&question).map_err(refused)?;
    if arguments.json {
        let mut text = serde_json::to_string_pretty(&plan)?;
        text.push('\n');
        return output::print(&text);
    }
    output::print(&report::plan(&plan, output::WIDTH, output::colours()))
}

/// The scenario's question, or an empty one, with what the arguments say.
fn question(arguments: &PlanArguments) -> Result<Question, CommandError> {
    let scenario = match &arguments.scenario {
        Some(path) => Some(read(path)?),
        None => None,
    };
    let mut missing = Missing(Vec::new());
    let empty = || Question {
        weights: [1.0, 5.0, 10.0]
            .into_iter()
            .filter_map(Weight::percent)
            .collect(),
        ..Question::at(arguments.rate.unwrap_or_default())
    };
    let mut question = scenario.as_ref().map_or_else(empty, Question::of);
    match arguments.rate {
        Some(rate) => question.rate = rate,
        None if scenario.is_none() => {
            missing.note(
                "rate",
                "requests over both versions, like 20/s, or a scenario",
            );
        }
        None => {}
    }
    if let Some(weights) = &arguments.weight {
        question.weights.clone_from(weights);
    }
    question.power = arguments.power.unwrap_or(question.power);
    question.false_rollback = arguments.false_rollback.unwrap_or(question.false_rollback);
    question.time = arguments.time.or(question.time);
    question.looks = arguments.looks;
    if let Some(requests) = arguments.per_user {
        question.users = Some(Users::PerUser {
            requests,
            correlation: arguments.correlation.unwrap_or(0.0),
        });
    }
    let stable = scenario.as_ref().map(|scenario| &scenario.world.stable);
    question.errors = errors(arguments, question.errors, stable, &mut missing);
    question.latency = slowdown(arguments, question.latency, stable, &mut missing);
    question.goal = goal(arguments, question.goal, &mut missing);
    match missing.0.is_empty() {
        true => Ok(question),
        false => Err(refused(missing.0)),
    }
}

/// Arguments without which others mean nothing.
struct Missing(Vec<Refusal>);

impl Missing {
    fn note(&mut self, subject: &'static str, valid: &str) {
        self.0.push(Refusal {
            subject,
            message: "is missing".to_owned(),
            valid: valid.to_owned(),
        });
    }
}

/// The errors to see: the scenario's, with what the arguments say.
fn errors(
    arguments: &PlanArguments,
    own: Option<Change>,
    service: Option<&Service>,
    missing: &mut Missing,
) -> Option<Change> {
    let stable = (arguments.errors.map(Probability::get))
        .or(own.map(|change| change.stable))
        .or(service.map(|service| service.errors.get()));
    let canary = match (arguments.detect, stable) {
        (Some(detect), Some(stable)) => Some(detect.of(stable)),
        (Some(_), None) => {
            missing.note("errors", "the share that fails on stable, like 0.1%");
            None
        }
        (None, _) => own.map(|change| change.canary),
    };
    if arguments.errors.is_some() && canary.is_none() {
        missing.note("detect", "the errors to see, like 1% or x10");
    }
    let (stable, canary) = stable.zip(canary)?;
    Some(Change { stable, canary })
}

/// The slowdown to see.
fn slowdown(
    arguments: &PlanArguments,
    own: Option<Slowdown>,
    service: Option<&Service>,
    missing: &mut Missing,
) -> Option<Slowdown> {
    let quantile = (arguments.quantile.map(Probability::get))
        .or(own.map(|slowdown| slowdown.quantile))
        .unwrap_or(0.99);
    let latency = (arguments.latency.as_ref()).or(service.map(|service| &service.latency));
    let factor =
        (arguments.slower.map(|slower| 1.0 + slower.0)).or(own.map(|slowdown| slowdown.factor));
    match (factor, latency) {
        (Some(factor), Some(latency)) => Some(Slowdown {
            quantile,
            sigma: spread_at(latency, quantile).unwrap_or(0.0),
            factor,
        }),
        (Some(_), None) => {
            missing.note(
                "latency",
                "stable's, for its spread, like p50=40ms,p99=250ms",
            );
            None
        }
        (None, _) => {
            if arguments.latency.is_some() || arguments.quantile.is_some() {
                missing.note("slower", "the slowdown to see, like 10%");
            }
            None
        }
    }
}

/// The loss to see.
fn goal(arguments: &PlanArguments, own: Option<Change>, missing: &mut Missing) -> Option<Change> {
    let stable = (arguments.goal.map(Probability::get)).or(own.map(|change| change.stable));
    let left = (arguments.drop.map(Probability::complement))
        .or(own.map(|change| change.canary / change.stable));
    match (stable, left) {
        (Some(_), None) => missing.note("drop", "the loss to see, like 10%"),
        (None, Some(_)) => missing.note("goal", "the share that reaches it, like 3%"),
        _ => {}
    }
    let (stable, left) = stable.zip(left)?;
    Some(Change {
        stable,
        canary: stable * left,
    })
}

/// All refusals as one error.
fn refused(refusals: Vec<Refusal>) -> CommandError {
    CommandError::Arguments(
        (refusals.into_iter())
            .map(|refusal| {
                let colon = if refusal.message.starts_with("is ") {
                    ""
                } else {
                    ":"
                };
                let message = format!("--{}{colon} {}", refusal.subject, refusal.message);
                (message, format!("write {}", refusal.valid))
            })
            .collect(),
    )
}

/// The errors to see.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Detect {
    Share(f64),
    Factor(f64),
}

impl Detect {
    /// Share of the canary's requests, where so many of stable's fail.
    fn of(self, stable: f64) -> f64 {
        match self {
            Detect::Share(share) => share,
            Detect::Factor(factor) => factor * stable,
        }
    }
}

impl FromStr for Detect {
    type Err = String;

    fn from_str(text: &str) -> Result<Detect, String> {
        let text = text.trim();
        let factor = text
            .strip_prefix(['x', 'X'])
            .or(text.strip_suffix(['x', 'X']));
        if let Some(factor) = factor {
            let factor = factor
                .trim()
                .parse()
                .ok()
                .filter(|factor: &f64| factor.is_finite());
            return factor.map(Detect::Factor).ok_or_else(|| {
                format!("`{text}` is no factor: write one above 1, like x10, or a share, like 1%")
            });
        }
        let share: Probability = text
            .parse()
            .map_err(|error: crate::base::ParseUnitError| error.to_string())?;
        Ok(Detect::Share(share.get()))
    }
}

/// A percentage that may exceed 100, as a share.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Percentage(f64);

impl FromStr for Percentage {
    type Err = String;

    fn from_str(text: &str) -> Result<Percentage, String> {
        let number = text.trim().strip_suffix('%').map(str::trim);
        let percent = number.and_then(|number| number.parse::<f64>().ok());
        match percent.filter(|percent| percent.is_finite()) {
            Some(percent) => Ok(Percentage(percent / 100.0)),
            None => Err(format!(
                "`{text}` is no percentage: write one above 0%, like 10%"
            )),
        }
    }
}

/// A quantile: `p99`.
fn quantile(text: &str) -> Result<Probability, String> {
    scenario::quantile(text).ok_or_else(|| {
        format!("`{text}` is no quantile: write one between p0 and p100, like p99 or p99.9")
    })
}
