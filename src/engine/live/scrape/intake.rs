//! From what targets show to the counters of a version.

use std::collections::BTreeMap;

use super::{Round, Target};
use crate::base::{Span, Time};
use crate::telemetry::exposition::{Dialect, GoalReading, Part, Reading};
use crate::telemetry::{Counters, GoalSums, Reporter, Status, Telemetry, Version};

/// Adds up what the targets of each version show, and hands it to telemetry.
///
/// Instances that restart begin anew: a series that reads less than before goes on from where it
/// was, as `rate` mends it, and what it counted since its last scrape is lost. An instance that
/// cannot be read keeps what it showed last, so that one that crashed does not hide the others; a
/// version none of whose targets can be read has no sample at that time.
#[derive(Debug)]
pub struct Intake {
    reporter: Reporter,
    targets: Vec<Kept>,
    /// Whether goals are those of the load generator, which alone knows all visits of a user.
    goals_of_load: bool,
    mishaps: Mishaps,
}

/// Scrapes that failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Mishaps {
    /// Scrapes of a target, failed or not.
    pub scrapes: u64,
    /// How many failed, by kind of failure.
    pub failed: BTreeMap<&'static str, u64>,
    /// The last failure of each target that had one: when, and why.
    pub last: BTreeMap<usize, (Time, String)>,
}

impl Mishaps {
    /// Scrapes that failed.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// What one round changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Taken {
    /// Versions of which there is a sample, by number.
    pub versions: [bool; 3],
}

/// One target as it was known after the last scrape.
#[derive(Debug)]
struct Kept {
    part: Part,
    requests: BTreeMap<(Version, usize, u16), Mended>,
    goals: BTreeMap<(Version, Option<usize>, usize), MendedGoal>,
}

/// A series that has been mended where it began anew.
#[derive(Debug)]
struct Mended {
    /// What was counted before the last restart.
    before: Reading,
    now: Reading,
}

#[derive(Debug, Default)]
struct MendedGoal {
    before: GoalSums,
    now: GoalSums,
}

impl Intake {
    /// Nothing taken yet from these targets, which are those of the [`Scraper`](super::Scraper).
    pub fn new(dialect: &Dialect, targets: &[Target]) -> Intake {
        let kept = |target: &Target| Kept {
            part: target.part,
            requests: BTreeMap::new(),
            goals: BTreeMap::new(),
        };
        Intake {
            reporter: dialect.reporter,
            targets: targets.iter().map(kept).collect(),
            goals_of_load: targets.iter().any(|target| target.part == Part::Load),
            mishaps: Mishaps::default(),
        }
    }

    /// Scrapes that failed so far.
    pub fn mishaps(&self) -> &Mishaps {
        &self.mishaps
    }

    /// Takes a round: sets the running counters and has them scraped. Rounds come in order of time.
    /// Those that the plan has fail ([`Telemetry::misses`]) leave no trace.
    pub fn take(&mut self, round: &Round, telemetry: &mut Telemetry) -> Taken {
        self.note_failures(round);
        let mut taken = Taken::default();
        for version in Version::ALL {
            if telemetry.misses(version, round.at) {
                continue;
            }
            let mut any = false;
            for (index, result) in round.results.iter().enumerate() {
                let Ok(scraped) = result else { continue };
                let kept = &mut self.targets[index];
                if kept.part.shows(version, self.reporter) {
                    any = true;
                    for reading in &scraped.readings {
                        if reading.version == version {
                            kept.take(reading);
                        }
                    }
                }
                for goal in &scraped.goals {
                    if goal.version == version {
                        kept.take_goal(goal);
                    }
                }
            }
            if any {
                self.hand_over(version, telemetry);
                telemetry.scrape(version, round.at);
                taken.versions[version as usize] = true;
            }
        }
        taken
    }

    fn note_failures(&mut self, round: &Round) {
        self.mishaps.scrapes += round.results.len() as u64;
        for (index, result) in round.results.iter().enumerate() {
            if let Err(error) = result {
                *self.mishaps.failed.entry(error.kind()).or_default() += 1;
                let last = (round.at, error.to_string());
                self.mishaps.last.insert(index, last);
            }
        }
    }

    /// Sets the running counters of a version and its routes.
    fn hand_over(&self, version: Version, telemetry: &mut Telemetry) {
        clear(telemetry.counters_mut(version));
        for route in 0..telemetry.route_count() {
            clear(telemetry.route_counters_mut(version, route));
        }
        for kept in &self.targets {
            if kept.part.shows(version, self.reporter) {
                for mended in kept.requests.values() {
                    if mended.now.version != version {
                        continue;
                    }
                    for reading in [&mended.before, &mended.now] {
                        add(telemetry.counters_mut(version), reading);
                        if reading.route < telemetry.route_count() {
                            let counters = telemetry.route_counters_mut(version, reading.route);
                            add(counters, reading);
                        }
                    }
                }
            }
            if !self.gives_goals(kept, version) {
                continue;
            }
            for ((of, route, goal), mended) in &kept.goals {
                if *of != version {
                    continue;
                }
                let counters = match route {
                    None => telemetry.counters_mut(version),
                    Some(route) if *route < telemetry.route_count() => {
                        telemetry.route_counters_mut(version, *route)
                    }
                    Some(_) => continue,
                };
                if let Some(sums) = counters.goals.get_mut(*goal) {
                    *sums = *sums + mended.before + mended.now;
                }
            }
        }
    }

    fn gives_goals(&self, kept: &Kept, version: Version) -> bool {
        match self.goals_of_load {
            true => kept.part == Part::Load,
            false => kept.part.shows(version, self.reporter),
        }
    }
}

impl Kept {
    fn take(&mut self, reading: &Reading) {
        let key = (reading.version, reading.route, reading.code);
        let Some(mended) = self.requests.get_mut(&key) else {
            let nothing = Reading {
                requests: 0,
                took: Span::ZERO,
                buckets: vec![0; reading.buckets.len()],
                ..*reading
            };
            let now = reading.clone();
            self.requests.insert(
                key,
                Mended {
                    before: nothing,
                    now,
                },
            );
            return;
        };
        if began_anew(&mended.now, reading) {
            let (before, now) = (&mut mended.before, &mended.now);
            before.requests += now.requests;
            before.took = before.took + now.took;
            for (before, now) in before.buckets.iter_mut().zip(&now.buckets) {
                *before += now;
            }
        }
        mended.now.clone_from(reading);
    }

    fn take_goal(&mut self, reading: &GoalReading) {
        let key = (reading.version, reading.route, reading.goal);
        let mended = self.goals.entry(key).or_default();
        if reading.sums.opportunities < mended.now.opportunities {
            mended.before = mended.before + mended.now;
        }
        mended.now = reading.sums;
    }
}

/// Whether a series has restarted: any of its numbers reads less than before. Buckets are compared
/// as they are shown, cumulatively.
fn began_anew(before: &Reading, now: &Reading) -> bool {
    let (mut low, mut high) = (0, 0);
    let bucket = before.buckets.iter().zip(&now.buckets).any(|(a, b)| {
        low += a;
        high += b;
        high < low
    });
    bucket || now.requests < before.requests || now.took < before.took
}

fn clear(counters: &mut Counters) {
    counters.requests = [0; 2];
    counters.seconds = [0.0; 2];
    counters.buckets.fill(0);
    counters.goals.fill(GoalSums::default());
}

fn add(counters: &mut Counters, reading: &Reading) {
    let status = match reading.code {
        500..600 => Status::Failure,
        _ => Status::Success,
    };
    counters.requests[status as usize] += reading.requests;
    counters.seconds[status as usize] += reading.took.as_secs_f64();
    for (sum, count) in counters.row_mut(status).iter_mut().zip(&reading.buckets) {
        *sum += count;
    }
}
