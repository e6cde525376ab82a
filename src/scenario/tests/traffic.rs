//! Reading the traffic section: presets, shapes, swings, users, and what is wrong with them.

use super::*;
use crate::model::service::Latency;
use crate::model::traffic::{Activity, Flash, Population, Sessions, Swing, Traffic, Week};

fn traffic(lines: &str) -> Traffic {
    scenario(&LEAST.replacen("rate = \"20/s\"", lines, 1))
        .world
        .traffic
}

fn wrong(lines: &str) -> String {
    errors(&LEAST.replacen("rate = \"20/s\"", lines, 1))
}

fn rate(value: f64) -> Rate {
    Rate::per_second(value).unwrap()
}

#[test]
fn weeks_and_crowds_are_read() {
    let read = traffic("rate = { week = { mean = \"100/s\", start = \"Fri 16:30\" } }");
    let start = Span::from_secs(4 * 86_400 + 16 * 3_600 + 1_800);
    let week = Week::new(rate(100.0), &Week::NASA, 0.6, start).unwrap();
    assert_eq!(read.profile, Profile::Week(week));
    let read =
        traffic("rate = { flash = { base = \"50/s\", peak = 10, at = \"20m\", hold = \"1m\" } }");
    assert_eq!(
        read.profile,
        Profile::Flash(Flash {
            base: rate(50.0),
            peak: 10.0,
            at: Span::from_secs(1_200),
            rise: Span::from_secs(300),
            hold: Span::from_secs(60),
            half_life: Span::from_secs(1_800),
        })
    );
}

#[test]
fn every_law_of_gaps_and_every_swing_is_read() {
    let arrivals = |text: &str| traffic(&format!("rate = \"20/s\"\narrivals = {text}")).arrivals;
    assert_eq!(arrivals("\"uniform\""), Arrivals::Even);
    assert_eq!(
        arrivals("{ gamma = { cv = 3 } }"),
        Arrivals::Gamma { cv: 3.0 }
    );
    assert_eq!(
        arrivals("{ weibull = { shape = 0.5 } }"),
        Arrivals::Weibull { shape: 0.5 }
    );
    let swing = |text: &str| {
        traffic(&format!("rate = \"20/s\"\nswing = {text}"))
            .swing
            .unwrap()
    };
    assert_eq!(
        swing("{ log_normal = { cv = 0.44 } }"),
        Swing::long_memory(0.44)
    );
    assert_eq!(
        swing("{ log_normal = { cv = 0.3, memory = \"1m\" } }"),
        Swing::log_normal(0.3, &[(1.0, Span::from_secs(60))])
    );
    assert_eq!(
        swing(
            "{ log_normal = { cv = 0.44, memory = [[\"45%\", \"1m\"], [\"23%\", \"1h\"], \
             [\"32%\", \"72h\"]] } }"
        ),
        Swing::long_memory(0.44)
    );
    assert_eq!(
        swing("{ mmpp = { ratio = 8, high = \"10%\", burst = \"20s\" } }"),
        Swing::Mmpp {
            ratio: 8.0,
            high: share(0.1),
            burst: Span::from_secs(20),
        }
    );
    assert_eq!(
        swing("{ on_off = {} }"),
        Swing::OnOff {
            sources: 50,
            shape: 1.2,
            shortest: Span::from_secs(1),
        }
    );
}

#[test]
fn users_sessions_routes_and_groups_are_read() {
    let read = traffic(
        r#"
        rate = "20/s"
        cron = "2%"
        users = 100
        spread = 1.1
        returning = "80%"
        sessions = { pages = 4, think = "p50=10s,p90=60s" }
        routes = [{ name = "browse", share = "90%" }, { name = "checkout", share = "10%" }]
        [[traffic.groups]]
        name = "people"
        share = "79%"
        [[traffic.groups]]
        name = "bots"
        share = "21%"
        users = 3
        zipf = 0
        cookies = false
        returning = "0%"
        matched = true
        mix = { checkout = "30%", browse = "70%" }
        "#,
    );
    assert_eq!(read.cron, share(0.02));
    assert_eq!(read.users, Population::log_normal(100, 1.1));
    let sessions = read.sessions.unwrap();
    assert_eq!((sessions.pages, sessions.embedded), (4.0, 2.2));
    assert!(matches!(sessions.think, Latency::LogNormal { .. }));
    assert_eq!(read.routes[1].name, "checkout");
    let [people, bots] = &read.groups[..] else {
        panic!("{:?}", read.groups);
    };
    assert_eq!(people.users, read.users);
    assert_eq!(
        (people.returning, people.cookies, people.matched),
        (share(0.8), true, false)
    );
    assert!(people.mix.is_empty());
    assert_eq!(bots.users, Population::zipf(3, 0.0));
    assert_eq!(
        (bots.returning, bots.cookies, bots.matched),
        (share(0.0), false, true)
    );
    assert_eq!(bots.mix, [0.7, 0.3]);
}

#[test]
fn presets_fill_in_what_is_left_out() {
    let web = traffic("preset = \"web-day\"");
    let start = Span::from_secs(10 * 3_600);
    let week = Week::new(rate(100.0), &Week::NASA, 0.6, start).unwrap();
    assert_eq!(web.profile, Profile::Week(week));
    assert_eq!(web.swing, Some(Swing::long_memory(0.44)));
    assert_eq!(web.users.law(), Activity::LogNormal(1.1));
    assert_eq!(web.sessions, Some(Sessions::measured()));
    // A constant rate keeps the shape; a shape replaces it; other fields replace theirs.
    let slower = traffic("preset = \"web-day\"\nrate = \"10/s\"\nzipf = 0.5\nusers = 7");
    assert!(matches!(&slower.profile, Profile::Week(week) if (week.mean() - 10.0).abs() < 1e-9));
    assert_eq!(slower.users, Population::zipf(7, 0.5));
    assert_eq!(slower.swing, web.swing);
    let crowd = traffic("preset = \"flash\"\nrate = \"5/s\"");
    assert_eq!(crowd.profile.rate(Time::START), 5.0);
    assert_eq!(
        crowd.profile.bound(Time::START, Time::from_secs(7_200)),
        50.0
    );
    assert_eq!(crowd.returning, share(0.1));
    let stepped = traffic("preset = \"bursty-api\"\nrate = { steps = [[\"0s\", \"1/s\"]] }");
    assert!(matches!(stepped.profile, Profile::Stepped(_)));
    assert!(matches!(stepped.swing, Some(Swing::Mmpp { .. })));
    assert_eq!(
        traffic("preset = \"saas-tenants\"").users,
        Population::zipf(200, 1.2)
    );
    assert_eq!(
        traffic("preset = \"low\"").profile,
        Profile::Constant(rate(0.5))
    );
    assert!(matches!(
        traffic("preset = \"long-memory\"").swing,
        Some(Swing::OnOff { .. })
    ));
    assert_eq!(
        traffic("preset = \"flat\""),
        traffic("rate = \"100/s\""),
        "flat is a rate and nothing else"
    );
}

#[test]
fn impossible_traffic_is_refused_with_what_would_be_valid() {
    for (lines, message) in [
        (
            "preset = \"web\"",
            "traffic.preset: `web` is not known here (did you mean `web-day`?)",
        ),
        ("users = 3", "`traffic.rate` is missing"),
        (
            "rate = { week = { mean = \"1/s\", hours = [1, 2] } }",
            "traffic.rate.week.hours: has 2 figures (write 24, from midnight to midnight)",
        ),
        (
            "rate = { week = { mean = \"1/s\", start = \"Friday\" } }",
            "traffic.rate.week.start: `Friday` is not a day and an hour",
        ),
        (
            "rate = { flash = { base = \"1/s\", peak = 0.5, at = \"1m\" } }",
            "traffic.rate.flash.peak: `0.5` is out of range",
        ),
        (
            "rate = { steps = [[\"0s\", \"1/s\"]], bin = \"1m\" }",
            "traffic.rate.bin: goes with a trace only",
        ),
        (
            "rate = \"1/s\"\narrivals = { gamma = { cv = 1 }, weibull = { shape = 1 } }",
            "is not one law of the gaps (give exactly one of gamma and weibull)",
        ),
        (
            "rate = \"1/s\"\nswing = {}",
            "traffic.swing: `{}` is not one kind of swing",
        ),
        (
            "rate = \"1/s\"\nswing = { mmpp = { ratio = 8, high = \"100%\", burst = \"1s\" } }",
            "traffic.swing.mmpp.high: `100%` leaves no bursts or no time between them",
        ),
        (
            "rate = \"1/s\"\nswing = { log_normal = { cv = 1, memory = [[\"50%\", \"1m\"]] } }",
            "traffic.swing.log_normal.memory: the shares add up to 50%",
        ),
        (
            "rate = \"1/s\"\nzipf = 1\nspread = 1",
            "traffic.spread: stands beside zipf (give zipf or spread",
        ),
        (
            "rate = \"1/s\"\nsessions = { pages = 1.2 }",
            "traffic.sessions.pages: 1.2 pages on average cannot be with 51% of a single page \
             (write 1.49 or more: the others have two at least)",
        ),
        (
            "rate = \"1/s\"\nroutes = [{ name = \"a\", share = \"30%\" }]",
            "traffic.routes: the shares add up to 30% (make them add up to 100%)",
        ),
        (
            "rate = \"1/s\"\nroutes = [{ name = \"a\", share = \"50%\" }, \
             { name = \"a\", share = \"50%\" }]",
            "traffic.routes: `a` stands there twice",
        ),
        (
            "rate = \"1/s\"\nroutes = [{ name = \"checkout\", share = \"100%\" }]\n\
             groups = [{ name = \"all\", share = \"100%\", mix = { chekout = \"100%\" } }]",
            "`chekout` is not a route (did you mean `checkout`?)",
        ),
        (
            "rate = \"1/s\"\ngroups = [{ name = \"all\", share = \"100%\", cookies = \"no\" }]",
            "traffic.groups[0].cookies: `\"no\"` is a string (write true or false without quotes)",
        ),
    ] {
        let errors = wrong(lines);
        assert!(errors.contains(message), "{lines}:\n{errors}");
    }
}

#[test]
fn the_day_of_a_shuttle_launch_is_embedded() {
    let read = traffic("rate = { trace = \"data/nasa-1995-07-13.csv\", mean = \"20/s\" }");
    let Profile::Trace(trace) = &read.profile else {
        panic!("{:?}", read.profile);
    };
    assert_eq!(
        (trace.bin(), trace.rates().len()),
        (Span::from_secs(60), 1_440)
    );
    assert!((trace.mean() - 20.0).abs() < 1e-9);
    let recorded = traffic("rate = { trace = \"data/nasa-1995-07-13.csv\" }");
    let day = Span::from_secs(86_400);
    assert!((recorded.profile.mean(day).get() * 86_400.0 - 134_203.0).abs() < 1e-6);
}

#[test]
fn writing_a_default_of_a_shape_out_changes_nothing() {
    let schema = schema();
    let mut tried = 0;
    for (definition, before, after) in [
        ("Week", "rate = { week = { mean = \"1/s\"", " } }"),
        (
            "Flash",
            "rate = { flash = { base = \"1/s\", peak = 2, at = \"1m\"",
            " } }",
        ),
        (
            "OnOff",
            "rate = \"1/s\"\nswing = { on_off = { sources = 50",
            " } }",
        ),
        (
            "LogNormalSwing",
            "rate = \"1/s\"\nswing = { log_normal = { cv = 0.4",
            " } }",
        ),
        (
            "Sessions",
            "rate = \"1/s\"\nsessions = { embedded = 2.2",
            " }",
        ),
        (
            "Group",
            "rate = \"1/s\"\ngroups = [{ name = \"all\", share = \"100%\"",
            " }]",
        ),
    ] {
        let least = traffic(&format!("{before}{after}"));
        let fields = schema["$defs"][definition]["properties"]
            .as_object()
            .unwrap();
        for (name, field) in fields {
            let default = &field["default"];
            if default.is_null() || before.contains(&format!("{name} =")) {
                continue;
            }
            let written = traffic(&format!("{before}, {name} = {default}{after}"));
            assert_eq!(written, least, "{definition}.{name} = {default}");
            tried += 1;
        }
    }
    assert!(tried >= 12, "{tried} defaults found");
    let measured = traffic("rate = \"1/s\"\nsessions = { embedded = 2.2 }").sessions;
    assert_eq!(measured, Some(Sessions::measured()));
}
