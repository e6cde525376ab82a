//! Tables: of increments and of running counters, with quantiles and with buckets, plain and packed.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Place, verdicts};

/// What became of ten minutes, minute by minute: stable's requests and errors, the canary's.
const MINUTES: [[u64; 4]; 10] = [
    [1_140, 1, 0, 0],
    [1_140, 1, 60, 0],
    [1_141, 0, 59, 0],
    [1_137, 2, 63, 0],
    [1_150, 1, 50, 3],
    [1_139, 1, 61, 4],
    [1_140, 0, 60, 2],
    [1_144, 1, 56, 5],
    [1_138, 1, 62, 3],
    [1_139, 1, 61, 4],
];
/// When it began, in seconds since 1970: 2026-03-03T14:00:00Z.
const BEGIN: u64 = 1_772_546_400;

/// The table, its times written so, its counts running on or not.
fn table(time: impl Fn(u64) -> String, running: bool) -> String {
    let mut text = "time,version,requests,errors,p50_ms,p99_ms\n".to_owned();
    let mut sums = [0; 4];
    if running {
        for version in ["stable", "canary"] {
            text.push_str(&format!("{},{version},0,0,,\n", time(BEGIN)));
        }
    }
    for (minute, counts) in MINUTES.into_iter().enumerate() {
        let mut shown = counts;
        if running {
            sums = [0, 1, 2, 3].map(|place| sums[place] + counts[place]);
            shown = sums;
        }
        // A counter is read when the minute is over, a row of increments bears its beginning.
        let minute = minute as u64 + u64::from(running);
        let at = time(BEGIN + 60 * minute);
        let p99 = if minute > 3 { 900 } else { 250 };
        text.push_str(&format!("{at},stable,{},{},40,250\n", shown[0], shown[1]));
        text.push_str(&format!("{at},canary,{},{},44,{p99}\n", shown[2], shown[3]));
    }
    text
}

fn seconds(at: u64) -> String {
    at.to_string()
}

const STAGED: &str = r#"
[rollout]
controller = "staged"
interval = "1m"
failures = 2
steps = [{ weight = "5%", hold = "9m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "97%"
window = "2m"
"#;

#[test]
fn counts_of_rows_and_running_counters_say_the_same() {
    let place = Place::new();
    place.put_rollout(STAGED);
    place.put("rows.csv", table(seconds, false));
    place.put("counters.csv", table(seconds, true));
    let of = |file: &str, more: &[&str]| {
        // Windows of whole minutes: `rate` would lose the one at their left edge.
        let mut arguments = vec![
            "replay",
            file,
            "--scenario",
            "mine.toml",
            "--scrape",
            "exact",
        ];
        arguments.extend(more);
        place.json(&arguments)
    };
    let rows = of("rows.csv", &[]);
    let counters = of("counters.csv", &[]);
    assert_eq!(verdicts(&rows), verdicts(&counters));
    // The canary's first request came in the second minute.
    assert_eq!(rows["begun"], "2026-03-03T14:01:00Z");
    assert_eq!(rows["begun"], counters["begun"]);
    // Its fourth minute has 3 failures of 50: 113 and 111 requests in two minutes are over 97 % only
    // without them.
    let fails: Vec<f64> = (verdicts(&rows).into_iter())
        .filter(|(_, verdict)| verdict == "fail")
        .map(|(at, _)| at)
        .collect();
    assert_eq!(fails, [300.0, 360.0]);
    assert_eq!(rows["end"], "rolled_back");
    assert_eq!(rows["end_seconds"], 360.0);
    let notes = |told: &serde_json::Value| told["notes"].to_string();
    assert!(notes(&counters).contains("read as running counters"));
    assert!(!notes(&rows).contains("read as running counters"));
    // Read as what they are not, they say something else.
    let wrong = of("counters.csv", &["--increments"]);
    assert_ne!(wrong["end_seconds"], rows["end_seconds"]);
}

#[test]
fn times_may_be_written_in_any_usual_way_and_files_packed() {
    let place = Place::new();
    place.put_rollout(STAGED);
    place.put("it.csv", table(seconds, false));
    let expected = place.json(&["replay", "it.csv", "--scenario", "mine.toml"]);
    let rfc = |at: u64| {
        let minute = (at - BEGIN) / 60;
        format!("2026-03-03T15:{minute:02}:00+01:00")
    };
    let all: [(&str, String); 3] = [
        ("millis", table(|at| (at * 1_000).to_string(), false)),
        ("rfc", table(rfc, false)),
        ("since", table(|at| (at - BEGIN).to_string(), false)),
    ];
    for (name, text) in all {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        place.put("it.csv.gz", gzip.finish().unwrap());
        let told = place.json(&["replay", "it.csv.gz", "--scenario", "mine.toml"]);
        assert_eq!(verdicts(&told), verdicts(&expected), "{name}");
        let begun = if name == "since" {
            None
        } else {
            expected.get("begun")
        };
        assert_eq!(told.get("begun"), begun, "{name}");
    }
}

#[test]
fn quantiles_come_back_as_they_were_put_in_and_buckets_to_the_request() {
    let place = Place::new();
    let gate = STAGED.replace(
        "kind = \"success-ratio\"\nmin = \"97%\"",
        "kind = \"latency-quantile\"\nquantile = \"p99\"\nmax = \"500ms\"",
    );
    place.put_rollout(&gate);
    place.put("it.csv", table(seconds, false));
    let told = place.json(&["replay", "it.csv", "--scenario", "mine.toml"]);
    let p99 = |tick: usize| told["ticks"][tick]["canary_p99"].as_f64().unwrap();
    // The canary's second minute begins the rollout; bounds are 5.6 % apart.
    assert!((p99(2) / 250.0 - 1.0).abs() < 0.06, "{}", p99(2));
    assert!((p99(5) / 900.0 - 1.0).abs() < 0.06, "{}", p99(5));
    assert_eq!(told["end"], "rolled_back");

    let mut text = "time,version,requests,errors,le_0.1,le_0.5\n".to_owned();
    for minute in 0..6 {
        let at = BEGIN + 60 * minute;
        text.push_str(&format!(
            "{at},stable,1000,0,900,1000\n{at},canary,100,0,50,98\n"
        ));
    }
    place.put("buckets.csv", &text);
    let told = place.json(&[
        "replay",
        "buckets.csv",
        "--scenario",
        "mine.toml",
        "--scrape",
        "exact",
    ]);
    // 198 of 200 are within 0.5 s: the 99th percentile is in the last bucket's lower end.
    assert_eq!(
        told["ticks"][2]["canary_p99"].as_f64().map(f64::round),
        Some(500.0)
    );
    assert_eq!(told["ticks"][2]["canary_requests"], 200.0);

    place.put(
        "bad.csv",
        text.replace("canary,100,0,50,98", "canary,100,0,50,40"),
    );
    let err = place.refused(&["replay", "bad.csv", "--scenario", "mine.toml"]);
    assert!(err.contains("bad.csv:3:"), "{err}");
    assert!(err.contains("cumulative"), "{err}");
}

#[test]
fn what_is_wrong_with_a_table_is_told_with_its_line() {
    let place = Place::new();
    let text = table(seconds, false);
    for (from, to, place_of, what) in [
        (",1150,1,", ",1150,x,", "bad.csv:10:", "`x` is not a count"),
        (",1150,1,", ",-5,1,", "bad.csv:10:", "`-5` is not a count"),
        (
            "1772546640,stable",
            "noon,stable",
            "bad.csv:10:",
            "`noon` is not a time",
        ),
        (",50,3,", ",2,3,", "bad.csv:11:", "3 errors of 2 requests"),
        (
            "time,version",
            "zeit,version",
            "bad.csv:1:",
            "no column of times",
        ),
        ("p50_ms", "p50", "bad.csv:1:", "does not say its unit"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text, "{from}");
        place.put("bad.csv", bad);
        let err = place.refused(&["replay", "bad.csv"]);
        assert!(
            err.contains(place_of) && err.contains(what),
            "{from}: {err}"
        );
    }
    place.put(
        "it.csv",
        text.replace("canary", "v42").replace("stable", "v41"),
    );
    let err = place.refused(&["replay", "it.csv"]);
    assert!(err.contains("there are v41, v42"), "{err}");
    let err = place.refused(&["replay", "it.csv", "--canary", "v43"]);
    assert!(err.contains("`v43`"), "{err}");
    let told = place.json(&["replay", "it.csv", "--canary", "v42", "--stable", "v41"]);
    assert_eq!(
        told["source"]
            .as_str()
            .unwrap()
            .matches("stable and canary")
            .count(),
        1
    );
    // Without stable, gates that compare with it have nothing to read.
    let err = place.refused(&[
        "replay",
        "it.csv",
        "--canary",
        "v42",
        "--scenario",
        "peeking",
    ]);
    assert!(err.contains("the figures of stable"), "{err}");
    let err = place.refused(&["replay", "nowhere.csv"]);
    assert!(err.contains("nowhere.csv"), "{err}");
}

#[test]
fn gates_that_read_what_was_not_measured_are_refused_or_left_out() {
    let place = Place::new();
    let text: Vec<String> = (table(seconds, false).lines())
        .map(|line| line.split(',').take(4).collect::<Vec<_>>().join(","))
        .collect();
    place.put("it.csv", text.join("\n"));
    let arguments = [
        "replay",
        "it.csv",
        "--scenario",
        "plain-flagger",
        "--scrape",
        "exact",
    ];
    let err = place.refused(&arguments);
    assert!(err.contains("reads latencies"), "{err}");
    let said = place.said(&[&arguments[..], &["--leave-out"]].concat());
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.err.contains("it was left out"), "{}", said.err);
    assert!(said.out.contains("fail: 9"), "{}", said.out);
}

#[test]
fn the_ticks_come_as_csv_too() {
    let place = Place::new();
    place.put_rollout(STAGED);
    place.put("it.csv", table(seconds, false));
    let text = place.answered(&[
        "replay",
        "it.csv",
        "--scenario",
        "mine.toml",
        "--scrape",
        "exact",
        "--csv",
    ]);
    let mut rows = csv::Reader::from_reader(text.as_bytes());
    assert_eq!(rows.headers().unwrap().len(), 14);
    let rows: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 7);
    assert_eq!(&rows[5][1], "2026-03-03T14:06:00Z");
    assert_eq!(&rows[5][10], "fail");
}
