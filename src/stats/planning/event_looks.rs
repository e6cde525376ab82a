//! Rare events watched as they come: what looking early saves, and what it costs at the end.
//!
//! Exact sums over the events' paths. A look falls after a number of events, which is also what
//! spending and evidence go by, so the sums need neither base rate nor time.

use std::collections::VecDeque;

use super::super::binomial;
use super::event_split::{last_below, poisson_mean};
use super::{EventSplit, Risks};

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

/// Bets of the evidence: ratios spread evenly in logarithms over this range, equally weighted.
const BETS: u32 = 24;
const LOWEST_BET: f64 = 1.05;
const HIGHEST_BET: f64 = 50.0;

/// Events of the single look above which paths are not summed any more.
const MOST_WALKED: f64 = 1_500.0;

/// Events of the single look below which power rises in teeth wide enough to matter.
const TOOTHED: f64 = 100.0;

impl EventSplit {
    /// Exact conditional alpha spending in `looks` looks after equal numbers of events, spending
    /// alpha · ln(1 + (e - 1)t) (Lan and DeMets's Pocock type): the fewest events at which its power
    /// is that asked for. Where there are more than 1,500 of them, what it costs and saves is taken
    /// from a problem of that size, the normal limit being near.
    pub fn spending(self, looks: u32, risks: Risks) -> SequentialEvents {
        let single = self.events_needed(risks);
        if single <= MOST_WALKED {
            return self.walked_spending(looks, risks, single);
        }
        // The same risks on a ratio that is seen among fewer events.
        let ratio = f64::exp(self.ratio().ln() * (single / MOST_WALKED).sqrt() * 1.05);
        let Some(like) = EventSplit::new(self.share(), ratio) else {
            return SequentialEvents {
                mean: single,
                most: Some(single),
                reached: single,
            };
        };
        let small = like.events_needed(risks);
        let walked = like.walked_spending(looks, risks, small);
        let scale = single / small;
        SequentialEvents {
            mean: walked.mean * scale,
            most: walked.most.map(|most| most * scale),
            reached: walked.reached * scale,
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
            mean: most * poisson_mean(most, 0, &shares),
            most: Some(most),
            reached: most,
        }
    }

    /// Walks all paths of a test of at most `most` events.
    fn spend(self, most: u64, looks: u32, alpha: f64) -> Spent {
        let looks = u64::from(looks).clamp(1, most);
        let (mut null, mut alternative) = (vec![1.0], vec![1.0]);
        let (mut level, mut power, mut mean, mut events) = (0.0, 0.0, 0.0, 0);
        let mut going = 1.0;
        for look in 1..=looks {
            let batch = most * look / looks - events;
            events += batch;
            null = convolved(&null, batch, self.share());
            alternative = convolved(&alternative, batch, self.event_share());
            mean += going * batch as f64;
            let share = look as f64 / looks as f64;
            let allowed = alpha * (1.0 + (std::f64::consts::E - 1.0) * share).ln();
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
        Spent { power, mean }
    }

    /// The evidence of a mixture of bets on ratios from 1.05 to 50, weighed after each event, at
    /// level `alpha` for ever. Beyond 1,500 events of the single look by Wald's approximation, with
    /// the mixture costing 1.75 nats.
    pub fn evidence(self, risks: Risks) -> SequentialEvents {
        if self.events_needed(risks) > MOST_WALKED {
            return self.wald_evidence(risks);
        }
        // With y events of the first arm it rejects while there are at most so many events in all.
        let bets = Bets::new(self.share(), risks.alpha);
        let mut limits: Vec<u64> = Vec::new();
        let mut paths = Paths::new();
        let (mut events, mut mean, mut going) = (0_u64, 0.0, 1.0);
        let mut reached = f64::INFINITY;
        while going > 1e-5 && (events as f64) < 60.0 * MOST_WALKED {
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
            reached,
        }
    }

    /// Drift and spread of the best bet's evidence, and the time at which such a walk arrives.
    fn wald_evidence(self, risks: Risks) -> SequentialEvents {
        const MIXTURE: f64 = 1.75;
        let (null, split) = (self.share(), self.event_share());
        let wanted = (1.0 / risks.alpha).ln() + MIXTURE;
        let growth = self.information();
        let odds = (split * (1.0 - null) / (null * (1.0 - split))).ln();
        let spread = split * (1.0 - split) * odds * odds;
        let mean = wanted / growth;
        let deviation = (wanted * spread / growth.powi(3)).sqrt();
        SequentialEvents {
            mean,
            most: None,
            reached: mean + super::normal_quantile(risks.power) * deviation,
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
        let step = (HIGHEST_BET / LOWEST_BET).ln() / f64::from(BETS - 1);
        let term = |bet: u32| {
            let ratio = LOWEST_BET * (f64::from(bet) * step).exp();
            (ratio.ln(), (share * (ratio - 1.0)).ln_1p())
        };
        Bets {
            terms: (0..BETS).map(term).collect(),
            wanted: (1.0 / alpha).ln(),
        }
    }

    /// Whether so many events of the first arm among so many are enough.
    fn suffice(&self, hits: u64, events: u64) -> bool {
        let (hits, events) = (hits as f64, events as f64);
        let logs = (self.terms.iter()).map(|(gain, cost)| hits * gain - events * cost);
        let highest = logs.clone().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.map(|log| (log - highest).exp()).sum();
        highest + (sum / f64::from(BETS)).ln() >= self.wanted
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

/// Chances of counts after `batch` more events. What is below 10⁻¹⁸ at the ends of the batch is
/// dropped.
fn convolved(paths: &[f64], batch: u64, chance: f64) -> Vec<f64> {
    let mean = batch as f64 * chance;
    let reach = 9.0 * (mean * (1.0 - chance)).sqrt() + 12.0;
    let first = (mean - reach).max(0.0) as u64;
    let last = ((mean + reach) as u64).min(batch);
    // One direct chance, the others by their ratios.
    let peak = (mean as u64).min(batch);
    let odds = chance / (1.0 - chance);
    let mut step = vec![0.0; (last - first) as usize + 1];
    let at = (peak - first) as usize;
    step[at] = binomial(batch, peak, chance);
    for hits in peak..last {
        let here = (hits - first) as usize;
        step[here + 1] = step[here] * odds * (batch - hits) as f64 / (hits + 1) as f64;
    }
    for hits in (first..peak).rev() {
        let here = (hits - first) as usize;
        step[here] = step[here + 1] * (hits + 1) as f64 / (odds * (batch - hits) as f64);
    }
    let mut out = vec![0.0; paths.len() + last as usize];
    for (count, path) in paths.iter().enumerate() {
        if *path < 1e-18 {
            continue;
        }
        let start = count + first as usize;
        for (target, chance) in out[start..].iter_mut().zip(&step) {
            *target += path * chance;
        }
    }
    out
}
