//! Names and labels of four vendors, such that their dashboards and Flagger's builtin queries find
//! our series.

use std::str::FromStr;

use super::super::{Buckets, Reporter, Unit, Version};
use super::Service;
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

/// Which part of a run shows metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// An instance of a version: what it answered.
    Instance(Version),
    /// The splitter: what became of each request, after retries.
    Splitter,
    /// The load generator: what the business counts.
    Load,
}

impl Part {
    /// The value of the label `part`, by which a Prometheus tells them apart.
    pub fn name(self) -> &'static str {
        match self {
            Part::Instance(_) => "instance",
            Part::Splitter => "splitter",
            Part::Load => "load",
        }
    }

    /// Whether it shows the requests of a version as this reporter counts them.
    pub fn shows(self, version: Version, reporter: Reporter) -> bool {
        match reporter {
            Reporter::Server => self == Part::Instance(version),
            Reporter::Client => self == Part::Splitter,
        }
    }

    /// The name of the parts whose requests a gate reads.
    pub fn of(reporter: Reporter) -> &'static str {
        match reporter {
            Reporter::Server => "instance",
            Reporter::Client => "splitter",
        }
    }
}

/// What a series is about.
#[derive(Debug, Clone, Copy)]
pub(super) struct Subject<'s> {
    pub(super) service: &'s Service,
    /// Name of the instance.
    pub(super) pod: &'s str,
    pub(super) reporter: Reporter,
    pub(super) version: Version,
    pub(super) code: u16,
}

impl Vendor {
    /// The counter of requests.
    pub fn requests(self) -> &'static str {
        match self {
            Vendor::Istio => "istio_requests_total",
            Vendor::Linkerd => "response_total",
            Vendor::Nginx => "nginx_ingress_controller_requests",
            Vendor::Traefik => "traefik_service_requests_total",
        }
    }

    /// The latency histograms. The first is read; all of them are shown, because dashboards read
    /// the others.
    pub fn histograms(self) -> &'static [&'static str] {
        match self {
            Vendor::Istio => &["istio_request_duration_milliseconds"],
            Vendor::Linkerd => &["response_latency_ms"],
            // From the first byte sent to the service to the last byte from it, and from the first
            // byte of the request to the last of the answer: the same here.
            Vendor::Nginx => &[
                "nginx_ingress_controller_response_duration_seconds",
                "nginx_ingress_controller_request_duration_seconds",
            ],
            Vendor::Traefik => &["traefik_service_request_duration_seconds"],
        }
    }

    /// Unit of the latency histogram.
    pub fn unit(self) -> Unit {
        match self {
            Vendor::Istio | Vendor::Linkerd => Unit::Milliseconds,
            Vendor::Nginx | Vendor::Traefik => Unit::Seconds,
        }
    }

    /// The bounds that its latency histogram has by default.
    pub fn buckets(self) -> Buckets {
        match self {
            Vendor::Istio => Buckets::istio(),
            Vendor::Linkerd => Buckets::linkerd(),
            Vendor::Nginx => Buckets::nginx(),
            Vendor::Traefik => Buckets::traefik(),
        }
    }

    /// The label with the HTTP status.
    pub fn code_label(self) -> &'static str {
        match self {
            Vendor::Istio => "response_code",
            Vendor::Linkerd => "status_code",
            Vendor::Nginx => "status",
            Vendor::Traefik => "code",
        }
    }

    /// The label with the version: `stable`, `canary` or `baseline`. Only Istio has one of its own.
    pub fn version_label(self) -> &'static str {
        match self {
            Vendor::Istio => "destination_version",
            Vendor::Linkerd | Vendor::Nginx | Vendor::Traefik => "version",
        }
    }

    /// All labels of a series but those of route and bucket.
    pub(super) fn labels(self, of: &Subject<'_>) -> Vec<(&'static str, String)> {
        let mut labels = match self {
            Vendor::Istio => istio(of),
            Vendor::Linkerd => linkerd(of),
            Vendor::Nginx => nginx(of),
            Vendor::Traefik => traefik(of),
        };
        if let Some(hash) = of.service.pod_hash(of.version) {
            labels.push(("rollouts_pod_template_hash", hash.to_owned()));
        }
        labels.push((self.code_label(), of.code.to_string()));
        labels.push((self.version_label(), of.version.name().to_owned()));
        labels
    }
}

/// Istio's standard metrics, telemetry v2.
fn istio(of: &Subject<'_>) -> Vec<(&'static str, String)> {
    let (namespace, app) = (of.service.namespace.as_str(), of.service.app.as_str());
    let name = of.service.host(of.version);
    let host = format!("{name}.{namespace}.svc.cluster.local");
    let (reporter, policy) = match of.reporter {
        Reporter::Server => ("destination", "mutual_tls"),
        // The sender does not know.
        Reporter::Client => ("source", "unknown"),
    };
    let version = of.version.name().to_owned();
    vec![
        ("reporter", reporter.to_owned()),
        ("source_workload", "istio-ingressgateway".to_owned()),
        ("source_workload_namespace", "istio-system".to_owned()),
        ("destination_workload", of.service.workload(of.version)),
        ("destination_workload_namespace", namespace.to_owned()),
        ("destination_app", app.to_owned()),
        ("destination_canonical_service", app.to_owned()),
        ("destination_canonical_revision", version),
        ("destination_service", host),
        ("destination_service_name", name),
        ("destination_service_namespace", namespace.to_owned()),
        ("request_protocol", "http".to_owned()),
        ("response_flags", "-".to_owned()),
        ("connection_security_policy", policy.to_owned()),
        ("pod", of.pod.to_owned()),
    ]
}

/// Linkerd's proxy metrics.
fn linkerd(of: &Subject<'_>) -> Vec<(&'static str, String)> {
    let namespace = of.service.namespace.as_str();
    let host = of.service.host(of.version);
    let authority = format!("{host}.{namespace}.svc.cluster.local");
    let classification = if of.code >= 500 { "failure" } else { "success" };
    let mut labels = vec![
        ("authority", authority),
        ("classification", classification.to_owned()),
        ("tls", "true".to_owned()),
        ("pod", of.pod.to_owned()),
    ];
    let own = of.service.workload(of.version);
    labels.extend(match of.reporter {
        Reporter::Server => vec![
            ("direction", "inbound".to_owned()),
            ("namespace", namespace.to_owned()),
            ("deployment", own),
        ],
        Reporter::Client => vec![
            ("direction", "outbound".to_owned()),
            ("namespace", "linkerd-ingress".to_owned()),
            ("deployment", "ingress".to_owned()),
            ("dst_namespace", namespace.to_owned()),
            ("dst_deployment", own),
            ("dst_service", of.service.front(of.version)),
        ],
    });
    labels
}

/// The controller's metrics. A canary is an alternative backend of stable's ingress: both have its
/// name, and `canary` names the backend.
fn nginx(of: &Subject<'_>) -> Vec<(&'static str, String)> {
    let (namespace, app) = (of.service.namespace.as_str(), of.service.app.as_str());
    let canary = match of.version {
        Version::Canary => format!("{namespace}-{}-80", of.service.front(Version::Canary)),
        Version::Stable | Version::Baseline => String::new(),
    };
    vec![
        ("controller_class", "k8s.io/ingress-nginx".to_owned()),
        ("controller_namespace", "ingress-nginx".to_owned()),
        ("controller_pod", of.pod.to_owned()),
        ("host", format!("{app}.example.com")),
        ("ingress", of.service.ingress.clone()),
        ("namespace", namespace.to_owned()),
        ("service", of.service.front(of.version)),
        ("canary", canary),
        ("method", "GET".to_owned()),
        ("path", "/".to_owned()),
    ]
}

/// Metrics of Traefik's services, which its Kubernetes provider names.
fn traefik(of: &Subject<'_>) -> Vec<(&'static str, String)> {
    let (namespace, service) = (&of.service.namespace, of.service.front(of.version));
    vec![
        ("service", format!("{namespace}-{service}-80@kubernetescrd")),
        ("method", "GET".to_owned()),
        ("protocol", "http".to_owned()),
        ("pod", of.pod.to_owned()),
    ]
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
