//! Series of a Prometheus: requests by status and a latency histogram, mapped to versions by their
//! labels.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use promql_parser::label::Matchers;
use promql_parser::parser::{self, Expr};

use super::series::Series;
use super::{Imported, Names, Stretch};
use crate::base::{Problem, Problems};
use crate::telemetry::exposition::Vendor;
use crate::telemetry::promql::{Labels, Samples};
use crate::telemetry::{Birth, Buckets, Counters, Plan, Unit, Version};

/// Which series are read.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MatrixWanted {
    /// Whose names metrics have, where none are given; `None`: told by the names that there are.
    pub vendor: Option<Vendor>,
    /// The counter of requests.
    pub requests: Option<String>,
    /// The latency histogram, without `_bucket`.
    pub latency: Option<String>,
    /// The label with the HTTP status.
    pub code: Option<String>,
    /// Unit of the histogram's bounds.
    pub unit: Option<Unit>,
    /// Label matchers of each version: `{version="v1"}`.
    pub names: Names,
}

/// Names of the metrics that are read.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricNames {
    /// The counter of requests.
    pub requests: String,
    /// The latency histogram, without `_bucket`.
    pub latency: String,
    /// The label with the HTTP status.
    pub code: String,
    /// Unit of the histogram's bounds.
    pub unit: Unit,
    /// The label with the version, where the versions are not given by matchers.
    pub version: &'static str,
}

impl MatrixWanted {
    /// Names as they are given, and the vendor's where they are not.
    pub fn metrics(&self, vendor: Vendor) -> MetricNames {
        let own = |given: &Option<String>, usual: &str| given.clone().unwrap_or(usual.to_owned());
        let latency = own(&self.latency, vendor.histograms()[0]);
        let unit = match (self.unit, &self.latency) {
            (Some(unit), _) => unit,
            (None, Some(name)) if name.ends_with("seconds") => Unit::Seconds,
            (None, Some(name)) if name.ends_with("ms") || name.ends_with("milliseconds") => {
                Unit::Milliseconds
            }
            _ => vendor.unit(),
        };
        MetricNames {
            requests: own(&self.requests, vendor.requests()),
            latency,
            code: own(&self.code, vendor.code_label()),
            unit,
            version: vendor.version_label(),
        }
    }

    /// The selectors that find all that is read of the versions, to be asked of a Prometheus.
    ///
    /// # Errors
    /// What is wrong with a version's matchers.
    pub fn selectors(&self, vendor: Vendor) -> Result<Vec<String>, Problems> {
        let names = self.metrics(vendor);
        self.matchers(vendor)?;
        let metrics = [
            names.requests,
            format!("{}_bucket", names.latency),
            format!("{}_sum", names.latency),
        ];
        let mut selectors = Vec::new();
        for version in Version::ALL {
            let given = &self.names[version as usize];
            let matchers = match given {
                Some(text) => braces(text),
                None if self.names.iter().any(Option::is_some) => continue,
                None => format!("{{{}=\"{}\"}}", names.version, version.name()),
            };
            selectors.extend(metrics.iter().map(|metric| format!("{metric}{matchers}")));
        }
        Ok(selectors)
    }

    fn matchers(&self, vendor: Vendor) -> Result<Vec<(Version, Matchers)>, Problems> {
        let any = self.names.iter().any(Option::is_some);
        let mut all = Vec::new();
        for version in Version::ALL {
            let text = match &self.names[version as usize] {
                Some(text) => braces(text),
                None if any => continue,
                None => format!("{{{}=\"{}\"}}", vendor.version_label(), version.name()),
            };
            let wrong = |why: String| Problems {
                problems: vec![
                    Problem::error(format!("--{} `{text}`: {why}", version.name()), None)
                        .help("write label matchers: {version=\"v1\"}"),
                ],
                ..Problems::about(Path::new("command line"), "")
            };
            // A name, because a selector that could be empty is none.
            match parser::parse(&format!("x{text}")) {
                Ok(Expr::VectorSelector(selector)) => all.push((version, selector.matchers)),
                Ok(_) => return Err(wrong("these are no label matchers".to_owned())),
                Err(why) => return Err(wrong(why)),
            }
        }
        Ok(all)
    }
}

fn braces(text: &str) -> String {
    match text.trim().starts_with('{') {
        true => text.trim().to_owned(),
        false => format!("{{{}}}", text.trim()),
    }
}

fn matches(labels: &Labels, matchers: &Matchers) -> bool {
    let one = |matcher: &promql_parser::label::Matcher| matcher.is_match(labels.get(&matcher.name));
    let mut alternatives = matchers.or_matchers.iter();
    match matchers.or_matchers.is_empty() {
        true => matchers.matchers.iter().all(one),
        false => alternatives.any(|group| group.iter().all(one)),
    }
}

/// What a series adds to.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Role {
    Requests {
        failed: bool,
    },
    /// Latencies up to a bound in the unit of the histogram.
    Bucket(f64),
    Seconds,
}

/// A series with what it has risen by since its first sample.
struct Rising {
    version: Version,
    role: Role,
    /// Milliseconds, and the rise until then.
    points: Vec<(i64, f64)>,
    /// What its first sample read.
    first: Option<f64>,
}

pub(super) fn read(
    samples: &[Samples],
    file: &Path,
    wanted: &MatrixWanted,
    stretch: Stretch,
    plan: &Plan,
) -> Result<Imported, Problems> {
    let all = || samples.iter().flat_map(Samples::series);
    let vendor = wanted.vendor.unwrap_or_else(|| {
        let names: BTreeSet<&str> = all()
            .map(|series| series.labels().get("__name__"))
            .collect();
        let known = Vendor::NAMES.into_iter().map(|(_, vendor)| vendor);
        known
            .into_iter()
            .find(|vendor| names.contains(vendor.requests()))
            .unwrap_or_default()
    });
    let names = wanted.metrics(vendor);
    let matchers = wanted.matchers(vendor)?;
    let mut rising: Vec<Rising> = Vec::new();
    for series in all() {
        let labels = series.labels();
        let Some(role) = role(labels, &names) else {
            continue;
        };
        let found = matchers
            .iter()
            .find(|(_, matchers)| matches(labels, matchers));
        let Some((version, _)) = found else { continue };
        rising.push(Rising {
            version: *version,
            role,
            points: rises(series.points()),
            first: (series.points()).find_map(|(_, value)| (!value.is_nan()).then_some(value)),
        });
    }
    if !rising
        .iter()
        .any(|one| matches!(one.role, Role::Requests { .. }))
    {
        return Err(nothing(samples, file, wanted, &names));
    }
    let bounds = bounds(&rising);
    let buckets = match Buckets::new(bounds, names.unit) {
        Ok(buckets) => buckets,
        Err(_) => plan.buckets.clone(),
    };
    let mut notes = vec![format!(
        "requests are `{}` by the label {}, latencies `{}`; series of one version are summed up, each as \
         it rose since its first sample",
        names.requests, names.code, names.latency
    )];
    keep_births(&mut rising);
    let mut series = Series::new(buckets, Birth::FirstRequest);
    for version in Version::ALL {
        let own: Vec<&Rising> = rising.iter().filter(|one| one.version == version).collect();
        series.versions[version as usize] = sums(&own, &series.buckets);
    }
    if !rising.iter().any(|one| matches!(one.role, Role::Bucket(_))) {
        notes.push(format!(
            "there is no histogram `{}_bucket` of these versions",
            names.latency
        ));
    }
    series.into_recording(stretch, plan, notes).ok_or_else(|| {
        Problems::about(
            file,
            "has not two samples in the stretch of time that is replayed",
        )
    })
}

fn role(labels: &Labels, names: &MetricNames) -> Option<Role> {
    let name = labels.get("__name__");
    if name == names.requests {
        let code = labels.get(&names.code);
        let failed =
            code.starts_with('5') || (code.is_empty() && labels.get("classification") == "failure");
        return Some(Role::Requests { failed });
    }
    match name.strip_prefix(names.latency.as_str())? {
        "_bucket" => labels.get("le").parse().ok().map(Role::Bucket),
        "_sum" => Some(Role::Seconds),
        _ => None,
    }
}

/// What a running counter has risen by since its first sample, however often it began anew.
fn rises(points: impl Iterator<Item = (i64, f64)>) -> Vec<(i64, f64)> {
    let (mut sum, mut before) = (0.0, None::<f64>);
    let mut rises = Vec::new();
    for (millis, value) in points {
        if value.is_nan() {
            continue;
        }
        sum += match before {
            None => 0.0,
            Some(before) if value < before => value,
            Some(before) => value - before,
        };
        before = Some(value);
        rises.push((millis, sum));
    }
    rises
}

/// Gives the first series of each version and status back what its first sample read: it is then that
/// their sum is born, with that value. Where a later one is born, the sum does not rise.
fn keep_births(rising: &mut [Rising]) {
    let begins = |one: &Rising| one.points.first().map_or(i64::MAX, |(at, _)| *at);
    let mut first: Vec<(Version, Role, usize)> = Vec::new();
    for (index, one) in rising.iter().enumerate() {
        let same = |(version, role, _): &&mut (Version, Role, usize)| {
            (*version, *role) == (one.version, one.role)
        };
        match first.iter_mut().find(same) {
            Some((_, _, earliest)) if begins(one) < begins(&rising[*earliest]) => *earliest = index,
            Some(_) => {}
            None => first.push((one.version, one.role, index)),
        }
    }
    for (_, _, index) in first {
        let one = &mut rising[index];
        let value = one.first.unwrap_or_default();
        one.points.iter_mut().for_each(|(_, rise)| *rise += value);
    }
}

/// The finite bounds that any series has.
fn bounds(rising: &[Rising]) -> Vec<f64> {
    let mut bounds: Vec<f64> = (rising.iter())
        .filter_map(|one| match one.role {
            Role::Bucket(bound) if bound.is_finite() => Some(bound),
            _ => None,
        })
        .collect();
    bounds.sort_by(f64::total_cmp);
    bounds.dedup();
    bounds
}

/// Running counters of a version at every instant at which one of its series was sampled; the others
/// stand where they stood.
fn sums(own: &[&Rising], buckets: &Buckets) -> BTreeMap<i128, Counters> {
    let instants: BTreeSet<i64> = (own.iter())
        .flat_map(|one| one.points.iter().map(|(millis, _)| *millis))
        .collect();
    let mut places = vec![0_usize; own.len()];
    let mut sums = BTreeMap::new();
    for millis in instants {
        let mut counters = Counters::new(buckets.len(), 0);
        let (mut requests, mut seconds) = ([0.0; 2], 0.0);
        let mut within = vec![0.0; buckets.len()];
        for (one, place) in own.iter().zip(&mut places) {
            while one
                .points
                .get(*place + 1)
                .is_some_and(|(at, _)| *at <= millis)
            {
                *place += 1;
            }
            let Some((_, rise)) = one.points.get(*place).filter(|(at, _)| *at <= millis) else {
                continue;
            };
            match one.role {
                Role::Requests { failed } => requests[usize::from(failed)] += rise,
                Role::Bucket(bound) => {
                    let index = buckets.bounds().partition_point(|other| *other < bound);
                    within[index] += rise;
                }
                Role::Seconds => seconds += rise / buckets.unit().per_second(),
            }
        }
        counters.requests = requests.map(|count| count.round() as u64);
        counters.seconds[0] = seconds;
        let mut before = 0;
        for (count, within) in counters.buckets.iter_mut().zip(&within) {
            // Cumulative in the series, apart here.
            let now = (within.round() as u64).max(before);
            *count = now - before;
            before = now;
        }
        sums.insert(i128::from(millis) * 1_000_000, counters);
    }
    sums
}

fn nothing(
    samples: &[Samples],
    file: &Path,
    wanted: &MatrixWanted,
    names: &MetricNames,
) -> Problems {
    let metrics: BTreeSet<&str> = (samples.iter().flat_map(Samples::series))
        .map(|series| series.labels().get("__name__"))
        .collect();
    let list: Vec<&str> = metrics.iter().take(8).copied().collect();
    let message = match metrics.contains(names.requests.as_str()) {
        true => {
            let given: Vec<&str> = wanted.names.iter().flatten().map(String::as_str).collect();
            let by = match given.as_slice() {
                [] => format!("the label {}", names.version),
                given => given.join(", "),
            };
            format!("no series of `{}` is of a version by {by}", names.requests)
        }
        false => format!("there is no series `{}`", names.requests),
    };
    let help = format!(
        "say which series are whose: --stable '{{…}}' --canary '{{…}}', and how they are called: \
         --requests NAME --latency NAME --code LABEL; there are {}",
        list.join(", ")
    );
    Problems {
        problems: vec![Problem::error(message, None).help(help)],
        ..Problems::about(file, "")
    }
}
