//! A keeper holds one machine's worth of processes: a program and whatever it starts, however deep and
//! in whatever session. When the keeper is let go, or the test that holds it dies, it kills them all.
//!
//! It is this test's own executable, started once more: orphans among its descendants become its
//! children, so that none gets out of sight.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::{self, Pid, Signal, WaitOptions};

use super::{pause, until};

/// Tells a process that it is a keeper, and of what: words parted by [`BETWEEN`].
const KEEP: &str = "COALMINE_TEST_KEEP";
const BETWEEN: char = '\u{1f}';
/// The test that a keeper enters by.
const ENTRANCE: &str = "keeper::what_a_keeper_holds_ends_with_it";

/// A machine: its processes end with it.
pub(crate) struct Machine {
    keeper: Child,
    interrupted: BTreeSet<u32>,
}

impl Machine {
    /// Starts a command on a machine of its own; what it says goes to the file `log`.
    pub(crate) fn start(command: &Command, log: &Path) -> Machine {
        let program = command.get_program();
        let words: Vec<&str> = std::iter::once(program)
            .chain(command.get_args())
            .map(|word| word.to_str().unwrap())
            .collect();
        let log = fs::File::create(log).unwrap();
        let mut keeper = Command::new(std::env::current_exe().unwrap());
        for (name, value) in command.get_envs() {
            if let Some(value) = value {
                keeper.env(name, value);
            }
        }
        if let Some(folder) = command.get_current_dir() {
            keeper.current_dir(folder);
        }
        let keeper = keeper
            .args(["--exact", ENTRANCE, "--nocapture"])
            .env(KEEP, words.join(&BETWEEN.to_string()))
            .stdin(Stdio::piped())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Machine {
            keeper,
            interrupted: BTreeSet::new(),
        }
    }

    /// The command lines of all processes at work on the machine, words parted by blanks.
    pub(crate) fn processes(&self) -> Vec<String> {
        let lines = below(self.keeper.id()).into_iter().map(command_line);
        // What has ended has none.
        lines.filter(|line| !line.is_empty()).collect()
    }

    /// Sends SIGTERM, once in its life, to every process of a program that hears it by now.
    pub(crate) fn interrupt(&mut self, program: &str) {
        for pid in below(self.keeper.id()) {
            let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
            let is_meant = command_line(pid).starts_with(program) && hears(&status, Signal::TERM);
            if is_meant && self.interrupted.insert(pid) {
                let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
                let _ = process::kill_process(pid, Signal::TERM);
            }
        }
    }

    /// Kills everything on the machine with SIGKILL.
    pub(crate) fn kill(&mut self) {
        // The keeper waits for the end of its input.
        drop(self.keeper.stdin.take());
        self.keeper.wait().unwrap();
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The keeper's part.
fn keep(words: &str) {
    process::set_child_subreaper(Some(process::getpid())).unwrap();
    let mut words = words.split(BETWEEN);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).env_remove(KEEP).stdin(Stdio::null());
    let mut child = command.spawn().unwrap();
    // It ends with the test that holds the other side, however that ends.
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
    loop {
        let all = below(std::process::id());
        if all.is_empty() {
            break;
        }
        // Stopped first, none of them sees another die, as when the power fails.
        for signal in [Signal::STOP, Signal::KILL] {
            for pid in &all {
                let pid = Pid::from_raw(i32::try_from(*pid).unwrap()).unwrap();
                let _ = process::kill_process(pid, signal);
            }
        }
        while let Ok(Some(_)) = process::wait(WaitOptions::NOHANG) {}
    }
    // With the others, it has been waited for.
    let _ = child.wait();
}

/// All descendants of a process, the dead among them until somebody has waited for them.
fn below(root: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let parents: Vec<(u32, u32)> = processes
        .filter_map(|entry| {
            let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
            // The name before the last parenthesis may hold anything.
            let mut rest = stat.rsplit_once(')')?.1.split_whitespace();
            let parent = rest.nth(1)?.parse().ok()?;
            Some((pid, parent))
        })
        .collect();
    let mut found = vec![root];
    let mut next = 0;
    while next < found.len() {
        let parent = found[next];
        found.extend(
            parents
                .iter()
                .filter(|one| one.1 == parent)
                .map(|one| one.0),
        );
        next += 1;
    }
    found[1..].to_vec()
}

/// Whether a signal is among those that a process handles, by what the kernel says of it.
fn hears(status: &str, signal: Signal) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let bit = 1 << (signal.as_raw() - 1);
    caught.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & bit != 0)
}

fn command_line(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    String::from_utf8_lossy(&line).replace('\0', " ")
}

#[test]
fn what_a_keeper_holds_ends_with_it() {
    if let Ok(words) = std::env::var(KEEP) {
        return keep(&words);
    }
    let folder = tempfile::tempdir().unwrap();
    // One that has left its session and lost its parent, as daemons do.
    let script = "setsid sh -c 'sleep 987654 & exec sleep 0' & sleep 987653";
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    let sleeping = |pids: &[u32]| {
        let lines = pids.iter().map(|pid| command_line(*pid));
        lines.filter(|line| line.starts_with("sleep 98765")).count()
    };
    for with_its_test in [false, true] {
        let mut machine = Machine::start(&command, &folder.path().join("log"));
        let keeper = machine.keeper.id();
        until("both sleep", || sleeping(&below(keeper)) == 2);
        let pids = below(keeper);
        assert_eq!(machine.processes().len(), pids.len());
        if with_its_test {
            // All that a killed test does about it.
            drop(machine.keeper.stdin.take());
            until("none sleeps", || sleeping(&pids) == 0);
        } else {
            machine.kill();
            assert_eq!(sleeping(&pids), 0);
        }
        pause();
    }
}
