//! What is told of a calibration: one row for each gate, setting, canary and number of looks.

use serde::{Deserialize, Serialize};

use super::play::Tally;
use super::settings::{Correlation, Setting};
use super::shelf::{ALPHA, Gate};
use super::{Effort, FORMAT};
use crate::experiment::CONFIDENCE;
use crate::gate::statistical::Guarantee;
use crate::stats::wilson;

/// What a calibration has found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Calibration {
    /// What was played; `calibration.json` is this.
    #[serde(flatten)]
    pub note: Note,
    /// One for each gate, setting, canary and number of looks; `calibration.csv` holds them.
    pub rows: Vec<Row>,
}

/// What was played.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// Version of this format, 1.
    pub format: u32,
    /// Version of the program that made it.
    pub program: String,
    /// Root of all randomness, as a decimal text: it may exceed what JSON numbers hold.
    pub seed: String,
    /// Trials with a canary as good as stable.
    pub trials: u32,
    /// Trials of each fault.
    pub fault_trials: u32,
    /// The level of every test.
    pub alpha: f64,
    /// False when it was interrupted: later settings are missing.
    pub complete: bool,
    /// The settings, in order.
    pub settings: Vec<SettingNote>,
}

/// What a setting is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SettingNote {
    /// Its name.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// Its canaries, the one as good as stable first.
    pub worlds: Vec<String>,
    /// The numbers of looks that are told of.
    pub looks: Vec<u32>,
    /// Minutes until the end.
    pub minutes: f64,
    /// Canary errors in the first batch, on average.
    pub first_errors: f64,
    /// Canary errors until the end, on average.
    pub all_errors: f64,
}

/// One gate, one setting, one canary, one number of looks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Setting.
    pub setting: String,
    /// Canary.
    pub world: String,
    /// Gate, by its name in tables.
    pub gate: String,
    /// Its kind, as scenarios call it.
    pub kind: String,
    /// What it promises.
    pub promise: Promise,
    /// Whether it promises it at any sample size.
    pub exact: bool,
    /// Looks that are counted here.
    pub looks: u32,
    /// Trials.
    pub trials: u64,
    /// Trials that ended in rollback within these looks.
    pub rollbacks: u64,
    /// Their share.
    pub share: f64,
    /// Lower end of the share's 95 % interval.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// Mean minutes to the rollback; a trial without one counts as all of them.
    pub mean_minutes: f64,
    /// Standard error of that mean.
    pub minutes_error: f64,
    /// Median of the same.
    pub median_minutes: f64,
    /// 90th percentile of the same.
    pub p90_minutes: f64,
    /// Failed requests of the canary until the gate had decided, on average; only for all looks.
    pub exposed_errors: Option<f64>,
    /// Share of the looks at which the gate could tell nothing; only for all looks.
    pub no_data: Option<f64>,
    /// Share of the trials promoted on evidence.
    pub promoted: f64,
    /// Mean minutes to that, of those promoted.
    pub promotion_minutes: Option<f64>,
    /// Mean e-value where the gate stopped or the end came; only for all looks.
    pub e_mean: Option<f64>,
    /// Its standard error.
    pub e_error: Option<f64>,
    /// Whether it kept its level; none where the canary is faulty.
    pub verdict: Option<Verdict>,
}

/// What a gate promises about rolling back a good canary.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Promise {
    /// A level at one planned look.
    OneLook,
    /// A level up to a planned end.
    PlannedEnd,
    /// A level for ever.
    Anytime,
    /// A mean time between false alarms.
    RunLength,
    /// Nothing.
    Nothing,
}

/// Whether a gate kept its level, the best first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It did.
    Kept,
    /// It did not, and its assumptions do not hold here.
    Excused,
    /// It has none.
    NoLevel,
    /// It did not, although its assumptions hold here.
    Broken,
}

impl From<Guarantee> for Promise {
    fn from(guarantee: Guarantee) -> Promise {
        match guarantee {
            Guarantee::FixedHorizon => Promise::OneLook,
            Guarantee::PlannedHorizon => Promise::PlannedEnd,
            Guarantee::Anytime => Promise::Anytime,
            Guarantee::RunLength => Promise::RunLength,
            Guarantee::None => Promise::Nothing,
        }
    }
}

/// Canary errors that a test must have at a look for its normal law to be trusted.
pub const MANY: f64 = 100.0;

/// The largest share of false rollbacks that so many trials leave a level unharmed by.
pub fn tolerated(level: f64, trials: u64) -> f64 {
    level + 3.0 * (level * (1.0 - level) / trials.max(1) as f64).sqrt()
}

/// Whether the assumptions of a gate hold in a setting.
fn assumptions_hold(gate: &Gate, setting: &Setting) -> bool {
    let independent = match setting.correlation {
        Correlation::None => true,
        Correlation::Incident { .. } => !gate.pooled,
        Correlation::Sticky { .. } => gate.is_of_users(),
        Correlation::Clumps { .. } => false,
    };
    let first = match gate.promise {
        Guarantee::FixedHorizon => (0..setting.looks).map(|at| setting.canary_errors(at)).sum(),
        _ => setting.canary_errors(0),
    };
    independent && (gate.exact || first >= MANY) && !(gate.pooled && setting.moves())
}

impl Calibration {
    /// Of nothing yet.
    pub(super) fn new(effort: Effort) -> Calibration {
        Calibration {
            note: Note {
                format: FORMAT,
                program: env!("CARGO_PKG_VERSION").to_owned(),
                seed: effort.seed.to_string(),
                trials: effort.trials,
                fault_trials: effort.fault_trials,
                alpha: ALPHA,
                complete: true,
                settings: Vec::new(),
            },
            rows: Vec::new(),
        }
    }

    /// Takes in what became of a setting, by canary and by gate.
    pub(super) fn push(&mut self, setting: &Setting, gates: &[&Gate], tallies: &[Vec<Tally>]) {
        self.note.settings.push(SettingNote {
            name: setting.name.clone(),
            title: setting.title.clone(),
            worlds: (setting.worlds.iter())
                .map(|world| world.name.clone())
                .collect(),
            looks: setting.told.clone(),
            minutes: setting.duration().as_secs_f64() / 60.0,
            first_errors: setting.canary_errors(0),
            all_errors: (0..setting.looks).map(|at| setting.canary_errors(at)).sum(),
        });
        for (world, tallies) in setting.worlds.iter().zip(tallies) {
            for (gate, tally) in gates.iter().zip(tallies) {
                for looks in &setting.told {
                    let mut row = row(setting, gate, tally, *looks);
                    row.world.clone_from(&world.name);
                    row.verdict = world.is_good().then(|| verdict(gate, setting, &row));
                    self.rows.push(row);
                }
            }
        }
    }
}

fn verdict(gate: &Gate, setting: &Setting, row: &Row) -> Verdict {
    if !gate.has_level() {
        return Verdict::NoLevel;
    }
    let fair = match (row.e_mean, row.e_error) {
        (Some(mean), Some(error)) => mean <= 1.0 + 3.0 * error,
        _ => true,
    };
    match row.share <= tolerated(ALPHA, row.trials) && fair {
        true => Verdict::Kept,
        false if assumptions_hold(gate, setting) => Verdict::Broken,
        false => Verdict::Excused,
    }
}

fn row(setting: &Setting, gate: &Gate, tally: &Tally, looks: u32) -> Row {
    let counted = looks as usize;
    let minutes = setting.interval.as_secs_f64() / 60.0;
    let rollbacks: u64 = tally.worse[..counted].iter().sum();
    let interval = wilson(rollbacks, tally.trials, CONFIDENCE);
    let trials = tally.trials.max(1) as f64;
    let late = tally.trials - rollbacks;
    // After which look, from 1, at least this share of the trials had been rolled back.
    let quantile = |share: f64| {
        let mut seen = 0;
        let reached = tally.worse[..counted].iter().position(|count| {
            seen += count;
            seen as f64 >= share * trials
        });
        minutes * reached.map_or(f64::from(looks), |at| at as f64 + 1.0)
    };
    let total = |counts: &[u64], power: u32| -> f64 {
        let weighted = counts.iter().zip(1_u64..);
        weighted
            .map(|(count, look)| (count * look.pow(power)) as f64)
            .sum()
    };
    let moment = |power| {
        let never = (late * u64::from(looks).pow(power)) as f64;
        (total(&tally.worse[..counted], power) + never) / trials
    };
    let mean = moment(1);
    let variance = (moment(2) - mean * mean).max(0.0);
    let promoted: u64 = tally.not_worse[..counted].iter().sum();
    let promotion = minutes * total(&tally.not_worse[..counted], 1) / promoted.max(1) as f64;
    let all = looks == setting.looks;
    let e = tally
        .e
        .filter(|_| all && !tally.both_ways)
        .map(|[sum, squares]| {
            let mean = sum / trials;
            let variance = (squares / trials - mean * mean).max(0.0);
            (mean, (variance / trials).sqrt())
        });
    Row {
        setting: setting.name.clone(),
        world: String::new(),
        gate: gate.label.to_owned(),
        kind: gate.kind.to_owned(),
        promise: gate.promise.into(),
        exact: gate.exact,
        looks,
        trials: tally.trials,
        rollbacks,
        share: rollbacks as f64 / trials,
        low: rounded(interval.low),
        high: rounded(interval.high),
        mean_minutes: rounded(minutes * mean),
        minutes_error: rounded(minutes * (variance / trials).sqrt()),
        median_minutes: quantile(0.5),
        p90_minutes: quantile(0.9),
        exposed_errors: all.then(|| rounded(tally.exposed as f64 / trials)),
        no_data: all.then(|| rounded(tally.no_data as f64 / tally.looks.max(1) as f64)),
        promoted: promoted as f64 / trials,
        promotion_minutes: (promoted > 0).then_some(rounded(promotion)),
        e_mean: e.map(|(mean, _)| rounded(mean)),
        e_error: e.map(|(_, error)| rounded(error)),
        verdict: None,
    }
}

/// To five decimals, which is more than any of it is known to.
fn rounded(figure: f64) -> f64 {
    (figure * 1e5).round() / 1e5
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::calibration::{settings, shelf};

    /// Of 100 trials, 40 rolled back at the first look, 20 at the third, 10 promoted at the second.
    fn tally(setting: &Setting) -> Tally {
        let mut tally = Tally::new(setting.looks);
        tally.trials = 100;
        (tally.worse[0], tally.worse[2], tally.not_worse[1]) = (40, 20, 10);
        tally
    }

    fn of(name: &str) -> Setting {
        let mut settings = settings().into_iter();
        settings.find(|setting| setting.name == name).unwrap()
    }

    fn gate(label: &str) -> Gate {
        let mut gates = shelf().into_iter();
        gates.find(|gate| gate.label.starts_with(label)).unwrap()
    }

    #[test]
    fn trials_without_a_rollback_count_as_all_minutes() {
        let setting = of("quiet");
        let told = row(&setting, &gate("YEAST"), &tally(&setting), 60);
        assert_eq!((told.rollbacks, told.share), (60, 0.6));
        assert_eq!(told.mean_minutes, (40.0 + 60.0 + 40.0 * 60.0) / 100.0);
        assert_eq!((told.median_minutes, told.p90_minutes), (3.0, 60.0));
        assert_eq!((told.promoted, told.promotion_minutes), (0.1, Some(2.0)));
        let squares = 40.0 + 20.0 * 9.0 + 40.0 * 3_600.0;
        let variance: f64 = squares / 100.0 - 25.0 * 25.0;
        assert!((told.minutes_error - (variance / 100.0).sqrt()).abs() < 1e-4);
        // Within fewer looks, fewer minutes are all.
        let told = row(&setting, &gate("YEAST"), &tally(&setting), 2);
        assert_eq!((told.share, told.mean_minutes), (0.4, 0.4 + 0.6 * 2.0));
    }

    #[test]
    fn a_level_is_excused_only_where_assumptions_do_not_hold() {
        let judged = |label: &str, setting: &str, share: f64| {
            let (gate, setting) = (gate(label), of(setting));
            let mut told = row(&setting, &gate, &Tally::new(setting.looks), setting.looks);
            (told.share, told.trials) = (share, 20_000);
            verdict(&gate, &setting, &told)
        };
        let exact = "exact split spending, Pocock";
        assert_eq!(judged(exact, "tiny", 0.054), Verdict::Kept);
        assert_eq!(judged(exact, "tiny", 0.055), Verdict::Broken);
        assert_eq!(judged(exact, "ramp", 0.055), Verdict::Broken);
        assert_eq!(judged(exact, "incident", 0.055), Verdict::Broken);
        assert_eq!(judged(exact, "bursts", 0.3), Verdict::Excused);
        assert_eq!(judged(exact, "sticky-2", 0.1), Verdict::Excused);
        // Few errors excuse the normal law, and moving weights what pools them.
        assert_eq!(judged("z + Pocock", "busy", 0.06), Verdict::Excused);
        assert_eq!(judged("pooled z, once", "busy", 0.06), Verdict::Broken);
        assert_eq!(judged("pooled z, once", "tiny", 0.06), Verdict::Excused);
        assert_eq!(judged("Fisher, once", "ramp", 1.0), Verdict::Excused);
        assert_eq!(judged("pooled z, peeked", "busy", 0.3), Verdict::NoLevel);
    }

    #[test]
    fn an_e_value_that_grows_under_a_good_canary_breaks_the_promise() {
        let (gate, setting) = (gate("split e-process"), of("quiet"));
        let mut tally = Tally::new(setting.looks);
        (tally.trials, tally.e) = (10_000, Some([11_000.0, 22_000.0]));
        let told = row(&setting, &gate, &tally, 60);
        assert_eq!(told.e_mean, Some(1.1));
        assert_eq!(verdict(&gate, &setting, &told), Verdict::Broken);
        tally.both_ways = true;
        assert_eq!(row(&setting, &gate, &tally, 60).e_mean, None);
    }
}
