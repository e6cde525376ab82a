//! A scenario whose gates read what was measured elsewhere.

use std::path::Path;

use super::{Scenario, queries};
use crate::base::{Problem, Problems, Severity};
use crate::gate::Gate;
use crate::telemetry::Version;
use crate::telemetry::recording::Subject;

impl Scenario {
    /// The same rollout on metrics that were measured so, of these versions: its queries find the
    /// series that those have.
    ///
    /// # Errors
    /// When a gate reads what was not measured.
    pub fn measured_as(
        mut self,
        subject: &Subject,
        versions: &[Version],
        file: &Path,
    ) -> Result<Scenario, Problems> {
        let world = &self.world;
        let own_routes: Vec<&str> = (world.traffic.routes.iter())
            .map(|route| route.name.as_str())
            .collect();
        let own_goals: Vec<&str> = world.goals.iter().map(|goal| goal.name.as_str()).collect();
        let (same_routes, same_goals) = (own_routes == subject.routes, own_goals == subject.goals);
        let mut problems = Vec::new();
        let mut refuse = |gate: &Gate, what: &str, help: &str| {
            let message = format!("`{gate}` reads {what}");
            problems.push(Problem::error(message, None).help(help));
        };
        for gate in &self.analysis {
            let demand = gate.demand();
            if demand.routes != 0 && !same_routes {
                refuse(
                    gate,
                    "a route, and the recording does not have the scenario's routes",
                    "leave that gate out, or replay a recording of `coalmine run --record`",
                );
            }
            if demand.goals && !same_goals {
                refuse(
                    gate,
                    "a goal of the business, and the recording has none of that name",
                    "leave that gate out, or replay a recording of `coalmine run --record`",
                );
            }
            if demand.users && !versions.is_empty() && subject.luck.is_none() {
                refuse(
                    gate,
                    "failures user by user, which the recording does not tell",
                    "use a gate that counts requests",
                );
            }
            for (reads, version) in [
                (demand.stable, Version::Stable),
                (demand.baseline, Version::Baseline),
            ] {
                if reads && !versions.contains(&version) {
                    let name = version.name();
                    refuse(
                        gate,
                        &format!("{name}'s figures, and the recording has none of {name}"),
                        &format!("say which series are {name}'s with --{name}"),
                    );
                }
            }
        }
        if !versions.contains(&Version::Canary) {
            let message = "the recording has no series of the canary";
            problems.push(
                Problem::error(message, None).help("say which series are the canary's: --canary"),
            );
        }
        if !problems.is_empty() {
            return Err(of(file, problems));
        }
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

fn of(file: &Path, problems: Vec<Problem>) -> Problems {
    Problems {
        file: file.to_owned(),
        text: String::new(),
        problems,
        also: Vec::new(),
    }
}
