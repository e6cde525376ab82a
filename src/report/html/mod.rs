//! One page that holds everything: findings, tables, figures, story and source. It needs nothing
//! beside itself: no script, no network.

mod comparison;
mod prose;
mod tuning;

pub(super) use comparison::comparison_page;
pub(super) use tuning::tuning_page;

use askama::Template;

use super::ReportError;
use super::answer::{self, Part};
use super::live::{Account, ORDER_HEADS, VERSION_HEADS};
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
const CAPTIONS: [(&str, &str); 6] = [
    (
        "side-by-side",
        "Each rollout as it was written, on the same service with the same fault. Blue should be far \
         to the right, vermilion far to the left; of two that are equally good at that, the one \
         whose times are shorter hurts fewer people.",
    ),
    (
        "power",
        "Blue should be high, vermilion low. Solid lines hold the percentage; dashed lines run the \
         whole rollout from there. Where solid blue sinks to the left, a canary of that size sees \
         too few requests for this gate; where it sinks to the right, the fault lies within the \
         limits, and more requests only make the gate surer of that. Where vermilion rises, good \
         releases are rolled back.",
    ),
    (
        "detection",
        "Above: how long the fault was live before it was rolled back, in the rollouts where it \
         was. Read it together with the part below, the rollouts that never noticed: a short time \
         means little where many never come.",
    ),
    (
        "heat",
        "Find the row of your traffic: where it is dark, the gate catches the bad release. Rows \
         above and below show what growth, or a quiet night, would change. This is power alone: a \
         gate that rolls back everything is dark everywhere, so look at the false rollbacks too.",
    ),
    (
        "detection-distribution",
        "Each line climbs to the share of bad releases that the gate catches at that \
         percentage. Steps are the controller's ticks; what is missing up \
         to 100 % was promoted, or still running at the horizon.",
    ),
    (
        "timeline",
        "What the gate saw in one of the rollouts, tick by tick. The canary's line swings more the \
         fewer requests it gets: a limit close to its noise fails good and bad canaries alike.",
    ),
];

/// What to look at in the timeline of a rollout that was played for real.
const LIVE_TIMELINE: &str = "What the gate saw in the live rollout, tick by tick, in the scenario's \
    time. The other figures and the tables are of simulated rollouts.";

#[derive(Template)]
#[template(path = "report.html", config = "src/report/askama.toml")]
struct Page<'a> {
    title: &'a str,
    summary: &'a Summary,
    live: Option<Account>,
    headline: String,
    findings: Vec<String>,
    world: String,
    rollout: String,
    parts: Vec<Part>,
    steps: Option<String>,
    trials: String,
    precision: String,
    horizon: String,
    plates: Vec<Plate<'a>>,
    story: Vec<Block>,
    legend: String,
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

impl Colours {
    fn of_figures() -> Colours {
        Colours {
            paper: style::PAPER.hex(),
            ink: style::INK.hex(),
            muted: style::MUTED.hex(),
            grid: style::GRID.hex(),
            blue: style::BLUE.hex(),
        }
    }
}

/// The text with units that stay on the line of their number.
fn unbroken(text: &str) -> String {
    text.replace(" %", "\u{a0}%").replace(" ms", "\u{a0}ms")
}

/// The page.
pub(super) fn page(results: &Results, figures: &[Figure]) -> Result<String, ReportError> {
    let summary = &results.summary;
    let (headline, findings) = match summary.findings.split_first() {
        Some((first, others)) => (first, others),
        None => (&summary.scenario.title, &[][..]),
    };
    let plates = CAPTIONS
        .iter()
        .filter_map(|(name, caption)| {
            let figure = figures.iter().find(|figure| figure.name == *name)?;
            Some(Plate {
                svg: std::str::from_utf8(&figure.svg).ok()?,
                caption: match (*name, &summary.live) {
                    ("timeline", Some(_)) => LIVE_TIMELINE,
                    _ => caption,
                },
            })
        })
        .collect();
    let page = Page {
        title: &summary.scenario.title,
        summary,
        live: summary.live.as_ref().map(Account::of),
        headline: unbroken(headline),
        findings: findings.iter().map(|finding| unbroken(finding)).collect(),
        world: unbroken(&summary.scenario.world),
        rollout: unbroken(&summary.scenario.rollout),
        parts: answer::parts(results),
        steps: answer::steps_as_written(summary),
        trials: answer::trials(summary),
        precision: quantity::points(summary.precision),
        horizon: quantity::time(summary.horizon_seconds),
        plates,
        story: prose::blocks(&unbroken(&summary.scenario.story)),
        legend: unbroken(answer::LEGEND),
        interrupted: answer::INTERRUPTED,
        colours: Colours::of_figures(),
    };
    Ok(page.render()?)
}
