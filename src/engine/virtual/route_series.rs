//! The series of single routes, which count again what their version counts.

use crate::telemetry::{Counters, Status};

/// Reads off what is added to one status of a version's counters, and adds it to a route's.
#[derive(Debug, Default)]
pub struct Addition {
    requests: u64,
    seconds: f64,
    row: Vec<u64>,
}

impl Addition {
    /// Keeps the counters as they are before.
    pub fn begin(&mut self, counters: &mut Counters, status: Status) {
        self.requests = counters.requests[status as usize];
        self.seconds = counters.seconds[status as usize];
        self.row.clear();
        self.row.extend_from_slice(counters.row_mut(status));
    }

    /// Takes the difference.
    pub fn end(&mut self, counters: &mut Counters, status: Status) {
        self.requests = counters.requests[status as usize] - self.requests;
        self.seconds = counters.seconds[status as usize] - self.seconds;
        for (before, now) in self.row.iter_mut().zip(counters.row_mut(status)) {
            *before = *now - *before;
        }
    }

    /// Adds the difference.
    pub fn add_to(&self, counters: &mut Counters, status: Status) {
        counters.requests[status as usize] += self.requests;
        counters.seconds[status as usize] += self.seconds;
        for (cell, added) in counters.row_mut(status).iter_mut().zip(&self.row) {
            *cell += added;
        }
    }
}
