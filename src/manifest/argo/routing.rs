//! `trafficRouting`: who leads requests to the canary, and what it can do.

use super::super::findings::{Field, Fields, Findings};
use super::quantities;
use crate::telemetry::exposition::Vendor;

/// A router by its name in `trafficRouting`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) name: &'static str,
    /// Whose metrics it shows, if they are known here.
    pub(super) vendor: Option<Vendor>,
    /// Whether it needs a service for each version.
    services: bool,
    /// Whether a step can send the requests that match to the canary.
    headers: bool,
    /// Whether a step can copy requests.
    mirrors: bool,
    /// Whether templates of an experiment can have weights.
    experiments: bool,
    /// Whether everything can be another weight than 100.
    most: bool,
}

const PLAIN: Known = Known {
    name: "",
    vendor: None,
    services: true,
    headers: false,
    mirrors: false,
    experiments: false,
    most: false,
};

/// What `pkg/apis/rollouts/validation/validation.go` accepts of each.
const ALL: [Known; 9] = [
    Known {
        name: "istio",
        vendor: Some(Vendor::Istio),
        headers: true,
        mirrors: true,
        experiments: true,
        ..PLAIN
    },
    Known {
        name: "smi",
        vendor: Some(Vendor::Linkerd),
        experiments: true,
        ..PLAIN
    },
    Known {
        name: "nginx",
        vendor: Some(Vendor::Nginx),
        most: true,
        ..PLAIN
    },
    Known {
        name: "alb",
        headers: true,
        experiments: true,
        ..PLAIN
    },
    Known {
        name: "traefik",
        vendor: Some(Vendor::Traefik),
        ..PLAIN
    },
    Known {
        name: "ambassador",
        ..PLAIN
    },
    Known {
        name: "appMesh",
        services: false,
        ..PLAIN
    },
    Known {
        name: "apisix",
        headers: true,
        ..PLAIN
    },
    Known {
        name: "plugins",
        services: false,
        headers: true,
        mirrors: true,
        experiments: true,
        most: true,
        ..PLAIN
    },
];

/// What a Rollout's routers are able to do together.
pub(super) struct Routing {
    pub(super) routers: Vec<Known>,
    /// `maxTrafficWeight`.
    pub(super) most: u32,
    /// Names of `managedRoutes`.
    pub(super) managed: Vec<String>,
    /// Whether versions are told apart by subsets of one service.
    pub(super) subsets: bool,
}

impl Routing {
    pub(super) fn names(&self) -> String {
        let names: Vec<&str> = self.routers.iter().map(|router| router.name).collect();
        names.join(" and ")
    }

    /// Whether any of them can send matching requests to the canary.
    pub(super) fn sends_by_header(&self) -> bool {
        self.routers.iter().any(|router| router.headers)
    }

    pub(super) fn mirrors(&self) -> bool {
        self.routers.iter().any(|router| router.mirrors)
    }

    pub(super) fn weighs_experiments(&self) -> bool {
        self.routers.iter().any(|router| router.experiments)
    }

    /// Whose metrics it shows.
    pub(super) fn vendor(&self) -> Option<Vendor> {
        self.routers.iter().find_map(|router| router.vendor)
    }
}

/// Reads `trafficRouting`; `None` when there is none, or nothing in it routes.
pub(super) fn read(findings: &mut Findings, canary: &Fields<'_>) -> Option<Routing> {
    let field = canary.get("trafficRouting")?;
    let routing = findings.map(&field)?;
    let mut routers = Vec::new();
    for known in ALL {
        if routing.has(known.name) {
            findings.mark_used(&routing.path_of(known.name));
            routers.push(known);
        }
    }
    if routers.is_empty() {
        let names: Vec<&str> = ALL.iter().map(|known| known.name).collect();
        let message = "names no router: the weights are those of pods";
        findings.warn(&field.path, message, field.key_span.clone());
        if let Some(problem) = findings.problems.last_mut() {
            problem.help = Some(format!("Argo Rollouts knows {}", names.join(", ")));
        }
        return None;
    }
    let most = routing.get("maxTrafficWeight");
    let most = most.and_then(|field| most_weight(findings, &field, &routers));
    let subsets = has_subsets(&routing);
    check_services(findings, canary, &field, &routers, subsets);
    Some(Routing {
        most: most.unwrap_or(100),
        managed: managed(findings, &routing),
        routers,
        subsets,
    })
}

fn most_weight(findings: &mut Findings, field: &Field<'_>, routers: &[Known]) -> Option<u32> {
    let most = quantities::small(findings, field, 1_000_000)?;
    if most == 0 {
        findings.refuse(
            field,
            "0 leaves no weight to set",
            "write 100, or leave it out",
        );
        return None;
    }
    if !routers.iter().any(|router| router.most) {
        let message = "Argo Rollouts accepts it with nginx and plugins only";
        findings.refuse(field, message, "leave it out: everything is 100");
        return None;
    }
    Some(most)
}

/// Whether Istio tells the versions apart by the subsets of a DestinationRule.
fn has_subsets(routing: &Fields<'_>) -> bool {
    let istio = routing.get("istio");
    istio.is_some_and(|istio| istio.node.get("destinationRule").is_some())
}

fn check_services(
    findings: &mut Findings,
    canary: &Fields<'_>,
    field: &Field<'_>,
    routers: &[Known],
    subsets: bool,
) {
    let needed = routers.iter().find(|router| router.services);
    let Some(router) = needed.filter(|_| !subsets && !canary.has("pingPong")) else {
        return;
    };
    for key in ["canaryService", "stableService"] {
        if !canary.has(key) {
            let message = format!("is missing: Argo Rollouts wants it for {}", router.name);
            findings.warn(&canary.path_of(key), &message, field.key_span.clone());
        }
    }
}

/// The names of `managedRoutes`.
fn managed(findings: &mut Findings, routing: &Fields<'_>) -> Vec<String> {
    let Some(field) = routing.get("managedRoutes") else {
        return Vec::new();
    };
    let mut names = Vec::new();
    for route in findings.list(&field) {
        let Some(route) = findings.map(&route) else {
            continue;
        };
        if let Some((name, _)) = findings.text(&route, "name") {
            names.push(name.to_owned());
        }
    }
    names
}
