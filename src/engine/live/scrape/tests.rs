//! Over real sockets against small servers, and what the telemetry then shows beside one that was
//! fed the same numbers.

use std::net::TcpListener;

use super::*;
use crate::engine::live::fetch::stub::{Server, Shows, locally};
use crate::telemetry::exposition::{Exposed, GoalReading, Reading, Vendor};
use crate::telemetry::{
    Birth, Buckets, Counters, GoalSums, Phase, Plan, Reporter, Sampling, Status, Telemetry,
    Version, Window,
};

const INTERVAL: Span = Span::from_secs(15);
const CANARY: Part = Part::Instance(Version::Canary);

fn plan() -> Plan {
    let sampling = Sampling::Scraped {
        interval: INTERVAL,
        phase: Phase::Fixed(Span::ZERO),
    };
    Plan {
        routes: 2,
        goals: 1,
        ..Plan::plain(sampling, Birth::FirstRequest, Buckets::istio())
    }
}

fn dialect(plan: &Plan) -> Dialect {
    let routes = ["list", "checkout"].map(str::to_owned).to_vec();
    Dialect::new(Vendor::Istio, plan, routes, vec!["conversion".to_owned()])
}

/// An instance that has answered so many requests of each status on a route, all alike.
fn reading(version: Version, route: usize, code: u16, requests: u64) -> Reading {
    let mut buckets = vec![0; Buckets::istio().len()];
    buckets[6] = requests;
    Reading {
        version,
        route,
        code,
        requests,
        took: Span::from_millis(80 * requests),
        buckets,
    }
}

fn metrics(dialect: &Dialect, readings: &[Reading], goals: &[GoalReading]) -> Shows {
    let exposed = Exposed {
        pod: "app-0",
        readings,
        goals,
        weight: None,
    };
    Shows::Text(dialect.write(&exposed, dialect.reporter))
}

/// A scraper with what it feeds.
struct Chain {
    scraper: Scraper,
    intake: Intake,
    telemetry: Telemetry,
    at: Time,
}

impl Chain {
    fn new(plan: &Plan, dialect: &Dialect, targets: Vec<Target>, timeout: Span) -> Chain {
        let mut telemetry = Telemetry::new(plan, Span::ZERO);
        telemetry.go_by_samples();
        Chain {
            intake: Intake::new(dialect, &targets),
            scraper: Scraper::new(dialect.clone(), targets, timeout),
            telemetry,
            at: Time::START,
        }
    }

    async fn scrape(&mut self) -> Taken {
        let round = self.scraper.round(self.at).await;
        let taken = self.intake.take(&round, &mut self.telemetry);
        self.at += INTERVAL;
        taken
    }

    fn failed(&self, kind: &str) -> u64 {
        self.intake.mishaps().failed.get(kind).copied().unwrap_or(0)
    }
}

/// What a rollout's own arithmetic would have counted.
fn add(counters: &mut Counters, code: u16, requests: u64) {
    let status = if code >= 500 {
        Status::Failure
    } else {
        Status::Success
    };
    counters.requests[status as usize] += requests;
    counters.seconds[status as usize] += 0.08 * requests as f64;
    counters.row_mut(status)[6] += requests;
}

fn agree(a: &Window<'_>, b: &Window<'_>) {
    let close = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => assert!((a - b).abs() <= 1e-12 * b.abs().max(1.0), "{a} {b}"),
        _ => assert_eq!(a, b),
    };
    for status in Status::BOTH {
        close(a.increase(status), b.increase(status));
    }
    close(a.success_ratio(), b.success_ratio());
    close(a.latency_quantile(0.99), b.latency_quantile(0.99));
    close(a.latency_mean(), b.latency_mean());
    assert_eq!(a.goal(0), b.goal(0));
}

const LONG: Span = Span::from_secs(30);

#[test]
fn what_was_scraped_is_what_a_virtual_run_would_have_measured() {
    locally(async {
        let (plan, servers) = (plan(), [Server::start(), Server::start()]);
        let dialect = dialect(&plan);
        let targets = (servers.iter())
            .map(|server| Target::new(CANARY, server.address))
            .collect();
        let mut chain = Chain::new(&plan, &dialect, targets, LONG);
        let mut virtually = Telemetry::new(&plan, Span::ZERO);
        // By instance and route: successes and failures; failures begin late.
        let mut counts = [[[0_u64; 2]; 2]; 2];
        for scrape in 0..12_u64 {
            for ((instance, server), counts) in servers.iter().enumerate().zip(&mut counts) {
                let mut readings = Vec::new();
                for (route, counts) in counts.iter_mut().enumerate() {
                    let more = [7 + scrape * 3 + instance as u64, u64::from(scrape > 4) * 2];
                    for ((code, count), more) in [200, 503].into_iter().zip(counts).zip(more) {
                        *count += more;
                        add(virtually.counters_mut(Version::Canary), code, more);
                        let by_route = virtually.route_counters_mut(Version::Canary, route);
                        add(by_route, code, more);
                        // A series is not there before its first request.
                        if *count > 0 {
                            readings.push(reading(Version::Canary, route, code, *count));
                        }
                    }
                }
                server.show(metrics(&dialect, &readings, &[]));
            }
            let now = chain.at;
            assert_eq!(chain.scrape().await.versions, [false, true, false]);
            virtually.scrape(Version::Canary, now);
            for span in [20, 60, 300].map(Span::from_secs) {
                let asked = now + Span::from_secs(4);
                let seen = |telemetry: &Telemetry, route: Option<usize>| match route {
                    None => telemetry
                        .window(Version::Canary, asked, span)
                        .success_ratio(),
                    Some(route) => telemetry
                        .route_window(Version::Canary, route, asked, span)
                        .success_ratio(),
                };
                agree(
                    &chain.telemetry.window(Version::Canary, asked, span),
                    &virtually.window(Version::Canary, asked, span),
                );
                assert_eq!(seen(&chain.telemetry, Some(1)), seen(&virtually, Some(1)));
                assert_eq!(seen(&chain.telemetry, None), seen(&virtually, None));
            }
        }
        assert_eq!(chain.intake.mishaps().failures(), 0);
        assert_eq!(chain.intake.mishaps().scrapes, 24);
        let connections = servers.each_ref().map(|server| server.connections.get());
        assert_eq!(connections, [1, 1], "connections are kept");
        assert_eq!(servers[0].asked.borrow().as_slice(), ["/metrics"; 12]);
    });
}

#[test]
fn an_instance_that_restarts_goes_on_and_one_that_is_down_keeps_what_it_had() {
    locally(async {
        let (plan, servers) = (plan(), [Server::start(), Server::start()]);
        let dialect = dialect(&plan);
        let targets = (servers.iter())
            .map(|server| Target::new(CANARY, server.address))
            .collect();
        let mut chain = Chain::new(&plan, &dialect, targets, LONG);
        let show = |server: usize, requests| {
            let shown = [reading(Version::Canary, 0, 200, requests)];
            servers[server].show(metrics(&dialect, &shown, &[]));
        };
        let total = |chain: &Chain| chain.telemetry.counters(Version::Canary).requests[0];
        show(0, 100);
        show(1, 50);
        chain.scrape().await;
        assert_eq!(total(&chain), 150);
        // Down: nobody's figures fall.
        servers[0].show(Shows::Cut);
        show(1, 60);
        assert!(chain.scrape().await.versions[1]);
        assert_eq!(total(&chain), 160);
        // Up again, from zero; and without a series until its first request.
        servers[0].show(metrics(&dialect, &[], &[]));
        chain.scrape().await;
        assert_eq!(total(&chain), 160);
        show(0, 30);
        chain.scrape().await;
        assert_eq!(total(&chain), 190);
        show(0, 40);
        chain.scrape().await;
        let counters = chain.telemetry.counters(Version::Canary);
        assert_eq!(counters.requests[0], 200);
        assert_eq!(counters.buckets.iter().sum::<u64>(), 200);
        assert!((counters.seconds[0] - 200.0 * 0.08).abs() < 1e-9);
        assert_eq!(
            chain.telemetry.route_counters(Version::Canary, 0).requests[0],
            200
        );
        // The connection that was cut is a kept one: it was tried again, and cut again.
        assert_eq!(chain.failed("connection broke"), 1);
        // What the window shows is the rise across it all.
        let window = chain
            .telemetry
            .window(Version::Canary, chain.at, Span::from_secs(600));
        let rise = window.increase(Status::Success).unwrap();
        assert!(rise >= 50.0, "{rise}");
    });
}

#[test]
fn scrapes_that_fail_are_told_apart_and_leave_gaps() {
    locally(async {
        let (plan, server) = (plan(), Server::start());
        let dialect = dialect(&plan);
        let closed = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let targets = vec![
            Target::new(CANARY, server.address),
            Target::new(Part::Instance(Version::Stable), closed),
        ];
        let mut chain = Chain::new(&plan, &dialect, targets, Span::from_millis(300));
        let good = |requests| {
            let shown = [reading(Version::Canary, 0, 200, requests)];
            metrics(&dialect, &shown, &[])
        };
        let raw = |text: &str| Shows::Raw(text.as_bytes().to_vec());
        let long = format!(
            "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n{}",
            "# nothing, again and again\n".repeat(LONGEST / 27 + 2)
        );
        server.show(good(100));
        assert!(chain.scrape().await.versions[1]);
        for (shows, kind) in [
            (Shows::Status(503, "no".to_owned()), "refused"),
            (Shows::Text("<html>Oops</html>".to_owned()), "malformed"),
            (
                raw("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\u{0}\u{0}"),
                "malformed",
            ),
            (
                Shows::Raw(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n\xff\xfe".to_vec()),
                "malformed",
            ),
            (raw("SMTP ready\r\n"), "not HTTP"),
            (
                raw("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n"),
                "not HTTP",
            ),
            (
                raw("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nshort"),
                "connection broke",
            ),
            (Shows::Silence, "too late"),
            (raw(&long), "too long"),
        ] {
            let before = chain.failed(kind);
            server.show(shows);
            assert_eq!(chain.scrape().await, Taken::default(), "{kind}");
            assert_eq!(chain.failed(kind), before + 1, "{kind}");
        }
        server.show(good(300));
        assert!(chain.scrape().await.versions[1]);
        let mishaps = chain.intake.mishaps();
        assert_eq!(mishaps.scrapes, 22);
        // Nobody ever listened for stable.
        assert_eq!(mishaps.failed["no connection"], 11);
        assert_eq!(mishaps.failures(), 11 + 9);
        assert!(mishaps.last[&1].1.starts_with("no connection: "));
        // Two samples, 150 s apart, and nothing between: the window that holds one shows nothing.
        let window = |span| {
            let span = Span::from_secs(span);
            chain
                .telemetry
                .window(Version::Canary, Time::from_secs(150), span)
        };
        assert_eq!(window(140).success_ratio(), None);
        let increase = window(151).increase(Status::Success).unwrap();
        assert!(
            (increase - 200.0 * 151.0 / 150.0).abs() < 1e-9,
            "{increase}"
        );
    });
}

#[test]
fn whose_requests_count_is_the_plans_choice_and_goals_are_the_load_generators() {
    locally(async {
        let servers = [Server::start(), Server::start(), Server::start()];
        for reporter in [Reporter::Server, Reporter::Client] {
            let plan = Plan { reporter, ..plan() };
            let dialect = dialect(&plan);
            let parts = [CANARY, Part::Splitter, Part::Load];
            let targets = (parts.iter().zip(&servers))
                .map(|(part, server)| Target::new(*part, server.address))
                .collect();
            let sums = |opportunities| GoalSums {
                opportunities,
                sum: 3.0,
                ..GoalSums::default()
            };
            let goal = |opportunities, route| GoalReading {
                version: Version::Canary,
                route,
                goal: 0,
                sums: sums(opportunities),
            };
            servers[0].show(metrics(
                &dialect,
                &[reading(Version::Canary, 0, 200, 10)],
                &[goal(99.0, None)],
            ));
            let by_splitter = [
                reading(Version::Stable, 1, 504, 7),
                reading(Version::Canary, 1, 200, 8),
            ];
            servers[1].show(metrics(&dialect, &by_splitter, &[]));
            servers[2].show(metrics(
                &dialect,
                &[],
                &[goal(6.0, None), goal(2.0, Some(1))],
            ));
            let mut chain = Chain::new(&plan, &dialect, targets, LONG);
            let taken = chain.scrape().await;
            let counters = chain.telemetry.counters(Version::Canary);
            assert_eq!(counters.goals, [sums(6.0)]);
            let by_route = chain.telemetry.route_counters(Version::Canary, 1);
            assert_eq!(by_route.goals, [sums(2.0)]);
            match reporter {
                Reporter::Server => {
                    assert_eq!(counters.requests, [10, 0]);
                    assert_eq!(taken.versions, [false, true, false]);
                }
                Reporter::Client => {
                    assert_eq!(counters.requests, [8, 0]);
                    assert_eq!(by_route.requests, [8, 0]);
                    let stable = chain.telemetry.counters(Version::Stable);
                    assert_eq!(stable.requests, [0, 7]);
                    assert_eq!(taken.versions, [true; 3]);
                }
            }
        }
    });
}

#[test]
fn what_the_plan_has_fail_fails_and_what_it_delays_is_late() {
    locally(async {
        let plan = Plan {
            missed: crate::base::Probability::new(0.5).unwrap(),
            delay: Span::from_secs(30),
            ..plan()
        };
        let (dialect, server) = (dialect(&plan), Server::start());
        let targets = vec![Target::new(CANARY, server.address)];
        let mut chain = Chain::new(&plan, &dialect, targets, LONG);
        let mut virtually = Telemetry::new(&plan, Span::ZERO);
        let mut missed = 0;
        for scrape in 1..=40 {
            server.show(metrics(
                &dialect,
                &[reading(Version::Canary, 0, 200, 10 * scrape)],
                &[],
            ));
            add(virtually.counters_mut(Version::Canary), 200, 10);
            let now = chain.at;
            virtually.scrape(Version::Canary, now);
            let taken = chain.scrape().await.versions[1];
            assert_eq!(taken, !virtually.misses(Version::Canary, now));
            missed += u32::from(!taken);
            let window = |telemetry: &Telemetry| {
                let window = telemetry.window(Version::Canary, now, Span::from_secs(120));
                window.increase(Status::Success)
            };
            assert_eq!(window(&chain.telemetry), window(&virtually));
        }
        assert!((1..40).contains(&missed));
    });
}
