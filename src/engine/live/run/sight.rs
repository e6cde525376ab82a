//! What the gates see: samples of the built-in scraper, or the answers of a Prometheus.

use super::stage::{Stage, dialect};
use super::{Script, demand};
use crate::base::{Span, Time};
use crate::engine::live::clock::WallClock;
use crate::engine::live::options::Source;
use crate::engine::live::prometheus::{Inquiry, Prometheus, PrometheusError, Wanted, wanted};
use crate::engine::live::scrape::{Instants, Intake, Scraper};
use crate::engine::r#virtual::Luck;
use crate::gate::Gate;
use crate::telemetry::exposition::Part;
use crate::telemetry::{Plan, Sampling, Telemetry};

/// Why nobody can be asked for metrics.
#[derive(Debug, thiserror::Error)]
pub enum SightError {
    /// The Prometheus cannot be had.
    #[error(transparent)]
    Prometheus(#[from] PrometheusError),
}

/// What the gates see.
#[derive(Debug)]
pub(super) struct Sight {
    telemetry: Option<Telemetry>,
    eyes: Eyes,
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
        let salt = setting
            .seed
            .salt(setting.replicate, crate::base::Purpose::Scrape);
        telemetry.begin(phase, salt);
        telemetry.follow(demand(script.analysis, setting).routes);
        let inquiry = || Inquiry {
            dialect: dialect.clone(),
            goals_of_load: targets.iter().any(|target| target.part == Part::Load),
            probes: plan.probes,
            clock: clock.clone(),
            timeout: ANSWER,
        };
        let eyes = match &options.source {
            Source::Scraper => {
                telemetry.go_by_samples();
                let mut windows: Vec<Span> = script.analysis.iter().map(Gate::window).collect();
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
                        (Prometheus::running(*address, inquiry()).await?, false)
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
        Ok(Sight {
            telemetry: Some(telemetry),
            eyes,
        })
    }

    /// The telemetry that is filled from now on; it can be taken once.
    pub(super) fn telemetry(&mut self, plan: &Plan) -> Telemetry {
        (self.telemetry.take()).unwrap_or_else(|| Telemetry::new(plan, Span::ZERO))
    }

    /// When to scrape next.
    pub(super) fn next(&mut self) -> Time {
        match &mut self.eyes {
            Eyes::Scraper(scraping) => scraping.instants.peek().unwrap_or(Time::NEVER),
            // It scrapes by itself.
            Eyes::Prometheus { .. } => Time::NEVER,
        }
    }

    /// Scrapes, for the instant `at`.
    pub(super) async fn scrape(&mut self, at: Time, telemetry: &mut Telemetry) {
        if let Eyes::Scraper(scraping) = &mut self.eyes {
            scraping.instants.next();
            let round = scraping.scraper.round(at).await;
            scraping.intake.take(&round, telemetry);
        }
    }

    /// Looks through the windows that end at `now`, where somebody has to be asked.
    pub(super) async fn look(&mut self, now: Time, telemetry: &mut Telemetry) {
        if let Eyes::Prometheus { server, wanted, .. } = &mut self.eyes {
            server.look(now, wanted, telemetry).await;
        }
    }

    /// Who was asked, how often, and how often in vain.
    pub(super) fn close(self) -> (String, [u64; 2]) {
        match self.eyes {
            Eyes::Scraper(scraping) => {
                let mishaps = scraping.intake.mishaps();
                (
                    "the built-in scraper".to_owned(),
                    [mishaps.scrapes, mishaps.failures()],
                )
            }
            Eyes::Prometheus {
                server, spawned, ..
            } => {
                let inquiries = server.inquiries();
                let counts = [inquiries.asked, inquiries.failures()];
                let address = server.address();
                server.stop();
                let whose = if spawned {
                    "a Prometheus of its own"
                } else {
                    "the Prometheus"
                };
                (format!("{whose} at {address}"), counts)
            }
        }
    }
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
    let first = script.analysis.first().map(Gate::window);
    first.unwrap_or(script.rollout.cadence().period)
}
