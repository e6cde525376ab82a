//! GNU parallel over ssh to two hosts, one of which dies at work.
//!
//! The hosts are two sshd of the test's own on 127.0.0.2 and 127.0.0.3, with keys made for the test and
//! a home in its folder: nobody's configuration is read or written.

use std::fs;
use std::net::{IpAddr, Ipv4Addr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::keeper::Machine;
use super::sweep::{SHARDS, Sweep, shard_of};
use super::{alone, free_ports, installed, names, printed, read, shared_folder, until};

/// Two machines that take work over ssh, and how to call them.
struct Hosts {
    machines: [Machine; 2],
    folder: tempfile::TempDir,
    /// Made for sshd, which does not start without it.
    made: Option<&'static str>,
}

/// Where sshd of the users' distributions locks itself in.
const EMPTY: &str = "/run/sshd";

impl Hosts {
    fn start() -> Option<Hosts> {
        let [sshd, _, keygen, parallel] = installed(["sshd", "ssh", "ssh-keygen", "parallel"])?;
        if !printed(Command::new(parallel).arg("--version")).starts_with("GNU parallel") {
            shared_folder::skip("`parallel` is another program than GNU's");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let root = rustix::process::geteuid().is_root();
        let made = (root && !Path::new(EMPTY).exists()).then_some(EMPTY);
        if let Some(made) = made {
            fs::create_dir(made).unwrap();
        }
        for key in ["host-key", "user-key"] {
            let mut command = Command::new(&keygen);
            command.args(["-q", "-t", "ed25519", "-N", "", "-f"]);
            printed(command.arg(folder.path().join(key)));
        }
        let addresses = [2, 3].map(|last| Ipv4Addr::new(127, 0, 0, last));
        let ports = addresses.map(|address| {
            let [port] = free_ports(IpAddr::V4(address));
            port
        });
        fs::write(
            folder.path().join("ssh_config"),
            call(folder.path(), addresses, ports),
        )
        .unwrap();
        let machines = [0, 1].map(|host| serve(&sshd, folder.path(), addresses[host], ports[host]));
        let hosts = Hosts {
            machines,
            folder,
            made,
        };
        until("both hosts answer", || {
            ["a", "b"].iter().all(|name| hosts.answers(name))
        });
        Some(hosts)
    }

    /// How to call ssh.
    fn ssh(&self) -> String {
        format!("ssh -F {}", self.folder.path().join("ssh_config").display())
    }

    fn answers(&self, name: &str) -> bool {
        let mut command = Command::new("ssh");
        command
            .args(["-F"])
            .arg(self.folder.path().join("ssh_config"));
        command.args([name, "true"]).stderr(Stdio::null());
        command.status().unwrap().success()
    }

    /// Home of whoever works on a host.
    fn home(&self, host: usize) -> PathBuf {
        self.folder.path().join(["home-2", "home-3"][host])
    }
}

impl Drop for Hosts {
    fn drop(&mut self) {
        for machine in &mut self.machines {
            machine.kill();
        }
        if let Some(made) = self.made {
            let _ = fs::remove_dir(made);
        }
    }
}

/// The client's configuration: hosts `a` and `b`.
fn call(folder: &Path, addresses: [Ipv4Addr; 2], ports: [u16; 2]) -> String {
    let folder = folder.display();
    let host = |name: &str, at: usize| {
        format!(
            "Host {name}\n  HostName {}\n  Port {}\n",
            addresses[at], ports[at]
        )
    };
    format!(
        "{}{}Host *\n  IdentityFile {folder}/user-key\n  IdentitiesOnly yes\n  IdentityAgent none\n  \
         UserKnownHostsFile {folder}/known\n  GlobalKnownHostsFile /dev/null\n  \
         StrictHostKeyChecking accept-new\n  BatchMode yes\n  ConnectTimeout 5\n  LogLevel ERROR\n",
        host("a", 0),
        host("b", 1)
    )
}

/// An sshd of the test's own.
fn serve(sshd: &Path, folder: &Path, address: Ipv4Addr, port: u16) -> Machine {
    let name = address.octets()[3];
    let path = |what: &str| folder.join(format!("{what}-{name}"));
    fs::create_dir_all(path("home")).unwrap();
    // What is asked for runs in a home of its own, which nobody else uses.
    let enter = format!(
        "cd {home} && HOME={home} TMPDIR={home} exec sh -c \"$SSH_ORIGINAL_COMMAND\"\n",
        home = path("home").display()
    );
    fs::write(path("enter"), enter).unwrap();
    let configuration = format!(
        "ListenAddress {address}:{port}\nHostKey {folder}/host-key\n\
         AuthorizedKeysFile {folder}/user-key.pub\nPidFile none\nStrictModes no\nUsePAM no\n\
         PermitRootLogin yes\nPasswordAuthentication no\nKbdInteractiveAuthentication no\n\
         MaxStartups 50\nForceCommand /bin/sh {enter}\n",
        folder = folder.display(),
        enter = path("enter").display()
    );
    fs::write(path("sshd_config"), configuration).unwrap();
    let mut command = Command::new(sshd);
    command.args(["-D", "-e", "-f"]).arg(path("sshd_config"));
    Machine::start(&command, &path("log"))
}

/// Runs an emitted script to its end, in the sweep's folder, and returns what it says; `meanwhile` is
/// called again and again.
fn run(script: &str, sweep: &Sweep, mut meanwhile: impl FnMut()) -> String {
    let file = sweep.folder().join("sweep.sh");
    fs::write(&file, script).unwrap();
    let mut command = Command::new("sh");
    command.arg(&file).current_dir(sweep.folder());
    // GNU parallel keeps what it knows of hosts there.
    command.env("HOME", sweep.folder());
    let log = sweep.folder().join("log");
    let machine = Machine::start(&command, &log);
    until("the script runs", || !machine.processes().is_empty());
    until("the script ends", || {
        meanwhile();
        machine.processes().is_empty()
    });
    read(&log)
}

/// The shard that runs on a machine now.
fn at_work(machine: &Machine) -> Option<u32> {
    let mut lines = machine.processes().into_iter();
    lines.find_map(|line| shard_of(&line))
}

/// A job log's shards, each with the host that had it last and its exit code.
fn jobs(sweep: &Sweep) -> Vec<(u32, String, String)> {
    let files = fs::read_dir(sweep.out()).unwrap().flatten();
    let log = (files.map(|file| file.path()))
        .find(|path| path.extension().is_some_and(|end| end == "joblog"))
        .unwrap();
    let text = read(&log);
    let lines = text.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split('\t').collect();
        // Sequence numbers begin with 1, and the shards come in order.
        let shard: u32 = fields[0].parse().unwrap();
        (shard - 1, fields[1].to_owned(), fields[6].to_owned())
    });
    lines.collect()
}

const HOSTS: [&str; 4] = ["--host", "1/a", "--host", "1/b"];

#[test]
fn a_host_that_dies_at_work_costs_nothing_but_time() {
    let _alone = alone();
    let Some(mut hosts) = Hosts::start() else {
        return;
    };
    let sweep = Sweep::new();
    let ssh = hosts.ssh();
    let script = sweep.emit("parallel", false, &[&HOSTS[..], &["--ssh", &ssh]].concat());
    let mut lost = None;
    let said = run(&script, &sweep, || {
        if lost.is_none() {
            lost = at_work(&hosts.machines[1]);
            if lost.is_some() {
                hosts.machines[1].kill();
            }
        }
    });
    let jobs = jobs(&sweep);
    assert_eq!(jobs.len(), SHARDS as usize, "{said}");
    let again = jobs.iter().find(|job| Some(job.0) == lost).unwrap();
    assert_eq!((&*again.1, &*again.2), ("a", "0"), "{said}");
    sweep.assert_whole();
    // Nothing is left on the host that lives, and the other one is dead.
    assert_eq!(names(&hosts.home(0)), [""; 0]);
    assert!(!hosts.answers("b"));
}

#[test]
fn what_is_missing_when_all_hosts_die_is_named_and_runs_elsewhere() {
    let _alone = alone();
    let Some(mut hosts) = Hosts::start() else {
        return;
    };
    let sweep = Sweep::new();
    let ssh = hosts.ssh();
    let script = sweep.emit("parallel", false, &[&HOSTS[..], &["--ssh", &ssh]].concat());
    let said = run(&script, &sweep, || {
        let back = names(&sweep.out())
            .iter()
            .any(|name| name.ends_with("joblog"))
            && jobs(&sweep).iter().any(|job| job.2 == "0");
        if back && at_work(&hosts.machines[0]).is_some() {
            hosts.machines.iter_mut().for_each(Machine::kill);
        }
    });
    let done: Vec<u32> = (jobs(&sweep).iter())
        .filter(|job| job.2 == "0")
        .map(|job| job.0)
        .collect();
    let missing = sweep.missing();
    let (code, merged) = sweep.merge();
    assert!(code != 0 && !missing.is_empty(), "{said}{merged}");
    let named = sweep.missing_shards();
    assert!(
        done.iter().all(|shard| !named.contains(shard)),
        "{missing}, {done:?}"
    );
    assert_eq!(
        done.len() + named.len(),
        SHARDS as usize,
        "{missing}, {done:?}"
    );

    let script = sweep.emit("parallel", true, &["--at-once", "2"]);
    let said = run(&script, &sweep, || ());
    assert_eq!(sweep.missing(), "", "{said}");
    sweep.assert_whole();
}
