//! The gates of a staged rollout, and the page of each.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::wrap::wrap;
use crate::gate::manual::Manual;
use crate::gate::statistical::{Guarantee, Reads};

/// What a gate promises, in a few words.
fn promise(guarantee: Option<Guarantee>) -> &'static str {
    match guarantee {
        Some(Guarantee::FixedHorizon) => "at one look",
        Some(Guarantee::PlannedHorizon) => "to the planned end",
        Some(Guarantee::Anytime) => "for ever",
        Some(Guarantee::RunLength) => "alarms are rare",
        Some(Guarantee::None) => "no",
        None => "as its parts",
    }
}

fn subject(reads: Option<Reads>) -> &'static str {
    match reads {
        Some(Reads::Errors) => "errors",
        Some(Reads::Latency) => "latency",
        Some(Reads::Both) => "errors, latency",
        Some(Reads::Requests) => "requests",
        Some(Reads::Users) => "errors by user",
        None => "what it is told to",
    }
}

/// All gates in a table. No line is longer than `width` characters.
pub fn gates(manuals: &[Manual], width: usize) -> String {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(["kind", "keeps its level", "reads", "what it is"]);
    for manual in manuals {
        table.add_row([
            manual.kind.to_owned(),
            promise(manual.guarantee).to_owned(),
            subject(manual.reads).to_owned(),
            manual.summary(),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text.push('\n');
    for line in wrap(LEGEND, "", width) {
        text.push_str(&line);
        text.push('\n');
    }
    text
}

const LEGEND: &str = "A gate that keeps its level rolls back at most that share of the good releases: at \
    the one look for which it is made, at all looks together up to the planned end, or however long it \
    is looked at. `coalmine gates KIND` has each one's page.";

/// One gate's page.
pub fn gate(manual: &Manual, width: usize) -> String {
    let mut text = format!("kind = \"{}\"\n\n", manual.kind);
    for paragraph in manual.text.split("\n\n") {
        let words = paragraph.split_whitespace().collect::<Vec<_>>().join(" ");
        if let Some(heading) = words.strip_prefix("# ") {
            text.push_str(&format!("{heading}\n"));
            continue;
        }
        for line in wrap(&words, "", width) {
            text.push_str(&line);
            text.push('\n');
        }
        text.push('\n');
    }
    text.truncate(text.trim_end().len());
    text.push('\n');
    text
}

/// All gates and their pages in Markdown.
pub fn gates_markdown(manuals: &[Manual]) -> String {
    let mut text = String::from(
        "# Gates\n\nWhat can decide at each check of a staged rollout (`[[rollout.gates]]`). `coalmine \
         gates` prints this list, `coalmine gates KIND` a page. [controllers.md](controllers.md) tells what a \
         controller makes of what they say.\n\n| kind | keeps its level | reads | \
         what it is |\n| --- | --- | --- | --- |\n",
    );
    for manual in manuals {
        text.push_str(&format!(
            "| [`{kind}`](#{kind}) | {} | {} | {} |\n",
            promise(manual.guarantee),
            subject(manual.reads),
            manual.summary(),
            kind = manual.kind,
        ));
    }
    text.push_str(&format!("\n{LEGEND}\n"));
    for manual in manuals {
        text.push_str(&format!("\n## {}\n\n", manual.kind));
        // Pages have headings of their own, below that of the gate.
        text.push_str(&manual.text.trim_end().replace("\n# ", "\n### "));
        text.push('\n');
    }
    text
}
