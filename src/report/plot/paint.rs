//! Drawings into files. plotters fills pixels and writes SVG elements; placing is done already.

use plotters::backend::{BitMapBackend, DrawingBackend, SVGBackend};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{Color, FontDesc, FontFamily, FontStyle, RGBColor, ShapeStyle, TextStyle};

use super::drawing::{Anchor, Drawing, Point, Shape, Type};
use super::font::{self, POINTS_PER_EM};
use super::style::{Colour, HEIGHT, PAPER, WIDTH};
use crate::report::ReportError;

/// Dots of the canvas per pixel of the page. plotters places things at whole dots and leaves the
/// edges of thick lines jagged: painting at twice the size and averaging cures both.
const SCALE: usize = 2;
const WIDE: usize = WIDTH as usize * SCALE;
const HIGH: usize = HEIGHT as usize * SCALE;

/// Typefaces for the viewers of SVG files, the one that the labels were measured with first.
const VIEWER_FONTS: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";

/// The drawing as an SVG file.
pub(super) fn svg(drawing: &Drawing) -> Result<Vec<u8>, ReportError> {
    let mut text = String::new();
    {
        let mut canvas = SVGBackend::with_string(&mut text, (WIDE as u32, HIGH as u32));
        Painter {
            canvas: &mut canvas,
            kind: Kind::Elements,
        }
        .paint(drawing)?;
        canvas.present().map_err(ReportError::drawing)?;
    }
    let body = text.split_once('\n').map_or("", |(_, body)| body);
    let title = drawing.title.replace('&', "&amp;").replace('<', "&lt;");
    let svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{HEIGHT}\" \
         viewBox=\"0 0 {WIDE} {HIGH}\" stroke-linejoin=\"round\" role=\"img\">\n\
         <title>{title}</title>\n{}",
        body.replace(
            &format!("font-family=\"{}\"", font::FAMILY),
            &format!("font-family=\"{VIEWER_FONTS}\"")
        )
    );
    Ok(svg.into_bytes())
}

/// The drawing as a PNG file.
pub(super) fn png(drawing: &Drawing) -> Result<Vec<u8>, ReportError> {
    let mut dots = vec![0_u8; WIDE * HIGH * 3];
    {
        let mut canvas = BitMapBackend::with_buffer(&mut dots, (WIDE as u32, HIGH as u32));
        Painter {
            canvas: &mut canvas,
            kind: Kind::Pixels,
        }
        .paint(drawing)?;
        canvas.present().map_err(ReportError::drawing)?;
    }
    let mut file = Vec::new();
    let mut encoder = png::Encoder::new(&mut file, WIDTH as u32, HEIGHT as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    encoder.set_compression(png::Compression::Balanced);
    let mut writer = encoder.write_header().map_err(ReportError::drawing)?;
    writer
        .write_image_data(&averaged(&dots))
        .map_err(ReportError::drawing)?;
    writer.finish().map_err(ReportError::drawing)?;
    Ok(file)
}

/// Each pixel from the 2 × 2 dots that it covers.
fn averaged(dots: &[u8]) -> Vec<u8> {
    let mut pixels = Vec::with_capacity(dots.len() / (SCALE * SCALE));
    for rows in dots.chunks_exact(SCALE * WIDE * 3) {
        let (upper, lower) = rows.split_at(WIDE * 3);
        for (above, below) in upper.chunks_exact(6).zip(lower.chunks_exact(6)) {
            for channel in 0..3 {
                let sum = [above, below]
                    .iter()
                    .map(|pair| u16::from(pair[channel]) + u16::from(pair[channel + 3]))
                    .sum::<u16>();
                pixels.push(((sum + 2) / 4) as u8);
            }
        }
    }
    pixels
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pixels,
    Elements,
}

struct Painter<'a, DB> {
    canvas: &'a mut DB,
    kind: Kind,
}

impl<DB: DrawingBackend> Painter<'_, DB> {
    fn paint(&mut self, drawing: &Drawing) -> Result<(), ReportError> {
        if !font::ready() {
            return Err(ReportError::Font);
        }
        self.fill((0.0, 0.0), (WIDTH, HEIGHT), PAPER)?;
        for shape in &drawing.shapes {
            match shape {
                Shape::Line {
                    points,
                    width,
                    colour,
                } => self.line(points, *width, *colour)?,
                Shape::Area {
                    points,
                    colour,
                    opacity,
                } => self.polygon(points, *colour, *opacity)?,
                Shape::Box {
                    corner,
                    opposite,
                    colour,
                } => self.fill(*corner, *opposite, *colour)?,
                Shape::Disc {
                    centre,
                    radius,
                    colour,
                } => self.disc(*centre, *radius, *colour)?,
                Shape::Text { place, text, type_ } => self.text(*place, text, *type_)?,
            }
        }
        Ok(())
    }

    fn line(&mut self, points: &[Point], width: f64, colour: Colour) -> Result<(), ReportError> {
        if self.kind == Kind::Elements {
            let style = ShapeStyle {
                color: rgb(colour).to_rgba(),
                filled: false,
                stroke_width: dots(width) as u32,
            };
            let path = points.iter().map(|point| dot(*point));
            return self
                .canvas
                .draw_path(path, &style)
                .map_err(ReportError::drawing);
        }
        // The bitmap's own thick lines spike and tear at sharp corners: segments and round joints.
        for pair in points.windows(2) {
            let ((x0, y0), (x1, y1)) = (pair[0], pair[1]);
            let length = (x1 - x0).hypot(y1 - y0);
            if length == 0.0 {
                continue;
            }
            let (dx, dy) = (
                (y1 - y0) / length * width / 2.0,
                (x1 - x0) / length * width / 2.0,
            );
            if x0 == x1 || y0 == y1 {
                let (left, right) = (x0.min(x1) - dx.abs(), x0.max(x1) + dx.abs());
                let (top, bottom) = (y0.min(y1) - dy.abs(), y0.max(y1) + dy.abs());
                self.fill((left, top), (right, bottom), colour)?;
            } else {
                let corners = [
                    (x0 + dx, y0 - dy),
                    (x1 + dx, y1 - dy),
                    (x1 - dx, y1 + dy),
                    (x0 - dx, y0 + dy),
                ];
                self.polygon(&corners, colour, 1.0)?;
            }
        }
        if width >= 2.0 && points.len() > 2 {
            for joint in &points[1..points.len() - 1] {
                self.disc(*joint, width / 2.0, colour)?;
            }
        }
        Ok(())
    }

    fn polygon(
        &mut self,
        points: &[Point],
        colour: Colour,
        opacity: f64,
    ) -> Result<(), ReportError> {
        let path: Vec<(i32, i32)> = points.iter().map(|point| dot(*point)).collect();
        self.canvas
            .fill_polygon(path, &rgb(colour).mix(opacity))
            .map_err(ReportError::drawing)
    }

    fn fill(&mut self, corner: Point, opposite: Point, colour: Colour) -> Result<(), ReportError> {
        self.canvas
            .draw_rect(dot(corner), dot(opposite), &rgb(colour), true)
            .map_err(ReportError::drawing)
    }

    fn disc(&mut self, centre: Point, radius: f64, colour: Colour) -> Result<(), ReportError> {
        self.canvas
            .draw_circle(dot(centre), dots(radius) as u32, &rgb(colour), true)
            .map_err(ReportError::drawing)
    }

    fn text(&mut self, (x, y): Point, text: &str, type_: Type) -> Result<(), ReportError> {
        // plotters divides the size by 1.24 for SVG and hangs the text from its top: 0.76 em above
        // the baseline there, half a size above it in pixels.
        let (size, rise) = match self.kind {
            Kind::Elements => (1.24 * type_.size, 0.76 * type_.size),
            Kind::Pixels => (POINTS_PER_EM * type_.size, POINTS_PER_EM * type_.size / 2.0),
        };
        let weight = if type_.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let font = FontDesc::new(FontFamily::SansSerif, size * SCALE as f64, weight);
        let anchor = match type_.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let colour = rgb(type_.colour);
        let style = TextStyle::from(font)
            .color(&colour)
            .pos(Pos::new(anchor, VPos::Top));
        self.canvas
            .draw_text(text, &style, dot((x, y - rise)))
            .map_err(ReportError::drawing)
    }
}

fn rgb(colour: Colour) -> RGBColor {
    RGBColor(colour.0, colour.1, colour.2)
}

fn dots(pixels: f64) -> i32 {
    (pixels * SCALE as f64).round() as i32
}

fn dot((x, y): Point) -> (i32, i32) {
    (dots(x), dots(y))
}
