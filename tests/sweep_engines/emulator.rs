//! An emulator of Kubernetes' Indexed Jobs: what a control plane and its nodes do with the manifest, as
//! far as a sweep can tell. No container is started: pods are processes, volumes are folders.
//!
//! Rules from the batch/v1 API: <https://kubernetes.io/docs/concepts/workloads/controllers/job/>, at
//! "Completion mode", "Backoff limit per index" and "Pod failure policy".

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use super::{pause, read};

/// What happens to a pod besides its own work.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing.
    Quiet,
    /// It is killed at work, as for want of memory: a failure that counts.
    Killed,
    /// It is asked to leave at work, as when its node is drained: a disruption, which is ignored.
    Drained,
    /// A second pod of its index starts beside it, as when a node is out of sight for a while.
    Twice,
}

/// How a Job ended.
#[derive(Debug, Default)]
pub(crate) struct Ended {
    pub(crate) succeeded: Vec<u64>,
    pub(crate) failed: Vec<u64>,
    /// Pods that were started for each index.
    pub(crate) pods: BTreeMap<u64, u32>,
    /// The most that ran at a time.
    pub(crate) most: usize,
}

/// The documents of a manifest.
pub(crate) struct Manifest {
    documents: Vec<Value>,
    /// Where each ConfigMap and claim is.
    folder: PathBuf,
}

struct Pod {
    index: u64,
    fate: Fate,
    child: Child,
    told: bool,
}

impl Manifest {
    /// Takes a manifest; what claims hold is in folders of their name, and so is the data of ConfigMaps.
    pub(crate) fn create(text: &str, folder: &Path) -> Manifest {
        let documents: Vec<Value> = serde_saphyr::from_multiple(text).unwrap();
        let manifest = Manifest {
            documents,
            folder: folder.to_owned(),
        };
        for map in manifest.of_kind("ConfigMap") {
            let place = manifest
                .folder
                .join(map["metadata"]["name"].as_str().unwrap());
            fs::create_dir_all(&place).unwrap();
            for (name, text) in map["data"].as_object().unwrap() {
                fs::write(place.join(name), text.as_str().unwrap()).unwrap();
            }
        }
        manifest
    }

    fn of_kind(&self, kind: &str) -> impl Iterator<Item = &Value> {
        let is_kind = move |document: &&Value| document["kind"] == kind;
        self.documents.iter().filter(is_kind)
    }

    /// The Job that works, or the suspended one that merges.
    pub(crate) fn job(&self, suspended: bool) -> &Value {
        let mut jobs = self.of_kind("Job");
        let job = jobs.find(|job| (job["spec"]["suspend"] == true) == suspended);
        &job.unwrap()["spec"]
    }

    /// Runs the Job's pods; `fate` is asked about each: its index, and how many came before it.
    pub(crate) fn run(&self, mut fate: impl FnMut(u64, u32) -> Fate) -> Ended {
        let job = self.job(false);
        let number = |name: &str| job[name].as_u64().unwrap();
        assert_eq!(job["completionMode"], "Indexed");
        assert_eq!(job["template"]["spec"]["restartPolicy"], "Never");
        let (completions, parallelism) = (number("completions"), number("parallelism") as usize);
        let mut ended = Ended::default();
        let mut failures = BTreeMap::new();
        let mut pods: Vec<Pod> = Vec::new();
        loop {
            let given_up = ended.failed.len() as u64 > number("maxFailedIndexes");
            for index in 0..completions {
                let is_open = !ended.succeeded.contains(&index)
                    && !ended.failed.contains(&index)
                    && pods.iter().all(|pod| pod.index != index);
                if !is_open || given_up || pods.len() >= parallelism {
                    continue;
                }
                let before = ended.pods.entry(index).or_default();
                let fate = fate(index, *before);
                *before += 1;
                pods.push(self.start(job, index, fate));
                if fate == Fate::Twice {
                    pods.push(self.start(job, index, Fate::Quiet));
                }
            }
            if given_up {
                // What still runs is ended.
                pods.clear();
            }
            if pods.is_empty() {
                return ended;
            }
            ended.most = ended.most.max(pods.len());
            pause();
            pods.iter_mut().for_each(Pod::meet_its_fate);
            pods.retain_mut(|pod| {
                let Some(status) = pod.child.try_wait().unwrap() else {
                    return true;
                };
                let index = pod.index;
                if status.success() {
                    ended.succeeded.push(index);
                } else if fails_index(job, status) {
                    ended.failed.push(index);
                } else if !is_ignored(job, pod) {
                    let failures = failures.entry(index).or_insert(0);
                    *failures += 1;
                    if *failures > number("backoffLimitPerIndex") {
                        ended.failed.push(index);
                    }
                }
                false
            });
            // The first pod that succeeds settles its index; each index counts once.
            ended.succeeded.sort_unstable();
            ended.succeeded.dedup();
            let succeeded = &ended.succeeded;
            ended.failed.retain(|index| !succeeded.contains(index));
        }
    }

    /// Starts a pod of a Job.
    fn start(&self, job: &Value, index: u64, fate: Fate) -> Pod {
        let index_text = index.to_string();
        let child = self.pod(job, &[("JOB_COMPLETION_INDEX", &index_text)]);
        Pod {
            index,
            fate,
            child,
            told: false,
        }
    }

    /// Starts the one container of a Job's pod.
    pub(crate) fn pod(&self, job: &Value, environment: &[(&str, &str)]) -> Child {
        let pod = &job["template"]["spec"];
        let container = &pod["containers"][0];
        let words = [&container["command"], &container["args"]];
        let words: Vec<String> = (words.into_iter().filter_map(Value::as_array).flatten())
            .map(|word| expand(word.as_str().unwrap(), environment))
            .map(|word| self.mount(&word, pod))
            .collect();
        let log = fs::File::create(self.folder.join("pod.log")).unwrap();
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).envs(environment.iter().copied());
        command.current_dir(&self.folder).stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        command.spawn().unwrap()
    }

    /// A word in which what is mounted stands for the folder that it is here.
    fn mount(&self, word: &str, pod: &Value) -> String {
        let volumes = pod["volumes"].as_array().unwrap();
        let mounts = pod["containers"][0]["volumeMounts"].as_array().unwrap();
        let mut word = word.to_owned();
        for mount in mounts {
            let volume = volumes
                .iter()
                .find(|one| one["name"] == mount["name"])
                .unwrap();
            let name = [
                &volume["configMap"]["name"],
                &volume["persistentVolumeClaim"]["claimName"],
            ];
            let name = name.into_iter().find_map(Value::as_str).unwrap();
            let folder = self.folder.join(name).display().to_string();
            let path = mount["mountPath"].as_str().unwrap();
            // A path begins a word or follows a blank or an equals sign.
            for before in [" ", "="] {
                word = word.replace(&format!("{before}{path}"), &format!("{before}{folder}"));
            }
            if let Some(rest) = word.strip_prefix(path) {
                word = format!("{folder}{rest}");
            }
        }
        word
    }
}

impl Pod {
    /// Lets happen what is to happen once the pod is at work.
    fn meet_its_fate(&mut self) {
        let signal = match self.fate {
            Fate::Killed => Signal::KILL,
            Fate::Drained => Signal::TERM,
            Fate::Quiet | Fate::Twice => return,
        };
        if !self.told && ticks(self.child.id()) > 0 {
            self.told = true;
            let pid = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
            let _ = kill_process(pid.unwrap(), signal);
        }
    }
}

impl Drop for Pod {
    fn drop(&mut self) {
        // A test that fails leaves no pod.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Whether a rule of the Job's policy fails the index at once.
fn fails_index(job: &Value, status: ExitStatus) -> bool {
    let rules = job["podFailurePolicy"]["rules"].as_array().unwrap();
    let code = status.code().or(status.signal().map(|signal| 128 + signal));
    let mut rules = rules.iter().filter(|rule| rule["action"] == "FailIndex");
    rules.any(|rule| {
        let codes = &rule["onExitCodes"];
        assert_eq!(codes["operator"], "In");
        let values = codes["values"].as_array().unwrap();
        values
            .iter()
            .any(|value| value.as_i64() == code.map(i64::from))
    })
}

/// Whether a rule of the Job's policy ignores how a pod ended.
fn is_ignored(job: &Value, pod: &Pod) -> bool {
    let rules = job["podFailurePolicy"]["rules"].as_array().unwrap();
    let mut rules = rules.iter().filter(|rule| rule["action"] == "Ignore");
    let disruption = rules.any(|rule| {
        let conditions = rule["onPodConditions"].as_array().unwrap();
        conditions
            .iter()
            .any(|one| one["type"] == "DisruptionTarget" && one["status"] == "True")
    });
    disruption && pod.fate == Fate::Drained && pod.told
}

/// A word as Kubernetes expands it: `$(NAME)` is a variable where there is one, and `$$` is a dollar.
fn expand(word: &str, environment: &[(&str, &str)]) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some(at) = rest.find('$') {
        out.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let name = rest
            .strip_prefix('(')
            .and_then(|inner| inner.split_once(')'));
        let value = name.and_then(|(name, after)| {
            let found = environment.iter().find(|variable| variable.0 == name)?;
            Some((found.1, after))
        });
        match value {
            Some((value, after)) => {
                out.push_str(value);
                rest = after;
            }
            None => out.push('$'),
        }
    }
    out + rest
}

/// Processor time that a process has taken, in ticks of the kernel's clock.
fn ticks(pid: u32) -> u64 {
    let stat = read(Path::new(&format!("/proc/{pid}/stat")));
    let Some((_, rest)) = stat.rsplit_once(')') else {
        return 0;
    };
    let mut fields = rest.split_whitespace().skip(11);
    fields
        .next()
        .and_then(|field| field.parse().ok())
        .unwrap_or(0)
}

#[test]
fn words_are_expanded_as_kubernetes_does() {
    let environment = [("INDEX", "7")];
    let expand = |word| expand(word, &environment);
    assert_eq!(expand("--i=$(INDEX)"), "--i=7");
    assert_eq!(
        expand("$$(INDEX) $(OTHER) $INDEX"),
        "$(INDEX) $(OTHER) $INDEX"
    );
    assert_eq!(
        expand("$$(sed -n \"$$((INDEX + 1))p\")"),
        "$(sed -n \"$((INDEX + 1))p\")"
    );
    assert_eq!(expand("5$"), "5$");
}
