//! MetricTemplates: found, rendered, asked, and what is wrong with them.

use super::{CANARY, changed, import, manifest, read};
use crate::gate::flagger::Limits;
use crate::gate::{CustomCheck, Gate, Source};
use crate::manifest::{Fate, Fates, Manifest};

/// A template that Datadog answers.
const TEMPLATE: &str = "\
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata:
  name: errors
  namespace: shop
spec:
  provider:
    type: datadog
    address: https://api.datadoghq.com
    secretRef: {name: datadog}
  query: |
    avg:errors{service:{{ target }},
      way:{{ variables.way }}}
";

/// A metric that refers to it.
const METRIC: &str = "    - name: error-rate
      interval: 1m
      templateRef:
        name: errors
      templateVariables:
        way: in
      thresholdRange: {max: 1}
";

/// The Canary with more metrics, of which these come first.
fn asking(metrics: &str) -> String {
    changed("    metrics:\n", &format!("    metrics:\n{metrics}"))
}

fn files(canary: &str, templates: &str) -> [Manifest; 2] {
    let mut second = manifest(templates);
    second.path = "templates.yaml".into();
    [manifest(canary), second]
}

/// Each error as `file:line:column: message`.
fn errors(canary: &str, templates: &str) -> Vec<String> {
    let Err(problems) = read(&files(canary, templates)) else {
        panic!("accepted: {canary}\n{templates}");
    };
    let all = problems.texts();
    let lines = all.into_iter().flat_map(|of| {
        let line = move |problem: &crate::base::Problem| problem.one_line(&of.file, &of.text);
        of.problems.iter().map(line).collect::<Vec<_>>()
    });
    lines.collect()
}

#[test]
fn a_template_of_another_system_asks_a_question_after_the_builtin_metrics() {
    let two = METRIC.replace("error-rate", "other");
    let import = read(&files(&asking(&format!("{METRIC}{two}")), TEMPLATE)).unwrap();
    assert_eq!(import.questions, ["error-rate", "other"]);
    assert!(matches!(import.analysis[0], Gate::FlaggerCheck(_)));
    let check = |name: &str, question| {
        Gate::CustomCheck(CustomCheck {
            name: name.to_owned(),
            source: Source::Supplied(question),
            limits: Limits::Range {
                min: None,
                max: Some(1.0),
            },
            empty: None,
        })
    };
    assert_eq!(
        import.analysis[1..],
        [check("error-rate", 0), check("other", 1)]
    );
    assert_eq!(import.warnings, []);
}

#[test]
fn one_file_may_hold_everything_in_any_order() {
    let service = "apiVersion: v1\nkind: Service\nmetadata: {name: web}\n";
    let text = format!("{TEMPLATE}---\n{service}---\n{}", asking(METRIC));
    let import = import(&text);
    assert_eq!(import.questions, ["error-rate"]);
    let titles: Vec<&str> = import.account.iter().map(|of| of.title.as_str()).collect();
    assert_eq!(
        titles,
        ["Canary checkout", "MetricTemplate errors", "Service web"]
    );
    let fate = |of: &Fates, path: &str| {
        let found = of.fields.iter().find(|(other, _)| other == path);
        found.unwrap_or_else(|| panic!("{path}: {of:#?}")).1.clone()
    };
    let [canary, template, other] = &import.account[..] else {
        panic!("three accounts");
    };
    for path in ["interval", "templateRef.name", "templateVariables.way"] {
        let path = format!("spec.analysis.metrics[0].{path}");
        assert_eq!(fate(canary, &path), Fate::Used, "{path}");
    }
    for path in ["metadata.name", "spec.provider.type", "spec.query"] {
        assert_eq!(fate(template, path), Fate::Used, "{path}");
    }
    let Fate::Ignored(why) = fate(template, "spec.provider.address") else {
        panic!("an address decides nothing");
    };
    assert!(why.contains("simulated"), "{why}");
    assert!(matches!(fate(other, ""), Fate::Ignored(_)));
}

#[test]
fn a_namespace_is_the_canarys_unless_named() {
    let elsewhere = TEMPLATE.replace("namespace: shop", "namespace: flagger");
    let found = errors(&asking(METRIC), &elsewhere);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with(
            "canary.yaml:23:15: spec.analysis.metrics[0].templateRef.name: there is no MetricTemplate \
             `errors` in namespace shop"
        ),
        "{found:#?}"
    );
    assert!(found[0].contains("there are flagger/errors"), "{found:#?}");
    let named = METRIC.replace("name: errors", "name: errors\n        namespace: flagger");
    assert!(read(&files(&asking(&named), &elsewhere)).is_ok());
    let alone = read(&[manifest(&asking(METRIC))]).unwrap_err().to_string();
    assert!(alone.contains("name its file too"), "{alone}");
    // Without a namespace both are in `default`.
    let canary = asking(METRIC).replace("  namespace: shop\n", "");
    assert!(
        read(&files(
            &canary,
            &TEMPLATE.replace("  namespace: shop\n", "")
        ))
        .is_ok()
    );
}

/// What is changed in the Canary or the template, and the start of the one error.
const WRONG: &[(&str, &str, &str)] = &[
    (
        "        way: in\n",
        "        wey: in\n",
        "canary.yaml:24:7: spec.analysis.metrics[0].templateVariables: `way` is missing",
    ),
    (
        "      templateVariables:\n        way: in\n",
        "",
        "canary.yaml:20:7: spec.analysis.metrics[0].templateVariables: `way` is missing",
    ),
    (
        "      interval: 1m\n      templateRef",
        "      templateRef",
        "canary.yaml:20:7: spec.analysis.metrics[0].interval: is missing, and datadog needs it",
    ),
    (
        "      interval: 1m\n      templateRef",
        "      interval: 1min\n      templateRef",
        "canary.yaml:21:17: spec.analysis.metrics[0].interval: `1min` is no duration for datadog",
    ),
    (
        "      templateRef:\n        name: errors\n",
        "      templateRef: {}\n",
        "canary.yaml:22:7: spec.analysis.metrics[0].templateRef.name: is missing",
    ),
    (
        "{{ target }}",
        "{{ taget }}",
        "templates.yaml:12:24: spec.query: is no template: there is no function `taget`",
    ),
    (
        "{{ target }}",
        "{{ .Values.x }}",
        "templates.yaml:12:24: spec.query: is no template: there is no data behind `.Values.x`",
    ),
    (
        "{{ target }}",
        "{{ target",
        "templates.yaml:12:24: spec.query: is no template: `:` does not belong there",
    ),
    (
        "type: datadog",
        "type: datadgo",
        "templates.yaml:8:11: spec.provider.type: `datadgo` is no provider of metrics",
    ),
    (
        "    type: datadog\n",
        "",
        "templates.yaml:7:3: spec.provider.type: is missing",
    ),
    (
        "v1beta1\nkind: MetricTemplate",
        "v1alpha1\nkind: MetricTemplate",
        "templates.yaml:1:13: apiVersion: Flagger 1.44.0 has no MetricTemplate in",
    ),
];

#[test]
fn what_fails_every_check_is_refused_where_it_can_be_mended() {
    for (from, to, expected) in WRONG {
        let (canary, templates) = (asking(METRIC), TEMPLATE);
        assert!(canary.contains(from) || templates.contains(from), "{from}");
        let found = errors(&canary.replace(from, to), &templates.replace(from, to));
        assert_eq!(found.len(), 1, "{to}: {found:#?}");
        assert!(found[0].starts_with(expected), "{to}: {found:#?}");
    }
    let spec = TEMPLATE.find("spec:").unwrap();
    for (template, expected) in [
        (&TEMPLATE[..spec], "templates.yaml:1:1: spec: is missing"),
        (
            &TEMPLATE[..TEMPLATE.find("  query").unwrap()],
            "templates.yaml:6:1: spec.query: is missing",
        ),
    ] {
        let found = errors(&asking(METRIC), template);
        assert!(found[0].starts_with(expected), "{found:#?}");
    }
    let twice = format!("{TEMPLATE}---\n{TEMPLATE}");
    let found = errors(&asking(METRIC), &twice);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].starts_with("templates.yaml:18:9: metadata.name: `errors` is there twice"),
        "{found:#?}"
    );
}

#[test]
fn a_template_to_which_no_metric_refers_is_not_judged() {
    let fragment =
        "apiVersion: flagger.app/v1beta1\nkind: MetricTemplate\nmetadata: {name: half}\n";
    let import = read(&files(CANARY, fragment)).unwrap();
    let Fate::Ignored(why) = &import.account[1].fields[0].1 else {
        panic!("it decides nothing");
    };
    assert!(why.contains("no metric"), "{why}");
}

#[test]
fn influxdb_without_a_record_counts_as_zero() {
    let influx = TEMPLATE.replace("datadog\n", "influxdb\n");
    let import = read(&files(&asking(METRIC), &influx)).unwrap();
    let Gate::CustomCheck(check) = &import.analysis[1] else {
        panic!("the metric by template comes last");
    };
    assert_eq!(check.empty, Some(0.0));
}
