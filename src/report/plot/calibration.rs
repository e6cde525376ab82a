//! False rollbacks against the time to find a fault, a dot for each gate, in each setting of errors.

use super::axis::Axis;
use super::drawing::{Drawing, Type};
use super::font;
use super::panel::{Panel, Stroke, line};
use super::style::{BLUE, Colour, GREEN, HAIR, HEIGHT, MUTED, ORANGE, TEXT, VERMILION, WIDTH};
use crate::experiment::calibration::{Calibration, League, Line, Promise, Verdict, leagues};

/// Settings that are drawn.
const PANELS: usize = 4;

const KEY: [(&str, Colour); 5] = [
    ("level at any time", GREEN),
    ("to the end", BLUE),
    ("at one look", ORANGE),
    ("run length", MUTED),
    ("nothing", VERMILION),
];

fn colour(promise: Promise) -> Colour {
    let [anytime, planned, one, run, nothing] = KEY.map(|(_, colour)| colour);
    match promise {
        Promise::Anytime => anytime,
        Promise::PlannedEnd => planned,
        Promise::OneLook => one,
        Promise::RunLength => run,
        Promise::Nothing => nothing,
    }
}

/// Draws the figure.
pub(super) fn draw(calibration: &Calibration) -> Drawing {
    let level = calibration.note.alpha;
    let mut drawing = Drawing::new(
        "What does an early verdict cost in false rollbacks?",
        "each dot a gate · upwards: good canaries rolled back · rightwards: mean time to find the \
         first fault",
    );
    let leagues = leagues(calibration);
    let shown: Vec<&League<'_>> = (leagues.iter())
        .filter(|league| league.lines.iter().any(|line| !line.faults.is_empty()))
        .take(PANELS)
        .collect();
    if shown.is_empty() {
        drawing.nothing("There are no faults to find in these settings.");
        return drawing;
    }
    let (width, height) = ((WIDTH - 60.0) / 2.0, (HEIGHT - 170.0) / 2.0);
    for (place, league) in shown.iter().enumerate() {
        let left = 110.0 + (place % 2) as f64 * width;
        let top = 130.0 + (place / 2) as f64 * height;
        let panel = Panel {
            left,
            top,
            right: left + width - 120.0,
            bottom: top + height - 75.0,
            x: Axis::times_log(60.0, 60.0 * league.setting.minutes),
            y: Axis::small_shares(),
        };
        let title = format!("{}: {}", league.setting.name, league.setting.title);
        let title = font::fit(&title, TEXT, false, width - 130.0);
        panel.frame(&mut drawing, &title, true);
        let limit = [panel.at(1.0, level), (panel.right, panel.at(1.0, level).1)];
        line(&mut drawing, &limit, VERMILION, Stroke::Dotted);
        for gate in league.lines.iter().rev() {
            dot(&mut drawing, &panel, gate);
        }
        let best = (league.lines.iter()).find(|line| line.verdict() == Verdict::Kept);
        if let Some(best) = best {
            name(&mut drawing, &panel, best);
        }
    }
    key(&mut drawing);
    drawing
}

fn place(panel: &Panel, gate: &Line<'_>) -> Option<(f64, f64)> {
    let fault = gate.faults.first()?;
    Some(panel.at(60.0 * fault.mean_minutes, gate.level().share))
}

fn dot(drawing: &mut Drawing, panel: &Panel, gate: &Line<'_>) {
    if let Some(place) = place(panel, gate) {
        drawing.disc(place, 5.0, colour(gate.level().promise));
    }
}

/// The name of a gate in the lower left corner, where no gate is that finds anything, with a thread
/// to its dot.
fn name(drawing: &mut Drawing, panel: &Panel, gate: &Line<'_>) {
    if let Some(place) = place(panel, gate) {
        let words = &gate.level().gate;
        let (x, y) = (panel.left + 12.0, panel.bottom - 16.0);
        let end = x + font::width(words, TEXT, false);
        drawing.line(vec![place, (place.0.clamp(x, end), y - 20.0)], HAIR, MUTED);
        drawing.text((x, y), words, Type::PLAIN);
    }
}

/// What the colours mean.
fn key(drawing: &mut Drawing) {
    let y = HEIGHT - 18.0;
    let mut x = 36.0;
    let lead = "promises: ";
    drawing.text((x, y), lead, Type::MUTED);
    x += font::width(lead, TEXT, false) + 16.0;
    for (words, colour) in KEY {
        drawing.disc((x, y - 6.0), 6.0, colour);
        drawing.text((x + 14.0, y), words, Type::PLAIN);
        x += 14.0 + font::width(words, TEXT, false) + 30.0;
    }
}
