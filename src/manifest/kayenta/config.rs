//! A canary config: judge, metrics, groups and thresholds.

use super::super::findings::{Field, Fields, Findings};
use super::super::yaml::Value;
use super::metric;
use super::query::Source;
use crate::gate::kayenta::{Group, JudgeName, Metric, Thresholds};

/// What a canary config says.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Its name, if it has one.
    pub name: Option<String>,
    /// The first of its applications.
    pub application: Option<String>,
    /// Who judges.
    pub judge: JudgeName,
    /// The metrics in the order written.
    pub metrics: Vec<Metric>,
    /// Where each metric's samples come from.
    pub sources: Vec<Source>,
    /// The groups, those with a weight first.
    pub groups: Vec<Group>,
    /// `classifier.scoreThresholds`, which Kayenta leaves to whoever starts a run.
    pub thresholds: Option<Thresholds>,
}

/// The judges by their names.
const JUDGES: [(&str, Option<JudgeName>); 3] = [
    ("NetflixACAJudge-v1.0", Some(JudgeName::Netflix)),
    ("dredd-v1.0", Some(JudgeName::Dredd)),
    ("RemoteJudge-v1.0", None),
];

/// Reads a config; `None` or errors among the findings when Kayenta could not use it.
pub(in crate::manifest) fn read(findings: &mut Findings, config: &Fields<'_>) -> Option<Config> {
    let name = findings
        .text(config, "name")
        .map(|(name, _)| name.to_owned());
    let application = application(findings, config);
    let judge = judge(findings, config);
    let mut groups = Vec::new();
    let thresholds = classifier(findings, config, &mut groups);
    let templates = templates(findings, config);
    let read = metrics(findings, config, &mut groups, &templates);
    check_groups(findings, config, &groups, &read);
    let (metrics, sources) = read.into_iter().unzip();
    Some(Config {
        name,
        application,
        judge: judge?,
        metrics,
        sources,
        groups,
        thresholds,
    })
}

/// Queries may be written for the first application; Kayenta files configs under all of them.
fn application(findings: &mut Findings, config: &Fields<'_>) -> Option<String> {
    let field = config.get("applications")?;
    findings.mark_used(&field.path);
    let items = findings.list(&field);
    items.first()?.node.text().map(str::to_owned)
}

fn judge(findings: &mut Findings, config: &Fields<'_>) -> Option<JudgeName> {
    let judge = config.get("judge").and_then(|field| findings.map(&field));
    let Some((name, field)) = judge.and_then(|judge| findings.text(&judge, "name")) else {
        return Some(JudgeName::Netflix);
    };
    let found = JUDGES.iter().find(|(known, _)| *known == name);
    match found {
        Some((_, Some(judge))) => {
            if *judge == JudgeName::Dredd {
                let message =
                    "draws its labels at random: two metrics in three fail whatever they show";
                findings.warn(&field.path, message, field.place());
            }
            Some(*judge)
        }
        Some((name, None)) => {
            let message = format!("`{name}` asks another service, which is not simulated");
            let help = "write NetflixACAJudge-v1.0";
            findings.error(&field.path, &message, field.place(), help);
            None
        }
        None => {
            let message = format!("Kayenta has no judge `{name}`");
            let help = "write NetflixACAJudge-v1.0 or dredd-v1.0";
            findings.error(&field.path, &message, field.place(), help);
            None
        }
    }
}

/// Weights and thresholds.
fn classifier(
    findings: &mut Findings,
    config: &Fields<'_>,
    groups: &mut Vec<Group>,
) -> Option<Thresholds> {
    let Some(field) = config.get("classifier") else {
        let message = "is missing, and the judge crashes without it";
        let help = "write \"classifier\": { \"groupWeights\": {} }";
        findings.error(
            &config.path_of("classifier"),
            message,
            config.place.clone(),
            help,
        );
        return None;
    };
    let classifier = findings.map(&field)?;
    findings.mark_used(&field.path);
    if let Some(weights) = classifier.get("groupWeights") {
        findings.mark_used(&weights.path);
        if let (Some(fields), Value::Map(entries)) = (findings.map(&weights), &weights.node.value) {
            for entry in entries {
                groups.push(Group {
                    name: entry.key.clone(),
                    weight: findings.number(&fields, &entry.key),
                });
            }
        }
    }
    let field = classifier.get("scoreThresholds")?;
    findings.mark_used(&field.path);
    thresholds(findings, &field)
}

/// A pass and a marginal threshold.
pub(in crate::manifest) fn thresholds(
    findings: &mut Findings,
    field: &Field<'_>,
) -> Option<Thresholds> {
    let fields = findings.map(field)?;
    let mut limit = |key: &str| {
        let field = fields.get(key)?;
        findings.mark_used(&field.path);
        // Spinnaker's editor writes texts.
        let number = match &field.node.value {
            Value::Number(number) => Some(*number),
            Value::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        let number = number.filter(|number: &f64| number.is_finite());
        if number.is_none() {
            let help = "write a score from 0 to 100";
            findings.error(&field.path, "is not a number", field.place(), help);
        }
        number
    };
    let (pass, marginal) = (limit("pass"), limit("marginal"));
    for (key, limit) in [("pass", pass), ("marginal", marginal)] {
        if limit.is_none() && !fields.has(key) {
            let help = "the judge needs both: write pass and marginal";
            findings.error(
                &fields.path_of(key),
                "is missing",
                fields.place.clone(),
                help,
            );
        }
    }
    let thresholds = Thresholds {
        pass: pass?,
        marginal: marginal?,
    };
    if thresholds.marginal >= thresholds.pass {
        let message = format!(
            "the marginal threshold of {} is not below that of {} to pass: a run stops at the \
             marginal one, so no score passes below it and one at it fails",
            thresholds.marginal, thresholds.pass
        );
        findings.warn(&field.path, &message, field.key_span.clone());
    }
    Some(thresholds)
}

/// A template by its name.
pub(super) type Template<'a> = (&'a str, &'a str);

fn templates<'a>(findings: &mut Findings, config: &Fields<'a>) -> Vec<Template<'a>> {
    let Some(field) = config.get("templates") else {
        return Vec::new();
    };
    let Some(fields) = findings.map(&field) else {
        return Vec::new();
    };
    let Value::Map(entries) = &field.node.value else {
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in entries {
        match entry.value.text() {
            Some(text) => found.push((entry.key.as_str(), text)),
            None => {
                let path = fields.path_of(&entry.key);
                let help = "write the template in quotes";
                findings.error(&path, "is not a text", entry.key_span.clone(), help);
            }
        }
    }
    found
}

fn metrics(
    findings: &mut Findings,
    config: &Fields<'_>,
    groups: &mut Vec<Group>,
    templates: &[Template<'_>],
) -> Vec<(Metric, Source)> {
    let help = "write at least one: { \"name\": …, \"query\": …, \"groups\": […], \"scopeName\": \
                \"default\" }";
    let path = config.path_of("metrics");
    let Some(field) = config.get("metrics") else {
        let message = "is missing, and Kayenta refuses a run without metrics";
        findings.error(&path, message, config.place.clone(), help);
        return Vec::new();
    };
    findings.mark_used(&field.path);
    let items = findings.list(&field);
    if items.is_empty() && matches!(field.node.value, Value::List(_)) {
        let message = "is empty, and Kayenta refuses a run without metrics";
        findings.error(&path, message, field.key_span.clone(), help);
    }
    let mut names: Vec<String> = Vec::new();
    let mut read = Vec::new();
    for item in items {
        let Some(fields) = findings.map(&item) else {
            continue;
        };
        let Some((metric, source)) = metric::read(findings, &item, &fields, groups, templates)
        else {
            continue;
        };
        if names.contains(&metric.name) {
            let message = format!(
                "a second metric named `{}`: samples would be judged by the first \
                                   one's settings",
                metric.name
            );
            let place = fields
                .get("name")
                .map_or(item.key_span.clone(), |field| field.place());
            findings.error(
                &fields.path_of("name"),
                &message,
                place,
                "give each metric its own name",
            );
        }
        names.push(metric.name.clone());
        read.push((metric, source));
    }
    read
}

/// Warns of weights that cannot add up.
fn check_groups(
    findings: &mut Findings,
    config: &Fields<'_>,
    groups: &[Group],
    read: &[(Metric, Source)],
) {
    let Some(place) = config.get("classifier").map(|field| field.key_span) else {
        return;
    };
    let path = config.path_of("classifier.groupWeights");
    let has_metrics = |index: &usize| {
        let counts = |metric: &Metric| metric.groups.contains(index) && !metric.analysis.muted;
        read.iter().any(|(metric, _)| counts(metric))
    };
    let weighted: f64 = groups.iter().filter_map(|group| group.weight).sum();
    let mut empty = Vec::new();
    let mut lost = 0.0;
    for (index, group) in groups.iter().enumerate() {
        if let Some(weight) = group.weight.filter(|_| !has_metrics(&index)) {
            lost += weight;
            empty.push(format!("`{}` ({weight} %)", group.name));
        }
    }
    if !empty.is_empty() {
        let message = format!(
            "no metric is in {}: that weight is lost and the score never exceeds {}",
            empty.join(" and "),
            100.0 - lost
        );
        findings.warn(&path, &message, place.clone());
    }
    let shared = (0..groups.len()).any(|index| groups[index].weight.is_none());
    if weighted > 100.0 {
        let message = format!(
            "the weights add up to {weighted} %{}",
            match shared {
                true =>
                    ": groups without a weight get a negative one, and failing there raises the score",
                false => ": scores above 100 are possible",
            }
        );
        findings.warn(&path, &message, place.clone());
    } else if weighted > 0.0 && weighted < 100.0 && !shared {
        let message = format!("the weights add up to {weighted} %: no score exceeds that");
        findings.warn(&path, &message, place.clone());
    } else if weighted == 100.0 && shared {
        let left: Vec<&str> = (groups.iter())
            .filter(|group| group.weight.is_none())
            .map(|group| group.name.as_str())
            .collect();
        let message = format!(
            "nothing is left of 100 % for {}: it decides nothing",
            left.join(", ")
        );
        findings.warn(&path, &message, place);
    }
}
