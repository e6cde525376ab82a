//! What the tuned rollouts cost: requests hurt by a bad release against the time that a good one
//! takes, with the front between what can be had and what cannot.

use super::axis::Axis;
use super::drawing::{Drawing, Type};
use super::font;
use super::panel::Panel;
use super::style::{BLUE, Colour, GREEN, HEIGHT, LINE, MARKER, MUTED, TEXT, VERMILION, WIDTH};
use crate::experiment::tuning::{Point, Tuning};

/// Widest name in pixels.
const NAME: f64 = 300.0;

/// Draws the figure.
pub(super) fn draw(tuning: &Tuning) -> Drawing {
    let mut drawing = Drawing::new("What does a faster rollout cost?", &tuning.world);
    let places: Vec<(usize, f64, f64)> = (tuning.points.iter().enumerate())
        .filter_map(|(at, point)| {
            let time = point.promotion_seconds.as_ref()?;
            Some((at, time.estimate, point.exposed_requests.estimate))
        })
        .collect();
    if places.is_empty() {
        drawing.nothing("No rollout promotes a good release.");
        return drawing;
    }
    let times: Vec<f64> = places.iter().map(|(_, time, _)| *time).collect();
    let highs = places
        .iter()
        .map(|(at, ..)| tuning.points[*at].exposed_requests.high);
    let highest = highs.fold(1.0, f64::max);
    let panel = Panel {
        left: 130.0,
        top: 130.0,
        right: WIDTH - 60.0,
        bottom: HEIGHT - 110.0,
        x: Axis::times_covering(&times, 60.0, 6),
        y: Axis::numbers(0.0, highest, 6, ""),
    };
    panel.frame(
        &mut drawing,
        "requests hurt by a bad release, on average",
        true,
    );
    panel.x_title(
        &mut drawing,
        "time until a good release is promoted, on average",
        62.0,
    );
    step_along(&mut drawing, &panel, tuning, &places);
    for (at, time, hurt) in &places {
        let point = &tuning.points[*at];
        let colour = colour(tuning, *at);
        let (low, high) = (point.exposed_requests.low, point.exposed_requests.high);
        let bar = vec![panel.at(*time, low), panel.at(*time, high)];
        drawing.line(bar, LINE / 2.0, colour);
        let is_recommended = tuning.recommended == Some(*at);
        let size = if is_recommended { 1.7 * MARKER } else { MARKER };
        drawing.disc(panel.at(*time, *hurt), size, colour);
        if let Some(name) = name(tuning, *at, point) {
            let (x, y) = panel.at(*time, *hurt);
            let name = font::fit(name, TEXT, false, NAME);
            let fits = x + 14.0 + font::width(&name, TEXT, false) < panel.right;
            match fits {
                true => drawing.text((x + 14.0, y - 10.0), &name, Type::PLAIN),
                false => drawing.text((x - 14.0, y - 10.0), &name, Type::PLAIN.to_the_left()),
            }
        }
    }
    drawing
}

/// The front as steps: what lies below and to the left of it cannot be had.
fn step_along(drawing: &mut Drawing, panel: &Panel, tuning: &Tuning, places: &[(usize, f64, f64)]) {
    let mut front: Vec<(f64, f64)> = (places.iter())
        .filter(|(at, ..)| tuning.points[*at].on_front)
        .map(|(_, time, hurt)| (*time, *hurt))
        .collect();
    front.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mut path = Vec::new();
    for (index, (time, hurt)) in front.iter().enumerate() {
        if let Some((_, before)) = index.checked_sub(1).and_then(|before| front.get(before)) {
            path.push(panel.at(*time, *before));
        }
        path.push(panel.at(*time, *hurt));
    }
    drawing.dashes(&path, 1.5, MUTED, (6.0, 5.0));
}

fn colour(tuning: &Tuning, at: usize) -> Colour {
    let point = &tuning.points[at];
    let misses = point
        .clauses
        .iter()
        .any(|clause| clause.holds == Some(false));
    match (tuning.recommended == Some(at), point.on_front, misses) {
        (true, ..) => GREEN,
        (_, true, _) => BLUE,
        (_, _, true) => VERMILION,
        _ => MUTED,
    }
}

fn name<'p>(tuning: &Tuning, at: usize, point: &'p Point) -> Option<&'p str> {
    match (tuning.recommended == Some(at), point.changes.is_empty()) {
        (true, true) => Some("recommended: as written"),
        (true, false) => Some("recommended"),
        (false, true) => Some("as written"),
        (false, false) => None,
    }
}
