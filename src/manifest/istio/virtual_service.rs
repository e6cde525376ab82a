//! VirtualService: which requests go where.

use super::super::findings::{Field, Fields};
use super::super::split::{
    Branch, Destination, Mirror, Reading, Route, Said, System, Table, leaves, percentage,
    whole_within,
};
use super::super::yaml::Value;
use super::{VERSIONS, faults, policies};
use crate::base::Probability;

/// Kinds of traffic in the order in which they are looked at.
const PROTOCOLS: [&str; 3] = ["http", "tls", "tcp"];

/// The rules of a VirtualService; `None`, with errors among the findings, when there are none.
pub(in crate::manifest) fn read(index: usize, reading: &mut Reading<'_>) -> Option<Table> {
    reading.check_version(&VERSIONS);
    let spec = reading.spec()?;
    let mut routes = Vec::new();
    for protocol in PROTOCOLS {
        let Some(field) = spec.get(protocol) else {
            continue;
        };
        if !routes.is_empty() {
            let why = "the split of the protocol before it is simulated";
            reading.findings.mark_ignored(&field.path, why);
            continue;
        }
        for item in reading.findings.list(&field) {
            routes.extend(route(index, reading, &item));
        }
    }
    if routes.is_empty() {
        if reading.findings.errors() == 0 {
            let help = "write http with a route that has destinations";
            let message = "there is no rule that sends requests to a destination";
            (reading.findings).error("spec", message, spec.place.clone(), help);
        }
        return None;
    }
    Some(reading.table(System::Istio, index, routes))
}

/// One rule; `None` where it sends requests nowhere that is simulated.
fn route(index: usize, reading: &mut Reading<'_>, item: &Field<'_>) -> Option<Route> {
    let fields = reading.findings.map(item)?;
    for (key, why) in [
        ("redirect", "a redirect is answered by the proxy"),
        ("directResponse", "the proxy answers itself"),
        (
            "delegate",
            "another VirtualService decides, and rules of one are read",
        ),
    ] {
        if let Some(field) = fields.get(key) {
            if key == "delegate" {
                let message = "another VirtualService decides here: it is not followed";
                (reading.findings).warn(&field.path, message, field.key_span.clone());
            }
            reading.findings.mark_ignored(&item.path, why);
            return None;
        }
    }
    let only = conditions(reading, &fields);
    let Some(field) = fields.get("route") else {
        let help = "write route with a list of destinations";
        (reading.findings).error(
            &fields.path_of("route"),
            "is missing",
            item.key_span.clone(),
            help,
        );
        return None;
    };
    let to = branches(index, reading, &field);
    let mirrors = mirrors(reading, &fields);
    let faults = faults::read(reading, &fields);
    let broken = faults
        .iter()
        .any(|(_, share)| share.value > Probability::ZERO);
    let mut retries = policies::retries(reading, &fields);
    let mut timeout = policies::timeout(reading, &fields);
    if broken {
        let why = "a fault on a rule turns its retries and its timeout off";
        if retries
            .take()
            .is_some_and(|retries| retries.place.is_some())
        {
            reading
                .findings
                .mark_ignored(&fields.path_of("retries"), why);
        }
        if timeout.take().is_some() {
            reading
                .findings
                .mark_ignored(&fields.path_of("timeout"), why);
        }
    }
    (!to.is_empty()).then(|| Route {
        path: item.path.clone(),
        place: super::super::split::Place {
            file: reading.resource.file,
            span: item.key_span.clone(),
        },
        only,
        to,
        mirrors,
        faults,
        retries,
        timeout,
        sticky: None,
    })
}

/// What requests must have; conditions that everyone fulfils who comes this way are none.
fn conditions(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Said<String>> {
    const EVERYBODY: [&str; 4] = ["name", "port", "gateways", "destinationSubnets"];
    let field = fields.get("match")?;
    let alternatives = reading.findings.list(&field);
    reading.findings.mark_used(&field.path);
    let mut texts = Vec::new();
    for item in &alternatives {
        let Value::Map(entries) = &item.node.value else {
            let help = "write conditions like `- headers: {end-user: {exact: jason}}`";
            (reading.findings).error(&item.path, "is no map of conditions", item.place(), help);
            continue;
        };
        let real = entries
            .iter()
            .filter(|entry| !EVERYBODY.contains(&entry.key.as_str()));
        let real = real.filter(|entry| !(entry.key == "uri" && is_root(&entry.value)));
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

fn is_root(uri: &super::super::yaml::Node) -> bool {
    let prefix = uri.get("prefix").and_then(super::super::yaml::Node::text);
    prefix == Some("/")
}

/// The destinations of a rule with their weights. One alone gets everything; of several, those
/// without a weight get nothing.
fn branches(index: usize, reading: &mut Reading<'_>, field: &Field<'_>) -> Vec<Branch> {
    let items = reading.findings.list(field);
    let alone = items.len() == 1;
    let mut found = Vec::new();
    for item in &items {
        let Some(fields) = reading.findings.map(item) else {
            continue;
        };
        let path = fields.path_of("weight");
        let weight = match fields.get("weight") {
            Some(field) => {
                let weight = whole_within(reading, &field, 0, i64::from(i32::MAX));
                weight.map(|weight| reading.said(weight as f64, &field))
            }
            None => Some(reading.said(if alone { 100.0 } else { 0.0 }, item)),
        };
        let Some(destination) = fields.get("destination") else {
            let help = "write destination: {host: my-service}";
            let place = item.key_span.clone();
            (reading.findings).error(&fields.path_of("destination"), "is missing", place, help);
            continue;
        };
        let to = destination_of(reading, &destination);
        if let (Some(to), Some(mut weight)) = (to, weight) {
            if alone {
                weight.value = 100.0;
            }
            found.push(Branch {
                to,
                reading: index,
                weight,
                path,
            });
        }
    }
    if items.is_empty() && matches!(field.node.value, Value::List(_)) {
        let help = "write at least one destination";
        (reading.findings).error(&field.path, "is an empty list", field.place(), help);
    }
    found
}

fn destination_of(reading: &mut Reading<'_>, field: &Field<'_>) -> Option<Destination> {
    let fields = reading.findings.map(field)?;
    let subset = reading.findings.text(&fields, "subset");
    let Some((host, _)) = reading.findings.text(&fields, "host") else {
        if !fields.has("host") {
            let help = "write host: my-service";
            let place = field.key_span.clone();
            (reading.findings).error(&fields.path_of("host"), "is missing", place, help);
        }
        return None;
    };
    Some(Destination {
        host: host.to_owned(),
        subset: subset.map(|(subset, _)| subset.to_owned()),
    })
}

/// `mirror` with its percentage, and `mirrors`.
fn mirrors(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Vec<Mirror> {
    let mut found = Vec::new();
    if let Some(field) = fields.get("mirror") {
        reading.findings.mark_used(&field.path);
        let to = destination_of(reading, &field);
        let share = mirrored(reading, fields, "mirrorPercentage", &field);
        found.extend(to.map(|to| Mirror {
            to,
            path: field.path.clone(),
            share,
        }));
    }
    let items = fields
        .get("mirrors")
        .map(|field| reading.findings.list(&field));
    for item in items.into_iter().flatten() {
        let Some(fields) = reading.findings.map(&item) else {
            continue;
        };
        let Some(destination) = fields.get("destination") else {
            continue;
        };
        let to = destination_of(reading, &destination);
        let share = mirrored(reading, &fields, "percentage", &item);
        found.extend(to.map(|to| Mirror {
            to,
            path: item.path.clone(),
            share,
        }));
    }
    found
}

/// A percentage, or all where it is not said.
fn mirrored(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    key: &str,
    mirror: &Field<'_>,
) -> Said<Probability> {
    let said = share(reading, fields, key);
    said.unwrap_or_else(|| reading.said(Probability::ONE, mirror))
}

/// A field `{value: 12.5}`.
pub(super) fn share(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    key: &str,
) -> Option<Said<Probability>> {
    let field = fields.get(key)?;
    let inner = reading.findings.map(&field)?;
    percentage(reading, &inner, "value")
}
