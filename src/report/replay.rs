//! A replay on a terminal: a line for each tick, what was then beside what would be.

use anstyle::{AnsiColor, Style};
use comfy_table::{Cell, CellAlignment, ContentArrangement, Table, TableStyle};

use super::heading::title;
use super::quantity;
use super::wrap::{wrap, wrap_parts};
use crate::base::Span;
use crate::experiment::replay::{ReplayRow, Resampled};
use crate::experiment::summary::ScenarioNote;

/// What is told of a replay.
#[derive(Debug, Clone, Copy)]
pub struct Told<'a> {
    /// Who decides.
    pub scenario: &'a ScenarioNote,
    /// What was measured, in one line.
    pub source: &'a str,
    /// Its ticks.
    pub rows: &'a [ReplayRow],
    /// The same ticks with the changes asked for, and those changes in words.
    pub changed: Option<(&'a str, &'a [ReplayRow])>,
    /// How it ended, one sentence for each rollout.
    pub endings: &'a [String],
    /// What a reader must know of it.
    pub cautions: &'a [String],
    /// What the recording drawn anew came to.
    pub resampled: Option<&'a Resampled>,
}

/// A replay: who decides on what, its ticks, how it ended, and what to be careful of. No line is longer
/// than `width` characters.
pub fn replay(told: &Told<'_>, width: usize, colour: bool) -> String {
    let mut lines = title(told.scenario, width, colour);
    lines.extend(wrap_parts(&told.scenario.rollout, "  ", width));
    lines.extend(wrap(told.source, "  ", width));
    lines.push(String::new());
    let table = match told.changed {
        None => table(told.rows, width),
        Some((_, changed)) => side_by_side(told.rows, changed, width),
    };
    lines.extend(table.lines().map(|line| shade(line.trim_end(), colour)));
    if let Some((changes, _)) = told.changed {
        lines.push(String::new());
        lines.extend(wrap(&format!("changed: {changes}"), "  ", width));
    }
    lines.push(String::new());
    for ending in told.endings {
        lines.extend(wrap(ending, "", width));
    }
    if let Some(resampled) = told.resampled {
        lines.push(String::new());
        for sentence in resampled.sentences() {
            lines.extend(wrap(&sentence, "", width));
        }
    }
    if !told.cautions.is_empty() {
        lines.push(String::new());
    }
    for caution in told.cautions {
        lines.extend(wrap(&format!("note: {caution}"), "  ", width));
    }
    lines.join("\n") + "\n"
}

/// One rollout: what was in force and measured, and what is decided.
fn table(rows: &[ReplayRow], width: usize) -> Table {
    let then = rows.iter().any(|row| row.agrees == Some(false));
    let mut table = empty(width);
    let mut head = vec![
        "time", "had", "wants", "requests", "success", "p99", "failed", "phase",
    ];
    head.extend(then.then_some("then"));
    head.push("check");
    table.set_header(head);
    for row in rows {
        let mut cells = vec![
            Cell::new(time(row)),
            Cell::new(had(row)),
            Cell::new(quantity::weight(row.row.weight)),
        ];
        cells.extend(seen(row));
        cells.push(Cell::new(row.row.failures));
        cells.push(Cell::new(&row.row.phase));
        if then {
            cells.push(Cell::new(row.then.as_deref().map_or("–", word)));
        }
        cells.push(Cell::new(check(row)));
        table.add_row(cells);
    }
    laid_out(table, 7)
}

/// Two rollouts on the same figures.
fn side_by_side(rows: &[ReplayRow], changed: &[ReplayRow], width: usize) -> Table {
    let mut table = empty(width);
    table.set_header([
        "time", "had", "requests", "success", "p99", "wants", "check", "wants", "changed",
    ]);
    let mut times: Vec<f64> = (rows.iter().chain(changed))
        .map(|row| row.row.seconds)
        .collect();
    times.sort_by(f64::total_cmp);
    times.dedup();
    let at = |rows: &'_ [ReplayRow], seconds: f64| -> Option<ReplayRow> {
        rows.iter().find(|row| row.row.seconds == seconds).cloned()
    };
    for seconds in times {
        let both = [at(rows, seconds), at(changed, seconds)];
        let Some(any) = both.iter().flatten().next() else {
            continue;
        };
        let mut cells = vec![Cell::new(time(any)), Cell::new(had(any))];
        cells.extend(seen(any));
        for one in &both {
            let wants = one.as_ref().map(|row| quantity::weight(row.row.weight));
            let decided = one.as_ref().map(|row| {
                let ended = ["Succeeded", "Failed", "Terminal", "Degraded", "Healthy"];
                let phase = ended.iter().find(|phase| **phase == row.row.phase);
                let parts = [phase.map(|phase| (*phase).to_owned()), Some(check(row))];
                let parts = parts.into_iter().flatten().filter(|part| !part.is_empty());
                parts.collect::<Vec<String>>().join("; ")
            });
            cells.push(Cell::new(wants.unwrap_or_default()));
            cells.push(Cell::new(decided.unwrap_or_default()));
        }
        table.add_row(cells);
    }
    laid_out(table, 6)
}

fn empty(width: usize) -> Table {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    table
}

fn laid_out(mut table: Table, numbers: usize) -> Table {
    for column in table.column_iter_mut().take(numbers) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    table
}

/// When it was: the time of day, or since the start.
fn time(row: &ReplayRow) -> String {
    match row.time.as_deref().and_then(|time| time.split_once('T')) {
        Some((_, clock)) => clock.split(['.', 'Z']).next().unwrap_or(clock).to_owned(),
        None => Span::from_secs_f64(row.row.seconds).to_string(),
    }
}

/// The weight that was in force; where nobody says, the share that the canary had.
fn had(row: &ReplayRow) -> String {
    match (row.held, row.share) {
        (Some(held), _) => quantity::weight(held),
        (None, Some(share)) => format!("≈{share:.1} %"),
        (None, None) => "–".to_owned(),
    }
}

fn seen(row: &ReplayRow) -> [Cell; 3] {
    let known = |value: Option<f64>, decimals: usize, unit: &str| {
        value.map_or_else(
            || "–".to_owned(),
            |value| format!("{value:.decimals$} {unit}"),
        )
    };
    let row = &row.row;
    [
        Cell::new(quantity::grouped(
            row.canary_requests.max(0.0).round() as u64
        )),
        Cell::new(known(row.canary_success, 2, "%")),
        Cell::new(known(row.canary_p99, 0, "ms")),
    ]
}

fn check(row: &ReplayRow) -> String {
    let row = &row.row;
    let requests = format!(", {:.0} requests", row.canary_requests);
    let reason = row.reason.strip_suffix(&requests).unwrap_or(&row.reason);
    match (row.verdict.as_str(), reason) {
        ("", _) => String::new(),
        (verdict, reason) => format!("{verdict}: {reason}"),
    }
}

fn word(verdict: &str) -> &str {
    match verdict {
        "" => "–",
        other => other,
    }
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
            let style: Style = shade.on_default();
            line.replacen(verdict, &format!("{style}{verdict}{style:#}"), 1)
        }
        _ => line.to_owned(),
    }
}

/// The ticks of a replay for spreadsheets, one line each.
pub fn replay_csv(rows: &[ReplayRow]) -> String {
    let mut text = String::from(
        "seconds,time,held,share,wants,phase,failures,requests,success,p99_ms,verdict,reason,then,agrees\n",
    );
    let number = |value: Option<f64>| value.map_or_else(String::new, |value| value.to_string());
    let quoted = |text: &str| match text.contains([',', '"', '\n']) {
        true => format!("\"{}\"", text.replace('"', "\"\"")),
        false => text.to_owned(),
    };
    for one in rows {
        let row = &one.row;
        let cells = [
            row.seconds.to_string(),
            one.time.clone().unwrap_or_default(),
            number(one.held),
            number(one.share),
            row.weight.to_string(),
            row.phase.clone(),
            row.failures.to_string(),
            row.canary_requests.to_string(),
            number(row.canary_success),
            number(row.canary_p99),
            row.verdict.clone(),
            quoted(&row.reason),
            one.then.clone().unwrap_or_default(),
            one.agrees.map_or_else(String::new, |same| same.to_string()),
        ];
        text.push_str(&cells.join(","));
        text.push('\n');
    }
    text
}
