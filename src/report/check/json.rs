//! What came of checks, for programs.

use serde_json::{Value, json};

use super::{changes, reason};
use crate::experiment::check::baseline::Baseline;
use crate::experiment::check::{Checked, Clause};

/// Version of the format; raised when a reader of an older one would misread.
const FORMAT: u32 = 1;

/// All checks with their figures: shares from 0 to 1, times in seconds. A time that never came, and an
/// end that the trials do not set, are `null`.
pub fn check_json(all: &[Checked], strict: bool) -> Value {
    json!({
        "format": FORMAT,
        "program": env!("CARGO_PKG_VERSION"),
        "strict": strict,
        "passes": all.iter().all(|one| one.passes(strict)),
        "scenarios": all.iter().map(|one| scenario(one, strict)).collect::<Vec<Value>>(),
    })
}

fn scenario(checked: &Checked, strict: bool) -> Value {
    json!({
        "name": checked.scenario.name,
        "file": checked.file,
        "passes": checked.passes(strict),
        "complete": checked.complete,
        // It may exceed what JSON numbers hold.
        "seed": checked.seed.to_string(),
        "engine": checked.engine.name,
        "trials": checked.trials,
        "most_trials": checked.most_trials,
        "clauses": checked.clauses.iter().map(clause).collect::<Vec<Value>>(),
        "baseline": checked.baseline.as_ref().map(|one| baseline(checked, one)),
        "warnings": checked.warnings,
    })
}

fn clause(clause: &Clause) -> Value {
    let (that, of) = (&clause.expected.that, &clause.measured);
    json!({
        "clause": that.to_string(),
        "why": clause.expected.why,
        "line": clause.expected.line,
        "outcome": clause.outcome,
        "reason": reason(clause),
        "bound": that.bound,
        "estimate": of.estimate,
        "low": of.low,
        "high": of.high,
        "confidence": clause.confidence,
        "trials": of.trials,
        "rounds": clause.rounds,
    })
}

fn baseline(checked: &Checked, of: &Baseline) -> Value {
    json!({
        "folder": checked.folder,
        "seed": of.seed,
        "program": of.program,
        "level": of.level,
        "tolerance": of.tolerance,
        "worse": of.regressions().count(),
        "changes": changes(of),
        "comparisons": of.comparisons,
        "gone": of.gone,
    })
}
