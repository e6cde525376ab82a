//! The lines of a recording as they stand in the file.

use serde::{Deserialize, Serialize};

use super::super::{
    Birth, Buckets, Counters, Figures, GoalSums, Phase, Plan, Reporter, Sampling, Unit,
    UserFailures, Version,
};
use super::{FORMAT, Row, Subject};
use crate::base::{Rate, Span, Time};

/// What tells a recording from any other file.
#[derive(Deserialize)]
pub(super) struct Mark {
    pub(super) coalmine_recording: u32,
}

/// The first line.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Head {
    /// The version of the format.
    coalmine_recording: u32,
    /// `null` when metrics were exact.
    interval_ns: Option<u64>,
    phase_ns: u64,
    series: SeriesBirth,
    reporter: Side,
    unit: BoundUnit,
    bounds: Vec<f64>,
    delay_ns: u64,
    probes_per_second: f64,
    routes: Vec<String>,
    goals: Vec<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum SeriesBirth {
    FirstRequest,
    Zero,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Side {
    Server,
    Client,
}

#[derive(Serialize, Deserialize)]
enum BoundUnit {
    #[serde(rename = "s")]
    Seconds,
    #[serde(rename = "ms")]
    Milliseconds,
}

#[derive(Serialize, Deserialize, Clone, Copy)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Name {
    Stable,
    Canary,
    Baseline,
}

/// Any other line.
#[derive(Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum Line {
    Scrape {
        at_ns: u64,
        version: Name,
        route: Option<String>,
        requests: [u64; 2],
        seconds: [f64; 2],
        buckets: [Vec<u64>; 2],
        goals: Vec<[f64; 7]>,
    },
    Answer {
        at_ns: u64,
        version: Name,
        route: Option<String>,
        span_ns: u64,
        requests: [Option<f64>; 2],
        buckets: Vec<Option<f64>>,
        seconds: Option<f64>,
        latencies: Option<f64>,
        goals: Vec<[f64; 7]>,
        goals_so_far: Vec<[f64; 7]>,
    },
    Problem {
        at_ns: u64,
        what: String,
    },
}

impl Head {
    pub(super) fn of(subject: &Subject) -> Head {
        let plan = &subject.plan;
        Head {
            coalmine_recording: FORMAT,
            interval_ns: match plan.sampling {
                Sampling::Exact => None,
                Sampling::Scraped { interval, .. } => Some(interval.as_nanos()),
            },
            phase_ns: subject.phase.as_nanos(),
            series: match plan.birth {
                Birth::FirstRequest => SeriesBirth::FirstRequest,
                Birth::Zero => SeriesBirth::Zero,
            },
            reporter: match plan.reporter {
                Reporter::Server => Side::Server,
                Reporter::Client => Side::Client,
            },
            unit: match plan.buckets.unit() {
                Unit::Seconds => BoundUnit::Seconds,
                Unit::Milliseconds => BoundUnit::Milliseconds,
            },
            bounds: plan.buckets.bounds().to_vec(),
            delay_ns: plan.delay.as_nanos(),
            probes_per_second: plan.probes.get(),
            routes: subject.routes.clone(),
            goals: subject.goals.clone(),
        }
    }

    pub(super) fn subject(self) -> Result<Subject, String> {
        let phase = Span::from_nanos(self.phase_ns);
        let sampling = match self.interval_ns {
            None => Sampling::Exact,
            Some(0) => return Err("the scrape interval is zero".to_owned()),
            Some(nanos) => Sampling::Scraped {
                interval: Span::from_nanos(nanos),
                phase: Phase::Fixed(phase),
            },
        };
        let birth = match self.series {
            SeriesBirth::FirstRequest => Birth::FirstRequest,
            SeriesBirth::Zero => Birth::Zero,
        };
        let unit = match self.unit {
            BoundUnit::Seconds => Unit::Seconds,
            BoundUnit::Milliseconds => Unit::Milliseconds,
        };
        let buckets = Buckets::new(self.bounds, unit).map_err(|error| error.to_string())?;
        let probes = Rate::per_second(self.probes_per_second);
        Ok(Subject {
            plan: Plan {
                reporter: match self.reporter {
                    Side::Server => Reporter::Server,
                    Side::Client => Reporter::Client,
                },
                delay: Span::from_nanos(self.delay_ns),
                probes: probes.ok_or("the rate of health checks is none")?,
                routes: self.routes.len(),
                goals: self.goals.len(),
                ..Plan::plain(sampling, birth, buckets)
            },
            phase,
            routes: self.routes,
            goals: self.goals,
        })
    }
}

impl Line {
    pub(super) fn of(row: &Row, routes: &[String]) -> Line {
        let named = |route: &Option<usize>| route.and_then(|route| routes.get(route).cloned());
        match row {
            Row::Scrape {
                at,
                version,
                route,
                counters,
            } => {
                let (good, bad) = counters.buckets.split_at(counters.buckets.len() / 2);
                Line::Scrape {
                    at_ns: at.as_nanos(),
                    version: Name::of(*version),
                    route: named(route),
                    requests: counters.requests,
                    seconds: counters.seconds,
                    buckets: [good.to_vec(), bad.to_vec()],
                    goals: counters.goals.iter().map(sums).collect(),
                }
            }
            Row::Answer {
                at,
                version,
                route,
                span,
                figures,
            } => Line::Answer {
                at_ns: at.as_nanos(),
                version: Name::of(*version),
                route: named(route),
                span_ns: span.as_nanos(),
                requests: figures.requests,
                // JSON has no word for what is not a number.
                buckets: (figures.buckets.iter())
                    .map(|below| below.is_finite().then_some(*below))
                    .collect(),
                seconds: figures.seconds,
                latencies: figures.latencies,
                goals: figures.goals.iter().map(sums).collect(),
                goals_so_far: figures.goals_so_far.iter().map(sums).collect(),
            },
            Row::Problem { at, what } => Line::Problem {
                at_ns: at.as_nanos(),
                what: what.clone(),
            },
        }
    }

    pub(super) fn row(self, subject: &Subject) -> Result<Row, String> {
        let number = |route: Option<String>| match route {
            None => Ok(None),
            Some(name) => (subject.routes.iter().position(|route| *route == name))
                .map(Some)
                .ok_or_else(|| format!("there is no route `{name}`")),
        };
        let width = subject.plan.buckets.len();
        Ok(match self {
            Line::Scrape {
                at_ns,
                version,
                route,
                requests,
                seconds,
                buckets,
                goals,
            } => {
                if buckets.iter().any(|row| row.len() != width) {
                    return Err(format!("a histogram has not {width} buckets"));
                }
                if goals.len() != subject.goals.len() {
                    return Err(format!("there are not {} goals", subject.goals.len()));
                }
                Row::Scrape {
                    at: Time::from_nanos(at_ns),
                    version: version.version(),
                    route: number(route)?,
                    counters: Counters {
                        requests,
                        seconds,
                        buckets: buckets.concat(),
                        goals: goals.into_iter().map(goal).collect(),
                        failures: UserFailures::default(),
                    },
                }
            }
            Line::Answer {
                at_ns,
                version,
                route,
                span_ns,
                requests,
                buckets,
                seconds,
                latencies,
                goals,
                goals_so_far,
            } => {
                if !buckets.is_empty() && buckets.len() != width {
                    return Err(format!("a histogram has not {width} buckets"));
                }
                Row::Answer {
                    at: Time::from_nanos(at_ns),
                    version: version.version(),
                    route: number(route)?,
                    span: Span::from_nanos(span_ns),
                    figures: Figures {
                        requests,
                        buckets: (buckets.into_iter())
                            .map(|below| below.unwrap_or(f64::NAN))
                            .collect(),
                        seconds,
                        latencies,
                        goals: goals.into_iter().map(goal).collect(),
                        goals_so_far: goals_so_far.into_iter().map(goal).collect(),
                    },
                }
            }
            Line::Problem { at_ns, what } => Row::Problem {
                at: Time::from_nanos(at_ns),
                what,
            },
        })
    }
}

impl Name {
    fn of(version: Version) -> Name {
        match version {
            Version::Stable => Name::Stable,
            Version::Canary => Name::Canary,
            Version::Baseline => Name::Baseline,
        }
    }

    fn version(self) -> Version {
        match self {
            Name::Stable => Version::Stable,
            Name::Canary => Version::Canary,
            Name::Baseline => Version::Baseline,
        }
    }
}

fn sums(goal: &GoalSums) -> [f64; 7] {
    [
        goal.opportunities,
        goal.sum,
        goal.squares,
        goal.cross,
        goal.counts,
        goal.users,
        goal.values,
    ]
}

fn goal([opportunities, sum, squares, cross, counts, users, values]: [f64; 7]) -> GoalSums {
    GoalSums {
        opportunities,
        sum,
        squares,
        cross,
        counts,
        users,
        values,
    }
}
