//! The catalogue of faults, for the terminal and for the documentation.

use comfy_table::{ContentArrangement, LineStyle, Table, TableStyle};

use super::quantity;
use crate::experiment::catalogue::{Entry, GATES, ROLLOUT, SERVICE, Seen};

/// The catalogue on a terminal, no line longer than `width` characters.
pub fn faults(entries: &[Entry], width: usize) -> String {
    let mut table = Table::new();
    table.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')));
    table
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(["", "fault\n(kind)", "what it does", "shows in", "hard for"]);
    for entry in entries {
        let name = format!("{}\n{}", entry.name, entry.kind());
        table.add_row([entry.id, &name, entry.does, entry.shows_in, entry.hard_for]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 1));
    }
    let mut text = String::new();
    for line in table.lines() {
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// The catalogue in Markdown: a table, then how each fault is written in a scenario.
pub fn faults_markdown(entries: &[Entry]) -> String {
    let mut text = String::from(
        "# Faults\n\nWhat can be wrong with a release, or around it. `coalmine faults` prints this \
         table; a scenario combines any of them, each with its own onset, ramp, duration and \
         scope.\n\n| | fault | kind | what it does | shows in | hard for |\n| --- | --- | --- | --- \
         | --- | --- |\n",
    );
    for entry in entries {
        text.push_str(&format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            entry.id,
            entry.name,
            match entry.kind() {
                "" => String::new(),
                kind => format!("`{kind}`"),
            },
            entry.does,
            entry.shows_in,
            entry.hard_for
        ));
    }
    text.push_str("\n## As scenarios say it\n");
    for entry in entries {
        text.push_str(&format!(
            "\n### {} {}\n\n```toml\n{}```\n",
            entry.id, entry.name, entry.toml
        ));
    }
    text
}

/// What the classic gates make of the faults, in Markdown; `trials` rollouts of each.
pub fn sight_markdown(measured: &[(&Entry, Vec<Seen>)], trials: u32) -> String {
    let mut text = format!(
        "\n## Which gate sees what\n\nPower and false rollback in percent: of a bad release with \
         this fault, and of a good one, held at 5 % for half an hour. A gate rolls back at its \
         second failed check in a row; {} rollouts of each, so a share is right to within {} points \
         (95 %). `coalmine faults --measure` makes this table.\n\n| |",
        quantity::grouped(trials.into()),
        (100.0 * 0.98 / f64::from(trials.max(1)).sqrt()).ceil(),
    );
    text.push_str(" fault |");
    for gate in GATES {
        text.push_str(&format!(" {} |", gate.name));
    }
    text.push_str("\n| --- | --- |");
    text.push_str(&" --: |".repeat(GATES.len()));
    for (entry, seen) in measured {
        text.push_str(&format!("\n| {} | {} |", entry.id, entry.name));
        for gate in seen {
            let percent = |share: f64| format!("{:.0}", share * 100.0);
            let (power, wrong) = (gate.power.estimate, gate.false_rollback.estimate);
            let cell = format!("{} / {}", percent(power), percent(wrong));
            // What tells good from bad stands out.
            let sees = power >= 0.8 && wrong <= 0.05;
            match sees {
                true => text.push_str(&format!(" **{cell}** |")),
                false => text.push_str(&format!(" {cell} |")),
            }
        }
    }
    text.push_str("\n\nEach fault stands in this service and rollout:\n\n```toml\n");
    text.push_str(SERVICE);
    text.push('\n');
    text.push_str(ROLLOUT);
    text.push_str("```\n\nand is held against these gates:\n\n```toml\n");
    text.push_str(&GATES.map(|gate| gate.toml).join("\n"));
    text.push_str("```\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::catalogue::catalogue;
    use crate::experiment::summary::Estimate;

    #[test]
    fn the_table_fits_a_terminal_and_holds_every_fault() {
        let text = faults(catalogue(), 100);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        for entry in catalogue() {
            assert!(text.contains(&format!("{} ", entry.id)), "{}", entry.id);
        }
    }

    #[test]
    fn a_gate_that_tells_good_from_bad_stands_out() {
        let estimate = |estimate: f64| Estimate {
            estimate,
            low: 0.0,
            high: 1.0,
        };
        let seen = |power, wrong| Seen {
            power: estimate(power),
            false_rollback: estimate(wrong),
        };
        let row = vec![seen(0.81, 0.05), seen(1.0, 0.06), seen(0.79, 0.0)];
        let text = sight_markdown(&[(&catalogue()[0], row)], 400);
        assert!(
            text.contains("| F1 | error step | **81 / 5** | 100 / 6 | 79 / 0 |"),
            "{text}"
        );
        assert!(text.contains("to within 5 points"), "{text}");
    }
}
