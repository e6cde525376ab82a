//! Starting, what keeps a proxy from it, and stopping.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use coalmine::base::{Probability, Span};
use coalmine::engine::live::options::Proxy;
use coalmine::engine::live::proxies::{ExternalSplitter, ProxyError};
use coalmine::model::split::{Retries, Split};
use coalmine::telemetry::Version;

use super::client::Client;
use super::stage::{GRACE, Stage, percent};
use super::{KINDS, installed};

fn is_started_and_stopped(kind: Proxy) {
    let Some(program) = installed(kind) else {
        return;
    };
    let stage = Stage::new([2, 2, 0]);
    let proxy = stage.proxy(kind, &program, |_| {});
    assert!(proxy.is_running() && proxy.ending().is_none());
    let mut client = Client::new(proxy.address());
    client.ask_often(20);
    assert_eq!(client.of("stable"), 20, "weight zero: {client:?}");
    let applied = proxy.set_weights(percent(100.0)).unwrap();
    assert_eq!(applied.shares, [0.0, 1.0, 0.0]);
    let mut client = Client::new(proxy.address());
    client.ask_often(20);
    assert_eq!(client.of("canary"), 20, "weight 100: {client:?}");
    // All instances of a version take their turn.
    for backend in stage.backends.iter().flatten() {
        assert!(backend.answered() >= 5, "{stage:?}");
    }
    counts_are(&proxy, &stage);
    metrics_tell_versions_apart(kind, &proxy);
    leaves_nothing(&proxy);
}

/// What the proxy has counted is what the backends have.
fn counts_are(proxy: &ExternalSplitter, stage: &Stage) {
    let wanted = Version::ALL.map(|version| stage.answered(version));
    for _ in 0..1_000 {
        if proxy.counts().unwrap() == wanted {
            return;
        }
        std::thread::park_timeout(std::time::Duration::from_millis(10));
    }
    assert_eq!(proxy.counts().unwrap(), wanted);
}

fn metrics_tell_versions_apart(kind: Proxy, proxy: &ExternalSplitter) {
    let Some((address, path)) = proxy.metrics() else {
        assert_ne!(kind, Proxy::Envoy);
        return;
    };
    let limit = Span::from_secs(20);
    let (status, text) = coalmine::engine::live::proxies::ask::get(address, path, limit).unwrap();
    let series = match kind {
        Proxy::Haproxy => "haproxy_server_http_responses_total{proxy=\"split\",server=\"canary-1\"",
        _ => "envoy_cluster_upstream_rq_completed{envoy_cluster_name=\"canary\"",
    };
    assert!(status == 200 && text.contains(series), "{text}");
}

/// Stops a proxy and looks for what is left of it.
fn leaves_nothing(proxy: &ExternalSplitter) {
    let (pid, address) = (proxy.pid(), proxy.address());
    let folder = proxy.program().folder().to_owned();
    let ending = proxy.stop(GRACE).unwrap();
    assert!(ending.success(), "it left of its own accord: {ending}");
    assert_eq!(proxy.stop(GRACE), Some(ending), "once is enough");
    assert!(!proxy.is_running());
    assert_eq!(group_of(pid), Vec::<u32>::new());
    assert!(TcpStream::connect(address).is_err(), "the port is closed");
    assert!(!folder.exists());
    let error = proxy.set_weights(percent(5.0)).unwrap_err();
    assert!(matches!(error, ProxyError::Gone { .. }), "{error}");
}

/// Processes of a group that run.
pub(crate) fn group_of(group: u32) -> Vec<u32> {
    let mut found = Vec::new();
    for process in fs::read_dir("/proc").unwrap().flatten() {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit(')').next().unwrap().split_ascii_whitespace();
        let state = fields.next().unwrap_or("X");
        if state != "Z" && state != "X" && fields.nth(1) == Some(&group.to_string()) {
            found.extend(process.file_name().to_str().unwrap().parse::<u32>());
        }
    }
    found
}

#[test]
fn nginx_starts_and_stops_and_leaves_nothing() {
    is_started_and_stopped(Proxy::Nginx);
}

#[test]
fn haproxy_starts_and_stops_and_leaves_nothing() {
    is_started_and_stopped(Proxy::Haproxy);
}

#[test]
fn envoy_starts_and_stops_and_leaves_nothing() {
    is_started_and_stopped(Proxy::Envoy);
}

#[test]
fn a_missing_program_is_named_with_how_to_get_it() {
    let stage = Stage::new([1, 1, 0]);
    for kind in KINDS {
        let nowhere = Path::new("/nowhere/program");
        let error = stage.try_proxy(kind, Some(nowhere), |_| {}, 0).unwrap_err();
        assert!(matches!(error, ProxyError::Missing { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("/nowhere/program") && text.contains("install"),
            "{text}"
        );
    }
}

/// A program that says something and ends.
fn impostor(folder: &Path, says: &str) -> PathBuf {
    let file = folder.join("program");
    fs::write(&file, format!("#!/bin/sh\necho '{says}'\n")).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    file
}

#[test]
fn a_program_that_is_too_old_is_told_from_one_that_is_another() {
    let stage = Stage::new([1, 1, 0]);
    let folder = tempfile::tempdir().unwrap();
    let old = [
        (Proxy::Nginx, "nginx version: nginx/1.10.3", "1.10.3"),
        (
            Proxy::Haproxy,
            "HA-Proxy version 1.8.4-1 2018/02/08",
            "1.8.4",
        ),
        (
            Proxy::Envoy,
            "envoy  version: abc/1.9.0/Clean/RELEASE",
            "1.9.0",
        ),
    ];
    for (kind, says, version) in old {
        let program = impostor(folder.path(), says);
        let error = stage
            .try_proxy(kind, Some(&program), |_| {}, 0)
            .unwrap_err();
        assert!(matches!(error, ProxyError::Outdated { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains(version) && text.contains("at least"),
            "{text}"
        );
        let program = impostor(folder.path(), "hello");
        let error = stage
            .try_proxy(kind, Some(&program), |_| {}, 0)
            .unwrap_err();
        assert!(matches!(error, ProxyError::Unknown { .. }), "{error}");
        assert!(error.to_string().contains("hello"), "{error}");
    }
}

#[test]
fn a_program_that_refuses_its_configuration_is_quoted() {
    let stage = Stage::new([1, 1, 0]);
    let folder = tempfile::tempdir().unwrap();
    let says = [
        (Proxy::Nginx, "nginx version: nginx/1.22.1"),
        (Proxy::Haproxy, "HAProxy version 2.6.12"),
        (Proxy::Envoy, "envoy  version: abc/1.40.0/Clean/RELEASE"),
    ];
    for (kind, says) in says {
        // It tells its version, and dislikes everything else.
        let file = folder.path().join("program");
        let script = format!(
            "#!/bin/sh\ncase $# in 1) echo '{says}';; *) echo 'unknown directive' >&2; exit 3;; esac\n"
        );
        fs::write(&file, script).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let error = stage.try_proxy(kind, Some(&file), |_| {}, 0).unwrap_err();
        assert!(matches!(error, ProxyError::Refused { .. }), "{error}");
        let text = error.to_string();
        assert!(
            text.contains("unknown directive") && text.contains('3'),
            "{text}"
        );
    }
}

#[test]
fn a_port_that_is_taken_is_named() {
    let stage = Stage::new([1, 1, 0]);
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let error = stage
            .try_proxy(kind, Some(&program), |_| {}, port)
            .unwrap_err();
        assert!(matches!(error, ProxyError::PortTaken { .. }), "{error}");
        assert!(error.to_string().contains(&port.to_string()), "{error}");
    }
}

#[test]
fn what_a_proxy_cannot_do_is_refused_with_what_would_work() {
    let stage = Stage::new([1, 1, 0]);
    let budgeted = Retries {
        attempts: 1,
        on_errors: true,
        on_resets: true,
        per_try_timeout: None,
        backoff: Span::ZERO,
        budget: Probability::new(0.2),
    };
    let refused = |kind, split, retries| {
        let change = |world: &mut coalmine::model::World| {
            world.split = split;
            world.retries = retries;
        };
        let error = stage.try_proxy(kind, None, change, 0).unwrap_err();
        assert!(matches!(error, ProxyError::Unfit { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("splitter = \"coalmine\""), "{text}");
        text
    };
    for kind in KINDS {
        refused(kind, Split::Connection, None);
    }
    let text = refused(Proxy::Envoy, Split::Even, None);
    assert!(
        text.starts_with("Envoy cannot do this: split evenly"),
        "{text}"
    );
    assert!(text.contains("use NGINX or HAProxy"), "{text}");
    refused(Proxy::Nginx, Split::RingHash, None);
    refused(Proxy::Haproxy, Split::SplitClients, None);
    refused(Proxy::Nginx, Split::Random, Some(budgeted));
    let text = refused(Proxy::Haproxy, Split::Random, Some(budgeted));
    assert!(text.contains("use Envoy or leave the budget out"), "{text}");
}
