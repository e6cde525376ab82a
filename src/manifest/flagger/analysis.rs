//! `spec.analysis` without its metrics and hooks: the strategy and its steps.
//!
//! Admission rules are those of the Canary schema of Flagger 1.44.0; what it does with odd values
//! is in `pkg/apis/flagger/v1beta1/canary.go` and `pkg/controller/scheduler.go`.

use super::super::findings::{Field, Fields, Findings};
use crate::base::Span;
use crate::rollout::HookKinds;
use crate::rollout::flagger::{
    FlaggerPlan, FlaggerSettings, Interval, Obstacle, Router, Strategy, analysis_interval,
};

/// What the rest of the Canary says that the plan needs.
pub(super) struct Context {
    pub(super) router: Router,
    pub(super) provider: &'static str,
    pub(super) skip_analysis: bool,
    pub(super) hooks: HookKinds,
}

/// Reads the plan; meaningless when errors were found on the way.
pub(super) fn read(
    findings: &mut Findings,
    analysis: &Fields<'_>,
    context: &Context,
) -> FlaggerPlan {
    let errors_before = findings.errors();
    check_combination(findings, analysis);
    let settings = FlaggerSettings {
        interval: interval(findings, analysis),
        threshold: threshold(findings, analysis),
        step_weight: findings.integer_at(analysis, "stepWeight"),
        step_weights: step_weights(findings, analysis),
        max_weight: findings.integer_at(analysis, "maxWeight"),
        step_weight_promotion: findings.integer_at(analysis, "stepWeightPromotion"),
        iterations: findings.integer_at(analysis, "iterations"),
        matched: matched(findings, analysis),
        mirror: findings.truth(analysis, "mirror"),
        mirror_weight: mirror_weight(findings, analysis),
        skip_analysis: context.skip_analysis,
        router: context.router,
        hooks: context.hooks,
    };
    ready_thresholds(findings, analysis);
    session_affinity(findings, analysis, context);
    let plan = FlaggerPlan::new(settings);
    if findings.errors() > errors_before {
        // An obstacle may be only the consequence of a value that could not be read.
        return plan;
    }
    report_obstacle(findings, analysis, &plan, context);
    report_return(findings, analysis, &plan);
    report_strategy(findings, analysis, &plan);
    plan
}

/// Exactly one of {interval, threshold} with iterations, stepWeight or stepWeights.
fn check_combination(findings: &mut Findings, analysis: &Fields<'_>) {
    for key in ["interval", "threshold"] {
        if !analysis.has(key) {
            let help = match key {
                "interval" => "write how often to check, like `interval: 1m`",
                _ => "write how many failed checks end the rollout, like `threshold: 5`",
            };
            let path = analysis.path_of(key);
            let message = "is missing, and the API server refuses a Canary without it";
            findings.error(&path, message, analysis.place.clone(), help);
        }
    }
    let steps: Vec<Field<'_>> = ["stepWeight", "stepWeights", "iterations"]
        .into_iter()
        .filter_map(|key| analysis.get(key))
        .collect();
    let help = "keep exactly one of stepWeight, stepWeights and iterations";
    match &steps[..] {
        [] => {
            let path = analysis.path_of("stepWeight");
            let message =
                "is missing, and so are stepWeights and iterations: the API server wants one";
            findings.error(&path, message, analysis.place.clone(), help);
        }
        [_] => {}
        [first, others @ ..] => {
            for other in others {
                let message = format!("the API server refuses it beside {}", first.path);
                findings.error(&other.path, &message, other.key_span.clone(), help);
            }
        }
    }
}

fn interval(findings: &mut Findings, analysis: &Fields<'_>) -> Span {
    let Some((text, field)) = findings.text(analysis, "interval") else {
        return analysis_interval("").span();
    };
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    if digits == 0 || !text[digits..].starts_with(['m', 's']) {
        let message = format!("`{text}` is refused by the API server");
        let help = "write digits followed by s or m, like 30s or 5m";
        findings.error(&field.path, &message, field.place(), help);
    }
    let interval = analysis_interval(text);
    let message = match interval {
        Interval::AsWritten(_) => return interval.span(),
        Interval::Raised(span) => {
            format!("`{text}` is shorter than Flagger ticks: it takes {span}")
        }
        Interval::NotUnderstood(span) => {
            format!("`{text}` is not a duration that Flagger understands: it takes {span}")
        }
    };
    findings.warn(&field.path, &message, field.place());
    interval.span()
}

fn threshold(findings: &mut Findings, analysis: &Fields<'_>) -> i64 {
    let Some(field) = analysis.get("threshold") else {
        return 0;
    };
    let threshold = findings.integer(&field);
    if let Some(number @ ..=0) = threshold {
        findings.warn(&field.path, &format!("{number} counts as 1"), field.place());
    }
    threshold.unwrap_or(0)
}

fn step_weights(findings: &mut Findings, analysis: &Fields<'_>) -> Vec<i64> {
    let Some(field) = analysis.get("stepWeights") else {
        return Vec::new();
    };
    findings.mark_used(&field.path);
    let items = findings.list(&field);
    items
        .iter()
        .filter_map(|item| findings.integer(item))
        .collect()
}

/// Who matches is for the traffic to say; here only whether anyone is named.
fn matched(findings: &mut Findings, analysis: &Fields<'_>) -> bool {
    let Some(field) = analysis.get("match") else {
        return false;
    };
    findings.mark_used(&field.path);
    !findings.list(&field).is_empty()
}

fn mirror_weight(findings: &mut Findings, analysis: &Fields<'_>) -> i64 {
    let Some(field) = analysis.get("mirrorWeight") else {
        return 0;
    };
    let weight = findings.integer(&field).unwrap_or(0);
    if !(0..=100).contains(&weight) {
        let message = format!("{weight} is not a percentage");
        findings.error(
            &field.path,
            &message,
            field.place(),
            "write 0 to 100; 0 mirrors everything",
        );
    }
    weight
}

fn ready_thresholds(findings: &mut Findings, analysis: &Fields<'_>) {
    for key in ["primaryReadyThreshold", "canaryReadyThreshold"] {
        let Some(field) = analysis.get(key) else {
            continue;
        };
        if findings
            .integer(&field)
            .is_some_and(|percent| percent > 100)
        {
            let message = "more than all pods can never be ready: the rollout never goes on";
            findings.error(
                &field.path,
                message,
                field.place(),
                "write a percentage up to 100",
            );
        }
        findings.mark_ignored(&field.path, "pods are taken to be ready at every tick");
    }
}

/// Sticky sessions decide nothing, but change who meets the canary.
fn session_affinity(findings: &mut Findings, analysis: &Fields<'_>, context: &Context) {
    let Some(field) = analysis.get("sessionAffinity") else {
        return;
    };
    let Some(affinity) = findings.map(&field) else {
        return;
    };
    let canary = findings.text(&affinity, "cookieName");
    let primary = findings.text(&affinity, "primaryCookieName");
    match (&canary, &primary) {
        (None, _) if !affinity.has("cookieName") => {
            let path = affinity.path_of("cookieName");
            let message = "is missing, and the API server refuses sessionAffinity without it";
            let help = "write a name, like `cookieName: canary`";
            findings.error(&path, message, affinity.place.clone(), help);
        }
        (Some((canary, _)), Some((primary, place))) if canary == primary => {
            let message = "is the canary's cookie too: Flagger never starts such a Canary";
            findings.error(&place.path, message, place.place(), "give it another name");
        }
        _ => {}
    }
    if !matches!(context.router, Router::Istio | Router::GatewayApi) {
        let why = format!("provider {} knows no session affinity", context.provider);
        findings.mark_ignored(&field.path, &why);
        return;
    }
    let message = "users who met the canary once stay with it, so it gets more of them than its weight \
                   says; this is not simulated from the manifest";
    findings.warn(&field.path, message, field.place());
    findings.mark_ignored(
        &field.path,
        "sticky sessions are not simulated from the manifest",
    );
}

fn report_obstacle(
    findings: &mut Findings,
    analysis: &Fields<'_>,
    plan: &FlaggerPlan,
    context: &Context,
) {
    let Some(obstacle) = plan.obstacle() else {
        return;
    };
    let (key, message, help) = match obstacle {
        Obstacle::NoStepFrom(weight) => {
            let keys = ["stepWeights", "stepWeight", "iterations"];
            let key = keys.into_iter().find(|key| analysis.has(key));
            (
                key.unwrap_or("stepWeight"),
                match weight {
                    0 => "there is no first step above 0: the canary never gets traffic".to_owned(),
                    _ => format!(
                        "at {weight} % the next step is not above it: the rollout stays there for ever"
                    ),
                },
                match key {
                    Some("iterations") => "write at least 1",
                    Some("stepWeights") => "write increasing weights, like [5, 20, 50]",
                    _ => "write a step of at least 1",
                },
            )
        }
        Obstacle::MaximumOutOfReach(most) => (
            "maxWeight",
            format!(
                "{most} is never reached, the weight ends at 100: the canary is never promoted"
            ),
            "write at most 100",
        ),
        Obstacle::MirrorNeverReported => (
            "mirror",
            format!(
                "provider {} does not report that mirroring is on: the rollout repeats its first step \
                 for ever, checking nothing",
                context.provider
            ),
            "leave mirror out, or use provider istio",
        ),
    };
    let place = analysis.get(key).map(|field| field.place());
    let place = place.unwrap_or_else(|| analysis.place.clone());
    findings.error(&analysis.path_of(key), &message, place, help);
}

/// Steps by which traffic returns after promotion may never get there. The canary is promoted all
/// the same.
fn report_return(findings: &mut Findings, analysis: &Fields<'_>, plan: &FlaggerPlan) {
    let (Some(field), settings) = (analysis.get("stepWeightPromotion"), plan.settings()) else {
        return;
    };
    let step = settings.step_weight_promotion;
    // Provider kubernetes makes its weights up from the iterations, so no step is ever seen.
    let made_up = settings.router == Router::Kubernetes && (1..100).contains(&step);
    if step < 0 || made_up {
        let message =
            "traffic never returns to the primary in such steps: the phase stays Promoting";
        findings.warn(&field.path, message, field.place());
    }
}

/// Says what the canary's traffic is, and which fields the strategy leaves out.
fn report_strategy(findings: &mut Findings, analysis: &Fields<'_>, plan: &FlaggerPlan) {
    let settings = plan.settings();
    let ignore = |findings: &mut Findings, key: &str, why: &str| {
        if analysis.has(key) {
            findings.mark_ignored(&analysis.path_of(key), why);
        }
    };
    if settings.skip_analysis {
        return;
    }
    let place = |key: &str| {
        let field = analysis.get(key);
        field.map_or_else(|| analysis.place.clone(), |field| field.key_span)
    };
    let iterations = analysis.path_of("iterations");
    match settings.strategy() {
        Strategy::Weighted => {
            if settings.matched {
                let path = analysis.path_of("match");
                let message =
                    "decides nothing without iterations: the canary gets its share of everybody";
                findings.warn(&path, message, place("match"));
                findings.mark_ignored(&path, "there are no iterations");
            }
            if !settings.step_weights.is_empty() {
                ignore(
                    findings,
                    "maxWeight",
                    "the last of stepWeights is the maximum",
                );
            }
        }
        Strategy::AbTest => {
            ignore(findings, "maxWeight", "an A/B test has no weights");
            let message =
                "an A/B test: of the requests that match all reach the canary, of the others none";
            findings.warn(&analysis.path_of("match"), message, place("match"));
        }
        Strategy::BlueGreen => {
            for key in ["maxWeight", "stepWeight", "stepWeights"] {
                ignore(findings, key, "Blue/Green has no weights");
            }
            let message = blue_green_traffic(settings);
            findings.warn(&iterations, &message, place("iterations"));
        }
    }
    if settings.router != Router::Istio {
        ignore(findings, "mirrorWeight", "only Istio mirrors a share");
    }
}

fn blue_green_traffic(settings: &FlaggerSettings) -> String {
    let count = settings.iterations();
    let traffic = match settings.router {
        Router::Kubernetes => {
            "provider kubernetes routes nothing, so the canary gets no users' requests before promotion"
        }
        Router::Istio if settings.mirror => {
            "the canary gets copies of requests until it takes all of them"
        }
        Router::GatewayApi if settings.mirror => {
            "the canary gets copies of requests until it takes all of them"
        }
        _ => "the canary gets no users' requests until it takes all of them",
    };
    format!(
        "Blue/Green with {count} iterations: {traffic}; without traffic (a load-test hook makes some) \
         metrics have no data and checks fail"
    )
}
