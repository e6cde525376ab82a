//! The lab: a local page on which low traffic can be felt, and the book and lessons that it shows.

pub mod book;
