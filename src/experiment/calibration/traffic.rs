//! Simulated counts, one batch after another: what a gate reads, without the telemetry between.
//!
//! Requests come one by one at a steady rate (Poisson), each goes to the canary with the canary's
//! share and fails with its version's ratio, independently of all others. So the good and the failed
//! of each arm are four independent Poisson counts, which is exact and cheap. [`Correlation`] says
//! where that independence is broken on purpose.

use rand::{Rng, RngExt};

use super::settings::{Correlation, Fault, LATENCY, Setting};
use super::sticky::Crowd;
use crate::base::{Purpose, Seed, Span, Stream};
use crate::gate::statistical::{Arm, Batch};
use crate::stats::draw::{Alias, Halves, PoissonBank};
use crate::stats::{normal_quantile, normal_upper};
use crate::telemetry::{Buckets, Unit, UserFailures};

/// The laws of one setting under one fault.
#[derive(Debug)]
pub(super) struct Traffic<'a> {
    setting: &'a Setting,
    /// By stage, by whether the canary is faulty and by whether an incident is on.
    banks: Vec<[[PoissonBank; 2]; 2]>,
    /// Latency buckets of the other arm and the canary.
    latencies: [Alias; 2],
    bounds: Buckets,
    fault: Fault,
}

/// One trial's traffic under way.
#[derive(Debug)]
pub(super) struct Flow<'a> {
    traffic: &'a Traffic<'a>,
    counts: Stream,
    latencies: [Stream; 2],
    /// The looks during which an incident is on.
    incident: (u32, u32),
    crowd: Option<Crowd>,
    /// Requests per bucket of the other arm and of the canary, then the failed ones alone.
    buckets: [Vec<u64>; 2],
    /// Good and failed requests of the other arm, then of the canary.
    drawn: [u64; 4],
}

impl<'a> Traffic<'a> {
    pub(super) fn new(setting: &'a Setting, fault: Fault) -> Traffic<'a> {
        let requests = setting.rate * setting.interval.as_secs_f64();
        let clump = setting.clump() as f64;
        let ratio = match fault {
            Fault::Errors { ratio, .. } => ratio,
            Fault::None | Fault::Slower { .. } => 1.0,
        };
        let incident = match setting.correlation {
            Correlation::Incident { factor, .. } => factor,
            _ => 1.0,
        };
        let banks = setting.stages.iter().map(|stage| {
            [1.0, ratio].map(|ratio| {
                [1.0, incident].map(|factor| {
                    let failing =
                        [1.0, ratio].map(|worse| (stage.errors * factor * worse).min(1.0));
                    let [other, canary] = [1.0 - stage.share, stage.share].map(|s| s * requests);
                    PoissonBank::new([
                        other * (1.0 - failing[0]),
                        other * failing[0] / clump,
                        canary * (1.0 - failing[1]),
                        canary * failing[1] / clump,
                    ])
                })
            })
        });
        let bounds = LATENCY.buckets();
        Traffic {
            setting,
            banks: banks.collect(),
            latencies: [Fault::None, fault].map(|fault| Alias::new(&law(&bounds, fault))),
            bounds,
            fault,
        }
    }
}

/// Shares of the buckets.
fn law(bounds: &Buckets, fault: Fault) -> Vec<f64> {
    let above = |log: f64| normal_upper((log - LATENCY.median.ln()) / LATENCY.spread);
    let beyond = |index: usize| {
        let log = bounds.bound_seconds(index).ln();
        match fault {
            Fault::Slower { factor, of } => of * above(log - factor.ln()) + (1.0 - of) * above(log),
            Fault::None | Fault::Errors { .. } => above(log),
        }
    };
    let mut before = 1.0;
    let finite = (0..bounds.len() - 1).map(|index| {
        let beyond = beyond(index);
        std::mem::replace(&mut before, beyond) - beyond
    });
    let mut shares: Vec<f64> = finite.collect();
    shares.push(before);
    shares
}

impl<'a> Flow<'a> {
    pub(super) fn new(traffic: &'a Traffic<'a>) -> Flow<'a> {
        let stream = || Seed::DEFAULT.stream(0, Purpose::Arrivals);
        let crowd = match traffic.setting.correlation {
            Correlation::Sticky { deff } => Some(Crowd::new(traffic.setting, deff)),
            _ => None,
        };
        Flow {
            traffic,
            counts: stream(),
            latencies: [stream(), stream()],
            incident: (0, 0),
            crowd,
            buckets: [(); 2].map(|()| vec![0; 2 * traffic.bounds.len()]),
            drawn: [0; 4],
        }
    }

    /// Begins the traffic of one replicate.
    pub(super) fn begin(&mut self, seed: Seed, replicate: u64) {
        self.counts = seed.stream(replicate, Purpose::Arrivals);
        self.latencies =
            [Purpose::Stable, Purpose::Canary].map(|purpose| seed.stream(replicate, purpose));
        let setting = self.traffic.setting;
        if let Correlation::Incident { looks, .. } = setting.correlation {
            let mut stream = seed.stream(replicate, Purpose::Faults);
            let from = stream.random_range(0..=setting.looks.saturating_sub(looks));
            self.incident = (from, from + looks);
        }
        if let Some(crowd) = &mut self.crowd {
            let mut stream = seed.stream(replicate, Purpose::Users);
            crowd.begin(
                setting.stages[0].share,
                setting.stages[0].errors,
                &mut stream,
            );
        }
    }

    /// What was counted up to a look, the first of which is 0; without `latencies` the histograms
    /// stay empty. The looks of a trial are asked for in their order.
    pub(super) fn batch(&mut self, look: u32, latencies: bool) -> Batch<'_> {
        let setting = self.traffic.setting;
        let faulty = look >= self.traffic.fault.from();
        let stage = setting.stage_at(look);
        let users = match &mut self.crowd {
            Some(crowd) => {
                let requests = setting.rate * setting.interval.as_secs_f64();
                let ratio = match self.traffic.fault {
                    Fault::Errors { ratio, .. } if faulty => ratio,
                    _ => 1.0,
                };
                self.drawn = crowd.batch(requests, ratio, &mut self.counts);
                crowd.failures
            }
            None => {
                let incident = (self.incident.0..self.incident.1).contains(&look);
                let banks = &self.traffic.banks[stage];
                let bank = &banks[usize::from(faulty)][usize::from(incident)];
                self.drawn = [0; 4];
                bank.add_to(&mut self.drawn, &mut self.counts);
                let clump = setting.clump();
                self.drawn[1] *= clump;
                self.drawn[3] *= clump;
                [UserFailures::default(); 2]
            }
        };
        if latencies {
            for arm in 0..2 {
                let counts = [self.drawn[2 * arm], self.drawn[2 * arm + 1]];
                let law = &self.traffic.latencies[usize::from(arm == 1 && faulty)];
                fill(
                    &mut self.buckets[arm],
                    law,
                    counts,
                    &mut self.latencies[arm],
                );
            }
        }
        let arm = |arm: usize| Arm {
            requests: self.drawn[2 * arm] + self.drawn[2 * arm + 1],
            errors: self.drawn[2 * arm + 1],
            latencies: match latencies {
                true => &self.buckets[arm],
                false => &[],
            },
            users: users[arm],
        };
        Batch {
            elapsed: Span::from_nanos(setting.interval.as_nanos() * (u64::from(look) + 1)),
            share: Some(setting.stages[stage].share),
            bounds: &self.traffic.bounds,
            other: arm(0),
            canary: arm(1),
        }
    }
}

/// Failures take as long as successes.
fn fill(buckets: &mut [u64], law: &Alias, [good, failed]: [u64; 2], stream: &mut impl Rng) {
    buckets.fill(0);
    let (all, apart) = buckets.split_at_mut(buckets.len() / 2);
    let mut halves = Halves::new(stream);
    for _ in 0..good {
        all[law.cell(halves.take())] += 1;
    }
    for _ in 0..failed {
        let cell = law.cell(halves.take());
        all[cell] += 1;
        apart[cell] += 1;
    }
}

/// The law of latencies: log-normal, in buckets of equal shares of stable's answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    /// In seconds.
    pub median: f64,
    /// Standard deviation of the logarithm.
    pub spread: f64,
}

impl Latency {
    /// Buckets of half a percent of stable's answers each, and some for the slowest.
    const EVEN: u32 = 200;
    const TAIL: [f64; 4] = [0.9975, 0.999, 0.9995, 0.9999];

    /// The latency in seconds within which this share of stable's answers come.
    pub(super) fn quantile(self, share: f64) -> f64 {
        self.median * (self.spread * normal_quantile(share)).exp()
    }

    fn buckets(self) -> Buckets {
        let even = (1..Latency::EVEN).map(|bucket| f64::from(bucket) / f64::from(Latency::EVEN));
        let bounds = even.chain(Latency::TAIL).map(|share| self.quantile(share));
        Buckets::new(bounds.collect(), Unit::Seconds).unwrap_or_else(|_| Buckets::nginx())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::calibration::settings;

    fn setting(name: &str) -> Setting {
        let found = settings().into_iter().find(|setting| setting.name == name);
        found.unwrap()
    }

    /// Sums over trials of what was counted at each look: requests and errors of both arms, and the
    /// sum of squares of the canary's errors in a trial.
    fn played(setting: &Setting, fault: Fault, trials: u64) -> ([f64; 4], f64) {
        let traffic = Traffic::new(setting, fault);
        let mut flow = Flow::new(&traffic);
        let (mut sums, mut squares) = ([0.0; 4], 0.0);
        for replicate in 0..trials {
            flow.begin(Seed(3), replicate);
            let mut errors = 0.0;
            for look in 0..setting.looks {
                let batch = flow.batch(look, false);
                let counts = [
                    batch.other.requests,
                    batch.other.errors,
                    batch.canary.requests,
                    batch.canary.errors,
                ];
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count as f64 / trials as f64;
                }
                errors += batch.canary.errors as f64;
            }
            squares += errors * errors / trials as f64;
        }
        (sums, squares)
    }

    fn assert_near(what: f64, expected: f64, error: f64) {
        assert!(
            (what - expected).abs() < 5.0 * error,
            "{what}, not {expected} ± {error}"
        );
    }

    #[test]
    fn means_are_those_of_the_setting_and_the_fault_begins_when_it_is_due() {
        let setting = setting("quiet");
        let late = Fault::Errors {
            ratio: 2.0,
            from: 30,
        };
        let ([n, x, m, y], _) = played(&setting, late, 400);
        assert_near(n, 32_400.0, 9.0);
        assert_near(x, 324.0, 0.9);
        assert_near(m, 3_600.0, 3.0);
        assert_near(y, 54.0, 0.4);
    }

    #[test]
    fn clumps_keep_the_mean_and_multiply_the_variance() {
        let setting = setting("bursts");
        let ([_, _, _, y], squares) = played(&setting, Fault::None, 2_000);
        assert_near(y, 36.0, (5.0_f64 * 36.0 / 2_000.0).sqrt());
        let ratio = (squares - y * y) / y;
        assert_near(ratio, 5.0, 5.0 * (2.0_f64 / 2_000.0).sqrt());
    }

    #[test]
    fn an_incident_hits_both_arms_for_its_time() {
        let setting = setting("incident");
        let ([_, x, _, y], _) = played(&setting, Fault::None, 400);
        let factor = (55.0 + 5.0 * 20.0) / 60.0;
        assert_near(x, 324.0 * factor, 1.3);
        assert_near(y, 36.0 * factor, 0.5);
    }

    #[test]
    fn users_who_stay_make_errors_as_overdispersed_as_said() {
        for deff in [2.0, 5.0] {
            let setting = Setting {
                correlation: Correlation::Sticky { deff },
                ..setting("sticky-2")
            };
            let traffic = Traffic::new(&setting, Fault::None);
            let mut flow = Flow::new(&traffic);
            let (mut ratios, trials) = (Vec::new(), 1_500);
            for replicate in 0..trials {
                flow.begin(Seed(4), replicate);
                let (mut requests, mut errors) = (0.0, 0.0);
                for look in 0..setting.looks {
                    let batch = flow.batch(look, false);
                    requests += batch.canary.requests as f64;
                    errors += batch.canary.errors as f64;
                    if look + 1 == setting.looks {
                        // What is told of users is what is told of requests.
                        let users = batch.canary.users;
                        assert_eq!(
                            (users.sums.opportunities, users.sums.sum),
                            (requests, errors)
                        );
                        assert!(users.sums.users <= 2_000.0 && users.users <= users.sums.users);
                    }
                }
                ratios.push((errors - 0.01 * requests) / requests.sqrt());
            }
            let squares: f64 = ratios.iter().map(|ratio| ratio * ratio).sum();
            let seen = squares / trials as f64 / (0.01 * 0.99);
            // Heavy users make the square itself heavy-tailed.
            assert!((seen / deff - 1.0).abs() < 0.25, "{seen}, not {deff}");
        }
    }

    #[test]
    fn latencies_follow_their_law_and_the_fault_slows_the_canary_alone() {
        let setting = setting("latency");
        let fault = Fault::Slower {
            factor: 1.25,
            of: 1.0,
        };
        let traffic = Traffic::new(&setting, fault);
        let mut flow = Flow::new(&traffic);
        let mut slow = [[0.0; 2]; 2];
        for replicate in 0..20 {
            flow.begin(Seed(5), replicate);
            let batch = flow.batch(0, true);
            let bucket = batch.bounds.index(0.0999);
            for (sums, arm) in slow.iter_mut().zip([batch.other, batch.canary]) {
                // The failed ones follow on their own.
                let (all, failed) = arm.latencies.split_at(batch.bounds.len());
                sums[0] += all[bucket + 1..].iter().sum::<u64>() as f64;
                sums[1] += arm.requests as f64;
                assert_eq!(all.iter().sum::<u64>(), arm.requests);
                assert_eq!(failed.iter().sum::<u64>(), arm.errors);
            }
        }
        let above = |arm: usize| slow[arm][0] / slow[arm][1];
        // A bucket ends at the median.
        assert_near(above(0), 0.5, 0.0015);
        assert_near(above(1), normal_upper((1.0_f64 / 1.25).ln() / 0.6), 0.0065);
    }
}
