//! Who acts in a world under way: users, instances and faults, each a state machine that is told the
//! time and handed its randomness. The engines that follow each request drive them: one in virtual
//! time, one on the clock on the wall.

pub(in crate::engine) mod ailments;
pub(in crate::engine) mod answering;
pub(in crate::engine) mod crowd;
pub(in crate::engine) mod fleet;
pub(in crate::engine) mod hooks;
pub(in crate::engine) mod pool;
pub(in crate::engine) mod systems;
