//! One rollout, tick by tick: weight, what the metrics showed, what the gate said.

use super::axis::Axis;
use super::drawing::{Drawing, Point, Type};
use super::font;
use super::panel::{EndLabel, Panel, Stroke, label_ends, line};
use super::style::{BLUE, Colour, GREEN, GRID, HAIR, INK, LINE, MUTED, TEXT, VERMILION, WIDTH};
use crate::experiment::summary::{Results, TimelineRow};
use crate::report::quantity;

const LEFT: f64 = 150.0;
const RIGHT: f64 = WIDTH - 206.0;
/// The lanes of the verdicts: where the first begins and how high each is, in pixels.
const LANES: (f64, f64) = (606.0, 24.0);

/// So many ticks are drawn one by one; of more, the mean and range of neighbours.
const MOST_TICKS: usize = 240;

/// One metric of a tick.
type Metric = fn(&TimelineRow) -> Option<f64>;

/// What a verdict's mark looks like.
#[derive(Clone, Copy)]
enum Mark {
    Tick,
    Cross,
    Question,
}

const VERDICTS: [(&str, &str, Mark, Colour); 3] = [
    ("pass", "pass", Mark::Tick, GREEN),
    ("fail", "fail", Mark::Cross, VERMILION),
    ("inconclusive", "no answer", Mark::Question, MUTED),
];

/// Draws the figure.
pub(super) fn draw(results: &Results) -> Drawing {
    let rows = &results.timeline;
    let title = match &results.summary.live {
        Some(_) => "The live rollout, tick by tick",
        None => "One rollout of the bad release, as written",
    };
    let mut drawing = Drawing::new(title, &results.summary.scenario.rollout);
    let Some(last) = rows.last() else {
        drawing.nothing("No rollout was recorded tick by tick.");
        return drawing;
    };
    let time = Axis::times(last.seconds.max(1.0), 10);
    let panel = |top: f64, bottom: f64, y: Axis| Panel {
        left: LEFT,
        top,
        right: RIGHT,
        bottom,
        x: time.clone(),
        y,
    };
    let weight = panel(128.0, 216.0, weight_axis(rows));
    weight.frame(&mut drawing, "canary percentage", false);
    draw_weight(&mut drawing, &weight, rows);

    let (canary, stable, limit): (Metric, Metric, Metric) = (
        |row| row.canary_success,
        |row| row.stable_success,
        |row| row.success_limit,
    );
    let success = panel(258.0, 400.0, success_axis(rows));
    success.frame(&mut drawing, "success ratio, % of requests", false);
    draw_metric(&mut drawing, &success, rows, [canary, stable, limit], "≥");

    let (canary, stable, limit): (Metric, Metric, Metric) = (
        |row| row.canary_p99,
        |row| row.stable_p99,
        |row| row.p99_limit,
    );
    let latency = panel(442.0, 566.0, latency_axis(rows));
    latency.frame(&mut drawing, "99th percentile of latency, ms", false);
    draw_metric(&mut drawing, &latency, rows, [canary, stable, limit], "≤");

    draw_verdicts(&mut drawing, &weight, rows);
    draw_end(&mut drawing, &weight, rows);
    drawing
}

fn weight_axis(rows: &[TimelineRow]) -> Axis {
    let high = rows.iter().map(|row| row.weight).fold(1.0, f64::max);
    Axis::numbers(0.0, high, 2, " %")
}

fn success_axis(rows: &[TimelineRow]) -> Axis {
    let low = rows
        .iter()
        .flat_map(|row| [row.canary_success, row.stable_success, row.success_limit])
        .flatten()
        .fold(100.0, f64::min);
    Axis::numbers(low.clamp(0.0, 99.9), 100.0, 4, "")
}

fn latency_axis(rows: &[TimelineRow]) -> Axis {
    let high = rows
        .iter()
        .flat_map(|row| [row.canary_p99, row.stable_p99, row.p99_limit])
        .flatten()
        .fold(1.0, f64::max);
    Axis::numbers(0.0, high, 4, "")
}

fn draw_weight(drawing: &mut Drawing, panel: &Panel, rows: &[TimelineRow]) {
    let mut path = Vec::new();
    for row in rows {
        // The weight holds until the tick that changes it.
        if let Some((_, level)) = path.last().copied() {
            path.push((panel.at(row.seconds, 0.0).0, level));
        }
        path.push(panel.at(row.seconds, row.weight));
    }
    let mut under = path.clone();
    let first = path.first().map_or(panel.left, |point| point.0);
    let last = path.last().map_or(panel.right, |point| point.0);
    under.extend([(last, panel.bottom), (first, panel.bottom)]);
    drawing.area(under, VERMILION, 0.14);
    drawing.line(path, LINE, VERMILION);
}

fn draw_metric(
    drawing: &mut Drawing,
    panel: &Panel,
    rows: &[TimelineRow],
    [canary, stable, limit]: [Metric; 3],
    sign: &str,
) {
    let mut labels = Vec::new();
    for (name, metric, colour) in [("stable", stable, BLUE), ("canary", canary, VERMILION)] {
        let end = if rows.len() > MOST_TICKS {
            draw_ranges(drawing, panel, rows, metric, colour)
        } else {
            draw_ticks(drawing, panel, rows, metric, colour)
        };
        if let Some(end) = end {
            labels.push(EndLabel {
                end,
                name: name.to_owned(),
                colour,
                stroke: Stroke::Plain,
            });
        }
    }
    let limits: Vec<_> = rows
        .iter()
        .filter_map(|row| Some((row.seconds, limit(row)?)))
        .collect();
    if let Some((_, value)) = limits.last() {
        let path: Vec<_> = limits.iter().map(|(x, y)| panel.at(*x, *y)).collect();
        line(drawing, &path, INK, Stroke::Dotted);
        labels.push(EndLabel {
            end: panel.at(panel.x.high(), *value),
            name: format!("limit {sign} {}", quantity::short(*value)),
            colour: INK,
            stroke: Stroke::Dotted,
        });
    }
    if labels.is_empty() {
        let place = (
            f64::midpoint(panel.left, panel.right),
            f64::midpoint(panel.top, panel.bottom) + 6.5,
        );
        drawing.text(place, "no data", Type::MUTED.centred());
    }
    label_ends(drawing, labels, RIGHT + 16.0, (panel.top, panel.bottom));
}

/// A line through every tick's value; returns its end.
fn draw_ticks(
    drawing: &mut Drawing,
    panel: &Panel,
    rows: &[TimelineRow],
    metric: Metric,
    colour: Colour,
) -> Option<Point> {
    let mut end = None;
    // A tick without a value breaks the line.
    for run in rows.split(|row| metric(row).is_none()) {
        let path: Vec<Point> = run
            .iter()
            .filter_map(|row| Some(panel.at(row.seconds, metric(row)?)))
            .collect();
        if rows.len() <= 80 {
            for point in &path {
                drawing.disc(*point, 4.0, colour);
            }
        }
        end = path.last().copied().or(end);
        drawing.line(path, LINE, colour);
    }
    end
}

/// The mean of neighbouring ticks as a line, their range as a band: where ticks are closer than the
/// line is wide, a line through all of them is a smear. Returns the line's end.
fn draw_ranges(
    drawing: &mut Drawing,
    panel: &Panel,
    rows: &[TimelineRow],
    metric: Metric,
    colour: Colour,
) -> Option<Point> {
    let (mut band, mut path) = (Vec::new(), Vec::new());
    for group in rows.chunks(rows.len().div_ceil(MOST_TICKS / 2)) {
        let values: Vec<f64> = group.iter().filter_map(metric).collect();
        if values.is_empty() {
            continue;
        }
        let low = values.iter().copied().fold(f64::INFINITY, f64::min);
        let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        let middle = group[group.len() / 2].seconds;
        band.push((middle, low, high));
        path.push(panel.at(middle, mean));
    }
    panel.band(drawing, &band, colour);
    let end = path.last().copied();
    drawing.line(path, LINE, colour);
    end
}

fn draw_verdicts(drawing: &mut Drawing, panel: &Panel, rows: &[TimelineRow]) {
    let (top, high) = LANES;
    let bottom = top + high * VERDICTS.len() as f64;
    let apart = (RIGHT - LEFT) / rows.len().max(1) as f64;
    for (lane, (verdict, name, mark, colour)) in VERDICTS.into_iter().enumerate() {
        let y = top + (lane as f64 + 0.5) * high;
        drawing.line(vec![(LEFT, y), (RIGHT, y)], HAIR, GRID);
        drawing.text((LEFT - 10.0, y + 6.5), name, Type::PLAIN.to_the_left());
        let met: Vec<_> = rows.iter().filter(|row| row.verdict == verdict).collect();
        for row in &met {
            let place = (panel.at(row.seconds, 0.0).0, y);
            if apart < 12.0 {
                let (x, y) = place;
                drawing.line(vec![(x, y - 8.0), (x, y + 8.0)], 1.5, colour);
            } else {
                draw_mark(drawing, place, mark, colour);
            }
        }
        let total = match met.len() {
            1 => "1 check".to_owned(),
            n => format!("{} checks", quantity::grouped(n as u64)),
        };
        drawing.text((RIGHT + 20.0, y + 6.5), &total, Type::MUTED);
    }
    let mut free_from = f64::NEG_INFINITY;
    for tick in &panel.x.ticks {
        let (x, _) = panel.at(tick.at, 0.0);
        let half = font::width(&tick.label, TEXT, false) / 2.0;
        if x - half > free_from {
            drawing.text((x, bottom + 24.0), &tick.label, Type::PLAIN.centred());
            free_from = x + half + 8.0;
        }
    }
    let place = ((LEFT + RIGHT) / 2.0, bottom + 52.0);
    drawing.text(place, "time since the rollout began", Type::MUTED.centred());
}

fn draw_mark(drawing: &mut Drawing, (x, y): (f64, f64), mark: Mark, colour: Colour) {
    match mark {
        Mark::Tick => {
            let path = vec![(x - 7.0, y + 1.0), (x - 2.0, y + 6.0), (x + 7.0, y - 6.0)];
            drawing.line(path, LINE, colour);
        }
        Mark::Cross => {
            let r = 6.0;
            drawing.line(vec![(x - r, y - r), (x + r, y + r)], LINE, colour);
            drawing.line(vec![(x - r, y + r), (x + r, y - r)], LINE, colour);
        }
        Mark::Question => {
            let type_ = Type {
                colour,
                ..Type::PLAIN.centred().bold()
            };
            drawing.text((x, y + 6.5), "?", type_);
        }
    }
}

/// A line through everything where the rollout ended, with how.
fn draw_end(drawing: &mut Drawing, panel: &Panel, rows: &[TimelineRow]) {
    let ended = rows.iter().find_map(|row| {
        let how = match &*row.phase {
            "Failed" => "rolled back",
            "Promoting" | "Finalising" | "Succeeded" => "promoted",
            _ => return None,
        };
        Some((row.seconds, how))
    });
    let Some((seconds, how)) = ended else {
        return;
    };
    let (x, _) = panel.at(seconds, 0.0);
    let bottom = LANES.0 + LANES.1 * VERDICTS.len() as f64;
    drawing.dashes(&[(x, panel.top - 8.0), (x, bottom)], 2.0, INK, (7.0, 4.0));
    let text = format!("{how} at {}", quantity::time(seconds));
    let half = font::width(&text, TEXT, true) / 2.0;
    let place = (x.min(WIDTH - 30.0 - half), panel.top - 14.0);
    drawing.text(place, &text, Type::PLAIN.centred().bold());
}
