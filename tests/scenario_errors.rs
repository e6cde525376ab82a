//! What people read when a scenario is wrong: every problem, its place, the offending text and what
//! would be valid.

use std::path::Path;

use coalmine::base::Problems;
use coalmine::scenario;

const SOUND: &str = r#"title = "A test"
horizon = "10m"
[traffic]
rate = "20/s"

[canary]
errors = "1%"

[rollout]
steps = [{ weight = "5%", hold = "5m" }]

[[rollout.gates]]
kind = "success-ratio"
min = "99%"
"#;

fn problems(text: &str) -> Problems {
    match scenario::parse(text, Path::new("bad.toml"), None) {
        Ok(_) => panic!("nothing is wrong with {text}"),
        Err(problems) => problems,
    }
}

/// The sound scenario with one thing replaced.
fn broken(sound: &str, by: &str) -> String {
    assert!(SOUND.contains(sound), "{sound}");
    problems(&SOUND.replacen(sound, by, 1)).to_string()
}

/// The sound scenario with lines at its end.
fn added(lines: &str) -> String {
    problems(&format!("{SOUND}{lines}\n")).to_string()
}

#[test]
fn the_sound_scenario_is_sound() {
    scenario::parse(SOUND, Path::new("good.toml"), None).expect("nothing is wrong");
}

#[test]
fn many_problems_are_reported_at_once() {
    let text = r#"titel = "A slip"
[traffic]
rate = "-20/s"
users = 0
arrivals = "poison"
zipf = "one"
[stabel]
errors = "0.1%"
[canary]
errors = 1
[rollout]
interval = 60
steps = [{ weight = "140%", hold = "5m" }, { weigth = "10%", hold = "0s" }]
[[rollout.gates]]
kind = "sucess-ratio"
[experiment]
weights = ["5%", "0%", "5%", "six"]
trials = 0
precision = "60%"
engine = true
"#;
    insta::assert_snapshot!(problems(text));
}

#[test]
fn text_that_is_not_toml() {
    insta::assert_snapshot!("quotes_forgotten", broken("\"20/s\"", "20/s"));
    insta::assert_snapshot!("bracket_forgotten", broken("[traffic]", "[traffic"));
    insta::assert_snapshot!("string_without_end", broken("\"20/s\"", "\"20/s"));
    insta::assert_snapshot!(
        "field_twice",
        broken("rate = \"20/s\"", "rate = \"20/s\"\nrate = \"30/s\"")
    );
    insta::assert_snapshot!(
        "yaml",
        problems("apiVersion: flagger.app/v1beta1\nkind: Canary\n")
    );
    insta::assert_snapshot!("empty", problems(""));
}

#[test]
fn traffic() {
    insta::assert_snapshot!("not_a_rate", broken("\"20/s\"", "\"20 per second\""));
    insta::assert_snapshot!(
        "two_shapes",
        broken("\"20/s\"", "{ steps = [], ramp = {} }")
    );
    insta::assert_snapshot!("no_shape", broken("\"20/s\"", "{ mean = \"20/s\" }"));
    insta::assert_snapshot!(
        "steps_in_disorder",
        broken(
            "\"20/s\"",
            r#"{ steps = [["1m", "1/s"], ["5m", "2/s"], ["4m", "3/s"], ["6m"]] }"#
        )
    );
    insta::assert_snapshot!(
        "half_a_cycle",
        broken(
            "\"20/s\"",
            r#"{ diurnal = { mean = "2/s", peak_over_trough = 0.5, period = "0s" } }"#
        )
    );
    insta::assert_snapshot!("no_traffic", broken("\"20/s\"", "\"0/s\""));
    insta::assert_snapshot!("no_section", broken("[traffic]\nrate = \"20/s\"", ""));
    insta::assert_snapshot!(
        "no_such_trace",
        broken("\"20/s\"", "{ trace = \"elb.csv\" }")
    );
}

#[test]
fn services() {
    insta::assert_snapshot!(
        "p99_below_p50",
        added("[stable]\nlatency = \"p50=40ms,p99=30ms\"")
    );
    insta::assert_snapshot!("one_quantile", added("[stable]\nlatency = \"p99=30ms\""));
    insta::assert_snapshot!(
        "latency_table",
        added("[stable]\nlatency = { p50 = \"40ms\", p99 = \"1s\" }")
    );
    insta::assert_snapshot!(
        "quantiles_in_disorder",
        added(
            r#"[stable]
latency = { quantiles = [["50%", "20ms"], ["90%", "10ms"]] }"#
        )
    );
    insta::assert_snapshot!(
        "more_than_all",
        broken("errors = \"1%\"", "errors = \"101%\"")
    );
}

#[test]
fn faults() {
    insta::assert_snapshot!(added(
        r#"
[[canary.faults]]
probability = "1%"
[[canary.faults]]
kind = "errors"
[[canary.faults]]
kind = "errors"
probability = "1%"
add = "1s"
[[canary.faults]]
kind = "latency"
[[canary.faults]]
kind = "latency"
multiply = 0.5
[[canary.faults]]
kind = "latency"
add = "0s"
[[canary.faults]]
kind = "tail"
add = "2s"
[[canary.faults]]
kind = "leak"
add = "2s"
onset = "early"
users = "0%"
[[canary.faults]]
kind = "crash""#
    ));
}

#[test]
fn faults_of_every_kind() {
    insta::assert_snapshot!(added(
        r#"
[[goals]]
name = "conversion"
probability = "0%"
[[goals]]
name = "conversion"
probability = "3%"
value = { cv = -1 }
routes = ["checkout"]
[[canary.faults]]
kind = "memory-leak"
per_request = "2KB"
heap = "100MiB"
[[canary.faults]]
kind = "memory-leak"
heap = "100MiB"
[[canary.faults]]
kind = "capacity"
[[canary.faults]]
kind = "capacity"
workers = 1
[[canary.faults]]
kind = "metrics"
[[canary.faults]]
kind = "metrics"
count = 0
[[canary.faults]]
kind = "shared-load"
[[canary.faults]]
kind = "business"
goal = "konversion"
multiply = 1
[[canary.faults]]
kind = "hang"
probability = "1%"
every = "1h"
[[stable.faults]]
kind = "reset"
probability = "1%"
duration = "2m"
every = "1m"
instances = "0%"
[[faults]]
kind = "errors"
probability = "1%"
latency = "0s"
routes = ["checkout"]
groups = []"#
    ));
    insta::assert_snapshot!(
        "faults_of_the_wire",
        added(
            r#"
[stable]
body = "0B"
[[canary.faults]]
kind = "reset"
probability = "1%"
phase = "conect"
[[canary.faults]]
kind = "corrupt"
probability = "1%"
how = "upside-down"
[[canary.faults]]
kind = "drip"
probability = "1%"
add = "2s"
[[canary.faults]]
kind = "drip"
probability = "0%"
over = "0s"
[[canary.faults]]
kind = "bandwidth"
[[canary.faults]]
kind = "bandwidth"
limit = "64KB/s"
[[canary.faults]]
kind = "cpu"
[[canary.faults]]
kind = "cpu"
cores = 0"#
        )
    );
    let nine: String = (1..10)
        .map(|tenth| {
            let users = format!("users = \"{tenth}0%\"");
            format!("[[canary.faults]]\nkind = \"errors\"\nprobability = \"1%\"\n{users}\n")
        })
        .collect();
    insta::assert_snapshot!("nine_shares_of_users", added(&nine));
    insta::assert_snapshot!(
        "business_without_goals",
        added("[[canary.faults]]\nkind = \"business\"\nmultiply = 0.9")
    );
}

#[test]
fn telemetry() {
    insta::assert_snapshot!(
        "phase_too_late",
        added("[telemetry]\nscrape = \"15s\"\nphase = \"15s\"")
    );
    insta::assert_snapshot!(
        "phase_of_exact",
        added("[telemetry]\nscrape = \"exact\"\nphase = \"1s\"")
    );
    insta::assert_snapshot!("scrape_too_short", added("[telemetry]\nscrape = \"0s\""));
    let long = SOUND.replacen("\"10m\"", "\"1d\"", 1);
    insta::assert_snapshot!(
        "too_many_scrapes",
        problems(&format!("{long}[telemetry]\nscrape = \"1ms\"\n"))
    );
    insta::assert_snapshot!("unknown_vendor", added("[telemetry]\nbuckets = \"isto\""));
    insta::assert_snapshot!(
        "buckets_in_disorder",
        added("[telemetry]\nbuckets = { ms = [5, 3] }")
    );
    insta::assert_snapshot!(
        "two_units",
        added("[telemetry]\nbuckets = { ms = [5], s = [3] }")
    );
}

#[test]
fn live_runs() {
    insta::assert_snapshot!(
        "everything_wrong_with_a_live_run",
        added(
            r#"[live]
splitter = "ngnix"
program = ""
prometheus = "https://127.0.0.1:9090"
prometheus_program = 3
metrics = "prometheus"
speed = "fast"
bind = "127.0.0.1:8080"
port = 8080"#
        )
    );
    insta::assert_snapshot!(
        "programs_of_nobody",
        added(
            "[live]\nprogram = \"/usr/sbin/nginx\"\nprometheus_program = \"/usr/bin/prometheus\""
        )
    );
    let prometheus = |said: &str| added(&format!("[live]\nprometheus = \"{said}\""));
    insta::assert_snapshot!(
        "no_prometheus_there",
        [
            prometheus("spwan"),
            prometheus("http://prometheus.monitoring.svc:9090"),
            prometheus("http://127.0.0.1:9090/prometheus"),
            prometheus("http://127.0.0.1"),
        ]
        .join("\n")
    );
    insta::assert_snapshot!("speed_of_zero", added("[live]\nspeed = 0"));
}

#[test]
fn rollouts() {
    let steps = "steps = [{ weight = \"5%\", hold = \"5m\" }]";
    insta::assert_snapshot!("no_steps", broken(steps, "steps = []"));
    insta::assert_snapshot!("nobody_decides", broken(steps, ""));
    insta::assert_snapshot!(
        "hold_off_the_grid",
        broken("hold = \"5m\"", "hold = \"90s\"")
    );
    insta::assert_snapshot!("weight_of_zero", broken("weight = \"5%\"", "weight = 0"));
    insta::assert_snapshot!(
        "interval_too_short",
        broken(
            steps,
            "interval = \"1ms\"\nsteps = [{ weight = \"5%\", hold = \"1d\" }]"
        )
    );
    insta::assert_snapshot!(
        "flagger_and_staged",
        broken(
            steps,
            &format!("flagger = \"canary.yaml\"\ncontroller = \"staged\"\n{steps}")
        )
    );
    insta::assert_snapshot!(
        "flagger_as_a_controller",
        broken(steps, "controller = \"flagger\"")
    );
    insta::assert_snapshot!(
        "unknown_controller",
        broken(steps, &format!("controller = \"argo\"\n{steps}"))
    );
}

#[test]
fn gates() {
    insta::assert_snapshot!(
        "window_beyond_the_horizon",
        broken("min = \"99%\"", "min = \"99%\"\nwindow = \"3h\"")
    );
    insta::assert_snapshot!(
        "success_ratio",
        broken("min = \"99%\"", "max = \"98%\"\nmin_samples = 10")
    );
    insta::assert_snapshot!(
        "nothing_passes",
        broken("min = \"99%\"", "min = \"99%\"\nmax = \"98%\"")
    );
    insta::assert_snapshot!(
        "others",
        added(
            r#"
[[rollout.gates]]
kind = "latency-quantile"
quantile = "p100"
max = "0s"
[[rollout.gates]]
kind = "ratio"
metric = "latency"
max = 0
[[rollout.gates]]
kind = "ratio"
max = "200%"
[[rollout.gates]]
kind = "difference"
metric = "p99"
max = "1%"
[[rollout.gates]]
kind = "z-test"
alpha = "60%"
min_requests = -5
window = "0s""#
        )
    );
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let place = folder.path().display().to_string();
    let read = |name: &str| {
        let path = folder.path().join(name);
        let problems = scenario::read(&path).expect_err("it cannot be read");
        problems.to_string().replace(&place, "FOLDER")
    };
    std::fs::write(
        folder.path().join("binary.toml"),
        b"\x7fELF\xff\xfe\x00\x00",
    )
    .unwrap();
    let huge = std::fs::File::create(folder.path().join("huge.toml")).unwrap();
    huge.set_len(5 * 1024 * 1024).unwrap();
    std::fs::write(folder.path().join("gap.csv"), "t,n\n0,5\n60,6\n180,7\n").unwrap();
    let traced = SOUND.replacen("\"20/s\"", "{ trace = \"gap.csv\" }", 1);
    std::fs::write(folder.path().join("traced.toml"), traced).unwrap();
    let lost = SOUND.replacen("\"20/s\"", "{ trace = \"lost.csv\" }", 1);
    std::fs::write(folder.path().join("lost.toml"), lost).unwrap();
    insta::assert_snapshot!("missing", read("missing.toml"));
    insta::assert_snapshot!("folder", read("."));
    insta::assert_snapshot!("binary", read("binary.toml"));
    insta::assert_snapshot!("huge", read("huge.toml"));
    insta::assert_snapshot!("trace_with_a_gap", read("traced.toml"));
    insta::assert_snapshot!("lost_trace", read("lost.toml"));
}

#[test]
fn no_text_makes_the_reader_panic() {
    // Every prefix, and every single byte taken out, of a scenario that uses most of the format.
    let text = scenario::find("plain-flagger").unwrap().text;
    let text = &text[text.find("[traffic]").unwrap()..];
    for cut in 0..text.len() {
        let without = format!("{}{}", &text[..cut], &text[cut + 1..]);
        for damaged in [&text[..cut], without.as_str()] {
            let _ = scenario::parse(damaged, Path::new("bad.toml"), None);
        }
    }
    let deep = format!("a = {}", "[".repeat(200_000));
    assert!(scenario::parse(&deep, Path::new("bad.toml"), None).is_err());
}
