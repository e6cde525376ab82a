//! The two engines play the same worlds: detection times and shares of rollbacks must agree
//! wherever both are exact. One is the obvious way, request by request; the other is fast.

use coalmine::base::{Probability, Rate, Seed, Span, Time, Weight};
use coalmine::engine::r#virtual::{Kind, Player, Setting};
use coalmine::engine::{Ending, Trial};
use coalmine::gate::flagger::{FlaggerCheck, Limits, Metric, Provider};
use coalmine::gate::{
    Business, Comparison, ComparisonLimit, Gate, LatencyQuantile, RouteSeries, SampledBy,
    SuccessRatio,
};
use coalmine::model::World;
use coalmine::model::fault::{Corruption, Fault, FaultKind, ResetPhase, Schedule, Scope, Target};
use coalmine::model::service::{Goal, GoalValue, Latency, RouteService, Service};
use coalmine::model::split::{Rules, Split};
use coalmine::model::traffic::{Arrivals, Population, Profile, Route, Swing, Trace, Traffic};
use coalmine::rollout::flagger::FlaggerSettings;
use coalmine::rollout::{FlaggerPlan, Plan, StagedPlan, Step};
use coalmine::stats;
use coalmine::telemetry::{self, Birth, Buckets, Phase, Reporter, Sampling, Version};

const TRIALS: u64 = 3_000;

fn share(p: f64) -> Probability {
    Probability::new(p).unwrap()
}

fn rate(per_second: f64) -> Rate {
    Rate::per_second(per_second).unwrap()
}

/// A world, its metrics and its rollout, to be played by both engines.
#[derive(Clone)]
struct Case {
    world: World,
    metrics: telemetry::Plan,
    rollout: Plan,
    analysis: Vec<Gate>,
}

/// Flagger at 10 % steps and a 99 % success limit, on a canary that fails 2 % of 10 requests a
/// second, scraped every 5 s.
fn plain() -> Case {
    let latency =
        Latency::log_normal(Span::from_millis(40), share(0.99), Span::from_millis(250)).unwrap();
    let profile = Profile::Constant(rate(10.0));
    let mut world = World::plain(
        Traffic::plain(profile, Population::zipf(300, 1.0)),
        Service::plain(latency, share(0.002)),
    );
    world.canary.errors = share(0.02);
    Case {
        world,
        metrics: telemetry::Plan::plain(
            Sampling::Scraped {
                interval: Span::from_secs(5),
                phase: Phase::Fixed(Span::from_secs(2)),
            },
            Birth::FirstRequest,
            Buckets::istio(),
        ),
        rollout: Plan::Flagger(FlaggerPlan::new(FlaggerSettings {
            threshold: 3,
            step_weight: 10,
            max_weight: 50,
            ..FlaggerSettings::default()
        })),
        analysis: vec![success_rate()],
    }
}

fn success_rate() -> Gate {
    check(Metric::SuccessRate, Provider::Istio, Some(99.0), None)
}

fn check(metric: Metric, provider: Provider, min: Option<f64>, max: Option<f64>) -> Gate {
    Gate::FlaggerCheck(FlaggerCheck {
        metric,
        provider,
        version: Version::Canary,
        limits: Limits::Range { min, max },
        window: Span::from_secs(60),
    })
}

fn fault(kind: FaultKind) -> Fault {
    Fault {
        kind,
        target: Target::Canary,
        schedule: Schedule::ALWAYS,
        scope: Scope::EVERYONE,
    }
}

fn play(case: &Case, engine: Kind, seed: Seed) -> Vec<Trial> {
    let mut player = Player::new(Setting {
        world: &case.world,
        telemetry: &case.metrics,
        rollout: &case.rollout,
        analysis: &case.analysis,
        onlookers: &[],
        horizon: case.rollout.longest(),
        aftermath: Span::ZERO,
        held: None,
        engine,
        observe: false,
    });
    (0..TRIALS)
        .map(|replicate| player.play(seed, replicate))
        .collect()
}

fn mean(trials: &[Trial], figure: impl Fn(&Trial) -> f64) -> (f64, f64) {
    let n = trials.len() as f64;
    let mean = trials.iter().map(&figure).sum::<f64>() / n;
    let squares = trials.iter().map(|t| (figure(t) - mean).powi(2));
    (mean, squares.sum::<f64>() / n / n)
}

/// Shares of rollbacks by interval overlap at 99.9 % each, detection times by Kolmogorov-Smirnov
/// at 0.001, exposure by the difference of means within four standard errors.
fn agree(name: &str, case: &Case) {
    let counts = play(case, Kind::Counts, Seed(1));
    let requests = play(case, Kind::Requests, Seed(2));
    compare(name, &counts, &requests);
    let coupled = play(case, Kind::Coupled, Seed(5));
    compare(&format!("{name}, followed"), &counts, &coupled);
}

fn compare(name: &str, counts: &[Trial], requests: &[Trial]) {
    let rolled = |trials: &[Trial]| {
        let hits = trials
            .iter()
            .filter(|t| t.ending == Ending::RolledBack)
            .count();
        stats::wilson(hits as u64, TRIALS, 0.999)
    };
    let (a, b) = (rolled(counts), rolled(requests));
    assert!(a.overlaps(b), "{name}: rollbacks {a:?} and {b:?}");
    assert!(
        a.high > 0.05,
        "{name}: nothing is rolled back, so nothing is compared"
    );
    let times = |trials: &[Trial]| -> Vec<f64> {
        let detected = trials.iter().filter_map(|trial| trial.detection);
        detected.map(Span::as_secs_f64).collect()
    };
    let ks = stats::ks_two_sample(&mut times(counts), &mut times(requests)).unwrap();
    assert!(ks.p > 0.001, "{name}: detection times differ: {ks:?}");
    for (what, figure) in [
        (
            "canary requests",
            (|t| t.canary_requests as f64) as fn(&Trial) -> f64,
        ),
        ("exposed requests", |t| t.exposed_requests as f64),
        ("exposed users", |t| t.exposed_users),
    ] {
        let ((a, va), (b, vb)) = (mean(counts, figure), mean(requests, figure));
        assert!(
            (a - b).abs() <= 4.0 * (va + vb).sqrt() + 1e-9,
            "{name}: {what}: {a} and {b}"
        );
    }
}

#[test]
fn errors_seen_through_scrapes() {
    agree("plain", &plain());
}

#[test]
fn one_by_one_and_by_one_look_up() {
    let case = plain();
    let obvious = play(&case, Kind::OneByOne, Seed(3));
    let fast = play(&case, Kind::Requests, Seed(4));
    compare("one by one", &obvious, &fast);
}

#[test]
fn errors_seen_exactly_or_through_counters_born_at_zero() {
    let mut case = plain();
    case.metrics.birth = Birth::Zero;
    agree("zero", &case);
    case.metrics.sampling = Sampling::Exact;
    agree("exact", &case);
    case.metrics.sampling = Sampling::Scraped {
        interval: Span::from_secs(15),
        phase: Phase::Random,
    };
    case.metrics.birth = Birth::FirstRequest;
    agree("random phase", &case);
}

#[test]
fn figures_that_are_missed_late_and_diluted() {
    let mut case = plain();
    case.metrics.missed = share(0.3);
    agree("missed", &case);
    case.metrics.delay = Span::from_secs(17);
    agree("missed and late", &case);
    case.metrics.missed = Probability::ZERO;
    agree("late", &case);
    // A canary of 1 to 5 requests a second, and its probes.
    case.metrics.probes = rate(0.5);
    agree("late and diluted", &case);
    case.metrics.sampling = Sampling::Exact;
    agree("diluted", &case);
}

#[test]
fn latency_and_tail_seen_through_buckets() {
    let mut case = plain();
    case.world.canary = case.world.stable.clone();
    case.analysis = vec![check(Metric::Duration, Provider::Istio, None, Some(400.0))];
    case.world.faults = vec![fault(FaultKind::Latency {
        multiply: 1.3,
        add: Span::from_millis(5),
    })];
    agree("latency", &case);
    case.world.faults = vec![fault(FaultKind::Tail {
        probability: share(0.008),
        add: Span::from_secs(2),
    })];
    agree("tail", &case);
    case.metrics.buckets = Buckets::traefik();
    agree("coarse buckets", &case);
}

#[test]
fn means_of_latency() {
    let mut case = plain();
    case.world.canary = case.world.stable.clone();
    case.metrics.buckets = Buckets::nginx();
    case.analysis = vec![check(Metric::Duration, Provider::Nginx, None, Some(65.0))];
    case.world.faults = vec![fault(FaultKind::Latency {
        multiply: 1.15,
        add: Span::ZERO,
    })];
    agree("mean", &case);
}

#[test]
fn faults_that_begin_grow_and_end() {
    let mut case = plain();
    case.world.canary = case.world.stable.clone();
    case.world.faults = vec![Fault {
        schedule: Schedule {
            onset: Time::from_secs(95),
            ramp: Span::from_secs(150),
            duration: Some(Span::from_secs(400)),
            every: None,
        },
        ..fault(FaultKind::Errors {
            probability: share(0.03),
            latency: None,
        })
    }];
    agree("leak", &case);
}

#[test]
fn faults_of_some_users() {
    let mut case = plain();
    case.world.canary = case.world.stable.clone();
    case.world.faults = vec![
        Fault {
            scope: Scope {
                users: share(0.2),
                ..Scope::EVERYONE
            },
            ..fault(FaultKind::Errors {
                probability: share(0.12),
                latency: None,
            })
        },
        Fault {
            scope: Scope {
                users: share(0.5),
                ..Scope::EVERYONE
            },
            ..fault(FaultKind::Errors {
                probability: share(0.01),
                latency: None,
            })
        },
    ];
    agree("scope", &case);
}

#[test]
fn versions_by_user() {
    let mut case = plain();
    case.world.split = Split::UserHash;
    agree("user hash", &case);
}

#[test]
fn splits_and_arrivals_that_go_evenly() {
    let mut case = plain();
    case.world.split = Split::Even;
    agree("even split", &case);
    case.world.traffic.arrivals = Arrivals::Even;
    agree("even arrivals and split", &case);
    case.world.split = Split::Random;
    agree("even arrivals", &case);
}

#[test]
fn rates_that_vary() {
    let mut case = plain();
    let profiles = [
        Profile::Diurnal {
            mean: rate(10.0),
            peak_over_trough: 4.0,
            peak: Span::from_secs(200),
            period: Span::from_secs(400),
        },
        Profile::Ramp {
            from: rate(2.0),
            to: rate(20.0),
            over: Span::from_secs(300),
        },
        Profile::Stepped(vec![
            (Time::START, rate(4.0)),
            (Time::from_secs(170), rate(20.0)),
        ]),
        Profile::Trace(Trace::new(Span::from_secs(7), vec![3.0, 30.0, 0.0, 8.0]).unwrap()),
    ];
    for profile in profiles {
        case.world.traffic.profile = profile;
        agree(&format!("{:?}", case.world.traffic.profile), &case);
    }
}

#[test]
fn mirrored_requests() {
    let mut case = plain();
    case.rollout = Plan::Flagger(FlaggerPlan::new(FlaggerSettings {
        threshold: 2,
        step_weight: 20,
        max_weight: 40,
        mirror: true,
        mirror_weight: 30,
        ..FlaggerSettings::default()
    }));
    agree("mirror", &case);
}

#[test]
fn staged_rollouts_that_compare_versions() {
    let mut case = plain();
    let step = |percent, minutes| Step {
        weight: Weight::percent(percent).unwrap(),
        hold: Span::from_secs(60) * minutes,
        mirror: Weight::ZERO,
        pause: false,
    };
    case.rollout = Plan::Staged(StagedPlan {
        warmup: Span::from_secs(60),
        failures: 2,
        ..StagedPlan::new([step(5.0, 5), step(25.0, 3)], Span::from_secs(60))
    });
    case.analysis = vec![
        Gate::Comparison(Comparison {
            route: None,
            against: Version::Stable,
            strata: 0,
            window: Span::from_secs(120),
            metric: coalmine::gate::Metric::ErrorRatio,
            limit: ComparisonLimit::Difference(0.015),
            min_requests: 10,
        }),
        Gate::LatencyQuantile(LatencyQuantile {
            route: None,
            window: Span::from_secs(90),
            quantile: share(0.99),
            max: Span::from_millis(900),
            min_requests: 5,
        }),
        Gate::SuccessRatio(SuccessRatio {
            route: None,
            window: Span::from_secs(60),
            min: share(0.95),
            max: None,
            min_requests: 0,
        }),
    ];
    agree("staged", &case);
}

/// Two routes, of which the second fails more often on the canary; a gate that reads its series.
fn by_route() -> Case {
    let mut case = plain();
    case.world.traffic.routes = [("browse", 0.6), ("checkout", 0.4)]
        .map(|(name, part)| Route {
            name: name.to_owned(),
            share: share(part),
        })
        .to_vec();
    case.world.canary.routes = vec![
        RouteService::default(),
        RouteService {
            latency: None,
            errors: Some(share(0.03)),
        },
    ];
    case.metrics.routes = 2;
    case
}

fn of_checkout() -> Option<RouteSeries> {
    Some(RouteSeries {
        index: 1,
        name: "checkout".to_owned(),
    })
}

fn staged(case: &mut Case, gate: Gate) {
    let step = |percent| Step {
        weight: Weight::percent(percent).unwrap(),
        hold: Span::from_secs(300),
        mirror: Weight::ZERO,
        pause: false,
    };
    case.rollout = Plan::Staged(StagedPlan {
        warmup: Span::from_secs(60),
        failures: 2,
        ..StagedPlan::new([step(10.0), step(40.0)], Span::from_secs(60))
    });
    case.analysis = vec![gate];
}

fn compared(against: Version) -> Gate {
    Gate::Comparison(Comparison {
        window: Span::from_secs(120),
        route: None,
        against,
        strata: 0,
        metric: coalmine::gate::Metric::ErrorRatio,
        limit: ComparisonLimit::Difference(0.02),
        min_requests: 10,
    })
}

#[test]
fn routes_read_together_or_alone() {
    let mut case = by_route();
    agree("routes together", &case);
    staged(
        &mut case,
        Gate::SuccessRatio(SuccessRatio {
            window: Span::from_secs(60),
            route: of_checkout(),
            min: share(0.97),
            max: None,
            min_requests: 0,
        }),
    );
    agree("a route alone", &case);
}

#[test]
fn faults_of_stable_of_both_and_of_some_requests() {
    let mut case = by_route();
    case.world.canary = case.world.stable.clone();
    let errors = |probability| FaultKind::Errors {
        probability: share(probability),
        latency: Some(Span::from_millis(3)),
    };
    case.world.faults = vec![
        Fault {
            target: Target::Both,
            ..fault(errors(0.01))
        },
        Fault {
            target: Target::Stable,
            scope: Scope {
                users: share(0.4),
                ..Scope::EVERYONE
            },
            ..fault(errors(0.02))
        },
        Fault {
            scope: Scope {
                routes: 0b10,
                requests: share(0.5),
                ..Scope::EVERYONE
            },
            ..fault(errors(0.1))
        },
    ];
    staged(&mut case, compared(Version::Stable));
    agree("faults of either version", &case);
}

#[test]
fn requests_that_no_server_answers() {
    for (reporter, phase) in [
        (Reporter::Server, ResetPhase::Head),
        (Reporter::Client, ResetPhase::Head),
        (Reporter::Client, ResetPhase::Body),
    ] {
        let mut case = plain();
        case.metrics.reporter = reporter;
        case.world.faults = vec![
            fault(FaultKind::Hang {
                probability: share(0.02),
                timeout: Span::from_secs(10),
            }),
            fault(FaultKind::Reset {
                probability: share(0.3),
                phase,
            }),
        ];
        case.world.canary.errors = share(0.01);
        agree(&format!("unanswered, seen by {reporter:?}"), &case);
    }
}

#[test]
fn match_rules_replicas_and_baselines() {
    let rules = Rules::default();
    for rules in [
        Rules {
            matched: Some(share(0.1)),
            ..rules
        },
        Rules {
            replicas: Some(4),
            ..rules
        },
    ] {
        let mut case = plain();
        case.world.rules = rules;
        agree(&format!("{rules:?}"), &case);
    }
    let mut case = plain();
    case.world.rules.baseline = true;
    staged(&mut case, compared(Version::Baseline));
    agree("baseline", &case);
}

#[test]
fn goals_that_fewer_users_reach() {
    let mut case = by_route();
    case.world.canary = case.world.stable.clone();
    case.world.goals = vec![Goal {
        name: "conversion".to_owned(),
        probability: share(0.3),
        value: GoalValue::Spread {
            mean: 40.0,
            cv: 0.5,
        },
        routes: 0b10,
        spread: 0.0,
    }];
    case.metrics.goals = 1;
    case.world.faults = vec![
        fault(FaultKind::Business {
            goal: Some(0),
            multiply: 0.8,
        }),
        fault(FaultKind::Corrupt {
            probability: share(0.05),
            how: Corruption::Truncated,
        }),
    ];
    let gate = Business {
        window: Span::from_secs(120),
        route: None,
        against: Version::Stable,
        goal: 0,
        name: "conversion".to_owned(),
        min: 1.0,
        alpha: share(0.05),
        by: SampledBy::Request,
        design_effect: 1.0,
        min_requests: 10,
    };
    staged(&mut case, Gate::Business(gate));
    agree("goals", &case);
}

#[test]
fn rates_that_swing() {
    let mut case = plain();
    case.world.traffic.swing = Some(Swing::Mmpp {
        ratio: 8.0,
        high: share(0.1),
        burst: Span::from_secs(20),
    });
    agree("bursts", &case);
    case.world.traffic.swing = None;
    case.world.traffic.cron = share(0.2);
    case.world.traffic.arrivals = Arrivals::Even;
    agree("clocks", &case);
}
