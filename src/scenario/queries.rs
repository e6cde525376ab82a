//! The queries of gates, bound to the series that the scenario's service shows.

use super::Scenario;
use super::check::{Remark, Subject, error, warning};
use crate::gate::Gate;
use crate::model::World;
use crate::telemetry::exposition::{Dialect, Service, Vendor};
use crate::telemetry::promql::{BindError, Catalogue};

/// Deploys a baseline where Kayenta compares with one: Spinnaker does so beside the canary.
pub(super) fn deploy_baseline(world: &mut World, analysis: &[Gate]) {
    let wanted = |gate: &Gate| matches!(gate, Gate::Kayenta(_)) && gate.demand().baseline;
    world.rules.baseline |= analysis.iter().any(wanted);
}

/// Binds all queries anew, whatever they were bound to, each rollout's to the service as its
/// manifests call it. Says which cannot be asked, and which find nothing.
pub(super) fn bind(scenario: &mut Scenario) -> Vec<Remark> {
    let live = &scenario.live;
    let own = (live.vendor, live.service.clone());
    let callings: Vec<(Vendor, Service)> = (scenario.rivals.iter())
        .map(|rival| {
            let service = rival.service.clone();
            let vendor = rival.vendor.unwrap_or(own.0);
            (vendor, service.unwrap_or_else(|| own.1.clone()))
        })
        .collect();
    let mut remarks = bind_to(
        &catalogue(scenario, own),
        &mut scenario.analysis,
        Subject::Rollout,
    );
    for (index, calling) in callings.into_iter().enumerate() {
        let catalogue = catalogue(scenario, calling);
        let rival = &mut scenario.rivals[index];
        for remark in bind_to(&catalogue, &mut rival.analysis, Subject::Rivals) {
            let message = format!("{}: {}", rival.name, remark.message);
            remarks.push(Remark { message, ..remark });
        }
    }
    remarks
}

/// The series of the scenario's service, in a vendor's words.
fn catalogue(scenario: &Scenario, (vendor, service): (Vendor, Service)) -> Catalogue {
    let world = &scenario.world;
    let routes = (world.traffic.routes.iter()).map(|route| route.name.clone());
    let goals = world.goals.iter().map(|goal| goal.name.clone());
    let (routes, goals) = (routes.collect(), goals.collect());
    let dialect = Dialect {
        service,
        ..Dialect::new(vendor, &scenario.telemetry, routes, goals)
    };
    Catalogue::new(&dialect, &scenario.telemetry)
}

fn bind_to(catalogue: &Catalogue, analysis: &mut [Gate], subject: Subject) -> Vec<Remark> {
    let (mut with_queries, mut metrics) = (Vec::new(), Vec::new());
    for gate in analysis {
        match gate {
            Gate::Kayenta(analysis) => with_queries.push(analysis),
            Gate::ArgoMetric(_) | Gate::CustomCheck(_) => metrics.push(gate),
            _ => {}
        }
    }
    let mut remarks: Vec<Remark> = Vec::new();
    let mut say = |remark: Remark| {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    };
    for analysis in &mut with_queries {
        match analysis.bind(catalogue) {
            Ok(()) => {
                for (metric, selector) in analysis.unmatched() {
                    say(warning(
                        subject,
                        format!("{metric}: `{selector}` finds no series, so it has no data"),
                        known_values(catalogue, selector),
                    ));
                }
            }
            Err(refused) => {
                for (metric, refusal) in refused {
                    say(error(
                        subject,
                        format!("{metric}: {refusal}"),
                        help(&refusal),
                    ));
                }
            }
        }
    }
    for gate in metrics {
        let bound = gate.bind(catalogue);
        let (name, unmatched) = match gate {
            Gate::ArgoMetric(metric) => (&metric.name, metric.source.unmatched()),
            // The importer has said so, with the place.
            Gate::CustomCheck(check) => (&check.name, &[][..]),
            _ => continue,
        };
        if let Err(refusal) = bound {
            let message = format!("{name}: {refusal}");
            say(error(subject, message, help(&refusal)));
            continue;
        }
        for selector in unmatched {
            say(warning(
                subject,
                format!("{name}: `{selector}` finds no series, so it has no data"),
                known_values(catalogue, selector),
            ));
        }
    }
    remarks
}

fn help(error: &BindError) -> &'static str {
    match error {
        BindError::Unexported { .. } => {
            "ask for one of these, or take another vendor's names: metrics = \"linkerd\" under [live]"
        }
        BindError::NeedsScrapes { .. } => "scrape metrics: scrape = \"15s\" under [telemetry]",
        BindError::TooLarge { .. } | BindError::Unevaluated { .. } => "write another query",
    }
}

/// The values that there are of the labels that a selector names: `destination_workload is app or
/// app-primary`.
fn known_values(catalogue: &Catalogue, selector: &str) -> String {
    let (metric, matchers) = selector.split_once('{').unwrap_or((selector, ""));
    let mut known = Vec::new();
    for matcher in matchers.trim_end_matches('}').split(',') {
        let end = matcher.find(['=', '!']).unwrap_or(matcher.len());
        let label = matcher[..end].trim();
        let values = catalogue.values(metric.trim(), label);
        match (label, values.as_slice()) {
            ("" | "le", _) => {}
            (label, []) => known.push(format!("there is no label {label}")),
            (label, values) => known.push(format!("{label} is {}", values.join(" or "))),
        }
    }
    match known.is_empty() {
        true => "ask for series that the service shows".to_owned(),
        false => known.join("; "),
    }
}
