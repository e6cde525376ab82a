//! `coalmine sweep plan`: what is to be played, in one file.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::subject::{self, PlannedPower};
use super::words;
use crate::base::{Problems, Seed};
use crate::cli::calibrate::CalibrateQuestion;
use crate::cli::service::{self, EXPERIMENT, OUTPUT};
use crate::cli::tune::TuneQuestion;
use crate::cli::{CommandError, output, resume};
use crate::experiment::ledger::{Ledger, Union};
use crate::experiment::sweep::{Asked, Carried, Command, Plan, Subject, SweepFile};
use crate::experiment::tuning::{Search, Stretch};
use crate::report;
use crate::scenario::{Bundle, Overrides, Scenario};

/// Arguments of `coalmine sweep plan`.
#[derive(Debug, Args)]
#[command(arg_required_else_help = true, disable_help_subcommand = true)]
pub(super) struct PlanArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The experiment of `coalmine power`, of one scenario or several
    Power(Box<PowerPlan>),
    /// The experiment of `coalmine calibrate`
    Calibrate(CalibratePlan),
    /// A sweep file: scenarios, places in them, values to try
    #[command(after_help = GRID)]
    Grid(GridPlan),
    /// The search of `coalmine tune`
    #[command(after_help = TUNE)]
    Tune(Box<TunePlan>),
}

#[derive(Debug, Args)]
struct PowerPlan {
    #[command(flatten)]
    planned: PlannedPower,
    /// File for the plan
    #[arg(long, value_name = "FILE", default_value = "plan.json", help_heading = OUTPUT)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct CalibratePlan {
    #[command(flatten)]
    question: CalibrateQuestion,
    /// File for the plan
    #[arg(long, value_name = "FILE", default_value = "plan.json", help_heading = OUTPUT)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct GridPlan {
    /// The sweep file, TOML
    file: PathBuf,
    /// File for the plan
    #[arg(long, value_name = "FILE", default_value = "plan.json", help_heading = OUTPUT)]
    out: PathBuf,
}

#[derive(Debug, Args)]
struct TunePlan {
    #[command(flatten)]
    question: TuneQuestion,
    /// Rounds to share out [default: as many as --budget pays where nobody is dropped]
    #[arg(
        long,
        value_parser = clap::value_parser!(u8).range(1..=4),
        value_name = "NUMBER",
        help_heading = EXPERIMENT
    )]
    rounds: Option<u8>,
    /// Go on from these merged rows of earlier plans: the points that are left, then the fresh trials
    #[arg(long, value_name = "PLACE", help_heading = EXPERIMENT)]
    rows: Option<PathBuf>,
    /// File for the plan
    #[arg(long, value_name = "FILE", default_value = "plan.json", help_heading = OUTPUT)]
    out: PathBuf,
}

const TUNE: &str = "\
No share knows what the others found, so a plan plays its rounds for every point. With merged --rows
it plays what is next for those that are left. What no plan shared out, `sweep merge` plays itself.

Examples:
  coalmine sweep plan tune plain-flagger                  rounds of the search, for every point
  coalmine sweep merge rows --out first.jsonl             once they are played
  coalmine sweep plan tune plain-flagger --rows first.jsonl --out next.json
  coalmine sweep merge more --rows first.jsonl --out merged";

const GRID: &str = "\
A sweep file:
  scenarios = [\"my-service.toml\", \"low-traffic\"]   files, or built-in scenarios
  trials = 2000                                    of each cell, bad and good canary
  held = [\"5%\"]                                    also with the canary held here; may be left out
  [grid]                                           every combination is a cell
  \"traffic.rate\" = [\"1/s\", \"10/s\", \"100/s\"]
  \"rollout.interval\" = [\"30s\", \"1m\"]";

/// Writes a plan.
pub(super) fn plan(arguments: &PlanArguments) -> Result<(), CommandError> {
    let (asked, out) = match &arguments.what {
        What::Power(arguments) => (power(&arguments.planned)?, &arguments.out),
        What::Calibrate(arguments) => (calibrate(&arguments.question)?, &arguments.out),
        What::Grid(arguments) => (grid(&arguments.file)?, &arguments.out),
        What::Tune(arguments) => (tune(arguments)?, &arguments.out),
    };
    let plan = Plan::new(asked);
    // What any machine would refuse is refused here.
    let subject = subject::of(&plan, out)?;
    write(&plan, out)?;
    let units = subject.units();
    let trials: u64 = units.iter().map(|unit| u64::from(unit.count)).sum();
    let cells: BTreeSet<_> = units.iter().map(|unit| unit.cell).collect();
    output::note(&output::narrow(
        &format!(
            "Plan {}: {} of {} in {}, seed {}. Each of N machines plays its share with\n  coalmine \
             sweep run {} --shard 1/N --out rows",
            plan.id,
            report::plural(trials, "rollout"),
            report::plural(cells.len() as u64, "cell"),
            report::plural(units.len() as u64, "unit"),
            plan.asked.seed,
            out.display()
        ),
        output::WIDTH,
        "",
    ));
    if let Subject::Tune { search, stretch } = &subject {
        output::note(&output::narrow(&price(search, stretch), output::WIDTH, ""));
    }
    Ok(())
}

/// What a stretch of a search costs beside one process's, and what comes after it.
fn price(search: &Search, stretch: &Stretch) -> String {
    let price = search.price(stretch);
    let (after, count) = match stretch {
        Stretch::Rounds { after, count, .. } => (*after, *count),
        Stretch::Fresh { .. } => {
            return format!(
                "They are the fresh trials of the {} that are shown: then all is known.",
                report::plural(price.points, "point")
            );
        }
    };
    let rounds = match count {
        1 => format!("round {}", after + 1),
        _ => format!("rounds {} to {}", after + 1, after + count),
    };
    let points = match price.points == price.of {
        true => format!("every one of {}", report::plural(price.of, "point")),
        false => format!(
            "{} of {} that are left",
            report::grouped(price.points),
            report::plural(price.of, "point")
        ),
    };
    let dropping = match count {
        1 => String::new(),
        _ => format!(
            " One process drops after each what is surely no good: it simulates {} to {} rollouts \
             for the same.",
            report::grouped(price.first),
            report::grouped(price.simulated)
        ),
    };
    let later = match price.later {
        0 => String::new(),
        later => format!(
            "{} of those that are left, and ",
            report::plural(later, "round")
        ),
    };
    format!(
        "They are {rounds} of {} of the search, for {points}.{dropping} What comes after them, {later}at \
         most {} fresh rollouts, is played by `sweep merge`, or shared out by another plan that goes on \
         from the merged --rows.",
        search.rounds(),
        report::grouped(price.fresh)
    )
}

fn power(planned: &PlannedPower) -> Result<Asked, CommandError> {
    let (first, scenario) = planned
        .question
        .service
        .bundle(planned.question.experiment())?;
    let (mut bundles, mut scenarios) = (vec![first], vec![scenario]);
    for path in &planned.more {
        let (bundle, scenario) = Bundle::gather(service::origin(path)?, &planned.overrides())?;
        bundles.push(bundle);
        scenarios.push(scenario);
    }
    let mut names = BTreeSet::new();
    if let Some(twice) = scenarios.iter().find(|one| !names.insert(&one.name)) {
        return Err(CommandError::Argument {
            message: format!("two of the scenarios are called `{}`", twice.name),
            help: "their results would go to one folder: give them different names".to_owned(),
        });
    }
    let trials = same(
        &scenarios,
        "numbers of trials",
        "--trials 2000",
        |scenario| scenario.experiment.trials,
    )?;
    let Some(trials) = trials else {
        return Err(CommandError::Argument {
            message: "a precision to reach cannot be shared out: how many trials it takes is only \
                      found while they are played"
                .to_owned(),
            help: "say how many trials to play, like --trials 2000".to_owned(),
        });
    };
    let seed = same(&scenarios, "seeds", "--seed 1", |scenario| {
        scenario.experiment.seed
    })?;
    asked("power", Command::Power, seed, trials, &bundles)
}

/// What all scenarios have in common; a plan has one of it.
fn same<T: PartialEq>(
    scenarios: &[Scenario],
    what: &str,
    option: &str,
    of: impl Fn(&Scenario) -> T,
) -> Result<T, CommandError> {
    let first = of(&scenarios[0]);
    if scenarios.iter().all(|scenario| of(scenario) == first) {
        return Ok(first);
    }
    Err(CommandError::Argument {
        message: format!("the scenarios ask for different {what}"),
        help: format!("a plan has one: name it, like {option}"),
    })
}

fn calibrate(question: &CalibrateQuestion) -> Result<Asked, CommandError> {
    let (_, _, effort) = question.subject()?;
    asked(
        "calibrate",
        Command::Calibrate,
        effort.seed,
        effort.trials,
        &[],
    )
}

fn tune(arguments: &TunePlan) -> Result<Asked, CommandError> {
    let question = &arguments.question;
    let (bundle, scenario) = question.service.bundle(Overrides::default())?;
    let mut known = Union::default();
    if let Some(place) = &arguments.rows {
        resume::take_rows(place, &mut known)?;
    }
    let (seed, trials) = (scenario.experiment.seed, question.trials);
    let asked = asked(
        "tune",
        Command::Tune,
        seed,
        trials,
        std::slice::from_ref(&bundle),
    )?;
    let search = question.search(bundle, scenario)?;
    let known = Ledger::with(known.into_records());
    let stretch = search.next(&known, arguments.rounds.map(usize::from))?;
    let Some(stretch) = stretch else {
        return Err(CommandError::Argument {
            message: "nothing is left to be shared out: these rows hold the search and its fresh \
                      trials"
                .to_owned(),
            help: "`coalmine tune` with the same options and --rows tells what came of them"
                .to_owned(),
        });
    };
    Ok(Asked {
        stretch: Some(stretch),
        ..asked
    })
}

/// Options that do not belong to what is asked, but to how it is planned: what comes of them stands in the
/// plan.
const BUT: &[&str] = &["out", "rounds", "rows"];

fn asked(
    name: &str,
    command: Command,
    seed: Seed,
    trials: u32,
    bundles: &[Bundle],
) -> Result<Asked, CommandError> {
    let scenarios = bundles.iter().map(Carried::of);
    Ok(Asked {
        command,
        words: words::words(std::env::args_os(), &["sweep", "plan", name], BUT)?,
        seed: seed.to_string(),
        trials,
        scenarios: scenarios.collect::<Result<_, _>>()?,
        grid: None,
        stretch: None,
    })
}

fn grid(path: &Path) -> Result<Asked, CommandError> {
    let text = fs::read_to_string(path)
        .map_err(|error| CommandError::Input(Problems::about(path, error.to_string())))?;
    let file = SweepFile::read(&text, path)?;
    let folder = path.parent().unwrap_or(Path::new(""));
    let (mut carried, mut scenarios) = (Vec::new(), Vec::new());
    for name in &file.scenarios {
        // Files are found beside the sweep file.
        let beside = folder.join(name);
        let place = match beside.is_file() {
            true => beside,
            false => PathBuf::from(name),
        };
        let origin = service::origin(&place)?;
        let (bundle, scenario) = Bundle::gather(origin, &file.overrides())?;
        carried.push(Carried::of(&bundle)?);
        scenarios.push(scenario);
    }
    let seed = same(
        &scenarios,
        "seeds",
        "seed = 1 in the sweep file",
        |scenario| scenario.experiment.seed,
    )?;
    Ok(Asked {
        command: Command::Grid,
        words: Vec::new(),
        seed: seed.to_string(),
        trials: file.trials,
        scenarios: carried,
        grid: Some(file),
        stretch: None,
    })
}

/// Writes a plan where none of another name is, whole or not at all.
pub(super) fn write(plan: &Plan, path: &Path) -> Result<(), CommandError> {
    let folder = match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    };
    let log = |error| CommandError::Log {
        path: path.to_owned(),
        error,
    };
    fs::create_dir_all(folder).map_err(log)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".plan-").tempfile_in(folder).map_err(log)?;
    file.write_all(plan.text().as_bytes()).map_err(log)?;
    file.as_file().sync_all().map_err(log)?;
    file.persist(path).map_err(|error| log(error.error))?;
    Ok(())
}
