//! Which shards to run, of how many.

use super::super::ranges;

/// Shards of a sweep: 0-based, each once, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shards {
    count: u32,
    /// `None`: all of them.
    chosen: Option<Vec<u32>>,
}

/// Shards for each slot where nobody says how many: with several, a slot that is done early takes
/// another one, and what a lost machine costs stays small.
const PER_SLOT: u32 = 4;

impl Shards {
    /// All of so many (at least one).
    pub fn all(count: u32) -> Shards {
        Shards {
            count: count.max(1),
            chosen: None,
        }
    }

    /// Some of so many; those that are not below `count` are left out.
    pub fn some(count: u32, chosen: impl IntoIterator<Item = u32>) -> Shards {
        let mut chosen: Vec<u32> = chosen.into_iter().filter(|one| *one < count).collect();
        chosen.sort_unstable();
        chosen.dedup();
        Shards {
            count,
            chosen: Some(chosen),
        }
    }

    /// How many to cut a plan of so many units into, where so many run at a time.
    pub fn sensible(units: u64, at_once: u32) -> u32 {
        let most = u32::try_from(units).unwrap_or(u32::MAX);
        at_once.saturating_mul(PER_SLOT).min(most).max(1)
    }

    /// Into how many the sweep is cut.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// How many of them are to run.
    pub fn len(&self) -> u32 {
        self.chosen
            .as_ref()
            .map_or(self.count, |chosen| chosen.len() as u32)
    }

    /// Whether there is none to run.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether all of them are to run.
    pub fn is_all(&self) -> bool {
        self.chosen.is_none()
    }

    /// Those to run.
    pub fn indices(&self) -> Vec<u32> {
        match &self.chosen {
            Some(chosen) => chosen.clone(),
            None => (0..self.count).collect(),
        }
    }

    /// The same as ranges, the words of Slurm's `--array`: `3,17-19`.
    pub fn ranges(&self) -> String {
        ranges(self.indices().into_iter().map(|index| index as usize))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_shard_runs_once() {
        assert_eq!(Shards::all(64).ranges(), "0-63");
        let some = Shards::some(64, [19, 3, 17, 18, 18, 64]);
        assert_eq!(some.ranges(), "3,17-19");
        assert_eq!((some.len(), some.is_all()), (4, false));
        assert_eq!(Shards::some(4, []).ranges(), "");
    }

    #[test]
    fn no_shard_goes_without_a_unit() {
        assert_eq!(Shards::sensible(1_000, 16), 64);
        assert_eq!(Shards::sensible(10, 16), 10);
        assert_eq!(Shards::sensible(0, 16), 1);
        assert_eq!(Shards::sensible(u64::MAX, u32::MAX), u32::MAX);
    }
}
