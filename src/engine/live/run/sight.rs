//! What the gates see: samples of the built-in scraper, or the answers of a Prometheus.

use std::fs::File;
use std::io::{self, BufWriter};
use std::path::PathBuf;

use super::stage::{Stage, dialect};
use super::{Script, Setting, demand};
use crate::base::{Purpose, Span, Time};
use crate::engine::live::clock::WallClock;
use crate::engine::live::options::Source;
use crate::engine::live::prometheus::{
    Inquiry, Prometheus, PrometheusError, Wanted, targets_file, wanted,
};
use crate::engine::live::scrape::{Instants, Intake, Mishaps, Scraper};
use crate::engine::r#virtual::Luck;
use crate::gate::{self, Gate};
use crate::telemetry::exposition::{Dialect, Part};
use crate::telemetry::recording::{Luck as Drawn, Recorder, Row, Subject};
use crate::telemetry::{Plan, Sampling, Telemetry, Version};

/// Why nobody can be asked for metrics.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// The Prometheus cannot be had.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
    /// A Prometheus cannot be told whom to scrape.
    #[error("cannot write {}: {source}", path.display())]
    Targets {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The gates ask queries of their own, and a Prometheus was to be asked.
    #[error(
        "`{0}` is a query of its own, and a Prometheus that scrapes a rollout faster than real would \
         answer it in the clock on the wall; leave --prometheus out, and the built-in scraper's samples \
         answer it"
    )]
    OwnQuery(String),
    /// A gate counts from look to look, and a Prometheus was to be asked.
    #[error(
        "`{0}` counts from look to look, which a Prometheus's windows do not tell; leave --prometheus \
         out, and the built-in scraper's samples tell it"
    )]
    FromLookToLook(String),
    /// A gate judges user by user.
    #[error(
        "`{0}` judges failures user by user, which no metric of a live run tells; play it with \
         --virtual, or use a gate that counts requests"
    )]
    ByUser(String),
    /// What is seen cannot be written down.
    #[error("cannot write the recording: {0}")]
    Record(#[source] io::Error),
}

/// What the gates see.
#[derive(Debug)]
pub(super) struct Sight {
    telemetry: Option<Telemetry>,
    eyes: Eyes,
    /// Where what is seen is written down.
    record: Option<Recorder<BufWriter<File>>>,
    /// Why the recording is not complete.
    spoiled: Option<io::Error>,
}

#[derive(Debug)]
enum Eyes {
    Scraper(Box<Scraping>),
    Prometheus {
        server: Box<Prometheus>,
        wanted: Vec<Wanted>,
        spawned: bool,
    },
}

#[derive(Debug)]
struct Scraping {
    scraper: Scraper,
    intake: Intake,
    instants: Instants,
}

/// Refuses gates that read what no metric of a live run tells.
fn refuse_unseen(analysis: &[Gate]) -> Result<(), SightError> {
    let by_user = analysis.iter().find(|gate| gate.demand().users);
    by_user.map_or(Ok(()), |gate| Err(SightError::ByUser(gate.to_string())))
}

/// Refuses what a Prometheus is not asked: a query of the user's own, and counts from look to look.
fn refuse_unasked(analysis: &[Gate]) -> Result<(), SightError> {
    let counts = |gate: &&Gate| matches!(gate, Gate::Statistical(_));
    if let Some(gate) = analysis.iter().find(counts) {
        return Err(SightError::FromLookToLook(gate.to_string()));
    }
    match analysis.iter().find_map(Gate::query) {
        None => Ok(()),
        Some(query) => {
            let words: Vec<&str> = query.split_whitespace().collect();
            Err(SightError::OwnQuery(words.join(" ")))
        }
    }
}

impl Sight {
    /// Opens the eyes that the script chose, on everything that shows metrics.
    pub(super) async fn open(
        script: &Script<'_>,
        stage: &mut Stage,
        clock: &WallClock,
    ) -> Result<Sight, SightError> {
        let (setting, options) = (script.setting, script.options);
        let plan = &setting.telemetry;
        let phase = Luck::phase(setting.seed, setting.replicate, plan.sampling);
        let dialect = dialect(setting, options);
        let targets = stage.places().targets.clone();
        let timeout = Instants::timeout(plan.sampling, script.speed);
        let shown = shown_window(script);
        let mut telemetry = Telemetry::new(plan, phase);
        let salt = setting.seed.salt(setting.replicate, Purpose::Scrape);
        telemetry.begin(phase, salt);
        telemetry.follow(demand(script.analysis, setting).routes);
        let inquiry = || Inquiry {
            dialect: dialect.clone(),
            goals_of_load: targets.iter().any(|target| target.part == Part::Load),
            probes: plan.probes,
            clock: clock.clone(),
            timeout: ANSWER,
        };
        refuse_unseen(script.analysis)?;
        if options.source != Source::Scraper {
            refuse_unasked(script.analysis)?;
        }
        let eyes = match &options.source {
            Source::Scraper => {
                telemetry.go_by_samples();
                let mut windows: Vec<Span> = gate::windows(script.analysis).collect();
                windows.push(shown);
                Eyes::Scraper(Box::new(Scraping {
                    intake: Intake::new(&dialect, &targets),
                    instants: Instants::new(
                        plan.sampling,
                        phase,
                        script.rollout.cadence(),
                        &windows,
                        script.horizon + script.aftermath,
                    ),
                    scraper: Scraper::new(dialect.clone(), targets.clone(), timeout),
                }))
            }
            source => {
                telemetry.go_by_answers();
                let (server, spawned) = match source {
                    Source::Running(address) => {
                        let mut server = Prometheus::running(*address, inquiry()).await?;
                        if let Some(path) = &options.targets {
                            std::fs::write(path, targets_file(&targets)).map_err(|source| {
                                let path = path.clone();
                                SightError::Targets { path, source }
                            })?;
                            server.wait_for(targets.len()).await?;
                        }
                        (server, false)
                    }
                    other => {
                        let program = match other {
                            Source::Spawned(program) => program.as_deref(),
                            _ => None,
                        };
                        let interval = interval(plan, script.speed);
                        let spawned =
                            Prometheus::spawn(program, &targets, interval, options.bind, inquiry());
                        (spawned.await?, true)
                    }
                };
                stage.places_mut().prometheus = Some(server.address());
                Eyes::Prometheus {
                    server: Box::new(server),
                    wanted: wanted(script.analysis, shown),
                    spawned,
                }
            }
        };
        let record = match script.record.as_ref() {
            None => None,
            Some(file) => Some(recorder(file, setting, &dialect, phase)?),
        };
        Ok(Sight {
            telemetry: Some(telemetry),
            eyes,
            record,
            spoiled: None,
        })
    }

    /// The telemetry that is filled from now on; it can be taken once.
    pub(super) fn telemetry(&mut self, plan: &Plan) -> Telemetry {
        (self.telemetry.take()).unwrap_or_else(|| Telemetry::new(plan, Span::ZERO))
    }

    /// When to scrape next.
    pub(super) fn next(&mut self, now: Time) -> Time {
        match &mut self.eyes {
            Eyes::Scraper(scraping) => {
                scraping.instants.catch_up(now);
                scraping.instants.peek().unwrap_or(Time::NEVER)
            }
            // It scrapes by itself.
            Eyes::Prometheus { .. } => Time::NEVER,
        }
    }

    /// Why nothing more will be seen, if that is so.
    pub(super) fn failure(&self) -> Option<String> {
        let Eyes::Prometheus { server, .. } = &self.eyes else {
            return None;
        };
        let program = server.program()?;
        (!program.is_running()).then(|| "Prometheus ended during the run".to_owned())
    }

    /// Scrapes, for the instant `at`.
    pub(super) async fn scrape(&mut self, at: Time, telemetry: &mut Telemetry) {
        if let Eyes::Scraper(scraping) = &mut self.eyes {
            scraping.instants.next();
            let round = scraping.scraper.round(at).await;
            let failed = scraping.intake.mishaps().failures();
            let taken = scraping.intake.take(&round, telemetry);
            let mishaps = scraping.intake.mishaps();
            let problem = (mishaps.failures() > failed)
                .then(|| last(mishaps))
                .flatten();
            self.write(|record| {
                for version in Version::ALL {
                    if taken.versions[version as usize] {
                        record.scrape(at, version, telemetry)?;
                    }
                }
                match problem {
                    Some(what) => record.row(&Row::Problem { at, what }),
                    None => Ok(()),
                }
            });
        }
    }

    /// Looks through the windows that end at `now`, where somebody has to be asked.
    pub(super) async fn look(&mut self, now: Time, telemetry: &mut Telemetry) {
        let Eyes::Prometheus { server, wanted, .. } = &mut self.eyes else {
            return;
        };
        let failed = server.inquiries().failures();
        let answered = server.look(now, wanted, telemetry).await;
        let inquiries = server.inquiries();
        let problem = (inquiries.failures() > failed)
            .then(|| inquiries.last.as_ref().map(|(_, what)| what.clone()))
            .flatten();
        self.write(|record| {
            for (wanted, figures) in answered {
                record.row(&Row::Answer {
                    at: now,
                    version: wanted.version,
                    route: wanted.route,
                    span: wanted.span,
                    figures,
                })?;
            }
            match problem {
                Some(what) => record.row(&Row::Problem { at: now, what }),
                None => Ok(()),
            }
        });
    }

    /// Writes down what came of a tick.
    pub(super) fn note(&mut self, notes: &[Row]) {
        self.write(|record| notes.iter().try_for_each(|row| record.row(row)));
    }

    /// Writes something down, as long as that goes well.
    fn write(&mut self, what: impl FnOnce(&mut Recorder<BufWriter<File>>) -> io::Result<()>) {
        if let Some(record) = &mut self.record
            && let Err(error) = what(record)
        {
            self.record = None;
            self.spoiled = Some(error);
        }
    }

    /// Ends everything that was opened.
    pub(super) fn close(mut self) -> Glance {
        if let Some(Err(error)) = self.record.take().map(Recorder::finish) {
            self.spoiled = Some(error);
        }
        let (source, scrapes, last) = match self.eyes {
            Eyes::Scraper(scraping) => {
                let mishaps = scraping.intake.mishaps();
                let source = "the built-in scraper".to_owned();
                let counts = [mishaps.scrapes, mishaps.failures()];
                (source, counts, last(mishaps))
            }
            Eyes::Prometheus {
                server, spawned, ..
            } => {
                let inquiries = server.inquiries().clone();
                let address = server.address();
                server.stop();
                let whose = if spawned {
                    "a Prometheus of its own"
                } else {
                    "the Prometheus"
                };
                let counts = [inquiries.asked, inquiries.failures()];
                let last = inquiries.last.map(|(_, what)| what);
                (format!("{whose} at {address}"), counts, last)
            }
        };
        Glance {
            source,
            scrapes,
            problem: last,
            spoiled: self.spoiled,
        }
    }
}

/// A recording that begins in this file.
fn recorder(
    file: &File,
    setting: &Setting,
    dialect: &Dialect,
    phase: Span,
) -> Result<Recorder<BufWriter<File>>, SightError> {
    let file = file.try_clone().map_err(SightError::Record)?;
    let subject = Subject {
        plan: setting.telemetry.clone(),
        phase,
        routes: dialect.routes.clone(),
        goals: dialect.goals.clone(),
        luck: Some(Drawn {
            gate: setting.seed.salt(setting.replicate, Purpose::Gate),
            patience: setting.seed.salt(setting.replicate, Purpose::Judgement),
        }),
    };
    Recorder::new(BufWriter::new(file), &subject).map_err(SightError::Record)
}

/// Why a scrape failed, the last one of all targets.
fn last(mishaps: &Mishaps) -> Option<String> {
    let last = mishaps.last.values().max_by_key(|(at, _)| *at);
    last.map(|(_, what)| what.clone())
}

/// What is left when nobody looks any more.
#[derive(Debug)]
pub(super) struct Glance {
    /// Who was asked.
    pub(super) source: String,
    /// How often, and how often in vain.
    pub(super) scrapes: [u64; 2],
    /// Why in vain, the last time.
    pub(super) problem: Option<String>,
    /// Why the recording is not complete.
    pub(super) spoiled: Option<io::Error>,
}

/// How long an answer of a Prometheus may take.
const ANSWER: Span = Span::from_secs(2);
/// How often one scrapes where the plan has perfect metrics, which it cannot give.
const DENSE: Span = Span::from_millis(100);

/// Time between scrapes on the wall.
fn interval(plan: &Plan, speed: f64) -> Span {
    match plan.sampling {
        Sampling::Exact => DENSE,
        Sampling::Scraped { interval, .. } => Span::from_secs_f64(interval.as_secs_f64() / speed),
    }
}

/// The window that a reader wants to see: the first gate's.
fn shown_window(script: &Script<'_>) -> Span {
    let first = gate::windows(script.analysis).next();
    first.unwrap_or(script.rollout.cadence().period)
}
