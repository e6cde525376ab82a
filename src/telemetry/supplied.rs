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

/// The answers of the systems that gates ask, by the number of the question.
#[derive(Debug, Clone, Default)]
pub struct Supplied(Vec<Figure>);

impl Supplied {
    /// Forgets all answers.
    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// Sets the answer to a question until the next one.
    pub(super) fn set(&mut self, question: usize, figure: Figure) {
        if self.0.len() <= question {
            self.0.resize(question + 1, Figure::Error);
        }
        self.0[question] = figure;
    }

    /// The answer to a question; an error where nobody has answered.
    pub(super) fn get(&self, question: usize) -> Figure {
        self.0.get(question).copied().unwrap_or(Figure::Error)
    }
}
