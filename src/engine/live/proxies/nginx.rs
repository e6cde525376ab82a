//! NGINX as the splitter: a file for each order, and a reload.
//!
//! The version of a request is drawn by `split_clients`, or by weights in an upstream that all
//! workers share. A reload is asynchronous: the master starts new workers, waits a tenth of a second
//! and tells the old ones to leave. Here an order counts as acknowledged when every old worker has
//! said in its title that it is shutting down, and a new one tells the new order's number on the
//! status port. What an old worker loses on connections that it closes is lost, as in production.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::process::{Signal, geteuid};

use crate::engine::live::clock::Moment;
use crate::engine::live::options::Proxy;
use crate::engine::live::tally::{Reading, Tally};
use crate::engine::live::{cookie_age, header, name_of};
use crate::model::split::{Precedence, Side, Split};
use crate::telemetry::Version;

use super::program::{Folder, Program};
use super::release::Installed;
use super::{
    ACCEPTANCE, ANSWER, LOOK, LOOPBACK, Order, ProxyError, START, Task, access_log, ask, errors,
    free_port, shares_of, whole_weights,
};

const KIND: Proxy = Proxy::Nginx;
/// Name of the configuration file in the program's folder.
const FILE: &str = "nginx.conf";
/// Hundredths of a percent, which is what `split_clients` can tell apart.
const TOTAL: u64 = 10_000;
/// The upstream of both versions, where weights in it decide.
const ALL: &str = "all";

/// A running NGINX.
#[derive(Debug)]
pub(super) struct Nginx {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
    status: SocketAddr,
    /// The number of the last order.
    generation: AtomicU64,
    tally: Arc<Tally>,
}

impl Nginx {
    pub(super) fn start(
        installed: &Installed,
        task: &Task,
        order: &Order,
    ) -> Result<Nginx, ProxyError> {
        let failed = |source| ProxyError::Start { kind: KIND, source };
        let folder = Folder::new().map_err(failed)?;
        let address = match task.at.port() {
            0 => free_port(task.at.ip()).map_err(failed)?,
            _ => task.at,
        };
        let status = free_port(LOOPBACK).map_err(failed)?;
        let text = Configuration::new(task, order, address, status, 0).text();
        let file = folder.write(FILE, &text).map_err(failed)?;
        let mut command = Command::new(&installed.program);
        // What is logged before the configuration is read goes to the standard error too.
        command
            .args(["-e", "stderr", "-p"])
            .arg(folder.path())
            .arg("-c")
            .arg(file);
        let (program, log) = Program::start_heard(&command, folder).map_err(failed)?;
        let tally = Arc::new(Tally::new(task.routes.len(), &task.buckets));
        if let Some(log) = log {
            let (tally, routes) = (Arc::clone(&tally), task.routes.clone());
            let thread = std::thread::Builder::new().name("coalmine-nginx-log".to_owned());
            // Ends when the last process that could write has.
            thread
                .spawn(move || access_log::count(log, &routes, &tally))
                .map_err(failed)?;
        }
        let nginx = Nginx {
            program,
            address,
            status,
            generation: AtomicU64::new(0),
            tally,
        };
        let deadline = Moment::now() + START;
        while nginx.serving() != Some(0) {
            if !nginx.program.is_running() {
                return Err(errors::refused(KIND, &nginx.program, address));
            }
            if Moment::now() > deadline {
                return Err(errors::silent(KIND, &nginx.program, START));
            }
            nginx.program.pause(LOOK);
        }
        Ok(nginx)
    }

    /// The number of the order that a worker follows.
    fn serving(&self) -> Option<u64> {
        let (status, text) = ask::get(self.status, "/generation", ANSWER).ok()?;
        text.trim().parse().ok().filter(|_| status == 200)
    }

    pub(super) fn apply(&self, task: &Task, order: &Order) -> Result<[f64; 3], ProxyError> {
        let disobeyed = |reason: String| ProxyError::Disobeyed { kind: KIND, reason };
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        let text = Configuration::new(task, order, self.address, self.status, generation).text();
        let said = self.program.last_words(usize::MAX).len();
        let (new, file) = ("nginx.conf.new", self.program.folder().join(FILE));
        let new = self.program.folder().join(new);
        fs::write(&new, text)
            .and_then(|()| fs::rename(new, file))
            .map_err(|error| disobeyed(error.to_string()))?;
        let old = workers(self.program.pid());
        self.program.signal(Signal::HUP);
        let deadline = Moment::now() + ACCEPTANCE;
        loop {
            if !self.program.is_running() {
                return Err(errors::gone(KIND, &self.program));
            }
            let gone = old.iter().all(|worker| has_left(*worker));
            if gone && self.serving() == Some(generation) {
                return Ok(shares_of(whole_weights(order.shares, TOTAL)));
            }
            let words = self.program.last_words(usize::MAX);
            let fresh = words.get(said..).unwrap_or_default();
            if let Some(refusal) = fresh.lines().find(|line| line.contains("[emerg]")) {
                return Err(disobeyed(refusal.to_owned()));
            }
            if Moment::now() > deadline {
                return Err(disobeyed(format!(
                    "not all workers have followed within {ACCEPTANCE}"
                )));
            }
            self.program.pause(LOOK);
        }
    }

    pub(super) fn counts(&self) -> [u64; 3] {
        Version::ALL.map(|version| self.tally.requests(version))
    }

    /// What its log says.
    pub(super) fn readings(&self, from_start: &[Version]) -> Vec<Reading> {
        self.tally.read_with(from_start)
    }

    /// Asks it to finish what it has begun and to leave.
    pub(super) fn leave(&self) {
        self.program.signal(Signal::QUIT);
    }
}

/// Process ids of a master's workers.
fn workers(master: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{master}/task/{master}/children"));
    let children = children.unwrap_or_default();
    let numbers = children.split_ascii_whitespace();
    numbers.filter_map(|number| number.parse().ok()).collect()
}

/// Whether a worker takes no more connections: it is gone, or says so in its title.
fn has_left(worker: u32) -> bool {
    match fs::read(format!("/proc/{worker}/cmdline")) {
        Ok(title) => title.is_empty() || String::from_utf8_lossy(&title).contains("shutting down"),
        Err(_) => true,
    }
}

/// What one file says.
struct Configuration<'a> {
    task: &'a Task,
    order: &'a Order,
    address: SocketAddr,
    status: SocketAddr,
    generation: u64,
    weights: [u64; 3],
}

impl<'a> Configuration<'a> {
    fn new(
        task: &'a Task,
        order: &'a Order,
        address: SocketAddr,
        status: SocketAddr,
        generation: u64,
    ) -> Configuration<'a> {
        Configuration {
            task,
            order,
            address,
            status,
            generation,
            weights: whole_weights(order.shares, TOTAL),
        }
    }

    /// Whether weights in an upstream decide.
    fn in_turn(&self) -> bool {
        matches!(self.task.split, Split::Even | Split::RoundRobin)
    }

    fn text(&self) -> String {
        // Workers of a master that may choose must be able to use the folder, which is its owner's.
        let user = if geteuid().is_root() {
            "user root;\n"
        } else {
            ""
        };
        let timeout = self
            .task
            .timeout
            .map_or(3_600_000.0, |span| span.as_millis_f64().max(1.0));
        format!(
            "{user}daemon off;
worker_processes auto;
pid nginx.pid;
error_log stderr crit;
events {{
    worker_connections 16384;
}}
http {{
    access_log off;
    log_format versions '{log}';
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    keepalive_requests 1000000000;
    map_hash_bucket_size 256;
{upstreams}{choice}
    server {{
        listen {address} backlog=4096;
        access_log /dev/stdout versions buffer=4k flush=10ms;
        location / {{
            proxy_pass http://$group;
            proxy_http_version 1.1;
            proxy_set_header Connection \"\";
            proxy_set_header Host $http_host;
            proxy_connect_timeout {timeout}ms;
            proxy_read_timeout {timeout}ms;
            {retries}
            proxy_hide_header {version_header};
            add_header {version_header} $version always;
            add_header Set-Cookie $mark always;
        }}
    }}
    server {{
        listen {status};
        location = /generation {{
            return 200 {generation};
        }}
        location = /status {{
            stub_status;
        }}
    }}
}}
",
            log = access_log::FORMAT,
            upstreams = self.upstreams(),
            choice = self.choice(),
            retries = self.retries(),
            address = self.address,
            status = self.status,
            generation = self.generation,
            timeout = timeout.ceil(),
            version_header = header::VERSION,
        )
    }

    /// One upstream for each version, of its instances in turn, and one of all with weights.
    fn upstreams(&self) -> String {
        let mut text = String::new();
        // NGINX tries no server twice for a request, so each is listed often enough to be.
        let attempts = 1 + self
            .task
            .retries
            .map_or(0, |retries| retries.attempts as usize);
        for version in Version::ALL {
            let ready = &self.order.ready[version as usize];
            let times = attempts.div_ceil(ready.len().max(1));
            let servers: Vec<(SocketAddr, u64)> = (0..times)
                .flat_map(|_| ready)
                .map(|address| (*address, 1))
                .collect();
            upstream(&mut text, name_of(version), &servers);
        }
        if self.in_turn() {
            upstream(&mut text, ALL, &self.weighted());
        }
        text
    }

    /// All instances, each with its part of its version's weight.
    fn weighted(&self) -> Vec<(SocketAddr, u64)> {
        let counts = [0, 1, 2].map(|version: usize| self.order.ready[version].len().max(1) as u64);
        let product: u64 = counts.iter().product();
        let each = [0, 1, 2].map(|version| self.weights[version] * (product / counts[version]));
        let divisor = each.into_iter().fold(0, greatest_common_divisor).max(1);
        let mut servers = Vec::new();
        for version in Version::ALL {
            let weight = each[version as usize] / divisor;
            let ready = self.order.ready[version as usize].iter();
            servers.extend(
                ready
                    .filter(|_| weight > 0)
                    .map(|address| (*address, weight)),
            );
        }
        servers
    }

    /// How a request comes to its group of servers, the answer to its version and its cookie.
    fn choice(&self) -> String {
        let mut text = String::new();
        self.drawn(&mut text);
        self.held(&mut text);
        self.group(&mut text);
        self.version(&mut text);
        self.mark(&mut text);
        text
    }

    /// `$drawn`: the group of a request for which neither rule nor cookie decides. The canary's part
    /// is the first and the baseline's the last, so that both only grow with their weights.
    fn drawn(&self, text: &mut String) {
        let key = match self.task.split {
            Split::UserHash | Split::SplitClients => {
                format!("{:x}.$http_x_user", self.task.salt)
            }
            _ => "$request_id".to_owned(),
        };
        let _ = writeln!(text, "    split_clients \"{key}\" $drawn {{");
        if self.in_turn() {
            let _ = writeln!(text, "        * {ALL};\n    }}");
            return;
        }
        let [stable, canary, baseline] = self.weights;
        let parts = [
            (canary, Version::Canary),
            (stable, Version::Stable),
            (baseline, Version::Baseline),
        ];
        let parts = parts.into_iter().filter(|(weight, _)| *weight > 0);
        let parts: Vec<(u64, Version)> = parts.collect();
        for (place, (weight, version)) in parts.iter().enumerate() {
            let name = name_of(*version);
            let _ = if place + 1 == parts.len() {
                writeln!(text, "        * {name};")
            } else {
                writeln!(
                    text,
                    "        {}.{:02}% {name};",
                    weight / 100,
                    weight % 100
                )
            };
        }
        let _ = writeln!(text, "    }}");
    }

    /// `$held`: the version of a cookie that counts.
    fn held(&self, text: &mut String) {
        let _ = writeln!(text, "    map $http_cookie $held {{\n        default \"\";");
        if let Some(affinity) = &self.task.affinity {
            let honoured = Version::ALL.into_iter();
            for version in honoured.filter(|version| self.order.honours(affinity, *version)) {
                let (cookie, name) = (header::COOKIE, name_of(version));
                let _ = writeln!(text, "        \"~(^|;\\s*){cookie}={name}(;|$)\" {name};");
            }
        }
        let _ = writeln!(text, "    }}");
    }

    /// `$ruled`: whether a rule applies. `$group`: who answers.
    fn group(&self, text: &mut String) {
        let always = if self.order.obeys_rules() {
            "always"
        } else {
            "never"
        };
        let name = header::CANARY.replace('-', "_");
        let _ = writeln!(
            text,
            "    map $http_{name} $ruled {{\n        default \"\";\n        {} {always};\n    }}",
            header::ALWAYS
        );
        let first = self.precedence() == Some(Precedence::AffinityFirst);
        let (rule, cookie) = (
            "\"~^always:\" canary;",
            "\"~:(?<version_held>.+)$\" $version_held;",
        );
        let (one, other) = if first {
            (cookie, rule)
        } else {
            (rule, cookie)
        };
        let _ = writeln!(
            text,
            "    map $ruled:$held $group {{\n        default $drawn;\n        {one}\n        {other}\n    }}"
        );
    }

    /// `$version`: who has answered, by the last address that was tried.
    fn version(&self, text: &mut String) {
        let _ = writeln!(
            text,
            "    map $upstream_addr $version {{\n        default $group;"
        );
        let mut names = BTreeMap::new();
        for version in Version::ALL {
            for address in &self.task.instances[version as usize] {
                names.insert(*address, name_of(version));
            }
        }
        for (address, name) in names {
            let _ = writeln!(text, "        {address} {name};");
            let pattern = address.to_string().replace('.', "\\.");
            let pattern = pattern.replace('[', "\\[").replace(']', "\\]");
            let _ = writeln!(text, "        \"~[, ]{pattern}$\" {name};");
        }
        let _ = writeln!(text, "    }}");
    }

    /// `$mark`: the cookie that an answer sets. None where a cookie decided, and none where a rule
    /// did, unless cookies go before rules.
    fn mark(&self, text: &mut String) {
        let _ = writeln!(text, "    map $version $cookie {{\n        default \"\";");
        if let Some(affinity) = &self.task.affinity {
            let age = cookie_age(affinity, self.task.speed);
            for version in Version::ALL {
                if affinity.precedence.marks(Side::ALL[version as usize]) {
                    let name = name_of(version);
                    let cookie = header::COOKIE;
                    let _ = writeln!(
                        text,
                        "        {name} \"{cookie}={name}; Max-Age={age}; Path=/\";"
                    );
                }
            }
        }
        let rule = match self.precedence() {
            Some(Precedence::AffinityFirst) => "\"~^always:$\" $cookie;",
            _ => "\"~^always:\" \"\";",
        };
        let _ = writeln!(
            text,
            "    }}\n    map $ruled:$held $mark {{\n        default $cookie;\n        {rule}\n        \"~:.\" \"\";\n    }}"
        );
    }

    fn precedence(&self) -> Option<Precedence> {
        self.task.affinity.map(|affinity| affinity.precedence)
    }

    fn retries(&self) -> String {
        let Some(retries) = self.task.retries.filter(|retries| retries.attempts > 0) else {
            return "proxy_next_upstream off;".to_owned();
        };
        let resets = if retries.on_resets {
            " error timeout"
        } else {
            ""
        };
        let errors = if retries.on_errors {
            " http_500 http_502 http_503 http_504"
        } else {
            ""
        };
        if resets.is_empty() && errors.is_empty() {
            return "proxy_next_upstream off;".to_owned();
        }
        format!(
            "proxy_next_upstream{resets}{errors} non_idempotent;
            proxy_next_upstream_tries {};",
            retries.attempts + 1
        )
    }
}

/// Writes an upstream. NGINX leaves out a server after one failure unless it is told not to. One
/// without servers is of a version that has none: its requests fail.
fn upstream(text: &mut String, name: &str, servers: &[(SocketAddr, u64)]) {
    // The zone's state is all workers', so that weights hold for all of them together.
    let size = 64 + servers.len();
    let _ = writeln!(text, "    upstream {name} {{\n        zone {name} {size}k;");
    if servers.is_empty() {
        let _ = writeln!(text, "        server 127.0.0.1:9 down;");
    }
    for (address, weight) in servers {
        let _ = writeln!(
            text,
            "        server {address} weight={weight} max_fails=0;"
        );
    }
    let _ = writeln!(
        text,
        "        keepalive 256;\n        keepalive_requests 1000000000;\n        keepalive_timeout 1h;\n    }}"
    );
}

fn greatest_common_divisor(a: u64, b: u64) -> u64 {
    if b == 0 {
        a
    } else {
        greatest_common_divisor(b, a % b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_even_split_gives_each_instance_its_part_of_the_weight() {
        let address = |port| SocketAddr::new(LOOPBACK, port);
        let task = Task {
            split: Split::Even,
            rules: crate::model::split::Rules::default(),
            affinity: None,
            retries: None,
            ejection: None,
            timeout: None,
            salt: 0,
            speed: 1.0,
            at: address(0),
            routes: Vec::new(),
            buckets: crate::telemetry::Buckets::istio(),
            instances: [Vec::new(), Vec::new(), Vec::new()],
        };
        let order = Order {
            shares: [0.95, 0.05, 0.0],
            ready: [
                (1..4).map(address).collect(),
                (4..6).map(address).collect(),
                Vec::new(),
            ],
        };
        let configuration = Configuration::new(&task, &order, address(8), address(9), 1);
        let weights: Vec<u64> = configuration
            .weighted()
            .into_iter()
            .map(|(_, weight)| weight)
            .collect();
        // 3 * 38 beside 2 * 3 is 95 beside 5.
        assert_eq!(weights, [38, 38, 38, 3, 3]);
    }
}
