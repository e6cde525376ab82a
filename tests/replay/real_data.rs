//! Series of real systems, from the folder `shared` beside the project.

use super::shared_folder::shared;
use super::{Place, verdicts};

const STAGED: &str = r#"
[rollout]
controller = "staged"
interval = "5m"
failures = 1
steps = [{ weight = "50%", hold = "30m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "10%"
window = "5m"
"#;

#[test]
fn running_counters_of_three_sites_are_read_as_such() {
    let Some(file) = shared("data/nginx-org-2015-zone-counters.csv.gz") else {
        return;
    };
    let file = file.to_str().unwrap();
    let place = Place::new();
    place.put_rollout(STAGED);
    let base = [
        "replay",
        file,
        "--scenario",
        "mine.toml",
        "--columns",
        "time=t_ms,version=zone,requests=requests,errors=r5xx",
    ];
    let told = place.json(
        &[
            &base[..],
            &["--stable", "hg.nginx.org", "--canary", "trac.nginx.org"],
        ]
        .concat(),
    );
    let notes = told["notes"].to_string();
    assert!(notes.contains("read as running counters"), "{notes}");
    assert!(
        told["begun"].as_str().unwrap().starts_with("2015-10-3"),
        "{told:#}"
    );
    // Counted by hand in the file: what its requests rose by in five minutes, at most a few of them lost
    // at the edges.
    for tick in told["ticks"].as_array().unwrap().iter().skip(1) {
        let requests = tick["canary_requests"].as_f64().unwrap();
        assert!((10.0..2_000.0).contains(&requests), "{tick:#}");
    }
    assert!(verdicts(&told).len() > 2);
    // One zone alone is judged alone.
    let alone = place.json(&[&base[..], &["--canary", "lxr.nginx.org"]].concat());
    assert!(
        alone["source"].as_str().unwrap().contains(" of canary"),
        "{alone:#}"
    );
    let err = place.refused(&base);
    for zone in ["hg.nginx.org", "lxr.nginx.org", "trac.nginx.org"] {
        assert!(err.contains(zone), "{err}");
    }
}

#[test]
fn latencies_without_counts_ask_for_an_assumption() {
    let Some(file) = shared("data/nab-ec2-request-latency-5min.csv.gz") else {
        return;
    };
    let file = file.to_str().unwrap();
    let place = Place::new();
    place.put_rollout(
        r#"
[rollout]
controller = "staged"
interval = "10m"
failures = 1
steps = [{ weight = "50%", hold = "14d" }]

[[rollout.gates]]
kind = "latency-quantile"
quantile = "p50"
max = "50ms"
window = "15m"
"#,
    );
    let base = [
        "replay",
        file,
        "--scenario",
        "mine.toml",
        "--columns",
        "p50=value",
        "--unit",
        "ms",
    ];
    let err = place.refused(&base);
    assert!(err.contains("--assume-rate"), "{err}");
    let told = place.json(&[&base[..], &["--assume-rate", "20/s"]].concat());
    // The system failed on the last day, and was anomalous before.
    assert_eq!(told["end"], "rolled_back", "{}", told["endings"]);
    // One of the two days for which the data's authors have labelled an anomaly.
    assert!(
        told["endings"][0].to_string().contains("at 2014-03-18T"),
        "{}",
        told["endings"]
    );
    let notes = told["notes"].to_string();
    assert!(notes.contains("6000 requests"), "{notes}");
    // An hour of twelve rows stands at one time, where the clocks changed.
    assert!(notes.contains("11 rows have the time"), "{notes}");
}

#[test]
fn one_series_can_be_split_at_random() {
    let Some(file) = shared("data/nab-elb-request-count-5min.csv.gz") else {
        return;
    };
    let file = file.to_str().unwrap();
    let place = Place::new();
    place.put_rollout(
        r#"
[rollout]
controller = "staged"
interval = "1h"
failures = 1
steps = [{ weight = "10%", hold = "2d" }]

[[rollout.gates]]
kind = "exact-spending"
"#,
    );
    let base = [
        "replay",
        file,
        "--scenario",
        "mine.toml",
        "--columns",
        "requests=value",
    ];
    let told = place.json(&[&base[..], &["--split", "10%"]].concat());
    assert!(
        told["source"].as_str().unwrap().contains("of canary"),
        "{told:#}"
    );
    assert_eq!(told["end"], "promoted", "{}", told["endings"]);
    for tick in told["ticks"].as_array().unwrap().iter().skip(5) {
        let share = tick["share"].as_f64().unwrap();
        assert!((3.0..20.0).contains(&share), "{tick:#}");
        assert_eq!(tick["held"], 10.0);
    }
    let again = place.json(&[&base[..], &["--split", "10%"]].concat());
    assert_eq!(told, again);
}
