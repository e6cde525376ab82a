//! The answer on a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::answer::{self, Graded, Line, Part};
use super::live::live_figures;
use super::page::Page;
use super::wrap::wrap_parts;
use crate::experiment::summary::Results;

/// The narrowest terminal that is catered for, in characters.
const NARROWEST: usize = 40;

/// The terminal's answer: a table per mode, then what it means. No line is longer than `width`
/// characters, 40 at least. `colour` adds ANSI colours, which repeat what the marks say.
pub fn table(results: &Results, width: usize, colour: bool) -> String {
    let summary = &results.summary;
    let mut page = Page::new(width.max(NARROWEST), colour);
    let (plain, bold) = (Style::new(), Style::new().bold());
    let (quiet, loud) = (Style::new().dimmed(), AnsiColor::Yellow.on_default());
    page.say(&summary.scenario.title, "", bold);
    for line in [&summary.scenario.world, &summary.scenario.rollout] {
        page.lines(&wrap_parts(line, "  ", page.width));
    }
    page.blank();

    if let Some(note) = &summary.live {
        page.say("What happened, live", "", bold);
        page.text.push_str(&live_figures(note, page.width, colour));
        page.blank();
    }
    for part in answer::parts(results) {
        page.say(&format!("{}: {}", part.title, part.meaning), "", bold);
        page.grid(&part);
        page.blank();
    }
    if let Some(steps) = answer::steps_as_written(summary) {
        page.say(&format!("* {steps}"), "  ", plain);
    }
    page.say(answer::LEGEND, "  ", quiet);
    let made = format!(
        "± 95 % interval; {}; seed {}; engine {}",
        answer::trials(summary),
        summary.seed,
        summary.engine.name
    );
    page.say(&made, "  ", quiet);
    page.blank();

    for (i, finding) in summary.findings.iter().enumerate() {
        let style = if i == 0 { bold } else { plain };
        page.say(&format!("• {finding}"), "  ", style);
    }
    if !summary.complete {
        page.say(&format!("! {}", answer::INTERRUPTED), "  ", loud);
    }
    for warning in &summary.warnings {
        page.say(&format!("! {warning}"), "  ", loud);
    }
    page.text
}

impl Page {
    /// One table where it fits; two with the percentages repeated where it does not.
    fn grid(&mut self, part: &Part) {
        let whole: &[usize] = match part.has_aftermath() {
            true => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
            false => &[0, 1, 2, 3, 4, 5, 6, 7, 9],
        };
        let exposed = &whole[3..whole.len() - 1];
        let whole = grid(part, whole, None);
        if whole.iter().all(|line| line.chars().count() <= self.width) {
            self.lines(&whole);
            return;
        }
        self.lines(&grid(part, &[0, 1, 2, 9], Some(self.width)));
        self.blank();
        let columns = [&[0], exposed].concat();
        self.lines(&grid(part, &columns, Some(self.width)));
    }

    fn lines(&mut self, lines: &[String]) {
        for line in lines {
            match self.colour {
                true => self.line(&with_coloured_marks(line)),
                false => self.line(line),
            }
        }
    }
}

/// Heads of the columns, in the order of [`cells`].
const HEADS: [&str; 10] = [
    "canary",
    "power",
    "false\nrollback",
    "caught\nmedian",
    "\np90",
    "\nnever",
    "exposed\nrequests",
    "\nusers",
    "\nafter",
    "requests\na window",
];

fn cells(line: &Line) -> [String; 10] {
    let graded = |graded: &Graded| format!("{} {}", graded.text, graded.grade.mark());
    let star = if line.as_written { "*" } else { " " };
    [
        format!("{}{star}", line.weight),
        graded(&line.power),
        graded(&line.false_rollback),
        line.p50.clone(),
        line.p90.clone(),
        line.never.clone(),
        line.exposed_requests.clone(),
        line.exposed_users.clone(),
        line.exposed_after.clone().unwrap_or_default(),
        line.requests_per_window.clone(),
    ]
}

/// Some columns of a part, as lines; squeezed to `width` characters if one is given.
fn grid(part: &Part, columns: &[usize], width: Option<usize>) -> Vec<String> {
    let mut grid = Table::new();
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    if let Some(width) = width.and_then(|width| u16::try_from(width).ok()) {
        grid.set_content_arrangement(ContentArrangement::Dynamic)
            .set_width(width);
    }
    grid.set_header(columns.iter().map(|column| match column {
        0 => part.head,
        other => HEADS[*other],
    }));
    for line in &part.lines {
        let cells = cells(line);
        grid.add_row(columns.iter().map(|column| &cells[*column]));
    }
    for column in grid.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((1, 0));
    }
    if let Some(names) = grid.column_mut(0).filter(|_| part.head != "canary") {
        names.set_cell_alignment(CellAlignment::Left);
    }
    grid.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// Painted after the layout, which would count the escapes as characters.
fn with_coloured_marks(line: &str) -> String {
    let mut text = line.to_owned();
    for (mark, colour) in [
        ("✓", AnsiColor::Green),
        ("✗", AnsiColor::Red),
        ("~", AnsiColor::Yellow),
    ] {
        let style = colour.on_default().bold();
        text = text.replace(mark, &format!("{style}{mark}{style:#}"));
    }
    text
}
