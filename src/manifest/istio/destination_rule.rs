//! DestinationRule: subsets of a service, and when their instances are left out.

use std::collections::BTreeMap;

use super::super::findings::{Field, Fields};
use super::super::split::{Destination, Ejection, Facts, Reading, Said, duration, whole_within};
use super::VERSIONS;
use crate::base::Probability;

/// Notes what a DestinationRule says about its host.
pub(in crate::manifest) fn read(reading: &mut Reading<'_>, facts: &mut Facts) {
    reading.check_version(&VERSIONS);
    let Some(spec) = reading.spec() else {
        return;
    };
    let Some((host, _)) = reading.findings.text(&spec, "host") else {
        if !spec.has("host") {
            let help = "write host: my-service";
            (reading.findings).error(
                &spec.path_of("host"),
                "is missing",
                spec.place.clone(),
                help,
            );
        }
        return;
    };
    let whole = Destination {
        host: host.to_owned(),
        subset: None,
    }
    .canonical();
    if let Some(ejection) = policy(reading, &spec) {
        facts.ejections.insert(whole.clone(), ejection);
    }
    let Some(field) = spec.get("subsets") else {
        return;
    };
    facts
        .subsets
        .insert(whole.host.clone(), reading.resource.title());
    for item in reading.findings.list(&field) {
        subset(reading, &item, &whole.host, facts);
    }
}

fn subset(reading: &mut Reading<'_>, item: &Field<'_>, host: &str, facts: &mut Facts) {
    let Some(fields) = reading.findings.map(item) else {
        return;
    };
    let Some((name, _)) = reading.findings.text(&fields, "name") else {
        if !fields.has("name") {
            let help = "give every subset a name";
            (reading.findings).error(&fields.path_of("name"), "is missing", item.place(), help);
        }
        return;
    };
    let own = Destination {
        host: host.to_owned(),
        subset: Some(name.to_owned()),
    };
    if let Some(ejection) = policy(reading, &fields) {
        facts.ejections.insert(own.clone(), ejection);
    }
    let labels = fields
        .get("labels")
        .and_then(|field| reading.findings.map(&field));
    let labels = labels
        .map(|labels| texts(reading, &labels))
        .unwrap_or_default();
    facts.labels.insert(own, labels);
}

fn texts(reading: &mut Reading<'_>, labels: &Fields<'_>) -> BTreeMap<String, String> {
    let keys: Vec<String> = labels.keys().map(str::to_owned).collect();
    let mut found = BTreeMap::new();
    for key in keys {
        if let Some((text, _)) = reading.findings.text(labels, &key) {
            found.insert(key, text.to_owned());
        }
    }
    found
}

/// `trafficPolicy`: of it only outlier detection reaches as far as a version.
fn policy(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Ejection> {
    let field = fields.get("trafficPolicy")?;
    let policy = reading.findings.map(&field)?;
    if let Some(balancer) = policy.get("loadBalancer") {
        if balancer.node.get("consistentHash").is_some() {
            let message = "hashes within the subset that the weight has chosen: users go back and forth \
                           between versions all the same";
            (reading.findings).warn(&balancer.path, message, balancer.key_span.clone());
        }
        let why = "it chooses among a version's instances, after the split";
        reading.findings.mark_ignored(&balancer.path, why);
    }
    let field = policy.get("outlierDetection")?;
    let outliers = reading.findings.map(&field)?;
    ejection(reading, &field, &outliers)
}

fn ejection(
    reading: &mut Reading<'_>,
    field: &Field<'_>,
    outliers: &Fields<'_>,
) -> Option<Ejection> {
    let mut count = |key: &str| {
        let field = outliers.get(key)?;
        let number = whole_within(reading, &field, 0, 10_000)?;
        Some(reading.said(number as u32, &field))
    };
    let (errors, gateway) = (
        count("consecutive5xxErrors"),
        count("consecutiveGatewayErrors"),
    );
    let old = count("consecutiveErrors");
    let interval = duration(reading, outliers, "interval");
    let base = duration(reading, outliers, "baseEjectionTime");
    let most = outliers.get("maxEjectionPercent").and_then(|field| {
        let percent = whole_within(reading, &field, 0, 100)?;
        Some(reading.said(Probability::new(percent as f64 / 100.0)?, &field))
    });
    let off = |count: &Option<Said<u32>>| count.as_ref().is_some_and(|count| count.value == 0);
    let consecutive = match (errors, gateway.or(old)) {
        (Some(errors), Some(gateway)) if errors.value > 0 => {
            let path = outliers.path_of("consecutiveGatewayErrors");
            let why = "simulated errors are of one kind, and consecutive5xxErrors counts all";
            if gateway.value > 0 {
                reading.findings.mark_ignored(&path, why);
            }
            Some(errors)
        }
        (errors, gateway) if off(&errors) => gateway.filter(|gateway| gateway.value > 0).or(errors),
        (errors, gateway) => errors.or(gateway.filter(|gateway| gateway.value > 0)),
    };
    if off(&consecutive) {
        reading
            .findings
            .mark_ignored(&field.path, "zero errors in a row turn it off");
        return None;
    }
    Some(Ejection {
        consecutive,
        interval,
        base,
        most,
        place: reading.place(field),
    })
}
