//! How a planned test spreads its level over the looks.

use std::fmt;

use crate::base::Probability;
use crate::stats::sequential;

/// How a planned test spreads its level over the planned time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Spending {
    /// Nearly evenly, a little more at first: alpha ln(1 + (e - 1) t). Large faults are found in the
    /// first minutes, small ones by the end.
    Pocock,
    /// Hardly anything at first: 2 (1 - Phi(z / sqrt t)). Some points more power against small faults
    /// at the end, two to three times the time to find large ones.
    OBrienFleming,
    /// Much at first: alpha sqrt t. Fastest against large faults.
    Root,
}

impl Spending {
    /// What of `alpha` may be spent when the share `t` of the plan is over.
    pub(super) fn spent(self, alpha: Probability, t: f64) -> f64 {
        let function = match self {
            Spending::Pocock => sequential::Spending::Pocock,
            Spending::OBrienFleming => sequential::Spending::OBrienFleming,
            Spending::Root => sequential::Spending::Power(0.5),
        };
        function.spent(alpha.get(), t)
    }
}

impl fmt::Display for Spending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Spending::Pocock => "spent by Pocock",
            Spending::OBrienFleming => "spent by O'Brien and Fleming",
            Spending::Root => "spent by the root of time",
        })
    }
}
