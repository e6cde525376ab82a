//! Parses arguments, runs one command, turns the outcome into an exit code.

use std::process::ExitCode;

use clap::Parser;

use coalmine::cli::{self, Arguments};

fn main() -> ExitCode {
    cli::run(Arguments::parse())
}
