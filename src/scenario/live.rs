//! The live section.

use std::net::IpAddr;
use std::path::PathBuf;

use super::Scenario;
use super::reader::{Table, Value};
use crate::base::{Rate, Time};
use crate::engine::live::options::{Options, Proxy, Source, Speed};
use crate::engine::live::speed::{self, Demands};
use crate::telemetry::Sampling;
use crate::telemetry::exposition::{Service, Vendor};

/// What the file says about live runs.
pub(super) struct Live {
    splitter: Proxy,
    program: Option<PathBuf>,
    source: Source,
    /// `None`: the one that histograms or the Canary speak of.
    vendor: Option<Vendor>,
    speed: Speed,
    bind: IpAddr,
}

impl Live {
    /// The options; `vendor` is whose histograms are read, or whom the Canary asks, and `service` what
    /// the Canary calls it.
    pub(super) fn options(self, vendor: Option<Vendor>, service: Option<Service>) -> Options {
        Options {
            targets: None,
            splitter: self.splitter,
            program: self.program,
            source: self.source,
            vendor: self.vendor.or(vendor).unwrap_or_default(),
            service: service.unwrap_or_default(),
            speed: self.speed.chosen(),
            bind: self.bind,
            wants_token: false,
        }
    }
}

/// A scenario that says nothing of live runs.
pub(super) fn unsaid() -> Live {
    let plain = Options::default();
    Live {
        splitter: plain.splitter,
        program: plain.program,
        source: plain.source,
        vendor: None,
        speed: Speed::Auto,
        bind: plain.bind,
    }
}

/// How it is played for real.
pub(super) fn read(mut table: Table<'_>) -> Option<Live> {
    let splitter = match table.get("splitter") {
        None => Some(Proxy::default()),
        Some(value) => value.choice(&Proxy::NAMES),
    };
    let program = match table.get("program") {
        None => Some(None),
        Some(value) => read_program(&value, splitter),
    };
    let source = table.get("prometheus");
    let prometheus = table.get("prometheus_program");
    let source = read_source(source.as_ref(), prometheus.as_ref());
    let vendor = match table.get("metrics") {
        None => Some(None),
        Some(value) => value.choice(&Vendor::NAMES).map(Some),
    };
    let speed = match table.get("speed") {
        None => Some(Speed::Auto),
        Some(value) => value.quantity(),
    };
    let bind = match table.get("bind") {
        None => Some(Options::default().bind),
        Some(value) => read_address(&value),
    };
    table.hint("rate", "the rate is the traffic's: write it to [traffic]");
    table.finish();
    Some(Live {
        splitter: splitter?,
        program: program?,
        source: source?,
        vendor: vendor?,
        speed: speed?,
        bind: bind?,
    })
}

fn read_program(value: &Value<'_>, splitter: Option<Proxy>) -> Option<Option<PathBuf>> {
    let program = value.words()?;
    if splitter == Some(Proxy::Coalmine) {
        value.refuse(
            "the built-in splitter is no program of its own",
            "write splitter = \"nginx\", \"haproxy\" or \"envoy\" too, or take it out",
        );
        return None;
    }
    Some(Some(PathBuf::from(program)))
}

fn read_source(source: Option<&Value<'_>>, program: Option<&Value<'_>>) -> Option<Source> {
    let program_path = match program {
        None => Some(None),
        Some(value) => value.words().map(|path| Some(PathBuf::from(path))),
    };
    let source = match source {
        None => Some(Source::default()),
        Some(value) => value.quantity(),
    };
    match (source?, program_path?, program) {
        (Source::Spawned(_), path, _) => Some(Source::Spawned(path)),
        (source, None, _) => Some(source),
        (_, Some(_), place) => {
            if let Some(value) = place {
                value.refuse(
                    "no Prometheus is started for the run",
                    "write prometheus = \"spawn\" too, or take it out",
                );
            }
            None
        }
    }
}

fn read_address(value: &Value<'_>) -> Option<IpAddr> {
    let text = value.words()?;
    let address = text.parse().ok();
    if address.is_none() {
        value.refuse(
            format_args!("`{text}` is no address to listen on"),
            "write an IP address without a port, like 127.0.0.1 or 0.0.0.0",
        );
    }
    address
}

impl Scenario {
    /// How many times faster than the clock on the wall a live run of it goes: as it says or, where
    /// it does not, as [`speed::speed`] chooses.
    ///
    /// A rollout is as long as its controller can take ([`Plan::longest`](crate::rollout::Plan)) and
    /// its horizon allows. The peak is that of the expected rate: swings may go beyond.
    pub fn live_speed(&self) -> f64 {
        if let Some(speed) = self.live.speed {
            return speed;
        }
        let longest = self.rollout.longest().min(self.horizon);
        let end = Time::START + longest;
        let peak = self.world.traffic.profile.bound(Time::START, end);
        speed::speed(&Demands {
            longest,
            peak: Rate::per_second(peak).unwrap_or(Rate::ZERO),
            scrape: match self.telemetry.sampling {
                Sampling::Exact => None,
                Sampling::Scraped { interval, .. } => Some(interval),
            },
            tick: self.rollout.cadence().period,
        })
    }
}
