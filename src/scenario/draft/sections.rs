//! The sections of a drafted scenario.

use super::super::controllers::Controller;
use super::super::{defaults, file};
use super::text::{FILL_IN, Page, read_by};
use crate::base::{Probability, Weight};
use crate::manifest::Found;
use crate::manifest::split::{
    Destination, Import, Injection, InjectionKind, Reached, Retries, System,
};

/// Of a service that nobody knows.
const RATE: &str = "20/s";
const BAD_ERRORS: &str = "1%";
const MATCHED: &str = "10%";
const WEIGHT: f64 = 10.0;
const HOLD: &str = "30m";
/// What the caller's proxy takes to answer by itself.
const AT_ONCE: &str = "1ms";
/// Requests that one instance may work on; so many that nobody waits.
const WORKERS: u32 = 1_000;

pub(super) fn head(
    page: &mut Page<'_>,
    split: Option<&Import>,
    controller: Option<Controller>,
    found: &[Found],
) {
    let decider = controller.and_then(|controller| {
        let mut of = found.iter().filter(|one| controller.decides(one));
        of.next().map(|one| one.title.clone())
    });
    let subject = match (&decider, split) {
        (Some(decider), _) => decider.clone(),
        (None, Some(split)) => split.title.clone(),
        (None, None) => return,
    };
    page.quoted(
        "name",
        file::name_of(std::path::Path::new(&last_word(&subject))),
        "",
    );
    let title = match split.map(|split| (&split.canary, &split.stable)) {
        Some((Some(canary), Some(stable))) => {
            format!(
                "{subject}: {} beside {}",
                canary.version(),
                stable.version()
            )
        }
        _ => subject,
    };
    page.quoted("title", title, "");
}

/// The name of `VirtualService reviews`, which ends at the first dot for a file's name.
fn last_word(title: &str) -> String {
    let name = title.split(' ').next_back().unwrap_or_default();
    name.replace('.', "-")
}

pub(super) fn traffic(page: &mut Page<'_>, split: Option<&Import>) {
    page.section("[traffic]", None);
    let which = match split.and_then(|split| split.only.as_ref()) {
        Some(only) => format!(
            "requests to both versions together that match {}; {}",
            only.value,
            page.cite(&only.place)
        ),
        None => "requests to both versions together".to_owned(),
    };
    page.quoted("rate", RATE, format!("{FILL_IN}: {which}"));
}

pub(super) fn versions(page: &mut Page<'_>, split: Option<&Import>) {
    let name = |one: &Option<Destination>| one.as_ref().map(ToString::to_string);
    let stable = split.and_then(|split| name(&split.stable));
    page.section("[stable]", stable.as_deref());
    page.quoted("latency", defaults::LATENCY, FILL_IN);
    page.quoted("errors", defaults::errors(), FILL_IN);
    if let Some(timeout) = split.and_then(|split| split.timeout.as_ref()) {
        let comment = page.cite(&timeout.place);
        page.quoted("timeout", timeout.value, comment);
        let why = "requests that one instance works on; the timeout needs a number";
        page.plain("workers", WORKERS, format!("{FILL_IN}: {why}"));
    }
    faults(page, split, Reached::Stable);
    let canary = split.and_then(|split| {
        let name = name(&split.canary)?;
        Some(format!("{name} is the canary: {}", split.why))
    });
    page.section("[canary]", canary.as_deref());
    let injected = split.is_some_and(|split| {
        let mut faults = split.faults.iter();
        faults.any(|fault| fault.target == Reached::Canary)
    });
    if !injected {
        let what = "what is wrong with a bad release, here or in [[canary.faults]]";
        page.quoted("errors", BAD_ERRORS, format!("{FILL_IN}: {what}"));
    }
    faults(page, split, Reached::Canary);
}

pub(super) fn shared_faults(page: &mut Page<'_>, split: Option<&Import>) {
    faults(page, split, Reached::Everybody);
}

fn faults(page: &mut Page<'_>, split: Option<&Import>, target: Reached) {
    let faults = split
        .map(|split| split.faults.as_slice())
        .unwrap_or_default();
    for fault in faults.iter().filter(|fault| fault.target == target) {
        let head = match target {
            Reached::Everybody => "[[faults]]",
            Reached::Canary => "[[canary.faults]]",
            Reached::Stable => "[[stable.faults]]",
        };
        page.section(head, Some("in production the caller's proxy does this"));
        write_fault(page, fault);
    }
}

fn write_fault(page: &mut Page<'_>, fault: &Injection) {
    let share = page.cite(&fault.share.place);
    match &fault.kind {
        InjectionKind::Abort(status) => {
            page.quoted("kind", "errors", page.cite(&status.place));
            page.quoted("probability", fault.share.value, share);
            page.quoted("latency", AT_ONCE, "the proxy answers at once");
        }
        InjectionKind::Delay(delay) if fault.share.value == Probability::ONE => {
            page.quoted("kind", "latency", share);
            page.quoted("add", delay.value, page.cite(&delay.place));
        }
        InjectionKind::Delay(delay) => {
            page.quoted("kind", "tail", "");
            page.quoted("probability", fault.share.value, share);
            page.quoted("add", delay.value, page.cite(&delay.place));
        }
    }
    if let Some(only) = &fault.only {
        let what = format!(
            "share of requests with {}; {}",
            only.value,
            page.cite(&only.place)
        );
        page.quoted("requests", MATCHED, format!("{FILL_IN}: {what}"));
    }
}

pub(super) fn split(page: &mut Page<'_>, split: &Import) {
    page.section("[split]", None);
    let (policy, why) = split.system.policy();
    page.quoted("policy", policy, why);
    if let (Some(first), Some(_)) = (split.matches.first(), &split.weight) {
        let all: Vec<&str> = split.matches.iter().map(|one| one.value.as_str()).collect();
        let what = format!(
            "share of requests with {}; {}",
            all.join(" or "),
            page.cite(&first.place)
        );
        page.quoted("match", MATCHED, format!("{FILL_IN}: {what}"));
    }
    if let Some(sticky) = &split.sticky {
        page.section("[split.affinity]", Some(&page.cite(&sticky.place)));
        let policy = if sticky.first { "first" } else { "both" };
        page.quoted("policy", policy, split.system.name());
        match &sticky.lifetime {
            Some(lifetime) => {
                let comment = page.cite(&lifetime.place);
                page.quoted("lifetime", lifetime.value, comment);
            }
            None => {
                let what = "as long as a browser runs: the cookie has no age";
                page.quoted("lifetime", defaults::COOKIE, format!("{FILL_IN}: {what}"));
            }
        }
        if sticky.outlives_rollback {
            page.plain("outlives_rollback", true, "a session holds at weight 0 too");
        }
    }
    if let Some(retries) = &split.retries {
        write_retries(page, split.system, retries);
    }
    if let Some(ejection) = &split.ejection {
        page.section("[split.ejection]", Some(&page.cite(&ejection.place)));
        if let Some(said) = &ejection.consecutive {
            page.plain("consecutive", said.value, page.cite(&said.place));
        }
        for (key, said) in [("interval", &ejection.interval), ("base", &ejection.base)] {
            if let Some(said) = said {
                page.quoted(key, said.value, page.cite(&said.place));
            }
        }
        if let Some(said) = &ejection.most {
            page.quoted("most", said.value, page.cite(&said.place));
        }
    }
}

fn write_retries(page: &mut Page<'_>, system: System, retries: &Retries) {
    let comment = match &retries.place {
        Some(place) => page.cite(place),
        None => format!("what {} does where nothing is said", system.name()),
    };
    page.section("[split.retries]", Some(&comment));
    page.plain("attempts", retries.attempts, "after the first");
    let on = match (retries.on_errors, retries.on_resets) {
        (true, true) => "[\"errors\", \"resets\"]",
        (true, false) => "[\"errors\"]",
        _ => "[\"resets\"]",
    };
    page.plain("on", on, "");
    for (key, said) in [
        ("per_try_timeout", &retries.per_try_timeout),
        ("backoff", &retries.backoff),
    ] {
        if let Some(said) = said {
            page.quoted(key, said.value, page.cite(&said.place));
        }
    }
}

pub(super) fn telemetry(page: &mut Page<'_>, split: &Import) {
    let Some(buckets) = split.system.buckets() else {
        return;
    };
    page.section("[telemetry]", None);
    page.quoted(
        "buckets",
        buckets,
        format!("the histogram of {}", split.system.name()),
    );
}

pub(super) fn rollout(
    page: &mut Page<'_>,
    split: Option<&Import>,
    controller: Option<Controller>,
    found: &[Found],
) {
    page.section("[rollout]", None);
    match controller {
        Some(controller) => {
            let names = read_by(controller, page.sources, found).into_iter();
            let names = names.map(toml::Value::String).collect();
            page.plain(controller.key(), toml::Value::Array(names), "");
        }
        None => steps(page, split),
    }
}

/// One step at the split's own weight, with a gate of ours.
fn steps(page: &mut Page<'_>, split: Option<&Import>) {
    let weight = split.and_then(|split| split.weight.as_ref());
    let mirror = split.and_then(|split| split.mirror.as_ref());
    let matches = split.map_or(&[][..], |split| split.matches.as_slice());
    let own = weight.filter(|weight| weight.value > 0.0 || mirror.is_some());
    let (value, comment) = match (own, matches, mirror) {
        (Some(weight), _, _) => (weight.value, page.cite(&weight.place)),
        (None, [first, ..], _) if weight.is_none() => {
            let all: Vec<&str> = matches.iter().map(|one| one.value.as_str()).collect();
            let what = format!("share of requests with {}", all.join(" or "));
            (
                WEIGHT,
                format!("{FILL_IN}: {what}; {}", page.cite(&first.place)),
            )
        }
        (None, _, Some(_)) => (0.0, "copies only".to_owned()),
        (None, _, None) => (WEIGHT, format!("{FILL_IN}: the canary's percentage")),
    };
    let value = Weight::clamped((value * 1e4).round() / 1e4);
    page.section("[[rollout.steps]]", None);
    page.quoted("weight", value, comment);
    if let Some(mirror) = mirror {
        page.quoted("mirror", mirror.value, page.cite(&mirror.place));
    }
    page.quoted(
        "hold",
        HOLD,
        format!("{FILL_IN}: how long the canary stays before it is promoted"),
    );
    let what = "your gate; a split has none";
    page.section("[[rollout.gates]]", Some(&format!("{FILL_IN}: {what}")));
    page.quoted("kind", "success-ratio", "");
    page.quoted("min", "99%", "");
    page.quoted("window", defaults::WINDOW * 5, "");
    let mut weights = defaults::weights();
    if own.is_some() && !value.is_zero() && !weights.contains(&value) {
        weights.push(value);
        weights.sort_by(|a, b| a.as_percent().total_cmp(&b.as_percent()));
        let weights: Vec<String> = weights.iter().map(|one| format!("\"{one}\"")).collect();
        page.section("[experiment]", None);
        let list = format!("[{}]", weights.join(", "));
        page.plain("weights", list, "the split's own among ours");
    }
}

/// Answers of ours to what the gates ask of others.
pub(super) fn figures(page: &mut Page<'_>, questions: &[String]) {
    for name in questions {
        let what = "what the system answers that this metric asks, usually and for a bad release";
        page.section("[[figures]]", Some(&format!("{FILL_IN}: {what}")));
        page.quoted("name", name, "");
        page.plain("values", 1, "");
        page.plain("faulty", 2, "");
    }
}

impl System {
    /// How it is called in comments.
    fn name(self) -> &'static str {
        match self {
            System::Istio => "Istio",
            System::Gateway => "the Gateway API",
            System::Smi => "Linkerd",
            System::Nginx => "ingress-nginx",
            System::Traefik => "Traefik",
        }
    }

    /// How it makes a choice of a weight, in the words of a scenario, and why so.
    fn policy(self) -> (&'static str, &'static str) {
        match self {
            System::Istio => ("random", "Envoy draws for each request"),
            System::Gateway => (
                "random",
                "left to implementations; most draw for each request",
            ),
            System::Smi => ("random", "Linkerd draws for each request"),
            System::Nginx => ("random", "ingress-nginx draws for each request"),
            System::Traefik => ("round-robin", "Traefik goes in turn"),
        }
    }

    /// Whose latency histogram its metrics have; `None` where implementations differ.
    fn buckets(self) -> Option<&'static str> {
        match self {
            System::Istio => Some("istio"),
            System::Gateway => None,
            System::Smi => Some("linkerd"),
            System::Nginx => Some("nginx"),
            System::Traefik => Some("traefik"),
        }
    }
}
