//! A rollout that is played for real, line by line while it goes on, and what it came to.

use anstyle::{AnsiColor, Style};

use super::quantity;
use super::wrap::{wrap, wrap_parts};
use crate::base::Span;
use crate::experiment::summary::{LiveNote, ScenarioNote, TimelineRow};

/// Widths of the columns before the check: time, canary, requests, success, p99, failed, phase.
const WIDTHS: [usize; 7] = [8, 7, 9, 9, 9, 7, 17];
const HEADS: [&str; 7] = [
    "time", "canary", "requests", "success", "p99", "failed", "phase",
];

/// What is played, and the head of the lines that follow.
pub fn live_head(scenario: &ScenarioNote, how: &str, width: usize, colour: bool) -> String {
    let bold = if colour {
        Style::new().bold()
    } else {
        Style::new()
    };
    let mut lines: Vec<String> = wrap(&scenario.title, "", width)
        .into_iter()
        .map(|line| format!("{bold}{line}{bold:#}"))
        .collect();
    for line in [&scenario.world, &scenario.rollout] {
        lines.extend(wrap_parts(line, "  ", width));
    }
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

/// What a live rollout came to: how it ended, what users saw of each version, whether the splitter
/// kept to its orders, and whether the figures can be trusted.
pub fn live_outcome(note: &LiveNote, width: usize, colour: bool) -> String {
    let mut lines = wrap(&note.ending, "", width);
    lines.push(String::new());
    for version in &note.versions {
        if version.requests == 0 {
            continue;
        }
        let [p50, p90, p99] = version.latency_ms;
        let share = version.failed as f64 / version.requests as f64 * 100.0;
        lines.push(format!(
            "  {:<9}{:>10} requests  {share:>6.2} % failed   p50 {p50:.1} ms  p90 {p90:.1} ms  p99 \
             {p99:.1} ms",
            version.version,
            quantity::grouped(version.requests),
        ));
    }
    lines.extend(
        wrap(&kept(note), "  ", width)
            .into_iter()
            .map(|line| format!("  {}", line.trim_start())),
    );
    let [p50, p99, most] = note.lateness_ms;
    let made = format!(
        "Sent {} requests on schedule, {p50:.2} ms late at the median, {p99:.2} ms at p99, {most:.1} \
         ms at most; {} lost. Split by {}, judged from {} ({} of {} scrapes failed), in {:.1} s.",
        quantity::grouped(note.due),
        quantity::grouped(note.lost),
        note.splitter,
        note.source,
        note.scrapes[1],
        note.scrapes[0],
        note.wall_seconds,
    );
    lines.extend(indented(&made, width));
    let loud = if colour {
        AnsiColor::Yellow.on_default()
    } else {
        Style::new()
    };
    for doubt in &note.doubts {
        for line in wrap(&format!("! Not to be trusted: {doubt}."), "  ", width) {
            lines.push(format!("{loud}{line}{loud:#}"));
        }
    }
    lines.join("\n") + "\n"
}

fn indented(text: &str, width: usize) -> Vec<String> {
    wrap(text, "", width.saturating_sub(2))
        .into_iter()
        .map(|line| format!("  {line}"))
        .collect()
}

/// One sentence about the splitter's obedience.
fn kept(note: &LiveNote) -> String {
    /// Standard errors beyond which an honest splitter strays once in 370 orders.
    const FAR: f64 = 3.0;
    let judged: Vec<_> = (note.shares.iter())
        .filter_map(|share| Some((share, share.z?)))
        .collect();
    let worst = judged.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let Some((share, z)) = worst else {
        return "What the splitter should have sent where cannot be told from the weight alone here."
            .to_owned();
    };
    let found = share.canary as f64 / share.requests as f64 * 100.0;
    let what = format!(
        "{found:.2} % of {} requests went to the canary where {} were asked for, {:.1} standard \
         errors away",
        quantity::grouped(share.requests),
        quantity::weight(share.weight),
        z.abs(),
    );
    if z.abs() > FAR {
        format!("Sample-ratio mismatch: {what}. This splitter does not keep its weights.")
    } else {
        let orders = judged.len();
        format!("The splitter kept all {orders} weights; the farthest: {what}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::summary::{LiveShare, LiveVersion};

    fn note() -> LiveNote {
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
        assert!(text.contains("The splitter kept all 1 weights"), "{text}");
        assert!(text.contains("! Not to be trusted: the generator was late."));
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
