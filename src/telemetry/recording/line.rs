//! The lines of a recording as they stand in the file.

use serde::{Deserialize, Serialize};

use super::super::{
    Birth, Buckets, Counters, Figures, GoalSums, Phase, Plan, Reporter, Sampling, Unit,
    UserFailures, Version, Weights,
};
use super::number::{Answered, Number, figure, read_figure};
use super::{FORMAT, LookNote, Luck, Row, Subject, TickNote};
use crate::base::{Rate, Span, Time, Weight};

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
    #[serde(default, skip_serializing_if = "Option::is_none")]
    luck: Option<Drawn>,
}

#[derive(Serialize, Deserialize)]
struct Drawn {
    gate: u64,
    patience: u64,
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
        /// The seven sums of failures by user, and users with one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failures: Option<([f64; 7], f64)>,
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
    Query {
        at_ns: u64,
        query: String,
        answer: Answered,
    },
    Supplied {
        at_ns: u64,
        figures: Vec<Option<Number>>,
    },
    Step {
        at_ns: u64,
        question: usize,
        figure: Option<Number>,
    },
    Weights {
        at_ns: u64,
        /// In percent: the canary's and the baseline's.
        percent: Option<[f64; 2]>,
    },
    Look {
        at_ns: u64,
        /// From 1.
        gate: usize,
        verdict: String,
        rule: String,
        value: Number,
        threshold: Number,
        samples: Number,
    },
    Tick {
        at_ns: u64,
        /// In percent.
        canary: f64,
        mirror: f64,
        phase: String,
        failures: u32,
        ending: Option<String>,
        canary_requests: u64,
        hooks: [bool; 6],
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
            luck: subject.luck.map(|luck| Drawn {
                gate: luck.gate,
                patience: luck.patience,
            }),
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
            luck: self.luck.map(|luck| Luck {
                gate: luck.gate,
                patience: luck.patience,
            }),
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
                    failures: (counters.failures != UserFailures::default())
                        .then(|| (sums(&counters.failures.sums), counters.failures.users)),
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
            other => Line::of_other(other),
        }
    }

    /// A line of a row that is about no series.
    fn of_other(row: &Row) -> Line {
        let at_ns = row.at().as_nanos();
        match row {
            Row::Query { text, answer, .. } => Line::Query {
                at_ns,
                query: text.clone(),
                answer: Answered::of(answer),
            },
            Row::Supplied { figures, .. } => Line::Supplied {
                at_ns,
                figures: figures.iter().copied().map(figure).collect(),
            },
            Row::Step {
                question, figure, ..
            } => Line::Step {
                at_ns,
                question: *question,
                figure: self::figure(*figure),
            },
            Row::Weights { weights, .. } => Line::Weights {
                at_ns,
                percent: weights
                    .map(|weights| [weights.canary.as_percent(), weights.baseline.as_percent()]),
            },
            Row::Look { look, .. } => Line::Look {
                at_ns,
                gate: look.gate + 1,
                verdict: look.outcome.clone(),
                rule: look.rule.clone(),
                value: Number::of(look.value),
                threshold: Number::of(look.threshold),
                samples: Number::of(look.samples),
            },
            Row::Tick { tick, .. } => Line::Tick {
                at_ns,
                canary: tick.canary,
                mirror: tick.mirror,
                phase: tick.phase.clone(),
                failures: tick.failures,
                ending: tick.ending.clone(),
                canary_requests: tick.canary_requests,
                hooks: tick.hooks,
            },
            Row::Problem { what, .. } => Line::Problem {
                at_ns,
                what: what.clone(),
            },
            // These are about a series.
            Row::Scrape { .. } | Row::Answer { .. } => Line::Problem {
                at_ns,
                what: String::new(),
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
                failures,
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
                        failures: failures.map_or_else(UserFailures::default, |(sums, users)| {
                            UserFailures {
                                sums: goal(sums),
                                users,
                            }
                        }),
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
            other => other.other_row()?,
        })
    }

    /// A row that is about no series.
    fn other_row(self) -> Result<Row, String> {
        let at = Time::from_nanos;
        Ok(match self {
            Line::Query {
                at_ns,
                query,
                answer,
            } => Row::Query {
                at: at(at_ns),
                text: query,
                answer: answer.answer()?,
            },
            Line::Supplied { at_ns, figures } => {
                let figures: Result<Vec<_>, String> = (figures.iter())
                    .map(|number| read_figure(number.as_ref()))
                    .collect();
                Row::Supplied {
                    at: at(at_ns),
                    figures: figures?,
                }
            }
            Line::Step {
                at_ns,
                question,
                figure,
            } => Row::Step {
                at: at(at_ns),
                question,
                figure: read_figure(figure.as_ref())?,
            },
            Line::Weights { at_ns, percent } => Row::Weights {
                at: at(at_ns),
                weights: percent.map(weights).transpose()?,
            },
            Line::Look {
                at_ns,
                gate,
                verdict,
                rule,
                value,
                threshold,
                samples,
            } => Row::Look {
                at: at(at_ns),
                look: LookNote {
                    gate: gate.checked_sub(1).ok_or("gates count from 1")?,
                    outcome: verdict,
                    rule,
                    value: value.value()?,
                    threshold: threshold.value()?,
                    samples: samples.value()?,
                },
            },
            Line::Tick {
                at_ns,
                canary,
                mirror,
                phase,
                failures,
                ending,
                canary_requests,
                hooks,
            } => Row::Tick {
                at: at(at_ns),
                tick: TickNote {
                    canary,
                    mirror,
                    phase,
                    failures,
                    ending,
                    canary_requests,
                    hooks,
                },
            },
            Line::Problem { at_ns, what } => Row::Problem {
                at: at(at_ns),
                what,
            },
            Line::Scrape { .. } | Line::Answer { .. } => {
                return Err("a row of a series stands in a strange place".to_owned());
            }
        })
    }
}

fn weights(percent: [f64; 2]) -> Result<Weights, String> {
    let [canary, baseline] = percent.map(Weight::percent);
    let wrong = || format!("{percent:?} are not two percentages");
    Ok(Weights {
        canary: canary.ok_or_else(wrong)?,
        baseline: baseline.ok_or_else(wrong)?,
    })
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
