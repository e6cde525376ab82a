//! Metrics as text: what a version's counters look like to whoever scrapes them.

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
