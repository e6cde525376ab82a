//! Queries against the answers of real Prometheus servers: every recorded check with the semantics
//! of each of the three servers that were asked.

mod shared_folder;

use coalmine::telemetry::promql::{
    Answer, AskError, Catalogue, Labels, Query, STALE, Samples, Semantics,
};
use serde_json::Value;

/// The servers, the keys under which their answers stand, and the semantics that give these.
const SERVERS: [(&str, &[&str], Semantics); 3] = [
    ("2.42.0", &["all", "2.x", "2.42.0"], Semantics::V2_42),
    (
        "2.53.3",
        &["all", "2.x", "2.53.3", "2.53.3+"],
        Semantics::V2,
    ),
    ("3.5.3", &["all", "3.5.3", "2.53.3+"], Semantics::V3),
];

#[test]
fn prometheus_gives_the_same_answers() {
    let Some(path) = shared_folder::shared("reference/promql-vectors.json") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let (mut cases, mut checks, mut wrong) = (0, 0, Vec::new());
    for case in file["cases"].as_array().unwrap() {
        let samples = read(&file["datasets"][case["dataset"].as_str().unwrap()]);
        let query = case["query"].as_str().unwrap();
        cases += 1;
        for check in case["checks"].as_array().unwrap() {
            checks += 1;
            for (server, keys, semantics) in SERVERS {
                let expected = keys.iter().find_map(|key| check["expect"].get(key));
                let got = ask(query, semantics, &samples, case, check);
                if let Err(why) = compare(&got, expected.unwrap()) {
                    wrong.push(format!(
                        "{} at {} as {server}: {why}",
                        case["id"], check["time_ms"]
                    ));
                }
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!((cases, checks), (30, 129));
}

fn ask(
    query: &str,
    semantics: Semantics,
    samples: &Samples,
    case: &Value,
    check: &Value,
) -> Result<Answer, AskError> {
    let query = Query::parse(query, semantics).unwrap();
    let bound = query.bind(&Catalogue::of(samples)).unwrap();
    let end = check["time_ms"].as_i64().unwrap();
    match (case["start_ms"].as_i64(), case["step_ms"].as_i64()) {
        (Some(start), Some(step)) => bound.ask_samples_range((start, end), step, samples),
        _ => bound.ask_samples(end, samples),
    }
}

fn read(dataset: &Value) -> Samples {
    let series = dataset["series"].as_array().unwrap().iter().map(|series| {
        let samples = series["samples"].as_array().unwrap().iter();
        let samples = samples.map(|sample| (sample[0].as_i64().unwrap(), number(&sample[1])));
        (labels(&series["labels"]), samples.collect())
    });
    Samples::new(series)
}

fn labels(value: &Value) -> Labels {
    let labels = value.as_object().unwrap().iter();
    Labels::new(labels.map(|(name, value)| (name, value.as_str().unwrap())))
}

fn number(value: &Value) -> f64 {
    match value.as_str().unwrap() {
        "stale" => f64::from_bits(STALE),
        text => text.parse().unwrap(),
    }
}

fn compare(got: &Result<Answer, AskError>, expected: &Value) -> Result<(), String> {
    let differ = || Err(format!("{got:?}, expected {expected}"));
    if let Some(message) = expected.get("message") {
        let message = message.as_str().unwrap();
        let Err(AskError::Execution(told)) = got else {
            return differ();
        };
        // Messages that name two series name them in any order.
        let start = message.split([';', '{']).next().unwrap();
        return if told.starts_with(start) {
            Ok(())
        } else {
            differ()
        };
    }
    let Ok(answer) = got else { return differ() };
    let same = match answer {
        Answer::Scalar(value) => same(*value, number(&expected["value"])),
        Answer::Text(_) => false,
        Answer::Vector(elements) => {
            let expected = sorted(&expected["result"], |element| number(&element["value"]));
            elements.len() == expected.len()
                && (elements.iter().zip(&expected)).all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        }
        Answer::Matrix(series) => {
            let samples = |element: &Value| -> Vec<(i64, f64)> {
                let samples = element["values"].as_array().unwrap().iter();
                samples
                    .map(|s| (s[0].as_i64().unwrap(), number(&s[1])))
                    .collect()
            };
            let expected = sorted(&expected["result"], samples);
            series.len() == expected.len()
                && (series.iter().zip(&expected)).all(|((a, these), (b, those))| {
                    let all = these.iter().zip(those);
                    a == b
                        && these.len() == those.len()
                        && all.into_iter().all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
                })
        }
    };
    if same { Ok(()) } else { differ() }
}

fn sorted<T>(result: &Value, value: impl Fn(&Value) -> T) -> Vec<(Labels, T)> {
    let elements = result.as_array().unwrap().iter();
    let mut all: Vec<(Labels, T)> = elements
        .map(|element| (labels(&element["metric"]), value(element)))
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

fn same(got: f64, expected: f64) -> bool {
    got == expected
        || (got.is_nan() && expected.is_nan())
        || (got - expected).abs() <= 1e-12 * expected.abs()
}
