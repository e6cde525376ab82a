//! Labels of metrics in; scores of groups, the canary's score and its class out.
//!
//! Replayed are `ScoringHelper`, `WeightedSumScorer` and `ThresholdScoreClassifier` of Kayenta at
//! revision a69573be.

use std::fmt;

use super::classification::Label;

/// A group of metrics.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Its weight in percent; groups without one share what the others leave of 100.
    pub weight: Option<f64>,
}

/// What of a metric's result counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Counted<'a> {
    /// Its label.
    pub label: Label,
    /// Whether it zeroes the score.
    pub critical: bool,
    /// Whether it does not count at all.
    pub muted: bool,
    /// Its groups, by their numbers.
    pub groups: &'a [usize],
}

/// What a score is held against; the request's, not the config's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Thresholds {
    /// The least score that passes.
    pub pass: f64,
    /// The least that is marginal to the judge; the run stops at it.
    pub marginal: f64,
}

/// The class of a score.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// At or above the pass threshold.
    Pass,
    /// At or above the marginal threshold.
    Marginal,
    /// Below both.
    Fail,
}

/// Why a score is 0 whatever the groups say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Forced {
    /// A critical metric failed: the first, by its place among the results.
    Critical(usize),
    /// Half of the metrics or more have no data.
    Nodata,
}

/// The score of a group that has results.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GroupScore {
    /// Which group.
    pub group: usize,
    /// Share of its metrics that passed, in percent; 0 of a group without data.
    pub score: f64,
    /// Its weight in percent.
    pub weight: f64,
    /// Whether none of its metrics had data; it then counts 100 in the total.
    pub no_data: bool,
}

/// The score of a canary.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Each group that has results, in the order of their numbers.
    pub groups: Vec<GroupScore>,
    /// The total, rounded to two decimals.
    pub total: f64,
    /// Why it is 0, if not for the groups.
    pub forced: Option<Forced>,
    /// Its class.
    pub class: Class,
}

/// Scores a canary's results.
pub fn score(results: &[Counted<'_>], groups: &[Group], thresholds: Thresholds) -> Score {
    let scores = group_scores(results, groups);
    let forced = forced(results);
    let total = match forced {
        Some(_) => 0.0,
        None => {
            let parts = scores.iter().map(|group| {
                let score = if group.no_data { 100.0 } else { group.score };
                group.weight / 100.0 * score
            });
            two_decimals(parts.fold(0.0, |sum, part| sum + part))
        }
    };
    Score {
        groups: scores,
        total,
        forced,
        class: thresholds.class(total),
    }
}

fn group_scores(results: &[Counted<'_>], groups: &[Group]) -> Vec<GroupScore> {
    let in_group = |index: usize| {
        (results.iter()).filter(move |result| !result.muted && result.groups.contains(&index))
    };
    let present = |index: &usize| in_group(*index).next().is_some();
    // All configured weights, also those of groups without results.
    let weighted = groups.iter().filter_map(|group| group.weight);
    let left = 100.0 - weighted.fold(0.0, |sum, weight| sum + weight);
    let sharing = (0..groups.len())
        .filter(|index| groups[*index].weight.is_none() && present(index))
        .count();
    (0..groups.len())
        .filter(present)
        .map(|index| {
            let passed = in_group(index).filter(|r| r.label == Label::Pass).count();
            let failed = in_group(index).filter(|r| r.label.fails()).count();
            let counted = passed + failed;
            GroupScore {
                group: index,
                score: match counted {
                    0 => 0.0,
                    _ => passed as f64 / counted as f64 * 100.0,
                },
                weight: groups[index].weight.unwrap_or(left / sharing as f64),
                no_data: counted == 0,
            }
        })
        .collect()
}

fn forced(results: &[Counted<'_>]) -> Option<Forced> {
    let critical = |r: &Counted<'_>| !r.muted && r.critical && r.label != Label::Pass;
    if let Some(first) = results.iter().position(critical) {
        return Some(Forced::Critical(first));
    }
    let counted = results.iter().filter(|result| !result.muted);
    let without = counted.clone().filter(|r| r.label == Label::Nodata).count();
    (without > 0 && without * 2 >= counted.count()).then_some(Forced::Nodata)
}

/// Rounds half away from zero, by the digits of the shortest decimal that means the number, as
/// Scala's `BigDecimal` does.
fn two_decimals(value: f64) -> f64 {
    let text = value.to_string();
    let Some((whole, decimals)) = text.split_once('.') else {
        return value;
    };
    let Some(kept) = decimals.get(..2) else {
        return value;
    };
    let up = decimals.as_bytes().get(2).is_some_and(|next| *next >= b'5');
    let cut: f64 = format!("{whole}.{kept}").parse().unwrap_or(value);
    if !up {
        return cut;
    }
    // Hundredths are whole numbers here, so adding one is exact.
    let hundredths = (cut.abs() * 100.0).round() + 1.0;
    (hundredths / 100.0).copysign(value)
}

impl Thresholds {
    /// The class of a score.
    pub fn class(self, score: f64) -> Class {
        if score >= self.pass {
            Class::Pass
        } else if score >= self.marginal {
            Class::Marginal
        } else {
            Class::Fail
        }
    }
}

impl Forced {
    /// The total's `classificationReason` as Kayenta words it; `reason` is that of the result by its
    /// place.
    pub fn text(self, reason: impl Fn(usize) -> String) -> String {
        match self {
            Forced::Critical(index) => format!("Canary Failed: {}", reason(index)),
            Forced::Nodata => "Canary Failed: 50% or more metrics returned NODATA".to_owned(),
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Class::Pass => "Pass",
            Class::Marginal => "Marginal",
            Class::Fail => "Fail",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const USUAL: Thresholds = Thresholds {
        pass: 95.0,
        marginal: 75.0,
    };

    fn group(name: &str, weight: Option<f64>) -> Group {
        Group {
            name: name.to_owned(),
            weight,
        }
    }

    fn counted(label: Label, groups: &[usize]) -> Counted<'_> {
        Counted {
            label,
            critical: false,
            muted: false,
            groups,
        }
    }

    #[test]
    fn rounding_follows_the_decimal_digits() {
        for (value, rounded) in [
            (66.666_666_666_666_66, 66.67),
            (33.333_333_333_333_33, 33.33),
            // Below the half as a binary number, at it as a decimal one.
            (1.005, 1.01),
            (0.994_999, 0.99),
            (99.995, 100.0),
            (-2.345, -2.35),
            (85.0, 85.0),
            (12.5, 12.5),
        ] {
            assert_eq!(two_decimals(value), rounded, "{value}");
        }
    }

    #[test]
    fn errors_help_and_nothing_to_score_fails() {
        let all = [group("all", Some(100.0))];
        let only_error = score(&[counted(Label::Error, &[0])], &all, USUAL);
        assert_eq!((only_error.total, only_error.class), (100.0, Class::Pass));
        assert!(only_error.groups[0].no_data);
        let muted = Counted {
            muted: true,
            ..counted(Label::Pass, &[0])
        };
        let nothing = score(&[muted], &all, USUAL);
        assert_eq!((nothing.total, nothing.class), (0.0, Class::Fail));
        assert_eq!((nothing.groups.len(), nothing.forced), (0, None));
        let no_groups = score(&[counted(Label::Pass, &[])], &[], USUAL);
        assert_eq!(no_groups.total, 0.0);
    }

    #[test]
    fn weights_above_100_leave_a_negative_share() {
        let groups = [group("a", Some(120.0)), group("b", None)];
        let results = [counted(Label::Pass, &[0]), counted(Label::High, &[1])];
        let scored = score(&results, &groups, USUAL);
        assert_eq!(scored.groups[1].weight, -20.0);
        assert_eq!(scored.total, 120.0);
    }

    #[test]
    fn one_of_three_without_data_costs_nothing_and_two_cost_all() {
        let groups = [group("a", None), group("b", None), group("c", None)];
        let of = |labels: [Label; 3]| {
            let results = [
                counted(labels[0], &[0]),
                counted(labels[1], &[1]),
                counted(labels[2], &[2]),
            ];
            score(&results, &groups, USUAL)
        };
        let one = of([Label::Pass, Label::Pass, Label::Nodata]);
        assert_eq!((one.total, one.forced), (100.0, None));
        let two = of([Label::Pass, Label::Nodata, Label::Nodata]);
        assert_eq!((two.total, two.forced), (0.0, Some(Forced::Nodata)));
    }

    #[test]
    fn a_pass_threshold_of_zero_passes_even_a_critical_failure() {
        let critical = Counted {
            critical: true,
            ..counted(Label::High, &[0])
        };
        let none = Thresholds {
            pass: 0.0,
            marginal: 0.0,
        };
        let scored = score(&[critical], &[group("a", None)], none);
        assert_eq!(scored.forced, Some(Forced::Critical(0)));
        assert_eq!(scored.class, Class::Pass);
    }
}
