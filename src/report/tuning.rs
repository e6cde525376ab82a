//! A tuning, for people: the table of what can be had, the sentence, the rows, the page.

use std::collections::BTreeMap;

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, LineStyle, Table, TableStyle};

use super::ReportError;
use super::html;
use super::page::Page;
use super::plot;
use super::quantity;
use crate::experiment::summary::Estimate;
use crate::experiment::tuning::{Advice, Clause, Ended, Point, Tuning};

/// Heads of the table.
pub(super) const HEADS: [&str; 6] = [
    "change",
    "hurt\nrequests",
    "promoted\nafter",
    "power",
    "false\nrollback",
    "chosen",
];

/// The front with the recommended row, and what it means. No line is longer than `width` characters.
pub fn tuning(tuning: &Tuning, width: usize, colour: bool) -> String {
    let (plain, bold) = (Style::new(), Style::new().bold());
    let mut page = Page::new(width, colour);
    page.say(&tuning.title, "", bold);
    page.say(&tuning.world, "  ", plain);
    page.say(
        &format!("rollout as written: {}", tuning.rollout),
        "  ",
        plain,
    );
    for fault in &tuning.faults {
        page.say(&format!("a bad release: {fault}"), "  ", plain);
    }
    page.say(&asked(tuning), "  ", plain);
    page.blank();
    for line in grid(tuning, width) {
        page.line(&line);
    }
    page.blank();
    page.say(LEGEND, "  ", Style::new().dimmed());
    page.say(&made(tuning), "  ", Style::new().dimmed());
    page.blank();
    for (index, sentence) in sentences(tuning).iter().enumerate() {
        let style = if index == 0 { bold } else { plain };
        page.say(&format!("• {sentence}"), "  ", style);
    }
    if !tuning.complete {
        let loud = AnsiColor::Yellow.on_default();
        page.say(&format!("! {}", super::answer::INTERRUPTED), "  ", loud);
    }
    page.text
}

/// What the columns mean.
pub(super) const LEGEND: &str = "► recommended, ● on the front, ✗ misses a requirement, ? not shown by \
    these trials; hurt: failed or slowed requests of a bad release; promoted: a good release, on \
    average; ± 95 % interval; chosen: share of resamples that recommend the row";

/// What was asked, on one line.
pub(super) fn asked(tuning: &Tuning) -> String {
    format!(
        "require {}; make small: {}",
        tuning.require.join(" and "),
        tuning.minimise.join(" and ")
    )
}

/// How the figures came about.
pub(super) fn made(tuning: &Tuning) -> String {
    format!(
        "figures from {} fresh trials a row and world, seed {}; searched with seed {}",
        quantity::grouped(tuning.fresh_trials),
        tuning.fresh_seed,
        tuning.seed
    )
}

fn grid(tuning: &Tuning, width: usize) -> Vec<String> {
    let mut grid = Table::new();
    grid.load_style(TableStyle::new().header_separator(LineStyle::none().fill('─').junction('─')))
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(HEADS);
    for row in rows(tuning) {
        grid.add_row(row);
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

/// The cells of all rows, by rising exposure.
pub(super) fn rows(tuning: &Tuning) -> Vec<[String; 6]> {
    let names = Names::of(tuning);
    let mut order: Vec<usize> = (0..tuning.points.len()).collect();
    let cost = |at: &usize| tuning.points[*at].exposed_requests.estimate;
    order.sort_by(|a, b| cost(a).total_cmp(&cost(b)));
    let row = |at: usize| {
        let point = &tuning.points[at];
        let mark = match (tuning.recommended == Some(at), point.on_front) {
            (true, _) => "►",
            (_, true) => "●",
            _ => mark(point),
        };
        [
            format!("{mark} {}", names.line(&point.changes)),
            mean(&point.exposed_requests, quantity::count),
            (point.promotion_seconds.as_ref())
                .map_or_else(|| "–".to_owned(), |time| quantity::time(time.estimate)),
            quantity::estimate(&point.power),
            quantity::estimate(&point.false_rollback),
            quantity::whole_percent(point.chosen),
        ]
    };
    order.into_iter().map(row).collect()
}

fn mark(point: &Point) -> &'static str {
    let any = |what| point.clauses.iter().any(|clause| clause.holds == what);
    match (any(Some(false)), any(None)) {
        (true, _) => "✗",
        (_, true) => "?",
        _ => "·",
    }
}

fn mean(estimate: &Estimate, shown: impl Fn(f64) -> String) -> String {
    let arm = (estimate.high - estimate.estimate).max(estimate.estimate - estimate.low);
    format!("{} ±{}", shown(estimate.estimate), shown(arm))
}

/// The shortest names of places that tell them apart.
struct Names {
    short: BTreeMap<String, String>,
}

impl Names {
    fn of(tuning: &Tuning) -> Names {
        let closest = tuning.advice.iter().flat_map(|advice| &advice.closest);
        let mut places: Vec<String> = (tuning.points.iter())
            .flat_map(|point| &point.changes)
            .chain(closest)
            .map(|change| without_numbers(place_and_value(change).0))
            .collect();
        places.sort_unstable();
        places.dedup();
        let short = |place: &String| {
            let ends = place
                .rmatch_indices(['.', ':'])
                .map(|(at, _)| &place[at + 1..]);
            let is_told = |end: &&str| {
                let others = places.iter().filter(|other| ends_with(other, end));
                // What an item of a list has says nothing without the list.
                let is_whole = end.contains("[*]") || !place.contains("[*]");
                others.count() == 1 && is_whole
            };
            ends.into_iter().find(is_told).unwrap_or(place).to_owned()
        };
        Names {
            short: places
                .iter()
                .map(|place| (place.clone(), short(place)))
                .collect(),
        }
    }

    /// What differs from the start, on one line; items of a list that move alike as one.
    fn line(&self, changes: &[String]) -> String {
        if changes.is_empty() {
            return "as written".to_owned();
        }
        let mut groups: Vec<(String, Vec<&str>, Vec<&str>)> = Vec::new();
        for change in changes {
            let (place, value) = place_and_value(change);
            let pattern = without_numbers(place);
            match groups.iter_mut().find(|group| group.0 == pattern) {
                Some((_, places, values)) => {
                    places.push(place);
                    values.push(value);
                }
                None => groups.push((pattern, vec![place], vec![value])),
            }
        }
        let each = groups.iter().map(|(pattern, places, values)| {
            let short = self.short.get(pattern).unwrap_or(pattern);
            let name = match places.as_slice() {
                // The number of the only one says which it is.
                [place] => of_same_steps(place, short),
                _ => short.clone(),
            };
            let mut told = values.clone();
            told.dedup();
            format!("{name} {}", told.join("/"))
        });
        each.collect::<Vec<String>>().join(", ")
    }
}

fn place_and_value(change: &str) -> (&str, &str) {
    change.split_once(" = ").unwrap_or((change, ""))
}

/// `steps[3].hold` as `steps[*].hold`.
fn without_numbers(place: &str) -> String {
    let parts = place.split_inclusive('[').map(|part| {
        let number = part.split(']').next().unwrap_or_default();
        let is_number = !number.is_empty() && number.chars().all(|c| c.is_ascii_digit());
        match is_number && part.contains(']') {
            true => format!("*{}", &part[number.len()..]),
            false => part.to_owned(),
        }
    });
    parts.collect()
}

/// The end of a place that has as many steps as its shortened pattern.
fn of_same_steps(place: &str, short: &str) -> String {
    let steps = short.matches('.').count();
    let mut dots = place.rmatch_indices(['.', ':']);
    let start = dots.nth(steps).map_or(0, |(at, _)| at + 1);
    place[start..].to_owned()
}

fn ends_with(place: &str, end: &str) -> bool {
    let before = place.strip_suffix(end);
    before.is_some_and(|before| before.is_empty() || before.ends_with(['.', ':']))
}

/// What it means, the answer first.
pub(super) fn sentences(tuning: &Tuning) -> Vec<String> {
    let mut sentences = match (tuning.recommended, &tuning.advice) {
        (Some(at), _) => answer(tuning, &tuning.points[at]),
        (None, Some(advice)) => obstacle(tuning, advice),
        (None, None) => vec!["Nothing was played, so nothing can be said.".to_owned()],
    };
    sentences.push(search(tuning));
    sentences.push(effort(tuning));
    sentences
}

fn answer(tuning: &Tuning, best: &Point) -> Vec<String> {
    let names = Names::of(tuning);
    let start = tuning.points.iter().find(|point| point.changes.is_empty());
    let promoted = |point: &Point| {
        let time = point.promotion_seconds.as_ref();
        time.map_or_else(
            || "promotes no good release".to_owned(),
            |time| {
                format!(
                    "promotes a good release after {}",
                    quantity::time(time.estimate)
                )
            },
        )
    };
    let figures = |point: &Point| {
        format!(
            "it catches {} of the bad releases after {} hurt requests on average, rolls back {} of the \
             good ones and {}",
            quantity::percent(point.power.estimate),
            quantity::count(point.exposed_requests.estimate),
            quantity::percent(point.false_rollback.estimate),
            promoted(point)
        )
    };
    if best.changes.is_empty() {
        let first = format!("Leave it as it is: {}.", figures(best));
        return vec![first];
    }
    let mut sentences = vec![format!(
        "Set {}: {}.",
        names.line(&best.changes),
        figures(best)
    )];
    if let Some(start) = start {
        sentences.push(format!("As it is written, {}.", figures(start)));
    }
    let open: Vec<&str> = (best.clauses.iter())
        .filter(|clause| clause.holds.is_none())
        .map(|clause| clause.clause.as_str())
        .collect();
    if !open.is_empty() {
        sentences.push(format!(
            "These trials do not yet show that {} holds: play more with --fresh.",
            open.join(" and ")
        ));
    }
    sentences
}

fn obstacle(tuning: &Tuning, advice: &Advice) -> Vec<String> {
    let closest = match advice.closest.as_slice() {
        [] => "the rollout as written".to_owned(),
        changes => Names::of(tuning).line(changes),
    };
    let fault = advice.fault.as_ref();
    let fault = fault.map_or(String::new(), |fault| format!(" of a release with {fault}"));
    let mut sentences = vec![format!(
        "None of the {} points meets the requirements. What binds is {}{fault}: the closest, {closest}, \
         has {}.",
        quantity::grouped(tuning.tried),
        advice.binding,
        stands(&advice.clauses, Some(&advice.binding))
    )];
    let is_met = |clause: &String| {
        let of = tuning.points.iter().flat_map(|point| &point.clauses);
        of.into_iter()
            .any(|one| one.clause == *clause && one.holds == Some(true))
    };
    match advice.out_of_reach.as_slice() {
        [] if tuning.require.iter().all(is_met) => sentences.push(
            "Each requirement alone is met by some point: it is together that they ask too much."
                .to_owned(),
        ),
        [] => {}
        alone => sentences.push(format!("No point meets {} even alone.", alone.join(" or "))),
    }
    let enough = advice.replays.iter().find(|replay| replay.meets);
    let most = advice.replays.last();
    match (enough, most) {
        (Some(enough), _) => sentences.push(format!(
            "With {} times the traffic the same settings meet all of them ({}).",
            quantity::short(enough.times),
            stands(&enough.clauses, None)
        )),
        (None, Some(most)) => {
            let cause = match advice.is_about_catching {
                true => {
                    "the fault lies within the limits, or these metrics do not see it: move the \
                     limits, or ask another metric"
                }
                false => "it is not for want of traffic: allow more time, or ask for less",
            };
            sentences.push(format!(
                "Not even {} times the traffic helps ({}): {cause}.",
                quantity::short(most.times),
                stands(&most.clauses, None)
            ));
        }
        (None, None) => {}
    }
    sentences
}

/// How requirements stand: all of them, or the one asked for.
fn stands(clauses: &[Clause], only: Option<&str>) -> String {
    let wanted = clauses
        .iter()
        .filter(|clause| only.is_none_or(|only| clause.clause == only));
    let each = wanted.map(|clause| {
        let name = clause.clause.split([' ']).next().unwrap_or_default();
        format!("{name} {}", figure(clause))
    });
    each.collect::<Vec<String>>().join(", ")
}

/// A figure in the clause's own unit.
fn figure(clause: &Clause) -> String {
    let Some(estimate) = clause.estimate else {
        return "never".to_owned();
    };
    let is_time = clause.clause.starts_with("detection") || clause.clause.starts_with("promotion");
    let is_count = clause.clause.starts_with("exposure");
    match (is_time, is_count) {
        (true, _) => quantity::time(estimate),
        (_, true) => quantity::count(estimate),
        _ => quantity::percent(estimate),
    }
}

fn search(tuning: &Tuning) -> String {
    let last = tuning.rounds.last().map_or(0, |round| round.trials);
    let trials = quantity::grouped(u64::from(last));
    match tuning.ended {
        Ended::Separated => format!(
            "The search ended after {trials} trials a point, when what is best was told from all others."
        ),
        Ended::Trials => format!(
            "The search ended with {trials} trials a point: what was left by then differs by less than \
             they tell."
        ),
        Ended::Budget => {
            let left: u64 = tuning.rounds.iter().map(|round| round.left_out).sum();
            format!(
                "The budget ended the search with {trials} trials a point; {} points were left out for \
                 want of it.",
                quantity::grouped(left)
            )
        }
        Ended::Infeasible => format!(
            "After {trials} trials a point every one of them had surely missed a requirement."
        ),
        Ended::Interrupted => "The search was interrupted.".to_owned(),
    }
}

fn effort(tuning: &Tuning) -> String {
    let mut text = match tuning.grid > tuning.tried + tuning.refused {
        true => format!(
            "Of {} combinations {} were tried",
            quantity::grouped(tuning.grid),
            quantity::grouped(tuning.tried)
        ),
        false => format!("{} points were tried", quantity::grouped(tuning.tried)),
    };
    if tuning.refused > 0 {
        text.push_str(&format!(
            ", {} make no valid rollout",
            quantity::grouped(tuning.refused)
        ));
    }
    text.push_str(&format!(
        ", with {} rollouts simulated",
        quantity::grouped(tuning.simulated)
    ));
    if tuning.recorded > 0 {
        text.push_str(&format!(
            " and {} judged on recorded ones",
            quantity::grouped(tuning.recorded)
        ));
    }
    text.push('.');
    text
}

/// All files of a tuning, by name.
///
/// # Errors
///
/// When the figure or the page cannot be made.
pub fn tuning_files(tuning: &Tuning) -> Result<Vec<(&'static str, Vec<u8>)>, ReportError> {
    let figure = plot::tuning(tuning)?;
    let page = html::tuning_page(tuning, &figure)?;
    let mut json = serde_json::to_vec_pretty(tuning).map_err(ReportError::drawing)?;
    json.push(b'\n');
    let mut files = vec![
        ("tuning.json", json),
        ("tuning.csv", csv(tuning)?),
        ("report.html", page.into_bytes()),
        ("pareto.png", figure.png),
        ("pareto.svg", figure.svg),
    ];
    if !tuning.patch.is_empty() {
        files.push(("tuning.diff", tuning.patch.clone().into_bytes()));
    }
    Ok(files)
}

/// Rows for spreadsheets: one for each point.
fn csv(tuning: &Tuning) -> Result<Vec<u8>, ReportError> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let mut record = |row: Vec<String>| writer.write_record(row).map_err(ReportError::drawing);
    let names = [
        "power",
        "false_rollback",
        "exposed_requests",
        "promotion_seconds",
    ];
    let mut heads: Vec<String> = ["changes", "recommended", "on_front", "chosen", "trials"]
        .map(str::to_owned)
        .to_vec();
    for name in names {
        heads.extend([
            name.to_owned(),
            format!("{name}_low"),
            format!("{name}_high"),
        ]);
    }
    record(heads)?;
    for (at, point) in tuning.points.iter().enumerate() {
        let mut row = vec![
            point.changes.join("; "),
            (tuning.recommended == Some(at)).to_string(),
            point.on_front.to_string(),
            point.chosen.to_string(),
            tuning.fresh_trials.to_string(),
        ];
        let figures = [
            Some(&point.power),
            Some(&point.false_rollback),
            Some(&point.exposed_requests),
            point.promotion_seconds.as_ref(),
        ];
        for figure in figures {
            let parts = figure.map(|one| [one.estimate, one.low, one.high]);
            match parts {
                Some(parts) => row.extend(parts.map(|part| part.to_string())),
                None => row.extend([String::new(), String::new(), String::new()]),
            }
        }
        record(row)?;
    }
    writer.into_inner().map_err(ReportError::drawing)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(changes: &[&str]) -> String {
        let changes: Vec<String> = changes.iter().map(|text| (*text).to_owned()).collect();
        let places = changes
            .iter()
            .map(|change| without_numbers(place_and_value(change).0));
        let places: Vec<String> = places.collect();
        let short = places.iter().map(|place| {
            let end = place.rsplit(['.', ':']).next().unwrap_or(place);
            (place.clone(), end.to_owned())
        });
        let names = Names {
            short: short.collect(),
        };
        names.line(&changes)
    }

    #[test]
    fn items_of_a_list_that_move_alike_are_told_as_one() {
        assert_eq!(line(&[]), "as written");
        assert_eq!(line(&["rollout.interval = 30s"]), "interval 30s");
        let holds = [
            "rollout.steps[0] = 2m",
            "rollout.steps[1] = 2m",
            "rollout.failures = 2",
        ];
        assert_eq!(line(&holds), "steps[*] 2m, failures 2");
        assert_eq!(
            line(&["a.steps[0] = 5", "a.steps[2] = 10"]),
            "steps[*] 5/10"
        );
        assert_eq!(line(&["a.gates[1] = 5"]), "gates[1] 5");
    }

    #[test]
    fn numbers_of_items_are_told_from_names() {
        assert_eq!(without_numbers("a[0].b[12].c"), "a[*].b[*].c");
        assert_eq!(without_numbers("a[name].b"), "a[name].b");
        assert_eq!(of_same_steps("a.m[1].r.min", "m[*].r.min"), "m[1].r.min");
    }
}
