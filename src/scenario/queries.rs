//! The queries of gates, bound to the series that the scenario's service shows.

use super::Scenario;
use super::check::{Remark, Subject, error, warning};
use crate::gate::Gate;
use crate::telemetry::exposition::Dialect;
use crate::telemetry::promql::{BindError, Catalogue};

/// Deploys a baseline where Kayenta compares with one: Spinnaker does so beside the canary.
pub(super) fn deploy_baseline(scenario: &mut Scenario) {
    let wanted = |gate: &Gate| matches!(gate, Gate::Kayenta(_)) && gate.demand().baseline;
    let rivals = scenario.rivals.iter().flat_map(|rival| &rival.analysis);
    if scenario.analysis.iter().chain(rivals).any(wanted) {
        scenario.world.rules.baseline = true;
    }
}

/// Binds all queries anew, whatever they were bound to. Says which cannot be asked, and which find
/// nothing.
pub(super) fn bind(scenario: &mut Scenario) -> Vec<Remark> {
    let rivals = scenario.rivals.iter_mut().map(|rival| &mut rival.analysis);
    let gates = rivals.chain([&mut scenario.analysis]).flatten();
    let (mut with_queries, mut metrics) = (Vec::new(), Vec::new());
    for gate in gates {
        match gate {
            Gate::Kayenta(analysis) => with_queries.push(analysis),
            Gate::ArgoMetric(_) => metrics.push(gate),
            _ => {}
        }
    }
    if with_queries.is_empty() && metrics.is_empty() {
        return Vec::new();
    }
    let world = &scenario.world;
    let routes = (world.traffic.routes.iter()).map(|route| route.name.clone());
    let goals = world.goals.iter().map(|goal| goal.name.clone());
    let dialect = Dialect {
        service: scenario.live.service.clone(),
        ..Dialect::new(
            scenario.live.vendor,
            &scenario.telemetry,
            routes.collect(),
            goals.collect(),
        )
    };
    let catalogue = Catalogue::new(&dialect, &scenario.telemetry);
    let mut remarks: Vec<Remark> = Vec::new();
    let mut say = |remark: Remark| {
        if !remarks.contains(&remark) {
            remarks.push(remark);
        }
    };
    for analysis in &mut with_queries {
        match analysis.bind(&catalogue) {
            Ok(()) => {
                for (metric, selector) in analysis.unmatched() {
                    say(warning(
                        Subject::Rollout,
                        format!("{metric}: `{selector}` finds no series, so it has no data"),
                        known_values(&catalogue, selector),
                    ));
                }
            }
            Err(refused) => {
                for (metric, refusal) in refused {
                    say(error(
                        Subject::Rollout,
                        format!("{metric}: {refusal}"),
                        help(&refusal),
                    ));
                }
            }
        }
    }
    for gate in metrics {
        let bound = gate.bind(&catalogue);
        let Gate::ArgoMetric(metric) = gate else {
            continue;
        };
        let name = &metric.name;
        if let Err(refusal) = bound {
            let message = format!("{name}: {refusal}");
            say(error(Subject::Rollout, message, help(&refusal)));
            continue;
        }
        for selector in metric.source.unmatched() {
            say(warning(
                Subject::Rollout,
                format!("{name}: `{selector}` finds no series, so it has no data"),
                known_values(&catalogue, selector),
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
