//! `coalmine sweep` as an engine runs it: exit codes, killed shards, what is refused.

use std::fs;
use std::path::Path;

use super::{answered, assert_same, coalmine, paths, play};

const PLAN: &str = "sweep plan power low-traffic --trials 600 --weights 2";

#[test]
fn power_in_shards_is_power_in_one_process() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, &format!("{PLAN} --out plan.json"));
    play(folder, "plan.json", [2, 0], 3, "rows");

    // What is missing is named, with the shards that would play it.
    let said = coalmine(folder, "sweep merge rows --out partly");
    assert_eq!(said.code, 3, "{}", said.err);
    assert!(
        said.err.contains("of --shard-count 3): 1\n"),
        "{}",
        said.err
    );
    let said = answered(folder, "sweep missing rows --plan plan.json");
    assert_eq!(said.out, "1\n");
    let said = answered(
        folder,
        "sweep missing rows --plan plan.json --shard-count 2",
    );
    assert_eq!(said.out, "0-1\n");

    // Another number of shards, on top of a partial merge.
    play(folder, "plan.json", [0, 1], 2, "more");
    let said = answered(folder, "sweep merge partly more rows --out merged");
    answered(
        folder,
        "power low-traffic --trials 600 --weights 2 --out whole",
    );
    assert_same(&folder.join("whole"), &folder.join("merged/low-traffic"));
    let alone = answered(
        folder,
        "power low-traffic --trials 600 --weights 2 --no-files",
    );
    assert_eq!(said.out, alone.out);
    let missing = answered(folder, "sweep missing merged --plan plan.json");
    assert_eq!(
        (&*missing.out, &*missing.err),
        ("", "Nothing is missing.\n")
    );

    // Power itself draws the rows, and plays nothing that they hold.
    let rows = "power low-traffic --trials 600 --weights 2 --rows merged --out drawn --keep-trials";
    let said = answered(folder, rows);
    assert!(said.err.contains("not played again: "), "{}", said.err);
    let units = said
        .err
        .lines()
        .find(|line| line.contains("again: "))
        .unwrap();
    let all = fs::read_to_string(folder.join("merged/rows.jsonl")).unwrap();
    let lines = all.lines().count() - 2;
    assert!(units.ends_with(&format!(" {lines}.")), "{units}, {lines}");
    let kept = "power low-traffic --trials 600 --weights 2 --out kept --keep-trials";
    answered(folder, kept);
    assert_same(&folder.join("kept"), &folder.join("drawn"));
}

#[test]
fn a_grid_in_shards_is_a_grid_in_one_process() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let sweep = "scenarios = [\"low-traffic\", \"plain-flagger\"]\ntrials = 30\nheld = [10]\n\
                 [grid]\n\"traffic.rate\" = [\"2/s\", \"20/s\"]\n";
    fs::write(folder.join("sweep.toml"), sweep).unwrap();
    answered(folder, "sweep plan grid sweep.toml");
    play(folder, "plan.json", [0], 1, "one");
    play(folder, "plan.json", [3, 1, 0, 2], 4, "rows");
    let one = answered(folder, "sweep merge one --out whole");
    let said = answered(folder, "sweep merge rows --out merged");
    assert_same(&folder.join("whole"), &folder.join("merged"));
    assert_eq!(said.out, one.out);
    assert!(said.out.lines().all(|line| line.chars().count() <= 100));
    let cells = fs::read_to_string(folder.join("merged/cells.csv")).unwrap();
    assert!(cells.starts_with("scenario,traffic.rate,mode,weight,trials,power,"));
    assert_eq!(cells.lines().count(), 1 + 2 * 2 * 2);
    assert!(
        cells.contains("\nplain-flagger,20/s,held,10,30,"),
        "{cells}"
    );
}

#[test]
fn a_calibration_in_shards_is_a_calibration_in_one_process() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    let asked = "calibrate fisher cusum --setting tiny --trials 450 --fault-trials 120";
    answered(folder, &format!("sweep plan {asked}"));
    play(folder, "plan.json", [1, 0], 2, "rows");
    let said = answered(folder, "sweep merge rows --out merged");
    let whole = answered(folder, &format!("{asked} --out whole"));
    assert_eq!(said.out, whole.out);
    assert_same(&folder.join("whole"), &folder.join("merged/calibration"));
}

#[test]
fn files_that_a_scenario_names_are_carried() {
    let place = tempfile::tempdir().unwrap();
    let (here, there) = (place.path().join("here"), place.path().join("there"));
    fs::create_dir(&here).unwrap();
    fs::create_dir(&there).unwrap();
    let shown = answered(&here, "scenarios show plain-flagger").out;
    fs::write(here.join("mine.toml"), shown).unwrap();
    for path in paths(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios"))) {
        if path.extension().is_some_and(|ending| ending == "yaml") {
            fs::copy(&path, here.join(path.file_name().unwrap())).unwrap();
        }
    }
    let asked = "power mine.toml --trials 40 --weights 5 --rate 7/s";
    answered(
        &here,
        &format!("sweep plan {asked} --out ../there/plan.json"),
    );
    play(&there, "plan.json", [0], 1, "rows");
    answered(&there, "sweep merge rows --out merged");
    answered(&here, &format!("{asked} --out whole"));
    let merged = paths(&there.join("merged"));
    let folder = merged.iter().find(|path| path.is_dir()).unwrap();
    assert_same(&here.join("whole"), folder);
}

#[test]
fn units_of_another_version_or_plan_or_outcome_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, &format!("{PLAN} --out plan.json"));
    answered(folder, &format!("{PLAN} --seed 7 --out other.json"));
    play(folder, "plan.json", [0], 1, "rows");
    play(folder, "other.json", [0], 9, "others");
    let said = coalmine(folder, "sweep merge rows others");
    assert_eq!(said.code, 2);
    assert!(said.err.contains("others/shard-1-of-9"), "{}", said.err);

    let rows = paths(&folder.join("rows"));
    let file = rows
        .iter()
        .find(|path| path.extension().unwrap() == "jsonl");
    let text = fs::read_to_string(file.unwrap()).unwrap();
    let ours = format!("\"program\":\"{}\"", env!("CARGO_PKG_VERSION"));
    fs::write(
        folder.join("old.jsonl"),
        text.replace(&ours, "\"program\":\"0.0.9\""),
    )
    .unwrap();
    for asked in ["sweep merge rows old.jsonl", "power --rows old.jsonl"] {
        let said = coalmine(folder, asked);
        assert_eq!(said.code, 2, "{}", said.err);
        assert!(said.err.contains("coalmine 0.0.9"), "{}", said.err);
    }

    // A plan of another version, and one that was changed by hand.
    let plan = fs::read_to_string(folder.join("plan.json")).unwrap();
    for (from, to) in [
        (env!("CARGO_PKG_VERSION"), "0.0.9"),
        ("--trials=600", "--trials=700"),
    ] {
        fs::write(folder.join("wrong.json"), plan.replace(from, to)).unwrap();
        let said = coalmine(folder, "sweep run wrong.json --shard 1/2 --out x");
        assert_eq!(said.code, 64, "{}", said.err);
        assert_eq!(
            coalmine(folder, "sweep merge rows --plan wrong.json").code,
            2
        );
    }
    assert!(!folder.join("x").exists());

    // One folder is of one plan.
    let said = coalmine(folder, "sweep run other.json --shard 1/2 --out rows");
    assert_eq!(said.code, 64);
    assert!(said.err.contains("rows belongs to plan"), "{}", said.err);
}

#[test]
fn the_same_unit_in_two_ways_stops_a_merge() {
    use coalmine::experiment::ledger::{Attempt, Header, Records, write};
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, &format!("{PLAN} --out plan.json"));
    play(folder, "plan.json", [0], 2, "rows");
    let rows = paths(&folder.join("rows"));
    let file = rows
        .iter()
        .find(|path| path.extension().unwrap() == "jsonl");
    let attempt = Attempt::read(file.unwrap()).unwrap().unwrap();
    let (unit, record) = attempt.records[0].clone();
    let other = record.replacen("\"ended\":[", "\"ended\":[1", 1);
    assert_ne!(*other, *record);
    let header = Header::new(attempt.header.plan, "1/2");
    let records = Records::from([(unit, other.into())]);
    write(&folder.join("other.jsonl"), &header, &records).unwrap();
    let said = coalmine(folder, "sweep merge rows other.jsonl --out merged");
    assert_eq!(said.code, 4);
    for part in ["came out in two ways", "other.jsonl: ", "rows/shard-1-of-2"] {
        assert!(said.err.contains(part), "{}", said.err);
    }
    assert!(!folder.join("merged").exists());
}

#[test]
fn an_engine_learns_what_to_do_from_the_exit_code() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    answered(folder, &format!("{PLAN} --out plan.json"));
    for (options, said) in [
        (
            "plan.json --shard-index 4 --shard-count 4 --out x",
            "0 to 3",
        ),
        ("plan.json --shard 0/4 --out x", "1/4 to 4/4"),
        ("plan.json --shard 5/4 --out x", "1/4 to 4/4"),
        ("plan.json --out x", "--shard"),
        ("plan.json --shard-index 1 --out x", "--shard-count"),
        (
            "plan.json --shard 1/2 --shard-index 1 --out x",
            "cannot be used",
        ),
        ("plan.json --shard 1/2", "--out"),
        ("plan.json --shard 1/2 --out x --bogus", "--bogus"),
        ("nothing.json --shard 1/2 --out x", "nothing.json"),
    ] {
        let refused = coalmine(folder, &format!("sweep run {options}"));
        assert_eq!(refused.code, 64, "{options}: {}", refused.err);
        assert!(refused.err.contains(said), "{options}: {}", refused.err);
    }
    assert!(!folder.join("x").exists());
    if Path::new("/proc/self").exists() {
        // Nobody makes folders there: a disk that fails may work again.
        let failed = coalmine(folder, "sweep run plan.json --shard 1/2 --out /proc/x/y");
        assert_eq!(failed.code, 75, "{}", failed.err);
    }
    // More shards than units: a share of nothing is done.
    let said = answered(folder, "sweep run plan.json --shard 9999/9999 --out rows");
    assert!(said.err.contains(": 0 of "), "{}", said.err);
    // No variable of an engine decides anything.
    let mut command = super::program(folder, "sweep run plan.json --shard 1/1 --out all");
    command
        .env("JOB_COMPLETION_INDEX", "3")
        .env("SLURM_ARRAY_TASK_ID", "3");
    assert!(command.output().unwrap().status.success());
    assert_eq!(coalmine(folder, "sweep merge all").code, 0);
}

#[test]
fn plans_that_cannot_be_shared_out_are_refused() {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path();
    for (asked, said) in [
        ("power low-traffic", "--trials 2000"),
        ("power low-traffic --precision 1%", "cannot be shared out"),
        (
            "power low-traffic low-traffic --trials 5",
            "called `low-traffic`",
        ),
        ("power low-trafic --trials 5", "low-traffic"),
        ("grid none.toml", "none.toml"),
        ("calibrate nonsense", "nonsense"),
        ("tune default --move rollout.gates[3].min=99%", "gates[3]"),
        ("tune default --rounds 5", "1..=4"),
        ("tune default --rows nowhere", "nowhere"),
    ] {
        let refused = coalmine(folder, &format!("sweep plan {asked}"));
        assert_eq!(refused.code, 2, "{asked}: {}", refused.err);
        assert!(refused.err.contains(said), "{asked}: {}", refused.err);
    }
    assert!(paths(folder).is_empty(), "{:?}", paths(folder));
}
