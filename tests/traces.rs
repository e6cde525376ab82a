//! Traces that somebody recorded, read as they are.

mod shared_folder;

use coalmine::base::{Rate, Span, Time};
use coalmine::scenario::trace::{self, Columns};
use coalmine::scenario::{self, Overrides};

/// The bytes of a recorded series; `None`, on record, where the shared data are not there.
fn recorded(name: &str) -> Option<Vec<u8>> {
    let path = shared_folder::shared(&format!("data/{name}"))?;
    Some(std::fs::read(path).unwrap())
}

#[test]
fn mentions_in_five_minutes_are_read_whole() {
    let Some(bytes) = recorded("nab-twitter-volume-fb-5min.csv.gz") else {
        return;
    };
    let trace = trace::read(&bytes, &Columns::default()).unwrap();
    assert_eq!(trace.bin(), Span::from_secs(300));
    assert_eq!(trace.rates().len(), 15_833);
    // The first row counts 53 in five minutes.
    assert!((trace.rates()[0] * 300.0 - 53.0).abs() < 1e-9);
}

#[test]
fn requests_by_the_second_of_a_day_are_read_whole() {
    let Some(bytes) = recorded("nasa-http-1995-07-13-per-second.csv.gz") else {
        return;
    };
    let trace = trace::read(&bytes, &Columns::default()).unwrap();
    assert_eq!(trace.bin(), Span::from_secs(1));
    assert_eq!(trace.rates().len(), 86_400);
    // 134,203 requests that day, says the description of the data.
    assert!((trace.mean() * 86_400.0 - 134_203.0).abs() < 0.5);
}

#[test]
fn gaps_of_a_load_balancer_are_named_by_line() {
    let Some(bytes) = recorded("nab-elb-request-count-5min.csv.gz") else {
        return;
    };
    let errors = trace::read(&bytes, &Columns::default()).unwrap_err();
    assert_eq!(errors.len(), 5, "reading stops when the pattern is clear");
    insta::assert_snapshot!(errors[0]);
}

#[test]
fn a_scenario_follows_a_trace_scaled_to_a_mean() {
    let Some(folder) = shared_folder::shared("data") else {
        return;
    };
    let text = r#"
        [traffic]
        rate = { trace = "nab-nyc-taxi-30min.csv.gz", mean = "20/s" }
        [canary]
        errors = "1%"
        [rollout]
        steps = [{ weight = "5%", hold = "5m" }]
        [[rollout.gates]]
        kind = "success-ratio"
        min = "99%"
    "#;
    let read = scenario::parse(text, &folder.join("taxi.toml"), Some(&folder)).unwrap();
    let whole = Span::from_secs(10_320 * 1_800);
    let profile = &read.world.traffic.profile;
    assert!((profile.mean(whole).get() - 20.0).abs() < 1e-6);
    // 10,844 passengers in the first half-hour against 8,127 in the second.
    let at = |second| profile.rate(Time::from_secs(second));
    assert!((at(0) / at(1_800) - 10_844.0 / 8_127.0).abs() < 1e-9);
    let faster = read
        .clone()
        .with(&Overrides {
            rate: Rate::per_second(40.0),
            ..Overrides::default()
        })
        .unwrap();
    let profile = &faster.world.traffic.profile;
    assert!((profile.mean(whole).get() - 40.0).abs() < 1e-6);
}
