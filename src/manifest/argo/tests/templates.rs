//! AnalysisTemplates: what they come to in a Rollout, and what is refused of them.

use super::{ROLLOUT, errors, import, warned};
use crate::base::Span;
use crate::gate::argo::{Assessment, RangeQuery, Shape};
use crate::gate::{Gate, Source};
use crate::rollout::argo::{AnalysisMetric, Effort, RunSpec};

const TEMPLATE: &str = "\
apiVersion: argoproj.io/v1alpha1
kind: AnalysisTemplate
metadata: {name: rates}
spec:
  args:
  - name: service
  - name: limit
    value: 0.95
  metrics:
  - name: success-rate
    interval: 1m
    successCondition: result[0] >= {{ args.limit }}
    failureLimit: 3
    provider:
      prometheus:
        address: http://prometheus:9090
        query: sum(rate(istio_requests_total{destination_service=~\"{{args.service}}\"}[1m]))
";

/// A Rollout with a background analysis of these arguments, and a template.
fn with(arguments: &str, template: &str) -> String {
    let analysis = format!(
        "      analysis:\n        templates: [{{templateName: rates}}]\n        args: {arguments}\n      \
         steps:\n"
    );
    ROLLOUT.replacen("      steps:\n", &analysis, 1) + "---\n" + template
}

const GIVEN: &str = "[{name: service, value: app}]";

/// The template with one part replaced, which must be there.
fn template(from: &str, to: &str) -> String {
    assert!(TEMPLATE.contains(from), "{from}");
    TEMPLATE.replacen(from, to, 1)
}

/// The template with this in place of its provider and conditions.
fn provider(text: &str) -> String {
    let (before, _) = TEMPLATE.split_once("    successCondition").unwrap();
    format!("{before}{text}")
}

fn run(text: &str) -> (RunSpec, Vec<Gate>) {
    let import = import(text);
    let background = import.plan.settings().background.clone().unwrap();
    ((*background.run).clone(), import.analysis)
}

#[test]
fn a_metric_says_when_it_is_measured_and_what_it_asks() {
    let (run, gates) = run(&with(GIVEN, TEMPLATE));
    let expected = AnalysisMetric {
        interval: Some(Span::from_secs(60)),
        failure_limit: 3,
        ..AnalysisMetric::new("success-rate", 0)
    };
    assert_eq!(run.metrics(), [expected]);
    let [Gate::ArgoMetric(metric)] = gates.as_slice() else {
        panic!("{gates:?}");
    };
    let query = metric.source.query().unwrap();
    assert!(query.contains("destination_service=~\"app\""), "{query}");
    assert_eq!(
        metric.to_string(),
        "success-rate: passes on result[0] >= 0.95"
    );
}

#[test]
fn arguments_of_the_rollout_come_before_those_of_the_template() {
    let given = "[{name: service, value: app}, {name: limit, value: \"0.5\"}]";
    let (_, gates) = run(&with(given, TEMPLATE));
    assert!(
        gates[0].to_string().ends_with("result[0] >= 0.5"),
        "{}",
        gates[0]
    );
    // Every field of a metric may be an argument.
    let counted = template("failureLimit: 3", "failureLimit: \"{{args.limit}}\"");
    let given = "[{name: service, value: app}, {name: limit, value: \"2\"}]";
    let (run, _) = run(&with(given, &counted));
    assert_eq!(run.metrics()[0].failure_limit, 2);
}

#[test]
fn templates_name_others_and_share_gates() {
    let outer = "---\napiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: more}\n\
                 spec:\n  templates: [{templateName: rates}]\n  metrics:\n  - name: other\n    \
                 provider: {web: {url: http://a}}\n";
    let text = with(GIVEN, TEMPLATE) + outer;
    let both = text.replace(
        "{templateName: rates}]\n        args",
        "{templateName: more}]\n        args",
    );
    let (run, gates) = run(&both);
    let names: Vec<&str> = run
        .metrics()
        .iter()
        .map(|metric| metric.name.as_str())
        .collect();
    assert_eq!(names, ["other", "success-rate"]);
    assert_eq!(gates.len(), 2);
    assert_eq!(import(&both).questions, ["other"]);
    // A template that nothing names is let be, whatever is in it.
    let idle = with(GIVEN, TEMPLATE) + &outer.replace("http://a", "{}");
    let account = import(&idle).templates.pop().unwrap();
    assert!(account.unread.unwrap().contains("no analysis"), "{idle}");
}

#[test]
fn providers_say_how_their_answers_are_judged() {
    for (text, expected) in [
        (
            "    provider: {job: {spec: {template: {}}}}\n",
            "success-rate: passes when its Job completes",
        ),
        (
            "    provider: {kayenta: {threshold: {pass: 90, marginal: 75}}}\n",
            "success-rate: passes from a score of 90 on, fails below 75",
        ),
        (
            "    failureCondition: default(result, 0) > 5\n    provider: {datadog: {query: a}}\n",
            "success-rate: fails on default(result, 0) > 5",
        ),
    ] {
        let (run, gates) = run(&with(GIVEN, &provider(text)));
        assert_eq!(gates[0].to_string(), expected);
        let slow = !matches!(run.metrics()[0].effort, Effort::Query(_));
        assert_eq!(slow, !text.contains("datadog"), "{text}");
        assert_eq!(gates[0].question(), Some(0), "{text}");
    }
    let text = provider("    successCondition: result.ok == true\n    provider: {web: {url: a}}\n");
    let (_, gates) = run(&with(GIVEN, &text));
    let Gate::ArgoMetric(metric) = &gates[0] else {
        panic!("{gates:?}");
    };
    let Assessment::Conditions { shape, .. } = &metric.assessment else {
        panic!("{metric:?}");
    };
    assert!(matches!(shape, Shape::Json(_)), "{shape:?}");
    assert_eq!(metric.source, Source::Supplied(0));
}

#[test]
fn a_range_query_asks_for_several_instants() {
    let range = template(
        "        query:",
        "        rangeQuery: {start: 'now() - duration(\"5m\")', end: now(), step: 1m}\n        query:",
    )
    .replace("result[0] >= {{ args.limit }}", "'all(result, # < {{args.limit}})'");
    let (_, gates) = run(&with(GIVEN, &range));
    let Gate::ArgoMetric(metric) = &gates[0] else {
        panic!("{gates:?}");
    };
    let expected = RangeQuery {
        start: Span::from_secs(300),
        end: Span::ZERO,
        step: Span::from_secs(60),
    };
    assert_eq!(metric.range, Some(expected));
}

#[test]
fn rules_without_effect_are_patterns_that_match_anywhere() {
    let dry = TEMPLATE.to_owned() + "  dryRun: [{metricName: ccess}]\n";
    assert!(run(&with(GIVEN, &dry)).0.metrics()[0].dry_run);
    for (pattern, help) in [
        // Vectors B15 and B16.
        ("error-rate", "there are success-rate"),
        ("\"*\"", "write `.*`"),
    ] {
        let dry = TEMPLATE.to_owned() + &format!("  dryRun: [{{metricName: {pattern}}}]\n");
        let said = errors(&with(GIVEN, &dry));
        assert!(
            said[0].contains("matches no metric") && said[0].contains(help),
            "{said:?}"
        );
    }
}

#[test]
fn what_argo_finds_out_when_a_run_starts_is_refused_at_once() {
    for (from, to, line, words) in [
        (
            "result[0] >= {{ args.limit }}",
            "results[0] > 1",
            "`results` is not known",
        ),
        (
            "result[0] >= {{ args.limit }}",
            "result[0] >=",
            "it ends where a value is wanted",
        ),
        (
            "result[0] >= {{ args.limit }}",
            "result >= 0.9",
            "take one of the list",
        ),
        (
            "result[0] >= {{ args.limit }}",
            "\"  \"",
            "there is nothing in it",
        ),
        (
            "{{ args.limit }}",
            "{{ args.limits }}",
            "did you mean limit?",
        ),
        ("{{ args.limit }}", "{{ .Values.limit }}", "render it first"),
        (
            "interval: 1m",
            "interval: 1 minute",
            "`1 minute` is no duration",
        ),
        (
            "interval: 1m",
            "count: 3",
            "count is 3, and there is no interval",
        ),
        (
            "failureLimit: 3",
            "failureLimit: -2",
            "-1 for no limit is the least",
        ),
        ("failureLimit: 3", "failureLimit: -1", "one must be set"),
        (
            "failureLimit: 3",
            "failureLimit: 5\n    count: 3",
            "count is 3, less than failureLimit, 5",
        ),
        (
            "failureLimit: 3",
            "consecutiveErrorLimit: -1",
            "0 is the least",
        ),
        ("[1m]", "[1m", "Prometheus refuses the query"),
        (
            "prometheus:\n",
            "graphite: {}\n      prometheus:\n",
            "names several: prometheus, graphite",
        ),
        ("prometheus:\n", "prometeus:\n", "names no provider"),
        (
            "    value: 0.95\n",
            "    valueFrom: {secretKeyRef: {name: a, key: b}}\n",
            "depends on a Secret",
        ),
        (
            "  - name: success-rate\n",
            "  - name: success-rate\n    provider: {job: {}}\n  - name: success-rate\n",
            "is there already",
        ),
        (
            "        query:",
            "        timeout: -1\n        query:",
            "is below 0",
        ),
        (
            "        query:",
            "        rangeQuery: {start: now(), end: yesterday, step: 1m}\n        query:",
            "`yesterday` cannot be used",
        ),
    ]
    .map(|(from, to, words)| {
        let text = template(from, to);
        let line = text.lines().count();
        (from, to, line, words)
    }) {
        let text = with(GIVEN, &template(from, to));
        let said = errors(&text);
        assert!(said.iter().any(|one| one.contains(words)), "{to}: {said:?}");
        let first = text.lines().count() - line;
        for one in &said {
            let at: usize = one.split(':').next().unwrap().parse().unwrap();
            assert!(at > first, "{to}: not in the template: {one}");
        }
    }
}

#[test]
fn what_the_rollout_has_wrong_is_said_of_the_rollout() {
    let said = errors(&with("[]", TEMPLATE));
    assert!(
        said[0].contains("the argument `service` has no value"),
        "{said:?}"
    );
    let said = warned(&with(
        "[{name: service, value: a}, {name: servce, value: b}]",
        TEMPLATE,
    ));
    assert!(
        said[0].contains("no template has an argument `servce`"),
        "{said:?}"
    );
    // A step waits for the end of its run.
    let step = ROLLOUT.replacen(
        "      - pause: {}\n",
        "      - analysis: {templates: [{templateName: rates}], args: [{name: service, value: a}]}\n",
        1,
    );
    let said = errors(&(step + "---\n" + TEMPLATE));
    assert!(said[0].contains("the step would never end"), "{said:?}");
}

#[test]
fn limits_that_nothing_can_break_are_warned_of() {
    let said = warned(&with(
        GIVEN,
        &template("failureLimit: 3", "failureLimit: 3\n    count: 3"),
    ));
    assert!(said[0].contains("it cannot fail"), "{said:?}");
}
