//! Earlier results of a scenario against fresh trials of the same cells.
//!
//! Each cell of the results is played anew, in today's form and with as many trials as it had, up to the
//! most. Then five questions, each one-sided, at the level [`super::ERROR`] over the number of
//! questions in all, so that a run without any change is called worse in at most one of a thousand, whatever
//! seeds the two were made with:
//!
//! | figure | worse when | test |
//! | --- | --- | --- |
//! | power | lower | Fisher's exact test of two shares |
//! | false rollback | higher | the same |
//! | detection | after some time, a smaller share of all bad releases is caught | Smirnov's one-sided test of two distributions, a release never caught counting as caught last; too careful where times repeat |
//! | exposure, requests and users | the mean is higher | normal test of two means, with today's spread for both: results keep only the mean |
//!
//! With a tolerance, more than chance must lie beyond it: the score interval of the difference of two shares
//! (Miettinen and Nurminen) beyond so many points, the distance of two distributions less so many
//! points, the mean more than so many percent higher.
//!
//! Power, detection and exposure are left out of a scenario without a fault.

use std::collections::BTreeMap;

use serde::Serialize;

use super::play::{Deck, Way};
use super::{ERROR, Plan};
use crate::base::{Span, Weight};
use crate::engine::Trial;
use crate::experiment::replicate::rollbacks;
use crate::experiment::summary::{self, Mode, Results};
use crate::experiment::{estimate, findings, grid};
use crate::rollout;
use crate::scenario::Scenario;
use crate::stats;

/// Earlier results beside today's.
#[derive(Debug, Clone, PartialEq)]
pub struct Baseline {
    /// The seed that they were made with.
    pub seed: String,
    /// The version of the program that made them.
    pub program: String,
    /// How traffic, versions or fault are described otherwise than then: `-` what was, `+` what is.
    pub world: Vec<String>,
    /// The same of controller and gates.
    pub rollout: Vec<String>,
    /// Level of each question.
    pub level: f64,
    /// What a cell may be worse by.
    pub tolerance: f64,
    /// The questions with their answers, by cell.
    pub comparisons: Vec<Comparison>,
    /// Cells that cannot be played any more, in words.
    pub gone: Vec<String>,
}

/// One figure of one cell, then and now.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Comparison {
    /// Canary percentage of the cell: held at it, or entered at it.
    pub weight: f64,
    /// How the weight moves.
    pub mode: Mode,
    /// Whether it is the rollout as written.
    pub as_written: bool,
    /// What was compared.
    pub figure: Figure,
    /// What it was: a share, or a mean. For detection the share caught within `within_seconds`.
    pub was: f64,
    /// Trials behind that.
    pub was_trials: u64,
    /// What it is.
    pub now: f64,
    /// Lower end of today's 95 % interval.
    pub now_low: f64,
    /// Upper end.
    pub now_high: f64,
    /// Trials behind that.
    pub now_trials: u64,
    /// For detection: the time after which the shares caught differ most.
    pub within_seconds: Option<f64>,
    /// Chance of so bad a figure if nothing had changed, beyond the tolerance.
    pub p: f64,
    /// Whether that is below the level.
    pub worse: bool,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Figure {
    /// Share of bad releases rolled back.
    Power,
    /// Share of good ones.
    FalseRollback,
    /// How soon bad ones are caught.
    Detection,
    /// Failed or slowed requests until the end.
    ExposedRequests,
    /// Users behind these.
    ExposedUsers,
}

impl Baseline {
    /// What is worse than it was.
    pub fn regressions(&self) -> impl Iterator<Item = &Comparison> {
        self.comparisons.iter().filter(|one| one.worse)
    }
}

/// The rollouts of earlier cells in today's form, in the order of the cells.
pub(super) struct Plans(Vec<Option<Entry>>);

enum Entry {
    AsWritten,
    Held(Weight),
    Entered(rollout::Plan),
}

impl Plans {
    pub(super) fn of(scenario: &Scenario, earlier: &Results) -> Plans {
        let cells = earlier.summary.cells.iter();
        Plans(cells.map(|cell| entry(scenario, cell)).collect())
    }
}

fn entry(scenario: &Scenario, cell: &summary::Cell) -> Option<Entry> {
    let weight = Weight::percent(cell.weight)?;
    match cell.mode {
        Mode::Held => Some(Entry::Held(weight)),
        Mode::Rollout if cell.as_written => Some(Entry::AsWritten),
        Mode::Rollout => {
            let plan = scenario.rollout.entering_at(weight);
            // A rollout that has changed may not be entered where it was.
            let first = grid::shares(scenario, &plan).first().copied();
            (first == Some(weight)).then_some(Entry::Entered(plan))
        }
    }
}

/// Plays the cells of earlier results anew and compares.
pub(super) fn compare<'a>(
    scenario: &'a Scenario,
    earlier: &Results,
    plans: &'a Plans,
    plan: Plan,
    deck: &mut Deck<'a>,
) -> Baseline {
    let has_fault = scenario.world.has_fault();
    let (mut pairs, mut wanted, mut gone) = (Vec::new(), Vec::new(), Vec::new());
    for (cell, entry) in earlier.summary.cells.iter().zip(&plans.0) {
        let way = match entry {
            Some(Entry::AsWritten) => Way::AsWritten,
            Some(Entry::Held(weight)) => Way::Held(*weight),
            Some(Entry::Entered(plan)) => Way::Entered(plan),
            None => {
                gone.push(format!("a rollout entered at {} %", cell.weight));
                continue;
            }
        };
        let trials = u32::try_from(cell.trials).unwrap_or(u32::MAX);
        let trials = trials.min(plan.most_trials);
        let worlds = [false, true].map(|faulty| deck.cell(way, faulty));
        wanted.extend(worlds.map(|world| (world, trials)));
        pairs.push((cell, worlds, trials as usize));
    }
    let mut comparisons = Vec::new();
    let each = if has_fault { 5 } else { 1 };
    let level = ERROR / (each * pairs.len()).max(1) as f64;
    if deck.play(&wanted) {
        for (cell, [good, bad], trials) in pairs {
            let then = Then {
                cell,
                earlier,
                tolerance: plan.tolerance,
                level,
            };
            let good = &deck.trials(good)[..trials];
            comparisons.push(then.share(Figure::FalseRollback, good));
            if has_fault {
                comparisons.extend(then.faulty(&deck.trials(bad)[..trials]));
            }
        }
    }
    let note = &earlier.summary.scenario;
    Baseline {
        seed: earlier.summary.seed.clone(),
        program: earlier.summary.program.clone(),
        world: changes(&note.world, &findings::world_line(scenario)),
        rollout: changes(&note.rollout, &findings::rollout_line(scenario)),
        level,
        tolerance: plan.tolerance,
        comparisons,
        gone,
    }
}

/// The parts of a line that were, and those that are.
fn changes(was: &str, is: &str) -> Vec<String> {
    let parts = |line: &str| -> Vec<String> {
        let parts = line.split(" · ").flat_map(|part| part.split("; "));
        parts.map(str::to_owned).collect()
    };
    let (was, is) = (parts(was), parts(is));
    let lost = was.iter().filter(|part| !is.contains(part));
    let new = is.iter().filter(|part| !was.contains(part));
    let lost = lost.map(|part| format!("- {part}"));
    lost.chain(new.map(|part| format!("+ {part}"))).collect()
}

/// A cell as it was.
struct Then<'a> {
    cell: &'a summary::Cell,
    earlier: &'a Results,
    tolerance: f64,
    level: f64,
}

impl Then<'_> {
    fn faulty(&self, trials: &[Trial]) -> [Comparison; 4] {
        let exposure = self.cell.exposure;
        [
            self.share(Figure::Power, trials),
            self.detection(trials),
            self.mean(
                Figure::ExposedRequests,
                exposure.requests,
                trials,
                |trial| trial.exposed_requests as f64,
            ),
            self.mean(Figure::ExposedUsers, exposure.users, trials, |trial| {
                trial.exposed_users
            }),
        ]
    }

    fn answer(
        &self,
        figure: Figure,
        was: f64,
        now: (f64, stats::Interval),
        n: u64,
        p: f64,
    ) -> Comparison {
        Comparison {
            weight: self.cell.weight,
            mode: self.cell.mode,
            as_written: self.cell.as_written,
            figure,
            was,
            was_trials: self.cell.trials,
            now: now.0,
            now_low: now.1.low,
            now_high: now.1.high,
            now_trials: n,
            within_seconds: None,
            p,
            worse: p < self.level,
        }
    }

    /// Power, or false rollback.
    fn share(&self, figure: Figure, trials: &[Trial]) -> Comparison {
        let was = match figure {
            Figure::FalseRollback => self.cell.false_rollback.estimate,
            _ => self.cell.power.estimate,
        };
        let then_n = self.cell.trials;
        // Shares are stored as quotients of whole numbers.
        let then = ((was * then_n as f64).round() as u64, then_n);
        let now = (rollbacks(trials), trials.len() as u64);
        let (higher, lower) = match figure {
            Figure::FalseRollback => (now, then),
            _ => (then, now),
        };
        let exceeds = self.tolerance == 0.0
            || stats::miettinen_nurminen(higher, lower, 1.0 - 2.0 * self.level)
                .is_some_and(|difference| difference.low > self.tolerance);
        let p = match exceeds {
            true => stats::fisher_p(higher, lower),
            false => 1.0,
        };
        let share = estimate::share(now.0, now.1);
        let interval = stats::Interval {
            low: share.low,
            high: share.high,
        };
        self.answer(figure, was, (share.estimate, interval), now.1, p)
    }

    /// How soon it was caught, and how soon it is.
    fn detection(&self, trials: &[Trial]) -> Comparison {
        let mut counts = BTreeMap::<Span, [u64; 2]>::new();
        let own = (self.earlier.detections.iter())
            .filter(|row| row.weight == self.cell.weight && row.mode == self.cell.mode);
        for row in own {
            counts.entry(Span::from_secs_f64(row.seconds)).or_default()[0] += row.trials;
        }
        for time in trials.iter().filter_map(|trial| trial.detection) {
            counts.entry(time).or_default()[1] += 1;
        }
        let (n, m) = (self.cell.trials as f64, trials.len() as f64);
        let first = counts.keys().next().copied().unwrap_or(Span::ZERO);
        let (mut caught, mut widest) = ([0_u64; 2], (f64::NEG_INFINITY, first, [0_u64; 2]));
        for (time, [was, now]) in &counts {
            caught = [caught[0] + was, caught[1] + now];
            let gap = caught[0] as f64 / n - caught[1] as f64 / m;
            if gap > widest.0 {
                widest = (gap, *time, caught);
            }
        }
        let (gap, time, caught) = widest;
        let beyond = (gap - self.tolerance).max(0.0);
        let p = (-2.0 * n * m / (n + m) * beyond * beyond).exp();
        let share = estimate::share(caught[1], trials.len() as u64);
        let interval = stats::Interval {
            low: share.low,
            high: share.high,
        };
        let was = caught[0] as f64 / n;
        Comparison {
            within_seconds: Some(time.as_secs_f64()),
            ..self.answer(
                Figure::Detection,
                was,
                (share.estimate, interval),
                trials.len() as u64,
                p,
            )
        }
    }

    fn mean(
        &self,
        figure: Figure,
        was: f64,
        trials: &[Trial],
        of: impl Fn(&Trial) -> f64,
    ) -> Comparison {
        let sample: Vec<f64> = trials.iter().map(of).collect();
        let (n, m) = (self.cell.trials as f64, sample.len() as f64);
        let (mean, deviation) = (stats::mean(&sample), stats::standard_deviation(&sample));
        let allowed = 1.0 + self.tolerance;
        let error = deviation * (1.0 / m + allowed * allowed / n).sqrt();
        let off = mean - was * allowed;
        let p = match error > 0.0 {
            true => stats::normal_upper(off / error),
            // Rounding alone is no difference.
            false if off > was.abs() * 1e-9 => 0.0,
            false => 1.0,
        };
        let reach = stats::mean_interval(&sample, crate::experiment::CONFIDENCE);
        let interval = reach.unwrap_or(stats::Interval {
            low: mean,
            high: mean,
        });
        self.answer(figure, was, (mean, interval), sample.len() as u64, p)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_name_the_parts_that_differ() {
        let was =
            "Flagger 10 to 50 %, a check every 1m · successes at least 99 %; p99 at most 500 ms";
        let is =
            "Flagger 10 to 50 %, a check every 1m · successes at least 95 %; p99 at most 500 ms";
        assert_eq!(
            changes(was, is),
            ["- successes at least 99 %", "+ successes at least 95 %"]
        );
        assert!(changes(was, was).is_empty());
    }
}
