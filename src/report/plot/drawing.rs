//! A figure as a list of shapes in page pixels: drawn once, painted as PNG and as SVG.

use super::font;
use super::style::{Colour, INK, MARGIN, MUTED, TEXT, TITLE, WIDTH};

/// A place on the page: pixels from the left and from the top.
pub(super) type Point = (f64, f64);

/// Which end of a text is at its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The left end.
    Start,
    /// The middle.
    Middle,
    /// The right end.
    End,
}

/// How a text looks.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Type {
    /// Height of an em in pixels.
    pub size: f64,
    /// Heavy strokes.
    pub bold: bool,
    /// Colour.
    pub colour: Colour,
    /// Which end is at its place.
    pub anchor: Anchor,
}

impl Type {
    /// Plain text of the usual size, its left end at its place.
    pub(super) const PLAIN: Type = Type {
        size: TEXT,
        bold: false,
        colour: INK,
        anchor: Anchor::Start,
    };

    /// Secondary text.
    pub(super) const MUTED: Type = Type {
        colour: MUTED,
        ..Type::PLAIN
    };

    /// The same with its middle at its place.
    pub(super) fn centred(self) -> Type {
        Type {
            anchor: Anchor::Middle,
            ..self
        }
    }

    /// The same with its right end at its place.
    pub(super) fn to_the_left(self) -> Type {
        Type {
            anchor: Anchor::End,
            ..self
        }
    }

    /// The same in heavy strokes.
    pub(super) fn bold(self) -> Type {
        Type { bold: true, ..self }
    }
}

/// One thing on the page.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    /// An open line.
    Line {
        points: Vec<Point>,
        width: f64,
        colour: Colour,
    },
    /// A filled polygon; `opacity` from 0 to 1.
    Area {
        points: Vec<Point>,
        colour: Colour,
        opacity: f64,
    },
    /// A filled rectangle between two corners.
    Box {
        corner: Point,
        opposite: Point,
        colour: Colour,
    },
    /// A filled circle.
    Disc {
        centre: Point,
        radius: f64,
        colour: Colour,
    },
    /// Text on one line; the place is on its baseline.
    Text {
        place: Point,
        text: String,
        type_: Type,
    },
}

/// A figure.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    /// What it shows, for those who cannot see it.
    pub title: String,
    /// From back to front.
    pub shapes: Vec<Shape>,
}

/// As many parts of a line, separated by ` · `, as are at most `width` pixels wide, but the first at
/// least: half a gate would say something else than the gate.
fn whole_parts(line: &str, width: f64) -> String {
    let mut kept = line;
    while font::width(kept, TEXT, false) > width {
        let Some((shorter, _)) = kept.rsplit_once(" · ") else {
            break;
        };
        kept = shorter;
    }
    kept.to_owned()
}

impl Drawing {
    /// An empty page with a title and a line below it.
    pub(super) fn new(title: &str, subtitle: &str) -> Drawing {
        let mut drawing = Drawing {
            title: title.to_owned(),
            shapes: Vec::new(),
        };
        let heading = Type {
            size: TITLE,
            ..Type::PLAIN
        };
        let width = WIDTH - 2.0 * MARGIN;
        drawing.text((MARGIN, 44.0), title, heading.bold());
        let subtitle = font::fit(&whole_parts(subtitle, width), TEXT, false, width);
        drawing.text((MARGIN, 73.0), &subtitle, Type::MUTED);
        drawing
    }

    /// An open line through `points`; nothing for fewer than two.
    pub(super) fn line(&mut self, points: Vec<Point>, width: f64, colour: Colour) {
        if points.len() > 1 {
            self.shapes.push(Shape::Line {
                points,
                width,
                colour,
            });
        }
    }

    /// A line in dashes of `on` pixels with gaps of `off`.
    pub(super) fn dashes(
        &mut self,
        points: &[Point],
        width: f64,
        colour: Colour,
        (on, off): (f64, f64),
    ) {
        for dash in dashes(points, on, off) {
            self.line(dash, width, colour);
        }
    }

    /// A filled polygon, `opacity` from 0 to 1; nothing for fewer than three points.
    pub(super) fn area(&mut self, points: Vec<Point>, colour: Colour, opacity: f64) {
        if points.len() > 2 {
            self.shapes.push(Shape::Area {
                points,
                colour,
                opacity,
            });
        }
    }

    /// A filled rectangle.
    pub(super) fn fill(&mut self, corner: Point, opposite: Point, colour: Colour) {
        self.shapes.push(Shape::Box {
            corner,
            opposite,
            colour,
        });
    }

    /// The outline of a rectangle.
    pub(super) fn outline(&mut self, (x0, y0): Point, (x1, y1): Point, width: f64, colour: Colour) {
        // Begins halfway along a side, so that every corner is a joint.
        let start = (f64::midpoint(x0, x1), y0);
        let around = vec![start, (x1, y0), (x1, y1), (x0, y1), (x0, y0), start];
        self.line(around, width, colour);
    }

    /// A filled circle.
    pub(super) fn disc(&mut self, centre: Point, radius: f64, colour: Colour) {
        self.shapes.push(Shape::Disc {
            centre,
            radius,
            colour,
        });
    }

    /// One line of text, its baseline at `place`.
    pub(super) fn text(&mut self, place: Point, text: &str, type_: Type) {
        if !text.is_empty() {
            self.shapes.push(Shape::Text {
                place,
                text: text.to_owned(),
                type_,
            });
        }
    }

    /// Says, in the middle of the page, why there is nothing to see.
    pub(super) fn nothing(&mut self, why: &str) {
        let place = (WIDTH / 2.0, super::style::HEIGHT / 2.0);
        self.text(place, why, Type::MUTED.centred());
    }
}

fn dashes(points: &[Point], on: f64, off: f64) -> Vec<Vec<Point>> {
    let mut all = Vec::new();
    let mut dash: Vec<Point> = points.first().copied().into_iter().collect();
    let (mut drawing, mut left) = (true, on);
    for pair in points.windows(2) {
        let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
        let length = (x1 - x0).hypot(y1 - y0);
        let mut walked = 0.0;
        while length - walked > left {
            walked += left;
            let share = walked / length;
            let here = (x0 + (x1 - x0) * share, y0 + (y1 - y0) * share);
            if drawing {
                dash.push(here);
                all.push(std::mem::take(&mut dash));
            } else {
                dash = vec![here];
            }
            drawing = !drawing;
            left = if drawing { on } else { off };
        }
        left -= length - walked;
        if drawing {
            dash.push((x1, y1));
        }
    }
    if dash.len() > 1 {
        all.push(dash);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dashes_cover_their_share_and_turn_corners() {
        let corner = [(0.0, 0.0), (10.0, 0.0), (10.0, 10.0)];
        let dashes = dashes(&corner, 6.0, 2.0);
        assert_eq!(
            dashes,
            [
                vec![(0.0, 0.0), (6.0, 0.0)],
                vec![(8.0, 0.0), (10.0, 0.0), (10.0, 4.0)],
                vec![(10.0, 6.0), (10.0, 10.0)],
            ]
        );
    }
}
