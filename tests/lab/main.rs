//! The lab as its page sees it: a process that is asked over HTTP. Nothing here depends on how long
//! something takes.

mod answers;
mod bounds;
mod client;
mod described;
mod door;
mod fuzzed;
mod knobs;
mod live;
mod own;
#[expect(dead_code, reason = "nothing here reads ../shared")]
#[path = "../shared_folder/mod.rs"]
mod shared_folder;
mod turns;
