//! The figures, each as PNG and as SVG: five, and one more where rollouts stand side by side.
//!
//! A figure is a list of shapes ([`drawing`]) that is painted twice ([`paint`]). Axes and labels are
//! ours because their ticks are: canary percentages and round times.

mod axis;
mod calibration;
mod detection;
mod distribution;
mod drawing;
mod font;
mod frontier;
mod heat;
mod paint;
mod panel;
mod pareto;
mod power;
mod rivals;
pub(crate) mod style;
mod timeline;
mod times;

use rayon::prelude::*;

use super::ReportError;
use crate::experiment::calibration::Calibration;
use crate::experiment::comparison::{Comparison, League};
use crate::experiment::summary::{Cell, Mode, Results};
use crate::experiment::tuning::Tuning;
use drawing::Drawing;

/// One figure, painted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figure {
    /// Name of its files without the ending.
    pub name: &'static str,
    /// The PNG file, 1200 × 750 pixels.
    pub png: Vec<u8>,
    /// The SVG file.
    pub svg: Vec<u8>,
}

/// Draws all figures.
pub(crate) fn figures(results: &Results) -> Result<Vec<Figure>, ReportError> {
    let mut drawings: Vec<(&'static str, Drawing)> = vec![
        ("power", power::draw(results)),
        ("detection", detection::draw(results)),
        ("heat", heat::draw(results)),
        ("detection-distribution", distribution::draw(results)),
        ("timeline", timeline::draw(results)),
    ];
    if !results.summary.rivals.is_empty() {
        drawings.push(("side-by-side", rivals::draw(results)));
    }
    paint_all(drawings)
}

/// Draws the figures of a comparison.
pub(crate) fn comparison_figures(
    comparison: &Comparison,
    league: &League<'_>,
) -> Result<Vec<Figure>, ReportError> {
    paint_all(vec![
        ("frontier", frontier::draw(comparison, league)),
        ("times", times::draw(comparison, league)),
    ])
}

fn paint_all(drawings: Vec<(&'static str, Drawing)>) -> Result<Vec<Figure>, ReportError> {
    drawings
        .into_par_iter()
        .map(|(name, drawing)| {
            Ok(Figure {
                name,
                png: paint::png(&drawing)?,
                svg: paint::svg(&drawing)?,
            })
        })
        .collect()
}

/// Draws the figure of a tuning.
pub(crate) fn tuning(tuning: &Tuning) -> Result<Figure, ReportError> {
    let drawing = pareto::draw(tuning);
    Ok(Figure {
        name: "pareto",
        png: paint::png(&drawing)?,
        svg: paint::svg(&drawing)?,
    })
}

/// Draws the figure of a calibration.
pub(crate) fn calibration(calibration: &Calibration) -> Result<Figure, ReportError> {
    let drawing = calibration::draw(calibration);
    Ok(Figure {
        name: "calibration",
        png: paint::png(&drawing)?,
        svg: paint::svg(&drawing)?,
    })
}

const MODES: [Mode; 2] = [Mode::Held, Mode::Rollout];

/// The cells of one mode that a logarithmic axis can show, by weight.
fn cells(results: &Results, mode: Mode) -> Vec<&Cell> {
    let mut cells: Vec<&Cell> = results
        .summary
        .cells
        .iter()
        .filter(|cell| cell.mode == mode && cell.weight > 0.0)
        .collect();
    cells.sort_by(|a, b| a.weight.total_cmp(&b.weight));
    cells
}

/// Every weight of both modes once, ascending.
fn weights(results: &Results) -> Vec<f64> {
    let mut weights: Vec<f64> = MODES
        .into_iter()
        .flat_map(|mode| cells(results, mode))
        .map(|cell| cell.weight)
        .collect();
    weights.sort_by(f64::total_cmp);
    weights.dedup();
    weights
}

/// How lines of a mode are drawn.
fn stroke(mode: Mode) -> panel::Stroke {
    match mode {
        Mode::Held => panel::Stroke::Solid,
        Mode::Rollout => panel::Stroke::Dashed,
    }
}

/// What a mode is called beside its line.
fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::Held => "held",
        Mode::Rollout => "whole rollout",
    }
}
