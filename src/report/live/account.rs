//! A live rollout in words and cells: what every format says, so that none says it differently.

use crate::experiment::summary::{LiveNote, LiveShare, LiveVersion};
use crate::experiment::words::plural;
use crate::report::quantity;

/// Standard errors beyond which an honest splitter strays once in 370 orders.
const FAR: f64 = 3.0;

/// Heads of the columns of a [`VersionLine`].
pub(in crate::report) const VERSION_HEADS: [&str; 6] =
    ["version", "requests", "failed", "p50", "p90", "p99"];
/// Heads of the columns of an [`OrderLine`].
pub(in crate::report) const ORDER_HEADS: [&str; 6] =
    ["from", "asked", "requests", "canary", "its share", "z"];

/// A live rollout in words and cells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct Account {
    /// How it ended.
    pub ending: String,
    /// What users saw of each version that answered.
    pub versions: Vec<VersionLine>,
    /// The orders to the splitter, in time.
    pub orders: Vec<OrderLine>,
    /// Whether the splitter kept its orders.
    pub kept: String,
    /// Whether it did not.
    pub mismatch: bool,
    /// Who split.
    pub splitter: String,
    /// Whom the gate asked, and how often in vain.
    pub source: String,
    /// How fast it was played, and for how long.
    pub pace: String,
    /// Whether requests were sent on schedule.
    pub generator: String,
    /// What keeps its figures from being trusted, as sentences.
    pub doubts: Vec<String>,
}

/// What users saw of one version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct VersionLine {
    /// Its cells, the first its name: see [`VERSION_HEADS`].
    pub cells: [String; 6],
}

/// What was asked of the splitter from some time on, and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::report) struct OrderLine {
    /// Its cells: see [`ORDER_HEADS`].
    pub cells: [String; 6],
    /// Whether that is farther from the order than chance takes an honest splitter.
    pub mismatch: bool,
}

impl Account {
    /// The account of a rollout.
    pub(in crate::report) fn of(note: &LiveNote) -> Account {
        let answered = note.versions.iter().filter(|version| version.requests > 0);
        let [p50, p99, most] = note.lateness_ms;
        Account {
            ending: note.ending.clone(),
            versions: answered.map(VersionLine::of).collect(),
            orders: note.shares.iter().map(OrderLine::of).collect(),
            kept: kept(note),
            mismatch: note.shares.iter().any(is_far),
            splitter: note.splitter.clone(),
            source: format!("{} ({})", note.source, asked(note)),
            pace: pace(note),
            generator: format!(
                "{} sent on schedule, {p50:.2} ms late at the median, {p99:.2} ms at p99, {most:.1} \
                 ms at most; {} lost, {} not answered by any version until the end",
                plural(note.due, "request"),
                quantity::grouped(note.lost),
                quantity::grouped(open(note)),
            ),
            doubts: note.doubts.iter().map(|doubt| sentence(doubt)).collect(),
        }
    }
}

impl VersionLine {
    fn of(version: &LiveVersion) -> VersionLine {
        let share = version.failed as f64 / version.requests.max(1) as f64 * 100.0;
        let [p50, p90, p99] = version.latency_ms.map(|millis| format!("{millis:.1} ms"));
        let requests = quantity::grouped(version.requests);
        let name = version.version.clone();
        VersionLine {
            cells: [name, requests, format!("{share:.2} %"), p50, p90, p99],
        }
    }
}

impl OrderLine {
    fn of(share: &LiveShare) -> OrderLine {
        let found = share.canary as f64 / share.requests.max(1) as f64 * 100.0;
        OrderLine {
            cells: [
                quantity::time(share.from_seconds),
                quantity::weight(share.weight),
                quantity::grouped(share.requests),
                quantity::grouped(share.canary),
                match share.requests {
                    0 => "–".to_owned(),
                    _ => format!("{found:.2} %"),
                },
                share
                    .z
                    .map_or_else(|| "–".to_owned(), |z| format!("{z:+.1}").replace('-', "−")),
            ],
            mismatch: is_far(share),
        }
    }
}

fn is_far(share: &LiveShare) -> bool {
    share.z.is_some_and(|z| z.abs() > FAR)
}

/// How often the gate's eyes were asked, and how often in vain.
fn asked(note: &LiveNote) -> String {
    let [all, failed] = note.scrapes;
    // A Prometheus scrapes by itself; what is counted here is what it was asked.
    let what = match note.source.contains("Prometheus") {
        true => "question",
        false => "scrape",
    };
    let all = plural(all, what);
    match failed {
        0 => format!("{all}, none failed"),
        some => format!("{all}, {} failed", quantity::grouped(some)),
    }
}

/// Requests that were neither answered by a version nor lost.
fn open(note: &LiveNote) -> u64 {
    let answered: u64 = note.versions.iter().map(|version| version.requests).sum();
    note.due.saturating_sub(answered + note.lost)
}

fn pace(note: &LiveNote) -> String {
    let took = format!("over in {:.1} s", note.wall_seconds);
    if note.speed == 1.0 {
        return format!("in real time, {took}");
    }
    format!(
        "{} times faster than real, {took}; latencies do not shrink with the speed",
        quantity::short(note.speed)
    )
}

/// One sentence about the splitter's obedience.
fn kept(note: &LiveNote) -> String {
    let judged: Vec<_> = (note.shares.iter())
        .filter_map(|share| Some((share, share.z?)))
        .collect();
    let worst = judged.iter().max_by(|a, b| a.1.abs().total_cmp(&b.1.abs()));
    let Some((share, z)) = worst else {
        return "What the splitter should have sent where cannot be told from the weight alone here."
            .to_owned();
    };
    let found = share.canary as f64 / share.requests.max(1) as f64 * 100.0;
    let what = format!(
        "{found:.2} % of {} went to the canary where {} was asked for, {:.1} standard errors away",
        plural(share.requests, "request"),
        quantity::weight(share.weight),
        z.abs(),
    );
    if z.abs() > FAR {
        format!("Sample-ratio mismatch: {what}. This splitter does not keep its weights.")
    } else if judged.len() == 1 {
        format!("The splitter kept its one weight: {what}.")
    } else {
        format!(
            "The splitter kept all {} weights; the farthest: {what}.",
            judged.len()
        )
    }
}

/// The text as a sentence.
fn sentence(text: &str) -> String {
    let text = text.trim().trim_end_matches('.');
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    format!(
        "{}{}.",
        first.into_iter().flatten().collect::<String>(),
        letters.as_str()
    )
}

#[cfg(test)]
mod tests {
    use super::super::tests::note;
    use super::*;

    #[test]
    fn a_mismatch_is_marked_where_it_is_and_said_once() {
        let fair = Account::of(&note());
        assert!(!fair.mismatch && !fair.orders[0].mismatch);
        assert!(
            fair.kept
                .starts_with("The splitter kept its one weight: 4.47 % of 10,000")
        );
        assert_eq!(fair.orders[0].cells[5], "−2.4");
        let mut biased = note();
        let share = biased.shares[0];
        biased.shares.push(LiveShare {
            z: Some(-3.4),
            ..share
        });
        let biased = Account::of(&biased);
        assert!(biased.mismatch && biased.orders[1].mismatch && !biased.orders[0].mismatch);
        assert!(biased.kept.starts_with("Sample-ratio mismatch: 4.47 %"));
    }

    #[test]
    fn orders_under_which_nothing_was_sent_or_judged_have_dashes() {
        let mut quiet = note();
        quiet.shares[0] = LiveShare {
            requests: 0,
            canary: 0,
            z: None,
            ..quiet.shares[0]
        };
        let quiet = Account::of(&quiet);
        assert_eq!(quiet.orders[0].cells[4..], ["–", "–"]);
        assert!(quiet.kept.contains("cannot be told"));
    }

    #[test]
    fn a_scraper_scrapes_and_a_prometheus_is_asked() {
        let mut note = note();
        let source = |note: &LiveNote| Account::of(note).source;
        assert_eq!(source(&note), "the built-in scraper (40 scrapes, 1 failed)");
        note.source = "the Prometheus at 127.0.0.1:9090".to_owned();
        note.scrapes = [12, 0];
        let asked = "the Prometheus at 127.0.0.1:9090 (12 questions, none failed)";
        assert_eq!(source(&note), asked);
    }

    #[test]
    fn what_became_of_requests_adds_up() {
        let note = note();
        let said = Account::of(&note).generator;
        assert_eq!(
            (note.due, note.lost, note.versions[0].requests),
            (12_345, 2, 600)
        );
        assert!(said.ends_with("; 2 lost, 11,743 not answered by any version until the end"));
    }

    #[test]
    fn doubts_are_sentences() {
        assert_eq!(
            sentence("generator late: 3 ms are tolerated"),
            "Generator late: 3 ms are tolerated."
        );
        assert_eq!(sentence("It ended."), "It ended.");
    }
}
