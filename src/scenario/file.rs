//! A scenario file as a whole: its sections put together, and checked together.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

use super::check::{self, Subject};
use super::controllers::Controller;
use super::defaults;
use super::fault;
use super::files::Files;
use super::names::{Known, Names};
use super::reader::Table;
use super::report::Report;
use super::service::{self, Canary};
use super::traffic::positive_span;
use super::{
    Rival, Scenario, Tune, expectations, experiment, figures, goals, hooks, live, queries, rollout,
    split, telemetry, traffic, tune,
};
use crate::base::{Probability, Problem, Problems, Severity};
use crate::manifest::Measured;
use crate::model::World;
use crate::model::fault::Target;
use crate::model::service::Goal;

/// Reads a scenario's text. Problems carry `file` as their place.
pub(super) fn read(text: &str, file: &Path, files: Files<'_>) -> Result<Scenario, Problems> {
    let (mut report, root) = Report::parse(text);
    report.files = files;
    let mut foreign = None;
    let mut draft = read_root(Table::root(&report, &root), text, file, files, &mut foreign);
    if let Some((scenario, places)) = &mut draft
        && !report.has_errors()
    {
        let unbound = queries::bind(scenario);
        queries::deploy_baseline(&mut scenario.world, &scenario.analysis);
        for remark in unbound.into_iter().chain(check::remarks(scenario)) {
            let place = place_of(places, remark.subject);
            match remark.severity {
                Severity::Error => report.error(place, remark.message, remark.help),
                Severity::Warning => report.warning(place, remark.message, remark.help),
            }
        }
    }
    let failed = report.has_errors();
    let mut problems = report.into_problems();
    let errors = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .count();
    match (draft, foreign) {
        (Some((mut scenario, _)), _) if !failed => {
            let warnings = problems.iter().map(|problem| problem.one_line(file, text));
            scenario.warnings.extend(warnings);
            Ok(scenario)
        }
        // Nothing is wrong but the Canary: its own text shows the places better.
        (_, Some(foreign)) if errors == foreign.count() => Err(foreign),
        _ => {
            if problems.is_empty() {
                problems.push(Problem::error("cannot be understood", None));
            }
            Err(Problems {
                file: file.to_owned(),
                text: text.to_owned(),
                problems,
                also: Vec::new(),
            })
        }
    }
}

pub(super) type Places = BTreeMap<Subject, Range<usize>>;

fn place_of(places: &Places, subject: Subject) -> Range<usize> {
    // The gates of a Canary stand in another file: the field that names it has to do.
    let place = places.get(&subject).or_else(|| match subject {
        Subject::Gate(_) => places.get(&Subject::Rollout),
        _ => None,
    });
    place.cloned().unwrap_or(0..0)
}

pub(super) fn read_root(
    mut table: Table<'_>,
    text: &str,
    file: &Path,
    files: Files<'_>,
    foreign: &mut Option<Problems>,
) -> Option<(Scenario, Places)> {
    let places = find_places(&mut table);
    let name = read_name(&mut table, file);
    let title = read_words(&mut table, "title");
    let subject = read_words(&mut table, "subject");
    let story = read_words(&mut table, "story");
    let horizon = match table.get("horizon") {
        None => Some(None),
        Some(value) => positive_span(&value).map(Some),
    };
    let world = read_world(&mut table);
    let names = Known::of(world.as_ref());
    let measured = match table.get("telemetry") {
        None => Some(telemetry::unsaid()),
        Some(value) => value.table().and_then(telemetry::read),
    };
    let shown = match (&measured, &world) {
        (Some(measured), Some(world)) => measured.measured(world),
        _ => Measured::plain(),
    };
    let rollout = table
        .require(
            "rollout",
            "add [rollout] with flagger = \"canary.yaml\", or with steps",
        )
        .and_then(|value| value.table())
        .and_then(|table| rollout::read(table, files, foreign, &names, &shown));
    // Rivals read what is shown to the scenario's own rollout.
    let of_own = (rollout.as_ref()).map(|own| (own.buckets.clone(), own.reporter));
    let (buckets, reporter) = of_own.unwrap_or_default();
    let shown = Measured {
        buckets: (shown.buckets.or(buckets)).or_else(|| Some(shown.plan.buckets.clone())),
        reporter: (shown.reporter.or(reporter)).or(Some(shown.plan.reporter)),
        ..shown
    };
    let rivals = match table.get("rivals") {
        None => Some(Vec::new()),
        Some(value) => rollout::read_rivals(&value, files, foreign, &names, &shown),
    };
    let written = match table.get("figures") {
        None => Some(Vec::new()),
        Some(value) => figures::read(&value),
    };
    let experiment = match table.get("experiment") {
        None => Some(experiment::unsaid()),
        Some(value) => value.table().and_then(experiment::read),
    };
    let tuned = match table.get("tune") {
        None => Some(Tune::default()),
        Some(value) => value.table().and_then(|table| tune::read(table, &names)),
    };
    let rest = expectations::Rest {
        aftermath: experiment.as_ref().map(|experiment| experiment.aftermath),
        has_steps: rollout.as_ref().map(|own| !own.plan.steps().is_empty()),
    };
    let expected = expectations::read(table.get("expect"), text, rest);
    let live = match table.get("live") {
        None => Some(live::unsaid()),
        Some(value) => value.table().and_then(live::read),
    };
    table.hint("gates", "gates are the rollout's: write [[rollout.gates]]");
    table.finish();
    let (name, mut world, measured, rollout) = (name?, world?, measured?, rollout?);
    let (written, rivals) = (written?, rivals?);
    world.figures = figures::resolve(&written, &rollout.questions);
    let vendor = measured.vendor().or(rollout.vendor);
    let plan = measured.plan(rollout.buckets, rollout.reporter, &world);
    let longest = rollout.plan.longest() + hooks::longest(&rollout.hooks);
    world.hooks = rollout.hooks;
    let scenario = Scenario {
        title: title?.unwrap_or_else(|| name.clone()),
        name,
        subject: subject?.unwrap_or_else(|| defaults::SUBJECT.to_owned()),
        story: story?.unwrap_or_default(),
        source: text.to_owned(),
        world,
        figures: written,
        questions: rollout.questions,
        telemetry: plan,
        horizon: horizon?.unwrap_or(longest),
        rollout: rollout.plan,
        rollout_name: rollout.name,
        analysis: rollout.analysis,
        rivals: rivals.iter().map(Rival::from).collect(),
        experiment: experiment?,
        expectations: expected?,
        tune: tuned?,
        live: live?.options(vendor, rollout.service),
        warnings: (rivals.into_iter()).fold(rollout.warnings, |all, rival| {
            [all, rival.warnings].concat()
        }),
    };
    Some((scenario, places))
}

/// The text of a field, `None` within where it is not there.
fn read_words(table: &mut Table<'_>, key: &'static str) -> Option<Option<String>> {
    match table.get(key) {
        None => Some(None),
        Some(value) => value.words().map(|words| Some(words.trim().to_owned())),
    }
}

fn read_name(table: &mut Table<'_>, file: &Path) -> Option<String> {
    let Some(value) = table.get("name") else {
        return Some(name_of(file));
    };
    let name = value.words()?;
    if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
        return Some(name.to_owned());
    }
    value.refuse(
        format_args!("`{name}` cannot name a folder everywhere"),
        "write letters, digits and dashes",
    );
    None
}

/// The name of a scenario that has none: the file's, made of letters, digits and dashes.
pub(super) fn name_of(file: &Path) -> String {
    let stem = file.file_stem().map(|stem| stem.to_string_lossy());
    let name: String = stem
        .unwrap_or_default()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = name.trim_matches('-');
    if name.is_empty() {
        "scenario".to_owned()
    } else {
        name.to_owned()
    }
}

fn read_world(table: &mut Table<'_>) -> Option<World> {
    let traffic = table
        .require("traffic", "add [traffic] with rate = \"20/s\"")
        .and_then(|value| value.table())
        .and_then(traffic::read);
    let routes = Names::of_routes(traffic.as_ref().map(|(traffic, _)| traffic));
    let goals = match table.get("goals") {
        None => Some(Vec::new()),
        Some(value) => goals::read(&value, &routes),
    };
    let named = (goals.as_ref())
        .map(|goals: &Vec<Goal>| goals.iter().map(|goal| goal.name.clone()).collect());
    let known = Known::new(traffic.as_ref().map(|(traffic, _)| traffic), named);
    let stable = match table.get("stable") {
        None => service::read_stable(None, &known),
        Some(value) => value
            .table()
            .and_then(|table| service::read_stable(Some(table), &known)),
    };
    let canary = match table.get("canary") {
        None => Some(Canary::AS_STABLE),
        Some(value) => value.table().and_then(|table| {
            let stable = stable.as_ref().map(|(stable, _)| stable);
            service::read_canary(table, stable, &known)
        }),
    };
    let shared = match table.get("faults") {
        None => Some(Vec::new()),
        Some(value) => fault::read(&value, Target::Both, &known),
    };
    let split = match table.get("split") {
        None => Some(split::Routing::PLAIN),
        Some(value) => value.table().and_then(split::read),
    };
    let ((traffic, matched), (stable, of_stable)): ((_, Probability), _) = (traffic?, stable?);
    let (canary, of_canary) = canary?.beside(&stable);
    Some(split?.put_into(World {
        canary,
        // In the order in which [`find_places`] looks for them.
        faults: [shared?, of_stable, of_canary].concat(),
        goals: goals?,
        matched,
        ..World::plain(traffic, stable)
    }))
}

/// Where the fields stand that remarks about the whole are about.
fn find_places(table: &mut Table<'_>) -> Places {
    let mut places = Places::new();
    let mut put = |subject, path: &[&'static str]| {
        // The innermost field that is there.
        for depth in (1..=path.len()).rev() {
            if let Some(place) = table.place_of(&path[..depth]) {
                places.insert(subject, place);
                return;
            }
        }
    };
    put(Subject::Rate, &["traffic", "rate"]);
    put(Subject::Canary, &["canary"]);
    put(Subject::Retries, &["split", "retries"]);
    put(Subject::Scrape, &["telemetry", "scrape"]);
    put(Subject::Rollout, &["rollout"]);
    put(Subject::Steps, &["rollout", "steps"]);
    put(Subject::Rivals, &["rivals"]);
    put(Subject::Horizon, &["horizon"]);
    let manifests = (Controller::ALL.into_iter())
        .find_map(|controller| table.place_of(&["rollout", controller.key()]));
    if let Some(place) = manifests {
        places.insert(Subject::Rollout, place);
    }
    for (index, place) in table.places_in(&["figures"]).into_iter().enumerate() {
        places.insert(Subject::Figures(index), place);
    }
    let faults: [&[&str]; 3] = [&["faults"], &["stable", "faults"], &["canary", "faults"]];
    let faults = faults.map(|path| table.places_in(path)).concat();
    for (index, place) in faults.into_iter().enumerate() {
        places.insert(Subject::Fault(index), place);
    }
    let hooks = table.places_in(&["rollout", "hooks"]);
    for (index, place) in hooks.into_iter().enumerate() {
        places.insert(Subject::Hook(index), place);
    }
    for (index, place) in table
        .places_in(&["rollout", "gates"])
        .into_iter()
        .enumerate()
    {
        places.insert(Subject::Gate(index), place);
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_fit_for_folders() {
        for (file, name) in [
            ("scenarios/low-traffic.toml", "low-traffic"),
            ("my canary (2).toml", "my-canary--2"),
            ("..", "scenario"),
            ("", "scenario"),
        ] {
            assert_eq!(name_of(Path::new(file)), name, "{file}");
        }
    }
}
