//! Distributions, intervals and tests; knows no word of the domain.

pub mod draw;
