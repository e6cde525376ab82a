//! Istio: VirtualService and DestinationRule.
//!
//! Rules are those of the API `networking.istio.io/v1` as Istio 1.27 reads it: weights are shares of
//! their sum, faults without a percentage reach nobody, and Envoy tries requests again that never
//! reached a server, whether or not the file says so.

mod destination_rule;
mod faults;
mod grammar;
mod policies;
mod virtual_service;

#[cfg(test)]
mod tests;

pub(super) use destination_rule::read as destination_rule;
pub(super) use grammar::{DESTINATION_RULE, VIRTUAL_SERVICE};
pub(super) use virtual_service::read as virtual_service;

/// The versions of the API, which are one.
const VERSIONS: [&str; 3] = [
    "networking.istio.io/v1",
    "networking.istio.io/v1beta1",
    "networking.istio.io/v1alpha3",
];
