//! When answers come, and when faults do.

use super::*;
use crate::base::Time;

#[test]
fn latencies_are_those_of_the_model() {
    let upper = Span::from_millis(80);
    let latency = Latency::log_normal(Span::from_millis(20), share(0.99), upper).unwrap();
    let mut world = world();
    world.canary.latency = latency.clone();
    let bench = Bench::start(world);
    let (clients, each) = (40, 30);
    let mut took: Vec<f64> = std::thread::scope(|scope| {
        let one = || {
            let mut client = bench.canary();
            let measure = |_| {
                let start = Moment::now();
                assert_eq!(client.get("/", "").unwrap().status, 200);
                Moment::now().since(start).as_secs_f64()
            };
            (0..each).map(measure).collect::<Vec<f64>>()
        };
        let running: Vec<_> = (0..clients).map(|_| scope.spawn(one)).collect();
        running
            .into_iter()
            .flat_map(|thread| thread.join().unwrap())
            .collect()
    });
    took.sort_by(f64::total_cmp);
    // One-sided Kolmogorov-Smirnov at a level of 1e-6: no answer comes before its time, and beside
    // the time that a busy machine takes, none much after it.
    let n = took.len() as f64;
    let bound = (1e6_f64.ln() / (2.0 * n)).sqrt();
    let slack = 0.02;
    for (index, took) in took.iter().enumerate() {
        let share = (index + 1) as f64 / n;
        let early = share - latency.cdf(*took);
        assert!(early <= bound, "{early} at {took}");
        let late = latency.cdf((*took - slack).max(0.0)) - share;
        assert!(late <= bound, "{late} at {took}");
    }
    let readings = bench.backends.tallies(Version::Canary)[0].read();
    assert_eq!(
        readings.iter().map(|reading| reading.requests).sum::<u64>(),
        n as u64
    );
}

#[test]
fn a_fault_comes_and_goes_at_its_moments_however_fast_the_scenario() {
    let (onset, end) = (Time::from_secs(20), Time::from_secs(50));
    let mut world = with(FaultKind::Errors {
        probability: Probability::ONE,
        latency: None,
    });
    world.faults[0].schedule = Schedule {
        onset,
        duration: Some(end.since(onset)),
        ..Schedule::ALWAYS
    };
    let bench = Bench::at_speed(world, 40.0, BackendOptions::default());
    let mut client = bench.canary();
    let mut seen = [0, 0, 0];
    while bench.clock.now() < Time::from_secs(70) {
        let before = bench.clock.now();
        let status = client.get("/", "").unwrap().status;
        let after = bench.clock.now();
        // Beside the nanosecond to which a scenario's time is rounded.
        let (part, expected) = if after < onset {
            (0, 200)
        } else if before > onset && after < end {
            (1, 500)
        } else if before > end {
            (2, 200)
        } else {
            continue;
        };
        seen[part] += 1;
        assert_eq!(status, expected, "from {before} to {after}");
    }
    assert!(seen.iter().all(|count| *count > 10), "{seen:?}");
}
