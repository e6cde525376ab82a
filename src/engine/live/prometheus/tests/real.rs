//! The real program: what it says of the samples that it has is what our own windows show of the
//! same samples.

use super::*;
use crate::telemetry::exposition::{Exposed, GoalReading, Reading};
use crate::telemetry::{Counters, Window};

/// Puts on record that a test does without a program.
fn skip(what: &str) {
    let Some(record) = std::env::var_os("COALMINE_SKIPPED") else {
        return;
    };
    let thread = std::thread::current();
    let test = thread.name().unwrap_or("a test");
    let line = format!("skipped: {test}: {what} is not installed\n");
    let file = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(record);
    io::Write::write_all(&mut file.unwrap(), line.as_bytes()).unwrap();
}

fn installed(name: &str) -> Option<PathBuf> {
    let found = program::find(name, None);
    if found.is_none() {
        skip(name);
    }
    found
}

/// A service whose counters are far from zero and rise steadily but not evenly, so that every
/// version of Prometheus extrapolates alike; its failures begin with the third sample. Sample `k` of
/// it, by route and status.
fn readings(version: Version, k: u64) -> Vec<Reading> {
    let mut readings = Vec::new();
    for route in 0..2 {
        let base = 1_000_000 + 1_000 * route as u64;
        for (code, begins, rises) in [(200, 0, [40, 55, 3, 1]), (503, 3, [1, 0, 2, 4])] {
            if k < begins {
                continue;
            }
            let uneven = k * k / (3 + route as u64);
            let buckets = rises.map(|rise| base + k * rise + if rise > 0 { uneven } else { 0 });
            readings.push(Reading {
                version,
                route,
                code,
                requests: buckets.iter().sum(),
                took: Span::from_millis(1_000_000 + 9_000 * k + uneven),
                buckets: buckets.to_vec(),
            });
        }
    }
    readings
}

fn goals(version: Version, k: u64) -> Vec<GoalReading> {
    let sums = |scale: f64| GoalSums {
        opportunities: 100.0 * scale + (k * 7) as f64,
        sum: 3.5 * k as f64 * scale,
        squares: 9.25 * k as f64 * scale,
        cross: 4.0 * k as f64,
        counts: 5.0 * k as f64,
        users: k as f64,
        values: 6.5 * k as f64,
    };
    let of = |route, scale| GoalReading {
        version,
        route,
        goal: 0,
        sums: sums(scale),
    };
    vec![of(None, 2.0), of(Some(1), 1.0)]
}

/// Takes sample `k` of a version into telemetry as the scraper would.
fn take(telemetry: &mut Telemetry, version: Version, k: u64, at: Time) {
    let clear = |counters: &mut Counters| {
        *counters = Counters::new(plan().buckets.len(), 1);
    };
    clear(telemetry.counters_mut(version));
    (0..2).for_each(|route| clear(telemetry.route_counters_mut(version, route)));
    for reading in readings(version, k) {
        let add = |counters: &mut Counters| {
            let status = if reading.code < 500 {
                Status::Success
            } else {
                Status::Failure
            };
            counters.requests[status as usize] += reading.requests;
            counters.seconds[status as usize] += reading.took.as_secs_f64();
            for (sum, count) in counters.row_mut(status).iter_mut().zip(&reading.buckets) {
                *sum += count;
            }
        };
        add(telemetry.counters_mut(version));
        add(telemetry.route_counters_mut(version, reading.route));
    }
    for goal in goals(version, k) {
        let counters = match goal.route {
            None => telemetry.counters_mut(version),
            Some(route) => telemetry.route_counters_mut(version, route),
        };
        counters.goals[0] = goal.sums;
    }
    telemetry.scrape(version, at);
}

/// That two windows show the same, to a billionth.
fn agree(told: &Window<'_>, seen: &Window<'_>, what: &str) {
    let close = |told: Option<f64>, seen: Option<f64>, figure: &str| match (told, seen) {
        (Some(a), Some(b)) => {
            assert!((a - b).abs() <= 1e-9 * b.abs(), "{what}, {figure}: {a} {b}");
        }
        _ => assert_eq!(told, seen, "{what}, {figure}"),
    };
    for status in Status::BOTH {
        close(told.increase(status), seen.increase(status), "increase");
        close(told.volume(status), seen.volume(status), "rate");
    }
    close(told.success_ratio(), seen.success_ratio(), "success ratio");
    close(told.latency_mean(), seen.latency_mean(), "mean");
    for q in [0.5, 0.9, 0.99] {
        close(
            told.latency_quantile(q),
            seen.latency_quantile(q),
            "quantile",
        );
    }
    for (told, seen) in [
        (told.goal(0), seen.goal(0)),
        (told.goal_so_far(0), seen.goal_so_far(0)),
    ] {
        let parts = |goal: Option<GoalSums>| {
            goal.map(|g| {
                [
                    g.opportunities,
                    g.sum,
                    g.squares,
                    g.cross,
                    g.counts,
                    g.users,
                    g.values,
                ]
            })
        };
        let (told, seen) = (parts(told), parts(seen));
        assert_eq!(told.is_some(), seen.is_some(), "{what}, goal");
        for (a, b) in told.into_iter().flatten().zip(seen.into_iter().flatten()) {
            assert!((a - b).abs() <= 1e-9 * b.abs(), "{what}, goal: {a} {b}");
        }
    }
}

/// When the samples of the prepared data were taken, in seconds of the day.
const BEGIN: u64 = 1_700_000_000;

/// All samples as a server imports them: OpenMetrics, with timestamps in seconds, without types.
fn openmetrics(dialect: &Dialect) -> String {
    let mut lines = Vec::new();
    for k in (0..24_u64).filter(|k| !gap(*k)) {
        let time = BEGIN + 15 * k;
        for version in Version::BOTH {
            let (readings, goals) = (readings(version, k), goals(version, k));
            let shown = |readings, goals, part: &str| {
                let exposed = Exposed {
                    pod: "app-0",
                    readings,
                    goals,
                    weight: None,
                };
                // A server adds its own label to each series that it scrapes.
                let text = dialect.write(&exposed, dialect.reporter);
                let lines = text.lines().filter(|line| line.contains('{'));
                lines
                    .map(|line| {
                        format!(
                            "{} {time}",
                            line.replacen('{', &format!("{{part=\"{part}\","), 1)
                        )
                    })
                    .collect::<Vec<_>>()
            };
            lines.extend(shown(&readings, &[], "instance"));
            lines.extend(shown(&[], &goals, "load"));
        }
    }
    lines.push("# EOF\n".to_owned());
    lines.join("\n")
}

/// Scrapes that failed.
fn gap(k: u64) -> bool {
    k == 9 || k == 10
}

/// Windows onto both versions and a route of each, of several lengths.
fn all_windows() -> Vec<Wanted> {
    let mut wanted = Vec::new();
    for version in Version::BOTH {
        for route in [None, Some(1)] {
            for seconds in [40, 70, 130, 400] {
                let span = Span::from_secs(seconds);
                wanted.push(Wanted {
                    version,
                    route,
                    span,
                });
            }
        }
    }
    wanted
}

fn through(telemetry: &Telemetry, wanted: Wanted, now: Time) -> Window<'_> {
    let Wanted {
        version,
        route,
        span,
    } = wanted;
    match route {
        None => telemetry.window(version, now, span),
        Some(route) => telemetry.route_window(version, route, now, span),
    }
}

#[test]
fn its_answers_are_our_windows_on_the_same_samples() {
    let (Some(file), Some(promtool)) = (installed("prometheus"), installed("promtool")) else {
        return;
    };
    locally(async {
        for vendor in [Vendor::Istio, Vendor::Nginx] {
            let dialect = dialect(vendor);
            let folder = Folder::new().unwrap();
            let samples = folder.write("samples.om", &openmetrics(&dialect)).unwrap();
            let import = Command::new(&promtool)
                .args(["tsdb", "create-blocks-from", "openmetrics"])
                .arg(samples)
                .arg(folder.path().join("data"))
                .output()
                .unwrap();
            let words = String::from_utf8_lossy(&import.stderr);
            assert!(import.status.success(), "{words}");
            let config = scrape_config(&[], MINUTE);
            let bind = IpAddr::from([127, 0, 0, 1]);
            let (program, address) = launch(&file, folder, &config, bind).await.unwrap();
            // A scenario that began, on the clock of the day, with the first sample; twice as fast.
            let speed = 2.0;
            let inquiry = Inquiry {
                dialect,
                clock: WallClock::new(Moment::now(), speed),
                ..inquiry(Span::from_secs(20))
            };
            let mut prometheus = Prometheus::new(address, Some(program), inquiry);
            prometheus.epoch =
                Span::from_secs(BEGIN) - Span::from_nanos(prometheus.clock.start().as_nanos());
            let plan = Plan {
                sampling: Sampling::Scraped {
                    interval: Span::from_secs(30),
                    phase: Phase::Fixed(Span::ZERO),
                },
                ..plan()
            };
            let mut seen = Telemetry::new(&plan, Span::ZERO);
            seen.go_by_samples();
            let mut told = Telemetry::new(&plan, Span::ZERO);
            told.go_by_answers();
            let mut compared = 0;
            for k in 0..24_u64 {
                if !gap(k) {
                    for version in Version::BOTH {
                        take(&mut seen, version, k, Time::from_secs(30 * k));
                    }
                }
                // Not at a sample, nor one scrape interval from it: there, before 3.0, one more
                // sample lies in the window.
                let now = Time::from_secs(30 * k + 8);
                let answered = prometheus.look(now, &all_windows(), &mut told).await;
                assert_eq!(answered.len(), 16, "{:?}", prometheus.inquiries());
                for wanted in all_windows() {
                    let what = format!("{vendor:?} {wanted:?} at {now}");
                    let shown = through(&seen, wanted, now);
                    compared += u32::from(shown.increase(Status::Success).is_some());
                    agree(&through(&told, wanted, now), &shown, &what);
                }
            }
            assert!(compared > 200, "{compared} windows had data");
            assert_eq!(prometheus.inquiries().failures(), 0);
            let group = prometheus.program().unwrap().pid();
            prometheus.stop();
            assert!(
                !Path::new(&format!("/proc/{group}")).exists(),
                "it has ended"
            );
            assert!(TcpListener::bind(address).is_ok(), "and its port is free");
        }
    });
}

#[test]
fn one_that_is_started_scrapes_what_it_is_told_to() {
    if installed("prometheus").is_none() {
        return;
    }
    locally(async {
        let server = Server::start();
        let dialect = dialect(Vendor::Istio);
        let exposed = Exposed {
            pod: "app-0",
            readings: &readings(Version::Canary, 5),
            goals: &goals(Version::Canary, 5),
            weight: Some(0.1),
        };
        server.show(Shows::Text(dialect.write(&exposed, dialect.reporter)));
        let targets = [Target::new(Part::Instance(Version::Canary), server.address)];
        let inquiry = Inquiry {
            goals_of_load: false,
            clock: WallClock::new(Moment::now(), 60.0),
            ..inquiry(Span::from_secs(20))
        };
        let bind = IpAddr::from([127, 0, 0, 1]);
        let interval = Span::from_millis(100);
        let mut prometheus = Prometheus::spawn(None, &targets, interval, bind, inquiry)
            .await
            .unwrap();
        // Counters that stand still: whatever was scraped when, nothing rose, and what was counted
        // so far is what is shown.
        let mut telemetry = asked();
        let wanted = Wanted {
            span: Span::from_secs(3_600),
            ..CANARY
        };
        let deadline = Moment::now() + Span::from_secs(60);
        let now = loop {
            let now = prometheus.clock.now();
            prometheus.look(now, &[wanted], &mut telemetry).await;
            let window = telemetry.window(Version::Canary, now, wanted.span);
            if window.increase(Status::Success).is_some() {
                break now;
            }
            assert!(Moment::now() < deadline, "{:?}", prometheus.inquiries());
            tokio::time::sleep(Duration::from_millis(50)).await;
        };
        let window = telemetry.window(Version::Canary, now, wanted.span);
        assert_eq!(window.increase(Status::Success), Some(0.0));
        assert_eq!(window.increase(Status::Failure), Some(0.0));
        assert!(window.success_ratio().unwrap().is_nan());
        assert!(window.latency_quantile(0.99).unwrap().is_nan());
        let sums = goals(Version::Canary, 5)[0].sums;
        assert_eq!(window.goal_so_far(0), Some(sums));
        // What it scraped of the weight, under its own name.
        let weight = prometheus.ask("coalmine_weight{version=\"canary\"}", Moment::now());
        assert_eq!(weight.await.unwrap()[0].value().unwrap(), 0.1);
        prometheus.stop();
    });
}

#[test]
fn a_program_that_is_not_there_or_no_prometheus_is_told() {
    locally(async {
        let bind = IpAddr::from([127, 0, 0, 1]);
        let spawn = async |file: &str| {
            let inquiry = inquiry(MINUTE);
            Prometheus::spawn(Some(Path::new(file)), &[], MINUTE, bind, inquiry)
                .await
                .unwrap_err()
                .to_string()
        };
        let missing = spawn("/nowhere/prometheus").await;
        assert!(
            missing.starts_with("there is no program `/nowhere/prometheus`: install Prometheus"),
            "{missing}"
        );
        let words = spawn("/bin/false").await;
        assert!(
            words.starts_with("Prometheus ended before it was ready"),
            "{words}"
        );
    });
}
