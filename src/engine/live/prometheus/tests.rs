//! Against servers that answer anything, and against the real program where it is installed.

mod real;

use super::answer::{figures, vector};
use super::question::query;
use super::*;
use crate::base::Probability;
use crate::engine::live::fetch::Fetched;
use crate::engine::live::fetch::stub::{Server, Shows, locally};
use crate::gate::{Gate, Outcome, RouteSeries, Rule, SuccessRatio, judge};
use crate::telemetry::exposition::Vendor;
use crate::telemetry::{
    Birth, Buckets, GoalSums, Phase, Plan, Reporter, Sampling, Status, Unit, Version,
};

const NOW: Time = Time::from_secs(120);
const MINUTE: Span = Span::from_secs(60);
const CANARY: Wanted = Wanted {
    version: Version::Canary,
    route: None,
    span: MINUTE,
};

fn plan() -> Plan {
    let sampling = Sampling::Scraped {
        interval: Span::from_secs(15),
        phase: Phase::Fixed(Span::ZERO),
    };
    let buckets = Buckets::new(vec![5.0, 250.0, 1e6], Unit::Milliseconds).unwrap();
    Plan {
        routes: 2,
        goals: 1,
        ..Plan::plain(sampling, Birth::FirstRequest, buckets)
    }
}

fn dialect(vendor: Vendor) -> Dialect {
    let routes = ["list", "check\"out"].map(str::to_owned).to_vec();
    Dialect::new(vendor, &plan(), routes, vec!["conversion".to_owned()])
}

fn inquiry(timeout: Span) -> Inquiry {
    Inquiry {
        dialect: dialect(Vendor::Istio),
        goals_of_load: true,
        probes: Rate::ZERO,
        clock: WallClock::new(Moment::now() - Span::from_secs(1), 60.0),
        timeout,
    }
}

fn success_ratio() -> Gate {
    Gate::SuccessRatio(SuccessRatio {
        window: MINUTE,
        route: None,
        min: Probability::new(0.99).unwrap(),
        max: None,
        min_requests: 0,
    })
}

fn asked() -> Telemetry {
    let mut telemetry = Telemetry::new(&plan(), Span::ZERO);
    telemetry.go_by_answers();
    telemetry
}

/// An answer with these elements: labels and value.
fn reply(elements: &[(&str, &str)]) -> String {
    let element = |(labels, value): &(&str, &str)| {
        format!("{{\"metric\":{{{labels}}},\"value\":[1700000000.123,\"{value}\"]}}")
    };
    let elements: Vec<String> = elements.iter().map(element).collect();
    format!(
        "{{\"status\":\"success\",\"data\":{{\"resultType\":\"vector\",\"result\":[{}]}}}}",
        elements.join(",")
    )
}

const GOOD: (&str, &str) = ("\"figure\":\"good\"", "98.5");
const BAD: (&str, &str) = ("\"figure\":\"bad\"", "1.5");

#[test]
fn the_windows_of_an_analysis_are_asked_for_once() {
    let of_a_route = Gate::SuccessRatio(SuccessRatio {
        window: Span::from_secs(300),
        route: Some(RouteSeries {
            index: 1,
            name: "checkout".to_owned(),
        }),
        min: Probability::new(0.99).unwrap(),
        max: None,
        min_requests: 0,
    });
    let all = wanted(&[success_ratio(), success_ratio(), of_a_route], MINUTE);
    let want = |version, route, seconds| Wanted {
        version,
        route,
        span: Span::from_secs(seconds),
    };
    let expected = [
        want(Version::Stable, None, 60),
        want(Version::Canary, None, 60),
        want(Version::Canary, None, 300),
        want(Version::Canary, Some(1), 300),
    ];
    assert_eq!(all, expected);
}

#[test]
fn one_query_asks_for_all_that_a_window_shows() {
    let canary = Wanted {
        route: Some(1),
        ..CANARY
    };
    let text = query(&dialect(Vendor::Istio), canary, 60.0, "load");
    let parts: Vec<&str> = text.split(" or ").collect();
    assert_eq!(parts.len(), 5 + 3 + 7);
    let selected = "part=\"instance\",destination_version=\"canary\",route=\"check\\\"out\"";
    assert_eq!(
        parts[0],
        format!(
            "label_replace(sum(increase(istio_requests_total{{{selected},\
             response_code!~\"5..\"}}[1000ms])), \"figure\", \"good\", \"\", \"\")"
        )
    );
    assert_eq!(
        parts[2],
        format!(
            "label_replace(sum by (le) (increase(istio_request_duration_milliseconds_bucket\
             {{{selected}}}[1000ms])), \"figure\", \"bucket\", \"\", \"\")"
        )
    );
    let goal = "coalmine_goal_opportunities_total\
                {part=\"load\",version=\"canary\",route=\"check\\\"out\"}[1000ms]";
    assert_eq!(
        parts[5],
        format!(
            "label_replace(sum by (goal) (max_over_time({goal}) - min_over_time({goal})), \
             \"figure\", \"within:coalmine_goal_opportunities_total\", \"\", \"\")"
        )
    );
    let client = Dialect {
        reporter: Reporter::Client,
        goals: vec![],
        ..dialect(Vendor::Traefik)
    };
    let text = query(&client, CANARY, 1.0, "load");
    let selected = "part=\"splitter\",version=\"canary\"";
    assert!(
        text.contains(&format!(
            "traefik_service_requests_total{{{selected},code=~\"5..\"}}[60000ms]"
        )),
        "{text}"
    );
    assert_eq!(
        question::percent_encoded("a{b=\"5..\"} "),
        "a%7Bb%3D%225..%22%7D%20"
    );
}

fn fetched(status: u16, body: &str) -> Fetched {
    Fetched {
        status,
        body: body.as_bytes().to_vec(),
    }
}

#[test]
fn an_answer_becomes_figures() {
    let goal = |figure: &str| {
        format!("\"figure\":\"{figure}:coalmine_goal_value_total\",\"goal\":\"conversion\"")
    };
    let (within, so_far) = (goal("within"), goal("so far"));
    let body = reply(&[
        GOOD,
        BAD,
        ("\"figure\":\"bucket\",\"le\":\"5\"", "40"),
        ("\"figure\":\"bucket\",\"le\":\"+Inf\"", "100"),
        // As a later version writes it.
        ("\"figure\":\"bucket\",\"le\":\"250.0\"", "90"),
        ("\"figure\":\"bucket\",\"le\":\"1e+06\"", "99"),
        ("\"figure\":\"sum\"", "2500"),
        ("\"figure\":\"count\"", "100"),
        (&within, "7"),
        (&so_far, "12"),
    ]);
    let elements = vector(&fetched(200, &body)).unwrap();
    let of = |whole| figures(&elements, &dialect(Vendor::Istio), whole).unwrap();
    let value = |sum| GoalSums {
        sum,
        ..GoalSums::default()
    };
    let expected = Figures {
        requests: [Some(98.5), Some(1.5)],
        buckets: vec![40.0, 90.0, 99.0, 100.0],
        seconds: Some(2.5),
        latencies: Some(100.0),
        goals: vec![value(7.0)],
        goals_so_far: vec![value(12.0)],
    };
    assert_eq!(of(false), expected);
    assert_eq!(of(true).goals, [value(12.0)], "from the start on");
}

#[test]
fn answers_that_make_no_sense_are_told_apart() {
    let words = |status, body: &str| {
        let all = vector(&fetched(status, body))
            .and_then(|elements| figures(&elements, &dialect(Vendor::Istio), false));
        all.unwrap_err().to_string()
    };
    assert_eq!(
        words(503, "Service Unavailable\nmore"),
        "it answered 503: Service Unavailable"
    );
    assert_eq!(
        words(
            422,
            "{\"status\":\"error\",\"errorType\":\"execution\",\"error\":\"too many samples\"}"
        ),
        "it answered 422: too many samples"
    );
    let senseless = "its answer makes no sense: ";
    for (body, what) in [
        ("<html>", "expected value"),
        ("{\"status\":\"success\"}", "there is no data"),
        (
            "{\"status\":\"error\",\"error\":\"no\"}",
            "its status is `error`, no",
        ),
        (
            &reply(&[GOOD]).replace("\"vector\"", "\"matrix\""),
            "a matrix is not a vector",
        ),
        (
            "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"2\"]}}",
            "invalid type",
        ),
        (
            &reply(&[("\"figure\":\"good\"", "many")]),
            "`many` is not a number",
        ),
        (
            &reply(&[("\"figure\":\"other\"", "1")]),
            "nobody asked for `other`",
        ),
        (
            &reply(&[("\"figure\":\"bucket\",\"le\":\"7\"", "1")]),
            "the run has no bucket up to `7`",
        ),
        (
            &reply(&[("\"figure\":\"bucket\",\"le\":\"5\"", "1")]),
            "some of the run's buckets are missing",
        ),
    ] {
        let words = words(200, body);
        assert!(words.starts_with(&format!("{senseless}{what}")), "{words}");
    }
}

#[test]
fn a_gate_without_an_answer_has_no_data_and_the_run_goes_on() {
    locally(async {
        let server = Server::start();
        server.show(Shows::Text(reply(&[("", "1")])));
        let mut prometheus = Prometheus::running(server.address, inquiry(Span::from_millis(400)))
            .await
            .unwrap();
        let mut telemetry = asked();
        let gates = [success_ratio()];
        let other = Wanted {
            version: Version::Stable,
            ..CANARY
        };
        let mut now = NOW;
        for (shows, kind, asked) in [
            (Shows::Status(503, "later".to_owned()), "refused", 1),
            (Shows::Raw(b"NOT HTTP\r\n\r\n".to_vec()), "not HTTP", 1),
            (Shows::Silence, "too late", 1),
            (Shows::Cut, "connection broke", 1),
            // Another question may make more sense.
            (Shows::Text("garbage".to_owned()), "senseless", 2),
            (Shows::Status(422, "no".to_owned()), "refused", 2),
        ] {
            let before = prometheus.inquiries().failed.get(kind).copied();
            server.show(shows);
            now += MINUTE;
            let answered = prometheus.look(now, &[other, CANARY], &mut telemetry).await;
            assert_eq!(answered, [], "{kind}");
            let failed = prometheus.inquiries().failed[kind] - before.unwrap_or(0);
            assert_eq!(failed, asked, "{kind}");
            let verdict = judge(&gates, now, &telemetry);
            assert_eq!(
                (verdict.outcome, verdict.rule),
                (Outcome::Inconclusive, Rule::NoData)
            );
        }
        assert_eq!(
            prometheus.inquiries().last.as_ref().unwrap().1,
            "it answered 422: no"
        );
        // No series is not an error.
        server.show(Shows::Text(reply(&[])));
        now += MINUTE;
        prometheus.look(now, &[CANARY], &mut telemetry).await;
        assert_eq!(prometheus.inquiries().empty, 1);
        assert_eq!(judge(&gates, now, &telemetry).rule, Rule::NoData);
        // And then it is well again.
        server.show(Shows::Text(reply(&[GOOD, BAD])));
        now += MINUTE;
        let answered = prometheus.look(now, &[CANARY], &mut telemetry).await;
        assert_eq!(answered.len(), 1);
        let verdict = judge(&gates, now, &telemetry);
        assert_eq!(verdict.outcome, Outcome::Fail);
        assert!((verdict.value - 0.985).abs() < 1e-12);
        let inquiries = prometheus.inquiries();
        assert_eq!(inquiries.failures(), 8);
        assert_eq!(inquiries.asked, 10);
        // It was asked of the right instant: two minutes in, at speed 60, are two seconds.
        let last = server.asked.borrow().last().unwrap().clone();
        let time = last.strip_prefix("/api/v1/query?time=").unwrap();
        let (time, _) = time.split_once('&').unwrap();
        let millis = prometheus.millis_of(prometheus.clock.moment_of(now));
        assert_eq!(time.replace('.', ""), millis.to_string());
    });
}

#[test]
fn what_is_no_prometheus_is_refused_at_the_start() {
    locally(async {
        let server = Server::start();
        server.show(Shows::Text("hello".to_owned()));
        let error = Prometheus::running(server.address, inquiry(MINUTE)).await;
        let words = error.unwrap_err().to_string();
        assert!(words.contains("makes no sense"), "{words}");
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let error = Prometheus::running(closed, inquiry(MINUTE)).await;
        let words = error.unwrap_err().to_string();
        assert!(words.contains("no connection"), "{words}");
    });
}

#[test]
fn health_checks_are_added_to_what_is_answered() {
    locally(async {
        let server = Server::start();
        server.show(Shows::Text(reply(&[("", "1")])));
        let inquiry = Inquiry {
            probes: Rate::per_second(0.5).unwrap(),
            ..inquiry(MINUTE)
        };
        let mut prometheus = Prometheus::running(server.address, inquiry).await.unwrap();
        let mut telemetry = asked();
        server.show(Shows::Text(reply(&[BAD])));
        let of_a_route = Wanted {
            route: Some(0),
            ..CANARY
        };
        prometheus
            .look(NOW, &[CANARY, of_a_route], &mut telemetry)
            .await;
        let window = telemetry.window(Version::Canary, NOW, MINUTE);
        assert_eq!(window.increase(Status::Success), Some(30.0));
        assert_eq!(window.success_ratio(), Some(30.0 / 31.5));
        assert!(window.latency_quantile(0.5).unwrap() <= 5.0);
        let route = telemetry.route_window(Version::Canary, 0, NOW, MINUTE);
        assert_eq!(route.increase(Status::Success), None);
    });
}

#[test]
fn a_running_one_is_told_what_to_scrape() {
    let targets = [
        Target::new(
            Part::Instance(Version::Canary),
            "127.0.0.1:9001".parse().unwrap(),
        ),
        Target::new(Part::Splitter, "127.0.0.1:9002".parse().unwrap()),
    ];
    let config = scrape_config(&targets, Span::from_secs_f64(0.2505));
    assert_eq!(
        config,
        "scrape_configs:
  - job_name: coalmine
    honor_labels: true
    scrape_interval: 250ms
    scrape_timeout: 250ms
    static_configs:
      - targets: [\"127.0.0.1:9001\"]
        labels: { part: instance, __metrics_path__: \"/metrics\" }
      - targets: [\"127.0.0.1:9002\"]
        labels: { part: splitter, __metrics_path__: \"/metrics\" }
"
    );
    assert!(scrape_config(&targets, Span::ZERO).contains("scrape_interval: 1ms"));
}
