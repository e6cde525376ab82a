//! Values set in published manifests: every value of every file that is YAML is set in turn, and the
//! file must then say what it said before with that one value changed.

mod shared_folder;

use coalmine::manifest::edit::{EditError, Leaf, Scalar, Which, leaves, set};

/// As many values of a file are tried, evenly; more say no more.
const TRIED: usize = 40;

fn shown(scalar: &Scalar) -> String {
    match scalar {
        Scalar::Number(number) => number.to_string(),
        Scalar::Truth(truth) => truth.to_string(),
        Scalar::Text(text) => text.clone(),
    }
}

/// Whether another leaf has the same value at the same place of a resource of the same name: then it is
/// not told which is meant.
fn is_ambiguous(all: &[Leaf], leaf: &Leaf) -> bool {
    let same = |other: &&Leaf| {
        other.kind == leaf.kind && other.name == leaf.name && other.path == leaf.path
    };
    all.iter().filter(same).count() > 1
}

#[test]
fn one_value_of_a_published_manifest_is_set_and_nothing_else() {
    let Some(corpus) = shared_folder::shared("corpus") else {
        return;
    };
    let (mut tried, mut refused) = (0_u32, 0_u32);
    for folder in std::fs::read_dir(corpus).expect("a readable folder") {
        let folder = folder.expect("a readable folder").path();
        if !folder.is_dir() {
            continue;
        }
        for file in std::fs::read_dir(&folder).expect("a readable folder") {
            let path = file.expect("a readable folder").path();
            let Ok(text) = std::fs::read_to_string(&path) else {
                continue;
            };
            let all = leaves(&text);
            for leaf in all.iter().step_by(all.len() / TRIED + 1) {
                let place = leaf.path.to_string();
                if place == "kind" || place == "metadata.name" || is_ambiguous(&all, leaf) {
                    continue;
                }
                tried += 1;
                let value = match &leaf.value {
                    Scalar::Number(number) => Scalar::Number(number + 1.5),
                    Scalar::Truth(truth) => Scalar::Truth(!truth),
                    Scalar::Text(_) => Scalar::Text("1: [x]".to_owned()),
                };
                let which = Which {
                    kind: leaf.kind.as_deref(),
                    name: leaf.name.as_deref(),
                };
                match set(&text, which, &leaf.path, &value) {
                    Ok(edited) => {
                        for (before, after) in all.iter().zip(leaves(&edited.text)) {
                            let wanted = if before == leaf {
                                &value
                            } else {
                                &before.value
                            };
                            assert_eq!(shown(&after.value), shown(wanted), "{path:?} {place}");
                            assert_eq!(before.path, after.path, "{path:?} {place}");
                        }
                    }
                    // Aliases, merge keys and block texts.
                    Err(EditError::Shared(_)) => refused += 1,
                    Err(error) => panic!("{path:?} {place}: {error}"),
                }
            }
        }
    }
    assert!(tried > 2_000, "{tried} values");
    assert!(refused * 10 < tried, "{refused} of {tried} are refused");
}
