//! Every published example of a Canary is answered, or refused for a reason that names a field.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use coalmine::base::Problems;
use coalmine::gate::Gate;
use coalmine::manifest::flagger::{self, Fate, Import};
use coalmine::rollout::flagger::Strategy;

/// The examples by file name; `None`, said aloud, where they are not to be had.
fn corpus() -> Option<BTreeMap<String, PathBuf>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus/flagger");
    let Ok(entries) = std::fs::read_dir(&folder) else {
        println!("skipped: ../shared is absent");
        return None;
    };
    let files: BTreeMap<String, PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| {
            let name = path
                .file_name()
                .expect("a file")
                .to_string_lossy()
                .into_owned();
            (name, path)
        })
        .collect();
    assert!(!files.is_empty(), "{} holds no examples", folder.display());
    Some(files)
}

fn line(import: &Import) -> String {
    let settings = import.plan.settings();
    let gates: Vec<String> = import.analysis.iter().map(Gate::to_string).collect();
    let strategy = match (settings.skip_analysis, settings.strategy()) {
        (true, _) => "skipped".to_owned(),
        (false, Strategy::Weighted) => format!("weighted {:?}", percents(import)),
        (false, Strategy::AbTest) => format!("A/B {}", settings.iterations()),
        (false, Strategy::BlueGreen) => format!("Blue/Green {}", settings.iterations()),
    };
    format!(
        "{}/{} on {}: every {}, {strategy}, {}",
        import.namespace,
        import.name,
        import.provider,
        settings.interval,
        if gates.is_empty() {
            "nothing checked".to_owned()
        } else {
            gates.join("; ")
        }
    )
}

fn percents(import: &Import) -> Vec<f64> {
    import
        .plan
        .steps()
        .iter()
        .map(|weight| weight.as_percent())
        .collect()
}

/// Whether a text has what a weighted Canary with a builtin metric needs, by plain search: a second
/// opinion that knows nothing of the reader. Only whole Canaries count.
fn looks_complete(text: &str) -> bool {
    let has = |words: &str| {
        text.lines().any(|line| {
            let line = line.trim_start().trim_start_matches("- ");
            line.starts_with(words)
        })
    };
    text.matches("kind: Canary").count() == 1
        && has("targetRef:")
        && has("analysis:")
        && (has("stepWeight:") || has("stepWeights:"))
        && !has("iterations:")
        && (has("name: request-success-rate") || has("name: request-duration"))
}

#[test]
fn every_example_is_answered_or_refused_for_a_reason() {
    let Some(files) = corpus() else {
        return;
    };
    let (mut answered, mut refused) = (0, 0);
    let mut broken = Vec::new();
    for (name, path) in &files {
        let text = std::fs::read_to_string(path).expect("a readable example");
        match flagger::read_file(path) {
            Ok(import) => {
                answered += 1;
                println!("{name}\n    answered: {}", line(&import));
                for warning in &import.warnings {
                    println!("    warning: {}", warning.one_line(Path::new(name), &text));
                }
                for (path, fate) in &import.account {
                    if let Fate::Ignored(why) = fate
                        && why.contains("knows no such field")
                    {
                        println!("    ignored: {path} ({why})");
                    }
                }
                assert!(!import.name.is_empty(), "{name}");
            }
            Err(Problems { problems, .. }) => {
                refused += 1;
                println!("{name}");
                for problem in &problems {
                    println!("    refused: {}", problem.one_line(Path::new(name), &text));
                }
                assert!(!problems.is_empty(), "{name}: refused without a reason");
                if looks_complete(&text) {
                    broken.push(name);
                }
            }
        }
    }
    println!(
        "{} examples: {answered} answered, {refused} refused",
        files.len()
    );
    assert!(broken.is_empty(), "complete, yet refused: {broken:?}");
}
