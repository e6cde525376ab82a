//! What a block of trials came to, as the record of a unit: whole numbers in JSON, so that what is read
//! back is the same to the bit.

use serde::{Deserialize, Serialize};

use super::play::Tally;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    trials: u64,
    /// Look and number, where there is one.
    worse: Vec<(u32, u64)>,
    not_worse: Vec<(u32, u64)>,
    looks: u64,
    no_data: u64,
    exposed: u64,
    /// The bits of the sums of the e-values.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<[u64; 2]>,
    both_ways: bool,
}

/// The tallies of all gates, in their order, as one line.
pub(super) fn encode(tallies: &[Tally]) -> String {
    let written: Vec<Written> = tallies.iter().map(write).collect();
    // Whole numbers have nothing that JSON cannot hold.
    serde_json::to_string(&written).unwrap_or_default()
}

fn write(tally: &Tally) -> Written {
    Written {
        trials: tally.trials,
        worse: sparse(&tally.worse),
        not_worse: sparse(&tally.not_worse),
        looks: tally.looks,
        no_data: tally.no_data,
        exposed: tally.exposed,
        e: tally.e.map(|sums| sums.map(f64::to_bits)),
        both_ways: tally.both_ways,
    }
}

fn sparse(numbers: &[u64]) -> Vec<(u32, u64)> {
    let numbers = (0..).zip(numbers.iter().copied());
    numbers.filter(|(_, number)| *number > 0).collect()
}

/// The tallies of a record; `None` where it is not of so many gates and looks.
pub(super) fn decode(record: &str, gates: usize, looks: u32) -> Option<Vec<Tally>> {
    let written: Vec<Written> = serde_json::from_str(record).ok()?;
    let tallies = written.into_iter().map(|written| read(written, looks));
    let tallies: Vec<Tally> = tallies.collect::<Option<_>>()?;
    (tallies.len() == gates).then_some(tallies)
}

fn read(written: Written, looks: u32) -> Option<Tally> {
    let mut tally = Tally {
        trials: written.trials,
        looks: written.looks,
        no_data: written.no_data,
        exposed: written.exposed,
        e: written.e.map(|sums| sums.map(f64::from_bits)),
        both_ways: written.both_ways,
        ..Tally::new(looks)
    };
    for (into, from) in [
        (&mut tally.worse, written.worse),
        (&mut tally.not_worse, written.not_worse),
    ] {
        for (look, number) in from {
            *into.get_mut(look as usize)? = number;
        }
    }
    Some(tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tallies_come_back_as_they_were() {
        let mut one = Tally::new(4);
        one.worse[3] = 7;
        one.not_worse[0] = 2;
        (one.trials, one.looks, one.exposed) = (9, 30, u64::MAX);
        let two = Tally {
            e: Some([0.1 + 0.2, f64::INFINITY]),
            both_ways: true,
            ..one.clone()
        };
        let tallies = [one, two];
        let record = encode(&tallies);
        assert!(!record.contains('\n'));
        assert_eq!(decode(&record, 2, 4).unwrap(), tallies);
        assert_eq!(decode(&record, 3, 4), None);
        assert_eq!(decode(&record, 2, 3), None);
        assert_eq!(decode(&record[1..], 2, 4), None);
    }
}
