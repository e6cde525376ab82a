//! `coalmine lab`: the local page.

use std::net::IpAddr;

use clap::Args;

use super::{CommandError, output};
use crate::lab::door::Name;
use crate::lab::{self, Place};

/// Arguments of `coalmine lab`.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct LabArguments {
    /// Port to listen on [default: a free one]
    #[arg(long, value_parser = clap::value_parser!(u16).range(1..), value_name = "NUMBER")]
    port: Option<u16>,
    /// Address to listen on; beyond loopback it needs --name
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// Host under which browsers may ask, beside those of loopback; again for more
    #[arg(long, value_name = "HOST")]
    name: Vec<Name>,
}

const EXAMPLES: &str = "\
Examples:
  coalmine lab                          on a free port of this machine
  coalmine lab --port 8080
  coalmine lab --listen 0.0.0.0 --port 8080 --name lab.example.org

The address that is printed carries a token: whoever has it may start load. Ctrl-C ends the lab.";

/// Opens the lab and answers until the process is ended.
pub(super) fn lab(arguments: &LabArguments) -> Result<(), CommandError> {
    let place = Place {
        listen: arguments.listen,
        port: arguments.port,
        names: arguments.name.clone(),
    };
    let opened = lab::open(&place)?;
    output::print(&format!("The lab is at {}\n", opened.link()))?;
    Ok(opened.serve()?)
}
