//! How single requests fall around the rate.

/// How single requests fall around the rate.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Arrivals {
    /// Independently of one another: a Poisson process.
    Poisson,
    /// Evenly: the k-th request comes when exactly k were expected.
    Even,
    /// With gaps (in expected requests) from a gamma distribution of mean 1 and this coefficient
    /// of variation: above 1 bursty, below 1 regular. Gaps are independent of one another.
    Gamma {
        /// Standard deviation of the gaps over their mean, above 0.
        cv: f64,
    },
    /// With gaps from a Weibull distribution of mean 1.
    Weibull {
        /// Shape, above 0: below 1 bursty; 0.5 has a coefficient of variation of 2.24.
        shape: f64,
    },
}
