//! ingress-nginx: an Ingress with canary annotations beside the Ingress that it is a canary of.
//!
//! A request is decided by the first of these that has a say: a cookie of session affinity, the header
//! (by its value, else by a pattern, else by `always` and `never`), the cookie, the weight.
//! ingress-nginx 1.13, `rootfs/etc/nginx/lua/balancer.lua`.

mod annotations;
mod grammar;

#[cfg(test)]
mod tests;

use super::findings::Fields;
use super::split::{Branch, Destination, Reading, Route, Said, System, Table};
use super::yaml::{Node, Value};
use annotations::{Annotations, Settings};

pub(super) use grammar::INGRESS;

const VERSIONS: [&str; 3] = [
    "networking.k8s.io/v1",
    "networking.k8s.io/v1beta1",
    "extensions/v1beta1",
];

/// Where an Ingress sends the requests of a host and a path.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Backend {
    host: String,
    path: String,
    service: String,
}

/// What an Ingress says.
#[derive(Debug)]
struct Ingress {
    reading: usize,
    namespace: Option<String>,
    backends: Vec<Backend>,
    settings: Settings,
}

/// The tables of all canaries among the Ingresses.
pub(super) fn tables(readings: &mut [Reading<'_>]) -> Vec<Table> {
    let mut found = Vec::new();
    for (index, reading) in readings.iter_mut().enumerate() {
        if reading.resource.kind == "Ingress" {
            found.extend(read(index, reading));
        }
    }
    let (canaries, mains): (Vec<Ingress>, Vec<Ingress>) =
        found.into_iter().partition(|one| one.settings.canary);
    let tables = canaries.iter();
    tables
        .map(|canary| table(canary, &mains, readings))
        .collect()
}

fn read(index: usize, reading: &mut Reading<'_>) -> Option<Ingress> {
    reading.check_version(&VERSIONS);
    let document = Fields::of_document(&reading.resource.node)?;
    let annotations = Annotations::of(reading, &document);
    let settings = annotations.settings(reading);
    if !settings.canary {
        annotations.mark_idle(reading);
    }
    let spec = reading.spec()?;
    let mut backends = Vec::new();
    for key in ["defaultBackend", "backend"] {
        let service = spec.get(key).and_then(|field| {
            reading.findings.mark_used(&field.path);
            service(field.node)
        });
        backends.extend(service.map(|service| Backend {
            host: String::new(),
            path: String::new(),
            service,
        }));
    }
    if let Some(field) = spec.get("rules") {
        reading.findings.mark_used(&field.path);
        for rule in reading.findings.list(&field) {
            backends.extend(rule_backends(rule.node));
        }
    }
    if backends.is_empty() && settings.canary {
        let help = "write rules with the canary's Service as backend";
        let message = "there is no backend: the canary has nowhere to send requests";
        (reading.findings).error("spec.rules", message, spec.place.clone(), help);
    }
    Some(Ingress {
        reading: index,
        namespace: reading.resource.namespace.clone(),
        backends,
        settings,
    })
}

fn rule_backends(rule: &Node) -> Vec<Backend> {
    let host = rule.get("host").and_then(Node::text).unwrap_or_default();
    let paths = rule.get("http").and_then(|http| http.get("paths"));
    let Some(Value::List(paths)) = paths.map(|paths| &paths.value) else {
        return Vec::new();
    };
    let backends = paths.iter().filter_map(|path| {
        Some(Backend {
            host: host.to_owned(),
            path: path
                .get("path")
                .and_then(Node::text)
                .unwrap_or("/")
                .to_owned(),
            service: service(path.get("backend")?)?,
        })
    });
    backends.collect()
}

fn service(backend: &Node) -> Option<String> {
    let new = backend
        .get("service")
        .and_then(|service| service.get("name"));
    let name = new.or_else(|| backend.get("serviceName"));
    name.and_then(Node::text).map(str::to_owned)
}

/// The rules of a canary and its main Ingress together.
fn table(canary: &Ingress, mains: &[Ingress], readings: &mut [Reading<'_>]) -> Table {
    let main = main_of(canary, mains);
    let reading = &mut readings[canary.reading];
    let start = reading.start();
    let own = canary.backends.first().map(|one| one.service.as_str());
    let to = |service: &str| Destination {
        host: service.to_owned(),
        subset: None,
    };
    let stable = match main {
        Some((_, service)) => to(service),
        None => {
            let message = "the Ingress that it is a canary of is not among the files: nothing is known \
                           of stable";
            let name = reading.resource.name.clone().unwrap_or_default();
            (reading.findings).warn(&name, message, start.span.clone());
            to("the main Ingress")
        }
    };
    let own = to(own.unwrap_or("canary"));
    let branch = |to: &Destination, weight: f64, said: Option<&Said<f64>>| Branch {
        to: to.clone(),
        reading: canary.reading,
        weight: Said {
            value: weight,
            place: said.map_or_else(|| start.clone(), |said| said.place.clone()),
        },
        path: annotations::WEIGHT_PATH.to_owned(),
    };
    let route = |only: Option<Said<String>>, to: Vec<Branch>| Route {
        path: "metadata.annotations".to_owned(),
        place: only
            .as_ref()
            .map_or_else(|| start.clone(), |only| only.place.clone()),
        only,
        to,
        mirrors: Vec::new(),
        faults: Vec::new(),
        retries: None,
        timeout: None,
        sticky: None,
    };
    let settings = &canary.settings;
    let mut routes: Vec<Route> = (settings.matches.iter())
        .map(|only| route(Some(only.clone()), vec![branch(&own, 100.0, None)]))
        .collect();
    let total = settings.total;
    let weight = settings.weight.as_ref();
    let value = weight.map_or(0.0, |weight| weight.value.min(total));
    let weighs = value > 0.0 || settings.matches.is_empty();
    let mut branches = vec![branch(&stable, total - value, weight)];
    if weighs {
        branches.push(branch(&own, value, weight));
    }
    let main = main.map(|(main, _)| &main.settings);
    // The canary takes over what the main Ingress says, all but session affinity, which is the main
    // Ingress's own.
    routes.push(Route {
        retries: main.and_then(|main| main.retries.clone()),
        timeout: main.and_then(|main| main.timeout.clone()),
        sticky: main.and_then(|main| main.sticky.clone()).map(|mut sticky| {
            sticky.first = !settings.legacy && main.is_some_and(|main| !main.legacy);
            sticky
        }),
        ..route(None, branches)
    });
    Table {
        system: System::Nginx,
        reading: canary.reading,
        title: reading.resource.title(),
        name: reading.resource.name.clone().unwrap_or_default(),
        place: start,
        routes,
        canary: Some(own),
    }
}

/// The main Ingress with the service that the canary stands beside: of its host and path, or else of
/// its host.
fn main_of<'i>(canary: &Ingress, mains: &'i [Ingress]) -> Option<(&'i Ingress, &'i str)> {
    let mut closest = None;
    for main in mains
        .iter()
        .filter(|main| main.namespace == canary.namespace)
    {
        for (own, backend) in canary.backends.iter().flat_map(|own| {
            let others = main.backends.iter();
            others.map(move |backend| (own, backend))
        }) {
            if own.host == backend.host && own.path == backend.path {
                return Some((main, backend.service.as_str()));
            }
            if own.host == backend.host {
                closest = closest.or(Some((main, backend.service.as_str())));
            }
        }
    }
    closest
}
