//! Text tables of Argo's AnalysisRuns, read from `tests/argo/`. Each says in its first lines what it
//! replays.

use std::path::Path;
use std::sync::Arc;

use coalmine::base::{Span, Time};
use coalmine::gate::argo::{Condition, Conditions, Found};
use coalmine::gate::{Outcome, Rule, Verdict};
use coalmine::rollout::argo::{AnalysisMetric, AnalysisPhase, AnalysisRun, Effort, RunSpec};

/// A run: its metrics, what they are given, and what must come of it.
#[derive(Default)]
struct Case {
    name: String,
    metrics: Vec<Metric>,
    terminate: Option<Time>,
    run: String,
}

struct Metric {
    settings: AnalysisMetric,
    conditions: Conditions,
    values: Vec<String>,
    measured: String,
    ends: String,
}

fn cases(file: &str) -> Vec<Case> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/argo")
        .join(file);
    let text = std::fs::read_to_string(&path).expect("a table");
    let mut cases: Vec<Case> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (key, value) = line.split_once(':').unwrap_or(("", line));
        let value = value.trim();
        if key == "case" {
            cases.push(Case {
                name: value.to_owned(),
                ..Case::default()
            });
            continue;
        }
        let case = cases.last_mut().expect("a case first");
        match key {
            "metric" => case.metrics.push(Metric {
                settings: AnalysisMetric::new(value, case.metrics.len()),
                conditions: Conditions::default(),
                values: Vec::new(),
                measured: String::new(),
                ends: String::new(),
            }),
            "run" => case.run = value.to_owned(),
            "terminate" => case.terminate = Some(Time::from_secs(value.parse().unwrap())),
            _ => {
                let metric = case.metrics.last_mut().expect("a metric first");
                let condition = || Some(Condition::parse(value).expect("a condition"));
                match key {
                    "success" => metric.conditions.success = condition(),
                    "failure" => metric.conditions.failure = condition(),
                    "values" => metric.values = value.split(' ').map(str::to_owned).collect(),
                    "measured" => metric.measured = value.to_owned(),
                    "ends" => metric.ends = value.to_owned(),
                    "" => settings(&mut metric.settings, value),
                    _ => panic!("{line}"),
                }
            }
        }
    }
    cases
}

fn settings(metric: &mut AnalysisMetric, text: &str) {
    for word in text.split(", ") {
        let (key, value) = word.split_once(' ').unwrap_or((word, ""));
        let number = || value.parse::<i64>().expect("a number");
        let span = || value.parse::<Span>().expect("a length of time");
        match key {
            "interval" => metric.interval = Some(span()),
            "initialDelay" => metric.initial_delay = Some(span()),
            "count" => metric.count = number(),
            "failureLimit" => metric.failure_limit = number(),
            "inconclusiveLimit" => metric.inconclusive_limit = number(),
            "consecutiveErrorLimit" => metric.consecutive_error_limit = number(),
            "consecutiveSuccessLimit" => metric.consecutive_success_limit = number(),
            "latency" => metric.effort = Effort::Query(span()),
            "job" => metric.effort = Effort::Job(span()),
            "dryRun" => metric.dry_run = true,
            _ => panic!("{word}"),
        }
    }
}

/// The measurement of a value as written.
fn measure(conditions: &Conditions, value: &str) -> Verdict {
    match value {
        "err" => Verdict {
            outcome: Outcome::Inconclusive,
            gate: 0,
            value: f64::NAN,
            threshold: f64::NAN,
            samples: f64::NAN,
            rule: Rule::NotEvaluated,
        },
        "[]" => conditions.judge(&Found::Numbers(Vec::new())),
        number => conditions.judge(&Found::Numbers(vec![number.parse().expect("a number")])),
    }
}

fn letter(verdict: &Verdict) -> char {
    match (verdict.outcome, verdict.rule) {
        (Outcome::Pass, _) => 'S',
        (Outcome::Fail, _) => 'F',
        (Outcome::Inconclusive, Rule::NotEvaluated) => 'E',
        (Outcome::Inconclusive, _) => 'I',
    }
}

/// What became of a case: the measurements of each metric, and the run.
fn play(case: &Case) -> (Vec<String>, AnalysisRun, Time) {
    let settings = case.metrics.iter().map(|metric| metric.settings.clone());
    let mut run = AnalysisRun::new(&Arc::new(RunSpec::new(settings.collect())));
    let mut measured = vec![Vec::new(); case.metrics.len()];
    let mut now = Time::START;
    let mut terminate = case.terminate;
    loop {
        if terminate.is_some_and(|at| at <= now) {
            terminate = None;
            run.terminate(now);
        }
        let mut gates = run.due(now);
        while !gates.is_empty() {
            let mut verdicts = Vec::new();
            for gate in gates.iter() {
                let metric = &case.metrics[gate];
                let nth = measured[gate].len().min(metric.values.len() - 1);
                let verdict = measure(&metric.conditions, &metric.values[nth]);
                measured[gate].push(format!("{}{}", letter(&verdict), now.as_secs_f64()));
                verdicts.push(Verdict { gate, ..verdict });
            }
            gates = run.take(now, &verdicts);
        }
        let next = match (run.next(), terminate) {
            (Some(next), Some(at)) => next.min(at),
            (Some(next), None) => next,
            (None, _) => break,
        };
        assert!(next > now, "{}: time does not pass", case.name);
        assert!(next < Time::from_secs(10_000), "{}: no end", case.name);
        now = next;
    }
    let measured = measured.iter().map(|one| one.join(" ")).collect();
    (measured, run, now)
}

fn check(file: &str) -> usize {
    let cases = cases(file);
    for case in &cases {
        let (measured, run, over) = play(case);
        let name = &case.name;
        for (index, metric) in case.metrics.iter().enumerate() {
            let which = format!("{name}, metric {}", metric.settings.name);
            assert_eq!(measured[index], metric.measured, "{which}");
            assert_eq!(run.metric_phase(index).to_string(), metric.ends, "{which}");
            let counted = |letter: char| measured[index].matches(letter).count() as u32;
            let counts = run.counts(index);
            assert_eq!(counts.successful, counted('S'), "{which}");
            assert_eq!(counts.failed, counted('F'), "{which}");
            assert_eq!(counts.error, counted('E'), "{which}");
            assert_eq!(
                counts.count,
                counts.successful + counts.failed + counts.inconclusive,
                "{which}"
            );
        }
        assert_eq!(
            format!("{} at {}", run.phase(), over.as_secs_f64()),
            case.run,
            "{name}"
        );
        assert_eq!(
            run.message().is_none(),
            run.phase() == AnalysisPhase::Successful && case.terminate.is_none(),
            "{name}: {:?}",
            run.message()
        );
    }
    cases.len()
}

#[test]
fn one_metric_is_measured_and_judged_as_upstream() {
    assert_eq!(check("one-metric.txt"), 34);
}

#[test]
fn several_metrics_and_ends_from_outside_are_as_upstream() {
    assert_eq!(check("runs.txt"), 22);
}
