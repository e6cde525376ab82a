//! One rollout on a terminal, a line for each tick.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableStyle};

use crate::base::Span;
use crate::experiment::summary::TimelineRow;

/// The ticks of one rollout: when, the weight from then on, what the canary's window showed, what
/// was decided and why. No line is longer than `width` characters. `colour` adds ANSI colours,
/// which repeat what the words say.
pub fn ticks(title: &str, rows: &[TimelineRow], width: usize, colour: bool) -> String {
    let bold = if colour {
        Style::new().bold()
    } else {
        Style::new()
    };
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header([
            "time", "weight", "requests", "success", "p99", "failed", "phase", "verdict",
        ]);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    let lines: Vec<String> = table
        .lines()
        .map(|line| shade(line.trim_end(), colour))
        .collect();
    format!("{bold}{title}{bold:#}\n\n{}\n\n", lines.join("\n"))
}

/// Colours the verdict of a line, after it was laid out.
fn shade(line: &str, colour: bool) -> String {
    let shades = [
        ("pass: ", AnsiColor::Green),
        ("fail: ", AnsiColor::Red),
        ("inconclusive: ", AnsiColor::Yellow),
    ];
    let found = shades.iter().find(|(verdict, _)| line.contains(verdict));
    match found {
        Some((verdict, shade)) if colour => {
            let style = shade.on_default();
            line.replacen(verdict, &format!("{style}{verdict}{style:#}"), 1)
        }
        _ => line.to_owned(),
    }
}

fn cells(row: &TimelineRow) -> Vec<Cell> {
    let known = |value: Option<f64>, decimals: usize, unit: &str| {
        value.map_or_else(
            || "–".to_owned(),
            |value| format!("{value:.decimals$} {unit}"),
        )
    };
    let verdict = match (row.verdict.as_str(), row.reason.as_str()) {
        ("", _) => String::new(),
        (verdict, reason) => format!("{verdict}: {reason}"),
    };
    vec![
        Cell::new(Span::from_secs_f64(row.seconds)),
        Cell::new(format!("{} %", row.weight)),
        Cell::new(format!("{:.0}", row.canary_requests)),
        Cell::new(known(row.canary_success, 2, "%")),
        Cell::new(known(row.canary_p99, 0, "ms")),
        Cell::new(row.failures),
        Cell::new(&row.phase),
        Cell::new(verdict),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_is_wider_than_asked_and_every_verdict_is_told() {
        let row = |seconds: f64, verdict: &str, reason: &str| TimelineRow {
            seconds,
            weight: 5.0,
            phase: "WaitingPromotion".to_owned(),
            failures: 1,
            canary_success: Some(98.7),
            stable_success: None,
            canary_p99: None,
            stable_p99: None,
            success_limit: None,
            p99_limit: None,
            canary_requests: 123.4,
            verdict: verdict.to_owned(),
            reason: reason.to_owned(),
        };
        let long = "request-success-rate >= 99 % over 1m: 98.7 % < 99 %, 123 requests";
        let text = ticks(
            "One rollout",
            &[row(0.0, "", ""), row(60.0, "fail", long)],
            100,
            false,
        );
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.contains("fail: request-success-rate"), "{text}");
    }
}
