//! Other people's files: what a manifest says, field by field.
//!
//! A manifest is read in three steps: bytes to text ([`read_text`]), text to a tree that knows its
//! places (`yaml`), tree to what the engines understand (one module per tool, such as [`flagger`]).

pub mod flagger;
mod text;
mod yaml;

pub use text::read_text;
