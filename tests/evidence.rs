//! The gates that hold their level, against the operating characteristics that were measured for
//! them: one-minute batches for an hour, a look every minute, errors that come one by one, each
//! request routed by itself.
//!
//! Every run is seeded. Bounds are four Monte Carlo standard errors of the difference between two
//! measurements, so that one correct figure in some 16,000 would be refused.

use std::collections::BTreeMap;

use coalmine::base::{Probability, Span, Stream};
use coalmine::gate::statistical::{
    Arm, Batch, ChangeEvidence, ChangeSpending, Decision, Events, Evidence, ExactSpending,
    Exposure, JointSpending, LatencyEvidence, Look, Method, Planned, Prior, Spending,
    SplitEvidence, Test, Thresholds, TwoSidedEvidence,
};
use coalmine::stats::draw::{Alias, CountTable};
use coalmine::stats::normal_upper;
use coalmine::stats::sequential::{CountLaw, Onset, SplitChangePoint, SplitE, SplitLaw};
use coalmine::telemetry::{Buckets, Unit, UserFailures};
use rand::{Rng, SeedableRng};

const LOOKS: u64 = 60;

/// A service of 100 requests a second, of which the canary gets a share.
#[derive(Debug, Clone, Copy)]
struct Service {
    requests: u64,
    weight: f64,
    errors: f64,
}

const BUSY: Service = Service {
    requests: 6_000,
    weight: 0.05,
    errors: 0.01,
};

const RARE: Service = Service {
    errors: 0.001,
    ..BUSY
};

const SMALL: Service = Service {
    requests: 60,
    weight: 0.25,
    errors: 0.01,
};

fn planned() -> Planned {
    Planned {
        duration: Span::from_secs(60 * LOOKS),
        interval: Span::from_secs(60),
    }
}

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn exact_spending(spending: Spending, exposure: Exposure) -> Method {
    Method::ExactSpending(ExactSpending {
        alpha: share(0.05),
        spending,
        exposure,
        events: Events::Errors,
    })
}

fn split_evidence() -> Method {
    Method::SplitEvidence(SplitEvidence {
        alpha: share(0.05),
        tolerate: 1.0,
        events: Events::Errors,
    })
}

fn change_evidence() -> Method {
    Method::ChangeEvidence(ChangeEvidence {
        alpha: share(0.05),
        prior: Prior::HalfAtStart,
        events: Events::Errors,
    })
}

fn change_spending(particles: u32) -> Method {
    Method::ChangeSpending(ChangeSpending {
        alpha: share(0.05),
        spending: Spending::Pocock,
        particles,
        events: Events::Errors,
    })
}

/// Binomial draws, with a table for each law that came up.
#[derive(Default)]
struct Binomials(BTreeMap<(u64, u64), CountTable>);

impl Binomials {
    fn draw(&mut self, trials: u64, chance: f64, stream: &mut Stream) -> u64 {
        let table = self.0.entry((trials, chance.to_bits())).or_insert_with(|| {
            let mut law = CountLaw::default();
            law.fill(SplitLaw::Share(chance), trials).unwrap();
            CountTable::new(&law)
        });
        table.count(stream.next_u32())
    }
}

/// One minute of a service, whose canary has `ratio` times the errors: its requests and errors, then
/// those of stable.
fn minute(
    service: Service,
    ratio: f64,
    binomials: &mut Binomials,
    stream: &mut Stream,
) -> [(u64, u64); 2] {
    let canary = binomials.draw(service.requests, service.weight, stream);
    let stable = service.requests - canary;
    [(canary, ratio * service.errors), (stable, service.errors)]
        .map(|(requests, errors)| (requests, binomials.draw(requests, errors, stream)))
}

/// What a gate says of a minute of counts.
fn look(test: &mut dyn Test, minute: u64, weight: f64, arms: [(u64, u64); 2]) -> Look {
    let [canary, other] = arms.map(|(requests, errors)| Arm {
        requests,
        errors,
        latencies: &[],
        users: UserFailures::default(),
    });
    test.look(&Batch {
        elapsed: Span::from_secs(60 * minute),
        share: Some(weight),
        bounds: &Buckets::traefik(),
        other,
        canary,
    })
}

/// The minutes at which rollouts were rolled back whose canary has `ratio` times the errors from
/// minute `onset` on; infinite for those that were not.
fn minutes(method: &Method, service: Service, (ratio, onset): (f64, u64), runs: u64) -> Vec<f64> {
    let mut test = method.start(planned());
    let mut binomials = Binomials::default();
    (0..runs)
        .map(|seed| {
            let mut stream = Stream::seed_from_u64(seed);
            test.begin(seed);
            (1..=LOOKS)
                .find(|now| {
                    let ratio = if *now > onset { ratio } else { 1.0 };
                    let arms = minute(service, ratio, &mut binomials, &mut stream);
                    let look = look(&mut *test, *now, service.weight, arms);
                    look.decision == Decision::Worse
                })
                .map_or(f64::INFINITY, |look| look as f64)
        })
        .collect()
}

/// Checks the share of rollouts rolled back, and the mean minutes with 60 for those that were not,
/// against those of the reference, which measured `theirs` rollouts and tells minutes to 0.1.
fn check(minutes: &[f64], table: (f64, f64), theirs: f64, what: &str) {
    let runs = minutes.len() as f64;
    let chance = minutes.iter().filter(|end| end.is_finite()).count() as f64 / runs;
    let all: Vec<f64> = minutes.iter().map(|end| end.min(LOOKS as f64)).collect();
    let mean = coalmine::stats::mean(&all);
    let pooled = (chance * runs + table.0 * theirs) / (runs + theirs);
    let pooled = pooled.clamp(1.0 / theirs, 1.0 - 1.0 / theirs);
    let error = (pooled * (1.0 - pooled) * (1.0 / runs + 1.0 / theirs)).sqrt();
    assert!(
        (chance - table.0).abs() < 4.0 * error + 0.0005,
        "{what}: {chance}"
    );
    let error = coalmine::stats::standard_deviation(&all) * (1.0 / runs + 1.0 / theirs).sqrt();
    assert!(
        (mean - table.1).abs() < 4.0 * error + 0.05,
        "{what}: {mean} minutes"
    );
}

/// Good canaries, twice the errors, five times, and twice from minute 30 on.
const CASES: [(f64, u64); 4] = [(1.0, 0), (2.0, 0), (5.0, 0), (2.0, 30)];

/// Checks a row of the tables; of the good canaries `runs.0` rollouts, of the others `runs.1`.
fn check_row(
    method: &Method,
    service: Service,
    row: [(f64, f64); 4],
    theirs: (f64, f64),
    runs: (u64, u64),
) {
    for (case, cell) in CASES.into_iter().zip(row) {
        let (runs, theirs) = match case.0 {
            1.0 => (runs.0, theirs.0),
            _ => (runs.1, theirs.1),
        };
        let found = minutes(method, service, case, runs);
        let what = format!("{method} on {service:?}, {case:?}");
        check(&found, cell, theirs, &what);
    }
}

#[test]
fn exact_spending_does_what_was_measured_for_it() {
    let theirs = (2_000.0, 2_000.0);
    let pocock = exact_spending(Spending::Pocock, Exposure::Realised);
    let row = [(0.048, 58.4), (1.0, 4.5), (1.0, 1.1), (1.0, 39.3)];
    check_row(&pocock, BUSY, row, theirs, (600, 200));
    let row = [(0.052, 58.2), (0.941, 25.3), (1.0, 4.7), (0.424, 54.3)];
    check_row(&pocock, RARE, row, theirs, (1_000, 300));
    let row = [(0.046, 58.6), (0.591, 42.7), (1.0, 10.5), (0.205, 56.8)];
    check_row(&pocock, SMALL, row, theirs, (1_000, 300));
    let root = exact_spending(Spending::Root, Exposure::Weight);
    let row = [(0.053, 57.8), (0.928, 25.2), (1.0, 4.1), (0.389, 54.7)];
    check_row(&root, RARE, row, theirs, (1_000, 300));
    let late = exact_spending(Spending::OBrienFleming, Exposure::Hypergeometric);
    let row = [(0.052, 59.3), (0.963, 32.8), (1.0, 11.1), (0.540, 54.0)];
    check_row(&late, RARE, row, theirs, (1_000, 300));
}

#[test]
fn split_evidence_does_what_was_measured_for_it() {
    let theirs = (8_000.0, 2_000.0);
    let row = [(0.006, 59.7), (1.0, 5.5), (1.0, 1.1), (0.993, 45.2)];
    check_row(&split_evidence(), BUSY, row, theirs, (2_000, 500));
    let row = [(0.014, 59.4), (0.754, 36.1), (1.0, 4.8), (0.143, 58.3)];
    check_row(&split_evidence(), RARE, row, theirs, (2_000, 500));
}

/// The reference measured the change-point e-process on the 24 bets of the split e-process, laid
/// uniformly on the looks. With the four bets that it recommends, and half of the capital at the
/// start, the gate is faster everywhere, and than the split e-process too.
#[test]
fn change_evidence_is_faster_than_what_was_measured_for_it() {
    let mut uniform =
        SplitChangePoint::new(&SplitE::usual_ratios(), 1.0, Onset::Uniform(60)).unwrap();
    let mut binomials = Binomials::default();
    let row = [(0.004, 59.9), (1.0, 8.4), (1.0, 1.4), (1.0, 37.6)];
    for ((ratio, onset), cell) in CASES.into_iter().zip(row) {
        let runs = if ratio == 1.0 { 1_000 } else { 500 };
        let found: Vec<f64> = (0..runs)
            .map(|seed| {
                let mut stream = Stream::seed_from_u64(seed);
                uniform.reset();
                let rolled_back = (1..=LOOKS).find(|now| {
                    let ratio = if *now > onset { ratio } else { 1.0 };
                    let [canary, other] = minute(BUSY, ratio, &mut binomials, &mut stream);
                    let share = canary.0 as f64 / BUSY.requests as f64;
                    let log_e = uniform.look(canary.1, canary.1 + other.1, share);
                    log_e.unwrap() >= 20.0_f64.ln()
                });
                rolled_back.map_or(f64::INFINITY, |look| look as f64)
            })
            .collect();
        let theirs = if ratio == 1.0 { 8_000.0 } else { 2_000.0 };
        check(
            &found,
            cell,
            theirs,
            &format!("24 uniform bets, x{ratio} from {onset}"),
        );
    }
    // Ours, measured with 2,000 and 1,000 rollouts.
    let row = [(0.013, 59.5), (1.0, 5.06), (1.0, 1.08), (1.0, 36.96)];
    check_row(
        &change_evidence(),
        BUSY,
        row,
        (2_000.0, 1_000.0),
        (1_000, 300),
    );
    let mean = |method: &Method, case| {
        let found = minutes(method, RARE, case, 300);
        let all: Vec<f64> = found.iter().map(|end| end.min(60.0)).collect();
        coalmine::stats::mean(&all)
    };
    // The same luck for both: differences are much larger than their errors.
    for case in [(2.0, 0), (2.0, 30)] {
        let (ours, split) = (
            mean(&change_evidence(), case),
            mean(&split_evidence(), case),
        );
        assert!(ours + 1.0 < split, "{case:?}: {ours} {split}");
    }
}

#[test]
fn change_spending_does_what_was_measured_for_it() {
    let row = [(0.040, 58.6), (1.0, 4.7), (1.0, 1.2), (1.0, 35.5)];
    check_row(
        &change_spending(1_999),
        BUSY,
        row,
        (2_000.0, 400.0),
        (200, 60),
    );
    let row = [(0.054, 58.2), (0.900, 27.5), (1.0, 4.6), (0.550, 53.0)];
    check_row(
        &change_spending(1_999),
        RARE,
        row,
        (2_000.0, 400.0),
        (200, 60),
    );
}

/// The chance that a gate ever rolls back when each of the errors of each batch is the canary's with
/// the chance `weight`, in all ways that this can happen.
fn level(method: &Method, batches: &[(u64, u64, u64, f64)], planned: Planned) -> f64 {
    let mut test = method.start(planned);
    let mut counts = vec![0; batches.len()];
    let mut level = 0.0;
    loop {
        test.begin(0);
        let mut chance = 1.0;
        let mut rolled_back = false;
        for (index, (count, batch)) in counts.iter().zip(batches).enumerate() {
            let &(canary, other, errors, weight) = batch;
            chance *= coalmine::stats::binomial(errors, *count, weight);
            let arms = [(canary, *count), (other, errors - count)];
            let look = look(&mut *test, index as u64 + 1, weight, arms);
            rolled_back |= look.decision == Decision::Worse;
        }
        level += if rolled_back { chance } else { 0.0 };
        let Some(next) = (0..counts.len()).find(|at| counts[*at] < batches[*at].2) else {
            return level;
        };
        counts[next] += 1;
        counts[..next].fill(0);
    }
}

#[test]
fn no_way_in_which_few_errors_fall_lets_a_gate_exceed_its_level() {
    let planned = Planned {
        duration: Span::from_secs(240),
        interval: Span::from_secs(60),
    };
    // Requests of the canary and of stable, errors, weight; the second batch has no errors.
    let batches = [
        (5, 95, 4, 0.05),
        (7, 93, 0, 0.05),
        (20, 80, 5, 0.2),
        (50, 50, 6, 0.5),
    ];
    let mut highest = 0.0_f64;
    for spending in [Spending::Pocock, Spending::OBrienFleming, Spending::Root] {
        let found = level(
            &exact_spending(spending, Exposure::Weight),
            &batches,
            planned,
        );
        assert!(found > 0.0 && found <= 0.05 + 1e-12, "{spending}: {found}");
        highest = highest.max(found);
    }
    assert!(highest > 0.03, "most of the level is used: {highest}");
    let realised = batches.map(|(canary, other, errors, _)| {
        (
            canary,
            other,
            errors,
            canary as f64 / (canary + other) as f64,
        )
    });
    for method in [split_evidence(), change_evidence()] {
        let found = level(&method, &realised, planned);
        assert!(found <= 0.05, "{method}: {found}");
    }
}

#[test]
fn evidence_is_one_on_average_or_less() {
    let mut binomials = Binomials::default();
    for method in [split_evidence(), change_evidence()] {
        for service in [RARE, SMALL] {
            let mut test = method.start(planned());
            let last: Vec<f64> = (0..2_000)
                .map(|seed| {
                    let mut stream = Stream::seed_from_u64(seed);
                    test.begin(seed);
                    let mut last = 0.0;
                    for now in 1..=10 {
                        let arms = minute(service, 1.0, &mut binomials, &mut stream);
                        last = log_e(&look(&mut *test, now, service.weight, arms));
                    }
                    last.exp()
                })
                .collect();
            let mean = coalmine::stats::mean(&last);
            let error = coalmine::stats::standard_deviation(&last) / 2_000.0_f64.sqrt();
            assert!(mean < 1.0 + 3.0 * error, "{method}: {mean} +- {error}");
        }
    }
}

fn log_e(look: &Look) -> f64 {
    match look.evidence {
        Evidence::LogE { log_e, .. } => log_e,
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_sided_evidence_promotes_on_data_and_seldom_what_is_not_tolerated() {
    let method = Method::TwoSidedEvidence(TwoSidedEvidence {
        alpha: share(0.05),
        alpha_promote: share(0.05),
        tolerate: 2.0,
        events: Events::Errors,
    });
    let mut test = method.start(planned());
    let mut binomials = Binomials::default();
    let mut play = |ratio: f64, wanted: Decision| -> Vec<f64> {
        (0..500)
            .map(|seed| {
                let mut stream = Stream::seed_from_u64(seed);
                test.begin(seed);
                let found = (1..=LOOKS).find(|now| {
                    let arms = minute(BUSY, ratio, &mut binomials, &mut stream);
                    look(&mut *test, *now, BUSY.weight, arms).decision == wanted
                });
                found.map_or(f64::INFINITY, |look| look as f64)
            })
            .collect()
    };
    let share = |ends: &[f64]| ends.iter().filter(|end| end.is_finite()).count() as f64 / 500.0;
    let mut promoted = play(1.0, Decision::NotWorse);
    promoted.sort_by(f64::total_cmp);
    assert!(share(&promoted) > 0.97);
    // 21,200 requests are 3.5 minutes by the closed form, without the mixture's share.
    assert!((3.0..=9.0).contains(&promoted[250]), "{}", promoted[250]);
    // Three standard errors of 5 % in 500 rollouts.
    for (ratio, wanted) in [(1.0, Decision::Worse), (2.0, Decision::NotWorse)] {
        let found = share(&play(ratio, wanted));
        assert!(found < 0.05 + 3.0 * 0.0097, "x{ratio} {wanted:?}: {found}");
    }
    assert_eq!(share(&play(5.0, Decision::Worse)), 1.0);
}

/// Latencies of a service in buckets of 7 %, and what share of them fails.
struct Latencies {
    bounds: Buckets,
    stable: Alias,
    canary: Alias,
}

impl Latencies {
    /// Log-normal around 40 ms with a spread of 0.6; `slow` of the canary's are `times` as slow.
    fn new(slow: f64, times: f64) -> Latencies {
        let bounds: Vec<f64> = (0..96).map(|step| 2.0 * 1.07_f64.powi(step)).collect();
        let above = |bound: f64| normal_upper((bound / 40.0).ln() / 0.6);
        let chances = |slow: f64| {
            let mut chances = Vec::new();
            let mut before = 1.0;
            for bound in bounds.iter().copied().chain([f64::INFINITY]) {
                let above = (1.0 - slow) * above(bound) + slow * above(bound / times);
                chances.push(before - above);
                before = above;
            }
            Alias::new(&chances)
        };
        Latencies {
            stable: chances(0.0),
            canary: chances(slow),
            bounds: Buckets::new(bounds.clone(), Unit::Milliseconds).unwrap(),
        }
    }

    /// One request after the other; a share of `errors` of the slowest tenth of both, and of
    /// `canary_errors` of all of the canary's, fail.
    fn minute(&self, errors: f64, canary_errors: f64, stream: &mut Stream) -> [Vec<u64>; 2] {
        let width = self.bounds.len();
        let mut arms = [vec![0; 2 * width], vec![0; 2 * width]];
        let limit = |share: f64| (share * 2.0_f64.powi(32)) as u64;
        let (weight, errors, canary_errors) = (limit(0.05), limit(errors), limit(canary_errors));
        for _ in 0..6_000 {
            let bits = stream.next_u64();
            let arm = usize::from(u64::from(bits as u32) < weight);
            let law = if arm == 1 { &self.canary } else { &self.stable };
            let bucket = law.cell((bits >> 32) as u32);
            arms[arm][bucket] += 1;
            let chance = if bucket >= 56 { errors } else { 0 };
            let chance = chance + if arm == 1 { canary_errors } else { 0 };
            if chance > 0 && u64::from(stream.next_u32()) < chance {
                arms[arm][width + bucket] += 1;
            }
        }
        arms
    }

    /// The minutes at which rollouts were rolled back, as [`minutes`].
    fn minutes(&self, method: &Method, errors: (f64, f64), looks: u64, runs: u64) -> Vec<f64> {
        let mut test = method.start(planned());
        let width = self.bounds.len();
        (0..runs)
            .map(|seed| {
                let mut stream = Stream::seed_from_u64(seed);
                test.begin(seed);
                let rolled_back = (1..=looks).find(|now| {
                    let arms = self.minute(errors.0, errors.1, &mut stream);
                    let [other, canary] = arms.each_ref().map(|latencies| Arm {
                        requests: latencies[..width].iter().sum(),
                        errors: latencies[width..].iter().sum(),
                        latencies,
                        users: UserFailures::default(),
                    });
                    let look = test.look(&Batch {
                        elapsed: Span::from_secs(60 * now),
                        share: Some(0.05),
                        bounds: &self.bounds,
                        other,
                        canary,
                    });
                    look.decision == Decision::Worse
                });
                rolled_back.map_or(f64::INFINITY, |look| look as f64)
            })
            .collect()
    }
}

#[test]
fn latency_evidence_does_what_was_measured_for_it() {
    let method = |errors| {
        Method::LatencyEvidence(LatencyEvidence {
            alpha: share(0.05),
            thresholds: Thresholds::Pooled,
            errors,
        })
    };
    for (name, slow, times, cell) in [
        ("all 10 % slower", 1.0, 1.1, (1.0, 2.6)),
        ("all 25 % slower", 1.0, 1.25, (1.0, 1.0)),
        ("2 % five times slower", 0.02, 5.0, (1.0, 2.9)),
        ("10 % twice as slow", 0.1, 2.0, (1.0, 3.0)),
    ] {
        let found = Latencies::new(slow, times).minutes(&method(false), (0.0, 0.0), 60, 150);
        check(&found, cell, 150.0, name);
    }
    let good = Latencies::new(0.0, 1.0).minutes(&method(false), (0.0, 0.0), 60, 150);
    let found = good.iter().filter(|end| end.is_finite()).count() as f64 / 150.0;
    // Four standard errors of the difference between 150 rollouts and the reference's 400.
    assert!((found - 0.015).abs() < 4.0 * 0.0116, "{found}");
    // Errors alone are found beside latency, and cost the factor of two of their weight.
    let worse = Latencies::new(0.0, 1.0).minutes(&method(true), (0.1, 0.02), 60, 30);
    assert!(worse.iter().all(|end| *end < 10.0), "{worse:?}");
}

#[test]
fn joint_spending_keeps_its_level_and_sees_errors_and_latency() {
    let method = |particles| {
        Method::JointSpending(JointSpending {
            alpha: share(0.05),
            spending: Spending::Pocock,
            particles,
            thresholds: Thresholds::Pooled,
        })
    };
    // Errors are slow in both versions: dealt by themselves they would not look like the canary's.
    let good = Latencies::new(0.0, 1.0).minutes(&method(99), (0.1, 0.0), 20, 300);
    let found = good.iter().filter(|end| end.is_finite()).count() as f64 / 300.0;
    // 20 of 60 looks may spend 0.05 ln(1 + 1.718 / 3) = 0.0226; four standard errors more.
    assert!(found < 0.0226 + 4.0 * 0.0086, "{found}");
    for (name, slow, times, errors, limit) in [
        ("all 10 % slower", 1.0, 1.1, 0.0, 4.0),
        ("2 % five times slower", 0.02, 5.0, 0.0, 4.5),
        ("three times the errors", 0.0, 1.0, 0.02, 4.0),
    ] {
        let found = Latencies::new(slow, times).minutes(&method(399), (0.1, errors), 30, 30);
        let mean = coalmine::stats::mean(&found);
        assert!(mean < limit, "{name}: {found:?}");
    }
}
