//! What came of checks, on a terminal.

use anstyle::{AnsiColor, Style};

use super::{
    PROMISE, cell, changes, check_outcome, headline, mark, named, reason, tally, value, worse,
};
use super::{measured, plural};
use crate::experiment::check::baseline::Baseline;
use crate::experiment::check::{Checked, Clause, Outcome};
use crate::report::page::Page;
use crate::report::wrap::wrap;

/// Every scenario with its clauses, and why those are red that are. No line is longer than `width`
/// characters. `colour` adds ANSI colours, which repeat what the marks say.
pub fn check_text(all: &[Checked], strict: bool, width: usize, colour: bool) -> String {
    let mut page = Page::new(width, colour);
    let (plain, bold, quiet) = (Style::new(), Style::new().bold(), Style::new().dimmed());
    for checked in all {
        let name = &checked.scenario.name;
        page.say(&format!("{name}: {}", checked.scenario.title), "  ", bold);
        for clause in &checked.clauses {
            clause_lines(&mut page, clause, strict);
        }
        if let Some(baseline) = &checked.baseline {
            baseline_lines(&mut page, checked, baseline);
        }
        let trials = plural(checked.trials, "rollout");
        let line = format!(
            "{}; {trials}, seed {}, engine {}",
            tally(checked),
            checked.seed,
            checked.engine.name
        );
        put(&mut page, 2, &line, quiet);
        for warning in &checked.warnings {
            put(&mut page, 2, &format!("! {warning}"), plain);
        }
        page.blank();
    }
    if all.iter().any(|one| !one.clauses.is_empty()) {
        page.say(&format!("{PROMISE}."), "  ", quiet);
    }
    let passes = all.iter().all(|one| one.passes(strict));
    let shade = if passes {
        AnsiColor::Green
    } else {
        AnsiColor::Red
    };
    let sign = if passes { "✓" } else { "✗" };
    let outcome = check_outcome(all, strict);
    page.say(
        &format!("{sign} {outcome}."),
        "  ",
        shade.on_default().bold(),
    );
    page.text
}

fn shade(outcome: Outcome, strict: bool) -> Style {
    match outcome {
        Outcome::Holds => AnsiColor::Green.on_default(),
        Outcome::Undecided if !strict => AnsiColor::Yellow.on_default(),
        Outcome::Broken | Outcome::Undecided => AnsiColor::Red.on_default().bold(),
    }
}

fn clause_lines(page: &mut Page, clause: &Clause, strict: bool) {
    let that = &clause.expected.that;
    let sign = mark(clause.outcome);
    if clause.outcome == Outcome::Holds {
        let line = format!("{sign} {that}: {}", measured(clause));
        put(page, 2, &line, Style::new());
        return;
    }
    let line = format!("{sign} {that} {}", verb(clause.outcome));
    put(page, 2, &line, shade(clause.outcome, strict));
    put(page, 6, &reason(clause), Style::new());
    if let Some(why) = &clause.expected.why {
        put(page, 6, why, Style::new().dimmed());
    }
    if clause.outcome == Outcome::Undecided {
        put(page, 6, &advice(clause), Style::new().dimmed());
    }
}

/// What would decide a clause.
fn advice(clause: &Clause) -> String {
    let (of, unit) = (clause.measured, clause.expected.that.metric.unit());
    match of.high.is_finite() {
        true => format!(
            "raise --max-trials, or move the bound out of {} to {}",
            value(unit, of.low),
            value(unit, of.high)
        ),
        false => "raise --max-trials: the trials set no upper end yet".to_owned(),
    }
}

fn verb(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Holds => "holds",
        Outcome::Broken => "is broken",
        Outcome::Undecided => "is undecided",
    }
}

fn baseline_lines(page: &mut Page, checked: &Checked, baseline: &Baseline) {
    let red = baseline.regressions().next().is_some();
    let (sign, style) = match red {
        true => ("✗", AnsiColor::Red.on_default().bold()),
        false => ("✓", Style::new()),
    };
    let said = headline(checked, baseline);
    put(page, 2, &format!("{sign} {said}"), style);
    let (worst, rest) = named(baseline);
    for one in worst {
        put(
            page,
            6,
            &format!("{}: {}", cell(one), worse(one)),
            Style::new(),
        );
    }
    if rest > 0 {
        put(page, 6, &format!("… and {rest} more"), Style::new());
    }
    for change in changes(baseline) {
        put(page, 6, &change, Style::new());
    }
    for gone in &baseline.gone {
        let line = format!("not compared, because the rollout cannot be played so: {gone}");
        put(page, 6, &line, Style::new());
    }
}

/// Text that begins so far to the right, and what follows a break two further.
fn put(page: &mut Page, depth: usize, text: &str, style: Style) {
    let margin = " ".repeat(depth);
    for line in wrap(text, "  ", page.width - depth) {
        match page.colour {
            true => page.line(&format!("{margin}{style}{line}{style:#}")),
            false => page.line(&format!("{margin}{line}")),
        }
    }
}
