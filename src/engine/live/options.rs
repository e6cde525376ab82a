//! What a scenario or a command line chooses about a live run.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use crate::telemetry::exposition::Vendor;

/// What a scenario or a command line chooses about a live run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Who splits the traffic.
    pub splitter: Proxy,
    /// The program of another splitter; `None`: the one of its name on the path.
    pub program: Option<PathBuf>,
    /// Whom the gate asks.
    pub source: Source,
    /// Whose names and labels the metrics have.
    pub vendor: Vendor,
    /// How many times faster than the clock on the wall; `None`: so fast that it takes less than a
    /// minute.
    pub speed: Option<f64>,
    /// Where everything listens.
    pub bind: IpAddr,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            splitter: Proxy::Coalmine,
            program: None,
            source: Source::Scraper,
            vendor: Vendor::default(),
            speed: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
        }
    }
}

/// Who splits the traffic.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Proxy {
    /// Our own splitter, which has every policy.
    #[default]
    Coalmine,
    /// NGINX: `split_clients` and a reload for each weight.
    Nginx,
    /// `HAProxy`: server weights through its runtime socket.
    Haproxy,
    /// Envoy, which is Istio's data plane: weighted clusters in a watched route file.
    Envoy,
}

/// Whom the gate asks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Source {
    /// The built-in scraper.
    #[default]
    Scraper,
    /// A Prometheus that is started for the run; `None`: the `prometheus` on the path.
    Spawned(Option<PathBuf>),
    /// A Prometheus that runs already, and scrapes what it has been told to.
    Running(SocketAddr),
}
