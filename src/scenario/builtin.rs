//! The scenarios that the program carries with it.

use std::path::PathBuf;

use super::Scenario;
use super::defaults;
use super::files::Files;
use super::{file, report};
use crate::base::Problems;

/// A scenario that the program carries with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Builtin {
    /// Its name, as `coalmine scenarios show NAME` takes it.
    pub name: &'static str,
    /// The scenario file, as in the `scenarios` folder.
    pub text: &'static str,
}

/// No built-in scenario has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no built-in scenario `{name}`: {advice}")]
pub struct UnknownScenario {
    /// The name asked for.
    pub name: String,
    /// The nearest name, or where they are listed.
    pub advice: String,
}

/// The headings under which `coalmine scenarios` lists, in this order. What has another subject
/// stands with the reader's own.
pub const SUBJECTS: [&str; 10] = [
    "First steps",
    "Too little evidence",
    "Who gets the canary",
    "What the gate reads",
    "What happens later",
    "What everybody shares",
    "Like with like",
    "Statistics",
    "Case studies",
    defaults::SUBJECT,
];

/// The default first, the rest by name.
const BUILTIN: &[Builtin] = &[
    shipped("default", include_str!("../../scenarios/default.toml")),
    shipped(
        "affinity-ratchet",
        include_str!("../../scenarios/affinity-ratchet.toml"),
    ),
    shipped(
        "autoscaler",
        include_str!("../../scenarios/autoscaler.toml"),
    ),
    shipped(
        "average-tail",
        include_str!("../../scenarios/average-tail.toml"),
    ),
    shipped("bots", include_str!("../../scenarios/bots.toml")),
    shipped("bursts", include_str!("../../scenarios/bursts.toml")),
    shipped("checkout", include_str!("../../scenarios/checkout.toml")),
    shipped("clickbait", include_str!("../../scenarios/clickbait.toml")),
    shipped(
        "cold-canary",
        include_str!("../../scenarios/cold-canary.toml"),
    ),
    shipped(
        "config-push",
        include_str!("../../scenarios/config-push.toml"),
    ),
    shipped("ejection", include_str!("../../scenarios/ejection.toml")),
    shipped(
        "evidence-promotion",
        include_str!("../../scenarios/evidence-promotion.toml"),
    ),
    shipped(
        "exact-limit",
        include_str!("../../scenarios/exact-limit.toml"),
    ),
    shipped(
        "fast-failures",
        include_str!("../../scenarios/fast-failures.toml"),
    ),
    shipped(
        "feed-ranking",
        include_str!("../../scenarios/feed-ranking.toml"),
    ),
    shipped(
        "four-controllers",
        include_str!("../../scenarios/four-controllers.toml"),
    ),
    shipped(
        "health-checks",
        include_str!("../../scenarios/health-checks.toml"),
    ),
    shipped(
        "hidden-outage",
        include_str!("../../scenarios/hidden-outage.toml"),
    ),
    shipped(
        "idle-canary",
        include_str!("../../scenarios/idle-canary.toml"),
    ),
    shipped(
        "istio-crash",
        include_str!("../../scenarios/istio-crash.toml"),
    ),
    shipped(
        "istio-ramp",
        include_str!("../../scenarios/istio-ramp.toml"),
    ),
    shipped(
        "kayenta-canary",
        include_str!("../../scenarios/kayenta-canary.toml"),
    ),
    shipped(
        "late-counter",
        include_str!("../../scenarios/late-counter.toml"),
    ),
    shipped(
        "launch-day",
        include_str!("../../scenarios/launch-day.toml"),
    ),
    shipped(
        "long-window",
        include_str!("../../scenarios/long-window.toml"),
    ),
    shipped(
        "low-traffic",
        include_str!("../../scenarios/low-traffic.toml"),
    ),
    shipped(
        "many-metrics",
        include_str!("../../scenarios/many-metrics.toml"),
    ),
    shipped("mix-shift", include_str!("../../scenarios/mix-shift.toml")),
    shipped(
        "night-canary",
        include_str!("../../scenarios/night-canary.toml"),
    ),
    shipped("no-data", include_str!("../../scenarios/no-data.toml")),
    shipped(
        "no-rollback",
        include_str!("../../scenarios/no-rollback.toml"),
    ),
    shipped("one-pod", include_str!("../../scenarios/one-pod.toml")),
    shipped("peeking", include_str!("../../scenarios/peeking.toml")),
    shipped(
        "plain-argo",
        include_str!("../../scenarios/plain-argo.toml"),
    ),
    shipped(
        "plain-flagger",
        include_str!("../../scenarios/plain-flagger.toml"),
    ),
    shipped(
        "recommendation",
        include_str!("../../scenarios/recommendation.toml"),
    ),
    shipped(
        "replica-rounding",
        include_str!("../../scenarios/replica-rounding.toml"),
    ),
    shipped(
        "retry-masking",
        include_str!("../../scenarios/retry-masking.toml"),
    ),
    shipped(
        "rollback-harm",
        include_str!("../../scenarios/rollback-harm.toml"),
    ),
    shipped(
        "shared-outage",
        include_str!("../../scenarios/shared-outage.toml"),
    ),
    shipped(
        "short-bake",
        include_str!("../../scenarios/short-bake.toml"),
    ),
    shipped(
        "slow-codec",
        include_str!("../../scenarios/slow-codec.toml"),
    ),
    shipped("small-p99", include_str!("../../scenarios/small-p99.toml")),
    shipped(
        "sticky-bypass",
        include_str!("../../scenarios/sticky-bypass.toml"),
    ),
    shipped(
        "tenant-bug",
        include_str!("../../scenarios/tenant-bug.toml"),
    ),
    shipped("time-bomb", include_str!("../../scenarios/time-bomb.toml")),
    shipped(
        "wrong-metrics",
        include_str!("../../scenarios/wrong-metrics.toml"),
    ),
];

/// Files that built-in scenarios name.
const COMPANIONS: &[(&str, &str)] = &[
    (
        "four-canary.yaml",
        include_str!("../../scenarios/four-canary.yaml"),
    ),
    (
        "four-rollout.yaml",
        include_str!("../../scenarios/four-rollout.yaml"),
    ),
    (
        "four-judge.json",
        include_str!("../../scenarios/four-judge.json"),
    ),
    (
        "plain-argo.yaml",
        include_str!("../../scenarios/plain-argo.yaml"),
    ),
    (
        "plain-flagger.yaml",
        include_str!("../../scenarios/plain-flagger.yaml"),
    ),
    (
        "kayenta-canary.json",
        include_str!("../../scenarios/kayenta-canary.json"),
    ),
    (
        "data/nasa-1995-07-13.csv",
        include_str!("../../scenarios/data/nasa-1995-07-13.csv"),
    ),
];

const fn shipped(name: &'static str, text: &'static str) -> Builtin {
    Builtin { name, text }
}

pub(super) const NEUTRAL: Builtin = Builtin {
    name: "neutral",
    text: include_str!("neutral.toml"),
};

/// Every built-in scenario, the default first.
pub fn builtin() -> &'static [Builtin] {
    BUILTIN
}

/// The built-in scenario of that name.
///
/// # Errors
/// With the nearest name, when there is none.
pub fn find(name: &str) -> Result<&'static Builtin, UnknownScenario> {
    BUILTIN
        .iter()
        .find(|builtin| builtin.name == name)
        .ok_or_else(|| {
            let names: Vec<&str> = BUILTIN.iter().map(|builtin| builtin.name).collect();
            let advice = match report::nearest(name, &names) {
                Some(near) => format!("did you mean `{near}`?"),
                None => "`coalmine scenarios` lists them".to_owned(),
            };
            UnknownScenario {
                name: name.to_owned(),
                advice,
            }
        })
}

/// What a run starts from that names a Canary and no scenario: an ordinary small service whose new
/// release fails ten times as often.
///
/// # Errors
/// None, unless the embedded text is broken; a test reads it.
pub fn neutral() -> Result<Scenario, Problems> {
    NEUTRAL.scenario()
}

impl Builtin {
    /// The scenario, checked. Files that it names are embedded as well.
    ///
    /// # Errors
    /// As [`super::parse`].
    pub fn scenario(&self) -> Result<Scenario, Problems> {
        file::read(self.text, &self.path(), Files::Embedded)
    }

    /// The path that stands for it in messages.
    pub(super) fn path(&self) -> PathBuf {
        PathBuf::from("scenarios").join(format!("{}.toml", self.name))
    }

    /// The files that it names, with their texts.
    pub fn companions(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        let text = self.text;
        COMPANIONS
            .iter()
            .copied()
            .filter(move |(name, _)| text.contains(name))
    }
}

/// The text of an embedded file that scenarios name.
pub(super) fn companion(name: &str) -> Option<&'static str> {
    let found = COMPANIONS.iter().find(|(file, _)| *file == name);
    found.map(|(_, text)| *text)
}

/// Whether a scenario is the one that [`neutral`] gives.
pub(super) fn is_neutral(scenario: &Scenario) -> bool {
    scenario.name == NEUTRAL.name
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    use super::*;

    #[test]
    fn the_program_carries_every_scenario_of_the_folder() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
        let in_folder: BTreeSet<String> = fs::read_dir(folder)
            .unwrap()
            .filter_map(|entry| {
                let name = entry.unwrap().file_name().into_string().unwrap();
                name.strip_suffix(".toml").map(str::to_owned)
            })
            .collect();
        let carried: BTreeSet<String> = BUILTIN.iter().map(|one| one.name.to_owned()).collect();
        assert_eq!(carried, in_folder);
        assert_eq!(BUILTIN[0].name, "default");
        assert!(BUILTIN[1..].is_sorted_by_key(|one| one.name));
    }

    #[test]
    fn every_shipped_scenario_has_a_heading_and_a_title_for_one_line() {
        for builtin in BUILTIN {
            let scenario = builtin.scenario().unwrap();
            let subject = &*scenario.subject;
            assert!(SUBJECTS.contains(&subject), "{}: {subject}", builtin.name);
            assert!(scenario.title.chars().count() <= 70, "{}", builtin.name);
            // What it teaches, as a clause that is checked.
            assert!(!scenario.expectations.is_empty(), "{}", builtin.name);
        }
    }
}
