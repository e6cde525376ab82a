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

use coalmine::base::Problems;
use coalmine::gate::Gate;
use coalmine::manifest::argo::{self, Circumstances, Import};
use coalmine::manifest::{Fate, Manifest, Measured, around};

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

/// Reads an example in a Rollout of ours that runs it beside its steps; `None` where it has no name by
/// which one could ask for it.
fn read(path: &PathBuf) -> Option<Result<Import, Problems>> {
    let manifest = Manifest::open(path).expect("a text");
    let rollout = Manifest {
        path: PathBuf::from("rollout.yaml"),
        text: around(&manifest)?,
    };
    let manifests = [manifest, rollout];
    let (circumstances, measured) = (Circumstances::default(), Measured::plain());
    Some(argo::read(&manifests, &circumstances, &measured))
}

/// What was understood, on one line.
fn line(import: &Import) -> String {
    let background = import.plan.settings().background.as_ref();
    let metrics = background.expect("a run beside the steps").run.metrics();
    let metrics: Vec<String> = (metrics.iter())
        .map(|metric| {
            let every = metric
                .interval
                .map_or("once".to_owned(), |span| format!("every {span}"));
            format!("{every} {}", import.analysis[metric.gate])
        })
        .collect();
    metrics.join("; ")
}

#[test]
fn every_example_is_understood_or_refused_for_a_reason() {
    let Some(files) = corpus() else {
        return;
    };
    let (mut understood, mut nameless, mut refused) = (0, 0, Vec::new());
    for (name, path) in &files {
        let short = name.trim_end_matches(".yaml");
        match read(path) {
            None => {
                nameless += 1;
                println!("{short:<70} has no name");
            }
            Some(Ok(import)) => {
                understood += 1;
                println!("{short:<70} {}", line(&import));
                assert_eq!(import.templates.len(), 1, "{name}");
                for gate in &import.analysis {
                    assert!(matches!(gate, Gate::ArgoMetric(_)), "{name}: {gate}");
                }
                let account = &import.templates[0];
                assert!(account.unread.is_none(), "{name}: {account:?}");
                for field in &account.fields {
                    if let Fate::Ignored(why) = &field.fate {
                        let known = !why.is_empty() && !why.contains("knows no such field");
                        assert!(known, "{name}: {}: {why}", field.path);
                    }
                }
            }
            Some(Err(problems)) => {
                let said = problems.to_string();
                println!("{short:<70} refused: {said}");
                refused.push((short.to_owned(), said));
            }
        }
    }
    println!(
        "{} examples: {understood} understood, {} refused, {nameless} without a name",
        files.len(),
        refused.len()
    );
    // One misspells its threshold, one asks for templates that lie in other files.
    let expected = [
        (
            "analysis__kayenta.md--01",
            "provider.kayenta.threshold: is missing",
        ),
        (
            "features__analysis.md--15",
            "there is no AnalysisTemplate `success-rate` in these files",
        ),
    ];
    assert_eq!(refused.len(), expected.len(), "{refused:#?}");
    for ((name, said), (part, words)) in refused.iter().zip(expected) {
        assert!(
            name.contains(part) && said.contains(words),
            "{name}: {said}"
        );
        assert!(said.contains(&format!("{name}.yaml")), "no place: {said}");
    }
    assert_eq!(nameless, 2);
}
