//! Everything random about one trial: its streams, and what is drawn once for all of it.

use crate::base::{Probability, Purpose, Seed, Span, Stream, Time};
use crate::model::World;
use crate::model::split::Split;
use crate::model::traffic::{Path, Population, Traffic};
use crate::telemetry::{Phase, Sampling, Version};

use super::play::Flow;

/// The most strata that faults' scopes may divide users into.
pub const MOST_STRATA: usize = 8;

/// A trial's luck.
#[derive(Debug)]
pub struct Luck {
    /// How many requests come and when.
    pub arrivals: Stream,
    /// Which version each goes to.
    pub split: Stream,
    /// Who sends them.
    pub users: Stream,
    /// What users do after an answer.
    pub goals: Stream,
    versions: [Stream; 3],
    /// Places users in the faults' scopes.
    pub scope_salt: u64,
    /// Places users among the versions, when the split is by user.
    pub version_salt: Option<u64>,
    population: Population,
    cuts: Vec<f64>,
    /// Share of all requests from each stratum; made when first asked for.
    strata: Option<Shares>,
    /// The same of canary users only, by canary share, when the split is by user.
    canary: Vec<(u64, Shares)>,
    scratch: Vec<f64>,
    /// Requests that even arrivals owe.
    owed: f64,
    /// Whether stable's users are told apart.
    divides_stable: bool,
    /// Whether anything but users, arrivals and the two versions needs luck.
    has_baseline: bool,
    has_goals: bool,
    swings: Option<Box<Swings>>,
}

/// A rate that swings at random.
#[derive(Debug)]
struct Swings {
    traffic: Traffic,
    horizon: Span,
    path: Option<Path>,
}

/// Shares of all requests, by stratum of users.
pub type Shares = [f64; MOST_STRATA];

impl Luck {
    /// The luck of replicate 0 in `world` up to `horizon`; [`Luck::deal`] deals another.
    pub fn new(world: &World, horizon: Span, seed: Seed) -> Luck {
        let stream = |purpose| seed.stream(0, purpose);
        let mut cuts = world.strata();
        cuts.truncate(MOST_STRATA);
        let swings = world.traffic.swing.is_some() || world.traffic.cron > Probability::ZERO;
        Luck {
            arrivals: stream(Purpose::Arrivals),
            split: stream(Purpose::Split),
            users: stream(Purpose::Users),
            goals: stream(Purpose::Goals),
            versions: [
                stream(Purpose::Stable),
                stream(Purpose::Canary),
                stream(Purpose::Baseline),
            ],
            scope_salt: seed.salt(0, Purpose::Users),
            version_salt: (world.split == Split::UserHash).then(|| seed.salt(0, Purpose::Split)),
            population: world.traffic.users.clone(),
            cuts,
            strata: None,
            canary: Vec::new(),
            scratch: Vec::new(),
            owed: 0.0,
            divides_stable: world.divides_stable(),
            has_baseline: world.rules.baseline,
            has_goals: !world.goals.is_empty(),
            swings: swings.then(|| {
                Box::new(Swings {
                    traffic: world.traffic.clone(),
                    horizon,
                    path: None,
                })
            }),
        }
    }

    /// Deals the luck of a replicate.
    pub fn deal(&mut self, seed: Seed, replicate: u64) {
        let stream = |purpose| seed.stream(replicate, purpose);
        self.arrivals = stream(Purpose::Arrivals);
        self.split = stream(Purpose::Split);
        self.users = stream(Purpose::Users);
        self.versions[0] = stream(Purpose::Stable);
        self.versions[1] = stream(Purpose::Canary);
        if self.has_baseline {
            self.versions[2] = stream(Purpose::Baseline);
        }
        if self.has_goals {
            self.goals = stream(Purpose::Goals);
        }
        if let Some(swings) = &mut self.swings {
            let mut stream = stream(Purpose::Swing);
            swings.path = Path::draw(&swings.traffic, swings.horizon, &mut stream);
        }
        self.scope_salt = seed.salt(replicate, Purpose::Users);
        if self.version_salt.is_some() {
            self.version_salt = Some(seed.salt(replicate, Purpose::Split));
        }
        self.strata = None;
        self.canary.clear();
        self.owed = 0.0;
    }

    /// The stream of how a version answers.
    pub fn of(&mut self, version: Version) -> &mut Stream {
        &mut self.versions[version as usize]
    }

    /// Whether the rate swings at random in this trial.
    #[inline]
    pub fn swings(&self) -> bool {
        (self.swings.as_ref()).is_some_and(|swings| swings.path.is_some())
    }

    /// Requests expected from `from` to `to` in this trial, where the rate swings at random; `None`
    /// where it follows its profile.
    #[inline]
    pub fn expected(&self, from: Time, to: Time) -> Option<f64> {
        let swings = self.swings.as_ref()?;
        let path = swings.path.as_ref()?;
        Some(path.expected(&swings.traffic.profile, from, to))
    }

    /// Whether a version's share of requests is known beforehand and the same in every trial.
    #[inline]
    pub fn is_plain(&self, version: Version) -> bool {
        self.version_salt.is_none() && (self.cuts.len() == 1 || !self.divides(version))
    }

    /// Whether a version's users are told apart.
    fn divides(&self, version: Version) -> bool {
        version == Version::Canary || self.divides_stable
    }

    /// A version's share of all requests by stratum. Users who are not told apart are all in the
    /// first place.
    #[inline]
    pub fn shares(&mut self, version: Version, flow: Flow) -> Shares {
        if self.is_plain(version) {
            let mut shares = [0.0; MOST_STRATA];
            shares[0] = flow.share(version);
            return shares;
        }
        self.divided_shares(version, flow)
    }

    fn divided_shares(&mut self, version: Version, flow: Flow) -> Shares {
        let mut shares = [0.0; MOST_STRATA];
        let of_canary = self.canary_shares(flow.canary);
        match (version, self.divides_stable) {
            (Version::Canary, _) => return of_canary,
            (Version::Baseline, false) => shares[0] = flow.baseline,
            (Version::Stable, false) => {
                shares[0] = 1.0 - of_canary.iter().sum::<f64>() - flow.baseline;
            }
            // No baseline is carved out of users.
            (_, true) => {
                let everyone = self.everyone();
                let by_user = self.version_salt.is_some();
                for ((share, all), canary) in shares.iter_mut().zip(everyone).zip(of_canary) {
                    *share = match by_user {
                        true => (all - canary).max(0.0),
                        false => all * flow.share(version),
                    };
                }
            }
        }
        shares
    }

    /// How the requests of stable or a baseline divide among the strata, on any scale.
    pub fn within_stable(&mut self, flow: Flow) -> Shares {
        if self.divides_stable {
            return self.shares(Version::Stable, flow);
        }
        let mut shares = [0.0; MOST_STRATA];
        shares[0] = 1.0;
        shares
    }

    /// The canary's share of all requests by stratum, when a share `canary` is routed to it.
    fn canary_shares(&mut self, canary: f64) -> Shares {
        if self.is_plain(Version::Canary) {
            let mut shares = [0.0; MOST_STRATA];
            shares[0] = canary;
            return shares;
        }
        match self.version_salt {
            Some(salt) => self.hashed(salt, canary),
            None => self.everyone().map(|share| share * canary),
        }
    }

    /// Shares of all requests by stratum, whatever the version.
    pub fn everyone(&mut self) -> Shares {
        if self.cuts.len() == 1 {
            let mut shares = [0.0; MOST_STRATA];
            shares[0] = 1.0;
            return shares;
        }
        if let Some(shares) = self.strata {
            return shares;
        }
        let shares = self.divide(None);
        self.strata = Some(shares);
        shares
    }

    fn hashed(&mut self, salt: u64, canary: f64) -> Shares {
        let key = canary.to_bits();
        if let Some((_, shares)) = self.canary.iter().find(|(other, _)| *other == key) {
            return *shares;
        }
        let share = Probability::new(canary).unwrap_or(Probability::ONE);
        let shares = self.divide(Some((salt, share)));
        self.canary.push((key, shares));
        shares
    }

    fn divide(&mut self, version: Option<(u64, Probability)>) -> Shares {
        let mut shares = [0.0; MOST_STRATA];
        self.population
            .divide(self.scope_salt, &self.cuts, version, &mut self.scratch);
        for (share, divided) in shares.iter_mut().zip(&self.scratch) {
            *share = *divided;
        }
        shares
    }

    /// How many requests come in the next `expected` requests' time when they come evenly.
    pub fn even_arrivals(&mut self, expected: f64) -> u64 {
        self.owed += expected;
        // Float dust must not hold a request back.
        let whole = (self.owed + 1e-7).floor();
        self.owed -= whole;
        whole as u64
    }

    /// Expected number of distinct users behind exposed requests, given how many came from each
    /// stratum at each canary share: within a stratum and a share, each request is a canary user's
    /// in proportion to activity.
    pub fn distinct_users(&mut self, levels: &[(f64, [u64; MOST_STRATA])]) -> f64 {
        let shares: Vec<Shares> = (levels.iter())
            .map(|(canary, _)| self.canary_shares(*canary))
            .collect();
        let one_by_one = self.version_salt.is_some();
        let inner = &self.cuts[..self.cuts.len() - 1];
        let mut distinct = 0.0;
        for user in 0..self.population.users() {
            let activity = self.population.activity(user);
            let place = |salt| Population::place(user, salt);
            let stratum = match inner {
                [] => 0,
                inner => {
                    let place = place(self.scope_salt);
                    inner.partition_point(|cut| *cut <= place)
                }
            };
            let version = self.version_salt.map(place);
            let mut spared = 0.0;
            for ((canary, exposed), shares) in levels.iter().zip(&shares) {
                if exposed[stratum] == 0 || version.is_some_and(|place| place >= *canary) {
                    continue;
                }
                // The share among canary users of the stratum: all of them count by activity, so a
                // split by request cancels out.
                let members = if one_by_one {
                    shares[stratum]
                } else {
                    shares[stratum] / canary
                };
                spared += exposed[stratum] as f64 * (-(activity / members).min(1.0)).ln_1p();
            }
            distinct -= spared.exp_m1();
        }
        distinct
    }

    /// When within the scrape interval a replicate's scrapes fall.
    pub fn phase(seed: Seed, replicate: u64, sampling: Sampling) -> Span {
        match sampling {
            Sampling::Exact => Span::ZERO,
            Sampling::Scraped {
                phase: Phase::Fixed(phase),
                ..
            } => phase,
            Sampling::Scraped {
                interval,
                phase: Phase::Random,
            } => {
                let choice = seed.salt(replicate, Purpose::Scrape) % Phase::CHOICES;
                Span::from_nanos(interval.as_nanos() / Phase::CHOICES * choice)
            }
        }
    }
}
