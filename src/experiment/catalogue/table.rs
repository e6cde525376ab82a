//! The faults themselves: each is written down here and nowhere else.

use super::Entry;

/// Every fault, by number.
pub(super) const TABLE: [Entry; 28] = [
    Entry {
        id: "F1",
        name: "error step",
        does: "A share of requests fails with a server error, sooner than an answer would have come.",
        shows_in: "error ratio",
        hard_for: "limits above the usual noise; few requests; latency over all answers, which improves",
        toml: r#"[[canary.faults]]
kind = "errors"
probability = "5%"
latency = "5ms"
"#,
    },
    Entry {
        id: "F2",
        name: "subset error",
        does: "Half of one route's requests fail, and the route is a fiftieth of the traffic.",
        shows_in: "error ratio of the route",
        hard_for: "ratios over all routes, which dilute it fifty times",
        toml: r#"[[traffic.routes]]
name = "browse"
share = "98%"

[[traffic.routes]]
name = "export"
share = "2%"

[[canary.faults]]
kind = "errors"
probability = "50%"
routes = ["export"]
"#,
    },
    Entry {
        id: "F3",
        name: "latency shift",
        does: "Every answer takes 1.3 times as long.",
        shows_in: "mean, median, p90",
        hard_for: "p99 of few requests; wide histogram buckets",
        toml: r#"[[canary.faults]]
kind = "latency"
multiply = 1.3
"#,
    },
    Entry {
        id: "F4",
        name: "slow tail",
        does: "One answer in a hundred takes two seconds more.",
        shows_in: "p99 and beyond",
        hard_for: "means and medians; p95",
        toml: r#"[[canary.faults]]
kind = "tail"
probability = "1%"
add = "2s"
"#,
    },
    Entry {
        id: "F5",
        name: "memory leak",
        does: "Each request leaves 2 KiB behind; the collector works harder, then the instance restarts.",
        shows_in: "memory first, latency later, restarts last",
        hard_for: "bakes shorter than the time until it hurts; canaries with less load than an instance of stable",
        toml: r#"[stable]
instances = 20

[canary]
instances = 1
warm = true

[[canary.faults]]
kind = "memory-leak"
per_request = "2KiB"
heap = "512MiB"
live = "180MiB"
restart = "30s"
"#,
    },
    Entry {
        id: "F6",
        name: "crash loop",
        does: "Instances crash after a minute on average and come back later each time.",
        shows_in: "refused calls, restarts, gaps in the metrics",
        hard_for: "metrics of the server, which are missing and not bad; counters that start anew",
        toml: r#"[stable]
instances = 20

[canary]
instances = 2
warm = true

[[canary.faults]]
kind = "crash-loop"
mean_time = "60s"
"#,
    },
    Entry {
        id: "F7",
        name: "failed start",
        does: "The canary's instances never come up, and the balancer sends their share elsewhere.",
        shows_in: "no data at all; a share below the weight",
        hard_for: "gates that pass without data",
        toml: r#"[stable]
instances = 20

[canary]
instances = 1

[[canary.faults]]
kind = "failed-start"
probability = "100%"
"#,
    },
    Entry {
        id: "F8",
        name: "connection reset",
        does: "A share of connections is refused or cut off before the answer.",
        shows_in: "failures at the caller",
        hard_for: "metrics of the server, which never counts them; retries, which hide them",
        toml: r#"[[canary.faults]]
kind = "reset"
probability = "5%"
"#,
    },
    Entry {
        id: "F9",
        name: "hang",
        does: "One request in a hundred is never answered; the caller gives up after ten seconds.",
        shows_in: "requests in flight, timeouts at the caller",
        hard_for: "metrics of answered requests: only survivors are counted",
        toml: r#"[[canary.faults]]
kind = "hang"
probability = "1%"
timeout = "10s"
"#,
    },
    Entry {
        id: "F10",
        name: "wrong answer",
        does: "A share of answers is wrong or cut short, with status 200.",
        shows_in: "checks of content, what users do next",
        hard_for: "every gate on status and latency",
        toml: r#"[[canary.faults]]
kind = "corrupt"
probability = "5%"
"#,
    },
    Entry {
        id: "F11",
        name: "less capacity",
        does: "Each request takes half as much work again, so an instance saturates earlier.",
        shows_in: "latency that climbs as the weight grows",
        hard_for: "small weights, at which nothing queues",
        toml: r#"[stable]
instances = 4
workers = 2
queue = 100
timeout = "10s"

[canary]
instances = 1
warm = true

[[canary.faults]]
kind = "capacity"
work = 1.5
"#,
    },
    Entry {
        id: "F12",
        name: "cold start",
        does: "Fresh instances are five times slower until 2,000 requests have warmed them. No fault: a good release does it too.",
        shows_in: "latency at the beginning",
        hard_for: "gates without a warm-up: false alarms",
        toml: r#"[stable]
instances = 20
warm_up = { factor = 5, requests = 2000 }

[canary]
instances = 1
"#,
    },
    Entry {
        id: "F13",
        name: "shared outage",
        does: "Something that both versions use fails three requests in ten for two minutes. A good release meets it too.",
        shows_in: "both versions alike",
        hard_for: "fixed limits, which roll back a good canary",
        toml: r#"[[faults]]
kind = "errors"
probability = "30%"
onset = "12m"
duration = "2m"
"#,
    },
    Entry {
        id: "F14",
        name: "trouble handled badly",
        does: "While a dependency fails one call in a hundred, the canary passes on what stable would have caught.",
        shows_in: "errors during the trouble only",
        hard_for: "bakes during which the dependency is well",
        toml: r#"[[canary.faults]]
kind = "errors"
probability = "1%"
onset = "12m"
duration = "5m"
"#,
    },
    Entry {
        id: "F15",
        name: "noisy neighbour",
        does: "One instance is 1.3 times slower for three minutes in every ten, because of what runs beside it.",
        shows_in: "one instance",
        hard_for: "canaries of one instance: the place is taken for the release",
        toml: r#"[stable]
instances = 20

[canary]
instances = 2
warm = true

[[canary.faults]]
kind = "latency"
multiply = 1.3
instances = "50%"
duration = "3m"
every = "10m"
"#,
    },
    Entry {
        id: "F16",
        name: "masked by retries",
        does: "One request in five fails, and the mesh tries twice more.",
        shows_in: "attempts and latency at the caller; errors at the server",
        hard_for: "error ratios at the caller, where 0.8 % is left",
        toml: r#"[split]
retries = { attempts = 2, on = ["errors", "resets"] }

[telemetry]
reporter = "client"

[[canary.faults]]
kind = "errors"
probability = "20%"
"#,
    },
    Entry {
        id: "F17",
        name: "error bursts",
        does: "Failures come in spells of ten seconds, some minutes apart, in which three requests in ten fail.",
        shows_in: "error ratio, in bursts",
        hard_for: "tests that take requests as independent",
        toml: r#"[[canary.faults]]
kind = "bursts"
probability = "30%"
good = "500s"
bad = "10s"
"#,
    },
    Entry {
        id: "F18",
        name: "time bomb",
        does: "Nothing for an hour, then half of the requests fail: a token or a certificate runs out.",
        shows_in: "nothing until then",
        hard_for: "every bake that is shorter",
        toml: r#"[[canary.faults]]
kind = "errors"
probability = "50%"
onset = "1h"
"#,
    },
    Entry {
        id: "F19",
        name: "some users only",
        does: "A flag that one user in twenty has makes three in ten of their requests fail.",
        shows_in: "error ratio of those users",
        hard_for: "ratios over all users; sticky splits, which may give the canary few of them",
        toml: r#"[[canary.faults]]
kind = "errors"
probability = "30%"
users = "5%"
"#,
    },
    Entry {
        id: "F20",
        name: "business only",
        does: "Users convert 3 % less often; status and latency are as ever.",
        shows_in: "what the business counts",
        hard_for: "everything technical; and, for want of users, business metrics too",
        toml: r#"[[canary.faults]]
kind = "business"
multiply = 0.97
"#,
    },
    Entry {
        id: "F21",
        name: "wrong metrics",
        does: "1.2 % of requests fail, and three failures in ten are not counted.",
        shows_in: "anything, or nothing",
        hard_for: "gates that trust their metrics",
        toml: r#"[[canary.faults]]
kind = "errors"
probability = "1.2%"

[[canary.faults]]
kind = "metrics"
hidden = "30%"
"#,
    },
    Entry {
        id: "F22",
        name: "bouncing users",
        does: "Sessions do not fit: a request fails half of the time when the user's last one went to the other version.",
        shows_in: "error ratio of both versions",
        hard_for: "splits by request, which make it worse; comparisons, as stable suffers too",
        toml: r#"[[canary.faults]]
kind = "bounce"
probability = "50%"
"#,
    },
    Entry {
        id: "F23",
        name: "poisoned data",
        does: "What the canary writes, stable cannot read: one in five such requests fails on stable, also after the rollback.",
        shows_in: "stable",
        hard_for: "comparisons, in which the canary looks better",
        toml: r#"[[canary.faults]]
kind = "poison"
probability = "20%"
"#,
    },
    Entry {
        id: "F24",
        name: "fast failure",
        does: "Failures come back within a millisecond, and the balancer sends requests to whoever is least busy.",
        shows_in: "error ratio, and a share above the weight",
        hard_for: "whoever takes the weight for the share",
        toml: r#"[stable]
instances = 4
workers = 2

[canary]
instances = 1
warm = true

[split]
least_request = true

[[canary.faults]]
kind = "errors"
probability = "5%"
latency = "1ms"
"#,
    },
    Entry {
        id: "F25",
        name: "broken-off answer",
        does: "A share of answers breaks off after the head, which the server has counted as a success.",
        shows_in: "failures at the caller",
        hard_for: "metrics of the server, which look better than what users get; retries, which come too late",
        toml: r#"[[canary.faults]]
kind = "reset"
probability = "5%"
phase = "body"
"#,
    },
    Entry {
        id: "F26",
        name: "slow drip",
        does: "One answer in twenty comes in drops, over two seconds.",
        shows_in: "p95 and beyond; connections in use",
        hard_for: "medians; times to the first byte, which are as ever",
        toml: r#"[[canary.faults]]
kind = "drip"
probability = "5%"
over = "2s"
"#,
    },
    Entry {
        id: "F27",
        name: "narrow line",
        does: "Bodies of 16 KiB go out at 1 MiB a second, which takes 16 ms.",
        shows_in: "mean and median; most of all on routes with large answers",
        hard_for: "p99, which is long anyway; times to the first byte",
        toml: r#"[stable]
body = "16KiB"

[[canary.faults]]
kind = "bandwidth"
limit = "1MiB/s"
"#,
    },
    Entry {
        id: "F28",
        name: "burning processor",
        does: "Something beside the canary keeps half a processor busy. It needs a live run: virtual time has no processors, and there nothing happens.",
        shows_in: "latency of all that shares the machine",
        hard_for: "comparisons with a stable on the same machine; canaries that have processors to spare",
        toml: r#"[[canary.faults]]
kind = "cpu"
cores = 0.5
"#,
    },
];
