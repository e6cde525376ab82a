//! Stored rows into something a person reads.
