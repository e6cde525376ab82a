//! Edits of YAML and JSON: what is set is what is read back, and nothing else moves.

use proptest::prelude::*;

use super::*;

const CANARY: &str = "\
# Kept: comments, order and quotes.
apiVersion: v1
kind: Service
metadata: {name: other}
---
apiVersion: flagger.app/v1beta1
kind: Canary
metadata:
  name: shop   # the shop
spec:
  analysis:
    interval: 1m
    threshold: '5'   # in quotes
    metrics:
      - name: request-success-rate
        interval: \"1m\"
        thresholdRange: {min: 99}
      # slow
      - name: request-duration
        thresholdRange:
          max: 500
    webhooks: []
";

const WHICH: Which<'static> = Which {
    kind: Some("Canary"),
    name: None,
};

fn set_in(text: &str, path: &str, value: &Scalar) -> Result<Edited, EditError> {
    set(text, WHICH, &path.parse().unwrap(), value)
}

/// The lines that differ: old ones, then new ones.
fn changed(old: &str, new: &str) -> String {
    let diff = similar::TextDiff::from_lines(old, new);
    let changes = diff.iter_all_changes();
    let changes = changes.filter(|change| change.tag() != similar::ChangeTag::Equal);
    changes
        .map(|change| format!("{}{}", change.tag(), change.value()))
        .collect()
}

fn lines(path: &str, value: &Scalar) -> String {
    let edited = set_in(CANARY, path, value).unwrap();
    changed(CANARY, &edited.text)
}

fn text(words: &str) -> Scalar {
    Scalar::Text(words.to_owned())
}

#[test]
fn values_change_where_they_stand_and_keep_their_quotes() {
    for (path, value, expected) in [
        (
            "spec.analysis.interval",
            text("30s"),
            "-    interval: 1m\n+    interval: 30s\n",
        ),
        (
            "spec.analysis.threshold",
            Scalar::Number(2.0),
            "-    threshold: '5'   # in quotes\n+    threshold: '2'   # in quotes\n",
        ),
        (
            "spec.analysis.metrics[request-success-rate].thresholdRange.min",
            Scalar::Number(99.5),
            "-        thresholdRange: {min: 99}\n+        thresholdRange: {min: 99.5}\n",
        ),
        (
            "spec.analysis.metrics[0].interval",
            text("say \"it\""),
            "-        interval: \"1m\"\n+        interval: \"say \\\"it\\\"\"\n",
        ),
        // What would be read as a number is quoted when a text is asked for.
        (
            "spec.analysis.interval",
            text("5"),
            "-    interval: 1m\n+    interval: \"5\"\n",
        ),
    ] {
        assert_eq!(lines(path, &value), expected, "{path}");
    }
}

#[test]
fn missing_fields_are_added_beside_their_siblings() {
    for (path, expected) in [
        ("spec.analysis.maxWeight", "+    maxWeight: 7\n"),
        ("spec.analysis.metrics[0].minimum", "+        minimum: 7\n"),
        (
            "spec.analysis.metrics[0].thresholdRange.max",
            "-        thresholdRange: {min: 99}\n+        thresholdRange: {min: 99, max: 7}\n",
        ),
        (
            "spec.analysis.metrics[1].thresholdRange.min",
            "+          min: 7\n",
        ),
        ("spec.analysis.deep.er", "+    deep:\n+      er: 7\n"),
        ("spec.first", "+  first: 7\n"),
    ] {
        assert_eq!(lines(path, &Scalar::Number(7.0)), expected, "{path}");
    }
}

#[test]
fn json_stays_json() {
    let config = "{\n  \"name\": \"c\",\n  \"metrics\": [\n    {\"name\": \"m\"}\n  ],\n  \"empty\": {}\n}\n";
    let which = Which {
        kind: None,
        name: None,
    };
    for (path, value) in [
        ("classifier.pass", Scalar::Number(90.0)),
        ("metrics[m].weight", text("x")),
        ("metrics[0].a.b", Scalar::Truth(true)),
        ("empty.a", Scalar::Number(1.0)),
        ("name", text("d")),
    ] {
        let edited = set(config, which, &path.parse().unwrap(), &value).unwrap();
        serde_json::from_str::<serde_json::Value>(&edited.text).unwrap();
    }
}

#[test]
fn what_is_not_there_is_named_with_what_is() {
    let nearest = |path| {
        set_in(CANARY, path, &Scalar::Number(1.0))
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        nearest("spec.analysis.metrics[request-sucess-rate].interval"),
        "there is no `spec.analysis.metrics[request-sucess-rate]` (did you mean \
         `request-success-rate`?)"
    );
    assert!(nearest("spec.analysis.interval.below").contains("spec.analysis.interval.below"));
    assert!(nearest("spec.analysis.metrics").contains("holds a list"));
    let which = Which {
        kind: Some("Rollout"),
        name: Some("r"),
    };
    let error = set(
        CANARY,
        which,
        &"spec.a".parse().unwrap(),
        &Scalar::Number(1.0),
    );
    assert_eq!(error.unwrap_err().to_string(), "there is no Rollout r");
}

#[test]
fn what_is_shared_is_not_changed_for_others() {
    let shared =
        "kind: Canary\na: &x 10\nb: *x\nbase: &m {c: 1}\nd:\n  <<: *m\n  e: |\n    words\n";
    for path in ["b", "d.c", "d.e"] {
        let error = set_in(shared, path, &Scalar::Number(2.0));
        assert!(
            matches!(error, Err(EditError::Shared(_))),
            "{path}: {error:?}"
        );
    }
}

const SAMPLES: [&str; 5] = [
    CANARY,
    include_str!("../../../scenarios/plain-flagger.yaml"),
    include_str!("../../../scenarios/plain-argo.yaml"),
    include_str!("../../../scenarios/four-rollout.yaml"),
    include_str!("../../../scenarios/kayenta-canary.json"),
];

fn values() -> impl Strategy<Value = Scalar> {
    prop_oneof![
        (-1000_i32..100_000).prop_map(|number| Scalar::Number(f64::from(number) / 8.0)),
        any::<bool>().prop_map(Scalar::Truth),
        "[ -~]{0,12}".prop_map(Scalar::Text),
    ]
}

proptest! {
    #[test]
    fn one_value_is_set_and_nothing_else(
        sample in 0..SAMPLES.len(),
        pick in any::<prop::sample::Index>(),
        value in values(),
    ) {
        let old = SAMPLES[sample];
        let all = leaves(old);
        let leaf = &all[pick.index(all.len())];
        let which = Which { kind: leaf.kind.as_deref(), name: leaf.name.as_deref() };
        // Its own kind or name would make it another resource.
        let path = leaf.path.to_string();
        prop_assume!(path != "kind" && path != "metadata.name");
        match set(old, which, &leaf.path, &value) {
            Ok(edited) => {
                let now = leaves(&edited.text);
                prop_assert_eq!(now.len(), all.len());
                for (before, after) in all.iter().zip(&now) {
                    prop_assert_eq!(&before.path, &after.path);
                    let is_it = before == leaf;
                    let wanted = match (is_it, &before.value, &value) {
                        (false, before, _) => before.clone(),
                        (true, _, value) => value.clone(),
                    };
                    let shown = |scalar: &Scalar| plain(scalar);
                    prop_assert_eq!(shown(&after.value), shown(&wanted));
                }
            }
            Err(EditError::Shared(_)) => {
                // Only block texts refuse here: the samples have no aliases.
                let is_block = matches!(&leaf.value, Scalar::Text(text) if text.contains('\n'));
                prop_assert!(is_block, "{} = {:?}", path, value);
            }
            Err(error) => prop_assert!(false, "{}: {}", path, error),
        }
    }
}
