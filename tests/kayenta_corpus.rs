//! Published canary configs of Kayenta, as they are: each is read, or refused for reasons that name a
//! field. The account of all of them:
//!
//! ```sh
//! cargo test --test kayenta_corpus -- --nocapture
//! ```
#![expect(
    clippy::disallowed_macros,
    reason = "the account is printed for whoever asks for it"
)]

mod shared_folder;

use std::collections::BTreeMap;

use coalmine::manifest::kayenta::{self, Import, PrometheusQuery, Scope, Source};
use coalmine::manifest::{Fate, Manifest};

/// What the file holds by its name, and how much of it is refused: by the number of the reasons.
const EXPECTED: [(&str, Result<usize, &[&str]>); 9] = [
    ("json-formats__block02.json", Ok(1)),
    // A metric of Prometheus needs a template or a resource type, and has neither.
    (
        "json-formats__block03.json",
        Err(&["metrics[0].query: has neither a template nor a resource type"]),
    ),
    ("json-formats__block04.json", Ok(1)),
    ("json-formats__block06.json", Ok(2)),
    ("json-formats__block07.json", Ok(1)),
    (
        "json-formats__block09.json",
        Err(&["a list: a list of metric sets"]),
    ),
    (
        "kayenta-graphite__src__main__resources__com__netflix__kayenta__controllers__sample-config.json",
        Ok(1),
    ),
    (
        "kayenta-web__src__test__resources__canary-configs__duplicated-metric-name.json",
        Err(&[
            "classifier: is missing",
            "metrics[0].query: is missing",
            "metrics[1].query: is missing",
        ]),
    ),
    ("scratch__newrelic_canary_config.json", Ok(4)),
];

fn account(import: &Import) -> String {
    let fates = import.account.iter().flat_map(|(_, fields)| fields);
    let mut ignored: BTreeMap<&str, usize> = BTreeMap::new();
    let mut used = 0;
    for (_, fate) in fates {
        match fate {
            Fate::Used => used += 1,
            Fate::Ignored(why) => *ignored.entry(why).or_default() += 1,
        }
    }
    let ignored: Vec<String> = ignored
        .iter()
        .map(|(why, n)| format!("{n} as {why}"))
        .collect();
    format!("{used} fields used; ignored {}", ignored.join(", "))
}

/// What a query becomes in a scope that has everything.
fn sent(query: &PrometheusQuery) -> String {
    let param = |name: &str| (name.to_owned(), "shop".to_owned());
    let scope = Scope {
        scope: "shop".to_owned(),
        location: "eu".to_owned(),
        params: [param("container_name")].into(),
    };
    query
        .text(&scope)
        .unwrap_or_else(|problem| panic!("{problem:?}"))
}

#[test]
fn every_config_is_read_or_refused_with_its_reasons() {
    let Some(folder) = shared_folder::shared("corpus/kayenta") else {
        return;
    };
    let mut names: Vec<String> = std::fs::read_dir(&folder)
        .expect("a readable folder")
        .map(|entry| {
            entry
                .expect("a readable folder")
                .file_name()
                .into_string()
                .expect("a name")
        })
        .collect();
    names.sort();
    assert_eq!(
        names,
        EXPECTED.map(|(name, _)| name),
        "the corpus has changed"
    );
    let mut read = 0;
    for (name, expected) in EXPECTED {
        let manifest = Manifest::open(&folder.join(name)).expect("a text");
        match (kayenta::read(&[manifest]), expected) {
            (Ok(import), Ok(metrics)) => {
                read += 1;
                println!("{name}: read, {}", account(&import));
                for warning in &import.warnings {
                    println!("    warned: {}", warning.problem.message);
                }
                assert_eq!(import.config.metrics.len(), metrics, "{name}");
                for source in &import.config.sources {
                    if let Source::Prometheus(query) = source {
                        println!("    asks: {}", sent(query));
                    }
                }
            }
            (Err(problems), Err(reasons)) => {
                println!("{name}: refused");
                for problem in &problems.problems {
                    println!("    {}", problem.one_line(&problems.file, &problems.text));
                }
                let said: Vec<&str> = problems
                    .problems
                    .iter()
                    .map(|problem| problem.message.as_str())
                    .collect();
                for reason in reasons {
                    let hit = said.iter().any(|one| one.starts_with(reason));
                    assert!(hit, "{name}: {reason} is not among {said:#?}");
                }
                let placed = problems
                    .problems
                    .iter()
                    .all(|problem| problem.span.is_some());
                assert!(placed, "{name}: a reason without its place");
            }
            (Ok(_), Err(_)) => panic!("{name} is read"),
            (Err(problems), Ok(_)) => panic!("{name} is refused: {problems}"),
        }
    }
    println!(
        "{} files: {read} read, {} refused",
        EXPECTED.len(),
        EXPECTED.len() - read
    );
}
