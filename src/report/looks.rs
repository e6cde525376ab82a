//! Checks explained: what each gate read, by which rule it decided, and what would have changed it.

use anstyle::{AnsiColor, Style};

use super::quantity;
use super::wrap::wrap;
use crate::experiment::summary::{LookRow, TimelineRow};

/// The checks of some ticks: for each tick that had any, when it was and where the controller stood
/// after it, then each check. No line is longer than `width` characters; `colour` adds ANSI colours,
/// which repeat what the words say.
pub fn looks(rows: &[TimelineRow], looks: &[LookRow], width: usize, colour: bool) -> String {
    let mut text = String::new();
    for row in rows {
        let mut taken = looks
            .iter()
            .filter(|look| look.seconds == row.seconds)
            .peekable();
        if taken.peek().is_none() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        let failures = match row.failures {
            0 => String::new(),
            1 => ", 1 failed check counted".to_owned(),
            some => format!(", {some} failed checks counted"),
        };
        let head = format!(
            "At {}: {}, canary at {}{failures}",
            quantity::time(row.seconds),
            row.phase,
            quantity::weight(row.weight),
        );
        say(
            &mut text,
            &head,
            "",
            width,
            styled(Style::new().bold(), colour),
        );
        for look in taken {
            text.push_str(&self::look(look, width, colour));
        }
    }
    text
}

/// One check, in five lines or a few more.
pub fn look(look: &LookRow, width: usize, colour: bool) -> String {
    let (mark, shade) = match look.verdict.as_str() {
        "pass" => ("✓", AnsiColor::Green),
        "fail" => ("✗", AnsiColor::Red),
        _ => ("~", AnsiColor::Yellow),
    };
    let mut text = String::new();
    let head = format!("{}: {}", look.name, look.verdict);
    let style = styled(shade.on_default(), colour);
    say(&mut text, &head, &format!("  {mark} "), width, style);
    let read = format!(
        "{}, from {} to {}",
        look.reads,
        quantity::time(look.from_seconds),
        quantity::time(look.seconds)
    );
    let requests = look.requests.map(|requests| {
        let noun = match requests.round() == 1.0 {
            true => "request",
            false => "requests",
        };
        format!("{} {noun}", quantity::grouped(requests.round() as u64))
    });
    let figure = match (look.value.as_str(), requests) {
        ("", Some(requests)) => format!("none; {requests}"),
        (value, Some(requests)) => format!("{value} of {requests}"),
        // How many are behind another system's answer, or a score, nobody can tell.
        ("", None) => "none".to_owned(),
        (value, None) => value.to_owned(),
    };
    let turned = match look.verdict.as_str() {
        "inconclusive" => "to decide",
        _ => "to turn it",
    };
    for (label, words) in [
        ("read", &read),
        ("figure", &figure),
        ("rule", &look.rule),
        (turned, &look.change),
    ] {
        let lead = format!("      {label:<12}");
        say(&mut text, words, &lead, width, Style::new());
    }
    text
}

fn styled(style: Style, colour: bool) -> Style {
    if colour { style } else { Style::new() }
}

/// Words in lines, the first after `lead` and the others below the first's words.
pub(super) fn say(text: &mut String, words: &str, lead: &str, width: usize, style: Style) {
    let taken = lead.chars().count();
    let lines = wrap(words, "", width.saturating_sub(taken).max(20));
    for (number, line) in lines.into_iter().enumerate() {
        let lead = match number {
            0 => lead.to_owned(),
            _ => " ".repeat(taken),
        };
        text.push_str(&format!("{style}{lead}{line}{style:#}\n"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_told_in_lines_that_fit_with_its_words_below_one_another() {
        let row = LookRow {
            seconds: 240.0,
            gate: 1,
            name: "success ratio >= 99% over 1m".to_owned(),
            reads: "share of the canary's requests that did not fail".to_owned(),
            from_seconds: 180.0,
            value: "98.2 %".to_owned(),
            requests: Some(55.0),
            verdict: "fail".to_owned(),
            rule: "below the minimum of 99 %".to_owned(),
            change: "at most 0 failures of 55 requests, where there were 1; or a limit of 98.2 % \
                     or less"
                .to_owned(),
        };
        for width in [60, 100] {
            let told = look(&row, width, false);
            assert!(
                told.lines().all(|line| line.chars().count() <= width),
                "{told}"
            );
        }
        insta::assert_snapshot!(look(&row, 80, false));
    }
}
