//! Schedules with a router: time 0 is the change of the template.

use super::*;

/// Weights of 20 and 50 for a minute each.
fn two_steps() -> Vec<ArgoStep> {
    vec![weight(20), pause(60), weight(50), pause(60)]
}

/// A weight of 20, three measurements 20 s apart, then 50 for half a minute.
fn inline() -> Vec<ArgoStep> {
    let run = run_of(metric(Some(20), 3, 0));
    vec![weight(20), ArgoStep::Analysis(run), weight(50), pause(30)]
}

#[test]
fn s1_pods_start_before_each_weight_and_the_old_ones_go_after_promotion() {
    let drive = drive(settings(&two_steps()));
    assert_eq!(drive.timeline(), "20 @20, 50 @100, 100 @180, promoted @180");
    let course = drive.run();
    assert_eq!(
        course.pods,
        [(0, (2, 10)), (80, (5, 10)), (160, (10, 10)), (210, (10, 0))]
    );
    assert_eq!(course.steps, [0, 1, 2, 3, 4]);
}

#[test]
fn s2_one_pod_is_enough_for_any_weight() {
    let drive = drive(ArgoSettings {
        replicas: 1,
        ..settings(&two_steps())
    });
    assert_eq!(drive.timeline(), "20 @20, 50 @80, 100 @140, promoted @140");
}

#[test]
fn s3_the_second_failure_of_a_background_run_aborts() {
    let drive = Drive {
        finds: &|at| {
            if at >= 90 {
                Finding::Bad
            } else {
                Finding::Good
            }
        },
        ..drive(ArgoSettings {
            background: beside(run_of(metric(Some(30), 0, 1)), 0),
            ..settings(&two_steps())
        })
    };
    assert_eq!(drive.timeline(), "20 @20, 50 @100, back @120");
    let course = drive.run();
    assert_eq!(course.measured, [0, 30, 60, 90, 120]);
    assert_eq!(course.pods.last(), Some(&(150, (0, 10))));
    assert_eq!(course.phases.last(), Some(&(120, Phase::Degraded)));
}

#[test]
fn s4_a_background_run_begins_with_its_starting_step() {
    let drive = Drive {
        finds: &|_| Finding::Bad,
        ..drive(ArgoSettings {
            background: beside(run_of(metric(Some(30), 0, 1)), 2),
            ..settings(&two_steps())
        })
    };
    assert_eq!(drive.timeline(), "20 @20, 50 @100, back @110");
    assert_eq!(drive.run().measured, [80, 110]);
}

#[test]
fn s5_a_step_lasts_as_long_as_its_analysis() {
    let drive = drive(settings(&inline()));
    assert_eq!(drive.timeline(), "20 @20, 50 @80, 100 @130, promoted @130");
    assert_eq!(drive.run().measured, [20, 40, 60]);
}

#[test]
fn s6_a_failed_step_aborts() {
    let drive = Drive {
        finds: &|at| {
            if at == 40 {
                Finding::Bad
            } else {
                Finding::Good
            }
        },
        ..drive(settings(&inline()))
    };
    assert_eq!(drive.timeline(), "20 @20, back @40");
    assert_eq!(drive.run().measured, [20, 40]);
}

#[test]
fn s7_resuming_measures_an_inconclusive_step_again() {
    let drive = Drive {
        finds: &|at| {
            if at == 40 {
                Finding::Unclear
            } else {
                Finding::Good
            }
        },
        commands: &[(500, Command::Resume)],
        ..drive(settings(&inline()))
    };
    assert_eq!(drive.timeline(), "20 @20, 50 @560, 100 @610, promoted @610");
    let course = drive.run();
    assert_eq!(course.measured, [20, 40, 500, 520, 540]);
    assert!(course.phases.contains(&(40, Phase::Paused)), "{course:?}");
}

#[test]
fn s8_promoting_skips_an_inconclusive_step() {
    let drive = Drive {
        finds: &|at| {
            if at == 40 {
                Finding::Unclear
            } else {
                Finding::Good
            }
        },
        commands: &[(500, Command::Promote)],
        ..drive(settings(&inline()))
    };
    assert_eq!(drive.timeline(), "20 @20, 50 @520, 100 @570, promoted @570");
}

#[test]
fn s9_five_errors_in_a_row_abort_within_forty_seconds() {
    let once = run_of(metric(None, 0, 0));
    let drive = Drive {
        finds: &|_| Finding::Down,
        ..drive(settings(&[weight(20), ArgoStep::Analysis(once)]))
    };
    assert_eq!(drive.timeline(), "20 @20, back @60");
    assert_eq!(drive.run().measured, [20, 30, 40, 50, 60]);
}

#[test]
fn s10_a_pause_without_a_duration_waits_for_people() {
    let drive = Drive {
        commands: &[(1_000, Command::Promote)],
        ..drive(settings(&[weight(10), ArgoStep::Pause(None), weight(50)]))
    };
    let expected = "10 @20, 50 @1020, 100 @1040, promoted @1040";
    assert_eq!(drive.timeline(), expected);
    assert!(drive.run().phases.contains(&(20, Phase::Paused)));
}

#[test]
fn s11_a_rollout_shorter_than_the_interval_is_judged_before_it_has_traffic() {
    let drive = Drive {
        finds: &|at| if at == 0 { Finding::Good } else { Finding::Bad },
        ..drive(ArgoSettings {
            background: beside(run_of(metric(Some(300), 0, 0)), 0),
            ..settings(&[weight(20), pause(60)])
        })
    };
    assert_eq!(drive.timeline(), "20 @20, 100 @100, promoted @100");
    assert_eq!(drive.run().measured, [0]);
}

#[test]
fn s12_a_canary_without_pods_gets_no_traffic_and_its_pause_goes_on() {
    let drive = Drive {
        ready: &|at| !(50..70).contains(&at),
        ..drive(settings(&two_steps()))
    };
    let expected = "20 @20, 0 @50, 20 @70, 50 @100, 100 @180, promoted @180";
    assert_eq!(drive.timeline(), expected);
}

#[test]
fn s13_without_steps_everything_goes_over_at_once() {
    let drive = drive(settings(&[]));
    assert_eq!(drive.timeline(), "promoted @20");
}

#[test]
fn s14_going_back_to_stables_template_takes_the_weight_away() {
    let drive = Drive {
        commands: &[(90, Command::Undo)],
        ..drive(settings(&two_steps()))
    };
    assert_eq!(drive.timeline(), "20 @20, back @90");
    let course = drive.run();
    assert_eq!(course.phases.last(), Some(&(90, Phase::Healthy)));
}

#[test]
fn s15_an_invalid_run_aborts_before_there_is_any_weight() {
    let drive = drive(ArgoSettings {
        background: beside(run_of(metric(Some(60), 3, 5)), 0),
        ..settings(&two_steps())
    });
    assert_eq!(drive.timeline(), "back @0");
    assert_eq!(drive.run().measured, [0_u64; 0]);
}
