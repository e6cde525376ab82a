//! Whether a comparison with stable compares like with like: the requests, and the instances.

use crate::base::{Span, Time, Weight};
use crate::experiment::words::{count, exact_share, plural, share, time};
use crate::gate::{Comparison, Gate, Metric};
use crate::model::World;
use crate::model::fault::{FaultKind, Target};
use crate::model::service::Service;
use crate::model::split::Split;
use crate::model::traffic::Profile;
use crate::rollout::Plan;
use crate::scenario::Scenario;
use crate::telemetry::Version;

/// Sentences about what differs between the versions besides their code.
pub(super) fn sentences(scenario: &Scenario) -> Vec<String> {
    let weights = scenario.rollout.steps();
    let Some(first) = weights.iter().copied().find(|weight| !weight.is_zero()) else {
        return Vec::new();
    };
    let mut sentences = Vec::new();
    sentences.extend(mix(scenario));
    sentences.extend(cold(scenario, first));
    sentences.extend(placement(scenario));
    sentences.extend(load(scenario, &weights));
    sentences
}

fn comparisons(scenario: &Scenario) -> impl Iterator<Item = &Comparison> {
    scenario.analysis.iter().filter_map(|gate| match gate {
        Gate::Comparison(comparison) => Some(comparison),
        _ => None,
    })
}

/// Who a user is decides the version, and groups want different things.
fn mix(scenario: &Scenario) -> Option<String> {
    let world = &scenario.world;
    let groups = &world.traffic.groups;
    let by_user = world.affinity.is_some()
        || matches!(
            world.split,
            Split::UserHash | Split::SplitClients | Split::RingHash
        );
    let differ = groups.iter().any(|group| group.mix != groups[0].mix);
    let uneven = !world.stable.routes.is_empty();
    let pooled = |gate: &Gate| match gate {
        Gate::Comparison(comparison) => comparison.strata == 0 && comparison.route.is_none(),
        Gate::TwoProportionZ(test) => test.route.is_none(),
        _ => false,
    };
    let compared = scenario.analysis.iter().any(pooled);
    (by_user && differ && uneven && compared).then(|| {
        "Groups of users want different routes, routes fail differently, and the version depends on \
         the user: a comparison of totals compares the mixes too. Compare route by route (stratify = \
         \"route\")."
            .to_owned()
    })
}

/// A canary that is new beside a stable that is not.
fn cold(scenario: &Scenario, weight: Weight) -> Option<String> {
    let world = &scenario.world;
    let fleet = &world.canary.fleet;
    let compared = comparisons(scenario)
        .any(|gate| gate.against == Version::Stable && is_latency(gate.metric));
    let requests = (fleet.warm_up.as_ref().map(|warm_up| warm_up.requests))
        .or(fleet.cache.as_ref().map(|cache| cache.requests))?;
    if fleet.warm || !world.stable.fleet.warm || !compared {
        return None;
    }
    let per_instance = rate(scenario) * weight.share() / f64::from(fleet.instances);
    Some(format!(
        "The canary is new beside a stable that is warm: at {} an instance of it answers the {} \
         requests that warm it up in {}, and until then the comparison sees what is new and not what \
         is wrong. Compare with a baseline, which is as new.",
        exact_share(weight.share()),
        count(requests),
        time(requests / per_instance),
    ))
}

fn is_latency(metric: Metric) -> bool {
    !matches!(metric, Metric::ErrorRatio)
}

/// Instances that luck makes unlike.
fn placement(scenario: &Scenario) -> Option<String> {
    let fleet = &scenario.world.canary.fleet;
    let spread = fleet.placement.as_ref()?.spread;
    let compared = comparisons(scenario).any(|gate| is_latency(gate.metric));
    (compared && spread > 0.0).then(|| {
        format!(
            "Instances differ by {} in latency for as long as they live, and the canary has {}: its \
             latency strays from stable's by {} however long the rollout is and however many requests \
             there are. Only more instances help.",
            exact_share(spread),
            fleet.instances,
            share(spread / f64::from(fleet.instances).sqrt()),
        )
    })
}

/// How busy the instances are, where they can take only so much.
fn load(scenario: &Scenario, weights: &[Weight]) -> Option<String> {
    let world = &scenario.world;
    let most = (weights.iter().map(|weight| weight.share())).fold(0.0, f64::max);
    let rate = rate(scenario);
    let good = busy(&world.healthy().canary, most) * rate;
    let bad = good * more_work(world);
    let percent = |utilisation: f64| format!("{:.0} %", utilisation * 100.0);
    let at = exact_share(most);
    if good > 1.0 {
        return Some(format!(
            "At {at} the canary's {} would have to do {} of what they can, whatever the code, and \
             stable's {}. Capacity has to grow with the percentage.",
            plural(u64::from(world.canary.fleet.instances), "instance"),
            percent(good),
            percent(busy(&world.stable, 1.0 - most) * rate),
        ));
    }
    let at_peak = bad / rate * peak(&world.traffic.profile)?;
    (bad > good && bad < 0.8 && at_peak > 1.0).then(|| {
        format!(
            "During the rollout a bad canary's instances do {} of what they can, where nothing shows; \
             in the busiest hour of the week {at} would be {}.",
            percent(bad),
            percent(at_peak),
        )
    })
}

/// Requests per second in the busiest hour of a week, where the rate follows the clock.
fn peak(profile: &Profile) -> Option<f64> {
    let follows = matches!(profile, Profile::Week(_) | Profile::Diurnal { .. });
    let hours = (0..7 * 24).map(|hour| Time::START + Span::from_secs(3_600 * hour));
    follows.then(|| hours.map(|hour| profile.rate(hour)).fold(0.0, f64::max))
}

/// Times the work that the bad canary's requests are, by its faults.
fn more_work(world: &World) -> f64 {
    let canarys = world
        .faults
        .iter()
        .filter(|fault| fault.target != Target::Both);
    canarys
        .map(|fault| match fault.kind {
            FaultKind::Capacity { work, workers } => work / workers.max(1e-9),
            _ => 1.0,
        })
        .product()
}

/// Share of the workers' time that `share` of one request a second takes; 0 where nothing limits.
fn busy(service: &Service, share: f64) -> f64 {
    let fleet = &service.fleet;
    fleet.capacity.as_ref().map_or(0.0, |capacity| {
        let workers = f64::from(capacity.workers) * f64::from(fleet.instances);
        share * service.latency.mean() / workers
    })
}

/// Mean requests per second while an undisturbed rollout lasts.
pub(super) fn rate(scenario: &Scenario) -> f64 {
    let lasts = match &scenario.rollout {
        Plan::Staged(plan) => plan.undisturbed(),
        Plan::Flagger(_) | Plan::Argo(_) | Plan::Spinnaker(_) => scenario.horizon,
    };
    let lasts = lasts.max(Span::from_secs(1));
    scenario.world.traffic.profile.mean(lasts).get()
}
