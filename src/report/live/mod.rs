//! A rollout that is played for real, line by line while it goes on, and what it came to.

mod account;

use anstyle::{AnsiColor, Style};

pub(super) use account::{Account, ORDER_HEADS, VERSION_HEADS, VersionLine};

use super::heading::heading;
use super::quantity;
use super::wrap::wrap;
use crate::base::Span;
use crate::experiment::summary::{LiveNote, ScenarioNote, TimelineRow};

/// Widths of the columns before the check: time, canary, requests, success, p99, failed, phase.
const WIDTHS: [usize; 7] = [8, 7, 9, 9, 9, 7, 17];
const HEADS: [&str; 7] = [
    "time", "canary", "requests", "success", "p99", "failed", "phase",
];

/// What is played, and the head of the lines that follow.
pub fn live_head(scenario: &ScenarioNote, how: &str, width: usize, colour: bool) -> String {
    let mut lines = heading(scenario, width, colour);
    lines.extend(wrap(how, "  ", width));
    lines.push(String::new());
    let head = row_of(&HEADS.map(str::to_owned));
    lines.push(format!("{head}  check"));
    lines.join("\n") + "\n"
}

/// One tick as a line, without a line break; a reason that does not fit goes on below.
pub fn live_tick(row: &TimelineRow, width: usize, colour: bool) -> String {
    let known = |value: Option<f64>, decimals: usize, unit: &str| {
        value.map_or_else(
            || "–".to_owned(),
            |value| format!("{value:.decimals$} {unit}"),
        )
    };
    let line = row_of(&[
        Span::from_secs_f64(row.seconds).to_string(),
        quantity::weight(row.weight),
        quantity::grouped(row.canary_requests.max(0.0).round() as u64),
        known(row.canary_success, 2, "%"),
        known(row.canary_p99, 0, "ms"),
        row.failures.to_string(),
        row.phase.clone(),
    ]);
    let requests = format!(", {:.0} requests", row.canary_requests);
    let reason = row.reason.strip_suffix(&requests).unwrap_or(&row.reason);
    if row.verdict.is_empty() {
        return line.trim_end().to_owned();
    }
    let check = format!("{}: {reason}", row.verdict);
    let room = width.saturating_sub(line.chars().count() + 2).max(20);
    let shade = match &*row.verdict {
        "pass" => AnsiColor::Green,
        "fail" => AnsiColor::Red,
        _ => AnsiColor::Yellow,
    };
    let indent = " ".repeat(line.chars().count() + 2);
    let mut lines = wrap(&check, "", room).into_iter();
    let mut text = format!("{line}  {}", lines.next().unwrap_or_default());
    if colour {
        let style = shade.on_default();
        text = text.replacen(&row.verdict, &format!("{style}{}{style:#}", row.verdict), 1);
    }
    for more in lines {
        text.push_str(&format!("\n{indent}{more}"));
    }
    text
}

fn row_of(cells: &[String; 7]) -> String {
    let mut line = String::new();
    for (index, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        let pad = " ".repeat(width.saturating_sub(cell.chars().count()));
        // Words stand at the left, numbers at the right.
        if index == 6 {
            line.push_str(&format!("  {cell}{pad}"));
        } else {
            line.push_str(&format!("{pad}{cell}"));
        }
    }
    line
}

/// What a live rollout came to: how it ended, and its figures.
pub fn live_outcome(note: &LiveNote, width: usize, colour: bool) -> String {
    let bold = if colour {
        Style::new().bold()
    } else {
        Style::new()
    };
    let ending: String = (wrap(&note.ending, "", width).iter())
        .map(|line| format!("{bold}{line}{bold:#}\n"))
        .collect();
    ending + "\n" + &live_figures(note, width, colour)
}

/// What users saw of each version, whether the splitter kept to its orders, who took part, and
/// whether all that can be trusted.
pub(super) fn live_figures(note: &LiveNote, width: usize, colour: bool) -> String {
    let account = Account::of(note);
    let loud = |loud: bool| match loud && colour {
        true => AnsiColor::Yellow.on_default(),
        false => Style::new(),
    };
    let mut lines: Vec<String> = grid(&account.versions, width).collect();
    let parts = format!(
        "Split by {}, judged from {}.",
        account.splitter, account.source
    );
    let paced = format!("Played {}.", account.pace);
    let sent = format!("{}.", account.generator);
    let mut say = |text: &str, style: Style| {
        for line in wrap(text, "", width.saturating_sub(2)) {
            lines.push(format!("  {style}{line}{style:#}"));
        }
    };
    say(&account.kept, loud(account.mismatch));
    say(&parts, Style::new());
    say(&paced, Style::new());
    say(&sent, Style::new());
    for (index, doubt) in account.doubts.iter().enumerate() {
        let first = match index {
            0 => "Not to be trusted. ",
            _ => "",
        };
        say(&format!("! {first}{doubt}"), loud(true));
    }
    lines.join("\n") + "\n"
}

/// The versions below one another, in columns.
fn grid(versions: &[VersionLine], width: usize) -> impl Iterator<Item = String> {
    let heads = VERSION_HEADS.map(str::to_owned);
    let rows: Vec<&[String; 6]> = std::iter::once(&heads)
        .chain(versions.iter().map(|line| &line.cells))
        .collect();
    let wide = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..heads.len())
        .map(|column| wide(column).unwrap_or(0))
        .collect();
    let lines: Vec<String> = (rows.iter())
        .map(|row| {
            let mut line = format!("  {:<1$}", row[0], widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                line.push_str(&format!("   {cell:>width$}"));
            }
            line.chars().take(width).collect()
        })
        .collect();
    lines.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::summary::{LiveShare, LiveVersion};

    pub(super) fn note() -> LiveNote {
        LiveNote {
            splitter: "haproxy 2.6.12".to_owned(),
            source: "the built-in scraper".to_owned(),
            speed: 20.0,
            wall_seconds: 12.3,
            ending: "Rolled back at 2m.".to_owned(),
            doubts: vec!["the generator was late".to_owned()],
            due: 12_345,
            lost: 2,
            canary_requests: 600,
            exposed_requests: 7,
            exposed_users: 6,
            lateness_ms: [0.02, 0.4, 3.0],
            versions: vec![LiveVersion {
                version: "canary".to_owned(),
                requests: 600,
                failed: 6,
                latency_ms: [40.1, 90.0, 251.0],
            }],
            shares: vec![LiveShare {
                from_seconds: 0.0,
                weight: 5.0,
                requests: 10_000,
                canary: 447,
                z: Some(-2.43),
            }],
            scrapes: [40, 1],
        }
    }

    #[test]
    fn an_outcome_fits_and_says_whether_it_can_be_trusted() {
        let text = live_outcome(&note(), 100, false);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.contains("The splitter kept its one weight"), "{text}");
        assert!(text.contains("! Not to be trusted. The generator was late."));
        let mut biased = note();
        biased.shares[0].z = Some(-3.4);
        let text = live_outcome(&biased, 100, false);
        assert!(
            text.contains("Sample-ratio mismatch: 4.47 % of 10,000"),
            "{text}"
        );
    }

    #[test]
    fn a_tick_is_one_line_and_a_long_reason_goes_on_below() {
        let row = TimelineRow {
            seconds: 60.0,
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
            verdict: "fail".to_owned(),
            reason: "request-success-rate 98.7 % < 99 %, 123 requests".to_owned(),
        };
        let text = live_tick(&row, 100, false);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(
            text.lines().count() == 2 && text.contains("fail: request-success-rate"),
            "{text}"
        );
        let quiet = TimelineRow {
            verdict: String::new(),
            ..row
        };
        assert_eq!(live_tick(&quiet, 100, false).lines().count(), 1);
    }
}
