//! Power and false rollback against the canary percentage.

use super::axis::Axis;
use super::drawing::{Drawing, Type};
use super::panel::{EndLabel, Panel, label_ends};
use super::style::{BLUE, Colour, HAIR, HEIGHT, MUTED, VERMILION, WIDTH};
use super::{MODES, cells, mode_name, stroke, weights};
use crate::experiment::summary::{Cell, Estimate, Mode, Results};

/// A figure of each cell that the picture shows: its name, its colour, where it is in a cell.
type Quantity = (&'static str, Colour, fn(&Cell) -> Estimate);

const QUANTITIES: [Quantity; 2] = [
    ("power", BLUE, |cell| cell.power),
    ("false rollback", VERMILION, |cell| cell.false_rollback),
];

/// Draws the figure.
pub(super) fn draw(results: &Results) -> Drawing {
    let mut drawing = Drawing::new(
        "Would the gate have caught it?",
        &results.summary.scenario.world,
    );
    let weights = weights(results);
    if weights.is_empty() {
        drawing.nothing("There are no cells to show.");
        return drawing;
    }
    let panel = Panel {
        left: 104.0,
        top: 148.0,
        right: WIDTH - 336.0,
        bottom: HEIGHT - 104.0,
        x: Axis::weights(&weights),
        y: Axis::shares(5),
    };
    panel.frame(
        &mut drawing,
        "share of rollouts rolled back, with 95 % intervals",
        true,
    );
    panel.x_title(&mut drawing, "canary percentage (log scale)", 82.0);
    mark_as_written(&mut drawing, &panel, results);

    let mut labels = Vec::new();
    for (name, colour, estimate) in QUANTITIES {
        for mode in MODES {
            let cells = cells(results, mode);
            let bands: Vec<_> = cells
                .iter()
                .map(|cell| (cell.weight, estimate(cell).low, estimate(cell).high))
                .collect();
            panel.band(&mut drawing, &bands, colour);
        }
        for mode in MODES {
            let points: Vec<(f64, f64)> = cells(results, mode)
                .iter()
                .map(|cell| (cell.weight, estimate(cell).estimate))
                .collect();
            panel.series(&mut drawing, &points, colour, stroke(mode));
            if let Some((x, y)) = points.last() {
                labels.push(EndLabel {
                    end: panel.at(*x, *y),
                    name: format!("{name}, {}", mode_name(mode)),
                    colour,
                    stroke: stroke(mode),
                });
            }
        }
    }
    let room = (panel.top, panel.bottom);
    label_ends(&mut drawing, labels, panel.right + 22.0, room);
    drawing
}

/// A dotted line at the percentage that the rollout starts with as it was written.
fn mark_as_written(drawing: &mut Drawing, panel: &Panel, results: &Results) {
    let written = cells(results, Mode::Rollout)
        .into_iter()
        .find(|cell| cell.as_written);
    if let Some(cell) = written {
        let (x, _) = panel.at(cell.weight, 0.0);
        let line = [(x, panel.top), (x, panel.bottom)];
        drawing.dashes(&line, 2.0 * HAIR, MUTED, (2.0, 5.0));
        let place = (x, panel.bottom + 48.0);
        drawing.text(place, "▲ as written", Type::PLAIN.centred().bold());
    }
}
