//! Canary deployments tried before production does: what a rollout controller and its gates would
//! have done, thousands of times in virtual time or once over real sockets.
//!
//! For each canary percentage coalmine answers: how many bad releases are rolled back (power), how
//! many good ones are (false rollbacks), how long that takes (detection time), and how many requests
//! and users meet the fault until then (exposure).
//!
//! # The rooms
//!
//! From top to bottom; dependencies point down only.
//!
//! | Room | What it knows |
//! |---|---|
//! | [`cli`] | The command line: options, messages, exit codes. |
//! | [`lab`] | A local page for teaching, its lessons, and the book. |
//! | [`report`] | Tables, figures and pages, made of stored results alone. |
//! | [`experiment`] | Many trials: the grid, replication, estimates, findings, the results folder. |
//! | [`scenario`] | Scenario files and a command line's changes to them, checked. |
//! | [`manifest`] | Flagger's Canary and MetricTemplate files. |
//! | [`engine`] | One rollout from its beginning to its end, in virtual time or on the clock on the wall: the only room that knows what time it is. |
//! | [`rollout`] | Controllers: Flagger's loop, and a staged one. From checks to weights. |
//! | [`gate`] | Verdicts. From figures of telemetry to pass, fail or neither. |
//! | [`telemetry`] | Counters, scrapes, and what `rate()` and `histogram_quantile()` make of them. |
//! | [`model`] | The world: traffic, users, services, faults. |
//! | [`stats`] | Distributions, intervals and draws. |
//! | [`base`] | Time, units, seeded streams, problems. |
//!
//! [`gate`] and [`model`] do not know each other: a gate sees of the world what telemetry shows.
//! Everything below [`engine`] is pure: no clock, no files, no randomness but the streams handed in.
//! So one core serves two clocks: [`engine::virtual`](engine) plays it as fast as it goes, and
//! [`engine::live`] over HTTP, and [`experiment::conform`] asks whether both say the same.
//!
//! # How one number comes to be
//!
//! 1. [`scenario`] reads a file into a [`Scenario`](scenario::Scenario), or lists all that is wrong.
//! 2. [`engine`] plays one rollout of it into a [`Trial`](engine::Trial), again and again, with the
//!    faulty canary and with a good one on the same luck.
//! 3. [`experiment`] estimates shares, quantiles and means with their intervals
//!    ([`Summary`](experiment::summary::Summary)); its own page gives each definition.
//! 4. [`experiment::store`] writes them to a folder and reads them back.
//! 5. [`report`] shows what is stored, and computes nothing that is not.
//!
//! # Randomness
//!
//! Every stream is xoshiro256++, keyed by (seed, replicate, purpose); see [`base::Seed`]. Here
//! the program differs from its plan, which named a stream cipher (ChaCha8): a trial is short and
//! opens several streams, so what counts is that a stream opens in nanoseconds and that a 32-bit draw
//! costs half of a cipher's. Nothing here needs numbers that an adversary cannot predict. Equal seeds
//! give equal results on any number of threads.
//!
//! # Example
//!
//! ```
//! use std::sync::atomic::AtomicBool;
//!
//! use coalmine::experiment::{self, Options};
//! use coalmine::scenario;
//!
//! let mut scenario = scenario::find("default")?.scenario()?;
//! scenario.experiment.weights.truncate(1);
//! scenario.experiment.trials = Some(20);
//!
//! let options = Options {
//!     threads: Some(1),
//!     keep_trials: false,
//!     ledger: None,
//!     stop: &AtomicBool::new(false),
//!     progress: &|_| {},
//! };
//! let results = experiment::run(&scenario, &options)?;
//! let cell = &results.summary.cells[0];
//! println!("power at {} %: {}", cell.weight, cell.power.estimate);
//! assert_eq!(cell.trials, 20);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![warn(clippy::expect_used, clippy::unwrap_used)]

pub mod base;
pub mod cli;
pub mod engine;
pub mod experiment;
pub mod gate;
pub mod lab;
pub mod manifest;
pub mod model;
pub mod report;
pub mod rollout;
pub mod scenario;
pub mod stats;
pub mod telemetry;
