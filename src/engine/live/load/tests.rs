//! Tests of the load with servers of their own.
