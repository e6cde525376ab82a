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
pub enum PathError {
    /// It is not written like one.
    #[error(
        "`{0}` is no place: write names with dots between them and list items in brackets, \
         like spec.analysis.metrics[0].interval or steps[2].hold"
    )]
    Malformed(String),
    /// It goes deeper than any document.
    #[error(
        "`{0}…` is no place: it goes down more than {most} steps, and nothing lies deeper; write \
         one like spec.analysis.metrics[0].interval",
        most = Path::MOST_STEPS
    )]
    Deep(String),
}

impl Path {
    /// The most steps of a path that is read. Whoever walks down a document may go one call deeper with
    /// each.
    pub const MOST_STEPS: usize = 32;

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
        /// Characters of a long text that tell which one it is.
        const BEGIN: usize = 40;
        let error = || PathError::Malformed(text.to_owned());
        let (mut steps, mut rest) = (Vec::new(), text.trim());
        while !rest.is_empty() {
            if steps.len() == Path::MOST_STEPS {
                let begin = text.trim().chars().take(BEGIN).collect();
                return Err(PathError::Deep(begin));
            }
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
    fn a_place_has_so_many_steps_at_most() {
        let steps = |count: usize| vec!["a"; count].join(".");
        let most = steps(Path::MOST_STEPS).parse::<Path>().unwrap();
        assert_eq!(most.steps().len(), Path::MOST_STEPS);
        for text in [
            steps(Path::MOST_STEPS + 1),
            steps(2_500),
            format!("a{}", "[0]".repeat(Path::MOST_STEPS)),
        ] {
            let error = text.parse::<Path>().unwrap_err();
            assert!(matches!(error, PathError::Deep(_)), "{error}");
            let error = error.to_string();
            assert!(error.contains("more than 32 steps"), "{error}");
            assert!(error.len() < 250, "{error}");
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
