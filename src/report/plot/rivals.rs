//! Several rollouts side by side: how often each catches the bad release and rolls back the good
//! one, and how long it takes.

use super::axis::Axis;
use super::drawing::{Drawing, Type};
use super::font;
use super::panel::Panel;
use super::style::{BLUE, GREEN, HEIGHT, LINE, MARKER, PURPLE, TEXT, VERMILION, WIDTH};
use crate::experiment::summary::{Estimate, Results, Rival};
use crate::report::quantity;

/// Widest name in pixels.
const NAME: f64 = 190.0;

/// Draws the figure.
pub(super) fn draw(results: &Results) -> Drawing {
    let mut drawing = Drawing::new(
        "Who catches it, who cries wolf, and how soon?",
        &results.summary.scenario.world,
    );
    let rivals = &results.summary.rivals;
    if rivals.is_empty() {
        drawing.nothing("There is nobody to compare with.");
        return drawing;
    }
    let (top, bottom) = (158.0, HEIGHT - 110.0);
    let left = 36.0 + NAME + 16.0;
    let rows = Axis::rows(rivals.len());
    let shares = Panel {
        left,
        top,
        right: left + 420.0,
        bottom,
        x: Axis::shares(4),
        y: rows.clone(),
    };
    let times: Vec<f64> = rivals.iter().flat_map(quantiles).collect();
    let times = Panel {
        left: shares.right + 70.0,
        right: WIDTH - 60.0,
        x: Axis::times_covering(&times, results.summary.horizon_seconds, 4),
        y: rows,
        ..shares.clone()
    };
    shares.frame(&mut drawing, "share of the releases rolled back", true);
    let log = if times.x.is_log() { " (log scale)" } else { "" };
    let title = format!("time to the rollback{log}");
    times.frame(&mut drawing, &title, true);
    for (row, rival) in rivals.iter().enumerate() {
        let y = row as f64;
        let name = font::fit(&rival.name, TEXT, true, NAME);
        let (x, height) = shares.at(0.0, y);
        let type_ = Type::PLAIN.bold().to_the_left();
        drawing.text((x - 16.0, height + 6.5), &name, type_);
        interval(&mut drawing, &shares, y, &rival.cell.power, true);
        interval(&mut drawing, &shares, y, &rival.cell.false_rollback, false);
        time_to_rollback(&mut drawing, &times, y, rival);
    }
    key(&mut drawing, left);
    drawing
}

fn quantiles(rival: &Rival) -> Vec<f64> {
    let detection = rival.cell.detection_seconds;
    [detection.p50, detection.p90]
        .into_iter()
        .flatten()
        .collect()
}

/// A share with its 95 % interval: a disc for the bad release, a hollow square for the good one.
fn interval(drawing: &mut Drawing, panel: &Panel, row: f64, share: &Estimate, bad: bool) {
    let colour = if bad { BLUE } else { VERMILION };
    // Side by side where both are alike.
    let lift = if bad { -9.0 } else { 9.0 };
    let at = |value| {
        let (x, y) = panel.at(value, row);
        (x, y + lift)
    };
    drawing.line(vec![at(share.low), at(share.high)], LINE, colour);
    mark(drawing, at(share.estimate), bad);
}

fn mark(drawing: &mut Drawing, (x, y): (f64, f64), bad: bool) {
    if bad {
        drawing.disc((x, y), MARKER, BLUE);
        return;
    }
    let (outer, inner) = (MARKER, MARKER - 2.5);
    drawing.fill((x - outer, y - outer), (x + outer, y + outer), VERMILION);
    let paper = super::style::PAPER;
    drawing.fill((x - inner, y - inner), (x + inner, y + inner), paper);
}

/// Median and 90th percentile of the time to the rollback, and the share without one.
fn time_to_rollback(drawing: &mut Drawing, panel: &Panel, row: f64, rival: &Rival) {
    let detection = rival.cell.detection_seconds;
    let (Some(median), Some(p90)) = (detection.p50, detection.p90) else {
        let (x, y) = panel.at(0.0, row);
        drawing.text((x + 12.0, y + 6.5), "never caught", Type::MUTED);
        return;
    };
    let (from, to) = (panel.at(median, row), panel.at(p90, row));
    drawing.line(vec![from, to], LINE, PURPLE);
    drawing.disc(to, MARKER, PURPLE);
    drawing.disc(from, MARKER + 1.0, GREEN);
    let words = match detection.never {
        0.0 => quantity::time(median),
        never => format!(
            "{}; {} never",
            quantity::time(median),
            quantity::percent(never)
        ),
    };
    // Above the line, where it fits to the left of the panel's end.
    let width = font::width(&words, TEXT, false);
    let x = (from.0 - 6.0).min(panel.right - width);
    drawing.text((x, from.1 - 16.0), &words, Type::MUTED);
}

/// What the marks mean.
fn key(drawing: &mut Drawing, left: f64) {
    let y = HEIGHT - 36.0;
    let mut x = left;
    for (number, words) in [
        "bad release caught (power)",
        "good release rolled back",
        "median",
        "90th percentile",
    ]
    .into_iter()
    .enumerate()
    {
        match number {
            0 => mark(drawing, (x, y - 6.0), true),
            1 => mark(drawing, (x, y - 6.0), false),
            2 => drawing.disc((x, y - 6.0), MARKER + 1.0, GREEN),
            _ => drawing.disc((x, y - 6.0), MARKER, PURPLE),
        }
        drawing.text((x + 16.0, y), words, Type::PLAIN);
        x += 16.0 + font::width(words, TEXT, false) + 34.0;
    }
}
