//! The rows of a setting in order: who keeps the level comes first, and of these the fastest.

use super::rows::{Calibration, Row, SettingNote, Verdict};

/// The table of one setting.
#[derive(Debug, Clone, PartialEq)]
pub struct League<'a> {
    /// The setting.
    pub setting: &'a SettingNote,
    /// The gates, best first.
    pub lines: Vec<Line<'a>>,
}

/// A gate in a setting.
#[derive(Debug, Clone, PartialEq)]
pub struct Line<'a> {
    /// Of the canary as good as stable: one row for each number of looks told of.
    pub good: Vec<&'a Row>,
    /// Of each fault, all looks, in the order of [`SettingNote::worlds`].
    pub faults: Vec<&'a Row>,
}

impl Line<'_> {
    /// All looks at a canary as good as stable.
    pub fn level(&self) -> &Row {
        self.good[self.good.len() - 1]
    }

    /// The worst of its verdicts.
    pub fn verdict(&self) -> Verdict {
        let verdicts = self.good.iter().filter_map(|row| row.verdict);
        verdicts.max().unwrap_or(Verdict::NoLevel)
    }

    /// Mean minutes to find the first fault, or, where there is none, the share of rollbacks.
    fn rank(&self) -> f64 {
        match self.faults.first() {
            Some(row) => row.mean_minutes,
            None => self.level().share,
        }
    }
}

/// The tables of all settings.
pub fn leagues(calibration: &Calibration) -> Vec<League<'_>> {
    (calibration.note.settings.iter())
        .map(|setting| league(calibration, setting))
        .collect()
}

fn league<'a>(calibration: &'a Calibration, setting: &'a SettingNote) -> League<'a> {
    let rows = || {
        calibration
            .rows
            .iter()
            .filter(|row| row.setting == setting.name)
    };
    let good = setting.worlds.first().map_or("", |world| world);
    let mut gates: Vec<&str> = Vec::new();
    for row in rows() {
        if !gates.contains(&&*row.gate) {
            gates.push(&row.gate);
        }
    }
    let all = setting.looks.last().copied().unwrap_or(0);
    let mut lines: Vec<Line<'a>> = (gates.iter())
        .map(|gate| {
            let of_gate = || rows().filter(|row| row.gate == *gate);
            Line {
                good: of_gate().filter(|row| row.world == good).collect(),
                faults: of_gate()
                    .filter(|row| row.world != good && row.looks == all)
                    .collect(),
            }
        })
        .filter(|line| !line.good.is_empty())
        .collect();
    lines.sort_by(|a, b| {
        let verdicts = a.verdict().cmp(&b.verdict());
        verdicts.then(a.rank().total_cmp(&b.rank()))
    });
    League { setting, lines }
}
