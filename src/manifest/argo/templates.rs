//! AnalysisTemplates and ClusterAnalysisTemplates: those that an analysis names, merged into a run.
//!
//! `utils/analysis/factory.go` (`NewAnalysisRunFromTemplates`, `FlattenTemplates`),
//! `utils/analysis/helpers.go`.

use super::super::account::{self, Account};
use super::super::documents::Resource;
use super::super::findings::{Field, Fields, Findings};
use super::super::kinds;
use super::arguments::Arguments;
use super::metric::{self, Metric};
use super::references::{Order, Place, Reference};
use super::template_grammar::TEMPLATE;
use crate::base::Problem;
use crate::gate::{Gate, GateSet};
use crate::rollout::argo::{AnalysisMetric, RunSpec};

/// The templates among the resources.
pub(super) struct Templates<'m> {
    all: Vec<Template<'m>>,
}

/// One of them.
pub(super) struct Template<'m> {
    pub(super) resource: &'m Resource,
    pub(super) findings: Findings,
    /// Whether an analysis names it.
    pub(super) used: bool,
}

/// Everything that metrics of a Rollout's runs ask.
#[derive(Default)]
pub(super) struct Asked {
    pub(super) gates: Vec<Gate>,
    /// The names of the metrics that ask systems which are not simulated, in the order of asking.
    pub(super) questions: Vec<String>,
}

impl Asked {
    /// The number of a gate like this one.
    fn place(&mut self, gate: Gate) -> Option<usize> {
        let known = self.gates.iter().position(|other| *other == gate);
        known.or_else(|| {
            self.gates.push(gate);
            (self.gates.len() <= GateSet::MOST).then(|| self.gates.len() - 1)
        })
    }

    /// The number of a metric's question. Metrics of one name ask the same.
    fn question(&mut self, name: &str) -> usize {
        let known = self.questions.iter().position(|other| other == name);
        known.unwrap_or_else(|| {
            self.questions.push(name.to_owned());
            self.questions.len() - 1
        })
    }
}

/// A pattern of metrics' names in `dryRun` or `measurementRetention`.
struct Pattern {
    key: &'static str,
    text: String,
    /// The template that has it, or none for the Rollout.
    template: Option<(usize, String, std::ops::Range<usize>)>,
}

impl<'m> Templates<'m> {
    /// Those among the resources.
    pub(super) fn among(resources: &'m [Resource]) -> Templates<'m> {
        let kinds = ["AnalysisTemplate", "ClusterAnalysisTemplate"];
        let all = resources
            .iter()
            .filter(|resource| kinds.iter().any(|kind| resource.is("argoproj.io", kind)));
        let all = all.map(|resource| Template {
            resource,
            findings: Findings::default(),
            used: false,
        });
        Templates { all: all.collect() }
    }

    /// All of them, with what was found.
    pub(super) fn into_all(self) -> Vec<Template<'m>> {
        self.all
    }

    /// The run that an analysis asks for; its gates are added to those asked. What the Rollout has
    /// wrong goes to `findings`.
    pub(super) fn run(
        &mut self,
        findings: &mut Findings,
        order: &Order,
        asked: &mut Asked,
    ) -> Option<RunSpec> {
        let mut named = Vec::new();
        let mut complete = true;
        for reference in &order.references {
            match self.find(findings, reference) {
                Some(index) => complete &= self.gather(index, &mut named),
                None => complete = false,
            }
        }
        if !complete {
            return None;
        }
        let named = named.as_slice();
        let errors = self.errors(named) + findings.errors();
        let arguments = self.arguments(findings, order, named)?;
        let mut metrics: Vec<AnalysisMetric> = Vec::new();
        let mut patterns = given(order);
        for &index in named {
            let template = &mut self.all[index];
            let Some(spec) = template.spec() else {
                continue;
            };
            let found = &mut template.findings;
            for field in spec.get("metrics").into_iter() {
                for item in found.list(&field) {
                    let filled = arguments.filled(found, &item);
                    let item = Field {
                        node: &filled,
                        ..item
                    };
                    let mut question = |name: &str| asked.question(name);
                    let Some(metric) = metric::read(found, &item, &mut question) else {
                        continue;
                    };
                    add(found, &mut metrics, metric, asked);
                }
            }
            for key in ["dryRun", "measurementRetention"] {
                patterns.extend(own_patterns(found, &spec, key, index, &arguments));
            }
        }
        self.apply(findings, order, patterns, &mut metrics);
        if self.errors(named) + findings.errors() > errors {
            return None;
        }
        if metrics.is_empty() {
            let message = "has no metrics: Argo ends the run with Error at its start";
            findings.error(
                &order.path,
                message,
                order.place.clone(),
                "name a template with some",
            );
            return None;
        }
        let run = RunSpec::new(metrics);
        check_end(findings, order, &run)?;
        Some(run)
    }

    /// The template of a reference.
    fn find(&self, findings: &mut Findings, reference: &Reference) -> Option<usize> {
        let kind = kind_of(reference.cluster);
        let is_it = |template: &Template<'_>| {
            template.resource.kind == kind
                && template.resource.name.as_deref() == Some(&reference.name)
        };
        let mut found = (0..self.all.len()).filter(|index| is_it(&self.all[*index]));
        let mut report = |message: &str, help: &str| {
            findings.error(&reference.path, message, reference.place.clone(), help);
        };
        let Some(first) = found.next() else {
            let message = format!("there is no {kind} `{}` in these files", reference.name);
            let others = self
                .all
                .iter()
                .filter(|template| template.resource.kind == kind);
            let names: Vec<&str> = others
                .filter_map(|template| template.resource.name.as_deref())
                .collect();
            let twin = self
                .all
                .iter()
                .any(|template| template.resource.name.as_deref() == Some(&reference.name));
            report(
                &message,
                &match names.as_slice() {
                    _ if twin && reference.cluster => "leave out clusterScope".to_owned(),
                    _ if twin => "write `clusterScope: true`".to_owned(),
                    [] => "name its file too".to_owned(),
                    names => format!("name its file too; found {}", names.join(", ")),
                },
            );
            return None;
        };
        if found.next().is_some() {
            let message = format!("there are several of the name `{}`", reference.name);
            report(&message, "leave one of them out, or give it another name");
            return None;
        }
        Some(first)
    }

    /// Adds a template and those that it names to the list; whether all are there.
    fn gather(&mut self, index: usize, named: &mut Vec<usize>) -> bool {
        if named.contains(&index) {
            return true;
        }
        named.push(index);
        let template = &mut self.all[index];
        template.used = true;
        let mut references = Vec::new();
        if let Some(spec) = template.spec() {
            let found = &mut template.findings;
            let list = spec.get("templates");
            for item in list.map(|list| found.list(&list)).unwrap_or_default() {
                let fields = found.map(&item);
                references
                    .extend(fields.and_then(|fields| super::references::reference(found, &fields)));
            }
            for key in ["metrics", "templates"]
                .into_iter()
                .filter(|key| spec.has(key))
            {
                found.mark_used(&spec.path_of(key));
            }
        } else {
            let place = template.resource.kind_place().unwrap_or(0..0);
            let found = &mut template.findings;
            if found.errors() == 0 {
                found.error("spec", "is missing", place, "write spec with metrics");
            }
        }
        let mut complete = true;
        for reference in references {
            let mut found = std::mem::take(&mut self.all[index].findings);
            let inner = self.find(&mut found, &reference);
            self.all[index].findings = found;
            match inner {
                Some(inner) => complete &= self.gather(inner, named),
                None => complete = false,
            }
        }
        complete
    }

    fn errors(&self, named: &[usize]) -> usize {
        named
            .iter()
            .map(|index| self.all[*index].findings.errors())
            .sum()
    }

    /// What the templates declare, with what the Rollout gives.
    fn arguments(
        &mut self,
        findings: &mut Findings,
        order: &Order,
        named: &[usize],
    ) -> Option<Arguments> {
        let mut arguments = Arguments::default();
        for &index in named {
            let template = &mut self.all[index];
            if let Some(spec) = template.spec() {
                arguments.declare(&mut template.findings, &spec);
            }
        }
        for (name, value) in &order.arguments {
            if !arguments.give(name, value) {
                let known = arguments.names().join(", ");
                let message = match known.as_str() {
                    "" => format!("no template has an argument `{name}`, nor any other"),
                    known => format!("no template has an argument `{name}`: there are {known}"),
                };
                findings.warn(&order.path, &message, order.place.clone());
            }
        }
        let missing: Vec<String> = arguments.missing().into_iter().map(str::to_owned).collect();
        for name in &missing {
            let message = format!("the argument `{name}` has no value: Argo refuses the Rollout");
            let help = format!("write `args: [{{name: {name}, value: …}}]`");
            findings.error(&order.path, &message, order.place.clone(), &help);
        }
        missing.is_empty().then_some(arguments)
    }

    /// Applies patterns of names; one that matches no metric makes the run invalid.
    fn apply(
        &mut self,
        findings: &mut Findings,
        order: &Order,
        patterns: Vec<Pattern>,
        metrics: &mut [AnalysisMetric],
    ) {
        for pattern in patterns {
            let mut matched = false;
            for metric in metrics.iter_mut() {
                if crate::gate::argo::matches(&metric.name, &pattern.text) {
                    matched = true;
                    metric.dry_run |= pattern.key == "dryRun";
                }
            }
            if matched || metrics.is_empty() {
                continue;
            }
            let names: Vec<&str> = metrics.iter().map(|metric| metric.name.as_str()).collect();
            let message = format!(
                "`{}` matches no metric: Argo ends the run with Error at its start, which aborts the \
                 rollout",
                pattern.text
            );
            let help = match pattern.text.as_str() {
                "*" => "this is a regular expression: write `.*`".to_owned(),
                _ => format!("there are {}", names.join(", ")),
            };
            match pattern.template {
                Some((index, path, place)) => {
                    self.all[index]
                        .findings
                        .error(&path, &message, place, &help);
                }
                None => {
                    let path = format!("{}.{}", order.path, pattern.key);
                    findings.error(&path, &message, order.place.clone(), &help);
                }
            }
        }
    }
}

impl<'m> Template<'m> {
    /// What became of its fields, and what was found.
    pub(super) fn account(self) -> (Account, Vec<Problem>) {
        let found = kinds::found(self.resource);
        let mut findings = self.findings;
        if !self.used {
            let unread = Some("no analysis of the Rollout names it".to_owned());
            let account = Account {
                file: found.file,
                title: found.title,
                unread,
                fields: Vec::new(),
            };
            return (account, findings.problems);
        }
        let node = &self.resource.node;
        let account = account::of(&found, node, &mut findings, &TEMPLATE);
        let mut problems: Vec<Problem> = Vec::new();
        for problem in findings.problems {
            // Two runs of one template find the same.
            if !problems.contains(&problem) {
                problems.push(problem);
            }
        }
        (account, problems)
    }

    /// Its file, and what was found.
    pub(super) fn problems(self) -> (usize, Vec<Problem>) {
        (self.resource.file, self.findings.problems)
    }

    fn spec(&mut self) -> Option<Fields<'m>> {
        let document = Fields::of_document(&self.resource.node)?;
        let field = document.get("spec")?;
        self.findings.map(&field)
    }
}

/// Adds a metric and its gate.
fn add(
    found: &mut Findings,
    metrics: &mut Vec<AnalysisMetric>,
    metric: Metric<'_>,
    asked: &mut Asked,
) {
    let Metric {
        mut run,
        gate,
        name,
    } = metric;
    if metrics.iter().any(|other| other.name == run.name) {
        let message = format!("`{}` is there already: Argo refuses the Rollout", run.name);
        found.refuse(
            &name,
            &message,
            "give every metric of an analysis its own name",
        );
        return;
    }
    let Some(place) = asked.place(Gate::ArgoMetric(gate)) else {
        let message = format!("is one of more than {} metrics", GateSet::MOST);
        found.refuse(&name, &message, "leave some out");
        return;
    };
    run.gate = place;
    metrics.push(run);
}

/// A step waits for its run, so that must have an end.
fn check_end(findings: &mut Findings, order: &Order, run: &RunSpec) -> Option<()> {
    if order.role != Place::Step || !run.is_endless() {
        return Some(());
    }
    let endless = run
        .metrics()
        .iter()
        .find(|metric| metric.effective_count().is_none())?;
    let message = format!(
        "the metric `{}` has an interval and no count, so the step would never end: Argo refuses the \
         Rollout",
        endless.name
    );
    let help = "give it a count, or let it run beside the steps";
    findings.error(&order.path, &message, order.place.clone(), help);
    None
}

fn kind_of(cluster: bool) -> &'static str {
    match cluster {
        true => "ClusterAnalysisTemplate",
        false => "AnalysisTemplate",
    }
}

/// The patterns that the Rollout has.
fn given(order: &Order) -> Vec<Pattern> {
    let lists = [
        ("dryRun", &order.dry_run),
        ("measurementRetention", &order.retained),
    ];
    let patterns = lists.into_iter().flat_map(|(key, list)| {
        list.iter().map(move |text| Pattern {
            key,
            text: text.clone(),
            template: None,
        })
    });
    patterns.collect()
}

/// The patterns that a template has.
fn own_patterns(
    found: &mut Findings,
    spec: &Fields<'_>,
    key: &'static str,
    index: usize,
    arguments: &Arguments,
) -> Vec<Pattern> {
    let list = spec.get(key);
    let items = list.map(|list| found.list(&list)).unwrap_or_default();
    let mut patterns = Vec::new();
    for item in items {
        let filled = arguments.filled(found, &item);
        let item = Field {
            node: &filled,
            ..item
        };
        let Some(fields) = found.map(&item) else {
            continue;
        };
        if let Some((text, field)) = metric::text(found, &fields, "metricName") {
            patterns.push(Pattern {
                key,
                text: text.to_owned(),
                template: Some((index, field.path.clone(), field.place())),
            });
        }
    }
    patterns
}
