//! What the gates can see of the fault, judged by what is true of both versions, however many
//! requests there are.

use super::unseen;
use crate::base::Probability;
use crate::experiment::words::{exact_share, latency, share};
use crate::gate::statistical::Reads;
use crate::gate::{Comparison, Gate, Metric, flagger};
use crate::model::fault::{Fault, FaultKind, ResetPhase, Schedule, Scope, Target};
use crate::model::service::Service;
use crate::model::traffic::Route;
use crate::model::{Course, World};
use crate::scenario::Scenario;
use crate::telemetry::{Reporter, Version};

/// What is true of both versions with every fault at full size: shares of failed requests and 99th
/// percentiles in seconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Truth {
    stable_errors: f64,
    canary_errors: f64,
    stable_p99: f64,
    canary_p99: f64,
}

/// Which harm something does, or which harm a gate looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Harm {
    Errors,
    Latency,
    /// Calls that end without an answer: nothing for a server to count.
    Calls,
    /// Answers that break off after their head: a success to servers.
    Halves,
    /// Answers with status 200 that do users no good, or less.
    Goals,
}

impl Truth {
    /// Works it out.
    pub(super) fn of(scenario: &Scenario) -> Truth {
        let world = &scenario.world;
        let reporter = scenario.telemetry.reporter;
        let stable = counted(courses(world, false), reporter);
        let canary = counted(courses(world, true), reporter);
        Truth {
            stable_errors: errors(&stable, reporter),
            canary_errors: errors(&canary, reporter),
            stable_p99: p99(&stable, &world.stable),
            canary_p99: p99(&canary, &world.canary),
        }
    }
}

/// A good release's share of failed requests while nothing is wrong.
pub(super) fn good_errors(scenario: &Scenario) -> f64 {
    let stable = &scenario.world.stable;
    let routes = &scenario.world.traffic.routes;
    if routes.is_empty() {
        return stable.errors.get();
    }
    let of_route =
        |(index, route): (usize, &Route)| route.share.get() * stable.errors_of(index).get();
    routes.iter().enumerate().map(of_route).sum()
}

/// The bad release's share of failed requests, where it is worse than stable's and the same for
/// everybody at all times.
pub(super) fn steady_errors(scenario: &Scenario) -> Option<f64> {
    let world = &scenario.world;
    let steady =
        |fault: &Fault| fault.schedule == Schedule::ALWAYS && fault.scope == Scope::EVERYONE;
    let truth = Truth::of(scenario);
    (truth.canary_errors > truth.stable_errors && world.faults.iter().all(steady))
        .then_some(truth.canary_errors)
}

/// How a version's requests end with every fault at full size, all users together.
fn courses(world: &World, canary: bool) -> Vec<Course> {
    let full = vec![1.0; world.faults.len()];
    let mut all = Vec::new();
    let mut below = 0.0;
    for cut in world.strata() {
        let courses = if canary {
            world.canary_courses(cut, &full)
        } else {
            world.stable_courses(cut, &full)
        };
        all.extend(courses.into_iter().map(|course| Course {
            probability: course.probability * (cut - below),
            ..course
        }));
        below = cut;
    }
    all
}

/// The courses of those requests that are counted, as shares of them.
fn counted(mut courses: Vec<Course>, reporter: Reporter) -> Vec<Course> {
    if reporter == Reporter::Server && courses.iter().any(|course| !course.outcome.is_answered()) {
        courses.retain(|course| course.outcome.is_answered());
        let all: f64 = courses.iter().map(|course| course.probability).sum();
        for course in &mut courses {
            course.probability /= all;
        }
    }
    courses
}

/// The share of failures as whoever counts sees them.
fn errors(courses: &[Course], reporter: Reporter) -> f64 {
    let failed = (courses.iter()).filter(|course| match reporter {
        Reporter::Server => course.outcome.is_server_error(),
        Reporter::Client => course.outcome.is_failure(),
    });
    failed.map(|course| course.probability).sum()
}

/// By bisection: shares of answers within a time have no closed inverse where courses mix.
fn p99(courses: &[Course], service: &Service) -> f64 {
    let within = |seconds: f64| -> f64 {
        let share = |course: &Course| {
            course.probability * course.cdf(service.latency_of(course.route), seconds)
        };
        courses.iter().map(share).sum()
    };
    let (mut low, mut high) = (0.0, 1.0);
    while within(high) < 0.99 && high < 1e6 {
        high *= 2.0;
    }
    for _ in 0..60 {
        let middle = f64::midpoint(low, high);
        if within(middle) < 0.99 {
            low = middle;
        } else {
            high = middle;
        }
    }
    high
}

/// Which harm the fault does.
fn harms(scenario: &Scenario) -> Vec<Harm> {
    let world = &scenario.world;
    let truth = Truth::of(scenario);
    let mut harms = Vec::new();
    let has = |harm: Harm| {
        let differs = |fault: &&Fault| fault.target != Target::Both;
        (world.faults.iter().filter(differs)).any(|fault| harm_of(&fault.kind) == Some(harm))
    };
    // A share of errors is seen in what is true at full size; what comes and goes, by its kind.
    let lasting = |fault: &Fault| matches!(fault.kind, FaultKind::Errors { .. });
    let passing = (world.faults.iter()).any(|fault| {
        fault.target != Target::Both
            && !lasting(fault)
            && harm_of(&fault.kind) == Some(Harm::Errors)
    });
    if truth.canary_errors > truth.stable_errors * (1.0 + 1e-9) || passing {
        harms.push(Harm::Errors);
    }
    if world.canary.latency.mean() > world.stable.latency.mean() || has(Harm::Latency) {
        harms.push(Harm::Latency);
    }
    harms.extend(
        [Harm::Calls, Harm::Halves, Harm::Goals]
            .into_iter()
            .filter(|harm| has(*harm)),
    );
    harms
}

/// The harm by which a kind of fault shows first; `None` where it harms nobody, or only stable.
fn harm_of(kind: &FaultKind) -> Option<Harm> {
    match kind {
        FaultKind::Errors { .. } | FaultKind::Bursts { .. } | FaultKind::Bounce { .. } => {
            Some(Harm::Errors)
        }
        FaultKind::Latency { .. }
        | FaultKind::Tail { .. }
        | FaultKind::Drip { .. }
        | FaultKind::Bandwidth { .. }
        | FaultKind::MemoryLeak { .. }
        | FaultKind::Capacity { .. }
        | FaultKind::SharedLoad { .. } => Some(Harm::Latency),
        FaultKind::Corrupt { .. } | FaultKind::Business { .. } => Some(Harm::Goals),
        FaultKind::Metrics { .. } | FaultKind::Poison { .. } | FaultKind::Cpu { .. } => None,
        FaultKind::Reset {
            phase: ResetPhase::Body,
            ..
        } => Some(Harm::Halves),
        unanswered => unseen::is_hidden_from_servers(unanswered).then_some(Harm::Calls),
    }
}

/// `fails`, `slows` or `fails or slows`: what a bad release does to requests.
pub(super) fn verb(scenario: &Scenario) -> &'static str {
    let fails = |harm: &Harm| matches!(harm, Harm::Errors | Harm::Calls | Harm::Halves);
    match harms(scenario)[..] {
        [first, ref more @ ..] if fails(&first) && more.iter().all(fails) => "fails",
        [Harm::Latency] => "slows",
        // A wrong answer is the one user's; a rarer sale is nobody's in particular.
        [Harm::Goals] if has_business(scenario) => "touches",
        [Harm::Goals] => "spoils",
        [.., Harm::Goals] => "harms",
        _ => "fails or slows",
    }
}

fn has_business(scenario: &Scenario) -> bool {
    let business = |fault: &Fault| matches!(fault.kind, FaultKind::Business { .. });
    scenario.world.faults.iter().any(business)
}

/// What a gate looks at; `None` where nobody can say.
fn subject(gate: &Gate) -> Option<Harm> {
    match gate {
        Gate::SuccessRatio(_) | Gate::TwoProportionZ(_) => Some(Harm::Errors),
        Gate::LatencyQuantile(_) => Some(Harm::Latency),
        Gate::Comparison(Comparison { metric, .. }) => match metric {
            Metric::ErrorRatio => Some(Harm::Errors),
            _ => Some(Harm::Latency),
        },
        Gate::Business(_) | Gate::CustomCheck(_) | Gate::ArgoMetric(_) | Gate::Kayenta(_) => None,
        Gate::Statistical(gate) => match gate.method.entry().reads {
            Reads::Errors | Reads::Users => Some(Harm::Errors),
            Reads::Latency => Some(Harm::Latency),
            Reads::Both | Reads::Requests => None,
        },
        Gate::FlaggerCheck(check) => match check.metric {
            flagger::Metric::SuccessRate => Some(Harm::Errors),
            flagger::Metric::Duration => Some(Harm::Latency),
            flagger::Metric::Query => None,
        },
    }
}

fn reads_canary(gate: &Gate) -> bool {
    !matches!(gate, Gate::FlaggerCheck(check) if check.version == Version::Stable)
}

/// Sentences about what no number of requests would change.
pub(super) fn sentences(scenario: &Scenario) -> Vec<String> {
    let gates = &scenario.analysis;
    if gates.is_empty() {
        return Vec::new();
    }
    if !gates.iter().any(reads_canary) {
        return vec![
            "The queries match the primary's pods and not the canary's: whatever the canary does, \
             these checks do not see it."
                .to_owned(),
        ];
    }
    let mut sentences: Vec<String> = stable_breaks(scenario).into_iter().collect();
    // What instances, queues or sessions make of a fault is not known beforehand.
    if scenario.world.has_fault() && scenario.world.coupling().is_none() {
        sentences.extend(overlooked(scenario));
        sentences.extend(tolerated(scenario));
    } else if down_and_unseen(scenario) {
        sentences.extend(overlooked(scenario));
    }
    sentences
}

/// Whether all that is wrong is that instances go down, where servers count.
fn down_and_unseen(scenario: &Scenario) -> bool {
    let down = |fault: &Fault| matches!(fault.kind, FaultKind::CrashLoop { .. });
    let faults = &scenario.world.faults;
    !faults.is_empty() && faults.iter().all(down) && unseen::measured_by_servers(scenario)
}

/// A harm that nothing looks at.
fn overlooked(scenario: &Scenario) -> Option<String> {
    let harms = harms(scenario);
    let seen = |harm: Harm| {
        // The caller's side counts calls that end without an answer as failures.
        let shown = match harm {
            Harm::Calls | Harm::Halves if !unseen::measured_by_servers(scenario) => Harm::Errors,
            harm => harm,
        };
        let looks = |gate: &Gate| subject(gate).is_none_or(|subject| subject == shown);
        scenario.analysis.iter().any(looks)
    };
    let name = |harm| match harm {
        Harm::Errors => ("failures", "fails more often"),
        Harm::Latency => ("latency", "is slower"),
        Harm::Calls => ("calls without an answer", "leaves calls without an answer"),
        Harm::Halves => ("answers that break off", "breaks answers off"),
        Harm::Goals => ("what users do next", "serves users worse with status 200"),
    };
    let advice = |harm| match harm {
        Harm::Halves if unseen::measured_by_servers(scenario) => {
            " Servers count an answer by its status, whatever becomes of its body: measure at the \
             caller (reporter = \"client\")."
        }
        Harm::Calls if unseen::measured_by_servers(scenario) => {
            " Servers cannot count what they do not answer: measure at the caller (reporter = \
             \"client\")."
        }
        Harm::Goals => " Count what the business wants (a goal), and check it.",
        _ => "",
    };
    let unseen = *harms.iter().find(|harm| !seen(**harm))?;
    let (what, does) = name(unseen);
    Some(match harms.iter().find(|harm| seen(**harm)) {
        None => format!(
            "The bad release {does}, and nothing here looks at {what}: no amount of traffic makes \
             this fault visible.{}",
            match advice(unseen) {
                "" => format!(" Add a check on {what}."),
                advice => advice.to_owned(),
            }
        ),
        Some(other) => format!(
            "The bad release also {does}, and nothing here looks at {what}: only the {} can give it \
             away.{}",
            name(*other).0,
            advice(unseen)
        ),
    })
}

/// A fault that lies within every fixed limit on what it harms.
fn tolerated(scenario: &Scenario) -> Option<String> {
    let truth = Truth::of(scenario);
    let harms = harms(scenario);
    let mut kept = Vec::new();
    let mut exactly = false;
    for gate in &scenario.analysis {
        if !subject(gate).is_some_and(|subject| harms.contains(&subject)) {
            continue;
        }
        let allowed = gate.least_success().map(Probability::complement);
        if let Some(allowed) = allowed.filter(|allowed| truth.canary_errors <= allowed + 1e-9) {
            exactly |= truth.canary_errors >= allowed - 1e-9;
            kept.push(format!(
                "fails {} of its requests, where the limit allows {}",
                exact_share(truth.canary_errors),
                exact_share(allowed)
            ));
        } else if let Some(limit) = gate.longest_p99()
            && truth.canary_p99 <= limit.as_secs_f64()
        {
            kept.push(format!(
                "has a 99th percentile of {}, where the limit allows {}",
                latency(truth.canary_p99),
                latency(limit.as_secs_f64())
            ));
        } else {
            // This gate sees the fault, or compares with stable and may.
            return None;
        }
    }
    if kept.is_empty() {
        return None;
    }
    let verdict = if exactly && kept.len() == 1 {
        "with enough requests each check comes close to a coin toss"
    } else {
        "it is caught by luck only, and the more requests the gate sees, the rarer that is"
    };
    Some(format!(
        "The bad release {}: {verdict}.",
        kept.join(" and ")
    ))
}

/// A limit that stable itself does not keep.
fn stable_breaks(scenario: &Scenario) -> Option<String> {
    let truth = Truth::of(scenario);
    scenario.analysis.iter().find_map(|gate| {
        let what = if let Some(least) = gate.least_success()
            && truth.stable_errors > least.complement() + 1e-9
        {
            format!(
                "fails {} of its requests, and the limit allows {}",
                share(truth.stable_errors),
                exact_share(least.complement())
            )
        } else {
            let limit = gate.longest_p99()?.as_secs_f64();
            if truth.stable_p99 <= limit {
                return None;
            }
            format!(
                "has a 99th percentile of {}, and the limit allows {}",
                latency(truth.stable_p99),
                latency(limit)
            )
        };
        Some(format!(
            "Stable itself {what}: good releases roll back because of the limit, not because of \
             what they are."
        ))
    })
}
