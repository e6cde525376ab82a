//! Metrics as text: what a version's counters look like to whoever scrapes them.

use std::str::FromStr;

use crate::base::ParseUnitError;

/// Whose names and labels metrics have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Vendor {
    /// `istio_requests_total` and `istio_request_duration_milliseconds`.
    #[default]
    Istio,
    /// `response_total` and `response_latency_ms`.
    Linkerd,
    /// ingress-nginx: `nginx_ingress_controller_requests`.
    Nginx,
    /// `traefik_service_requests_total`.
    Traefik,
}

impl Vendor {
    /// Every vendor by its name.
    pub const NAMES: [(&'static str, Vendor); 4] = [
        ("istio", Vendor::Istio),
        ("linkerd", Vendor::Linkerd),
        ("nginx", Vendor::Nginx),
        ("traefik", Vendor::Traefik),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Vendor::NAMES[self as usize].0
    }
}

impl FromStr for Vendor {
    type Err = ParseUnitError;

    fn from_str(text: &str) -> Result<Vendor, ParseUnitError> {
        let found = (Vendor::NAMES.iter()).find(|(name, _)| *name == text.trim());
        found.map(|(_, vendor)| *vendor).ok_or(ParseUnitError {
            text: text.to_owned(),
            what: "a vendor of metrics",
            valid: "write istio, linkerd, nginx or traefik",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vendors_are_called_by_their_names() {
        for (name, vendor) in Vendor::NAMES {
            assert_eq!(vendor.name(), name);
            assert_eq!(name.parse(), Ok(vendor));
        }
        let error = "isto".parse::<Vendor>().unwrap_err().to_string();
        assert!(
            error.ends_with("write istio, linkerd, nginx or traefik"),
            "{error}"
        );
    }
}
