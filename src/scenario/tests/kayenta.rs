//! Canary configs of Kayenta's in a scenario.

use super::*;
use crate::gate::kayenta::{CanaryAnalysis, Window};
use crate::rollout::SpinnakerPlan;

const FIGURES: &str = "\n[[figures]]\nname = \"memory\"\nvalues = \"normal(410, 12)\"\n";

/// A scenario that follows the shipped config with some settings.
fn text(settings: &str) -> String {
    let least = LEAST.split("[rollout]").next().unwrap();
    format!("{least}[rollout]\nkayenta = \"kayenta-canary.json\"\n{settings}{FIGURES}")
}

fn followed(settings: &str) -> (SpinnakerPlan, Vec<CanaryAnalysis>, Scenario) {
    let scenario = scenario(&text(settings));
    let Plan::Spinnaker(plan) = scenario.rollout.clone() else {
        panic!("not Spinnaker's");
    };
    let gates = scenario.analysis.iter().map(|gate| match gate {
        Gate::Kayenta(analysis) => analysis.clone(),
        other => panic!("{other}"),
    });
    (plan, gates.collect(), scenario)
}

#[test]
fn what_is_not_written_is_what_spinnaker_starts_with() {
    let (plan, gates, scenario) = followed("");
    assert_eq!(plan.weight, Weight::percent(10.0).unwrap());
    assert_eq!(plan.request.judgements(), 3);
    assert_eq!(
        (plan.thresholds.pass, plan.thresholds.marginal),
        (95.0, 75.0)
    );
    assert_eq!(scenario.horizon, Span::from_secs(3 * 3_600));
    assert_eq!((gates.len(), gates[0].control), (1, Version::Baseline));
    assert_eq!(gates[0].step, Span::from_secs(60));
    // Spinnaker deploys the baseline that it compares with.
    assert!(scenario.world.rules.baseline);
    assert_eq!(scenario.questions, ["memory", "memory"]);
    assert_eq!(gates[0].unmatched(), []);
}

#[test]
fn settings_stand_above_the_files() {
    let (plan, gates, scenario) = followed(
        "weight = \"25%\"\ncontrol = \"stable\"\nlifetime = \"2h\"\ninterval = \"30m\"\ndelay = \"5m\"\n\
         lookback = \"1h\"\nstep = \"30s\"\npass = 80\nmarginal = 50\n",
    );
    assert_eq!(plan.steps(), [Weight::percent(25.0).unwrap()]);
    assert_eq!(plan.longest(), Span::from_secs(125 * 60));
    assert_eq!(plan.thresholds.pass, 80.0);
    assert_eq!(gates[0].window, Window::Last(Span::from_secs(3_600)));
    assert_eq!(gates[0].judge.thresholds.marginal, 50.0);
    assert!(!scenario.world.rules.baseline);
    let (plan, gates, _) =
        followed("analysis = \"retrospective\"\ninterval = \"1h\"\nlifetime = \"3h\"\n");
    assert_eq!(
        (plan.longest(), gates.len()),
        (Span::from_secs(3 * 3_600), 3)
    );
}

#[test]
fn settings_that_mean_nothing_are_refused_with_their_line() {
    for (settings, words) in [
        ("lifetime = \"90s\"\n", "1m30s is not in whole minutes"),
        ("step = \"1500ms\"\n", "not in whole seconds"),
        ("weight = \"0%\"\n", "sends nothing to the canary"),
        ("control = \"canary\"\n", "baseline"),
        (
            "steps = []\n",
            "the canary config named in `kayenta` decides",
        ),
        (
            "analysis = \"retrospective\"\nlifetime = \"2h\"\ninterval = \"1m\"\n",
            "120 judgements",
        ),
        (
            "control_scope = \"nobody\"\npams = {}\n",
            "did you mean `params`?",
        ),
    ] {
        let said = errors(&text(settings));
        assert!(said.contains(words), "{settings}: {said}");
    }
    let silent = text("").replace(FIGURES, "");
    assert!(errors(&silent).contains("the metric `memory` asks a system that is not simulated"));
    let exact = format!("{}[telemetry]\nscrape = \"exact\"\n", text(""));
    assert!(
        errors(&exact).contains("there are none"),
        "{}",
        errors(&exact)
    );
}

#[test]
fn too_few_points_and_names_of_nobody_are_warned_of() {
    let said = scenario(&text("interval = \"30m\"\n")).warnings.join("\n");
    assert!(said.contains("31 points in a window of 30m"), "{said}");
    let said = scenario(&text("control_scope = \"nobody\"\n"))
        .warnings
        .join("\n");
    assert!(said.contains("finds no series"), "{said}");
    assert!(said.contains("destination_workload is"), "{said}");
}
