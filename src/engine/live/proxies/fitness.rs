//! What each proxy can do of what a world asks for.
//!
//! | | NGINX | `HAProxy` | Envoy |
//! |---|---|---|---|
//! | random | `split_clients` on the request's id | `balance random(1)`, biased | `weighted_clusters` |
//! | even, round robin | weighted upstream in a shared zone | `balance roundrobin` | no |
//! | user hash | `split_clients` on `x-user` | no | `use_hash_policy` on `x-user` |
//! | split clients | `split_clients` on `x-user` | no | no |
//! | ring hash | no | `balance hdr(x-user)`, consistent | no |
//! | match rule | map | backend of its own | route of its own |
//! | affinity | map on the cookie | backend of its own | route of its own |
//! | retries | `proxy_next_upstream` | `retry-on` | `retry_policy` |
//! | pause before a retry | no | no | even between none and twice as long |
//! | retry budget | no | no | share of the requests under way |
//! | timeout | `proxy_read_timeout` | `timeout server` | route's or per try |
//! | ejection | no | `observe layer7` | `outlier_detection` |
//!
//! Where it says no, a scenario that asks for it is refused.

use crate::base::{Probability, Span};
use crate::engine::live::Setting;
use crate::engine::live::endpoints::Endpoints;
use crate::engine::live::options::Proxy;
use crate::model::World;
use crate::model::split::{Ejection, Retries, Split};
use crate::telemetry::Version;

use super::ProxyError;

/// Refuses a world that asks a proxy for what it does not have.
///
/// # Errors
/// With what that is, and what would work.
pub fn check(kind: Proxy, setting: &Setting, endpoints: &Endpoints) -> Result<(), ProxyError> {
    let world = &setting.world;
    let lacks = split(kind, world)
        .or_else(|| rules(world))
        .or_else(|| (world.retries).and_then(|retries| self::retries(kind, world.split, &retries)))
        .or_else(|| {
            (world.ejection).and_then(|ejection| self::ejection(kind, &ejection, endpoints))
        })
        .or_else(|| timeouts(world));
    let Some((what, instead)) = lacks else {
        return Ok(());
    };
    Err(ProxyError::Unfit {
        kind,
        what: what.to_owned(),
        instead: format!("{instead}, or use `splitter = \"coalmine\"`"),
    })
}

/// What is lacking, and what would work besides our own splitter.
type Lack = (&'static str, &'static str);

fn split(kind: Proxy, world: &World) -> Option<Lack> {
    match (kind, world.split) {
        (Proxy::Coalmine, _)
        | (_, Split::Random)
        | (Proxy::Nginx | Proxy::Haproxy, Split::Even | Split::RoundRobin)
        | (Proxy::Nginx | Proxy::Envoy, Split::UserHash)
        | (Proxy::Haproxy, Split::RingHash) => None,
        (Proxy::Nginx, Split::SplitClients) => {
            let lost = world.traffic.groups.iter().any(|group| !group.cookies);
            lost.then_some((
                "tell users without cookies from others by their requests",
                "let all groups keep cookies",
            ))
        }
        (Proxy::Envoy, Split::Even | Split::RoundRobin) => Some((
            "split evenly: its weighted clusters are drawn at random",
            "split at random, or use NGINX or HAProxy",
        )),
        (Proxy::Haproxy, Split::UserHash) => Some((
            "split by a hash of the user into nested parts",
            "split by ring hash, or use NGINX or Envoy",
        )),
        (_, Split::SplitClients) => Some((
            "hash as NGINX's `split_clients` does",
            "split by user hash or use NGINX",
        )),
        (_, Split::RingHash) => Some((
            "split by a hash ring of both versions",
            "split by user hash or use HAProxy",
        )),
        (_, Split::Connection) => Some((
            "split by connection: here users share connections",
            "split at random",
        )),
    }
}

fn rules(world: &World) -> Option<Lack> {
    if world.rules.least_request {
        return Some((
            "let both versions share one pool by the least busy instance",
            "leave `least_request` out",
        ));
    }
    if world.rules.replicas.is_some() && world.ejection.is_some() {
        return Some((
            "leave instances out of a pool that both versions share",
            "leave replicas or outlier detection out",
        ));
    }
    None
}

fn retries(kind: Proxy, split: Split, retries: &Retries) -> Option<Lack> {
    if kind == Proxy::Nginx && matches!(split, Split::Even | Split::RoundRobin) {
        return Some((
            "try again within the version: the next server of an even split may be of the other",
            "split at random",
        ));
    }
    if kind == Proxy::Envoy || kind == Proxy::Coalmine {
        return None;
    }
    if retries.budget.is_some() {
        return Some((
            "hold retries to a budget",
            "use Envoy or leave the budget out",
        ));
    }
    if retries.backoff > Span::ZERO {
        return Some((
            "pause before it tries again",
            "use Envoy or set the backoff to zero",
        ));
    }
    None
}

fn ejection(kind: Proxy, ejection: &Ejection, endpoints: &Endpoints) -> Option<Lack> {
    match kind {
        Proxy::Coalmine | Proxy::Envoy => None,
        Proxy::Nginx => Some((
            "leave out instances that fail so often in a row: it counts failures by time",
            "use HAProxy or Envoy",
        )),
        Proxy::Haproxy => {
            let most = Version::ALL
                .map(|version| endpoints.all(version).len())
                .into_iter()
                .max();
            let unlimited = most.unwrap_or(0) <= 1 || ejection.most == Probability::ONE;
            (!unlimited).then_some((
                "limit how many instances are left out",
                "let the limit be 100% or use Envoy",
            ))
        }
    }
}

fn timeouts(world: &World) -> Option<Lack> {
    let of = |service: &crate::model::service::Service| {
        (service.fleet.capacity).and_then(|capacity| capacity.timeout)
    };
    (of(&world.stable) != of(&world.canary)).then_some((
        "wait longer for one version than for another",
        "give both versions one timeout",
    ))
}
