//! What a part of a run shows under `/metrics`, and how it is read back.

use std::collections::BTreeMap;

use super::text::{self, Entry, Kind, Reader, Sample, TextError, Writer};
use super::vendor::{Subject, Vendor};
use super::{GoalReading, Reading, Service};
use crate::base::Span;
use crate::telemetry::{Buckets, GoalSums, Plan, Reporter, Unit, Version};

/// The words in which a run's metrics are shown: a vendor's, with names of our own for what no
/// vendor counts.
///
/// Every series of requests has its vendor's labels and two more where these do not tell: `route`,
/// and the version.
#[derive(Debug, Clone, PartialEq)]
pub struct Dialect {
    /// Whose names and labels.
    pub vendor: Vendor,
    /// What the service is called.
    pub service: Service,
    /// Names of the routes; with none, there is one route without a label.
    pub routes: Vec<String>,
    /// Names of what the business counts.
    pub goals: Vec<String>,
    /// Bounds of the latency histogram.
    pub buckets: Buckets,
    /// Who counts.
    pub reporter: Reporter,
}

/// What a part of a run shows.
#[derive(Debug, Clone, Copy, Default)]
pub struct Exposed<'r> {
    /// The part's name: `app-7d9f-0`.
    pub pod: &'r str,
    /// Its requests.
    pub readings: &'r [Reading],
    /// What the business counts.
    pub goals: &'r [GoalReading],
    /// The canary's weight, 0 to 1, where it is known.
    pub weight: Option<f64>,
}

/// What was read of a part.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Scraped {
    /// Its requests, in order of version, route and status.
    pub readings: Vec<Reading>,
    /// What the business counts, in order of version, route and goal.
    pub goals: Vec<GoalReading>,
}

/// One of the sums.
type Field = fn(&mut GoalSums) -> &mut f64;

/// Our own names for what the business counts.
const GOALS: [(&str, &str, Field); 7] = [
    (
        "coalmine_goal_opportunities_total",
        "Requests after which a goal may be reached.",
        |sums| &mut sums.opportunities,
    ),
    ("coalmine_goal_value_total", "Sum of values.", |sums| {
        &mut sums.sum
    }),
    (
        "coalmine_goal_squares_total",
        "Sum of squared values.",
        |sums| &mut sums.squares,
    ),
    (
        "coalmine_goal_user_cross",
        "Sum over users of opportunities times value.",
        |sums| &mut sums.cross,
    ),
    (
        "coalmine_goal_user_counts",
        "Sum over users of squared opportunities.",
        |sums| &mut sums.counts,
    ),
    (
        "coalmine_goal_users",
        "Users with at least one opportunity.",
        |sums| &mut sums.users,
    ),
    (
        "coalmine_goal_user_values",
        "Sum over users of squared values.",
        |sums| &mut sums.values,
    ),
];

const UP: &str = "coalmine_up";
const WEIGHT: &str = "coalmine_weight";

impl Dialect {
    /// A vendor's words for what a plan measures; the service is called as nobody has said.
    pub fn new(vendor: Vendor, plan: &Plan, routes: Vec<String>, goals: Vec<String>) -> Dialect {
        Dialect {
            vendor,
            service: Service::default(),
            routes,
            goals,
            buckets: plan.buckets.clone(),
            reporter: plan.reporter,
        }
    }

    /// The names under which the sums of a goal are shown, in the order of [`GoalSums`]' fields.
    pub fn goal_names() -> [&'static str; 7] {
        GOALS.map(|(name, _, _)| name)
    }

    /// The sum that is shown under a name.
    pub fn goal_sum<'s>(name: &str, sums: &'s mut GoalSums) -> Option<&'s mut f64> {
        let (_, _, field) = GOALS.iter().find(|(other, _, _)| *other == name)?;
        Some(field(sums))
    }

    /// Finite bounds in the unit of the vendor's histogram.
    pub fn bounds(&self) -> Vec<f64> {
        let convert = |bound: &f64| match (self.buckets.unit(), self.vendor.unit()) {
            (Unit::Seconds, Unit::Milliseconds) => bound * 1_000.0,
            (Unit::Milliseconds, Unit::Seconds) => bound / 1_000.0,
            _ => *bound,
        };
        self.buckets.bounds().iter().map(convert).collect()
    }

    /// The text that a part shows; `reporter` says from whose side its requests were counted.
    pub fn write(&self, exposed: &Exposed<'_>, reporter: Reporter) -> String {
        let mut out = Writer::new();
        let labels: Vec<String> = (exposed.readings.iter())
            .map(|reading| self.labels(exposed.pod, reading, reporter))
            .collect();
        if !labels.is_empty() {
            let name = self.vendor.requests();
            out.family(name, Kind::Counter, "Requests.");
            for (reading, labels) in exposed.readings.iter().zip(&labels) {
                out.sample(name, "", labels, None, reading.requests as f64);
            }
            self.write_histograms(&mut out, exposed.readings, &labels);
        }
        if !exposed.goals.is_empty() {
            self.write_goals(&mut out, exposed.goals);
        }
        if let Some(weight) = exposed.weight {
            out.family(
                WEIGHT,
                Kind::Gauge,
                "Share of requests meant for the canary.",
            );
            let labels = text::labels([("version", Version::Canary.name())]);
            out.sample(WEIGHT, "", &labels, None, weight);
        }
        out.family(UP, Kind::Gauge, "1 while this part runs.");
        out.sample(UP, "", "", None, 1.0);
        out.finish()
    }

    fn labels(&self, pod: &str, reading: &Reading, reporter: Reporter) -> String {
        let labels = self.vendor.labels(&Subject {
            service: &self.service,
            pod,
            reporter,
            version: reading.version,
            code: reading.code,
        });
        let route = self.routes.get(reading.route).map_or("", String::as_str);
        let vendors = labels.iter().map(|(name, value)| (*name, value.as_str()));
        text::labels(vendors.chain([("route", route)]))
    }

    /// The labels of a version's series of requests with one code, on one route or on all.
    pub(in crate::telemetry) fn series(
        &self,
        version: Version,
        route: Option<usize>,
        code: u16,
    ) -> Vec<(&'static str, String)> {
        let pod = format!("{}-{}-0", self.service.app, version.name());
        let mut labels = self.vendor.labels(&Subject {
            service: &self.service,
            pod: &pod,
            reporter: self.reporter,
            version,
            code,
        });
        let route = route.and_then(|route| self.routes.get(route));
        labels.push(("route", route.cloned().unwrap_or_default()));
        labels
    }

    fn write_histograms(&self, out: &mut Writer, readings: &[Reading], labels: &[String]) {
        let mut bounds: Vec<String> = (self.bounds().into_iter())
            .map(|bound| text::Number(bound).to_string())
            .collect();
        bounds.push("+Inf".to_owned());
        let per_second = self.vendor.unit().per_second();
        for name in self.vendor.histograms() {
            out.family(name, Kind::Histogram, "What requests took.");
            for (reading, labels) in readings.iter().zip(labels) {
                let mut below = 0;
                for (bound, count) in bounds.iter().zip(&reading.buckets) {
                    below += count;
                    out.sample(name, "_bucket", labels, Some(("le", bound)), below as f64);
                }
                let took = reading.took.as_nanos() as f64 / (1e9 / per_second);
                out.sample(name, "_sum", labels, None, took);
                out.sample(name, "_count", labels, None, reading.requests as f64);
            }
        }
    }

    fn write_goals(&self, out: &mut Writer, goals: &[GoalReading]) {
        for (name, help, part) in GOALS {
            out.family(name, Kind::Counter, help);
            for reading in goals {
                let route = reading.route.and_then(|route| self.routes.get(route));
                let goal = self.goals.get(reading.goal);
                let labels = text::labels([
                    ("goal", goal.map_or("", String::as_str)),
                    ("version", reading.version.name()),
                    ("route", route.map_or("", String::as_str)),
                ]);
                out.sample(name, "", &labels, None, *part(&mut reading.sums.clone()));
            }
        }
    }

    /// Reads what a part shows. Series that are not of a version, route or goal of the run are not
    /// ours and left out.
    ///
    /// # Errors
    /// When it is not metrics, or a histogram is not one of the run's.
    pub fn read(&self, text: &str) -> Result<Scraped, TextError> {
        let mut found = Found::new(self);
        for entry in Reader::new(text) {
            if let Entry::Sample(sample) = entry? {
                found.take(&sample);
            }
        }
        // What is missing stands on no line; the end is where it is missed.
        found.finish().map_err(|what| TextError {
            line: text.lines().count(),
            what,
        })
    }
}

/// What was found so far.
struct Found<'d> {
    dialect: &'d Dialect,
    bounds: Vec<f64>,
    histogram: [String; 2],
    readings: BTreeMap<(Version, usize, u16), Series>,
    goals: BTreeMap<(Version, Option<usize>, usize), GoalSums>,
}

/// One series of requests; what was not found is `None`.
#[derive(Default)]
struct Series {
    requests: Option<f64>,
    took: Option<f64>,
    /// Cumulative.
    buckets: Vec<Option<f64>>,
}

impl<'d> Found<'d> {
    fn new(dialect: &'d Dialect) -> Found<'d> {
        let mut bounds = dialect.bounds();
        bounds.push(f64::INFINITY);
        let name = dialect.vendor.histograms()[0];
        Found {
            dialect,
            bounds,
            histogram: [format!("{name}_bucket"), format!("{name}_sum")],
            readings: BTreeMap::new(),
            goals: BTreeMap::new(),
        }
    }

    fn take(&mut self, sample: &Sample<'_>) {
        let [bucket, sum] = &self.histogram;
        let requests = sample.name == self.dialect.vendor.requests();
        let (bucket, sum) = (sample.name == bucket, sample.name == sum);
        if !(requests || bucket || sum) {
            self.take_goal(sample);
            return;
        }
        let Some(key) = self.key(sample) else { return };
        let width = self.bounds.len();
        let series = self.readings.entry(key).or_default();
        if requests {
            series.requests = Some(sample.value);
        } else if sum {
            series.took = Some(sample.value);
        } else {
            series.buckets.resize(width, None);
            let Ok(bound) = sample.label("le").parse::<f64>() else {
                return;
            };
            if let Some(place) = self
                .bounds
                .iter()
                .position(|other| same_bound(*other, bound))
            {
                series.buckets[place] = Some(sample.value);
            }
        }
    }

    fn key(&self, sample: &Sample<'_>) -> Option<(Version, usize, u16)> {
        let vendor = self.dialect.vendor;
        let version = Version::named(sample.label(vendor.version_label()))?;
        let code = sample.label(vendor.code_label()).parse().ok()?;
        let route = match self.dialect.routes.is_empty() {
            true => 0,
            false => self.route(sample)?,
        };
        Some((version, route, code))
    }

    fn route(&self, sample: &Sample<'_>) -> Option<usize> {
        let name = sample.label("route");
        self.dialect.routes.iter().position(|route| route == name)
    }

    fn take_goal(&mut self, sample: &Sample<'_>) {
        if !GOALS.iter().any(|(name, _, _)| *name == sample.name) {
            return;
        }
        let goals = &self.dialect.goals;
        let goal = goals.iter().position(|goal| goal == sample.label("goal"));
        let version = Version::named(sample.label("version"));
        let (Some(goal), Some(version)) = (goal, version) else {
            return;
        };
        let route = match sample.label("route").is_empty() {
            true => None,
            false => match self.route(sample) {
                None => return,
                route => route,
            },
        };
        let sums = self.goals.entry((version, route, goal)).or_default();
        if let Some(sum) = Dialect::goal_sum(sample.name, sums) {
            *sum = sample.value;
        }
    }

    fn finish(self) -> Result<Scraped, String> {
        let per_second = self.dialect.vendor.unit().per_second();
        let mut scraped = Scraped::default();
        for ((version, route, code), series) in self.readings {
            let at = |what: &str| format!("{what} of {} with {code}", version.name());
            let missing = |what: &str| format!("{} is missing", at(what));
            let requests = series.requests.ok_or_else(|| missing("the count"))?;
            let requests = whole(requests).ok_or_else(|| at("a count that is none"))?;
            let took = series.took.ok_or_else(|| missing("the sum of latencies"))?;
            let mut below = 0;
            let mut buckets = Vec::with_capacity(series.buckets.len());
            if series.buckets.is_empty() {
                return Err(missing("the histogram"));
            }
            for bucket in series.buckets {
                let count = bucket.ok_or_else(|| missing("a bucket"))?;
                let count = whole(count).ok_or_else(|| at("a bucket that is no count"))?;
                let more = count.checked_sub(below);
                buckets.push(more.ok_or_else(|| at("a bucket smaller than the one below"))?);
                below = count;
            }
            if !took.is_finite() || took < 0.0 {
                return Err(at("a sum of latencies that is none"));
            }
            scraped.readings.push(Reading {
                version,
                route,
                code,
                requests,
                took: Span::from_nanos((took * (1e9 / per_second)).round() as u64),
                buckets,
            });
        }
        for ((version, route, goal), sums) in self.goals {
            let mut all = sums;
            if GOALS.iter().any(|(_, _, part)| !part(&mut all).is_finite()) {
                return Err(format!("a sum of a goal of {} is none", version.name()));
            }
            scraped.goals.push(GoalReading {
                version,
                route,
                goal,
                sums,
            });
        }
        Ok(scraped)
    }
}

/// Whether two texts mean the same bound: some servers write it anew.
pub fn same_bound(bound: f64, other: f64) -> bool {
    bound == other || bound.is_finite() && (bound - other).abs() <= 1e-12 * bound.abs()
}

/// The whole number that a counter shows, if it does.
fn whole(value: f64) -> Option<u64> {
    (value >= 0.0 && value <= (1_u64 << 53) as f64 && value.fract() == 0.0).then_some(value as u64)
}

#[cfg(test)]
mod tests;
