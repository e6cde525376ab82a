//! Our side of `benches/peers/run`: the same small canary, timed case by case.
//!
//! `ours --list` prints the names of the cases; `ours CASE...` plays each and prints one line
//! `name value unit`, as the peers do. Values are per second of processor time on one core.
#![expect(
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints"
)]

use std::hint::black_box;
use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use coalmine::base::{Purpose, Seed};
use rand::Rng;

/// One thing to time.
struct Case {
    name: &'static str,
    unit: &'static str,
    /// How many units to play between two looks at the clock: about a tenth of a second's worth.
    batch: u64,
    /// Sets up, untimed, and returns what plays so many units.
    prepare: fn() -> Box<dyn FnMut(u64)>,
}

const CASES: [Case; 1] = [Case {
    name: "random-u64",
    unit: "requests/s",
    batch: 100_000_000,
    prepare: random_u64,
}];

/// The floor under every request-level engine: one random number for each request.
fn random_u64() -> Box<dyn FnMut(u64)> {
    let mut stream = Seed::DEFAULT.stream(0, Purpose::Arrivals);
    Box::new(move |requests| {
        let mut sum = 0_u64;
        for _ in 0..requests {
            sum = sum.wrapping_add(stream.next_u64());
        }
        black_box(sum);
    })
}

fn main() -> ExitCode {
    // `cargo bench` adds `--bench`.
    let asked: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    if asked == ["--list"] {
        for case in &CASES {
            println!("{}", case.name);
        }
        return ExitCode::SUCCESS;
    }
    for name in &asked {
        let Some(case) = CASES.iter().find(|case| case.name == name) else {
            eprintln!("no case `{name}`: --list names them");
            return ExitCode::from(2);
        };
        println!("{name} {:.6e} {}", per_second(case), case.unit);
    }
    ExitCode::SUCCESS
}

/// Units per second, over at least a second after one batch to warm up.
fn per_second(case: &Case) -> f64 {
    let mut play = (case.prepare)();
    play(case.batch);
    let start = seconds();
    let mut played = 0;
    loop {
        play(case.batch);
        played += case.batch;
        let spent = seconds() - start;
        if spent >= 1.0 {
            return played as f64 / spent;
        }
    }
}

/// Processor time of this thread, which leaves out what other programs took; where the system
/// does not tell, time on the wall.
fn seconds() -> f64 {
    static START: LazyLock<Instant> = LazyLock::new(Instant::now);
    // Linux: the first field is nanoseconds on a core.
    let scheduled = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    scheduled
        .and_then(|text| text.split(' ').next()?.parse::<f64>().ok())
        .map_or_else(|| START.elapsed().as_secs_f64(), |nanos| nanos / 1e9)
}
