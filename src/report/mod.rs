//! Stored rows into something a person reads: a table for the terminal, five figures, and one page
//! that holds everything. Nothing here simulates.

mod plot;
mod quantity;

/// Why a report could not be made.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The typeface in the binary cannot be read.
    #[error("the built-in typeface cannot be read")]
    Font,
    /// A figure could not be painted.
    #[error("a figure could not be painted: {0}")]
    Drawing(String),
}

impl ReportError {
    fn drawing(cause: impl std::fmt::Display) -> ReportError {
        ReportError::Drawing(cause.to_string())
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn dump() {
        let r = crate::experiment::store::read(std::path::Path::new(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/formats/v1"
        )))
        .unwrap();
        for f in super::plot::figures(&r).unwrap() {
            std::fs::write(format!("/tmp/fig/{}.png", f.name), f.png).unwrap();
            std::fs::write(format!("/tmp/fig/{}.svg", f.name), f.svg).unwrap();
        }
    }
}
