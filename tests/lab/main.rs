//! The lab as its page sees it: a process that is asked over HTTP. Nothing here depends on how long
//! something takes.

mod answers;
mod client;
mod described;
mod door;
mod knobs;
mod own;
mod turns;
