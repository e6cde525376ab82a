//! Traffic, stable and canary: what a command line changes in them.

use super::slider::tidy;
use super::{Group, Knob, Name, Slider};
use crate::base::{Probability, Time};
use crate::engine::r#virtual::Kind as EngineKind;
use crate::experiment;
use crate::lab::setup::Stage;
use crate::model::fault::Target;
use crate::model::service::Latency;

/// Traffic, stable, and the canary where it is described as a whole.
pub(super) fn knobs(stage: &Stage) -> Vec<Knob> {
    let scenario = &stage.scenario;
    let world = &scenario.world;
    let mut rate = Slider::wide("/s", tidy(scenario.own_rate().get()), 100.0);
    if experiment::engine(scenario).0 == EngineKind::Coupled {
        // Every request is followed: more of them take their time.
        rate.max = tidy(rate.number * 5.0);
    }
    let help = "Requests a second over both versions, on average.";
    let mut knobs = vec![named("rate", "rate", "Requests", Group::Traffic, help).slider(rate)];
    let help =
        "Share of requests that fail on stable; a canary that is no different in this follows.";
    let errors = Slider::share(world.stable.errors.get());
    knobs.push(named("errors", "errors", "Stable fails", Group::Stable, help).slider(errors));
    let of_stable = latency(&world.stable.latency, "latency", Group::Stable, "Stable's");
    knobs.extend(of_stable);
    let over = &stage.bundle.overrides;
    let is_anew = over.canary_errors.is_some() || over.canary_latency.is_some();
    if is_anew || world.faults.is_empty() {
        let field = "canary_errors";
        let help = "Share of requests that fail on the bad canary.";
        let errors = Slider::share(world.canary.errors.get());
        knobs.push(named(field, field, "Canary fails", Group::Canary, help).slider(errors));
        let of_canary = &world.canary.latency;
        knobs.extend(latency(
            of_canary,
            "canary_latency",
            Group::Canary,
            "Canary's",
        ));
    }
    knobs.extend(onset(stage));
    knobs
}

fn named<'a>(id: &str, sets: &'a str, label: &str, group: Group, help: &str) -> Name<'a> {
    Name {
        id: id.to_owned(),
        label: label.to_owned(),
        group,
        sets,
        help: help.to_owned(),
    }
}

/// The two quantiles by which a latency is described.
fn latency(of: &Latency, field: &'static str, group: Group, who: &str) -> [Knob; 2] {
    let knob = |name: &str, quantile: f64, label: &str, help: &str| {
        let quantile = Probability::new(quantile).unwrap_or(Probability::ONE);
        let millis = tidy(of.quantile(quantile) * 1_000.0);
        let (id, label) = (format!("{field}.{name}"), format!("{who} {label}"));
        named(&id, field, &label, group, help).slider(Slider::wide("ms", millis, 20.0))
    };
    let help = "Ninety-nine of a hundred answers take no longer.";
    [
        knob("p50", 0.5, "median", "Half of the answers take no longer."),
        knob("p99", 0.99, "99th percentile", help),
    ]
}

/// When the canary's faults begin, where it has any.
fn onset(stage: &Stage) -> Option<Knob> {
    let faults = stage.scenario.world.faults.iter();
    let of_canary = faults.filter(|fault| fault.target == Target::Canary);
    let onset = of_canary.map(|fault| fault.schedule.onset).min()?;
    let onset = onset.since(Time::START).as_secs_f64();
    let horizon = stage.scenario.horizon.as_secs_f64().floor();
    let help = "When the canary's faults begin, counted from the start of the rollout.";
    let slider = Slider::even("s", onset, 0.0, horizon);
    Some(named("onset", "onset", "The fault begins", Group::Canary, help).slider(slider))
}
