//! What a rollout says about people: how long they take, when they are there, what waits for them.

use super::{LEAST, errors, scenario, staged, with};
use crate::base::{Span, Time};
use crate::rollout::{Judgement, OfficeHours, Rollback};

fn minutes(minutes: u64) -> Span {
    Span::from_secs(60 * minutes)
}

#[test]
fn a_manual_rollback_has_a_judgement() {
    let text = with(
        "rollout",
        "rollback = \"manual\"\njudgement = \"p50=5m,p99=2h\"",
    );
    let read = scenario(&text);
    assert_eq!(read.warnings, Vec::<String>::new());
    let plan = staged(&read);
    assert_eq!(plan.rollback, Rollback::Manual);
    for (level, wanted) in [(0.5, 300.0), (0.99, 7_200.0)] {
        let found = plan.judgement.quantile(level).as_secs_f64();
        assert!((found / wanted - 1.0).abs() < 1e-6, "{level}: {found}");
    }
    let unsaid = scenario(&with("rollout", "rollback = \"manual\""));
    let usual = Judgement::from_quantiles(minutes(20), 0.9, minutes(60));
    let (found, usual) = (staged(&unsaid).judgement, usual.unwrap());
    for level in [0.1, 0.5, 0.9] {
        assert_eq!(
            found.quantile(level).as_secs_f64().round(),
            usual.quantile(level).as_secs_f64().round()
        );
    }
    // Half an hour after the steps is the least that such a horizon leaves for the alert.
    assert!(unsaid.horizon > minutes(35), "{}", unsaid.horizon);
}

#[test]
fn steps_pause_and_wait_for_requests() {
    let text = LEAST.replacen("hold = \"5m\"", "hold = \"5m\", pause = true", 1);
    let read = scenario(&text);
    assert!(staged(&read).steps[0].pause);
    assert!(!staged(&scenario(LEAST)).steps[0].pause);
    let guarded = scenario(&with("rollout", "min_requests = 1000"));
    assert_eq!(staged(&guarded).min_requests, 1_000);
}

#[test]
fn office_hours_have_defaults_and_may_all_be_said() {
    let hours = |table: &str| {
        let text = with("rollout", &format!("office_hours = {table}"));
        staged(&scenario(&text)).office_hours.unwrap()
    };
    assert_eq!(hours("{}"), OfficeHours::USUAL);
    let said =
        hours("{ from = \"08:30\", to = \"24:00\", days = \"Sat,Sun\", start = \"Fri 16:00\" }");
    assert_eq!(said.from, minutes(510));
    assert_eq!(said.to, minutes(1_440));
    assert_eq!(said.days, [false, false, false, false, false, true, true]);
    assert_eq!(said.start, minutes((4 * 24 + 16) * 60));
    assert!(!said.is_open(Time::START));
    for (name, value) in [
        ("from", "09:00"),
        ("to", "17:00"),
        ("days", "Mon-Fri"),
        ("start", "Mon 09:00"),
    ] {
        assert_eq!(
            hours(&format!("{{ {name} = \"{value}\" }}")),
            OfficeHours::USUAL,
            "{name}"
        );
    }
}

#[test]
fn what_cannot_be_meant_is_refused_with_what_can() {
    for (lines, told) in [
        (
            "judgement = \"soon\"",
            ["`soon` is not a quantile", "p50=20m,p90=60m"],
        ),
        (
            "judgement = \"p50=20m\"",
            ["does not make a distribution", "p50=20m,p90=60m"],
        ),
        (
            "judgement = \"p50=2m,p90=3m,p99=9m\"",
            ["more than two quantiles", "p50=20m,p90=60m"],
        ),
        (
            "min_requests = \"many\"",
            ["rollout.min_requests", "a whole number"],
        ),
        (
            "rollback = \"by-hand\"",
            ["`by-hand` is not known here", "manual"],
        ),
        (
            "office_hours = { from = \"9\" }",
            ["rollout.office_hours.from: `9`", "\"09:00\""],
        ),
        (
            "office_hours = { from = \"18:00\" }",
            ["ends before it begins", "within one day"],
        ),
        (
            "office_hours = { to = \"08:00\" }",
            ["ends before it begins", "within one day"],
        ),
        (
            "office_hours = { days = \"weekdays\" }",
            ["`weekdays` is not understood", "Mon-Fri"],
        ),
        (
            "office_hours = { start = \"16:00\" }",
            ["`16:00` is not understood", "Fri 16:00"],
        ),
        (
            "office_hours = { till = \"17:00\" }",
            ["`rollout.office_hours.till` is not a field", "`to`"],
        ),
    ] {
        let text = errors(&with("rollout", lines));
        for part in told {
            assert!(text.contains(part), "{lines}: {text}");
        }
    }
    let text = errors(&LEAST.replacen("\"5m\" }", "\"5m\", pause = \"yes\" }", 1));
    assert!(text.contains("write true or false"), "{text}");
}

#[test]
fn a_judgement_that_nobody_makes_is_odd() {
    let text = with("rollout", "judgement = \"p50=5m,p99=2h\"");
    let warnings = scenario(&text).warnings.join("\n");
    assert!(warnings.contains("nobody is ever asked"), "{warnings}");
}
