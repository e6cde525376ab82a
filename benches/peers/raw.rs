//! The physical limit beside which the live engine is measured: a server, a splitter and a load
//! generator of one thread each that do nothing but the system calls that the job cannot do without.
//!
//! They are no way to build such programs: they parse what they must and no more, and answer a peer
//! that breaks the rules by hanging up. `raw --help` names the subcommands; `benches/peers/live/run`
//! plays them.
#![expect(
    clippy::disallowed_macros,
    reason = "a program that prints what it measured"
)]

use std::io;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[path = "raw/generator.rs"]
mod generator;
#[path = "raw/order.rs"]
mod order;
#[path = "raw/proxy.rs"]
mod proxy;
#[path = "raw/punctuality.rs"]
mod punctuality;
#[path = "raw/server.rs"]
mod server;
#[path = "raw/sockets.rs"]
mod sockets;

/// Servers, splitter and load generator of bare system calls.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    program: Option<Program>,
}

#[derive(Debug, Subcommand)]
enum Program {
    /// Answers 64 bytes until standard input ends.
    Server(server::Arguments),
    /// A server that stamps every arrival, and tells at the end how punctual they were.
    Sink {
        #[command(flatten)]
        server: server::Arguments,
        #[command(flatten)]
        wanted: punctuality::Wanted,
    },
    /// Sends requests on a schedule that waits for no answer.
    Generator(generator::Arguments),
    /// Sends each request to one of two servers by lot.
    Proxy(proxy::Arguments),
    /// Sends requests one after another and prints which version answered each.
    Order(order::Arguments),
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`, and wants nothing played.
    let words = std::env::args().filter(|word| word != "--bench");
    let Some(program) = Arguments::parse_from(words).program else {
        println!("see benches/peers/live/run, and --help");
        return ExitCode::SUCCESS;
    };
    match play(program) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("raw: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What the program has to say when it is done.
fn play(program: Program) -> io::Result<String> {
    match program {
        Program::Server(arguments) => {
            let served = server::serve(&arguments, false)?;
            Ok(format!("{{\"requests\":{}}}", served.requests))
        }
        Program::Sink {
            server: arguments,
            wanted,
        } => {
            let served = server::serve(&arguments, true)?;
            wanted.tell(&served.arrivals)
        }
        Program::Generator(arguments) => generator::generate(&arguments),
        Program::Proxy(arguments) => proxy::serve(&arguments),
        Program::Order(arguments) => order::ask(&arguments),
    }
}
