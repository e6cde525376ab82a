//! Access logs of NGINX, Apache and Envoy: the same requests in each, and the same verdicts.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::{Place, verdicts};

const STAGED: &str = r#"
[telemetry]
scrape = "10s"
series = "zero"

[rollout]
controller = "staged"
interval = "30s"
failures = 1
steps = [{ weight = "5%", hold = "2m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "90%"
window = "30s"

[[rollout.gates]]
kind = "latency-quantile"
quantile = "p90"
max = "500ms"
window = "30s"
"#;

/// A request: second, whether of the canary, status, how long it took in milliseconds.
type Request = (u64, bool, u16, u64);

/// Two minutes of a request a second to each version; from the second minute on every fourth of the
/// canary's fails.
fn requests() -> Vec<Request> {
    let of = |second: u64| {
        let bad = second >= 60 && second.is_multiple_of(4);
        let status = if bad { 503 } else { 200 };
        [(second, false, 200, 40), (second, true, status, 60)]
    };
    (0..120).flat_map(of).collect()
}

/// When it was, as servers write it: 14:00 and so many seconds.
fn clock(second: u64) -> String {
    format!("14:{:02}:{:02}", second / 60, second % 60)
}

fn log(line: impl Fn(&Request) -> String) -> String {
    requests()
        .iter()
        .map(|request| line(request) + "\n")
        .collect()
}

fn nginx(&(second, canary, status, took): &Request) -> String {
    let (host, clock) = (if canary { "10.0.2.7" } else { "10.0.1.7" }, clock(second));
    let seconds = took as f64 / 1_000.0;
    format!(
        "192.0.2.1 - - [03/Mar/2026:{clock} +0000] \"GET /a HTTP/1.1\" {status} 12 \"-\" \"Agent 1\" \
         {seconds:.3} \"{host}:8080\""
    )
}

const NGINX: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
                     $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_time \
                     \"$upstream_addr\"";

fn replayed(place: &Place, file: &str, more: &[&str]) -> serde_json::Value {
    place.put_rollout(STAGED);
    let mut arguments = vec!["replay", file, "--scenario", "mine.toml"];
    arguments.extend(more);
    place.json(&arguments)
}

const BY_ADDRESS: [&str; 6] = [
    "--log-format",
    NGINX,
    "--stable",
    r"^10\.0\.1\.",
    "--canary",
    r"^10\.0\.2\.",
];

#[test]
fn the_logs_of_three_servers_say_the_same() {
    let place = Place::new();
    place.put("nginx.log", log(nginx));
    let told = replayed(&place, "nginx.log", &BY_ADDRESS);
    // In the window up to 1m30s, 8 of 30 of the canary's requests failed.
    let found = verdicts(&told);
    assert_eq!(found.last(), Some(&(90.0, "fail".to_owned())), "{found:?}");
    assert_eq!(told["end"], "rolled_back");
    assert_eq!(told["begun"], "2026-03-03T14:00:00Z");
    let last = &told["ticks"].as_array().unwrap()[3];
    let share = last["canary_success"].as_f64().unwrap();
    assert!((70.0..80.0).contains(&share), "{share}");
    let p99 = last["canary_p99"].as_f64().unwrap();
    assert!(
        (50.0..100.0).contains(&p99),
        "60 ms lie in the bucket up to 100 ms: {p99}"
    );

    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(log(nginx).as_bytes()).unwrap();
    place.put("nginx.log.gz", gzip.finish().unwrap());
    assert_eq!(
        verdicts(&replayed(&place, "nginx.log.gz", &BY_ADDRESS)),
        found
    );

    let apache = log(|&(second, canary, status, took)| {
        let (version, clock) = (if canary { "canary" } else { "stable" }, clock(second));
        let micros = took * 1_000;
        format!(
            "192.0.2.1 - - [03/Mar/2026:{clock} +0000] \"GET /a HTTP/1.1\" {status} 12 {micros} {version}"
        )
    });
    place.put("apache.log", apache);
    let format = "%h %l %u %t \"%r\" %>s %b %D %{version}e";
    assert_eq!(
        verdicts(&replayed(&place, "apache.log", &["--log-format", format])),
        found
    );

    let envoy = log(|&(second, canary, status, took)| {
        let cluster = if canary { "app-v2" } else { "app-v1" };
        let clock = clock(second);
        format!(
            "{{\"start_time\":\"2026-03-03T{clock}.000Z\",\"response_code\":{status},\
             \"duration\":{took},\"upstream_cluster\":\"{cluster}\"}}"
        )
    });
    place.put("envoy.json", envoy);
    let options = ["--stable", "v1$", "--canary", "v2$"];
    assert_eq!(verdicts(&replayed(&place, "envoy.json", &options)), found);
}

#[test]
fn a_log_may_come_in_several_files() {
    let place = Place::new();
    let whole = log(nginx);
    let half = whole.lines().count() / 2;
    let lines: Vec<&str> = whole.lines().collect();
    place.put("whole.log", &whole);
    place.put("new.log", lines[half..].join("\n"));
    place.put("old.log", lines[..half].join("\n"));
    let expected = verdicts(&replayed(&place, "whole.log", &BY_ADDRESS));
    let mut more = vec!["old.log"];
    more.extend(BY_ADDRESS);
    assert_eq!(verdicts(&replayed(&place, "new.log", &more)), expected);
}

#[test]
fn malformed_lines_are_counted_and_named_and_many_of_them_refused() {
    let place = Place::new();
    let mut lines: Vec<String> = log(nginx).lines().map(str::to_owned).collect();
    lines[7] = "what is this?".to_owned();
    place.put("it.log", lines.join("\n"));
    let told = replayed(&place, "it.log", &BY_ADDRESS);
    let notes = told["notes"].to_string();
    assert!(notes.contains("1 of 240 lines are no requests"), "{notes}");
    assert!(notes.contains("it.log:8: `what is this?`"), "{notes}");
    for line in &mut lines[100..110] {
        *line = "nor this".to_owned();
    }
    place.put("it.log", lines.join("\n"));
    let mut arguments = vec!["replay", "it.log", "--scenario", "mine.toml"];
    arguments.extend(BY_ADDRESS);
    let err = place.refused(&arguments);
    assert!(err.contains("11 of 240 lines (4.6 %)"), "{err}");
    arguments.extend(["--malformed", "5%"]);
    place.answered(&arguments);
    let err = place.refused(&["replay", "it.log", "--log-format", "$a$b"]);
    assert!(err.contains("nothing stands between"), "{err}");
    let err = place.refused(&["replay", "it.log", "--canary", "(", "--log-format", NGINX]);
    assert!(err.contains("no regular expression"), "{err}");
}

#[test]
fn requests_of_no_version_are_left_out_and_told() {
    let place = Place::new();
    let other = nginx(&(30, false, 200, 5)).replace("10.0.1.7", "10.9.9.9");
    place.put("it.log", log(nginx) + &other + "\n");
    let notes = replayed(&place, "it.log", &BY_ADDRESS)["notes"].to_string();
    assert!(
        notes.contains("1 of 241 requests are of no version"),
        "{notes}"
    );
}
