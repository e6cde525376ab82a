//! Many trials: the grid, replication until the intervals are narrow, the stored rows.

mod rows;
pub mod store;
pub mod summary;
