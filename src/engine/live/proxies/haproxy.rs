//! `HAProxy` as the splitter: one backend of all instances, whose weights the runtime socket sets.
//!
//! Weights are whole numbers from 0 to 256 for each server, so an order is met as nearly as they
//! allow; [`Applied`](super::Applied) tells how near. A random split is `balance random(1)`, which is
//! what a user of server weights gets who asks `HAProxy` for a random choice. It is biased: the weights
//! become arcs of a hash ring, and the arcs are not in proportion (95:5 gave 4.5 % in 40,000
//! requests). A rule with `rand()` would be exact, but then weights are not what is operated; and a
//! sample-ratio check should see the bias.
//!
//! A server that is left out gives its share to all others, also to those of the other version.

use std::fmt::Write as _;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::base::Span;
use crate::engine::live::clock::Moment;
use crate::engine::live::options::Proxy;
use crate::engine::live::tally::{CODES, code_of};
use crate::engine::live::{cookie_age, header, name_of};
use crate::model::split::{Precedence, Side, Split};
use crate::telemetry::Version;

use super::figures::Counted;
use super::program::{Folder, Program};
use super::release::Installed;
use super::{ANSWER, LOOK, LOOPBACK, Order, ProxyError, START, Task, ask, errors, free_port};

const KIND: Proxy = Proxy::Haproxy;
/// The largest weight of a server.
const HEAVIEST: u64 = 256;
/// The backend of all instances.
const SPLIT: &str = "split";
/// The backend of requests that match a rule.
const RULE: &str = "rule";
/// Backends of requests whose cookie counts begin with this.
const HELD: &str = "held-";
/// Where the exporter's metrics are.
const METRICS: &str = "/metrics";

/// A running `HAProxy`.
#[derive(Debug)]
pub(super) struct Haproxy {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
    status: SocketAddr,
    socket: PathBuf,
    /// Whether it was built with its Prometheus exporter.
    exports: bool,
}

impl Haproxy {
    pub(super) fn start(
        installed: &Installed,
        task: &Task,
        order: &Order,
    ) -> Result<Haproxy, ProxyError> {
        let failed = |source| ProxyError::Start { kind: KIND, source };
        let folder = Folder::new().map_err(failed)?;
        let address = match task.at.port() {
            0 => free_port(task.at.ip()).map_err(failed)?,
            _ => task.at,
        };
        let status = free_port(LOOPBACK).map_err(failed)?;
        let socket = folder.path().join("control");
        let exports = installed.said.contains("prometheus-exporter");
        let text = Configuration {
            task,
            order,
            weights: server_weights(order),
        }
        .text(address, status, &socket.display().to_string(), exports);
        let file = folder.write("haproxy.cfg", &text).map_err(failed)?;
        let mut command = Command::new(&installed.program);
        command.args(["-db", "-f"]).arg(file);
        let program = Program::start(&command, folder).map_err(failed)?;
        let haproxy = Haproxy {
            program,
            address,
            status,
            socket,
            exports,
        };
        let deadline = Moment::now() + START;
        while !haproxy.is_ready() {
            if !haproxy.program.is_running() {
                return Err(errors::refused(KIND, &haproxy.program, address));
            }
            if Moment::now() > deadline {
                return Err(errors::silent(KIND, &haproxy.program, START));
            }
            haproxy.program.pause(LOOK);
        }
        Ok(haproxy)
    }

    fn is_ready(&self) -> bool {
        ask::get(self.status, "/ready", ANSWER).is_ok_and(|(status, _)| status == 200)
    }

    /// Gives commands to the runtime socket, all in one line, and returns what it says.
    fn tell(&self, commands: &str) -> io::Result<String> {
        let mut stream = UnixStream::connect(&self.socket)?;
        let limit = Some(Duration::from_nanos(ANSWER.as_nanos()));
        stream.set_read_timeout(limit)?;
        stream.set_write_timeout(limit)?;
        stream.write_all(commands.as_bytes())?;
        stream.write_all(b"\n")?;
        let mut said = String::new();
        stream.read_to_string(&mut said)?;
        Ok(said)
    }

    pub(super) fn apply(&self, task: &Task, order: &Order) -> Result<[f64; 3], ProxyError> {
        let disobeyed = |reason: String| ProxyError::Disobeyed { kind: KIND, reason };
        let weights = server_weights(order);
        for line in commands(task, order, weights) {
            let said = self
                .tell(&line)
                .map_err(|error| disobeyed(error.to_string()))?;
            // It says nothing where all is well.
            if let Some(refusal) = said.lines().find(|line| !line.trim().is_empty()) {
                return Err(disobeyed(refusal.to_owned()));
            }
        }
        Ok(shares_of_servers(order, weights))
    }

    /// Answers that its servers gave.
    pub(super) fn counts(&self) -> Result<[u64; 3], ProxyError> {
        let uncounted = |reason: String| ProxyError::Uncounted { kind: KIND, reason };
        let said = self
            .tell("show stat -1 4 -1")
            .map_err(|error| uncounted(error.to_string()))?;
        counts_in(&said).ok_or_else(|| uncounted("its statistics are not as expected".to_owned()))
    }

    /// The same by class of status, with what it answered itself where a server did not.
    pub(super) fn counted(&self, task: &Task) -> Result<Counted, ProxyError> {
        let uncounted = |reason: String| ProxyError::Uncounted { kind: KIND, reason };
        let said = self
            .tell("show stat -1 4 -1")
            .map_err(|error| uncounted(error.to_string()))?;
        let requests = classes_in(&said)
            .ok_or_else(|| uncounted("its statistics are not as expected".to_owned()))?;
        Ok(Counted {
            requests,
            ..Counted::nothing(task)
        })
    }

    pub(super) fn metrics(&self) -> Option<(SocketAddr, &'static str)> {
        self.exports.then_some((self.status, METRICS))
    }

    /// Asks it to finish what it has begun and to leave.
    pub(super) fn leave(&self) {
        self.program.signal(Signal::USR1);
    }
}

/// Sums the answers of servers by version in a table of statistics.
fn counts_in(table: &str) -> Option<[u64; 3]> {
    sums_in(table, |name| name.starts_with("hrsp_"))
}

/// Sums fields of servers by version in a table of statistics.
fn sums_in(table: &str, wanted: impl Fn(&str) -> bool) -> Option<[u64; 3]> {
    let mut lines = table.lines();
    let names: Vec<&str> = lines.next()?.trim_start_matches("# ").split(',').collect();
    let place = |name: &str| names.iter().position(|found| *found == name);
    let server = place("svname")?;
    let answers: Vec<usize> = names
        .iter()
        .enumerate()
        .filter(|(_, name)| wanted(name))
        .map(|(place, _)| place)
        .collect();
    let mut counts = [0; 3];
    for line in lines {
        let fields: Vec<&str> = line.split(',').collect();
        let name = fields.get(server).copied().unwrap_or_default();
        let is_of = |version: &Version| {
            name.strip_prefix(name_of(*version))
                .is_some_and(|rest| rest.starts_with('-'))
        };
        if let Some(version) = Version::ALL.into_iter().find(is_of) {
            let of_answer = |place: &usize| fields.get(*place)?.parse::<u64>().ok();
            counts[version as usize] += answers.iter().filter_map(of_answer).sum::<u64>();
        }
    }
    Some(counts)
}

/// Sums the answers of servers by version and class of status, and of what its callers got for a
/// server that did not take a connection (`econ`) or gave no answer (`eresp`).
fn classes_in(table: &str) -> Option<[[u64; CODES.len()]; 3]> {
    const FIELDS: [(&str, u16); 7] = [
        ("hrsp_1xx", 200),
        ("hrsp_2xx", 200),
        ("hrsp_3xx", 200),
        ("hrsp_4xx", 400),
        ("hrsp_5xx", 500),
        ("econ", 500),
        ("eresp", 500),
    ];
    let mut counts = [[0; CODES.len()]; 3];
    for (field, status) in FIELDS {
        let sums = sums_in(table, |name| name == field)?;
        for (version, sum) in counts.iter_mut().zip(sums) {
            version[code_of(status)] += sum;
        }
    }
    Some(counts)
}

/// The weight of one server of each version, so that the shares come out as nearly as they can. A
/// version that is meant to get something gets something, though it be too much.
fn server_weights(order: &Order) -> [u64; 3] {
    let count = |version: usize| order.ready[version].len().max(1) as f64;
    let each = [0, 1, 2].map(|version| order.shares[version] / count(version));
    let heaviest = each.into_iter().fold(f64::MIN_POSITIVE, f64::max);
    let (mut best, mut least) = ([1, 0, 0], f64::INFINITY);
    // The scale is the weight of the heaviest; the coarsest of equally good ones is taken.
    for scale in 1..=HEAVIEST {
        let weights = each.map(|share| {
            let nearest = (share / heaviest * scale as f64).round() as u64;
            nearest.max(u64::from(share > 0.0))
        });
        let real = shares_of_servers(order, weights);
        let error = (0..3).map(|version| (real[version] - order.shares[version]).abs());
        let error = error.fold(0.0, f64::max);
        if error < least - 1e-12 {
            (best, least) = (weights, error);
        }
    }
    best
}

/// Shares of requests by version when each of its servers has its version's weight.
fn shares_of_servers(order: &Order, weights: [u64; 3]) -> [f64; 3] {
    let parts = [0, 1, 2].map(|version| order.ready[version].len() as u64 * weights[version]);
    super::shares_of(parts)
}

/// What to tell the runtime socket, line by line. Who takes part comes first, then the weights; and
/// whoever gets something comes before those who lose all, so that there is always somebody to ask.
fn commands(task: &Task, order: &Order, weights: [u64; 3]) -> Vec<String> {
    let (mut states, mut ends) = (Vec::new(), Vec::new());
    let (mut gains, mut losses) = (Vec::new(), Vec::new());
    for version in Version::ALL {
        let weight = weights[version as usize];
        for (index, address) in task.instances[version as usize].iter().enumerate() {
            let name = server_name(version, index);
            let takes_part = order.ready[version as usize].contains(address);
            for (backend, open) in backends_of(task, order, version) {
                if takes_part && open {
                    states.push(format!("set server {backend}/{name} state ready"));
                } else {
                    ends.push(format!("set server {backend}/{name} state maint"));
                }
            }
            let command = format!("set server {SPLIT}/{name} weight {weight}");
            if weight > 0 && takes_part {
                gains.push(command);
            } else {
                losses.push(command);
            }
        }
    }
    states.append(&mut gains);
    states.append(&mut losses);
    states.append(&mut ends);
    // A line of the socket may have 16 KiB.
    states
        .chunks(128)
        .map(|commands| commands.join(";"))
        .collect()
}

fn server_name(version: Version, index: usize) -> String {
    format!("{}-{}", name_of(version), index + 1)
}

/// The backends in which a version's servers stand, and whether they may take requests there.
fn backends_of(task: &Task, order: &Order, version: Version) -> Vec<(String, bool)> {
    let mut backends = vec![(SPLIT.to_owned(), true)];
    if version == Version::Canary {
        backends.push((RULE.to_owned(), order.obeys_rules()));
    }
    if let Some(affinity) = &task.affinity
        && affinity.precedence.marks(Side::ALL[version as usize])
    {
        backends.push((
            format!("{HELD}{}", name_of(version)),
            order.honours(affinity, version),
        ));
    }
    backends
}

/// What its file says.
struct Configuration<'a> {
    task: &'a Task,
    order: &'a Order,
    weights: [u64; 3],
}

impl Configuration<'_> {
    fn text(&self, address: SocketAddr, status: SocketAddr, socket: &str, exports: bool) -> String {
        let millis = |span: Span| span.as_millis_f64().ceil().max(1.0);
        let patience = self.task.timeout.map_or(3_600_000.0, millis);
        let exporter = if exports {
            format!("    http-request use-service prometheus-exporter if {{ path {METRICS} }}\n")
        } else {
            String::new()
        };
        let mut text = format!(
            "global
    stats socket {socket} mode 600 level admin
    hard-stop-after 1m
    noreuseport
defaults
    mode http
    timeout client 1h
    timeout connect {connect}ms
    timeout server {patience}ms
    timeout http-keep-alive 1h
{retries}frontend traffic
    bind {address} backlog 4096
    http-after-response set-header {version} %[srv_name,field(1,-)] if {{ srv_name -m found }}
{routes}    default_backend {SPLIT}
frontend status
    bind {status}
    monitor-uri /ready
{exporter}",
            connect = patience.min(100.0),
            retries = self.retries(),
            version = header::VERSION,
            routes = self.routes(),
        );
        self.backends(&mut text);
        text
    }

    /// Where requests go for which a rule or a cookie decides. A backend that has no server is not
    /// there for this.
    fn routes(&self) -> String {
        let mut rule = String::new();
        let _ = writeln!(
            rule,
            "    use_backend {RULE} if {{ req.hdr({}) {} }} {{ nbsrv({RULE}) gt 0 }}",
            header::CANARY,
            header::ALWAYS
        );
        let Some(affinity) = &self.task.affinity else {
            return rule;
        };
        let mut cookies = String::new();
        for version in Version::ALL {
            if affinity.precedence.marks(Side::ALL[version as usize]) {
                let (name, cookie) = (name_of(version), header::COOKIE);
                let _ = writeln!(
                    cookies,
                    "    use_backend {HELD}{name} if {{ req.cook({cookie}) {name} }} {{ nbsrv({HELD}{name}) gt 0 }}"
                );
            }
        }
        if affinity.precedence == Precedence::AffinityFirst {
            cookies + &rule
        } else {
            rule + &cookies
        }
    }

    fn backends(&self, text: &mut String) {
        let balance = match self.task.split {
            Split::Random => "random(1)",
            Split::RingHash => "hdr(x-user)\n    hash-type consistent",
            _ => "roundrobin",
        };
        let _ = writeln!(text, "backend {SPLIT}\n    balance {balance}");
        self.marks(text);
        for version in Version::ALL {
            self.servers(text, version, SPLIT, self.weights[version as usize]);
        }
        let first = self.task.affinity.map(|affinity| affinity.precedence)
            == Some(Precedence::AffinityFirst);
        let _ = writeln!(text, "backend {RULE}\n    balance roundrobin");
        if first {
            self.marks(text);
        }
        self.servers(text, Version::Canary, RULE, 1);
        for version in Version::ALL {
            for (backend, _) in backends_of(self.task, self.order, version) {
                if backend.starts_with(HELD) {
                    let _ = writeln!(text, "backend {backend}\n    balance roundrobin");
                    self.servers(text, version, &backend, 1);
                }
            }
        }
    }

    /// The servers of one version in one backend.
    fn servers(&self, text: &mut String, version: Version, backend: &str, weight: u64) {
        let backends = backends_of(self.task, self.order, version);
        let open = backends.iter().any(|(name, open)| name == backend && *open);
        let check = self.check();
        for (index, address) in self.task.instances[version as usize].iter().enumerate() {
            let takes_part = open && self.order.ready[version as usize].contains(address);
            let state = if takes_part { "" } else { " disabled" };
            let name = server_name(version, index);
            let _ = writeln!(
                text,
                "    server {name} {address} weight {weight}{check}{state}"
            );
        }
    }

    /// How a server is left out that fails in a row. It comes back when it takes a connection after
    /// the time is served, which does not grow from one time to the next.
    fn check(&self) -> String {
        let Some(ejection) = &self.task.ejection else {
            return String::new();
        };
        let millis = |span: Span| {
            let wall = self.task.on_the_wall(span).as_millis_f64();
            wall.ceil().clamp(1.0, 2_000_000_000.0)
        };
        format!(
            " check inter {}ms downinter {}ms rise 1 observe layer7 error-limit {} on-error mark-down",
            millis(ejection.interval),
            millis(ejection.base),
            ejection.consecutive
        )
    }

    /// The cookies that answers of a backend set.
    fn marks(&self, text: &mut String) {
        let Some(affinity) = &self.task.affinity else {
            return;
        };
        let age = cookie_age(affinity, self.task.speed);
        for version in Version::ALL {
            if affinity.precedence.marks(Side::ALL[version as usize]) {
                let (name, cookie) = (name_of(version), header::COOKIE);
                let _ = writeln!(
                    text,
                    "    http-response add-header set-cookie \"{cookie}={name}; Max-Age={age}; Path=/\" if {{ srv_name -m beg {name}- }}"
                );
            }
        }
    }

    fn retries(&self) -> String {
        let Some(retries) = self.task.retries.filter(|retries| retries.attempts > 0) else {
            return "    retries 0\n".to_owned();
        };
        let resets = if retries.on_resets {
            " conn-failure empty-response junk-response response-timeout"
        } else {
            ""
        };
        let errors = if retries.on_errors {
            " 500 502 503 504"
        } else {
            ""
        };
        if resets.is_empty() && errors.is_empty() {
            return "    retries 0\n".to_owned();
        }
        format!(
            "    retries {}\n    retry-on{resets}{errors}\n",
            retries.attempts
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(shares: [f64; 3], counts: [u16; 3]) -> Order {
        let address = |port| SocketAddr::new(LOOPBACK, port);
        Order {
            shares,
            ready: counts.map(|count| (1..=count).map(address).collect()),
        }
    }

    #[test]
    fn weights_of_servers_come_as_near_as_whole_numbers_can() {
        let cases = [
            ([1.0, 0.0, 0.0], [1, 1, 0], [1, 0, 0]),
            ([0.95, 0.05, 0.0], [1, 1, 0], [19, 1, 0]),
            ([0.995, 0.005, 0.0], [1, 1, 0], [199, 1, 0]),
            ([0.6, 0.2, 0.2], [1, 1, 1], [3, 1, 1]),
            // 3 * 38 beside 2 * 3 is 95 beside 5.
            ([0.95, 0.05, 0.0], [3, 2, 0], [38, 3, 0]),
            ([0.0, 1.0, 0.0], [2, 2, 0], [0, 1, 0]),
            // A thousandth is beyond the range: the least that there is.
            ([0.999, 0.001, 0.0], [1, 1, 0], [256, 1, 0]),
        ];
        for (shares, counts, wanted) in cases {
            let order = order(shares, counts);
            let weights = server_weights(&order);
            assert_eq!(weights, wanted, "{shares:?} {counts:?}");
            let real = shares_of_servers(&order, weights);
            let error = (real[1] - shares[1]).abs();
            assert!(
                error < 1e-12 || shares[1] < 1.0 / 257.0,
                "{shares:?}: {real:?}"
            );
        }
    }

    #[test]
    fn answers_are_summed_by_version() {
        let table = "# pxname,svname,hrsp_1xx,hrsp_2xx,hrsp_5xx,hrsp_other,
split,stable-1,0,7,1,0,
split,canary-1,0,2,0,0,
rule,canary-1,0,5,0,0,
split,BACKEND,0,14,1,0,
";
        assert_eq!(counts_in(table), Some([8, 7, 0]));
        assert_eq!(counts_in("Unknown command"), None);
    }
}
