//! An Indexed Job for Kubernetes, with the plan in a ConfigMap and a merge that waits.
//!
//! Rules from the batch/v1 API: an index is done with its first pod that succeeds, though two pods of
//! one index can live at a time; `backoffLimitPerIndex` needs `restartPolicy: Never`; a rule that
//! fails an index does so whatever is left of its limit; disruptions that are ignored do not count
//! towards it. A ConfigMap holds 1 MiB, and the label of a pod 63 characters.

use std::fmt::Write;

use super::words::{shell, yaml, yaml_block};
use super::{EmitError, Work};

/// What only Kubernetes is told.
#[derive(Debug, Clone)]
pub struct Kubernetes {
    /// Image that holds the program.
    pub image: String,
    /// A PersistentVolumeClaim that all pods can write to (ReadWriteMany).
    pub claim: String,
    /// Where to run; `None`: where `kubectl` stands.
    pub namespace: Option<String>,
    /// The Job's name; `None`: one made of the plan's id.
    pub name: Option<String>,
    /// Pods that may run at a time.
    pub at_once: u32,
    /// Memory of one pod, in Kubernetes' words: 512Mi.
    pub memory: String,
}

/// Bytes that a ConfigMap holds at most.
pub const MOST_BYTES: usize = 1 << 20;

/// Characters of a name, so that the Job's, the index and `-merge` fit a pod's label.
const LONGEST_NAME: usize = 52;
/// Failed indices after which the Job gives up: whatever is wrong is wrong with all of them.
const MOST_FAILED: u32 = 4;
/// How often an index may fail before it counts as failed.
const RETRIES: u32 = 3;

/// Where pods find the plan, and where they leave results.
const PLAN: &str = "/plan/plan.json";
const OUT: &str = "/out";

impl Kubernetes {
    /// The manifest: ConfigMap, Job, and a suspended Job that merges.
    ///
    /// # Errors
    /// When the plan is too large or the name is none.
    pub fn manifest(&self, work: &Work<'_>) -> Result<String, EmitError> {
        let name = self.name.clone().unwrap_or_else(|| work.name());
        if !is_name(&name) {
            return Err(EmitError::Name(name));
        }
        let chosen = (!work.shards.is_all()).then(|| lines(&work.shards.indices()));
        let bytes = work.text.len() + chosen.as_ref().map_or(0, String::len);
        if bytes > MOST_BYTES {
            return Err(EmitError::Large { bytes });
        }
        let parts = [
            self.heading(work, &name),
            self.config_map(work, &name, chosen.as_deref()),
            self.job(work, &name),
            self.merge(work, &name),
        ];
        Ok(parts.join("---\n"))
    }

    fn heading(&self, work: &Work<'_>, name: &str) -> String {
        let (out, namespace) = (&self.claim, self.in_namespace());
        format!(
            "\
# {heading}
# Submit with (`apply` would keep a second copy of the plan in an annotation, which may be too large):
#
#   kubectl create -f THIS-FILE
#
# Then merge what is there, whatever became of the pods; it names what is missing:
#
#   kubectl{namespace} get job/{name} --watch
#   kubectl{namespace} patch job/{name}-merge -p '{{\"spec\": {{\"suspend\": false}}}}'
#   kubectl{namespace} logs -f job/{name}-merge
#
# The merged rows are in `merged` on the claim {out}. What is missing runs again by
# `coalmine sweep emit kubernetes … --missing FOLDER`, where FOLDER is a copy of the claim.
# Clean up with kubectl{namespace} delete job,configmap -l coalmine-sweep={name}
",
            heading = work.heading("Kubernetes 1.33 or later"),
        )
    }

    fn in_namespace(&self) -> String {
        let namespace = self.namespace.as_deref();
        namespace.map_or_else(String::new, |one| format!(" -n {}", shell(one)))
    }

    fn metadata(&self, name: &str, sweep: &str) -> String {
        let mut text = format!("metadata:\n  name: {}\n", yaml(name));
        if let Some(namespace) = &self.namespace {
            // Writing to a string does not fail.
            let _ = writeln!(text, "  namespace: {}", yaml(namespace));
        }
        text + &format!("  labels: {}\n", labels(sweep))
    }

    fn config_map(&self, work: &Work<'_>, name: &str, chosen: Option<&str>) -> String {
        let mut text = format!(
            "apiVersion: v1\nkind: ConfigMap\n{}immutable: true\ndata:\n  plan.json: {}\n",
            self.metadata(name, name),
            yaml_block(work.text, 4)
        );
        if let Some(chosen) = chosen {
            text += "  # The shard of each index, one a line.\n";
            text += &format!("  shards: {}\n", yaml_block(chosen, 4));
        }
        text
    }

    fn job(&self, work: &Work<'_>, name: &str) -> String {
        let completions = work.shards.len();
        format!(
            "\
apiVersion: batch/v1
kind: Job
{metadata}spec:
  completionMode: Indexed
  completions: {completions}
  parallelism: {parallelism}
  backoffLimitPerIndex: {RETRIES}
  maxFailedIndexes: {most_failed}
  ttlSecondsAfterFinished: 86400
  podFailurePolicy:
    rules:
    # A plan that is refused stays refused.
    - {{action: FailIndex, onExitCodes: {{containerName: shard, operator: In, values: [64]}}}}
    # Eviction, preemption, drain: not the shard's fault.
    - {{action: Ignore, onPodConditions: [{{type: DisruptionTarget, status: \"True\"}}]}}
{template}",
            metadata = self.metadata(name, name),
            parallelism = self.at_once.min(completions),
            most_failed = MOST_FAILED.min(completions),
            template = self.template(name, "shard", &run(work), work.threads),
        )
    }

    fn merge(&self, work: &Work<'_>, name: &str) -> String {
        let words = [work.program, "sweep", "merge", OUT].map(str::to_owned);
        let places = [format!("--plan={PLAN}"), format!("--out={OUT}/merged")];
        let command = command(&words, &places);
        let own = format!("{name}-merge");
        format!(
            "apiVersion: batch/v1\nkind: Job\n{}spec:\n  suspend: true\n  backoffLimit: 0\n{}",
            self.metadata(&own, name),
            self.template(name, "merge", &command, 1)
        )
    }

    /// A pod with the plan and the claim.
    fn template(&self, name: &str, does: &str, command: &str, cores: u16) -> String {
        let (image, claim, memory) = (yaml(&self.image), yaml(&self.claim), yaml(&self.memory));
        let (labels, map) = (labels(name), yaml(name));
        format!(
            "  template:
    metadata:
      labels: {labels}
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60
      containers:
      - name: {does}
        image: {image}
{command}        resources: {{requests: {{cpu: \"{cores}\", memory: {memory}}}, limits: {{memory: {memory}}}}}
        securityContext:
          allowPrivilegeEscalation: false
          capabilities: {{drop: [ALL]}}
          seccompProfile: {{type: RuntimeDefault}}
        volumeMounts: [{{name: plan, mountPath: /plan}}, {{name: out, mountPath: {OUT}}}]
      volumes:
      - {{name: plan, configMap: {{name: {map}}}}}
      - {{name: out, persistentVolumeClaim: {{claimName: {claim}}}}}
"
        )
    }
}

/// What a pod does: its shard is its index, or the line of its index where only some are left.
fn run(work: &Work<'_>) -> String {
    let (count, threads) = (work.shards.count(), work.threads);
    let rest = [
        format!("--shard-count={count}"),
        format!("--out={OUT}"),
        format!("--resume={OUT}"),
        format!("--threads={threads}"),
    ];
    if work.shards.is_all() {
        let words = [work.program, "sweep", "run", PLAN].map(str::to_owned);
        let index = "--shard-index=$(JOB_COMPLETION_INDEX)".to_owned();
        return command(&words, &[&[index][..], &rest].concat());
    }
    // Kubernetes turns `$$(` into `$(`, which is the shell's.
    let script = format!(
        "exec {} sweep run {PLAN} --shard-index=\"$$(sed -n \"$$((JOB_COMPLETION_INDEX + 1))p\" /plan/shards)\" {}",
        shell(work.program),
        rest.join(" ")
    );
    command(&["sh".to_owned(), "-c".to_owned(), script], &[])
}

/// By these labels everything of a sweep is found.
fn labels(sweep: &str) -> String {
    format!(
        "{{app.kubernetes.io/name: coalmine, coalmine-sweep: {}}}",
        yaml(sweep)
    )
}

fn command(words: &[String], arguments: &[String]) -> String {
    let list = |words: &[String]| {
        let quoted: Vec<String> = words.iter().map(|word| yaml(word)).collect();
        quoted.join(", ")
    };
    let mut text = format!("        command: [{}]\n", list(words));
    if !arguments.is_empty() {
        text += "        args:\n";
        for argument in arguments {
            text += &format!("        - {}\n", yaml(argument));
        }
    }
    text
}

fn lines(indices: &[u32]) -> String {
    indices.iter().map(|index| format!("{index}\n")).collect()
}

/// Whether it is a label of DNS that leaves room for an index.
fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    name.len() <= LONGEST_NAME
        && name.bytes().all(|byte| plain(byte) || byte == b'-')
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.bytes().next_back().is_some_and(plain)
}
