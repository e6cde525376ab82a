//! Queues against the closed forms of queueing theory.
//!
//! All seeds are fixed. Measured over eight repetitions, one standard error of the Erlang runs is at
//! most 0.6 % of the mean and 1.2 % of p99 up to a load of 0.9; at 0.95, 1 % and 2.3 %. There a bound
//! of two percent holds because of the seed; elsewhere it would hold for most.

use rand::SeedableRng;
use rand_distr::{Distribution, Exp1};

use super::*;
use crate::base::{Span, Stream};

const MEAN: Span = Span::from_secs(1);

fn share(value: f64) -> Probability {
    Probability::new(value).unwrap()
}

fn queue(workers: u32) -> Queue {
    let capacity = Capacity {
        workers,
        queue: None,
        timeout: None,
        discipline: Discipline::Fifo,
    };
    Queue::new(&capacity, 1.0)
}

/// Response times of `requests` that come after `gap` and need `work`, given to `see`.
fn play(
    workers: u32,
    requests: u32,
    stream: &mut Stream,
    mut gap: impl FnMut(&mut Stream) -> f64,
    work: &Latency,
    mut see: impl FnMut(f64, f64),
) {
    let mut queue = queue(workers);
    let mut at = 0.0;
    for _ in 0..requests {
        at += gap(stream);
        let work = work.sample(stream);
        match queue.arrive(at, work) {
            Admission::Served { start, end } => see(start - at, end - at),
            Admission::Refused => unreachable!("the queue has no end"),
        }
    }
}

fn poisson(rate: f64) -> impl FnMut(&mut Stream) -> f64 {
    move |stream| {
        let gap: f64 = Exp1.sample(stream);
        gap / rate
    }
}

/// The M/M/c queue with a mean service time of one.
struct Erlang {
    workers: f64,
    load: f64,
    /// Chance that a request waits.
    waits: f64,
}

impl Erlang {
    fn new(workers: u32, load: f64) -> Erlang {
        // Erlang's loss formula by its recursion, then his delay formula from it.
        let offered = f64::from(workers) * load;
        let lost = (1..=workers).fold(1.0, |lost, k| {
            offered * lost / (f64::from(k) + offered * lost)
        });
        Erlang {
            workers: f64::from(workers),
            load,
            waits: lost / (1.0 - load * (1.0 - lost)),
        }
    }

    /// Rate at which the queue shortens while somebody waits.
    fn drain(&self) -> f64 {
        self.workers * (1.0 - self.load)
    }

    fn mean(&self) -> f64 {
        1.0 + self.waits / self.drain()
    }

    /// Chance that a response takes longer than `t`.
    fn longer(&self, t: f64) -> f64 {
        let drain = self.drain();
        // Waiting and service are both exponential, given that there is waiting.
        let both = if (drain - 1.0).abs() < 1e-9 {
            (1.0 + t) * (-t).exp()
        } else {
            (drain * (-t).exp() - (-drain * t).exp()) / (drain - 1.0)
        };
        (1.0 - self.waits) * (-t).exp() + self.waits * both
    }

    fn p99(&self) -> f64 {
        let (mut low, mut high) = (0.0, 1000.0);
        for _ in 0..60 {
            let middle = (low + high) / 2.0;
            if self.longer(middle) > 0.01 {
                low = middle;
            } else {
                high = middle;
            }
        }
        low
    }
}

/// Mean and p99 of the response in mean service times, as printed: by load, then 1, 4, 16 and 64
/// workers.
const PRINTED: [(f64, [(&str, &str); 4]); 5] = [
    (
        0.5,
        [
            ("2.0", "9.2"),
            ("1.09", "4.8"),
            ("1.00", "4.6"),
            ("1.00", "4.6"),
        ],
    ),
    (
        0.7,
        [
            ("3.3", "15"),
            ("1.36", "5.5"),
            ("1.03", "4.6"),
            ("1.00", "4.6"),
        ],
    ),
    (
        0.8,
        [
            ("5.0", "23"),
            ("1.75", "6.9"),
            ("1.10", "4.7"),
            ("1.00", "4.6"),
        ],
    ),
    (
        0.9,
        [
            ("10", "46"),
            ("2.97", "12"),
            ("1.37", "5.3"),
            ("1.05", "4.7"),
        ],
    ),
    (
        0.95,
        [
            ("20", "92"),
            ("5.46", "24"),
            ("1.98", "7.2"),
            ("1.18", "4.8"),
        ],
    ),
];

#[test]
fn erlang_s_formula_gives_the_printed_table() {
    for (load, row) in PRINTED {
        for (workers, printed) in [1, 4, 16, 64].into_iter().zip(row) {
            let erlang = Erlang::new(workers, load);
            for (exact, printed) in [(erlang.mean(), printed.0), (erlang.p99(), printed.1)] {
                let digits = printed.split_once('.').map_or(0, |(_, after)| after.len());
                let rounded = format!("{exact:.digits$}");
                assert_eq!(rounded, printed, "{workers} at {load}");
            }
        }
    }
}

fn within_two_percent_of_erlang(workers: u32, requests: [u32; 5]) {
    let work = Latency::exponential(MEAN).unwrap();
    for ((load, _), requests) in PRINTED.into_iter().zip(requests) {
        let erlang = Erlang::new(workers, load);
        let (low, high) = (erlang.p99() * 0.98, erlang.p99() * 1.02);
        let (mut sum, mut above_low, mut above_high) = (0.0, 0_u32, 0_u32);
        let mut stream = Stream::seed_from_u64(u64::from(workers));
        let gap = poisson(f64::from(workers) * load);
        play(workers, requests, &mut stream, gap, &work, |_, response| {
            sum += response;
            above_low += u32::from(response > low);
            above_high += u32::from(response > high);
        });
        let n = f64::from(requests);
        let off = sum / n / erlang.mean() - 1.0;
        assert!(off.abs() < 0.02, "mean of {workers} at {load}: {off}");
        // The hundredth longest lies between.
        assert!(
            f64::from(above_low) / n > 0.01,
            "p99 of {workers} at {load}"
        );
        assert!(
            f64::from(above_high) / n < 0.01,
            "p99 of {workers} at {load}"
        );
    }
}

#[test]
fn one_worker_is_as_slow_as_erlang_says() {
    within_two_percent_of_erlang(1, [2_000_000, 2_000_000, 4_000_000, 10_000_000, 30_000_000]);
}

#[test]
fn four_workers_are_as_slow_as_erlang_says() {
    within_two_percent_of_erlang(4, [2_000_000, 2_000_000, 4_000_000, 8_000_000, 20_000_000]);
}

#[test]
fn sixteen_workers_are_as_slow_as_erlang_says() {
    within_two_percent_of_erlang(16, [1_000_000, 1_000_000, 2_000_000, 8_000_000, 14_000_000]);
}

#[test]
fn sixty_four_workers_are_as_slow_as_erlang_says() {
    within_two_percent_of_erlang(64, [2_000_000, 2_000_000, 2_000_000, 2_000_000, 4_000_000]);
}

/// One worker and Poisson arrivals: works of different spread.
fn works() -> Vec<Latency> {
    let times = |factor: f64| Span::from_secs_f64(factor);
    let log_normal = Latency::log_normal(times(0.7), share(0.99), times(4.0)).unwrap();
    vec![
        Latency::fixed(MEAN).unwrap(),
        Latency::exponential(MEAN).unwrap(),
        Latency::gamma(MEAN, 4.0).unwrap(),
        Latency::weibull(MEAN, 0.7).unwrap(),
        Latency::tailed(log_normal.clone(), share(0.05), 5.0).unwrap(),
        Latency::mixture(vec![
            (share(0.9), Latency::fixed(times(0.5)).unwrap()),
            (share(0.1), Latency::exponential(times(4.0)).unwrap()),
        ])
        .unwrap(),
        log_normal,
    ]
}

#[test]
fn one_worker_waits_as_pollaczek_and_khinchine_say() {
    for (number, work) in works().into_iter().enumerate() {
        let load = 0.7;
        let rate = load / work.mean();
        let mut stream = Stream::seed_from_u64(number as u64);
        let (requests, mut waited) = (2_500_000, 0.0);
        let gap = poisson(rate);
        play(1, requests, &mut stream, gap, &work, |wait, _| {
            waited += wait;
        });
        let found = waited / f64::from(requests);
        let expected = load * work.mean() * (1.0 + work.squared_cv()) / (2.0 * (1.0 - load));
        let off = found / expected - 1.0;
        assert!(off.abs() < 0.03, "{work:?}: {off}");
    }
}

#[test]
fn bursts_multiply_the_wait_as_kingman_says() {
    // Gaps with a squared coefficient of variation of 9, and of 4 with less varied work. Kingman's
    // formula is the limit for a load of one, and above the truth for gaps such as these.
    for (gap_shape, work_shape, load) in [(1.0 / 9.0, 1.0, 0.95), (0.25, 2.0, 0.9)] {
        let gaps = Latency::gamma(MEAN, gap_shape).unwrap();
        let work = Latency::gamma(MEAN, work_shape).unwrap();
        let mut stream = Stream::seed_from_u64(5);
        let (requests, mut waited) = (5_000_000, 0.0);
        let gap = |stream: &mut Stream| gaps.sample(stream) / load;
        play(1, requests, &mut stream, gap, &work, |wait, _| {
            waited += wait;
        });
        let found = waited / f64::from(requests);
        let variation = (gaps.squared_cv() + work.squared_cv()) / 2.0;
        let kingman = load / (1.0 - load) * variation;
        assert!((found / kingman - 1.0).abs() < 0.15, "{found} {kingman}");
    }
}

#[test]
fn whoever_shares_is_slowed_by_the_same_factor_whatever_the_works() {
    let load = 0.7;
    for (number, work) in works().into_iter().enumerate() {
        let rate = load / work.mean();
        let mut stream = Stream::seed_from_u64(number as u64);
        let mut sharing = Sharing::new(1);
        let requests = 1_000_000;
        let mut came: Vec<(f64, f64)> = Vec::with_capacity(requests);
        // Work and response, summed over thirds by work.
        let classes = [1.0 / 3.0, 2.0 / 3.0].map(|p| work.quantile(share(p)));
        let mut sums = [(0.0, 0.0); 3];
        let mut gap = poisson(rate);
        let mut at = 0.0;
        for ticket in 0..requests {
            at += gap(&mut stream);
            while let Some((end, ticket)) = sharing.pop(at) {
                let (began, work) = came[ticket as usize];
                let class = classes.iter().filter(|limit| work > **limit).count();
                sums[class].0 += work;
                sums[class].1 += end - began;
            }
            let work = work.sample(&mut stream);
            came.push((at, work));
            sharing.arrive(at, work, ticket as u64);
        }
        for (work, response) in sums.into_iter().filter(|sum| sum.0 > 0.0) {
            let off = response / work * (1.0 - load) - 1.0;
            assert!(off.abs() < 0.03, "{number}: {off}");
        }
    }
}

#[test]
fn many_shared_workers_wait_no_longer_than_a_queue_in_front_of_them() {
    // With exponential work the number of requests there does not depend on who is worked on, so by
    // Little's law neither does the mean response: Erlang's formula again.
    let (workers, load) = (8, 0.9);
    let work = Latency::exponential(MEAN).unwrap();
    let mut stream = Stream::seed_from_u64(8);
    let mut sharing = Sharing::new(workers);
    let mut gap = poisson(f64::from(workers) * load);
    let requests = 4_000_000_u32;
    let (mut at, mut ended, mut came) = (0.0, 0.0, 0.0);
    for _ in 0..requests {
        at += gap(&mut stream);
        while let Some((end, _)) = sharing.pop(at) {
            ended += end;
        }
        came += at;
        sharing.arrive(at, work.sample(&mut stream), 0);
    }
    while let Some((end, _)) = sharing.pop(f64::INFINITY) {
        ended += end;
    }
    let found = (ended - came) / f64::from(requests);
    let off = found / Erlang::new(workers, load).mean() - 1.0;
    assert!(off.abs() < 0.02, "{off}");
}
