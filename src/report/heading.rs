//! What is played, above whatever is told of it on a terminal.

use anstyle::Style;

use super::wrap::{wrap, wrap_parts};
use crate::experiment::summary::ScenarioNote;

/// A scenario's title in bold, where there are colours.
pub(super) fn title(scenario: &ScenarioNote, width: usize, colour: bool) -> Vec<String> {
    let bold = if colour {
        Style::new().bold()
    } else {
        Style::new()
    };
    wrap(&scenario.title, "", width)
        .into_iter()
        .map(|line| format!("{bold}{line}{bold:#}"))
        .collect()
}

/// The same, with a line about the world and one about the rollout.
pub(super) fn heading(scenario: &ScenarioNote, width: usize, colour: bool) -> Vec<String> {
    let mut lines = title(scenario, width, colour);
    for line in [&scenario.world, &scenario.rollout] {
        lines.extend(wrap_parts(line, "  ", width));
    }
    lines
}
