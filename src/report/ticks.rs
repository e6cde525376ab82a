//! One rollout on a terminal, a line for each tick.

use anstyle::AnsiColor;
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableStyle};

use super::heading::heading;
use super::quantity;
use super::wrap::wrap;
use crate::base::Span;
use crate::experiment::summary::{ScenarioNote, TimelineRow};

/// The ticks of one rollout: what was played, then for each tick when it was, the weight from then
/// on, what the canary's window showed, what was decided and why; then how it ended. No line is
/// longer than `width` characters. `colour` adds ANSI colours, which repeat what the words say.
pub fn ticks(
    scenario: &ScenarioNote,
    rows: &[TimelineRow],
    ending: &str,
    width: usize,
    colour: bool,
) -> String {
    let mut lines = heading(scenario, width, colour);
    lines.push(String::new());
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header([
            "time", "canary", "requests", "success", "p99", "failed", "phase", "check",
        ]);
    for row in rows {
        table.add_row(cells(row));
    }
    for column in table.column_iter_mut().take(6) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    lines.extend(table.lines().map(|line| shade(line.trim_end(), colour)));
    lines.push(String::new());
    lines.extend(wrap(ending, "", width));
    lines.join("\n") + "\n"
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
    // The row has the requests already, unless the gate counted others.
    let requests = format!(", {:.0} requests", row.canary_requests);
    let reason = row.reason.strip_suffix(&requests).unwrap_or(&row.reason);
    let verdict = match (row.verdict.as_str(), reason) {
        ("", _) => String::new(),
        (verdict, reason) => format!("{verdict}: {reason}"),
    };
    vec![
        Cell::new(Span::from_secs_f64(row.seconds)),
        Cell::new(quantity::weight(row.weight)),
        Cell::new(quantity::grouped(
            row.canary_requests.max(0.0).round() as u64
        )),
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
        let scenario = ScenarioNote {
            name: "one".to_owned(),
            title: "One rollout".to_owned(),
            story: String::new(),
            world: "20/s · stable p50 40 ms p99 250 ms, 0.1 % errors · canary 1 % errors"
                .to_owned(),
            rollout: "Flagger 5 → 10 %, a check every 1m · request-success-rate ≥ 99 % over 1m; \
                      request-duration p99 ≤ 500 ms over 1m"
                .to_owned(),
            rate: 20.0,
            source: String::new(),
        };
        let reason = "request-success-rate 98.7 % < 99 %, 123 requests";
        let rows = [row(0.0, "", ""), row(60.0, "fail", reason)];
        let text = ticks(&scenario, &rows, &"Rolled back. ".repeat(20), 100, false);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(
            text.contains("fail: request-success-rate 98.7 % < 99 %\n"),
            "{text}"
        );
    }
}
