//! Published examples of Argo Rollouts, as they are: each Rollout is understood with the templates that
//! lie beside it, or refused for a reason that names a field. The account of all of them:
//!
//! ```sh
//! cargo test --test argo_corpus -- --nocapture
//! ```
#![expect(
    clippy::disallowed_macros,
    reason = "the account is printed for whoever asks for it"
)]

mod shared_folder;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use coalmine::base::Problems;
use coalmine::manifest::argo::{self, Circumstances, Import};
use coalmine::manifest::{Fate, Manifest, Measured};
use coalmine::rollout::argo::Traffic;

/// The examples by file name; `None`, on record, where they are not to be had.
fn corpus() -> Option<BTreeMap<String, PathBuf>> {
    let folder = shared_folder::shared("corpus/argo")?;
    let files: BTreeMap<String, PathBuf> = std::fs::read_dir(&folder)
        .expect("a readable folder")
        .map(|entry| entry.expect("a readable folder").path())
        .filter(|path| path.is_file())
        .map(|path| {
            let name = path.file_name().expect("a file").to_string_lossy();
            (name.into_owned(), path)
        })
        .collect();
    assert!(!files.is_empty(), "{} holds no examples", folder.display());
    Some(files)
}

/// The examples that come from the same page or test as this one.
fn siblings<'f>(
    files: &'f BTreeMap<String, PathBuf>,
    name: &'f str,
) -> impl Iterator<Item = &'f PathBuf> {
    let page = |name: &str| name.split("--").next().unwrap_or_default().to_owned();
    let own = page(name);
    let others = files
        .iter()
        .filter(move |(other, _)| *other != name && page(other) == own);
    others.map(|(_, path)| path)
}

/// The values of a key in a text, by plain search.
fn values<'t>(text: &'t str, key: &'t str) -> impl Iterator<Item = &'t str> {
    let lines = text
        .lines()
        .map(|line| line.trim().trim_start_matches("- "));
    lines.filter_map(move |line| line.strip_prefix(key)?.strip_prefix(':').map(str::trim))
}

/// An example with the first template of each name that it asks for from the same page.
fn with_templates(files: &BTreeMap<String, PathBuf>, name: &str) -> Vec<Manifest> {
    let open = |path: &Path| Manifest::open(path).expect("a readable example");
    let mut all = vec![open(&files[name])];
    let mut wanted: Vec<String> = (values(&all[0].text, "templateName"))
        .map(str::to_owned)
        .collect();
    wanted.dedup();
    for template in wanted {
        let found = siblings(files, name)
            .map(|path| open(path))
            .find(|manifest| {
                manifest.text.contains("AnalysisTemplate")
                    && values(&manifest.text, "name").any(|name| name == template)
            });
        all.extend(found.filter(|found| !all.contains(found)));
    }
    all
}

fn read(manifests: &[Manifest]) -> Result<Import, Problems> {
    argo::read(manifests, &Circumstances::default(), &Measured::plain())
}

/// What was understood, on one line.
fn line(import: &Import) -> String {
    let settings = import.plan.settings();
    let shares = import.plan.steps().into_iter();
    let shares: Vec<String> = shares
        .map(|share| format!("{:.0}", share.as_percent()))
        .collect();
    let way = match (settings.traffic, &import.router) {
        (Traffic::Router(_), Some(router)) => router.clone(),
        _ => format!("{} pods", settings.replicas),
    };
    format!(
        "{}/{} by {way}: {} steps, shares [{}], {} metrics",
        import.namespace,
        import.name,
        settings.steps.len(),
        shares.join(" "),
        import.analysis.len()
    )
}

#[test]
fn every_rollout_is_understood_or_refused_for_a_reason() {
    let Some(files) = corpus() else {
        return;
    };
    let (mut understood, mut refused, mut others) = (0, 0, 0);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for (name, path) in &files {
        let text = std::fs::read_to_string(path).expect("a readable example");
        if !values(&text, "kind").any(|kind| kind == "Rollout") {
            others += 1;
            continue;
        }
        println!("{name}");
        match read(&with_templates(&files, name)) {
            Ok(import) => {
                understood += 1;
                println!("    understood: {}", line(&import));
                for warning in &import.warnings {
                    println!("    warning: {}", warning.problem.message);
                }
                for (path, fate) in &import.account {
                    if let Fate::Ignored(why) = fate
                        && why.contains("knows no such field")
                    {
                        println!("    ignored: {path} ({why})");
                    }
                }
                assert!(!import.name.is_empty(), "{name}");
                assert!(!import.account.is_empty(), "{name}: no account");
            }
            Err(refusal) => {
                refused += 1;
                let problems: Vec<_> = refusal.texts().flat_map(|of| &of.problems).collect();
                assert!(!problems.is_empty(), "{name}: refused without a reason");
                for problem in problems {
                    println!("    refused: {}", problem.message);
                    assert!(
                        problem.span.is_some() || problem.message.starts_with("no Rollout"),
                        "{name}: refused at no place: {}",
                        problem.message
                    );
                    *reasons.entry(kind_of(&problem.message)).or_default() += 1;
                }
            }
        }
    }
    println!(
        "\n{} examples: {understood} Rollouts understood, {refused} refused, {others} other files",
        files.len()
    );
    for (reason, count) in &reasons {
        println!("{count:>5}  {reason}");
    }
    assert!(understood * 2 > refused, "hardly any example is understood");
}

/// A reason without the place and the names in it.
fn kind_of(message: &str) -> String {
    let (place, reason) = message.split_once(": ").unwrap_or(("", message));
    let field = place.rsplit('.').next().unwrap_or(place);
    let mut outside = true;
    let words: String = reason
        .chars()
        .filter(|c| {
            if *c == '`' {
                outside = !outside;
            }
            outside || *c == '`'
        })
        .collect();
    format!("{field}: {words}")
}

#[test]
fn blue_green_is_refused_where_it_stands_and_canaries_never_are_for_it() {
    let Some(files) = corpus() else {
        return;
    };
    let mut seen = 0;
    for (name, path) in &files {
        let text = std::fs::read_to_string(path).expect("a readable example");
        let is_rollout = values(&text, "kind").any(|kind| kind == "Rollout");
        let blue_green = text.lines().any(|line| line.trim() == "blueGreen:");
        if !is_rollout || !blue_green {
            continue;
        }
        seen += 1;
        let refusal = read(&with_templates(&files, name)).expect_err("not replayed");
        let said = refusal.to_string();
        assert!(said.contains("spec.strategy.blueGreen"), "{name}: {said}");
    }
    assert!(seen > 0, "no example is blue-green");
}
