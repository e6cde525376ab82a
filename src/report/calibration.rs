//! The league table of gates on a terminal.

use anstyle::Style;
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::page::Page;
use super::{grouped, plural};
use crate::experiment::calibration::{
    Calibration, League, Line, Promise, Row, Verdict, leagues, tolerated,
};

/// A table for each setting: who keeps the level and how soon each finds standard faults, then what
/// it means. No line is longer than `width` characters.
pub fn calibration(calibration: &Calibration, width: usize, colour: bool) -> String {
    let (bold, quiet) = (Style::new().bold(), Style::new().dimmed());
    let mut page = Page::new(width, colour);
    let leagues = leagues(calibration);
    for sentence in sentences(calibration, &leagues) {
        page.say(&sentence, "", bold);
    }
    page.blank();
    for league in &leagues {
        let setting = league.setting;
        page.say(&format!("{}: {}", setting.name, setting.title), "", bold);
        for line in table(league, width) {
            page.line(&line);
        }
        page.blank();
    }
    for sentence in legend(calibration) {
        page.say(&sentence, "", quiet);
    }
    page.text
}

/// What it means.
fn sentences(calibration: &Calibration, leagues: &[League<'_>]) -> Vec<String> {
    let note = &calibration.note;
    let mut sentences = Vec::new();
    let (mut kept, mut broken) = (Vec::new(), Vec::new());
    for line in leagues.iter().flat_map(|league| &league.lines) {
        let row = line.level();
        match line.verdict() {
            Verdict::Kept | Verdict::Excused => kept.push(&*row.gate),
            Verdict::Broken => broken.push((&*row.gate, row)),
            Verdict::NoLevel => {}
        }
    }
    kept.sort_unstable();
    kept.dedup();
    kept.retain(|gate| !broken.iter().any(|(name, _)| name == gate));
    let level = format!("{:.0} %", 100.0 * note.alpha);
    match broken.is_empty() {
        true => sentences.push(format!(
            "All {} that promise to roll back at most {level} of the good canaries keep it wherever \
             their assumptions hold.",
            plural(kept.len() as u64, "gate"),
        )),
        false => {
            for (gate, row) in &broken {
                sentences.push(format!(
                    "{gate} promises {level} and rolls back {} % of the good canaries of {}.",
                    percent(row.share),
                    row.setting
                ));
            }
        }
    }
    for league in leagues {
        let valid = |line: &&Line<'_>| line.verdict() == Verdict::Kept;
        let best = league.lines.iter().find(valid);
        if let Some((line, fault)) = best.and_then(|line| Some((line, line.faults.first()?))) {
            sentences.push(format!(
                "{}: of the gates that keep {level}, {} is first to find {}, after {:.1} minutes on \
                 average.",
                league.setting.name, line.level().gate, fault.world, fault.mean_minutes
            ));
        }
    }
    if !note.complete {
        sentences.push("Interrupted: later settings are missing.".to_owned());
    }
    sentences
}

fn percent(share: f64) -> String {
    match share {
        share if share >= 0.9995 => "100".to_owned(),
        share => format!("{:.1}", 100.0 * share),
    }
}

fn mark(verdict: Option<Verdict>) -> &'static str {
    match verdict {
        Some(Verdict::Kept) => "✓",
        Some(Verdict::Broken) => "✗",
        Some(Verdict::Excused) => "~",
        Some(Verdict::NoLevel) | None => " ",
    }
}

fn promise(promise: Promise) -> &'static str {
    match promise {
        Promise::OneLook => "one look",
        Promise::PlannedEnd => "to the end",
        Promise::Anytime => "any time",
        Promise::RunLength => "run length",
        Promise::Nothing => "nothing",
    }
}

fn table(league: &League<'_>, width: usize) -> Vec<String> {
    let mut table = Table::new();
    table
        .load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX));
    let setting = league.setting;
    let mut head = vec!["gate".to_owned(), "promises".to_owned()];
    match setting.looks.len() {
        1 => {
            head.push(format!("{}\n%", setting.worlds[0]));
            let faults = setting.worlds.iter().skip(1);
            head.extend(faults.map(|world| format!("{world}\n%  min")));
        }
        _ => head.extend(setting.looks.iter().map(|looks| match looks {
            1 => "1 look\n%".to_owned(),
            looks => format!("{looks}\n%"),
        })),
    }
    let columns = head.len();
    table.set_header(head);
    for line in &league.lines {
        let level = |row: &&Row| format!("{} {}", percent(row.share), mark(row.verdict));
        let mut cells = vec![line.level().gate.clone()];
        cells.push(promise(line.level().promise).to_owned());
        cells.extend(line.good.iter().map(level));
        let fault = |row: &&Row| format!("{} {:>5.1}", percent(row.share), row.mean_minutes);
        cells.extend(line.faults.iter().map(fault));
        table.add_row(cells);
    }
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    for index in 2..columns {
        if let Some(column) = table.column_mut(index) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let lines = table.lines().map(|line| line.trim_end().to_owned());
    lines.collect()
}

fn legend(calibration: &Calibration) -> Vec<String> {
    let note = &calibration.note;
    let most = tolerated(note.alpha, note.trials.into());
    vec![
        "%: canaries rolled back; min: mean minutes to the rollback, those not rolled back counting \
         as all of them. Gates that keep their level come first, by time to the first fault."
            .to_owned(),
        format!(
            "✓ at most {:.2} %, which is three standard errors above {:.0} %; ~ more, where the \
             gate's assumptions do not hold; ✗ more, where they do. No mark: it promises no level.",
            100.0 * most,
            100.0 * note.alpha
        ),
        format!(
            "{} canaries as good as stable and {} with each fault; seed {}.",
            grouped(note.trials.into()),
            grouped(note.fault_trials.into()),
            note.seed
        ),
    ]
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;
    use crate::base::Seed;
    use crate::experiment::Options;
    use crate::experiment::calibration::{Effort, run, settings, shelf};

    fn played(names: &[&str]) -> Calibration {
        let mut settings = settings();
        settings.retain(|setting| names.contains(&&*setting.name));
        let mut gates = shelf();
        gates.retain(|gate| gate.kind != "joint-spending");
        let effort = Effort {
            trials: 20,
            fault_trials: 5,
            seed: Seed::DEFAULT,
        };
        let options = Options {
            threads: Some(1),
            keep_trials: false,
            ledger: None,
            stop: &AtomicBool::new(false),
            progress: &|_| {},
        };
        run(&settings, &gates, effort, &options).unwrap()
    }

    #[test]
    fn tables_fit_and_hold_every_gate_of_the_setting() {
        let found = played(&["tiny", "latency", "peeking", "sticky-2"]);
        let text = calibration(&found, 100, false);
        for line in text.lines() {
            assert!(line.chars().count() <= 100, "{line}");
        }
        let gates = found.rows.iter().map(|row| &row.gate);
        for gate in gates {
            // Names may go over two lines.
            let begin: String = gate.chars().take(12).collect();
            assert!(text.contains(&begin), "{gate}");
        }
    }

    #[test]
    fn a_broken_promise_is_said_on_top_and_marked() {
        let mut found = played(&["tiny"]);
        let sound = calibration(&found, 100, false);
        assert!(sound.starts_with("All "), "{sound}");
        let row = (found.rows.iter_mut())
            .find(|row| row.gate.starts_with("exact split") && row.verdict.is_some())
            .unwrap();
        (row.share, row.verdict) = (0.2, Some(Verdict::Broken));
        let gate = row.gate.clone();
        let text = calibration(&found, 100, false);
        let expected = format!("{gate} promises 5 % and rolls back 20.0 %");
        assert!(text.starts_with(&expected), "{text}");
        assert!(text.contains("20.0 ✗"), "{text}");
    }
}
