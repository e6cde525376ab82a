//! The page of a tuning: what can be had, and what to change.

use askama::Template;

use super::{Colours, Plate, unbroken};
use crate::experiment::tuning::Tuning;
use crate::report::plot::Figure;
use crate::report::{ReportError, answer, quantity, tuning as words};

/// What to look at in the figure.
const CAPTION: &str = "Each disc is one choice of settings, with the 95 % interval of its exposure. Down \
    and to the left is better; the dashed steps are the front, below which nothing can be had. Green is \
    recommended, blue is on the front, vermilion misses a requirement; grey is beaten, or these trials do \
    not show that it keeps the requirements.";

#[derive(Template)]
#[template(path = "tuning.html", config = "src/report/askama.toml")]
struct Page<'a> {
    title: String,
    tuning: &'a Tuning,
    headline: String,
    sentences: Vec<String>,
    asked: String,
    made: String,
    heads: Vec<String>,
    rows: Vec<[String; 6]>,
    rounds: Vec<[String; 5]>,
    legend: &'static str,
    plates: Vec<Plate<'a>>,
    interrupted: &'static str,
    colours: Colours,
}

/// The page.
pub(in crate::report) fn tuning_page(
    tuning: &Tuning,
    figure: &Figure,
) -> Result<String, ReportError> {
    let mut sentences = words::sentences(tuning).into_iter();
    let svg = std::str::from_utf8(&figure.svg).ok();
    let plate = svg.map(|svg| Plate {
        svg,
        caption: CAPTION,
    });
    let rounds = tuning.rounds.iter().map(|round| {
        [
            u64::from(round.trials),
            round.candidates,
            round.infeasible,
            round.dominated,
            round.left_out,
        ]
        .map(quantity::grouped)
    });
    let page = Page {
        title: format!("{}: tuned", tuning.title),
        tuning,
        headline: unbroken(&sentences.next().unwrap_or_default()),
        sentences: sentences.map(|sentence| unbroken(&sentence)).collect(),
        asked: words::asked(tuning),
        made: words::made(tuning),
        heads: words::HEADS.map(|head| head.replace('\n', " ")).to_vec(),
        rows: (words::rows(tuning).into_iter())
            .map(|row| row.map(|cell| unbroken(&cell)))
            .collect(),
        rounds: rounds.collect(),
        legend: words::LEGEND,
        plates: plate.into_iter().collect(),
        interrupted: answer::INTERRUPTED,
        colours: Colours::of_figures(),
    };
    Ok(page.render()?)
}
