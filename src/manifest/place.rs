//! Where a value stands in a tree of maps and lists: `spec.analysis.metrics[0].interval`.

use std::fmt;
use std::str::FromStr;

/// One step down a tree.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// The value of a map's key.
    Key(String),
    /// An item of a list, from 0.
    Item(usize),
    /// The item of a list whose `name` (or `kind`) this is, or the key of a map that no plain step
    /// can write.
    Named(String),
}

/// The steps from the root of a document to a value; at least one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path(Vec<Step>);

/// Why a text is no path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{text}` is no place: write names with dots between them and list items in brackets, \
     like spec.analysis.metrics[0].interval or steps[2].hold"
)]
pub struct PathError {
    /// What was written.
    pub text: String,
}

impl Path {
    /// A path of these steps; `None` of none.
    pub fn new(steps: Vec<Step>) -> Option<Path> {
        (!steps.is_empty()).then_some(Path(steps))
    }

    /// The steps in order, from the root.
    pub fn steps(&self) -> &[Step] {
        &self.0
    }

    /// Whether it is this place or one below it, names and numbers of items told apart.
    pub fn is_within(&self, above: &str) -> bool {
        let own = self.to_string();
        let rest = own.strip_prefix(above);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
    }
}

impl FromStr for Path {
    type Err = PathError;

    fn from_str(text: &str) -> Result<Path, PathError> {
        let error = || PathError {
            text: text.to_owned(),
        };
        let (mut steps, mut rest) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            if let Some(inside) = rest.strip_prefix('[') {
                let (item, after) = inside.split_once(']').ok_or_else(error)?;
                let item = item.trim();
                let number = item.parse().map(Step::Item);
                steps.push(number.unwrap_or_else(|_| Step::Named(item.to_owned())));
                if item.is_empty() || !(after.is_empty() || after.starts_with(['.', '['])) {
                    return Err(error());
                }
                rest = after;
                continue;
            }
            let name = match (steps.is_empty(), rest.strip_prefix('.')) {
                (true, None) => rest,
                (false, Some(name)) => name,
                _ => return Err(error()),
            };
            let end = name.find(['.', '[']).unwrap_or(name.len());
            let (key, after) = name.split_at(end);
            let is_plain = |c: char| !c.is_whitespace() && !"=:,]\"'".contains(c);
            if key.is_empty() || !key.chars().all(is_plain) {
                return Err(error());
            }
            steps.push(Step::Key(key.to_owned()));
            rest = after;
        }
        Path::new(steps).ok_or_else(error)
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => f.write_str(key)?,
                Step::Key(key) => write!(f, ".{key}")?,
                Step::Item(item) => write!(f, "[{item}]")?,
                Step::Named(name) => write!(f, "[{name}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        for text in [
            "traffic.rate",
            "rollout.gates[0].min",
            "spec.analysis.metrics[request-success-rate].thresholdRange.min",
            "metadata.annotations[nginx.ingress.kubernetes.io/canary]",
            "a[0][1]",
        ] {
            assert_eq!(text.parse::<Path>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_no_place_is_refused() {
        for text in ["", ".a", "a..b", "a[", "a[]", "a[0]b", "a b", "a=b", "a."] {
            let error = text.parse::<Path>().unwrap_err().to_string();
            assert!(error.contains("is no place"), "{text}: {error}");
        }
    }

    #[test]
    fn places_are_within_those_above() {
        let place: Path = "rollout.gates[0].min".parse().unwrap();
        assert!(place.is_within("rollout"));
        assert!(place.is_within("rollout.gates"));
        assert!(!place.is_within("roll"));
        assert!(!place.is_within("rollout.gates[1]"));
    }
}
