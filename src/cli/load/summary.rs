//! What a load came to: for people, for programs, and for the exit code.

use serde_json::{Map, Value, json};

use super::threshold::Finding;
use super::{ArrivalsArgument, LoadArguments, ModeArgument};
use crate::base::{Rate, Seed, Span};
use crate::cli::output;
use crate::engine::live::load::{Durations, Failure, Limit, LoadReport, Tolerance, short};
use crate::engine::live::name_of;
use crate::report::{grouped, plural};
use crate::telemetry::Version;

/// A report held to what was asked.
pub(super) struct Outcome<'a> {
    arguments: &'a LoadArguments,
    connections: usize,
    seed: Seed,
    /// Requests sent a second.
    rate: f64,
    limits: Vec<Limit>,
    findings: Vec<Finding>,
}

/// Quantiles that are told, and the names that they are told by.
const QUANTILES: [(&str, f64); 5] = [
    ("p50", 0.5),
    ("p90", 0.9),
    ("p95", 0.95),
    ("p99", 0.99),
    ("p99.9", 0.999),
];

impl<'a> Outcome<'a> {
    pub(super) fn of(
        arguments: &'a LoadArguments,
        report: &LoadReport,
        connections: usize,
        seed: Seed,
    ) -> Outcome<'a> {
        let seconds = report.ran.min(arguments.duration).as_secs_f64();
        let rate = if seconds > 0.0 {
            report.counts.sent as f64 / seconds
        } else {
            0.0
        };
        let clauses = arguments.fail_if.iter();
        Outcome {
            arguments,
            connections,
            seed,
            rate,
            limits: report.limits(&Tolerance::default(), connections),
            findings: clauses.map(|clause| clause.judge(report, rate)).collect(),
        }
    }

    /// Why the process ends with an error, if it does. A run that is not valid proves nothing, and
    /// must not pass for one that does.
    pub(super) fn failure(&self) -> Option<String> {
        let broken: Vec<String> = (self.findings.iter())
            .filter(|finding| finding.holds)
            .map(|finding| format!("{} (it is {})", finding.clause, finding.measured))
            .collect();
        if !broken.is_empty() {
            return Some(format!("--fail-if {}", broken.join(", ")));
        }
        let limit = if self.findings.is_empty() {
            (self.limits.iter()).find(|limit| **limit == Limit::NoAnswer)
        } else {
            self.limits.first()
        }?;
        Some(if self.findings.is_empty() {
            limit.to_string()
        } else {
            format!("--fail-if cannot be told, because the run is not valid: {limit}")
        })
    }

    /// For people.
    pub(super) fn text(&self, report: &LoadReport) -> String {
        let counts = &report.counts;
        let mut text = format!("{}\n\n", self.title());
        let mut row = |name: &str, value: String| {
            let line = format!("  {name:<12}{value}");
            text.push_str(output::narrow(&line, output::WIDTH, &" ".repeat(14)).trim_end());
            text.push('\n');
        };
        let per_second = (self.rate * 10.0).round() / 10.0;
        row(
            "sent",
            format!(
                "{} of {} due, {per_second}/s over {}",
                grouped(counts.sent),
                grouped(counts.due),
                short(report.ran.min(self.arguments.duration))
            ),
        );
        let statuses: Vec<String> = (report.statuses.iter())
            .map(|(status, count)| format!("{status}: {}", grouped(*count)))
            .collect();
        let statuses = match statuses.is_empty() {
            true => String::new(),
            false => format!(" ({})", statuses.join(", ")),
        };
        row(
            "answered",
            format!("{}{statuses}", grouped(counts.answered)),
        );
        row("errors", errors(report));
        row(
            "connections",
            format!(
                "{} opened, {} at most; {} waited for one, {} at once",
                grouped(counts.opened),
                grouped(self.connections as u64),
                plural(counts.waited, "request"),
                grouped(counts.most_waiting)
            ),
        );
        text.push('\n');
        text.push_str(&self.table(report));
        text.push('\n');
        for finding in &self.findings {
            let truth = match (finding.holds, finding.value) {
                (_, None) => "cannot be told",
                (true, _) => "true",
                (false, _) => "false",
            };
            text.push_str(&format!(
                "  --fail-if {}: {truth}, it is {}\n",
                finding.clause, finding.measured
            ));
        }
        if !self.findings.is_empty() {
            text.push('\n');
        }
        text.push_str(&output::narrow(&self.verdict(report), output::WIDTH, ""));
        text.push('\n');
        text
    }

    fn title(&self) -> String {
        let arguments = self.arguments;
        let shape = match arguments.arrivals {
            ArrivalsArgument::Poisson => "Poisson",
            ArrivalsArgument::Even => "even",
        };
        let title = match arguments.rate {
            Some(rate) => format!(
                "{}/s ({shape}) for {} to {}",
                (rate.get() * 100.0).round() / 100.0,
                arguments.duration,
                arguments.url
            ),
            None => format!(
                "{} without a break for {} to {}",
                plural(self.connections as u64, "connection"),
                arguments.duration,
                arguments.url
            ),
        };
        output::narrow(&title, output::WIDTH, "  ")
    }

    fn table(&self, report: &LoadReport) -> String {
        let mut text = format!("  {:<12}", "");
        for (name, _) in QUANTILES {
            text.push_str(&format!("{name:>10}"));
        }
        text.push_str(&format!("{:>10}{:>10}\n", "max", "mean"));
        let mut row = |name: &str, durations: &Durations| {
            let cell = |span: Option<Span>| span.map_or("-".to_owned(), short);
            text.push_str(&format!("  {name:<12}"));
            for (_, share) in QUANTILES {
                text.push_str(&format!("{:>10}", cell(durations.quantile(share))));
            }
            text.push_str(&format!(
                "{:>10}{:>10}\n",
                cell(durations.max()),
                cell(durations.mean())
            ));
        };
        row("latency", &report.latency);
        for version in Version::ALL {
            let durations = &report.by_version[version as usize];
            if !durations.is_empty() {
                row(&format!("  {}", name_of(version)), durations);
            }
        }
        if self.arguments.rate.is_some() {
            row("service", &report.service);
            row("lateness", &report.lateness);
        }
        text
    }

    /// One sentence that says what the figures mean.
    fn verdict(&self, report: &LoadReport) -> String {
        let cut = if report.interrupted {
            "Interrupted before its end. "
        } else {
            ""
        };
        if !self.limits.is_empty() {
            let limits: Vec<String> = self.limits.iter().map(Limit::to_string).collect();
            return format!("{cut}Not valid: {}.", limits.join("; "));
        }
        if self.arguments.rate.is_none() {
            return format!(
                "{cut}Valid as a measure of capacity: each connection waited for its answer, so these \
                 latencies say little about what users meet at a given rate."
            );
        }
        let waited = match report.counts.waited {
            0 => String::new(),
            waited => format!(
                ", and {} waited for a connection",
                plural(waited, "request")
            ),
        };
        let late = report
            .lateness
            .quantile(0.99)
            .map_or("0 s".to_owned(), short);
        format!(
            "{cut}Valid: latency counts from the instant at which each request was due, and 99 % of \
             them were sent within {late} of it{waited}."
        )
    }

    /// For programs.
    pub(super) fn json(&self, report: &LoadReport) -> Value {
        let (arguments, counts) = (self.arguments, &report.counts);
        let failures: Map<String, Value> = (Failure::ALL.iter())
            .map(|failure| {
                (
                    failure.name().to_owned(),
                    json!(counts.failures[*failure as usize]),
                )
            })
            .collect();
        let statuses: Map<String, Value> = (report.statuses.iter())
            .map(|(status, count)| (status.to_string(), json!(count)))
            .collect();
        let versions: Map<String, Value> = (Version::ALL.into_iter())
            .map(|version| (name_of(version), &report.by_version[version as usize]))
            .filter(|(_, durations)| !durations.is_empty())
            .map(|(name, durations)| (name.to_owned(), seconds(durations)))
            .collect();
        let thresholds: Vec<Value> = (self.findings.iter())
            .map(|finding| {
                json!({"clause": finding.clause, "value": finding.value, "holds": finding.holds})
            })
            .collect();
        let limits: Vec<String> = self.limits.iter().map(Limit::to_string).collect();
        json!({
            "url": arguments.url,
            "rate_per_second": arguments.rate.map(Rate::get),
            "arrivals": match arguments.arrivals {
                ArrivalsArgument::Poisson => "poisson",
                ArrivalsArgument::Even => "even",
            },
            "mode": match arguments.mode {
                ModeArgument::Exact => "exact",
                ModeArgument::Economy => "economy",
                ModeArgument::Spin => "spin",
            },
            "seed": self.seed.0,
            "duration_seconds": arguments.duration.as_secs_f64(),
            "timeout_seconds": arguments.timeout.as_secs_f64(),
            "connections": self.connections,
            "valid": self.limits.is_empty(),
            "limits": limits,
            "interrupted": report.interrupted,
            "ran_seconds": report.ran.as_secs_f64(),
            "sent_per_second": self.rate,
            "requests": {
                "due": counts.due,
                "sent": counts.sent,
                "answered": counts.answered,
                "server_errors": counts.server_errors,
                "failures": failures,
                "waited": counts.waited,
                "most_waiting": counts.most_waiting,
                "given_up_waiting": counts.given_up,
            },
            "error_share": counts.error_share(),
            "connections_opened": counts.opened,
            "stalls": {
                "count": report.stalls.0,
                "longest_seconds": report.stalls.1.as_secs_f64(),
            },
            "statuses": statuses,
            "latency_seconds": seconds(&report.latency),
            "latency_seconds_by_version": versions,
            "service_seconds": seconds(&report.service),
            "lateness_seconds": seconds(&report.lateness),
            "thresholds": thresholds,
        })
    }
}

fn errors(report: &LoadReport) -> String {
    let counts = &report.counts;
    let mut kinds: Vec<String> = (Failure::ALL.iter())
        .map(|failure| (failure.name(), counts.failures[*failure as usize]))
        .filter(|(_, count)| *count > 0)
        .map(|(name, count)| format!("{name}: {}", grouped(count)))
        .collect();
    if counts.server_errors > 0 {
        kinds.insert(0, format!("5xx: {}", grouped(counts.server_errors)));
    }
    let all = counts.failed() + counts.server_errors;
    let share = counts.error_share().unwrap_or(0.0);
    match all {
        0 => "0".to_owned(),
        _ => format!(
            "{}, {} % ({})",
            grouped(all),
            (share * 1e4).round() / 100.0,
            kinds.join(", ")
        ),
    }
}

fn seconds(durations: &Durations) -> Value {
    let of = |span: Option<Span>| json!(span.map(Span::as_secs_f64));
    let mut all = Map::new();
    for (name, share) in QUANTILES {
        all.insert(name.to_owned(), of(durations.quantile(share)));
    }
    all.insert("max".to_owned(), of(durations.max()));
    all.insert("mean".to_owned(), of(durations.mean()));
    all.insert("count".to_owned(), json!(durations.len()));
    Value::Object(all)
}
