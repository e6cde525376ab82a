//! A rollout for real: HTTP over loopback, on the clock on the wall.
//!
//! A run has four parts, each on a thread of its own with a runtime of its own: backends answer as
//! the world's service model says, a splitter (ours, or NGINX, HAProxy or Envoy) sends them the
//! requests that the load generator makes on schedule, and the run itself scrapes metrics, asks the
//! gate and steers. They talk as such parts do in production: HTTP, headers, `/metrics`. What they
//! decide is decided by the state machines of `model`, `rollout` and `gate`, which cannot tell that
//! the time is real.

pub mod alarm;
pub mod backend;
pub mod clock;
pub mod endpoints;
mod exhibit;
pub mod fetch;
pub mod http;
pub mod load;
pub mod options;
pub mod prometheus;
pub mod proxies;
pub mod run;
pub mod scrape;
pub mod speed;
pub mod splitter;
pub mod steering;
pub mod tally;
pub mod token;

use crate::base::Seed;
use crate::model::World;
use crate::model::split::Affinity;
use crate::telemetry;

/// What all parts of a run know.
#[derive(Debug, Clone)]
pub struct Setting {
    /// What happens.
    pub world: World,
    /// How it is measured.
    pub telemetry: telemetry::Plan,
    /// Root of all randomness.
    pub seed: Seed,
    /// Whose luck to play.
    pub replicate: u64,
}

/// Headers by which the parts know what the model needs to know, in lower case.
pub mod header {
    /// Who asks: the user's number.
    pub const USER: &str = "x-user";
    /// The number of the user's group.
    pub const GROUP: &str = "x-group";
    /// What match rules look for; its value is [`ALWAYS`].
    pub const CANARY: &str = "x-canary";
    /// See [`CANARY`].
    pub const ALWAYS: &str = "always";
    /// Which version answered: `stable`, `canary` or `baseline`. A splitter adds it to answers.
    pub const VERSION: &str = "x-version";
    /// What the business counts of an answer, one value for each goal: `0,1,12.5`. Backends add it.
    pub const GOALS: &str = "x-goals";
    /// Whether a fault struck this answer without showing in its status: `wrong`, `slowed`. Backends
    /// add it, so that a run can tell who was hurt; no gate sees it.
    pub const HURT: &str = "x-hurt";
    /// The cookie that keeps a user with a version; its value is the version's name.
    pub const COOKIE: &str = "coalmine-version";
}

/// Whole seconds on the wall that a cookie lasts: `Max-Age` knows no parts, and 0 takes it away.
fn cookie_age(affinity: &Affinity, speed: f64) -> u64 {
    let wall = affinity.lifetime.as_secs_f64() / speed;
    wall.round().max(1.0) as u64
}

/// The name of a version as headers and labels have it.
pub fn name_of(version: telemetry::Version) -> &'static str {
    version.name()
}
