//! A line for GNU parallel: on this machine, or on several over ssh.
//!
//! Over ssh a shard's results come back as what the remote command prints: in the same connection as
//! its exit code, so that a host that dies cannot leave a success without a result, and without rsync
//! on either side. What a dying host has sent so far is kept: a merge reads it up to its last whole
//! record.

use super::Work;
use super::words::shell;

/// What only GNU parallel is told.
#[derive(Debug, Clone)]
pub struct Parallel {
    /// Machines to work on; none: this one.
    pub hosts: Vec<Host>,
    /// Shards that may run at a time on this machine, or on a host that does not say how many.
    pub at_once: u32,
    /// How to call ssh.
    pub ssh: String,
}

/// A machine that takes work over ssh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Shards at a time; `None`: as many as elsewhere.
    pub at_once: Option<u32>,
    /// What ssh calls it: HOST or USER@HOST.
    pub name: String,
}

impl std::str::FromStr for Host {
    type Err = String;

    /// `HOST`, `USER@HOST`, or either after `4/`.
    fn from_str(text: &str) -> Result<Host, String> {
        let (at_once, name) = match text.split_once('/') {
            None => (None, text),
            Some((number, name)) => {
                let number = number.parse().ok().filter(|number| *number > 0);
                (Some(number.ok_or_else(|| refusal(text))?), name)
            }
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.@:[]".contains(&byte);
        if name.is_empty() || name.starts_with('-') || !name.bytes().all(plain) {
            return Err(refusal(text));
        }
        Ok(Host {
            at_once,
            name: name.to_owned(),
        })
    }
}

fn refusal(text: &str) -> String {
    format!("`{text}` is no host: write HOST, USER@HOST, or 4/HOST for four shards at a time")
}

/// How often a shard is tried, each time on another host.
const TRIES: u32 = 3;

impl Parallel {
    /// How many shards run at a time, on all machines.
    pub fn slots(&self) -> u32 {
        let of = |host: &Host| host.at_once.unwrap_or(self.at_once);
        match self.hosts.as_slice() {
            [] => self.at_once,
            hosts => hosts.iter().map(of).fold(0, u32::saturating_add),
        }
    }

    /// The script.
    pub fn script(&self, work: &Work<'_>) -> String {
        let (program, plan) = (shell(work.program), path(work.plan));
        let (out, count) = (path(work.out), work.shards.count());
        let body = match self.hosts.as_slice() {
            [] => self.here(work),
            hosts => self.there(work, hosts),
        };
        format!(
            "\
#!/bin/sh
# {heading}
# Run it with `sh THIS-FILE` where {plan} is. A shard that fails is tried {TRIES} times.
{body}
# Merge what is there, whatever became of the jobs; it names what is missing:
#
#   {program} sweep merge {out} --plan {plan} --out {out}-merged
#
# What is missing runs again by
#
#   coalmine sweep emit parallel {plan} --shards {count} --out {out} --missing {out} … | sh
",
            heading = work.heading("GNU parallel"),
        )
    }

    fn here(&self, work: &Work<'_>) -> String {
        let (program, plan, out) = (shell(work.program), path(work.plan), path(work.out));
        let command = format!(
            "{program} sweep run {plan} --shard-index {{}} --shard-count {} --out {out} --resume {out} --threads {}",
            work.shards.count(),
            work.threads
        );
        format!(
            "\nmkdir -p {out}\n{}parallel --jobs {} --retries {TRIES} --joblog {out}/joblog \\\n  {}\n",
            input(work),
            self.at_once,
            shell(&command)
        )
    }

    fn there(&self, work: &Work<'_>, hosts: &[Host]) -> String {
        let (program, out) = (shell(work.program), path(work.out));
        let carried = format!(".coalmine-{}.json", work.name());
        let logins: Vec<String> = (hosts.iter())
            .map(|host| format!("{}/{}", host.at_once.unwrap_or(self.at_once), host.name))
            .collect();
        let command = format!(
            "d=$(mktemp -d) || exit 75; \
             {program} sweep run {carried} --shard-index {{}} --shard-count {} --out \"$d\" --threads {} >&2; \
             code=$?; cat \"$d\"/*.jsonl*; rm -r \"$d\"; exit $code",
            work.shards.count(),
            work.threads
        );
        format!(
            "
# The plan goes to every host. One that does not answer now is left out.
logins='{logins}' answering=
for login in $logins; do
  if {ssh} \"${{login#*/}}\" 'cat >{carried}' <{plan}; then
    answering=$answering,$login
  else
    echo \"left out: $login\" >&2
  fi
done

if [ -z \"$answering\" ]; then
  echo 'no host answers' >&2
  exit 1
fi

# What a host prints are the shard's results, in a file that no other run replaces.
mkdir -p {out}
run=$(date +%s)-$$
{input}parallel --ssh {ssh_word} --sshlogin \"${{answering#,}}\" --retries {TRIES} \\
  --joblog {out}/\"$run\".joblog --results {out}/\"$run\"-{{}}.jsonl \\
  {command} >/dev/null

for login in $logins; do
  {ssh} \"${{login#*/}}\" 'rm -f {carried}' </dev/null
done
",
            logins = logins.join(" "),
            ssh = self.ssh,
            plan = path(work.plan),
            input = input(work),
            ssh_word = shell(&self.ssh),
            command = shell(&command),
        )
    }
}

/// The shards, for parallel to read.
fn input(work: &Work<'_>) -> String {
    match work.shards.is_all() {
        true => format!("seq 0 {} | ", work.shards.count() - 1),
        false => {
            let indices: Vec<String> = work.shards.indices().iter().map(u32::to_string).collect();
            format!("printf '%s\\n' {} |\n", indices.join(" "))
        }
    }
}

fn path(path: &std::path::Path) -> String {
    shell(&path.to_string_lossy())
}
