//! The inputs of one method: read by type, with everything that is wrong with them collected.

use std::ops::Range;

use super::places::{self, Entry};
use crate::base::Problem;

/// The inputs of one record. A method asks for each of its inputs before it gives up on any, so
/// that all that is wrong is found at once; whatever it does not ask for is unknown to it.
#[derive(Debug)]
pub(super) struct Inputs<'t> {
    text: &'t str,
    /// Where to point when something is missing.
    place: Range<usize>,
    entries: Vec<Entry>,
    asked: Vec<&'static str>,
    problems: Vec<Problem>,
}

const A_COUNT: &str = "a whole number from 0 to 1000000000";
const A_NUMBER: &str = "a finite number";
const A_LEVEL: &str = "a number between 0 and 1, both excluded";

/// A whole number above this is refused: its exact chances would take minutes.
const MOST: u64 = 1_000_000_000;

impl<'t> Inputs<'t> {
    /// The inputs that the object in `span` of a valid JSON text gives.
    pub(super) fn new(text: &'t str, span: &Range<usize>, place: Range<usize>) -> Inputs<'t> {
        let entries = places::entries(text, span);
        let mut problems = Vec::new();
        for (number, entry) in entries.iter().enumerate() {
            if entries[..number].iter().any(|other| other.key == entry.key) {
                let message = format!("`{}` is given twice", entry.key);
                problems.push(
                    Problem::error(message, Some(entry.key_span.clone())).help("give it once"),
                );
            }
        }
        Inputs {
            text,
            place,
            entries,
            asked: Vec::new(),
            problems,
        }
    }

    /// Everything that is wrong, in order of place, with the inputs that nobody asked for.
    pub(super) fn finish(mut self, method: &str) -> Vec<Problem> {
        let valid: Vec<String> = (self.asked.iter())
            .map(|name| format!("`{name}`"))
            .collect();
        let valid = valid.join(", ");
        for entry in &self.entries {
            if !self.asked.contains(&entry.key.as_str()) {
                let message = format!("`{}` is no input of {method}", entry.key);
                let place = Some(entry.key_span.clone());
                let help = format!("it takes {valid}");
                self.problems
                    .push(Problem::error(message, place).help(help));
            }
        }
        self.problems
            .sort_by_key(|problem| problem.span.as_ref().map_or(0, |span| span.start));
        self.problems
    }

    /// Notes that the value of an input will not do.
    pub(super) fn refuse(&mut self, name: &'static str, message: &str, valid: &str) {
        let place = self.find(name).unwrap_or_else(|| self.place.clone());
        self.refuse_at(name, place, message, valid);
    }

    /// Whether an input is given: for those that may be left out.
    pub(super) fn has(&mut self, name: &'static str) -> bool {
        self.ask(name);
        self.find(name).is_some()
    }

    /// A whole number from 0.
    pub(super) fn count(&mut self, name: &'static str) -> Option<u64> {
        let place = self.required(name, A_COUNT)?;
        self.count_at(name, place)
    }

    /// A whole number from `least`.
    pub(super) fn count_from(&mut self, name: &'static str, least: u64) -> Option<u64> {
        let count = self.count(name)?;
        if count < least {
            let valid = format!("a whole number from {least}");
            self.refuse(name, &format!("is {count}, too few"), &valid);
            return None;
        }
        Some(count)
    }

    /// How many of how many: the first may not be larger than the second.
    pub(super) fn hits(&mut self, hits: &'static str, trials: &'static str) -> Option<(u64, u64)> {
        let (x, n) = (self.count(hits), self.count_from(trials, 1));
        let (x, n) = (x?, n?);
        if x > n {
            let message = format!("is {x}, more than `{trials}`, which is {n}");
            self.refuse(hits, &message, &format!("a whole number from 0 to {n}"));
            return None;
        }
        Some((x, n))
    }

    /// A list of whole numbers from 0, at least one.
    pub(super) fn counts(&mut self, name: &'static str) -> Option<Vec<u64>> {
        let places = self.list(name, "a list of whole numbers from 0")?;
        let counts: Vec<_> = (places.into_iter())
            .map(|place| self.count_at(name, place))
            .collect();
        counts.into_iter().collect()
    }

    /// A list of rows, each of as many whole numbers from 0, at least one row.
    pub(super) fn rows<const N: usize>(
        &mut self,
        name: &'static str,
        columns: [&str; N],
    ) -> Option<Vec<[u64; N]>> {
        let valid = format!("rows of {N} whole numbers from 0: {}", columns.join(", "));
        let places = self.list(name, &format!("a list of {valid}"))?;
        let rows: Vec<Option<[u64; N]>> = (places.into_iter())
            .map(|place| self.row(name, place, &valid))
            .collect();
        rows.into_iter().collect()
    }

    fn row<const N: usize>(
        &mut self,
        name: &'static str,
        place: Range<usize>,
        valid: &str,
    ) -> Option<[u64; N]> {
        let parts = match self.text[place.clone()].starts_with('[') {
            true => places::elements(self.text, &place),
            false => Vec::new(),
        };
        if parts.len() != N {
            let shown = self.shown(&place);
            self.refuse_at(name, place, &format!("has the row {shown}"), valid);
            return None;
        }
        let mut row = [Some(0); N];
        for (count, part) in row.iter_mut().zip(parts) {
            *count = self.count_at(name, part);
        }
        let whole: Option<Vec<u64>> = row.into_iter().collect();
        whole?.try_into().ok()
    }

    /// The names of the columns of rows: an input that may be left out, and has one valid value.
    pub(super) fn columns(&mut self, columns: &[&str]) -> Option<()> {
        const NAME: &str = "columns";
        if !self.has(NAME) {
            return Some(());
        }
        let place = self.required(NAME, "")?;
        let named: Option<Vec<String>> = serde_json::from_str(&self.text[place.clone()]).ok();
        if named.is_some_and(|named| named == columns) {
            return Some(());
        }
        let shown = self.shown(&place);
        let valid = format!("[\"{}\"], or leave it out", columns.join("\", \""));
        self.refuse_at(NAME, place, &format!("is {shown}"), &valid);
        None
    }

    /// A finite number.
    pub(super) fn number(&mut self, name: &'static str) -> Option<f64> {
        let place = self.required(name, A_NUMBER)?;
        self.number_at(name, place, A_NUMBER)
    }

    /// A finite number for which `holds` is true; `valid` says in words which are.
    pub(super) fn number_where(
        &mut self,
        name: &'static str,
        valid: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Option<f64> {
        let place = self.required(name, valid)?;
        let number = self.number_at(name, place.clone(), valid)?;
        if !holds(number) {
            self.refuse_at(name, place, &format!("is {number}"), valid);
            return None;
        }
        Some(number)
    }

    /// A number above zero.
    pub(super) fn positive(&mut self, name: &'static str) -> Option<f64> {
        self.number_where(name, "a number above 0", |number| number > 0.0)
    }

    /// A level, a confidence or a share that can be neither 0 nor 1.
    pub(super) fn level(&mut self, name: &'static str) -> Option<f64> {
        self.number_where(name, A_LEVEL, |number| number > 0.0 && number < 1.0)
    }

    /// A share from 0 to 1.
    pub(super) fn share(&mut self, name: &'static str) -> Option<f64> {
        let valid = "a number from 0 to 1";
        self.number_where(name, valid, |number| (0.0..=1.0).contains(&number))
    }

    /// Finite numbers, at least one.
    pub(super) fn sample(&mut self, name: &'static str) -> Option<Vec<f64>> {
        self.sample_where(name, A_NUMBER, |_| true)
    }

    /// Finite numbers, at least one, for each of which `holds` is true.
    pub(super) fn sample_where(
        &mut self,
        name: &'static str,
        valid: &str,
        holds: impl Fn(f64) -> bool,
    ) -> Option<Vec<f64>> {
        let places = self.list(name, "a list of finite numbers, at least one")?;
        let mut numbers = Vec::with_capacity(places.len());
        let mut whole = true;
        for place in places {
            match self.number_at(name, place.clone(), valid) {
                Some(number) if holds(number) => numbers.push(number),
                Some(number) => {
                    self.refuse_at(name, place, &format!("has the value {number}"), valid);
                    whole = false;
                }
                None => whole = false,
            }
        }
        whole.then_some(numbers)
    }

    /// Finite numbers, at least one: a list, or as a text `integers A..B` those from A to B.
    pub(super) fn sample_or_integers(&mut self, name: &'static str) -> Option<Vec<f64>> {
        const VALID: &str = "a list of finite numbers, at least one, or \"integers A..B\" with at \
                             most a million from A to B";
        let place = self.required(name, VALID)?;
        if !self.text[place.clone()].starts_with('"') {
            return self.sample(name);
        }
        let word: Option<String> = serde_json::from_str(&self.text[place.clone()]).ok();
        let range = word.as_deref().and_then(|word| {
            let (first, last) = word.strip_prefix("integers ")?.split_once("..")?;
            Some((first.parse::<i32>().ok()?, last.parse::<i32>().ok()?))
        });
        match range {
            Some((first, last))
                if (0..1_000_000).contains(&(i64::from(last) - i64::from(first))) =>
            {
                Some((first..=last).map(f64::from).collect())
            }
            _ => {
                let shown = self.shown(&place);
                self.refuse_at(name, place, &format!("is {shown}"), VALID);
                None
            }
        }
    }

    /// True or false.
    pub(super) fn flag(&mut self, name: &'static str) -> Option<bool> {
        let place = self.required(name, "true or false")?;
        let flag = serde_json::from_str(&self.text[place.clone()]).ok();
        if flag.is_none() {
            let shown = self.shown(&place);
            self.refuse_at(name, place, &format!("is {shown}"), "true or false");
        }
        flag
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(
        &mut self,
        name: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let words: Vec<String> = (choices.iter())
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let valid = words.join(" or ");
        let place = self.required(name, &valid)?;
        let word: Option<String> = serde_json::from_str(&self.text[place.clone()]).ok();
        let chosen = choices
            .iter()
            .find(|(choice, _)| word.as_deref() == Some(choice));
        if chosen.is_none() {
            let shown = self.shown(&place);
            self.refuse_at(name, place, &format!("is {shown}"), &valid);
        }
        chosen.map(|(_, value)| *value)
    }

    fn ask(&mut self, name: &'static str) {
        if !self.asked.contains(&name) {
            self.asked.push(name);
        }
    }

    fn find(&self, name: &str) -> Option<Range<usize>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(entry.value.clone())
    }

    fn required(&mut self, name: &'static str, valid: &str) -> Option<Range<usize>> {
        self.ask(name);
        let found = self.find(name);
        if found.is_none() {
            self.refuse_at(name, self.place.clone(), "is missing", valid);
        }
        found
    }

    fn list(&mut self, name: &'static str, valid: &str) -> Option<Vec<Range<usize>>> {
        let place = self.required(name, valid)?;
        if !self.text[place.clone()].starts_with('[') {
            let shown = self.shown(&place);
            self.refuse_at(name, place, &format!("is {shown}"), valid);
            return None;
        }
        let elements = places::elements(self.text, &place);
        if elements.is_empty() {
            self.refuse_at(name, place, "is empty", valid);
            return None;
        }
        Some(elements)
    }

    fn count_at(&mut self, name: &'static str, place: Range<usize>) -> Option<u64> {
        let number = parse(&self.text[place.clone()]);
        let whole =
            number.filter(|number| number.fract() == 0.0 && (0.0..=MOST as f64).contains(number));
        if whole.is_none() {
            let shown = self.shown(&place);
            let why = match number {
                Some(number) if number < 0.0 => ", less than nothing",
                Some(number) if number > MOST as f64 => ", more than can be counted",
                Some(_) => ", not a whole number",
                None => "",
            };
            self.refuse_at(name, place, &format!("is {shown}{why}"), A_COUNT);
        }
        whole.map(|number| number as u64)
    }

    fn number_at(&mut self, name: &'static str, place: Range<usize>, valid: &str) -> Option<f64> {
        let number = parse(&self.text[place.clone()]).filter(|number| number.is_finite());
        if number.is_none() {
            let shown = self.shown(&place);
            self.refuse_at(name, place, &format!("is {shown}"), valid);
        }
        number
    }

    fn refuse_at(&mut self, name: &str, place: Range<usize>, message: &str, valid: &str) {
        let problem = Problem::error(format!("`{name}` {message}"), Some(place));
        self.problems.push(problem.help(format!("write {valid}")));
    }

    /// The value as it is written, cut where it is long.
    fn shown(&self, place: &Range<usize>) -> String {
        const LONG: usize = 40;
        let text = &self.text[place.clone()];
        match text.char_indices().nth(LONG) {
            None => text.to_owned(),
            Some((end, _)) => format!("{}…", &text[..end]),
        }
    }
}

/// A number, or one of the words for an infinite one.
fn parse(text: &str) -> Option<f64> {
    match text {
        "\"inf\"" | "Infinity" => Some(f64::INFINITY),
        "\"-inf\"" | "-Infinity" => Some(f64::NEG_INFINITY),
        _ => serde_json::from_str(text).ok(),
    }
}
