//! A search for settings, shared out: in one plan, or in one after another.

use std::fs;
use std::path::Path;

use super::{answered, assert_same, coalmine, paths, play};

/// A built-in scenario's manifest as a file of one's own.
fn manifest(folder: &Path) {
    let scenarios = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"));
    let own = scenarios.join("plain-flagger.yaml");
    fs::copy(own, folder.join("canary.yaml")).unwrap();
}

const FLAGGER: &str = "tune --flagger canary.yaml --rate 20/s --canary-errors 5% \
                       --move flagger:spec.analysis.threshold=1,2,5 \
                       --move flagger:spec.analysis.stepWeight=10,20 --trials 320 --fresh 150";
const STAGED: &str = "tune default --move rollout.gates[0].min=90%,98%,99% \
                      --move rollout.gates[0].window=1m,30s --move rollout.interval=1m,30s \
                      --require power>=90% --require false_rollback<=20% --trials 320 --fresh 150";

#[test]
fn a_search_in_shards_is_the_search_of_one_process() {
    let place = tempfile::tempdir().unwrap();
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    manifest(&here);
    let said = answered(
        &here,
        &format!("sweep plan {FLAGGER} --out ../there/plan.json"),
    );
    assert!(said.err.contains("rounds 1 to 3 of 3"), "{}", said.err);
    assert!(said.err.lines().all(|line| line.chars().count() <= 100));

    // A shard is killed: which one is told, and nothing is tuned on what is there.
    play(&there, "plan.json", [2, 0], 3, "rows");
    let said = coalmine(&there, "sweep merge rows --out partly");
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(
        said.err.contains("of --shard-count 3): 1\n"),
        "{}",
        said.err
    );
    assert!(
        !paths(&there.join("partly"))
            .iter()
            .any(|path| path.is_dir())
    );
    let said = answered(&there, "sweep missing rows --plan plan.json");
    assert_eq!(said.out, "1\n");

    play(&there, "plan.json", [1], 3, "more");
    let merged = answered(&there, "sweep merge more partly rows --out merged");
    let whole = answered(&here, &format!("{FLAGGER} --out whole"));
    assert_eq!(merged.out, whole.out);
    assert!(whole.out.contains("+++ b/canary.yaml"), "{}", whole.out);
    let results = paths(&there.join("merged"));
    let results = results.iter().find(|path| path.is_dir()).unwrap();
    assert_same(&here.join("whole"), results);

    // `tune` takes the rows as well.
    let rows = format!("{FLAGGER} --out drawn --rows ../there/merged");
    let said = answered(&here, &rows);
    assert!(said.err.contains("not played again: "), "{}", said.err);
    assert_same(&here.join("whole"), &here.join("drawn"));
}

#[test]
fn a_search_in_one_plan_after_another_is_the_search_of_one_process() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let whole = answered(folder, &format!("{STAGED} --out whole"));
    answered(folder, &format!("sweep plan {STAGED} --rounds 1"));
    play(folder, "plan.json", [1, 0], 2, "rows");
    answered(folder, "sweep merge rows --out known.jsonl");
    let mut told = Vec::new();
    for round in 2..9 {
        let plan = format!("sweep plan {STAGED} --rows known.jsonl --rounds 1 --out {round}.json");
        let said = answered(folder, &plan);
        told.push(said.err.clone());
        let rows = format!("rows-{round}");
        play(folder, &format!("{round}.json"), [0, 1], 2, &rows);
        if said.err.contains("fresh trials of the") {
            // Without the rows that it goes on from, the search is not played again.
            let said = answered(folder, &format!("sweep merge {rows} --out alone"));
            assert!(said.err.contains("but not tuned"), "{}", said.err);
            assert!(
                !paths(&folder.join("alone"))
                    .iter()
                    .any(|path| path.is_dir())
            );
            let merge = "sweep merge alone --rows known.jsonl --out merged";
            let merged = answered(folder, merge);
            assert_eq!(merged.out, whole.out);
            break;
        }
        let merge = format!("sweep merge {rows} --rows known.jsonl --out next.jsonl");
        answered(folder, &merge);
        fs::rename(folder.join("next.jsonl"), folder.join("known.jsonl")).unwrap();
    }
    assert!(told.len() > 1, "{told:?}");
    assert!(told[0].contains("round 2 of 3"), "{}", told[0]);
    assert!(told[0].contains("points that are left"), "{}", told[0]);
    assert_same(&folder.join("whole"), &folder.join("merged/default"));

    let nothing = coalmine(folder, &format!("sweep plan {STAGED} --rows merged"));
    assert_eq!(nothing.code, 2);
    assert!(
        nothing.err.contains("nothing is left to be shared out"),
        "{}",
        nothing.err
    );
    let odd = coalmine(
        folder,
        "sweep merge rows --plan plan.json --rows known.jsonl",
    );
    assert_eq!(odd.code, 2);
    assert!(odd.err.contains("leave out --rows"), "{}", odd.err);
}
