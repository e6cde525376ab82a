//! Each vendor's text: selected by the queries that people use, and read back as it was.

use proptest::prelude::*;

use super::*;
use crate::telemetry::exposition::Naming;
use crate::telemetry::{Birth, Sampling};

const VENDORS: [Vendor; 4] = [
    Vendor::Istio,
    Vendor::Linkerd,
    Vendor::Nginx,
    Vendor::Traefik,
];

fn dialect(vendor: Vendor, buckets: Buckets) -> Dialect {
    let plan = Plan::plain(Sampling::Exact, Birth::Zero, buckets);
    let routes = ["list", "check \"out\""].map(str::to_owned).to_vec();
    let goals = ["conversion", "play"].map(str::to_owned).to_vec();
    Dialect {
        service: Service {
            namespace: "test".to_owned(),
            app: "podinfo".to_owned(),
            ingress: "podinfo".to_owned(),
            naming: Naming::Flagger,
        },
        ..Dialect::new(vendor, &plan, routes, goals)
    }
}

fn reading(version: Version, route: usize, code: u16, buckets: &[u64], took: u64) -> Reading {
    Reading {
        version,
        route,
        code,
        requests: buckets.iter().sum(),
        took: Span::from_nanos(took),
        buckets: buckets.to_vec(),
    }
}

fn small() -> Buckets {
    Buckets::new(vec![0.5, 5.0, 250.0], Unit::Milliseconds).unwrap()
}

/// One request of each version and status, as one part shows it.
fn shown(vendor: Vendor, reporter: Reporter) -> String {
    let mut readings = Vec::new();
    for version in Version::ALL {
        for code in [200, 404, 500, 503] {
            let many = u64::from(code) + 1_000 * version as u64;
            readings.push(reading(version, 0, code, &[0, many, 0, 0], 1));
        }
    }
    let exposed = Exposed {
        pod: "podinfo-7d9f-0",
        readings: &readings,
        weight: Some(0.05),
        ..Exposed::default()
    };
    dialect(vendor, small()).write(&exposed, reporter)
}

/// A matcher of PromQL on one label.
#[derive(Clone, Copy)]
enum Match {
    Is(&'static str),
    Not(&'static str),
    StartsWith(&'static str),
    NotServerError,
    Service,
}

fn matches(value: &str, matcher: Match) -> bool {
    match matcher {
        Match::Is(wanted) => value == wanted,
        Match::Not(refused) => value != refused,
        Match::StartsWith(start) => value.starts_with(start),
        // `!~"5.*"`, and `!~"5.."` for codes of three digits.
        Match::NotServerError => !value.starts_with('5'),
        // `=~"test-podinfo-canary-[0-9a-zA-Z-]+@kubernetescrd"`
        Match::Service => value
            .strip_prefix("test-podinfo-canary-")
            .and_then(|rest| rest.strip_suffix("@kubernetescrd"))
            .is_some_and(|port| {
                !port.is_empty() && port.chars().all(|c| c == '-' || c.is_ascii_alphanumeric())
            }),
    }
}

/// `sum(metric{matchers})` over a text.
fn sum(text: &str, name: &str, matchers: &[(&str, Match)]) -> f64 {
    let mut sum = 0.0;
    for entry in Reader::new(text) {
        if let Entry::Sample(sample) = entry.unwrap()
            && sample.name == name
            && (matchers.iter()).all(|(label, matcher)| matches(sample.label(label), *matcher))
        {
            sum += sample.value;
        }
    }
    sum
}

/// The canary's counts of `shown`.
const ALL: f64 = (1_200 + 1_404 + 1_500 + 1_503) as f64;
const GOOD: f64 = (1_200 + 1_404) as f64;

#[test]
fn flaggers_builtin_queries_select_the_canary() {
    use Match::{Is, Not, NotServerError, Service};
    // What `pkg/metrics/observers` of Flagger 1.44.0 asks for, with the namespace `test` and the
    // target and ingress `podinfo`.
    let istio: &[(&str, Match)] = &[
        ("reporter", Is("destination")),
        ("destination_workload_namespace", Is("test")),
        ("destination_workload", Is("podinfo")),
    ];
    let linkerd: &[(&str, Match)] = &[
        ("namespace", Is("test")),
        ("deployment", Is("podinfo")),
        ("direction", Is("inbound")),
    ];
    let nginx: &[(&str, Match)] = &[
        ("namespace", Is("test")),
        ("ingress", Is("podinfo")),
        ("canary", Not("")),
    ];
    let traefik: &[(&str, Match)] = &[("service", Service)];
    let infinite = ("le", Is("+Inf"));
    for (vendor, selects, good, requests, buckets) in [
        (
            Vendor::Istio,
            istio,
            ("response_code", NotServerError),
            "istio_requests_total",
            "istio_request_duration_milliseconds_bucket",
        ),
        (
            Vendor::Linkerd,
            linkerd,
            ("classification", Not("failure")),
            "response_total",
            "response_latency_ms_bucket",
        ),
        (
            Vendor::Nginx,
            nginx,
            ("status", NotServerError),
            "nginx_ingress_controller_requests",
            "nginx_ingress_controller_response_duration_seconds_bucket",
        ),
        (
            Vendor::Traefik,
            traefik,
            ("code", NotServerError),
            "traefik_service_requests_total",
            "traefik_service_request_duration_seconds_bucket",
        ),
    ] {
        let text = shown(vendor, Reporter::Server);
        let and = |more: (&'static str, Match)| [selects, &[more]].concat();
        assert_eq!(sum(&text, requests, selects), ALL, "{vendor:?}");
        assert_eq!(sum(&text, requests, &and(good)), GOOD, "{vendor:?}");
        assert_eq!(sum(&text, buckets, &and(infinite)), ALL, "{vendor:?}");
        // Traefik's success rate is read from the histogram.
        let both = [selects, &[infinite, good]].concat();
        assert_eq!(sum(&text, buckets, &both), GOOD, "{vendor:?}");
        let count = buckets.replace("_bucket", "_count");
        assert_eq!(sum(&text, &count, selects), ALL, "{vendor:?}");
        let took = buckets.replace("_bucket", "_sum");
        assert!(sum(&text, &took, selects) > 0.0, "{vendor:?}");
    }
}

#[test]
fn what_a_caller_saw_is_not_what_a_server_says() {
    use Match::{Is, StartsWith};
    let istio = shown(Vendor::Istio, Reporter::Client);
    let from = |reporter| {
        let matchers = [
            ("reporter", Is(reporter)),
            ("destination_service", StartsWith("podinfo.test.svc")),
            ("destination_version", Is("canary")),
        ];
        sum(&istio, "istio_requests_total", &matchers)
    };
    assert_eq!((from("destination"), from("source")), (0.0, ALL));
    let linkerd = shown(Vendor::Linkerd, Reporter::Client);
    let matchers = [
        ("direction", Is("outbound")),
        ("dst_deployment", Is("podinfo")),
    ];
    assert_eq!(sum(&linkerd, "response_total", &matchers), ALL);
}

#[test]
fn our_own_figures_stand_beside_them() {
    let text = shown(Vendor::Istio, Reporter::Server);
    let canary = [("version", Match::Is("canary"))];
    assert_eq!(sum(&text, "coalmine_weight", &canary), 0.05);
    assert_eq!(sum(&text, "coalmine_up", &[]), 1.0);
}

#[test]
fn every_metric_is_described_before_its_samples_and_stands_in_one_piece() {
    for vendor in VENDORS {
        let text = shown(vendor, Reporter::Server);
        let mut seen: Vec<String> = Vec::new();
        for entry in Reader::new(&text) {
            match entry.unwrap() {
                Entry::Help { .. } => {}
                Entry::Type { name, .. } => {
                    assert!(!seen.iter().any(|other| other == name), "{name} again");
                    seen.push(name.to_owned());
                }
                Entry::Sample(sample) => {
                    let family = seen.last().unwrap();
                    assert!(sample.name.starts_with(family.as_str()), "{}", sample.name);
                }
            }
        }
    }
}

#[test]
fn bounds_are_the_same_however_they_are_written() {
    assert!(same_bound(0.3, 0.3) && same_bound(0.3, 300.0 / 1_000.0));
    assert!(same_bound(f64::INFINITY, f64::INFINITY));
    assert!(!same_bound(f64::INFINITY, 7.0) && !same_bound(7.0, f64::INFINITY));
    assert!(!same_bound(7.0, 7.001) && !same_bound(7.0, f64::NAN));
}

#[test]
fn what_is_not_ours_is_left_out_and_what_is_damaged_is_told() {
    let dialect = dialect(Vendor::Istio, small());
    let one = [reading(Version::Canary, 1, 200, &[1, 2, 3, 4], 5)];
    let exposed = Exposed {
        pod: "p",
        readings: &one,
        ..Exposed::default()
    };
    let text = dialect.write(&exposed, Reporter::Server);
    assert_eq!(dialect.read(&text).unwrap().readings, one);
    let strange =
        format!("{text}go_goroutines 8\nistio_requests_total{{response_code=\"200\"}} 3\n");
    assert_eq!(dialect.read(&strange).unwrap().readings, one);
    for (from, to, what) in [
        (
            "le=\"5\"",
            "le=\"6\"",
            "a bucket of canary with 200 is missing",
        ),
        (
            "le=\"5\"} 3",
            "le=\"5\"} 7",
            "a bucket smaller than the one below of canary with 200",
        ),
        (
            "le=\"5\"} 3",
            "le=\"5\"} 2.5",
            "a bucket that is no count of canary with 200",
        ),
        (
            "milliseconds_sum",
            "milliseconds_summ",
            "the sum of latencies of canary with 200 is missing",
        ),
        (
            "\nistio_requests_total{",
            "\nistio_requests{",
            "the count of canary with 200 is missing",
        ),
    ] {
        let damaged = text.replace(from, to);
        assert_ne!(damaged, text, "{from}");
        assert_eq!(dialect.read(&damaged).unwrap_err().what, what);
    }
    let error = dialect.read("<html>\n").unwrap_err();
    assert_eq!(error.line, 1);
}

fn readings() -> impl Strategy<Value = Vec<Reading>> {
    let one = (
        (
            0..3_usize,
            0..2_usize,
            prop::sample::select(vec![200_u16, 404, 500, 504]),
        ),
        prop::collection::vec(0_u64..1 << 40, 4),
        0_u64..1 << 50,
    );
    prop::collection::btree_map(0..24_usize, one, 0..12).prop_map(|all| {
        let mut by_key = BTreeMap::new();
        for ((version, route, code), buckets, took) in all.into_values() {
            let version = Version::ALL[version];
            by_key.insert(
                (version, route, code),
                reading(version, route, code, &buckets, took),
            );
        }
        by_key.into_values().collect()
    })
}

proptest! {
    #[test]
    fn what_a_part_shows_is_read_back(
        vendor in prop::sample::select(VENDORS.to_vec()),
        client in any::<bool>(),
        millis in any::<bool>(),
        readings in readings(),
        sums in prop::collection::vec((0..3_usize, 0..3_usize, 0..2_usize, 0.0..1e9_f64), 0..6),
    ) {
        let unit = if millis { Unit::Milliseconds } else { Unit::Seconds };
        let buckets = Buckets::new(vec![0.3, 1.2, 7.0], unit).unwrap();
        let dialect = dialect(vendor, buckets);
        let mut goals = BTreeMap::new();
        for (version, route, goal, value) in sums {
            let (version, route) = (Version::ALL[version], route.checked_sub(1));
            let sums = GoalSums {
                opportunities: value.floor(),
                sum: value,
                squares: value * 2.0,
                cross: value / 3.0,
                counts: value + 1.0,
                users: 3.0,
                values: value * value,
            };
            goals.insert((version, route, goal), GoalReading { version, route, goal, sums });
        }
        let goals: Vec<_> = goals.into_values().collect();
        let exposed = Exposed { pod: "p-0", readings: &readings, goals: &goals, weight: None };
        let reporter = if client { Reporter::Client } else { Reporter::Server };
        let text = dialect.write(&exposed, reporter);
        prop_assert_eq!(dialect.read(&text).unwrap(), Scraped { readings, goals });
    }
}
