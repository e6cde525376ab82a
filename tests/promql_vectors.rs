//! `rate`, `increase` and `histogram_quantile` against the answers of real Prometheus servers.
//!
//! Of the recorded queries, those are checked that are made of these functions, sums and ratios;
//! each is written out here by hand. Where servers disagree, 3.5.3's answer counts. Left out are
//! the queries about other parts of the language: irate, lookback, label matching and its errors,
//! special values of gauges, subqueries and functions over time.

mod shared_folder;

use std::collections::BTreeMap;

use coalmine::base::{Span, Time};
use coalmine::telemetry::promql::{histogram_quantile, increase, rate};
use serde_json::Value;

type Labels = BTreeMap<String, String>;
/// An instant vector: a value per label set.
type Vector = BTreeMap<Labels, f64>;

#[test]
fn prometheus_gives_the_same_answers() {
    let Some(path) = shared_folder::shared("reference/promql-vectors.json") else {
        return;
    };
    let text = std::fs::read_to_string(path).unwrap();
    let file: Value = serde_json::from_str(&text).unwrap();
    let cases = file["cases"].as_array().unwrap();
    let (mut met, mut checks) = (0, 0);
    for case in cases {
        let id = case["id"].as_str().unwrap();
        let data = Data::read(&file["datasets"][case["dataset"].as_str().unwrap()]);
        let mut covered = false;
        for check in case["checks"].as_array().unwrap() {
            let millis = check["time_ms"].as_u64().unwrap();
            let Some(got) = answer(id, &data, millis) else {
                continue;
            };
            covered = true;
            checks += 1;
            compare(&got, &check["expect"], &format!("{id} at {millis} ms"));
        }
        met += usize::from(covered);
    }
    assert_eq!((met, checks), (18, 89));
}

/// What the query of a case gives at a time; `None` for the cases left out.
fn answer(id: &str, data: &Data, millis: u64) -> Option<Vector> {
    let now = Time::from_nanos(millis * 1_000_000);
    answer_by_workload(id, data, now).or_else(|| answer_by_series(id, data, now))
}

/// What the queries about whole workloads give.
fn answer_by_workload(id: &str, data: &Data, now: Time) -> Option<Vector> {
    let minutes = |n: u64| Span::from_secs(60 * n);
    let canary = Mesh {
        data,
        workload: "podinfo",
        now,
    };
    let primary = Mesh {
        workload: "podinfo-primary",
        ..canary
    };
    Some(match id {
        "d01-success-rate" => {
            let all = canary.requests(minutes(1), |_| true);
            let good = canary.requests(minutes(1), |code| !code.starts_with('5'));
            one(divide(good, all).map(|ratio| ratio * 100.0))
        }
        "d02-p99" => one(canary.quantile(0.99, minutes(1))),
        "d04-error-ratio-empty-numerator" => one(canary.errors(minutes(1))),
        "d05-or-vector0" => {
            let bad = canary.failures(minutes(1)).or(Some(0.0));
            one(divide(bad, canary.requests(minutes(1), |_| true)))
        }
        "d08-clamp-min-guard" => {
            let span = Span::from_secs(30);
            let bad = canary.failures(span).or(Some(0.0));
            let all = canary.requests(span, |_| true).map(|all| all.max(1.0));
            one(divide(bad, all).map(|errors| 1.0 - errors))
        }
        "d09-and-on-traffic-guard" => {
            let busy = canary
                .requests(minutes(1), |_| true)
                .filter(|all| *all > 0.5);
            one(busy.and(canary.quantile(0.95, minutes(1))))
        }
        "d10-canary-minus-stable" => {
            let (a, b) = (canary.errors(minutes(5)), primary.errors(minutes(5)));
            one(a.zip(b).map(|(a, b)| a - b))
        }
        "d11-latency-ratio" => one(divide(
            canary.quantile(0.99, minutes(2)),
            primary.quantile(0.99, minutes(2)),
        )),
        "d12-mean-latency" => one(divide(
            primary.sum_rate("istio_request_duration_milliseconds_sum", minutes(1)),
            primary.sum_rate("istio_request_duration_milliseconds_count", minutes(1)),
        )),
        _ => return None,
    })
}

/// What the queries with a result for each of several series give.
fn answer_by_series(id: &str, data: &Data, now: Time) -> Option<Vector> {
    let minutes = |n: u64| Span::from_secs(60 * n);
    Some(match id {
        "d06-or-on-vector0-by-label" => {
            let by_workload = data.failures_by_workload(now);
            if by_workload.is_empty() {
                one(Some(0.0))
            } else {
                by_workload
            }
        }
        "d07-or-vector0-labelled" => {
            let mut both = data.failures_by_workload(now);
            both.extend(one(Some(0.0)));
            both
        }
        "d13-increase-by-pod" => {
            let rises = data.map("istio_requests_total", |s| increase(s, now, minutes(3)));
            sum_by(&rises, &["pod", "response_code"])
        }
        "d14-rate-cases" => data.map("c_total", |s| rate(s, now, minutes(1))),
        "d15-increase-cases" => data.map("c_total", |s| increase(s, now, minutes(5))),
        "d18-quantiles" => quantiles(0.9, &data.at(now)),
        "d19-quantile-extremes" => {
            let mut all = Vector::new();
            for (q, case) in [
                (1.5, "plain"),
                (-0.5, "neg_first"),
                (0.0, "all_top"),
                (1.0, "nonmono"),
            ] {
                let mut quantiles = quantiles(q, &data.at(now));
                quantiles.retain(|labels, _| labels["case"] == case);
                all.extend(quantiles);
            }
            all
        }
        "d20-low-quantiles" => quantiles(0.05, &data.at(now)),
        "d24-ignoring-ratio" => {
            let rates = data.map("req_total", |s| rate(s, now, minutes(1)));
            let of = |code: &str| -> Vector {
                let chosen = rates.iter().filter(|(labels, _)| labels["code"] == code);
                chosen
                    .map(|(labels, value)| (without(labels, "code"), *value))
                    .collect()
            };
            let all = of("200");
            of("500")
                .into_iter()
                .map(|(l, bad)| {
                    let r = bad / all[&l];
                    (l, r)
                })
                .collect()
        }
        _ => return None,
    })
}

/// The series of a data set; staleness markers are left out, as ranges leave them out.
struct Data(Vec<(Labels, Vec<(Time, f64)>)>);

impl Data {
    fn read(dataset: &Value) -> Data {
        let series = dataset["series"].as_array().unwrap().iter().map(|series| {
            let samples = series["samples"].as_array().unwrap().iter();
            let samples = samples.filter(|sample| sample[1] != "stale").map(|sample| {
                let millis = sample[0].as_u64().unwrap();
                (Time::from_nanos(millis * 1_000_000), number(&sample[1]))
            });
            (labels(&series["labels"]), samples.collect())
        });
        Data(series.collect())
    }

    /// A function of each series of a metric that has an answer, the metric's name dropped.
    fn map(&self, metric: &str, value: impl Fn(&[(Time, f64)]) -> Option<f64>) -> Vector {
        let named = self
            .0
            .iter()
            .filter(|(labels, _)| labels["__name__"] == metric);
        named
            .filter_map(|(labels, samples)| Some((without(labels, "__name__"), value(samples)?)))
            .collect()
    }

    /// The buckets' newest samples, none of which is old.
    fn at(&self, now: Time) -> Vector {
        self.map("h_bucket", |samples| {
            let newest = samples.iter().rfind(|(time, _)| *time <= now)?;
            Some(newest.1)
        })
    }

    fn failures_by_workload(&self, now: Time) -> Vector {
        let rates = self.map("istio_requests_total", |s| {
            rate(s, now, Span::from_secs(120))
        });
        let bad = rates
            .into_iter()
            .filter(|(labels, _)| labels["response_code"].starts_with('5'));
        sum_by(&bad.collect(), &["destination_workload"])
    }
}

/// Queries about one workload of the mesh.
#[derive(Clone, Copy)]
struct Mesh<'a> {
    data: &'a Data,
    workload: &'a str,
    now: Time,
}

impl Mesh<'_> {
    fn rates(&self, metric: &str, span: Span) -> Vector {
        let mut rates = self.data.map(metric, |s| rate(s, self.now, span));
        rates.retain(|labels, _| labels["destination_workload"] == self.workload);
        rates
    }

    fn sum_rate(&self, metric: &str, span: Span) -> Option<f64> {
        self.rates(metric, span).into_values().reduce(|a, b| a + b)
    }

    fn requests(&self, span: Span, code: impl Fn(&str) -> bool) -> Option<f64> {
        let mut rates = self.rates("istio_requests_total", span);
        rates.retain(|labels, _| code(&labels["response_code"]));
        rates.into_values().reduce(|a, b| a + b)
    }

    fn failures(&self, span: Span) -> Option<f64> {
        self.requests(span, |code| code.starts_with('5'))
    }

    fn errors(&self, span: Span) -> Option<f64> {
        divide(self.failures(span), self.requests(span, |_| true))
    }

    fn quantile(&self, q: f64, span: Span) -> Option<f64> {
        let rates = self.rates("istio_request_duration_milliseconds_bucket", span);
        let by_le = quantiles(q, &sum_by(&rates, &["le"]));
        by_le.into_values().next()
    }
}

/// `histogram_quantile` of every group of buckets: what a server does around the function, which
/// takes the bounds as numbers in order.
fn quantiles(q: f64, buckets: &Vector) -> Vector {
    let mut groups: BTreeMap<Labels, Vec<(f64, f64)>> = BTreeMap::new();
    for (labels, count) in buckets {
        let Ok(bound) = labels["le"].parse::<f64>() else {
            continue;
        };
        groups
            .entry(without(labels, "le"))
            .or_default()
            .push((bound, *count));
    }
    let quantile = |mut group: Vec<(f64, f64)>| {
        group.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut merged: Vec<(f64, f64)> = Vec::new();
        for (bound, count) in group {
            match merged.last_mut() {
                Some(last) if last.0 == bound => last.1 += count,
                _ => merged.push((bound, count)),
            }
        }
        let (mut bounds, mut counts): (Vec<f64>, Vec<f64>) = merged.into_iter().unzip();
        match bounds.pop() {
            Some(f64::INFINITY) => histogram_quantile(q, &bounds, &mut counts),
            _ => f64::NAN,
        }
    };
    groups
        .into_iter()
        .map(|(labels, group)| (labels, quantile(group)))
        .collect()
}

fn sum_by(vector: &Vector, kept: &[&str]) -> Vector {
    let mut sums = Vector::new();
    for (labels, value) in vector {
        let mut labels = labels.clone();
        labels.retain(|name, _| kept.contains(&name.as_str()));
        sums.entry(labels)
            .and_modify(|sum| *sum += value)
            .or_insert(*value);
    }
    sums
}

fn divide(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.zip(b).map(|(a, b)| a / b)
}

/// A vector of one element without labels, or of none.
fn one(value: Option<f64>) -> Vector {
    value
        .map(|value| (Labels::new(), value))
        .into_iter()
        .collect()
}

fn without(labels: &Labels, name: &str) -> Labels {
    let mut rest = labels.clone();
    rest.remove(name);
    rest
}

fn labels(value: &Value) -> Labels {
    serde_json::from_value(value.clone()).unwrap()
}

fn number(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn compare(got: &Vector, expect: &Value, place: &str) {
    let expected = ["all", "3.5.3", "2.53.3+"]
        .iter()
        .find_map(|key| expect.get(key));
    let expected: Vector = expected.unwrap()["result"]
        .as_array()
        .unwrap()
        .iter()
        .map(|element| (labels(&element["metric"]), number(&element["value"])))
        .collect();
    assert!(
        got.keys().eq(expected.keys()),
        "{place}: {got:?}, expected {expected:?}"
    );
    for (labels, expected) in expected {
        let got = got[&labels];
        let same = got == expected
            || (got.is_nan() && expected.is_nan())
            || (got - expected).abs() <= 1e-12 * expected.abs();
        assert!(same, "{place} {labels:?}: {got}, expected {expected}");
    }
}
