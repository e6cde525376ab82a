//! A folder to run the program in, from which everything that a run starts can be told.

use std::fs;
use std::io::Read;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::{pause, until};

/// A folder with a scenario in it, and a folder for temporary files of its own.
#[derive(Debug)]
pub(crate) struct Place {
    folder: TempDir,
}

/// A rollout that takes three seconds at 20 times the speed: 3,600 requests in three steps. The
/// gate wants 97 %: a release that fails 0.1 % breaks that in 120 requests less than once in a
/// million times, one that fails 20 % keeps it as rarely.
pub(crate) const SHORT: &str = r#"
[traffic]
rate = "60/s"

[stable]
latency = "p50=2ms,p99=8ms"
errors = "0.1%"

[canary]
errors = "20%"

[telemetry]
scrape = "5s"
series = "zero"

[rollout]
controller = "staged"
interval = "20s"
failures = 1
steps = [
    { weight = "10%", hold = "20s" },
    { weight = "30%", hold = "20s" },
    { weight = "50%", hold = "20s" },
]

[[rollout.gates]]
kind = "success-ratio"
min = "97%"
window = "20s"

[experiment]
weights = ["10%"]
trials = 20
"#;

/// What the program said, and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    /// `None`: by a signal.
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Whether it wrote this to its standard output, however lines were broken.
    pub(crate) fn says(&self, text: &str) -> bool {
        unbroken(&self.out).contains(text)
    }
}

/// Text without the breaks of long lines.
fn unbroken(text: &str) -> String {
    text.replace("\n  ", " ").replace('\n', " ")
}

/// A program that runs.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    out: Heard,
    err: Heard,
}

/// What has been written to a pipe so far.
#[derive(Debug)]
struct Heard {
    text: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Heard {
    fn new(mut pipe: impl Read + Send + 'static) -> Heard {
        let text = Arc::new(Mutex::new(Vec::new()));
        let shared = Arc::clone(&text);
        let thread = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(read @ 1..) = pipe.read(&mut buffer) {
                shared.lock().unwrap().extend_from_slice(&buffer[..read]);
            }
        });
        Heard { text, thread }
    }

    fn so_far(&self) -> String {
        String::from_utf8_lossy(&self.text.lock().unwrap()).into_owned()
    }

    fn whole(self) -> String {
        self.thread.join().unwrap();
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl Place {
    /// A folder with this scenario as `short.toml`.
    pub(crate) fn new(scenario: &str) -> Place {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("short.toml"), scenario).unwrap();
        fs::create_dir(folder.path().join("tmp")).unwrap();
        Place { folder }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The program with these arguments, parted by blanks.
    pub(crate) fn command(&self, arguments: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_coalmine"));
        command.args(arguments.split_whitespace());
        self.settle(&mut command);
        command
    }

    /// Runs a command here: its temporary files, and those of all that it starts, lie in `tmp`.
    pub(crate) fn settle(&self, command: &mut Command) {
        command
            .current_dir(self.folder.path())
            .env("TMPDIR", self.path("tmp"))
            .env_remove("CLICOLOR_FORCE")
            .env_remove("COLUMNS");
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &str) -> Running {
        let mut command = self.command(arguments);
        Running::new(&mut command)
    }

    /// Runs it to its end.
    pub(crate) fn said(&self, arguments: &str) -> Said {
        self.start(arguments).end()
    }

    /// Runs it to its end, which must be a good one.
    pub(crate) fn answered(&self, arguments: &str) -> Said {
        let said = self.said(arguments);
        assert_eq!(said.code, Some(0), "{arguments}: {}", said.err);
        said
    }

    /// A summary that a run has stored.
    pub(crate) fn summary(&self, folder: &str) -> Value {
        let path = self.path(folder).join("summary.json");
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
    }

    /// A results folder that can be read and drawn again; its summary.
    pub(crate) fn complete(&self, folder: &str) -> Value {
        let names = names(&self.path(folder));
        // The last of the files is there only when there was a check.
        let always = names.iter().filter(|name| *name != "looks.csv");
        assert_eq!(always.count(), 16, "{names:?}");
        let drawn = self.answered(&format!("report {folder}"));
        assert!(!drawn.out.is_empty());
        self.summary(folder)
    }

    /// Everything that a run has left: processes that were started here, temporary files, folders of
    /// results half written.
    pub(crate) fn left(&self) -> Vec<String> {
        let mut left: Vec<String> = (self.processes().into_iter())
            .map(|(pid, what)| format!("process {pid}: {what}"))
            .collect();
        left.extend(names(&self.path("tmp")));
        let half = names(self.folder.path()).into_iter();
        left.extend(half.filter(|name| name.starts_with('.')));
        left
    }

    /// Waits until nothing is left, which orphans need a moment for.
    pub(crate) fn expect_nothing_left(&self) {
        for _ in 0..1_000 {
            if self.left().is_empty() {
                return;
            }
            pause(10);
        }
        panic!("left: {:?}", self.left());
    }

    /// Processes that were started here and run: each has this folder in its environment, its
    /// arguments or as the place where it works. Who is dead and not yet reaped does not run.
    pub(crate) fn processes(&self) -> Vec<(u32, String)> {
        let here = self.folder.path().to_str().unwrap();
        let entries = fs::read_dir("/proc").unwrap().flatten();
        let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let ours = numbers.filter_map(|pid: u32| {
            let read = |name: &str| {
                let bytes = fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
                String::from_utf8_lossy(&bytes).replace('\0', " ")
            };
            let works = fs::read_link(format!("/proc/{pid}/cwd")).unwrap_or_default();
            let line = read("cmdline");
            let is_ours = read("environ").contains(here)
                || line.contains(here)
                || works.to_string_lossy().contains(here);
            let stat = read("stat");
            let state = stat.rsplit(") ").next().unwrap_or_default();
            let runs = !state.is_empty() && !state.starts_with(['Z', 'X']);
            (is_ours && runs).then_some((pid, line))
        });
        ours.collect()
    }

    /// The one process of a program that was started here: not one of its workers, not its guard.
    pub(crate) fn process(&self, program: &str) -> u32 {
        self.find(program)
            .unwrap_or_else(|| panic!("no {program} in {:?}", self.processes()))
    }

    /// The same, where it has come so far: a process has no name yet while it starts.
    pub(crate) fn find(&self, program: &str) -> Option<u32> {
        let processes = self.processes();
        let found = processes.iter().find(|(_, line)| {
            let first = line.trim_start_matches("nginx: master process ");
            let first = first.split(' ').next().unwrap_or_default();
            Path::new(first)
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(program))
                && !line.contains("coalmine-guard")
        });
        found.map(|(pid, _)| *pid)
    }
}

impl Running {
    pub(crate) fn new(command: &mut Command) -> Running {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Running {
            out: Heard::new(child.stdout.take().unwrap()),
            err: Heard::new(child.stderr.take().unwrap()),
            child,
        }
    }

    /// Waits until it has written something to its standard output.
    pub(crate) fn wait_for(&mut self, text: &str) {
        until(text, || {
            let found = unbroken(&self.out.so_far()).contains(text);
            let ended = !found && self.has_ended();
            assert!(!ended, "it ended: {}", self.err.so_far());
            found
        });
    }

    /// Waits until requests flow.
    pub(crate) fn wait_until_ready(&mut self) {
        self.wait_for("/faults");
        self.wait_for("canary requests");
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// The address that it wrote after these words.
    pub(crate) fn address(&self, words: &str) -> SocketAddr {
        let text = unbroken(&self.out.so_far());
        let found = text.split(&format!("{words} http://")).nth(1).unwrap();
        let end = found.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ':');
        found[..end.unwrap_or(found.len())].parse().unwrap()
    }

    /// Where it splits and where its faults are changed.
    pub(crate) fn addresses(&self) -> [SocketAddr; 2] {
        ["splits at", "faults can be changed at"].map(|words| self.address(words))
    }

    pub(crate) fn signal(&self, signal: Signal) {
        send(self.child.id(), signal);
    }

    /// Waits for its end. Whatever happens, it never panics: code 101 would be a panic.
    pub(crate) fn end(mut self) -> Said {
        until("its end", || self.has_ended());
        let code = self.child.wait().unwrap().code();
        let said = Said {
            code,
            out: self.out.whole(),
            err: self.err.whole(),
        };
        assert!(
            code != Some(101) && !said.err.contains("panicked"),
            "{said:?}"
        );
        said
    }
}

/// Sends a signal to a process.
pub(crate) fn send(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(pid.try_into().unwrap()).unwrap();
    kill_process(pid, signal).unwrap();
}

/// Whether anybody listens there.
pub(crate) fn is_open(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_ok()
}

/// Names in a folder, in order.
pub(crate) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}
