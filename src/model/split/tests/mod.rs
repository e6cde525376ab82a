//! The splitter as a whole: shares, cookies, ramps.

mod affinity;
mod shares;

use super::*;

/// A request of a user who keeps cookies, without a rule, on the connection that there is.
fn request_of(user: u32, salt: u64) -> Request {
    Request {
        user,
        place: crate::model::traffic::Population::place(user, salt),
        cookies: true,
        matched: false,
        opens: false,
    }
}

fn plain(split: Split, salt: u64) -> Splitter {
    Splitter::new(split, Rules::default(), None, salt)
}

fn only_canary(share: f64) -> Weights {
    Weights::of(share, &Rules::default())
}
