//! A setting for the tests of the splitter's parts.

use crate::base::{Probability, Rate, Seed, Span};
use crate::engine::live::Setting;
use crate::model::World;
use crate::model::service::{Latency, Service};
use crate::model::traffic::{Population, Profile, Traffic};
use crate::telemetry::{Birth, Buckets, Plan, Sampling};

/// A plain world: one route, nothing wrong, a random split.
pub(super) fn setting() -> Setting {
    let traffic = Traffic::plain(
        Profile::Constant(Rate::per_second(1.0).unwrap()),
        Population::zipf(10, 0.0),
    );
    let service = Service::plain(
        Latency::fixed(Span::from_millis(1)).unwrap(),
        Probability::ZERO,
    );
    Setting {
        world: World::plain(traffic, service),
        telemetry: Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        seed: Seed(7),
        replicate: 0,
    }
}
