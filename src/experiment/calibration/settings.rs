//! What gates are calibrated on: traffic, faults, and the settings in which their assumptions break.

use super::traffic::Latency;
use crate::base::Span;

/// Latencies of every setting that has any.
pub(super) const LATENCY: Latency = Latency {
    median: 0.1,
    spread: 0.6,
};

/// Traffic of a service with a canary, and the faults to be found in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Setting {
    /// Its name on the command line and in rows.
    pub name: String,
    /// What it is, in one line.
    pub title: String,
    /// What it is there for.
    pub group: Group,
    /// Requests a second.
    pub rate: f64,
    /// Between two looks.
    pub interval: Span,
    /// Looks until the end.
    pub looks: u32,
    /// The numbers of looks that are told of, rising; the last is all of them.
    pub told: Vec<u32>,
    /// Shares and error ratios, in order of time.
    pub stages: Vec<Stage>,
    /// What requests have to do with one another.
    pub correlation: Correlation,
    /// Canaries: first one as good as stable, then faulty ones.
    pub worlds: Vec<World>,
}

/// What a setting is there for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Group {
    /// Errors, under the assumptions of all tests.
    Errors,
    /// Latencies.
    Latency,
    /// Many looks at tests that are made for one.
    Peeking,
    /// Very many looks at tests that allow any number.
    Anytime,
    /// Assumptions broken on purpose.
    Broken,
    /// All rates and weights, good canaries only.
    Sweep,
}

/// A stretch of looks with one weight and one error ratio.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Stage {
    /// The first look after it, counted from 0.
    pub until: u32,
    /// The canary's share of the requests.
    pub share: f64,
    /// Stable's error ratio.
    pub errors: f64,
}

/// What requests have to do with one another.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Correlation {
    /// Nothing: each is routed and fails on its own.
    None,
    /// Users stay with one version and fail each at a ratio of their own, so that the design effect
    /// of all looks together is this.
    Sticky {
        /// Design effect.
        deff: f64,
    },
    /// Errors come so many at a time in one arm, as when a connection breaks.
    Clumps {
        /// So many.
        size: u32,
    },
    /// For some looks, anywhere, both arms fail so many times as often.
    Incident {
        /// So many times.
        factor: f64,
        /// For so many looks.
        looks: u32,
    },
}

/// A canary.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    /// What it is called in tables.
    pub name: String,
    /// What is wrong with it.
    pub fault: Fault,
}

/// What is wrong with a canary.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Fault {
    /// Nothing.
    None,
    /// It fails so many times as often.
    Errors {
        /// So many times.
        ratio: f64,
        /// From the batch before this look on, counted from 0.
        from: u32,
    },
    /// Some of its answers take so many times as long.
    Slower {
        /// So many times.
        factor: f64,
        /// Share of the requests, 0 to 1.
        of: f64,
    },
}

impl Fault {
    /// The first look that sees it, counted from 0.
    pub fn from(self) -> u32 {
        match self {
            Fault::Errors { from, .. } => from,
            Fault::None | Fault::Slower { .. } => 0,
        }
    }
}

impl World {
    fn good() -> World {
        World {
            name: "as good".to_owned(),
            fault: Fault::None,
        }
    }

    fn errors(name: &str, ratio: f64, from: u32) -> World {
        World {
            name: name.to_owned(),
            fault: Fault::Errors { ratio, from },
        }
    }

    fn slower(name: &str, factor: f64, of: f64) -> World {
        World {
            name: name.to_owned(),
            fault: Fault::Slower { factor, of },
        }
    }

    /// Whether there is nothing wrong with it.
    pub fn is_good(&self) -> bool {
        self.fault == Fault::None
    }
}

impl Setting {
    fn new(name: &str, title: &str, group: Group, rate: f64, share: f64, errors: f64) -> Setting {
        Setting {
            name: name.to_owned(),
            title: title.to_owned(),
            group,
            rate,
            interval: Span::from_secs(60),
            looks: 60,
            told: vec![60],
            stages: vec![Stage {
                until: 60,
                share,
                errors,
            }],
            correlation: Correlation::None,
            worlds: vec![
                World::good(),
                World::errors("x2", 2.0, 0),
                World::errors("x5", 5.0, 0),
                World::errors("late x2", 2.0, 30),
            ],
        }
    }

    /// As many looks as the last of these, which are told of.
    fn looking(mut self, told: &[u32]) -> Setting {
        self.looks = told.last().copied().unwrap_or(1);
        self.told = told.to_vec();
        for stage in &mut self.stages {
            stage.until = self.looks;
        }
        self
    }

    fn with(self, correlation: Correlation) -> Setting {
        Setting {
            correlation,
            ..self
        }
    }

    fn only_good(mut self) -> Setting {
        self.worlds.truncate(1);
        self
    }

    /// The number of the stage that a look falls into.
    pub(super) fn stage_at(&self, look: u32) -> usize {
        let past = self.stages.iter().take_while(|stage| stage.until <= look);
        past.count().min(self.stages.len() - 1)
    }

    /// Errors that come at a time.
    pub(super) fn clump(&self) -> u64 {
        match self.correlation {
            Correlation::Clumps { size } => size.into(),
            _ => 1,
        }
    }

    /// Errors of a canary as good as stable in the batch before a look, on average.
    pub fn canary_errors(&self, look: u32) -> f64 {
        let stage = self.stages[self.stage_at(look)];
        self.rate * self.interval.as_secs_f64() * stage.share * stage.errors
    }

    /// Whether the weight or stable's error ratio changes.
    pub fn moves(&self) -> bool {
        self.stages.len() > 1
    }

    /// From the first traffic to the end.
    pub fn duration(&self) -> Span {
        Span::from_nanos(self.interval.as_nanos() * u64::from(self.looks))
    }
}

/// Every setting, in the order of the tables.
pub fn settings() -> Vec<Setting> {
    let mut settings = errors();
    settings.push(latency());
    settings.push(peeking());
    settings.extend(anytime());
    settings.extend(broken());
    settings.extend(sweep());
    settings
}

fn errors() -> Vec<Setting> {
    let setting = |name, title, rate, share, errors| {
        Setting::new(name, title, Group::Errors, rate, share, errors)
    };
    vec![
        setting(
            "busy",
            "100 requests a second, 5 % to the canary, 1 % errors",
            100.0,
            0.05,
            0.01,
        ),
        setting(
            "rare-errors",
            "100 requests a second, 5 % to the canary, 0.1 % errors",
            100.0,
            0.05,
            0.001,
        ),
        setting(
            "quiet",
            "10 requests a second, 10 % to the canary, 1 % errors",
            10.0,
            0.10,
            0.01,
        ),
        setting(
            "tiny",
            "1 request a second, 25 % to the canary, 1 % errors",
            1.0,
            0.25,
            0.01,
        ),
    ]
}

fn latency() -> Setting {
    Setting {
        worlds: vec![
            World::good(),
            World::slower("all x1.05", 1.05, 1.0),
            World::slower("all x1.10", 1.10, 1.0),
            World::slower("all x1.25", 1.25, 1.0),
            World::slower("2 % x5", 5.0, 0.02),
            World::slower("10 % x2", 2.0, 0.10),
        ],
        ..Setting::new(
            "latency",
            "100 requests a second, 5 % to the canary, log-normal latencies (sigma 0.6)",
            Group::Latency,
            100.0,
            0.05,
            0.01,
        )
    }
}

/// As many errors a look as make the normal law hold, so that what is seen is peeking alone.
fn peeking() -> Setting {
    let title = "100 requests a second, half to the canary, 10 % errors";
    Setting::new("peeking", title, Group::Peeking, 100.0, 0.5, 0.1)
        .looking(&[1, 2, 5, 10, 20, 50, 100])
        .only_good()
}

fn anytime() -> Vec<Setting> {
    const TOLD: [u32; 4] = [1, 10, 100, 1_000];
    vec![
        Setting::new(
            "long",
            "10 requests a second, 10 % to the canary, 1 % errors, 1,000 looks",
            Group::Anytime,
            10.0,
            0.10,
            0.01,
        )
        .looking(&TOLD)
        .only_good(),
    ]
}

fn broken() -> Vec<Setting> {
    let quiet = |name: &str, title: &str| {
        let mut setting = Setting::new(name, title, Group::Broken, 10.0, 0.10, 0.01);
        setting.worlds.truncate(2);
        setting
    };
    let ramp = Setting {
        stages: [(0.01, 0.005), (0.05, 0.01), (0.25, 0.02), (0.50, 0.03)]
            .into_iter()
            .zip([15, 30, 45, 60])
            .map(|((share, errors), until)| Stage {
                until,
                share,
                errors,
            })
            .collect(),
        ..quiet(
            "ramp",
            "10 requests a second, 1-5-25-50 % to the canary while errors rise from 0.5 % to 3 %",
        )
    };
    vec![
        quiet(
            "sticky-2",
            "users stay with one version, a few make thousands of requests; design effect 2",
        )
        .with(Correlation::Sticky { deff: 2.0 }),
        quiet(
            "sticky-5",
            "users stay with one version, a few make thousands of requests; design effect 5",
        )
        .with(Correlation::Sticky { deff: 5.0 }),
        quiet("bursts", "errors come five at a time in one arm")
            .with(Correlation::Clumps { size: 5 }),
        quiet(
            "incident",
            "for five minutes both arms fail twenty times as often",
        )
        .with(Correlation::Incident {
            factor: 20.0,
            looks: 5,
        }),
        ramp,
    ]
}

/// Every weight, rate and error ratio, good canaries only.
fn sweep() -> Vec<Setting> {
    let mut settings = Vec::new();
    for rate in [0.1, 1.0, 10.0, 100.0, 1_000.0] {
        for percent in [1.0, 2.0, 5.0, 10.0, 25.0, 50.0] {
            for errors in [0.1, 1.0] {
                let setting = Setting::new(
                    &format!("sweep-{rate}-{percent}-{errors}"),
                    &format!(
                        "{rate} requests a second, {percent} % to the canary, {errors} % errors"
                    ),
                    Group::Sweep,
                    rate,
                    percent / 100.0,
                    errors / 100.0,
                );
                settings.push(setting.only_good());
            }
        }
    }
    settings
}
