//! The fields of faults in JSON: those of a scenario's fault tables.

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::base::{Probability, Span};

/// What every fault may say, whatever its kind.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Common {
    #[serde(default)]
    pub(super) target: Aim,
    pub(super) onset: Option<Length>,
    pub(super) ramp: Option<Length>,
    pub(super) duration: Option<Length>,
    pub(super) every: Option<Length>,
    pub(super) users: Option<Share>,
    pub(super) instances: Option<Share>,
    pub(super) requests: Option<Share>,
    pub(super) routes: Option<Vec<String>>,
    pub(super) groups: Option<Vec<String>>,
}

/// The fields of [`Common`].
pub(super) const COMMON: [&str; 10] = [
    "target",
    "onset",
    "ramp",
    "duration",
    "every",
    "users",
    "instances",
    "requests",
    "routes",
    "groups",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Aim {
    #[default]
    Canary,
    Stable,
    Both,
}

/// What goes wrong; see [`FaultKind`].
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Kind {
    Errors {
        probability: Share,
        latency: Option<Length>,
    },
    Latency {
        #[serde(default = "one")]
        multiply: f64,
        #[serde(default)]
        add: Length,
    },
    Tail {
        probability: Share,
        add: Length,
    },
    MemoryLeak {
        #[serde(default = "two_kib")]
        per_request: f64,
        #[serde(default = "heap")]
        heap: f64,
        #[serde(default = "live")]
        live: f64,
        #[serde(default = "half_a_minute")]
        restart: Length,
    },
    CrashLoop {
        #[serde(default = "a_minute")]
        mean_time: Length,
    },
    FailedStart {
        #[serde(default = "always")]
        probability: Share,
        delay: Option<Length>,
    },
    Reset {
        probability: Share,
        #[serde(default)]
        phase: Phase,
    },
    Hang {
        probability: Share,
        #[serde(default = "ten_seconds")]
        timeout: Length,
    },
    Corrupt {
        probability: Share,
        #[serde(default)]
        how: How,
    },
    Drip {
        probability: Share,
        over: Length,
    },
    Bandwidth {
        limit: f64,
    },
    Cpu {
        cores: f64,
    },
    Capacity {
        #[serde(default = "one")]
        work: f64,
        #[serde(default = "one")]
        workers: f64,
    },
    Bursts {
        probability: Share,
        #[serde(default = "five_hundred_seconds")]
        good: Length,
        #[serde(default = "ten_seconds")]
        bad: Length,
    },
    Business {
        goal: Option<String>,
        multiply: f64,
    },
    Metrics {
        #[serde(default)]
        hidden: Share,
        #[serde(default = "once")]
        count: u32,
        #[serde(default = "one")]
        unit: f64,
    },
    Bounce {
        probability: Share,
    },
    Poison {
        probability: Share,
    },
    SharedLoad {
        factor: f64,
    },
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Phase {
    Connect,
    #[default]
    Head,
    Body,
}

#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    #[default]
    Truncated,
    Flipped,
    Empty,
}

/// A share: a number from 0 to 1, or a text such as `5%`.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Share(pub(super) Probability);

/// A length of time: a text such as `250ms`, or a number of seconds.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Length(pub(super) Span);

#[derive(Deserialize)]
#[serde(untagged, expecting = "a number or a text")]
enum NumberOrText {
    Number(f64),
    Text(String),
}

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Share, D::Error> {
        let share = match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) => Probability::new(number).ok_or_else(|| {
                format!("{number} is not a share: write a number from 0 to 1, or 5%")
            }),
            NumberOrText::Text(text) => text
                .parse::<Probability>()
                .map_err(|error| error.to_string()),
        };
        share.map(Share).map_err(serde::de::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Length {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Length, D::Error> {
        let length = match NumberOrText::deserialize(deserializer)? {
            NumberOrText::Number(number) if (0.0..1e9).contains(&number) => {
                Ok(Span::from_secs_f64(number))
            }
            NumberOrText::Number(number) => Err(format!("{number} is not a number of seconds")),
            NumberOrText::Text(text) => text.parse::<Span>().map_err(|error| error.to_string()),
        };
        length.map(Length).map_err(serde::de::Error::custom)
    }
}

impl Serialize for Share {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0.get())
    }
}

impl Serialize for Length {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

fn one() -> f64 {
    1.0
}

fn once() -> u32 {
    1
}

fn always() -> Share {
    Share(Probability::ONE)
}

fn two_kib() -> f64 {
    2048.0
}

fn heap() -> f64 {
    512.0 * 1_048_576.0
}

fn live() -> f64 {
    180.0 * 1_048_576.0
}

fn ten_seconds() -> Length {
    Length(Span::from_secs(10))
}

fn half_a_minute() -> Length {
    Length(Span::from_secs(30))
}

fn a_minute() -> Length {
    Length(Span::from_secs(60))
}

fn five_hundred_seconds() -> Length {
    Length(Span::from_secs(500))
}
