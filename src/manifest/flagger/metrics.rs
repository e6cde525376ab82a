//! `spec.analysis.metrics`: each will be a gate, in the order in which they are evaluated.
//!
//! Flagger 1.44.0, `pkg/controller/scheduler_metrics.go`, `runBuiltinMetricChecks` and
//! `runMetricChecks`.

use super::super::findings::{Field, Fields, Findings};
use super::custom::{self, Draft, Questions};
use super::limits;
use crate::gate::flagger::{FlaggerCheck, Metric, Provider};
use crate::telemetry::Version;

/// Whose builtin queries they are, and which version those select.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source {
    pub(super) provider: Provider,
    pub(super) version: Version,
}

/// Reads the metrics: builtin ones and inline queries in the order written, after them
/// those by MetricTemplates.
pub(super) fn read(
    findings: &mut Findings,
    analysis: &Fields<'_>,
    source: Source,
    questions: &mut Questions<'_, '_>,
) -> Vec<Draft> {
    let items = match analysis.get("metrics") {
        Some(field) => findings.list(&field),
        None => Vec::new(),
    };
    let (mut drafts, mut last) = (Vec::new(), Vec::new());
    for item in &items {
        let Some(metric) = findings.map(item) else {
            continue;
        };
        let Some((name, place)) = findings.text(&metric, "name") else {
            if !metric.has("name") {
                let help = "write a name, like `name: request-success-rate`";
                findings.error(
                    &metric.path_of("name"),
                    "is missing",
                    item.key_span.clone(),
                    help,
                );
            }
            continue;
        };
        match name {
            "request-success-rate" => {
                drafts.push(builtin(findings, &metric, Metric::SuccessRate, source));
            }
            "request-duration" => drafts.push(builtin(findings, &metric, Metric::Duration, source)),
            _ if metric.has("query") || metric.has("templateRef") => {}
            _ => report_unknown(findings, &place, name),
        }
        if metric.has("query") {
            let check = custom::inline(findings, &metric, name, questions);
            drafts.extend(check.map(Draft::Custom));
        }
        if metric.has("templateRef") {
            let check = custom::by_template(findings, &metric, name, questions);
            last.extend(check.map(Draft::Custom));
        }
    }
    drafts.extend(last);
    if items.is_empty() {
        let message = "there are none: nothing is checked, and every canary is promoted unless a hook refuses";
        findings.warn(
            &analysis.path_of("metrics"),
            message,
            analysis.place.clone(),
        );
    }
    drafts
}

fn report_unknown(findings: &mut Findings, place: &Field<'_>, name: &str) {
    let message =
        format!("`{name}` is not builtin and has neither query nor templateRef: every check fails");
    let nearest = ["request-success-rate", "request-duration"]
        .into_iter()
        .find(|builtin| strsim::jaro_winkler(builtin, name) > 0.9);
    let help = match nearest {
        Some(builtin) => format!("did you mean {builtin}?"),
        None => "builtin are request-success-rate and request-duration".to_owned(),
    };
    findings.error(&place.path, &message, place.place(), &help);
}

fn builtin(findings: &mut Findings, fields: &Fields<'_>, metric: Metric, source: Source) -> Draft {
    Draft::Builtin(FlaggerCheck {
        metric,
        provider: source.provider,
        version: source.version,
        limits: limits::limits(findings, fields, metric),
        window: limits::window(findings, fields),
    })
}
