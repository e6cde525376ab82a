//! What a scenario or a command line chooses about a live run.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;

use crate::base::ParseUnitError;
use crate::telemetry::exposition::{Service, Vendor};

/// What a scenario or a command line chooses about a live run.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Who splits the traffic.
    pub splitter: Proxy,
    /// The program of another splitter; `None`: the one of its name on the path.
    pub program: Option<PathBuf>,
    /// Whom the gate asks.
    pub source: Source,
    /// Where a Prometheus that runs already looks for whom to scrape (`file_sd_configs`): written
    /// when the run begins, since its ports are new each time. `None`: it knows by itself.
    pub targets: Option<PathBuf>,
    /// Whose names and labels the metrics have.
    pub vendor: Vendor,
    /// What the metrics call the service.
    pub service: Service,
    /// How many times faster than the clock on the wall; `None`: so fast that it takes less than a
    /// minute, see [`speed`](super::speed).
    pub speed: Option<f64>,
    /// Where everything listens.
    pub bind: IpAddr,
    /// Whether changing faults wants a token on loopback, too; elsewhere it always does.
    pub wants_token: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            splitter: Proxy::Coalmine,
            program: None,
            source: Source::Scraper,
            targets: None,
            vendor: Vendor::default(),
            service: Service::default(),
            speed: None,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            wants_token: false,
        }
    }
}

/// Who splits the traffic. Text form: its name.
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

/// Whom the gate asks. Text form: `none`, `spawn` or `http://127.0.0.1:9090`.
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

/// How fast a scenario is played. Text form: `auto`, `real`, or how many times faster: `60`.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Speed {
    /// So fast that it takes less than a minute.
    #[default]
    Auto,
    /// So many times faster than the clock on the wall.
    Times(f64),
}

impl Proxy {
    /// Every splitter by its name.
    pub const NAMES: [(&'static str, Proxy); 4] = [
        ("coalmine", Proxy::Coalmine),
        ("nginx", Proxy::Nginx),
        ("haproxy", Proxy::Haproxy),
        ("envoy", Proxy::Envoy),
    ];

    /// Its name, which is also that of its program.
    pub fn name(self) -> &'static str {
        Proxy::NAMES[self as usize].0
    }
}

impl FromStr for Proxy {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Proxy, ParseUnitError> {
        let found = (Proxy::NAMES.iter()).find(|(name, _)| *name == text.trim());
        found.map(|(_, proxy)| *proxy).ok_or(ParseUnitError {
            text: text.to_owned(),
            what: "a splitter",
            valid: "write coalmine, nginx, haproxy or envoy",
        })
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Source {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Source, ParseUnitError> {
        let refuse = |what, valid| ParseUnitError {
            text: text.to_owned(),
            what,
            valid,
        };
        const VALID: &str = "write spawn, http://127.0.0.1:9090 or none";
        match text.trim() {
            "none" => return Ok(Source::Scraper),
            "spawn" => return Ok(Source::Spawned(None)),
            other if other.starts_with("https:") => {
                let valid = "only http is spoken here, as in http://127.0.0.1:9090";
                return Err(refuse("a Prometheus within reach", valid));
            }
            _ => {}
        }
        let authority = text.trim().strip_prefix("http://");
        let authority = authority.ok_or_else(|| refuse("a Prometheus", VALID))?;
        let authority = authority.strip_suffix('/').unwrap_or(authority);
        if authority.contains(['/', '?', '#']) {
            let valid = "write host and port alone, as in http://127.0.0.1:9090";
            return Err(refuse("the address of a Prometheus", valid));
        }
        // The one name that everybody's machine knows.
        let address = match authority.strip_prefix("localhost:") {
            Some(port) => (port.parse().ok()).map(|port| SocketAddr::from(([127, 0, 0, 1], port))),
            None => authority.parse().ok(),
        };
        address
            .filter(|address| address.port() != 0)
            .map(Source::Running)
            .ok_or_else(|| {
                let valid =
                    "write an IP address or localhost, and a port, as in http://127.0.0.1:9090";
                refuse("the address of a Prometheus", valid)
            })
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Scraper => f.write_str("none"),
            Source::Spawned(_) => f.write_str("spawn"),
            Source::Running(address) => write!(f, "http://{address}"),
        }
    }
}

impl Speed {
    /// The slowest and the fastest that can be asked for.
    pub const LIMITS: (f64, f64) = (0.1, 10_000.0);

    /// So many times faster than the clock on the wall; `None` outside [`Speed::LIMITS`].
    pub fn times(value: f64) -> Option<Speed> {
        let (least, most) = Speed::LIMITS;
        (least..=most)
            .contains(&value)
            .then_some(Speed::Times(value))
    }

    /// As [`Options::speed`] has it.
    pub fn chosen(self) -> Option<f64> {
        match self {
            Speed::Auto => None,
            Speed::Times(times) => Some(times),
        }
    }
}

impl FromStr for Speed {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Speed, ParseUnitError> {
        match text.trim() {
            "auto" => Ok(Speed::Auto),
            "real" => Ok(Speed::Times(1.0)),
            number => (number.parse().ok())
                .and_then(Speed::times)
                .ok_or(ParseUnitError {
                    text: text.to_owned(),
                    what: "a speed",
                    valid: "write auto, real, or how many times faster, from 0.1 to 10000, like 60",
                }),
        }
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Speed::Auto => f.write_str("auto"),
            Speed::Times(times) => write!(f, "{times}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splitters_are_called_by_their_names() {
        for (name, proxy) in Proxy::NAMES {
            assert_eq!(proxy.to_string(), name);
            assert_eq!(name.parse(), Ok(proxy));
        }
        let error = "ngnix".parse::<Proxy>().unwrap_err().to_string();
        assert!(error.ends_with("nginx, haproxy or envoy"), "{error}");
    }

    #[test]
    fn a_source_is_nobody_a_program_or_an_address() {
        let running = |text: &str| Source::Running(text.parse().unwrap());
        for (text, source) in [
            ("none", Source::Scraper),
            ("spawn", Source::Spawned(None)),
            ("http://127.0.0.1:9090", running("127.0.0.1:9090")),
            ("http://10.0.0.7:80/", running("10.0.0.7:80")),
            ("http://[::1]:9090", running("[::1]:9090")),
        ] {
            assert_eq!(text.parse::<Source>().unwrap(), source, "{text}");
            assert_eq!(source.to_string().parse::<Source>().unwrap(), source);
        }
        let local = "http://localhost:9090".parse::<Source>().unwrap();
        assert_eq!(local, running("127.0.0.1:9090"));
    }

    #[test]
    fn what_is_no_source_is_told_what_would_be_one() {
        for (text, says) in [
            ("prometheus", "write spawn, http://127.0.0.1:9090 or none"),
            ("https://127.0.0.1:9090", "only http is spoken here"),
            ("http://127.0.0.1:9090/prom", "host and port alone"),
            ("http://127.0.0.1", "and a port"),
            ("http://127.0.0.1:0", "and a port"),
            ("http://prometheus.svc:9090", "an IP address or localhost"),
            ("http://localhost:99999", "and a port"),
        ] {
            let error = text.parse::<Source>().unwrap_err().to_string();
            assert!(error.starts_with(&format!("`{text}` is not ")), "{error}");
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn a_speed_is_auto_real_or_a_number() {
        for (text, speed) in [
            ("auto", None),
            ("real", Some(1.0)),
            ("60", Some(60.0)),
            ("0.5", Some(0.5)),
        ] {
            assert_eq!(text.parse::<Speed>().unwrap().chosen(), speed, "{text}");
        }
        for text in ["fast", "0", "-1", "1e9", "NaN", "60x", ""] {
            let error = text.parse::<Speed>().unwrap_err().to_string();
            assert!(error.contains("like 60"), "{error}");
        }
    }
}
