//! The maximised sequential probability ratio test of how events split between two arms, looked at
//! after every event up to a largest number.
//!
//! (Kulldorff, Davis, Kolczak, Lewis, Lieu and Platt 2011.)

/// The largest log-likelihood ratio over all ratios of rates above 1, when the first arm with the
/// share `share` of the trials had `first` of `events`. `None` where it had more than there are or
/// the share is not between 0 and 1.
pub fn max_sprt_llr(first: u64, events: u64, share: f64) -> Option<f64> {
    (first <= events && share > 0.0 && share < 1.0).then(|| llr(first as f64, events as f64, share))
}

fn llr(first: f64, events: f64, share: f64) -> f64 {
    if first <= events * share {
        return 0.0;
    }
    let found = first / events;
    let others = events - first;
    let of_others = if others > 0.0 {
        others * ((1.0 - found) / (1.0 - share)).ln()
    } else {
        0.0
    };
    first * (found / share).ln() + of_others
}

/// The smallest log-likelihood ratio that can be attained and whose boundary has at most the level
/// asked for, and its level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MaxSprtBoundary {
    /// The critical value.
    pub llr: f64,
    /// The exact chance to reach it within the plan.
    pub level: f64,
}

/// The critical value for looks after each of up to `most` events, rejecting from `least` events of
/// the first arm on. `None` where even the largest attainable value has a larger level than
/// `alpha`, or a share or level is not between 0 and 1.
pub fn max_sprt_boundary(most: u32, share: f64, least: u32, alpha: f64) -> Option<MaxSprtBoundary> {
    let inside = |value: f64| value > 0.0 && value < 1.0;
    if most == 0 || !inside(share) || !inside(alpha) {
        return None;
    }
    let least = least.max(1);
    let largest = llr(f64::from(most), f64::from(most), share);
    if level(most, share, least, largest) > alpha {
        return None;
    }
    // The level falls with the critical value: between these two lies where it is low enough.
    let (mut low, mut high) = (0.0, largest);
    for _ in 0..70 {
        let middle = (low + high) / 2.0;
        if level(most, share, least, middle) > alpha {
            low = middle;
        } else {
            high = middle;
        }
    }
    let attained = (1..=most).filter_map(|events| {
        let first = smallest(events, share, least, low.next_up())?;
        Some(llr(f64::from(first), f64::from(events), share))
    });
    let critical = attained.fold(f64::INFINITY, f64::min);
    Some(MaxSprtBoundary {
        llr: critical,
        level: level(most, share, least, critical),
    })
}

/// The chance to reach the critical value at any look.
fn level(most: u32, share: f64, least: u32, critical: f64) -> f64 {
    let mut living = vec![1.0];
    let mut reached = 0.0;
    for events in 1..=most {
        living.push(0.0);
        for first in (0..living.len()).rev() {
            let one_less = if first > 0 { living[first - 1] } else { 0.0 };
            living[first] = living[first] * (1.0 - share) + one_less * share;
        }
        if let Some(first) = smallest(events, share, least, critical) {
            let first = (first as usize).min(living.len());
            reached += living[first..].iter().sum::<f64>();
            living.truncate(first);
        }
    }
    reached
}

/// The smallest count of the first arm that reaches the critical value; the ratio rises with it.
fn smallest(events: u32, share: f64, least: u32, critical: f64) -> Option<u32> {
    let reaches =
        |first: u32| first >= least && llr(f64::from(first), f64::from(events), share) >= critical;
    if !reaches(events) {
        return None;
    }
    let (mut low, mut high) = (0, events);
    while low < high {
        let middle = low + (high - low) / 2;
        if reaches(middle) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    Some(low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_is_that_of_all_sequences() {
        let boundary = max_sprt_boundary(12, 0.3, 2, 0.1).unwrap();
        assert!(boundary.level <= 0.1);
        let mut reached = 0.0;
        for sequence in 0..1_u32 << 12 {
            let mut first = 0;
            let rejects = (1..=12_u32).any(|events| {
                first += u64::from(sequence >> (events - 1) & 1);
                first >= 2 && max_sprt_llr(first, events.into(), 0.3).unwrap() >= boundary.llr
            });
            let ones = sequence.count_ones() as i32;
            reached += f64::from(u8::from(rejects)) * 0.3_f64.powi(ones) * 0.7_f64.powi(12 - ones);
        }
        assert!((reached - boundary.level).abs() < 1e-12, "{reached}");
    }

    #[test]
    fn plans_that_cannot_keep_their_level_are_refused() {
        // One event of the first arm already has a chance of one half.
        assert_eq!(max_sprt_boundary(1, 0.5, 1, 0.05), None);
        assert_eq!(max_sprt_boundary(0, 0.5, 1, 0.05), None);
        assert_eq!(max_sprt_boundary(9, 1.0, 1, 0.05), None);
        assert_eq!(max_sprt_llr(3, 2, 0.5), None);
        assert_eq!(max_sprt_llr(2, 2, f64::NAN), None);
        assert_eq!(max_sprt_llr(0, 0, 0.5), Some(0.0));
    }
}
