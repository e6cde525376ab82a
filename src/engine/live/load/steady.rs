//! The world of a load that is used alone: one user, one route, a steady rate.

use crate::base::{Probability, Rate, Seed, Span};
use crate::engine::live::Setting;
use crate::model::World;
use crate::model::service::{Latency, Service};
use crate::model::traffic::{Arrivals, Population, Profile, Traffic};
use crate::telemetry::{Birth, Buckets, Plan, Sampling};

/// A setting in which requests come at a steady rate and nothing is known of the service.
pub fn steady(rate: Rate, arrivals: Arrivals, seed: Seed) -> Setting {
    let traffic = Traffic {
        arrivals,
        ..Traffic::plain(Profile::Constant(rate), Population::zipf(1, 0.0))
    };
    let service = Service::plain(Latency::Fixed(Span::ZERO), Probability::ZERO);
    Setting {
        world: World::plain(traffic, service),
        telemetry: Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        seed,
        replicate: 0,
    }
}
