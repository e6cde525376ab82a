//! The answer for a pull request or a ticket.

use super::answer;
use super::live::{Account, ORDER_HEADS, VERSION_HEADS};
use crate::experiment::summary::Results;

/// Findings first, then a table per mode, in Markdown with tables.
pub fn markdown(results: &Results) -> String {
    let summary = &results.summary;
    let mut text = format!(
        "## {}\n\n{}  \n{}\n\n",
        escaped(&summary.scenario.title),
        escaped(&summary.scenario.world),
        escaped(&summary.scenario.rollout)
    );
    for (i, finding) in summary.findings.iter().enumerate() {
        let finding = escaped(finding);
        match i {
            0 => text.push_str(&format!("**{finding}**\n\n")),
            _ => text.push_str(&format!("- {finding}\n")),
        }
    }
    if let Some(note) = &summary.live {
        text.push_str(&live(&Account::of(note)));
    }
    for part in answer::parts(results) {
        text.push_str(&format!("\n### {}\n\n", part.title));
        let (after, rule) = match part.has_aftermath() {
            true => (" after the end |", " --: |"),
            false => ("", ""),
        };
        text.push_str(&format!(
            "| {} | power | false rollback | caught in, median | p90 | never \
             | exposed requests | users |{after} requests a window |\n\
             | --: | --: | --: | --: | --: | --: | --: | --: |{rule} --: |\n",
            part.head
        ));
        for line in &part.lines {
            let star = if line.as_written { " \\*" } else { "" };
            let after = (line.exposed_after.as_ref()).map_or(String::new(), |n| format!(" {n} |"));
            text.push_str(&format!(
                "| {}{star} | {} {} | {} {} | {} | {} | {} | {} | {} |{after} {} |\n",
                line.weight,
                line.power.text,
                line.power.grade.mark(),
                line.false_rollback.text,
                line.false_rollback.grade.mark(),
                line.p50,
                line.p90,
                line.never,
                line.exposed_requests,
                line.exposed_users,
                line.requests_per_window,
            ));
        }
    }
    text.push('\n');
    if let Some(steps) = answer::steps_as_written(summary) {
        text.push_str(&format!("\\* {steps}.  \n"));
    }
    text.push_str(&format!(
        "{}. ± is the 95 % interval; {}. Seed {}, engine `{}`, coalmine {}.\n",
        answer::LEGEND.replace('~', "\\~"),
        answer::trials(summary),
        summary.seed,
        summary.engine.name,
        escaped(&summary.program),
    ));
    if !summary.complete {
        text.push_str(&format!("\n> {}\n", answer::INTERRUPTED));
    }
    for warning in &summary.warnings {
        text.push_str(&format!("\n> {}\n", escaped(warning)));
    }
    text
}

/// What happened in the rollout that was played for real; how it ended is the first finding.
fn live(account: &Account) -> String {
    let mut text = "\n### What happened, live\n\n".to_owned();
    text.push_str(&rows(
        &VERSION_HEADS,
        account.versions.iter().map(|line| &line.cells),
    ));
    if !account.orders.is_empty() {
        text.push('\n');
        text.push_str(&rows(
            &ORDER_HEADS,
            account.orders.iter().map(|line| &line.cells),
        ));
    }
    text.push_str(&format!(
        "\n{} Split by {}, judged from {}. Played {}. {}.\n",
        escaped(&account.kept),
        escaped(&account.splitter),
        escaped(&account.source),
        account.pace,
        account.generator,
    ));
    for doubt in &account.doubts {
        text.push_str(&format!("\n> **Not to be trusted.** {}\n", escaped(doubt)));
    }
    text
}

/// A table whose first column is words.
fn rows<'a>(heads: &[&str; 6], lines: impl Iterator<Item = &'a [String; 6]>) -> String {
    let mut text = format!("| {} |\n| --- |{}\n", heads.join(" | "), " --: |".repeat(5));
    for cells in lines {
        text.push_str(&format!("| {} |\n", cells.join(" | ")));
    }
    text
}

/// Text that Markdown shows as it is, on one line.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' | '\r' => out.push(' '),
            '*' | '_' | '`' | '<' | '>' | '|' | '\\' | '[' | ']' | '#' | '~' => {
                out.push('\\');
                out.push(letter);
            }
            _ => out.push(letter),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_do_not_turn_into_markup() {
        assert_eq!(escaped("a_b|<c>\n*d*"), "a\\_b\\|\\<c\\> \\*d\\*");
    }
}
