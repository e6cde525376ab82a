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
    let rate = world.traffic.profile.mean(scenario.horizon).get();
    let mut rate = Slider::wide("/s", tidy(rate), 100.0);
    if experiment::engine(scenario).0 == EngineKind::Coupled {
        // Every request is followed: more of them take their time.
        rate.max = tidy(rate.number * 5.0);
    }
    let named = |id: &str, label: &str, group, help: &str| Name {
        id: id.to_owned(),
        label: label.to_owned(),
        group,
        sets: match id.split_once('.') {
            Some(("latency", _)) => "latency",
            Some(("canary_latency", _)) => "canary_latency",
            _ => match id {
                "rate" => "rate",
                "errors" => "errors",
                "onset" => "onset",
                _ => "canary_errors",
            },
        },
        help: help.to_owned(),
    };
    let mut knobs = vec![
        named(
            "rate",
            "Requests",
            Group::Traffic,
            "Requests a second over both versions, on average.",
        )
        .slider(rate),
        named(
            "errors",
            "Stable fails",
            Group::Stable,
            "Share of requests that fail on stable; a canary that is no different in this follows.",
        )
        .slider(Slider::share(world.stable.errors.get())),
    ];
    let latency = |of: &Latency, id: &str, group, who: &str| {
        let at = |quantile: f64| {
            let quantile = Probability::new(quantile).unwrap_or(Probability::ONE);
            tidy(of.quantile(quantile) * 1_000.0)
        };
        let (p50, p99) = (at(0.5), at(0.99));
        [
            named(
                &format!("{id}.p50"),
                &format!("{who} median"),
                group,
                "Half of the answers take no longer.",
            )
            .slider(Slider::wide("ms", p50, 20.0)),
            named(
                &format!("{id}.p99"),
                &format!("{who} 99th percentile"),
                group,
                "Ninety-nine of a hundred answers take no longer.",
            )
            .slider(Slider::wide("ms", p99, 20.0)),
        ]
    };
    knobs.extend(latency(
        &world.stable.latency,
        "latency",
        Group::Stable,
        "Stable's",
    ));
    let over = &stage.bundle.overrides;
    let is_anew = over.canary_errors.is_some() || over.canary_latency.is_some();
    if is_anew || world.faults.is_empty() {
        knobs.push(
            named(
                "canary_errors",
                "Canary fails",
                Group::Canary,
                "Share of requests that fail on the bad canary.",
            )
            .slider(Slider::share(world.canary.errors.get())),
        );
        let canary = latency(
            &world.canary.latency,
            "canary_latency",
            Group::Canary,
            "Canary's",
        );
        knobs.extend(canary);
    }
    let of_canary = world
        .faults
        .iter()
        .filter(|fault| fault.target == Target::Canary);
    if let Some(onset) = of_canary.map(|fault| fault.schedule.onset).min() {
        let onset = onset.since(Time::START).as_secs_f64();
        let horizon = scenario.horizon.as_secs_f64().floor();
        knobs.push(
            named(
                "onset",
                "The fault begins",
                Group::Canary,
                "When the canary's faults begin, counted from the start of the rollout.",
            )
            .slider(Slider::even("s", onset, 0.0, horizon)),
        );
    }
    knobs
}
