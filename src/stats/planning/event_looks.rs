//! Rare events watched as they come: what looking early saves, and what it costs at the end.
//!
//! Exact sums over the events' paths. A look falls after a number of events, which is also what
//! spending and evidence go by, so the sums need neither base rate nor time.

use std::collections::VecDeque;

use super::super::sequential::{Characteristics, CountLaw, Spending, SplitE, SplitLaw};
use super::event_split::{last_below, poisson_mean};
use super::{EventSplit, Risks, group_sequential};

/// What a test that looks early takes, in events of both arms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SequentialEvents {
    /// Mean until it rejects or ends, when the arms differ as planned.
    pub mean: f64,
    /// Where it ends at the latest; `None`: never.
    pub most: Option<f64>,
    /// By when it has rejected with the planned power.
    pub reached: f64,
}

/// Events of the single look above which paths are not summed any more.
const MOST_WALKED: f64 = 1_500.0;

/// Events of the single look below which power rises in teeth wide enough to matter.
const TOOTHED: f64 = 100.0;

impl EventSplit {
    /// Exact conditional alpha spending in `looks` looks after equal numbers of events, spending
    /// alpha · ln(1 + (e - 1)t) (Lan and DeMets's Pocock type): the fewest events at which its power
    /// is that asked for. Where there are more than 1,500 of them, what it costs and saves is that of the
    /// normal limit.
    pub fn spending(self, looks: u32, risks: Risks) -> SequentialEvents {
        let single = self.events_needed(risks);
        if single <= MOST_WALKED {
            return self.walked_spending(looks, risks, single);
        }
        // Whole counts cost next to nothing here: what a look leaves unspent, later ones use.
        let smooth = self.normal_events(risks, 0.0);
        let limit = group_sequential(looks, risks);
        let times = |of: fn(&Characteristics) -> f64| smooth * limit.as_ref().map_or(1.0, of);
        let most = times(|limit| limit.inflation);
        SequentialEvents {
            mean: times(|limit| limit.expected_alternative),
            most: Some(most),
            reached: most,
        }
    }

    fn walked_spending(self, looks: u32, risks: Risks, single: f64) -> SequentialEvents {
        if single < TOOTHED {
            return self.tabled_spending(looks, risks, single);
        }
        let enough = |most| self.spend(most, looks, risks.alpha).power >= risks.power;
        let (mut low, mut high) = (1, (1.5 * single) as u64 + 10);
        while low < high {
            let middle = low + (high - low) / 2;
            if enough(middle) {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        let spent = self.spend(high, looks, risks.alpha);
        SequentialEvents {
            mean: spent.mean,
            most: Some(high as f64),
            reached: high as f64,
        }
    }

    /// Where events are few, how many there will be matters: the mean over a Poisson number of them,
    /// past the last tooth that falls below the power.
    fn tabled_spending(self, looks: u32, risks: Risks, single: f64) -> SequentialEvents {
        let highest = 1.5 * single + 5.0;
        let last = (highest + 9.0 * highest.sqrt() + 20.0) as u64;
        let spent: Vec<Spent> = (1..=last)
            .map(|most| self.spend(most, looks, risks.alpha))
            .collect();
        let powers: Vec<f64> = spent.iter().map(|spent| spent.power).collect();
        let reached = |events| poisson_mean(events, 1, &powers) >= risks.power;
        let most = last_below(highest, reached);
        // How far through the plan it ends; with no event at all it ends with the plan.
        let shares: Vec<f64> = std::iter::once(1.0)
            .chain(
                (1..)
                    .zip(&spent)
                    .map(|(most, spent)| spent.mean / f64::from(most)),
            )
            .collect();
        SequentialEvents {
            mean: most * poisson_mean(most, 0, &shares).min(1.0),
            most: Some(most),
            reached: most,
        }
    }

    /// Walks all paths of a test of at most `most` events.
    fn spend(self, most: u64, looks: u32, alpha: f64) -> Spent {
        let looks = u64::from(looks).clamp(1, most);
        let (mut null, mut alternative) = (vec![1.0], vec![1.0]);
        let (mut level, mut power, mut mean, mut events) = (0.0, 0.0, 0.0, 0);
        let (mut going, mut law) = (1.0, CountLaw::default());
        for look in 1..=looks {
            let batch = most * look / looks - events;
            events += batch;
            null = convolved(&null, batch, self.share(), &mut law);
            alternative = convolved(&alternative, batch, self.event_share(), &mut law);
            mean += going * batch as f64;
            let share = look as f64 / looks as f64;
            let allowed = Spending::Pocock.spent(alpha, share);
            let mut critical = null.len();
            while critical > 0 && level + null[critical - 1] <= allowed {
                critical -= 1;
                level += null[critical];
            }
            power += alternative
                .drain(critical.min(alternative.len())..)
                .sum::<f64>();
            null.truncate(critical);
            going = alternative.iter().sum();
        }
        Spent {
            power,
            mean: mean.min(most as f64),
        }
    }

    /// The evidence of a [`SplitE`] with its usual bets, weighed after each event, at level `alpha`
    /// for ever. Beyond 1,500 events of the single look by its mean path, which
    /// is long by a tenth or, with ratios near the lowest bet of 1.05, a third.
    pub fn evidence(self, risks: Risks) -> SequentialEvents {
        if self.events_needed(risks) > MOST_WALKED {
            return self.mean_path_evidence(risks);
        }
        // With y events of the first arm it rejects while there are at most so many events in all.
        let bets = Bets::new(self.share(), risks.alpha);
        let mut limits: Vec<u64> = Vec::new();
        let mut paths = Paths::new();
        let (mut events, mut mean, mut going) = (0_u64, 0.0, 1.0);
        let mut reached = f64::INFINITY;
        let unfinished = |going: f64, reached: f64| going > 1e-5 || reached.is_infinite();
        while unfinished(going, reached) && (events as f64) < 60.0 * MOST_WALKED {
            mean += going;
            events += 1;
            paths.one_event_more(self.event_share());
            while limits.len() < paths.end() {
                let before = limits.last().copied().unwrap_or(0);
                limits.push(bets.limit(limits.len() as u64, before));
            }
            going = paths.stop_where(|hits| events <= limits[hits]);
            if reached.is_infinite() && 1.0 - going >= risks.power {
                reached = events as f64;
            }
        }
        SequentialEvents {
            mean,
            most: None,
            reached: reached.min(events as f64),
        }
    }

    /// Where evidence that grows along its mean path suffices, and how far a random one strays.
    fn mean_path_evidence(self, risks: Risks) -> SequentialEvents {
        let split = self.event_share();
        let bets = Bets::new(self.share(), risks.alpha);
        let suffices = |events: f64| bets.evidence(events * split, events) >= bets.wanted;
        let (mut low, mut high) = (1.0, 2.0);
        while !suffices(high) && high < 1e15 {
            (low, high) = (high, 2.0 * high);
        }
        for _ in 0..40 {
            let middle = (low + high) / 2.0;
            if suffices(middle) {
                high = middle;
            } else {
                low = middle;
            }
        }
        // Per event, of the bet that leads by then.
        let growth = |(gain, cost): (f64, f64)| split * gain - cost;
        let leads = |a: &(f64, f64), b: &(f64, f64)| growth(*a).total_cmp(&growth(*b));
        let strays = (bets.terms.iter().copied().max_by(leads)).map_or(0.0, |(gain, cost)| {
            let spread = gain * (split * (1.0 - split) * high).sqrt();
            spread / growth((gain, cost))
        });
        SequentialEvents {
            mean: high,
            most: None,
            reached: high + super::normal_quantile(risks.power) * strays,
        }
    }

    /// Base events (as many as there would be if nothing differed) that it takes on average to be
    /// sure, at error chance `alpha`, that the first arm does *not* have events this many times as
    /// often, when it has them equally often: ln(1/alpha) / (ln(1 + w(r - 1)) - w ln r).
    pub fn acquittal(self, alpha: f64) -> f64 {
        let growth = self.surplus().ln() - self.share() * self.ratio().ln();
        (1.0 / alpha).ln() / growth
    }
}

/// The mixture of bets, and how much evidence is enough.
struct Bets {
    /// For each: what an event of the first arm gains, and what any event costs.
    terms: Vec<(f64, f64)>,
    wanted: f64,
}

impl Bets {
    fn new(share: f64, alpha: f64) -> Bets {
        let term = |ratio: &f64| (ratio.ln(), (share * (ratio - 1.0)).ln_1p());
        Bets {
            terms: SplitE::usual_ratios().iter().map(term).collect(),
            wanted: (1.0 / alpha).ln(),
        }
    }

    /// The evidence of so many events of the first arm among so many, in nats.
    fn evidence(&self, hits: f64, events: f64) -> f64 {
        let logs = (self.terms.iter()).map(|(gain, cost)| hits * gain - events * cost);
        let highest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.map(|log| (log - highest).exp()).sum();
        highest + (sum / self.terms.len() as f64).ln()
    }

    /// Whether that is enough.
    fn suffice(&self, hits: u64, events: u64) -> bool {
        self.evidence(hits as f64, events as f64) >= self.wanted
    }

    /// Up to how many events in all so many of the first arm are enough, 0 where they never are;
    /// one less are up to `before`.
    fn limit(&self, hits: u64, before: u64) -> u64 {
        let mut low = before.max(hits);
        if !self.suffice(hits, low) {
            return 0;
        }
        let mut stride = 1;
        while self.suffice(hits, low + stride) {
            low += stride;
            stride *= 2;
        }
        let mut high = low + stride;
        while high - low > 1 {
            let middle = low + (high - low) / 2;
            if self.suffice(hits, middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Chances of the first arm's counts that have not stopped yet.
struct Paths {
    /// The lowest count that is followed.
    first: usize,
    chances: VecDeque<f64>,
}

impl Paths {
    /// Before any event.
    fn new() -> Paths {
        Paths {
            first: 0,
            chances: VecDeque::from([1.0]),
        }
    }

    /// One more than the highest count.
    fn end(&self) -> usize {
        self.first + self.chances.len()
    }

    fn one_event_more(&mut self, chance: f64) {
        let mut below = 0.0;
        for here in &mut self.chances {
            let stays = *here * (1.0 - chance) + below;
            below = *here * chance;
            *here = stays;
        }
        self.chances.push_back(below);
        while self.chances.front().is_some_and(|lowest| *lowest < 1e-15) {
            self.chances.pop_front();
            self.first += 1;
        }
    }

    /// Ends the paths from the top for as long as `stops` says so of their count; what is left.
    fn stop_where(&mut self, stops: impl Fn(usize) -> bool) -> f64 {
        while !self.chances.is_empty() && stops(self.end() - 1) {
            self.chances.pop_back();
        }
        self.chances.iter().sum()
    }
}

/// Level and cost of one walk.
struct Spent {
    power: f64,
    mean: f64,
}

/// Chances of counts after `batch` more events.
fn convolved(paths: &[f64], batch: u64, chance: f64, law: &mut CountLaw) -> Vec<f64> {
    if law.fill(SplitLaw::Share(chance), batch).is_none() {
        return paths.to_vec();
    }
    let first = law.lowest() as usize;
    let step = law.chances();
    let mut out = vec![0.0; paths.len() + first + step.len() - 1];
    for (count, path) in paths.iter().enumerate() {
        if *path < 1e-18 {
            continue;
        }
        for (target, chance) in out[count + first..].iter_mut().zip(step) {
            *target += path * chance;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn risks() -> Risks {
        Risks::new(0.05, 0.8).unwrap()
    }

    #[test]
    fn one_look_is_the_exact_test() {
        // Of a fixed number of events, where a single look is one; their Poisson spread is the
        // other's.
        let split = EventSplit::new(0.05, 2.0).unwrap();
        let (once, spent) = (split.events_needed(risks()), split.spending(1, risks()));
        assert_eq!(spent.most, Some(spent.mean));
        assert!((spent.mean / once - 1.0).abs() < 0.05, "{once} {spent:?}");
    }

    #[test]
    fn looking_early_saves_on_average_and_costs_at_the_end() {
        for (share, ratio) in [(0.05, 2.0), (0.5, 1.5), (0.1, 1.3)] {
            let split = EventSplit::new(share, ratio).unwrap();
            let once = split.events_needed(risks());
            let spent = split.spending(10, risks());
            let most = spent.most.unwrap();
            assert!(spent.mean < 0.8 * once && most > once, "{once} {spent:?}");
            // In the normal limit, 1.259 and 0.764.
            assert!(most < 1.3 * once, "{once} {spent:?}");
        }
    }

    #[test]
    fn the_normal_limit_meets_the_walk_where_it_takes_over() {
        for (share, ratio) in [(0.05, 1.33), (0.5, 1.14), (0.01, 1.9)] {
            let split = EventSplit::new(share, ratio).unwrap();
            let once = split.events_needed(risks());
            assert!((1_000.0..MOST_WALKED).contains(&once), "{once}");
            let walked = split.spending(10, risks());
            let limit = group_sequential(10, risks()).unwrap();
            let smooth = split.normal_events(risks(), 0.0);
            let off = walked.most.unwrap() / (smooth * limit.inflation) - 1.0;
            assert!(off.abs() < 0.05, "{share}: {off}");
            let (walked, path) = (split.evidence(risks()), split.mean_path_evidence(risks()));
            let long = path.mean / walked.mean;
            assert!((1.0..1.45).contains(&long), "{share}: {path:?} {walked:?}");
            let long = path.reached / walked.reached;
            assert!((0.95..1.25).contains(&long), "{share}: {path:?} {walked:?}");
        }
    }

    #[test]
    fn the_evidence_never_takes_less_than_the_information_bound() {
        for (share, ratio, base) in [(0.05, 2.0, 0.001), (0.01, 10.0, 0.01), (0.5, 5.0, 0.02)] {
            let split = EventSplit::new(share, ratio).unwrap();
            let bound = split.information_bound(base, 0.05);
            let mean = split.evidence(risks()).mean / (base * split.surplus());
            assert!((1.0..2.0).contains(&(mean / bound)), "{mean} {bound}");
        }
    }

    #[test]
    fn an_arm_is_acquitted_after_as_many_trials_as_the_formula_says() {
        // p = 1 %, w = 5 %, twice as bad: 21,200 requests at 5 %.
        let split = EventSplit::new(0.05, 2.0).unwrap();
        let requests = split.acquittal(0.05) / 0.01;
        assert!((requests - 21_200.0).abs() < 50.0, "{requests}");
    }
}
