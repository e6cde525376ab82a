//! The comparison of live and simulated rollouts on a terminal.

use anstyle::{AnsiColor, Style};
use comfy_table::{CellAlignment, ContentArrangement, Table, TableStyle};

use super::heading;
use super::wrap::wrap;
use crate::experiment::conform::{Conformity, LEVEL, OVERHEAD, OVERHEAD_SHARE};
use crate::experiment::summary::ScenarioNote;

/// A row for each measure with the value in both arms and the chance of such a difference, then
/// what it means. No line is longer than `width` characters.
pub fn conformity(
    scenario: &ScenarioNote,
    conformity: &Conformity,
    width: usize,
    colour: bool,
) -> String {
    let style = |style: Style| if colour { style } else { Style::new() };
    let mut lines = heading::title(scenario, width, colour);
    lines.push(String::new());
    let mut table = Table::new();
    table
        .load_style(TableStyle::new())
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(u16::try_from(width).unwrap_or(u16::MAX))
        .set_header(["measure", "live", "simulated", "p", ""]);
    for measure in &conformity.measures {
        table.add_row([
            measure.name.clone(),
            measure.live.clone(),
            measure.simulated.clone(),
            p_value(measure.p),
            if measure.agrees { "✓" } else { "✗ differs" }.to_owned(),
        ]);
    }
    for column in table.column_iter_mut() {
        column.set_padding((1, 0));
    }
    if let Some(column) = table.column_mut(3) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    lines.extend(table.lines().map(|line| line.trim_end().to_owned()));
    lines.push(String::new());
    let different = conformity.measures.iter().filter(|m| !m.agrees).count();
    let (sentence, shade) = if different == 0 {
        (
            format!(
                "The simulator tells the truth here: {} live and {} simulated rollouts agree in all {} \
                 measures.",
                conformity.live,
                conformity.simulated,
                conformity.measures.len()
            ),
            AnsiColor::Green,
        )
    } else {
        (
            format!(
                "The simulator and {} live rollouts differ in {different} of {} measures.",
                conformity.live,
                conformity.measures.len()
            ),
            AnsiColor::Red,
        )
    };
    let shade = style(shade.on_default().bold());
    lines.extend(
        wrap(&sentence, "", width)
            .into_iter()
            .map(|line| format!("{shade}{line}{shade:#}")),
    );
    let terms = format!(
        "A measure differs when p is below {}, so that an honest simulator fails in {:.0} % of such \
         comparisons. Latencies may differ by {OVERHEAD} and {:.0} %, which sockets and wake-ups cost.",
        p_value(conformity.level()),
        100.0 * LEVEL,
        100.0 * OVERHEAD_SHARE,
    );
    lines.extend(wrap(&terms, "", width));
    lines.join("\n") + "\n"
}

fn p_value(p: f64) -> String {
    if p < 0.001 {
        format!("{p:.5}")
    } else {
        format!("{p:.3}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::conform::Measure;

    #[test]
    fn it_fits_and_ends_with_one_verdict() {
        let measure = |name: &str, p: f64, agrees: bool| Measure {
            name: name.to_owned(),
            live: "5-10-15-…-50-0 % (100 %)".to_owned(),
            simulated: "✓✓✓✓✓✓✓✓✓✗ (34 %)".to_owned(),
            p,
            agrees,
        };
        let note = |title: &str| ScenarioNote {
            name: "one".to_owned(),
            title: title.to_owned(),
            story: String::new(),
            world: String::new(),
            rollout: String::new(),
            rate: 20.0,
            source: String::new(),
        };
        let of = |measures| Conformity {
            measures,
            live: 10,
            simulated: 1_000,
        };
        let both = of(vec![
            measure("weights", 0.5, true),
            measure("share", 0.0001, false),
        ]);
        let text = conformity(&note("One"), &both, 100, false);
        assert!(
            text.lines().all(|line| line.chars().count() <= 100),
            "{text}"
        );
        assert!(text.contains("differ in 1 of 2 measures"), "{text}");
        let one = of(vec![measure("weights", 0.5, true)]);
        let text = conformity(&note("One"), &one, 100, false);
        assert!(text.contains("tells the truth here"), "{text}");
    }
}
