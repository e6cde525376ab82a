//! A Slurm array on two nodes of this machine, one of which dies at work.
//!
//! munged, slurmctld and two slurmd run from a private configuration, as root: what they start runs as
//! whoever submits, and there is nobody else here.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::keeper::Machine;
use super::sweep::{SHARDS, Sweep, program, shard_of};
use super::{alone, free_ports, installed, printed, read, shared_folder, until};

/// A cluster of two nodes.
struct Cluster {
    nodes: [Machine; 2],
    /// The controller, and who vouches for messages. Ended after the nodes.
    _controller: Machine,
    _munge: Machine,
    configuration: PathBuf,
    folder: tempfile::TempDir,
}

impl Cluster {
    /// Starts one and waits until its nodes are idle; `None`, on record, where that cannot be done.
    fn start() -> Option<Cluster> {
        let names = [
            "munged",
            "slurmctld",
            "slurmd",
            "sbatch",
            "squeue",
            "sinfo",
            "scontrol",
        ];
        let [munged, slurmctld, slurmd, ..] = installed(names)?;
        if !rustix::process::geteuid().is_root() {
            shared_folder::skip("Slurm's daemons run as root here, and this is not root");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        for name in ["munge", "state", "spool-n1", "spool-n2"] {
            fs::create_dir(path(name)).unwrap();
            fs::set_permissions(path(name), fs::Permissions::from_mode(0o700)).unwrap();
        }
        let munge = start_munged(&munged, &path("munge"));
        let configuration = path("slurm.conf");
        fs::write(&configuration, configure(folder.path())).unwrap();
        let daemon = |program: &Path, words: &[&str], log: &str| {
            let mut command = Command::new(program);
            command.arg("-D").args(words).arg("-f").arg(&configuration);
            command.env("SLURM_CONF", &configuration);
            Machine::start(&command, &path(log))
        };
        let controller = daemon(&slurmctld, &[], "controller.log");
        let nodes = ["n1", "n2"].map(|n| daemon(&slurmd, &["-N", n], &format!("{n}.log")));
        let cluster = Cluster {
            nodes,
            _controller: controller,
            _munge: munge,
            configuration,
            folder,
        };
        until("both nodes are idle", || {
            cluster.asked("sinfo", &["-h", "-N", "-o", "%T"]) == "idle\nidle\n"
        });
        Some(cluster)
    }

    fn command(&self, name: &str, words: &[&str]) -> Command {
        let mut command = Command::new(name);
        command.args(words).env("SLURM_CONF", &self.configuration);
        command
    }

    /// What a client says now, or nothing where it fails.
    fn asked(&self, name: &str, words: &[&str]) -> String {
        let output = self.command(name, words).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            text
        } else {
            String::new()
        }
    }

    /// Submits a script from a folder: the job's number.
    fn submit(&self, script: &str, folder: &Path) -> String {
        let file = folder.join("sweep.sbatch");
        fs::write(&file, script).unwrap();
        let mut command = self.command("sbatch", &["--parsable", file.to_str().unwrap()]);
        printed(command.current_dir(folder)).trim().to_owned()
    }

    /// Shards that wait to run again.
    fn waiting(&self, job: &str) -> Vec<u32> {
        let queue = ["-h", "-r", "-j", job, "-t", "PD", "-o", "%K %r"];
        let lines = self.asked("squeue", &queue);
        let shards = lines
            .lines()
            .filter_map(|line| line.strip_suffix(" BeginTime"));
        shards.map(|shard| shard.parse().unwrap()).collect()
    }

    /// Whether a job has left the queue.
    fn has_ended(&self, job: &str) -> bool {
        let output = self.command("squeue", &["-h", "-j", job]).output().unwrap();
        // A job that is long gone is no longer known.
        !output.status.success() || output.stdout.is_empty()
    }

    /// What the controller says, for a failure's message.
    fn log(&self) -> String {
        read(&self.folder.path().join("controller.log"))
    }
}

fn start_munged(munged: &Path, folder: &Path) -> Machine {
    let key = folder.join("key");
    let mut secret = [0; 1024];
    let mut source = fs::File::open("/dev/urandom").unwrap();
    source.read_exact(&mut secret).unwrap();
    fs::write(&key, secret).unwrap();
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    let mut command = Command::new(munged);
    command.args(["--foreground", "--force", "--num-threads=2"]);
    let files = [
        ("key-file", "key"),
        ("socket", "socket"),
        ("pid-file", "pid"),
        ("log-file", "log"),
        ("seed-file", "seed"),
    ];
    for (option, name) in files {
        command.arg(format!("--{option}={}", folder.join(name).display()));
    }
    let machine = Machine::start(&command, &folder.join("said"));
    until("munged listens", || folder.join("socket").exists());
    machine
}

/// The configuration: everything in one folder, and all waiting as short as Slurm allows.
fn configure(folder: &Path) -> String {
    let [controller, n1, n2] = free_ports(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let host = read(Path::new("/proc/sys/kernel/hostname"));
    let host = host.trim().split('.').next().unwrap();
    let folder = folder.display();
    format!(
        "\
ClusterName=coalmine
SlurmctldHost={host}(127.0.0.1)
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge/socket
CredType=cred/munge
SlurmctldPort={controller}
SlurmctldPidFile={folder}/controller.pid
SlurmdPidFile={folder}/%n.pid
SlurmdSpoolDir={folder}/spool-%n
StateSaveLocation={folder}/state
MpiDefault=none
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_min_interval=0,sched_interval=1,batch_sched_delay=0
SlurmdTimeout=5
MessageTimeout=5
KillWait=2
RebootProgram=/bin/false
NodeName=n1 NodeHostname={host} NodeAddr=127.0.0.1 Port={n1} CPUs=1 RealMemory=1024
NodeName=n2 NodeHostname={host} NodeAddr=127.0.0.1 Port={n2} CPUs=1 RealMemory=1024
PartitionName=sweeps Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
"
    )
}

/// The shard that runs on a machine now.
fn at_work(machine: &Machine) -> Option<u32> {
    let mut lines = machine.processes().into_iter();
    lines.find_map(|line| shard_of(&line))
}

#[test]
fn an_array_that_loses_a_node_gives_what_one_process_gives() {
    let _alone = alone();
    let Some(mut cluster) = Cluster::start() else {
        return;
    };
    let sweep = Sweep::new();
    let script = sweep.emit("slurm", false, &["--memory", "512M"]);
    let job = cluster.submit(&script, sweep.folder());

    // The last one is called off while it waits, and a node dies at work.
    let last = SHARDS - 1;
    printed(&mut cluster.command("scancel", &[&format!("{job}_{last}")]));
    let mut lost = None;
    until("the second node works", || {
        lost = at_work(&cluster.nodes[1]);
        lost.is_some()
    });
    cluster.nodes[1].kill();
    let lost = lost.unwrap();
    assert_ne!(lost, last);
    // Slurm takes what was lost back into its queue, and the script what was interrupted (75). Both
    // would wait there for two minutes, which nobody has.
    let mut again = BTreeSet::new();
    until("the job ends", || {
        for shard in cluster.waiting(&job) {
            let task = format!("JobId={job}_{shard}");
            cluster.asked("scontrol", &["update", &task, "StartTime=now"]);
            again.insert(shard);
        }
        if again.iter().all(|shard| *shard == lost) {
            cluster.nodes[0].interrupt(program());
        }
        cluster.has_ended(&job)
    });
    assert!(
        again.contains(&lost) && again.len() > 1,
        "{lost}, {again:?}"
    );

    // What had died with the node and what was interrupted ran again; what was called off is named.
    let log = read(&sweep.out().join(format!("log/{lost}.txt")));
    let (code, said) = sweep.merge();
    assert_ne!(code, 0, "{said}");
    assert_eq!(
        sweep.missing(),
        last.to_string(),
        "{log}\n{}",
        cluster.log()
    );

    let script = sweep.emit("slurm", true, &[]);
    assert!(script.contains(&format!("--array={last}%")), "{script}");
    let job = cluster.submit(&script, sweep.folder());
    until("the job ends", || cluster.has_ended(&job));
    sweep.assert_whole();
}
