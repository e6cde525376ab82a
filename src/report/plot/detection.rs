//! Detection time against the canary percentage, and what was never detected.

use super::axis::Axis;
use super::drawing::Drawing;
use super::panel::{EndLabel, Panel, label_ends};
use super::style::{Colour, GREEN, HEIGHT, ORANGE, PURPLE, WIDTH};
use super::{MODES, cells, mode_name, stroke, weights};
use crate::experiment::summary::{Detection, Results};

/// A quantile of the detection time: its name, its colour, where it is.
type Quantile = (&'static str, Colour, fn(&Detection) -> Option<f64>);

const QUANTILES: [Quantile; 2] = [
    ("p90", PURPLE, |detection| detection.p90),
    ("median", GREEN, |detection| detection.p50),
];

/// Draws the figure.
pub(super) fn draw(results: &Results) -> Drawing {
    let mut drawing = Drawing::new(
        "How long until the rollback?",
        &results.summary.scenario.rollout,
    );
    let weights = weights(results);
    if weights.is_empty() {
        drawing.nothing("There are no cells to show.");
        return drawing;
    }
    let (left, right) = (104.0, WIDTH - 300.0);
    let horizon = results.summary.horizon_seconds;
    let times = Panel {
        left,
        top: 148.0,
        right,
        bottom: 462.0,
        x: Axis::weights(&weights),
        y: Axis::times_covering(&detected(results), horizon, 6),
    };
    let log = if times.y.is_log() { ", log scale" } else { "" };
    let title = format!("time to rollback, of the rollouts rolled back{log}");
    times.frame(&mut drawing, &title, false);
    draw_times(&mut drawing, &times, results);

    let never = Panel {
        top: 534.0,
        bottom: HEIGHT - 86.0,
        y: Axis::shares(2),
        ..times
    };
    never.frame(&mut drawing, "share of bad releases never caught", true);
    never.x_title(&mut drawing, "canary percentage (log scale)", 58.0);
    let mut labels = Vec::new();
    for mode in MODES {
        let points: Vec<(f64, f64)> = cells(results, mode)
            .iter()
            .map(|cell| (cell.weight, cell.detection_seconds.never))
            .collect();
        never.series(&mut drawing, &points, ORANGE, stroke(mode));
        if let Some((x, y)) = points.last() {
            labels.push(EndLabel {
                end: never.at(*x, *y),
                name: format!("never, {}", mode_name(mode)),
                colour: ORANGE,
                stroke: stroke(mode),
            });
        }
    }
    let room = (never.top, never.bottom);
    label_ends(&mut drawing, labels, right + 22.0, room);
    drawing
}

fn detected(results: &Results) -> Vec<f64> {
    results
        .summary
        .cells
        .iter()
        .flat_map(|cell| [cell.detection_seconds.p50, cell.detection_seconds.p90])
        .flatten()
        .collect()
}

fn draw_times(drawing: &mut Drawing, panel: &Panel, results: &Results) {
    let mut labels = Vec::new();
    for (name, colour, quantile) in QUANTILES {
        for mode in MODES {
            let points: Vec<(f64, f64)> = cells(results, mode)
                .iter()
                .filter_map(|cell| Some((cell.weight, quantile(&cell.detection_seconds)?)))
                .collect();
            panel.series(drawing, &points, colour, stroke(mode));
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
    if labels.is_empty() {
        let middle = (
            f64::midpoint(panel.left, panel.right),
            f64::midpoint(panel.top, panel.bottom),
        );
        let type_ = super::drawing::Type::MUTED.centred();
        drawing.text(middle, "No bad release was caught.", type_);
    }
    let room = (panel.top, panel.bottom);
    label_ends(drawing, labels, panel.right + 22.0, room);
}
