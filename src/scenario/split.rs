//! The split section.

use super::reader::Table;
use crate::model::split::Split;

/// Which version a request goes to.
pub(super) fn read(mut table: Table<'_>) -> Option<Split> {
    let split = match table.get("policy") {
        None => Some(Split::Random),
        Some(value) => value.choice(&[
            ("random", Split::Random),
            ("even", Split::Even),
            ("user-hash", Split::UserHash),
        ]),
    };
    table.finish();
    split
}
