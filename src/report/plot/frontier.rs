//! What each gate buys and what it costs: bad releases caught against good ones rolled back, one line
//! for each gate through its levels.

use std::collections::BTreeMap;

use super::axis::{Axis, Tick};
use super::drawing::{Drawing, Point, Type};
use super::font;
use super::panel::{EndLabel, Panel, Stroke, label_ends};
use super::style::{
    BLUE, Colour, GREEN, HEIGHT, LINE, MARKER, MUTED, ORANGE, PURPLE, TEXT, VERMILION, WIDTH,
};
use crate::experiment::comparison::{Comparison, Family, League, Row};
use crate::report::quantity;

/// Widest name in pixels.
const NAME: f64 = 285.0;
/// Gates that are named; the others stay grey.
const NAMED: usize = 6;
/// Colours of the named ones, by rank.
const COLOURS: [Colour; NAMED] = [
    BLUE,
    VERMILION,
    GREEN,
    PURPLE,
    ORANGE,
    Colour(0x56, 0xB4, 0xE9),
];

/// Draws the figure.
pub(super) fn draw(comparison: &Comparison, league: &League<'_>) -> Drawing {
    let mut drawing = Drawing::new(
        "What does each gate catch, at what price?",
        &comparison.world,
    );
    if !comparison.has_fault {
        drawing.nothing("There is no bad release to catch.");
        return drawing;
    }
    let panel = Panel {
        left: 110.0,
        top: 130.0,
        right: WIDTH - 380.0,
        bottom: HEIGHT - 110.0,
        x: roots(),
        y: Axis::shares(4),
    };
    panel.frame(&mut drawing, "share of the bad releases caught", true);
    panel.x_title(
        &mut drawing,
        "share of the good releases rolled back (root scale)",
        62.0,
    );
    let (x, top) = panel.at(league.bar.sqrt(), 1.0);
    let (_, bottom) = panel.at(league.bar.sqrt(), 0.0);
    drawing.dashes(&[(x, top), (x, bottom)], 1.5, MUTED, (6.0, 5.0));
    let bar = format!("bar {}", quantity::percent(league.bar));
    drawing.text((x + 6.0, bottom - 10.0), &bar, Type::MUTED);
    let gates = by_gate(comparison, league);
    let mut ends = Vec::new();
    for (rank, (kind, rows)) in gates.iter().enumerate().rev() {
        let colour = COLOURS
            .get(rank)
            .copied()
            .unwrap_or(super::style::GRID.towards(MUTED, 0.35));
        let path: Vec<Point> = (rows.iter())
            .map(|row| panel.at(row.false_rollback.estimate.sqrt(), row.power.estimate))
            .collect();
        drawing.line(path.clone(), if rank < NAMED { LINE } else { 1.5 }, colour);
        for point in &path {
            drawing.disc(*point, if rank < NAMED { MARKER } else { 3.0 }, colour);
        }
        if rank < NAMED
            && let Some(end) = path.last()
        {
            ends.push(EndLabel {
                end: *end,
                name: font::fit(kind, TEXT, false, NAME),
                colour,
                stroke: Stroke::Solid,
            });
        }
    }
    label_ends(
        &mut drawing,
        ends,
        panel.right + 14.0,
        (panel.top, panel.bottom),
    );
    drawing
}

/// From 0 to all, spread where it matters.
fn roots() -> Axis {
    let ticks = [0.0, 0.01, 0.05, 0.2, 0.5, 1.0];
    let mut axis = Axis::shares(4);
    axis.ticks = (ticks.into_iter())
        .map(|share: f64| Tick {
            at: share.sqrt(),
            label: quantity::whole_percent(share),
        })
        .collect();
    axis
}

/// The gates with their rows by rising false rollbacks; first those that catch half soonest at the
/// bar, then the others.
fn by_gate<'c>(comparison: &'c Comparison, league: &League<'_>) -> Vec<(&'c str, Vec<&'c Row>)> {
    let mut gates: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in &comparison.rows {
        gates.entry(&row.kind).or_default().push(row);
    }
    let mut gates: Vec<_> = gates.into_iter().collect();
    for (_, rows) in &mut gates {
        rows.sort_by(|a, b| {
            a.false_rollback
                .estimate
                .total_cmp(&b.false_rollback.estimate)
        });
    }
    let merit = |rows: &[&Row]| {
        let kept = rows
            .iter()
            .filter(|row| row.false_rollback.low <= league.bar);
        let medians = kept.filter(|row| {
            row.family != Family::Test
                || (row.promises && row.level.is_some_and(|level| level <= league.bar))
        });
        (medians.filter_map(|row| row.median_seconds)).fold(f64::INFINITY, f64::min)
    };
    gates.sort_by(|a, b| merit(&a.1).total_cmp(&merit(&b.1)));
    gates
}
