//! Trials as the record of a unit: columns of whole numbers in JSON, times in nanoseconds.

use serde::{Deserialize, Serialize};

use crate::base::{Span, Time};
use crate::engine::{Ending, Trial};

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Columns {
    /// One letter a trial: `R`olled back, `P`romoted, at the `H`orizon.
    end: String,
    ended: Vec<u64>,
    detection: Vec<Option<u64>>,
    requests: Vec<u64>,
    exposed: Vec<u64>,
    users: Vec<f64>,
    after: Vec<u64>,
}

/// Trials in the order of their replicates as one line.
pub fn encode(trials: &[Trial]) -> String {
    // Columns of numbers and letters have nothing that JSON cannot hold.
    serde_json::to_string(&columns(trials)).unwrap_or_default()
}

/// The same replicates of several, as one line.
pub fn encode_all(all: &[Vec<Trial>]) -> String {
    let all: Vec<Columns> = all.iter().map(|trials| columns(trials)).collect();
    serde_json::to_string(&all).unwrap_or_default()
}

fn columns(trials: &[Trial]) -> Columns {
    let letter = |trial: &Trial| match trial.ending {
        Ending::RolledBack => 'R',
        Ending::Promoted => 'P',
        Ending::Horizon => 'H',
    };
    Columns {
        end: trials.iter().map(letter).collect(),
        ended: trials.iter().map(|trial| trial.ended.as_nanos()).collect(),
        detection: (trials.iter())
            .map(|trial| trial.detection.map(Span::as_nanos))
            .collect(),
        requests: trials.iter().map(|trial| trial.canary_requests).collect(),
        exposed: trials.iter().map(|trial| trial.exposed_requests).collect(),
        users: trials.iter().map(|trial| trial.exposed_users).collect(),
        after: trials.iter().map(|trial| trial.exposed_after).collect(),
    }
}

/// The trials of a record.
///
/// # Errors
/// When it is not such a record, or not of so many trials.
pub fn decode(record: &str, count: u32) -> Result<Vec<Trial>, String> {
    trials(
        &serde_json::from_str(record).map_err(|error| error.to_string())?,
        count,
    )
}

/// The trials of a record of several, so many of each.
///
/// # Errors
/// When it is not such a record, or not of so many trials.
pub fn decode_all(record: &str, count: u32) -> Result<Vec<Vec<Trial>>, String> {
    let all: Vec<Columns> = serde_json::from_str(record).map_err(|error| error.to_string())?;
    all.iter().map(|columns| trials(columns, count)).collect()
}

fn trials(columns: &Columns, count: u32) -> Result<Vec<Trial>, String> {
    let count = count as usize;
    let lengths = [
        columns.end.len(),
        columns.ended.len(),
        columns.detection.len(),
        columns.requests.len(),
        columns.exposed.len(),
        columns.users.len(),
        columns.after.len(),
    ];
    if let Some(length) = lengths.into_iter().find(|length| *length != count) {
        return Err(format!("{length} trials where there should be {count}"));
    }
    let trial = |(at, letter): (usize, char)| {
        Ok(Trial {
            ending: match letter {
                'R' => Ending::RolledBack,
                'P' => Ending::Promoted,
                'H' => Ending::Horizon,
                other => return Err(format!("`{other}` is no ending: R, P or H is")),
            },
            ended: Time::from_nanos(columns.ended[at]),
            detection: columns.detection[at].map(Span::from_nanos),
            canary_requests: columns.requests[at],
            exposed_requests: columns.exposed[at],
            exposed_users: columns.users[at],
            exposed_after: columns.after[at],
        })
    };
    columns.end.chars().enumerate().map(trial).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trial(ending: Ending, detection: Option<u64>) -> Trial {
        Trial {
            ending,
            ended: Time::from_secs(900),
            detection: detection.map(Span::from_secs),
            canary_requests: 10,
            exposed_requests: 4,
            exposed_users: 0.1 + 0.2,
            exposed_after: 3,
        }
    }

    #[test]
    fn trials_come_back_as_they_were() {
        let trials = [
            trial(Ending::RolledBack, Some(60)),
            trial(Ending::Promoted, None),
            trial(Ending::Horizon, None),
        ];
        let record = encode(&trials);
        assert!(!record.contains('\n'));
        assert_eq!(decode(&record, 3).unwrap(), trials);

        let several = [trials.to_vec(), trials.iter().rev().copied().collect()];
        let record = encode_all(&several);
        assert!(!record.contains('\n'));
        assert_eq!(decode_all(&record, 3).unwrap(), several);
        assert!(decode_all(&record, 2).is_err());
        assert!(decode(&record, 3).is_err());
    }

    #[test]
    fn a_record_of_something_else_is_refused() {
        let record = encode(&[trial(Ending::Promoted, None)]);
        assert!(decode(&record, 2).unwrap_err().contains("1 trials"));
        assert!(decode(&record.replace('P', "X"), 1).is_err());
        assert!(decode(&record[1..], 1).is_err());
        assert!(decode("{}", 0).is_err());
    }
}
