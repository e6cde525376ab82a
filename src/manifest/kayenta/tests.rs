//! Canary configs to read: one that is in order, and its variations.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::{Import, Scope, Source, read};
use crate::base::{Problems, Span, place};
use crate::gate::kayenta::{Direction, JudgeName, Measure, Missing};
use crate::manifest::{Fate, Manifest};

const CONFIG: &str = r#"{
  "name": "shop",
  "applications": ["shop"],
  "judge": { "name": "NetflixACAJudge-v1.0", "judgeConfigurations": {} },
  "metrics": [
    {
      "name": "errors",
      "query": { "type": "prometheus", "customInlineTemplate": "PromQL:sum(rate(x{app=\"${scope}\"}[1m]))" },
      "groups": ["errors"],
      "analysisConfigurations": { "canary": { "direction": "increase", "critical": true } },
      "scopeName": "default"
    },
    {
      "name": "cpu",
      "query": { "type": "datadog", "metricName": "cpu.user" },
      "groups": ["system"],
      "scopeName": "default"
    }
  ],
  "classifier": {
    "groupWeights": { "errors": 60, "system": 40 },
    "scoreThresholds": { "pass": 95, "marginal": 75 }
  }
}
"#;

const STAGE: &str = r#"{
  "name": "release",
  "stages": [
    { "type": "deploy", "name": "Deploy" },
    {
      "type": "kayentaCanary",
      "analysisType": "realTimeAutomatic",
      "canaryConfig": {
        "canaryConfigId": "17",
        "lifetimeDuration": "PT2H30M",
        "canaryAnalysisIntervalMins": "30",
        "beginCanaryAnalysisAfterMins": 10,
        "lookbackMins": 0,
        "scoreThresholds": { "pass": "90", "marginal": 50 },
        "scopes": [
          { "scopeName": "default", "controlScope": "shop-baseline", "experimentScope": "shop-canary",
            "step": 30, "extendedScopeParams": { "zone": "eu" } }
        ]
      }
    }
  ]
}
"#;

fn manifest(text: &str) -> Manifest {
    Manifest {
        path: PathBuf::from("config.json"),
        text: text.to_owned(),
    }
}

fn import(texts: &[&str]) -> Import {
    let manifests: Vec<Manifest> = texts.iter().map(|text| manifest(text)).collect();
    read(&manifests).unwrap_or_else(|problems| panic!("{problems}"))
}

/// The example with one part replaced, which must be there.
fn changed(from: &str, to: &str) -> String {
    assert!(CONFIG.contains(from), "{from}");
    CONFIG.replacen(from, to, 1)
}

/// Each error as `line: message (help)`.
fn errors(text: &str) -> Vec<String> {
    let problems: Problems = match read(&[manifest(text)]) {
        Ok(import) => panic!("accepted: {import:?}\n{text}"),
        Err(problems) => problems,
    };
    let lines = problems.problems.iter().map(|problem| {
        let line = problem
            .span
            .as_ref()
            .map_or(0, |span| place(text, span.start).0);
        let help = problem.help.as_deref().unwrap_or_default();
        format!("{line}: {} ({help})", problem.message)
    });
    lines.collect()
}

fn warnings(text: &str) -> Vec<String> {
    let import = import(&[text]);
    let warnings = import.warnings.into_iter();
    warnings.map(|remark| remark.problem.message).collect()
}

fn scope(params: &[(&str, &str)]) -> Scope {
    let params = params
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Scope {
        scope: "shop-canary".to_owned(),
        location: "eu-west-1".to_owned(),
        params: params.collect(),
    }
}

/// The query of the first metric, or the problem, with its template replaced.
fn query(of: &str, params: &[(&str, &str)]) -> Result<String, String> {
    let text = changed(
        "\"customInlineTemplate\": \"PromQL:sum(rate(x{app=\\\"${scope}\\\"}[1m]))\"",
        of,
    );
    let import = match read(&[manifest(&text)]) {
        Ok(import) => import,
        Err(problems) => return Err(problems.to_string()),
    };
    let Source::Prometheus(query) = &import.config.sources[0] else {
        panic!("not a Prometheus query");
    };
    query
        .text(&scope(params))
        .map_err(|problem| problem.message)
}

#[test]
fn a_config_becomes_metrics_groups_and_thresholds() {
    let config = import(&[CONFIG]).config;
    assert_eq!(config.judge, JudgeName::Netflix);
    assert_eq!(config.application.as_deref(), Some("shop"));
    let names: Vec<&str> = config
        .metrics
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    assert_eq!(names, ["errors", "cpu"]);
    let analysis = &config.metrics[0].analysis;
    assert_eq!(
        (analysis.direction, analysis.critical),
        (Direction::Increase, true)
    );
    assert_eq!(config.metrics[1].groups, [1]);
    assert_eq!(config.groups[0].weight, Some(60.0));
    assert_eq!(config.thresholds.map(|limits| limits.pass), Some(95.0));
    assert_eq!(config.sources[1], Source::Elsewhere("datadog".to_owned()));
    assert_eq!(import(&[CONFIG]).warnings, []);
}

#[test]
fn every_field_has_a_fate() {
    let account: BTreeMap<String, Fate> =
        import(&[CONFIG]).account.remove(0).1.into_iter().collect();
    let used = |path: &str| account[path] == Fate::Used;
    for path in [
        "classifier.groupWeights.errors",
        "metrics[0].query.customInlineTemplate",
        "metrics[0].analysisConfigurations.canary.critical",
        "applications",
    ] {
        assert!(used(path), "{path}: {:?}", account[path]);
    }
    for (path, why) in [
        ("judge.judgeConfigurations", "does not read"),
        ("metrics[1].query.metricName", "the scenario says"),
    ] {
        match &account[path] {
            Fate::Ignored(said) => assert!(said.contains(why) || said.contains("decide"), "{said}"),
            Fate::Used => panic!("{path} is used"),
        }
    }
}

#[test]
fn a_pipeline_brings_the_settings_of_the_run() {
    for texts in [[CONFIG, STAGE], [STAGE, CONFIG]] {
        let stage = import(&texts).stage;
        let minutes = |count: u64| Some(Span::from_secs(60 * count));
        assert_eq!(stage.lifetime, minutes(150));
        assert_eq!(stage.interval, minutes(30));
        assert_eq!(stage.warmup, minutes(10));
        assert_eq!(stage.step, Some(Span::from_secs(30)));
        assert_eq!(stage.thresholds.map(|limits| limits.pass), Some(90.0));
        assert_eq!(stage.params["zone"], "eu");
        assert!(stage.baseline && !stage.retrospective);
    }
    let alone = read(&[manifest(STAGE)]).unwrap_err().to_string();
    assert!(alone.contains("names it by its id"), "{alone}");
    let two = read(&[manifest(CONFIG), manifest(CONFIG)])
        .unwrap_err()
        .to_string();
    assert!(two.contains("2 canary configs"), "{two}");
}

#[test]
fn a_request_with_start_and_end_is_judged_in_retrospect() {
    let request = r#"
  "executionRequest": {
    "scopes": { "default": {
      "controlScope": { "scope": "a", "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T12:30:30Z", "step": 60 },
      "experimentScope": { "scope": "b", "start": "2026-03-01T10:00:00Z", "end": "2026-03-01T12:30:30Z", "step": 60 }
    } },
    "thresholds": { "pass": 75, "marginal": 50 }
  }"#;
    let text = format!("{{ \"canaryConfig\": {CONFIG}, {request} }}");
    let stage = import(&[&text]).stage;
    assert_eq!(stage.lifetime, Some(Span::from_secs(150 * 60)));
    assert!(stage.retrospective);
    let without = text.replace(
        "\"thresholds\": { \"pass\": 75",
        "\"limits\": { \"pass\": 75",
    );
    assert!(errors(&without)[0].contains("executionRequest.thresholds: is missing"));
}

#[test]
fn templates_are_filled_in_as_kayenta_does() {
    assert_eq!(
        query(
            "\"customInlineTemplate\": \"PromQL:up{app='${scope}'}\"",
            &[]
        )
        .unwrap(),
        "up{app='shop-canary'}"
    );
    // Parameters stand above the scope's own names, and Spinnaker wants dollars escaped.
    let escaped = "\"metricName\": \"cpu\", \"groupByFields\": [\"zone\"], \"labelBindings\": [\"mode='user'\"], \
                   \"customInlineTemplate\": \"app='$\\\\{scope}',at='${location}'\"";
    assert_eq!(
        query(escaped, &[("scope", "other")]).unwrap(),
        "avg(cpu{app='other',at='eu-west-1',mode='user'}) by (zone)"
    );
    let instances = "\"metricName\": \"cpu\", \"resourceType\": \"gce_instance\"";
    assert_eq!(
        query(instances, &[("project", "p")]).unwrap(),
        "avg(cpu{instance=~\"shop-canary-.{4}\",zone=~\".+/projects/p/zones/eu-west-1-.{1}\"})"
    );
    let groups = "\"metricName\": \"cpu\", \"resourceType\": \"aws_ec2_instance\"";
    assert_eq!(
        query(groups, &[]).unwrap(),
        "avg(cpu{asg_groupName=\"shop-canary\",zone=~\"eu-west-1.{1}\"})"
    );
    let unknown = query(
        "\"customInlineTemplate\": \"PromQL:up{app='${team}'}\"",
        &[],
    )
    .unwrap_err();
    assert!(
        unknown.contains("the variable `${team}` has no value"),
        "{unknown}"
    );
}

#[test]
fn queries_that_kayenta_refuses_are_refused() {
    for (query_text, words) in [
        (
            "\"metricName\": \"cpu\"",
            "neither a template nor a resource type",
        ),
        (
            "\"metricName\": \"cpu\", \"resourceType\": \"pod\"",
            "no resource type `pod`",
        ),
        (
            "\"metricName\": \"cpu\", \"customFilter\": \"a='b'\"",
            "refuses this old field",
        ),
        (
            "\"customFilterTemplate\": \"cpu\"",
            "there is no template `cpu`",
        ),
        (
            "\"customInlineTemplate\": \"<#if x>a</#if>\"",
            "`<#if x>` is more than a plain variable",
        ),
        (
            "\"customInlineTemplate\": \"${scope?upper_case}\"",
            "`${scope?upper_case}` is more than",
        ),
    ] {
        let said = query(query_text, &[]).unwrap_err();
        assert!(said.contains(words), "{query_text}: {said}");
        assert!(said.starts_with("config.json:"), "{said}");
    }
}

/// Parts of the example, what to put in their place, and the start of the one error.
const REFUSED: &[(&str, &str, &str)] = &[
    (
        "\"classifier\":",
        "\"classifer\":",
        "1: classifier: is missing, and the judge crashes",
    ),
    (
        "\"name\": \"cpu\"",
        "\"name\": \"errors\"",
        "14: metrics[1].name: a second metric",
    ),
    (
        "\"groups\": [\"system\"],",
        "",
        "13: metrics[1].groups: is missing",
    ),
    (
        "\"direction\": \"increase\"",
        "\"direction\": null",
        "9: metrics[0].analysisConfigurations.canary.direction: null",
    ),
    (
        "\"critical\": true",
        "\"critical\": \"true\"",
        "9: metrics[0].analysisConfigurations.canary.critical: the text",
    ),
    (
        "\"critical\": true",
        "\"outliers\": {\"outlierFactor\": 0}",
        "9: metrics[0].analysisConfigurations.canary.outliers.outlierFactor: 0 is refused",
    ),
    (
        "\"critical\": true",
        "\"effectSize\": {\"allowedIncrease\": \"1.1\"}",
        "9: metrics[0].analysisConfigurations.canary.effectSize.allowedIncrease: the text",
    ),
    (
        "\"type\": \"datadog\"",
        "\"type\": \"dogdata\"",
        "14: metrics[1].query.type: Kayenta asks no system",
    ),
    (
        "NetflixACAJudge-v1.0",
        "RemoteJudge-v1.0",
        "4: judge.name: `RemoteJudge-v1.0` asks another service",
    ),
    (
        "NetflixACAJudge-v1.0",
        "NetflixACAJudge",
        "4: judge.name: Kayenta has no judge",
    ),
    (
        "\"marginal\": 75",
        "\"margin\": 75",
        "22: classifier.scoreThresholds.marginal: is missing",
    ),
    (
        "\"metrics\": [",
        "\"metrics\": [], \"other\": [",
        "5: metrics: is empty",
    ),
];

#[test]
fn what_kayenta_refuses_or_crashes_on_is_refused_with_its_line() {
    for (from, to, expected) in REFUSED {
        let found = errors(&changed(from, to));
        let rest = expected
            .split_once(": ")
            .map_or(*expected, |(_, rest)| rest);
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].contains(rest), "{to}: {found:#?}");
        assert!(!found[0].starts_with("0:"), "{to}: {found:#?}");
    }
}

#[test]
fn what_is_no_config_is_told_apart() {
    for (text, words) in [
        (
            "[{\"name\": \"cpu\", \"values\": {\"control\": [1]}}]",
            "a list of metric sets",
        ),
        ("{\"kind\": \"Canary\"}", "without `metrics`"),
        ("3", "no canary config"),
        ("", "there is nothing in it"),
        ("{\"metrics\": [", "not valid JSON"),
        (&"[".repeat(200_000), "not valid JSON"),
    ] {
        let said = read(&[manifest(text)]).unwrap_err().to_string();
        assert!(
            said.contains(words),
            "{words}: {}",
            &said[..said.len().min(300)]
        );
    }
}

#[test]
fn what_is_understood_differently_is_warned_of() {
    for (from, to, words) in [
        (
            "\"increase\"",
            "\"up\"",
            "`up` is none of either, increase, decrease: it counts as either",
        ),
        (
            "NetflixACAJudge-v1.0",
            "dredd-v1.0",
            "draws its labels at random",
        ),
        (
            "\"system\": 40",
            "\"other\": 40",
            "no metric is in `other` (40 %)",
        ),
        (
            "\"system\": 40",
            "\"system\": 20",
            "add up to 80 %: no score exceeds that",
        ),
        ("\"errors\": 60", "\"errors\": 80", "add up to 120 %"),
        (
            "\"marginal\": 75",
            "\"marginal\": 95",
            "is not below that of 95",
        ),
        (
            "\"critical\"",
            "\"outlierStrategy\": \"remove\", \"critical\"",
            "an old field",
        ),
        (
            "\"critical\": true",
            "\"effectSize\": {\"allowedIncrease\": null}",
            "null reads as 0",
        ),
        (
            "\"critical\"",
            "\"critcal\": 1, \"critical\"",
            "knows no such field and drops it",
        ),
        (
            "\"scopeName\": \"default\"\n    },",
            "\"scopeName\": \"edge\"\n    },",
            "the scope `edge`",
        ),
    ] {
        let said = warnings(&changed(from, to));
        assert!(
            said.iter().any(|one| one.contains(words)),
            "{to}: {said:#?}"
        );
    }
}

#[test]
fn settings_of_an_analysis_are_read() {
    let text = changed(
        "\"critical\": true",
        "\"nanStrategy\": \"replace\", \"mustHaveData\": true, \"muted\": true, \
         \"outliers\": {\"strategy\": \"remove\"}, \
         \"effectSize\": {\"measure\": \"cles\", \"allowedIncrease\": 0.8}",
    );
    let analysis = import(&[&text]).config.metrics[0].analysis;
    assert_eq!(analysis.missing, Missing::Replace);
    assert!(analysis.must_have_data && analysis.muted && !analysis.critical);
    assert_eq!(analysis.outliers, Some(3.0));
    assert_eq!(analysis.effect.measure, Measure::Cles);
    assert_eq!(
        (
            analysis.effect.allowed_increase,
            analysis.effect.allowed_decrease
        ),
        (0.8, 0.5)
    );
}
