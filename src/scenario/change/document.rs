//! Changes in the scenario's own text.

use toml_edit::{DocumentMut, Item, Value};

use super::{Obstacle, Place, nearest};
use crate::manifest::edit::EditError;
use crate::manifest::place::{Path, Step};
use crate::scenario::Bundle;

impl Bundle {
    pub(super) fn change_own(
        &mut self,
        place: &Place,
        value: &toml::Value,
    ) -> Result<(), Obstacle> {
        if let Some(option) = self.overriding(place) {
            return Err(Obstacle::Overridden(option));
        }
        let text = self.text_of(&self.path)?;
        let mut document: DocumentMut = text
            .parse()
            .map_err(|error: toml_edit::TomlError| Obstacle::Toml(error.message().to_owned()))?;
        let new: Value = (value.to_string().parse())
            .map_err(|error: toml_edit::TomlError| Obstacle::Toml(error.message().to_owned()))?;
        set(document.as_item_mut(), place.path(), 0, new)?;
        let written = document.to_string();
        let mut wanted = toml::Value::Table(self.own_table()?);
        put(&mut wanted, place.path().steps(), value);
        let is_so = written
            .parse::<toml::Table>()
            .is_ok_and(|read| toml::Value::Table(read) == wanted);
        if !is_so {
            return Err(EditError::Shared(place.path().to_string()).into());
        }
        self.put(self.path.clone(), written);
        Ok(())
    }

    pub(super) fn own_value(&self, path: &Path) -> Result<Option<toml::Value>, Obstacle> {
        let own = toml::Value::Table(self.own_table()?);
        Ok(value_in(&own, path).cloned())
    }

    pub(super) fn own_table(&self) -> Result<toml::Table, Obstacle> {
        let text = self.text_of(&self.path)?;
        text.parse()
            .map_err(|error: toml::de::Error| Obstacle::Toml(error.message().to_owned()))
    }
}

/// What stands at a path in a value; `None` where nothing does.
pub(super) fn value_in<'v>(value: &'v toml::Value, path: &Path) -> Option<&'v toml::Value> {
    path.steps()
        .iter()
        .try_fold(value, |value, step| match (step, value) {
            (Step::Key(key) | Step::Named(key), toml::Value::Table(table)) => table.get(key),
            (Step::Item(index), toml::Value::Array(items)) => items.get(*index),
            (Step::Named(name), toml::Value::Array(items)) => items.iter().find(|item| {
                let own = item.get("name").or_else(|| item.get("kind"));
                own.and_then(toml::Value::as_str) == Some(name)
            }),
            _ => None,
        })
}

/// Sets what the steps from the `depth`th lead to; tables that are missing are added.
fn set(item: &mut Item, path: &Path, depth: usize, new: Value) -> Result<(), EditError> {
    let Some(step) = path.steps().get(depth) else {
        match item {
            Item::Value(old) => replace(old, new),
            other => *other = Item::Value(new),
        }
        return Ok(());
    };
    if let Item::Value(value) = item {
        return set_in_value(value, path, depth, new);
    }
    let kind = kind_of(item.type_name());
    match (step, item) {
        (Step::Key(key) | Step::Named(key), Item::Table(table)) => {
            let is_last = depth + 1 == path.steps().len();
            if !table.contains_key(key) {
                let next_is_key = matches!(path.steps().get(depth + 1), Some(Step::Key(_)));
                if !is_last && !next_is_key {
                    let names: Vec<String> =
                        table.iter().map(|(name, _)| name.to_owned()).collect();
                    return Err(missing(path, depth, &names));
                }
                let empty = match is_last {
                    true => Item::Value(new.clone()),
                    false => Item::Table(toml_edit::Table::new()),
                };
                table.insert(key, empty);
            }
            match table.get_mut(key) {
                Some(below) => set(below, path, depth + 1, new),
                None => Err(missing(path, depth, &[])),
            }
        }
        (step, Item::ArrayOfTables(tables)) => {
            let name_of = |table: &toml_edit::Table| {
                let name = table.get("name").or_else(|| table.get("kind"));
                name.and_then(Item::as_str).map(str::to_owned)
            };
            let names: Vec<Option<String>> = tables.iter().map(name_of).collect();
            let Some(index) = index_of(step, &names) else {
                return Err(missing(path, depth, &listed(names)));
            };
            let Some(table) = tables.get_mut(index) else {
                return Err(missing(path, depth, &listed(names)));
            };
            let mut below = Item::Table(std::mem::take(table));
            let done = set(&mut below, path, depth + 1, new);
            if let Item::Table(changed) = below {
                *table = changed;
            }
            done
        }
        (Step::Item(_), _) => Err(EditError::NotOne(above(path, depth), kind)),
        _ => Err(missing(path, depth, &[])),
    }
}

fn set_in_value(value: &mut Value, path: &Path, depth: usize, new: Value) -> Result<(), EditError> {
    let Some(step) = path.steps().get(depth) else {
        replace(value, new);
        return Ok(());
    };
    match (step, value) {
        (Step::Key(key) | Step::Named(key), Value::InlineTable(table)) => {
            if let Some(below) = table.get_mut(key) {
                return set_in_value(below, path, depth + 1, new);
            }
            if depth + 1 < path.steps().len() {
                let names: Vec<String> = table.iter().map(|(name, _)| name.to_owned()).collect();
                return Err(missing(path, depth, &names));
            }
            table.insert(key, new);
            Ok(())
        }
        (step, Value::Array(items)) => {
            let name_of = |item: &Value| {
                let table = item.as_inline_table()?;
                let name = table.get("name").or_else(|| table.get("kind"));
                name.and_then(Value::as_str).map(str::to_owned)
            };
            let names: Vec<Option<String>> = items.iter().map(name_of).collect();
            let item = index_of(step, &names).and_then(|index| items.get_mut(index));
            match item {
                Some(item) => set_in_value(item, path, depth + 1, new),
                None => Err(missing(path, depth, &listed(names))),
            }
        }
        _ => Err(missing(path, depth, &[])),
    }
}

/// What the text must say then.
fn put(value: &mut toml::Value, steps: &[Step], new: &toml::Value) {
    let Some((step, below)) = steps.split_first() else {
        *value = new.clone();
        return;
    };
    match (step, value) {
        (Step::Key(key) | Step::Named(key), toml::Value::Table(table)) => {
            let empty = || toml::Value::Table(toml::Table::new());
            put(table.entry(key.clone()).or_insert_with(empty), below, new);
        }
        (step, toml::Value::Array(items)) => {
            let name_of = |item: &toml::Value| {
                let name = item.get("name").or_else(|| item.get("kind"))?;
                name.as_str().map(str::to_owned)
            };
            let names: Vec<Option<String>> = items.iter().map(name_of).collect();
            if let Some(item) = index_of(step, &names).and_then(|index| items.get_mut(index)) {
                put(item, below, new);
            }
        }
        _ => {}
    }
}

/// The spaces and comments around a value stay.
fn replace(old: &mut Value, mut new: Value) {
    *new.decor_mut() = old.decor().clone();
    *old = new;
}

fn index_of(step: &Step, names: &[Option<String>]) -> Option<usize> {
    match step {
        Step::Item(index) => (*index < names.len()).then_some(*index),
        Step::Named(name) => names.iter().position(|own| own.as_ref() == Some(name)),
        Step::Key(_) => None,
    }
}

fn listed(names: Vec<Option<String>>) -> Vec<String> {
    let names = names.into_iter().enumerate();
    names
        .map(|(index, name)| name.unwrap_or_else(|| index.to_string()))
        .collect()
}

fn kind_of(name: &str) -> &'static str {
    match name {
        "table" => "a table",
        _ => "something else",
    }
}

fn above(path: &Path, depth: usize) -> String {
    let steps = path.steps()[..depth].to_vec();
    Path::new(steps).map_or(String::new(), |path| path.to_string())
}

fn missing(path: &Path, depth: usize, names: &[String]) -> EditError {
    let wanted = match path.steps().get(depth) {
        Some(Step::Key(key) | Step::Named(key)) => key.clone(),
        Some(Step::Item(index)) => index.to_string(),
        None => String::new(),
    };
    let valid: Vec<&str> = names.iter().map(String::as_str).collect();
    EditError::Missing {
        missing: above(path, (depth + 1).min(path.steps().len())),
        nearest: nearest(&wanted, &valid).map(str::to_owned),
    }
}
