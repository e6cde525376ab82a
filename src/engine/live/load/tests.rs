//! The schedule is that of the virtual engine, and answers change nothing in it but when the next
//! page of their session is due.

use std::collections::BTreeMap;

use super::schedule::{Ask, Schedule};
use crate::base::{Probability, Purpose, Rate, Seed, Span, Time, Weight};
use crate::engine::live::Setting;
use crate::engine::r#virtual::{Kind, Player, Setting as VirtualSetting};
use crate::gate::{Gate, LatencyQuantile};
use crate::model::World;
use crate::model::service::{Latency, Service};
use crate::model::traffic::{Arrivals, Population, Profile, Sessions, Traffic};
use crate::rollout::{self, StagedPlan, Step};
use crate::telemetry::{Birth, Buckets, Plan, Sampling, Version};

const HORIZON: Span = Span::from_secs(600);
const REPLICATE: u64 = 3;

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

/// A world whose answers come at once, so that a request is counted when it is sent.
fn world(arrivals: Arrivals, profile: Profile) -> World {
    let traffic = Traffic {
        arrivals,
        ..Traffic::plain(profile, Population::zipf(1_000, 1.0))
    };
    World::plain(
        traffic,
        Service::plain(Latency::Fixed(Span::ZERO), Probability::ZERO),
    )
}

fn setting(world: &World) -> Setting {
    Setting {
        world: world.clone(),
        telemetry: Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio()),
        seed: Seed::DEFAULT,
        replicate: REPLICATE,
    }
}

fn asks(schedule: &mut Schedule) -> Vec<Ask> {
    std::iter::from_fn(|| schedule.pop(Time::NEVER)).collect()
}

/// Requests of the virtual engine until each of its ticks.
fn counted(world: &World) -> Vec<(Time, u64)> {
    let plan = Plan::plain(Sampling::Exact, Birth::Zero, Buckets::istio());
    let step = Step {
        weight: Weight::clamped(20.0),
        hold: HORIZON,
        mirror: Weight::ZERO,
        pause: false,
    };
    let rollout = rollout::Plan::Staged(StagedPlan::new([step], Span::from_secs(15)));
    let analysis = [Gate::LatencyQuantile(LatencyQuantile {
        route: None,
        window: Span::from_secs(15),
        quantile: share(0.99),
        max: Span::from_secs(3_600),
        min_requests: 0,
    })];
    let mut player = Player::new(VirtualSetting {
        world,
        telemetry: &plan,
        rollout: &rollout,
        analysis: &analysis,
        onlookers: &[],
        horizon: HORIZON,
        aftermath: Span::ZERO,
        held: None,
        engine: Kind::Coupled,
        observe: true,
    });
    let mut seen = Vec::new();
    player.watch(Seed::DEFAULT, REPLICATE, &mut |tick| {
        let of = |version| {
            tick.telemetry
                .counters(version)
                .requests
                .iter()
                .sum::<u64>()
        };
        seen.push((tick.now, of(Version::Stable) + of(Version::Canary)));
    });
    seen
}

#[test]
fn requests_come_when_they_come_in_virtual_time() {
    let constant = Profile::Constant(Rate::per_second(37.0).unwrap());
    let ramp = Profile::Ramp {
        from: Rate::per_second(5.0).unwrap(),
        to: Rate::per_second(80.0).unwrap(),
        over: Span::from_secs(400),
    };
    let mut clocks = world(Arrivals::Gamma { cv: 2.0 }, constant.clone());
    clocks.traffic.cron = share(0.1);
    for world in [
        world(Arrivals::Poisson, constant.clone()),
        world(Arrivals::Even, constant),
        world(Arrivals::Poisson, ramp),
        clocks,
    ] {
        let asks = asks(&mut Schedule::new(&setting(&world), HORIZON));
        assert!(asks.is_sorted_by_key(|ask| ask.at));
        let ticks = counted(&world);
        assert!(ticks.len() > 30, "{}", ticks.len());
        for (tick, requests) in ticks {
            let before = asks.partition_point(|ask| ask.at < tick);
            assert_eq!(before as u64, requests, "{:?} {tick}", world.traffic);
        }
    }
}

fn sessions_world() -> World {
    let mut world = world(
        Arrivals::Poisson,
        Profile::Constant(Rate::per_second(60.0).unwrap()),
    );
    world.traffic.sessions = Some(Sessions {
        think: Latency::Fixed(Span::from_secs(20)),
        ..Sessions::measured()
    });
    world
}

/// Sessions begin when and by whom the arrivals' and the users' streams say, those under way at the
/// start included.
#[test]
fn sessions_begin_when_the_model_says() {
    let world = sessions_world();
    let sessions = world.traffic.sessions.clone().unwrap();
    let begun: Vec<(Time, u32)> = asks(&mut Schedule::new(&setting(&world), HORIZON))
        .iter()
        .filter(|ask| ask.opens)
        .map(|ask| (ask.at, ask.caller.user))
        .collect();
    let stream = |purpose| Seed::DEFAULT.stream(REPLICATE, purpose);
    let (mut arrivals, mut users) = (stream(Purpose::Arrivals), stream(Purpose::Users));
    let gaps = world.traffic.arrivals.gaps();
    let rate = 60.0 / sessions.mean_requests();
    let mut now = -8.0 * (sessions.pages - 1.0) * 20.0;
    let mut owed = gaps.first(&mut arrivals);
    let mut expected = Vec::new();
    loop {
        // The rest of the gap that holds the start is not cut: what is owed then is drawn anew.
        now += owed / rate;
        owed = gaps.draw(&mut arrivals);
        if now >= 0.0 {
            break;
        }
        world.traffic.users.sample(&mut users);
    }
    now = 0.0;
    loop {
        now += owed / rate;
        owed = gaps.draw(&mut arrivals);
        if now >= HORIZON.as_secs_f64() {
            break;
        }
        expected.push((now, world.traffic.users.sample(&mut users)));
    }
    assert!(expected.len() > 1_000);
    assert_eq!(begun.len(), expected.len());
    for ((at, user), (expected, expected_user)) in begun.iter().zip(expected) {
        assert!((at.as_secs_f64() - expected).abs() < 1e-6);
        assert_eq!(*user, expected_user);
    }
}

/// Plays a schedule whose answers take `latency`.
fn played(latency: Span) -> Vec<Ask> {
    let mut schedule = Schedule::new(&setting(&sessions_world()), HORIZON);
    let mut all = Vec::new();
    let mut answers: BTreeMap<(Time, usize), u32> = BTreeMap::new();
    loop {
        let next = schedule.next();
        let answer = answers.first_key_value().map(|((at, _), _)| *at);
        match (next, answer) {
            (_, Some(answer)) if next.is_none_or(|next| answer <= next) => {
                let (_, session) = answers.pop_first().unwrap();
                let sooner = schedule.answered(session, answer);
                assert_eq!(sooner, schedule.next() != next);
            }
            (Some(next), _) => {
                let ask = schedule.pop(next).unwrap();
                assert_eq!(ask.at, next);
                if let Some(session) = ask.session {
                    answers.insert((ask.at + latency, all.len()), session);
                }
                all.push(ask);
            }
            (None, None) => return all,
            (None, Some(_)) => unreachable!("the first arm takes it"),
        }
    }
}

#[test]
fn answers_move_later_pages_and_nothing_else() {
    let quick = played(Span::from_millis(1));
    let slow = played(Span::from_secs(5));
    let opened = |asks: &[Ask]| -> Vec<(Time, u32, u8)> {
        let opened = asks.iter().filter(|ask| ask.opens);
        opened
            .map(|ask| (ask.at, ask.caller.user, ask.route))
            .collect()
    };
    assert_eq!(opened(&quick), opened(&slow));
    // Three in four requests follow others. Those of slow pages come later; some not any more.
    assert!(quick.len() > 2 * opened(&quick).len());
    assert!(quick.len() > slow.len(), "{} {}", quick.len(), slow.len());
    assert!(slow.len() as f64 > 0.9 * quick.len() as f64);
    assert!(quick.is_sorted_by_key(|ask| ask.at));
    // The mean rate is the profile's: 36,000 expected. Sessions of one user come together, so the
    // variance is about 30 times that of a Poisson process: 1,000 is a standard deviation.
    assert!(quick.len().abs_diff(36_000) < 4_000, "{}", quick.len());
}
