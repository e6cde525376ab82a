//! How soon each gate catches the bad release: a bar from the 10th to the 90th percentile over all of
//! them, with the median.

use super::axis::Axis;
use super::drawing::{Drawing, Type};
use super::font;
use super::panel::Panel;
use super::style::{BLUE, GREEN, HEIGHT, MARKER, MUTED, VERMILION, WIDTH};
use crate::experiment::comparison::{Comparison, Family, League, Row};
use crate::report::quantity;

/// As many gates as a page has room for.
const MOST: usize = 26;
/// Widest name in pixels.
const NAME: f64 = 330.0;
/// Size of names.
const SMALL: f64 = 15.0;

/// Draws the figure.
pub(super) fn draw(comparison: &Comparison, league: &League<'_>) -> Drawing {
    let mut drawing = Drawing::new("How soon is the bad release caught?", &comparison.world);
    let mut rows = crate::report::comparison::shown(comparison, league);
    // Whoever one compares with stays, whatever place it has.
    let stays = |row: &&Row| matches!(row.family, Family::Own | Family::Controller);
    let mut room = MOST.saturating_sub(rows.iter().filter(|row| stays(row)).count());
    rows.retain(|row| {
        let taken = !stays(row) && room > 0;
        room -= usize::from(taken);
        taken || stays(row)
    });
    if !comparison.has_fault || rows.is_empty() {
        drawing.nothing("There is no bad release to catch.");
        return drawing;
    }
    let times: Vec<f64> = (rows.iter())
        .flat_map(|row| [1, 9, 17].map(|index| row.quantiles.get(index).copied()))
        .flatten()
        .collect();
    let left = 36.0 + NAME + 16.0;
    let panel = Panel {
        left,
        top: 118.0,
        right: WIDTH - 190.0,
        bottom: HEIGHT - 84.0,
        x: Axis::times_covering(&times, comparison.seconds, 4),
        y: Axis::rows(rows.len()),
    };
    panel.frame(&mut drawing, "", true);
    let log = if panel.x.is_log() { ", log scale" } else { "" };
    panel.x_title(
        &mut drawing,
        &format!("time to the rollback: 10 %, median and 90 % of all bad releases{log}"),
        58.0,
    );
    for (index, row) in rows.iter().enumerate() {
        let y = index as f64;
        let keeps = row.false_rollback.low <= league.bar;
        let colour = if keeps { BLUE } else { VERMILION };
        let (_, height) = panel.at(panel.x.ticks.first().map_or(0.0, |tick| tick.at), y);
        let name = font::fit(crate::report::comparison::name(row), SMALL, false, NAME);
        let small = Type {
            size: SMALL,
            ..Type::PLAIN
        };
        drawing.text((left - 14.0, height + 5.0), &name, small.to_the_left());
        let place = |index: usize| row.quantiles.get(index).map(|time| panel.at(*time, y).0);
        if let Some(from) = place(1) {
            let to = place(17).unwrap_or(panel.right);
            drawing.line(vec![(from, height), (to, height)], 5.0, colour);
        }
        if let Some(median) = place(9) {
            drawing.disc((median, height), MARKER, GREEN);
        }
        let words = format!(
            "{} caught{}",
            quantity::percent(row.power.estimate),
            if keeps { "" } else { " ✗" }
        );
        let muted = Type {
            size: SMALL,
            colour: MUTED,
            ..Type::PLAIN
        };
        drawing.text((panel.right + 12.0, height + 5.0), &words, muted);
    }
    drawing
}
