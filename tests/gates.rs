//! Text tables of Flagger's behaviour, one row a tick or a comparison, read from `tests/gates/`. Each
//! says in its first line what it replays.

use std::path::Path;

use coalmine::base::{Span, Time};
use coalmine::gate::flagger::{Answer, FlaggerCheck, Limits, Metric, Provider, compare};
use coalmine::gate::{Outcome, Rule, Verdict};
use coalmine::rollout::HookKinds;
use coalmine::rollout::flagger::{Flagger, FlaggerPlan, FlaggerSettings, Router};
use coalmine::rollout::{Action, Need, Phase, Reach, Readiness, Routing, Surroundings};
use coalmine::telemetry::{self, Birth, Buckets, Sampling, Status, Telemetry, Unit, Version};

/// One table: settings, then what happens in each tick and what is there after it.
struct Case {
    name: String,
    settings: FlaggerSettings,
    ticks: Vec<Tick>,
}

struct Tick {
    line: usize,
    surroundings: Surroundings,
    /// `None`: no metric may be asked for.
    check: Option<Outcome>,
    live: String,
    weight: i64,
    iterations: i64,
    failed: u32,
    phase: String,
    actions: String,
}

const COLUMNS: [&str; 9] = [
    "tick",
    "world",
    "check",
    "live",
    "status",
    "iterations",
    "failed",
    "phase",
    "actions",
];

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/gates")
        .join(file);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn cases(file: &str) -> Vec<Case> {
    let text = read(file);
    let mut cases: Vec<Case> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let place = format!("{file}:{}", index + 1);
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if line.contains('|') {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            assert_eq!(cells.len(), COLUMNS.len(), "{place}: columns");
            if cells[0] == "tick" {
                assert_eq!(cells, COLUMNS, "{place}");
                continue;
            }
            let case = cases.last_mut().expect("a case before its table");
            assert_eq!(cells[0], case.ticks.len().to_string(), "{place}: tick");
            case.ticks.push(tick(&cells, index + 1));
            continue;
        }
        let (key, value) = line
            .split_once(':')
            .unwrap_or_else(|| panic!("{place}: {line}"));
        let value = value.trim();
        if key == "case" {
            cases.push(Case {
                name: value.to_owned(),
                settings: FlaggerSettings::default(),
                ticks: Vec::new(),
            });
        } else {
            let case = cases.last_mut().expect("a case before its settings");
            set(&mut case.settings, key, value);
        }
    }
    cases
}

fn set(settings: &mut FlaggerSettings, key: &str, value: &str) {
    let number = || value.parse().unwrap_or_else(|_| panic!("{key}: {value}"));
    match key {
        "interval" => settings.interval = value.parse().expect("an interval"),
        "threshold" => settings.threshold = number(),
        "stepWeight" => settings.step_weight = number(),
        "stepWeights" => {
            let weights = value
                .split(' ')
                .map(|weight| weight.parse().expect("a weight"));
            settings.step_weights = weights.collect();
        }
        "maxWeight" => settings.max_weight = number(),
        "stepWeightPromotion" => settings.step_weight_promotion = number(),
        "iterations" => settings.iterations = number(),
        "match" => settings.matched = value == "yes",
        "mirror" => settings.mirror = value == "yes",
        "mirrorWeight" => settings.mirror_weight = number(),
        "skipAnalysis" => settings.skip_analysis = value == "yes",
        "router" => {
            settings.router = match value {
                "istio" => Router::Istio,
                "gateway" => Router::GatewayApi,
                "weights" => Router::WeightsOnly,
                "kubernetes" => Router::Kubernetes,
                _ => panic!("router: {value}"),
            }
        }
        "hooks" => value
            .split(' ')
            .for_each(|kind| *hook(&mut settings.hooks, kind) = true),
        _ => panic!("{key}: no such setting"),
    }
}

fn hook<'a>(hooks: &'a mut HookKinds, kind: &str) -> &'a mut bool {
    match kind {
        "confirm-rollout" => &mut hooks.confirm_rollout,
        "pre-rollout" => &mut hooks.pre_rollout,
        "rollout" => &mut hooks.rollout,
        "confirm-traffic-increase" => &mut hooks.confirm_traffic_increase,
        "confirm-promotion" => &mut hooks.confirm_promotion,
        "rollback" => &mut hooks.rollback,
        _ => panic!("hooks: {kind}"),
    }
}

fn tick(cells: &[&str], line: usize) -> Tick {
    let mut surroundings = Surroundings::default();
    for word in cells[1].split(", ").filter(|word| !word.is_empty()) {
        let hooks = &mut surroundings.hooks;
        match word {
            "canary waiting" => surroundings.canary = Readiness::Waiting,
            "canary late" => surroundings.canary = Readiness::PastDeadline,
            "primary waiting" => surroundings.primary = Readiness::Waiting,
            "primary late" => surroundings.primary = Readiness::PastDeadline,
            "new revision" => surroundings.new_revision = true,
            "rollback hook" => hooks.rollback = true,
            "refuse confirm-rollout" => hooks.confirm_rollout = false,
            "refuse pre-rollout" => hooks.pre_rollout = false,
            "refuse rollout" => hooks.rollout = false,
            "refuse confirm-traffic-increase" => hooks.confirm_traffic_increase = false,
            "refuse confirm-promotion" => hooks.confirm_promotion = false,
            _ => panic!("line {line}: world: {word}"),
        }
    }
    let number = |cell: usize| -> i64 { cells[cell].parse().expect("a number") };
    Tick {
        line,
        surroundings,
        check: match cells[2] {
            "-" => None,
            "pass" => Some(Outcome::Pass),
            "fail" => Some(Outcome::Fail),
            other => panic!("line {line}: check: {other}"),
        },
        live: cells[3].to_owned(),
        weight: number(4),
        iterations: number(5),
        failed: u32::try_from(number(6)).expect("a count"),
        phase: cells[7].to_owned(),
        actions: cells[8].to_owned(),
    }
}

fn word(action: Action) -> String {
    match action {
        Action::Promote => "promote".to_owned(),
        Action::RollBack => "roll back".to_owned(),
        Action::Route(routing) if !routing.mirror.is_zero() => {
            assert!(
                routing.canary.is_zero(),
                "mirroring to a canary that answers"
            );
            format!("mirror {}", routing.mirror.as_percent())
        }
        Action::Route(Routing { canary, reach, .. }) => match reach {
            Reach::Everyone => format!("route {}", canary.as_percent()),
            Reach::Matched => format!("route matched {}", canary.as_percent()),
            Reach::EveryoneAndMatched => format!("route {} and matched", canary.as_percent()),
        },
    }
}

fn verdict(outcome: Outcome) -> Verdict {
    Verdict {
        outcome,
        gate: 0,
        value: f64::NAN,
        threshold: f64::NAN,
        samples: 0.0,
        rule: Rule::WithinLimits,
    }
}

fn play(file: &str, case: Case) {
    let plan = FlaggerPlan::new(case.settings);
    let cadence = plan.cadence();
    let mut controller = Flagger::new(&plan);
    assert!(!case.ticks.is_empty(), "{file}: {}: no ticks", case.name);
    for (index, tick) in case.ticks.into_iter().enumerate() {
        let place = format!("{file}:{}: {}", tick.line, case.name);
        let now = cadence.first + cadence.period * index as u64;
        let need = controller.handle_tick(now, &tick.surroundings);
        assert_eq!(
            need == Need::Verdict,
            tick.check.is_some(),
            "{place}: check"
        );
        if let Some(outcome) = tick.check {
            controller.handle_verdict(now, &verdict(outcome));
        }
        let actions: Vec<String> = std::iter::from_fn(|| controller.poll_action())
            .map(word)
            .collect();
        let (live, status) = (controller.live(), controller.status());
        let mirrored = if live.mirrored { "m" } else { "" };
        assert_eq!(
            format!("{}{mirrored}", live.weight),
            tick.live,
            "{place}: live"
        );
        assert_eq!(status.canary_weight, tick.weight, "{place}: status");
        assert_eq!(status.iterations, tick.iterations, "{place}: iterations");
        assert_eq!(status.failed_checks, tick.failed, "{place}: failed");
        assert_eq!(format!("{:?}", status.phase), tick.phase, "{place}: phase");
        assert_eq!(actions.join(", "), tick.actions, "{place}: actions");
        assert_eq!(controller.state().phase, status.phase, "{place}");
        assert_eq!(controller.state().failures, status.failed_checks, "{place}");
    }
}

fn play_all(file: &str, expected: usize) {
    let cases = cases(file);
    assert_eq!(cases.len(), expected, "{file}: cases");
    cases.into_iter().for_each(|case| play(file, case));
}

#[test]
fn the_twenty_rollouts_go_tick_by_tick() {
    for number in 1..=20 {
        play_all(&format!("v{number:02}.txt"), 1);
    }
}

#[test]
fn the_extra_rollouts_go_tick_by_tick() {
    play_all("extra.txt", 13);
}

#[test]
fn orders_of_steps_that_matter_are_kept() {
    play_all("corners.txt", 18);
}

#[test]
fn the_worked_examples_go_tick_by_tick() {
    play_all("worked.txt", 2);
}

#[test]
fn answers_are_compared_as_in_the_table() {
    let text = read("comparator.txt");
    let mut rows = 0;
    for line in text.lines().filter(|line| !line.starts_with('#')).skip(1) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [name, metric, unit, limits, answer, outcome, judged] = cells[..] else {
            panic!("comparator.txt: {line}");
        };
        let metric = match metric {
            "success-rate" => Metric::SuccessRate,
            "duration" => Metric::Duration,
            "query" => Metric::Query,
            _ => panic!("{name}: {metric}"),
        };
        let unit = if unit == "s" {
            Unit::Seconds
        } else {
            Unit::Milliseconds
        };
        let number = |word: &str| -> f64 { word.parse().expect("a number") };
        let after = |word| {
            let words: Vec<&str> = limits.split(' ').collect();
            words
                .windows(2)
                .find(|pair| pair[0] == word)
                .map(|pair| number(pair[1]))
        };
        let limits = match after("threshold") {
            Some(threshold) => Limits::Threshold(threshold),
            None => Limits::Range {
                min: after("min"),
                max: after("max"),
            },
        };
        let (kind, values) = answer.split_once(' ').unwrap_or((answer, ""));
        let values: Vec<f64> = values.split_terminator(' ').map(number).collect();
        let answer = match kind {
            "vector" => Answer::Vector(&values),
            "scalar" => Answer::Scalar(values[0]),
            "matrix" => Answer::Matrix,
            "error" => Answer::Error,
            _ => panic!("{name}: {kind}"),
        };
        let comparison = compare(metric, limits, unit, answer.value());
        assert_eq!(comparison.outcome.to_string(), outcome, "{name}");
        if judged == "no data" {
            assert_eq!(comparison.rule, Rule::NoData, "{name}");
            assert!(comparison.value.is_nan(), "{name}");
        } else {
            assert_eq!(comparison.value, number(judged), "{name}");
        }
        rows += 1;
    }
    assert_eq!(rows, 34, "comparator.txt: rows");
}

/// A canary that gets one request a second per percentage point, of which one in twenty fails from
/// 75s to 105s (a rollout's clock starts at its first tick).
fn repaired_fault(window: Span) -> (Vec<f64>, Phase, u32) {
    let plan = FlaggerPlan::new(FlaggerSettings {
        interval: Span::from_secs(30),
        threshold: 3,
        step_weight: 20,
        max_weight: 60,
        ..FlaggerSettings::default()
    });
    let check = FlaggerCheck {
        metric: Metric::SuccessRate,
        provider: Provider::Istio,
        version: Version::Canary,
        limits: Limits::Range {
            min: Some(99.0),
            max: None,
        },
        window,
    };
    let mut telemetry = Telemetry::new(
        &telemetry::Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        Span::ZERO,
    );
    let mut controller = Flagger::new(&plan);
    let (mut values, mut ended) = (Vec::new(), None);
    for second in 0..300_u64 {
        let now = Time::from_secs(second);
        if second > 0 && second % 5 == 0 {
            telemetry.scrape(Version::Canary, now);
        }
        if second % 30 == 0 {
            let before = controller.state();
            if controller.handle_tick(now, &Surroundings::default()) == Need::Verdict {
                let verdict = check.judge(now, &telemetry);
                values.push((verdict.value * 100.0).round() / 100.0);
                controller.handle_verdict(now, &verdict);
            }
            let failed = before.failures.max(controller.state().failures);
            while let Some(action) = controller.poll_action() {
                if !matches!(action, Action::Route(_)) {
                    ended.get_or_insert((controller.state().phase, failed));
                }
            }
        }
        let requests = controller.live().weight as u64;
        let failing = if (75..105).contains(&second) {
            requests / 20
        } else {
            0
        };
        let counters = telemetry.counters_mut(Version::Canary);
        counters.requests[Status::Failure as usize] += failing;
        counters.requests[Status::Success as usize] += requests - failing;
    }
    let (phase, failed) = ended.expect("an end within five minutes");
    (values, phase, failed)
}

#[test]
fn a_longer_window_turns_one_incident_into_more_failed_checks() {
    let (values, phase, failed) = repaired_fault(Span::from_secs(30));
    assert_eq!(values, [100.0, 97.5, 97.5, 100.0, 100.0]);
    assert_eq!((phase, failed), (Phase::Promoting, 2));

    let (values, phase, failed) = repaired_fault(Span::from_secs(120));
    assert_eq!(values, [100.0, 98.33, 98.0, 98.57]);
    assert_eq!((phase, failed), (Phase::Failed, 3));
}
