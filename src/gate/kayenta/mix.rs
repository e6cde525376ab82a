//! The series of both sides in, paired by their labels.
//!
//! Replayed is `MetricSetMixerService` of Kayenta at revision a69573be.

use std::collections::BTreeSet;

use crate::telemetry::promql::Labels;

/// One series in one window: a metric set, as Kayenta says.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricSet {
    /// Its labels, without the metric's name.
    pub tags: Labels,
    /// Its points in order of time; those that are missing may be left out.
    pub values: Vec<f64>,
    /// How many points it should have by its own start, end and step; it is padded up to there.
    pub points: usize,
}

/// Samples of control and experiment that belong together.
#[derive(Debug, Clone, PartialEq)]
pub struct Paired {
    /// The labels of both.
    pub tags: Labels,
    /// The control's points.
    pub control: Vec<f64>,
    /// The experiment's points.
    pub experiment: Vec<f64>,
}

/// Why series cannot be paired, which ends the judgement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MixError {
    /// A side has no set at all.
    #[error("one side has no series")]
    Nothing,
    /// Both sides have labels, and not the same ones.
    #[error("the control's series have the labels {control}, the experiment's {experiment}")]
    Labels {
        /// The control's, by name.
        control: String,
        /// The experiment's.
        experiment: String,
    },
}

impl MetricSet {
    /// A set without labels.
    pub fn plain(values: Vec<f64>) -> MetricSet {
        MetricSet {
            tags: Labels::none(),
            points: values.len(),
            values,
        }
    }

    /// What stands for no answer: a set without labels that should have so many points.
    pub fn nothing(points: usize) -> MetricSet {
        MetricSet {
            tags: Labels::none(),
            points,
            values: Vec::new(),
        }
    }

    /// Its values, padded.
    fn padded(&self) -> Vec<f64> {
        let mut values = self.values.clone();
        values.resize(values.len().max(self.points), f64::NAN);
        values
    }

    /// As many missing values as this one has.
    fn missing(&self) -> Vec<f64> {
        vec![f64::NAN; self.values.len().max(self.points)]
    }
}

/// Pairs the sets of both sides by equal labels.
///
/// # Errors
/// When Kayenta would end the judgement.
pub fn mix(control: &[MetricSet], experiment: &[MetricSet]) -> Result<Vec<Paired>, MixError> {
    if control.is_empty() || experiment.is_empty() {
        return Err(MixError::Nothing);
    }
    let (mine, theirs) = (names(control), names(experiment));
    if !mine.is_empty() && !theirs.is_empty() && mine != theirs {
        let list = |names: BTreeSet<&str>| names.into_iter().collect::<Vec<_>>().join(", ");
        return Err(MixError::Labels {
            control: list(mine),
            experiment: list(theirs),
        });
    }
    let untagged = |sets: &[MetricSet]| sets.iter().any(|set| set.tags.is_empty());
    let pair = |tags: &Labels, control: Vec<f64>, experiment: Vec<f64>| Paired {
        tags: tags.clone(),
        control,
        experiment,
    };
    // Whatever an untagged set holds is dropped when the other side has labels everywhere.
    match (untagged(control), untagged(experiment)) {
        (true, false) => {
            let sets = experiment.iter();
            return Ok(sets
                .map(|set| pair(&set.tags, set.missing(), set.padded()))
                .collect());
        }
        (false, true) => {
            let sets = control.iter();
            return Ok(sets
                .map(|set| pair(&set.tags, set.padded(), set.missing()))
                .collect());
        }
        _ => {}
    }
    let tags: BTreeSet<&Labels> = (control.iter().chain(experiment))
        .map(|set| &set.tags)
        .collect();
    let with = |sets: &'_ [MetricSet], tags: &Labels| sets.iter().position(|set| set.tags == *tags);
    let pairs = tags.into_iter().filter_map(|tags| {
        let mine = with(control, tags).map(|at| &control[at]);
        let theirs = with(experiment, tags).map(|at| &experiment[at]);
        let either = mine.or(theirs)?;
        let values =
            |set: Option<&MetricSet>| set.map_or_else(|| either.missing(), MetricSet::padded);
        Some(pair(tags, values(mine), values(theirs)))
    });
    Ok(pairs.collect())
}

/// The names of all labels that some sets have.
fn names(sets: &[MetricSet]) -> BTreeSet<&str> {
    sets.iter()
        .flat_map(|set| set.tags.iter().map(|(name, _)| name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(tags: &[(&str, &str)], values: &[f64]) -> MetricSet {
        MetricSet {
            tags: Labels::new(tags.iter().copied()),
            values: values.to_vec(),
            points: values.len(),
        }
    }

    fn counts(pairs: &[Paired]) -> Vec<(usize, usize)> {
        let present = |values: &[f64]| values.iter().filter(|value| !value.is_nan()).count();
        pairs
            .iter()
            .map(|p| (present(&p.control), present(&p.experiment)))
            .collect()
    }

    #[test]
    fn sets_with_equal_labels_belong_together_and_others_are_paired_with_nothing() {
        let control = [
            set(&[("zone", "a")], &[1.0, 2.0]),
            set(&[("zone", "b")], &[3.0]),
        ];
        let experiment = [
            set(&[("zone", "b")], &[4.0]),
            set(&[("zone", "c")], &[5.0, 6.0, 7.0]),
        ];
        let pairs = mix(&control, &experiment).unwrap();
        assert_eq!(counts(&pairs), [(2, 0), (1, 1), (0, 3)]);
        assert_eq!(pairs[0].experiment.len(), 2);
        assert_eq!(pairs[2].control.len(), 3);
    }

    #[test]
    fn labels_that_differ_end_the_judgement() {
        let error = mix(
            &[set(&[("pod", "a")], &[1.0])],
            &[set(&[("node", "a")], &[1.0])],
        );
        assert_eq!(
            error.unwrap_err().to_string(),
            "the control's series have the labels pod, the experiment's node"
        );
        assert_eq!(mix(&[], &[set(&[], &[1.0])]), Err(MixError::Nothing));
    }

    #[test]
    fn one_side_without_labels_is_as_good_as_missing() {
        let tagged = [
            set(&[("zone", "a")], &[1.0, 2.0]),
            set(&[("zone", "b")], &[3.0]),
        ];
        let plain = [set(&[], &[9.0, 9.0, 9.0])];
        assert_eq!(counts(&mix(&plain, &tagged).unwrap()), [(0, 2), (0, 1)]);
        assert_eq!(counts(&mix(&tagged, &plain).unwrap()), [(2, 0), (1, 0)]);
        // Two plain ones are a pair.
        assert_eq!(counts(&mix(&plain, &[set(&[], &[1.0])]).unwrap()), [(3, 1)]);
    }

    #[test]
    fn no_answer_becomes_missing_points_of_the_whole_window() {
        let pairs = mix(&[MetricSet::nothing(60)], &[set(&[], &[1.0; 61])]).unwrap();
        assert_eq!(
            (pairs[0].control.len(), pairs[0].experiment.len()),
            (60, 61)
        );
        assert_eq!(counts(&pairs), [(0, 61)]);
    }
}
