//! Flagger's providers: their names, what their routers can do, whose queries they use, and the
//! histograms that those read.

use crate::gate::flagger::Provider;
use crate::rollout::flagger::Router;
use crate::telemetry::exposition::Vendor;
use crate::telemetry::{Buckets, Unit};

/// A provider by its name in a Canary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(in crate::manifest) struct Known {
    pub(in crate::manifest) name: &'static str,
    pub(in crate::manifest) queries: Provider,
    pub(in crate::manifest) router: Router,
}

const fn known(name: &'static str, queries: Provider, router: Router) -> Known {
    Known {
        name,
        queries,
        router,
    }
}

/// The names that the schema of Flagger 1.44.0 admits. Those of SMI use Istio's queries
/// (`pkg/metrics/observers/*.go`); routers as in `pkg/router/factory.go`.
pub(in crate::manifest) const ALL: [Known; 19] = [
    known("apisix", Provider::Apisix, Router::WeightsOnly),
    known("appmesh", Provider::AppMesh, Router::WeightsOnly),
    known("appmesh:v1beta2", Provider::AppMesh, Router::WeightsOnly),
    known("contour", Provider::Contour, Router::WeightsOnly),
    known("gatewayapi:v1", Provider::GatewayApi, Router::GatewayApi),
    known(
        "gatewayapi:v1beta1",
        Provider::GatewayApi,
        Router::GatewayApi,
    ),
    known("gloo", Provider::Gloo, Router::WeightsOnly),
    known("istio", Provider::Istio, Router::Istio),
    known("knative", Provider::Knative, Router::WeightsOnly),
    known("kubernetes", Provider::Kubernetes, Router::Kubernetes),
    known("kuma", Provider::Kuma, Router::WeightsOnly),
    known("linkerd", Provider::Linkerd, Router::WeightsOnly),
    known("nginx", Provider::Nginx, Router::WeightsOnly),
    known("osm", Provider::Osm, Router::WeightsOnly),
    known("skipper", Provider::Skipper, Router::WeightsOnly),
    known("smi:v1alpha1", Provider::Istio, Router::WeightsOnly),
    known("smi:v1alpha2", Provider::Istio, Router::WeightsOnly),
    known("smi:v1alpha3", Provider::Istio, Router::WeightsOnly),
    known("traefik", Provider::Traefik, Router::WeightsOnly),
];

/// The controller's default.
pub(in crate::manifest) const DEFAULT: Known = known("istio", Provider::Istio, Router::Istio);

/// The provider of that name.
pub(in crate::manifest) fn find(name: &str) -> Option<Known> {
    ALL.into_iter().find(|known| known.name == name)
}

/// The queries used for a target of kind Service: its provider's name gets a suffix, so that only
/// the names matched by their beginning are still recognised; the others fall through to Istio's.
///
/// Flagger 1.44.0, `pkg/metrics/observers/*.go` (derived).
pub(super) fn queries_for_service(provider: Known) -> Provider {
    match provider.queries {
        Provider::AppMesh | Provider::Gloo | Provider::GatewayApi => provider.queries,
        _ => Provider::Istio,
    }
}

/// The default histogram of what a provider's `request-duration` query reads.
pub(super) fn buckets(queries: Provider) -> Buckets {
    match queries {
        Provider::Linkerd => Buckets::linkerd(),
        Provider::Traefik => Buckets::traefik(),
        Provider::Nginx | Provider::Kubernetes | Provider::GatewayApi | Provider::Skipper => {
            Buckets::nginx()
        }
        Provider::Apisix => apisix(),
        Provider::Istio
        | Provider::AppMesh
        | Provider::Contour
        | Provider::Gloo
        | Provider::Kuma
        | Provider::Knative
        | Provider::Osm => Buckets::istio(),
    }
}

/// Whose names the metrics have that a provider's queries read; Istio's where it is nobody's here.
pub(super) fn vendor(queries: Provider) -> Vendor {
    match queries {
        Provider::Linkerd => Vendor::Linkerd,
        Provider::Traefik => Vendor::Traefik,
        Provider::Nginx => Vendor::Nginx,
        _ => Vendor::Istio,
    }
}

/// The defaults of APISIX's Prometheus plugin, in milliseconds.
fn apisix() -> Buckets {
    let bounds = vec![
        1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1e3, 2e3, 5e3, 1e4, 3e4, 6e4,
    ];
    // The bounds above increase, which is all that is asked of them.
    Buckets::new(bounds, Unit::Milliseconds).unwrap_or_else(|_| Buckets::istio())
}
