//! The resources in some manifests: documents, members of lists, each with what it calls itself.

use super::Manifest;
use super::yaml::{Node, Value, documents};
use crate::base::Problems;

/// One resource.
#[derive(Debug, Clone)]
pub(super) struct Resource {
    /// Which of the manifests holds it.
    pub(super) file: usize,
    /// `apiVersion`, or nothing.
    pub(super) api_version: String,
    /// `kind`, or nothing.
    pub(super) kind: String,
    /// `metadata.name`, if it has one.
    pub(super) name: Option<String>,
    /// `metadata.namespace`, if it has one.
    pub(super) namespace: Option<String>,
    /// All of it.
    pub(super) node: Node,
}

/// The resources of all manifests in order.
///
/// # Errors
/// Every text that is not YAML.
pub(super) fn resources(manifests: &[Manifest]) -> Result<Vec<Resource>, Problems> {
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for (file, manifest) in manifests.iter().enumerate() {
        match documents(&manifest.text) {
            Ok(all) => {
                let members = all.into_iter().flat_map(members);
                found.extend(members.map(|node| Resource::new(file, node)));
            }
            Err(problem) => refused.push(manifest.refuse(vec![problem])),
        }
    }
    Problems::gather(refused).map_or(Ok(found), Err)
}

/// The resources of one text; none where it is not YAML.
pub(super) fn resources_of(file: usize, text: &str) -> Vec<Resource> {
    let all = documents(text).unwrap_or_default();
    let members = all.into_iter().flat_map(members);
    members.map(|node| Resource::new(file, node)).collect()
}

/// The documents of a `List`, or the document itself.
fn members(document: Node) -> Vec<Node> {
    let is_list = document
        .get("kind")
        .and_then(Node::text)
        .is_some_and(|kind| kind.ends_with("List"));
    match document.get("items") {
        Some(Node {
            value: Value::List(items),
            ..
        }) if is_list => items.clone(),
        _ => vec![document],
    }
}

impl Resource {
    fn new(file: usize, node: Node) -> Resource {
        let text = |node: Option<&Node>| node.and_then(Node::text).map(str::to_owned);
        let metadata = node.get("metadata");
        Resource {
            file,
            api_version: text(node.get("apiVersion")).unwrap_or_default(),
            kind: text(node.get("kind")).unwrap_or_default(),
            name: text(metadata.and_then(|metadata| metadata.get("name"))),
            namespace: text(metadata.and_then(|metadata| metadata.get("namespace"))),
            node,
        }
    }

    /// Whether it is of a kind in a group, whatever the version: `("flagger.app", "Canary")`.
    pub(super) fn is(&self, group: &str, kind: &str) -> bool {
        let own = self.api_version.split('/').next().unwrap_or_default();
        self.kind == kind && own == group
    }

    /// What it calls itself, for messages: `Canary podinfo`.
    pub(super) fn title(&self) -> String {
        if self.kind.is_empty() {
            return match self.node.value {
                Value::Map(_) => "a map without a kind".to_owned(),
                _ => self.node.kind().to_owned(),
            };
        }
        match &self.name {
            Some(name) => format!("{} {name}", self.kind),
            None => format!("{} without a name", self.kind),
        }
    }

    /// Where it says what kind it is.
    pub(super) fn kind_place(&self) -> Option<std::ops::Range<usize>> {
        self.node.get("kind").map(|kind| kind.span.clone())
    }
}

/// What there is among resources, for a message: `Service a, Deployment b and 3 more`.
pub(super) fn listed(resources: &[Resource]) -> String {
    let titles: Vec<String> = resources.iter().map(Resource::title).collect();
    let titles: Vec<&str> = titles.iter().map(String::as_str).collect();
    shortened(&titles)
}

/// The first of some names, and how many more there are.
pub(super) fn shortened(names: &[&str]) -> String {
    const SHOWN: usize = 8;
    let mut shown = names[..names.len().min(SHOWN)].join(", ");
    if names.len() > SHOWN {
        shown.push_str(&format!(", {} more", names.len() - SHOWN));
    }
    shown
}
