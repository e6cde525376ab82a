//! Traefik: TraefikService and IngressRoute.
//!
//! Rules are those of Traefik 3.5: weights are shares of their sum and 1 where they are not said,
//! requests go in turn, and a cookie on a weighted service keeps a user with one of its services.

mod grammar;
mod ingress_route;
mod service;

#[cfg(test)]
mod tests;

use super::split::{Reading, Table};

pub(super) use grammar::{INGRESS_ROUTE, TRAEFIK_SERVICE};

const VERSIONS: [&str; 2] = ["traefik.io/v1alpha1", "traefik.containo.us/v1alpha1"];

/// The tables of all Traefik resources: those of IngressRoutes with the TraefikServices that they
/// lead to in their place, and those of TraefikServices to which nobody leads.
pub(super) fn tables(readings: &mut [Reading<'_>]) -> Vec<Table> {
    let services = service::read_all(readings);
    let mut tables = Vec::new();
    let mut led_to = services.inner();
    for index in 0..readings.len() {
        if readings[index].resource.kind == "IngressRoute" {
            tables.extend(ingress_route::read(index, readings, &services, &mut led_to));
        }
    }
    for (name, service) in services.all() {
        if !led_to.contains(name) {
            tables.extend(service::table(service, readings, &services));
        }
    }
    tables
}
