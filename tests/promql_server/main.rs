//! The same queries, asked of a real Prometheus and of ours, over the same OpenMetrics text.
//!
//! The server is started on loopback and filled with `promtool`; without these programs the test is
//! skipped, on record.

mod queries;
#[expect(dead_code, reason = "nobody else is told where it listens")]
mod server;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;

use coalmine::telemetry::promql::{Answer, AskError, Catalogue, Labels, Query, Samples, Semantics};
use queries::{QUERIES, REFUSED, SHOWING_NOTHING};
use serde_json::Value;
use server::Server;

/// When the samples begin, in Unix seconds.
const BEGIN: i64 = 1_700_000_000;

/// Samples of several kinds: counters that restart, are born late and end early, a gauge that is not
/// always a number, a histogram, and labels to match.
fn openmetrics() -> String {
    let mut text = String::new();
    let mut state = 1_u64;
    let mut luck = move |below: u64| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    let mut line = |series: &str, samples: Vec<(i64, String)>| {
        for (at, value) in samples {
            // Tenths of a second, as scrapes have them.
            let (seconds, tenths) = (BEGIN + at / 10, at % 10);
            text.push_str(&format!("{series} {value} {seconds}.{tenths}\n"));
        }
    };
    for (pod, version, begins, ends) in [
        ("a", "v1", 0, 80),
        ("b", "v1", 0, 80),
        ("c", "v2", 20, 80),
        ("d", "v2", 0, 45),
    ] {
        for code in ["200", "404", "500"] {
            let (mut value, mut samples) = (luck(500), Vec::new());
            for k in begins..ends {
                value += luck(40);
                // One pod restarts, and some scrapes fail.
                if pod == "b" && k == 40 {
                    value = luck(5);
                }
                if k % 23 != 7 {
                    samples.push((
                        150 * k + i64::from(pod.as_bytes()[0] - b'a'),
                        value.to_string(),
                    ));
                }
            }
            let series = format!(
                "req_total{{pod=\"{pod}\",version=\"{version}\",code=\"{code}\",app=\"shop\"}}"
            );
            line(&series, samples);
        }
        let mut counts = [0_u64; 5];
        let mut rows: Vec<Vec<(i64, String)>> = vec![Vec::new(); 5];
        for k in begins..ends {
            let mut below = 0;
            for (count, row) in counts.iter_mut().zip(&mut rows) {
                below += luck(30);
                *count += below;
                row.push((150 * k, count.to_string()));
            }
        }
        for (bound, row) in ["0.1", "0.25", "0.5", "1", "+Inf"].into_iter().zip(rows) {
            line(
                &format!("lat_bucket{{pod=\"{pod}\",version=\"{version}\",le=\"{bound}\"}}"),
                row,
            );
        }
        let one = (0..80).map(|k| (150 * k, "1".to_owned()));
        line(
            &format!(
                "pod_info{{pod=\"{pod}\",version=\"{version}\",node=\"n{}\"}}",
                luck(2)
            ),
            one.collect(),
        );
    }
    for (case, shape) in [("wave", 0), ("odd", 1), ("negative", 2)] {
        let samples = (0..80_i64).map(|k| {
            let value = match (shape, k % 9) {
                (0, _) => ((k * 37) % 50).to_string(),
                (1, 3) => "NaN".to_owned(),
                (1, 5) => "+Inf".to_owned(),
                (1, _) => format!("{}.5", k % 7),
                _ => format!("-{}.25", k % 11),
            };
            (150 * k, value)
        });
        line(&format!("level{{case=\"{case}\"}}"), samples.collect());
    }
    text.push_str("# EOF\n");
    text
}

/// Which version's semantics a server has.
fn semantics(version: &str) -> Semantics {
    let numbers: Vec<u32> = version
        .split('.')
        .filter_map(|part| part.parse().ok())
        .collect();
    match numbers[..] {
        [2, minor, ..] if minor < 49 => Semantics::V2_42,
        [2, ..] => Semantics::V2,
        _ => Semantics::V3,
    }
}

#[test]
fn a_real_server_gives_the_same_values() {
    let text = openmetrics();
    let Some(server) = Server::start(&text) else {
        return;
    };
    let semantics = semantics(&server.version());
    let samples = Samples::from_text(&text).unwrap();
    let catalogue = Catalogue::of(&samples);
    let (mut asked, mut wrong, mut empty) = (0, Vec::new(), Vec::new());
    assert!(QUERIES.len() >= 50);
    for query in QUERIES {
        let bound = Query::parse(query, semantics)
            .unwrap()
            .bind(&catalogue)
            .unwrap();
        let mut found = false;
        for millis in [200_000, 307_500, 615_000, 905_300, 1_130_000] {
            let at = BEGIN * 1_000 + millis;
            let ours = bound.ask_samples(at, &samples);
            let theirs = server.ask(query, at);
            asked += 1;
            found |= ours
                .as_ref()
                .is_ok_and(|answer| !answer.values().is_empty());
            if let Err(why) = compare(&ours, &theirs) {
                wrong.push(format!("{query} at {millis}: {why}"));
            }
        }
        // A query that never shows anything compares nothing.
        empty.extend((!found).then_some(*query));
    }
    assert!(
        wrong.is_empty(),
        "{} of {asked} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(empty, SHOWING_NOTHING);
}

#[test]
fn a_real_server_refuses_the_same() {
    let Some(server) = Server::start(&openmetrics()) else {
        return;
    };
    let semantics = semantics(&server.version());
    for query in REFUSED {
        let theirs = server.ask(query, BEGIN * 1_000);
        assert_eq!(theirs["errorType"], "bad_data", "{query}: {theirs}");
        assert!(Query::parse(query, semantics).is_err(), "{query}");
    }
}

fn compare(ours: &Result<Answer, AskError>, theirs: &Value) -> Result<(), String> {
    let differ = || Err(format!("ours {ours:?}, theirs {theirs}"));
    if theirs["status"] == "error" {
        return match ours {
            Err(AskError::Execution(_)) if theirs["errorType"] == "execution" => Ok(()),
            _ => differ(),
        };
    }
    let Ok(ours) = ours else { return differ() };
    let data = &theirs["data"];
    let list = || data["result"].as_array().unwrap().iter();
    let same = match (ours, data["resultType"].as_str().unwrap()) {
        (Answer::Scalar(value), "scalar") => same(*value, &data["result"][1]),
        (Answer::Vector(elements), "vector") => {
            let mut all: Vec<(Labels, &Value)> = list()
                .map(|e| (labels(&e["metric"]), &e["value"][1]))
                .collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            let mut elements = elements.clone();
            elements.sort_by(|a, b| a.0.cmp(&b.0));
            elements.len() == all.len()
                && elements
                    .iter()
                    .zip(all)
                    .all(|(a, b)| a.0 == b.0 && same(a.1, b.1))
        }
        (Answer::Matrix(series), "matrix") => {
            let mut all: Vec<(Labels, &Value)> = list()
                .map(|e| (labels(&e["metric"]), &e["values"]))
                .collect();
            all.sort_by(|a, b| a.0.cmp(&b.0));
            series.len() == all.len()
                && series.iter().zip(all).all(|((a, samples), (b, values))| {
                    let values = values.as_array().unwrap();
                    a == &b
                        && samples.len() == values.len()
                        && (samples.iter().zip(values)).all(|((millis, value), pair)| {
                            let seconds = pair[0].as_f64().unwrap();
                            *millis == (seconds * 1_000.0).round() as i64 && same(*value, &pair[1])
                        })
                })
        }
        _ => false,
    };
    if same { Ok(()) } else { differ() }
}

fn labels(metric: &Value) -> Labels {
    let labels = metric.as_object().unwrap().iter();
    Labels::new(labels.map(|(name, value)| (name, value.as_str().unwrap())))
}

fn same(ours: f64, theirs: &Value) -> bool {
    let theirs: f64 = theirs.as_str().unwrap().parse().unwrap();
    ours == theirs
        || (ours.is_nan() && theirs.is_nan())
        || (ours - theirs).abs() <= 1e-12 * theirs.abs()
}
