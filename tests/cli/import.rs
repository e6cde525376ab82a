//! `coalmine import`: what it drafts, what it says about it, and how it refuses.

use std::fs;
use std::path::Path;

use serde_json::Value;

use super::{answered, coalmine};

const SPLIT: &str = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts: [reviews]
  http:
  - match:
    - headers: {end-user: {exact: jason}}
    route:
    - destination: {host: reviews, subset: v2}
  - fault:
      delay: {fixedDelay: 200ms, percentage: {value: 5}}
    route:
    - destination: {host: reviews, subset: v1}
      weight: 80  # the old one
    - destination: {host: reviews, subset: v2}
      weight: 20
    mirror: {host: reviews, subset: v2}
    mirrorPercentage: {value: 50}
";

const RULE: &str = "\
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  trafficPolicy:
    tls: {mode: ISTIO_MUTUAL}
    outlierDetection: {consecutive5xxErrors: 7, interval: 30s, baseEjectionTime: 1m, maxEjectionPercent: 50}
  subsets:
  - {name: v1, labels: {version: v1}}
  - {name: v2, labels: {version: v2}}
---
apiVersion: v1
kind: Service
metadata: {name: reviews}
";

const CANARY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/plain-flagger.yaml");

/// A folder with these files.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    folder
}

#[test]
fn a_split_becomes_a_scenario_that_says_where_each_line_came_from() {
    let place = folder(&[("split.yaml", SPLIT), ("rule.yaml", RULE)]);
    let said = answered(place.path(), "import split.yaml rule.yaml");
    insta::assert_snapshot!("a_drafted_scenario", said.out);
    insta::assert_snapshot!("what_is_said_beside_it", said.err);
    fs::write(place.path().join("drafted.toml"), &said.out).unwrap();
    let played = answered(
        place.path(),
        "power drafted.toml --trials 3 --weights 5 --no-files",
    );
    assert!(played.out.contains("Whole rollout"), "{}", played.out);
}

#[test]
fn the_account_holds_every_field_once_with_its_line() {
    let place = folder(&[("split.yaml", SPLIT), ("rule.yaml", RULE)]);
    let said = answered(place.path(), "import --account split.yaml rule.yaml");
    insta::assert_snapshot!("the_account_of_a_split", said.out);
}

#[test]
fn programs_get_all_of_it_as_json() {
    let place = folder(&[("split.yaml", SPLIT), ("rule.yaml", RULE)]);
    let said = answered(place.path(), "import --json split.yaml rule.yaml");
    let told: Value = serde_json::from_str(&said.out).unwrap();
    assert_eq!(told["split"]["canary"], "reviews/v2");
    assert_eq!(told["split"]["weight"], 20.0);
    let resources = told["resources"].as_array().unwrap();
    assert_eq!(resources.len(), 3);
    assert_eq!(resources[2]["resource"], "Service reviews");
    assert!(resources[2]["unread"].is_string());
    let fields = resources[0]["fields"].as_array().unwrap();
    let weight = fields
        .iter()
        .find(|field| field["path"] == "spec.http[1].route[1].weight")
        .unwrap();
    assert_eq!(
        (&weight["line"], &weight["used"]),
        (&Value::from(18), &Value::from(true))
    );
    let drafted = answered(place.path(), "import split.yaml rule.yaml").out;
    assert_eq!(told["scenario"], drafted);
}

#[test]
fn a_canary_beside_a_split_decides_and_is_found_from_another_folder() {
    let place = folder(&[("split.yaml", SPLIT)]);
    fs::copy(CANARY, place.path().join("canary.yaml")).unwrap();
    fs::create_dir(place.path().join("drafts")).unwrap();
    let said = answered(
        place.path(),
        "import canary.yaml split.yaml --out drafts/shop.toml",
    );
    assert_eq!(said.out, "");
    let text = fs::read_to_string(place.path().join("drafts/shop.toml")).unwrap();
    assert!(text.contains("flagger = [\"../canary.yaml\"]"), "{text}");
    assert!(!text.contains("steps"), "{text}");
    assert!(said.err.contains("sets the weights"), "{}", said.err);
    answered(
        place.path(),
        "power drafts/shop.toml --trials 3 --weights 5 --no-files",
    );
}

#[test]
fn what_is_wrong_in_any_file_is_refused_with_its_line_and_nothing_is_drafted() {
    let place = folder(&[
        ("split.yaml", &SPLIT.replace("weight: 20", "weight: -20")),
        ("rule.yaml", &RULE.replace("  host: reviews\n", "")),
        (
            "template.yaml",
            "kind: VirtualService\nspec: {{ .Values.spec }}\n",
        ),
        ("brackets.yaml", &"[".repeat(200_000)),
        (
            "service.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
        ),
        ("other.yaml", "just words\n"),
    ]);
    for (arguments, words) in [
        (
            "split.yaml rule.yaml",
            &[
                "split.yaml:18:",
                "-20 is below zero",
                "rule.yaml:4:",
                "spec.host: is missing",
            ][..],
        ),
        ("template.yaml", &["template.yaml:2:", "helm template"]),
        ("brackets.yaml", &["brackets.yaml:1:", "not valid YAML"]),
        (
            "service.yaml",
            &[
                "nothing here is about a rollout or a split: found `Service a`",
                "VirtualService",
            ],
        ),
        (
            "other.yaml",
            &["nothing here is about a rollout or a split"],
        ),
        ("absent.yaml", &["absent.yaml", "no such file"]),
        ("split.yaml --out x.toml --json", &["cannot be used with"]),
    ] {
        let said = coalmine(place.path(), &format!("import {arguments}"));
        assert_eq!(
            (said.code, said.out.as_str()),
            (2, ""),
            "{arguments}: {}",
            said.err
        );
        for word in words {
            assert!(said.err.contains(word), "{arguments}: {word}: {}", said.err);
        }
    }
    assert!(!place.path().join("x.toml").exists());
}

#[test]
fn two_controllers_are_one_too_many() {
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec:\n  \
                   replicas: 5\n  selector: {matchLabels: {app: shop}}\n  \
                   template: {metadata: {labels: {app: shop}}, spec: {containers: [{name: a, image: a}]}}\n  \
                   strategy: {canary: {steps: [{setWeight: 20}, {pause: {duration: 5m}}]}}\n";
    let place = folder(&[("rollout.yaml", rollout)]);
    fs::copy(CANARY, place.path().join("canary.yaml")).unwrap();
    let said = coalmine(place.path(), "import canary.yaml rollout.yaml");
    assert_eq!(said.code, 2, "{}", said.err);
    assert!(
        said.err.contains("one controller decides at a time"),
        "{}",
        said.err
    );
    let alone = answered(place.path(), "import rollout.yaml");
    assert!(
        alone.out.contains("argo = [\"rollout.yaml\"]"),
        "{}",
        alone.out
    );
}

#[test]
fn a_survey_leaves_no_file_out() {
    let template = "apiVersion: argoproj.io/v1alpha1\nkind: AnalysisTemplate\nmetadata: {name: ratio}\nspec:\n  \
                    args: [{name: service}]\n  metrics:\n  - name: ratio\n    count: 1\n    \
                    successCondition: result[0] >= 0.95\n    provider: {prometheus: {address: http://p, \
                    query: 'sum(rate(istio_requests_total{destination_service=~\"{{args.service}}\"}[1m]))'}}\n";
    let place = folder(&[
        ("split.yaml", SPLIT),
        ("wrong.yaml", &SPLIT.replace("weight: 20", "weight: -20")),
        ("template.yaml", template),
        (
            "service.yaml",
            "apiVersion: v1\nkind: Service\nmetadata: {name: a}\n",
        ),
        ("empty.yaml", "# nothing\n"),
        ("notes.txt", "words\n"),
        (".hidden.yaml", "words\n"),
    ]);
    let said = answered(place.path(), "import --survey --each .");
    insta::assert_snapshot!("a_survey", said.out);
    let told = answered(place.path(), "import --survey --json .");
    let told: Value = serde_json::from_str(&told.out).unwrap();
    let folder = &told[0];
    assert_eq!(folder["files"], 5);
    assert_eq!(folder["passed_over"], 1);
    let absent = coalmine(Path::new("."), "import --survey no/such/folder");
    assert_eq!(absent.code, 2);
    assert!(
        absent.err.contains("no such file or folder"),
        "{}",
        absent.err
    );
}
