//! Whole rollouts for real, as people run them: through the program, over real sockets, with every
//! splitter, with what can go wrong before and meanwhile, and with witnesses that are not ours.
//!
//! Sockets keep no seed: where shares are tested, the bound and how often it is broken by chance are
//! said there. Each test that needs somebody else's program is skipped, on record, where there is none.

mod control;
mod ends;
mod faults;
mod interrupted;
mod killed;
mod place;
mod prometheus;
mod refused;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod splitters;
mod witnesses;

use std::path::PathBuf;
use std::time::Duration;

use coalmine::engine::live::proxies::program;

/// Where a program is, or `None`, on record, when it is not installed.
fn installed(name: &str) -> Option<PathBuf> {
    let named = (name == "envoy").then(|| std::env::var_os("COALMINE_ENVOY"));
    let places = [
        named.flatten().map(PathBuf::from),
        (name == "envoy").then(|| PathBuf::from("/opt/envoy/bin/envoy")),
    ];
    let found = program::find(name, None).or_else(|| {
        let mut places = places.iter().flatten();
        places.find_map(|place| program::find(name, Some(place)))
    });
    if found.is_none() {
        shared_folder::skip(&format!("{name} is not installed"));
    }
    found
}

/// Waits.
fn pause(millis: u64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "something else is to happen while another process works"
    )]
    std::thread::sleep(Duration::from_millis(millis));
}

/// Waits until something holds, for longer than anything here takes.
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        pause(10);
    }
    panic!("not within a minute: {what}");
}
