//! The live section, sizes of bodies, and the speed of a live run.

use super::*;
use crate::engine::live::options::{Options, Proxy, Source};
use crate::telemetry::exposition::{Service, Vendor};

#[test]
fn everything_about_a_live_run_is_read() {
    let said = "splitter = \"haproxy\"\nprogram = \"/opt/haproxy\"\nprometheus = \"spawn\"\n\
                prometheus_program = \"/opt/prometheus\"\nmetrics = \"linkerd\"\nspeed = 12.5\n\
                bind = \"0.0.0.0\"";
    let options = Options {
        splitter: Proxy::Haproxy,
        program: Some("/opt/haproxy".into()),
        source: Source::Spawned(Some("/opt/prometheus".into())),
        targets: None,
        vendor: Vendor::Linkerd,
        service: Service::default(),
        speed: Some(12.5),
        bind: "0.0.0.0".parse().unwrap(),
        wants_token: false,
    };
    assert_eq!(scenario(&with("live", said)).live, options);
    assert_eq!(scenario(LEAST).live, Options::default());
}

#[test]
fn a_prometheus_that_runs_is_named_by_its_address() {
    let said = "prometheus = \"http://127.0.0.1:9090\"\nspeed = \"real\"";
    let live = scenario(&with("live", said)).live;
    let address = "127.0.0.1:9090".parse().unwrap();
    assert_eq!(live.source, Source::Running(address));
    assert_eq!(live.speed, Some(1.0));
}

#[test]
fn metrics_are_called_as_the_histograms_or_the_canary_say() {
    let canary = "flagger = \"plain-flagger.yaml\"";
    let flagged =
        LEAST.split("[rollout]").next().unwrap().to_owned() + "[rollout]\n" + canary + "\n";
    let vendor = |text: &str| scenario(text).live.vendor;
    assert_eq!(vendor(&flagged), Vendor::Istio);
    let buckets = "[telemetry]\nbuckets = \"traefik\"\n";
    assert_eq!(vendor(&format!("{LEAST}{buckets}")), Vendor::Traefik);
    assert_eq!(vendor(&format!("{flagged}{buckets}")), Vendor::Traefik);
    let metrics = "[live]\nmetrics = \"nginx\"\n";
    assert_eq!(vendor(&format!("{LEAST}{buckets}{metrics}")), Vendor::Nginx);
    let list = "[telemetry]\nbuckets = { ms = [5] }\n";
    assert_eq!(vendor(&format!("{LEAST}{list}")), Vendor::Istio);
}

#[test]
fn the_provider_of_a_canary_names_its_metrics() {
    let folder = tempfile::tempdir().unwrap();
    let canary = include_str!("../../../scenarios/plain-flagger.yaml");
    let linkerd = canary.replacen("provider: istio", "provider: linkerd", 1);
    assert_ne!(canary, linkerd);
    std::fs::write(folder.path().join("canary.yaml"), linkerd).unwrap();
    let text = LEAST.split("[rollout]").next().unwrap().to_owned()
        + "[rollout]\nflagger = \"canary.yaml\"\n";
    let scenario = parse(&text, Path::new("test.toml"), Some(folder.path())).unwrap();
    assert_eq!(scenario.live.vendor, Vendor::Linkerd);
}

#[test]
fn the_service_is_called_as_in_the_canary() {
    let folder = tempfile::tempdir().unwrap();
    let canary = include_str!("../../../scenarios/plain-flagger.yaml");
    let file = folder.path().join("canary.yaml");
    let text = LEAST.split("[rollout]").next().unwrap().to_owned()
        + "[rollout]\nflagger = \"canary.yaml\"\n";
    let service = |canary: String| {
        std::fs::write(&file, canary).unwrap();
        let read = parse(&text, Path::new("test.toml"), Some(folder.path())).unwrap();
        let changed = scenario(LEAST)
            .with(&Overrides {
                flagger: vec![file.clone()],
                ..Default::default()
            })
            .unwrap();
        assert_eq!(read.live.service, changed.live.service);
        let Service {
            namespace,
            app,
            ingress,
            naming: _,
        } = read.live.service;
        [namespace, app, ingress]
    };
    let renamed = canary.replacen("    name: storefront", "    name: web", 1);
    assert_eq!(service(renamed.clone()), ["shop", "web", "web"]);
    let nowhere = renamed.replacen("  namespace: shop\n", "", 1);
    assert_eq!(service(nowhere), ["default", "web", "web"]);
    let ingress = renamed.replacen(
        "  targetRef:",
        "  ingressRef: {apiVersion: networking.k8s.io/v1, kind: Ingress, name: door}\n  targetRef:",
        1,
    );
    assert_eq!(service(ingress), ["shop", "web", "door"]);
}

#[test]
fn bodies_have_a_size_which_the_canary_takes_from_stable() {
    let bodies = |text: &str| {
        let world = scenario(text).world;
        (
            world.stable.body,
            world.canary.body,
            world.healthy().canary.body,
        )
    };
    assert_eq!(bodies(LEAST), (64, 64, 64));
    let stable = with("stable", "body = \"2KiB\"");
    assert_eq!(bodies(&stable), (2_048, 2_048, 2_048));
    let both = stable.replace("[canary]\n", "[canary]\nbody = \"1MiB\"\n");
    assert_eq!(bodies(&both), (2_048, 1 << 20, 2_048));
}

#[test]
fn the_size_of_answers_is_a_difference_on_a_narrow_line_only() {
    let larger = LEAST.replace("errors = \"1%\"", "body = \"1MiB\"");
    let said = scenario(&larger).warnings.join("\n");
    assert!(said.contains("nothing to detect"), "{said}");
    let line = "[[faults]]\nkind = \"bandwidth\"\nlimit = \"64KiB/s\"\n";
    let narrow = scenario(&format!("{larger}{line}"));
    assert_eq!(narrow.warnings, Vec::<String>::new());
    assert_eq!(narrow.world.first_fault(), Some(Time::START));
}

#[test]
fn a_live_run_goes_as_fast_as_it_says_or_as_it_can() {
    // One step of five minutes at 20/s: 30 s at a speed of 10.
    assert_eq!(scenario(LEAST).live_speed(), 10.0);
    assert_eq!(scenario(&with("live", "speed = 3")).live_speed(), 3.0);
    assert_eq!(
        scenario(&with("live", "speed = \"auto\"")).live_speed(),
        10.0
    );
    // Rates that grow count at their highest.
    let growing = LEAST.replacen(
        "\"20/s\"",
        r#"{ steps = [["0s", "1/s"], ["4m", "900/s"]] }"#,
        1,
    );
    assert_eq!(scenario(&growing).live_speed(), 2.0);
    let scraped = with("telemetry", "scrape = \"200ms\"");
    assert_eq!(scenario(&scraped).live_speed(), 2.0);
    // What comes after the horizon takes no time.
    assert_eq!(
        scenario(&format!("horizon = \"2m\"\n{LEAST}")).live_speed(),
        5.0
    );
    for builtin in builtin() {
        let scenario = builtin.scenario().unwrap();
        assert!(scenario.live_speed() >= 1.0, "{}", scenario.name);
    }
}
