//! `coalmine load`: the open-loop load generator on its own.

mod summary;
mod target;
mod threshold;

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};

use super::power::on_interruption;
use super::service::OUTPUT;
use super::{CommandError, output};
use crate::base::{Rate, Seed, Span};
use crate::engine::live::clock::{Moment, WallClock};
use crate::engine::live::load::{
    Asking, IntervalLog, Load, LoadError, LoadOptions, LoadReport, Mode, Pace, Request, Seen,
    short, steady,
};
use crate::model::traffic::Arrivals;
use crate::report::grouped;
use summary::Outcome;
use target::Url;
use threshold::Clause;

/// Arguments of `coalmine load`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LoadArguments {
    /// Whom to ask: http://127.0.0.1:8080/path
    url: String,
    /// Requests that are due: 500/s, 2k/s; without it, --connections ask as fast as they can
    #[arg(
        long,
        required_unless_present = "connections",
        allow_hyphen_values = true
    )]
    rate: Option<Rate>,
    /// How long
    #[arg(
        long,
        default_value = "10s",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    duration: Span,
    /// Connections at most; requests that find none free wait, and the wait counts [default: 100]
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000), value_name = "NUMBER")]
    connections: Option<u32>,
    /// When to give a request up, counted from when it was due
    #[arg(
        long,
        default_value = "10s",
        value_name = "TIME",
        allow_hyphen_values = true
    )]
    timeout: Span,
    /// How requests fall around the rate: `poisson` or `even`
    #[arg(
        long,
        value_enum,
        default_value = "poisson",
        hide_possible_values = true
    )]
    arrivals: ArrivalsArgument,
    /// `exact`: a timer for each; `economy`: a timer every 500 us; `spin`: less late, a core busy
    #[arg(long, value_enum, default_value = "exact", hide_possible_values = true)]
    mode: ModeArgument,
    /// Root of all randomness: equal seeds give equal schedules
    #[arg(long)]
    seed: Option<Seed>,
    /// Send to this host although it is another machine
    #[arg(long, value_name = "HOST")]
    allow_target: Option<String>,
    /// Method
    #[arg(long, default_value = "GET", value_parser = method, help_heading = REQUEST)]
    method: String,
    /// A header, may be given several times: 'x-user: 7'
    #[arg(long = "header", value_name = "HEADER", value_parser = header, help_heading = REQUEST)]
    headers: Vec<(String, String)>,
    /// What to send along
    #[arg(long, default_value = "", hide_default_value = true, help_heading = REQUEST)]
    body: String,
    /// End with exit code 1 when this is true, may be given several times: 'p99>300ms',
    /// 'errors>=1%', 'rate<450/s'; of p50, p90, p95, p99, p99.9, max, mean, errors, lateness-p99
    /// and rate
    #[arg(long, value_name = "CLAUSE", allow_hyphen_values = true, help_heading = OUTPUT)]
    fail_if: Vec<Clause>,
    /// Print the summary as JSON
    #[arg(long, help_heading = OUTPUT)]
    json: bool,
    /// Write latencies second by second as an HdrHistogram interval log
    #[arg(long, value_name = "FILE", help_heading = OUTPUT)]
    hdr: Option<PathBuf>,
}

const REQUEST: &str = "Request";

const EXAMPLES: &str = "\
Examples:
  coalmine load http://127.0.0.1:8080/ --rate 500/s --duration 30s
  coalmine load http://localhost:8080/cart --rate 2k/s --fail-if 'p99>300ms' --fail-if 'errors>1%'
  coalmine load http://127.0.0.1:8080/ --connections 64        as fast as 64 connections go

Exit codes: 0 done, 1 a clause of --fail-if is true or cannot be told because the run is not valid,
or nothing was answered, 2 the input was refused. Ctrl-C ends with what is there.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ArrivalsArgument {
    /// Independently of one another.
    Poisson,
    /// One after another in equal steps.
    Even,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ModeArgument {
    /// A timer for each.
    Exact,
    /// A timer on a grid.
    Economy,
    /// A timer that ends early, and spinning.
    Spin,
}

/// A method or a header's name: what RFC 9110, 5.6.2 calls a token.
fn is_token(text: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
    !text.is_empty() && text.chars().all(is_letter)
}

fn method(text: &str) -> Result<String, String> {
    if is_token(text) {
        Ok(text.to_owned())
    } else {
        Err("write one word, like POST".to_owned())
    }
}

fn header(text: &str) -> Result<(String, String), String> {
    let parts = text
        .split_once(':')
        .map(|(name, value)| (name.trim(), value.trim()));
    match parts {
        Some((name, value)) if is_token(name) && !value.contains(['\r', '\n', '\0']) => {
            let own = ["transfer-encoding", "connection"];
            if own.iter().any(|own| name.eq_ignore_ascii_case(own)) {
                return Err(format!("`{name}` is for the load itself to decide"));
            }
            Ok((name.to_owned(), value.to_owned()))
        }
        _ => Err("write a name, a colon and a value on one line, like 'x-user: 7'".to_owned()),
    }
}

/// Runs a load and tells what it came to.
pub(super) fn load(arguments: &LoadArguments) -> Result<(), CommandError> {
    let url = Url::parse(&arguments.url)?;
    let target = url.target(arguments.allow_target.as_deref())?;
    for (option, time) in [
        ("duration", arguments.duration),
        ("timeout", arguments.timeout),
    ] {
        if time.is_zero() {
            return Err(CommandError::Argument {
                message: format!("--{option} is 0"),
                help: "write a length of time, like 30s".to_owned(),
            });
        }
    }
    if arguments.rate == Some(Rate::ZERO) {
        return Err(CommandError::Argument {
            message: "--rate is 0: nothing would be sent".to_owned(),
            help: "write requests per second, minute or hour, like 500/s".to_owned(),
        });
    }
    let seed = arguments.seed.unwrap_or(Seed::DEFAULT);
    let arrivals = match arguments.arrivals {
        ArrivalsArgument::Poisson => Arrivals::Poisson,
        ArrivalsArgument::Even => Arrivals::Even,
    };
    let options = options(arguments, &url)?;
    let connections = match options.pace {
        Pace::Schedule => options.connections,
        Pace::Closed(connections) => connections as usize,
    };
    let setting = steady(arguments.rate.unwrap_or(Rate::ZERO), arrivals, seed);
    // A moment ahead, so that the first request is not late.
    let clock = WallClock::new(Moment::now() + Span::from_millis(20), 1.0);
    let load = Load::start(&setting, clock, target, options).map_err(explain)?;
    let report = attend(load, arguments)?;
    let outcome = Outcome::of(arguments, &report, connections, seed);
    let printed = if arguments.json {
        let mut text = serde_json::to_string_pretty(&outcome.json(&report))?;
        text.push('\n');
        output::print(&text)
    } else {
        output::print(&outcome.text(&report))
    };
    if let (Some(path), Some(error)) = (&arguments.hdr, report.log_error) {
        let path = path.clone();
        return Err(CommandError::Log { path, error });
    }
    printed?;
    match outcome.failure() {
        Some(failure) => Err(CommandError::Failed(failure)),
        None => Ok(()),
    }
}

fn options(arguments: &LoadArguments, url: &Url) -> Result<LoadOptions, CommandError> {
    let log = match &arguments.hdr {
        None => None,
        Some(path) => {
            let file = File::create(path).map_err(|error| CommandError::Log {
                path: path.clone(),
                error,
            })?;
            #[expect(
                clippy::disallowed_methods,
                reason = "a log says on which day it was written"
            )]
            let began = SystemTime::now();
            Some(IntervalLog {
                writer: Box::new(BufWriter::new(file)),
                began,
            })
        }
    };
    let base = LoadOptions::until(arguments.duration);
    let connections = arguments
        .connections
        .map(|connections| connections as usize);
    Ok(LoadOptions {
        asking: Asking::Same(Request {
            method: arguments.method.clone(),
            path: url.path.clone(),
            headers: arguments.headers.clone(),
            body: arguments.body.clone().into_bytes(),
        }),
        pace: match (arguments.rate, arguments.connections) {
            (None, Some(connections)) => Pace::Closed(connections),
            _ => Pace::Schedule,
        },
        mode: match arguments.mode {
            ModeArgument::Exact => Mode::Exact,
            ModeArgument::Economy => Mode::Economy,
            ModeArgument::Spin => Mode::Spin,
        },
        connections: connections.unwrap_or(base.connections),
        timeout: arguments.timeout,
        log,
        ..base
    })
}

/// A limit of the machine that is too low for what was asked is a matter of the input.
fn explain(error: LoadError) -> CommandError {
    match error {
        LoadError::Descriptors(few) => CommandError::Argument {
            message: few.to_string(),
            help: format!(
                "say --connections {}, or raise the limit before: ulimit -Hn {}",
                few.limit.saturating_sub(few.needed - few.connections),
                few.needed
            ),
        },
        other => CommandError::Load(other),
    }
}

/// Shows how a load goes until it ends or is interrupted.
fn attend(load: Load, arguments: &LoadArguments) -> Result<LoadReport, CommandError> {
    let stop = Arc::new(AtomicBool::new(false));
    let bar = bar();
    on_interruption(Arc::clone(&stop), bar.clone());
    while !load.wait(Duration::from_millis(100)) {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if let Some(bar) = &bar {
            bar.set_message(line(load.seen(), bar.elapsed(), arguments.duration));
        }
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    let report = if stop.load(Ordering::Relaxed) {
        load.stop()
    } else {
        load.finish()
    };
    Ok(report?)
}

fn bar() -> Option<ProgressBar> {
    if !output::is_watched() {
        return None;
    }
    let bar = ProgressBar::new_spinner();
    if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
        bar.set_style(style);
    }
    Some(bar)
}

/// One line that says how it goes.
fn line(seen: &Seen, elapsed: Duration, duration: Span) -> String {
    let (counts, published) = (seen.counts(), seen.published());
    let seconds = elapsed.as_secs_f64().max(0.001);
    let errors = counts.failed() + counts.server_errors;
    format!(
        "{}s of {duration}  {}/s  {} in flight  p50 {}  p99 {}  {} errors  sends {} late",
        elapsed.as_secs(),
        grouped((counts.sent as f64 / seconds).round() as u64),
        grouped(counts.in_flight + counts.waiting),
        short(published.p50),
        short(published.p99),
        grouped(errors),
        short(published.lateness_p99),
    )
}
