//! What a command line changes in a scenario.

use std::path::{Path, PathBuf};

use super::controllers::{self, Beside, Controller};
use super::files::Files;
use super::{
    EngineChoice, Scenario, builtin, check, experiment, figures, file, hooks, queries, traffic,
};
use crate::base::{Probability, Problem, Problems, Rate, Seed, Severity, Span, Weight};
use crate::engine::live::options::{Proxy, Source, Speed};
use crate::manifest::Measured;
use crate::model::service::Latency;
use crate::telemetry::exposition::Vendor;
use crate::telemetry::{Birth, Reporter, Sampling};

/// What a command line changes in a scenario; `None` leaves it as it is.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Overrides {
    /// A Flagger Canary that replaces controller, gates, histogram buckets, names of metrics and
    /// horizon.
    pub flagger: Vec<PathBuf>,
    /// A Rollout of Argo and its AnalysisTemplates, in place of the rollout.
    pub argo: Vec<PathBuf>,
    /// A canary config of Kayenta's that does the same, with its pipeline if need be.
    pub kayenta: Vec<PathBuf>,
    /// Mean request rate; rates that change with time keep their shape.
    pub rate: Option<Rate>,
    /// Stable's error ratio. A canary that was as good as stable in this follows.
    pub errors: Option<Probability>,
    /// Stable's latency. A canary that was as good as stable in this follows.
    pub latency: Option<Latency>,
    /// The canary's error ratio. This and `canary_latency` describe the canary anew: whatever was
    /// different or wrong with it in the scenario is dropped.
    pub canary_errors: Option<Probability>,
    /// The canary's latency; see `canary_errors`.
    pub canary_latency: Option<Latency>,
    /// When counters are read.
    pub sampling: Option<Sampling>,
    /// When series start to exist.
    pub birth: Option<Birth>,
    /// Where a rollout is cut off.
    pub horizon: Option<Span>,
    /// Canary percentages to try.
    pub weights: Option<Vec<Weight>>,
    /// Exactly so many trials per cell.
    pub trials: Option<u32>,
    /// Half-width of the 95 % interval to reach. Drops a number of trials set by the scenario.
    pub precision: Option<Probability>,
    /// At most so many trials per cell.
    pub most_trials: Option<u32>,
    /// How trials are played.
    pub engine: Option<EngineChoice>,
    /// Root of all randomness.
    pub seed: Option<Seed>,
    /// Who splits the traffic of a live run.
    pub splitter: Option<Proxy>,
    /// Whom the gate of a live run asks.
    pub prometheus: Option<Source>,
    /// Whose names and labels the metrics of a live run have.
    pub metrics: Option<Vendor>,
    /// How fast a live run goes.
    pub speed: Option<Speed>,
}

impl Scenario {
    /// The same scenario with a command line's changes, checked again. Its source gets a comment
    /// for each change, so that stored results tell what was run.
    ///
    /// # Errors
    /// All that the changes make impossible, and whatever is wrong with the Canary's file.
    pub fn with(self, overrides: &Overrides) -> Result<Scenario, Problems> {
        self.changed(overrides, Files::Folder(Path::new("")))
    }

    /// The mean rate that [`Overrides::rate`] replaces: over whole days, weeks and recordings where
    /// there are any, else over the horizon.
    pub fn own_rate(&self) -> Rate {
        traffic::own_mean(&self.world.traffic.profile, self.horizon)
    }

    /// The same, with manifests from where `files` says.
    pub(super) fn changed(
        mut self,
        overrides: &Overrides,
        files: Files<'_>,
    ) -> Result<Scenario, Problems> {
        let mut remarks_before = queries::bind(&mut self);
        remarks_before.extend(check::remarks(&self));
        let mut changes = Vec::new();
        // Queries find other series of exact metrics than of scraped ones.
        if let Some(sampling) = overrides.sampling {
            self.telemetry.sampling = sampling;
        }
        for (controller, paths) in [
            (Controller::Flagger, &overrides.flagger),
            (Controller::Argo, &overrides.argo),
            (Controller::Kayenta, &overrides.kayenta),
        ] {
            if !paths.is_empty() {
                changes.push(self.follow(controller, paths, files)?);
            }
        }
        if let Some(horizon) = overrides.horizon {
            self.horizon = horizon;
            changes.push(format!("horizon = \"{horizon}\""));
        }
        self.change_world(overrides, &mut changes);
        if let Some(sampling) = overrides.sampling {
            changes.push(format!(
                "telemetry.scrape = \"{}\"",
                sampling_text(sampling)
            ));
        }
        if let Some(birth) = overrides.birth {
            self.telemetry.birth = birth;
            let series = match birth {
                Birth::FirstRequest => "first-request",
                Birth::Zero => "zero",
            };
            changes.push(format!("telemetry.series = \"{series}\""));
        }
        self.change_experiment(overrides, &mut changes);
        self.change_live(overrides, &mut changes);
        let mut problems = impossible(overrides);
        if problems.is_empty() {
            // What the scenario was warned of may be mended, and something else broken.
            let mut remarks = queries::bind(&mut self);
            queries::deploy_baseline(&mut self.world, &self.analysis);
            remarks.extend(check::remarks(&self));
            for old in remarks_before.iter().filter(|old| !remarks.contains(old)) {
                self.warnings
                    .retain(|warning| !warning.contains(&old.message));
            }
            for remark in remarks {
                if remark.severity == Severity::Warning && remarks_before.contains(&remark) {
                    continue;
                }
                let problem = Problem::error(remark.message, None).help(remark.help);
                match remark.severity {
                    Severity::Error => problems.push(problem),
                    Severity::Warning => {
                        let line = problem.one_line(Path::new(COMMAND_LINE), "");
                        self.warnings.push(line);
                    }
                }
            }
        }
        if !problems.is_empty() {
            return Err(Problems {
                file: PathBuf::from(COMMAND_LINE),
                text: String::new(),
                problems,
                also: Vec::new(),
            });
        }
        for change in changes {
            self.source
                .push_str(&format!("\n# changed for this run: {change}"));
        }
        Ok(self)
    }

    /// Puts a controller's manifests in place of the rollout; says so as a scenario would.
    fn follow(
        &mut self,
        controller: Controller,
        paths: &[PathBuf],
        files: Files<'_>,
    ) -> Result<String, Problems> {
        let names = paths.iter().map(|path| path.to_string_lossy().into_owned());
        let names: Vec<String> = names.collect();
        let world = &self.world;
        let measured = Measured {
            plan: self.telemetry.clone(),
            // The provider's take the place of the scenario's, unless rivals read those.
            buckets: (!self.rivals.is_empty()).then(|| self.telemetry.buckets.clone()),
            vendor: None,
            reporter: (self.telemetry.reporter == Reporter::Client).then_some(Reporter::Client),
            routes: (world.traffic.routes.iter())
                .map(|route| route.name.clone())
                .collect(),
            goals: world.goals.iter().map(|goal| goal.name.clone()).collect(),
        };
        let imported = controllers::import(&files, controller, &names, &Beside::new(measured))?;
        self.warnings
            .retain(|warning| !controllers::is_about_manifest(warning));
        self.rollout_name = imported.plan.controller().to_owned();
        self.rollout = imported.plan;
        self.analysis = imported.analysis;
        self.world.figures = figures::resolve(&self.figures, &imported.questions);
        self.questions = imported.questions;
        if let Some(buckets) = imported.buckets {
            self.telemetry.buckets = buckets;
        }
        if let Some(reporter) = imported.reporter {
            self.telemetry.reporter = reporter;
        }
        if let Some(vendor) = imported.vendor {
            self.live.vendor = vendor;
        }
        if let Some(service) = imported.service {
            self.live.service = service;
        }
        self.horizon = self.rollout.longest() + hooks::longest(&self.world.hooks);
        self.warnings.extend(imported.warnings);
        if let Some(path) = paths.first().filter(|_| builtin::is_neutral(self)) {
            self.name = file::name_of(path);
            let file = path.file_name().unwrap_or(path.as_os_str());
            self.title = format!("The {} in {}", controller.subject(), file.display());
        }
        let names = match names.as_slice() {
            [one] => format!("{one:?}"),
            several => format!("{several:?}"),
        };
        Ok(format!("rollout.{} = {names}", controller.key()))
    }

    fn change_world(&mut self, overrides: &Overrides, changes: &mut Vec<String>) {
        let world = &mut self.world;
        if let Some(rate) = overrides.rate {
            world.traffic.profile = traffic::with_mean(&world.traffic.profile, rate, self.horizon);
            changes.push(format!("traffic.rate = \"{rate}\" (mean)"));
        }
        if overrides.canary_errors.is_some() || overrides.canary_latency.is_some() {
            world.canary = world.stable.clone();
            // A new release starts when the rollout begins.
            world.canary.fleet.warm = false;
            world.faults.clear();
        }
        if let Some(errors) = overrides.errors {
            if world.canary.errors == world.stable.errors {
                world.canary.errors = errors;
            }
            world.stable.errors = errors;
            changes.push(format!("stable.errors = \"{errors}\""));
        }
        if let Some(latency) = &overrides.latency {
            if world.canary.latency == world.stable.latency {
                world.canary.latency = latency.clone();
            }
            world.stable.latency = latency.clone();
            changes.push(format!("stable.latency = \"{}\"", latency_text(latency)));
        }
        if let Some(errors) = overrides.canary_errors {
            world.canary.errors = errors;
            changes.push(format!("canary.errors = \"{errors}\""));
        }
        if let Some(latency) = &overrides.canary_latency {
            world.canary.latency = latency.clone();
            changes.push(format!("canary.latency = \"{}\"", latency_text(latency)));
        }
    }

    fn change_experiment(&mut self, overrides: &Overrides, changes: &mut Vec<String>) {
        let experiment = &mut self.experiment;
        if let Some(weights) = &overrides.weights {
            experiment.weights = weights.clone();
            experiment
                .weights
                .sort_by(|a, b| a.as_percent().total_cmp(&b.as_percent()));
            let texts: Vec<String> = weights.iter().map(Weight::to_string).collect();
            changes.push(format!("experiment.weights = {texts:?}"));
        }
        if let Some(precision) = overrides.precision {
            experiment.precision = precision.get();
            experiment.trials = None;
            changes.push(format!("experiment.precision = \"{precision}\""));
        }
        if let Some(trials) = overrides.trials {
            experiment.trials = Some(trials);
            changes.push(format!("experiment.trials = {trials}"));
        }
        if let Some(most_trials) = overrides.most_trials {
            experiment.most_trials = most_trials;
            changes.push(format!("experiment.most_trials = {most_trials}"));
        }
        if let Some(engine) = overrides.engine {
            experiment.engine = engine;
            let engine = format!("{engine:?}").to_lowercase();
            changes.push(format!("experiment.engine = \"{engine}\""));
        }
        if let Some(seed) = overrides.seed {
            experiment.seed = seed;
            changes.push(format!("experiment.seed = {seed}"));
        }
    }

    fn change_live(&mut self, overrides: &Overrides, changes: &mut Vec<String>) {
        let live = &mut self.live;
        if let Some(splitter) = overrides.splitter {
            if splitter != live.splitter {
                // It is the other splitter's.
                live.program = None;
            }
            live.splitter = splitter;
            changes.push(format!("live.splitter = \"{splitter}\""));
        }
        if let Some(source) = &overrides.prometheus {
            live.source = match (source, &live.source) {
                // The scenario knows the program.
                (Source::Spawned(None), Source::Spawned(program)) => {
                    Source::Spawned(program.clone())
                }
                (source, _) => source.clone(),
            };
            changes.push(format!("live.prometheus = \"{source}\""));
        }
        if let Some(vendor) = overrides.metrics {
            live.vendor = vendor;
            changes.push(format!("live.metrics = \"{}\"", vendor.name()));
        }
        if let Some(speed) = overrides.speed {
            live.speed = speed.chosen();
            changes.push(match speed {
                Speed::Auto => "live.speed = \"auto\"".to_owned(),
                Speed::Times(times) => format!("live.speed = {times}"),
            });
        }
    }
}

/// The place of problems that no file has.
const COMMAND_LINE: &str = "command line";

/// Values that are impossible whatever the scenario.
fn impossible(overrides: &Overrides) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |message: String, help: &str| {
        problems.push(Problem::error(message, None).help(help));
    };
    if let Some(weights) = &overrides.weights {
        for end in 1..=weights.len() {
            if let Err(message) = experiment::usable(&weights[..end]) {
                refuse(message, "give each percentage once, above 0%");
            }
        }
        if weights.is_empty() {
            refuse(
                "no canary percentage is given".to_owned(),
                "give one or more",
            );
        }
    }
    if let Some(precision) = overrides.precision
        && let Err(message) = experiment::precise_enough(precision)
    {
        refuse(
            message,
            "give a percentage above 0% and at most 50%, like 1%",
        );
    }
    for trials in [overrides.trials, overrides.most_trials]
        .into_iter()
        .flatten()
    {
        if !(1..=experiment::MOST_TRIALS).contains(&u64::from(trials)) {
            let help = format!("give a number from 1 to {}", experiment::MOST_TRIALS);
            refuse(format!("{trials} trials are out of range"), &help);
        }
    }
    if overrides.horizon.is_some_and(Span::is_zero) {
        refuse(
            "a horizon of 0s ends before it begins".to_owned(),
            "give some time, like 2h",
        );
    }
    problems
}

fn latency_text(latency: &Latency) -> String {
    let at = |p: f64| {
        let seconds = latency.quantile(Probability::new(p).unwrap_or(Probability::ONE));
        // Milliseconds with three digits: enough to tell one latency from another.
        Span::from_secs_f64((seconds * 1e6).round() / 1e6)
    };
    format!("p50={},p99={}", at(0.5), at(0.99))
}

fn sampling_text(sampling: Sampling) -> String {
    match sampling {
        Sampling::Exact => "exact".to_owned(),
        Sampling::Scraped { interval, .. } => interval.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::traffic::Profile;
    use crate::scenario::{latency, neutral};

    fn share(value: f64) -> Option<Probability> {
        Probability::new(value)
    }

    fn changed(overrides: &Overrides) -> Scenario {
        neutral().unwrap().with(overrides).unwrap()
    }

    fn leaking() -> Scenario {
        let text = crate::scenario::find("default").unwrap().text.to_owned()
            + "[[canary.faults]]\nkind = \"leak\"\nadd = \"1s\"\nramp = \"5m\"\n";
        crate::scenario::parse(&text, Path::new("leak.toml"), None).unwrap()
    }

    #[test]
    fn nothing_given_changes_nothing() {
        assert_eq!(changed(&Overrides::default()), neutral().unwrap());
    }

    #[test]
    fn a_canary_described_anew_forgets_its_faults() {
        let scenario = leaking()
            .with(&Overrides {
                errors: share(0.002),
                canary_latency: latency("p50=80ms,p99=500ms").ok(),
                ..Overrides::default()
            })
            .unwrap();
        assert!(scenario.world.faults.is_empty());
        assert_eq!(Some(scenario.world.stable.errors), share(0.002));
        assert_eq!(Some(scenario.world.canary.errors), share(0.002));
        assert!((scenario.world.canary.latency.cdf(0.08) - 0.5).abs() < 1e-9);
    }

    #[test]
    fn stable_changes_without_the_differences_of_the_canary() {
        let scenario = leaking()
            .with(&Overrides {
                errors: share(0.002),
                latency: latency("p50=20ms,p99=90ms").ok(),
                ..Overrides::default()
            })
            .unwrap();
        assert_eq!(scenario.world.faults.len(), 1);
        assert_eq!(Some(scenario.world.canary.errors), share(0.01));
        assert_eq!(scenario.world.canary.latency, scenario.world.stable.latency);
    }

    #[test]
    fn every_change_is_noted_in_the_source_which_can_still_be_read() {
        let scenario = changed(&Overrides {
            rate: Rate::per_second(50.0),
            errors: share(0.002),
            latency: latency("p50=20ms,p99=90ms").ok(),
            canary_errors: share(0.02),
            canary_latency: latency("p50=30ms,p99=90ms").ok(),
            sampling: Some(Sampling::Exact),
            horizon: Some(Span::from_secs(1_200)),
            weights: Some(vec![Weight::clamped(5.0), Weight::clamped(2.0)]),
            trials: Some(77),
            most_trials: Some(99),
            precision: share(0.02),
            engine: Some(EngineChoice::Counts),
            seed: Some(Seed(7)),
            splitter: Some(Proxy::Haproxy),
            prometheus: Some(Source::Spawned(None)),
            metrics: Some(Vendor::Traefik),
            speed: Speed::times(30.0),
            ..Overrides::default()
        });
        assert_eq!(scenario.live.splitter, Proxy::Haproxy);
        assert_eq!(scenario.live.source, Source::Spawned(None));
        assert_eq!(scenario.live.vendor, Vendor::Traefik);
        assert_eq!(scenario.live_speed(), 30.0);
        assert_eq!(scenario.horizon, Span::from_secs(1_200));
        assert_eq!(scenario.telemetry.sampling, Sampling::Exact);
        assert_eq!(scenario.experiment.trials, Some(77));
        assert_eq!(scenario.experiment.weights[0].as_percent(), 2.0);
        let notes: Vec<&str> = scenario
            .source
            .lines()
            .filter(|line| line.starts_with("# changed"))
            .collect();
        insta::assert_snapshot!(notes.join("\n"));
        crate::scenario::parse(&scenario.source, Path::new("again.toml"), None).unwrap();
    }

    #[test]
    fn programs_stay_with_whom_they_belong_to() {
        let text = crate::scenario::find("default").unwrap().text.to_owned()
            + "[live]\nsplitter = \"nginx\"\nprogram = \"/opt/nginx\"\nprometheus = \"spawn\"\n\
               prometheus_program = \"/opt/prometheus\"\n";
        let scenario = crate::scenario::parse(&text, Path::new("live.toml"), None).unwrap();
        let live = |splitter: Proxy, source: &str| {
            let overrides = Overrides {
                splitter: Some(splitter),
                prometheus: Some(source.parse().unwrap()),
                ..Overrides::default()
            };
            scenario.clone().with(&overrides).unwrap().live
        };
        assert_eq!(live(Proxy::Nginx, "spawn"), scenario.live);
        let others = live(Proxy::Envoy, "none");
        assert_eq!((others.program, others.source), (None, Source::Scraper));
    }

    #[test]
    fn a_rate_keeps_the_shape_of_the_traffic() {
        let ramp = crate::scenario::find("istio-ramp").unwrap();
        let scenario = ramp.scenario().unwrap();
        let with = |value| Overrides {
            rate: Rate::per_second(value),
            ..Overrides::default()
        };
        let Profile::Diurnal { mean, .. } =
            scenario.with(&with(500.0)).unwrap().world.traffic.profile
        else {
            panic!("no cycle any more");
        };
        assert_eq!(mean.get(), 500.0);
    }

    #[test]
    fn warnings_that_no_longer_hold_are_taken_back_and_new_ones_given() {
        let good = changed(&Overrides {
            canary_errors: share(0.001),
            ..Overrides::default()
        });
        assert_eq!(good.warnings.len(), 1);
        assert!(good.warnings[0].contains("nothing to detect"));
        let bad = good
            .with(&Overrides {
                canary_errors: share(0.5),
                ..Overrides::default()
            })
            .unwrap();
        assert_eq!(bad.warnings, Vec::<String>::new());
    }

    #[test]
    fn warnings_that_still_hold_keep_their_place() {
        let text = crate::scenario::find("default").unwrap().text;
        let text = text.replace("errors = \"1%\"", "");
        let scenario = crate::scenario::parse(&text, Path::new("good.toml"), None).unwrap();
        let before = scenario.warnings.clone();
        assert!(before[0].starts_with("good.toml:"), "{before:?}");
        let rate = Rate::per_second(90.0);
        let overrides = Overrides {
            rate,
            ..Overrides::default()
        };
        assert_eq!(scenario.with(&overrides).unwrap().warnings, before);
    }

    #[test]
    fn impossible_changes_are_all_refused_at_once() {
        let problems = neutral()
            .unwrap()
            .with(&Overrides {
                weights: Some(vec![Weight::ZERO, Weight::FULL, Weight::FULL]),
                trials: Some(0),
                precision: share(0.0),
                horizon: Some(Span::ZERO),
                ..Overrides::default()
            })
            .unwrap_err();
        insta::assert_snapshot!(problems);
        let problems = neutral()
            .unwrap()
            .with(&Overrides {
                horizon: Some(Span::from_secs(30)),
                rate: Some(Rate::ZERO),
                ..Overrides::default()
            })
            .unwrap_err();
        insta::assert_snapshot!("impossible_together", problems);
    }

    #[test]
    fn a_canary_that_is_not_there_is_named() {
        let problems = neutral()
            .unwrap()
            .with(&Overrides {
                flagger: vec![PathBuf::from("no/such/canary.yaml")],
                ..Overrides::default()
            })
            .unwrap_err();
        assert_eq!(
            problems.to_string(),
            "no/such/canary.yaml: there is no such file"
        );
    }
}
