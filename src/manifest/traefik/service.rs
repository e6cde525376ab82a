//! TraefikService: weights, copies and cookies, one inside the other if need be.

use std::collections::{BTreeMap, BTreeSet};

use super::super::findings::{Field, Fields};
use super::super::split::{
    Branch, Destination, Mirror, Place, Reading, Route, Said, Sticky, System, Table, percentage,
    whole_within,
};
use super::VERSIONS;
use crate::base::{Probability, Span};

/// A service that another one, or a rule, leads to.
#[derive(Debug, Clone)]
pub(super) struct Child {
    pub(super) name: String,
    /// Whether it is a TraefikService.
    pub(super) inner: bool,
    pub(super) weight: Said<f64>,
    pub(super) path: String,
    pub(super) reading: usize,
}

/// What a TraefikService says.
#[derive(Debug, Clone)]
pub(super) struct Service {
    reading: usize,
    path: String,
    place: Place,
    children: Vec<Child>,
    /// Names of services that get copies, with their share.
    mirrors: Vec<(String, String, Said<Probability>)>,
    sticky: Option<Sticky>,
}

/// All TraefikServices by name.
#[derive(Debug, Default)]
pub(super) struct Services {
    named: BTreeMap<String, Service>,
}

impl Services {
    /// The names of those that others lead to.
    pub(super) fn inner(&self) -> BTreeSet<String> {
        let children = self.named.values().flat_map(|service| &service.children);
        let inner = children.filter(|child| child.inner);
        inner.map(|child| child.name.clone()).collect()
    }

    pub(super) fn all(&self) -> impl Iterator<Item = (&String, &Service)> {
        self.named.iter()
    }

    /// What a service and those inside it come to: destinations with shares of `whole`. A service
    /// that is not among the files counts as a version; so does one that leads back to itself.
    pub(super) fn expand(&self, child: &Child, whole: f64, above: &[&str]) -> Vec<Branch> {
        let inner = self.named.get(&child.name).filter(|_| child.inner);
        let known = inner.filter(|_| !above.contains(&child.name.as_str()));
        let Some(service) = known else {
            return vec![Branch {
                to: Destination {
                    host: child.name.clone(),
                    subset: None,
                },
                reading: child.reading,
                weight: Said {
                    value: whole,
                    place: child.weight.place.clone(),
                },
                path: child.path.clone(),
            }];
        };
        let above = [above, &[child.name.as_str()]].concat();
        self.divide(&service.children, whole, &above)
    }

    /// A whole among some services by their weights.
    pub(super) fn divide(&self, children: &[Child], whole: f64, above: &[&str]) -> Vec<Branch> {
        let total: f64 = children.iter().map(|child| child.weight.value).sum();
        let share = |child: &Child| match total > 0.0 {
            true => whole * child.weight.value / total,
            false => 0.0,
        };
        let branches = children
            .iter()
            .flat_map(|child| self.expand(child, share(child), above));
        branches.collect()
    }

    /// The service behind a child, where it is the only one.
    pub(super) fn alone<'s>(&'s self, children: &[Child]) -> Option<&'s Service> {
        match children {
            [one] if one.inner => self.named.get(&one.name),
            _ => None,
        }
    }
}

impl Service {
    /// The rule that sends everything to it.
    pub(super) fn route(&self, services: &Services, name: &str) -> Route {
        let mirrors = self.mirrors.iter().map(|(to, path, share)| Mirror {
            to: Destination {
                host: to.clone(),
                subset: None,
            },
            path: path.clone(),
            share: share.clone(),
        });
        let below = services.alone(&self.children);
        Route {
            path: self.path.clone(),
            place: self.place.clone(),
            only: None,
            to: services.divide(&self.children, 100.0, &[name]),
            mirrors: mirrors.collect(),
            faults: Vec::new(),
            retries: None,
            timeout: None,
            sticky: self
                .sticky
                .clone()
                .or_else(|| below.and_then(|below| below.sticky.clone())),
        }
    }
}

/// The table of a TraefikService to which nobody leads.
pub(super) fn table(
    service: &Service,
    readings: &[Reading<'_>],
    services: &Services,
) -> Option<Table> {
    let reading = &readings[service.reading];
    let name = reading.resource.name.clone().unwrap_or_default();
    let route = service.route(services, &name);
    (!route.to.is_empty()).then(|| Table {
        system: System::Traefik,
        reading: service.reading,
        title: reading.resource.title(),
        place: reading.start(),
        routes: vec![route],
        canary: None,
        name,
    })
}

pub(super) fn read_all(readings: &mut [Reading<'_>]) -> Services {
    let mut services = Services::default();
    for (index, reading) in readings.iter_mut().enumerate() {
        if reading.resource.kind != "TraefikService" {
            continue;
        }
        let name = reading.resource.name.clone().unwrap_or_default();
        if let Some(service) = read(index, reading) {
            services.named.insert(name, service);
        }
    }
    services
}

fn read(index: usize, reading: &mut Reading<'_>) -> Option<Service> {
    reading.check_version(&VERSIONS);
    let spec = reading.spec()?;
    if let Some(field) = spec.get("weighted") {
        let weighted = reading.findings.map(&field)?;
        return Some(Service {
            reading: index,
            path: field.path.clone(),
            place: reading.said((), &field).place,
            children: children(index, reading, &weighted, &field),
            mirrors: Vec::new(),
            sticky: sticky(reading, &weighted),
        });
    }
    if let Some(field) = spec.get("mirroring") {
        let mirroring = reading.findings.map(&field)?;
        let child = child(index, reading, &mirroring, &field)?;
        return Some(Service {
            reading: index,
            path: field.path.clone(),
            place: reading.said((), &field).place,
            children: vec![child],
            mirrors: mirrors(reading, &mirroring),
            sticky: None,
        });
    }
    if let Some(field) = spec.get("highestRandomWeight") {
        let message = "users go to a service by a hash of their address, which is not simulated: they are \
                       split by weight";
        (reading.findings).warn(&field.path, message, field.key_span.clone());
        let inner = reading.findings.map(&field)?;
        return Some(Service {
            reading: index,
            path: field.path.clone(),
            place: reading.said((), &field).place,
            children: children(index, reading, &inner, &field),
            mirrors: Vec::new(),
            sticky: None,
        });
    }
    let help = "write weighted with services, or mirroring";
    (reading.findings).error(
        "spec",
        "says neither weighted nor mirroring",
        spec.place.clone(),
        help,
    );
    None
}

/// The services of a weighted one, or of a rule.
pub(super) fn children(
    index: usize,
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    place: &Field<'_>,
) -> Vec<Child> {
    let Some(field) = fields.get("services") else {
        let help = "write services with names and weights";
        let at = place.key_span.clone();
        (reading.findings).error(&fields.path_of("services"), "is missing", at, help);
        return Vec::new();
    };
    let items = reading.findings.list(&field);
    let mut found = Vec::new();
    for item in &items {
        let Some(fields) = reading.findings.map(item) else {
            continue;
        };
        if let Some(sticky) = fields.get("sticky") {
            let why = "it keeps users with a pod of this service, after the split";
            reading.findings.mark_ignored(&sticky.path, why);
        }
        found.extend(child(index, reading, &fields, item));
    }
    found
}

fn child(
    index: usize,
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
    place: &Field<'_>,
) -> Option<Child> {
    let kind = reading.findings.text(fields, "kind");
    let Some((name, _)) = reading.findings.text(fields, "name") else {
        if !fields.has("name") {
            let help = "write the name of a Service or a TraefikService";
            let at = place.key_span.clone();
            (reading.findings).error(&fields.path_of("name"), "is missing", at, help);
        }
        return None;
    };
    let weight = match fields.get("weight") {
        Some(field) => {
            let weight = whole_within(reading, &field, 0, i64::from(i32::MAX))?;
            reading.said(weight as f64, &field)
        }
        None => reading.said(1.0, place),
    };
    Some(Child {
        name: name.to_owned(),
        inner: kind.is_some_and(|(kind, _)| kind == "TraefikService"),
        weight,
        path: fields.path_of("weight"),
        reading: index,
    })
}

fn mirrors(
    reading: &mut Reading<'_>,
    fields: &Fields<'_>,
) -> Vec<(String, String, Said<Probability>)> {
    let Some(field) = fields.get("mirrors") else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for item in reading.findings.list(&field) {
        let Some(fields) = reading.findings.map(&item) else {
            continue;
        };
        let name = reading.findings.text(&fields, "name");
        let share = percentage(reading, &fields, "percent");
        let Some((name, _)) = name else {
            continue;
        };
        let Some(share) = share else {
            let why = "without a percentage it gets no copies";
            reading.findings.mark_ignored(&item.path, why);
            continue;
        };
        found.push((name.to_owned(), item.path.clone(), share));
    }
    found
}

/// The cookie of a weighted service.
fn sticky(reading: &mut Reading<'_>, fields: &Fields<'_>) -> Option<Sticky> {
    let field = fields.get("sticky")?;
    let sticky = reading.findings.map(&field)?;
    let cookie = sticky.get("cookie")?;
    reading.findings.mark_used(&cookie.path);
    let lifetime = reading.findings.map(&cookie).and_then(|cookie| {
        let age = cookie.get("maxAge")?;
        let seconds = whole_within(reading, &age, -1, i64::from(i32::MAX))?;
        (seconds > 0).then(|| reading.said(Span::from_secs(seconds.unsigned_abs()), &age))
    });
    Some(Sticky {
        lifetime,
        first: false,
        outlives_rollback: false,
        place: reading.place(&cookie),
    })
}
