//! Kinds of traffic that have a name. A preset fills in what the traffic section leaves out.

use super::defaults;
use super::traffic::Crowd;
use crate::base::{Probability, Rate, Span};
use crate::model::traffic::{Activity, Arrivals, Flash, Profile, Sessions, Swing, Week};

/// What the traffic section takes where it says nothing.
#[derive(Debug)]
pub(super) struct Preset {
    pub(super) profile: Option<Profile>,
    pub(super) arrivals: Arrivals,
    pub(super) swing: Option<Swing>,
    pub(super) crowd: Crowd,
    pub(super) sessions: Option<Sessions>,
    pub(super) returning: Probability,
}

impl Default for Preset {
    /// Without a preset the rate has to be given.
    fn default() -> Preset {
        Preset {
            profile: None,
            arrivals: Arrivals::Poisson,
            swing: None,
            crowd: Crowd {
                users: defaults::USERS,
                activity: Activity::Zipf(defaults::ZIPF),
            },
            sessions: None,
            returning: Probability::ZERO,
        }
    }
}

/// The name of a preset; the schema says what each stands for.
#[derive(Debug, Clone, Copy)]
pub(super) enum Name {
    Flat,
    WebDay,
    SaasTenants,
    BurstyApi,
    Low,
    Flash,
    LongMemory,
}

pub(super) const NAMES: [(&str, Name); 7] = [
    ("flat", Name::Flat),
    ("web-day", Name::WebDay),
    ("saas-tenants", Name::SaasTenants),
    ("bursty-api", Name::BurstyApi),
    ("low", Name::Low),
    ("flash", Name::Flash),
    ("long-memory", Name::LongMemory),
];

/// Working hours with eight times the traffic of the night, by the hour.
const OFFICE: [f64; 24] = [
    1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.5, 3.0, 6.0, 8.0, 8.0, 8.0, 7.0, 7.5, 8.0, 8.0, 8.0, 6.0, 3.5,
    2.0, 1.5, 1.5, 1.0, 1.0,
];
const OFFICE_WEEKEND: f64 = 0.2;
/// Coefficient of variation of the measured rate at a minute, beyond hours, weekends and noise.
const MEASURED_CV: f64 = 0.44;

impl Name {
    pub(super) fn preset(self) -> Preset {
        let plain = Preset::default();
        let crowd = |users, activity| Crowd { users, activity };
        match self {
            Name::Flat => Preset {
                profile: constant(100.0),
                ..plain
            },
            Name::WebDay => Preset {
                profile: week(100.0, &Week::NASA, defaults::WEEKEND),
                swing: Some(Swing::long_memory(MEASURED_CV)),
                crowd: crowd(defaults::USERS, Activity::LogNormal(1.1)),
                sessions: Some(Sessions::measured()),
                ..plain
            },
            Name::SaasTenants => Preset {
                profile: week(50.0, &OFFICE, OFFICE_WEEKEND),
                crowd: crowd(200, Activity::Zipf(1.2)),
                ..plain
            },
            Name::BurstyApi => Preset {
                profile: constant(20.0),
                swing: Some(Swing::Mmpp {
                    ratio: 8.0,
                    high: share(0.1),
                    burst: Span::from_secs(20),
                }),
                crowd: crowd(30, Activity::Zipf(1.0)),
                ..plain
            },
            Name::Low => Preset {
                profile: constant(0.5),
                crowd: crowd(500, Activity::Zipf(defaults::ZIPF)),
                sessions: Some(Sessions::measured()),
                ..plain
            },
            Name::Flash => Preset {
                profile: Some(Profile::Flash(Flash {
                    base: per_second(50.0),
                    peak: 10.0,
                    at: Span::from_secs(20 * 60),
                    rise: defaults::FLASH_RISE,
                    hold: Span::ZERO,
                    half_life: defaults::FLASH_HALF_LIFE,
                })),
                crowd: crowd(100_000, Activity::Zipf(0.0)),
                returning: share(0.1),
                ..plain
            },
            Name::LongMemory => Preset {
                profile: constant(100.0),
                swing: Some(Swing::OnOff {
                    sources: defaults::SOURCES,
                    shape: defaults::ON_OFF_SHAPE,
                    shortest: defaults::SHORTEST,
                }),
                ..plain
            },
        }
    }
}

fn constant(rate: f64) -> Option<Profile> {
    Some(Profile::Constant(per_second(rate)))
}

fn week(mean: f64, hours: &[f64; 24], weekend: f64) -> Option<Profile> {
    let start = super::rate::day_and_hour(defaults::WEEK_START)?;
    Week::new(per_second(mean), hours, weekend, start).map(Profile::Week)
}

fn per_second(rate: f64) -> Rate {
    Rate::per_second(rate).unwrap_or(Rate::ZERO)
}

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap_or(Probability::ZERO)
}
