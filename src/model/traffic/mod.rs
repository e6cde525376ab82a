//! Requests and the users behind them.

mod arrivals;
mod clock;
mod flash;
mod group;
mod path;
mod population;
mod profile;
mod route;
mod session;
mod swing;
mod trace;
mod week;

pub use arrivals::{Arrivals, Gaps};
pub use clock::Clock;
pub use flash::Flash;
pub use group::UserGroup;
pub use path::Path;
pub use population::{Activity, Population};
pub use profile::Profile;
pub use route::{MOST_ROUTES, Route};
pub use session::{Geometric, Sessions};
pub use swing::Swing;
pub use trace::Trace;
pub use week::Week;

use crate::base::Probability;

/// Where requests come from.
#[derive(Debug, Clone, PartialEq)]
pub struct Traffic {
    /// How single requests (or sessions, where there are sessions) fall around the rate.
    pub arrivals: Arrivals,
    /// The rate of requests over time.
    pub profile: Profile,
    /// How the rate swings at random around the profile.
    pub swing: Option<Swing>,
    /// Share of the traffic that comes right after each full minute, from clocks and not from
    /// people; see [`Path`].
    pub cron: Probability,
    /// The users behind the requests, when there are no groups.
    pub users: Population,
    /// Kinds of users, each with its own population; empty where all are alike. Their shares add
    /// up to 1.
    pub groups: Vec<UserGroup>,
    /// How a user's requests follow one another; `None`: every request stands alone.
    pub sessions: Option<Sessions>,
    /// Share of users who were here before the rollout began and hold the session cookie of those
    /// days.
    pub returning: Probability,
    /// What is requested; empty where all requests are alike. Their shares add up to 1.
    pub routes: Vec<Route>,
}

impl Traffic {
    /// Poisson requests of a population, all alike and each on its own; change the fields for
    /// anything else.
    pub fn plain(profile: Profile, users: Population) -> Traffic {
        Traffic {
            arrivals: Arrivals::Poisson,
            profile,
            swing: None,
            cron: Probability::ZERO,
            users,
            groups: Vec::new(),
            sessions: None,
            returning: Probability::ZERO,
            routes: Vec::new(),
        }
    }
}
