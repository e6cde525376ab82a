//! One rollout of some shipped scenarios with the bad canary and one with a good one, as `coalmine
//! run --virtual` tells them. They change when decisions, draws or words change; each of these is
//! worth a look before the new text is accepted.

use std::process::Command;

/// The first steps, and one of each way in which a rollout is played.
const TOLD: [&str; 10] = [
    "bursts",
    "cold-canary",
    "default",
    "istio-ramp",
    "low-traffic",
    "no-data",
    "no-rollback",
    "plain-flagger",
    "rollback-harm",
    "sticky-bypass",
];

fn told(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_coalmine"))
        .arg("run")
        .args(arguments)
        .arg("--virtual")
        .output()
        .unwrap();
    let err = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && err.is_empty(),
        "{arguments:?}: {err}"
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn of_some_shipped_scenarios() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path("traces");
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for name in TOLD {
            insta::assert_snapshot!(format!("{name}-bad"), told(&[name]));
            insta::assert_snapshot!(format!("{name}-good"), told(&[name, "--good"]));
        }
    });
}
