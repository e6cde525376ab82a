//! From a table of routes to the split that it describes.

use super::which::{Known, choose};
use super::{
    Branch, Destination, Facts, Import, Injection, Mirror, Reached, Reading, Route, Said, System,
    Table,
};

/// How a table tells versions apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// One destination only.
    Plain,
    /// Copies go to another version.
    Mirrored,
    /// Conditions send requests to another version.
    Matched,
    /// Weights.
    Weighted,
}

/// What settling needs beside the table.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub(super) facts: &'a Facts,
    pub(super) known: &'a Known,
    /// What `--canary` says.
    pub(super) canary: Option<&'a str>,
    /// Who sets the weights in production, if it is not a person: `Rollout shop`.
    pub(super) controller: Option<&'a str>,
}

/// How a table tells versions apart, and the rule that does.
pub(super) fn shape(table: &Table) -> Option<(Shape, usize)> {
    let routes = reachable(table);
    let several = |route: &&Route| route.to.iter().any(|one| one.to != route.to[0].to);
    let weighted = routes
        .iter()
        .position(|route| several(&route) && route.only.is_none());
    let weighted = weighted.or_else(|| routes.iter().position(|route| several(&route)));
    if let Some(main) = weighted {
        return Some((Shape::Weighted, main));
    }
    let with_destination = |route: &Route| !route.to.is_empty();
    let main = routes.iter().rposition(with_destination)?;
    let last = &routes[main].to[0].to;
    let elsewhere = routes[..main]
        .iter()
        .filter(|route| with_destination(route));
    if elsewhere.into_iter().any(|route| route.to[0].to != *last) {
        return Some((Shape::Matched, main));
    }
    let copied = |route: &Route| {
        with_destination(route) && route.mirrors.iter().any(|mirror| mirror.to != *last)
    };
    match routes.iter().rposition(copied) {
        Some(main) => Some((Shape::Mirrored, main)),
        None => Some((Shape::Plain, main)),
    }
}

/// The rules up to the first that takes every request.
fn reachable(table: &Table) -> &[Route] {
    let last = table.routes.iter().position(|route| route.only.is_none());
    &table.routes[..last.map_or(table.routes.len(), |last| last + 1)]
}

/// The split that a table describes; `None`, with errors among the findings, when it cannot be told.
pub(super) fn settle(
    table: &Table,
    readings: &mut [Reading<'_>],
    context: &Context<'_>,
) -> Option<Import> {
    let (shape, index) = shape(table)?;
    let reading = &mut readings[table.reading];
    report_unreachable(table, reading);
    let main = &table.routes[index];
    let own = table.canary.as_ref().filter(|_| context.canary.is_none());
    let (canary, why) = match (shape, own) {
        (Shape::Plain, _) => (None, String::new()),
        (_, Some(own)) => (Some(own.clone()), "its annotations say so".to_owned()),
        (_, None) => {
            let candidates = candidates(table, shape, index);
            match choose(&candidates, context.canary, context.known, context.facts) {
                Ok((canary, why)) => (Some(canary), explained(why, shape)),
                Err(message) => {
                    let help = "say it: --canary NAME";
                    (reading.findings).error(&main.path, &message, main.place.span.clone(), help);
                    return None;
                }
            }
        }
    };
    let stable = stable_beside(table, index, canary.as_ref(), context.known);
    let weight = match (&canary, shape) {
        (Some(canary), Shape::Weighted) => weigh(table, main, canary, &stable, readings, context)?,
        _ => None,
    };
    let mut import = Import {
        system: table.system,
        title: table.title.clone(),
        name: table.name.clone(),
        place: table.place.clone(),
        weight,
        only: main.only.clone(),
        matches: Vec::new(),
        mirror: None,
        sticky: main.sticky.clone(),
        faults: Vec::new(),
        retries: main.retries.clone(),
        timeout: main.timeout.clone(),
        ejection: None,
        stable,
        canary,
        why,
    };
    let reading = &mut readings[table.reading];
    follow_routes(&mut import, table, index, reading);
    follow_mirrors(&mut import, &main.mirrors, reading);
    import.ejection = ejection(&import, context.facts);
    Some(import)
}

fn explained(why: String, shape: Shape) -> String {
    match (why.as_str(), shape) {
        ("its weight is the lowest", Shape::Matched) => {
            "only requests that match reach it".to_owned()
        }
        ("its weight is the lowest", Shape::Mirrored) => "it gets copies only".to_owned(),
        _ => why,
    }
}

/// The destinations among which the canary is, each once, with what is known of their weights.
fn candidates(table: &Table, shape: Shape, index: usize) -> Vec<(Destination, Option<f64>)> {
    let main = &table.routes[index];
    let mut found: Vec<(Destination, Option<f64>)> = Vec::new();
    let mut add = |to: &Destination, weight: f64| {
        match found.iter_mut().find(|(one, _)| one == to) {
            Some((_, sum)) => *sum = sum.map(|sum| sum + weight),
            None => found.push((to.clone(), Some(weight))),
        };
    };
    for branch in &main.to {
        let weight = if shape == Shape::Weighted {
            branch.weight.value
        } else {
            1.0
        };
        add(&branch.to, weight);
    }
    if shape == Shape::Matched {
        let routes = reachable(table).iter();
        for route in routes.filter(|route| route.to.len() == 1 && route.only.is_some()) {
            add(&route.to[0].to, 0.0);
        }
    }
    if shape == Shape::Mirrored {
        for mirror in &main.mirrors {
            add(&mirror.to, 0.0);
        }
    }
    found
}

/// The destination that the canary is compared with: the one that is said to be stable, or the
/// heaviest of the others.
fn stable_beside(
    table: &Table,
    index: usize,
    canary: Option<&Destination>,
    known: &Known,
) -> Option<Destination> {
    let others = || {
        let branches = table.routes[index].to.iter();
        branches.filter(|branch| Some(&branch.to) != canary)
    };
    let said = others().find(|branch| known.stable.iter().any(|name| branch.to.is_called(name)));
    let heaviest = others().max_by(|a, b| {
        let order = a.weight.value.total_cmp(&b.weight.value);
        // The first of equals.
        order.then(std::cmp::Ordering::Greater)
    });
    if let Some(branch) = said.or(heaviest) {
        return Some(branch.to.clone());
    }
    // The main rule goes to the canary alone: stable is where other requests go.
    let elsewhere = reachable(table).iter().flat_map(|route| &route.to);
    let mut elsewhere = elsewhere.filter(|branch| Some(&branch.to) != canary);
    elsewhere.next().map(|branch| branch.to.clone())
}

/// The canary's percentage; `Some(None)` when a controller sets it.
fn weigh(
    table: &Table,
    main: &Route,
    canary: &Destination,
    stable: &Option<Destination>,
    readings: &mut [Reading<'_>],
    context: &Context<'_>,
) -> Option<Option<Said<f64>>> {
    if let Some(controller) = context.controller {
        for branch in &main.to {
            let why = format!("{controller} sets the weights");
            let reading = &mut readings[branch.reading];
            reading.findings.mark_ignored(&branch.path, &why);
        }
        return Some(None);
    }
    let sum = |of: &dyn Fn(&Branch) -> bool| {
        let branches = main.to.iter().filter(|branch| of(branch));
        branches.map(|branch| branch.weight.value).sum::<f64>()
    };
    let total = sum(&|_| true);
    let own = main.to.iter().find(|branch| branch.to == *canary)?;
    if total <= 0.0 {
        let message = format!("all weights are zero: {}", table.system.at_zero());
        let help = "give stable and the canary weights, like 90 and 10";
        let findings = &mut readings[table.reading].findings;
        findings.error(&main.path, &message, main.place.span.clone(), help);
        return None;
    }
    let percent = sum(&|branch| branch.to == *canary) / total * 100.0;
    if table.system == System::Istio && (total - 100.0).abs() > 1e-9 {
        let message = format!(
            "the weights add up to {total} and not to 100: they count as shares of that, so the canary \
             gets {} % of the requests",
            rounded(percent)
        );
        let findings = &mut readings[table.reading].findings;
        findings.warn(&main.path, &message, own.weight.place.span.clone());
    }
    let neither = |branch: &Branch| branch.to != *canary && Some(&branch.to) != stable.as_ref();
    for branch in main.to.iter().filter(|branch| neither(branch)) {
        let findings = &mut readings[branch.reading].findings;
        if branch.weight.value > 0.0 {
            let message = format!(
                "`{}` is neither the canary nor stable: its requests count as stable's",
                branch.to
            );
            findings.warn(&branch.path, &message, branch.weight.place.span.clone());
        } else {
            findings.mark_ignored(&branch.path, "it gets no requests");
        }
    }
    if percent == 0.0 {
        let message =
            "the canary gets no requests at this weight: the scenario begins with another";
        let findings = &mut readings[own.reading].findings;
        findings.warn(&own.path, message, own.weight.place.span.clone());
    }
    Some(Some(Said {
        value: percent,
        place: own.weight.place.clone(),
    }))
}

/// A percentage with three significant digits at most behind the point.
fn rounded(percent: f64) -> f64 {
    (percent * 1e3).round() / 1e3
}

/// What the rules beside the main one mean for the canary.
fn follow_routes(import: &mut Import, table: &Table, index: usize, reading: &mut Reading<'_>) {
    let reachable = reachable(table).len();
    for (place, route) in table.routes[..reachable].iter().enumerate() {
        let takes = |of: &Option<Destination>| {
            let mut taking = route
                .to
                .iter()
                .filter(|branch| branch.weight.value > 0.0 || route.to.len() == 1);
            of.is_some()
                && taking
                    .next()
                    .is_some_and(|branch| Some(&branch.to) == of.as_ref())
                && taking.all(|branch| Some(&branch.to) == of.as_ref())
        };
        let target = if place == index {
            match import.canary.is_some() && import.weight.is_none() && takes(&import.canary) {
                true => Reached::Canary,
                false => Reached::Everybody,
            }
        } else if takes(&import.canary) {
            Reached::Canary
        } else if takes(&import.stable) {
            Reached::Stable
        } else {
            let ours = route.to.iter().any(|branch| {
                Some(&branch.to) == import.canary.as_ref()
                    || Some(&branch.to) == import.stable.as_ref()
            });
            if ours && place < index {
                let message = "another split before the one that is simulated: it is not simulated";
                (reading.findings).warn(&route.path, message, route.place.span.clone());
            }
            let why = match ours {
                true => "another rule's split is simulated",
                false => "its requests go elsewhere",
            };
            reading.findings.mark_ignored(&route.path, why);
            continue;
        };
        let only = (place != index).then(|| route.only.clone()).flatten();
        if place == index && import.canary.is_some() && import.weight.is_none() {
            // The other rules' requests are the canary's or stable's too.
            import.only = None;
        }
        match (target, &route.only) {
            (Reached::Canary, Some(only)) if place <= index => import.matches.push(only.clone()),
            (Reached::Stable, Some(_)) if place < index && import.weight.is_some() => {
                let message = "requests that match go to stable alone, so the canary gets less of all \
                               requests than its weight says; this is not simulated";
                (reading.findings).warn(&route.path, message, route.place.span.clone());
            }
            _ => {}
        }
        import
            .faults
            .extend(route.faults.iter().map(|(kind, share)| Injection {
                kind: kind.clone(),
                share: share.clone(),
                target,
                only: only.clone(),
            }));
        if place != index {
            follow_settings(import, route, reading);
        }
    }
}

/// Retries and the like of another rule: those of the main rule are simulated for all.
fn follow_settings(import: &Import, route: &Route, reading: &mut Reading<'_>) {
    let why = "the split's own rule decides for all requests";
    if route.retries.is_some()
        && route.retries.as_ref().map(|r| r.attempts) != import.retries.as_ref().map(|r| r.attempts)
    {
        reading
            .findings
            .mark_ignored(&format!("{}.retries", route.path), why);
    }
    if route.timeout.as_ref().map(|t| t.value) != import.timeout.as_ref().map(|t| t.value) {
        reading
            .findings
            .mark_ignored(&format!("{}.timeout", route.path), why);
    }
    for mirror in &route.mirrors {
        reading.findings.mark_ignored(&mirror.path, why);
    }
}

fn follow_mirrors(import: &mut Import, mirrors: &[Mirror], reading: &mut Reading<'_>) {
    for mirror in mirrors {
        if Some(&mirror.to) == import.canary.as_ref() && import.mirror.is_none() {
            import.mirror = Some(mirror.share.clone());
            continue;
        }
        let why = format!("copies go to `{}`, which is not the canary", mirror.to);
        reading.findings.mark_ignored(&mirror.path, &why);
    }
}

fn report_unreachable(table: &Table, reading: &mut Reading<'_>) {
    for route in &table.routes[reachable(table).len()..] {
        let message = "is never reached: a rule before it takes every request";
        (reading.findings).warn(&route.path, message, route.place.span.clone());
        (reading.findings).mark_ignored(&route.path, "it is never reached");
    }
}

/// Outlier detection of the canary's pool, or else of stable's.
fn ejection(import: &Import, facts: &Facts) -> Option<super::Ejection> {
    let of = |one: &Option<Destination>| {
        let one = one.as_ref()?.canonical();
        let whole = Destination {
            host: one.host.clone(),
            subset: None,
        };
        facts
            .ejections
            .get(&one)
            .or_else(|| facts.ejections.get(&whole))
    };
    of(&import.canary).or_else(|| of(&import.stable)).cloned()
}

impl System {
    /// What it does when all weights are zero.
    fn at_zero(self) -> &'static str {
        match self {
            System::Istio => "Istio refuses that",
            System::Gateway => "every request is answered with status 500",
            System::Smi | System::Nginx | System::Traefik => "no request is answered",
        }
    }
}
