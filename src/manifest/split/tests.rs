//! What all systems have in common: choosing the canary and the resource, settling routes, refusing.
//! The functions here are the readers' tests' too.

use std::path::PathBuf;

use super::{Import, Outcome, Reached, Wishes, read};
use crate::base::{Problem, Problems, place};
use crate::manifest::{Fate, Manifest};

pub(in crate::manifest) fn try_reading(
    texts: &[&str],
    wishes: &Wishes,
) -> Result<Outcome, Problems> {
    let manifests: Vec<Manifest> = texts
        .iter()
        .enumerate()
        .map(|(number, text)| Manifest {
            path: PathBuf::from(format!("{number}.yaml")),
            text: (*text).to_owned(),
        })
        .collect();
    read(&manifests, wishes)
}

pub(in crate::manifest) fn outcome(text: &str) -> Outcome {
    try_reading(&[text], &Wishes::default()).unwrap_or_else(|problems| panic!("{problems}\n{text}"))
}

pub(in crate::manifest) fn import(text: &str) -> Import {
    outcome(text).import.expect("a split")
}

/// Stable, the canary and its percentage, as one line.
pub(in crate::manifest) fn who(text: &str) -> String {
    let import = import(text);
    let name = |one: Option<super::Destination>| one.map_or("-".to_owned(), |one| one.to_string());
    let weight = import
        .weight
        .map_or("-".to_owned(), |weight| weight.value.to_string());
    format!("{} {} {weight}", name(import.stable), name(import.canary))
}

/// Each error as `line: message (help)`.
pub(in crate::manifest) fn errors(text: &str) -> Vec<String> {
    match try_reading(&[text], &Wishes::default()) {
        Ok(outcome) => panic!("accepted: {outcome:?}\n{text}"),
        Err(problems) => lines(text, &problems.problems),
    }
}

/// Each warning in the same way.
pub(in crate::manifest) fn warnings(text: &str) -> Vec<String> {
    let remarks = outcome(text).warnings.into_iter();
    lines(
        text,
        &remarks.map(|remark| remark.problem).collect::<Vec<_>>(),
    )
}

fn lines(text: &str, problems: &[Problem]) -> Vec<String> {
    let line = |problem: &Problem| {
        let line = problem.span.as_ref().map(|span| place(text, span.start).0);
        let help = problem.help.as_deref().unwrap_or_default();
        format!("{}: {} ({help})", line.unwrap_or(0), problem.message)
    };
    problems.iter().map(line).collect()
}

/// The account of the first resource, one line for each field.
pub(in crate::manifest) fn account(text: &str) -> Vec<String> {
    let outcome = outcome(text);
    let fields = outcome.accounts[0]
        .fields
        .iter()
        .map(|field| match &field.fate {
            Fate::Used => field.path.clone(),
            Fate::Ignored(why) => format!("{}: {why}", field.path),
        });
    fields.collect()
}

/// The only line, which begins and goes on so.
pub(in crate::manifest) fn assert_one(found: &[String], start: &str, words: &str) {
    assert_eq!(found.len(), 1, "{start}: {found:#?}");
    assert!(found[0].starts_with(start), "{start}: {found:#?}");
    assert!(found[0].contains(words), "{words}: {found:#?}");
}

/// A TrafficSplit over some services with weights.
fn split(backends: &[(&str, u32)]) -> String {
    let backends = backends
        .iter()
        .map(|(service, weight)| format!("  - {{service: {service}, weight: {weight}}}\n"));
    let backends: String = backends.collect();
    format!(
        "apiVersion: split.smi-spec.io/v1alpha2\nkind: TrafficSplit\nmetadata: {{name: shop}}\n\
         spec:\n  service: shop\n  backends:\n{backends}"
    )
}

#[test]
fn the_canary_is_told_by_names_then_numbers_then_weights() {
    for (backends, canary, why) in [
        (
            &[("shop", 95), ("shop-canary", 5)][..],
            "shop-canary",
            "name",
        ),
        (&[("shop-canary", 95), ("shop", 5)], "shop-canary", "name"),
        (
            &[("shop-preview", 50), ("shop-active", 50)],
            "shop-preview",
            "name",
        ),
        (
            &[("shop-stable", 10), ("shop-blue", 90)],
            "shop-blue",
            "others",
        ),
        (&[("shop-v1", 10), ("shop-v2", 90)], "shop-v2", "number"),
        (&[("shop2", 90), ("shop", 10)], "shop2", "number"),
        (&[("shop-v9", 50), ("shop-v10", 50)], "shop-v10", "number"),
        (
            &[("books", 90), ("error-injector", 10)],
            "error-injector",
            "weight",
        ),
        // A service called after its trade is no canary.
        (
            &[("canaryislands", 20), ("mainland", 80)],
            "canaryislands",
            "weight",
        ),
    ] {
        let import = import(&split(backends));
        let found = import.canary.expect("a canary");
        assert_eq!(found.host, canary, "{backends:?}");
        assert!(import.why.contains(why), "{backends:?}: {}", import.why);
    }
}

#[test]
fn a_canary_that_nothing_tells_is_asked_for_and_can_be_said() {
    let text = split(&[("red", 50), ("blue", 50)]);
    let found = errors(&text);
    assert_one(
        &found,
        "6: spec.backends: nothing tells which of `red`, `blue`",
        "--canary NAME",
    );
    let said = |name: &str| {
        let wishes = Wishes {
            canary: Some(name.to_owned()),
            split: None,
        };
        try_reading(&[&text], &wishes)
    };
    let import = said("blue").unwrap().import.unwrap();
    assert_eq!(import.canary.unwrap().host, "blue");
    assert_eq!(import.stable.unwrap().host, "red");
    let problems = said("green").unwrap_err().to_string();
    assert!(
        problems.contains("no destination is called `green`: there are `red`, `blue`"),
        "{problems}"
    );
}

#[test]
fn what_a_controller_says_counts_and_it_sets_the_weights() {
    let split = split(&[("red", 100), ("blue", 0)]);
    let rollout = "apiVersion: argoproj.io/v1alpha1\nkind: Rollout\nmetadata: {name: shop}\nspec:\n  \
                   strategy: {canary: {canaryService: red, stableService: blue}}\n";
    let outcome = try_reading(&[&split, rollout], &Wishes::default()).unwrap();
    let import = outcome.import.unwrap();
    assert_eq!(import.canary.unwrap().host, "red");
    assert!(
        import.why.contains("controller's manifest"),
        "{}",
        import.why
    );
    assert_eq!(import.weight, None);
    // The Rollout's own fields are its importer's to account for.
    assert_eq!(outcome.accounts.len(), 1);
    let weights = outcome.accounts[0]
        .fields
        .iter()
        .filter(|field| field.path.ends_with("weight"));
    let fates: Vec<&Fate> = weights.map(|field| &field.fate).collect();
    let ignored = Fate::Ignored("Rollout shop sets the weights".to_owned());
    assert_eq!(fates, [&ignored, &ignored]);
}

#[test]
fn of_several_splits_one_is_asked_for() {
    let two = format!(
        "{}---\n{}",
        split(&[("a-v1", 9), ("a-v2", 1)]),
        split(&[("b-v1", 8), ("b-v2", 2)]).replace("name: shop", "name: bar")
    );
    assert_one(
        &errors(&two),
        "11: 2 splits: `TrafficSplit shop, TrafficSplit bar`",
        "--split NAME",
    );
    let wish = |name: &str| Wishes {
        canary: None,
        split: Some(name.to_owned()),
    };
    let outcome = try_reading(&[&two], &wish("bar")).unwrap();
    assert_eq!(outcome.import.unwrap().canary.unwrap().host, "b-v2");
    let spec = outcome.accounts[0]
        .fields
        .iter()
        .find(|field| field.path == "spec")
        .unwrap();
    let why = Fate::Ignored("TrafficSplit bar is simulated, and this is another route".to_owned());
    assert_eq!(spec.fate, why);
    let problems = try_reading(&[&two], &wish("baz")).unwrap_err().to_string();
    assert!(
        problems.contains("`baz`") && problems.contains("TrafficSplit shop"),
        "{problems}"
    );
}

#[test]
fn a_third_version_counts_as_stable_and_is_named() {
    let text = split(&[("shop-stable", 60), ("shop-canary", 10), ("shop-old", 30)]);
    assert_eq!(who(&text), "shop-stable shop-canary 10");
    assert_one(
        &warnings(&text),
        "9: spec.backends[2].weight: `shop-old` is neither",
        "stable's",
    );
}

#[test]
fn a_canary_without_requests_and_a_split_without_any_are_told() {
    let none = split(&[("shop-stable", 100), ("shop-canary", 0)]);
    assert_eq!(who(&none), "shop-stable shop-canary 0");
    assert_one(&warnings(&none), "8: ", "no requests at this weight");
    let zero = split(&[("shop-stable", 0), ("shop-canary", 0)]);
    assert_one(
        &errors(&zero),
        "6: spec.backends: all weights are zero",
        "90 and 10",
    );
}

#[test]
fn problems_of_all_files_come_at_once() {
    let one = split(&[("a", 1)]).replace("weight: 1", "weight: -1");
    let two = split(&[("a", 1)]).replace("v1alpha2", "v1alpha9");
    let problems = try_reading(&[&one, &two], &Wishes::default())
        .unwrap_err()
        .to_string();
    assert!(
        problems.contains("0.yaml:7:26: spec.backends[0].weight: -1 is below zero"),
        "{problems}"
    );
    assert!(
        problems.contains("1.yaml:1:13: apiVersion: there is no `split.smi-spec.io/v1alpha9`"),
        "{problems}"
    );
}

#[test]
fn what_is_built_to_exhaust_a_reader_ends_quickly() {
    let brackets = "[".repeat(200_000);
    let deep = format!("kind: TrafficSplit\nspec: {}\n", "{a: ".repeat(100_000));
    let long = split(&[("a", 1); 20_000]);
    for text in [
        brackets.as_str(),
        &deep,
        "kind: TrafficSplit\nspec:\n  backends: [{service: a\n",
    ] {
        let problems = try_reading(&[text], &Wishes::default())
            .unwrap_err()
            .to_string();
        assert!(problems.starts_with("0.yaml:"), "{}", &problems[..200]);
    }
    // Long, but nothing is wrong with it but that it splits nothing.
    assert_one(
        &errors(&long),
        "2: `TrafficSplit shop` splits nothing",
        "two destinations",
    );
}

#[test]
fn faults_know_whom_they_reach() {
    let text = "\
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: shop}
spec:
  http:
  - match: [{headers: {team: {exact: qa}}}]
    fault: {abort: {httpStatus: 503, percentage: {value: 10}}}
    route: [{destination: {host: shop, subset: canary}}]
  - match: [{headers: {team: {exact: ops}}}]
    fault: {abort: {httpStatus: 500, percentage: {value: 20}}}
    route: [{destination: {host: shop, subset: stable}}]
  - match: [{headers: {team: {exact: dev}}}]
    fault: {abort: {httpStatus: 500, percentage: {value: 30}}}
    route: [{destination: {host: elsewhere}}]
  - fault: {abort: {httpStatus: 502, percentage: {value: 40}}}
    route:
    - {destination: {host: shop, subset: stable}, weight: 90}
    - {destination: {host: shop, subset: canary}, weight: 10}
";
    let import = import(text);
    let reached: Vec<(Reached, f64, bool)> = import
        .faults
        .iter()
        .map(|fault| (fault.target, fault.share.value.get(), fault.only.is_some()))
        .collect();
    assert_eq!(
        reached,
        [
            (Reached::Canary, 0.1, true),
            (Reached::Stable, 0.2, true),
            (Reached::Everybody, 0.4, false)
        ]
    );
    assert_eq!(import.matches.len(), 1);
    assert_eq!(import.matches[0].value, "headers team.exact qa");
}
