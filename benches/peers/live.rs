//! Our side of `benches/peers/live/run`: the live engine's parts as processes of their own.
//!
//! Each runs until standard input ends. `live --help` names them.
#![expect(
    clippy::disallowed_macros,
    reason = "a program that prints what it measured"
)]

use std::error::Error;
use std::io::{self, BufRead};
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand, ValueEnum};

use coalmine::base::{Probability, Rate, Seed, Span};
use coalmine::engine::live::Setting;
use coalmine::engine::live::backend::{BackendOptions, Backends};
use coalmine::engine::live::clock::{Moment, WallClock};
use coalmine::engine::live::endpoints::Endpoints;
use coalmine::engine::live::splitter::{Exposition, Splitter, SplitterOptions};
use coalmine::engine::live::steering::{Shares, Steering};
use coalmine::model::World;
use coalmine::model::fault::{Fault, FaultKind, Schedule, Scope, Target};
use coalmine::model::service::{Latency, Service};
use coalmine::model::split::{Affinity, Precedence, Split};
use coalmine::model::traffic::{Population, Profile, Traffic};
use coalmine::stats::chi_square_fit;
use coalmine::telemetry::{Birth, Buckets, Plan, Sampling};

/// The live engine's parts, each for itself.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Debug, Subcommand)]
enum Part {
    /// Splits requests among two servers. Every line `weight 10` on standard input gives the canary
    /// so many percent, and is answered with when: nanoseconds on the monotonic clock.
    Splitter(SplitterArguments),
    /// Answers 64 bytes at once.
    Backend(BackendArguments),
    /// Says whether so many requests of each version are as the weight says.
    Ratio(RatioArguments),
}

#[derive(Debug, clap::Args)]
struct SplitterArguments {
    #[arg(long)]
    port: u16,
    /// Addresses of stable and of the canary.
    #[arg(long, value_delimiter = ',')]
    backends: Vec<SocketAddr>,
    /// Percent of requests that the canary gets.
    #[arg(long, default_value_t = 5.0)]
    weight: f64,
    #[arg(long, default_value_t = 1)]
    workers: usize,
    #[arg(long, value_enum, default_value_t = Policy::Random)]
    policy: Policy,
    /// Hand out cookies that keep users with their version, and obey them.
    #[arg(long)]
    sticky: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Policy {
    /// Each request on its own, by lot.
    Random,
    /// In turn.
    Even,
}

#[derive(Debug, clap::Args)]
struct BackendArguments {
    #[arg(long)]
    port: u16,
    /// Share of requests that fail: 1%.
    #[arg(long, default_value = "0%")]
    faults: Probability,
}

#[derive(Debug, clap::Args)]
struct RatioArguments {
    stable: u64,
    canary: u64,
    /// Percent of requests that the canary should have got.
    #[arg(long)]
    weight: f64,
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`, and wants nothing played.
    let words = std::env::args().filter(|word| word != "--bench");
    let Some(part) = Arguments::parse_from(words).part else {
        println!("see benches/peers/live/run, and --help");
        return ExitCode::SUCCESS;
    };
    let played = match part {
        Part::Splitter(arguments) => split(&arguments),
        Part::Backend(arguments) => answer(&arguments),
        Part::Ratio(arguments) => {
            judge(&arguments);
            Ok(())
        }
    };
    match played {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("live: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A world of immediate answers.
fn setting() -> Setting {
    let traffic = Traffic::plain(
        Profile::Constant(Rate::ZERO),
        Population::zipf(100_000, 0.0),
    );
    let service = Service::plain(Latency::Fixed(Span::ZERO), Probability::ZERO);
    Setting {
        world: World::plain(traffic, service),
        telemetry: Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        seed: Seed::DEFAULT,
        replicate: 0,
    }
}

fn steer(steering: &Steering, percent: f64) {
    steering.set(Shares {
        canary: (percent / 100.0) as f32,
        mirror: 0.0,
    });
}

fn split(arguments: &SplitterArguments) -> Result<(), Box<dyn Error>> {
    let [stable, canary] = arguments.backends[..] else {
        return Err("--backends names two addresses".into());
    };
    let mut setting = setting();
    setting.world.split = match arguments.policy {
        Policy::Random => Split::Random,
        Policy::Even => Split::Even,
    };
    setting.world.affinity = arguments.sticky.then_some(Affinity {
        precedence: Precedence::Both,
        lifetime: Span::from_secs(3_600),
        outlives_rollback: false,
    });
    let endpoints = Arc::new(Endpoints::new([vec![stable], vec![canary], Vec::new()]));
    let steering = Arc::new(Steering::default());
    steer(&steering, arguments.weight);
    let options = SplitterOptions {
        port: arguments.port,
        workers: arguments.workers,
        ..SplitterOptions::default()
    };
    let mut splitter = Splitter::start(
        &setting,
        &WallClock::new(Moment::now(), 1.0),
        &endpoints,
        &steering,
        &options,
        Exposition::default(),
    )?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let percent = line.strip_prefix("weight ").map(str::parse::<f64>);
        match percent {
            Some(Ok(percent)) => {
                steer(&steering, percent);
                println!("{}", Moment::now().as_nanos());
            }
            _ => return Err(format!("no order: `{line}`").into()),
        }
    }
    let decisions: usize = splitter.stop().iter().map(Vec::len).sum();
    println!("{{\"decisions_kept\":{decisions}}}");
    Ok(())
}

fn answer(arguments: &BackendArguments) -> Result<(), Box<dyn Error>> {
    let mut setting = setting();
    if arguments.faults > Probability::ZERO {
        setting.world.faults.push(Fault {
            kind: FaultKind::Errors {
                probability: arguments.faults,
                latency: None,
            },
            target: Target::Both,
            schedule: Schedule::ALWAYS,
            scope: Scope::EVERYONE,
        });
    }
    let options = BackendOptions {
        ports: vec![arguments.port],
        ..BackendOptions::default()
    };
    let clock = WallClock::new(Moment::now(), 1.0);
    let backends = Backends::start(&setting, clock, Arc::default(), options)?;
    io::copy(&mut io::stdin().lock(), &mut io::sink())?;
    backends.stop();
    Ok(())
}

/// A mismatch of the ratio is one that would come by chance less than once in a thousand times.
fn judge(arguments: &RatioArguments) {
    let RatioArguments {
        stable,
        canary,
        weight,
    } = *arguments;
    let all = (stable + canary) as f64;
    let meant = all * weight / 100.0;
    let p = chi_square_fit(&[stable, canary], &[all - meant, meant]);
    let word = if p < 0.001 { "mismatch" } else { "match" };
    println!("{word} p={p:.3e}");
}
