//! Sudden death: of the process that holds a proxy, of the proxy, of its guard. Nothing is left.

use std::fs;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use coalmine::base::Span;
use coalmine::engine::live::options::Proxy;
use coalmine::engine::live::proxies::{ExternalSplitter, ProxyError};
use rustix::process::{Pid, Signal, kill_process};

use super::client::Client;
use super::stage::{Stage, percent};
use super::start::group_of;
use super::{KINDS, installed};

/// Waits until something holds, for longer than anything here takes.
fn until(what: impl Fn() -> bool) -> bool {
    (0..3_000).any(|_| {
        std::thread::park_timeout(Duration::from_millis(10));
        what()
    })
}

fn kill(pid: u32) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, Signal::KILL).unwrap();
}

/// What a proxy would leave.
#[derive(Debug)]
struct Traces {
    pid: u32,
    address: SocketAddr,
    folder: PathBuf,
}

impl Traces {
    fn of(proxy: &ExternalSplitter) -> Traces {
        Traces {
            pid: proxy.pid(),
            address: proxy.address(),
            folder: proxy.program().folder().to_owned(),
        }
    }

    fn are_gone(&self) -> bool {
        group_of(self.pid).is_empty()
            && TcpStream::connect(self.address).is_err()
            && !self.folder.exists()
            && guard_of(&self.folder).is_none()
    }
}

/// The process that guards a folder.
fn guard_of(folder: &Path) -> Option<u32> {
    let is_guard = |pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let line = String::from_utf8_lossy(&line);
        line.contains("coalmine-guard") && line.contains(folder.to_str().unwrap())
    };
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    numbers.into_iter().find(is_guard)
}

/// Says to the child of a test which proxy it is to hold.
const HOLD: &str = "COALMINE_TEST_HOLD";

/// The child's part: starts a proxy, says where it is, and waits to be killed.
fn hold(kind: Proxy) {
    let stage = Stage::new([1, 1, 0]);
    let proxy = stage.proxy(kind, &installed(kind).unwrap(), |_| {});
    let Traces {
        pid,
        address,
        folder,
    } = Traces::of(&proxy);
    #[expect(clippy::disallowed_macros, reason = "the parent reads it")]
    {
        println!("\nheld {pid} {address} {}", folder.display());
    }
    loop {
        std::thread::park();
    }
}

#[test]
fn a_proxy_dies_with_who_holds_it() {
    if let Some(index) = std::env::var_os(HOLD) {
        let index: usize = index.to_str().unwrap().parse().unwrap();
        return hold(KINDS[index]);
    }
    for (index, kind) in KINDS.into_iter().enumerate() {
        if installed(kind).is_none() {
            continue;
        }
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "death::a_proxy_dies_with_who_holds_it",
                "--nocapture",
            ])
            .env(HOLD, index.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap())
            .lines()
            .map_while(Result::ok);
        let held: Vec<String> = lines
            .filter_map(|line| line.strip_prefix("held ").map(str::to_owned))
            .take(1)
            .collect();
        let words: Vec<&str> = held[0].split(' ').collect();
        let traces = Traces {
            pid: words[0].parse().unwrap(),
            address: words[1].parse().unwrap(),
            folder: words[2].into(),
        };
        assert!(!traces.are_gone() && guard_of(&traces.folder).is_some());
        assert!(Client::new(traces.address).ask("").is_some());
        // SIGKILL: the child cannot do anything about what it holds.
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(until(|| traces.are_gone()), "{kind:?}: {traces:?}");
    }
}

#[test]
fn a_killed_proxy_is_noticed() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([1, 1, 0]);
        let proxy = stage.proxy(kind, &program, |_| {});
        let traces = Traces::of(&proxy);
        kill(proxy.pid());
        assert!(until(|| !proxy.is_running()), "{kind:?}");
        let error = proxy.set_weights(percent(5.0)).unwrap_err();
        assert!(matches!(error, ProxyError::Gone { .. }), "{error}");
        assert!(error.to_string().contains("signal: 9"), "{error}");
        // NGINX's workers go on without their master until they are ended.
        let ending = proxy.stop(Span::from_secs(20)).unwrap();
        assert!(
            !ending.success() && traces.are_gone(),
            "{kind:?}: {traces:?}"
        );
    }
}

#[test]
fn a_killed_guard_takes_its_proxy_along() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([1, 1, 0]);
        let proxy = stage.proxy(kind, &program, |_| {});
        let traces = Traces::of(&proxy);
        kill(guard_of(&traces.folder).unwrap());
        assert!(until(|| traces.are_gone()), "{kind:?}: {traces:?}");
        assert!(!proxy.is_running());
        let error = proxy.set_weights(percent(5.0)).unwrap_err();
        assert!(error.to_string().contains("its guard was"), "{error}");
    }
}

#[test]
fn a_panic_leaves_nothing() {
    for kind in KINDS {
        let Some(program) = installed(kind) else {
            continue;
        };
        let stage = Stage::new([1, 1, 0]);
        let proxy = stage.proxy(kind, &program, |_| {});
        let traces = Traces::of(&proxy);
        let panicked = std::thread::spawn(move || {
            let _held = proxy;
            std::panic::resume_unwind(Box::new(()));
        });
        assert!(panicked.join().is_err());
        assert!(traces.are_gone(), "{kind:?}: {traces:?}");
    }
}
