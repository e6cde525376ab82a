//! A scenario whose gates read what was measured elsewhere.

use std::path::Path;

use super::{Scenario, queries};
use crate::base::{Problem, Problems, Severity};
use crate::gate::Gate;
use crate::rollout::Plan;
use crate::telemetry::Version;
use crate::telemetry::recording::Subject;

/// What there is to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holdings {
    /// Versions that have series.
    pub versions: Vec<Version>,
    /// Whether latencies were measured.
    pub latencies: bool,
    /// Whether failures were counted user by user.
    pub users: bool,
}

/// Why a gate has nothing to read, and what would help.
type Lack = (String, String);

impl Scenario {
    /// The same rollout on metrics that were measured so: its queries find the series that those have.
    /// With `leave_out`, gates that read what was not measured have no say, and a warning tells it.
    ///
    /// # Errors
    /// When a gate reads what was not measured. Problems are about `file`.
    pub fn measured_as(
        mut self,
        subject: &Subject,
        holdings: &Holdings,
        leave_out: bool,
        file: &Path,
    ) -> Result<Scenario, Problems> {
        let mut problems = Vec::new();
        if !holdings.versions.contains(&Version::Canary) {
            let message = "the recording has no series of the canary";
            problems.push(
                Problem::error(message, None).help("say which series are the canary's: --canary"),
            );
        }
        let world = &self.world;
        let routes = world.traffic.routes.iter().map(|route| &route.name);
        let goals = world.goals.iter().map(|goal| &goal.name);
        let (same_routes, same_goals) = (routes.eq(&subject.routes), goals.eq(&subject.goals));
        let lacks: Vec<Option<Lack>> = (self.analysis.iter())
            .map(|gate| lack(gate, holdings, same_routes, same_goals))
            .collect();
        // Argo's plan names its metrics by their numbers.
        let may_leave_out = leave_out && !matches!(self.rollout, Plan::Argo(_));
        for (gate, lack) in self.analysis.iter().zip(&lacks) {
            let Some((what, help)) = lack else { continue };
            let message = format!("`{gate}` reads {what}");
            if may_leave_out {
                self.warnings.push(format!("{message}; it was left out"));
            } else {
                let help = format!("{help}; or leave such gates out: --leave-out");
                problems.push(Problem::error(message, None).help(help));
            }
        }
        if !problems.is_empty() {
            return Err(of(file, problems));
        }
        let mut lacks = lacks.iter();
        (self.analysis).retain(|_| lacks.next().is_none_or(Option::is_none));
        self.telemetry = subject.plan.clone();
        if !same_routes {
            self.world.traffic.routes.clear();
        }
        if !same_goals {
            self.world.goals.clear();
        }
        for remark in queries::bind(&mut self) {
            let problem = Problem::error(remark.message, None).help(remark.help);
            match remark.severity {
                Severity::Error => problems.push(problem),
                Severity::Warning => {
                    let line = problem.one_line(file, "");
                    if !self.warnings.contains(&line) {
                        self.warnings.push(line);
                    }
                }
            }
        }
        match problems.is_empty() {
            true => Ok(self),
            false => Err(of(file, problems)),
        }
    }
}

/// What a gate reads and nobody measured.
fn lack(gate: &Gate, holdings: &Holdings, same_routes: bool, same_goals: bool) -> Option<Lack> {
    const OWN: &str = "replay a recording of `coalmine run --record`";
    let demand = gate.demand();
    let lack = |what: &str, help: &str| Some((what.to_owned(), help.to_owned()));
    if demand.routes != 0 && !same_routes {
        return lack(
            "single routes, which the recording does not tell apart",
            OWN,
        );
    }
    if demand.goals && !same_goals {
        return lack(
            "what the business counts, of which the recording has nothing",
            OWN,
        );
    }
    if demand.users && !holdings.users {
        return lack(
            "failures user by user, which the recording does not tell",
            OWN,
        );
    }
    if demand.latency && !holdings.latencies {
        return lack(
            "latencies, of which the recording has none",
            "give it some, as columns p50_ms, p99_ms or le_0.1, or as a histogram",
        );
    }
    let compared = [
        (demand.stable, Version::Stable),
        (demand.baseline, Version::Baseline),
    ];
    let missing = compared
        .into_iter()
        .find(|(reads, version)| *reads && !holdings.versions.contains(version));
    let (_, version) = missing?;
    let name = version.name();
    Some((
        format!("the figures of {name}, of which the recording has none"),
        format!("say which series are {name}'s: --{name}"),
    ))
}

fn of(file: &Path, problems: Vec<Problem>) -> Problems {
    Problems {
        file: file.to_owned(),
        text: String::new(),
        problems,
        also: Vec::new(),
    }
}
