//! Counts against closed forms, for the counting engine and both request kernels. A count is
//! Poisson with the mean that the world's probabilities give, so it lies within five standard
//! deviations of it but for one in 1.7 million; a test looks at a few hundred.

use super::super::conditions::Condition;
use super::super::luck::Luck;
use super::super::play::Tally;
use super::super::requests::Requests;
use super::super::schedule::Schedule;
use super::super::tests::world_at;
use super::*;
use crate::base::{Probability, Seed, Span, Time, Weight};
use crate::engine::r#virtual::NEVER;
use crate::model::fault::{
    Corruption, Fault, FaultKind, ResetPhase, Schedule as When, Scope, Target,
};
use crate::model::service::{Goal, GoalValue, Latency, RouteService};
use crate::model::split::Rules;
use crate::model::traffic::{Population, Route};
use crate::rollout::{Cadence, Routing};
use crate::telemetry::{Buckets, Counters, Reporter};

const TRIALS: u64 = 20;
const SECONDS: u64 = 500;
const RATE: f64 = 40.0;
/// Requests of all trials.
const ALL: f64 = RATE * (SECONDS * TRIALS) as f64;

fn share(p: f64) -> Probability {
    Probability::new(p).unwrap()
}

/// A world of two routes, the second (30 % of requests) slow and failing 2 %, with a canary as
/// good as stable.
fn two_routes() -> World {
    let mut world = world_at(RATE);
    world.canary = world.stable.clone();
    world.traffic.routes = [("browse", 0.7), ("checkout", 0.3)]
        .map(|(name, part)| Route {
            name: name.to_owned(),
            share: share(part),
        })
        .to_vec();
    let slow = Latency::log_normal(Span::from_millis(200), share(0.99), Span::from_millis(900));
    world.stable.routes = vec![
        RouteService::default(),
        RouteService {
            latency: Some(slow.unwrap()),
            errors: Some(share(0.02)),
        },
    ];
    world.canary.routes = world.stable.routes.clone();
    world
}

fn fault(target: Target, kind: FaultKind) -> Fault {
    Fault {
        kind,
        target,
        schedule: When::ALWAYS,
        scope: Scope::EVERYONE,
    }
}

fn errors(probability: f64) -> FaultKind {
    FaultKind::Errors {
        probability: share(probability),
        latency: None,
    }
}

/// What was counted of all trials together.
struct Counted {
    versions: [Counters; 3],
    /// By version and route.
    routes: Vec<Vec<Counters>>,
    tally: Tally,
}

/// Everything that there is to read.
fn everything(world: &World) -> Demand {
    Demand {
        stable: true,
        canary: true,
        latency: true,
        sums: false,
        baseline: world.rules.baseline,
        routes: (1 << world.traffic.routes.len()) - 1,
        goals: !world.goals.is_empty(),
        by_user: false,
        users: false,
        every_scrape: false,
    }
}

enum Kernel {
    Counts(Box<Counts>),
    Requests(Box<Requests>),
}

/// Plays all trials at a canary weight of so many percent in one way.
fn play(world: &World, reporter: Reporter, percent: f64, demand: Demand, way: usize) -> Counted {
    let plan = Plan {
        reporter,
        routes: world.traffic.routes.len(),
        goals: world.goals.len(),
        ..Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio())
    };
    let horizon = Span::from_secs(SECONDS);
    let cadence = Cadence {
        first: Time::START,
        period: Span::from_secs(SECONDS / 5),
    };
    let schedule = Schedule::new(
        world,
        cadence,
        &[],
        &plan,
        Span::ZERO,
        (horizon, Span::ZERO),
        false,
    );
    let conditions = Condition::all(world, &schedule, &plan, demand);
    let scene = Scene {
        schedule,
        conditions,
    };
    let routing = Routing {
        canary: Weight::percent(percent).unwrap(),
        ..Routing::STABLE
    };
    let flow = Flow::new(routing, world, None);
    let mut kernel = match way {
        0 => Kernel::Counts(Box::new(Counts::new(world, &plan, demand))),
        _ => Kernel::Requests(Box::new(Requests::new(world, &plan, demand, way == 2))),
    };
    let mut play = Play {
        luck: Luck::new(world, horizon, Seed(5)),
        telemetry: Telemetry::new(&plan, Span::ZERO),
        tally: Tally::default(),
    };
    play.tally.enter(flow.canary);
    for replicate in 0..TRIALS {
        play.luck.deal(Seed(5), replicate);
        for stretch in 0..scene.schedule.stretches.len() {
            match &mut kernel {
                Kernel::Counts(counts) => counts.advance(&scene, stretch, flow, &mut play),
                Kernel::Requests(requests) => {
                    requests.advance(&scene, stretch, flow, &mut play, &NEVER);
                }
            }
        }
    }
    let routes = Version::ALL.map(|version| {
        (0..plan.routes)
            .map(|route| play.telemetry.route_counters_mut(version, route).clone())
            .collect()
    });
    Counted {
        versions: Version::ALL.map(|version| play.telemetry.counters(version).clone()),
        routes: routes.into(),
        tally: play.tally,
    }
}

/// Looks at what each of the three ways counted.
fn in_each_way(world: &World, reporter: Reporter, percent: f64, look: impl Fn(&str, &Counted)) {
    assert_eq!(world.coupling(), None);
    let demand = everything(world);
    for (way, name) in ["counts", "requests", "one by one"].into_iter().enumerate() {
        look(name, &play(world, reporter, percent, demand, way));
    }
}

fn near(what: &str, counted: f64, mean: f64) {
    let bound = 5.0 * mean.sqrt();
    assert!(
        (counted - mean).abs() <= bound,
        "{what}: {counted}, not {mean} ± {bound}"
    );
}

fn near_each(what: &str, counters: &Counters, requests: f64, failed: f64) {
    let [good, bad] = counters.requests.map(|count| count as f64);
    near(&format!("{what}, good"), good, requests * (1.0 - failed));
    near(&format!("{what}, bad"), bad, requests * failed);
}

#[test]
fn routes_fail_and_take_time_on_their_own() {
    let world = two_routes();
    in_each_way(&world, Reporter::Server, 25.0, |way, counted| {
        let fail = 0.7 * 0.001 + 0.3 * 0.02;
        for (version, part) in [(Version::Stable, 0.75), (Version::Canary, 0.25)] {
            let of_version = &counted.versions[version as usize];
            near_each(way, of_version, ALL * part, fail);
            let bounds = Buckets::istio();
            let mut below = 0.0;
            for bucket in 0..bounds.len() - 1 {
                let edge = bounds.bound_seconds(bucket);
                let up_to = 0.7 * world.stable.latency_of(0).cdf(edge)
                    + 0.3 * world.stable.latency_of(1).cdf(edge);
                let rows = [bucket, bounds.len() + bucket];
                let held: u64 = rows.map(|row| of_version.buckets[row]).iter().sum();
                let mean = ALL * part * (up_to - below);
                // Where hardly anything is expected, Poisson is far from normal.
                if mean > 25.0 {
                    near(&format!("{way}, up to {edge} s"), held as f64, mean);
                }
                below = up_to;
            }
            for (route, (of_all, fail)) in [(0.7, 0.001), (0.3, 0.02)].into_iter().enumerate() {
                let of_route = &counted.routes[version as usize][route];
                near_each(way, of_route, ALL * part * of_all, fail);
            }
        }
    });
}

#[test]
fn a_versions_series_is_the_sum_of_its_routes() {
    let world = two_routes();
    in_each_way(&world, Reporter::Server, 25.0, |way, counted| {
        for version in Version::BOTH {
            let whole = &counted.versions[version as usize];
            let routes = &counted.routes[version as usize];
            for status in [0, 1] {
                let sum: u64 = routes.iter().map(|route| route.requests[status]).sum();
                assert_eq!(sum, whole.requests[status], "{way}");
            }
            for (bucket, held) in whole.buckets.iter().enumerate() {
                let sum: u64 = routes.iter().map(|route| route.buckets[bucket]).sum();
                assert_eq!(sum, *held, "{way}");
            }
        }
    });
}

#[test]
fn faults_reach_their_routes_requests_and_versions_and_nothing_else() {
    let mut world = two_routes();
    let of_checkout = Scope {
        routes: 0b10,
        requests: share(0.5),
        ..Scope::EVERYONE
    };
    world.faults = vec![
        Fault {
            scope: of_checkout,
            ..fault(Target::Canary, errors(0.4))
        },
        fault(Target::Stable, errors(0.03)),
        fault(Target::Both, errors(0.01)),
    ];
    in_each_way(&world, Reporter::Server, 40.0, |way, counted| {
        let fails =
            |own: f64, more: &[f64]| 1.0 - more.iter().fold(1.0 - own, |good, p| good * (1.0 - p));
        for (version, part, more) in [
            (Version::Stable, 0.6, [[0.03, 0.01], [0.03, 0.01]]),
            (Version::Canary, 0.4, [[0.0, 0.01], [0.2, 0.01]]),
        ] {
            for (route, (of_all, own)) in [(0.7, 0.001), (0.3, 0.02)].into_iter().enumerate() {
                near_each(
                    &format!("{way}, route {route} of {version:?}"),
                    &counted.routes[version as usize][route],
                    ALL * part * of_all,
                    fails(own, &more[route]),
                );
            }
        }
    });
}

#[test]
fn faults_of_some_users_reach_their_share_in_either_version() {
    let mut world = two_routes();
    // Many equal users: a share of them sends nearly that share of requests.
    world.traffic.users = Population::zipf(200_000, 0.0);
    world.faults = [(Target::Stable, 0.5, 0.2), (Target::Canary, 0.25, 0.4)]
        .map(|(target, users, p)| Fault {
            scope: Scope {
                users: share(users),
                ..Scope::EVERYONE
            },
            ..fault(target, errors(p))
        })
        .to_vec();
    for split in [Split::Random, Split::UserHash] {
        world.split = split;
        in_each_way(&world, Reporter::Server, 20.0, |way, counted| {
            for (version, part, more) in [
                (Version::Stable, 0.8, 0.5 * 0.2),
                (Version::Canary, 0.2, 0.25 * 0.4),
            ] {
                let good = 0.7 * 0.999 + 0.3 * 0.98;
                near_each(
                    &format!("{way}, {version:?}, {split:?}"),
                    &counted.versions[version as usize],
                    ALL * part,
                    1.0 - good * (1.0 - more),
                );
            }
        });
    }
}

#[test]
fn who_counts_decides_whether_refused_and_hanging_requests_are_seen() {
    let mut world = two_routes();
    let timeout = Span::from_secs(4);
    world.faults = vec![
        fault(
            Target::Canary,
            FaultKind::Reset {
                probability: share(0.1),
                phase: ResetPhase::Head,
            },
        ),
        fault(
            Target::Canary,
            FaultKind::Hang {
                probability: share(0.05),
                timeout,
            },
        ),
    ];
    let own = 0.7 * 0.001 + 0.3 * 0.02;
    let answered = 0.9 * 0.95;
    let sent = ALL * 0.5;
    in_each_way(&world, Reporter::Server, 50.0, |way, counted| {
        let canary = &counted.versions[1];
        near_each(way, canary, sent * answered, own);
        near(way, counted.tally.canary as f64, sent);
        let met = 1.0 - answered * (1.0 - own);
        near(way, counted.tally.exposed as f64, sent * met);
    });
    in_each_way(&world, Reporter::Client, 50.0, |way, counted| {
        let canary = &counted.versions[1];
        near_each(way, canary, sent, 1.0 - answered * (1.0 - own));
        let bounds = Buckets::istio();
        let failed = &canary.buckets[bounds.len()..];
        let (fast, slow) = (bounds.index(0.001), bounds.index(4.0));
        near(way, failed[fast] as f64, sent * 0.1);
        let hung = sent * 0.9 * 0.05;
        assert!(failed[slow] as f64 >= hung - 5.0 * hung.sqrt(), "{way}");
    });
}

#[test]
fn answers_that_break_off_are_successes_to_servers_and_failures_to_callers() {
    let mut world = two_routes();
    let body = FaultKind::Reset {
        probability: share(0.1),
        phase: ResetPhase::Body,
    };
    world.faults = vec![fault(Target::Canary, body)];
    let own = 0.7 * 0.001 + 0.3 * 0.02;
    let sent = ALL * 0.5;
    for (reporter, failed) in [
        (Reporter::Server, own),
        (Reporter::Client, 1.0 - (1.0 - own) * 0.9),
    ] {
        in_each_way(&world, reporter, 50.0, |way, counted| {
            near_each(way, &counted.versions[1], sent, failed);
            let met = sent * (1.0 - (1.0 - own) * 0.9);
            near(way, counted.tally.exposed as f64, met);
        });
    }
}

#[test]
fn bodies_drip_or_go_out_over_a_narrow_line() {
    let mut world = two_routes();
    let fixed = |millis| Latency::fixed(Span::from_millis(millis));
    world.stable.latency = fixed(20).unwrap();
    world.stable.routes.clear();
    world.canary = world.stable.clone();
    world.canary.body = 32_768;
    let drip = FaultKind::Drip {
        probability: share(0.1),
        over: Span::from_secs(2),
    };
    // Half a second for the canary's bodies, a millisecond for stable's.
    let line = FaultKind::Bandwidth { limit: 65_536.0 };
    world.faults = vec![fault(Target::Canary, drip), fault(Target::Both, line)];
    let bounds = Buckets::istio();
    let at = |seconds: f64| bounds.index(seconds);
    in_each_way(&world, Reporter::Server, 50.0, |way, counted| {
        let rows = |version: usize, bucket: usize| {
            let buckets = &counted.versions[version].buckets;
            (buckets[bucket] + buckets[bounds.len() + bucket]) as f64
        };
        near(way, rows(1, at(0.52)), ALL * 0.5 * 0.9);
        near(way, rows(1, at(2.52)), ALL * 0.5 * 0.1);
        near(way, rows(0, at(0.021)), ALL * 0.5);
    });
}

#[test]
fn fast_failures_and_wrong_answers() {
    let mut world = two_routes();
    let latency = Some(Span::from_millis(2));
    world.faults = vec![
        fault(
            Target::Canary,
            FaultKind::Errors {
                probability: share(0.1),
                latency,
            },
        ),
        fault(
            Target::Canary,
            FaultKind::Corrupt {
                probability: share(0.3),
                how: Corruption::Empty,
            },
        ),
    ];
    in_each_way(&world, Reporter::Server, 50.0, |way, counted| {
        let own = 0.7 * 0.999 + 0.3 * 0.98;
        let sent = ALL * 0.5;
        near_each(way, &counted.versions[1], sent, 1.0 - own * 0.9);
        let bounds = Buckets::istio();
        let failed = &counted.versions[1].buckets[bounds.len()..];
        let fast: u64 = failed[..=bounds.index(0.002)].iter().sum();
        near(way, fast as f64, sent * 0.1);
        let met = 1.0 - own * 0.9 * 0.7;
        near(way, counted.tally.exposed as f64, sent * met);
    });
}

#[test]
fn goals_are_reached_after_right_answers_on_their_routes() {
    let mut world = two_routes();
    let goal = |name: &str, p: f64, routes: u32, value: GoalValue| Goal {
        name: name.to_owned(),
        probability: share(p),
        value,
        routes,
        spread: 0.0,
    };
    world.goals = vec![
        goal(
            "conversion",
            0.1,
            0b10,
            GoalValue::Spread {
                mean: 40.0,
                cv: 0.5,
            },
        ),
        goal("click", 0.2, u32::MAX, GoalValue::One),
    ];
    world.faults = vec![
        fault(Target::Canary, errors(0.1)),
        fault(
            Target::Canary,
            FaultKind::Corrupt {
                probability: share(0.2),
                how: Corruption::Flipped,
            },
        ),
        Fault {
            scope: Scope {
                requests: share(0.5),
                ..Scope::EVERYONE
            },
            ..fault(
                Target::Canary,
                FaultKind::Business {
                    goal: Some(0),
                    multiply: 0.5,
                },
            )
        },
        fault(
            Target::Stable,
            FaultKind::Business {
                goal: None,
                multiply: 0.9,
            },
        ),
    ];
    in_each_way(&world, Reporter::Server, 40.0, |way, counted| {
        for (version, sent, spared, factors) in [
            (Version::Stable, 0.6 * ALL, 1.0, [0.9, 0.9]),
            (Version::Canary, 0.4 * ALL, 0.9 * 0.8, [0.75, 1.0]),
        ] {
            let goals = &counted.versions[version as usize].goals;
            let right = [0.3 * 0.98 * spared, (0.7 * 0.999 + 0.3 * 0.98) * spared];
            near(way, goals[0].opportunities, sent * 0.3);
            near(way, goals[1].opportunities, sent);
            let bought = sent * right[0] * 0.1 * factors[0];
            // A compound Poisson sum: variance n E X², with E X² = 40² (1 + 0.5²).
            let bound = 5.0 * (bought * 1600.0 * 1.25).sqrt();
            let sum = goals[0].sum;
            assert!((sum - 40.0 * bought).abs() < bound, "{way}: {sum}");
            let clicks = sent * right[1] * 0.2 * factors[1];
            near(way, goals[1].sum, clicks);
            assert_eq!(goals[1].sum, goals[1].squares);
            let routes = &counted.routes[version as usize];
            assert_eq!(routes[0].goals[0].opportunities, 0.0);
            let by_route: f64 = routes.iter().map(|route| route.goals[1].sum).sum();
            assert_eq!(by_route, goals[1].sum);
        }
    });
}

#[test]
fn baselines_match_rules_and_replicas_share_the_requests() {
    for (rules, percent, canary, baseline) in [
        (
            Rules {
                baseline: true,
                ..Rules::default()
            },
            10.0,
            0.1,
            0.1,
        ),
        (
            Rules {
                matched: Some(share(0.05)),
                ..Rules::default()
            },
            20.0,
            0.05 + 0.95 * 0.2,
            0.0,
        ),
        (
            Rules {
                replicas: Some(6),
                baseline: true,
                ..Rules::default()
            },
            10.0,
            1.0 / 7.0,
            1.0 / 7.0,
        ),
    ] {
        let mut world = two_routes();
        world.rules = rules;
        world.faults = vec![fault(Target::Stable, errors(0.2))];
        in_each_way(&world, Reporter::Server, percent, |way, counted| {
            let own = 0.7 * 0.999 + 0.3 * 0.98;
            let parts = [
                (1.0 - canary - baseline, own * 0.8),
                (canary, own),
                (baseline, own * 0.8),
            ];
            for (counters, (part, good)) in counted.versions.iter().zip(parts) {
                near_each(way, counters, ALL * part, 1.0 - good);
            }
        });
    }
}

#[test]
fn even_arrivals_divide_among_routes_and_versions_too() {
    let mut world = two_routes();
    world.traffic.arrivals = Arrivals::Even;
    world.rules.baseline = true;
    world.faults = vec![fault(Target::Both, errors(0.05))];
    in_each_way(&world, Reporter::Server, 30.0, |way, counted| {
        let good = (0.7 * 0.999 + 0.3 * 0.98) * 0.95;
        for (counters, part) in counted.versions.iter().zip([0.4, 0.3, 0.3]) {
            near_each(way, counters, ALL * part, 1.0 - good);
        }
        let all: u64 = (counted.versions.iter())
            .flat_map(|counters| counters.requests)
            .sum();
        assert_eq!(all, ALL as u64, "{way}");
    });
}
