//! What is to be tuned: what must hold, what may move, what to make small, and against which faults.

use std::fmt;
use std::str::FromStr;

use super::change::{self, Change, Place};
use super::fault;
use super::names::Known;
use super::reader::{Table, Value};
use super::{Expectation, Metric};
use crate::base::{ParseSpanError, Span};
use crate::model::fault::{Fault, Target};

/// More than this at one place is a search of its own.
const MOST_VALUES: usize = 200;

/// What a scenario, or a command line, says about tuning its rollout. Whatever is left out is filled
/// in by the tuner.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Tune {
    /// What must hold of every rollout worth choosing.
    pub require: Vec<Expectation>,
    /// What to make small among those; all of them together make a front.
    pub minimise: Vec<Aim>,
    /// What may move.
    pub moves: Vec<Move>,
    /// The bad releases, each with one of these faults; none: the scenario's own canary.
    pub faults: Vec<Fault>,
}

/// What to make small.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aim {
    /// Failed or slowed requests of users until a bad release ends, on average.
    Exposure,
    /// Time until a good release is promoted, on average.
    Time,
}

/// A place and the values that it may take.
#[derive(Debug, Clone, PartialEq)]
pub struct Move {
    /// Where.
    pub place: Place,
    /// The values, at least one.
    pub values: Vec<toml::Value>,
}

/// Why a text is no move.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum MoveError {
    /// The place.
    #[error(transparent)]
    Place(#[from] change::PlaceError),
    /// The values.
    #[error("{0}: {1}")]
    Values(String, &'static str),
}

/// What to write for values.
const VALUES: &str =
    "write values with commas, like 1,2,5, or a range, like 1..5 or 30s..2m by 30s";

impl FromStr for Aim {
    type Err = String;

    fn from_str(text: &str) -> Result<Aim, String> {
        match text.trim() {
            "exposure" => Ok(Aim::Exposure),
            "time" => Ok(Aim::Time),
            other => Err(format!(
                "`{other}` cannot be made small: {}",
                super::report::advice(other, &["exposure", "time"])
            )),
        }
    }
}

impl fmt::Display for Aim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Aim::Exposure => "exposure",
            Aim::Time => "time",
        })
    }
}

impl FromStr for Move {
    type Err = MoveError;

    /// `rollout.interval=30s,1m` or `flagger:spec.analysis.threshold=1..5`.
    fn from_str(text: &str) -> Result<Move, MoveError> {
        let (place, values) = text
            .split_once('=')
            .ok_or_else(|| MoveError::Values(format!("`{text}` moves nothing"), VALUES))?;
        let read = match range(values)? {
            Some(values) => values,
            None => listed(values),
        };
        if read.is_empty() {
            return Err(MoveError::Values(format!("`{text}` has no values"), VALUES));
        }
        Ok(Move {
            place: place.parse()?,
            values: read,
        })
    }
}

/// Values between commas; a list in brackets is one value.
fn listed(text: &str) -> Vec<toml::Value> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '[' | '{' => depth += 1,
            ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    let parts = parts.into_iter().filter(|part| !part.trim().is_empty());
    parts.map(change::value).collect()
}

/// `1..5`, `0.5%..2% by 0.5%`, `30s..2m by 30s`; `None` where it is no range.
fn range(text: &str) -> Result<Option<Vec<toml::Value>>, MoveError> {
    let Some((from, rest)) = text.split_once("..") else {
        return Ok(None);
    };
    let (to, by) = match rest.split_once(" by ") {
        Some((to, by)) => (to.trim(), Some(by.trim())),
        None => (rest.trim(), None),
    };
    let error = |why| MoveError::Values(format!("`{}` is no range", text.trim()), why);
    let from = from.trim();
    if let (Ok(low), Ok(high)) = (from.parse::<Span>(), to.parse::<Span>()) {
        let by = by.ok_or_else(|| error("say in which steps, like 30s..2m by 30s"))?;
        let by = by.parse().map_err(|_: ParseSpanError| error(VALUES))?;
        let count = steps(low.as_secs_f64(), high.as_secs_f64(), Span::as_secs_f64(by));
        let count = count.ok_or_else(|| error(VALUES))?;
        let at = |step: u64| low + by * step;
        let values = (0..count).map(|step| toml::Value::String(at(step).to_string()));
        return Ok(Some(values.collect()));
    }
    let unit = from.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-');
    let number = |text: &str| text.strip_suffix(unit)?.trim().parse::<f64>().ok();
    let by = by.map_or(Some(1.0), number);
    let ends = number(from).zip(number(to)).zip(by);
    let ((low, high), by) = ends.ok_or_else(|| error(VALUES))?;
    let count = steps(low, high, by).ok_or_else(|| error(VALUES))?;
    let value = |step: u64| {
        // Without float dust: 0.1 + 2 × 0.1 is written 0.3.
        let number = ((low + by * step as f64) * 1e9).round() / 1e9;
        change::value(&format!("{number}{unit}"))
    };
    Ok(Some((0..count).map(value).collect()))
}

fn steps(low: f64, high: f64, by: f64) -> Option<u64> {
    let count = ((high - low) / by + 1e-9).floor();
    (by > 0.0 && count >= 0.0 && count < MOST_VALUES as f64).then_some(count as u64 + 1)
}

/// Whether the tuner can judge a clause by its trials.
///
/// # Errors
/// Why not.
pub fn tunable(clause: &Expectation) -> Result<(), String> {
    match clause.metric {
        Metric::ExposedAfter => Err(format!(
            "`{clause}` cannot be required: nobody looks on after the end of a rollout that is tuned; \
             require exposure.requests or exposure.users"
        )),
        _ => Ok(()),
    }
}

/// The section as it is written.
pub(super) fn read(mut table: Table<'_>, known: &Known) -> Option<Tune> {
    let require = match table.get("require") {
        None => Some(Vec::new()),
        Some(value) => each(&value, |item| {
            let clause: Expectation = item.quantity()?;
            match tunable(&clause) {
                Ok(()) => Some(clause),
                Err(why) => {
                    item.refuse(why, "");
                    None
                }
            }
        }),
    };
    let minimise = match table.get("minimise") {
        None => Some(Vec::new()),
        Some(value) if value.is_list() => each(&value, Value::quantity),
        Some(value) => value.quantity().map(|aim| vec![aim]),
    };
    let moves = match table.get("move") {
        None => Some(Vec::new()),
        Some(value) => read_moves(&value),
    };
    let faults = match table.get("faults") {
        None => Some(Vec::new()),
        Some(value) => fault::read(&value, Target::Canary, known),
    };
    table.finish();
    Some(Tune {
        require: require?,
        minimise: minimise?,
        moves: moves?,
        faults: faults?,
    })
}

/// Reads every item before giving up, so that all problems are found.
fn each<'r, T>(list: &Value<'r>, read: impl Fn(&Value<'r>) -> Option<T>) -> Option<Vec<T>> {
    let read: Vec<Option<T>> = list.list()?.iter().map(read).collect();
    read.into_iter().collect()
}

fn read_moves(value: &Value<'_>) -> Option<Vec<Move>> {
    let mut moves = Vec::new();
    let mut sound = true;
    for (name, value) in value.entries()? {
        let place = name.parse::<Place>();
        let values = match (value.is_list(), value.text()) {
            (true, _) => (value.list()?.iter())
                .map(|item| Ok(item.plain()))
                .collect(),
            (false, Some(text)) => match range(text) {
                Ok(Some(values)) => values.into_iter().map(Ok).collect(),
                Ok(None) => vec![Ok(value.plain())],
                Err(error) => vec![Err(error.to_string())],
            },
            (false, None) => vec![Ok(value.plain())],
        };
        let values: Result<Vec<toml::Value>, String> = values.into_iter().collect();
        match (place, values) {
            (Ok(place), Ok(values)) if !values.is_empty() && values.len() <= MOST_VALUES => {
                moves.push(Move { place, values });
            }
            (Err(error), _) => {
                value.refuse(error, "name a place, like \"rollout.interval\"");
                sound = false;
            }
            (_, Err(error)) => {
                value.refuse(error, VALUES);
                sound = false;
            }
            (Ok(_), Ok(values)) => {
                let count = values.len();
                value.refuse(
                    format_args!("{count} values cannot be tried"),
                    format_args!("write 1 to {MOST_VALUES} values"),
                );
                sound = false;
            }
        }
    }
    sound.then_some(moves)
}

/// The changes of a move, one for each value.
impl Move {
    /// One change for each value.
    pub fn changes(&self) -> impl Iterator<Item = Change> {
        self.values.iter().map(|value| Change {
            place: self.place.clone(),
            value: value.clone(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        let read: Move = format!("rollout.x={text}").parse().unwrap();
        read.values.iter().map(change::shown).collect()
    }

    #[test]
    fn values_are_listed_or_stepped_through() {
        assert_eq!(values("1,2,5"), ["1", "2", "5"]);
        assert_eq!(values("30s, 1m"), ["30s", "1m"]);
        assert_eq!(values("1..4"), ["1", "2", "3", "4"]);
        assert_eq!(values("99..100 by 0.5"), ["99", "99.5", "100"]);
        assert_eq!(values("0.1%..0.3% by 0.1%"), ["0.1%", "0.2%", "0.3%"]);
        assert_eq!(values("30s..2m by 30s"), ["30s", "1m", "1m30s", "2m"]);
        assert_eq!(values("[1, 2],[3]"), ["[1, 2]", "[3]"]);
    }

    #[test]
    fn what_is_no_move_is_refused_with_what_would_be() {
        for (text, words) in [
            ("rollout.x", "like 1,2,5"),
            ("rollout.x=", "has no values"),
            ("rollout.x=5..1", "is no range"),
            ("rollout.x=1m..5m", "in which steps"),
            ("rollout.x=1..1000000", "is no range"),
            ("flager:x=1", "did you mean `flagger`?"),
        ] {
            let error = text.parse::<Move>().unwrap_err().to_string();
            assert!(error.contains(words), "{text}: {error}");
        }
        assert!(
            "exposre"
                .parse::<Aim>()
                .unwrap_err()
                .contains("did you mean `exposure`?")
        );
    }
}
