//! Group-sequential tests of a normal statistic whose increments are independent.
//!
//! [`Plan`] designs a test: its boundaries, their power and their expected length.
//! [`GroupSequential`] is what one runs on, look by look. Beneath are two computations of the same
//! recursion: as it stands in the books, for one side or both, and a fast one for one side.

mod density;
mod plan;
mod running;
mod score;

pub use plan::{Boundaries, Characteristics, Plan, Sides, peeking_inflation};
pub use running::{GroupLook, GroupSequential};
