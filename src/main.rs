//! The command `coalmine`.

fn main() {}
