//! All gates on one scenario, for people: the table, the rows, the page; and the league of many.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::ReportError;
use super::html;
use super::page::Page;
use super::plot;
use super::quantity;
use crate::experiment::comparison::{Comparison, Family, League, Row};

/// Longest name of a gate in a table, in characters.
const NAME: usize = 40;

/// The gates that keep the bar, by how soon they catch half of the bad releases, then the others;
/// and what that means. No line is longer than `width` characters.
pub fn comparison(
    comparison: &Comparison,
    league: &League<'_>,
    width: usize,
    colour: bool,
) -> String {
    let (plain, bold) = (Style::new(), Style::new().bold());
    let mut page = Page::new(width, colour);
    page.say(&comparison.title, "", bold);
    page.say(&comparison.world, "  ", plain);
    page.say(&format!("judged at {}", comparison.rollout), "  ", plain);
    page.blank();
    for line in grid(&shown(comparison, league), league.bar, width) {
        page.line(&line);
    }
    page.blank();
    let made = format!(
        "tests at {}; median and p90 over all bad releases; ± 95 % interval; {} bad and as many good \
         releases; seed {}",
        level(comparison, league).map_or("-".to_owned(), quantity::percent),
        quantity::grouped(comparison.trials),
        comparison.seed
    );
    page.say(&made, "  ", Style::new().dimmed());
    page.blank();
    for (index, sentence) in sentences(comparison, league).iter().enumerate() {
        let style = if index == 0 { bold } else { plain };
        page.say(&format!("• {sentence}"), "  ", style);
    }
    if !comparison.complete {
        let loud = AnsiColor::Yellow.on_default();
        page.say(&format!("! {}", super::answer::INTERRUPTED), "  ", loud);
    }
    page.text
}

/// The highest level of tests that the bar allows.
fn level(comparison: &Comparison, league: &League<'_>) -> Option<f64> {
    let tests = comparison
        .rows
        .iter()
        .filter(|row| row.family == Family::Test);
    let levels = tests.filter_map(|row| row.level);
    levels
        .filter(|level| *level <= league.bar * (1.0 + 1e-9))
        .max_by(f64::total_cmp)
}

/// The rows of the table: tests at the bar's level, and everybody without a level; in order.
pub(super) fn shown<'c>(comparison: &'c Comparison, league: &League<'_>) -> Vec<&'c Row> {
    let level = level(comparison, league);
    let at_level = |row: &&Row| row.family != Family::Test || row.level == level;
    let mut rows: Vec<&Row> = comparison.rows.iter().filter(at_level).collect();
    let order = |row: &Row| {
        (
            row.false_rollback.low > league.bar,
            row.median_seconds.is_none(),
        )
    };
    rows.sort_by(|a, b| {
        let medians = [a, b].map(|row| row.median_seconds.unwrap_or(f64::INFINITY));
        (order(a).cmp(&order(b)))
            .then(medians[0].total_cmp(&medians[1]))
            .then(b.power.estimate.total_cmp(&a.power.estimate))
    });
    rows
}

pub(super) fn cells(row: &Row, bar: f64) -> [String; 7] {
    let mark = if row.false_rollback.low > bar {
        "✗"
    } else {
        "✓"
    };
    [
        shortened(name(row)),
        format!("{} {mark}", quantity::estimate(&row.false_rollback)),
        quantity::estimate(&row.power),
        quantity::time_or_dash(row.median_seconds),
        quantity::time_or_dash(row.quantiles.get(17).copied()),
        quantity::count(row.exposure.requests),
        quantity::count(row.exposure.users),
    ]
}

/// What a row is called where its level is told apart.
pub(super) fn name(row: &Row) -> &str {
    match row.family {
        Family::Test => &row.kind,
        Family::Own | Family::Limit | Family::Controller => &row.gate,
    }
}

/// What a row is called in a sentence.
fn called(row: &Row) -> String {
    match (row.family, row.level) {
        (Family::Test, Some(level)) => format!("{} at {}", row.kind, quantity::percent(level)),
        _ => row.gate.clone(),
    }
}

fn shortened(name: &str) -> String {
    if name.chars().count() <= NAME {
        return name.to_owned();
    }
    let head: String = name.chars().take(NAME - 1).collect();
    format!("{}…", head.trim_end())
}

fn grid(rows: &[&Row], bar: f64, width: usize) -> Vec<String> {
    let mut grid = Table::new();
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header([
            "gate",
            "false\nrollback",
            "power",
            "caught\nmedian",
            "\np90",
            "hurt\nrequests",
            "\nusers",
        ]);
    for row in rows {
        grid.add_row(cells(row, bar));
    }
    for column in grid.column_iter_mut() {
        column.set_cell_alignment(CellAlignment::Right);
        column.set_padding((1, 0));
    }
    if let Some(names) = grid.column_mut(0) {
        names.set_cell_alignment(CellAlignment::Left);
    }
    grid.lines()
        .map(|line| line.trim_end().to_owned())
        .collect()
}

/// What it means.
pub(super) fn sentences(comparison: &Comparison, league: &League<'_>) -> Vec<String> {
    let bar = quantity::percent(league.bar);
    if !comparison.has_fault {
        return vec![format!(
            "There is no bad release here: all that a gate can do is roll back a good one. {}",
            quietest(comparison, league)
        )];
    }
    let Some(first) = league.first else {
        return vec![format!(
            "No gate that rolls back at most {bar} of the good releases catches half of the bad ones: \
             this traffic, in this time, cannot support such a canary."
        )];
    };
    let mut sentences = vec![format!(
        "Of the gates that roll back at most {bar} of the good releases, {} is the soonest: half of the \
         bad releases are caught within {}, after {} hurt requests on average.",
        called(first),
        quantity::time_or_dash(first.median_seconds),
        quantity::count(first.exposure.requests)
    )];
    for lead in &league.leads {
        if std::ptr::eq(lead.controller, first) {
            continue;
        }
        sentences.push(against(lead.controller, lead.keeps_bar, lead.times_sooner));
    }
    sentences
}

fn quietest(comparison: &Comparison, league: &League<'_>) -> String {
    let loud = (comparison.rows.iter()).filter(|row| row.false_rollback.low > league.bar);
    match loud.count() {
        0 => "None does so too often.".to_owned(),
        count => format!("{count} of {} do so too often.", comparison.rows.len()),
    }
}

fn against(controller: &Row, keeps_bar: bool, times_sooner: Option<f64>) -> String {
    let name = &controller.gate;
    let wolf = match keeps_bar {
        true => String::new(),
        false => format!(
            ", and rolls back {} of the good ones",
            quantity::percent(controller.false_rollback.estimate)
        ),
    };
    match times_sooner {
        None => format!(
            "{name} catches {} of the bad releases{wolf}.",
            quantity::percent(controller.power.estimate)
        ),
        Some(times) if times >= 1.05 => format!(
            "{name} takes {} (median), {times:.1} times as long{wolf}.",
            quantity::time_or_dash(controller.median_seconds)
        ),
        Some(times) if times > 0.95 => format!("{name} is as quick{wolf}."),
        Some(times) => format!(
            "{name} is quicker, {} (median), {times:.2} of the time{wolf}.",
            quantity::time_or_dash(controller.median_seconds)
        ),
    }
}

/// All files of one comparison, by name.
///
/// # Errors
///
/// When a figure or the page cannot be made.
pub fn comparison_files(
    comparison: &Comparison,
    league: &League<'_>,
) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let figures = plot::comparison_figures(comparison, league)?;
    let page = html::comparison_page(comparison, league, &figures)?;
    let mut json = serde_json::to_vec_pretty(comparison).map_err(ReportError::drawing)?;
    json.push(b'\n');
    let mut files = vec![
        ("comparison.json", json),
        ("comparison.csv", rows_csv(&[comparison])?),
        ("report.html", page.into_bytes()),
    ];
    for figure in figures {
        let (png, svg) = match figure.name {
            "frontier" => ("frontier.png", "frontier.svg"),
            _ => ("times.png", "times.svg"),
        };
        files.push((png, figure.png));
        files.push((svg, figure.svg));
    }
    Ok(files)
}

/// Rows for spreadsheets: one for each scenario, gate and level.
fn rows_csv(comparisons: &[&Comparison]) -> Result<Vec<u8>, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let result = (|| {
        writer.write_record([
            "scenario",
            "kind",
            "gate",
            "family",
            "level",
            "promises",
            "trials",
            "false_rollback",
            "false_rollback_low",
            "false_rollback_high",
            "power",
            "power_low",
            "power_high",
            "median_seconds",
            "p90_seconds",
            "exposed_requests",
            "exposed_users",
            "cleared_seconds",
        ])?;
        for comparison in comparisons {
            for row in &comparison.rows {
                writer.write_record(record(comparison, row))?;
            }
        }
        writer.flush()?;
        Ok::<(), csv::Error>(())
    })();
    result.map_err(ReportError::drawing)?;
    writer.into_inner().map_err(ReportError::drawing)
}

fn record(comparison: &Comparison, row: &Row) -> [String; 18] {
    let maybe = |value: Option<f64>| value.map_or(String::new(), |value| value.to_string());
    let family = match row.family {
        Family::Own => "own",
        Family::Test => "test",
        Family::Limit => "limit",
        Family::Controller => "controller",
    };
    [
        comparison.scenario.clone(),
        row.kind.clone(),
        row.gate.clone(),
        family.to_owned(),
        maybe(row.level),
        row.promises.to_string(),
        comparison.trials.to_string(),
        row.false_rollback.estimate.to_string(),
        row.false_rollback.low.to_string(),
        row.false_rollback.high.to_string(),
        row.power.estimate.to_string(),
        row.power.low.to_string(),
        row.power.high.to_string(),
        maybe(row.median_seconds),
        maybe(row.quantiles.get(17).copied()),
        row.exposure.requests.to_string(),
        row.exposure.users.to_string(),
        maybe(row.cleared_seconds),
    ]
}

/// Who leads each scenario. No line is longer than `width` characters.
pub fn leagues(leagues: &[(&Comparison, League<'_>)], width: usize, colour: bool) -> String {
    let mut grid = Table::new();
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header([
            "scenario",
            "soonest gate",
            "median",
            "Flagger",
            "Argo",
            "Kayenta",
        ]);
    for (comparison, league) in leagues {
        grid.add_row(league_cells(comparison, league));
    }
    for column in grid.column_iter_mut() {
        column.set_padding((1, 0));
    }
    let mut page = Page::new(width, colour);
    for line in grid.lines() {
        page.line(line.trim_end());
    }
    page.blank();
    page.say(
        &format!("• {}", summary(leagues)),
        "  ",
        Style::new().bold(),
    );
    page.say(LEAGUE, "  ", Style::new());
    page.text
}

const LEAGUE: &str = "• Medians are over all bad releases. Of a controller: how many times as long it \
    takes; or the share that it catches, where that is fewer than half; ✗ where it rolls back more good \
    releases than is allowed.";

fn league_cells(comparison: &Comparison, league: &League<'_>) -> [String; 6] {
    let controller = |name: &str| {
        let lead = (league.leads.iter()).find(|lead| lead.controller.kind.starts_with(name));
        lead.map_or("-".to_owned(), |lead| {
            let mark = if lead.keeps_bar { "" } else { " ✗" };
            match lead.times_sooner {
                Some(times) => format!("× {times:.1}{mark}"),
                None => format!(
                    "{}{mark}",
                    quantity::percent(lead.controller.power.estimate)
                ),
            }
        })
    };
    let (gate, median) = match league.first {
        Some(first) => (called(first), quantity::time_or_dash(first.median_seconds)),
        None if !comparison.has_fault => ("no bad release".to_owned(), "-".to_owned()),
        None => ("none catches half".to_owned(), "-".to_owned()),
    };
    [
        comparison.scenario.clone(),
        gate,
        median,
        controller("Flagger"),
        controller("Argo"),
        controller("Spinnaker"),
    ]
}

/// How often somebody leads, in a sentence.
fn summary(leagues: &[(&Comparison, League<'_>)]) -> String {
    let with_fault = leagues
        .iter()
        .filter(|(comparison, _)| comparison.has_fault);
    let led = leagues.iter().filter(|(_, league)| league.first.is_some());
    let bar = leagues.first().map_or(0.0, |(_, league)| league.bar);
    format!(
        "In {} of {} scenarios with a bad release some gate that rolls back at most {} of the good ones \
         catches half of the bad ones.",
        led.count(),
        with_fault.count(),
        quantity::percent(bar)
    )
}

/// The files of a league, by name.
///
/// # Errors
///
/// When the rows cannot be put into text.
pub fn league_files(
    leagues: &[(&Comparison, League<'_>)],
) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let heads = ["scenario", "gate", "median", "flagger", "argo", "kayenta"];
    let mut markdown = format!(
        "# Who leads each scenario\n\n{}\n\n{}\n\n| {} |\n|{}\n",
        summary(leagues),
        LEAGUE.trim_start_matches("• "),
        heads.join(" | "),
        " --- |".repeat(heads.len())
    );
    writer.write_record(heads).map_err(ReportError::drawing)?;
    for (comparison, league) in leagues {
        let cells = league_cells(comparison, league);
        markdown.push_str(&format!("| {} |\n", cells.join(" | ").replace('<', "&lt;")));
        writer.write_record(&cells).map_err(ReportError::drawing)?;
    }
    let all: Vec<&Comparison> = leagues.iter().map(|(comparison, _)| *comparison).collect();
    Ok(vec![
        (
            "league.csv",
            writer.into_inner().map_err(ReportError::drawing)?,
        ),
        ("league.md", markdown.into_bytes()),
        ("comparison.csv", rows_csv(&all)?),
    ])
}
