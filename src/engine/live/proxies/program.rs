//! Somebody else's program, which runs beside us and never outlives us.
//!
//! Each program leads a process group of its own. A guard, a shell that does nothing but wait, holds
//! the other end of a pipe from us: when the pipe ends, however we ended, the guard kills the group
//! and removes the program's folder. Nothing is left to chance in between: the guard stands before
//! the folder is filled, it knows the group before the program begins, and a program that is not
//! told to begin does not. When the guard itself is killed, a thread of ours does its work.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{
    Pid, PidfdFlags, Signal, WaitId, WaitIdOptions, kill_process_group, pidfd_open,
    pidfd_send_signal, test_kill_process_group, waitid,
};
use tempfile::TempDir;

use crate::base::Span;
use crate::engine::live::clock::Moment;

/// Reads the group's number, waits for the end of its input, ends the group, removes the folder.
/// Deaf to what a terminal sends, because we decide what a Ctrl-C means.
const GUARD: &str = r#"trap '' HUP INT QUIT TERM
group=
while read -r line; do group=$line; done
[ -z "$group" ] || kill -s KILL -- "-$group"
rm -rf -- "$1" || rm -rf -- "$1""#;

/// Becomes the program when it is told to. It is the leader of its group already.
const LAUNCHER: &str = r#"read -r word && [ "$word" = go ] && exec "$@" </dev/null
exit 127"#;

/// File of a program's folder that holds what it wrote to its standard error and output.
const WORDS: &str = "words.log";

/// How long a killed group may take to be gone. A signal that cannot be caught needs no time, but a
/// machine under load gives none.
const LAST_BREATH: Span = Span::from_secs(2);

/// A temporary folder of a program, with the guard that will remove it.
#[derive(Debug)]
pub struct Folder {
    directory: TempDir,
    guard: Guard,
}

impl Folder {
    /// An empty folder. Dropped, it is removed; so it is when this process dies.
    ///
    /// # Errors
    /// When it cannot be made, or no shell can be started to guard it.
    pub fn new() -> io::Result<Folder> {
        let directory = tempfile::Builder::new().prefix("coalmine-").tempdir()?;
        let guard = Guard::new(directory.path())?;
        Ok(Folder { directory, guard })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// Writes a file into it and says where that is.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, name: &str, text: &str) -> io::Result<PathBuf> {
        let path = self.path().join(name);
        fs::write(&path, text)?;
        Ok(path)
    }
}

/// The guard of a folder and of the program in it.
#[derive(Debug)]
struct Guard {
    /// The guard waits as long as this is open.
    lifeline: Option<ChildStdin>,
    watch: Option<JoinHandle<()>>,
    state: Arc<State>,
}

/// What the thread that watches a guard shares with its owner.
#[derive(Debug, Default)]
struct State {
    /// The process group; zero: none yet.
    group: AtomicI32,
    /// Whether the guard has ended.
    ended: AtomicBool,
}

impl Guard {
    fn new(folder: &Path) -> io::Result<Guard> {
        let mut guard = Command::new("/bin/sh")
            .args(["-c", GUARD, "coalmine-guard"])
            .arg(folder)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()?;
        let lifeline = Some(input_of(&mut guard)?);
        let state = Arc::new(State::default());
        let (shared, folder) = (Arc::clone(&state), folder.to_owned());
        let thread = std::thread::Builder::new().name("coalmine-watch".to_owned());
        let watch = thread.spawn(move || {
            let _ = guard.wait();
            // Whatever ended the guard, its work is done. The group's leader has not been reaped,
            // so the number is still that group's.
            if let Some(group) = Pid::from_raw(shared.group.load(Ordering::Acquire)) {
                let _ = kill_process_group(group, Signal::KILL);
            }
            shared.ended.store(true, Ordering::Release);
            let _ = fs::remove_dir_all(folder);
        })?;
        Ok(Guard {
            lifeline,
            watch: Some(watch),
            state,
        })
    }

    /// Gives it a process group that it is to end.
    fn take_charge(&mut self, group: Pid) -> io::Result<()> {
        let number = group.as_raw_nonzero();
        self.state.group.store(number.get(), Ordering::Release);
        match &mut self.lifeline {
            Some(lifeline) => writeln!(lifeline, "{number}"),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// Lets it do its work, and waits for that.
    fn end(&mut self) {
        self.lifeline = None;
        if let Some(watch) = self.watch.take() {
            let _ = watch.join();
        }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.end();
    }
}

/// A program that has been started. Dropped, it is ended.
#[derive(Debug)]
pub struct Program {
    pid: Pid,
    /// Readable when the program has ended.
    end: OwnedFd,
    directory: TempDir,
    state: Arc<State>,
    /// The process and its guard, until they have been ended.
    held: Mutex<Option<(Child, Guard)>>,
    ending: OnceLock<ExitStatus>,
}

impl Program {
    /// Starts `command` in `folder`, where its output is kept and which is removed after it. Of the
    /// command its program, arguments and environment count.
    ///
    /// # Errors
    /// When no process can be started. A program that cannot be executed ends at once with status
    /// 126 or 127.
    pub fn start(command: &Command, folder: Folder) -> io::Result<Program> {
        let (program, _) = Program::begin(command, folder, false)?;
        Ok(program)
    }

    /// The same for a program that is listened to: what it writes to its standard output can be read.
    /// Somebody must read it, or the program comes to a halt.
    ///
    /// # Errors
    /// As [`Program::start`].
    pub fn start_heard(
        command: &Command,
        folder: Folder,
    ) -> io::Result<(Program, Option<ChildStdout>)> {
        Program::begin(command, folder, true)
    }

    fn begin(
        command: &Command,
        folder: Folder,
        heard: bool,
    ) -> io::Result<(Program, Option<ChildStdout>)> {
        let Folder {
            directory,
            mut guard,
        } = folder;
        let words = File::options()
            .create(true)
            .append(true)
            .open(directory.path().join(WORDS))?;
        let mut launcher = Command::new("/bin/sh");
        launcher
            .args(["-c", LAUNCHER, "coalmine-launcher"])
            .arg(command.get_program())
            .args(command.get_args())
            .current_dir(directory.path())
            .stdin(Stdio::piped())
            .stderr(words.try_clone()?)
            .process_group(0);
        if heard {
            launcher.stdout(Stdio::piped());
        } else {
            launcher.stdout(words);
        }
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => launcher.env(name, value),
                None => launcher.env_remove(name),
            };
        }
        let mut child = launcher.spawn()?;
        let pid = Pid::from_child(&child);
        let mut begin = input_of(&mut child)?;
        let stdout = child.stdout.take();
        // In this order: a program that begins is known to its guard.
        guard.take_charge(pid)?;
        let program = Program {
            pid,
            end: pidfd_open(pid, PidfdFlags::empty())?,
            directory,
            state: Arc::clone(&guard.state),
            held: Mutex::new(Some((child, guard))),
            ending: OnceLock::new(),
        };
        writeln!(begin, "go")?;
        Ok((program, stdout))
    }

    /// Its process id, which is its process group's too.
    pub fn pid(&self) -> u32 {
        self.pid.as_raw_nonzero().get().unsigned_abs()
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        self.directory.path()
    }

    /// Whether it runs, and its guard too.
    pub fn is_running(&self) -> bool {
        !self.state.ended.load(Ordering::Acquire) && self.ending().is_none()
    }

    /// Whether its guard was killed, upon which the program was.
    pub fn lost_its_guard(&self) -> bool {
        self.ending.get().is_none() && self.state.ended.load(Ordering::Acquire)
    }

    /// How it ended; `None` while it runs.
    pub fn ending(&self) -> Option<ExitStatus> {
        if let Some(ending) = self.ending.get() {
            return Some(*ending);
        }
        // The process stays on the kernel's books until `stop`, so that its number is not another's.
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let status = waitid(WaitId::Pid(self.pid), options).ok()??;
        let raw = match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => code << 8,
            (None, Some(signal)) => signal,
            (None, None) => return None,
        };
        Some(ExitStatus::from_raw(raw))
    }

    /// Waits for its end, `limit` at most.
    pub fn wait(&self, limit: Span) -> Option<ExitStatus> {
        let deadline = Moment::now() + limit;
        loop {
            if let Some(ending) = self.ending() {
                return Some(ending);
            }
            let left = deadline.since(Moment::now());
            if left.is_zero() {
                return None;
            }
            pause(Some(&self.end), left);
        }
    }

    /// Waits for `span`, and no longer when it ends before.
    pub fn pause(&self, span: Span) {
        pause(Some(&self.end), span);
    }

    /// Sends it a signal; nothing happens when it has ended.
    pub fn signal(&self, signal: Signal) {
        // It can only fail because there is nobody to hear it.
        let _ = pidfd_send_signal(&self.end, signal);
    }

    /// The last `count` lines that it wrote to its standard error (and output, unless that is heard).
    pub fn last_words(&self, count: usize) -> String {
        let all = fs::read(self.directory.path().join(WORDS)).unwrap_or_default();
        let text = String::from_utf8_lossy(&all);
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(count)..].join("\n")
    }

    /// Asks it to end (SIGTERM), waits `grace` for it, then kills all of its group and removes its
    /// folder. Without grace it is not asked. Returns how it ended; asking again does no more.
    pub fn stop(&self, grace: Span) -> Option<ExitStatus> {
        if !grace.is_zero() {
            self.signal(Signal::TERM);
            self.wait(grace);
        }
        let held = &mut *self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((mut child, mut guard)) = held.take() {
            guard.end();
            if let Ok(ending) = child.wait() {
                let _ = self.ending.set(ending);
            }
            let deadline = Moment::now() + LAST_BREATH;
            while is_alive(self.pid) && Moment::now() < deadline {
                pause(None, Span::from_millis(1));
            }
        }
        self.ending.get().copied()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.stop(Span::ZERO);
    }
}

fn input_of(child: &mut Child) -> io::Result<ChildStdin> {
    let input = child.stdin.take();
    input.ok_or_else(|| io::Error::from(io::ErrorKind::BrokenPipe))
}

/// Whether any process of a group still runs. One that is dead and has not been reaped (orphans are
/// reaped by the machine's first process, which may take its time) holds no port and no memory.
fn is_alive(group: Pid) -> bool {
    if test_kill_process_group(group).is_err() {
        return false;
    }
    let group = group.as_raw_nonzero().to_string();
    let Ok(processes) = fs::read_dir("/proc") else {
        return true;
    };
    processes.flatten().any(|process| {
        let stat = fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        // After the name, which stands in brackets and may hold anything: state, parent, group.
        let mut fields = stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .split_ascii_whitespace();
        let state = fields.next().unwrap_or("X");
        state != "Z" && state != "X" && fields.nth(1) == Some(&group)
    })
}

/// Waits until a descriptor is readable, or for `span`.
pub(super) fn pause(until: Option<&OwnedFd>, span: Span) {
    let nanos = span.as_nanos();
    let timeout = Timespec {
        tv_sec: (nanos / 1_000_000_000) as i64,
        tv_nsec: (nanos % 1_000_000_000) as _,
    };
    // An interruption is an early end, which callers expect.
    let _ = match until {
        Some(descriptor) => poll(
            &mut [PollFd::new(descriptor, PollFlags::IN)],
            Some(&timeout),
        ),
        None => poll(&mut [], Some(&timeout)),
    };
}

/// Folders beside those of the path in which servers are installed.
const SERVERS: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Where a program is: the one `named`, or else the first `name` on the path or among the machine's
/// servers. `None` when there is none that can be executed.
pub fn find(name: &str, named: Option<&Path>) -> Option<PathBuf> {
    let wanted = named.unwrap_or(Path::new(name));
    if wanted.components().count() > 1 {
        return is_program(wanted).then(|| wanted.to_owned());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(OsStr::new(&path))
        .chain(SERVERS.map(PathBuf::from))
        .map(|folder| folder.join(wanted))
        .find(|file| is_program(file))
}

fn is_program(file: &Path) -> bool {
    fs::metadata(file).is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Span = Span::from_secs(1);

    fn shell(script: &str) -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", script]);
        command
    }

    /// Whether a process runs; one that is dead and not reaped does not.
    fn runs(pid: u32) -> bool {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat
            .rsplit(')')
            .next()
            .and_then(|rest| rest.split(' ').nth(1));
        state.is_some_and(|state| state != "Z" && state != "X")
    }

    fn until(what: impl Fn() -> bool) -> bool {
        let deadline = Moment::now() + SECOND * 20;
        while !what() {
            if Moment::now() > deadline {
                return false;
            }
            pause(None, Span::from_millis(2));
        }
        true
    }

    /// A program with a child that would outlive it, and the child's process id.
    fn with_child() -> (Program, u32) {
        let script =
            "trap '' TERM; sleep 600 & echo $! >child.tmp; mv child.tmp child; wait; sleep 600";
        let program = Program::start(&shell(script), Folder::new().unwrap()).unwrap();
        let file = program.folder().join("child");
        assert!(until(|| file.exists()), "{}", program.last_words(5));
        let child = fs::read_to_string(file).unwrap().trim().parse().unwrap();
        (program, child)
    }

    #[test]
    fn a_stopped_program_leaves_no_process_and_no_folder() {
        let (program, child) = with_child();
        let folder = program.folder().to_owned();
        assert!(program.is_running() && runs(child));
        // It does not listen to a polite word.
        let ending = program.stop(Span::from_millis(20)).unwrap();
        assert_eq!(ending.signal(), Some(9));
        assert!(!program.is_running() && !program.lost_its_guard());
        assert!(!runs(program.pid()) && !runs(child) && !folder.exists());
        assert_eq!(program.stop(SECOND), Some(ending), "once is enough");
    }

    #[test]
    fn a_program_that_listens_ends_by_itself() {
        let script = "trap 'echo bye; exit 3' TERM; echo ready >&2; while :; do sleep 0.01; done";
        let program = Program::start(&shell(script), Folder::new().unwrap()).unwrap();
        assert!(until(|| program.last_words(1) == "ready"));
        assert_eq!(program.stop(SECOND * 20).unwrap().code(), Some(3));
    }

    #[test]
    fn what_it_says_is_kept_or_heard() {
        let script = "echo one; echo two >&2; echo three >&2; exit 7";
        let program = Program::start(&shell(script), Folder::new().unwrap()).unwrap();
        assert_eq!(program.wait(SECOND * 20).unwrap().code(), Some(7));
        assert_eq!(program.last_words(2), "two\nthree");
        assert_eq!(program.last_words(9), "one\ntwo\nthree");
        let folder = Folder::new().unwrap();
        let (heard, stdout) = Program::start_heard(&shell(script), folder).unwrap();
        assert_eq!(io::read_to_string(stdout.unwrap()).unwrap(), "one\n");
        heard.wait(SECOND * 20);
        assert_eq!(heard.last_words(9), "two\nthree");
    }

    #[test]
    fn a_killed_program_is_noticed_and_so_is_a_killed_guard() {
        let (program, child) = with_child();
        rustix::process::kill_process(program.pid, Signal::KILL).unwrap();
        let ending = program.wait(SECOND * 20).unwrap();
        assert_eq!(ending.signal(), Some(9));
        assert!(!program.is_running() && !program.lost_its_guard());
        drop(program);
        assert!(!runs(child), "what it left behind ends with it");

        let (program, child) = with_child();
        let folder = program.folder().to_owned();
        let guard = guard_of(&folder);
        rustix::process::kill_process(Pid::from_raw(guard).unwrap(), Signal::KILL).unwrap();
        assert!(until(|| !runs(child)
            && !runs(program.pid())
            && !folder.exists()));
        assert!(!program.is_running() && program.lost_its_guard());
    }

    fn guard_of(folder: &Path) -> i32 {
        let is_guard = |pid: &i32| {
            let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
            let line = String::from_utf8_lossy(&line).into_owned();
            line.contains("coalmine-guard") && line.contains(&*folder.to_string_lossy())
        };
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let mut numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        numbers.find(is_guard).unwrap()
    }

    #[test]
    fn a_folder_that_nobody_uses_goes_away() {
        let folder = Folder::new().unwrap();
        let path = folder.path().to_owned();
        fs::create_dir(path.join("deep")).unwrap();
        folder.write("deep/file", "text").unwrap();
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn programs_are_found_by_name_or_place() {
        assert!(find("sh", None).is_some());
        assert_eq!(
            find("x", Some(Path::new("/bin/sh"))),
            Some("/bin/sh".into())
        );
        assert!(find("x", Some(Path::new("sh"))).is_some());
        assert_eq!(find("no-such-program", None), None);
        assert_eq!(find("sh", Some(Path::new("/etc/passwd"))), None);
        let folder = Folder::new().unwrap();
        let program = Program::start(&Command::new("/no/such"), folder).unwrap();
        assert_eq!(program.wait(SECOND * 20).unwrap().code(), Some(127));
        assert!(program.last_words(1).contains("/no/such"));
    }
}
