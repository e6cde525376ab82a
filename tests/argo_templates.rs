//! Published AnalysisTemplates of Argo Rollouts, as they are: each is understood, or refused for a
//! reason that names a field. The account of all of them:
//!
//! ```sh
//! cargo test --test argo_templates -- --nocapture
//! ```
#![expect(
    clippy::disallowed_macros,
    reason = "the account is printed for whoever asks for it"
)]

mod shared_folder;

use std::collections::BTreeMap;
use std::path::PathBuf;

use coalmine::manifest::argo::{self, Analysis};
use coalmine::manifest::{Fate, Manifest};

/// Values for the arguments that the examples leave to Rollouts.
const ARGUMENTS: [(&str, &str); 15] = [
    ("service-name", "app"),
    ("start-time", "2026-01-01T00:00:00Z"),
    ("end-time", "2026-01-01T01:00:00Z"),
    ("stable-hash", "6d4cf56db6"),
    ("canary-hash", "77c8f5b9d4"),
    ("latest-hash", "77c8f5b9d4"),
    ("envoy_cluster_name", "app"),
    ("namespace", "default"),
    ("foo", "bar"),
    ("host", "example.com"),
    ("analysis-interval", "5s"),
    ("failure-limit", "1"),
    ("inconclusive-limit", "1"),
    ("success-condition", "true"),
    ("duration", "0s"),
];

fn corpus() -> Option<BTreeMap<String, PathBuf>> {
    let folder = shared_folder::shared("corpus/argo")?;
    let files: BTreeMap<String, PathBuf> = std::fs::read_dir(&folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable folder").path())
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy();
            (name.into_owned(), path)
        })
        .filter(|(name, _)| name.contains("AnalysisTemplate"))
        .collect();
    assert!(!files.is_empty(), "{} holds no examples", folder.display());
    Some(files)
}

fn read(path: &PathBuf) -> Result<Vec<Analysis>, String> {
    let manifest = Manifest::open(path).expect("a text");
    let arguments: Vec<(String, String)> = ARGUMENTS
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    argo::read_templates(&[manifest], &arguments).map_err(|problems| problems.to_string())
}

fn line(analysis: &Analysis) -> String {
    let metrics = analysis.run.metrics().iter();
    let metrics: Vec<String> = metrics
        .map(|metric| {
            let every = metric
                .interval
                .map_or("once".to_owned(), |span| format!("every {span}"));
            format!("{every} {}", analysis.gates[metric.gate])
        })
        .collect();
    metrics.join("; ")
}

#[test]
fn every_example_is_understood_or_refused_for_a_reason() {
    let Some(files) = corpus() else {
        return;
    };
    let (mut understood, mut refused) = (0, Vec::new());
    for (name, path) in &files {
        let short = name.trim_end_matches(".yaml");
        match read(path) {
            Ok(analyses) => {
                understood += 1;
                assert_eq!(analyses.len(), 1, "{name}");
                println!("{short:<70} {}", line(&analyses[0]));
                let account = &analyses[0].account;
                assert!(!account.fields.is_empty(), "{name}: no account");
                for field in &account.fields {
                    let said = match &field.fate {
                        Fate::Used => "used",
                        Fate::Ignored(why) => why,
                    };
                    assert!(!said.is_empty(), "{name}: {}", field.path);
                    assert!(
                        !said.contains("knows no such field"),
                        "{name}: {}",
                        field.path
                    );
                }
            }
            Err(said) => {
                println!("{short:<70} refused: {said}");
                refused.push((short.to_owned(), said));
            }
        }
    }
    // Two templates by reference to others, a misspelled threshold, and a web metric without anything.
    let names: Vec<&str> = refused.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "docs__analysis__kayenta.md--01--AnalysisTemplate",
            "docs__features__analysis.md--15--AnalysisTemplate",
        ],
        "{refused:#?}"
    );
    for (name, words) in [
        ("kayenta", "provider.kayenta.threshold: is missing"),
        (
            "analysis.md--15",
            "there is no AnalysisTemplate `success-rate` in these files",
        ),
    ] {
        let (_, said) = refused
            .iter()
            .find(|(other, _)| other.contains(name))
            .unwrap();
        assert!(said.contains(words), "{said}");
        assert!(said.contains(".yaml:"), "no place: {said}");
    }
    assert_eq!(understood + refused.len(), files.len());
}

#[test]
fn an_example_without_the_values_that_it_needs_says_which() {
    let Some(files) = corpus() else {
        return;
    };
    let path = &files["docs__analysis__prometheus.md--00--AnalysisTemplate.yaml"];
    let manifest = Manifest::open(path).unwrap();
    let refused = argo::read_templates(&[manifest], &[])
        .unwrap_err()
        .to_string();
    assert!(
        refused.contains("the argument `service-name` has no value"),
        "{refused}"
    );
}
