//! Does the simulator tell the truth? The same scenario, played for real and in virtual time, and a
//! test for everything that both show.
//!
//! Both arms are taken down by one [`Observer`], from the ticks that every engine shows. Each
//! measure is then compared by exchanging who was live (see [`crate::stats::permutation_p`]), which
//! asks nothing of the distribution and holds with ten live rollouts. A measure fails when its
//! p-value is below [`LEVEL`] divided by the number of measures, so that an honest simulator is
//! called a liar once in a hundred comparisons.
//!
//! What the machine adds to every answer (sockets, wake-ups, a proxy) is no part of the model:
//! latencies may differ by [`OVERHEAD`] and [`OVERHEAD_SHARE`] before the difference counts.

mod observation;

pub use observation::{Observation, Observer, QUANTILES, answer};

use rand::SeedableRng;
use serde::Serialize;

use crate::base::{Seed, Span, Stream};
use crate::engine::r#virtual::{Kind, Player};
use crate::engine::{Ending, Tick};
use crate::gate::Outcome;
use crate::scenario::Scenario;
use crate::stats::{categories_p, distribution_p, mean_difference_p};

/// The chance that an honest simulator fails, over all measures together.
pub const LEVEL: f64 = 0.01;

/// Live rollouts at least: the rarest exchange of three among a hundred is one in 176,851, of two
/// one in 5,151, and what is compared by it would hardly ever differ.
pub const LEAST: u32 = 3;

/// What a real answer may take longer, over loopback and through a proxy,
pub const OVERHEAD: Span = Span::from_millis(2);

/// beside this share of the latency, which the exchange of clocks and buckets may cost.
pub const OVERHEAD_SHARE: f64 = 0.03;

/// Exchanges drawn for each p-value.
const ROUNDS: u32 = 9_999;

/// One measure in both arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Measure {
    /// What it is: `error ratio of the canary`.
    pub name: String,
    /// What it was in the live rollouts, in words.
    pub live: String,
    /// And in virtual time.
    pub simulated: String,
    /// The chance of such a difference when there is none.
    pub p: f64,
    /// Whether the two agree, as far as the test can tell.
    pub agrees: bool,
}

/// The comparison of two arms.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Conformity {
    /// All measures that there was something to compare of.
    pub measures: Vec<Measure>,
    /// Live rollouts.
    pub live: usize,
    /// Simulated ones.
    pub simulated: usize,
}

impl Conformity {
    /// Whether the simulator tells the truth here.
    pub fn agrees(&self) -> bool {
        self.measures.iter().all(|measure| measure.agrees)
    }

    /// The p-value below which one measure fails.
    pub fn level(&self) -> f64 {
        LEVEL / self.measures.len().max(1) as f64
    }
}

/// Plays the scenario in virtual time, so many rollouts from `first` on, and takes them down.
pub fn simulate(scenario: &Scenario, seed: Seed, first: u64, rollouts: u64) -> Vec<Observation> {
    let (engine, _) = super::engine(scenario);
    let setting = super::watch::observed(scenario, &scenario.world, engine);
    let mut player = Player::new(setting);
    // The other engines count requests when they are asked for.
    let answer = match engine {
        Kind::Coupled => answer(&scenario.world),
        _ => Span::ZERO,
    };
    (first..first + rollouts)
        .map(|replicate| {
            let mut observer = Observer::new(answer);
            let trial = player.watch(seed, replicate, &mut |tick: &Tick<'_>| {
                observer.see(tick, ends(tick));
            });
            observer.finish(&trial)
        })
        .collect()
}

/// Whether a tick ends the rollout: what comes after it is promotion or clearing up.
pub fn ends(tick: &Tick<'_>) -> bool {
    use crate::rollout::Phase;
    matches!(
        tick.state.phase,
        Phase::Promoting | Phase::Finalising | Phase::Succeeded | Phase::Failed | Phase::Terminal
    )
}

/// Compares two arms measure by measure; `seed` decides which exchanges are drawn.
pub fn compare(live: &[Observation], simulated: &[Observation], seed: Seed) -> Conformity {
    let mut comparison = Comparison {
        live,
        simulated,
        stream: Stream::seed_from_u64(seed.0),
        measures: Vec::new(),
    };
    comparison.weights();
    comparison.mean(
        "canary requests / asked for",
        |one| one.share,
        0.0,
        0.0,
        |x| format!("{x:.3}"),
    );
    for (index, version) in ["stable", "canary"].into_iter().enumerate() {
        let percent = |x: f64| format!("{:.2} %", 100.0 * x);
        let name = format!("errors of {version}");
        comparison.mean(&name, |one| one.errors[index], 0.0, 0.0, percent);
    }
    for (index, version) in ["stable", "canary"].into_iter().enumerate() {
        for (rank, q) in QUANTILES.into_iter().enumerate() {
            let name = format!("p{:.0} of {version}", 100.0 * q);
            let millis = |x: f64| format!("{x:.1} ms");
            let value = |one: &Observation| one.latency[index][rank];
            let allowed = OVERHEAD.as_millis_f64();
            comparison.mean(&name, value, allowed, OVERHEAD_SHARE, millis);
        }
    }
    comparison.categories("verdicts in order", verdicts, Clone::clone);
    comparison.categories("ending", |one| ending(one.ending).to_owned(), Clone::clone);
    comparison.times("detection time", |one| one.detection);
    comparison.times("time to the end", |one| one.ended);
    let (live, simulated) = (live.len(), simulated.len());
    let mut conformity = Conformity {
        measures: comparison.measures,
        live,
        simulated,
    };
    let level = conformity.level();
    for measure in &mut conformity.measures {
        measure.agrees = measure.p >= level;
    }
    conformity
}

struct Comparison<'a> {
    live: &'a [Observation],
    simulated: &'a [Observation],
    stream: Stream,
    measures: Vec<Measure>,
}

impl Comparison<'_> {
    fn push(&mut self, name: &str, live: String, simulated: String, p: f64) {
        self.measures.push(Measure {
            name: name.to_owned(),
            live,
            simulated,
            p,
            agrees: true,
        });
    }

    /// Means of a figure that some rollouts may not have; `margin` and `share` of the simulated
    /// mean are allowed for.
    fn mean(
        &mut self,
        name: &str,
        value: impl Fn(&Observation) -> f64,
        margin: f64,
        share: f64,
        text: impl Fn(f64) -> String,
    ) {
        let [live, simulated] = [self.live, self.simulated]
            .map(|arm| -> Vec<f64> { arm.iter().map(&value).filter(|x| x.is_finite()).collect() });
        if live.is_empty() || simulated.is_empty() {
            return;
        }
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let margin = margin + share * mean(&simulated);
        let p = mean_difference_p(&live, &simulated, margin, ROUNDS, &mut self.stream);
        self.push(name, text(mean(&live)), text(mean(&simulated)), p);
    }

    /// Categories, of which the most frequent is shown.
    fn categories<T: Ord>(
        &mut self,
        name: &str,
        value: impl Fn(&Observation) -> T,
        text: impl Fn(&T) -> String,
    ) {
        let [live, simulated] =
            [self.live, self.simulated].map(|arm| arm.iter().map(&value).collect::<Vec<T>>());
        if live.is_empty() || simulated.is_empty() {
            return;
        }
        let p = categories_p(&live, &simulated, ROUNDS, &mut self.stream);
        let shown = [&live, &simulated].map(|arm| most_frequent(arm, &text));
        let [live, simulated] = shown;
        self.push(name, live, simulated, p);
    }

    /// The weights over time: their sum over the ticks is compared, the most frequent path shown.
    fn weights(&mut self) {
        let [live, simulated] = [self.live, self.simulated].map(|arm| -> Vec<f64> {
            let sum = |one: &Observation| one.weights.iter().map(|w| f64::from(*w)).sum();
            arm.iter().map(sum).collect()
        });
        if live.is_empty() || simulated.is_empty() {
            return;
        }
        let p = distribution_p(&live, &simulated, ROUNDS, &mut self.stream);
        let [live, simulated] = [self.live, self.simulated].map(|arm| {
            let paths: Vec<&[u32]> = arm.iter().map(|one| &one.weights[..]).collect();
            most_frequent(&paths, |weights| path(weights))
        });
        self.push("weights over time", live, simulated, p);
    }

    /// Times that may never come.
    fn times(&mut self, name: &str, value: impl Fn(&Observation) -> f64) {
        let [mut live, mut simulated] =
            [self.live, self.simulated].map(|arm| arm.iter().map(&value).collect::<Vec<f64>>());
        if live.is_empty() || simulated.is_empty() {
            return;
        }
        let p = distribution_p(&live, &simulated, ROUNDS, &mut self.stream);
        let shown = [&mut live, &mut simulated].map(|arm| median(arm));
        let [live, simulated] = shown;
        self.push(name, live, simulated, p);
    }
}

fn most_frequent<T: Ord>(arm: &[T], text: impl Fn(&T) -> String) -> String {
    let mut sorted: Vec<&T> = arm.iter().collect();
    sorted.sort();
    let longest = sorted.chunk_by(|a, b| a == b).max_by_key(|run| run.len());
    longest.map_or_else(String::new, |run| {
        let share = 100.0 * run.len() as f64 / arm.len() as f64;
        format!("{} ({share:.0} %)", text(run[0]))
    })
}

fn median(arm: &mut [f64]) -> String {
    arm.sort_by(f64::total_cmp);
    match arm[(arm.len() - 1) / 2] {
        never if never.is_infinite() => "never (median)".to_owned(),
        seconds => format!("{} (median)", Span::from_secs_f64(seconds)),
    }
}

/// A path of weights, each once: `5-10-0 %`.
fn path(weights: &[u32]) -> String {
    let mut steps = weights.to_vec();
    steps.dedup();
    let step = |weight: &u32| (f64::from(*weight) / 100.0).to_string();
    let steps: Vec<String> = steps.iter().map(step).collect();
    match steps.len() {
        0..=6 => format!("{} %", steps.join("-")),
        n => format!("{}-…-{} %", steps[..3].join("-"), steps[n - 2..].join("-")),
    }
}

/// The verdicts of a rollout in order, a sign each: `✓✓✗`.
fn verdicts(one: &Observation) -> String {
    let sign = |verdict: &Option<Outcome>| match verdict {
        None => '·',
        Some(Outcome::Pass) => '✓',
        Some(Outcome::Fail) => '✗',
        Some(Outcome::Inconclusive) => '?',
    };
    one.verdicts.iter().map(sign).collect()
}

fn ending(ending: Ending) -> &'static str {
    match ending {
        Ending::RolledBack => "rolled back",
        Ending::Promoted => "promoted",
        Ending::Horizon => "still under way",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::{Probability, Rate};
    use crate::model::split::Retries;
    use crate::scenario::EngineChoice;

    fn scenario() -> Scenario {
        let mut scenario = crate::scenario::find("default")
            .unwrap()
            .scenario()
            .unwrap();
        scenario.world.traffic.profile =
            crate::model::traffic::Profile::Constant(Rate::per_second(20.0).unwrap());
        scenario
    }

    #[test]
    fn a_simulator_conforms_to_itself() {
        let scenario = scenario();
        let live = simulate(&scenario, Seed(5), 10_000, 12);
        let simulated = simulate(&scenario, Seed(5), 0, 300);
        let conformity = compare(&live, &simulated, Seed(1));
        assert!(conformity.measures.len() >= 13, "{conformity:#?}");
        assert!(conformity.agrees(), "{conformity:#?}");
    }

    /// Answers that take long are counted after the weight has changed, which is no lie about the
    /// share: of 3,300 requests 46 more or fewer by the draw, and 40 by answers of four seconds.
    #[test]
    fn answers_under_way_at_a_change_of_weight_belong_to_the_order_before() {
        let mut slow = scenario();
        slow.world.stable.latency = crate::scenario::latency("p50=4s,p99=5s").unwrap();
        slow.world.canary.latency = slow.world.stable.latency.clone();
        slow.world.canary.errors = Probability::new(0.0).unwrap();
        for choice in [EngineChoice::Requests, EngineChoice::Counts] {
            slow.experiment.engine = choice;
            // The engine for coupled requests knows when each answer comes.
            slow.world.retries = (choice == EngineChoice::Requests).then_some(Retries {
                attempts: 1,
                on_errors: true,
                on_resets: true,
                per_try_timeout: None,
                backoff: Span::from_millis(25),
                budget: None,
            });
            let seen = simulate(&slow, Seed(5), 0, 100);
            let mean = seen.iter().map(|one| one.share).sum::<f64>() / 100.0;
            // One standard error is 0.0014.
            assert!((mean - 1.0).abs() < 0.005, "{choice:?}: {mean}");
        }
    }

    /// Each lie is found by the measures that it is about.
    #[test]
    fn another_world_does_not_conform() {
        let told = scenario();
        let simulated = simulate(&told, Seed(5), 0, 300);
        let failing = |change: &dyn Fn(&mut Scenario)| -> Vec<String> {
            let mut other = scenario();
            change(&mut other);
            let live = simulate(&other, Seed(5), 10_000, 12);
            let conformity = compare(&live, &simulated, Seed(1));
            (conformity.measures.into_iter())
                .filter(|measure| !measure.agrees)
                .map(|measure| measure.name)
                .collect()
        };
        let errors = failing(&|other| other.world.stable.errors = Probability::new(0.005).unwrap());
        assert_eq!(errors, ["errors of stable"]);
        let latency = failing(&|other| {
            other.world.stable.latency = crate::scenario::latency("p50=60ms,p99=250ms").unwrap();
        });
        assert!(latency.contains(&"p50 of stable".to_owned()), "{latency:?}");
        assert!(!latency.contains(&"errors of stable".to_owned()));
        let worse = failing(&|other| other.world.canary.errors = Probability::new(0.2).unwrap());
        for name in ["errors of canary", "time to the end", "weights over time"] {
            assert!(worse.contains(&name.to_owned()), "{name}: {worse:?}");
        }
    }
}
