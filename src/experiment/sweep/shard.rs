//! One machine's share of a plan.

use std::fmt;
use std::str::FromStr;

/// A share: each `count`-th unit, from the `index`-th on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Which, from 0.
    pub index: u32,
    /// Of how many.
    pub count: u32,
}

impl Shard {
    /// The share with this index, from 0.
    ///
    /// # Errors
    /// When there is none.
    pub fn new(index: u32, count: u32) -> Result<Shard, String> {
        match (index, count) {
            (_, 0) => Err("nothing is shared out among 0 shards: write 1 or more".to_owned()),
            (index, count) if index >= count => Err(format!(
                "there is no shard of index {index} among {count}: they are 0 to {}",
                count - 1
            )),
            _ => Ok(Shard { index, count }),
        }
    }

    /// Whether the unit at this position of the plan is in it.
    pub fn takes(self, position: usize) -> bool {
        position % self.count as usize == self.index as usize
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", u64::from(self.index) + 1, self.count)
    }
}

impl FromStr for Shard {
    type Err = String;

    /// Reads `3/64`: the third of 64.
    fn from_str(text: &str) -> Result<Shard, String> {
        let numbers = text.split_once('/');
        let numbers = numbers.and_then(|(one, all)| Some((one.parse().ok()?, all.parse().ok()?)));
        let Some((number, count)): Option<(u32, u32)> = numbers else {
            return Err(format!(
                "`{text}` names no shard: write 3/64 for the third of 64"
            ));
        };
        if number == 0 || number > count {
            return Err(format!(
                "there is no shard {text}: they are 1/{count} to {count}/{count}"
            ));
        }
        Shard::new(number - 1, count)
    }
}

/// Ascending numbers as ranges: `3,17-19`.
pub fn ranges(numbers: impl IntoIterator<Item = usize>) -> String {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == number => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    let texts = ranges.into_iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first}-{last}"),
    });
    texts.collect::<Vec<String>>().join(",")
}

/// The same where numbers may come in equal steps, as shares of a plan do: `3, 7-239:4` is 3, 7, 11
/// and so on to 239.
pub fn steps(numbers: &[usize]) -> String {
    let mut texts = Vec::new();
    let mut rest = numbers;
    while let [first, after @ ..] = rest {
        let step = after.first().map_or(1, |second| second - first);
        let pairs = rest.windows(2);
        let length = 1 + pairs.take_while(|pair| pair[1] - pair[0] == step).count();
        // Two numbers at a distance are no row.
        let length = if length == 2 && step > 1 { 1 } else { length };
        let last = rest[length - 1];
        texts.push(match (length, step) {
            (1, _) => first.to_string(),
            (_, 1) => format!("{first}-{last}"),
            (_, step) => format!("{first}-{last}:{step}"),
        });
        rest = &rest[length..];
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_unit_is_in_one_shard() {
        for count in [1, 2, 7, 64] {
            let shards = (0..count).map(|index| Shard::new(index, count).unwrap());
            let shards: Vec<Shard> = shards.collect();
            for position in 0..200 {
                let takers = shards.iter().filter(|shard| shard.takes(position));
                assert_eq!(takers.count(), 1);
            }
        }
    }

    #[test]
    fn people_count_from_one_and_machines_from_zero() {
        let third = Shard::new(2, 64).unwrap();
        assert_eq!("3/64".parse(), Ok(third));
        assert_eq!(third.to_string(), "3/64");
        assert!("64/64".parse::<Shard>().is_ok());
        for wrong in ["0/64", "65/64", "3", "3/", "3/0", "-1/2", "a/b"] {
            assert!(wrong.parse::<Shard>().is_err(), "{wrong}");
        }
        assert!(Shard::new(64, 64).unwrap_err().contains("0 to 63"));
        assert!(Shard::new(0, 0).is_err());
    }

    #[test]
    fn neighbours_are_told_as_ranges() {
        assert_eq!(ranges([3, 17, 18, 19, 21]), "3,17-19,21");
        assert_eq!(ranges([0, 1]), "0-1");
        assert_eq!(ranges([]), "");
        assert_eq!(
            steps(&[3, 7, 11, 15, 16, 17, 18, 30, 90]),
            "3-15:4, 16-18, 30, 90"
        );
        assert_eq!(steps(&[1, 3]), "1, 3");
        assert_eq!(steps(&[]), "");
    }
}
