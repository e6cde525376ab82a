//! What came of checks, for the summary of a workflow step or a pull request.

use super::{
    PROMISE, cell, changes, check_outcome, headline, mark, measured, named, reason, tally, word,
    worse,
};
use crate::experiment::check::{Checked, Outcome};
use crate::report::markdown::escaped;

/// A table of all clauses, and below it why those are red that are.
pub fn check_markdown(all: &[Checked], strict: bool) -> String {
    let passes = all.iter().all(|one| one.passes(strict));
    let sign = if passes { "✓" } else { "✗" };
    let outcome = escaped(&check_outcome(all, strict));
    let mut text = format!("## coalmine check\n\n**{sign} {outcome}.**\n");
    if all.iter().any(|one| !one.clauses.is_empty()) {
        text.push_str("\n| | scenario | clause | measured |\n| --- | --- | --- | --- |\n");
        for checked in all {
            for clause in &checked.clauses {
                let that = clause.expected.that.to_string();
                text.push_str(&format!(
                    "| {} {} | {} | {} | {} |\n",
                    mark(clause.outcome),
                    word(clause.outcome),
                    escaped(&checked.scenario.name),
                    escaped(&that),
                    escaped(&measured(clause)),
                ));
            }
        }
        text.push_str(&format!("\n{PROMISE}.\n"));
    }
    for checked in all {
        text.push_str(&details(checked));
    }
    text
}

/// What is to be said of a scenario beyond its rows.
fn details(checked: &Checked) -> String {
    let mut lines = Vec::new();
    let red = (checked.clauses.iter()).filter(|clause| clause.outcome != Outcome::Holds);
    for clause in red {
        let why = clause.expected.why.as_ref();
        let why = why.map_or_else(String::new, |why| format!(" {}", escaped(why)));
        lines.push(format!(
            "- {} line {}: {}.{why}",
            escaped(&checked.file),
            clause.expected.line,
            escaped(&reason(clause))
        ));
    }
    if let Some(baseline) = &checked.baseline {
        lines.push(format!("- {}.", escaped(&headline(checked, baseline))));
        let (worst, rest) = named(baseline);
        let worst = worst.iter();
        lines.extend(worst.map(|one| format!("  - {}: {}", cell(one), escaped(&worse(one)))));
        if rest > 0 {
            lines.push(format!("  - … and {rest} more"));
        }
        let changes = changes(baseline);
        lines.extend(changes.iter().map(|one| format!("  - {}", escaped(one))));
        lines.extend((baseline.gone.iter()).map(|one| format!("  - not compared: {one}")));
    }
    if lines.is_empty() && checked.complete {
        return String::new();
    }
    let title = escaped(&checked.scenario.title);
    format!(
        "\n### {title}\n\n{}.\n\n{}\n",
        tally(checked),
        lines.join("\n")
    )
}
