//! MetricTemplates: found, rendered, asked, and what is wrong with them.

use super::{CANARY, changed, import, manifest, read};
use crate::base::Span;
use crate::gate::flagger::Limits;
use crate::gate::{CustomCheck, Gate, Source};
use crate::manifest::{Fate, Fates, Manifest};
use crate::telemetry::Reporter;
use crate::telemetry::exposition::Vendor;

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

/// A template that a Prometheus answers.
const RATE: &str = "\
apiVersion: flagger.app/v1beta1
kind: MetricTemplate
metadata: {name: errors, namespace: shop}
spec:
  provider: {type: prometheus, address: http://prometheus:9090}
  query: |
    sum(rate(istio_requests_total{
      destination_workload_namespace=\"{{ namespace }}\",
      destination_workload=~\"{{ target }}\",
      response_code=~\"5.*\"
    }[{{ interval }}]))
";

#[test]
fn a_query_finds_the_canarys_series_over_its_interval() {
    let import = read(&files(&asking(METRIC), RATE)).unwrap();
    let Gate::CustomCheck(check) = &import.analysis[1] else {
        panic!("the metric by template comes last");
    };
    assert_eq!(
        check.source.query(),
        Some(
            "sum(rate(istio_requests_total{ destination_workload_namespace=\"shop\", \
             destination_workload=~\"checkout\", response_code=~\"5.*\" }[1m]))"
        )
    );
    assert_eq!(check.window(), Span::from_secs(60));
    assert!(check.demand().canary && !check.demand().stable);
    assert_eq!(import.questions, [""; 0]);
    assert_eq!(
        (import.vendor, import.reporter),
        (Vendor::Istio, Reporter::Server)
    );
    // White space between words is all that is left of it.
    let primary = RATE.replace("{{ target }}", "{{ target }}-primary");
    let import = read(&files(&asking(METRIC), &primary)).unwrap();
    assert!(import.analysis[1].demand().stable);
}

#[test]
fn an_inline_query_is_asked_in_its_place_over_a_minute() {
    let inline = "    - name: rate
      query: sum(rate(istio_requests_total{destination_workload=\"{{ target }}\"}[{{ interval }}]))
      thresholdRange: {min: 1}
";
    let import = import(&asking(inline));
    let Gate::CustomCheck(check) = &import.analysis[0] else {
        panic!("it stands before the builtin metric");
    };
    assert!(check.source.query().unwrap().ends_with("[1m]))"));
    assert_eq!(check.name, "rate");
}

#[test]
fn the_vendor_and_the_side_are_those_that_the_queries_ask_for() {
    let alone = asking(METRIC).replace(
        "    - name: request-success-rate\n      interval: 30s\n      thresholdRange:\n        min: 99\n",
        "",
    );
    let shown = |query: &str| {
        let start = RATE.find("    sum").unwrap();
        let template = format!("{}    {query}\n", &RATE[..start]);
        let import =
            read(&files(&alone, &template)).unwrap_or_else(|problems| panic!("{problems}"));
        (import.vendor, import.reporter)
    };
    for (query, vendor, reporter) in [
        (
            "sum(rate(response_total{namespace=\"shop\",deployment=\"checkout\",direction=\"inbound\"}[1m]))",
            Vendor::Linkerd,
            Reporter::Server,
        ),
        (
            "sum(rate(istio_requests_total{reporter=\"source\",destination_workload=\"checkout\"}[1m]))",
            Vendor::Istio,
            Reporter::Client,
        ),
        (
            "sum(rate(nginx_ingress_controller_requests{ingress=\"checkout\",canary!=\"\"}[1m]))",
            Vendor::Nginx,
            Reporter::Server,
        ),
    ] {
        assert_eq!(shown(query), (vendor, reporter), "{query}");
    }
}

#[test]
fn queries_that_no_prometheus_answers_are_refused_where_they_stand() {
    let start = RATE.find("    sum").unwrap();
    for (query, message) in [
        (
            "sum(rate(istio_requests_total[1m])",
            "Prometheus refuses `sum(rate(",
        ),
        (
            "ratte(istio_requests_total[1m])",
            "there is no function `ratte`",
        ),
        ("istio_requests_total{code~\"5.*\"}", "Prometheus refuses"),
        ("# nothing", "there is no query"),
        ("scalar(sum(istio_requests_total))", "which is no vector"),
        ("istio_requests_total[1m]", "which is no vector"),
        ("1", "which is no vector"),
        (
            "sum(rate(my_errors_total[1m]))",
            "no metric `my_errors_total` is exported; there are",
        ),
    ] {
        let template = format!("{}    {query}\n", &RATE[..start]);
        let found = errors(&asking(METRIC), &template);
        assert_eq!(found.len(), 1, "{query}: {found:#?}");
        assert!(
            found[0].starts_with("templates.yaml:"),
            "{query}: {found:#?}"
        );
        assert!(found[0].contains("spec.query: "), "{query}: {found:#?}");
        assert!(found[0].contains(message), "{query}: {found:#?}");
    }
    // Without an interval the range is empty.
    let metric = METRIC.replace("      interval: 1m\n", "");
    let found = errors(&asking(&metric), RATE);
    assert!(
        found[0].contains("metrics[0].interval: is missing, and templates have no default"),
        "{found:#?}"
    );
}

#[test]
fn a_selector_that_finds_nothing_is_warned_of() {
    let missing = RATE.replace("5.*", "404");
    let import = read(&files(&asking(METRIC), &missing)).unwrap();
    let [warning] = &import.warnings[..] else {
        panic!("one warning: {:#?}", import.warnings);
    };
    assert_eq!(warning.file, 1);
    assert!(
        warning.problem.message.contains("finds no series here"),
        "{}",
        warning.problem.message
    );
}
