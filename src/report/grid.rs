//! The cells of a sweep on a terminal.

use anstyle::Style;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::page::Page;
use super::quantity;
use super::{grouped, plural};
use crate::experiment::summary::Mode;
use crate::experiment::sweep::{GridResults, GridRow};

/// A line for each cell, then what they mean. No line is longer than `width` characters.
pub fn grid(results: &GridResults, width: usize, colour: bool) -> String {
    let (bold, quiet) = (Style::new().bold(), Style::new().dimmed());
    let mut page = Page::new(width, colour);
    page.say(&sentence(results), "", bold);
    page.blank();
    for line in table(results, width) {
        page.line(&line);
    }
    page.blank();
    let trials = results.rows.first().map_or(0, |row| row.cell.trials);
    let legend = format!(
        "± 95 % interval; {} bad and as many good releases a cell; times over those caught; exposed: \
         failed or slowed requests of a bad release, mean; seed {}",
        grouped(trials),
        results.seed
    );
    page.say(&legend, "", quiet);
    page.text
}

/// A gate is good enough at these shares, as everywhere in tables.
const CAUGHT: f64 = 0.95;
const FEW: f64 = 0.05;

/// What the cells mean together.
fn sentence(results: &GridResults) -> String {
    let all = results.rows.len() as u64;
    let good = |row: &&GridRow| row.cell.power.low >= CAUGHT && row.cell.false_rollback.high <= FEW;
    let good = results.rows.iter().filter(good).count() as u64;
    let cells = plural(all, "cell");
    let bar = "surely catch at least 95 % of the bad releases and roll back at most 5 % of the good \
               ones";
    match good {
        0 => format!("None of {cells} would {bar}."),
        good if good == all => format!("All of {cells} {bar}."),
        1 => format!("1 of {cells} would {bar}."),
        good => format!("{} of {cells} {bar}.", grouped(good)),
    }
}

fn table(results: &GridResults, width: usize) -> Vec<String> {
    let mut grid = Table::new();
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    if let Ok(width) = u16::try_from(width) {
        grid.set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    let first = results.rows.first().map(|row| &row.scenario);
    let many = results.rows.iter().any(|row| Some(&row.scenario) != first);
    let held = results.rows.iter().any(|row| row.cell.mode == Mode::Held);
    let mut head = Vec::new();
    head.extend(many.then_some("scenario".to_owned()));
    // The last words of a place tell it from the others in most grids.
    head.extend(results.places.iter().map(|place| place.replace('.', "\n.")));
    head.extend(held.then_some("canary".to_owned()));
    let texts = head.len();
    head.extend(
        [
            "power",
            "false\nrollback",
            "caught\nmedian",
            "\np90",
            "exposed\nrequests",
        ]
        .map(str::to_owned),
    );
    grid.set_header(head);
    for row in &results.rows {
        let cell = &row.cell;
        let mut line = Vec::new();
        line.extend(many.then(|| row.scenario.clone()));
        line.extend(row.values.iter().cloned());
        line.extend(held.then(|| match cell.mode {
            Mode::Rollout => "as written".to_owned(),
            Mode::Held => format!("{} held", quantity::weight(cell.weight)),
        }));
        line.extend([
            quantity::estimate(&cell.power),
            quantity::estimate(&cell.false_rollback),
            quantity::time_or_dash(cell.detection_seconds.p50),
            quantity::time_or_dash(cell.detection_seconds.p90),
            quantity::count(cell.exposure.requests),
        ]);
        grid.add_row(line);
    }
    for (at, column) in grid.column_iter_mut().enumerate() {
        column.set_cell_alignment(match at < texts {
            true => CellAlignment::Left,
            false => CellAlignment::Right,
        });
        column.set_padding((1, 0));
    }
    grid.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}
