//! Queries of a simulated service: what they answer is what windows show.

use super::super::{Answer, AskError, BindError, Bound, Catalogue, Labels, Query, Semantics};
use crate::base::{Probability, Span, Time, split_mix};
use crate::telemetry::exposition::{Dialect, Vendor};
use crate::telemetry::{
    Birth, Buckets, Phase, Plan, Sampling, Status, Telemetry, Unit, Version, Window,
};

const INTERVAL: u64 = 15;

fn plan(buckets: Buckets, birth: Birth) -> Plan {
    let interval = Span::from_secs(INTERVAL);
    let phase = Phase::Random;
    Plan::plain(Sampling::Scraped { interval, phase }, birth, buckets)
}

/// A little traffic for a version, failures from the second minute on.
fn serve(telemetry: &mut Telemetry, version: Version, second: u64, routes: usize) {
    let width = telemetry.bounds().len() as u64;
    for request in 0..5 + version as u64 {
        let luck = split_mix(second * 64 + request * 8 + version as u64);
        let status = match second > 60 && luck.is_multiple_of(7) {
            true => Status::Failure,
            false => Status::Success,
        };
        let route = (luck >> 20) as usize % routes.max(1);
        let add = |counters: &mut crate::telemetry::Counters| {
            counters.requests[status as usize] += 1;
            counters.seconds[status as usize] += (luck >> 50) as f64 / 1e4;
            counters.row_mut(status)[((luck >> 8) % width) as usize] += 1;
        };
        add(telemetry.counters_mut(version));
        if routes > 0 {
            add(telemetry.route_counters_mut(version, route));
        }
    }
}

/// Ten minutes of it, scraped at `phase` and by salt; every scrape or those that `wanted` says.
fn played(plan: &Plan, phase: Span, wanted: impl Fn(Time) -> bool) -> Telemetry {
    let mut telemetry = Telemetry::new(plan, phase);
    telemetry.begin(phase, 7);
    for second in 0..600 {
        let now = Time::from_secs(second);
        if second % INTERVAL == phase.as_nanos() / 1_000_000_000 && wanted(now) {
            for version in Version::BOTH {
                telemetry.scrape(version, now);
            }
        }
        for version in Version::BOTH {
            serve(&mut telemetry, version, second, plan.routes);
        }
    }
    telemetry
}

fn bound(text: &str, dialect: &Dialect, plan: &Plan) -> Bound {
    let query = Query::parse(text, Semantics::V3).unwrap();
    let bound = query.bind(&Catalogue::new(dialect, plan)).unwrap();
    assert!(
        bound.unmatched().is_empty(),
        "{text}: {:?}",
        bound.unmatched()
    );
    bound
}

/// The only value of an answer, if there is one.
fn only(answer: &Answer) -> Option<f64> {
    let values = answer.values();
    assert!(values.len() <= 1, "{values:?}");
    values.first().copied()
}

fn close(a: Option<f64>, b: Option<f64>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => (a.is_nan() && b.is_nan()) || (a - b).abs() <= 1e-12 * b.abs(),
        _ => a.is_none() && b.is_none(),
    }
}

/// Flagger's builtin queries by vendor, as it renders them for the canary of `default/app`: the
/// success rate, the duration, and what a window shows of the latter.
type Builtin = (
    Vendor,
    &'static str,
    &'static str,
    fn(&Window<'_>) -> Option<f64>,
);

const BUILTIN: [Builtin; 4] = [
    (
        Vendor::Istio,
        r#"sum( rate( istio_requests_total{ reporter="destination", destination_workload_namespace="default", destination_workload=~"app", response_code!~"5.*" }[1m] ) ) / sum( rate( istio_requests_total{ reporter="destination", destination_workload_namespace="default", destination_workload=~"app" }[1m] ) ) * 100"#,
        r#"histogram_quantile( 0.99, sum( rate( istio_request_duration_milliseconds_bucket{ reporter="destination", destination_workload_namespace="default", destination_workload=~"app" }[1m] ) ) by (le) )"#,
        |window| window.latency_quantile(0.99),
    ),
    (
        Vendor::Linkerd,
        r#"sum( rate( response_total{ namespace="default", deployment=~"app", classification!="failure", direction="inbound" }[1m] ) ) / sum( rate( response_total{ namespace="default", deployment=~"app", direction="inbound" }[1m] ) ) * 100"#,
        r#"histogram_quantile( 0.99, sum( rate( response_latency_ms_bucket{ namespace="default", deployment=~"app", direction="inbound" }[1m] ) ) by (le) )"#,
        |window| window.latency_quantile(0.99),
    ),
    (
        Vendor::Nginx,
        r#"sum( rate( nginx_ingress_controller_requests{ namespace="default", ingress="app", canary!="", status!~"5.*" }[1m] ) ) / sum( rate( nginx_ingress_controller_requests{ namespace="default", ingress="app", canary!="" }[1m] ) ) * 100"#,
        r#"sum( rate( nginx_ingress_controller_response_duration_seconds_sum{ namespace="default", ingress="app", canary!="" }[1m] ) ) / sum( rate( nginx_ingress_controller_response_duration_seconds_count{ namespace="default", ingress="app", canary!="" }[1m] ) ) * 1000"#,
        |window| window.latency_mean().map(|seconds| seconds * 1_000.0),
    ),
    (
        Vendor::Traefik,
        r#"sum( rate( traefik_service_request_duration_seconds_bucket{ service=~"default-app-canary-[0-9a-zA-Z-]+@kubernetescrd", code!~"5..", le="+Inf" }[1m] ) ) / sum( rate( traefik_service_request_duration_seconds_bucket{ service=~"default-app-canary-[0-9a-zA-Z-]+@kubernetescrd", le="+Inf" }[1m] ) ) * 100"#,
        r#"histogram_quantile( 0.99, sum( rate( traefik_service_request_duration_seconds_bucket{ service=~"default-app-canary-[0-9a-zA-Z-]+@kubernetescrd" }[1m] ) ) by (le) ) * 1000"#,
        |window| {
            window
                .latency_quantile(0.99)
                .map(|seconds| seconds * 1_000.0)
        },
    ),
];

fn buckets(vendor: Vendor) -> Buckets {
    match vendor.unit() {
        Unit::Milliseconds => Buckets::istio(),
        Unit::Seconds => Buckets::nginx(),
    }
}

#[test]
fn builtin_queries_answer_what_windows_show() {
    let minute = Span::from_secs(60);
    for (vendor, success, duration, shown) in BUILTIN {
        for birth in [Birth::FirstRequest, Birth::Zero] {
            for missed in [0.0, 0.3] {
                for delay in [0, 20] {
                    let plan = Plan {
                        missed: Probability::new(missed).unwrap(),
                        delay: Span::from_secs(delay),
                        ..plan(buckets(vendor), birth)
                    };
                    let dialect = Dialect::new(vendor, &plan, Vec::new(), Vec::new());
                    let (success, duration) = (
                        bound(success, &dialect, &plan),
                        bound(duration, &dialect, &plan),
                    );
                    assert_eq!(success.window(), minute);
                    assert!(!success.demand().every_scrape && success.demand().canary);
                    assert!(!success.demand().stable, "{vendor:?}");
                    let telemetry = played(&plan, Span::from_secs(4), |_| true);
                    for now in (0..600).step_by(7).map(Time::from_secs) {
                        let window = telemetry.window(Version::Canary, now, minute);
                        let told = only(&success.ask(now, &telemetry).unwrap());
                        let seen = window.success_ratio().map(|ratio| ratio * 100.0);
                        assert!(close(told, seen), "{vendor:?} at {now}: {told:?} {seen:?}");
                        let told = only(&duration.ask(now, &telemetry).unwrap());
                        let seen = shown(&window);
                        assert!(close(told, seen), "{vendor:?} at {now}: {told:?} {seen:?}");
                    }
                }
            }
        }
    }
}

/// A rate that only edges are read for, and the same rate written such that every scrape is read.
#[test]
fn edges_are_enough_for_the_window_that_ends_now() {
    let plan = plan(Buckets::istio(), Birth::Zero);
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let text =
        "sum by (le, destination_version) (rate(istio_request_duration_milliseconds_bucket[1m]))";
    let edges = bound(text, &dialect, &plan);
    let every = bound(&text.replace("[1m]", "[1m] @ end()"), &dialect, &plan);
    assert!(every.demand().every_scrape && !edges.demand().every_scrape);
    assert!(edges.demand().latency && edges.demand().stable && !edges.demand().sums);
    let phase = Span::from_secs(4);
    let (all, now) = (played(&plan, phase, |_| true), Time::from_secs(300));
    let at = |second| Time::from_secs(second);
    let few = played(&plan, phase, |time| {
        [at(4), at(244), at(289)].contains(&time)
    });
    assert_eq!(edges.ask(now, &few), edges.ask(now, &all));
    let (told, seen) = (edges.ask(now, &all).unwrap(), every.ask(now, &all).unwrap());
    for (a, b) in told.values().iter().zip(seen.values()) {
        assert!((a - b).abs() <= 1e-12 * b, "{a} {b}");
    }
    assert_eq!(told.values().len(), 40);
}

#[test]
fn other_functions_read_every_scrape() {
    let plan = plan(Buckets::istio(), Birth::FirstRequest);
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let telemetry = played(&plan, Span::from_secs(4), |_| true);
    let ask = |text: &str, second: u64| {
        let bound = bound(text, &dialect, &plan);
        let values = bound
            .ask(Time::from_secs(second), &telemetry)
            .unwrap()
            .values();
        (bound.demand().every_scrape, bound.reach(), values)
    };
    let canary = r#"istio_requests_total{destination_version="canary",response_code="200"}"#;
    // Six requests a second, none of which fails in the first minute.
    assert_eq!(ask(canary, 40), (true, Span::from_secs(300), vec![204.0]));
    assert_eq!(ask(&format!("timestamp({canary})"), 40).2, [34.0]);
    assert_eq!(ask(&format!("count_over_time({canary}[1m])"), 64).2, [4.0]);
    assert_eq!(ask(&format!("count_over_time({canary}[10m])"), 64).2, [5.0]);
    // Failures begin in the second minute: their series is born then.
    let failing = canary.replace("200", "500");
    assert_eq!(
        ask(&format!("count_over_time({failing}[10m])"), 64).2,
        [0.0; 0]
    );
    assert_eq!(
        ask(&format!("count_over_time({failing}[10m])"), 79).2,
        [1.0]
    );
    assert_eq!(ask(&format!("irate({canary}[1m])"), 50).2, [6.0]);
    let (_, reach, values) = ask(
        &format!("max_over_time(rate({canary}[30s])[1m:15s] offset 15s)"),
        90,
    );
    assert_eq!((reach, values.len()), (Span::from_secs(105), 1));
    assert!((values[0] - 6.0).abs() < 1e-9, "{values:?}");
    assert_eq!(ask(&format!("{canary} offset 9m"), 60).2.len(), 0);
    // Old samples are gone after five minutes: the last is from 589 s.
    assert_eq!(ask(canary, 888).2.len(), 1);
    assert_eq!(ask(canary, 889).2.len(), 0);
    assert_eq!(ask("absent(istio_requests_total)", 3).2, [1.0]);
    assert_eq!(ask("absent(istio_requests_total)", 30).2.len(), 0);
}

#[test]
fn routes_are_seen_by_queries_that_name_them() {
    let plan = Plan {
        routes: 2,
        ..plan(Buckets::istio(), Birth::Zero)
    };
    let routes = vec!["home".to_owned(), "cart".to_owned()];
    let dialect = Dialect::new(Vendor::Istio, &plan, routes, Vec::new());
    let telemetry = played(&plan, Span::from_secs(4), |_| true);
    let now = Time::from_secs(300);
    let rate = "rate(istio_requests_total{destination_version=\"canary\"}[1m])";
    let whole = bound(&format!("sum({rate})"), &dialect, &plan);
    assert_eq!(whole.demand().routes, 0);
    let by_route = bound(&format!("sum by (route) ({rate})"), &dialect, &plan);
    assert_eq!(by_route.demand().routes, 0b11);
    let parts = by_route.ask(now, &telemetry).unwrap().values();
    let sum = only(&whole.ask(now, &telemetry).unwrap()).unwrap();
    assert_eq!(parts.len(), 2);
    assert!((parts[0] + parts[1] - sum).abs() < 1e-9, "{parts:?} {sum}");
    let cart = rate.replace("canary\"", "canary\",route=\"cart\"");
    let cart = bound(&format!("sum({cart})"), &dialect, &plan);
    assert_eq!(cart.demand().routes, 0b10);
    assert_eq!(only(&cart.ask(now, &telemetry).unwrap()), Some(parts[0]));
}

#[test]
fn a_service_without_routes_answers_queries_that_name_them() {
    let plan = plan(Buckets::istio(), Birth::Zero);
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let telemetry = played(&plan, Span::from_secs(4), |_| true);
    let bound = bound(
        "sum by (route) (rate(istio_requests_total[1m]))",
        &dialect,
        &plan,
    );
    let answer = bound.ask(Time::from_secs(300), &telemetry).unwrap();
    assert_eq!(answer.values().len(), 1);
}

#[test]
fn exact_metrics_answer_rises_over_one_window() {
    let plan = Plan::plain(Sampling::Exact, Birth::FirstRequest, Buckets::istio());
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let catalogue = Catalogue::new(&dialect, &plan);
    let mut telemetry = Telemetry::new(&plan, Span::ZERO);
    for second in 0..120 {
        serve(&mut telemetry, Version::Canary, second, 0);
        if second == 59 || second == 119 {
            telemetry.scrape(Version::Canary, Time::from_secs(second + 1));
        }
    }
    let bind = |text: &str| Query::parse(text, Semantics::V3).unwrap().bind(&catalogue);
    let now = Time::from_secs(120);
    let canary = r#"{destination_version="canary"}[1m]"#;
    let ask = |text: String| only(&bind(&text).unwrap().ask(now, &telemetry).unwrap()).unwrap();
    assert_eq!(
        ask(format!("sum(increase(istio_requests_total{canary}))")),
        360.0
    );
    assert_eq!(ask(format!("sum(rate(istio_requests_total{canary}))")), 6.0);
    let p99 = ask(format!(
        "histogram_quantile(0.99, sum by (le) (rate(istio_request_duration_milliseconds_bucket{canary})))"
    ));
    let window = telemetry.window(Version::Canary, now, Span::from_secs(60));
    assert!(close(Some(p99), window.latency_quantile(0.99)));
    for text in [
        "istio_requests_total",
        "sum(irate(istio_requests_total[1m]))",
    ] {
        let error = bind(text).unwrap_err();
        assert!(
            matches!(error, BindError::NeedsScrapes { .. }),
            "{text}: {error}"
        );
    }
}

#[test]
fn a_metric_that_nobody_exports_is_told_with_those_that_are() {
    let plan = plan(Buckets::nginx(), Birth::Zero);
    let dialect = Dialect::new(Vendor::Traefik, &plan, Vec::new(), Vec::new());
    let catalogue = Catalogue::new(&dialect, &plan);
    let bind = |text: &str| Query::parse(text, Semantics::V3).unwrap().bind(&catalogue);
    let error = bind("sum(rate(http_requests_total[1m]))")
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("no metric `http_requests_total` is exported; there are "),
        "{error}"
    );
    assert!(error.contains("traefik_service_requests_total"), "{error}");
    let bound = bind(r#"sum(rate(traefik_service_requests_total{code="404"}[1m]))"#).unwrap();
    assert_eq!(
        bound.unmatched(),
        [r#"traefik_service_requests_total{code="404"}"#]
    );
    assert_eq!(
        catalogue.values("traefik_service_requests_total", "code"),
        ["200", "500"]
    );
}

#[test]
fn where_a_server_answers_queries_are_looked_up() {
    let plan = plan(Buckets::istio(), Birth::Zero);
    let dialect = Dialect::new(Vendor::Istio, &plan, Vec::new(), Vec::new());
    let bound = bound("sum(rate(istio_requests_total[1m]))", &dialect, &plan);
    let mut telemetry = played(&plan, Span::from_secs(4), |_| true);
    telemetry.go_by_answers();
    let now = Time::from_secs(300);
    assert_eq!(bound.ask(now, &telemetry), Err(AskError::NoAnswer));
    let answer = Answer::Vector(vec![(Labels::none(), 7.0)]);
    telemetry.answer_query(now, bound.text(), answer.clone());
    assert_eq!(bound.ask(now, &telemetry), Ok(answer));
    let mut values = Vec::new();
    bound.ask_values(now, &telemetry, &mut values).unwrap();
    assert_eq!(values, [7.0]);
    assert_eq!(
        bound.ask(Time::from_secs(301), &telemetry),
        Err(AskError::NoAnswer)
    );
}
