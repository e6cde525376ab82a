//! The account of a manifest: what became of every field in it.

use std::collections::BTreeMap;
use std::ops::Range;

use super::Manifest;
use super::documents::{Resource, resources_of};
use super::findings::{Fate, Findings};
use super::kinds::{self, Found};
use super::yaml::{Entry, Node, Value};
use crate::base::Problem;

/// What became of the fields of one resource, by their paths.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fates {
    /// Which of the manifests holds it, by its number.
    pub file: usize,
    /// What it calls itself: `Canary podinfo`.
    pub title: String,
    /// Every field in the order written, or one without a path where the whole shares one fate.
    pub fields: Vec<(String, Fate)>,
}

impl Fates {
    /// Those of a resource.
    pub(super) fn of(resource: &Resource, fields: Vec<(String, Fate)>) -> Fates {
        Fates {
            file: resource.file,
            title: resource.title(),
            fields,
        }
    }

    /// Those of a resource of a kind that is not read.
    pub(super) fn of_another(resource: &Resource) -> Fates {
        let why = "resources of this kind decide nothing here".to_owned();
        Fates::of(resource, vec![(String::new(), Fate::Ignored(why))])
    }
}

/// What a kind of resource is known to hold.
#[derive(Debug)]
pub(super) struct Grammar {
    /// Who reads it in production, with the version replayed: `Flagger 1.44.0`.
    pub(super) reader: &'static str,
    /// Fields whose reading leaves no trace elsewhere, and why they decide nothing here. A path
    /// stands for everything below it.
    pub(super) ignored: &'static [(&'static str, &'static str)],
    /// Fields in which a slip of the pen changes the rollout: those that there are below a path.
    pub(super) known: &'static [(&'static str, &'static [&'static str])],
    /// Old names of fields and their new ones.
    pub(super) renamed: &'static [(&'static str, &'static str)],
}

/// What became of one resource.
#[derive(Debug, Clone, PartialEq)]
pub struct Account {
    /// Which of the manifests holds it.
    pub file: usize,
    /// What it calls itself: `VirtualService reviews`.
    pub title: String,
    /// Why none of it is read, if so; then there are no fields.
    pub unread: Option<String>,
    /// Its fields in the order in which they are written.
    pub fields: Vec<Accounted>,
}

/// What became of one field.
#[derive(Debug, Clone, PartialEq)]
pub struct Accounted {
    /// From the root of the document: `spec.http[0].timeout`.
    pub path: String,
    /// Its bytes in the text, where they are known.
    pub span: Option<Range<usize>>,
    /// What became of it.
    pub fate: Fate,
}

impl Account {
    /// Of a resource that nobody here reads.
    pub(super) fn unread(found: &Found) -> Account {
        Account {
            file: found.file,
            title: found.title.clone(),
            unread: Some("this kind says nothing about traffic, faults or gates".to_owned()),
            fields: Vec::new(),
        }
    }

    /// Of a resource of these manifests, of which these fields were read.
    pub fn located(manifests: &[Manifest], found: &Found, fates: Vec<(String, Fate)>) -> Account {
        let text = manifests
            .get(found.file)
            .map(|manifest| manifest.text.as_str());
        let resources = text
            .map(|text| resources_of(found.file, text))
            .unwrap_or_default();
        let own = resources.iter().find(|one| kinds::found(one) == *found);
        let fields = fates.into_iter().map(|(path, fate)| Accounted {
            span: own.and_then(|own| place_of(&own.node, &path)),
            path,
            fate,
        });
        let fields: Vec<Accounted> = fields.collect();
        let unread = fields
            .is_empty()
            .then(|| "nothing that is read names it".to_owned());
        Account {
            file: found.file,
            title: found.title.clone(),
            unread,
            fields,
        }
    }
}

/// What became of a resource; may add warnings to the findings.
pub(super) fn of(
    found: &Found,
    node: &Node,
    findings: &mut Findings,
    grammar: &'static Grammar,
) -> Account {
    Account {
        file: found.file,
        title: found.title.clone(),
        unread: None,
        fields: walk(findings, node, grammar),
    }
}

/// The bytes of a field: its key's, or an item's.
fn place_of(node: &Node, path: &str) -> Option<Range<usize>> {
    let (mut node, mut place) = (node, None);
    for step in steps(path) {
        match (step, &node.value) {
            (Step::Item(index), Value::List(nodes)) => {
                node = nodes.get(index)?;
                place = (!node.span.is_empty()).then(|| node.span.clone()).or(place);
            }
            (Step::Key(key), Value::Map(entries)) => {
                let entry = entries.iter().find(|entry| entry.key == key)?;
                (node, place) = (&entry.value, Some(entry.key_span.clone()));
            }
            _ => return place,
        }
    }
    place
}

enum Step<'p> {
    Key(&'p str),
    Item(usize),
}

fn steps(path: &str) -> impl Iterator<Item = Step<'_>> {
    path.split(['.', '[']).map(|part| {
        let item = part
            .strip_suffix(']')
            .and_then(|number| number.parse().ok());
        item.map_or(Step::Key(part), Step::Item)
    })
}

/// What became of each field, in the order in which they are written. Warns of fields that the
/// reader does not know and that look like a slip of the pen.
pub(super) fn draw_up(
    findings: &mut Findings,
    document: &Node,
    grammar: &'static Grammar,
) -> Vec<(String, Fate)> {
    let fields = walk(findings, document, grammar).into_iter();
    fields.map(|field| (field.path, field.fate)).collect()
}

/// The same with places.
fn walk(findings: &mut Findings, document: &Node, grammar: &'static Grammar) -> Vec<Accounted> {
    let mut walk = Walk {
        grammar,
        fates: std::mem::take(&mut findings.fates),
        account: Vec::new(),
        slips: Vec::new(),
    };
    walk.visit("", document);
    findings.problems.extend(walk.slips);
    walk.account
}

struct Walk {
    grammar: &'static Grammar,
    fates: BTreeMap<String, Fate>,
    account: Vec<Accounted>,
    slips: Vec<Problem>,
}

impl Walk {
    fn visit(&mut self, path: &str, node: &Node) {
        match &node.value {
            Value::Map(entries) => {
                for entry in entries {
                    let below = match path {
                        "" => entry.key.clone(),
                        _ => format!("{path}.{}", entry.key),
                    };
                    self.field(path, &below, &entry.value, Some(entry));
                }
            }
            Value::List(nodes) => {
                for (index, node) in nodes.iter().enumerate() {
                    self.field(path, &format!("{path}[{index}]"), node, None);
                }
            }
            _ => {}
        }
    }

    fn field(&mut self, above: &str, path: &str, node: &Node, entry: Option<&Entry>) {
        let span = entry.map_or(&node.span, |entry| &entry.key_span).clone();
        let accounted = |fate: Fate| Accounted {
            path: path.to_owned(),
            span: (!span.is_empty()).then(|| span.clone()),
            fate,
        };
        if let Some(fate) = self.fates.get(path) {
            self.account.push(accounted(fate.clone()));
            // Parts of a used field may have a fate of their own.
            if *fate == Fate::Used && self.has_below(path) {
                self.visit(path, node);
            }
            return;
        }
        if self.has_below(path) {
            self.visit(path, node);
            return;
        }
        let pattern = without_indices(path);
        let known =
            (self.grammar.ignored.iter()).find(|(ignored, _)| is_at_or_below(&pattern, ignored));
        let why = match (known, entry) {
            (Some((_, why)), _) => (*why).to_owned(),
            (None, Some(_)) if node.value == Value::Null => "it is empty".to_owned(),
            (None, Some(entry)) => {
                self.suspect_slip(&without_indices(above), path, entry);
                format!("{} knows no such field", self.grammar.reader)
            }
            (None, None) => "it says nothing".to_owned(),
        };
        self.account.push(accounted(Fate::Ignored(why)));
    }

    /// Whether any field below a path has a fate.
    fn has_below(&self, path: &str) -> bool {
        let mut after = self.fates.range(path.to_owned()..);
        after.any(|(other, _)| other != path && is_at_or_below(other, path))
    }

    fn suspect_slip(&mut self, above: &str, path: &str, entry: &Entry) {
        let renamed = self.grammar.renamed.iter();
        let above = renamed.fold(above.to_owned(), |above, (old, new)| {
            above.replace(old, new)
        });
        let known = self.grammar.known.iter();
        let Some((_, names)) = known.into_iter().find(|(parent, _)| *parent == above) else {
            return;
        };
        if names.contains(&entry.key.as_str()) {
            return;
        }
        let distance = |name: &str| strsim::osa_distance(name, &entry.key);
        let nearest = names.iter().min_by_key(|name| distance(name));
        let mut slip = Problem::warning(
            format!(
                "{path}: {} knows no such field and drops it",
                self.grammar.reader
            ),
            Some(entry.key_span.clone()),
        );
        if let Some(name) = nearest.filter(|name| distance(name) <= 2) {
            slip = slip.help(format!("did you mean {name}?"));
        }
        self.slips.push(slip);
    }
}

fn is_at_or_below(path: &str, above: &str) -> bool {
    let rest = path.strip_prefix(above);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
}

/// `a[3].b` as `a[].b`.
fn without_indices(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    let mut inside = false;
    for c in path.chars() {
        inside = inside && c != ']';
        if !inside {
            pattern.push(c);
        }
        inside = inside || c == '[';
    }
    pattern
}
