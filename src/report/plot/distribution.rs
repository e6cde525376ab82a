//! The distribution of the detection time: how many of the bad releases were gone by when.

use super::axis::Axis;
use super::drawing::{Drawing, Type};
use super::panel::{EndLabel, Panel, Stroke, label_ends};
use super::style::{HEIGHT, INK, LINE, WIDTH, ordinal};
use super::{MODES, cells, weights};
use crate::experiment::summary::{Cell, DetectionRow, Mode, Results};
use crate::report::quantity;

/// Draws the figure: a panel per mode, a line per percentage that climbs to its power. What is
/// missing up to 100 % was never detected.
pub(super) fn draw(results: &Results) -> Drawing {
    let mut drawing = Drawing::new(
        "When was it caught?",
        "Each line levels off at the power: what it lacks to 100 % was never caught.",
    );
    let modes: Vec<Mode> = MODES
        .into_iter()
        .filter(|mode| !cells(results, *mode).is_empty())
        .collect();
    if modes.is_empty() {
        drawing.nothing("There are no cells to show.");
        return drawing;
    }
    let seconds: Vec<f64> = results.detections.iter().map(|row| row.seconds).collect();
    let weights = weights(results);
    let (left, labels, gap) = (96.0, 150.0, 28.0);
    let each = (WIDTH - left - (labels + gap) * modes.len() as f64 + gap) / modes.len() as f64;
    for (i, mode) in modes.into_iter().enumerate() {
        let start = left + i as f64 * (each + labels + gap);
        let mut panel = Panel {
            left: start,
            top: 166.0,
            right: start + each,
            bottom: HEIGHT - 86.0,
            x: Axis::times_covering(&seconds, results.summary.horizon_seconds, 5),
            y: Axis::shares(5),
        };
        let y_ticks = panel.y.ticks.clone();
        if i > 0 {
            for tick in &mut panel.y.ticks {
                tick.label.clear();
            }
        }
        panel.frame(&mut drawing, "share of bad releases rolled back", true);
        panel.y.ticks = y_ticks;
        let log = if panel.x.is_log() { " (log scale)" } else { "" };
        let title = format!("time since fault and canary traffic met{log}");
        panel.x_title(&mut drawing, &title, 58.0);
        let name = match mode {
            Mode::Held => "weight held",
            Mode::Rollout => "whole rollout, entered at",
        };
        drawing.text((panel.left, panel.top - 40.0), name, Type::PLAIN.bold());
        draw_lines(&mut drawing, &panel, results, mode, &weights);
    }
    drawing
}

fn draw_lines(
    drawing: &mut Drawing,
    panel: &Panel,
    results: &Results,
    mode: Mode,
    weights: &[f64],
) {
    let mut labels = Vec::new();
    for cell in cells(results, mode) {
        let rank = weights.iter().position(|weight| *weight == cell.weight);
        let colour = ordinal(rank.unwrap_or(0), weights.len());
        let path: Vec<(f64, f64)> = climb(cell, &results.detections, panel.x.high())
            .into_iter()
            .map(|(seconds, share)| panel.at(seconds, share))
            .collect();
        if let Some(end) = path.last() {
            labels.push(EndLabel {
                end: *end,
                name: quantity::weight(cell.weight),
                colour,
                stroke: Stroke::Plain,
            });
        }
        drawing.line(path, LINE, colour);
    }
    drawing.line(
        vec![(panel.left, panel.top), (panel.left, panel.bottom)],
        1.0,
        INK,
    );
    if !results.detections.iter().any(|row| row.mode == mode) {
        let middle = (
            f64::midpoint(panel.left, panel.right),
            f64::midpoint(panel.top, panel.bottom),
        );
        drawing.text(middle, "No bad release was caught.", Type::MUTED.centred());
    }
    let room = (panel.top, panel.bottom);
    label_ends(drawing, labels, panel.right + 18.0, room);
}

/// The corners of the stairs: share of all faulty trials rolled back by then.
fn climb(cell: &Cell, rows: &[DetectionRow], end: f64) -> Vec<(f64, f64)> {
    let mut steps: Vec<(f64, u64)> = rows
        .iter()
        .filter(|row| row.mode == cell.mode && row.weight == cell.weight)
        .map(|row| (row.seconds, row.trials))
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    let all = cell.trials.max(1) as f64;
    let (mut corners, mut caught) = (vec![(0.0, 0.0)], 0);
    for (seconds, trials) in steps {
        corners.push((seconds, caught as f64 / all));
        caught += trials;
        corners.push((seconds, caught as f64 / all));
    }
    corners.push((end, caught as f64 / all));
    corners
}
