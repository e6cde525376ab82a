//! Kayenta's judge against numbers that an independent program computed and that R and the original
//! classes agreed with.
//!
//! Every value on the way to a root is met bit for bit. The file's bounds were computed with a normal
//! quantile one unit in the last place below the one of its traces and of the judge: with that one
//! they are met bit for bit, too.

mod shared_folder;

use std::collections::BTreeMap;

use coalmine::base::{Span, Time};
use coalmine::gate::kayenta::{
    Analysis, Class, Classification, Counted, Direction, Effect, Forced, Group, Label, Measure,
    Missing, Thresholds, classify, score,
};
use coalmine::rollout::spinnaker::{Conclusion, Judgement, Request};
use coalmine::stats::RankSum;
use serde_json::Value;

/// The normal quantile of the judge's fixed confidence.
const QUANTILE: f64 = 2.326347874040841;
/// The one that the file's bounds were computed with.
const QUANTILE_OF_BOUNDS: f64 = 2.3263478740408408;

fn vectors() -> Option<Value> {
    let path = shared_folder::shared("reference/kayenta-vectors.json")?;
    let text = std::fs::read_to_string(path).unwrap();
    Some(serde_json::from_str(&text).unwrap())
}

fn list<'v>(file: &'v Value, key: &str) -> &'v [Value] {
    file[key].as_array().unwrap()
}

fn samples(values: &Value) -> Vec<f64> {
    let values = values.as_array().unwrap();
    (values.iter())
        .map(|value| value.as_f64().unwrap_or(f64::NAN))
        .collect()
}

fn analysis(config: &Value) -> Analysis {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let flag = |key: &str| config[key].as_bool().unwrap_or(false);
    let effect = &config["effectSize"];
    let measure = match word(&effect["measure"]).as_str() {
        "cles" => Measure::Cles,
        _ => Measure::MeanRatio,
    };
    let limit = |key: &str| effect[key].as_f64().unwrap_or(measure.neutral());
    Analysis {
        direction: match word(&config["direction"]).as_str() {
            "increase" => Direction::Increase,
            "decrease" => Direction::Decrease,
            _ => Direction::Either,
        },
        missing: match word(&config["nanStrategy"]).as_str() {
            "replace" => Missing::Replace,
            _ => Missing::Remove,
        },
        critical: flag("critical"),
        must_have_data: flag("mustHaveData"),
        muted: flag("muted"),
        outliers: (config["outliers"]["strategy"] == "remove")
            .then(|| config["outliers"]["outlierFactor"].as_f64().unwrap_or(3.0)),
        effect: Effect {
            measure,
            allowed_increase: limit("allowedIncrease"),
            allowed_decrease: limit("allowedDecrease"),
            critical_increase: limit("criticalIncrease"),
            critical_decrease: limit("criticalDecrease"),
        },
    }
}

fn classified(vector: &Value) -> Classification {
    classify(
        &analysis(&vector["config"]),
        &samples(&vector["control"]),
        &samples(&vector["experiment"]),
    )
}

fn label(text: &Value) -> Label {
    match text.as_str().unwrap() {
        "Pass" => Label::Pass,
        "High" => Label::High,
        "Low" => Label::Low,
        "Nodata" => Label::Nodata,
        "NodataFailMetric" => Label::NodataFailMetric,
        "Error" => Label::Error,
        other => panic!("{other}"),
    }
}

fn thresholds(value: &Value) -> Thresholds {
    Thresholds {
        pass: value["pass"].as_f64().unwrap(),
        marginal: value["marginal"].as_f64().unwrap(),
    }
}

fn near(got: f64, expected: f64, what: &str) {
    assert!(
        (got - expected).abs() <= 1e-12 * expected.abs(),
        "{what}: {got} for {expected}"
    );
}

#[test]
fn every_metric_is_labelled_with_its_figures() {
    let Some(file) = vectors() else { return };
    let vectors = list(&file, "metric_vectors");
    assert_eq!(vectors.len(), 20);
    for vector in vectors {
        let id = vector["id"].as_str().unwrap();
        let expected = &vector["expected"];
        let found = classified(vector);
        assert_eq!(found.label, label(&expected["label"]), "{id}");
        assert_eq!(expected["critical"], found.critical, "{id}");
        let reason = found.reason_text(id);
        assert_eq!(expected["reason"].as_str(), reason.as_deref(), "{id}");
        assert_eq!(expected["control_used_count"], found.control.count, "{id}");
        assert_eq!(
            expected["experiment_used_count"], found.experiment.count,
            "{id}"
        );
        if vector["nondeterministic"] == true {
            continue;
        }
        near(
            found.control.mean,
            expected["control_mean"].as_f64().unwrap(),
            id,
        );
        near(
            found.experiment.mean,
            expected["experiment_mean"].as_f64().unwrap(),
            id,
        );
        match &expected["ratio"] {
            Value::Null => assert_eq!(found.ratio, None, "{id}"),
            Value::String(text) => {
                assert_eq!(text, "NaN", "{id}");
                assert!(found.ratio.is_some_and(f64::is_nan), "{id}");
            }
            number => near(found.ratio.unwrap(), number.as_f64().unwrap(), id),
        }
        let whitney = &expected["mann_whitney"];
        let Some(comparison) = found.comparison else {
            assert!(whitney.is_null(), "{id}");
            continue;
        };
        for (key, got) in [
            ("lower", comparison.shift.lower),
            ("upper", comparison.shift.upper),
            ("estimate", comparison.shift.estimate),
            ("tolerance_bound", comparison.tolerance()),
        ] {
            let expected = whitney[key].as_f64().unwrap();
            assert!(
                (got - expected).abs() <= 1e-12,
                "{id}: {key} {got} for {expected}"
            );
        }
        if let Some(effect) = expected["effect_size"].as_f64() {
            near(comparison.effect, effect, id);
        }
        // R's p-value is that of the judge's own statistic.
        let p = 2.0 * coalmine::stats::normal_upper(comparison.z.abs());
        let of_r = expected["r"]["p_value"].as_f64().unwrap();
        assert!((p - of_r).abs() < 1e-9, "{id}: p {p} for {of_r}");
    }
}

/// The samples that the test compares, where no outliers are removed.
fn kept(vector: &Value, key: &str) -> Vec<f64> {
    let all = samples(&vector[key]).into_iter();
    match analysis(&vector["config"]).missing {
        Missing::Remove => all.filter(|value| !value.is_nan()).collect(),
        Missing::Replace => all.map(|v| if v.is_nan() { 0.0 } else { v }).collect(),
    }
}

#[test]
fn bounds_are_the_same_to_the_last_digit() {
    let Some(file) = vectors() else { return };
    let mut met = 0;
    for vector in list(&file, "metric_vectors") {
        let expected = &vector["expected"]["mann_whitney"];
        if expected.is_null() || analysis(&vector["config"]).outliers.is_some() {
            continue;
        }
        met += 1;
        let test = RankSum::new(&kept(vector, "experiment"), &kept(vector, "control")).unwrap();
        let shift = test.shift(QUANTILE_OF_BOUNDS).unwrap();
        let found = [shift.lower, shift.upper, shift.estimate].map(Some);
        let expected = ["lower", "upper", "estimate"].map(|key| expected[key].as_f64());
        assert_eq!(found, expected, "{}", vector["id"]);
    }
    assert_eq!(met, 17);
}

#[test]
fn every_value_on_the_way_to_a_root_is_the_same() {
    let Some(file) = vectors() else { return };
    let mut traced = 0;
    for vector in list(&file, "metric_vectors") {
        let Some(trace) = vector.get("root_trace") else {
            continue;
        };
        traced += 1;
        let analysis = analysis(&vector["config"]);
        assert_eq!(analysis.outliers, None);
        let test = RankSum::new(&kept(vector, "experiment"), &kept(vector, "control")).unwrap();
        for key in ["lower", "upper", "estimate"] {
            let of = &trace[key];
            let target = of["q"].as_f64().unwrap();
            assert!(target == 0.0 || target.abs() == QUANTILE);
            let value = |shift: f64| test.z(shift).unwrap() - target;
            let at = |end: &str| value(trace[end].as_f64().unwrap());
            assert_eq!(of["f_mu_min"].as_f64(), Some(at("mu_min")));
            assert_eq!(of["f_mu_max"].as_f64(), Some(at("mu_max")));
            for point in list(of, "evaluations") {
                let shift = point[0].as_f64().unwrap();
                assert_eq!(point[1].as_f64(), Some(value(shift)), "{key} at {shift}");
            }
        }
        let shift = test.shift(QUANTILE).unwrap();
        assert_eq!(trace["lower"]["root"].as_f64(), Some(shift.lower));
        assert_eq!(trace["upper"]["root"].as_f64(), Some(shift.upper));
        assert_eq!(trace["estimate"]["root"].as_f64(), Some(shift.estimate));
    }
    assert_eq!(traced, 3);
}

/// The groups of some results, those with a weight first.
fn groups<'v>(weights: &Value, named: impl Iterator<Item = &'v Value>) -> Vec<Group> {
    let weights = weights.as_object().unwrap();
    let mut groups: Vec<Group> = (weights.iter())
        .map(|(name, weight)| Group {
            name: name.clone(),
            weight: weight.as_f64(),
        })
        .collect();
    for name in named.flat_map(|of| of["groups"].as_array().unwrap()) {
        let name = name.as_str().unwrap();
        if !groups.iter().any(|group| group.name == name) {
            groups.push(Group {
                name: name.to_owned(),
                weight: None,
            });
        }
    }
    groups
}

fn numbers(groups: &[Group], of: &Value) -> Vec<usize> {
    let names = of["groups"].as_array().unwrap().iter();
    (names.map(|name| groups.iter().position(|group| *name == group.name).unwrap())).collect()
}

fn check_score(
    vector: &Value,
    results: &[Counted<'_>],
    groups: &[Group],
    reason: impl Fn(Forced) -> String,
) {
    let id = &vector["id"];
    let expected = &vector["expected"];
    let found = score(results, groups, thresholds(&vector["thresholds"]));
    let scores: BTreeMap<&str, f64> = (found.groups.iter())
        .map(|of| (groups[of.group].name.as_str(), of.score))
        .collect();
    let expected_scores: BTreeMap<&str, f64> = (expected["group_scores"].as_object().unwrap())
        .iter()
        .map(|(name, score)| (name.as_str(), score.as_f64().unwrap()))
        .collect();
    assert_eq!(scores, expected_scores, "{id}");
    assert_eq!(expected["score"].as_f64(), Some(found.total), "{id}");
    assert_eq!(expected["classification"], found.class.to_string(), "{id}");
    let why = found.forced.map(reason).unwrap_or_default();
    assert_eq!(expected["reason"], why, "{id}");
}

#[test]
fn scores_are_exact() {
    let Some(file) = vectors() else { return };
    let vectors = list(&file, "score_vectors");
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let results = list(vector, "results");
        let groups = groups(&vector["group_weights"], results.iter());
        let of: Vec<Vec<usize>> = results.iter().map(|r| numbers(&groups, r)).collect();
        let counted: Vec<Counted<'_>> = (results.iter().zip(&of))
            .map(|(result, groups)| Counted {
                label: label(&result["label"]),
                critical: result["critical"] == true,
                muted: result["muted"] == true,
                groups,
            })
            .collect();
        check_score(vector, &counted, &groups, |forced| {
            forced.text(|index| results[index]["reason"].as_str().unwrap().to_owned())
        });
    }
}

#[test]
fn whole_canaries_are_scored() {
    let Some(file) = vectors() else { return };
    let vectors = list(&file, "canary_vectors");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let metrics = list(vector, "metrics");
        let groups = groups(&vector["group_weights"], metrics.iter());
        let of: Vec<Vec<usize>> = metrics.iter().map(|m| numbers(&groups, m)).collect();
        let named = |metric: &Value| {
            (list(&file, "metric_vectors").iter())
                .find(|vector| vector["id"] == metric["vector"])
                .unwrap()
        };
        let results: Vec<Classification> = metrics
            .iter()
            .map(|metric| classified(named(metric)))
            .collect();
        let labels: Vec<Label> = results.iter().map(|result| result.label).collect();
        let expected: Vec<Label> = list(&vector["expected"], "labels")
            .iter()
            .map(label)
            .collect();
        assert_eq!(labels, expected, "{}", vector["id"]);
        let counted: Vec<Counted<'_>> = (results.iter().zip(&of))
            .map(|(result, groups)| Counted {
                label: result.label,
                critical: result.critical,
                muted: false,
                groups,
            })
            .collect();
        check_score(vector, &counted, &groups, |forced| {
            forced.text(|index| {
                let name = metrics[index]["vector"].as_str().unwrap();
                results[index].reason_text(name).unwrap()
            })
        });
    }
}

#[test]
fn a_canary_of_one_metric_scores_all_or_nothing() {
    let Some(file) = vectors() else { return };
    let usual = Thresholds {
        pass: 95.0,
        marginal: 75.0,
    };
    let all = [Group {
        name: "all".to_owned(),
        weight: Some(100.0),
    }];
    for vector in list(&file, "metric_vectors") {
        let id = vector["id"].as_str().unwrap();
        let expected = &vector["expected"];
        let result = classified(vector);
        let counted = Counted {
            label: result.label,
            critical: result.critical,
            muted: false,
            groups: &[0],
        };
        let found = score(&[counted], &all, usual);
        assert_eq!(expected["total_score"].as_f64(), Some(found.total), "{id}");
        let class: &str = match found.class {
            Class::Pass => "Pass",
            Class::Marginal => "Marginal",
            Class::Fail => "Fail",
        };
        assert_eq!(expected["summary"], class, "{id}");
        let why = (found.forced)
            .map(|forced| forced.text(|_| result.reason_text(id).unwrap()))
            .unwrap_or_default();
        assert_eq!(expected["summary_reason"], why, "{id}");
    }
}

/// Minutes from the vectors' origin as a time; some lie before it.
fn time(minutes: &Value) -> Option<Time> {
    let minutes = minutes.as_i64()?;
    Some(Time::from_secs(
        u64::try_from(minutes + 10_000).unwrap() * 60,
    ))
}

#[test]
fn judgements_are_planned_over_the_same_windows() {
    let Some(file) = vectors() else { return };
    let vectors = list(&file, "window_vectors");
    assert_eq!(vectors.len(), 4);
    for vector in vectors {
        let of = &vector["request"];
        let span = |key: &str| Span::from_secs(60 * of[key].as_u64().unwrap_or(0));
        let now = time(&vector["now"]).unwrap();
        let (start, end) = (time(&of["start"]), time(&of["end"]));
        let begin = start.unwrap_or(now);
        let request = Request {
            lifetime: end.map_or(span("lifetimeDurationMins"), |end| end.since(begin)),
            interval: span("analysisIntervalMins"),
            warmup: span("beginAfterMins"),
            lookback: Some(span("lookbackMins")).filter(|span| !span.is_zero()),
            control_offset: span("controlOffsetInMinutes"),
            retrospective: end.is_some(),
        };
        let expected: Vec<Judgement> = list(&vector["expected"], "windows")
            .iter()
            .map(|window| {
                let ends = |side: &str| {
                    let [from, to] = [0, 1].map(|end| time(&window[side][end]).unwrap());
                    (from, to)
                };
                Judgement {
                    at: time(&window["runs_at"]).unwrap(),
                    experiment: ends("experiment"),
                    control: ends("control"),
                }
            })
            .collect();
        let planned: Vec<Judgement> = request.plan(begin, now).collect();
        assert_eq!(planned, expected, "{}", vector["id"]);
        assert_eq!(
            vector["expected"]["judgements"],
            request.judgements(),
            "{}",
            vector["id"]
        );
    }
}

#[test]
fn runs_end_as_their_scores_say() {
    let Some(file) = vectors() else { return };
    let vectors = list(&file, "verdict_vectors");
    assert_eq!(vectors.len(), 3);
    for vector in vectors {
        let id = &vector["id"];
        let expected = &vector["expected"];
        let limits = thresholds(&vector["thresholds"]);
        let scores = list(vector, "interval_scores");
        let (judged, score, conclusion) = (scores.iter().enumerate())
            .find_map(|(index, score)| {
                let score = score.as_f64().unwrap();
                let last = index + 1 == scores.len();
                let conclusion = Conclusion::of(score, last, limits)?;
                Some((index + 1, score, conclusion))
            })
            .unwrap();
        assert_eq!(expected["intervals_run"], judged, "{id}");
        assert_eq!(expected["stopped_early"], judged < scores.len(), "{id}");
        assert_eq!(expected["final_score"].as_f64(), Some(score), "{id}");
        assert_eq!(
            expected["did_pass"],
            conclusion == Conclusion::Passed,
            "{id}"
        );
        assert_eq!(expected["message"], conclusion.text(score), "{id}");
    }
}
