//! What a staged rollout does with verdicts, played tick by tick.

use proptest::prelude::*;

use super::*;
use crate::gate::Rule;

fn plan(steps: &[(f64, &str)]) -> StagedPlan {
    let step = |&(percent, hold): &(f64, &str)| Step {
        weight: Weight::percent(percent).unwrap(),
        hold: hold.parse().unwrap(),
        mirror: Weight::ZERO,
        pause: false,
    };
    StagedPlan {
        failures: 2,
        ..StagedPlan::new(steps.iter().map(step), Span::from_secs(60))
    }
}

fn verdict(letter: char) -> Verdict {
    Verdict {
        outcome: match letter {
            'p' => Outcome::Pass,
            'f' => Outcome::Fail,
            'i' => Outcome::Inconclusive,
            other => panic!("outcome {other}"),
        },
        gate: 0,
        value: 0.5,
        threshold: 0.5,
        samples: 100.0,
        rule: Rule::WithinLimits,
    }
}

struct Played {
    /// `0s 5%, 2m 10%, 4m promote`
    actions: String,
    weights: Vec<Weight>,
    checks: usize,
    end: Option<Time>,
    staged: Staged,
}

/// Plays outcomes, one a check, until they are used up or the rollout is over.
fn play(plan: &StagedPlan, outcomes: impl IntoIterator<Item = char>) -> Played {
    play_in(plan, outcomes, |_| Surroundings::default())
}

/// The same, where surroundings change with time.
fn play_in(
    plan: &StagedPlan,
    outcomes: impl IntoIterator<Item = char>,
    surroundings: impl Fn(Time) -> Surroundings,
) -> Played {
    let mut staged = Staged::new(plan);
    let mut outcomes = outcomes.into_iter();
    let (mut actions, mut weights, mut checks) = (Vec::new(), Vec::new(), 0);
    let mut end = None;
    let mut now = plan.cadence().first;
    while !staged.is_over() {
        if staged.handle_tick(now, &surroundings(now)) == Need::Verdict {
            let Some(letter) = outcomes.next() else {
                break;
            };
            checks += 1;
            staged.handle_verdict(now, &verdict(letter));
        }
        while let Some(action) = staged.poll_action() {
            let what = match action {
                Action::Route(routing) => {
                    weights.push(routing.canary);
                    routing.canary.to_string()
                }
                Action::Promote => "promote".to_owned(),
                Action::RollBack => "roll back".to_owned(),
            };
            actions.push(format!("{now} {what}"));
        }
        if staged.is_over() {
            end = Some(now);
        }
        now += plan.cadence().period;
    }
    Played {
        actions: actions.join(", "),
        weights,
        checks,
        end,
        staged,
    }
}

const TWO: &[(f64, &str)] = &[(5.0, "2m"), (10.0, "2m")];

#[test]
fn an_undisturbed_canary_is_promoted_when_all_holds_are_over() {
    let played = play(&plan(TWO), "pppp".chars());
    assert_eq!(played.actions, "0s 5%, 2m 10%, 4m promote");
    assert_eq!(played.staged.state().phase, Phase::Succeeded);
    assert_eq!(played.checks, 4);
}

#[test]
fn holds_end_at_the_next_check_and_last_one_interval_at_least() {
    let played = play(&plan(&[(5.0, "90s"), (10.0, "0s")]), "pppp".chars());
    assert_eq!(played.actions, "0s 5%, 2m 10%, 3m promote");
}

#[test]
fn enough_failures_in_a_row_roll_back_in_the_same_tick() {
    let played = play(&plan(TWO), "fpfpff".chars());
    assert_eq!(played.actions, "0s 5%, 2m 10%, 4m promote");
    let played = play(&plan(TWO), "pff".chars());
    assert_eq!(played.actions, "0s 5%, 3m roll back");
    assert_eq!(played.staged.state().phase, Phase::Failed);
    assert_eq!(played.staged.state().failures, 2);
}

#[test]
fn cumulative_failures_outlive_a_pass() {
    let cumulative = StagedPlan {
        counting: Counting::Cumulative,
        ..plan(TWO)
    };
    let played = play(&cumulative, "fpf".chars());
    assert_eq!(played.actions, "0s 5%, 2m 10%, 3m roll back");
}

#[test]
fn a_failure_at_the_end_of_a_hold_keeps_the_weight_until_a_check_does_not_fail() {
    let played = play(&plan(TWO), "pfppp".chars());
    assert_eq!(played.actions, "0s 5%, 3m 10%, 5m promote");
}

#[test]
fn no_check_is_asked_for_while_a_step_warms_up() {
    let warming = StagedPlan {
        warmup: Span::from_secs(61),
        ..plan(&[(5.0, "3m"), (10.0, "3m")])
    };
    let played = play(&warming, "pppp".chars());
    assert_eq!(played.actions, "0s 5%, 3m 10%, 6m promote");
    assert_eq!(
        played.checks, 4,
        "the first tick of each step is not judged"
    );
    // A warmup as long as the hold leaves nothing to check.
    let blind = StagedPlan {
        warmup: Span::from_secs(240),
        ..warming
    };
    assert_eq!(play(&blind, []).actions, "0s 5%, 3m 10%, 6m promote");
}

#[test]
fn an_inconclusive_check_is_ignored_or_fails_or_stops_the_clock() {
    let with = |inconclusive| StagedPlan {
        inconclusive,
        ..plan(TWO)
    };
    let ignored = play(&with(WhenInconclusive::Ignore), "fiip".chars());
    assert_eq!(ignored.actions, "0s 5%, 2m 10%, 4m promote");
    let failed = play(&with(WhenInconclusive::Fail), "fi".chars());
    assert_eq!(failed.actions, "0s 5%, 2m roll back");
    // Each inconclusive check makes the step one interval longer, at its end and before.
    let held = play(&with(WhenInconclusive::Hold), "piippip".chars());
    assert_eq!(held.actions, "0s 5%, 4m 10%, 7m promote");
}

#[test]
fn ignored_checks_neither_add_to_a_row_of_failures_nor_end_it() {
    let played = play(&plan(&[(5.0, "9m")]), "fif".chars());
    assert_eq!(played.actions, "0s 5%, 3m roll back");
}

#[test]
fn without_rollback_it_stays_and_remembers_when_it_should_have_gone() {
    let never = StagedPlan {
        rollback: Rollback::Never,
        ..plan(TWO)
    };
    let played = play(&never, "fffffffppp".chars());
    assert_eq!(played.actions, "0s 5%, 8m 10%, 10m promote");
    let noticed = played.staged.would_have_rolled_back_at();
    assert_eq!(noticed, Some(Time::from_secs(120)));
    assert_eq!(
        play(&plan(TWO), "ff".chars())
            .staged
            .would_have_rolled_back_at(),
        None
    );
}

#[test]
fn nothing_happens_after_the_end() {
    let mut staged = play(&plan(TWO), "ff".chars()).staged;
    let later = Time::from_secs(600);
    assert_eq!(
        staged.handle_tick(later, &Surroundings::default()),
        Need::Nothing
    );
    staged.handle_verdict(later, &verdict('f'));
    assert_eq!(staged.poll_action(), None);
    assert_eq!(staged.state().failures, 2);
}

#[test]
fn a_rollout_can_be_entered_at_any_weight() {
    let own = plan(&[(5.0, "2m"), (10.0, "3m"), (50.0, "4m")]);
    let entered = |percent: f64| {
        let entered = own.entering_at(Weight::percent(percent).unwrap());
        let steps = entered.steps.iter();
        let text: Vec<_> = steps.map(|s| format!("{} {}", s.weight, s.hold)).collect();
        text.join(", ")
    };
    assert_eq!(entered(1.0), "1% 2m, 5% 2m, 10% 3m, 50% 4m");
    assert_eq!(entered(5.0), "5% 2m, 10% 3m, 50% 4m");
    assert_eq!(entered(10.0), "10% 3m, 50% 4m");
    assert_eq!(entered(25.0), "25% 2m, 50% 4m");
    assert_eq!(entered(100.0), "100% 2m");
    assert_eq!(own.steps().len(), 3, "the plan itself is left alone");
}

/// A judgement of which nobody strays far: every delay is within a second of this one.
fn always(delay: Span) -> Judgement {
    let later = Span::from_nanos(delay.as_nanos() + 10_000_000);
    Judgement::from_quantiles(delay, 0.999_999, later).unwrap()
}

#[test]
fn an_alerted_person_rolls_back_at_the_first_tick_after_their_delay() {
    let manual = |delay: &str| StagedPlan {
        rollback: Rollback::Manual,
        judgement: always(delay.parse().unwrap()),
        ..plan(TWO)
    };
    // The alert goes out at the second failure, at 2m; checks go on, whatever they say.
    for (delay, end) in [
        ("3m30s", "6m"),
        ("90s", "4m"),
        ("10s", "3m"),
        ("2h", "2h3m"),
    ] {
        let played = play(&manual(delay), "ff".chars().chain(std::iter::repeat('p')));
        assert_eq!(played.actions, format!("0s 5%, {end} roll back"), "{delay}");
        let noticed = played.staged.would_have_rolled_back_at();
        assert_eq!(noticed, Some(Time::from_secs(120)));
        let end = played.end.unwrap().since(Time::START);
        assert!(end <= manual(delay).longest(), "{delay}");
    }
    let alerted = play(&manual("3m"), "ffp".chars()).staged;
    assert_eq!(alerted.state().phase, Phase::Alerted);
    let good = play(&manual("3m"), "pfpppp".chars());
    assert_eq!(good.actions, "0s 5%, 3m 10%, 5m promote");
}

#[test]
fn people_are_as_slow_in_one_rollout_as_in_no_other() {
    let manual = StagedPlan {
        rollback: Rollback::Manual,
        ..plan(TWO)
    };
    let end = |patience| {
        let surroundings = |_| Surroundings {
            patience,
            ..Surroundings::default()
        };
        play_in(&manual, std::iter::repeat('f'), surroundings)
            .end
            .unwrap()
    };
    let ends: std::collections::BTreeSet<Time> = (0..20).map(end).collect();
    assert!(ends.len() > 10, "{ends:?}");
    assert_eq!(end(7), end(7));
}

#[test]
fn a_pause_waits_for_a_person_and_still_checks() {
    let mut paused = plan(&[(5.0, "2m"), (10.0, "2m")]);
    paused.steps = paused
        .steps
        .iter()
        .map(|step| Step {
            pause: step.weight.as_percent() < 6.0,
            ..*step
        })
        .collect();
    paused.judgement = always(Span::from_secs(150));
    // Asked at 2m, confirmed at 4m30s, which shows at 5m; the second step has no pause.
    let played = play(&paused, std::iter::repeat('p'));
    assert_eq!(played.actions, "0s 5%, 5m 10%, 7m promote");
    assert!(played.end.unwrap().since(Time::START) <= paused.longest());
    let waiting = play(&paused, "ppp".chars()).staged;
    assert_eq!(waiting.state().phase, Phase::Paused);
    // A failure in the meantime keeps the weight; two roll back.
    let played = play(&paused, "ppppfppp".chars());
    assert_eq!(played.actions, "0s 5%, 6m 10%, 8m promote");
    let played = play(&paused, "pppff".chars());
    assert_eq!(played.actions, "0s 5%, 5m roll back");
}

#[test]
fn outside_office_hours_weights_stay_and_only_what_is_automatic_rolls_back() {
    let friday = |start: u64| {
        Some(OfficeHours {
            start: Span::from_secs(start),
            ..OfficeHours::USUAL
        })
    };
    // Friday at 16:57.
    let late = friday((4 * 24 + 17) * 3_600 - 180);
    let hours = StagedPlan {
        office_hours: late,
        ..plan(TWO)
    };
    // The second step begins at 16:59 and is over at 17:01: promotion waits until Monday at 9:00.
    let played = play(&hours, std::iter::repeat('p'));
    assert_eq!(played.actions, "0s 5%, 2m 10%, 2d16h3m promote");
    assert!(played.end.unwrap().since(Time::START) <= hours.longest());
    let played = play(&hours, "ppp".chars().chain(['p'; 100]).chain(['f', 'f']));
    assert_eq!(played.actions, "0s 5%, 2m 10%, 1h45m roll back");
    // Nobody is there to start it on Saturday.
    let weekend = StagedPlan {
        office_hours: friday((5 * 24 + 10) * 3_600),
        ..plan(TWO)
    };
    let played = play(&weekend, std::iter::repeat('p'));
    assert_eq!(played.actions, "1d23h 5%, 1d23h2m 10%, 1d23h4m promote");
    assert!(played.end.unwrap().since(Time::START) <= weekend.longest());
    // Who is alerted at 16:59 and needs ten minutes finishes them on Monday.
    let manual = StagedPlan {
        rollback: Rollback::Manual,
        judgement: always(Span::from_secs(600)),
        ..hours
    };
    let played = play(&manual, std::iter::repeat('f'));
    // A hair over nine minutes of work are left on Monday, so 9:10 is the tick.
    assert_eq!(played.actions, "0s 5%, 2d16h13m roll back");
}

#[test]
fn a_step_is_neither_judged_nor_over_before_the_canary_answered_enough() {
    let guarded = StagedPlan {
        min_requests: 100,
        ..plan(TWO)
    };
    // Forty requests a minute: a hundred are there after three minutes in each step.
    let busy = |now: Time| Surroundings {
        canary_requests: now.as_nanos() / 1_500_000_000,
        ..Surroundings::default()
    };
    let played = play_in(&guarded, std::iter::repeat('p'), busy);
    assert_eq!(played.actions, "0s 5%, 3m 10%, 6m promote");
    assert_eq!(played.checks, 2);
    let played = play_in(&guarded, std::iter::repeat('f'), busy);
    assert_eq!(played.actions, "0s 5%, 4m roll back");
    // Nobody comes: it waits for ever, and the horizon is a convention.
    let mut silent = Staged::new(&guarded);
    for minute in 0..1_000 {
        let need = silent.handle_tick(Time::from_secs(60 * minute), &Surroundings::default());
        assert_eq!(need, Need::Nothing);
    }
    assert!(!silent.is_over());
    assert_eq!(guarded.longest(), Span::from_secs(16 * 60));
}

fn any_plan() -> impl Strategy<Value = StagedPlan> {
    (
        prop::collection::btree_set(1_u32..=100, 1..6),
        prop::collection::vec(0_u64..400, 6),
        (1_u64..120, 0_u64..200, 0_u32..5),
        (0..2_u8, 0..3_u8, any::<bool>()),
    )
        .prop_map(
            |(weights, holds, (interval, warmup, failures), how)| StagedPlan {
                steps: weights
                    .into_iter()
                    .zip(holds)
                    .map(|(weight, hold)| Step {
                        weight: Weight::clamped(weight.into()),
                        hold: Span::from_secs(hold),
                        mirror: Weight::ZERO,
                        pause: false,
                    })
                    .collect(),
                interval: Span::from_secs(interval),
                warmup: Span::from_secs(warmup),
                failures,
                counting: [Counting::Consecutive, Counting::Cumulative][usize::from(how.0)],
                inconclusive: [
                    WhenInconclusive::Ignore,
                    WhenInconclusive::Fail,
                    WhenInconclusive::Hold,
                ][usize::from(how.1)],
                rollback: if how.2 {
                    Rollback::Automatic
                } else {
                    Rollback::Never
                },
                ..StagedPlan::new([], Span::from_secs(1))
            },
        )
}

proptest! {
    #[test]
    fn whatever_the_checks_say_weights_only_grow_and_the_end_is_bounded(
        plan in any_plan(),
        outcomes in prop::collection::vec(prop::sample::select(vec!['p', 'f', 'i']), 3_000),
    ) {
        let played = play(&plan, outcomes);
        prop_assert!(played.weights.is_sorted());
        let bounded = plan.inconclusive != WhenInconclusive::Hold
            && plan.rollback == Rollback::Automatic;
        if bounded {
            let end = played.end.expect("a bounded rollout ends");
            prop_assert!(end.since(Time::START) <= plan.longest(), "{end}");
            let most = plan.longest() / plan.interval;
            prop_assert!(played.checks as u64 <= most, "{} checks", played.checks);
        }
    }

    #[test]
    fn when_every_check_passes_it_is_promoted_at_the_sum_of_its_holds(plan in any_plan()) {
        let played = play(&plan, std::iter::repeat('p'));
        let interval = plan.interval.as_nanos();
        let holds: u64 = plan
            .steps
            .iter()
            .map(|step| step.hold.as_nanos().next_multiple_of(interval).max(interval))
            .sum();
        prop_assert_eq!(played.end, Some(Time::from_nanos(holds)));
        prop_assert_eq!(played.staged.state().phase, Phase::Succeeded);
        prop_assert_eq!(played.weights.len(), plan.steps.len());
    }

    #[test]
    fn when_every_check_fails_it_is_rolled_back_at_the_limit(plan in any_plan()) {
        let watched = StagedPlan {
            warmup: Span::ZERO,
            rollback: Rollback::Automatic,
            ..plan
        };
        let played = play(&watched, std::iter::repeat('f'));
        prop_assert_eq!(played.checks as u32, watched.failures.max(1));
        prop_assert_eq!(played.staged.state().phase, Phase::Failed);
        prop_assert_eq!(played.weights.len(), 1);
    }
}
