//! Whatever the number of shards, the order in which they arrive, how often one was run and where a
//! file was torn: the merged bytes are those of one process.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use coalmine::experiment::Options;
use coalmine::experiment::ledger::{self, Header, Journal, Ledger, PlanId, Records, UnitId};
use coalmine::experiment::sweep::{self, Shard, Subject, SweepFile};
use coalmine::experiment::tuning::{Extent, Search};
use coalmine::scenario::{Bundle, Origin, Overrides, Tune, find};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

fn plan() -> PlanId {
    PlanId::of_content(&"the plan of this test")
}

/// Plays these units as one attempt of a shard.
fn attempt(subject: &Subject, wanted: &BTreeSet<UnitId>, folder: &Path, shard: Shard) {
    let header = Header::new(plan(), shard.to_string());
    let journal = Journal::new(folder, "shard", header);
    journal.begin().unwrap();
    let ledger = Ledger::noting(Records::new(), journal);
    let stop = AtomicBool::new(false);
    let options = Options {
        threads: Some(1),
        keep_trials: false,
        ledger: Some(&ledger),
        stop: &stop,
        progress: &|_| {},
    };
    assert!(subject.play(wanted, &options).unwrap());
    ledger.close().unwrap().unwrap();
}

fn play_shard(subject: &Subject, units: &[UnitId], folder: &Path, shard: Shard) {
    let own = (units.iter().enumerate()).filter(|(at, _)| shard.takes(*at));
    attempt(
        subject,
        &own.map(|(_, unit)| *unit).collect(),
        folder,
        shard,
    );
}

/// The bytes of a merge of these places, in this order.
fn merged(places: &[PathBuf], scratch: &Path) -> Vec<u8> {
    let gathered = ledger::gather(places, plan()).unwrap();
    let path = scratch.join("merged.jsonl");
    let records = gathered.union.into_records();
    ledger::write(&path, &Header::new(plan(), "1/1"), &records).unwrap();
    fs::read(&path).unwrap()
}

fn power(name: &str, trials: u32) -> Subject {
    let overrides = Overrides {
        trials: Some(trials),
        weights: Some(vec!["2%".parse().unwrap()]),
        ..Overrides::default()
    };
    let origin = Origin::Builtin(find(name).unwrap());
    let (_, scenario) = Bundle::gather(origin, &overrides).unwrap();
    Subject::Power(vec![scenario])
}

fn grid(trials: u32, rates: &[u32]) -> Subject {
    let rates: Vec<String> = rates.iter().map(|rate| format!("\"{rate}/s\"")).collect();
    let text = format!(
        "scenarios = [\"low-traffic\"]\ntrials = {trials}\nheld = [\"5%\"]\n[grid]\n\
         \"traffic.rate\" = [{}]\n",
        rates.join(", ")
    );
    let file = SweepFile::read(&text, Path::new("sweep.toml")).unwrap();
    let origin = Origin::Builtin(find("low-traffic").unwrap());
    let (bundle, _) = Bundle::gather(origin, &file.overrides()).unwrap();
    Subject::Grid(file.points(&[bundle]).unwrap())
}

fn tune(trials: u32, rates: &[u32]) -> Subject {
    let origin = Origin::Builtin(find("default").unwrap());
    let (bundle, scenario) = Bundle::gather(origin, &Overrides::default()).unwrap();
    let moves: Vec<String> = rates.iter().map(|rate| format!("{}%", 50 + rate)).collect();
    let moves = [
        format!("rollout.gates[0].min={}", moves.join(",")),
        "rollout.interval=1m,30s".to_owned(),
    ];
    let tune = Tune {
        moves: moves.map(|text| text.parse().unwrap()).into(),
        ..Tune::default()
    };
    let extent = Extent {
        trials,
        ..Extent::default()
    };
    let search = Search::new(bundle, scenario, tune, extent).unwrap();
    let stretch = search.next(&Ledger::default(), None).unwrap().unwrap();
    let search = Box::new(search);
    Subject::Tune { search, stretch }
}

fn subject() -> impl Strategy<Value = Subject> {
    let trials = prop_oneof![1_u32..40, 480_u32..1_100];
    let rates = vec(1_u32..50, 1..4);
    prop_oneof![
        trials
            .clone()
            .prop_map(|trials| power("low-traffic", trials)),
        trials
            .clone()
            .prop_map(|trials| power("plain-flagger", trials)),
        (trials, rates.clone()).prop_map(|(trials, rates)| grid(trials, &rates)),
        (20_u32..200, rates).prop_map(|(trials, rates)| tune(trials, &rates)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    #[test]
    fn shards_come_together_to_the_bytes_of_one_process(
        subject in subject(),
        count in 1_u32..9,
        again in vec(any::<Index>(), 0..3),
        torn in vec((any::<Index>(), any::<Index>()), 0..3),
        order in Just((0..64).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        let units = subject.units();
        let distinct: BTreeSet<UnitId> = units.iter().copied().collect();
        prop_assert_eq!(distinct.len(), units.len());

        play_shard(&subject, &units, &folder.join("one"), Shard::new(0, 1).unwrap());
        let whole = merged(&[folder.join("one")], folder);

        // Every shard, some twice.
        let shards = (0..count).chain(again.iter().map(|at| at.index(count as usize) as u32));
        for index in shards {
            let shard = Shard::new(index, count).unwrap();
            play_shard(&subject, &units, &folder.join("rows"), shard);
        }
        let mut files = ledger::files(&folder.join("rows")).unwrap();
        let mut is_torn = false;
        for (file, at) in &torn {
            let path = &files[file.index(files.len())];
            let bytes = fs::read(path).unwrap();
            if !bytes.is_empty() {
                fs::write(path, &bytes[..at.index(bytes.len())]).unwrap();
                is_torn = true;
            }
        }
        files.sort_by_key(|file| {
            let at = ledger::files(&folder.join("rows")).unwrap();
            order[at.iter().position(|there| there == file).unwrap() % order.len()]
        });

        // What tearing cost is named, and played again under another number of shards.
        let gathered = ledger::gather(&files, plan()).unwrap();
        let missing = sweep::missing(&units, &gathered.union);
        prop_assert!(is_torn || missing.is_empty());
        let lacking: BTreeSet<UnitId> = missing.iter().map(|at| units[*at]).collect();
        attempt(&subject, &lacking, &folder.join("later"), Shard::new(0, 1).unwrap());
        files.push(folder.join("later"));
        prop_assert_eq!(&merged(&files, folder), &whole);

        // Merges are merged.
        let half = files.len() / 2;
        let first = merged(&files[..half.max(1)], folder);
        fs::create_dir(folder.join("tree")).unwrap();
        fs::write(folder.join("tree/first.jsonl"), first).unwrap();
        let mut tree = files[half..].to_vec();
        tree.push(folder.join("tree"));
        prop_assert_eq!(&merged(&tree, folder), &whole);
    }
}
