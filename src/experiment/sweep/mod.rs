//! A sweep: one experiment cut into shards that any engine for batches can run.

pub mod emit;
