//! Queries as people write them: each is read and evaluated, for both versions of the language, and
//! what is no query is refused.

mod shared_folder;

use coalmine::telemetry::promql::{Catalogue, Labels, Query, Samples, Semantics};

/// A sample or two of a few metrics that many of the queries ask for.
fn samples() -> Samples {
    let series = [
        ("istio_requests_total", "200"),
        ("istio_requests_total", "503"),
        ("http_requests_total", "200"),
        ("response_total", "200"),
    ];
    Samples::new(series.into_iter().enumerate().map(|(place, (name, code))| {
        let labels = [
            ("__name__", name),
            ("response_code", code),
            ("namespace", "test"),
        ];
        let rise = place as f64 + 1.0;
        let samples = (0..40).map(|k| (15_000 * k, rise * k as f64));
        (Labels::new(labels), samples.collect())
    }))
}

#[test]
fn queries_as_people_write_them_are_evaluated() {
    let Some(path) = shared_folder::shared("reference/promql-queries-dev.txt") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let samples = samples();
    let catalogue = Catalogue::of(&samples);
    let (mut evaluated, mut refused, mut wrong) = (0, 0, Vec::new());
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (kind, query) = (fields[0], *fields.last().unwrap());
        for semantics in [Semantics::V3, Semantics::V2, Semantics::V2_42] {
            let parsed = Query::parse(query, semantics);
            if kind == "X" {
                refused += 1;
                if parsed.is_ok() {
                    wrong.push(format!("is read: {query}"));
                }
                continue;
            }
            evaluated += 1;
            let answer = parsed
                .map_err(|error| error.to_string())
                .and_then(|query| query.bind(&catalogue).map_err(|error| error.to_string()))
                .and_then(|bound| {
                    bound
                        .ask_samples(585_000, &samples)
                        .map_err(|error| error.to_string())
                });
            if let Err(error) = answer {
                wrong.push(format!("{error}: {query}"));
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!((evaluated, refused), (3 * 428, 3 * 2));
}
