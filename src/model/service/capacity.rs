//! How much one instance can take at a time.

use crate::base::Span;

/// Workers and the queue before them, of one instance.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// Requests worked on at the same time.
    pub workers: u32,
    /// Requests that may wait; more are turned away with 503. `None`: any number.
    pub queue: Option<u32>,
    /// After this long, waiting included, the caller gives up with 504; the worker goes on.
    pub timeout: Option<Span>,
    /// Who is worked on.
    pub discipline: Discipline,
}

/// Who is worked on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Discipline {
    /// First come, first served, by as many as there are workers.
    Fifo,
    /// All at once, sharing the workers equally.
    Sharing,
}
