//! What the mesh does with a request that fails: tries again, and takes instances out.

use crate::base::{Probability, Span};

/// Retries by the caller's proxy.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Retries {
    /// Attempts after the first.
    pub attempts: u32,
    /// Whether answers with a server error are tried again.
    pub on_errors: bool,
    /// Whether refused and cut connections are tried again.
    pub on_resets: bool,
    /// After this long without an answer an attempt counts as failed; `None`: never.
    pub per_try_timeout: Option<Span>,
    /// Pause before each attempt after the first.
    pub backoff: Span,
    /// Retries may be at most this share of requests; `None`: any number.
    pub budget: Option<Probability>,
}

/// Outlier detection: an instance that fails several times in a row is left out for a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ejection {
    /// Server errors in a row that lead to it.
    pub consecutive: u32,
    /// How long it lasts the first time; the n-th time n times as long.
    pub base: Span,
    /// How often instances are looked at.
    pub interval: Span,
    /// At most this share of the pool is left out at a time, but always one.
    pub most: Probability,
}

impl Retries {
    /// The chance that the caller sees a failure when every attempt fails with chance `p`, each on
    /// its own, and any failure is tried again: `p^(r+1)` for `r` retries.
    pub fn visible(&self, p: Probability) -> f64 {
        p.get().powf(f64::from(self.attempts) + 1.0)
    }

    /// Attempts per request under the same assumption: `(1 - p^(r+1)) / (1 - p)`.
    pub fn mean_attempts(&self, p: Probability) -> f64 {
        if p == Probability::ONE {
            return f64::from(self.attempts) + 1.0;
        }
        (1.0 - self.visible(p)) / p.complement()
    }
}

/// Expected number of requests until `consecutive` in a row fail, when each fails with chance `p`
/// on its own: `(1 - p^k) / (p^k (1 - p))`; infinite when none ever fails.
///
/// ```
/// use coalmine::base::Probability;
/// use coalmine::model::split::expected_requests_to_eject;
///
/// let tenth = Probability::new(0.1).unwrap();
/// assert_eq!(expected_requests_to_eject(tenth, 5).round(), 111_110.0);
/// ```
pub fn expected_requests_to_eject(p: Probability, consecutive: u32) -> f64 {
    if p == Probability::ONE {
        return f64::from(consecutive);
    }
    let run = p.get().powf(f64::from(consecutive));
    (1.0 - run) / (run * p.complement())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn independent_retries_hide_failures_and_add_load() {
        let retries = Retries {
            attempts: 2,
            on_errors: true,
            on_resets: true,
            per_try_timeout: None,
            backoff: Span::ZERO,
            budget: None,
        };
        for (p, visible, attempts) in [(0.2, 0.008, 1.24), (0.3, 0.027, 1.39), (1.0, 1.0, 3.0)] {
            let p = Probability::new(p).unwrap();
            assert!((retries.visible(p) - visible).abs() < 1e-12);
            assert!((retries.mean_attempts(p) - attempts).abs() < 1e-12);
        }
    }
}
