//! Who takes part in a comparison.

use serde::{Deserialize, Serialize};

use crate::base::{Probability, Span};
use crate::engine::r#virtual::Kind;
use crate::experiment::engine;
use crate::gate::statistical::{Guarantee, Method, Planned, Reads, shelf};
use crate::gate::{Gate, Statistical, SuccessRatio};
use crate::scenario::{Scenario, find};
use crate::telemetry::Version;

/// A gate, or a controller with its own, that looks at the release.
#[derive(Debug, Clone)]
pub struct Contender {
    /// In one line.
    pub name: String,
    /// Equal for the same gate at several levels.
    pub kind: String,
    /// Whose it is.
    pub family: Family,
    /// Its alpha, or how strict its limit is.
    pub level: Option<f64>,
    /// Whether it promises to keep its level over all looks: tests that are misused do not.
    pub promises: bool,
    pub(super) judge: Judge,
}

/// Whose gate it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// The scenario's own gates, as written.
    Own,
    /// A statistical test.
    Test,
    /// A fixed limit.
    Limit,
    /// A controller with its published defaults.
    Controller,
}

#[derive(Debug, Clone)]
pub(super) enum Judge {
    /// A gate that looks on, and rolls back at its first failed check.
    Gate(Box<Gate>),
    /// A rollout of its own, on the same service with the same fault.
    Rollout(Box<Scenario>),
}

/// The levels at which tests are compared.
pub const LEVELS: [f64; 4] = [0.001, 0.01, 0.05, 0.2];
/// The least success that limits are compared at.
const LIMITS: [f64; 5] = [0.9, 0.95, 0.98, 0.99, 0.995];
/// The scenario whose rivals are the controllers as they come.
const CONTROLLERS: &str = "four-controllers";

/// Everybody: the scenario's own gates, every statistical test at every level, fixed limits, and the
/// controllers as they come.
pub fn contenders(scenario: &Scenario, planned: Planned) -> Vec<Contender> {
    let mut all: Vec<Contender> = own(scenario).into_iter().collect();
    // Where requests are independent, users tell nothing that requests do not.
    let by_user = engine(scenario).0 == Kind::Coupled;
    for level in LEVELS {
        let alpha = Probability::new(level).unwrap_or(Probability::ZERO);
        let tests = shelf(alpha).into_iter();
        let tests = tests.filter(|(_, method)| by_user || method.entry().reads != Reads::Users);
        all.extend(tests.map(|(kind, method)| test(kind, method, level, planned)));
    }
    all.extend(LIMITS.iter().filter_map(|least| limit(*least, planned)));
    all.extend(controllers(scenario));
    all
}

/// The rollout as written, with its controller and all its habits.
fn own(scenario: &Scenario) -> Option<Contender> {
    if scenario.analysis.is_empty() {
        return None;
    }
    let lines: Vec<String> = scenario.analysis.iter().map(Gate::to_string).collect();
    Some(Contender {
        name: format!("as written: {}", lines.join("; ")),
        kind: "own".to_owned(),
        family: Family::Own,
        level: None,
        promises: false,
        judge: Judge::Rollout(Box::new(Scenario {
            rivals: Vec::new(),
            ..scenario.clone()
        })),
    })
}

fn test(kind: String, method: Method, level: f64, planned: Planned) -> Contender {
    Contender {
        name: method.to_string(),
        kind,
        family: Family::Test,
        level: Some(level),
        promises: method.entry().guarantee != Guarantee::None,
        judge: Judge::Gate(Box::new(Gate::Statistical(Statistical {
            method,
            route: None,
            against: Version::Stable,
            planned,
        }))),
    }
}

/// One failed check of a minute is enough.
fn limit(least: f64, planned: Planned) -> Option<Contender> {
    let gate = Gate::SuccessRatio(SuccessRatio {
        window: Span::from_secs(60).max(planned.interval),
        route: None,
        min: Probability::new(least)?,
        max: None,
        min_requests: 0,
    });
    Some(Contender {
        name: gate.to_string(),
        kind: "success ratio".to_owned(),
        family: Family::Limit,
        level: Some(least),
        promises: false,
        judge: Judge::Gate(Box::new(gate)),
    })
}

fn controllers(scenario: &Scenario) -> Vec<Contender> {
    let rivals = find(CONTROLLERS)
        .ok()
        .and_then(|builtin| builtin.scenario().ok())
        .map(|four| four.rivals)
        .unwrap_or_default();
    let known = scenario.questions.is_empty();
    rivals
        .into_iter()
        .filter(|_| known)
        .map(|rival| Contender {
            name: format!("{} as it comes", rival.rollout.controller()),
            kind: rival.rollout.controller().to_owned(),
            family: Family::Controller,
            level: None,
            promises: false,
            judge: Judge::Rollout(Box::new(scenario.under(&rival))),
        })
        .collect()
}
