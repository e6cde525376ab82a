//! How hooks answer.

use super::*;
use crate::model::hooks::{Hook, HookKind};
use crate::model::service::Latency;

/// A scenario with a Canary that has no hooks.
fn with_hooks(lines: &str) -> String {
    let least = LEAST.split("[rollout]").next().unwrap();
    format!("{least}[rollout]\nflagger = \"plain-flagger.yaml\"\n{lines}")
}

#[test]
fn a_hook_has_an_answer_and_perhaps_a_delay() {
    let text = "[[rollout.hooks]]\ntype = \"confirm-promotion\"\nanswer = \"yes\"\nafter = \"30m\"\n\
                [[rollout.hooks]]\ntype = \"pre-rollout\"\nanswer = \"yes\"\nfaulty = \"no\"\n\
                failing = \"2%\"\n";
    let read = scenario(&with_hooks(text));
    assert_eq!(
        read.world.hooks,
        [
            Hook {
                kind: HookKind::ConfirmPromotion,
                answer: true,
                delay: Some(Latency::Fixed(Span::from_secs(1_800))),
                faulty: None,
                failing: Probability::ZERO,
            },
            Hook {
                kind: HookKind::PreRollout,
                answer: true,
                delay: None,
                faulty: Some(false),
                failing: share(0.02),
            },
        ]
    );
    let drawn =
        "[[rollout.hooks]]\ntype = \"rollback\"\nanswer = \"yes\"\nafter = \"p50=20m,p90=60m\"\n";
    let drawn = scenario(&with_hooks(drawn));
    assert!(drawn.world.hooks[0].longest() > Span::from_secs(3_600));
    // A rollout that waits takes longer.
    let plain = scenario(&with_hooks(""));
    assert_eq!(read.horizon, plain.horizon + Span::from_secs(1_800));
    let warning = "the rollout asks no hook of type confirm-promotion";
    assert!(read.warnings.iter().any(|one| one.contains(warning)));
}

#[test]
fn what_is_no_hook_is_refused() {
    for (lines, message) in [
        (
            "type = \"confirm\"\nanswer = \"yes\"",
            "`confirm` is not known here",
        ),
        (
            "type = \"rollback\"",
            "`rollout.hooks[0].answer` is missing",
        ),
        ("answer = \"yes\"", "`rollout.hooks[0].type` is missing"),
        (
            "type = \"rollback\"\nanswer = \"maybe\"",
            "`maybe` is not known here",
        ),
        (
            "type = \"rollback\"\nanswer = \"yes\"\nafter = \"soon\"",
            "rollout.hooks[0].after",
        ),
        (
            "type = \"rollback\"\nanswer = \"yes\"\nafter = \"p50=soon\"",
            "rollout.hooks[0].after",
        ),
        (
            "type = \"rollback\"\nanswer = \"yes\"\nfailing = \"0%\"",
            "is never",
        ),
        (
            "type = \"rollback\"\nanswer = \"yes\"\nurl = \"x\"",
            "is not a field",
        ),
    ] {
        let said = errors(&with_hooks(&format!("[[rollout.hooks]]\n{lines}\n")));
        assert!(said.contains(message), "{lines}: {said}");
    }
    let staged = errors(&with("rollout", "hooks = []"));
    assert!(
        staged.contains("only a Flagger Canary asks hooks"),
        "{staged}"
    );
}
