//! One page that holds everything: findings, tables, figures, story and source. It needs nothing
//! beside itself: no script, no network.

mod prose;

use askama::Template;

use super::ReportError;
use super::answer::{self, Part};
use super::plot::{Figure, style};
use super::quantity;
use crate::experiment::summary::{Results, Summary};
use prose::{Block, Span};

/// A figure on the page.
struct Plate<'a> {
    svg: &'a str,
    caption: &'static str,
}

/// What to look at in each figure.
const CAPTIONS: [(&str, &str); 5] = [
    (
        "power",
        "Blue should be high, vermilion low. Solid lines hold the percentage; dashed lines run the \
         whole rollout from there. Where solid blue sinks, a canary of that size sees too few \
         requests for this gate; where vermilion rises, good releases are rolled back by chance.",
    ),
    (
        "detection",
        "Above: how long the fault was live before it was rolled back, in the rollouts where it \
         was. Read it together with the part below, the rollouts that never noticed: a short time \
         means little where many never come.",
    ),
    (
        "heat",
        "Find the row of your traffic and follow it to the right until it is dark: that is the \
         smallest percentage this gate can work with. Rows above and below show what growth, or a \
         quiet night, would change.",
    ),
    (
        "detection-distribution",
        "Each line climbs to the share of faulty canaries that the gate catches at that \
         percentage. Steps are the controller's ticks; what is missing up \
         to 100 % was promoted, or still running at the horizon.",
    ),
    (
        "timeline",
        "What the gate saw in one of the rollouts, tick by tick. The canary's line swings more the \
         fewer requests it gets: a limit close to its noise fails good and bad canaries alike.",
    ),
];

#[derive(Template)]
#[template(path = "report.html", config = "src/report/askama.toml")]
struct Page<'a> {
    summary: &'a Summary,
    headline: &'a str,
    findings: &'a [String],
    parts: Vec<Part>,
    steps: Option<String>,
    trials: String,
    precision: String,
    horizon: String,
    plates: Vec<Plate<'a>>,
    story: Vec<Block>,
    legend: &'static str,
    interrupted: &'static str,
    colours: Colours,
}

/// The colours of the figures that the page replaces in the dark, as the SVG elements spell them.
struct Colours {
    paper: String,
    ink: String,
    muted: String,
    grid: String,
    blue: String,
}

/// The page.
pub(super) fn page(results: &Results, figures: &[Figure]) -> Result<String, ReportError> {
    let summary = &results.summary;
    let (headline, findings) = match summary.findings.split_first() {
        Some((first, others)) => (&**first, others),
        None => (&*summary.scenario.title, &[][..]),
    };
    let plates = CAPTIONS
        .iter()
        .filter_map(|(name, caption)| {
            let figure = figures.iter().find(|figure| figure.name == *name)?;
            Some(Plate {
                svg: std::str::from_utf8(&figure.svg).ok()?,
                caption,
            })
        })
        .collect();
    let page = Page {
        summary,
        headline,
        findings,
        parts: answer::parts(results),
        steps: answer::steps_as_written(summary),
        trials: answer::trials(summary),
        precision: quantity::points(summary.precision),
        horizon: quantity::time(summary.horizon_seconds),
        plates,
        story: prose::blocks(&summary.scenario.story),
        legend: answer::LEGEND,
        interrupted: answer::INTERRUPTED,
        colours: Colours {
            paper: style::PAPER.hex(),
            ink: style::INK.hex(),
            muted: style::MUTED.hex(),
            grid: style::GRID.hex(),
            blue: style::BLUE.hex(),
        },
    };
    Ok(page.render()?)
}
