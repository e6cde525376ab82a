//! Queries of recorded samples: what is printed, and what is refused.

use std::fs;
use std::path::Path;

use super::{Said, program, said};

const SAMPLES: &str = "\
# TYPE req counter
req_total{code=\"200\"} 0 600
req_total{code=\"500\"} 0 600
req_total{code=\"200\"} 30 615
req_total{code=\"500\"} 1 615
req_total{code=\"200\"} 61 630
req_total{code=\"500\"} 1 630
tiny 0.0000001 630.5
# EOF
";

/// A folder with the samples as text and as an answer of the HTTP API.
fn folder() -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    fs::write(place.path().join("samples.om"), SAMPLES).unwrap();
    let text = "req_total{code=\"200\"} 0 600000\nreq_total{code=\"200\"} 30 615000\n";
    fs::write(place.path().join("samples.txt"), text).unwrap();
    let json = r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"req_total","code":"200"},"values":[[600,"0"],[615,"30"]]}]}}"#;
    fs::write(place.path().join("samples.json"), json).unwrap();
    place
}

fn ask(folder: &Path, query: &str, more: &str) -> Said {
    let mut command = program(folder);
    command
        .arg("promql")
        .arg(query)
        .args(more.split_whitespace());
    said(command, query)
}

fn answer(query: &str, more: &str) -> String {
    let place = folder();
    let said = ask(place.path(), query, &format!("--samples samples.om {more}"));
    assert_eq!((said.code, said.err.as_str()), (0, ""), "{query}");
    said.out
}

#[test]
fn an_answer_is_printed_as_promtool_prints_it() {
    assert_eq!(
        answer("req_total", "--at 630"),
        "req_total{code=\"200\"} => 61 @[630]\nreq_total{code=\"500\"} => 1 @[630]\n"
    );
    // Without a time, when the newest sample was taken.
    assert_eq!(answer("tiny", ""), "tiny => 0.0000001 @[630.5]\n");
    assert_eq!(answer("sum(nothing)", ""), "");
    assert_eq!(
        answer("1 + 1", "--at 1970-01-01T00:10:00Z"),
        "scalar: 2 @[600]\n"
    );
    assert_eq!(
        answer("sum(rate(req_total[1m]))", "--range 615..645 --step 15s"),
        "{} =>\n0.5166666666666667 @[615]\n1.0333333333333332 @[630]\n1.55 @[645]\n"
    );
}

#[test]
fn an_answer_has_the_shape_of_the_http_api() {
    assert_eq!(
        answer("tiny", "--json"),
        r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"__name__":"tiny"},"value":[630.5,"1e-07"]}]}}"#
            .to_owned()
            + "\n"
    );
    let place = folder();
    for file in ["samples.txt", "samples.json"] {
        let said = ask(
            place.path(),
            "req_total[1m]",
            &format!("--samples {file} --json"),
        );
        let json = fs::read_to_string(place.path().join("samples.json")).unwrap();
        assert_eq!(said.out, json + "\n", "{file}: {}", said.err);
    }
}

#[test]
fn prometheus_2_counts_the_sample_on_the_edge() {
    assert_eq!(
        answer("count_over_time(req_total{code=\"200\"}[30s])", "--at 630"),
        "{code=\"200\"} => 2 @[630]\n"
    );
    for version in ["2", "2.42"] {
        let more = format!("--at 630 --semantics {version}");
        assert_eq!(
            answer("count_over_time(req_total{code=\"200\"}[30s])", &more),
            "{code=\"200\"} => 3 @[630]\n"
        );
    }
}

#[test]
fn what_cannot_be_asked_is_refused_with_its_place() {
    let place = folder();
    let path = place.path();
    fs::write(path.join("undated.txt"), "up 1\n").unwrap();
    fs::write(path.join("broken.om"), "up 1 5\ndown{a=b} 1 5\n# EOF\n").unwrap();
    fs::write(path.join("broken.json"), "{\"data\":\n[1,").unwrap();
    let brackets = "(".repeat(100_000);
    let mut all = String::new();
    for (query, more) in [
        ("sum(rate(req_total))", "--samples samples.om"),
        (
            "sum by (code) (rate(req_total[1m])))",
            "--samples samples.om",
        ),
        ("req_total{code~\"5.*\"}", "--samples samples.om"),
        ("ratee(req_total[1m])", "--samples samples.om"),
        ("", "--samples samples.om"),
        ("req_total[10y:1ms]", "--samples samples.om"),
        ("req_total[300]", "--samples samples.om --semantics 2"),
        (
            "req_total / on() req_total",
            "--samples samples.om --at 630",
        ),
        ("up", "--samples undated.txt"),
        ("up", "--samples broken.om"),
        ("up", "--samples broken.json"),
        ("up", "--samples absent.om"),
        ("up", "--samples samples.om --at yesterday"),
        ("up", "--samples samples.om --range 5"),
        ("up", "--samples samples.om --range 0..1000000 --step 1s"),
    ] {
        let said = ask(path, query, more);
        assert_eq!(
            (said.code, said.out.as_str()),
            (2, ""),
            "{query}: {}",
            said.err
        );
        all.push_str(&format!("$ {query} {more}\n{}\n", said.err));
    }
    insta::assert_snapshot!(all);
    let said = ask(path, &brackets, "--samples samples.om");
    assert_eq!(said.code, 2);
    assert!(
        said.err.contains("the query has 100000 bytes"),
        "{}",
        said.err
    );
}
