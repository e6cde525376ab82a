//! IngressRoute: rules, each with services.

use std::collections::BTreeSet;

use super::super::findings::{Field, Fields};
use super::super::split::{Place, Reading, Route, Said, System, Table};
use super::VERSIONS;
use super::service::{self, Services};

/// The rules of an IngressRoute; `None`, with errors among the findings, when there are none.
pub(super) fn read(
    index: usize,
    readings: &mut [Reading<'_>],
    services: &Services,
    led_to: &mut BTreeSet<String>,
) -> Option<Table> {
    let reading = &mut readings[index];
    reading.check_version(&VERSIONS);
    let spec = reading.spec()?;
    let Some(field) = spec.get("routes") else {
        let help = "write routes with a match and services";
        (reading.findings).error("spec.routes", "is missing", spec.place.clone(), help);
        return None;
    };
    let items = reading.findings.list(&field);
    let mut routes: Vec<(i64, Route)> = items
        .iter()
        .filter_map(|item| rule(index, reading, item, services, led_to))
        .collect();
    // The highest priority first.
    routes.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
    let routes: Vec<Route> = routes.into_iter().map(|(_, route)| route).collect();
    (!routes.is_empty()).then(|| Table {
        system: System::Traefik,
        reading: index,
        title: reading.resource.title(),
        name: reading.resource.name.clone().unwrap_or_default(),
        place: reading.start(),
        routes,
        canary: None,
    })
}

/// A rule with its priority: the length of its text, where none is said.
fn rule(
    index: usize,
    reading: &mut Reading<'_>,
    item: &Field<'_>,
    services: &Services,
    led_to: &mut BTreeSet<String>,
) -> Option<(i64, Route)> {
    let fields = reading.findings.map(item)?;
    let text = reading.findings.text(&fields, "match");
    if text.is_none() && !fields.has("match") {
        let help = "write match: Host(`shop.example.com`)";
        let place = item.key_span.clone();
        (reading.findings).error(&fields.path_of("match"), "is missing", place, help);
    }
    let length = text.as_ref().map_or(0, |(text, _)| text.len());
    let only = text.and_then(|(text, field)| condition(reading, text, &field));
    let children = service::children(index, reading, &fields, item);
    report_middlewares(reading, &fields);
    let priority = match fields.get("priority") {
        Some(field) => reading.findings.integer(&field).unwrap_or(0),
        None => i64::try_from(length).unwrap_or(0),
    };
    led_to.extend(
        children
            .iter()
            .filter(|one| one.inner)
            .map(|one| one.name.clone()),
    );
    let behind = services.alone(&children);
    let behind = behind.map(|service| service.route(services, &children[0].name));
    let to = services.divide(&children, 100.0, &[]);
    let sticky = behind.as_ref().and_then(|behind| behind.sticky.clone());
    (!to.is_empty()).then(|| {
        let route = Route {
            path: item.path.clone(),
            place: Place {
                file: reading.resource.file,
                span: item.key_span.clone(),
            },
            only,
            to,
            mirrors: behind.map(|behind| behind.mirrors).unwrap_or_default(),
            faults: Vec::new(),
            retries: None,
            timeout: None,
            sticky,
        };
        (priority, route)
    })
}

/// What a rule asks of requests beside their host.
fn condition(reading: &Reading<'_>, text: &str, field: &Field<'_>) -> Option<Said<String>> {
    let asks = text.split("&&").map(str::trim).filter(|part| {
        let host = part.starts_with("Host") && !part.contains("||");
        !host && *part != "PathPrefix(`/`)"
    });
    let asked: Vec<&str> = asks.filter(|part| !part.is_empty()).collect();
    (!asked.is_empty()).then(|| reading.said(asked.join(" and "), field))
}

fn report_middlewares(reading: &mut Reading<'_>, fields: &Fields<'_>) {
    if let Some(field) = fields.get("middlewares") {
        let message = "what middlewares do stands elsewhere: they are taken to change nothing";
        (reading.findings).warn(&field.path, message, field.key_span.clone());
        reading
            .findings
            .mark_ignored(&field.path, "what they do stands elsewhere");
    }
}
