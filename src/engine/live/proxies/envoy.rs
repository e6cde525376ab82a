//! Envoy, which is Istio's data plane, as the splitter: weighted clusters in a route file that it
//! watches.
//!
//! Routes and endpoints come by xDS from files of a watched folder; an order writes them anew and
//! moves them into place. It is acknowledged when Envoy says that the new route is in force, which is
//! when its main thread has handed it to the workers. Limits on connections, requests and retries
//! under way, 1,024 or 3 by default, are lifted, because the model knows none. With no instance left
//! a version's requests fail at once, as in Istio: Envoy's own panic mode is off.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::base::Span;
use crate::engine::live::clock::Moment;
use crate::engine::live::options::Proxy;
use crate::engine::live::tally::code_of;
use crate::engine::live::{cookie_age, header, name_of};
use crate::model::split::{Affinity, Precedence, Retries, Side, Split};
use crate::telemetry::exposition::same_bound;
use crate::telemetry::exposition::text::{Entry, Reader, TextError};
use crate::telemetry::{Buckets, Version};

use super::figures::Counted;
use super::program::{Folder, Program};
use super::release::Installed;
use super::{
    ACCEPTANCE, ANSWER, LOOK, LOOPBACK, Order, ProxyError, START, Task, ask, errors, shares_of,
    whole_weights,
};

const KIND: Proxy = Proxy::Envoy;
/// What the weights of a route add up to.
const TOTAL: u64 = 1_000_000;
/// The file with the admin interface's address.
const ADMIN: &str = "admin";
/// The routes' name and their file's in the watched folder; each version's instances have a file too.
const ROUTES: &str = "routes";

/// A running Envoy.
#[derive(Debug)]
pub(super) struct Envoy {
    pub(super) program: Program,
    pub(super) address: SocketAddr,
    admin: SocketAddr,
    /// The number of the last order.
    generation: AtomicU64,
}

impl Envoy {
    pub(super) fn start(
        installed: &Installed,
        task: &Task,
        order: &Order,
    ) -> Result<Envoy, ProxyError> {
        let failed = |source| ProxyError::Start { kind: KIND, source };
        let folder = Folder::new().map_err(failed)?;
        write(folder.path(), task, order, 0).map_err(failed)?;
        let bootstrap = bootstrap(task, &folder.path().display().to_string());
        let file = folder
            .write("envoy.json", &bootstrap.to_string())
            .map_err(failed)?;
        let mut command = Command::new(&installed.program);
        command.args([
            "--disable-hot-restart",
            "--log-level",
            "error",
            "--admin-address-path",
        ]);
        command
            .arg(folder.path().join(ADMIN))
            .arg("--config-path")
            .arg(file);
        let program = Program::start(&command, folder).map_err(failed)?;
        let deadline = Moment::now() + START;
        loop {
            if let Some((admin, address)) = listening(&program)
                && in_force(admin) == Some(0)
            {
                return Ok(Envoy {
                    program,
                    address,
                    admin,
                    generation: AtomicU64::new(0),
                });
            }
            if !program.is_running() {
                return Err(errors::refused(KIND, &program, task.at));
            }
            if Moment::now() > deadline {
                return Err(errors::silent(KIND, &program, START));
            }
            program.pause(LOOK);
        }
    }

    pub(super) fn apply(&self, task: &Task, order: &Order) -> Result<[f64; 3], ProxyError> {
        let disobeyed = |reason: String| ProxyError::Disobeyed { kind: KIND, reason };
        let generation = self.generation.fetch_add(1, Ordering::Relaxed) + 1;
        write(self.program.folder(), task, order, generation)
            .map_err(|error| disobeyed(error.to_string()))?;
        let deadline = Moment::now() + ACCEPTANCE;
        while in_force(self.admin) != Some(generation) {
            if !self.program.is_running() {
                return Err(errors::gone(KIND, &self.program));
            }
            if Moment::now() > deadline {
                let words = self.program.last_words(4);
                return Err(disobeyed(format!(
                    "no answer within {ACCEPTANCE}; it says:\n{words}"
                )));
            }
            self.program.pause(LOOK);
        }
        Ok(shares_of(whole_weights(order.shares, TOTAL)))
    }

    /// Requests that its clusters have answered.
    pub(super) fn counts(&self) -> Result<[u64; 3], ProxyError> {
        let uncounted = |reason: String| ProxyError::Uncounted { kind: KIND, reason };
        let path = "/stats?filter=upstream_rq_completed$";
        let (_, text) =
            ask::get(self.admin, path, ANSWER).map_err(|error| uncounted(error.to_string()))?;
        Ok(Version::ALL.map(|version| {
            let name = format!("cluster.{}.upstream_rq_completed: ", name_of(version));
            let value = text.lines().find_map(|line| line.strip_prefix(&name));
            value.and_then(|value| value.parse().ok()).unwrap_or(0)
        }))
    }

    /// What its clusters have answered to callers, by status, and how long that took.
    pub(super) fn counted(&self, task: &Task) -> Result<Counted, ProxyError> {
        let uncounted = |reason: String| ProxyError::Uncounted { kind: KIND, reason };
        let path = "/stats/prometheus?filter=upstream_rq_";
        let (status, text) =
            ask::get(self.admin, path, ANSWER).map_err(|error| uncounted(error.to_string()))?;
        if status != 200 {
            return Err(uncounted(format!("it answered {status}")));
        }
        counted_in(&text, task).map_err(|error| uncounted(error.to_string()))
    }

    pub(super) fn metrics(&self) -> (SocketAddr, &'static str) {
        (self.admin, "/stats/prometheus")
    }

    /// Asks it to leave when no request is under way any more, or when `grace` is over: by itself it
    /// would cut them off.
    pub(super) fn leave(&self, grace: Span) {
        let deadline = Moment::now() + grace;
        let _ = ask::post(self.admin, "/drain_listeners?graceful&skip_exit", ANSWER);
        while active(self.admin) != Some(0) && Moment::now() < deadline && self.program.is_running()
        {
            self.program.pause(LOOK);
        }
        let _ = ask::post(self.admin, "/quitquitquit", ANSWER);
    }
}

/// Reads the requests of clusters from Envoy's own metrics.
fn counted_in(text: &str, task: &Task) -> Result<Counted, TextError> {
    let mut counted = Counted::nothing(task);
    // Cumulative until all are there.
    for entry in Reader::new(text) {
        let Entry::Sample(sample) = entry? else {
            continue;
        };
        let Some(version) = Version::named(sample.label("envoy_cluster_name")) else {
            continue;
        };
        let version = version as usize;
        match sample.name {
            "envoy_cluster_upstream_rq" => {
                if let Ok(status) = sample.label("envoy_response_code").parse() {
                    counted.requests[version][code_of(status)] += sample.value as u64;
                }
            }
            "envoy_cluster_upstream_rq_time_sum" => {
                counted.took[version] = Span::from_secs_f64(sample.value / 1_000.0);
            }
            "envoy_cluster_upstream_rq_time_bucket" => {
                let bounds = millis(&task.buckets);
                let bound = sample.label("le").parse().unwrap_or(f64::INFINITY);
                let place = if bound.is_infinite() {
                    Some(bounds.len())
                } else {
                    bounds.iter().position(|other| same_bound(*other, bound))
                };
                if let Some(place) = place {
                    counted.buckets[version][place] = sample.value as u64;
                }
            }
            _ => {}
        }
    }
    for buckets in &mut counted.buckets {
        for place in (1..buckets.len()).rev() {
            buckets[place] = buckets[place].saturating_sub(buckets[place - 1]);
        }
    }
    Ok(counted)
}

/// Bounds in the unit of Envoy's histograms.
fn millis(buckets: &Buckets) -> Vec<f64> {
    let bounds = buckets.bounds().iter();
    (bounds.map(|bound| bound / buckets.unit().per_second() * 1_000.0)).collect()
}

/// Addresses of the admin interface and of the traffic, once there are any.
fn listening(program: &Program) -> Option<(SocketAddr, SocketAddr)> {
    let admin = fs::read_to_string(program.folder().join(ADMIN)).ok()?;
    let admin = admin.trim().parse().ok()?;
    let (status, _) = ask::get(admin, "/ready", ANSWER).ok()?;
    let (_, listeners) = ask::get(admin, "/listeners?format=json", ANSWER).ok()?;
    let listeners: Value = serde_json::from_str(&listeners).ok()?;
    let socket = &listeners["listener_statuses"][0]["local_address"]["socket_address"];
    let ip = socket["address"].as_str()?.parse().ok()?;
    let port = socket["port_value"].as_u64()?.try_into().ok()?;
    (status == 200).then_some((admin, SocketAddr::new(ip, port)))
}

/// The value of one of Envoy's statistics.
fn statistic(admin: SocketAddr, name: &str) -> Option<String> {
    let (_, text) = ask::get(admin, &format!("/stats?filter=^{name}$"), ANSWER).ok()?;
    let (_, value) = text.trim().rsplit_once(": ")?;
    Some(value.trim_matches('"').to_owned())
}

/// The number of the order whose routes and endpoints are all in force.
fn in_force(admin: SocketAddr) -> Option<u64> {
    let (_, text) = ask::get(admin, "/stats?filter=version_text$", ANSWER).ok()?;
    let routes = format!("http.traffic.rds.{ROUTES}.version_text");
    let clusters = Version::ALL.map(|version| format!("cluster.{}.version_text", name_of(version)));
    let wanted = clusters.iter().chain([&routes]);
    let value = |name: &String| {
        let rest = text
            .lines()
            .find_map(|line| line.strip_prefix(name.as_str()))?;
        rest.strip_prefix(": ")?
            .trim_matches('"')
            .parse::<u64>()
            .ok()
    };
    let numbers: Option<Vec<u64>> = wanted.map(value).collect();
    let (last, others) = numbers?
        .split_last()
        .map(|(last, others)| (*last, others.to_vec()))?;
    others.iter().all(|other| *other == last).then_some(last)
}

/// Requests under way.
fn active(admin: SocketAddr) -> Option<u64> {
    statistic(admin, "http.traffic.downstream_rq_active")?
        .parse()
        .ok()
}

/// Writes the files of an order and moves them into place.
fn write(folder: &Path, task: &Task, order: &Order, generation: u64) -> io::Result<()> {
    let clusters = Version::ALL.map(|version| (name_of(version), endpoints(order, version)));
    for (name, resource) in clusters.into_iter().chain([(ROUTES, routes(task, order))]) {
        let text = json!({ "version_info": generation.to_string(), "resources": [resource] });
        let new = folder.join(format!("{name}.new"));
        fs::write(&new, text.to_string())?;
        fs::rename(new, folder.join(format!("{name}.json")))?;
    }
    Ok(())
}

fn socket(address: SocketAddr) -> Value {
    let (ip, port) = (address.ip().to_string(), address.port());
    json!({ "socket_address": { "address": ip, "port_value": port } })
}

/// A source of configuration that is a file of the watched folder.
fn watched(folder: &str, name: &str) -> Value {
    json!({
        "path_config_source": {
            "path": format!("{folder}/{name}.json"),
            "watched_directory": { "path": folder },
        },
        "resource_api_version": "V3",
    })
}

/// What does not change.
fn bootstrap(task: &Task, folder: &str) -> Value {
    const HTTP: &str = "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    const ROUTER: &str = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router";
    let manager = json!({
        "@type": HTTP,
        "stat_prefix": "traffic",
        "rds": { "route_config_name": ROUTES, "config_source": watched(folder, ROUTES) },
        "http_filters": [
            { "name": "envoy.filters.http.router", "typed_config": { "@type": ROUTER } },
        ],
        "stream_idle_timeout": "0s",
        "common_http_protocol_options": { "idle_timeout": "0s" },
    });
    json!({
        "node": { "id": "coalmine", "cluster": "coalmine" },
        "admin": { "address": socket(SocketAddr::new(LOOPBACK, 0)) },
        // Histograms are brought up to date when statistics are flushed.
        "stats_flush_interval": "0.05s",
        "stats_config": {
            "histogram_bucket_settings": [{
                "match": { "suffix": "upstream_rq_time" },
                "buckets": millis(&task.buckets),
            }],
        },
        "static_resources": {
            "listeners": [{
                "name": "traffic",
                "address": socket(task.at),
                "tcp_backlog_size": 4096,
                "filter_chains": [{
                    "filters": [{
                        "name": "envoy.filters.network.http_connection_manager",
                        "typed_config": manager,
                    }],
                }],
            }],
            "clusters": Version::ALL.map(|version| cluster(task, version, folder)),
        },
    })
}

/// The cluster of a version.
fn cluster(task: &Task, version: Version, folder: &str) -> Value {
    const MANY: u32 = 1_000_000;
    let mut limits = json!({
        "max_connections": MANY,
        "max_pending_requests": MANY,
        "max_requests": MANY,
        "max_retries": MANY,
    });
    if let Some(budget) = task.retries.and_then(|retries| retries.budget) {
        limits["retry_budget"] = json!({
            "budget_percent": { "value": budget.get() * 100.0 },
            "min_retry_concurrency": 0,
        });
    }
    let mut cluster = json!({
        "name": name_of(version),
        "type": "EDS",
        "eds_cluster_config": { "eds_config": watched(folder, name_of(version)) },
        "lb_policy": "ROUND_ROBIN",
        "common_lb_config": { "healthy_panic_threshold": { "value": 0.0 } },
        "circuit_breakers": { "thresholds": [limits] },
    });
    if let Some(ejection) = &task.ejection {
        cluster["outlier_detection"] = json!({
            "consecutive_5xx": ejection.consecutive,
            "enforcing_consecutive_5xx": 100,
            "enforcing_consecutive_gateway_failure": 0,
            "enforcing_success_rate": 0,
            "interval": seconds(task.on_the_wall(ejection.interval)),
            "base_ejection_time": seconds(task.on_the_wall(ejection.base)),
            "max_ejection_time": "86400s",
            "max_ejection_percent": (ejection.most.get() * 100.0).round(),
            "always_eject_one_host": true,
        });
    }
    cluster
}

/// A length of time as the files have it; not shorter than a millisecond, which Envoy insists on.
fn seconds(span: Span) -> String {
    format!("{:.9}s", span.as_secs_f64().max(0.001))
}

/// The instances of a version.
fn endpoints(order: &Order, version: Version) -> Value {
    let ready = order.ready[version as usize].iter();
    let ready: Vec<Value> = ready
        .map(|address| json!({ "endpoint": { "address": socket(*address) } }))
        .collect();
    json!({
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment",
        "cluster_name": name_of(version),
        "endpoints": [{ "lb_endpoints": ready }],
    })
}

/// The routes: first those for which rules or cookies decide, in their order, then the split.
fn routes(task: &Task, order: &Order) -> Value {
    let rule = order.obeys_rules().then(|| {
        let marks = task
            .affinity
            .filter(|affinity| affinity.precedence == Precedence::AffinityFirst);
        let matched =
            json!({ "name": header::CANARY, "string_match": { "exact": header::ALWAYS } });
        fixed(task, &matched, Version::Canary, marks.as_ref())
    });
    let honours = |affinity: &Affinity| {
        let honoured = Version::ALL
            .into_iter()
            .filter(|version| order.honours(affinity, *version));
        let route = |version| fixed(task, &cookie(version), version, None);
        honoured.map(route).collect::<Vec<Value>>()
    };
    let cookies = task.affinity.as_ref().map(honours).unwrap_or_default();
    let first =
        task.affinity.map(|affinity| affinity.precedence) == Some(Precedence::AffinityFirst);
    let mut routes = Vec::new();
    if first {
        routes.extend(cookies);
        routes.extend(rule);
    } else {
        routes.extend(rule);
        routes.extend(cookies);
    }
    routes.push(split(task, order));
    json!({
        "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration",
        "name": ROUTES,
        "virtual_hosts": [{ "name": "all", "domains": ["*"], "routes": routes }],
    })
}

/// A request whose cookie names a version.
fn cookie(version: Version) -> Value {
    let pattern = format!("(.*; *)?{}={}(;.*)?", header::COOKIE, name_of(version));
    json!({ "name": "cookie", "string_match": { "safe_regex": { "regex": pattern } } })
}

/// A route to one version for requests with a header.
fn fixed(task: &Task, header: &Value, version: Version, affinity: Option<&Affinity>) -> Value {
    let mut action = action(task);
    action["cluster"] = json!(name_of(version));
    json!({
        "match": { "prefix": "/", "headers": [header] },
        "route": action,
        "response_headers_to_add": answer_headers(task, version, affinity),
    })
}

/// The route of requests for which the weights decide. The canary has the first interval and the
/// baseline the last, so that both only grow with their weights.
fn split(task: &Task, order: &Order) -> Value {
    let weights = whole_weights(order.shares, TOTAL);
    let cluster = |version: Version| {
        json!({
            "name": name_of(version),
            "weight": weights[version as usize],
            "response_headers_to_add": answer_headers(task, version, task.affinity.as_ref()),
        })
    };
    let clusters = [Version::Canary, Version::Stable, Version::Baseline].map(cluster);
    let mut action = action(task);
    action["weighted_clusters"] = json!({ "clusters": clusters });
    if task.split == Split::UserHash {
        action["weighted_clusters"]["use_hash_policy"] = json!(true);
        action["hash_policy"] = json!([{ "header": { "header_name": header::USER } }]);
    }
    json!({ "match": { "prefix": "/" }, "route": action })
}

/// What an answer says of its version, and the cookie that it sets.
fn answer_headers(task: &Task, version: Version, affinity: Option<&Affinity>) -> Value {
    let name = name_of(version);
    let mut headers = vec![json!({
        "header": { "key": header::VERSION, "value": name },
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    })];
    let marks = |affinity: &&Affinity| affinity.precedence.marks(Side::ALL[version as usize]);
    if let Some(affinity) = affinity.filter(marks) {
        let age = cookie_age(affinity, task.speed);
        let value = format!("{}={name}; Max-Age={age}; Path=/", header::COOKIE);
        headers.push(json!({
            "header": { "key": "set-cookie", "value": value },
            "append_action": "APPEND_IF_EXISTS_OR_ADD",
        }));
    }
    headers.into()
}

/// Timeouts and retries of a route.
fn action(task: &Task) -> Value {
    let patience = task.timeout.map_or_else(|| "0s".to_owned(), seconds);
    let Some(retries) = task.retries.filter(|retries| retries.attempts > 0) else {
        return json!({ "timeout": patience });
    };
    let mut policy = retry_policy(&retries);
    policy["per_try_timeout"] = json!(patience);
    json!({ "timeout": "0s", "retry_policy": policy })
}

/// Envoy draws each pause evenly between nothing and a limit that grows; here the limit stands at
/// twice the pause that is asked for, which is then the mean.
fn retry_policy(retries: &Retries) -> Value {
    let mut on = Vec::new();
    if retries.on_resets {
        on.extend(["connect-failure", "refused-stream", "reset"]);
    }
    if retries.on_errors {
        on.push("retriable-status-codes");
    }
    let limit = seconds(retries.backoff * 2);
    json!({
        "retry_on": on.join(","),
        "retriable_status_codes": [500, 502, 503, 504],
        "num_retries": retries.attempts,
        "retry_back_off": { "base_interval": limit, "max_interval": limit },
    })
}
