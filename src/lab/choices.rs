//! Gates to choose from: well-known ways to decide, each put in place of a scenario's own rollout with
//! its percentages and its time.

use std::path::PathBuf;
use std::sync::OnceLock;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::base::{Problems, Span};
use crate::rollout::Plan;
use crate::scenario::{Bundle, Scenario};

/// The rollout as the scenario has it.
pub const AS_WRITTEN: &str = "as-written";

/// A way to decide.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// Its name for programs.
    pub id: String,
    /// Its name for readers.
    pub name: String,
    /// What it does, in one line.
    pub line: String,
    /// Fields of the rollout beside steps and gates.
    #[serde(default)]
    rollout: toml::Table,
    /// Its gates.
    #[serde(default)]
    gates: Vec<toml::Table>,
    /// The canary config that it follows, in place of gates.
    kayenta: Option<String>,
}

/// The same for a list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Listed {
    /// Its name in requests.
    pub id: String,
    /// Its name for readers.
    pub name: String,
    /// What it does, in one line.
    pub line: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    choice: Vec<Choice>,
}

/// The canary config of a choice, by its name.
const JUDGE: (&str, &str) = ("judge.json", include_str!("judge.json"));

/// The choices, in the order in which they are listed.
pub fn all() -> &'static [Choice] {
    static ALL: OnceLock<Vec<Choice>> = OnceLock::new();
    ALL.get_or_init(|| {
        // The file is the program's own; a test reads it.
        let read = toml::from_str::<File>(include_str!("choices.toml"));
        read.map(|file| file.choice).unwrap_or_default()
    })
}

/// The choice of that name.
pub fn find(id: &str) -> Option<&'static Choice> {
    all().iter().find(|choice| choice.id == id)
}

/// All of them for a list, the scenario's own first.
pub fn listed() -> Vec<Listed> {
    let own = Listed {
        id: AS_WRITTEN.to_owned(),
        name: "As written".to_owned(),
        line: "The scenario's own controller and gates.".to_owned(),
    };
    let others = all().iter().map(|choice| Listed {
        id: choice.id.clone(),
        name: choice.name.clone(),
        line: choice.line.clone(),
    });
    std::iter::once(own).chain(others).collect()
}

impl Choice {
    /// A bundle with this rollout in place of its own, which `scenario` has.
    ///
    /// # Errors
    /// When the scenario's text is no TOML.
    pub fn put_into(&self, bundle: &Bundle, scenario: &Scenario) -> Result<Bundle, Problems> {
        let broken = |why: String| Problems::about(&bundle.path, why);
        let text = bundle.texts.get(&bundle.path).map(Vec::as_slice);
        let text = text.and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| broken("the scenario itself is missing".to_owned()))?;
        let mut document: toml_edit::DocumentMut = text
            .parse()
            .map_err(|error: toml_edit::TomlError| broken(error.message().to_owned()))?;
        let own = document.remove("rollout");
        let own = own.as_ref().and_then(toml_edit::Item::as_table_like);
        let steps = own.and_then(|own| own.get("steps"));
        let interval = own.and_then(|own| own.get("interval"));
        let mut rollout = toml::Table::new();
        rollout.insert("name".to_owned(), self.name.clone().into());
        let mut changed = bundle.clone();
        if let Some(name) = &self.kayenta {
            let folder = bundle.path.parent().filter(|_| !bundle.is_builtin);
            let path = |name: &str| folder.map_or_else(|| PathBuf::from(name), |to| to.join(name));
            let mut free = name.clone();
            for number in 2.. {
                if !bundle.texts.contains_key(&path(&free)) {
                    break;
                }
                // Somebody has a file of that name.
                free = format!("{number}-{name}");
            }
            rollout.extend(judged(scenario, &free));
            changed
                .texts
                .insert(path(&free), JUDGE.1.as_bytes().to_vec());
        } else {
            rollout.extend(self.rollout.clone());
            match steps.and_then(as_toml) {
                Some(steps) => {
                    rollout.insert("steps".to_owned(), steps);
                    let interval = interval.and_then(as_toml);
                    rollout.extend(interval.map(|interval| ("interval".to_owned(), interval)));
                }
                None => rollout.extend(stepped(scenario)),
            }
            let gates = self.gates.iter().cloned().map(toml::Value::Table);
            rollout.insert("gates".to_owned(), toml::Value::Array(gates.collect()));
        }
        let mut whole = toml::Table::new();
        whole.insert("rollout".to_owned(), toml::Value::Table(rollout));
        let mut written = document.to_string();
        written.push('\n');
        written.push_str(&toml::to_string(&whole).map_err(|error| broken(error.to_string()))?);
        changed
            .texts
            .insert(bundle.path.clone(), written.into_bytes());
        Ok(changed)
    }
}

fn as_toml(item: &toml_edit::Item) -> Option<toml::Value> {
    let mut document = toml_edit::DocumentMut::new();
    document.insert("value", item.clone());
    let mut table: toml::Table = document.to_string().parse().ok()?;
    table.remove("value")
}

fn text(span: Span) -> toml::Value {
    toml::Value::String(span.to_string())
}

/// Steps through the percentages of another controller, in about the time that it takes.
fn stepped(scenario: &Scenario) -> toml::Table {
    const MINUTE: Span = Span::from_secs(60);
    let own = scenario.rollout.cadence().period;
    // Argo's ticks are only times at which something may be due.
    let interval = match scenario.rollout.idles() || own < Span::from_secs(10) {
        true => MINUTE,
        false => own,
    };
    let mut weights = scenario.rollout.steps();
    weights.retain(|weight| !weight.is_zero());
    weights.dedup();
    if weights.is_empty() {
        weights = vec![crate::base::Weight::clamped(50.0)];
    }
    let whole = scenario.rollout.longest().min(scenario.horizon);
    let of_each = whole.as_nanos() / weights.len() as u64 / interval.as_nanos().max(1);
    let hold = interval * of_each.max(1);
    let step = |weight: &crate::base::Weight| {
        let mut step = toml::Table::new();
        step.insert("weight".to_owned(), weight.to_string().into());
        step.insert("hold".to_owned(), text(hold));
        toml::Value::Table(step)
    };
    let mut table = toml::Table::new();
    table.insert("interval".to_owned(), text(interval));
    let steps = weights.iter().map(step).collect();
    table.insert("steps".to_owned(), toml::Value::Array(steps));
    table
}

/// One judgement at the end of about the time that the scenario's own rollout takes.
fn judged(scenario: &Scenario, config: &str) -> toml::Table {
    /// Fewer points of a series than these tell a rank test nothing.
    const LEAST_MINUTES: u64 = 10;
    let time = match &scenario.rollout {
        Plan::Staged(plan) => plan.undisturbed(),
        other => other.longest(),
    };
    let minutes = (time.min(scenario.horizon).as_secs_f64() / 60.0).ceil() as u64;
    let lifetime = Span::from_secs(minutes.max(LEAST_MINUTES) * 60);
    let weights = scenario.rollout.steps().into_iter();
    let weight = weights.max_by(|a, b| a.as_percent().total_cmp(&b.as_percent()));
    let weight = weight.filter(|weight| !weight.is_zero() && weight.as_percent() <= 50.0);
    let weight = weight.unwrap_or(crate::base::Weight::clamped(50.0));
    toml::Table::from_iter([
        ("kayenta".to_owned(), config.into()),
        ("weight".to_owned(), weight.to_string().into()),
        ("control".to_owned(), "baseline".into()),
        ("lifetime".to_owned(), text(lifetime)),
        ("interval".to_owned(), text(lifetime)),
    ])
}
