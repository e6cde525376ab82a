//! Whole queries: against a slow evaluator, against windows, and texts that are refused.

mod agreement;
mod reference;
mod refused;
mod simulated;
