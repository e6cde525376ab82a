//! Instances: capacity, crashes, late starts, lost memory, burnt processors, scale and the end.

use std::fs;
use std::net::TcpListener;

use super::*;
use crate::engine::live::backend::{BackendError, ControlOptions};
use crate::model::service::{Capacity, Discipline, RouteService};

fn capacity(workers: u32, queue: Option<u32>, discipline: Discipline) -> Option<Capacity> {
    Some(Capacity {
        workers,
        queue,
        timeout: None,
        discipline,
    })
}

fn refuses(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
}

#[test]
fn who_finds_the_queue_full_is_turned_away_at_once() {
    // As many times the capacity as the rate is higher: two workers, two places.
    let mut world = world();
    world.canary.fleet.capacity = capacity(1, Some(1), Discipline::Fifo);
    world.canary.latency = Latency::Fixed(Span::from_millis(200));
    let bench = Bench::at_speed(world, 2.0, BackendOptions::default());
    let start = Moment::now();
    let mut clients: Vec<Client> = (0..5).map(|_| bench.canary()).collect();
    for client in &mut clients {
        client.ask("/", "").unwrap();
    }
    let answers = clients.iter_mut().map(|client| client.read(false).unwrap());
    let mut statuses: Vec<u16> = answers.map(|seen| seen.status).collect();
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 200, 200, 200, 503]);
    assert!(Moment::now().since(start) >= Span::from_millis(400));
    assert_eq!((bench.counted(200), bench.counted(503)), (4, 1));
}

#[test]
fn who_shares_a_worker_does_not_wait_for_the_long_ones() {
    let mut world = with_routes(world(), &["long", "short"]);
    world.canary.fleet.capacity = capacity(1, None, Discipline::Sharing);
    world.canary.routes = [400, 50]
        .map(|millis| RouteService {
            latency: Some(Latency::Fixed(Span::from_millis(millis))),
            errors: None,
        })
        .to_vec();
    let bench = Bench::start(world);
    let (mut long, mut short) = (bench.canary(), bench.canary());
    let start = Moment::now();
    long.ask("/long", "").unwrap();
    short.ask("/short", "").unwrap();
    assert_eq!(short.read(false).unwrap().status, 200);
    let first = Moment::now();
    assert_eq!(long.read(false).unwrap().status, 200);
    assert!(
        Moment::now().since(start) >= Span::from_millis(450),
        "all work is done"
    );
    assert!(
        Moment::now().since(first) >= Span::from_millis(100),
        "one by one it would be none"
    );
}

#[test]
fn a_crashed_instance_refuses_and_comes_back_counting_from_zero() {
    let mut world = with(FaultKind::CrashLoop {
        mean_time: Span::from_secs(10),
    });
    world.canary.latency = Latency::Fixed(Span::from_millis(1));
    let bench = Bench::at_speed(world, 50.0, BackendOptions::default());
    let address = bench.address(Version::Canary);
    let mut idle = bench.canary();
    assert_eq!(idle.get("/", "").unwrap().status, 200);
    let mut client = bench.canary();
    let mut answered = 1;
    let ending = loop {
        match client.get("/", "") {
            Ok(seen) => assert_eq!(seen.status, 200),
            Err(error) => break error.kind(),
        }
        answered += 1;
    };
    assert_eq!(ending, io::ErrorKind::ConnectionReset, "after {answered}");
    assert_eq!(idle.rest().1, Some(io::ErrorKind::ConnectionReset));
    // Down for 10 s of the scenario, which are 200 ms.
    assert!(refuses(address));
    assert_eq!(bench.counted_in_all(), 0);
    assert!(
        bench.backends.endpoints().is_ready(Version::Canary, 0),
        "no balancer knows"
    );
    let mut stable = bench.stable();
    assert_eq!(stable.get("/", "").unwrap().status, 200);
    let mut back = None;
    wait_for("it is back", || {
        back = Client::open(address).ok();
        back.is_some()
    });
    assert_eq!(back.unwrap().get("/", "").unwrap().status, 200);
    assert_eq!(bench.counted_in_all(), 1);
}

#[test]
fn an_instance_that_starts_late_is_neither_ready_nor_there() {
    let world = with(FaultKind::FailedStart {
        probability: Probability::ONE,
        delay: Some(Span::from_secs(60)),
    });
    let bench = Bench::at_speed(world, 30.0, BackendOptions::default());
    let address = bench.address(Version::Canary);
    assert!(refuses(address));
    assert!(!bench.backends.endpoints().is_ready(Version::Canary, 0));
    assert!(bench.backends.endpoints().is_ready(Version::Stable, 0));
    wait_for("it is ready", || {
        bench.backends.endpoints().is_ready(Version::Canary, 0)
    });
    assert!(bench.clock.now().as_secs_f64() >= 60.0);
    wait_for("it listens", || !refuses(address));
    assert_eq!(bench.canary().get("/healthz", "").unwrap().status, 200);
    assert_eq!(bench.canary().get("/", "").unwrap().status, 200);
}

const MIB: f64 = 1_048_576.0;

/// Memory of this process that is really there, in bytes.
fn resident() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<f64>().unwrap() * 1024.0
}

fn leak() -> FaultKind {
    FaultKind::MemoryLeak {
        per_request: MIB,
        heap: 64.0 * MIB,
        live: 0.0,
        restart: Span::from_secs(20),
    }
}

#[test]
fn leaked_memory_is_really_gone_until_the_restart() {
    let bench = Bench::at_speed(with(leak()), 40.0, BackendOptions::default());
    let before = resident();
    let mut client = bench.canary();
    for _ in 0..63 {
        assert_eq!(client.get("/", "").unwrap().status, 200);
    }
    let grown = resident() - before;
    assert!((55.0 * MIB..100.0 * MIB).contains(&grown), "{grown}");
    assert!(client.get("/", "").is_err(), "the heap is full");
    assert!(refuses(bench.address(Version::Canary)));
    assert_eq!(bench.counted_in_all(), 0);
    wait_for("it has been given back", || {
        resident() - before < 30.0 * MIB
    });
    wait_for("it is back", || {
        let back = Client::open(bench.address(Version::Canary));
        back.is_ok_and(|mut client| client.get("/", "").is_ok())
    });
}

#[test]
fn no_more_memory_is_lost_than_the_process_may() {
    let options = BackendOptions {
        memory: 8 << 20,
        ..BackendOptions::default()
    };
    let bench = Bench::at_speed(with(leak()), 1.0, options);
    let before = resident();
    let mut client = bench.canary();
    for _ in 0..60 {
        assert_eq!(client.get("/", "").unwrap().status, 200);
    }
    let grown = resident() - before;
    assert!(grown < 30.0 * MIB, "{grown}");
}

fn burners() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    tasks
        .filter(|task| {
            let name = task.as_ref().unwrap().path().join("comm");
            fs::read_to_string(name).is_ok_and(|name| name.trim() == "burner")
        })
        .count()
}

#[test]
fn processors_are_burnt_as_long_as_the_fault_lasts() {
    let mut world = with(FaultKind::Cpu { cores: 0.2 });
    world.faults[0].schedule.duration = Some(Span::from_secs(60));
    let bench = Bench::at_speed(world, 60.0, BackendOptions::default());
    wait_for("it burns", || {
        burners() == 1 || bench.clock.now().as_secs_f64() > 60.0
    });
    wait_for("it has burnt", || {
        burners() == 0 && bench.clock.now().as_secs_f64() > 60.0
    });
}

#[test]
fn instances_follow_the_canarys_share() {
    let mut world = world();
    world.stable.fleet.instances = 4;
    world.canary.fleet.scaled = true;
    let bench = Bench::start(world);
    let endpoints = Arc::clone(bench.backends.endpoints());
    assert_eq!(endpoints.count(Version::Stable), 4);
    assert_eq!(endpoints.count(Version::Canary), 2);
    let steer = |canary| {
        let mirror = 0.0;
        bench.steering.set(Shares { canary, mirror });
    };
    steer(0.75);
    wait_for("three", || endpoints.count(Version::Canary) == 3);
    let third = endpoints.address(Version::Canary, 2);
    assert_eq!(
        Client::open(third).unwrap().get("/", "").unwrap().status,
        200
    );
    steer(0.01);
    wait_for("one", || endpoints.count(Version::Canary) == 1);
    assert!(!endpoints.is_ready(Version::Canary, 1));
    bench.backends.promote();
    wait_for("all", || endpoints.count(Version::Canary) == 4);
}

#[test]
fn a_baseline_is_stable_beside_the_canary() {
    let mut world = world();
    assert_eq!(
        Bench::start(world.clone())
            .backends
            .tallies(Version::Baseline)
            .len(),
        0
    );
    world.rules.baseline = true;
    world.canary.fleet.instances = 2;
    world.stable.body = 5;
    let bench = Bench::start(world);
    assert_eq!(bench.backends.endpoints().count(Version::Baseline), 2);
    let address = bench.backends.endpoints().address(Version::Baseline, 1);
    let seen = Client::open(address).unwrap().get("/", "").unwrap();
    assert_eq!(seen.header("x-instance"), Some("baseline-1"));
    assert_eq!(seen.body.len(), 5);
    let tally = &bench.backends.tallies(Version::Baseline)[1];
    assert_eq!(tally.requests(Version::Baseline), 1);
}

#[test]
fn pods_that_stand_in_for_weights_are_of_both_versions() {
    let mut world = world();
    world.rules.replicas = Some(4);
    let bench = Bench::start(world);
    let endpoints = Arc::clone(bench.backends.endpoints());
    let counts = || [Version::Stable, Version::Canary].map(|version| endpoints.count(version));
    assert_eq!(counts(), [2, 2]);
    bench.steering.set(Shares::default());
    wait_for("stable alone", || counts() == [4, 0]);
    bench.steering.set(Shares {
        canary: 0.25,
        mirror: 0.0,
    });
    wait_for("three and one", || counts() == [3, 1]);
}

#[test]
fn the_stop_answers_what_is_under_way_and_leaves_no_port_open() {
    let mut world = with_routes(world(), &["fast", "slow"]);
    world.canary.routes = vec![RouteService::default(); 2];
    world.canary.routes[1].latency = Some(Latency::Fixed(Span::from_millis(300)));
    let bench = Bench::start(world);
    let mut addresses: Vec<SocketAddr> = [Version::Stable, Version::Canary]
        .into_iter()
        .flat_map(|version| bench.backends.endpoints().addresses(version))
        .collect();
    addresses.push(bench.backends.control());
    let mut idle = bench.stable();
    let mut client = bench.canary();
    // The answer before it shows that the slow request has been read.
    let both = "GET /fast HTTP/1.1\r\nhost: a\r\n\r\nGET /slow HTTP/1.1\r\nhost: a\r\n\r\n";
    client.send(both).unwrap();
    assert_eq!(client.read(false).unwrap().status, 200);
    bench.backends.stop();
    let seen = client.read(false).unwrap();
    assert_eq!(
        (seen.status, seen.header("connection")),
        (200, Some("close"))
    );
    assert_eq!(idle.rest(), (Vec::new(), None));
    for address in addresses {
        assert!(refuses(address), "{address}");
        TcpListener::bind(address).unwrap();
    }
}

#[test]
fn a_port_that_is_in_use_is_named() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let start = |options| {
        let clock = WallClock::new(Moment::now(), 1.0);
        Backends::start(&setting(world()), clock, Arc::default(), options).unwrap_err()
    };
    let error = start(BackendOptions {
        ports: vec![0, address.port()],
        ..BackendOptions::default()
    });
    assert!(matches!(error, BackendError::Listen { .. }));
    let message = error.to_string();
    assert!(message.contains("canary instance 0"), "{message}");
    assert!(message.contains(&address.to_string()), "{message}");
    let error = start(BackendOptions {
        control: ControlOptions {
            bind: address,
            ..ControlOptions::default()
        },
        ..BackendOptions::default()
    });
    assert!(matches!(error, BackendError::Control { .. }), "{error}");
    // A port that other backends hold is in use too.
    let bench = Bench::start(world());
    let error = start(BackendOptions {
        ports: vec![bench.address(Version::Stable).port()],
        ..BackendOptions::default()
    });
    assert!(matches!(error, BackendError::Listen { .. }), "{error}");
}
