//! Tuning against brute force, against fresh seeds and against itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::candidates::candidates;
use super::sample::{Fitness, Sample};
use super::*;
use crate::experiment::ledger::{Attempt, Header, Journal, Ledger, PlanId, Records};
use crate::scenario::{Move, Origin, Overrides, find};

/// What is tuned: a built-in scenario with moves and clauses.
struct Case {
    bundle: Bundle,
    start: Scenario,
    tune: Tune,
}

fn case(name: &str, moves: &[&str], require: &[&str], minimise: &[Aim]) -> Case {
    let origin = Origin::Builtin(find(name).unwrap());
    let (bundle, start) = Bundle::gather(origin, &Overrides::default()).unwrap();
    let read = |text: &&str| text.parse::<Move>().unwrap();
    Case {
        bundle,
        start,
        tune: Tune {
            require: require.iter().map(|text| text.parse().unwrap()).collect(),
            minimise: minimise.to_vec(),
            moves: moves.iter().map(read).collect(),
            faults: Vec::new(),
        },
    }
}

const FLAGGER: [&str; 2] = [
    "flagger:spec.analysis.threshold=1,2,3,5",
    "flagger:spec.analysis.stepWeight=10,20",
];

fn with_options<T>(
    threads: usize,
    ledger: Option<&Ledger>,
    work: impl FnOnce(&Options<'_>) -> T,
) -> T {
    let stop = AtomicBool::new(false);
    work(&Options {
        threads: Some(threads),
        keep_trials: false,
        ledger,
        stop: &stop,
        progress: &|_| {},
    })
}

fn search_of(case: &Case, extent: &Extent) -> Result<Search, TuneError> {
    let (bundle, start) = (case.bundle.clone(), case.start.clone());
    Search::new(bundle, start, case.tune.clone(), *extent)
}

fn tuned(case: &Case, extent: &Extent, threads: usize) -> Tuning {
    let search = search_of(case, extent).unwrap();
    with_options(threads, None, |options| search.tune(options).unwrap())
}

const SMALL: Extent = Extent {
    trials: 800,
    budget: 100_000,
    candidates: 20,
    fresh: 1_000,
};

/// All candidates with so many trials each, none dropped: the obvious way.
fn exhaustive(
    case: &Case,
    trials: u32,
    seed: Seed,
    records: bool,
) -> (Question, Vec<Candidate>, Vec<Sample>) {
    let knobs: Vec<Knob> = case.tune.moves.iter().map(Knob::of).collect();
    let found = candidates(&case.bundle, &case.start, &case.tune, &knobs, (1_000, seed));
    let question = question(&case.tune);
    let samples = with_options(2, None, |options| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(2)
            .build()
            .unwrap();
        let (done, total) = (AtomicU64::new(0), AtomicU64::new(0));
        let cast = Cast::new(&question, &found.all, seed, records);
        let stage = Stage {
            cast: &cast,
            options,
            pool: &pool,
            only_known: false,
            done: &done,
            total: &total,
        };
        let all: Vec<usize> = (0..found.all.len()).collect();
        let mut samples = vec![Sample::new(&question); all.len()];
        stage.play(&all, trials, &mut samples);
        samples
    });
    (question, found.all, samples)
}

#[test]
fn each_round_has_four_times_the_trials_of_the_last() {
    assert_eq!(search::rungs(3_200), [50, 200, 800, 3_200]);
    assert_eq!(search::rungs(200), [50, 200]);
    assert_eq!(search::rungs(20), [20]);
}

#[test]
fn the_search_finds_what_playing_everything_finds() {
    for (require, minimise) in [
        (
            ["power >= 95%", "false_rollback <= 2%"],
            vec![Aim::Exposure],
        ),
        (["power >= 95%", "false_rollback <= 2%"], vec![Aim::Time]),
        (
            ["power >= 90%", "detection_p90 <= 20m"],
            vec![Aim::Exposure, Aim::Time],
        ),
    ] {
        let case = case("plain-flagger", &FLAGGER, &require, &minimise);
        let (question, all, samples) = exhaustive(&case, 800, case.start.experiment.seed, true);
        let samples: Vec<&Sample> = samples.iter().collect();
        let (front, best) = search::choose(&question, &samples).unwrap();
        let tuning = tuned(&case, &SMALL, 2);
        let winner = &tuning.points[tuning.recommended.unwrap()];
        assert_eq!(
            winner.changes,
            written(&all[best]),
            "{require:?} {minimise:?}"
        );
        // Of one aim the front is the winner.
        assert!(front.contains(&best));
        assert!(minimise.len() > 1 || front.len() == 1);
    }
}

/// Fresh figures lie where yet another seed puts them. Each of four shares and two means may be off by
/// chance with probability 1e-4 at most: 4 standard errors of the difference.
#[test]
fn what_is_promised_is_what_another_seed_gives() {
    let case = case("plain-flagger", &FLAGGER, &[], &[Aim::Exposure]);
    let tuning = tuned(&case, &SMALL, 2);
    let (question, all, samples) = exhaustive(&case, 1_000, Seed(99), true);
    for point in &tuning.points {
        let at = all
            .iter()
            .position(|one| written(one) == point.changes)
            .unwrap();
        let again = &samples[at];
        let exposure = question.aim(Aim::Exposure, again, 0.95);
        let arm = |low: f64, high: f64| (high - low) / 2.0 / 1.96;
        let error = arm(exposure.low, exposure.high)
            .hypot(arm(point.exposed_requests.low, point.exposed_requests.high));
        let off = (exposure.estimate - point.exposed_requests.estimate).abs();
        assert!(off <= 4.0 * error, "{point:?}: {exposure:?}");
        let power = crate::experiment::estimate::rollback_share(&again.cells[0]);
        let error = arm(power.low, power.high).hypot(arm(point.power.low, point.power.high));
        assert!(
            (power.estimate - point.power.estimate).abs() <= 4.0 * error,
            "{point:?}"
        );
    }
}

/// 1,500 trials judged on recordings and as many played: shares within 4 standard errors of their
/// difference, a chance of 1e-4 each.
#[test]
fn a_recorded_rollout_tells_what_a_rollout_of_its_own_would() {
    let case = case("default", &["rollout.gates[0].min=98%,99%,99.5%"], &[], &[]);
    let (_, all, recorded) = exhaustive(&case, 1_500, Seed(1), true);
    let (question, _, alone) = exhaustive(&case, 1_500, Seed(2), false);
    assert_eq!(all.len(), 3);
    for (recorded, alone) in recorded.iter().zip(&alone) {
        for world in 0..2 {
            let shares = [recorded, alone]
                .map(|sample| crate::experiment::estimate::rollback_share(&sample.cells[world]));
            let error = shares.map(|share| (share.high - share.low) / 2.0 / 1.96);
            let off = (shares[0].estimate - shares[1].estimate).abs();
            assert!(off <= 4.0 * error[0].hypot(error[1]), "{shares:?}");
        }
        for aim in [Aim::Exposure, Aim::Time] {
            let means = [recorded, alone].map(|sample| question.aim(aim, sample, 0.95));
            let error = means.map(|mean| (mean.high - mean.low) / 2.0 / 1.96);
            let off = (means[0].estimate - means[1].estimate).abs();
            assert!(
                off <= 4.0 * error[0].hypot(error[1]) + 1e-9,
                "{aim}: {means:?}"
            );
        }
    }
}

#[test]
fn threads_and_a_ledger_change_nothing() {
    let extent = Extent {
        trials: 80,
        fresh: 100,
        ..SMALL
    };
    let case = case(
        "default",
        &["rollout.gates[0].min=98%,99%", "rollout.interval=1m,30s"],
        &[],
        &[],
    );
    let one = tuned(&case, &extent, 1);
    assert_eq!(one, tuned(&case, &extent, 2));
    assert!(one.recorded > 0);
    let folder = tempfile::tempdir().unwrap();
    let plan = PlanId::of_content(&"tune");
    let header = Header::new(plan, "1/1");
    let journal = Journal::new(folder.path(), "attempt", header);
    let ledger = Ledger::noting(Records::new(), journal);
    let search = search_of(&case, &extent).unwrap();
    let noted = with_options(2, Some(&ledger), |options| search.tune(options).unwrap());
    assert_eq!(one, noted);
    let path = ledger.close().unwrap().unwrap();
    let attempt = Attempt::read(&path).unwrap().unwrap();
    let ledger = Ledger::with(attempt.records.into_iter().collect());
    let again = with_options(2, Some(&ledger), |options| search.tune(options).unwrap());
    assert_eq!(one, again);
    assert!(ledger.found() > 0);
}

/// Plays a stretch in two shares that know nothing of each other.
fn shared(search: &Search, stretch: &Stretch, known: &mut Records, folder: &Path) {
    let units = search.units(stretch);
    let trials: u64 = units.iter().map(|unit| u64::from(unit.count)).sum();
    assert_eq!(search.price(stretch).simulated, trials);
    for share in 0..2 {
        let own = (units.iter().enumerate()).filter(|(at, _)| at % 2 == share);
        let own: BTreeSet<_> = own.map(|(_, unit)| *unit).collect();
        let header = Header::new(PlanId::of_content(&"tune"), "1/2");
        let ledger = Ledger::noting(Records::new(), Journal::new(folder, "share", header));
        let played = with_options(1, Some(&ledger), |options| {
            search.play_units(stretch, &own, options).unwrap()
        });
        assert!(played);
        let attempt = Attempt::read(&ledger.close().unwrap().unwrap()).unwrap();
        let records = attempt.unwrap().records;
        assert_eq!(records.len(), own.len());
        known.extend(records);
    }
}

#[test]
fn a_search_in_stretches_is_the_search_of_one_process_and_leaves_nothing_to_play() {
    let extent = Extent {
        trials: 320,
        fresh: 250,
        ..SMALL
    };
    let mut has_dropped = false;
    for (case, rounds) in [
        (
            case(
                "default",
                &[
                    "rollout.gates[0].min=95%,98%,99%",
                    "rollout.gates[0].window=1m,30s",
                    "rollout.interval=1m,30s",
                ],
                &["power >= 90%", "false_rollback <= 20%"],
                &[],
            ),
            Some(1),
        ),
        (
            case("plain-flagger", &FLAGGER, &[], &[Aim::Exposure]),
            Some(1),
        ),
        (case("plain-flagger", &FLAGGER, &[], &[]), None),
    ] {
        let whole = tuned(&case, &extent, 2);
        let search = search_of(&case, &extent).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (mut known, mut stretches) = (Records::new(), Vec::new());
        while let Some(stretch) = search.next(&Ledger::with(known.clone()), rounds).unwrap() {
            shared(&search, &stretch, &mut known, folder.path());
            assert_eq!(stretch.goes_on(), !stretches.is_empty());
            stretches.push(stretch);
        }
        assert!(matches!(stretches.last(), Some(Stretch::Fresh { .. })));
        let is_of_fewer = |stretch: &Stretch| match stretch {
            Stretch::Rounds { candidates, .. } => candidates.is_some(),
            Stretch::Fresh { .. } => false,
        };
        assert_eq!(stretches.len(), if rounds.is_some() { 4 } else { 2 });
        assert_eq!(
            stretches.iter().any(is_of_fewer),
            whole.rounds[0].candidates > whole.rounds[1].candidates
        );
        has_dropped |= stretches.iter().any(is_of_fewer) && whole.recorded > 0;
        assert!(whole.recommended.is_some());
        let header = Header::new(PlanId::of_content(&"tune"), "1/1");
        let ledger = Ledger::noting(known, Journal::new(folder.path(), "rest", header));
        let merged = with_options(2, Some(&ledger), |options| search.tune(options).unwrap());
        assert_eq!(merged, whole);
        assert_eq!(ledger.close().unwrap(), None, "something was played");
    }
    assert!(
        has_dropped,
        "no case in which members of a group are dropped"
    );
}

#[test]
fn a_stretch_is_of_as_many_rounds_as_the_budget_pays_where_nobody_is_dropped() {
    let case = case("plain-flagger", &FLAGGER, &[], &[]);
    // 20, 80 and 320 trials of two worlds for eight points: 320, 1,280 and 5,120 rollouts.
    for (budget, rounds) in [(100, 1), (1_279, 1), (1_280, 2), (5_119, 2), (5_120, 3)] {
        let extent = Extent {
            trials: 320,
            budget,
            ..SMALL
        };
        let search = search_of(&case, &extent).unwrap();
        let stretch = search.next(&Ledger::default(), None).unwrap();
        let count = match stretch {
            Some(Stretch::Rounds { count, .. }) => count,
            _ => 0,
        };
        assert_eq!(count, rounds, "{budget}");
    }
}

#[test]
fn where_nothing_will_do_the_requirement_that_binds_is_named() {
    let moves = ["rollout.gates[0].min=50%,60%"];
    let little = Extent {
        trials: 800,
        fresh: 400,
        ..SMALL
    };
    let together = case(
        "default",
        &moves,
        &["power >= 95%", "false_rollback <= 1%"],
        &[],
    );
    let tuning = tuned(&together, &little, 2);
    assert_eq!(tuning.recommended, None);
    assert_eq!(tuning.patch, "");
    let advice = tuning.advice.unwrap();
    assert_eq!(advice.binding, "false_rollback <= 1%");
    assert_eq!(advice.closest, [""; 0]);
    assert_eq!(advice.out_of_reach, [""; 0]);
    // Ten times the requests, ten times the standing of a limit.
    assert_eq!(
        advice.replays.iter().map(|replay| replay.meets).next_back(),
        Some(true)
    );

    let slow = case("default", &moves, &["promotion_p50 <= 1m"], &[]);
    let advice = tuned(&slow, &little, 2).advice.unwrap();
    assert_eq!(advice.binding, "promotion_p50 <= 1m");
    assert_eq!(advice.out_of_reach, ["promotion_p50 <= 1m"]);
    assert!(!advice.is_about_catching);
    assert!(advice.replays.iter().all(|replay| !replay.meets));
}

#[test]
fn every_fault_that_is_listed_must_be_caught() {
    let mut case = case(
        "plain-flagger",
        &FLAGGER,
        &["power >= 95%"],
        &[Aim::Exposure],
    );
    case.tune.faults = case.start.world.faults.clone();
    let (question, _, samples) = exhaustive(&case, 100, Seed(5), true);
    assert_eq!(question.faults, 2);
    assert_eq!(samples[0].cells.len(), 3);
    let caught = |world: usize| {
        crate::experiment::estimate::rollback_share(&samples[0].cells[world]).estimate
    };
    let (measured, _) = question.clause(&question.require[0], &samples[0], 0.95);
    assert_eq!(measured.estimate, caught(0).min(caught(1)));
}

#[test]
fn a_budget_leaves_out_what_promises_least_and_says_so() {
    let case = case("plain-flagger", &FLAGGER, &[], &[Aim::Exposure]);
    let extent = Extent {
        trials: 320,
        // 20 trials of two worlds for nine points are 360; the next round would be 1,080.
        budget: 1_000,
        fresh: 100,
        ..SMALL
    };
    let tuning = tuned(&case, &extent, 2);
    assert_eq!(tuning.ended, Ended::Budget);
    assert!(tuning.simulated <= 1_000, "{}", tuning.simulated);
    assert!(tuning.rounds.iter().any(|round| round.left_out > 0));
}

#[test]
fn what_is_required_at_a_percentage_is_played_held_there() {
    let case = case(
        "plain-flagger",
        &FLAGGER,
        &["power at 10% >= 90%", "never <= 5%"],
        &[],
    );
    let (question, _, samples) = exhaustive(&case, 40, Seed(5), true);
    assert_eq!(question.cells.len(), 3);
    assert_eq!(samples[0].cells[2].len(), 40);
    assert_ne!(samples[0].cells[2], samples[0].cells[0]);
}

#[test]
fn what_holds_comes_before_what_may_hold() {
    assert!(Fitness::Shown < Fitness::Likely);
    assert!(Fitness::Likely < Fitness::Unlikely);
    assert!(Fitness::Unlikely < Fitness::Broken);
}

#[test]
fn every_controller_has_something_that_usually_moves() {
    for name in [
        "plain-flagger",
        "plain-argo",
        "default",
        "evidence-promotion",
        "kayenta-canary",
    ] {
        let case = case(name, &[], &[], &[]);
        let knobs = usual::knobs(&case.bundle, &case.start);
        let seed = Seed::DEFAULT;
        let found = candidates(&case.bundle, &case.start, &case.tune, &knobs, (30, seed));
        assert!(found.all.len() > 3, "{name}: {:?}", found.refusal);
    }
}

#[test]
fn without_a_bad_release_or_a_move_there_is_nothing_to_tune() {
    let mut case = case(
        "plain-flagger",
        &["flagger:spec.analysis.treshold=1"],
        &[],
        &[],
    );
    let error = search_of(&case, &SMALL).unwrap_err().to_string();
    assert!(error.contains("did you mean threshold?"), "{error}");
    case.start.world = case.start.world.healthy();
    let refused = search_of(&case, &SMALL);
    assert!(matches!(refused, Err(TuneError::NoFault)));
}
