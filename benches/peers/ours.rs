//! Our side of `benches/peers/run`: the same small canary, timed case by case.
//!
//! `ours --list` prints the names of the cases; `ours CASE...` plays each and prints one line
//! `name value unit`, as the peers do. Values are per second of processor time on one core.
#![expect(
    clippy::expect_used,
    clippy::disallowed_macros,
    clippy::disallowed_methods,
    reason = "a benchmark reads the clock and prints"
)]

use std::process::ExitCode;
use std::sync::LazyLock;
use std::time::Instant;

use coalmine::engine::r#virtual::Kind;
use coalmine::model::split::Split;

#[path = "cases.rs"]
mod cases;

/// One thing to time.
struct Case {
    name: &'static str,
    unit: &'static str,
    /// How many units to play between two looks at the clock: about a tenth of a second's worth.
    batch: u64,
    /// Sets up, untimed, and returns what plays so many units.
    prepare: fn() -> Box<dyn FnMut(u64)>,
}

const REQUESTS: &str = "requests/s";
const ROLLOUTS: &str = "rollouts/s";

const CASES: [Case; 8] = [
    Case {
        name: "random-u64",
        unit: REQUESTS,
        batch: 100_000_000,
        prepare: cases::random_u64,
    },
    Case {
        name: "requests-each",
        unit: REQUESTS,
        batch: 36_000_000,
        prepare: || cases::requests(Kind::OneByOne, Split::Random),
    },
    Case {
        name: "requests-joint",
        unit: REQUESTS,
        batch: 72_000_000,
        prepare: || cases::requests(Kind::Requests, Split::Random),
    },
    Case {
        name: "requests-users",
        unit: REQUESTS,
        batch: 36_000_000,
        prepare: || cases::requests(Kind::Requests, Split::UserHash),
    },
    Case {
        name: "counts-600",
        unit: ROLLOUTS,
        batch: 1_000,
        prepare: || cases::counts(600.0),
    },
    Case {
        name: "counts-6000",
        unit: ROLLOUTS,
        batch: 1_000,
        prepare: || cases::counts(6_000.0),
    },
    Case {
        name: "counts-60000",
        unit: ROLLOUTS,
        batch: 1_000,
        prepare: || cases::counts(60_000.0),
    },
    Case {
        name: "counts-mesh-1m",
        unit: ROLLOUTS,
        batch: 1_000,
        prepare: || cases::counts_of_a_mesh(1e6),
    },
];

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
