//! Power over request rate and canary percentage.

use super::drawing::{Drawing, Type};
use super::font;
use super::style::{CELL_INK, CELL_PAPER, HAIR, HEIGHT, MUTED, ORANGE, TEXT, WIDTH, sequential};
use crate::experiment::summary::{HeatRow, Results};
use crate::report::quantity;

/// The map's place on the page in pixels.
const LEFT: f64 = 180.0;
const TOP: f64 = 128.0;
const RIGHT: f64 = WIDTH - 190.0;
const BOTTOM: f64 = HEIGHT - 92.0;

/// Draws the figure.
pub(super) fn draw(results: &Results) -> Drawing {
    let mut drawing = Drawing::new(
        "How much traffic does the gate need?",
        "Power with the weight held, if the service had more requests a second or fewer.",
    );
    let rates = distinct(&results.heat, |row| row.rate);
    let weights = distinct(&results.heat, |row| row.weight);
    if rates.is_empty() {
        drawing.nothing("Power at other request rates was not simulated.");
        return drawing;
    }
    let (wide, high) = (
        (RIGHT - LEFT) / weights.len() as f64,
        (BOTTOM - TOP) / rates.len() as f64,
    );
    for row in &results.heat {
        let column = weights.iter().position(|weight| *weight == row.weight);
        let line = rates.iter().position(|rate| *rate == row.rate);
        if let (Some(column), Some(line)) = (column, line) {
            let corner = (
                LEFT + column as f64 * wide,
                BOTTOM - (line + 1) as f64 * high,
            );
            draw_cell(&mut drawing, corner, (wide, high), row.power);
        }
    }
    for (i, weight) in weights.iter().enumerate() {
        let place = (LEFT + (i as f64 + 0.5) * wide, BOTTOM + 28.0);
        drawing.text(place, &quantity::weight(*weight), Type::PLAIN.centred());
    }
    for (i, rate) in rates.iter().enumerate() {
        let middle = BOTTOM - (i as f64 + 0.5) * high;
        let own = same_rate(*rate, results.summary.scenario.rate);
        let type_ = Type {
            bold: own,
            ..Type::PLAIN.to_the_left()
        };
        drawing.text((LEFT - 14.0, middle + 6.5), &quantity::rate(*rate), type_);
        if own {
            drawing.text(
                (LEFT - 14.0, middle + 29.0),
                "this scenario",
                Type::MUTED.to_the_left(),
            );
            let corner = (LEFT, middle - high / 2.0);
            drawing.outline(corner, (RIGHT, middle + high / 2.0), 3.5, ORANGE);
        }
    }
    drawing.text(
        (LEFT - 14.0, TOP - 14.0),
        "requests",
        Type::MUTED.to_the_left(),
    );
    let title = ((LEFT + RIGHT) / 2.0, BOTTOM + 62.0);
    drawing.text(title, "canary percentage, held", Type::MUTED.centred());
    draw_scale(&mut drawing);
    drawing
}

fn distinct(rows: &[HeatRow], key: fn(&HeatRow) -> f64) -> Vec<f64> {
    let mut values: Vec<f64> = rows.iter().map(key).collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}

fn same_rate(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-6 * a.abs().max(b.abs())
}

fn draw_cell(drawing: &mut Drawing, (x, y): (f64, f64), (wide, high): (f64, f64), power: f64) {
    let colour = sequential(power);
    drawing.fill((x + 1.0, y + 1.0), (x + wide - 1.0, y + high - 1.0), colour);
    let text = quantity::whole_percent(power);
    let number = text.trim_end_matches(" %");
    let on_light = colour.lightness() > 0.55;
    let type_ = Type {
        colour: if on_light { CELL_INK } else { CELL_PAPER },
        ..Type::PLAIN.centred()
    };
    if font::width(number, TEXT, false) < wide - 6.0 && high > TEXT {
        let place = (x + wide / 2.0, y + high / 2.0 + 6.5);
        let fits = font::width(&text, TEXT, false) < wide - 12.0;
        drawing.text(place, if fits { &text } else { number }, type_);
    }
}

fn draw_scale(drawing: &mut Drawing) {
    const STEPS: u32 = 50;
    let (left, right) = (RIGHT + 34.0, RIGHT + 60.0);
    let place = |share: f64| BOTTOM - share * (BOTTOM - TOP);
    // From the top down, each over the rest of the one before: no seams between the steps.
    for i in (0..STEPS).rev() {
        let share = |step: u32| f64::from(step) / f64::from(STEPS);
        let colour = sequential(f64::midpoint(share(i), share(i + 1)));
        drawing.fill((left, place(share(i + 1))), (right, BOTTOM), colour);
    }
    drawing.outline((left, TOP), (right, BOTTOM), HAIR, MUTED);
    for percent in [0, 25, 50, 75, 100] {
        let y = place(f64::from(percent) / 100.0);
        drawing.line(vec![(right, y), (right + 6.0, y)], HAIR, MUTED);
        drawing.text(
            (right + 12.0, y + 6.5),
            &format!("{percent} %"),
            Type::PLAIN,
        );
    }
    drawing.text((left, TOP - 14.0), "power", Type::MUTED);
}
