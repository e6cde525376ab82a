//! Label sets.

use std::fmt;
use std::sync::Arc;

use promql_parser::util::escape_string;

/// The label with the metric's name.
pub(super) const NAME: &str = "__name__";

/// A label set: names and values in order of name, none of them empty. Cheap to copy.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Labels(Arc<[(Box<str>, Box<str>)]>);

impl Labels {
    /// These labels; those without a value are left out, which is the same, and of several with one
    /// name the last stays.
    pub fn new<N: AsRef<str>, V: AsRef<str>>(labels: impl IntoIterator<Item = (N, V)>) -> Labels {
        let mut list: Vec<(Box<str>, Box<str>)> = Vec::new();
        for (name, value) in labels {
            let (name, value) = (name.as_ref(), value.as_ref());
            list.retain(|(other, _)| **other != *name);
            if !value.is_empty() {
                list.push((name.into(), value.into()));
            }
        }
        list.sort();
        Labels(list.into())
    }

    /// None at all.
    pub fn none() -> Labels {
        Labels(Arc::new([]))
    }

    /// The value of a label; empty when it has none.
    pub fn get(&self, name: &str) -> &str {
        let found = self.0.binary_search_by(|(other, _)| (**other).cmp(name));
        found.map_or("", |place| &self.0[place].1)
    }

    /// Names and values, in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Those that are listed.
    #[must_use]
    pub(super) fn only(&self, names: &[String]) -> Labels {
        self.keep(|name| names.iter().any(|other| other == name))
    }

    /// Those that are not listed, and not the metric's name.
    #[must_use]
    pub(super) fn without(&self, names: &[String]) -> Labels {
        self.keep(|name| name != NAME && !names.iter().any(|other| other == name))
    }

    /// All but the metric's name.
    #[must_use]
    pub(super) fn nameless(&self) -> Labels {
        self.keep(|name| name != NAME)
    }

    /// The same with one label set, or without it where the value is empty.
    #[must_use]
    pub(super) fn with(&self, name: &str, value: &str) -> Labels {
        Labels::new(self.iter().chain([(name, value)]))
    }

    fn keep(&self, mut keep: impl FnMut(&str) -> bool) -> Labels {
        let kept = self.0.iter().filter(|(name, _)| keep(name)).cloned();
        Labels(kept.collect())
    }
}

/// As Prometheus writes it: `name{a="b", c="d"}`.
impl fmt::Display for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.get(NAME);
        f.write_str(name)?;
        let mut labels = self.iter().filter(|(name, _)| *name != NAME).peekable();
        if labels.peek().is_none() && !name.is_empty() {
            return Ok(());
        }
        f.write_str("{")?;
        for (place, (name, value)) in labels.enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{name}=\"{}\"", escape_string(value))?;
        }
        f.write_str("}")
    }
}

impl fmt::Debug for Labels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_without_a_value_is_no_label() {
        let labels = Labels::new([("b", "1"), ("a", ""), (NAME, "x"), ("b", "2")]);
        assert_eq!(labels.to_string(), r#"x{b="2"}"#);
        assert_eq!(labels.get("a"), "");
        assert_eq!(labels.with("b", "").to_string(), "x");
        assert_eq!(labels.nameless().with("b", "").to_string(), "{}");
    }
}
