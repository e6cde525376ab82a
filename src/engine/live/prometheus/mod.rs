//! A real Prometheus between the run and its gates: one that is started for the run, or one that
//! runs already and has been told to scrape it.
//!
//! It is asked at every tick for what each window shows ([`Wanted`]), and the answers take the place
//! of samples ([`Telemetry::go_by_answers`]). When samples are taken, when a target's series turn
//! stale and how a rise is extrapolated are then its own affair. From ours its figures differ where
//! its rules do: it extrapolates each instance's series for itself, before 3.0 a window holds the
//! sample on its left edge too, and before 2.51 a young series reaches further back.

mod answer;
mod history;
mod question;

pub use answer::AskError;
pub use history::{History, HistoryError, Past};
pub use question::{Wanted, wanted};

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use super::clock::{Moment, WallClock};
use super::fetch::Client;
use super::proxies::program::{self, Folder, Program};
use super::scrape::Target;
use crate::base::{Rate, Span, Time};
use crate::telemetry::exposition::{Dialect, Part};
use crate::telemetry::{Figures, Telemetry};

/// Bytes of an answer at most.
const LONGEST: usize = 4 * 1024 * 1024;
/// How long it may take to be ready.
const READY: Span = Span::from_secs(30);
/// How long it may take to end.
const GRACE: Span = Span::from_secs(2);
/// How often a free port is looked for.
const TRIES: u32 = 3;

/// Why there is no Prometheus to ask.
#[derive(Debug, thiserror::Error)]
pub enum PrometheusError {
    /// There is no such program.
    #[error("there is no program `{}`: install Prometheus (Debian's or Ubuntu's package `prometheus`), or name its file as `prometheus_program` in `[live]`", .0.display())]
    Missing(PathBuf),
    /// It could not be started.
    #[error("Prometheus cannot be started: {0}")]
    Start(#[from] io::Error),
    /// It ended at once.
    #[error("Prometheus ended before it was ready: {0}")]
    Ended(String),
    /// It was not ready in time.
    #[error("Prometheus was not ready within {READY}")]
    NotReady,
    /// What answers there is none.
    #[error(
        "there is no Prometheus at {address}: {cause}; start it, or let `spawn` start one for the run"
    )]
    None {
        /// Where.
        address: SocketAddr,
        /// Why not.
        #[source]
        cause: AskError,
    },
}

/// Questions so far.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Inquiries {
    /// How many windows were asked for.
    pub asked: u64,
    /// How many of them had no data at all.
    pub empty: u64,
    /// How many had no answer, by kind of failure.
    pub failed: BTreeMap<&'static str, u64>,
    /// The last failure.
    pub last: Option<(Time, String)>,
}

impl Inquiries {
    /// Questions without an answer.
    pub fn failures(&self) -> u64 {
        self.failed.values().sum()
    }
}

/// A Prometheus that is asked for what windows show.
#[derive(Debug)]
pub struct Prometheus {
    client: Client,
    dialect: Dialect,
    /// Name of the parts that show goals.
    goals_of: &'static str,
    probes: Rate,
    clock: WallClock,
    /// What to add to a moment to have the time of day.
    epoch: Span,
    timeout: Span,
    program: Option<Program>,
    inquiries: Inquiries,
}

/// What a Prometheus has to know of a run.
#[derive(Debug, Clone)]
pub struct Inquiry {
    /// The words in which metrics are shown.
    pub dialect: Dialect,
    /// Whether the load generator shows goals; otherwise those who show requests do.
    pub goals_of_load: bool,
    /// Health checks that count as requests of each version ([`Plan::probes`]). Nobody makes them,
    /// so they are added to what is answered.
    ///
    /// [`Plan::probes`]: crate::telemetry::Plan::probes
    pub probes: Rate,
    /// What time it is.
    pub clock: WallClock,
    /// How long an answer may take.
    pub timeout: Span,
}

impl Prometheus {
    /// Starts one that scrapes `targets` every `interval` of the clock on the wall, and waits until
    /// it is ready. It listens on `bind`, keeps its data in a temporary folder, and ends with this
    /// process at the latest. `program` is its file, otherwise it is looked for on the path.
    ///
    /// # Errors
    /// When there is no such program, or it does not start.
    pub async fn spawn(
        program: Option<&Path>,
        targets: &[Target],
        interval: Span,
        bind: IpAddr,
        inquiry: Inquiry,
    ) -> Result<Prometheus, PrometheusError> {
        let found = program::find("prometheus", program);
        let missing = || PathBuf::from(program.unwrap_or(Path::new("prometheus")));
        let file = found.ok_or_else(|| PrometheusError::Missing(missing()))?;
        let config = scrape_config(targets, interval);
        let mut tries = 1;
        loop {
            // Somebody else may take the port before it does.
            match launch(&file, Folder::new()?, &config, bind).await {
                Err(PrometheusError::Ended(words))
                    if tries < TRIES && words.contains("address already in use") =>
                {
                    tries += 1;
                }
                launched => {
                    let (program, address) = launched?;
                    let mut prometheus = Prometheus::new(address, Some(program), inquiry);
                    prometheus.wait_for(targets.len()).await?;
                    return Ok(prometheus);
                }
            }
        }
    }

    /// Waits until so many of a run's targets have been scraped: that begins some seconds after it
    /// is ready, or has been told of them.
    ///
    /// # Errors
    /// When that takes too long.
    pub async fn wait_for(&mut self, targets: usize) -> Result<(), PrometheusError> {
        let deadline = Moment::now() + READY;
        while Moment::now() < deadline {
            let up = self.ask(r#"count(up{part=~".+"})"#, Moment::now()).await;
            let count = up.ok().and_then(|all| all.first()?.value().ok());
            if count.is_some_and(|count| count >= targets as f64) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(PrometheusError::NotReady)
    }

    /// One that runs already, and scrapes what [`scrape_config`] says.
    ///
    /// # Errors
    /// When what is at that address does not answer as a Prometheus does.
    pub async fn running(
        address: SocketAddr,
        inquiry: Inquiry,
    ) -> Result<Prometheus, PrometheusError> {
        let mut prometheus = Prometheus::new(address, None, inquiry);
        // As Flagger asks before it relies on one.
        let one = prometheus.ask("vector(1)", Moment::now()).await;
        let one = one.and_then(
            |elements| match elements.first().map(answer::Element::value) {
                Some(Ok(1.0)) => Ok(()),
                _ => Err(AskError::Senseless("`vector(1)` is not 1".to_owned())),
            },
        );
        one.map_err(|cause| PrometheusError::None { address, cause })?;
        Ok(prometheus)
    }

    fn new(address: SocketAddr, program: Option<Program>, inquiry: Inquiry) -> Prometheus {
        let goals_of = match inquiry.goals_of_load {
            true => Part::Load.name(),
            false => Part::of(inquiry.dialect.reporter),
        };
        Prometheus {
            client: Client::new(address),
            goals_of,
            dialect: inquiry.dialect,
            probes: inquiry.probes,
            clock: inquiry.clock,
            epoch: Moment::epoch(),
            timeout: inquiry.timeout,
            program,
            inquiries: Inquiries::default(),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.client.address()
    }

    /// Its process, where it was started for the run.
    pub fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Questions so far.
    pub fn inquiries(&self) -> &Inquiries {
        &self.inquiries
    }

    /// Asks what these windows show that end at `now`, hands it to the telemetry, which goes by
    /// answers, and returns what was answered. A window without an answer shows no data; when the
    /// server itself is the reason, it is not asked again before the next look.
    pub async fn look(
        &mut self,
        now: Time,
        wanted: &[Wanted],
        telemetry: &mut Telemetry,
    ) -> Vec<(Wanted, Figures)> {
        let moment = self.clock.moment_of(now);
        let mut answered = Vec::new();
        for &wanted in wanted {
            self.inquiries.asked += 1;
            match self.figures(moment, now, wanted).await {
                Ok(figures) => {
                    self.inquiries.empty += u64::from(figures == Figures::default());
                    let figures = self.with_probes(wanted, figures);
                    let Wanted {
                        version,
                        route,
                        span,
                    } = wanted;
                    telemetry.answer(version, route, now, span, figures.clone());
                    answered.push((wanted, figures));
                }
                Err(error) => {
                    *self.inquiries.failed.entry(error.kind()).or_default() += 1;
                    self.inquiries.last = Some((now, error.to_string()));
                    if error.is_about_the_server() {
                        break;
                    }
                }
            }
        }
        answered
    }

    async fn figures(
        &mut self,
        moment: Moment,
        now: Time,
        wanted: Wanted,
    ) -> Result<Figures, AskError> {
        let query = question::query(&self.dialect, wanted, self.clock.speed(), self.goals_of);
        let elements = self.ask(&query, moment).await?;
        let whole = now.as_nanos() <= wanted.span.as_nanos();
        answer::figures(&elements, &self.dialect, whole)
    }

    /// Adds the health checks of a version that fall into a window.
    fn with_probes(&self, wanted: Wanted, mut figures: Figures) -> Figures {
        if self.probes == Rate::ZERO || wanted.route.is_some() {
            return figures;
        }
        let probes = self.probes.over(wanted.span);
        *figures.requests[0].get_or_insert(0.0) += probes;
        *figures.latencies.get_or_insert(0.0) += probes;
        figures.seconds.get_or_insert(0.0);
        figures.buckets.resize(self.dialect.buckets.len(), 0.0);
        figures
            .buckets
            .iter_mut()
            .for_each(|below| *below += probes);
        figures
    }

    /// Asks for an instant vector at a moment.
    async fn ask(&mut self, query: &str, moment: Moment) -> Result<Vec<answer::Element>, AskError> {
        let query = question::percent_encoded(query);
        let millis = self.millis_of(moment);
        let (seconds, rest) = (millis / 1_000, millis % 1_000);
        let target = format!("/api/v1/query?time={seconds}.{rest:03}&query={query}");
        let fetched = self.client.get(&target, self.timeout, LONGEST).await?;
        answer::vector(&fetched)
    }

    /// The time of day at a moment in milliseconds, which is as finely as Prometheus keeps time.
    fn millis_of(&self, moment: Moment) -> u64 {
        (moment + self.epoch).as_nanos() / 1_000_000
    }

    /// Ends it, if it was started for the run.
    pub fn stop(self) {
        if let Some(program) = &self.program {
            program.stop(GRACE);
        }
    }
}

/// What to add to the configuration of a Prometheus so that it scrapes a run; the whole
/// configuration of one that does nothing else. The interval is that on the wall, a millisecond at
/// the least.
pub fn scrape_config(targets: &[Target], interval: Span) -> String {
    let interval = (interval.as_millis_f64() as u64).max(1);
    let mut config = format!(
        "scrape_configs:\n  \
         - job_name: coalmine\n    \
           honor_labels: true\n    \
           scrape_interval: {interval}ms\n    \
           scrape_timeout: {interval}ms\n    \
           static_configs:\n"
    );
    for target in targets {
        config.push_str(&format!(
            "      - targets: [\"{}\"]\n        \
                   labels: {{ part: {}, __metrics_path__: \"{}\" }}\n",
            target.address,
            target.part.name(),
            target.path,
        ));
    }
    if targets.is_empty() {
        config.push_str("      []\n");
    }
    config
}

/// The same targets for a Prometheus that looks for them in a file (`file_sd_configs`), as JSON. Its
/// job has to say `honor_labels: true`.
pub fn targets_file(targets: &[Target]) -> String {
    let groups: Vec<serde_json::Value> = (targets.iter())
        .map(|target| {
            serde_json::json!({
                "targets": [target.address.to_string()],
                "labels": { "part": target.part.name(), "__metrics_path__": target.path },
            })
        })
        .collect();
    format!("{:#}\n", serde_json::Value::from(groups))
}

/// Starts one in a folder and waits until it is ready. It uses what the folder `data` holds.
async fn launch(
    file: &Path,
    folder: Folder,
    config: &str,
    bind: IpAddr,
) -> Result<(Program, SocketAddr), PrometheusError> {
    let config = folder.write("prometheus.yml", config)?;
    let address = TcpListener::bind((bind, 0))?.local_addr()?;
    let mut command = Command::new(file);
    let option = |name: &str, value: &dyn std::fmt::Display| format!("--{name}={value}");
    command.args([
        option("config.file", &config.display()),
        option("storage.tsdb.path", &folder.path().join("data").display()),
        option("web.listen-address", &address),
        option("log.level", &"warn"),
    ]);
    let program = Program::start(&command, folder)?;
    let deadline = Moment::now() + READY;
    let mut client = Client::new(address);
    loop {
        let ready = client.get("/-/ready", Span::from_secs(1), LONGEST).await;
        // Another program may have taken the port; then this one has ended, or will.
        if !program.is_running() {
            return Err(PrometheusError::Ended(program.last_words(3)));
        }
        match ready {
            Ok(fetched) if fetched.status == 200 => return Ok((program, address)),
            _ if Moment::now() >= deadline => return Err(PrometheusError::NotReady),
            _ => {}
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[cfg(test)]
mod tests;
