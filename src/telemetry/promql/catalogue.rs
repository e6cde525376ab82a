//! The series that queries can find.

use std::collections::BTreeSet;

use promql_parser::label::{MatchOp, Matcher};

use super::labels::{Labels, NAME};
use super::samples::Samples;
use super::{Semantics, functions};
use crate::telemetry::exposition::{Dialect, text};
use crate::telemetry::{Plan, Sampling, Status, Version};

/// Label sets of every series that there can be, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Catalogue {
    entries: Vec<Entry>,
    origin: Origin,
}

/// Where the series come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Origin {
    /// A simulated service, scraped or counted exactly.
    Simulated { scraped: bool },
    /// Recorded samples.
    Recorded,
}

/// One series.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) labels: Labels,
    pub(super) column: Column,
    /// How many samples are read at most; 1 for counters, whose samples few windows read.
    pub(super) samples: usize,
}

/// Where the samples of a series are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Column {
    /// By its number among recorded series.
    Recorded(usize),
    /// Among a version's counters.
    Counter(Counter),
}

/// A counter of a simulated service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Counter {
    pub(super) version: Version,
    /// Of one route; `None`: of the whole version.
    pub(super) route: Option<usize>,
    pub(super) status: Status,
    pub(super) quantity: Quantity,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Quantity {
    Requests,
    /// Requests up to a bucket's bound.
    Bucket(usize),
    Seconds,
    Milliseconds,
    /// One of the sums of a goal.
    Goal {
        goal: usize,
        sum: usize,
    },
}

/// Which codes requests are shown with.
const CODES: [(Status, u16); 2] = [(Status::Success, 200), (Status::Failure, 500)];

impl Catalogue {
    /// Every series that the simulated service shows: its counter of requests and its latency
    /// histograms by version and status (200 or 500), of whole versions and with the label `route`
    /// of each route; and what its business counts. See [`Query::bind`](super::Query::bind) for
    /// which of them a selector finds.
    pub fn new(dialect: &Dialect, plan: &Plan) -> Catalogue {
        let mut entries = Vec::new();
        let routes = (0..plan.routes.min(dialect.routes.len())).map(Some);
        for version in Version::ALL {
            for route in std::iter::once(None).chain(routes.clone()) {
                for (status, code) in CODES {
                    let labels = dialect.series(version, route, code);
                    let labels = Labels::new(labels.iter().map(|(n, v)| (n, v)));
                    let of = |quantity| {
                        Column::Counter(Counter {
                            version,
                            route,
                            status,
                            quantity,
                        })
                    };
                    requests(&mut entries, dialect, &labels, of);
                }
                goals(&mut entries, dialect, version, route);
            }
        }
        let scraped = plan.sampling != Sampling::Exact;
        Catalogue::sorted(entries, Origin::Simulated { scraped })
    }

    /// The series of recorded samples.
    pub fn of(samples: &Samples) -> Catalogue {
        let series = samples.series().iter().enumerate();
        let entries = series.map(|(place, series)| Entry {
            labels: series.labels().clone(),
            column: Column::Recorded(place),
            samples: series.values().len(),
        });
        Catalogue::sorted(entries.collect(), Origin::Recorded)
    }

    fn sorted(mut entries: Vec<Entry>, origin: Origin) -> Catalogue {
        entries.sort_by(|a, b| a.labels.cmp(&b.labels).then(a.column.cmp(&b.column)));
        Catalogue { entries, origin }
    }

    /// Names of all metrics.
    pub fn metrics(&self) -> Vec<&str> {
        let names: BTreeSet<&str> = self.entries.iter().map(|e| e.labels.get(NAME)).collect();
        names.into_iter().collect()
    }

    /// The values that a label of a metric has.
    pub fn values(&self, metric: &str, label: &str) -> Vec<&str> {
        let of_metric = (self.entries.iter()).filter(|entry| entry.labels.get(NAME) == metric);
        let values: BTreeSet<&str> = of_metric.map(|entry| entry.labels.get(label)).collect();
        values
            .into_iter()
            .filter(|value| !value.is_empty())
            .collect()
    }

    /// Whether there are series of single routes.
    pub(super) fn has_routes(&self) -> bool {
        let of_route = |entry: &Entry| match entry.column {
            Column::Counter(counter) => counter.route.is_some(),
            Column::Recorded(_) => false,
        };
        self.entries.iter().any(of_route)
    }

    pub(super) fn origin(&self) -> Origin {
        self.origin
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn requests(
    entries: &mut Vec<Entry>,
    dialect: &Dialect,
    labels: &Labels,
    of: impl Fn(Quantity) -> Column,
) {
    let mut push = |name: &str, labels: &Labels, quantity| {
        entries.push(Entry {
            labels: labels.with(NAME, name),
            column: of(quantity),
            samples: 1,
        });
    };
    let vendor = dialect.vendor;
    push(vendor.requests(), labels, Quantity::Requests);
    for name in vendor.histograms() {
        let bounds = dialect
            .bounds()
            .into_iter()
            .map(|bound| text::Number(bound).to_string());
        for (place, bound) in bounds.chain(["+Inf".to_owned()]).enumerate() {
            let labels = labels.with("le", &bound);
            push(&format!("{name}_bucket"), &labels, Quantity::Bucket(place));
        }
        let took = match vendor.unit().per_second() {
            1.0 => Quantity::Seconds,
            _ => Quantity::Milliseconds,
        };
        push(&format!("{name}_sum"), labels, took);
        push(&format!("{name}_count"), labels, Quantity::Requests);
    }
}

fn goals(entries: &mut Vec<Entry>, dialect: &Dialect, version: Version, route: Option<usize>) {
    for (goal, goal_name) in dialect.goals.iter().enumerate() {
        for (sum, name) in Dialect::goal_names().into_iter().enumerate() {
            let on = route.map_or("", |route| dialect.routes[route].as_str());
            let labels = [
                (NAME, name),
                ("goal", goal_name),
                ("version", version.name()),
                ("route", on),
            ];
            entries.push(Entry {
                labels: Labels::new(labels),
                column: Column::Counter(Counter {
                    version,
                    route,
                    status: Status::Success,
                    quantity: Quantity::Goal { goal, sum },
                }),
                samples: 1,
            });
        }
    }
}

/// A selector's matchers, with patterns as the version reads them.
#[derive(Debug, Clone)]
pub(super) struct Matchers {
    list: Vec<Matcher>,
    /// What each matches instead, where the version's patterns differ from the parser's.
    patterns: Vec<Option<Matcher>>,
}

impl Matchers {
    pub(super) fn new(name: Option<&str>, matchers: &[Matcher], semantics: Semantics) -> Matchers {
        let name = name.filter(|name| !name.is_empty());
        let named = name.map(|name| Matcher::new(MatchOp::Equal, NAME, name));
        let list: Vec<Matcher> = named.into_iter().chain(matchers.iter().cloned()).collect();
        let patterns = list.iter().map(|matcher| match &matcher.op {
            MatchOp::Re(_) | MatchOp::NotRe(_) => functions::matcher(&matcher.value, semantics),
            MatchOp::Equal | MatchOp::NotEqual => None,
        });
        let patterns = patterns.collect();
        Matchers { list, patterns }
    }

    pub(super) fn match_labels(&self, labels: &Labels) -> bool {
        (self.list.iter().zip(&self.patterns)).all(|(matcher, pattern)| {
            let value = labels.get(&matcher.name);
            match (&matcher.op, pattern) {
                (MatchOp::Re(_), Some(pattern)) => pattern.is_match(value),
                (MatchOp::NotRe(_), Some(pattern)) => !pattern.is_match(value),
                _ => matcher.is_match(value),
            }
        })
    }

    /// Whether a metric's name is one of those that are selected.
    pub(super) fn match_name(&self, name: &str) -> bool {
        let by_name = Matchers {
            list: self
                .list
                .iter()
                .filter(|m| m.name == NAME)
                .cloned()
                .collect(),
            patterns: (self.list.iter().zip(&self.patterns))
                .filter(|(matcher, _)| matcher.name == NAME)
                .map(|(_, pattern)| pattern.clone())
                .collect(),
        };
        by_name.match_labels(&Labels::new([(NAME, name)]))
    }

    /// The labels that `absent` gives: those matched for equality once and by no other matcher.
    pub(super) fn certain(&self) -> Labels {
        let matchers = || self.list.iter().filter(|matcher| matcher.name != NAME);
        let certain = matchers().filter(|matcher| {
            let alone = matchers()
                .filter(|other| other.name == matcher.name)
                .count()
                == 1;
            alone && matches!(matcher.op, MatchOp::Equal)
        });
        Labels::new(certain.map(|matcher| (&matcher.name, &matcher.value)))
    }

    /// The metric that is selected, where that is one.
    pub(super) fn metric(&self) -> Option<&str> {
        let named = self.list.iter().find(|matcher| matcher.name == NAME)?;
        matches!(named.op, MatchOp::Equal).then_some(&named.value)
    }
}
