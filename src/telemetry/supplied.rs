//! Figures that no series of ours holds: the answers of other systems that a gate asks.

/// What another system answers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Figure {
    /// A number.
    Number(f64),
    /// Nothing: it has no data.
    Nothing,
    /// It could not be asked.
    Error,
}

/// The answers of the systems that gates ask, by the number of the question: the latest, and those of
/// questions that are asked again and again as a series.
#[derive(Debug, Clone, Default)]
pub struct Supplied {
    latest: Vec<Figure>,
    series: Vec<Vec<Figure>>,
}

impl Supplied {
    /// Forgets all answers.
    pub(super) fn clear(&mut self) {
        self.latest.clear();
        self.series.clear();
    }

    /// Sets the answer to a question until the next one.
    pub(super) fn set(&mut self, question: usize, figure: Figure) {
        if self.latest.len() <= question {
            self.latest.resize(question + 1, Figure::Error);
        }
        self.latest[question] = figure;
    }

    /// The answer to a question; an error where nobody has answered.
    pub(super) fn get(&self, question: usize) -> Figure {
        self.latest.get(question).copied().unwrap_or(Figure::Error)
    }

    /// Adds the next answer of a series.
    pub(super) fn push(&mut self, question: usize, figure: Figure) {
        if self.series.len() <= question {
            self.series.resize_with(question + 1, Vec::new);
        }
        self.series[question].push(figure);
    }

    /// The answers of a series so far.
    pub(super) fn series(&self, question: usize) -> &[Figure] {
        self.series.get(question).map_or(&[], Vec::as_slice)
    }
}
