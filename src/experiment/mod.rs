//! Many trials: the grid, replication until the intervals are narrow, the stored rows.

pub mod summary;
