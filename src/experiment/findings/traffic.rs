//! What too few requests do to a gate: windows without data, single failures that decide, and
//! counters that hide them.

use std::sync::atomic::AtomicBool;

use super::achieved::{self, Achieved};
use super::sight;
use crate::base::{Probability, Span, Weight};
use crate::experiment::mean_rate;
use crate::experiment::summary::{Cell, Mode};
use crate::experiment::watch::{self, Checks};
use crate::experiment::words::{self, count, exact_share, plural, share};
use crate::gate::Gate;
use crate::model::split::Split;
use crate::model::traffic::{Arrivals, Profile};
use crate::rollout::{Counting, Plan, Rollback, StagedPlan, WhenInconclusive};
use crate::scenario::Scenario;
use crate::stats;
use crate::telemetry::{Birth, Sampling};

/// A canary so small that a success-ratio limit errs at it.
struct Small<'a> {
    scenario: &'a Scenario,
    cell: &'a Cell,
    min: Probability,
    window: Span,
    /// Requests expected in a window.
    requests: f64,
    /// Windows with fewer requests break the limit by a single failure.
    single: f64,
    /// Fewer requests than this are inconclusive.
    asked_for: f64,
    /// What became of a good canary's checks.
    checks: Checks,
}

/// Why the smallest canary that was held errs, if it does.
pub(super) fn sentence(
    scenario: &Scenario,
    cells: &[Cell],
    achieved: &[Achieved],
    stop: &AtomicBool,
) -> Option<String> {
    let held = |(cell, _): &(&Cell, &Achieved)| cell.mode == Mode::Held;
    let (cell, achieved) = cells.iter().zip(achieved).find(held)?;
    let gate = (scenario.analysis.iter()).find(|gate| gate.least_success().is_some())?;
    let weight = Weight::percent(cell.weight)?;
    let min = gate.least_success()?;
    let small = Small {
        scenario,
        cell,
        min,
        window: gate.window(),
        requests: mean_rate(scenario).over(gate.window())
            * weight.share()
            * achieved::factor(scenario, cell, achieved),
        // A hair less, so that 100 requests are not fewer than 1 / 0.01.
        single: 1.0 / min.complement() - 1e-6,
        asked_for: match gate {
            Gate::SuccessRatio(gate) => f64::from(gate.min_requests),
            _ => 0.0,
        },
        checks: watch::checks(scenario, weight, stop),
    };
    small.without_data().or_else(|| {
        (small.requests < small.asked_for.max(small.single)).then(|| small.single_failure())
    })
}

impl Small<'_> {
    fn gets(&self) -> String {
        format!(
            "At {} a {} canary gets {} requests in {}",
            words::rate(mean_rate(self.scenario).get()),
            exact_share(self.cell.weight / 100.0),
            count(self.requests),
            self.window,
        )
    }

    /// Where one check in twenty or more has no data, and more than fail for a figure, that is what
    /// decides.
    fn without_data(&self) -> Option<String> {
        let empty = self.checks.empty_share();
        if empty < 0.05 || self.checks.empty <= self.checks.failed {
            return None;
        }
        let then = match &self.scenario.rollout {
            Plan::Flagger(_) => {
                "Flagger counts a check without data as failed: a canary this quiet is rolled back \
                 for its silence, good or bad"
            }
            Plan::Argo(_) => "an analysis takes these as its conditions say",
            Plan::Spinnaker(_) => "Kayenta leaves metrics without data out of its score",
            Plan::Staged(plan) => match plan.inconclusive {
                WhenInconclusive::Ignore => "the rollout goes on as though these had not been made",
                WhenInconclusive::Fail => {
                    "these count as failed: a canary this quiet is rolled back for its silence, good \
                     or bad"
                }
                WhenInconclusive::Hold => "the rollout waits there until one has data",
            },
        };
        let fresh = self.scenario.telemetry.birth == Birth::FirstRequest
            && self.scenario.telemetry.sampling != Sampling::Exact
            && empty > 2.0 * (-self.requests).exp();
        // rate() wants two readings of a counter, and a counter begins with its first request.
        let why = if fresh {
            ", many because rate() needs two scrapes of a counter that exists only from its first \
             request on"
        } else {
            ""
        };
        Some(format!(
            "{}: {} of its checks find no data{why}. {}.",
            self.gets(),
            share(empty),
            capitalised(then),
        ))
    }

    fn single_failure(&self) -> String {
        if self.requests < self.asked_for {
            let then = match &self.scenario.rollout {
                Plan::Staged(plan) => match plan.inconclusive {
                    WhenInconclusive::Ignore => {
                        "most checks decide nothing and the rollout goes on"
                    }
                    WhenInconclusive::Fail => "most checks count as failed for that alone",
                    WhenInconclusive::Hold => "the rollout waits at most checks",
                },
                Plan::Flagger(_) | Plan::Argo(_) | Plan::Spinnaker(_) => {
                    "most checks decide nothing"
                }
            };
            return format!(
                "{}, fewer than the {} that the gate asks for: {then}.",
                self.gets(),
                count(self.asked_for)
            );
        }
        let below = if self.single.is_finite() {
            format!("below {:.0} requests ", self.single)
        } else {
            String::new()
        };
        format!(
            "{}; {below}a single failure breaks the {} limit{}.",
            self.gets(),
            exact_share(self.min.get()),
            self.consequence()
        )
    }

    /// What comes of it, as measured.
    fn consequence(&self) -> String {
        let measured = self.cell.false_rollback;
        let (checks, failures) = match &self.scenario.rollout {
            Plan::Flagger(plan) => {
                let settings = plan.settings();
                let passes = settings.iterations().max(plan.steps().len() as i64);
                (passes.unsigned_abs(), settings.threshold().unsigned_abs())
            }
            Plan::Staged(plan) if plan.rollback == Rollback::Never => {
                return ": false alarms are a matter of time".to_owned();
            }
            Plan::Staged(plan) => (checks(plan), u64::from(plan.failures.max(1))),
            Plan::Argo(_) => {
                return match measured.estimate {
                    0.0 => ", yet none of the good releases rolls back".to_owned(),
                    some => format!(": {} of good releases roll back", share(some)),
                };
            }
            Plan::Spinnaker(plan) => (plan.request.judgements(), 1),
        };
        let looks = plural(checks, "check");
        if let Some(blind) = self.blindness(&looks) {
            return blind;
        }
        let rolled_back = match measured.estimate {
            0.0 => "none of the good releases rolls back".to_owned(),
            some => format!("{} of good releases roll back", share(some)),
        };
        if failures > 1 {
            format!(", but it takes {failures} failed checks to roll back: {rolled_back}")
        } else {
            format!(", so {rolled_back} in {looks}")
        }
    }

    /// What perfect counting would change, where that is much.
    fn blindness(&self, looks: &str) -> Option<String> {
        let measured = self.cell.false_rollback;
        let good = perfect(self, sight::good_errors(self.scenario))?;
        if good < 0.02 || good <= measured.high || good < 2.0 * measured.estimate {
            return None;
        }
        let why = if self.scenario.telemetry.birth == Birth::FirstRequest {
            "a fresh canary's first failure only creates its counter, which rate() cannot see"
        } else {
            "scrapes show only part of each window"
        };
        let do_now = |estimate: f64| match estimate {
            0.0 => "none".to_owned(),
            some => share(some),
        };
        let bad = sight::steady_errors(self.scenario).and_then(|errors| perfect(self, errors));
        Some(match bad {
            Some(bad) => format!(
                ": counted perfectly, {} of good releases and {} of bad ones would roll back in \
                 {looks}, but {why}, so {} and {} do",
                share(good),
                share(bad),
                do_now(measured.estimate),
                do_now(self.cell.power.estimate)
            ),
            None => format!(
                ": counted perfectly, {} of good releases would roll back in {looks}, but {why}, so \
                 {} do",
                share(good),
                do_now(measured.estimate)
            ),
        })
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters
        .next()
        .map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Ticks of a step that are checks, for each step of an undisturbed staged rollout.
fn holds(plan: &StagedPlan) -> Vec<u64> {
    let interval = plan.interval.as_nanos().max(1);
    let hold = |step: &crate::rollout::Step| {
        let ticks = step.hold.as_nanos().div_ceil(interval).max(1);
        // The tick at the end of the warmup is the first to check.
        let warm = plan.warmup.as_nanos().div_ceil(interval);
        ticks.saturating_sub(warm.max(1) - 1)
    };
    plan.steps.iter().map(hold).collect()
}

fn checks(plan: &StagedPlan) -> u64 {
    holds(plan).iter().sum()
}

/// Share of releases with this share of failed requests that would roll back if every window were
/// counted to the request: the race of passes against failures with the chance of failing a check.
/// `None` where windows overlap or anything else keeps checks from being alike and independent.
fn perfect(small: &Small<'_>, errors: f64) -> Option<f64> {
    let scenario = small.scenario;
    let world = &scenario.world;
    let simple = scenario.analysis.len() == 1
        && world.traffic.arrivals == Arrivals::Poisson
        && world.split == Split::Random
        && world.coupling().is_none()
        && matches!(world.traffic.profile, Profile::Constant(_))
        && scenario.telemetry.sampling != Sampling::Exact
        && small.asked_for <= 1.0
        && small.window <= scenario.rollout.cadence().period;
    if !simple {
        return None;
    }
    let fails = failing_window(
        small.requests * (1.0 - errors),
        small.requests * errors,
        small.min,
    );
    let empty = (-small.requests).exp();
    match &scenario.rollout {
        Plan::Flagger(plan) => {
            let passes = u32::try_from(plan.steps().len()).ok()?;
            let threshold = u32::try_from(plan.settings().threshold()).ok()?;
            Some(stats::race(fails + empty, passes, threshold))
        }
        Plan::Staged(plan) => Some(rolled_back(plan, fails, empty)),
        Plan::Argo(_) => None,
        Plan::Spinnaker(_) => None,
    }
}

/// Chance that a staged rollout rolls back when each check fails with chance `fails` and has no data
/// with chance `empty`: the failures counted so far, carried from check to check.
fn rolled_back(plan: &StagedPlan, fails: f64, empty: f64) -> f64 {
    let (fail, pass, neither) = match plan.inconclusive {
        WhenInconclusive::Ignore => (fails, 1.0 - fails - empty, empty),
        WhenInconclusive::Fail => (fails + empty, 1.0 - fails - empty, 0.0),
        // The clock stands still: the check is taken again until it has data.
        WhenInconclusive::Hold => (fails / (1.0 - empty), 1.0 - fails / (1.0 - empty), 0.0),
    };
    let limit = plan.failures.max(1) as usize;
    // Chances of having counted 0, 1, … failures and still being under way.
    let mut counted = vec![0.0; limit];
    counted[0] = 1.0;
    for ticks in holds(plan) {
        let mut through = vec![0.0; limit];
        for tick in 1.. {
            let mut next = vec![0.0; limit];
            for (failures, chance) in counted.iter().enumerate() {
                // A failed check keeps the canary where it is, even when its hold is over.
                let target = if tick < ticks {
                    &mut next
                } else {
                    &mut through
                };
                target[failures] += chance * neither;
                let after_pass = match plan.counting {
                    Counting::Consecutive => 0,
                    Counting::Cumulative => failures,
                };
                target[after_pass] += chance * pass;
                if failures + 1 < limit {
                    next[failures + 1] += chance * fail;
                }
            }
            counted = next;
            if tick >= ticks && counted.iter().sum::<f64>() < 1e-12 {
                break;
            }
        }
        counted = through;
    }
    1.0 - counted.iter().sum::<f64>()
}

/// Chance that a window with these mean numbers of successes and failures shows a success ratio
/// below `min`. An empty one does not.
fn failing_window(successes: f64, failures: f64, min: Probability) -> f64 {
    let mut total = 0.0;
    let mut chance = (-failures).exp();
    for failed in 1..400_u32 {
        chance *= failures / f64::from(failed);
        // Fails when successes / (successes + failed) < min.
        let most = (f64::from(failed) * min.get() / min.complement() - 1e-9).ceil() - 1.0;
        total += chance * poisson_at_most(successes, most);
    }
    total.min(1.0)
}

fn poisson_at_most(mean: f64, most: f64) -> f64 {
    if most < 0.0 {
        return 0.0;
    }
    let mut term = (-mean).exp();
    let mut sum = term;
    let mut count = 0.0;
    while count < most {
        count += 1.0;
        term *= mean / count;
        sum += term;
        if count > mean && term < 1e-18 {
            break;
        }
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rollout::Step;

    fn plan(holds: &[u64], failures: u32, counting: Counting) -> StagedPlan {
        let step = |ticks: &u64| Step {
            weight: Weight::clamped(5.0),
            hold: Span::from_secs(60 * ticks),
            mirror: Weight::ZERO,
            pause: false,
        };
        StagedPlan {
            failures,
            counting,
            ..StagedPlan::new(holds.iter().map(step), Span::from_secs(60))
        }
    }

    #[test]
    fn a_window_of_twelve_requests_fails_a_99_percent_limit_when_one_fails() {
        let min = Probability::new(0.99).unwrap();
        let fails = failing_window(12.0 * 0.999, 12.0 * 0.001, min);
        let expected = 1.0 - (-0.012_f64).exp();
        assert!((fails - expected).abs() < 1e-5, "{fails} {expected}");
    }

    #[test]
    fn steps_of_one_check_are_a_race_of_passes_against_failures() {
        for failures in [1, 2, 5] {
            let plan = plan(&[1; 10], failures, Counting::Cumulative);
            let race = stats::race(0.05, 10, failures);
            assert!((rolled_back(&plan, 0.05, 0.0) - race).abs() < 1e-9);
        }
    }

    #[test]
    fn one_failure_is_enough_in_any_of_the_checks() {
        let plan = plan(&[3, 4], 1, Counting::Consecutive);
        assert_eq!(checks(&plan), 7);
        let expected = 1.0 - 0.95_f64.powi(7);
        assert!((rolled_back(&plan, 0.05, 0.0) - expected).abs() < 1e-9);
    }

    #[test]
    fn consecutive_failures_are_forgiven_by_a_pass_between_them() {
        // Two checks, both must fail in a row, or the last fails and is taken again and again.
        let plan = plan(&[2], 2, Counting::Consecutive);
        let f = 0.1_f64;
        let expected = f * f + (1.0 - f) * f * f;
        let found = rolled_back(&plan, f, 0.0);
        assert!((found - expected).abs() < 1e-9, "{found} {expected}");
    }

    #[test]
    fn what_an_empty_window_does_is_the_plans_choice() {
        let mut plan = plan(&[1; 4], 1, Counting::Cumulative);
        let survive = |plan: &StagedPlan| 1.0 - rolled_back(plan, 0.1, 0.2);
        assert!((survive(&plan) - 0.9_f64.powi(4)).abs() < 1e-9);
        plan.inconclusive = WhenInconclusive::Fail;
        assert!((survive(&plan) - 0.7_f64.powi(4)).abs() < 1e-9);
        plan.inconclusive = WhenInconclusive::Hold;
        assert!((survive(&plan) - 0.875_f64.powi(4)).abs() < 1e-9);
    }
}
