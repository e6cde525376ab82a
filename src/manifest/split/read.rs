//! All resources about splits in some manifests, as one split.

use std::collections::BTreeSet;

use super::super::account::{self, Account, Grammar};
use super::super::documents::{self, Resource};
use super::super::kinds::{self, Reader};
use super::super::yaml::{Node, Value};
use super::super::{Manifest, Remark, gateway, istio, nginx, smi, traefik};
use super::settle::{Context, Shape, settle, shape};
use super::which::Known;
use super::{Facts, Import, Reading, Table};
use crate::base::{Problem, Problems, Severity};

/// What the user says that the files do not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Which destination is the canary.
    pub canary: Option<String>,
    /// Which resource splits, when several do.
    pub split: Option<String>,
}

/// What was read.
#[derive(Debug, Clone, PartialEq)]
pub struct Outcome {
    /// The split; `None` where no resource is about one.
    pub import: Option<Import>,
    /// What is understood differently from what may be meant.
    pub warnings: Vec<Remark>,
    /// What became of every resource that is not a controller's, in order.
    pub accounts: Vec<Account>,
}

/// Reads the one split that some manifests describe; resources of controllers say who sets its
/// weights, and are not read otherwise.
///
/// # Errors
/// All at once: text that is not YAML, versions and fields that the API server refuses, several
/// splits of which none is asked for, none at all, and a canary that cannot be told.
pub fn read(manifests: &[Manifest], wishes: &Wishes) -> Result<Outcome, Problems> {
    let resources = documents::resources(manifests)?;
    let mut readings: Vec<Reading<'_>> = resources.iter().map(Reading::new).collect();
    let mut facts = Facts::default();
    let mut tables = Vec::new();
    for (index, reading) in readings.iter_mut().enumerate() {
        if kinds::found(reading.resource).reader == Reader::Split {
            tables.extend(read_one(index, reading, &mut facts));
        }
    }
    tables.extend(nginx::tables(&mut readings));
    tables.extend(traefik::tables(&mut readings));
    check_destinations(&tables, &mut readings, &facts);
    let known = known(&resources);
    let controller = controller(&resources);
    let context = Context {
        facts: &facts,
        known: &known,
        canary: wishes.canary.as_deref(),
        controller: controller.as_deref(),
    };
    let sound = readings
        .iter()
        .all(|reading| reading.findings.errors() == 0);
    let import = match choose(&tables, wishes, &context, &mut readings) {
        // What is wrong inside comes first: it may be why nothing is found.
        Err(problem) if sound => return Err(about(manifests, &tables, problem)),
        Err(_) | Ok(None) => None,
        Ok(Some(table)) => settle(table, &mut readings, &context),
    };
    finish(manifests, readings, import)
}

/// What one resource says, if it routes.
fn read_one(index: usize, reading: &mut Reading<'_>, facts: &mut Facts) -> Option<Table> {
    match reading.resource.kind.as_str() {
        "VirtualService" => istio::virtual_service(index, reading),
        "DestinationRule" => {
            istio::destination_rule(reading, facts);
            None
        }
        "HTTPRoute" | "GRPCRoute" => gateway::route(index, reading),
        "TrafficSplit" => smi::traffic_split(index, reading),
        "HTTPRouteGroup" => {
            let why = "it names routes, and the scenario's traffic is that of the split's";
            reading.findings.mark_ignored("spec", why);
            None
        }
        _ => None,
    }
}

/// The table that is simulated; `None` where there are none.
fn choose<'t>(
    tables: &'t [Table],
    wishes: &Wishes,
    context: &Context<'_>,
    readings: &mut [Reading<'_>],
) -> Result<Option<&'t Table>, Problem> {
    let shaped = |table: &'t Table| shape(table).map(|(shape, _)| (shape, table));
    let mut found: Vec<(Shape, &Table)> = tables.iter().filter_map(shaped).collect();
    if let Some(wish) = &wishes.split {
        let asked = |table: &Table| table.name == *wish || table.title == *wish;
        if !found.iter().any(|(_, table)| asked(table)) {
            let message = format!("no resource about a split is called `{wish}`");
            let names: Vec<&str> = found
                .iter()
                .map(|(_, table)| table.title.as_str())
                .collect();
            return Err(
                Problem::error(message, None).help(format!("there are {}", names.join(", ")))
            );
        }
        found.retain(|(_, table)| asked(table));
    }
    if let Some(named) = named_by_controller(&found, context.known) {
        found = named;
    }
    let most = found.iter().map(|(shape, _)| *shape).max();
    let says = |(shape, table): &(Shape, &Table)| {
        *shape != Shape::Plain
            || context.controller.is_some()
            || table.routes.iter().any(|route| !route.faults.is_empty())
    };
    let splitting = |one: &&(Shape, &'t Table)| match most {
        Some(Shape::Plain) | None => says(one),
        Some(_) => one.0 != Shape::Plain,
    };
    let chosen: Vec<&'t Table> = found
        .iter()
        .filter(splitting)
        .map(|(_, table)| *table)
        .collect();
    let chosen = match chosen.as_slice() {
        [one] => *one,
        [] => match found.first() {
            None => return Ok(None),
            Some((_, table)) => return Err(nothing_split(table)),
        },
        [first, ..] if context.controller.is_some() && most == Some(Shape::Plain) => *first,
        several => {
            let names: Vec<&str> = several.iter().map(|table| table.title.as_str()).collect();
            let message = format!("{} splits: `{}`", names.len(), documents::shortened(&names));
            let place = several[1].place.clone();
            let problem = Problem::error(message, Some(place.span));
            return Err(problem.help("say which: --split NAME"));
        }
    };
    for table in tables
        .iter()
        .filter(|table| table.title != chosen.title || table.place != chosen.place)
    {
        let why = format!("{} is simulated, and this is another route", chosen.title);
        readings[table.reading].findings.mark_ignored("spec", &why);
    }
    Ok(Some(chosen))
}

/// Those of the tables that send requests to the canary that a controller's manifest names.
fn named_by_controller<'t>(
    found: &[(Shape, &'t Table)],
    known: &Known,
) -> Option<Vec<(Shape, &'t Table)>> {
    let names = |table: &Table| {
        let branches = table.routes.iter().flat_map(|route| &route.to);
        branches.into_iter().any(|branch| {
            (known.canary.iter())
                .any(|name| branch.to.is_called(name) || branch.to.service() == name)
        })
    };
    let named: Vec<_> = found
        .iter()
        .filter(|(_, table)| names(table))
        .copied()
        .collect();
    (!named.is_empty()).then_some(named)
}

fn nothing_split(table: &Table) -> Problem {
    let to = table.routes.iter().flat_map(|route| &route.to).next();
    let to = to.map_or_else(
        || "one place".to_owned(),
        |branch| format!("`{}`", branch.to),
    );
    let message = format!(
        "`{}` splits nothing: every request goes to {to}",
        table.title
    );
    let help = "a split has two destinations with weights, or one that some requests match";
    Problem::error(message, Some(table.place.span.clone())).help(help)
}

/// A problem about the choice, in the file that it is about.
fn about(manifests: &[Manifest], tables: &[Table], problem: Problem) -> Problems {
    let of = |table: &&Table| problem.span.as_ref() == Some(&table.place.span);
    let file = tables
        .iter()
        .find(of)
        .or(tables.first())
        .map_or(0, |table| table.place.file);
    match manifests.get(file) {
        Some(manifest) => manifest.refuse(vec![problem]),
        None => Problems::about(std::path::Path::new("manifests"), problem.message),
    }
}

/// Subsets and services that are named, but that nobody among the files defines.
fn check_destinations(tables: &[Table], readings: &mut [Reading<'_>], facts: &Facts) {
    for table in tables {
        let mut told = BTreeSet::new();
        for branch in table.routes.iter().flat_map(|route| &route.to) {
            let own = branch.to.canonical();
            let Some(definer) = facts.subsets.get(&own.host) else {
                continue;
            };
            if own.subset.is_none() || facts.labels.contains_key(&own) || !told.insert(own.clone())
            {
                continue;
            }
            let known = facts.labels.keys().filter(|one| one.host == own.host);
            let known: Vec<&str> = known.filter_map(|one| one.subset.as_deref()).collect();
            let message = format!(
                "`{}` is no subset of {}: requests would be answered with status 503",
                own.subset.as_deref().unwrap_or_default(),
                own.host
            );
            let help = format!("{definer} defines {}", documents::shortened(&known));
            let place = branch.weight.place.span.clone();
            (readings[table.reading].findings).error(&branch.path, &message, place, &help);
        }
    }
}

/// What the manifests of controllers say about who is the canary.
fn known(resources: &[Resource]) -> Known {
    let mut known = Known::default();
    let text = |node: &Node, path: &[&str]| {
        let mut node = Some(node);
        for key in path {
            node = node.and_then(|node| node.get(key));
        }
        node.and_then(Node::text).map(str::to_owned)
    };
    for resource in resources {
        let spec = resource.node.get("spec");
        let Some(spec) = spec.filter(|_| kinds::found(resource).reader != Reader::Nobody) else {
            continue;
        };
        match resource.kind.as_str() {
            "Rollout" => {
                let rule = [
                    "strategy",
                    "canary",
                    "trafficRouting",
                    "istio",
                    "destinationRule",
                ];
                let canary = ["strategy", "canary"];
                let under = |above: &[&'static str], key| [above, &[key]].concat();
                known
                    .canary
                    .extend(text(spec, &under(&canary, "canaryService")));
                known
                    .stable
                    .extend(text(spec, &under(&canary, "stableService")));
                known
                    .canary
                    .extend(text(spec, &under(&rule, "canarySubsetName")));
                known
                    .stable
                    .extend(text(spec, &under(&rule, "stableSubsetName")));
            }
            "Canary" => {
                let name = text(spec, &["service", "name"]);
                let name = name.or_else(|| text(spec, &["targetRef", "name"]));
                if let Some(name) = name {
                    known.canary.push(format!("{name}-canary"));
                    known.stable.push(format!("{name}-primary"));
                }
            }
            _ => {}
        }
    }
    known
}

/// The controller that sets weights in production: `Rollout shop`.
fn controller(resources: &[Resource]) -> Option<String> {
    let mut controllers = resources.iter().filter(|resource| {
        matches!(resource.kind.as_str(), "Canary" | "Rollout")
            && matches!(resource.node.value, Value::Map(_))
    });
    controllers.next().map(Resource::title)
}

/// Errors of all files, or the account of all resources.
fn finish(
    manifests: &[Manifest],
    readings: Vec<Reading<'_>>,
    import: Option<Import>,
) -> Result<Outcome, Problems> {
    let (mut accounts, mut warnings) = (Vec::new(), Vec::new());
    let mut refused: Vec<Vec<Problem>> = manifests.iter().map(|_| Vec::new()).collect();
    for mut reading in readings {
        let found = kinds::found(reading.resource);
        match found.reader {
            Reader::Split => {
                let node = &reading.resource.node;
                let grammar = grammar(&found.kind);
                accounts.push(account::of(&found, node, &mut reading.findings, grammar));
            }
            Reader::Nobody => accounts.push(Account::unread(&found)),
            Reader::Flagger | Reader::Argo | Reader::Kayenta => {}
        }
        let problems = reading.findings.problems;
        let errors = problems
            .iter()
            .filter(|problem| problem.severity == Severity::Error);
        refused[found.file].extend(errors.cloned());
        warnings.extend(Manifest::remarks(found.file, problems));
    }
    let refused = manifests
        .iter()
        .zip(refused)
        .filter(|(_, problems)| !problems.is_empty());
    let refused = refused.map(|(manifest, problems)| manifest.refuse(problems));
    match Problems::gather(refused.collect()) {
        Some(problems) => Err(problems),
        None => Ok(Outcome {
            import,
            warnings,
            accounts,
        }),
    }
}

fn grammar(kind: &str) -> &'static Grammar {
    match kind {
        "VirtualService" => &istio::VIRTUAL_SERVICE,
        "DestinationRule" => &istio::DESTINATION_RULE,
        "HTTPRoute" | "GRPCRoute" => &gateway::ROUTE,
        "Ingress" => &nginx::INGRESS,
        "TraefikService" => &traefik::TRAEFIK_SERVICE,
        "IngressRoute" => &traefik::INGRESS_ROUTE,
        _ => &smi::TRAFFIC_SPLIT,
    }
}
