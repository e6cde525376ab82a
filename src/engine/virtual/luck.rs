//! Everything random about one trial: its streams, and what is drawn once for all of it.

use crate::base::{Probability, Purpose, Seed, Span, Stream};
use crate::model::World;
use crate::model::split::Split;
use crate::model::traffic::Population;
use crate::telemetry::{Phase, Sampling, Version};

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
    versions: [Stream; 2],
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
}

/// Shares of all requests, by stratum of users.
pub type Shares = [f64; MOST_STRATA];

impl Luck {
    /// The luck of replicate 0 in `world`; [`Luck::deal`] deals another.
    pub fn new(world: &World, seed: Seed) -> Luck {
        let stream = |purpose| seed.stream(0, purpose);
        let mut cuts = world.strata();
        cuts.truncate(MOST_STRATA);
        Luck {
            arrivals: stream(Purpose::Arrivals),
            split: stream(Purpose::Split),
            users: stream(Purpose::Users),
            versions: [stream(Purpose::Stable), stream(Purpose::Canary)],
            scope_salt: seed.salt(0, Purpose::Users),
            version_salt: (world.split == Split::UserHash).then(|| seed.salt(0, Purpose::Split)),
            population: world.traffic.users.clone(),
            cuts,
            strata: None,
            canary: Vec::new(),
            scratch: Vec::new(),
            owed: 0.0,
        }
    }

    /// Deals the luck of a replicate.
    pub fn deal(&mut self, seed: Seed, replicate: u64) {
        let stream = |purpose| seed.stream(replicate, purpose);
        self.arrivals = stream(Purpose::Arrivals);
        self.split = stream(Purpose::Split);
        self.users = stream(Purpose::Users);
        self.versions = [stream(Purpose::Stable), stream(Purpose::Canary)];
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

    /// Whether a version's share of requests is known beforehand and the same in every trial.
    pub fn is_plain(&self, version: Version) -> bool {
        self.version_salt.is_none() && (self.cuts.len() == 1 || version == Version::Stable)
    }

    /// A version's share of all requests by stratum, when a share `canary` is routed to the
    /// canary. Stable's users are not told apart: its whole share is in the first place.
    pub fn shares(&mut self, version: Version, canary: f64) -> Shares {
        let mut shares = [0.0; MOST_STRATA];
        if self.is_plain(version) {
            shares[0] = match version {
                Version::Stable => 1.0 - canary,
                Version::Canary => canary,
                Version::Baseline => 0.0,
            };
            return shares;
        }
        let of_canary = match self.version_salt {
            Some(salt) => self.hashed(salt, canary),
            None => self.everyone().map(|share| share * canary),
        };
        match version {
            Version::Canary => of_canary,
            Version::Baseline => shares,
            Version::Stable => {
                shares[0] = 1.0 - of_canary.iter().sum::<f64>();
                shares
            }
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
            .map(|(canary, _)| self.shares(Version::Canary, *canary))
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
