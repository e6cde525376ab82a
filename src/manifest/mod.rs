//! Other people's files: what a manifest says, field by field.
