//! Changes by place: in scenarios, in manifests, and what stands against them.

use std::path::Path;

use super::*;
use crate::scenario::{Bundle, Origin, Overrides, find};

fn bundle(name: &str) -> Bundle {
    let origin = Origin::Builtin(find(name).unwrap());
    Bundle::gather(origin, &Overrides::default()).unwrap().0
}

fn changed(bundle: &Bundle, changes: &[&str]) -> Result<Bundle, String> {
    let changes: Vec<Change> = changes.iter().map(|text| text.parse().unwrap()).collect();
    bundle.changed(&changes).map_err(|error| error.to_string())
}

fn refused(name: &str, change: &str) -> String {
    changed(&bundle(name), &[change]).unwrap_err()
}

#[test]
fn places_are_read_as_they_are_shown() {
    for text in [
        "traffic.rate",
        "rollout.gates[0].min",
        "flagger:spec.analysis.threshold",
        "argo:spec.strategy.canary.steps[0].setWeight",
        "argo:AnalysisTemplate/my-latency:spec.metrics[0].failureLimit",
        "flagger:spec.analysis.metrics[a:b].thresholdRange.min",
        "kayenta:classifier.scoreThresholds.pass",
    ] {
        assert_eq!(text.parse::<Place>().unwrap().to_string(), text);
    }
    let wrong = |text: &str| text.parse::<Place>().unwrap_err().to_string();
    assert!(wrong("flager:spec.a").contains("did you mean `flagger`?"));
    assert!(wrong("argo:Template:spec.a").contains("kind and name"));
    assert!("traffic.rate".parse::<Change>().is_err());
    assert!("traffic.rate=".parse::<Change>().is_err());
}

#[test]
fn values_are_those_of_toml_or_plain_words() {
    assert_eq!(value("5"), toml::Value::Integer(5));
    assert_eq!(value("1m"), toml::Value::String("1m".to_owned()));
    assert_eq!(value("\"5\""), toml::Value::String("5".to_owned()));
    assert_eq!(value("99.5%"), toml::Value::String("99.5%".to_owned()));
    assert_eq!(value("[1, 2]").to_string(), "[1, 2]");
    assert_eq!(
        value("1\nw = 2"),
        toml::Value::String("1\nw = 2".to_owned())
    );
}

#[test]
fn a_scenario_keeps_its_comments_and_order() {
    let before = bundle("default");
    let after = changed(&before, &["traffic.rate=7/s", "experiment.trials=50"]).unwrap();
    let scenario = after.scenario().unwrap();
    assert_eq!(scenario.experiment.trials, Some(50));
    let patch = after.patch_since(&before);
    let touched = patch.lines().filter(|line| line.starts_with('-')).count();
    // The header and the rate; `trials` is new or replaced.
    assert!(touched <= 3, "{patch}");
    let path = &before.path;
    let rate: Place = "traffic.rate".parse().unwrap();
    let text = toml::Value::String("7/s".to_owned());
    assert_eq!(after.value_at(&rate).unwrap(), Some(text));
    assert_eq!(after.changed_since(&before), [path.as_path()]);
}

#[test]
fn manifests_change_and_the_scenario_follows() {
    let before = bundle("plain-flagger");
    let after = changed(
        &before,
        &[
            "flagger:spec.analysis.threshold=2",
            "flagger:spec.analysis.metrics[request-success-rate].thresholdRange.min=98.5",
        ],
    )
    .unwrap();
    assert_ne!(
        after.scenario().unwrap().rollout,
        before.scenario().unwrap().rollout
    );
    assert_ne!(
        after.scenario().unwrap().analysis,
        before.scenario().unwrap().analysis
    );
    insta::assert_snapshot!(after.patch_since(&before), @r"
    --- a/plain-flagger.yaml
    +++ b/plain-flagger.yaml
    @@ -14,14 +14,14 @@
         port: 8080
       analysis:
         interval: 1m
    -    threshold: 5
    +    threshold: 2
         stepWeight: 10
         maxWeight: 50
         metrics:
           - name: request-success-rate
             interval: 1m
             thresholdRange:
    -          min: 99
    +          min: 98.5
           - name: request-duration
             interval: 1m
             thresholdRange:
    ");
}

#[test]
fn lists_of_tables_are_reached_by_number_kind_and_name() {
    let before = bundle("evidence-promotion");
    for place in [
        "rollout.gates[0].tolerate",
        "rollout.gates[two-sided-evidence].tolerate",
    ] {
        let after = changed(&before, &[&format!("{place}=3")]).unwrap();
        let text = std::str::from_utf8(&after.texts[&after.path])
            .unwrap()
            .to_owned();
        assert!(text.contains("tolerate = 3\n"), "{text}");
        after.scenario().unwrap();
    }
    let after = changed(&before, &["rollout.steps[0].hold=2m"]).unwrap();
    assert!(
        after
            .patch_since(&before)
            .contains("+steps = [{ weight = \"5%\", hold = \"2m\" }]")
    );
    let gates = "rollout.gates=[{ kind = \"cumulative-z\", alpha = \"1%\" }]";
    let after = changed(&before, &[gates]).unwrap();
    assert_eq!(after.scenario().unwrap().analysis.len(), 1);
    let rivals = "rivals[bake time].gates[0].alpha=2%";
    let after = changed(&before, &[rivals]).unwrap();
    assert_ne!(
        after.scenario().unwrap().rivals,
        before.scenario().unwrap().rivals
    );
}

#[test]
fn what_cannot_be_changed_is_refused_with_its_reason() {
    for (name, change, words) in [
        (
            "default",
            "rollout.gates[7].min=1",
            "there is no `rollout.gates[7]`",
        ),
        (
            "default",
            "flagger:spec.analysis.threshold=1",
            "--flagger FILE",
        ),
        (
            "plain-flagger",
            "flagger:spec.analysis.treshold=1",
            "did you mean threshold?",
        ),
        (
            "plain-flagger",
            "flagger:spec.service.port=1",
            "decides nothing",
        ),
        (
            "plain-flagger",
            "flagger:spec.analysis.metrics=1",
            "holds a list",
        ),
        (
            "plain-flagger",
            "flagger:spec.analysis.threshold=[1]",
            "not to a list",
        ),
        (
            "plain-flagger",
            "flagger:MetricTemplate/x:spec.a=1",
            "there is no MetricTemplate x",
        ),
    ] {
        let error = refused(name, change);
        assert!(error.contains(words), "{change}: {error}");
    }
}

#[test]
fn what_an_option_decides_is_not_changed_in_vain() {
    let overrides = Overrides {
        rate: Some("5/s".parse().unwrap()),
        ..Overrides::default()
    };
    let origin = Origin::Builtin(find("default").unwrap());
    let (bundle, _) = Bundle::gather(origin, &overrides).unwrap();
    let error = changed(&bundle, &["traffic.rate=6/s"]).unwrap_err();
    assert!(error.contains("--rate"), "{error}");
}

#[test]
fn a_patch_names_files_where_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let manifest = folder.path().join("canary.yaml");
    let builtin = find("plain-flagger").unwrap();
    let (_, text) = builtin.companions().next().unwrap();
    std::fs::write(&manifest, text).unwrap();
    let overrides = Overrides {
        flagger: vec![manifest.clone()],
        ..Overrides::default()
    };
    let (before, _) = Bundle::gather(Origin::Neutral, &overrides).unwrap();
    let after = changed(&before, &["flagger:spec.analysis.threshold=2"]).unwrap();
    assert_eq!(after.changed_since(&before), [manifest.as_path()]);
    let shown = manifest
        .strip_prefix(Path::new("/"))
        .unwrap()
        .display()
        .to_string();
    let patch = after.patch_since(&before);
    assert!(
        patch.starts_with(&format!("--- a/{shown}\n+++ b/{shown}\n")),
        "{patch}"
    );
    after.scenario().unwrap();
}

/// Every value of a table, by its place.
fn values_of(value: &toml::Value, place: &str, found: &mut Vec<(String, toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (key, below) in table {
                let place = match place {
                    "" => key.clone(),
                    above => format!("{above}.{key}"),
                };
                values_of(below, &place, found);
            }
        }
        toml::Value::Array(items) => {
            for (index, below) in items.iter().enumerate() {
                values_of(below, &format!("{place}[{index}]"), found);
            }
        }
        other => found.push((place.to_owned(), other.clone())),
    }
}

#[test]
fn each_value_of_each_scenario_is_set_alone() {
    let mut tried = 0;
    for builtin in crate::scenario::builtin() {
        let before = bundle(builtin.name);
        let text = std::str::from_utf8(&before.texts[&before.path]).unwrap();
        let own: toml::Table = text.parse().unwrap();
        let mut all = Vec::new();
        values_of(&toml::Value::Table(own), "", &mut all);
        for (place, _) in &all {
            for new in ["7", "\"a \\\"quoted\\\" word\"", "[1, { kind = \"x\" }]"] {
                let Ok(place) = place.parse::<Place>() else {
                    continue;
                };
                let change = Change {
                    place,
                    value: value(new),
                };
                // It is compared with the table that is wanted before it is given.
                let after = before.changed(std::slice::from_ref(&change)).unwrap();
                assert_eq!(after.value_at(&change.place).unwrap(), Some(change.value));
                tried += 1;
            }
        }
    }
    assert!(tried > 1_000, "{tried}");
}
