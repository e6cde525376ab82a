//! A rectangle of the page with two axes: grid, ticks, titles, and series in its coordinates.

use super::axis::Axis;
use super::drawing::{Drawing, Point, Type};
use super::font;
use super::style::{Colour, GRID, HAIR, LINE, MARKER, MUTED, PAPER, TEXT};

/// A rectangle with two axes.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Panel {
    /// Left edge in pixels.
    pub left: f64,
    /// Top edge in pixels.
    pub top: f64,
    /// Right edge in pixels.
    pub right: f64,
    /// Bottom edge in pixels.
    pub bottom: f64,
    /// Rightwards.
    pub x: Axis,
    /// Upwards.
    pub y: Axis,
}

/// What a line stands for: held weights are solid with discs, whole rollouts dashed with squares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stroke {
    /// Solid, discs.
    Solid,
    /// Dashed, hollow squares.
    Dashed,
    /// Solid, no markers.
    Plain,
    /// Short dashes, no markers: a limit.
    Dotted,
}

/// Length and gap of dashes in pixels.
const DASHES: (f64, f64) = (11.0, 6.0);
/// The same of a limit's short dashes.
const DOTS: (f64, f64) = (4.0, 5.0);

impl Panel {
    /// Where a pair of values is on the page.
    pub(super) fn at(&self, x: f64, y: f64) -> Point {
        (
            self.left + self.x.place(x) * (self.right - self.left),
            self.bottom - self.y.place(y) * (self.bottom - self.top),
        )
    }

    /// Grid, axis lines and tick labels; the title of the y axis lies above it, so that it need not
    /// be read sideways. Without `x_labels` the panel leans on the one below.
    pub(super) fn frame(&self, drawing: &mut Drawing, y_title: &str, x_labels: bool) {
        let mut free_from = f64::NEG_INFINITY;
        for tick in &self.x.ticks {
            let (x, _) = self.at(tick.at, 0.0);
            drawing.line(vec![(x, self.top), (x, self.bottom)], HAIR, GRID);
            let half = font::width(&tick.label, TEXT, false) / 2.0;
            if x_labels && x - half > free_from {
                drawing.line(vec![(x, self.bottom), (x, self.bottom + 6.0)], HAIR, MUTED);
                let place = (x, self.bottom + 26.0);
                drawing.text(place, &tick.label, Type::PLAIN.centred());
                free_from = x + half + 8.0;
            }
        }
        for tick in &self.y.ticks {
            let y = self.bottom - self.y.place(tick.at) * (self.bottom - self.top);
            drawing.line(vec![(self.left, y), (self.right, y)], HAIR, GRID);
            let place = (self.left - 10.0, y + 6.5);
            drawing.text(place, &tick.label, Type::PLAIN.to_the_left());
        }
        let corner = [(self.left, self.bottom), (self.right, self.bottom)];
        drawing.line(corner.to_vec(), 1.5 * HAIR, MUTED);
        drawing.text((self.left, self.top - 14.0), y_title, Type::MUTED);
    }

    /// The title of the x axis, its baseline `below` pixels under the panel.
    pub(super) fn x_title(&self, drawing: &mut Drawing, title: &str, below: f64) {
        let place = (f64::midpoint(self.left, self.right), self.bottom + below);
        drawing.text(place, title, Type::MUTED.centred());
    }

    /// A line through points with markers at them.
    pub(super) fn series(
        &self,
        drawing: &mut Drawing,
        points: &[(f64, f64)],
        colour: Colour,
        stroke: Stroke,
    ) {
        let path: Vec<Point> = points.iter().map(|(x, y)| self.at(*x, *y)).collect();
        line(drawing, &path, colour, stroke);
        for place in path {
            marker(drawing, place, colour, stroke);
        }
    }

    /// A band between two ends for each x; a bar where there is but one x.
    pub(super) fn band(&self, drawing: &mut Drawing, ends: &[(f64, f64, f64)], colour: Colour) {
        if let [(x, low, high)] = ends {
            let bar = vec![self.at(*x, *low), self.at(*x, *high)];
            for (x, y) in &bar {
                drawing.line(vec![(x - 7.0, *y), (x + 7.0, *y)], LINE / 2.0, colour);
            }
            drawing.line(bar, LINE / 2.0, colour);
            return;
        }
        let lower = ends.iter().map(|(x, low, _)| self.at(*x, *low));
        let upper = ends.iter().rev().map(|(x, _, high)| self.at(*x, *high));
        drawing.area(lower.chain(upper).collect(), colour, 0.22);
    }
}

/// A line in its stroke, without markers.
pub(super) fn line(drawing: &mut Drawing, path: &[Point], colour: Colour, stroke: Stroke) {
    match stroke {
        Stroke::Solid | Stroke::Plain => drawing.line(path.to_vec(), LINE, colour),
        Stroke::Dashed => drawing.dashes(path, LINE, colour, DASHES),
        Stroke::Dotted => drawing.dashes(path, LINE - 1.0, colour, DOTS),
    }
}

/// The mark of a point, if its line has marks.
fn marker(drawing: &mut Drawing, (x, y): Point, colour: Colour, stroke: Stroke) {
    match stroke {
        Stroke::Solid => drawing.disc((x, y), MARKER, colour),
        Stroke::Dashed => {
            let (outer, inner) = (MARKER + 0.5, MARKER - 2.0);
            drawing.fill((x - outer, y - outer), (x + outer, y + outer), colour);
            drawing.fill((x - inner, y - inner), (x + inner, y + inner), PAPER);
        }
        Stroke::Plain | Stroke::Dotted => {}
    }
}

/// A name to be written beside the end of a line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct EndLabel {
    /// Where the line ends.
    pub end: Point,
    /// Its name.
    pub name: String,
    /// Its colour.
    pub colour: Colour,
    /// Its stroke.
    pub stroke: Stroke,
}

/// Distance between the baselines of names in pixels.
const LEADING: f64 = 27.0;

/// Writes names to the right of `x`, each as near to the end of its line as the others allow, with
/// a piece of the line before it.
pub(super) fn label_ends(
    drawing: &mut Drawing,
    mut labels: Vec<EndLabel>,
    x: f64,
    (top, bottom): (f64, f64),
) {
    // Ends that the eye cannot tell apart keep the order they came in.
    labels.sort_by_key(|label| (label.end.1 / 4.0).round() as i64);
    let mut lowest = f64::NEG_INFINITY;
    for label in &mut labels {
        lowest = lowest.max(label.end.1);
        label.end.1 = lowest;
    }
    let wanted: Vec<f64> = labels.iter().map(|label| label.end.1).collect();
    for (label, y) in labels.iter().zip(spread(&wanted, LEADING, top, bottom)) {
        let lead = vec![(label.end.0 + MARKER + 3.0, label.end.1), (x, y)];
        drawing.line(lead, HAIR, GRID.towards(MUTED, 0.35));
        let sample = [(x + 4.0, y), (x + 38.0, y)];
        line(drawing, &sample, label.colour, label.stroke);
        marker(drawing, (x + 21.0, y), label.colour, label.stroke);
        drawing.text((x + 46.0, y + 6.5), &label.name, Type::PLAIN);
    }
}

/// Moves sorted heights apart until neighbours are `gap` apart, each as little as possible, within
/// `top` to `bottom` where that has room.
fn spread(wanted: &[f64], gap: f64, top: f64, bottom: f64) -> Vec<f64> {
    // Groups of labels that touch: (sum of wanted top positions, count).
    let mut groups: Vec<(f64, usize)> = Vec::new();
    for y in wanted {
        groups.push((*y, 1));
        while let [.., (above, n), (below, m)] = groups[..] {
            let end = above / n as f64 + gap * n as f64;
            if below / m as f64 >= end {
                break;
            }
            groups.pop();
            groups.pop();
            groups.push((above + below - gap * (n * m) as f64, n + m));
        }
    }
    let mut placed: Vec<f64> = groups
        .iter()
        .flat_map(|(sum, n)| (0..*n).map(move |i| sum / *n as f64 + gap * i as f64))
        .collect();
    // Push back into the room: first up from the bottom, then down from the top.
    let mut limit = bottom;
    for y in placed.iter_mut().rev() {
        *y = y.min(limit);
        limit = *y - gap;
    }
    let mut limit = top;
    for y in &mut placed {
        *y = y.max(limit);
        limit = *y + gap;
    }
    placed
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_keep_apart_in_order_and_near_their_lines() {
        let placed = spread(&[10.0, 12.0, 14.0, 100.0], 20.0, 0.0, 110.0);
        assert!(
            placed.windows(2).all(|w| w[1] - w[0] >= 20.0 - 1e-9),
            "{placed:?}"
        );
        assert_eq!(placed[3], 100.0);
        assert_eq!(spread(&[5.0, 50.0], 20.0, 0.0, 100.0), [5.0, 50.0]);
        assert_eq!(spread(&[100.0, 100.0], 20.0, 0.0, 100.0), [80.0, 100.0]);
    }
}
