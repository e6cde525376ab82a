//! Gateway API: HTTPRoute and GRPCRoute.
//!
//! Rules are those of Gateway API 1.3: weights are shares of their sum and 1 where they are not said,
//! a session comes before weights and holds when a weight goes back to zero.

mod filters;
mod grammar;

#[cfg(test)]
mod tests;

use super::findings::{Field, Fields};
use super::split::{
    Branch, Destination, Place, Reading, Retries, Route, Said, Sticky, System, Table, duration,
    leaves, whole_within,
};
use super::yaml::{Node, Value};
use crate::base::Span;

pub(super) use grammar::ROUTE;

const HTTP: [&str; 3] = [
    "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1beta1",
    "gateway.networking.k8s.io/v1alpha2",
];
const GRPC: [&str; 2] = [
    "gateway.networking.k8s.io/v1",
    "gateway.networking.k8s.io/v1alpha2",
];

/// The highest weight that the API server admits.
const HIGHEST: i64 = 1_000_000;

/// The rules of a route; `None`, with errors among the findings, when there are none.
pub(super) fn route(index: usize, reading: &mut Reading<'_>) -> Option<Table> {
    let grpc = reading.resource.kind == "GRPCRoute";
    reading.check_version(if grpc { &GRPC } else { &HTTP });
    let spec = reading.spec()?;
    let Some(field) = spec.get("rules") else {
        let help = "write rules with a list of backendRefs";
        (reading.findings).error("spec.rules", "is missing", spec.place.clone(), help);
        return None;
    };
    let items = reading.findings.list(&field);
    let mut routes: Vec<Route> = items
        .iter()
        .filter_map(|item| rule(index, reading, item))
        .collect();
    // Rules that take everything come last, whatever their place: the more special one wins.
    routes.sort_by_key(|route| route.only.is_none());
    if routes.is_empty() {
        if reading.findings.errors() == 0 {
            let help = "give a rule backendRefs";
            let message = "there is no rule that sends requests to a backend";
            (reading.findings).error("spec.rules", message, field.key_span.clone(), help);
        }
        return None;
    }
    Some(reading.table(System::Gateway, index, routes))
}

/// One rule; `None` where it sends requests nowhere that is simulated.
fn rule(index: usize, reading: &mut Reading<'_>, item: &Field<'_>) -> Option<Route> {
    let fields = reading.findings.map(item)?;
    let only = conditions(reading, &fields);
    let Some(mirrors) = filters::read(reading, &fields) else {
        let why = "a redirect is answered by the gateway";
        reading.findings.mark_ignored(&item.path, why);
        return None;
    };
    let Some(field) = fields.get("backendRefs") else {
        let why = "without backendRefs every request is answered with status 500";
        (reading.findings).warn(&item.path, why, item.key_span.clone());
        reading.findings.mark_ignored(&item.path, why);
        return None;
    };
    let refs = reading.findings.list(&field);
    let to: Vec<Branch> = refs
        .iter()
        .filter_map(|item| branch(index, reading, item))
        .collect();
    let timeout = timeout(reading, &fields);
    (!to.is_empty()).then(|| Route {
        path: item.path.clone(),
        place: Place {
            file: reading.resource.file,
            span: item.key_span.clone(),
        },
        only,
        to,
        mirrors,
        faults: Vec::new(),
        retries: retries(reading, &fields),
        timeout,
        sticky: sticky(reading, &fields),
    })
}

/// What requests must have; a path of `/` is none.
fn conditions(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Said<String>> {
    let field = fields.get("matches")?;
    let alternatives = reading.findings.list(&field);
    reading.findings.mark_used(&field.path);
    let mut texts = Vec::new();
    for item in &alternatives {
        let Value::Map(entries) = &item.node.value else {
            let help = "write conditions like `- headers: [{name: env, value: canary}]`";
            (reading.findings).error(&item.path, "is no map of conditions", item.place(), help);
            continue;
        };
        let real = entries
            .iter()
            .filter(|entry| !(entry.key == "path" && is_root(&entry.value)));
        let parts: Vec<String> = real
            .map(|entry| format!("{} {}", entry.key, leaves(&entry.value)))
            .collect();
        if parts.is_empty() {
            return None;
        }
        texts.push(parts.join(" and "));
    }
    (!texts.is_empty()).then(|| reading.said(texts.join(" or "), &alternatives[0]))
}

fn is_root(path: &Node) -> bool {
    let text = |key| path.get(key).and_then(Node::text);
    matches!(text("type"), None | Some("PathPrefix")) && matches!(text("value"), None | Some("/"))
}

fn branch(index: usize, reading: &mut Reading<'_>, item: &Field<'_>) -> Option<Branch> {
    let fields = reading.findings.map(item)?;
    if let Some(kind) = fields.get("kind")
        && kind.node.text() != Some("Service")
    {
        let message =
            "is no Service: what stands behind it is not known, and it is taken for a version";
        (reading.findings).warn(&kind.path, message, kind.place());
    }
    let Some((name, _)) = reading.findings.text(&fields, "name") else {
        if !fields.has("name") {
            let help = "write the name of a Service";
            let place = item.key_span.clone();
            (reading.findings).error(&fields.path_of("name"), "is missing", place, help);
        }
        return None;
    };
    let weight = match fields.get("weight") {
        Some(field) => {
            let weight = whole_within(reading, &field, 0, HIGHEST)?;
            reading.said(weight as f64, &field)
        }
        None => reading.said(1.0, item),
    };
    if let Some(field) = fields.get("filters") {
        let why = "headers and addresses are not simulated";
        reading.findings.mark_ignored(&field.path, why);
    }
    Some(Branch {
        to: Destination {
            host: name.to_owned(),
            subset: None,
        },
        reading: index,
        weight,
        path: fields.path_of("weight"),
    })
}

/// `timeouts`: that of the request, or else that of each attempt, which there is one of.
fn timeout(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Said<Span>> {
    let inner = fields.get("timeouts")?;
    let inner = reading.findings.map(&inner)?;
    let off = |field: &Field<'_>| {
        let text = field.node.text().unwrap_or_default();
        text.parse().is_ok_and(Span::is_zero)
    };
    let mut read = |key: &str| {
        let field = inner.get(key)?;
        if off(&field) {
            reading
                .findings
                .mark_ignored(&field.path, "zero turns it off");
            return None;
        }
        duration(reading, &inner, key)
    };
    let (request, backend) = (read("request"), read("backendRequest"));
    if request.is_some() && backend.is_some() && !fields.has("retry") {
        let path = inner.path_of("backendRequest");
        reading
            .findings
            .mark_ignored(&path, "the request's own timeout is simulated");
    }
    request.or(if fields.has("retry") { None } else { backend })
}

/// `retry`, which is experimental: attempts, codes and back-off.
fn retries(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Retries> {
    let field = fields.get("retry")?;
    let inner = reading.findings.map(&field)?;
    let attempts = match inner.get("attempts") {
        Some(field) => whole_within(reading, &field, 0, 100)? as u32,
        None => 1,
    };
    let codes = inner.get("codes").map(|field| {
        reading.findings.mark_used(&field.path);
        reading.findings.list(&field)
    });
    let server = |item: &Field<'_>| matches!(item.node.value, Value::Number(code) if code >= 500.0);
    let on_errors = codes.iter().flatten().any(server);
    let backoff = duration(reading, &inner, "backoff");
    let timeouts = fields
        .get("timeouts")
        .and_then(|field| reading.findings.map(&field));
    let per_try_timeout =
        timeouts.and_then(|timeouts| duration(reading, &timeouts, "backendRequest"));
    (attempts > 0).then(|| Retries {
        attempts,
        on_errors,
        on_resets: true,
        per_try_timeout,
        backoff,
        place: Some(reading.place(&field)),
    })
}

/// `sessionPersistence`, which is experimental (GEP-1619).
fn sticky(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Sticky> {
    let field = fields.get("sessionPersistence")?;
    let inner = reading.findings.map(&field)?;
    let _ = reading.findings.text(&inner, "type");
    let lifetime = duration(reading, &inner, "absoluteTimeout");
    Some(Sticky {
        lifetime,
        first: false,
        outlives_rollback: true,
        place: reading.place(&field),
    })
}
