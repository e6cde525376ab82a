//! The page of a comparison: all gates on one scenario.

use askama::Template;

use super::{Colours, Plate, unbroken};
use crate::experiment::comparison::{Comparison, League};
use crate::report::plot::Figure;
use crate::report::{ReportError, answer, comparison as words, quantity};

/// What to look at in each figure.
const CAPTIONS: [(&str, &str); 2] = [
    (
        "frontier",
        "Each line is one gate at several levels. Up and to the left is better: it catches more of the \
         bad releases and rolls back fewer of the good ones. The marked line is the bar. A gate whose \
         points lie to the right of their levels does not keep them.",
    ),
    (
        "times",
        "From the time within which 10 % of the bad releases are caught to the time for 90 %, with the \
         median as a disc. A bar that runs to the right edge has not caught that many.",
    ),
];

/// Heads of the table.
const HEADS: [&str; 7] = [
    "Gate",
    "False rollback",
    "Power",
    "Caught, median",
    "p90",
    "Hurt requests",
    "Users",
];

#[derive(Template)]
#[template(path = "comparison.html", config = "src/report/askama.toml")]
struct Page<'a> {
    title: String,
    comparison: &'a Comparison,
    headline: String,
    sentences: Vec<String>,
    rows: Vec<[String; 7]>,
    trials: String,
    bar: String,
    plates: Vec<Plate<'a>>,
    interrupted: &'static str,
    colours: Colours,
}

/// The page.
pub(in crate::report) fn comparison_page(
    comparison: &Comparison,
    league: &League<'_>,
    figures: &[Figure],
) -> Result<String, ReportError> {
    let mut sentences = words::sentences(comparison, league).into_iter();
    let plates = CAPTIONS.iter().filter_map(|(name, caption)| {
        let figure = figures.iter().find(|figure| figure.name == *name)?;
        Some(Plate {
            svg: std::str::from_utf8(&figure.svg).ok()?,
            caption,
        })
    });
    let page = Page {
        title: format!("{}: all gates", comparison.title),
        comparison,
        headline: unbroken(&sentences.next().unwrap_or_default()),
        sentences: sentences.map(|sentence| unbroken(&sentence)).collect(),
        rows: (words::shown(comparison, league).into_iter())
            .map(|row| words::cells(row, league.bar).map(|cell| unbroken(&cell)))
            .collect(),
        trials: quantity::grouped(comparison.trials),
        bar: quantity::percent(league.bar),
        plates: plates.collect(),
        interrupted: answer::INTERRUPTED,
        colours: Colours::of_figures(),
    };
    Ok(page.render()?)
}
