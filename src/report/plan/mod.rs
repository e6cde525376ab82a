//! A plan on a terminal: what it means, a table for each thing that is watched, one of the gates.

mod sentences;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, LineStyle, Table, TableStyle};

use super::page::Page;
use super::quantity;
use super::wrap::wrap_parts;
use crate::experiment::planner::{GateKind, GateRow, Metric, MetricPlan, MetricRow, Plan};

/// The plan for people. No line is longer than `width` characters where the tables allow it;
/// `colour` adds ANSI colours, which repeat what the words say.
pub fn plan(plan: &Plan, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    for (index, metric) in plan.metrics.iter().enumerate() {
        if index > 0 {
            page.blank();
        }
        let shade = match metric.supported {
            true => AnsiColor::Green,
            false => AnsiColor::Red,
        };
        let headline = sentences::headline(plan, metric);
        page.say(&headline, "", shade.on_default().bold());
        page.parts(&sentences::terms(plan, metric));
        page.blank();
        page.table(&heads(plan, metric), &cells(metric));
        if !metric.gates.is_empty() {
            page.blank();
            page.table(&gate_heads(metric), &gate_cells(&metric.gates, plan.looks));
        }
        page.blank();
        for sentence in sentences::findings(plan, metric) {
            page.say(&format!("• {sentence}"), "  ", Style::new());
        }
    }
    for note in &plan.notes {
        page.say(&format!("! {note}"), "  ", AnsiColor::Yellow.on_default());
    }
    page.text
}

impl Page {
    fn parts(&mut self, text: &str) {
        for line in wrap_parts(text, "  ", self.width) {
            self.text.push_str(&format!("{line}\n"));
        }
    }

    /// Columns without any content are left out.
    fn table(&mut self, heads: &[String], rows: &[Vec<String>]) {
        let shown: Vec<usize> = (0..heads.len())
            .filter(|column| rows.iter().any(|row| !row[*column].is_empty()))
            .collect();
        let mut grid = Table::new();
        grid.load_style(
            TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')),
        );
        grid.set_header(shown.iter().map(|column| &heads[*column]));
        for row in rows {
            grid.add_row(shown.iter().map(|column| &row[*column]));
        }
        for (column, shown) in grid.column_iter_mut().zip(&shown) {
            column.set_padding((1, 0));
            if heads[*shown] != GATE {
                column.set_cell_alignment(CellAlignment::Right);
            }
        }
        for line in grid.lines() {
            self.text.push_str(&format!("{}\n", line.trim_end()));
        }
    }
}

/// How many requests another formula asks for is told where it differs by more than this.
const WORTH_TELLING: f64 = 0.05;

fn heads(plan: &Plan, metric: &MetricPlan) -> Vec<String> {
    let (otherwise, events, hurt) = match metric.metric {
        Metric::Errors { .. } => ("z test\nasks", ["errors,\ncanary", "\nstable"], ""),
        Metric::Latency { .. } => ("ranks\nask", ["", ""], "slowed\nrequests"),
        Metric::Goal { .. } => ("", ["goals,\ncanary", "\nstable"], "goals\nlost"),
    };
    [
        "canary".to_owned(),
        "requests\nneeded".to_owned(),
        otherwise.to_owned(),
        "to the\ncanary".to_owned(),
        "users\nneeded".to_owned(),
        "on the\ncanary".to_owned(),
        events[0].to_owned(),
        events[1].to_owned(),
        hurt.to_owned(),
        "time".to_owned(),
        format!("visible\nin {}", quantity::time(plan.visible_seconds)),
    ]
    .to_vec()
}

fn cells(metric: &MetricPlan) -> Vec<Vec<String>> {
    let row = |row: &MetricRow| {
        let otherwise = (row.requests_otherwise)
            .filter(|other| (other / row.requests - 1.0).abs() > WORTH_TELLING);
        let events = |events: Option<f64>| events.map_or_else(String::new, quantity::count);
        let hurt = match metric.metric {
            Metric::Errors { .. } => String::new(),
            _ => quantity::count(row.hurt),
        };
        let late = if row.in_time { "" } else { " ✗" };
        vec![
            quantity::weight(row.weight),
            sentences::large(row.requests),
            otherwise.map_or_else(String::new, sentences::large),
            sentences::large(row.canary_requests),
            row.users.map_or_else(String::new, sentences::large),
            row.canary_users.map_or_else(String::new, sentences::large),
            events(row.canary_events),
            events(row.stable_events),
            hurt,
            format!("{}{late}", quantity::time(row.seconds)),
            sentences::visible(metric.metric, row.visible),
        ]
    };
    metric.rows.iter().map(row).collect()
}

/// The only column of words.
const GATE: &str = "judged by";

fn gate_heads(metric: &MetricPlan) -> Vec<String> {
    let hurt = match metric.metric {
        Metric::Errors { .. } => "failed\nby then",
        Metric::Latency { .. } => "slowed\nby then",
        Metric::Goal { .. } => "goals lost\nby then",
    };
    [
        "canary",
        GATE,
        "caught\non average",
        hurt,
        "at full\npower by",
        "ends\nby",
        "good one\ndone in",
        "releases\na day",
    ]
    .map(str::to_owned)
    .to_vec()
}

fn gate_cells(gates: &[GateRow], looks: u32) -> Vec<Vec<String>> {
    let row = |row: &GateRow| {
        vec![
            quantity::weight(row.weight),
            match row.gate {
                GateKind::OneLook => "one look at the end".to_owned(),
                GateKind::Spending => format!("{looks} looks, exact spending"),
                GateKind::GroupSequential => format!("{looks} looks, group sequential"),
                GateKind::Evidence => "evidence, at any time".to_owned(),
            },
            quantity::time(row.mean_seconds),
            quantity::count(row.hurt),
            quantity::time(row.caught_seconds),
            match row.latest_seconds {
                Some(seconds) => quantity::time(seconds),
                None => "no end".to_owned(),
            },
            quantity::time(row.good_seconds),
            sentences::a_day(row.releases_a_day),
        ]
    };
    gates.iter().map(row).collect()
}
