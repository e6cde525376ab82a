//! Who reads which kind of resource.

use super::Manifest;
use super::documents::{self, Resource};
use super::kayenta;
use crate::base::Problems;

/// Who reads a resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reader {
    /// Splits of traffic: meshes and ingresses.
    Split,
    /// Flagger.
    Flagger,
    /// Argo Rollouts.
    Argo,
    /// Kayenta.
    Kayenta,
    /// Nobody here.
    Nobody,
}

/// A resource of some manifests and who reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Which of the manifests holds it.
    pub file: usize,
    /// What it calls itself: `Canary podinfo`.
    pub title: String,
    /// Its kind, or nothing.
    pub kind: String,
    /// Who reads it.
    pub reader: Reader,
}

/// The resources of all manifests in order, each with its reader.
///
/// # Errors
/// Every text that is not YAML.
pub fn sort(manifests: &[Manifest]) -> Result<Vec<Found>, Problems> {
    let resources = documents::resources(manifests)?;
    Ok(resources.iter().map(found).collect())
}

pub(super) fn found(resource: &Resource) -> Found {
    Found {
        file: resource.file,
        title: resource.title(),
        kind: resource.kind.clone(),
        reader: reader(resource),
    }
}

/// By kind; the version of the API is the reader's to check, and so is a group that is close.
fn reader(resource: &Resource) -> Reader {
    let group = resource.api_version.split('/').next().unwrap_or_default();
    match resource.kind.as_str() {
        "Canary" | "MetricTemplate" | "AlertProvider" => Reader::Flagger,
        "Rollout"
        | "AnalysisTemplate"
        | "ClusterAnalysisTemplate"
        | "AnalysisRun"
        | "Experiment" => Reader::Argo,
        "VirtualService" if group.ends_with("k8s.aws") => Reader::Nobody,
        "VirtualService" | "DestinationRule" | "HTTPRoute" | "GRPCRoute" | "TrafficSplit"
        | "HTTPRouteGroup" | "TraefikService" | "IngressRoute" | "Ingress" => Reader::Split,
        // A canary config has no kind.
        "" if kayenta::knows(&resource.node) => Reader::Kayenta,
        _ => Reader::Nobody,
    }
}
