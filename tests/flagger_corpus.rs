//! Published examples of Flagger's Canary, as they are: each is answered, or refused for a reason
//! that names a field. The account of all of them:
//!
//! ```sh
//! cargo test --test flagger_corpus -- --nocapture
//! ```
#![expect(
    clippy::disallowed_macros,
    reason = "the account is printed for whoever asks for it"
)]

mod shared_folder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use coalmine::gate::Gate;
use coalmine::manifest::flagger::{self, Import};
use coalmine::manifest::{Fate, Manifest, Measured};
use coalmine::rollout::flagger::Strategy;

/// The examples by file name; `None`, on record, where they are not to be had.
fn corpus() -> Option<BTreeMap<String, PathBuf>> {
    let folder = shared_folder::shared("corpus/flagger")?;
    let files: BTreeMap<String, PathBuf> = std::fs::read_dir(&folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy();
            (name.into_owned(), path)
        })
        .collect();
    assert!(!files.is_empty(), "{} holds no examples", folder.display());
    Some(files)
}

/// An example and those beside it that hold MetricTemplates and nothing else, where it refers to some
/// that it lacks: as one would give them to the program together.
fn together(name: &str, files: &BTreeMap<String, PathBuf>) -> Vec<PathBuf> {
    let text = |path: &PathBuf| std::fs::read_to_string(path).expect("a readable example");
    let mut all = vec![files[name].clone()];
    let own = text(&files[name]);
    if !own.contains("templateRef:") || own.contains("kind: MetricTemplate") {
        return all;
    }
    // `test__istio__test-canary__02` stands beside what begins with `test__istio__`.
    let folder = name.rsplitn(3, "__").nth(2).unwrap_or_default();
    let beside = files.iter().filter(|(other, path)| {
        let text = text(path);
        other.starts_with(folder)
            && text.contains("kind: MetricTemplate")
            && !text.contains("kind: Canary")
    });
    all.extend(beside.map(|(_, path)| path.clone()));
    all
}

/// What was understood, on one line.
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
        // Templates may be elsewhere.
        && !has("templateRef:")
}

/// What became of one example.
enum Outcome {
    /// The sentence that the program began with.
    Answered(String),
    /// What it said on standard error.
    Refused(String),
    /// Anything else, which must not be.
    Broken(String),
}

/// Asks the program about one example, as a person would.
fn ask(paths: &[PathBuf]) -> Outcome {
    let paths = paths.iter().flat_map(|path| [Path::new("--flagger"), path]);
    let output = Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .args(["power", "--trials", "50", "--no-files"])
        .args(paths)
        .args(["--rate", "20/s", "--errors", "0.1%"])
        .args(["--latency", "p50=40ms,p99=250ms", "--canary-errors", "1%"])
        .output()
        .expect("the program runs");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    let table = out.contains("Whole rollout");
    let finding = out
        .split_once("\n• ")
        .map(|(_, text)| text.split("\n• ").next().unwrap_or_default());
    match (output.status.code(), finding) {
        (Some(0), Some(finding)) if table && !err.contains("panicked") => {
            let words: Vec<&str> = finding.split_whitespace().collect();
            Outcome::Answered(words.join(" "))
        }
        (Some(2), _) if out.is_empty() && err.starts_with("error: ") => Outcome::Refused(err),
        (code, _) => Outcome::Broken(format!("exit {code:?}: {out}{err}")),
    }
}

/// Asks about all of them, on all cores.
fn ask_all(files: &BTreeMap<String, PathBuf>) -> BTreeMap<String, Outcome> {
    let waiting = Mutex::new(files.iter());
    let outcomes = Mutex::new(BTreeMap::new());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some((name, _)) = next else {
                        break;
                    };
                    let outcome = ask(&together(name, files));
                    outcomes.lock().unwrap().insert(name.clone(), outcome);
                }
            });
        }
    });
    outcomes.into_inner().unwrap()
}

#[test]
fn the_program_answers_every_example_or_names_the_field() {
    let Some(files) = corpus() else {
        return;
    };
    let (mut answered, mut refused, mut complete) = (0, 0, 0);
    let mut wrong = Vec::new();
    println!("{:<60} {:<9} what was said", "example", "outcome");
    for (name, outcome) in ask_all(&files) {
        let text = std::fs::read_to_string(&files[&name]).expect("a readable example");
        let needed = looks_complete(&text);
        complete += usize::from(needed);
        let short = name.trim_end_matches(".yaml");
        match outcome {
            Outcome::Answered(finding) => {
                answered += 1;
                println!("{short:<60} answered  {finding}");
            }
            Outcome::Refused(said) => {
                refused += 1;
                // Long titles are wrapped under their beginning.
                let unwrapped = said.replace("\n       ", " ");
                let reasons: Vec<&str> = unwrapped
                    .lines()
                    .filter_map(|line| line.strip_prefix("error: "))
                    .collect();
                for (i, reason) in reasons.iter().enumerate() {
                    let short = if i == 0 { short } else { "" };
                    println!("{short:<60} refused   {reason}");
                }
                // A field of the Canary, or what the file holds in place of one.
                let named = |reason: &&str| {
                    reason.starts_with("spec")
                        || reason.starts_with("metadata")
                        || reason.contains("no Canary among the documents: found ")
                };
                // In its own file or in one of its templates'.
                let is_placed = together(&name, &files).iter().any(|path| {
                    let file = path.file_name().expect("a file").to_string_lossy();
                    said.contains(&*file)
                });
                if needed || !reasons.iter().all(named) || !is_placed {
                    wrong.push(said);
                }
            }
            Outcome::Broken(said) => {
                println!("{short:<60} BROKEN");
                wrong.push(format!("{name}: {said}"));
            }
        }
    }
    println!(
        "{} examples: {answered} answered, {refused} refused; {complete} are whole weighted Canaries \
         with a builtin metric",
        files.len()
    );
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(complete > 0, "no example is what the program is for");
}

#[test]
fn every_example_is_understood_or_refused_for_a_reason() {
    let Some(files) = corpus() else {
        return;
    };
    for (name, path) in &files {
        let text = std::fs::read_to_string(path).expect("a readable example");
        println!("{name}");
        let manifests = together(name, &files);
        let manifests: Vec<Manifest> = (manifests.iter())
            .map(|path| Manifest::open(path).expect("a readable example"))
            .collect();
        match flagger::read(&manifests, &Measured::plain()) {
            Ok(import) => {
                println!("    understood: {}", line(&import));
                for warning in &import.warnings {
                    let of = &manifests[warning.file];
                    let file = of.path.file_name().expect("a file");
                    println!(
                        "    warning: {}",
                        warning.problem.one_line(Path::new(file), &of.text)
                    );
                }
                for (path, fate) in import.account.iter().flat_map(|of| &of.fields) {
                    if let Fate::Ignored(why) = fate
                        && why.contains("knows no such field")
                    {
                        println!("    ignored: {path} ({why})");
                    }
                }
                assert!(!import.name.is_empty(), "{name}");
            }
            Err(refusal) => {
                for of in refusal.texts() {
                    let file = Path::new(of.file.file_name().unwrap_or_default());
                    for problem in &of.problems {
                        println!("    refused: {}", problem.one_line(file, &of.text));
                    }
                }
                assert!(
                    !refusal.problems.is_empty(),
                    "{name}: refused without a reason"
                );
                assert!(!looks_complete(&text), "{name}: complete, yet refused");
            }
        }
    }
}
